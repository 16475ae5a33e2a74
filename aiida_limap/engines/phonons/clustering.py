"""Clusters of compounds by the numbers of their phonons: methods, choice of their number, stability, and meaning.

Four methods of scikit-learn and scipy: Ward's tree, k-means, spectral clustering and HDBSCAN. :func:`cluster` gives a
partition, :func:`choose_k` says how many clusters there are, :func:`stability` how far that can be trusted,
:func:`enrichment` which clusters hold more known conductors than chance would, :func:`candidates` who stands beside
them there, and :func:`rank_correlation` how a number goes with another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import cophenet
from scipy.spatial.distance import pdist
from sklearn.metrics import silhouette_samples

from aiida_limap.engines.phonons._cluster_choice import KChoice, choose_k, choose_k_of
from aiida_limap.engines.phonons._cluster_meaning import (
    Candidate,
    ClusterEnrichment,
    GroupDifference,
    RankCorrelation,
    candidates,
    conductors_from_diffusivity,
    enrichment,
    group_difference,
    rank_correlation,
)
from aiida_limap.engines.phonons._cluster_methods import Labels, check_k, density, partition, ward_tree
from aiida_limap.engines.phonons._cluster_options import AUTO, CRITERIA, METHODS, SCALES, ClusterOptions
from aiida_limap.engines.phonons._cluster_rows import Prepared, join_features, prepare
from aiida_limap.engines.phonons._cluster_stability import Stability, stability

__all__ = [
    'AUTO',
    'CRITERIA',
    'LEFT_OUT',
    'METHODS',
    'NOISE',
    'SCALES',
    'Candidate',
    'ClusterEnrichment',
    'ClusterOptions',
    'Clustering',
    'GroupDifference',
    'KChoice',
    'RankCorrelation',
    'Stability',
    'candidates',
    'choose_k',
    'cluster',
    'conductors_from_diffusivity',
    'enrichment',
    'group_difference',
    'join_features',
    'rank_correlation',
    'stability',
]

#: Number of the cluster of a row that is in none (density).
NOISE = -1
#: Number of the cluster of a row that lacks a feature.
LEFT_OUT = -2


@dataclass(frozen=True, eq=False)
class Clustering:
    """A partition of rows.

    :param options: the options.
    :param labels: (n,) number of the cluster of each row, from 0, in the order of the mean of ``order`` in the cluster;
        :data:`NOISE` for a row that is in none, :data:`LEFT_OUT` for one that lacks a feature.
    :param n_clusters: number of clusters.
    :param silhouettes: (n,) silhouette of each row; NaN where it is in no cluster, or all are in one.
    :param silhouette: their mean; None where there is none.
    :param matrix: (m, k) scaled values of the rows that were clustered.
    :param rows: (m,) their places.
    :param left_out: sentence by place, for the others.
    :param means: (n_clusters,) mean of ``order`` in each cluster.
    :param features: names of the features.
    :param scale: how they were scaled.
    :param linkage: Ward: (m - 1, 4) merges of the rows of ``matrix`` in the form of scipy; otherwise None.
    :param cophenetic_correlation: Ward: correlation between the distances of rows and the heights at which the tree
        joins them; otherwise None.
    :param probabilities: density: (n,) strength of membership; otherwise None.
    :param choice: how the number of clusters was chosen, where it was.
    """

    options: ClusterOptions
    labels: Labels
    n_clusters: int
    silhouettes: NDArray[np.float64]
    silhouette: float | None
    matrix: NDArray[np.float64]
    rows: NDArray[np.intp]
    left_out: dict[int, str]
    means: NDArray[np.float64]
    features: tuple[str, ...]
    scale: str
    linkage: NDArray[np.float64] | None = None
    cophenetic_correlation: float | None = None
    probabilities: NDArray[np.float64] | None = None
    choice: KChoice | None = field(default=None)

    @property
    def sizes(self) -> list[int]:
        """Number of rows of each cluster."""
        return [int((self.labels == cluster).sum()) for cluster in range(self.n_clusters)]


def cluster(
    features: ArrayLike,
    labels: Sequence[str] | None = None,
    options: ClusterOptions | None = None,
    *,
    order: ArrayLike | None = None,
) -> Clustering:
    """Divide rows into clusters; the same rows and options give the same clusters.

    :param features: (n, k) values; rows with one that is missing are left out and told. See :func:`join_features`.
    :param labels: (k,) name of each column; columns of one name are one feature.
    :param options: method, number of clusters, scaling and seed.
    :param order: (n,) values by which clusters are numbered, lowest mean first; None for the mean over the columns of
        the first feature.
    :returns: the partition.
    :raises InputError: if shapes do not fit, too few rows are complete, a feature is the same in all of them, or there
        are fewer different rows than clusters.
    """
    options = options or ClusterOptions()
    found = prepare(features, labels, options, order)
    extra: dict[str, Any] = {}
    if options.method == 'density':
        raw, strength = density(found.matrix, options)
        extra['probabilities'] = _spread(strength, found)
    else:
        if isinstance(options.n_clusters, str):
            extra['choice'] = choose_k_of(found.matrix, found.n_distinct, options, (options.choose_by,))
            # The gap statistic may say that there are no clusters: one, then, with everything in it.
            k = extra['choice'].chosen[options.choose_by]
        else:
            check_k(k := options.n_clusters, found.n_distinct)
        raw = partition(found.matrix, k, options)
    if options.method == 'ward':
        tree = ward_tree(found.matrix)
        extra |= {'linkage': tree, 'cophenetic_correlation': float(cophenet(tree, pdist(found.matrix))[0])}
    numbered, means = _numbered(raw, found.order)
    silhouettes = _silhouettes(found.matrix, numbered)
    everywhere = np.full(found.n_rows, LEFT_OUT, dtype=np.intp)
    everywhere[found.rows] = numbered
    return Clustering(
        options=options,
        labels=everywhere,
        n_clusters=len(means),
        silhouettes=_spread(silhouettes, found),
        silhouette=float(np.nanmean(silhouettes)) if np.isfinite(silhouettes).any() else None,
        matrix=found.matrix,
        rows=found.rows,
        left_out=found.left_out,
        means=means,
        features=found.features,
        scale=found.scale,
        **extra,
    )


def _spread(values: NDArray[np.float64], found: Prepared) -> NDArray[np.float64]:
    everywhere = np.full(found.n_rows, np.nan)
    everywhere[found.rows] = values
    return everywhere


def _numbered(raw: Labels, order: NDArray[np.float64]) -> tuple[Labels, NDArray[np.float64]]:
    """Return clusters numbered by their mean of the order, and the means."""
    names = [name for name in np.unique(raw).tolist() if name != NOISE]
    means = np.full(len(names), np.nan)
    for place, name in enumerate(names):
        known = order[(raw == name) & np.isfinite(order)]
        means[place] = known.mean() if len(known) else np.nan
    numbers = np.argsort(means, kind='stable')
    numbered = np.full(len(raw), NOISE, dtype=np.intp)
    for number, place in enumerate(numbers.tolist()):
        numbered[raw == names[place]] = number
    return numbered, means[numbers]


def _silhouettes(matrix: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    inside = labels != NOISE
    found = np.full(len(labels), np.nan)
    count = len(np.unique(labels[inside]))
    if 1 < count < inside.sum():
        found[inside] = silhouette_samples(matrix[inside], labels[inside])
    return found
