"""Compiled loops over neighbour lists: smeared histograms of distances and of angles."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ['REACH', 'angle_histogram', 'distance_histograms', 'warm_up']

#: Gaussians are cut where 3e-12 of their weight is left, far below the accuracy that rows are compared with.
REACH = 7.0


@numba.njit(cache=True)
def _smear(histogram, value, sigma, width, weight):  # type: ignore[no-untyped-def]
    """Add the integral of a Gaussian over each bin; bins start at zero, what lies outside of them is lost."""
    n_bins = histogram.shape[0]
    first = max(0, math.floor((value - REACH * sigma) / width))
    last = min(n_bins - 1, math.floor((value + REACH * sigma) / width))
    scale = 1.0 / (sigma * math.sqrt(2.0))
    lower = math.erf((first * width - value) * scale)
    for index in range(first, last + 1):
        upper = math.erf(((index + 1) * width - value) * scale)
        histogram[index] += weight * 0.5 * (upper - lower)
        lower = upper


@numba.njit(cache=True)
def _distances(pairs, classes, pair_index, maximum, n_bins, sigma):  # type: ignore[no-untyped-def]
    centres, neighbours, distances = pairs
    n_pairs = 0
    for first in range(pair_index.shape[0]):
        for second in range(pair_index.shape[1]):
            n_pairs = max(n_pairs, pair_index[first, second] + 1)
    histograms = np.zeros((n_pairs, n_bins))
    width = maximum / n_bins
    for entry in range(distances.shape[0]):
        pair = pair_index[classes[centres[entry]], classes[neighbours[entry]]]
        if pair >= 0:
            _smear(histograms[pair], distances[entry], sigma, width, 1.0)
    return histograms


@numba.njit(cache=True)
def _angles(offsets, vectors, distances, inner, outer, n_bins, sigma):  # type: ignore[no-untyped-def]
    total = np.zeros(n_bins)
    n_centres = 0
    width = 180.0 / n_bins
    for centre in range(offsets.shape[0] - 1):
        start, stop = offsets[centre], offsets[centre + 1]
        if stop - start < 2:
            continue
        nearest = distances[start]
        for entry in range(start, stop):
            nearest = min(nearest, distances[entry])
        count = 0
        members = np.empty(stop - start, np.int64)
        weights = np.empty(stop - start)
        for entry in range(start, stop):
            ratio = distances[entry] / nearest
            if ratio < outer:
                members[count] = entry
                if ratio <= inner:
                    weights[count] = 1.0
                else:
                    weights[count] = 0.5 * (1.0 + math.cos(math.pi * (ratio - inner) / (outer - inner)))
                count += 1
        own = np.zeros(n_bins)
        norm = 0.0
        for a in range(count):
            for b in range(a):
                i, j = members[a], members[b]
                dot = vectors[i, 0] * vectors[j, 0] + vectors[i, 1] * vectors[j, 1] + vectors[i, 2] * vectors[j, 2]
                cosine = min(1.0, max(-1.0, dot / (distances[i] * distances[j])))
                angle = math.degrees(math.acos(cosine))
                weight = weights[a] * weights[b]
                norm += weight
                # Mirrored at both ends, so that a straight angle counts as much as any other.
                _smear(own, angle, sigma, width, weight)
                _smear(own, -angle, sigma, width, weight)
                _smear(own, 360.0 - angle, sigma, width, weight)
        if norm > 0.0:
            total += own / norm
            n_centres += 1
    return total / max(n_centres, 1)


def distance_histograms(
    pairs: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]],
    classes: NDArray[np.int64],
    pair_index: NDArray[np.int64],
    maximum: float,
    n_bins: int,
    sigma: float,
) -> NDArray[np.float64]:
    """Sum Gaussians over the distances of all neighbour pairs, by pair of classes.

    :param pairs: centre index, neighbour index and distance (Å), each (n_pairs,).
    :param classes: (n_sites,) class of each site.
    :param pair_index: (n_classes, n_classes) histogram of a pair of classes, -1 for none.
    :param maximum: end of the bins, Å; they start at zero.
    :param n_bins: number of bins.
    :param sigma: width of the Gaussians, Å.
    :returns: (n_histograms, n_bins) numbers of pairs.
    """
    return _distances(pairs, classes, pair_index, maximum, n_bins, sigma)


def angle_histogram(
    offsets: NDArray[np.int64],
    vectors: NDArray[np.float64],
    distances: NDArray[np.float64],
    ratios: tuple[float, float],
    n_bins: int,
    sigma: float,
) -> NDArray[np.float64]:
    """Average over the centres the distribution of the angles between their neighbours.

    :param offsets: (n_sites + 1,) where the neighbours of each site begin and end.
    :param vectors: (n_pairs, 3) from each centre to its neighbour, Å.
    :param distances: (n_pairs,) their lengths, Å.
    :param ratios: neighbours up to the first times the nearest distance count fully, fading to none at the second.
    :param n_bins: number of bins on 0 to 180 degrees.
    :param sigma: width of the Gaussians, degrees.
    :returns: (n_bins,) shares that sum to one, or zeros where no site has two neighbours.
    """
    return _angles(offsets, vectors, distances, ratios[0], ratios[1], n_bins, sigma)


def warm_up() -> None:
    """Compile (or load from the cache) before the first structure, so that its time is not charged with it."""
    index = np.zeros(2, np.int64)
    lengths = np.array([1.0, 1.0])
    distance_histograms((index, index, lengths), index, np.zeros((1, 1), np.int64), 2.0, 2, 0.1)
    angle_histogram(np.array([0, 2]), np.eye(3)[:2], lengths, (1.2, 1.6), 2, 1.0)
