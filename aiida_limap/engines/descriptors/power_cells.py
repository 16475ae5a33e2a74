"""Compiled kernels of power diagrams: Voronoi cells of weighted points, cut plane by plane.

A cell is kept as its edges, each with its two corners and its two faces. A plane is decided upon per corner, and every
edge is cut once: cells in which more than three faces meet in a corner, the rule in crystals of high symmetry, need no
special treatment, they only get edges of no length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = ['CLOSED', 'FULL', 'OPEN', 'cut_all_cells', 'merge_corners']

#: What :func:`cut_all_cells` returns: all cells are closed; one is not, with these neighbours; the arrays are full.
CLOSED, OPEN, FULL = 0, 1, 2
#: A plane that cuts off less than this (Å) leaves a corner as it is.
_SLACK = 1e-10


@compiled()
def _start(half: float, corners: NDArray, ends: NDArray, faces: NDArray) -> tuple[int, int]:
    """Fill in a cube around the origin; return its numbers of corners and edges. Its faces have the numbers 0 to 5."""
    n_edges = 0
    for corner in range(8):
        for axis in range(3):
            corners[corner, axis] = half if (corner >> axis) & 1 else -half
        for axis in range(3):
            if (corner >> axis) & 1:
                continue
            ends[n_edges, 0], ends[n_edges, 1] = corner, corner | (1 << axis)
            for place in range(2):
                other = (axis + 1 + place) % 3
                faces[n_edges, place] = 2 * other + ((corner >> other) & 1)
            n_edges += 1
    return 8, n_edges


@compiled()
def _beyond(plane: NDArray, corners: NDArray, ends: NDArray, n_edges: int, heights: NDArray) -> bool:
    """Return whether any corner lies beyond the plane (normal and height), and fill in how far each one does."""
    cuts = False
    for edge in range(n_edges):
        for place in range(2):
            corner = ends[edge, place]
            height = (
                plane[0] * corners[corner, 0] + plane[1] * corners[corner, 1] + plane[2] * corners[corner, 2] - plane[3]
            )
            heights[corner] = height
            if height > _SLACK:
                cuts = True
    return cuts


@compiled()
def _cut(
    heights: NDArray,
    face: int,
    cell: tuple[NDArray, NDArray, NDArray],
    counts: tuple[int, int],
    pending: NDArray,
) -> tuple[int, int]:
    """Cut off what lies beyond a plane, which becomes the face ``face``; return the numbers of corners and edges.

    :param heights: how far the corners lie beyond the plane.
    :param face: number of the new face.
    :param cell: corners, ends and faces of the edges.
    :param counts: numbers of corners and edges.
    :param pending: -1 for every face; scratch.
    """
    corners, ends, faces = cell
    n_corners, n_old = counts
    kept, added = 0, n_old
    for edge in range(n_old):
        one, other = ends[edge, 0], ends[edge, 1]
        one_out, other_out = heights[one] > _SLACK, heights[other] > _SLACK
        if one_out and other_out:
            continue
        first, second = faces[edge, 0], faces[edge, 1]
        if one_out or other_out:
            part = min(1.0, max(0.0, heights[one] / (heights[one] - heights[other])))
            for axis in range(3):
                corners[n_corners, axis] = corners[one, axis] + part * (corners[other, axis] - corners[one, axis])
            if one_out:
                one = n_corners
            else:
                other = n_corners
            # The second corner that a face gets closes it with an edge to the first one.
            for place in range(2):
                own = first if place == 0 else second
                if pending[own] < 0:
                    pending[own] = n_corners
                else:
                    ends[added, 0], ends[added, 1] = pending[own], n_corners
                    faces[added, 0], faces[added, 1] = own, face
                    added += 1
                    pending[own] = -1
            n_corners += 1
        ends[kept, 0], ends[kept, 1], faces[kept, 0], faces[kept, 1] = one, other, first, second
        kept += 1
    for edge in range(n_old, added):
        ends[kept, 0], ends[kept, 1] = ends[edge, 0], ends[edge, 1]
        faces[kept, 0], faces[kept, 1] = faces[edge, 0], faces[edge, 1]
        kept += 1
    return n_corners, kept


@compiled()
def _radius(corners: NDArray, ends: NDArray, n_edges: int) -> float:
    """Return how far the outermost corner lies from the origin."""
    largest = 0.0
    for edge in range(n_edges):
        for place in range(2):
            x, y, z = corners[ends[edge, place]]
            largest = max(largest, x * x + y * y + z * z)
    return np.sqrt(largest)


@compiled()
def _compact(corners: NDArray, ends: NDArray, n_edges: int, places: NDArray, scratch: NDArray) -> int:
    """Drop the corners that are no longer used; return how many there are."""
    places[:] = -1
    n_corners = 0
    for edge in range(n_edges):
        for place in range(2):
            corner = ends[edge, place]
            if places[corner] < 0:
                places[corner] = n_corners
                scratch[n_corners] = corners[corner]
                n_corners += 1
            ends[edge, place] = places[corner]
    corners[:n_corners] = scratch[:n_corners]
    return n_corners


@compiled()
def cut_all_cells(
    neighbours: tuple[NDArray, NDArray, NDArray, NDArray],
    weights: NDArray,
    half: float,
    corners: NDArray,
    ends: NDArray,
    pairs: NDArray,
    owners: NDArray,
) -> tuple[int, int, int]:
    """Find the cells of all points: where ``|x - p_i|^2 - w_i`` is smaller than for every other point.

    :param neighbours: offsets, indices, vectors and distances of the pairs of points, sorted by centre and distance.
    :param weights: (n,) weights of the points, Å2.
    :param half: half edge of the cube that the cells are cut from, Å.
    :param corners: (c, 3) gets the corners, relative to the point of their cell, Å.
    :param ends: (m, 2) gets the corners at the ends of the edges.
    :param pairs: (m, 2) gets the faces on both sides, as pairs of points.
    :param owners: (m,) gets the point whose cell an edge belongs to.
    :returns: :data:`CLOSED`, :data:`OPEN` or :data:`FULL`, and the numbers of corners and edges.
    """
    offsets, indices, vectors, distances = neighbours
    heaviest = weights.max()
    room = corners.shape[0]
    own, scratch, heights = np.empty((room, 3)), np.empty((room, 3)), np.empty(room)
    own_ends, own_faces = np.empty((room, 2), np.int64), np.empty((room, 2), np.int64)
    places, plane = np.empty(room, np.int64), np.empty(4)
    pending = np.full(6 + np.diff(offsets).max(), -1, np.int64)
    total_corners, total_edges = 0, 0
    for point in range(weights.shape[0]):
        n_corners, n_edges = _start(half, own, own_ends, own_faces)
        radius, closed = _radius(own, own_ends, n_edges), False
        for pair in range(offsets[point], offsets[point + 1]):
            distance = distances[pair]
            # No neighbour further than this cuts the cell, whatever its weight.
            if distance > radius + np.sqrt(radius * radius + heaviest - weights[point]):
                closed = True
                break
            height = (distance * distance + weights[point] - weights[indices[pair]]) / (2 * distance)
            if height > radius:
                continue
            for axis in range(3):
                plane[axis] = vectors[pair, axis] / distance
            plane[3] = height
            if not _beyond(plane, own, own_ends, n_edges, heights):
                continue
            # A cut adds at most one corner and one edge per edge.
            if n_corners + n_edges > room or 2 * n_edges > room:
                n_corners = _compact(own, own_ends, n_edges, places, scratch)
                if n_corners + n_edges > room or 2 * n_edges > room:
                    return FULL, 0, 0
            face = 6 + pair - offsets[point]
            n_corners, n_edges = _cut(heights, face, (own, own_ends, own_faces), (n_corners, n_edges), pending)
            pending[:] = -1
            if n_edges == 0:
                break
            radius = _radius(own, own_ends, n_edges)
        if n_edges == 0:
            continue
        if not closed:
            return OPEN, 0, 0
        n_corners = _compact(own, own_ends, n_edges, places, scratch)
        if total_corners + n_corners > room or total_edges + n_edges > room:
            return FULL, 0, 0
        corners[total_corners : total_corners + n_corners] = own[:n_corners]
        for edge in range(n_edges):
            for place in range(2):
                ends[total_edges, place] = total_corners + own_ends[edge, place]
                pairs[total_edges, place] = offsets[point] + own_faces[edge, place] - 6
            owners[total_edges] = point
            total_edges += 1
        total_corners += n_corners
    return CLOSED, total_corners, total_edges


@compiled()
def merge_corners(
    positions: NDArray, cell: NDArray, inverse: NDArray, tolerance: float
) -> tuple[NDArray, NDArray, NDArray]:
    """Find the points of a periodic set that are one and the same.

    :param positions: (c, 3) fractional coordinates, not wrapped.
    :param cell: (3, 3) lattice vectors as rows, Å.
    :param inverse: (3, 3) its inverse.
    :param tolerance: closer points are one, Å.
    :returns: (c,) number of the point that each is an image of, (c, 3) the cell in which it lies as seen from there,
        and (v,) for each such point the first of its images.
    """
    n_points = positions.shape[0]
    bins = max(1, int(n_points ** (1 / 3) / 1.5))
    numbers, cells = np.empty(n_points, np.int64), np.empty((n_points, 3), np.int64)
    heads, following = np.full((bins, bins, bins), -1, np.int64), np.full(n_points, -1, np.int64)
    kept, firsts, n_kept = np.empty((n_points, 3)), np.empty(n_points, np.int64), 0
    margins, wrapped, away = np.empty(3), np.empty(3), np.empty(3)
    own, low, high = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(3, np.int64)
    for axis in range(3):
        margins[axis] = bins * tolerance * np.sqrt((inverse[:, axis] ** 2).sum())
    for point in range(n_points):
        for axis in range(3):
            wrapped[axis] = positions[point, axis] - np.floor(positions[point, axis])
            own[axis] = min(bins - 1, int(wrapped[axis] * bins))
            inside = wrapped[axis] * bins - own[axis]
            low[axis] = -1 if inside < margins[axis] else 0
            high[axis] = 1 if 1 - inside < margins[axis] else 0
        found = -1
        for i in range(own[0] + low[0], own[0] + high[0] + 1):
            for j in range(own[1] + low[1], own[1] + high[1] + 1):
                for k in range(own[2] + low[2], own[2] + high[2] + 1):
                    candidate = heads[i % bins, j % bins, k % bins]
                    while candidate >= 0 and found < 0:
                        for axis in range(3):
                            away[axis] = wrapped[axis] - kept[candidate, axis]
                            away[axis] -= np.round(away[axis])
                        square = 0.0
                        for axis in range(3):
                            length = away[0] * cell[0, axis] + away[1] * cell[1, axis] + away[2] * cell[2, axis]
                            square += length * length
                        if square < tolerance * tolerance:
                            found = candidate
                        candidate = following[candidate]
        if found < 0:
            found = n_kept
            kept[found], firsts[found] = wrapped, point
            following[found] = heads[own[0], own[1], own[2]]
            heads[own[0], own[1], own[2]] = found
            n_kept += 1
        numbers[point] = found
        for axis in range(3):
            cells[point, axis] = int(np.round(positions[point, axis] - kept[found, axis]))
    return numbers, cells, firsts[:n_kept]
