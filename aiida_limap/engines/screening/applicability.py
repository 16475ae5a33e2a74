"""Where a classifier may be asked: near the rows that it learnt from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError

__all__ = ['NEIGHBOURS', 'PERCENTILE', 'Applicability', 'ApplicabilityScores']

#: Training rows to which a distance is taken, and the share (in percent) of known rows within the limit.
NEIGHBOURS = 5
PERCENTILE = 95.0
#: Training rows that are kept; of more a sample.
_MOST_ROWS = 5000
#: Of these, the rows whose distances give the limit.
_LIMIT_ROWS = 1000
#: How far beyond the range of the training a feature may lie, in units of that range.
_BEYOND = 0.1
_SMALLEST = 1e-9
#: Rows whose distances to all training rows are in memory at once.
_AT_ONCE = 128


@dataclass(frozen=True, eq=False)
class ApplicabilityScores:
    """How far rows are from the training.

    :param ratios: (n,) mean distance to the nearest training rows over the limit: at most 1 for 95 % of known rows.
    :param inside: (n,) whether the ratio is at most 1 and no feature is far out of the range of the training.
    :param reasons: for each row what takes it out, empty inside.
    """

    ratios: NDArray[np.float64]
    inside: NDArray[np.bool_]
    reasons: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Applicability:
    """The training rows, divided by the spread of their columns.

    :param points: (m, k) distinct training rows, scaled.
    :param centre: (k,) mean of each feature.
    :param scale: (k,) standard deviation of each feature, 1 where it never varied.
    :param low: (k,) least value of each feature in the training, unscaled.
    :param high: (k,) largest one.
    :param limit: 95th percentile, over training rows, of the mean distance to the five nearest of other groups.
    """

    points: NDArray[np.float64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    limit: float

    @classmethod
    def fit(cls, rows: NDArray[np.float64], groups: NDArray[np.int64]) -> Applicability:
        """Measure the training rows, each against those of other groups, since a new row comes without its twins.

        :param rows: (n, k) features, unscaled.
        :param groups: (n,) number of the group of each row.
        """
        centre, scale = rows.mean(axis=0), rows.std(axis=0)
        scale = np.where(scale > _SMALLEST, scale, 1.0)
        distinct, first = np.unique(rows, axis=0, return_index=True)
        member = groups[first]
        if len(distinct) > _MOST_ROWS:
            chosen = np.sort(np.random.default_rng(0).choice(len(distinct), _MOST_ROWS, replace=False))
            distinct, member = distinct[chosen], member[chosen]
        points = (distinct - centre) / scale
        # Equal rows count as one point: a twin is at distance zero, which says nothing.
        asked = np.linspace(0, len(points) - 1, min(len(points), _LIMIT_ROWS)).astype(int)
        distances = _mean_distances(points[asked], points, (member[asked], member))
        found = distances[np.isfinite(distances)]
        limit = float(np.percentile(found, PERCENTILE)) if found.size else 0.0
        return cls(points, centre, scale, rows.min(axis=0), rows.max(axis=0), max(limit, _SMALLEST))

    def scores(self, rows: NDArray[np.float64], features: Sequence[str]) -> ApplicabilityScores:
        """Return how far rows are from the training.

        :param rows: (n, k) features, unscaled.
        :param features: (k,) their labels, for the reasons.
        :raises InputError: if there are not as many columns as in the training.
        """
        if rows.ndim != 2 or rows.shape[1] != len(self.centre):
            raise InputError(f'the applicability is known for {len(self.centre)} features, not for rows {rows.shape}')
        ratios = _mean_distances((rows - self.centre) / self.scale, self.points, None) / self.limit
        low, high = self.bounds()
        out = (rows < low) | (rows > high)
        reasons = []
        for ratio, beyond in zip(ratios, out, strict=True):
            words = [f'{label} out of the range of the training' for label in np.asarray(features)[beyond]]
            if ratio > 1:
                words.insert(0, f'{ratio:.1f} times as far from the training rows as these are from each other')
            reasons.append('; '.join(words))
        return ApplicabilityScores(ratios, (ratios <= 1) & ~out.any(axis=1), tuple(reasons))

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (k,) the least and the greatest values of features, unscaled, that are not far out of the training."""
        margin = _BEYOND * np.maximum(self.high - self.low, _SMALLEST)
        return self.low - margin, self.high + margin

    def fingerprint(self) -> str:
        """Return a checksum of the training rows and the limit."""
        arrays = [self.tensors()[name] for name in sorted(self.tensors())]
        found = hashlib.sha256(repr((self.limit, [array.shape for array in arrays])).encode())
        for array in arrays:
            found.update(np.ascontiguousarray(array, dtype='<f8').tobytes())
        return found.hexdigest()

    def tensors(self) -> dict[str, NDArray[np.float64]]:
        """Return the arrays that a file holds; their names start with ``applicability.``."""
        return {
            'applicability.points': self.points,
            'applicability.centre': self.centre,
            'applicability.scale': self.scale,
            'applicability.low': self.low,
            'applicability.high': self.high,
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, NDArray[np.float64]], limit: float) -> Applicability:
        """Build from what a file holds.

        :param tensors: what :meth:`tensors` gives, among others.
        :param limit: the limit.
        :raises KeyError: if an array is missing.
        :raises ValueError: if the arrays do not fit each other.
        """
        names = ('points', 'centre', 'scale', 'low', 'high')
        points, *lines = (tensors[f'applicability.{name}'].astype(np.float64) for name in names)
        if points.ndim != 2 or any(line.shape != points.shape[1:] for line in lines) or not limit > 0:
            raise ValueError('the training rows of the applicability do not fit each other')
        return cls(points, lines[0], lines[1], lines[2], lines[3], float(limit))


def _mean_distances(
    points: NDArray[np.float64],
    known: NDArray[np.float64],
    groups: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
) -> NDArray[np.float64]:
    """Return (n,) the mean distance to the nearest known points; with groups of both, to those of other groups."""
    from scipy.spatial.distance import cdist

    means = np.full(len(points), np.inf)
    for start in range(0, len(points), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        distances = cdist(points[part], known)
        if groups is not None:
            distances[groups[0][part, None] == groups[1][None, :]] = np.inf
        count = min(NEIGHBOURS, distances.shape[1])
        nearest = np.partition(distances, count - 1, axis=1)[:, :count]
        finite = np.isfinite(nearest)
        sums = np.where(finite, nearest, 0.0).sum(axis=1)
        enough = finite.any(axis=1)
        means[part] = np.where(enough, sums / np.maximum(finite.sum(axis=1), 1), np.inf)
    return means
