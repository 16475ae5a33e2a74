"""A screen in a process of its own that waits in the middle of a block to be killed. For tests only.

Arguments: the folder of the screen, and the number of systems after which it waits.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from aiida_limap.engines.screening.funnel import ScreenOptions
from aiida_limap.engines.screening.linear import LinearModel
from aiida_limap.engines.screening.screen import screen

MODEL = LinearModel(
    ('mean electronegativity', 'std atomic_number', 'max density_g_per_cm3'), np.array([2.0, 0.02, -0.05]), -4.6
)
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
