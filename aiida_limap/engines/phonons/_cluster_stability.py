"""Whether clusters come back when other compounds had been at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import adjusted_rand_score

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons._cluster_choice import choose_k_of
from aiida_limap.engines.phonons._cluster_methods import Labels, Matrix, density, partition
from aiida_limap.engines.phonons._cluster_options import ClusterOptions
from aiida_limap.engines.phonons._cluster_rows import prepare

__all__ = ['Stability', 'stability']


@dataclass(frozen=True, eq=False)
class Stability:
    """How far clusters of resamples agree with those of all rows.

    :param rand: (r,) adjusted Rand index of each resample; 1 for the same clusters, about 0 for chance.
    :param jaccard: (n_clusters,) for each cluster the mean over resamples of its greatest overlap (intersection over
        union) with a cluster of the resample; below about 0.6 it is a chance of the data (Hennig 2007).
    :param chosen_k: how often each number of clusters is chosen in resamples; empty for density with no number to
        choose: there it is the number that was found.
    :param n_resamples: number of resamples that could be clustered.
    """

    rand: NDArray[np.float64]
    jaccard: NDArray[np.float64]
    chosen_k: dict[int, int]
    n_resamples: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values: mean and 5th percentile of the Rand index, overlaps, and counts of chosen numbers."""
        return {
            'rand_mean': float(self.rand.mean()),
            'rand_5th_percentile': float(np.percentile(self.rand, 5)),
            'jaccard': [float(value) for value in self.jaccard],
            'chosen_k': {str(k): count for k, count in self.chosen_k.items()},
            'n_resamples': self.n_resamples,
        }


def stability(
    features: ArrayLike,
    assigned: ArrayLike,
    labels: Sequence[str] | None = None,
    options: ClusterOptions | None = None,
    *,
    resamples: int = 100,
) -> Stability:
    """Cluster bootstrap resamples, and compare with the clusters of all rows.

    A resample draws as many rows as there are, with replacement, and takes those drawn more than once a single time:
    63 % of the rows (Hennig, Comput. Stat. Data Anal. 52, 258 (2007)). It is divided into as many clusters as all rows
    are; beside that, the number of clusters is chosen afresh by ``choose_by``, where that is not the gap statistic.
    Scaling is that of all rows.

    :param features: (n, k) values.
    :param assigned: (n,) numbers of the clusters of all rows, as in ``Clustering.labels``.
    :param labels: (k,) name of each column.
    :param options: as for the clusters of all rows.
    :param resamples: how many.
    :returns: the agreement.
    :raises InputError: if shapes do not fit, there is no cluster, or no resample could be clustered.
    """
    options = options or ClusterOptions()
    found = prepare(features, labels, options)
    numbers = np.asarray(assigned)
    if numbers.shape != (found.n_rows,):
        raise InputError(f'there are {len(numbers)} numbers of clusters for {found.n_rows} rows of features')
    if isinstance(resamples, bool) or not isinstance(resamples, int) or resamples < 1:
        raise InputError(f'resamples must be a whole number of at least 1, not {resamples!r}')
    whole = numbers[found.rows]
    names = np.unique(whole[whole >= 0])
    if not len(names):
        raise InputError('there is no cluster whose stability could be told')
    rng = np.random.default_rng(options.seed)
    rand: list[float] = []
    overlaps: list[list[float]] = []
    counts: Counter[int] = Counter()
    for _ in range(resamples):
        drawn = np.unique(rng.integers(len(whole), size=len(whole)))
        again = _again(found.matrix[drawn], len(names), options, counts)
        if again is None:
            continue
        rand.append(float(adjusted_rand_score(whole[drawn], again)))
        overlaps.append([_overlap(whole[drawn] == name, again) for name in names])
    if not rand:
        raise InputError(f'no resample of {len(whole)} rows could be divided into {len(names)} clusters')
    table = np.array(overlaps)
    # A small cluster may be missing from a resample, which says nothing about it.
    told = np.isfinite(table).any(axis=0)
    jaccard = np.full(len(names), np.nan)
    jaccard[told] = np.nanmean(table[:, told], axis=0)
    return Stability(np.array(rand), jaccard, dict(sorted(counts.items())), len(rand))


def _again(matrix: Matrix, k: int, options: ClusterOptions, counts: Counter[int]) -> Labels | None:
    """Return clusters of a resample, or None if there are too few different rows; count the number chosen."""
    if options.method == 'density':
        if len(matrix) < max(4, options.min_cluster_size or 4):
            return None
        labels, _ = density(matrix, options)
        counts[int(labels.max()) + 1] += 1
        return labels
    n_distinct = len(np.unique(matrix, axis=0))
    if n_distinct < max(k, 3):
        return None
    if options.choose_by != 'gap':
        counts[choose_k_of(matrix, n_distinct, options, (options.choose_by,)).chosen[options.choose_by]] += 1
    return partition(matrix, k, options)


def _overlap(cluster: NDArray[np.bool_], again: Labels) -> float:
    if not cluster.any():
        return float('nan')
    shares = [
        (cluster & (again == name)).sum() / (cluster | (again == name)).sum() for name in np.unique(again[again >= 0])
    ]
    return float(max(shares, default=0.0))
