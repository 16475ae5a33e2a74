"""How well a map keeps neighbours together: numbers that go with every map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder.data import SPLITS

__all__ = ['MOST_ROWS', 'NEIGHBOURS', 'descriptor_points', 'map_points', 'map_quality', 'nearest_energies']

#: Sizes k of the neighbourhoods that are compared.
NEIGHBOURS = (5, 10, 30)
#: Work and time grow with the square of the rows: of more than these a sample is taken.
MOST_ROWS = 5000
#: Rows in one pass, so that the memory grows with the rows and not with their square.
_CHUNK = 256
#: Squared distances are rounded to this part of their mean: equal rows differ by rounding errors of a matrix product.
_DIGITS = 10
Floats = NDArray[np.float64]


def map_points(codes: tuple[Floats, Floats], learn: NDArray[np.bool_]) -> Floats:
    """Return codes as points of a map: the two axes have no common unit, so each is divided by its spread.

    :param codes: ``x_comp`` and ``x_struc``, (n,) each.
    :param learn: (n,) the training rows, whose standard deviation is the unit of an axis.
    :returns: (n, 2) points; a code that does not vary over the training rows keeps its unit.
    """
    points = np.stack(codes, axis=1)
    spread = points[learn].std(axis=0)
    return points / np.where(spread > 0, spread, 1.0)


def descriptor_points(parts: tuple[Floats, Floats], learn: NDArray[np.bool_]) -> Floats:
    """Return rows as points of one space in which composition and structure weigh equally.

    Each part is divided by the square root of its total variance over the training rows, so that both have a mean
    squared distance of two.

    :param parts: (n, p) composition rows and (n, q) structure rows, scaled.
    :param learn: (n,) the training rows.
    :returns: (n, p + q) points; columns that do not vary count for nothing.
    """
    points = []
    for rows in parts:
        centred = rows - rows[learn].mean(axis=0)
        total = float(np.square(centred[learn]).sum(axis=1).mean())
        points.append(centred / np.sqrt(total) if total > 0 else centred)
    return np.concatenate(points, axis=1)


def map_quality(
    high: Floats,
    low: Floats,
    energies_eV: Floats,
    split: NDArray[np.int64],
    *,
    neighbours: Sequence[int] = NEIGHBOURS,
    most_rows: int = MOST_ROWS,
    seed: int = 0,
) -> dict[str, Any]:
    """Return how well a map keeps the neighbourhoods of the descriptors, and how smoothly the energy varies over it.

    Neighbours of a row are looked for among all rows, whatever their split; the numbers of a split are means over its
    rows, so that those of test rows say whether unseen compounds arrive beside their relatives, and splits of unlike
    sizes can be compared. With r the rank of row j among the neighbours of row i in descriptor space, and U the rows
    that are among the k nearest on the map but not in descriptor space::

        trustworthiness = 1 - 2 / (m k (2 n - 3 k - 1)) sum_i sum_{j in U_k(i)} (r(i, j) - k)

    for the m rows i of the split; continuity is the same with the two spaces swapped (Venna and Kaski, ICANN 2001,
    Lect. Notes Comput. Sci. 2130, 485). The kNN recall is the share of the k nearest rows of descriptor space that are
    among the k nearest on the map. The label smoothness compares energies of map neighbours with those of any rows::

        1 - mean_{j in N_k(i)} (E_i - E_j)^2 / mean_{j != i} (E_i - E_j)^2

    over rows with an energy; for all rows it is 1 - C with the contiguity ratio C of Geary, Inc. Statist. 5, 115
    (1954), whose weights are 1 between a row and its k nearest.

    Rows at equal distances stand in random order, the same in both spaces: equal rows are no error, and a map without
    information gets what chance gives.

    :param high: (n, d) points in descriptor space, see :func:`descriptor_points`.
    :param low: (n, 2) points of the map, see :func:`map_points`.
    :param energies_eV: (n,) migration energies, NaN where missing.
    :param split: (n,) index into ``SPLITS``.
    :param neighbours: sizes k of neighbourhoods; each is clipped to less than half of the rows.
    :param most_rows: of more rows a random sample of this size is taken.
    :param seed: of the sample and of the order of ties.
    :returns: ``n_rows``, ``sampled``, ``seed``, ``neighbours`` (as asked for), ``neighbours_used``, and for each split
        that has rows, and for ``all``, a mapping with ``n``, ``n_me`` and, for each k that was asked for,
        ``trustworthiness_5``, ``continuity_5``, ``knn_recall_5``, ``label_smoothness_5``; None where undefined.
    """
    generator = np.random.default_rng(seed)
    if len(high) > most_rows:
        chosen = np.sort(generator.choice(len(high), most_rows, replace=False))
        high, low, energies_eV, split = high[chosen], low[chosen], energies_eV[chosen], split[chosen]
        sampled = True
    else:
        sampled = False
    n_rows = len(high)
    used = [min(k, (n_rows - 1) // 2) for k in neighbours]
    scores = _neighbourhood_scores(high, low, used, generator)
    known = np.flatnonzero(~np.isnan(energies_eV))
    near, any_ = _squared_differences(low[known], energies_eV[known], neighbours, generator)
    quality: dict[str, Any] = {
        'n_rows': n_rows,
        'sampled': sampled,
        'seed': seed,
        'neighbours': list(neighbours),
        'neighbours_used': used,
    }
    for index, name in [*enumerate(SPLITS), (-1, 'all')]:
        rows = np.flatnonzero((split == index) | (index == -1))
        labelled = (split[known] == index) | (index == -1)
        if not rows.size:
            continue
        found: dict[str, float | int | None] = {'n': int(rows.size), 'n_me': int(labelled.sum())}
        for place, k in enumerate(neighbours):
            for score, values in scores.items():
                found[f'{score}_{k}'] = float(values[rows, place].mean()) if used[place] > 0 else None
            spread = float(any_[labelled].sum())
            found[f'label_smoothness_{k}'] = 1 - float(near[labelled, place].sum()) / spread if spread > 0 else None
        quality[name] = found
    return quality


def nearest_energies(low: Floats, energies_eV: Floats, learn: NDArray[np.bool_], *, k: int = 10) -> Floats:
    """Return the energy that one reads off a map: the mean over the k nearest training points that have one.

    :param low: (n, 2) points of the map, see :func:`map_points`.
    :param energies_eV: (n,) migration energies, NaN where missing.
    :param learn: (n,) the training rows; such a row does not count as its own neighbour.
    :param k: number of neighbours, fewer where there are fewer.
    :returns: (n,) energies, eV; NaN for a row without any neighbour.
    """
    from scipy.spatial import cKDTree

    # In random order, so that of points at one place none is preferred for its place in the table.
    teachers = np.random.default_rng(0).permutation(np.flatnonzero(learn & ~np.isnan(energies_eV)))
    if not teachers.size:
        return np.full(len(low), np.nan)
    count = min(k + 1, len(teachers))
    found = teachers[cKDTree(low[teachers]).query(low, k=np.arange(1, count + 1))[1]]
    # One more than needed was asked for: a training point gives up itself, any other the farthest.
    others = found != np.arange(len(low))[:, None]
    others[others.all(axis=1) & (count > k), -1] = False
    sums, numbers = np.where(others, energies_eV[found], 0.0).sum(axis=1), others.sum(axis=1)
    return np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)


def _distances(spaces: Sequence[Floats]) -> Iterator[tuple[NDArray[np.int64], list[Floats]]]:
    """Yield row numbers and their rounded squared distances to all rows in each space; -1 to themselves."""
    centred = [points - points.mean(axis=0) for points in spaces]
    lengths = [np.einsum('ij,ij->i', points, points) for points in centred]
    units = [float(values.mean()) or 1.0 for values in lengths]
    for start in range(0, len(spaces[0]), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(spaces[0])))
        own = rows[:, None] == np.arange(len(spaces[0]))
        found = []
        for points, squares, unit in zip(centred, lengths, units, strict=True):
            products = points[rows] @ points.T
            distances = np.round((squares[rows, None] + squares - 2 * products) / unit, _DIGITS)
            distances[own] = -1.0
            found.append(distances)
        yield rows, found


def _neighbourhood_scores(
    high: Floats, low: Floats, sizes: Sequence[int], generator: np.random.Generator
) -> dict[str, Floats]:
    """Return for each row and size what it adds to the three scores, whose mean over rows they are."""
    n_rows = len(high)
    scores = {name: np.ones((n_rows, len(sizes))) for name in ('trustworthiness', 'continuity', 'knn_recall')}
    if n_rows < 3:
        return scores
    everyone = np.arange(n_rows)
    for rows, spaces in _distances([high, low]):
        ties = generator.random(spaces[0].shape)
        ranks = []
        for distances in spaces:
            rank = np.empty(distances.shape, dtype=np.int64)
            np.put_along_axis(rank, np.lexsort((ties, distances), axis=1), everyone[None, :], axis=1)
            ranks.append(rank)
        itself = rows[:, None] == everyone
        for place, k in enumerate(sizes):
            near_high, near_low = (rank <= k for rank in ranks)
            weight = 2 / (k * (2 * n_rows - 3 * k - 1))
            scores['trustworthiness'][rows, place] -= weight * _excess(ranks[0], near_low, k)
            scores['continuity'][rows, place] -= weight * _excess(ranks[1], near_high, k)
            scores['knn_recall'][rows, place] = (near_high & near_low & ~itself).sum(axis=1) / k
    return scores


def _excess(rank: NDArray[np.int64], near: NDArray[np.bool_], k: int) -> Floats:
    return np.where(near, np.maximum(rank - k, 0), 0).sum(axis=1).astype(np.float64)


def _squared_differences(
    low: Floats, energies: Floats, neighbours: Sequence[int], generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return mean squared differences of energy from each row to its k nearest on the map (n, k) and to any (n,)."""
    n_rows = len(energies)
    near = np.zeros((n_rows, len(neighbours)))
    any_ = np.zeros(n_rows)
    if n_rows < 3:
        return near, any_
    # The mean over all others without a loop over pairs.
    centred = energies - energies.mean()
    any_ = (n_rows * centred**2 + np.square(centred).sum()) / (n_rows - 1)
    for rows, (distances,) in _distances([low]):
        order = np.lexsort((generator.random(distances.shape), distances), axis=1)
        for place, k in enumerate(neighbours):
            nearest = energies[order[:, 1 : min(k, (n_rows - 1) // 2) + 1]]
            near[rows, place] = np.square(nearest - energies[rows, None]).mean(axis=1)
    return near, any_
