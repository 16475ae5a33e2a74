"""A screen in a process of its own that waits in the middle of a block to be killed. For tests only.

Arguments: the folder of the screen, and the number of systems after which it waits.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aiida_limap.engines.screening.applicability import Applicability
from aiida_limap.engines.screening.funnel import ScreenOptions
from aiida_limap.engines.screening.linear import LinearModel
from aiida_limap.engines.screening.reductions import ALL_REDUCTIONS, feature_labels, fraction_features
from aiida_limap.engines.screening.screen import screen


@dataclass(frozen=True)
class Learned:
    """A model that knows its range: that of compositions drawn with a seed, three or four elements each."""

    linear: LinearModel
    applicability_: Applicability

    @classmethod
    def draw(cls, linear: LinearModel, symbols: tuple[str, ...], rows: int, seed: int = 0) -> Learned:
        """Return a model with a range.

        :param linear: its rule.
        :param symbols: elements that it has seen, the first in all of its training rows.
        :param rows: number of training rows.
        :param seed: of the compositions.
        """
        drawn = np.random.default_rng(seed)
        labels = feature_labels(reductions=ALL_REDUCTIONS)
        found = []
        for row in range(rows):
            others = drawn.choice(np.array(symbols[1:]), 2 + row % 2, replace=False).tolist()
            fractions = drawn.dirichlet(np.ones(len(others) + 1), 1)
            found.append(fraction_features(fractions, (symbols[0], *others), reductions=ALL_REDUCTIONS)[0])
        known = np.array(found)[:, linear.columns(labels)]
        return cls(linear, Applicability.fit(known, np.arange(rows)))


LINEAR = LinearModel(
    ('mean electronegativity', 'std atomic_number', 'max density_g_per_cm3'), np.array([2.0, 0.02, -0.05]), -4.6
)
MODEL = Learned.draw(LINEAR, ('Li', 'O', 'F', 'Na', 'Mg', 'P', 'S', 'Cl'), 40)
OPTIONS = ScreenOptions(
    elements=('Li', 'H', 'N', 'O', 'F', 'Na', 'Mg', 'Al', 'P', 'S', 'Cl', 'K', 'Mn'),
    step_percent=5,
    largest_index=3,
    anion_classes=(),
    best_per_system=3,
    best_total=40,
    block_systems=50,
)


def wait_when(done: int) -> None:
    """Say how far it is; from the given number on, wait to be killed."""
    sys.stdout.write(f'{done}\n')
    sys.stdout.flush()
    if done >= int(sys.argv[2]):
        time.sleep(600)


if __name__ == '__main__':
    screen(MODEL, OPTIONS, directory=Path(sys.argv[1]), progress=lambda done, _: wait_when(done))
