"""Which compositions a network of atom2vec may be asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.screening.applicability import NEIGHBOURS, PERCENTILE, ApplicabilityScores

__all__ = ['CompositionRange']

#: Compositions of the training whose distances to the others set the limit.
_SAMPLE = 2000
_ROWS_AT_ONCE = 256
_SMALLEST = 1e-6


@dataclass(frozen=True, eq=False)
class CompositionRange:
    """The compositions of the training, and how far apart they are.

    The distance of two compositions is the share of atoms that must be exchanged to turn one into the other, half of
    the sum of ``|c_e - d_e|``; that of a composition to the training is the mean over the five nearest.

    :param fractions: (m, n_elements) distinct compositions of the training.
    :param limit: 95th percentile of the distance of a training composition to the others.
    """

    fractions: NDArray[np.float32]
    limit: float

    @classmethod
    def fit(cls, fractions: NDArray[np.float64]) -> CompositionRange:
        """Measure the training.

        :param fractions: (n, n_elements) atomic fractions, with repetitions.
        """
        known = np.unique(fractions.astype(np.float32), axis=0)
        sample = np.arange(len(known))
        if len(known) > _SAMPLE:
            sample = np.sort(np.random.default_rng(0).choice(len(known), _SAMPLE, replace=False))
        if len(known) < 2:
            return cls(known, _SMALLEST)
        return cls(known, max(float(np.percentile(_distances(known[sample], known, own=True), PERCENTILE)), _SMALLEST))

    def scores(self, fractions: NDArray[np.float64], elements: Sequence[str]) -> ApplicabilityScores:
        """Return how far compositions are from the training.

        :param fractions: (n, n_elements) atomic fractions.
        :param elements: symbols of the columns.
        """
        names = np.asarray(elements)
        unseen = (fractions > 0) & ~(self.fractions > 0).any(axis=0)
        distances = _distances(fractions.astype(np.float32), self.fractions, own=False)
        ratios = distances / self.limit
        reasons = []
        for row, (ratio, distance) in enumerate(zip(ratios, distances, strict=True)):
            words = [f'no training row holds {", ".join(names[unseen[row]])}'] if unseen[row].any() else []
            if ratio > 1:
                words.append(f'{distance:.0%} of the atoms differ from the nearest training rows')
            reasons.append('; '.join(words))
        return ApplicabilityScores(ratios, (ratios <= 1) & ~unseen.any(axis=1), tuple(reasons))


def _distances(rows: NDArray[np.float32], known: NDArray[np.float32], *, own: bool) -> NDArray[np.float64]:
    """Return (n,) the mean distance to the nearest known rows; with ``own`` each row is among them and left out."""
    from scipy.spatial.distance import cdist

    used = (known > 0).any(axis=0)
    beyond = rows[:, ~used].sum(axis=1, dtype=np.float64)
    reduced, found = known[:, used], np.empty(len(rows))
    count = min(NEIGHBOURS, len(known) - own)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        distances = 0.5 * (cdist(rows[part][:, used], reduced, 'cityblock') + beyond[part, None])
        nearest = np.sort(np.partition(distances, count - 1 + own, axis=1)[:, : count + own], axis=1)
        found[part] = nearest[:, own:].mean(axis=1)
    return found
