"""Distance to the nearest surface of spheres at every grid point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = ['fill_surface_distances']

#: Grid points along one edge of a block that shares a list of near spheres.
_BLOCK = 5


@compiled()
def _nearest(px: float, py: float, pz: float, near: NDArray, count: int) -> float:
    """Return the distance of a point to the nearest surface.

    :param px: coordinates of the point, Å.
    :param py: second coordinate.
    :param pz: third coordinate.
    :param near: (4, m) centres and radii of the spheres, Å.
    :param count: number of spheres.
    :returns: the distance, Å.
    """
    distance = np.inf
    for m in range(count):
        x, y, z = near[0, m] - px, near[1, m] - py, near[2, m] - pz
        square = x * x + y * y + z * z
        limit = distance + near[3, m]
        # Few spheres come nearer than those before, and only they need a root.
        if limit > 0 and square < limit * limit:
            distance = np.sqrt(square) - near[3, m]
    return distance


@compiled()
def fill_surface_distances(field: NDArray, step: NDArray, centres: NDArray, radii: NDArray) -> None:
    """Write the distance of each grid point to the nearest surface; negative inside a sphere.

    Within a block of half-diagonal h the distance to any surface changes by at most h, so that only spheres whose
    surface is within 2 h of the nearest one, as seen from the middle of the block, can be the nearest of one of its
    points: the result is exact.

    :param field: (n1, n2, n3) distances, Å; written. Point (i, j, k) lies at i step[0] + j step[1] + k step[2].
    :param step: (3, 3) vectors between neighbouring grid points as rows, Å.
    :param centres: (3, m) centres of the spheres, Å, images included.
    :param radii: (m,) their radii, Å.
    """
    n1, n2, n3 = field.shape
    half = (_BLOCK - 1) / 2
    span = 0.0
    for signs in ((1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1)):
        corner = half * (signs[0] * step[0] + signs[1] * step[1] + signs[2] * step[2])
        span = max(span, np.sqrt(np.sum(corner * corner)))
    gaps = np.empty(len(radii))
    near = np.empty((4, len(radii)))
    for a in range(0, n1, _BLOCK):
        for b in range(0, n2, _BLOCK):
            for c in range(0, n3, _BLOCK):
                middle = (a + half) * step[0] + (b + half) * step[1] + (c + half) * step[2]
                # Without the minimum this loop runs in SIMD.
                for m in range(len(radii)):
                    x, y, z = centres[0, m] - middle[0], centres[1, m] - middle[1], centres[2, m] - middle[2]
                    gaps[m] = np.sqrt(x * x + y * y + z * z) - radii[m]
                lowest = gaps.min()
                count = 0
                for m in range(len(radii)):
                    # The margin covers rounding where a sphere is exactly at the limit.
                    if gaps[m] <= lowest + 2 * span + 1e-9:
                        near[:3, count] = centres[:, m]
                        near[3, count] = radii[m]
                        count += 1
                for i in range(a, min(a + _BLOCK, n1)):
                    for j in range(b, min(b + _BLOCK, n2)):
                        for k in range(c, min(c + _BLOCK, n3)):
                            point = i * step[0] + j * step[1] + k * step[2]
                            field[i, j, k] = _nearest(point[0], point[1], point[2], near, count)
