"""What clusters mean: known conductors in them, who stands beside these, and how numbers go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from scipy.stats import false_discovery_control, hypergeom, kruskal, rankdata, spearmanr

from aiida_limap.engines.errors import InputError

if TYPE_CHECKING:
    from aiida_limap.engines.phonons.clustering import Clustering

__all__ = [
    'BACKGROUNDS',
    'Candidate',
    'ClusterEnrichment',
    'GroupDifference',
    'RankCorrelation',
    'candidates',
    'conductors_from_diffusivity',
    'enrichment',
    'group_difference',
    'rank_correlation',
]

#: Whether rows of which nothing is known count as rows that are no known conductors.
BACKGROUNDS = ('all', 'labelled')
_FEWEST_PAIRS = 4


@dataclass(frozen=True)
class ClusterEnrichment:
    """Known conductors in one cluster.

    :param cluster: its number.
    :param size: number of its rows in the comparison.
    :param conductors: number of known conductors among them.
    :param expected: how many chance would put there.
    :param fold: the number over the expected one.
    :param p_value: chance of so many or more, hypergeometric (Fisher's exact test, one-sided).
    :param p_adjusted: the same for all clusters tested together (Benjamini and Yekutieli 2001).
    """

    cluster: int
    size: int
    conductors: int
    expected: float
    fold: float
    p_value: float
    p_adjusted: float

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers by name."""
        return asdict(self)


@dataclass(frozen=True)
class Candidate:
    """A row in an enriched cluster of which it is not known whether it conducts.

    :param row: its place.
    :param cluster: the cluster.
    :param nearest: place of the known conductor that is nearest in the space of the clusters.
    :param distance: Euclidean distance from it, in the scaled units.
    """

    row: int
    cluster: int
    nearest: int
    distance: float


@dataclass(frozen=True)
class GroupDifference:
    """Values by cluster.

    :param p_value: chance of so different values in clusters that are alike (Kruskal and Wallis 1952).
    :param sizes: number of values of each cluster.
    :param medians: their median.
    :param positive: their share above zero.
    """

    p_value: float
    sizes: tuple[int, ...]
    medians: tuple[float, ...]
    positive: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers by name."""
        return asdict(self)


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation of two numbers.

    :param rho: the coefficient; ties have their mean rank.
    :param low: 2.5th percentile over bootstrap resamples of the pairs.
    :param high: 97.5th percentile.
    :param p_value: two-sided, from the t distribution; a rough one below about ten pairs.
    :param n: number of pairs.
    """

    rho: float
    low: float
    high: float
    p_value: float
    n: int

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers by name."""
        return asdict(self)


def enrichment(
    labels: ArrayLike, is_conductor: ArrayLike, *, background: str = 'all', order: Sequence[int] | None = None
) -> list[ClusterEnrichment]:
    """Test for each cluster whether it holds more known conductors than chance would put there.

    :param labels: (n,) number of the cluster of each row; below -1 for rows that are left out of everything; -1 for
        rows in no cluster, with which clusters are compared, too.
    :param is_conductor: (n,) 1 or true for a known conductor, 0 for a known poor one, NaN where nothing is known.
    :param background: ``all``: rows of which nothing is known count as none; ``labelled``: they are left out, which
        tells conduction from being well studied.
    :param order: the clusters to test; None for all.
    :returns: one entry per cluster.
    :raises InputError: if shapes do not fit, a value is none of these, or no row in a cluster is a known conductor.
    """
    numbers, known = _labels_of(labels, is_conductor)
    if background not in BACKGROUNDS:
        raise InputError(f'background is one of {", ".join(BACKGROUNDS)}, not {background!r}')
    counted = numbers >= -1
    if background == 'labelled':
        counted &= np.isfinite(known)
    numbers, conducts = numbers[counted], known[counted] == 1
    if not conducts.any():
        raise InputError('none of the rows that were clustered is a known conductor; nothing can be enriched')
    names = [int(name) for name in np.unique(numbers[numbers >= 0])] if order is None else list(order)
    sizes = np.array([(numbers == name).sum() for name in names], dtype=int)
    hits = np.array([(conducts & (numbers == name)).sum() for name in names], dtype=int)
    expected = sizes * conducts.mean()
    chances = hypergeom.sf(hits - 1, len(numbers), int(conducts.sum()), sizes) if names else np.array([])
    adjusted = false_discovery_control(np.clip(chances, 0.0, 1.0), method='by') if names else chances
    return [
        ClusterEnrichment(
            cluster=name,
            size=int(sizes[place]),
            conductors=int(hits[place]),
            expected=float(expected[place]),
            fold=float(hits[place] / expected[place]) if expected[place] else float('nan'),
            p_value=float(chances[place]),
            p_adjusted=float(adjusted[place]),
        )
        for place, name in enumerate(names)
    ]


def candidates(
    clustering: Clustering, enriched: Sequence[ClusterEnrichment], is_conductor: ArrayLike, *, alpha: float = 0.05
) -> list[Candidate]:
    """Return rows of enriched clusters that are not known to conduct, nor to conduct poorly; the nearest first.

    :param clustering: the clusters.
    :param enriched: their test; clusters with an adjusted p-value below ``alpha`` count as enriched.
    :param is_conductor: (n,) as for :func:`enrichment`.
    :param alpha: the level.
    :returns: the candidates, by their distance from the nearest known conductor of the same cluster.
    :raises InputError: if shapes do not fit or alpha is no probability.
    """
    numbers, known = _labels_of(clustering.labels, is_conductor)
    if not 0 < alpha < 1:
        raise InputError(f'alpha must lie between 0 and 1, not {alpha!r}')
    place_of = {int(row): place for place, row in enumerate(clustering.rows)}
    found = []
    for entry in enriched:
        if entry.p_adjusted >= alpha:
            continue
        inside = np.flatnonzero(numbers == entry.cluster)
        conductors = inside[known[inside] == 1]
        others = inside[np.isnan(known[inside])]
        if not len(conductors) or not len(others):
            continue
        distances = cdist(
            clustering.matrix[[place_of[int(row)] for row in others]],
            clustering.matrix[[place_of[int(row)] for row in conductors]],
        )
        nearest = distances.argmin(axis=1)
        found += [
            Candidate(int(row), entry.cluster, int(conductors[near]), float(distances[place, near]))
            for place, (row, near) in enumerate(zip(others, nearest, strict=True))
        ]
    return sorted(found, key=lambda candidate: (candidate.distance, candidate.row))


def conductors_from_diffusivity(diffusivity: ArrayLike, threshold: float = 0.0) -> NDArray[np.float64]:
    """Return labels of conductors from diffusivities: 1 above the threshold, 0 at or below, NaN where there is none.

    :param diffusivity: (n,) diffusivities, NaN where there is none.
    :param threshold: in their unit. Zero takes every compound in which motion was seen at all.
    :raises InputError: if a diffusivity or the threshold is negative.
    """
    values = np.asarray(diffusivity, dtype=float)
    if (values[np.isfinite(values)] < 0).any() or not threshold >= 0:
        raise InputError('diffusivities and their threshold cannot be negative')
    return np.where(np.isfinite(values), (values > threshold).astype(float), np.nan)


def group_difference(labels: ArrayLike, values: ArrayLike) -> GroupDifference:
    """Test whether values differ between clusters.

    :param labels: (n,) number of the cluster of each row; negative ones are left out.
    :param values: (n,) values, NaN where there is none.
    :returns: the test of Kruskal and Wallis, and what the clusters hold. The p-value is 1 where all values are equal.
    :raises InputError: if shapes do not fit, or fewer than two clusters hold values.
    """
    numbers, array = np.asarray(labels), np.asarray(values, dtype=float)
    if numbers.shape != array.shape:
        raise InputError(f'there are {len(numbers)} numbers of clusters for {len(array)} values')
    groups = [array[(numbers == name) & np.isfinite(array)] for name in np.unique(numbers[numbers >= 0])]
    if sum(len(group) > 0 for group in groups) < 2:
        raise InputError('fewer than two clusters hold values to compare')
    filled = [group for group in groups if len(group)]
    alike = np.ptp(np.concatenate(filled)) == 0
    return GroupDifference(
        p_value=1.0 if alike else float(kruskal(*filled).pvalue),
        sizes=tuple(len(group) for group in groups),
        medians=tuple(float(np.median(group)) if len(group) else float('nan') for group in groups),
        positive=tuple(float((group > 0).mean()) if len(group) else float('nan') for group in groups),
    )


def rank_correlation(first: ArrayLike, second: ArrayLike, *, resamples: int = 2000, seed: int = 10) -> RankCorrelation:
    """Correlate the ranks of two numbers, with an interval from resampled pairs.

    :param first: (n,) values, NaN where there is none.
    :param second: (n,) values, NaN where there is none.
    :param resamples: number of bootstrap resamples.
    :param seed: of the resampling.
    :returns: the correlation of the rows that have both.
    :raises InputError: if shapes do not fit, fewer than four rows have both, or one of them is the same in all.
    """
    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.shape != two.shape or one.ndim != 1:
        raise InputError(f'two numbers per row are needed, not shapes {one.shape} and {two.shape}')
    both = np.isfinite(one) & np.isfinite(two)
    one, two = one[both], two[both]
    if len(one) < _FEWEST_PAIRS:
        raise InputError(f'{len(one)} rows have both numbers; {_FEWEST_PAIRS} are the least for a correlation')
    if np.ptp(one) == 0 or np.ptp(two) == 0:
        raise InputError(f'one of the numbers is the same in all {len(one)} rows; there is nothing to correlate')
    whole = spearmanr(one, two)
    drawn = np.random.default_rng(seed).integers(len(one), size=(resamples, len(one)))
    ranks = [rankdata(values[drawn], axis=1) for values in (one, two)]
    centred = [rank - rank.mean(axis=1, keepdims=True) for rank in ranks]
    norm = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    # A resample whose values are all equal has no correlation; it is left out.
    told = norm > 0
    again = (centred[0] * centred[1]).sum(axis=1)[told] / norm[told]
    low, high = np.percentile(again, (2.5, 97.5))
    return RankCorrelation(float(whole.statistic), float(low), float(high), float(whole.pvalue), len(one))


def _labels_of(labels: ArrayLike, is_conductor: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    numbers = np.asarray(labels)
    try:
        known = np.asarray(is_conductor, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f'known conductors are 1, known poor ones 0, and others NaN: {error}') from error
    if numbers.shape != known.shape or numbers.ndim != 1:
        raise InputError(f'there are labels of conduction of shape {known.shape} for clusters of shape {numbers.shape}')
    if not np.isin(known[~np.isnan(known)], (0.0, 1.0)).all():
        raise InputError('known conductors are 1, known poor ones 0, and others NaN; there are other values')
    return numbers, known
