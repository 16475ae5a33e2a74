"""Periodic grids in a cell."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import StructureTooLargeError

__all__ = ['grid_shape', 'perpendicular_widths']


def grid_shape(cell: NDArray[np.float64], spacing: float, *, max_voxels: int | None = None) -> tuple[int, int, int]:
    """Return the grid divisions: the fewest with a distance of at most ``spacing`` along each axis.

    :param cell: (3, 3) lattice vectors as rows, Å.
    :param spacing: largest distance of neighbouring points, Å.
    :param max_voxels: largest number of points, or None.
    :returns: divisions along the three axes; there are no doubled end points.
    :raises StructureTooLargeError: if there are more than ``max_voxels`` points.
    """
    # The margin keeps an exact multiple of the spacing from gaining a point by rounding.
    n1, n2, n3 = (max(1, math.ceil(length / spacing - 1e-6)) for length in np.linalg.norm(cell, axis=1))
    if max_voxels is not None and n1 * n2 * n3 > max_voxels:
        raise StructureTooLargeError(
            f'a grid of {n1} x {n2} x {n3} points at {spacing:g} Å exceeds the limit of {max_voxels}; '
            'take a wider spacing'
        )
    return n1, n2, n3


def perpendicular_widths(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (3,) distances of opposite faces of a cell, Å.

    :param cell: (3, 3) lattice vectors as rows, Å.
    """
    normals = np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]])
    return abs(np.linalg.det(cell)) / np.linalg.norm(normals, axis=1)
