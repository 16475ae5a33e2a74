"""Compiled cutting of the faces of Voronoi cells."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = ['cut_faces']

#: A cell is closed when its faces cover the sphere up to this (steradian); faces below it are dropped.
_NOTHING = 1e-10


@compiled()
def _square(face: NDArray, length: float, half: float, polygon: NDArray) -> int:
    """Fill in a square around the middle between the site and a neighbour, upright on the line between them.

    :param face: (3,) from the site to the neighbour, of this length, Å.
    :param half: half edge of the square, Å.
    :returns: the number of corners.
    """
    x, y, z = face[0] / length, face[1] / length, face[2] / length
    # An orthonormal basis without cases where it degenerates (Duff et al., J. Comput. Graph. Tech. 6, 1 (2017)).
    sign = 1.0 if z >= 0.0 else -1.0
    a = -1.0 / (sign + z)
    b = x * y * a
    for corner in range(4):
        along = half if corner == 0 or corner == 3 else -half
        across = half if corner < 2 else -half
        polygon[corner, 0] = 0.5 * face[0] + along * (1.0 + sign * x * x * a) + across * b
        polygon[corner, 1] = 0.5 * face[1] + along * sign * b + across * (sign + y * y * a)
        polygon[corner, 2] = 0.5 * face[2] - along * sign * x - across * y
    return 4


@compiled()
def _clip(plane: NDArray, height: float, polygon: NDArray, count: int, heights: NDArray, scratch: NDArray) -> int:
    """Keep what lies on this side of a plane (Sutherland, Hodgman 1974); return the number of corners, -1 for all."""
    outside = 0
    for corner in range(count):
        x, y, z = polygon[corner, 0], polygon[corner, 1], polygon[corner, 2]
        heights[corner] = plane[0] * x + plane[1] * y + plane[2] * z - height
        if heights[corner] > 0.0:
            outside += 1
    if outside == 0:
        return -1
    if outside == count:
        return 0
    kept = 0
    for corner in range(count):
        after = corner + 1 if corner + 1 < count else 0
        here, there = heights[corner], heights[after]
        if here <= 0.0:
            for axis in range(3):
                scratch[kept, axis] = polygon[corner, axis]
            kept += 1
        if (here < 0.0 < there) or (there < 0.0 < here):
            part = here / (here - there)
            for axis in range(3):
                start = polygon[corner, axis]
                scratch[kept, axis] = start + part * (polygon[after, axis] - start)
            kept += 1
    for corner in range(kept):
        for axis in range(3):
            polygon[corner, axis] = scratch[corner, axis]
    return kept


@compiled()
def _radius(polygon: NDArray, count: int) -> float:
    """Return how far the outermost corner lies from the site."""
    square = 0.0
    for corner in range(count):
        x, y, z = polygon[corner, 0], polygon[corner, 1], polygon[corner, 2]
        square = max(square, x * x + y * y + z * z)
    return math.sqrt(square)


@compiled()
def _measures(polygon: NDArray, count: int) -> tuple[float, float]:
    """Return the solid angle and the area, from triangles (Van Oosterom and Strackee 1983)."""
    angle, area = 0.0, 0.0
    ax, ay, az = polygon[0, 0], polygon[0, 1], polygon[0, 2]
    a = math.sqrt(ax * ax + ay * ay + az * az)
    for corner in range(1, count - 1):
        bx, by, bz = polygon[corner, 0], polygon[corner, 1], polygon[corner, 2]
        cx, cy, cz = polygon[corner + 1, 0], polygon[corner + 1, 1], polygon[corner + 1, 2]
        b, c = math.sqrt(bx * bx + by * by + bz * bz), math.sqrt(cx * cx + cy * cy + cz * cz)
        px, py, pz = bx - ax, by - ay, bz - az
        qx, qy, qz = cx - ax, cy - ay, cz - az
        nx, ny, nz = py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx
        area += 0.5 * math.sqrt(nx * nx + ny * ny + nz * nz)
        # The triple product of the corners is that of one corner with the edges, which is exact for slivers too.
        triple = abs(ax * nx + ay * ny + az * nz)
        dots = a * b * c + (ax * bx + ay * by + az * bz) * c + (ax * cx + ay * cy + az * cz) * b
        angle += 2.0 * math.atan2(triple, dots + (bx * cx + by * cy + bz * cz) * a)
    return angle, area


@compiled()
def cut_faces(
    offsets: NDArray, vectors: NDArray, distances: NDArray
) -> tuple[int, NDArray, NDArray, NDArray, NDArray, NDArray]:
    """Cut the faces of the Voronoi cells of all sites.

    Each face is a large polygon in the bisecting plane, clipped by the bisecting planes of all neighbours that are
    nearer than twice its outermost corner. No face depends on how another one came out, so that corners where more than
    three faces meet, the rule in crystals of high symmetry, only give faces of no area.

    :param offsets: (n + 1,) where the neighbours of each site begin and end.
    :param vectors: (m, 3) from each site to its neighbours, Å, sorted by length.
    :param distances: (m,) their lengths, Å.
    :returns: a site whose cell the neighbours do not close, or -1; where the faces of each site begin and end (n + 1,);
        for each face the neighbour as index into ``vectors``, the solid angle and the area; the volumes (n,).
    """
    n_sites = offsets.shape[0] - 1
    starts = np.zeros(n_sites + 1, np.int64)
    members, angles, areas = np.empty(64 * n_sites, np.int64), np.empty(64 * n_sites), np.empty(64 * n_sites)
    volumes = np.zeros(n_sites)
    polygon, scratch, heights = np.empty((512, 3)), np.empty((512, 3)), np.empty(512)
    count = 0
    for site in range(n_sites):
        start, stop = offsets[site], offsets[site + 1]
        covered = 0.0
        for entry in range(start, stop):
            if covered > 4.0 * math.pi - _NOTHING:
                break
            known = distances[stop - 1]
            corners = _square(vectors[entry], distances[entry], known, polygon)
            radius = _radius(polygon, corners)
            for other in range(start, stop):
                if other == entry:
                    continue
                if distances[other] >= 2.0 * radius or corners > 500:
                    break
                left = _clip(vectors[other], 0.5 * distances[other] ** 2, polygon, corners, heights, scratch)
                if left < 0:
                    continue
                corners = left
                if corners < 3:
                    break
                radius = _radius(polygon, corners)
            if corners < 3:
                continue
            if known < 2.0 * radius:
                # More distant neighbours may cut this face: nothing can be said of this cell.
                break
            angle, area = _measures(polygon, corners)
            covered += angle
            if angle > _NOTHING:
                if count == members.shape[0]:
                    members, angles, areas = (
                        np.append(members, members),
                        np.append(angles, angles),
                        np.append(areas, areas),
                    )
                members[count], angles[count], areas[count] = entry, angle, area
                volumes[site] += area * distances[entry] / 6.0
                count += 1
        if covered <= 4.0 * math.pi - 1e-8:
            return site, starts, members[:0], angles[:0], areas[:0], volumes
        starts[site + 1] = count
    return -1, starts, members[:count], angles[:count], areas[:count], volumes
