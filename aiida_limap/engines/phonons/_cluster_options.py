"""Options of clustering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.options import check_switch, check_whole, given_options

__all__ = ['AUTO', 'CRITERIA', 'METHODS', 'SCALES', 'ClusterOptions']

AUTO = 'auto'
METHODS = ('ward', 'kmeans', 'spectral', 'density')
SCALES = (AUTO, 'none', 'columns', 'blocks')
#: What can choose the number of clusters.
CRITERIA = ('silhouette', 'calinski_harabasz', 'gap', 'within_ss')
_BOUNDS = {
    'largest_k': (2, 50),
    'seed': (0, 2**32 - 1),
    'restarts': (1, 1000),
    'neighbours': (0, 10_000),
    'gap_references': (2, 1000),
}


@dataclass(frozen=True)
class ClusterOptions:
    """How rows are clustered; the names are those of the parameters of a job.

    :param method: ``ward`` (hierarchical), ``kmeans``, ``spectral``, or ``density`` (HDBSCAN).
    :param n_clusters: how many clusters, or ``auto``: the number that ``choose_by`` finds best. Density finds its own
        number, so that only ``auto`` goes with it.
    :param features: names of the features to take; None takes all.
    :param scale: ``none``; ``columns``: each column to a standard deviation of one; ``blocks``: each feature, whatever
        its number of columns, to a total variance of one, so that a vector weighs as much as a number; ``auto``:
        ``blocks`` where features are combined, ``none`` for a single one.
    :param seed: of all that is random.
    :param choose_by: what chooses the number of clusters: ``silhouette``, ``calinski_harabasz``, ``gap`` (statistic of
        Tibshirani, Walther and Hastie), or ``within_ss`` (the bend of the sum of squares within clusters).
    :param largest_k: the largest number of clusters that is tried.
    :param restarts: starts of k-means, the best of which counts.
    :param neighbours: spectral: number of neighbours to which each row is joined in the graph, itself being one, and
        half of all rows at most; 0 for a Gaussian of the distance in place of a graph, whose width is the median
        distance.
    :param min_cluster_size: density: the least size of a cluster; None for a twentieth of the rows, five at least,
        or half of them where they are fewer than ten.
    :param single_cluster: density: whether all rows may be one cluster.
    :param gap_references: number of uniform sets that the gap statistic compares with.
    :raises InputError: if a value is unusable.
    """

    method: str = 'ward'
    n_clusters: int | str = AUTO
    features: tuple[str, ...] | None = None
    scale: str = AUTO
    seed: int = 10
    choose_by: str = 'silhouette'
    largest_k: int = 10
    restarts: int = 10
    neighbours: int = 10
    min_cluster_size: int | None = None
    single_cluster: bool = False
    gap_references: int = 20

    def __post_init__(self) -> None:
        for name, known in (('method', METHODS), ('scale', SCALES), ('choose_by', CRITERIA)):
            if getattr(self, name) not in known:
                raise InputError(f'option {name} is one of {", ".join(known)}, not {getattr(self, name)!r}')
        for name, (least, most) in _BOUNDS.items():
            check_whole(name, getattr(self, name), least, most)
        if self.n_clusters != AUTO:
            check_whole('n_clusters', self.n_clusters, 2, 10_000, " or 'auto'")
            if self.method == 'density':
                raise InputError("density finds the number of clusters itself; leave n_clusters at 'auto'")
        if self.min_cluster_size is not None:
            check_whole('min_cluster_size', self.min_cluster_size, 2, 1_000_000)
        check_switch('single_cluster', self.single_cluster)
        if self.features is not None:
            # From JSON anything may come, also one name in place of a list.
            given: Any = self.features
            if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
                raise InputError(f'option features must be a list of names, not {self.features!r}')
            if not self.features or len(set(self.features)) < len(self.features):
                raise InputError('option features must name at least one feature, and none twice')
            object.__setattr__(self, 'features', tuple(self.features))

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any]) -> ClusterOptions:
        """Build options from names and values; None stands for the default.

        :param options: values by name.
        :returns: the options.
        :raises InputError: if a name is unknown or a value unusable.
        """
        return cls(**given_options(options, (entry.name for entry in fields(cls))))

    def settings(self) -> dict[str, Any]:
        """Return the options as plain values, for results to record."""
        return {**asdict(self), 'features': None if self.features is None else list(self.features)}
