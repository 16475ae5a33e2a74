"""Compiled loops over neighbour lists: smeared histograms of distances and of angles."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = [
    'RANGE_OF_WIDTHS',
    'REACH',
    'angle_histogram',
    'distance_histograms',
    'is_resolved',
    'smear_table',
]

#: Gaussians are cut where 3e-12 of their weight is left, far below the accuracy that rows are compared with.
REACH = 7.0
#: Pieces of the table per sigma: the cubic in each errs by less than 1e-12.
_PIECES = 256
RANGE_OF_WIDTHS = 'a hundredth to a hundred times the width of the bins'


def is_resolved(width: float, sigma: float) -> bool:
    """Return whether bins and Gaussians are of comparable widths, which keeps the table small.

    :param width: width of the bins.
    :param sigma: width of the Gaussians, in the same unit.
    """
    return 0.01 <= sigma / width <= 100


@lru_cache(maxsize=32)
def smear_table(width: float, sigma: float) -> NDArray[np.float64]:
    """Return how a Gaussian is shared out among equal bins, by where in its bin its centre lies.

    A row of bins needs one error function per edge; a cubic per piece of a bin (Hermite interpolation in value and
    slope) gives the same to 1e-12.

    :param width: width of the bins.
    :param sigma: width of the Gaussian, in the same unit.
    :returns: (n_pieces, 4, 2 k + 1) coefficients of the powers 0 to 3 of the position within the piece, 0 to 1, for the
        bins from the k-th before that of the centre to the k-th after it.
    """
    from scipy.special import ndtr

    ratio = width / sigma
    beyond = math.ceil(REACH / ratio)
    pieces = max(16, math.ceil(_PIECES * ratio))
    edges = np.arange(-beyond, beyond + 2) - np.linspace(0, 1, pieces + 1)[:, None]
    values = np.diff(ndtr(edges * ratio), axis=1)
    slopes = -np.diff(np.exp(-((edges * ratio) ** 2) / 2), axis=1) * ratio / math.sqrt(2 * math.pi) / pieces
    rise = values[1:] - values[:-1]
    cubes = slopes[:-1] + slopes[1:] - 2 * rise
    table = np.stack([values[:-1], slopes[:-1], rise - slopes[:-1] - cubes, cubes], axis=1)
    table.setflags(write=False)
    return np.ascontiguousarray(table)


@compiled(fast_sums=True)
def _smear(histogram: NDArray, position: float, table: NDArray, weight: float) -> None:
    """Add a Gaussian whose centre lies at ``position``, in bins, at least as far from both ends as it reaches."""
    n_shares = table.shape[2]
    own = int(position)
    within = (position - own) * table.shape[0]
    piece = min(int(within), table.shape[0] - 1)
    x = within - piece
    first = own - n_shares // 2
    for index in range(n_shares):
        share = table[piece, 3, index] * x + table[piece, 2, index]
        share = (share * x + table[piece, 1, index]) * x + table[piece, 0, index]
        histogram[first + index] += weight * share


@compiled()
def _distances(
    pairs: tuple[NDArray, NDArray, NDArray],
    classes: NDArray,
    pair_index: NDArray,
    width: float,
    n_bins: int,
    table: NDArray,
) -> NDArray:
    offsets, others, lengths = pairs
    beyond = table.shape[2] // 2
    histograms = np.zeros((pair_index.max() + 1, n_bins + 4 * beyond))
    for centre in range(offsets.shape[0] - 1):
        for entry in range(offsets[centre], offsets[centre + 1]):
            other = others[entry]
            pair = pair_index[classes[centre], classes[other]]
            position = lengths[entry] / width
            # A pair of two sites of one class stands in the list from both ends: counted once, with double weight.
            like = classes[centre] == classes[other]
            if pair < 0 or position >= n_bins + beyond or (like and other < centre):
                continue
            _smear(histograms[pair], position + 2 * beyond, table, 2.0 if like and other > centre else 1.0)
    return histograms[:, 2 * beyond : 2 * beyond + n_bins].copy()


@compiled()
def _shell(
    neighbours: tuple[NDArray, NDArray, NDArray, NDArray],
    centre: int,
    classes: NDArray,
    member: int,
    ratios: tuple[float, float],
) -> tuple[NDArray, NDArray, float]:
    """Return the members of a class (-1: any) in its first shell around a site, their weights and the shell's end."""
    offsets, others, _, lengths = neighbours
    entries, weights = np.empty(64, np.int64), np.empty(64)
    count, nearest = 0, math.inf
    for entry in range(offsets[centre], offsets[centre + 1]):
        if member >= 0 and classes[others[entry]] != member:
            continue
        nearest = min(nearest, lengths[entry])
        ratio = lengths[entry] / nearest
        if ratio >= ratios[1]:
            break
        if count == entries.shape[0]:
            entries, weights = np.append(entries, entries), np.append(weights, weights)
        entries[count], weights[count] = entry, 1.0
        if ratio > ratios[0]:
            weights[count] = 0.5 * (1.0 + math.cos(math.pi * (ratio - ratios[0]) / (ratios[1] - ratios[0])))
        count += 1
    return entries[:count], weights[:count], ratios[1] * nearest


@compiled()
def _fold(padded: NDArray, margin: int, out: NDArray, factor: float) -> None:
    """Mirror what lies outside of the bins at both ends, so that straight angles count as much as any others."""
    n_bins = out.shape[0]
    for index in range(padded.shape[0]):
        place = (index - margin) % (2 * n_bins)
        out[place if place < n_bins else 2 * n_bins - 1 - place] += factor * padded[index]


@compiled()
def _angles(
    neighbours: tuple[NDArray, NDArray, NDArray, NDArray],
    classes: NDArray,
    triplet: tuple[int, int, int],
    ratios: tuple[float, float],
    n_bins: int,
    table: NDArray,
) -> tuple[NDArray, float, int]:
    _, _, vectors, lengths = neighbours
    margin = table.shape[2] // 2
    total, padded = np.zeros(n_bins), np.zeros(n_bins + 2 * margin + 1)
    n_centres, farthest, site = 0, 0.0, -1
    for centre in range(classes.shape[0]):
        if triplet[1] >= 0 and classes[centre] != triplet[1]:
            continue
        n_centres += 1
        first, first_weights, end = _shell(neighbours, centre, classes, triplet[0], ratios)
        second, second_weights, other_end = first, first_weights, end
        if triplet[2] != triplet[0]:
            second, second_weights, other_end = _shell(neighbours, centre, classes, triplet[2], ratios)
        if max(end, other_end) > farthest:
            farthest, site = max(end, other_end), centre
        padded[:] = 0.0
        norm = 0.0
        for a in range(first.shape[0]):
            i = first[a]
            for b in range(a if triplet[2] == triplet[0] else second.shape[0]):
                j = second[b]
                weight = first_weights[a] * second_weights[b]
                dot = vectors[i, 0] * vectors[j, 0] + vectors[i, 1] * vectors[j, 1] + vectors[i, 2] * vectors[j, 2]
                angle = math.acos(min(1.0, max(-1.0, dot / (lengths[i] * lengths[j]))))
                norm += weight
                _smear(padded, angle / math.pi * n_bins + margin, table, weight)
        if norm > 0.0:
            # A site whose second neighbour fades away leaves the average gradually.
            _fold(padded, margin, total, 1.0 / max(norm, 1.0))
    return total / max(n_centres, 1), farthest, site


def distance_histograms(
    pairs: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]],
    classes: NDArray[np.int64],
    pair_index: NDArray[np.int64],
    maximum: float,
    n_bins: int,
    sigma: float,
) -> NDArray[np.float64]:
    """Sum Gaussians over the distances of all neighbour pairs, by pair of classes.

    :param pairs: where the neighbours of each site begin and end (n_sites + 1,), and for each of them, from both ends
        of a pair, its site (n_pairs,) and distance in Å (n_pairs,).
    :param classes: (n_sites,) class of each site.
    :param pair_index: (n_classes, n_classes) histogram of a pair of classes, -1 for none.
    :param maximum: end of the bins, Å; they start at zero.
    :param n_bins: number of bins.
    :param sigma: width of the Gaussians, Å.
    :returns: (n_histograms, n_bins) numbers of pairs.
    """
    width = maximum / n_bins
    return _distances(pairs, classes, pair_index, width, n_bins, smear_table(width, sigma))


def angle_histogram(
    neighbours: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]],
    classes: NDArray[np.int64],
    triplet: tuple[int, int, int],
    ratios: tuple[float, float],
    n_bins: int,
    sigma: float,
) -> tuple[NDArray[np.float64], float, int]:
    """Average over the centres the distribution of the angles between their neighbours.

    The Gaussians are mirrored at 0 and 180 degrees, which makes them smooth functions of the cosine also there.

    :param neighbours: where the neighbours of each site begin and end (n_sites + 1,), and for each of them, sorted by
        distance, its site (n_pairs,), vector from the centre (n_pairs, 3) and distance (n_pairs,), Å.
    :param classes: (n_sites,) class of each site.
    :param triplet: classes of one end, of the centre and of the other end; -1 for any.
    :param ratios: neighbours up to the first times the nearest distance of their class count fully, fading to none at
        the second.
    :param n_bins: number of bins on 0 to 180 degrees.
    :param sigma: width of the Gaussians, degrees.
    :returns: (n_bins,) shares that sum to the share of the centres with two neighbours; the largest distance, Å, up to
        which neighbours must be known (infinite where a centre has none); the centre that asks for it, -1 if there is
        no centre.
    """
    return _angles(neighbours, classes, triplet, ratios, n_bins, smear_table(180 / n_bins, sigma))
