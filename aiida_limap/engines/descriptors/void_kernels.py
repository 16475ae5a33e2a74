"""Compiled sums over the cells of a power diagram: volumes of the voids, and free volume by distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = [
    'add_within_orthoscheme',
    'count_around',
    'foot_of_edge',
    'free_volume',
    'share_out',
    'void_volumes',
]

#: Ions further beyond a void than so many widths do not count: exp(-LAST^2 / 2) is below 1e-8.
LAST = 6.1


@compiled()
def foot_of_edge(one: NDArray, other: NDArray, start: NDArray, end: NDArray, foot: NDArray, along: NDArray) -> None:
    """Fill in the foot of the origin on the line through an edge, and the direction of the line.

    :param one: vector to the neighbour on one side of the edge; the edge is perpendicular to it.
    :param other: the same on the other side.
    :param start: one end of the edge.
    :param end: the other end.
    :param foot: (3,) is filled in.
    :param along: (3,) is filled in; it points from the start to the end.
    """
    # The direction is that of the line between the two planes: the ends of a short edge do not tell it.
    x = one[1] * other[2] - one[2] * other[1]
    y = one[2] * other[0] - one[0] * other[2]
    z = one[0] * other[1] - one[1] * other[0]
    norm = max(1e-12, np.sqrt(x * x + y * y + z * z))
    if x * (end[0] - start[0]) + y * (end[1] - start[1]) + z * (end[2] - start[2]) < 0:
        norm = -norm
    along[0], along[1], along[2] = x / norm, y / norm, z / norm
    dot = start[0] * along[0] + start[1] * along[1] + start[2] * along[2]
    for axis in range(3):
        foot[axis] = start[axis] - dot * along[axis]


@compiled()
def _legs(one: NDArray, other: NDArray, foot: NDArray) -> tuple[float, float]:
    """Return the legs of the right triangle of an ion, the middle of its distance to another one, and a foot.

    The second leg is negative if the foot lies on the far side of that distance, seen from the neighbour ``other``.
    """
    square, across, reach, length = 0.0, 0.0, 0.0, 0.0
    for axis in range(3):
        square += one[axis] ** 2
        across += one[axis] * other[axis]
        reach += foot[axis] * other[axis]
        length += other[axis] ** 2
    # Middle to the foot, along the part of the neighbour that is perpendicular to the distance. Pythagoras would
    # lose half of the digits where the two are one, at right angles between ions.
    perpendicular = np.sqrt(max(1e-24, length - across * across / square))
    return np.sqrt(square) / 2, (reach - across / 2) / perpendicular


@compiled()
def void_volumes(diagram: tuple[NDArray, NDArray, NDArray], vectors: NDArray, volumes: NDArray) -> None:
    """Add up the volumes of the Delaunay cells, one per vertex of an unweighted diagram; they fill the crystal.

    The polyhedron of the ions around a vertex is a sum of pyramids from the vertex to its facets, each facet dual to an
    edge. The kites between an ion, the middles of its distances to two others and the foot of the edge add up to the
    facet. Volumes on the far side of a facet count negative; where ions lie on one sphere no choice has to be made.

    :param diagram: corners, ends and pairs of the edges.
    :param vectors: (p, 3) vectors of the pairs, Å.
    :param volumes: (c,) the volumes are added here, Å3; that of a vertex is the sum over its corners.
    """
    corners, ends, pairs = diagram
    foot, along = np.empty(3), np.empty(3)
    for edge in range(ends.shape[0]):
        start, end = corners[ends[edge, 0]], corners[ends[edge, 1]]
        foot_of_edge(vectors[pairs[edge, 0]], vectors[pairs[edge, 1]], start, end, foot, along)
        area = 0.0
        for place in range(2):
            first, second = _legs(vectors[pairs[edge, place]], vectors[pairs[edge, 1 - place]], foot)
            area += first * second / 2
        for place in range(2):
            corner = ends[edge, place]
            height = 0.0
            for axis in range(3):
                height += (foot[axis] - corners[corner, axis]) * along[axis]
            volumes[corner] += (height if place == 0 else -height) * area / 3


@compiled()
def add_within_orthoscheme(steps: tuple[float, float, float], sign: float, radii: NDArray, volumes: NDArray) -> None:
    """Add the volumes of balls around the apex of an orthoscheme, which has perpendicular positive steps a, b and c.

    The plane at distance a is seen in polar coordinates around its foot: where the disc of a ball covers the triangle
    of legs b and c there is a cone below the plane, elsewhere a sector of the ball.

    :param steps: a, b and c, Å.
    :param sign: with which the volumes count.
    :param radii: (r,) radii of the balls, Å.
    :param volumes: (r,) the volumes are added here, Å3.
    """
    a, b, c = steps
    hypotenuse, reach = np.sqrt(a * a + b * b), np.sqrt(b * b + c * c)
    outer = np.sqrt(a * a + b * b + c * c)
    last = np.arctan2(c, b)
    most = np.arcsin(min(1.0, a * c / (reach * hypotenuse)))
    for index in range(radii.shape[0]):
        radius = radii[index]
        if radius >= outer:
            volumes[index] += sign * a * b * c / 6
            continue
        sector, disc = radius**3 / 3, radius * radius - a * a
        if disc <= 0:
            volumes[index] += sign * sector * (last - most)
        elif disc <= b * b:
            volumes[index] += sign * (a * disc * last / 6 + sector * (a / radius * last - most))
        else:
            first = np.arccos(b / np.sqrt(disc))
            inner = np.arcsin(min(1.0, a * np.sin(first) / hypotenuse))
            area = b * np.sqrt(disc - b * b) / 2 + disc * (last - first) / 2
            volumes[index] += sign * (a * area / 3 + sector * (a / radius * (last - first) - (most - inner)))


@compiled()
def free_volume(diagram: tuple[NDArray, NDArray, NDArray], vectors: NDArray, radii: NDArray, volumes: NDArray) -> None:
    """Add up the volume within given distances of the nearest ion, in closed form.

    A cell of an unweighted diagram consists of orthoschemes from the ion over the middle of a face and the foot of an
    edge to a corner, with signs.

    :param diagram: corners, ends and pairs of the edges.
    :param vectors: (p, 3) vectors of the pairs, Å.
    :param radii: (r,) distances, Å.
    :param volumes: (r,) the volumes within are added here, Å3.
    """
    corners, ends, pairs = diagram
    foot, along = np.empty(3), np.empty(3)
    for edge in range(ends.shape[0]):
        start, end = corners[ends[edge, 0]], corners[ends[edge, 1]]
        foot_of_edge(vectors[pairs[edge, 0]], vectors[pairs[edge, 1]], start, end, foot, along)
        for place in range(2):
            a, b = _legs(vectors[pairs[edge, place]], vectors[pairs[edge, 1 - place]], foot)
            for last in range(2):
                height = 0.0
                for axis in range(3):
                    height += (corners[ends[edge, last], axis] - foot[axis]) * along[axis]
                if b == 0.0 or height == 0.0:
                    continue
                towards = height if last == 1 else -height
                sign = 1.0 if b * towards > 0 else -1.0
                add_within_orthoscheme((a, abs(b), abs(height)), sign, radii, volumes)


@compiled()
def share_out(values: NDArray, shares: NDArray, centres: NDArray, sigma: float, histogram: NDArray) -> None:
    """Share out values on equidistant bins by Gaussians that sum to one; values outside count at the ends.

    :param values: (v,) the values.
    :param shares: (v,) how much each counts.
    :param centres: (b,) ascending bin centres.
    :param sigma: width of the Gaussians.
    :param histogram: (b,) the shares are added here.
    """
    n_bins = centres.shape[0]
    weights = np.empty(n_bins)
    for index in range(values.shape[0]):
        value = min(max(values[index], centres[0]), centres[n_bins - 1])
        # The nearest bin first, so that a width far below the bins does not underflow to 0/0.
        nearest = np.abs(centres - value).min() ** 2
        total = 0.0
        for bin_ in range(n_bins):
            exponent = ((centres[bin_] - value) ** 2 - nearest) / (2 * sigma * sigma)
            weights[bin_] = np.exp(-exponent) if exponent < 40 else 0.0
            total += weights[bin_]
        for bin_ in range(n_bins):
            histogram[bin_] += shares[index] * weights[bin_] / total


@compiled()
def count_around(
    corners: NDArray,
    owners: NDArray,
    neighbours: tuple[NDArray, NDArray, NDArray],
    kinds: NDArray,
    width: float,
    counts: NDArray,
) -> None:
    """Count the ions around each corner: one at the distance d counts exp(-(d/R - 1)^2 / 2 w^2) if the nearest is at R.

    :param corners: (c, 3) the corners, each relative to an ion on its sphere, Å.
    :param owners: (c,) that ion.
    :param neighbours: offsets, indices and vectors of the pairs of ions.
    :param kinds: (n,) kind of each ion.
    :param width: w.
    :param counts: (c, kinds) the counts are added here.
    """
    offsets, indices, vectors = neighbours
    for corner in range(corners.shape[0]):
        owner = owners[corner]
        x, y, z = corners[corner]
        square = x * x + y * y + z * z
        counts[corner, kinds[owner]] += 1.0
        last = square * (1 + LAST * width) ** 2
        for pair in range(offsets[owner], offsets[owner + 1]):
            away = (vectors[pair, 0] - x) ** 2 + (vectors[pair, 1] - y) ** 2 + (vectors[pair, 2] - z) ** 2
            if away < last:
                part = (np.sqrt(away / square) - 1) / width
                counts[corner, kinds[indices[pair]]] += np.exp(-0.5 * part * part)
