"""How far rows are from the rows that a model learnt from, in units of the distances among those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['NEIGHBOURS', 'PERCENTILE', 'Cloud']

NEIGHBOURS = 5
#: Share (in percent) of the known rows that lie within the limit by construction.
PERCENTILE = 95.0
_CHUNK = 512
#: A limit of zero (all known rows coincide) would make every ratio infinite, which no file can hold.
_SMALLEST = 1e-6


@dataclass(frozen=True, eq=False)
class Cloud:
    """Known points, and how far apart they are.

    :param points: (m, d) known points, single precision.
    :param limit: the 95th percentile, over the known points, of the mean distance to the five nearest ones of other
        groups.
    """

    points: NDArray[np.float32]
    limit: float

    @classmethod
    def fit(
        cls, points: NDArray[np.float64], groups: Sequence[Any], outside: NDArray[np.float64] | None = None
    ) -> Cloud:
        """Measure known points, each against those of other groups.

        A row of a new formula has no polymorph among the known ones, so the known ones must not count their own.

        :param points: (m, d) points.
        :param groups: (m,) group of each.
        :param outside: (m,) squared distance of each point from the space of the coordinates; zero if not given.
        """
        _, member = np.unique(np.asarray(list(groups)), return_inverse=True)
        held = points.astype(np.float32)
        means = _mean_distances(points, held, outside, member.reshape(-1))
        found = means[np.isfinite(means)]
        limit = float(np.percentile(found, PERCENTILE)) if found.size else 0.0
        return cls(held, max(limit, _SMALLEST))

    def ratios(self, points: NDArray[np.float64], outside: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return the mean distance to the five nearest known points, divided by the limit.

        :param points: (n, d) points.
        :param outside: (n,) squared distance of each from the space of the coordinates; zero if not given.
        :returns: (n,) ratios; above 1 a point is further out than 95 % of the known ones are from each other.
        """
        return _mean_distances(points, self.points, outside, None) / self.limit

    def nearest(self, points: NDArray[np.float64], outside: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return (n, m) distances to every known point, divided by the limit.

        :param points: (n, d) points; give few at a time.
        :param outside: (n,) squared distance of each from the space of the coordinates.
        """
        return np.sqrt(_squares(points, self.points, outside)) / self.limit


def _mean_distances(
    points: NDArray[np.float64],
    known: NDArray[np.float32],
    outside: NDArray[np.float64] | None,
    groups: NDArray[np.int64] | None,
) -> NDArray[np.float64]:
    """Return the mean distance to the nearest known points; with groups points and known ones are the same rows."""
    means = np.empty(len(points))
    for start in range(0, len(points), _CHUNK):
        part = slice(start, start + _CHUNK)
        squares = _squares(points[part], known, None if outside is None else outside[part])
        if groups is not None:
            squares[groups[part, None] == groups[None, :]] = np.inf
        n_nearest = min(NEIGHBOURS, squares.shape[1])
        nearest = np.sqrt(np.partition(squares, n_nearest - 1, axis=1)[:, :n_nearest])
        present = np.isfinite(nearest)
        counts = present.sum(axis=1)
        sums = np.where(present, nearest, 0.0).sum(axis=1)
        means[part] = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    return means


def _squares(
    points: NDArray[np.float64], known: NDArray[np.float32], outside: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    from scipy.spatial.distance import cdist

    squares = cdist(points, known.astype(np.float64), 'sqeuclidean')
    return squares if outside is None else squares + outside[:, None]
