"""Compiled search of all periodic neighbours within a distance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = ['search']


@compiled()
def _grown(lengths: NDArray, others: NDArray, vectors: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return copies of twice the capacity."""
    size = lengths.shape[0]
    more_lengths, more_others, more_vectors = np.empty(2 * size), np.empty(2 * size, np.int64), np.empty((2 * size, 3))
    more_lengths[:size], more_others[:size], more_vectors[:size] = lengths, others, vectors
    return more_lengths, more_others, more_vectors


@compiled()
def _order(lengths: NDArray, start: int, stop: int, cutoff: float) -> NDArray:
    """Return the indices that sort lengths[start:stop].

    The number of neighbours grows with the cube of the distance, so that shells of equal volume hold a few each.
    """
    count = stop - start
    order = np.empty(count, np.int64)
    shells = np.empty(count, np.int64)
    places = np.zeros(count + 1, np.int64)
    scale = count / cutoff**3
    for entry in range(count):
        shells[entry] = min(count - 1, int(lengths[start + entry] ** 3 * scale))
        places[shells[entry] + 1] += 1
    for shell in range(count):
        places[shell + 1] += places[shell]
    for entry in range(count):
        order[places[shells[entry]]] = start + entry
        places[shells[entry]] += 1
    for entry in range(1, count):
        moving = order[entry]
        place = entry
        while place > 0 and lengths[order[place - 1]] > lengths[moving]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = moving
    return order


@compiled()
def search(
    fractional: NDArray, cell: NDArray, triangle: NDArray, cutoff: float, capacity: int
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Find all periodic neighbours of all sites.

    Lattice points within a sphere are enumerated plane by plane and row by row (Fincke and Pohst 1985): the range along
    each axis follows from the distance that the axes before it have left over, however oblique the cell is.

    :param fractional: (n, 3) fractional coordinates within the cell.
    :param cell: (3, 3) lattice vectors as rows, Å.
    :param triangle: (3, 3) lower triangle with the same lengths and angles between its rows.
    :param cutoff: largest distance, Å.
    :param capacity: guess of the number of pairs.
    :returns: offsets (n + 1,), indices (m,), vectors (m, 3) and distances (m,), sorted by centre, then by distance.
    """
    n_sites = fractional.shape[0]
    offsets = np.zeros(n_sites + 1, np.int64)
    lengths, others, vectors = np.empty(capacity), np.empty(capacity, np.int64), np.empty((capacity, 3))
    square = cutoff * cutoff
    count = 0
    for centre in range(n_sites):
        for other in range(n_sites):
            f1 = fractional[other, 0] - fractional[centre, 0]
            f2 = fractional[other, 1] - fractional[centre, 1]
            f3 = fractional[other, 2] - fractional[centre, 2]
            half3 = cutoff / triangle[2, 2]
            for n3 in range(math.ceil(-half3 - f3), math.floor(half3 - f3) + 1):
                g3 = f3 + n3
                left3 = square - (g3 * triangle[2, 2]) ** 2
                half2 = math.sqrt(max(left3, 0.0)) / triangle[1, 1]
                middle2 = f2 + g3 * triangle[2, 1] / triangle[1, 1]
                for n2 in range(math.ceil(-half2 - middle2), math.floor(half2 - middle2) + 1):
                    g2 = f2 + n2
                    left2 = left3 - (g2 * triangle[1, 1] + g3 * triangle[2, 1]) ** 2
                    half1 = math.sqrt(max(left2, 0.0)) / triangle[0, 0]
                    middle1 = f1 + (g2 * triangle[1, 0] + g3 * triangle[2, 0]) / triangle[0, 0]
                    for n1 in range(math.ceil(-half1 - middle1), math.floor(half1 - middle1) + 1):
                        if centre == other and n1 == 0 and n2 == 0 and n3 == 0:
                            continue
                        if count == lengths.shape[0]:
                            lengths, others, vectors = _grown(lengths, others, vectors)
                        g1 = f1 + n1
                        x = g1 * cell[0, 0] + g2 * cell[1, 0] + g3 * cell[2, 0]
                        y = g1 * cell[0, 1] + g2 * cell[1, 1] + g3 * cell[2, 1]
                        z = g1 * cell[0, 2] + g2 * cell[1, 2] + g3 * cell[2, 2]
                        vectors[count, 0], vectors[count, 1], vectors[count, 2] = x, y, z
                        lengths[count] = math.sqrt(x * x + y * y + z * z)
                        others[count] = other
                        count += 1
        offsets[centre + 1] = count
    indices, distances, ordered = np.empty(count, np.int64), np.empty(count), np.empty((count, 3))
    for centre in range(n_sites):
        start = offsets[centre]
        order = _order(lengths, start, offsets[centre + 1], cutoff)
        for entry in range(order.shape[0]):
            source = order[entry]
            indices[start + entry], distances[start + entry] = others[source], lengths[source]
            for axis in range(3):
                ordered[start + entry, axis] = vectors[source, axis]
    return offsets, indices, ordered, distances
