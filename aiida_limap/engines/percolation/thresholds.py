"""Exact percolation thresholds of a periodic energy grid in one, two and three dimensions.

The grid points are inserted by ascending energy into a union-find structure that keeps, for every point, the image of
the cell through which it was reached. The first energy at which the lattice translations of some component span d
dimensions is the d-dimensional threshold: exact for the grid, without supercell or bisection. The criterion is that of
Machta et al., Phys. Rev. E 54, 1332 (1996), for wrapping clusters; Edelsbrunner and Heiss, arXiv:2408.16575, give the
rigorous version for crystals.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.errors import InputError

__all__ = [
    'CONNECTIVITIES',
    'Percolation',
    'insertion_order',
    'neighbour_moves',
    'percolate',
    'percolate_ordered',
    'percolation_thresholds',
]

#: Numbers of neighbours of a grid point: across faces, or across faces, edges and corners.
CONNECTIVITIES = (6, 26)


@dataclass(frozen=True, eq=False)
class Percolation:
    """Where an energy grid percolates; entry d - 1 of each tuple belongs to d dimensions.

    :param energy_minimum: lowest energy of the grid.
    :param thresholds: lowest energy at which one connected component repeats along d independent lattice translations;
        infinity where that happens nowhere.
    :param network_minima: lowest energy of that component at its threshold; infinity where there is none.
    :param translations: (3, 3, 3) integers: for each dimension, one below the other, the lattice translations along
        which that component repeats, in units of the cell; rows of zeros where there are fewer.
    :param sublattice_index: index of the translations of the component that percolates in three dimensions within all
        translations of the cell, at the threshold: so many copies of it interpenetrate without touching. None where
        there is none.
    """

    energy_minimum: float
    thresholds: tuple[float, float, float]
    network_minima: tuple[float, float, float]
    translations: NDArray[np.int64]
    sublattice_index: int | None

    @property
    def barriers(self) -> tuple[float | None, ...]:
        """Thresholds above the lowest energy of the grid; None where nothing percolates."""
        return tuple(None if math.isinf(value) else value - self.energy_minimum for value in self.thresholds)

    @property
    def network_barriers(self) -> tuple[float | None, ...]:
        """Thresholds above the lowest energy of the percolating component; None where nothing percolates."""
        return tuple(
            None if math.isinf(value) else value - minimum
            for value, minimum in zip(self.thresholds, self.network_minima, strict=True)
        )


def percolation_thresholds(
    energy: ArrayLike, *, connectivity: int = 26, maximum: float = math.inf
) -> tuple[float, float, float]:
    """Return the lowest energies at which the points below them percolate in one, two and three dimensions.

    :param energy: (n1, n2, n3) energies on a periodic grid without doubled end points; any size from 1 along each axis.
        Infinite entries are never entered.
    :param connectivity: neighbours of a point: 26 (default) or 6.
    :param maximum: points above this energy are never entered.
    :returns: thresholds (t1, t2, t3) with t1 <= t2 <= t3, in the unit of ``energy``; ``float('inf')`` where nothing
        percolates.
    :raises InputError: if the array is not three-dimensional, is empty or holds NaN, or the connectivity is unknown.
    """
    return percolate(energy, connectivity=connectivity, maximum=maximum).thresholds


def percolate(energy: ArrayLike, *, connectivity: int = 26, maximum: float = math.inf) -> Percolation:
    """Find thresholds and the component that percolates at each of them.

    :param energy: (n1, n2, n3) energies on a periodic grid, see :func:`percolation_thresholds`.
    :param connectivity: neighbours of a point: 26 (default) or 6.
    :param maximum: points above this energy are never entered.
    :returns: thresholds, minima and sublattice index.
    :raises InputError: as :func:`percolation_thresholds`.
    """
    grid = np.asarray(energy)
    if not np.issubdtype(grid.dtype, np.floating):
        grid = grid.astype(np.float64)
    if grid.ndim != 3 or grid.size == 0:
        raise InputError(f'percolation needs a three-dimensional array of energies, not one of shape {grid.shape}')
    if np.isnan(grid).any():
        raise InputError('percolation: the energies hold NaN; mark points that cannot be entered by infinity')
    if grid.size > np.iinfo(np.int32).max:
        raise InputError(f'percolation: {grid.size} grid points are more than the limit of 2^31')
    return percolate_ordered(grid, insertion_order(grid, maximum), connectivity=connectivity)


def insertion_order(energy: NDArray, maximum: float = math.inf) -> NDArray[np.int64]:
    """Return the flat indices of the points that may be entered, by ascending energy and, for equal ones, by index.

    :param energy: (n1, n2, n3) energies.
    :param maximum: points above this energy are left out, and so are infinite ones.
    :returns: (m,) indices.
    """
    flat = energy.ravel()
    candidates = np.flatnonzero((flat <= maximum) & (flat < np.inf))
    return candidates[_stable_order(flat[candidates])]


def _stable_order(values: NDArray) -> NDArray[np.int64]:
    """Return the indices that sort finite numbers; equal ones keep their order.

    Single precision is sorted by its bits in two passes over 16 of them, for which numpy has a radix sort: several
    times faster than its sort of floating-point numbers.
    """
    if values.dtype != np.float32:
        return np.argsort(values, kind='stable')
    # Adding zero turns -0.0 into 0.0, so that equal numbers have equal bits.
    bits = (values + np.float32(0)).view(np.uint32)
    keys = np.where(bits >> 31, ~bits, bits | np.uint32(0x80000000))
    order = np.argsort(keys.astype(np.uint16), kind='stable')
    return order[np.argsort((keys >> 16).astype(np.uint16)[order], kind='stable')]


def percolate_ordered(energy: NDArray, order: NDArray[np.int64], *, connectivity: int = 26) -> Percolation:
    """Do what :func:`percolate` does, with points that have been sorted before.

    :param energy: (n1, n2, n3) floating-point energies without NaN.
    :param order: (m,) the points to enter, as from :func:`insertion_order`.
    :param connectivity: neighbours of a point: 26 (default) or 6.
    :returns: thresholds, minima and sublattice index.
    :raises InputError: if the connectivity is unknown.
    """
    from aiida_limap.engines.percolation.union_find import insert_points

    flat = energy.ravel()
    reached = np.full(3, -1, dtype=np.int64)
    deepest = np.full(3, -1, dtype=np.int64)
    bases = np.zeros((3, 3, 3), dtype=np.int64)
    shape = np.array(energy.shape, dtype=np.int64)
    insert_points(order, flat[order], shape, neighbour_moves(connectivity), reached, deepest, bases)

    def energies(positions: NDArray[np.int64]) -> tuple[float, float, float]:
        one, two, three = (float(flat[order[place]]) if place >= 0 else math.inf for place in positions)
        return one, two, three

    return Percolation(
        energy_minimum=float(flat.min()),
        thresholds=energies(reached),
        network_minima=energies(deepest),
        translations=bases,
        sublattice_index=abs(int(np.prod(np.diagonal(bases[2])))) if reached[2] >= 0 else None,
    )


def neighbour_moves(connectivity: int) -> NDArray[np.int64]:
    """Return the (k, 3) steps from a grid point to its neighbours.

    :param connectivity: how many there are, 26 or 6.
    :raises InputError: for any other number.
    """
    if connectivity not in CONNECTIVITIES:
        raise InputError(
            f'connectivity {connectivity!r} is unknown; known are {CONNECTIVITIES[0]} and {CONNECTIVITIES[1]}'
        )
    moves = [move for move in itertools.product((-1, 0, 1), repeat=3) if any(move)]
    if connectivity == 6:
        moves = [move for move in moves if sum(map(abs, move)) == 1]
    return np.array(moves, dtype=np.int64)
