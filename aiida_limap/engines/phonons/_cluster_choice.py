"""How many clusters: four measures over a range of numbers, and what each of them would choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import calinski_harabasz_score, silhouette_score

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons._cluster_methods import Labels, Matrix, partitions, within_ss
from aiida_limap.engines.phonons._cluster_options import CRITERIA, ClusterOptions
from aiida_limap.engines.phonons._cluster_rows import prepare

__all__ = ['KChoice', 'choose_k', 'choose_k_of']


@dataclass(frozen=True, eq=False)
class KChoice:
    """Measures by number of clusters; NaN where a measure does not exist or was not asked for.

    :param k: (c,) numbers of clusters, from 1.
    :param silhouette: (c,) mean silhouette; the higher the better.
    :param calinski_harabasz: (c,) ratio of the variance between clusters to that within; the higher the better.
    :param within_ss: (c,) sum of squared distances from the means of the clusters, in the scaled units.
    :param gap: (c,) gap statistic.
    :param gap_error: (c,) its standard error.
    :param chosen: what each measure that was asked for chooses; ``gap`` may choose 1, which means no clusters.
    """

    k: NDArray[np.intp]
    silhouette: NDArray[np.float64]
    calinski_harabasz: NDArray[np.float64]
    within_ss: NDArray[np.float64]
    gap: NDArray[np.float64]
    gap_error: NDArray[np.float64]
    chosen: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists by name; None stands for NaN."""
        found: dict[str, Any] = {'k': self.k.tolist(), 'chosen': dict(self.chosen)}
        for name in ('silhouette', 'calinski_harabasz', 'within_ss', 'gap', 'gap_error'):
            found[name] = [None if np.isnan(value) else float(value) for value in getattr(self, name)]
        return found


def choose_k(
    features: ArrayLike,
    labels: Sequence[str] | None = None,
    options: ClusterOptions | None = None,
    criteria: Sequence[str] = CRITERIA,
) -> KChoice:
    """Measure partitions into 1 to ``largest_k`` clusters.

    The silhouette (Rousseeuw 1987) and the index of Calinski and Harabasz (1974) choose their maximum. The gap
    statistic (Tibshirani, Walther and Hastie 2001) compares the logarithm of the sum of squares within clusters with
    that of sets that are uniform in the box along the principal axes, and chooses the least k whose gap is at least
    that of k + 1 less its standard error. The bend of the sum of squares is where its curve is farthest below the chord
    from its first point to its last.

    :param features: (n, k) values.
    :param labels: (k,) name of each column; columns of one name are one feature.
    :param options: method and scaling; ``n_clusters`` is without effect here.
    :param criteria: which measures choose; only ``gap`` costs much.
    :returns: the measures, and the choice of each.
    :raises InputError: if the rows cannot be clustered, the method is density, or a measure is unknown.
    """
    options = options or ClusterOptions()
    found = prepare(features, labels, options)
    return choose_k_of(found.matrix, found.n_distinct, options, criteria)


def choose_k_of(matrix: Matrix, n_distinct: int, options: ClusterOptions, criteria: Sequence[str]) -> KChoice:
    """Measure partitions of a matrix that is complete and scaled; see :func:`choose_k`."""
    for name in criteria:
        if name not in CRITERIA:
            raise InputError(f'a number of clusters is chosen by one of {", ".join(CRITERIA)}, not {name!r}')
    largest = min(options.largest_k, n_distinct - 1)
    if largest < 2:
        raise InputError(f'no number of clusters can be chosen for {n_distinct} different rows; three are the least')
    numbers = np.arange(1, largest + 1)
    cut = partitions(matrix, numbers.tolist(), options)
    found = {
        'silhouette': _over(cut, lambda labels: silhouette_score(matrix, labels)),
        'calinski_harabasz': _over(cut, lambda labels: calinski_harabasz_score(matrix, labels)),
    }
    inside = np.array([within_ss(matrix, labels) for labels in cut.values()])
    gap = error = np.full(len(numbers), np.nan)
    if 'gap' in criteria:
        gap, error = _gap(matrix, inside, numbers, options)
    chosen: dict[str, int] = {}
    for name in criteria:
        if name in found:
            if not np.isfinite(found[name]).any():
                raise InputError(f'the method {options.method} finds no two clusters in these rows')
            chosen[name] = int(numbers[np.nanargmax(found[name])])
        else:
            chosen[name] = _gap_choice(gap, error, numbers) if name == 'gap' else _bend(inside, numbers)
    return KChoice(numbers, found['silhouette'], found['calinski_harabasz'], inside, gap, error, chosen)


def _over(cut: dict[int, Labels], measure: Any) -> NDArray[np.float64]:
    # A spectral partition may come out with fewer clusters than were asked for; of one there is no silhouette.
    return np.array([measure(labels) if len(np.unique(labels)) > 1 else np.nan for labels in cut.values()], dtype=float)


def _gap(
    matrix: Matrix, inside: NDArray[np.float64], numbers: NDArray[np.intp], options: ClusterOptions
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gap statistic and standard error."""
    rotated = PCA(random_state=options.seed).fit_transform(matrix)
    low, high = rotated.min(axis=0), rotated.max(axis=0)
    rng = np.random.default_rng(options.seed)
    logarithms = np.empty((options.gap_references, len(numbers)))
    for row in logarithms:
        uniform = rng.uniform(low, high, size=rotated.shape)
        cut = partitions(uniform, numbers.tolist(), options)
        row[:] = np.log([within_ss(uniform, labels) for labels in cut.values()])
    gap = logarithms.mean(axis=0) - np.log(np.maximum(inside, np.finfo(float).tiny))
    return gap, logarithms.std(axis=0) * np.sqrt(1.0 + 1.0 / options.gap_references)


def _gap_choice(gap: NDArray[np.float64], error: NDArray[np.float64], numbers: NDArray[np.intp]) -> int:
    enough = gap[:-1] >= gap[1:] - error[1:]
    return int(numbers[np.argmax(enough)] if enough.any() else numbers[-1])


def _bend(inside: NDArray[np.float64], numbers: NDArray[np.intp]) -> int:
    """Return the number at which the curve is farthest below the chord of its ends."""
    along = (numbers - numbers[0]) / (numbers[-1] - numbers[0])
    span = inside[0] - inside[-1]
    down = (inside - inside[-1]) / span if span > 0 else 1.0 - along
    return int(numbers[1:][np.argmax((1.0 - along - down)[1:])])
