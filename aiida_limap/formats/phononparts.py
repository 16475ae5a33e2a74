"""What a report of phonons holds: clusters of a method, the tree, a plane, densities, correlations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.report_file import check_counts, check_numbers, plain

__all__ = ['Choice', 'Correlation', 'Densities', 'Enrichment', 'Grouping', 'Plane', 'Tree']

#: A density is kept as whole multiples of this, 1/THz.
DENSITY_UNIT_PER_THZ = 0.001
_COLUMNS_OF_A_TREE = 4
_MEASURES = ('silhouette', 'calinski_harabasz', 'within_ss', 'gap', 'gap_error')


@dataclass(frozen=True)
class Enrichment:
    """Known conductors in a cluster, against what chance would put there.

    :param kind: what makes a conductor: ``conductivity`` or ``diffusivity``.
    :param background: ``all`` or ``labelled``: which compounds are compared.
    :param cluster: its number.
    :param size: compounds of it in the comparison.
    :param conductors: known conductors among them.
    :param expected: how many chance would put there.
    :param fold: the one over the other, None where nothing is expected.
    :param p_value: chance of so many or more.
    :param p_adjusted: the same for all clusters tested together.
    """

    kind: str
    background: str
    cluster: int
    size: int
    conductors: int
    expected: float
    fold: float | None
    p_value: float
    p_adjusted: float

    def __post_init__(self) -> None:
        check_counts('enrichment', [self.cluster, self.size, self.conductors])
        check_numbers('enrichment', [self.p_value, self.p_adjusted], lowest=0.0, highest=1.0)


@dataclass(frozen=True)
class Choice:
    """Measures by number of clusters, None where a measure has no value.

    :param k: (c,) numbers of clusters.
    :param silhouette: (c,) mean silhouette.
    :param calinski_harabasz: (c,) index of Calinski and Harabasz.
    :param within_ss: (c,) sum of squares within clusters.
    :param gap: (c,) gap statistic.
    :param gap_error: (c,) its standard error.
    :param chosen: the number that each measure chooses.
    """

    k: tuple[int, ...]
    silhouette: tuple[float | None, ...]
    calinski_harabasz: tuple[float | None, ...]
    within_ss: tuple[float | None, ...]
    gap: tuple[float | None, ...]
    gap_error: tuple[float | None, ...]
    chosen: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ('k', *_MEASURES):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            if len(getattr(self, name)) != len(self.k):
                raise FormatError(f'choice: {name} has another length than k')
        check_counts('choice: k', self.k)
        for name in _MEASURES:
            check_numbers(f'choice: {name}', [value for value in getattr(self, name) if value is not None])


@dataclass(frozen=True)
class Grouping:
    """Clusters of one method.

    :param method: ``ward``, ``kmeans``, ``spectral`` or ``density``.
    :param features: what was clustered.
    :param scale: how it was scaled.
    :param labels: per compound the number of its cluster from 0, -1 in none, None where it was left out.
    :param silhouettes: per compound its silhouette, None where there is none.
    :param silhouette: their mean.
    :param cophenetic_correlation: of the tree, None for other methods.
    :param choice: how the number of clusters was chosen, None where nothing was measured.
    :param enrichment: known conductors in the clusters.
    :param stability: per cluster the mean overlap with that of resamples, from 0 to 1, empty where not measured.
    """

    method: str
    features: tuple[str, ...]
    scale: str
    labels: tuple[int | None, ...]
    silhouettes: tuple[float | None, ...]
    silhouette: float | None = None
    cophenetic_correlation: float | None = None
    choice: Choice | None = None
    enrichment: tuple[Enrichment, ...] = ()
    stability: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        for name in ('features', 'labels', 'silhouettes', 'enrichment', 'stability'):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if len(self.silhouettes) != len(self.labels):
            raise FormatError(f'method {self.method!r}: {len(self.silhouettes)} silhouettes, {len(self.labels)} labels')
        known = [label for label in self.labels if label is not None]
        if any(isinstance(label, bool) or not isinstance(label, int) or label < -1 for label in known):
            raise FormatError(f'method {self.method!r}: clusters have numbers from -1')
        if {label for label in known if label >= 0} != set(range(self.n_clusters)):
            raise FormatError(f'method {self.method!r}: a number of a cluster is left out')
        check_numbers(
            f'method {self.method!r}', [value for value in self.silhouettes if value is not None], lowest=-1, highest=1
        )

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return max((label for label in self.labels if label is not None), default=-1) + 1

    @property
    def numbers(self) -> NDArray[np.intp]:
        """(n,) number of the cluster of each compound, -1 in none, -2 where it was left out."""
        return np.array([-2 if label is None else label for label in self.labels], dtype=np.intp)

    @classmethod
    def from_dict(cls, document: Any) -> Grouping:
        """Build from plain values.

        :param document: the fields.
        :raises FormatError: if it is damaged.
        """
        found = plain(cls, 'groupings', document)
        if found.get('choice') is not None:
            found['choice'] = Choice(**plain(Choice, 'choice', found['choice']))
        found['enrichment'] = tuple(
            Enrichment(**plain(Enrichment, 'enrichment', entry)) for entry in found.get('enrichment', ())
        )
        return cls(**found)


@dataclass(frozen=True)
class Tree:
    """Merges of the hierarchical method.

    :param rows: (m,) places of its leaves among the compounds.
    :param linkage: (m - 1, 4) merges in the form of scipy.
    """

    rows: tuple[int, ...]
    linkage: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, 'rows', tuple(self.rows))
        object.__setattr__(self, 'linkage', tuple(tuple(merge) for merge in self.linkage))
        check_counts('tree: rows', self.rows)
        if len(self.linkage) != len(self.rows) - 1 or any(len(merge) != _COLUMNS_OF_A_TREE for merge in self.linkage):
            raise FormatError(f'tree: {len(self.rows)} leaves need {len(self.rows) - 1} merges of four numbers')
        for merge in self.linkage:
            check_numbers('tree', merge, lowest=0.0)


@dataclass(frozen=True)
class Plane:
    """Principal components of what was clustered.

    :param rows: (m,) places of the points among the compounds.
    :param x: (m,) first component.
    :param y: (m,) second component.
    :param variance: shares of the variance of the two.
    """

    rows: tuple[int, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    variance: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ('rows', 'x', 'y', 'variance'):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_counts('plane: rows', self.rows)
        check_numbers('plane', [*self.x, *self.y])
        if not len(self.rows) == len(self.x) == len(self.y):
            raise FormatError('plane: rows, x and y differ in length')
        check_numbers('plane: variance', self.variance, lowest=0.0, highest=1.0 + 1e-9)


@dataclass(frozen=True)
class Densities:
    """Densities of states on one grid, 1/THz per atom, as a start and whole multiples of 0.001 from there on.

    :param first_THz: first frequency of the grid.
    :param step_THz: its pitch.
    :param size: number of its points.
    :param mobile: per compound the density of the mobile element, ``[start, values]``, None where it is not known.
    :param total: per compound the one of all atoms.
    """

    first_THz: float  # noqa: N815
    step_THz: float  # noqa: N815
    size: int
    mobile: tuple[Any, ...]
    total: tuple[Any, ...]

    def __post_init__(self) -> None:
        check_numbers('densities', [self.first_THz, self.step_THz])
        check_counts('densities: size', [self.size])
        if not self.step_THz > 0 or len(self.mobile) != len(self.total):
            raise FormatError('densities: the step must be positive, and as many densities of either kind are needed')
        for name in ('mobile', 'total'):
            spans: list[tuple[int, tuple[int, ...]] | None] = []
            for entry in getattr(self, name):
                if entry is None:
                    spans.append(None)
                    continue
                start, values = entry
                check_counts(f'densities: {name}', [start, *values])
                if start + len(values) > self.size:
                    raise FormatError(f'densities: a {name} one is longer than the grid')
                spans.append((start, tuple(values)))
            object.__setattr__(self, name, tuple(spans))

    @property
    def frequencies_THz(self) -> NDArray[np.float64]:  # noqa: N802
        """(size,) the grid."""
        return np.asarray(self.first_THz + self.step_THz * np.arange(self.size), dtype=np.float64)

    def matrix(self, kind: str) -> NDArray[np.float64]:
        """Return (n, size) densities, 1/THz per atom, NaN in the rows of compounds without.

        :param kind: ``mobile`` or ``total``.
        """
        found = np.zeros((len(self.total), self.size))
        for row, span in zip(found, getattr(self, kind), strict=True):
            if span is None:
                row[:] = np.nan
            else:
                row[span[0] : span[0] + len(span[1])] = np.array(span[1]) * DENSITY_UNIT_PER_THZ
        return found

    @classmethod
    def from_arrays(
        cls, first: float, step: float, mobile: Sequence[ArrayLike | None], total: Sequence[ArrayLike | None]
    ) -> Densities:
        """Pack densities.

        :param first: first frequency, THz.
        :param step: pitch, THz.
        :param mobile: per compound (size,) densities, 1/THz per atom, or None.
        :param total: the same for all atoms.
        :raises FormatError: if lengths differ, or a density is negative or no number.
        """
        sizes = {np.shape(entry) for entry in (*mobile, *total) if entry is not None}
        if len(sizes) != 1 or len(next(iter(sizes))) != 1:
            raise FormatError('densities: all must be vectors of one length')
        return cls(first, step, next(iter(sizes))[0], tuple(map(_packed, mobile)), tuple(map(_packed, total)))


def _packed(density: ArrayLike | None) -> tuple[int, tuple[int, ...]] | None:
    if density is None:
        return None
    values = np.asarray(density, dtype=float)
    if not np.isfinite(values).all() or (values < -DENSITY_UNIT_PER_THZ).any():
        raise FormatError('densities: a density is negative or no number')
    whole = np.rint(np.maximum(values, 0.0) / DENSITY_UNIT_PER_THZ).astype(int)
    filled = np.flatnonzero(whole)
    if not len(filled):
        return 0, ()
    return int(filled[0]), tuple(whole[filled[0] : filled[-1] + 1].tolist())


@dataclass(frozen=True)
class Correlation:
    """Rank correlation of a quantity with conduction.

    :param feature: column of the compounds, or name of what was clustered.
    :param temperature_K: of the conduction, None where it is not stated.
    :param rho: Spearman's coefficient, None where there is none.
    :param low: lower end of its interval.
    :param high: upper end.
    :param p_value: chance of so large a one.
    :param n: number of compounds.
    :param message: why there is no coefficient.
    """

    feature: str
    temperature_K: float | None = None  # noqa: N815
    rho: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    n: int = 0
    message: str = ''
