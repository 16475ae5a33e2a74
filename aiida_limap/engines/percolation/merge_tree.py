"""The merge tree of a periodic energy grid and its bars, independent of the cell.

While the level rises, connected components of the points below it are born, grow, join each other and begin to repeat
along lattice translations. A component that repeats along p independent translations stands for infinitely many in the
crystal: pockets (p = 0), channels (p = 1), layers (p = 2) or networks (p = 3). How densely they lie is the covolume of
its translations over the volume of the cell: pockets per volume, channels per area, layers per length, and the number
of networks that interpenetrate. These are the shadow monomials of Edelsbrunner and Heiss, arXiv:2408.16575. Unlike the
number of components in a cell they do not depend on the cell.

A bar of dimension p starts where a component begins to repeat along p translations (for pockets: where it is born) and
ends where it begins to repeat along more of them, or joins one of the same kind that started earlier (the elder rule
within each dimension). Where channels join their own copies by a denser set of translations, those that are lost end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.percolation.thresholds import insertion_order, neighbour_moves

__all__ = ['MergeTree', 'merge_tree']


@dataclass(frozen=True, eq=False)
class MergeTree:
    """Bars of the merge tree of a periodic grid.

    :param energy_minimum: lowest energy of the grid.
    :param dimensions: (b,) number of independent translations along which the component of a bar repeats, 0 to 3.
    :param starts: (b,) energies at which the bars start.
    :param ends: (b,) energies at which they end; infinity where they do not.
    :param densities: (b,) how densely such components lie: 1/Å^3, 1/Å^2, 1/Å or a pure number by dimension.
    :param minima: (b,) lowest energies of the components when the bars start; equal to the start for pockets.
    :param openings: (b, 3) for pockets: the lowest energies at which what holds the pocket repeats along 1, 2, 3
        translations, so that an ion gets out of it and through the crystal; infinity where that happens nowhere, NaN
        for other bars.
    :param points: (b,) for pockets: the flat index of the lowest grid point; of several equal ones the first. -1 for
        other bars.
    """

    energy_minimum: float
    dimensions: NDArray[np.int64]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    densities: NDArray[np.float64]
    minima: NDArray[np.float64]
    openings: NDArray[np.float64]
    points: NDArray[np.int64]

    def of_dimension(self, dimension: int) -> MergeTree:
        """Return the bars of one dimension.

        :param dimension: 0 for pockets, 1 for channels, 2 for layers, 3 for networks.
        """
        return self._chosen(self.dimensions == dimension)

    def density(self, dimension: int, energies: ArrayLike) -> NDArray[np.float64]:
        """Return how densely components of a dimension lie at energies; points of these energies count as entered.

        :param dimension: 0 to 3.
        :param energies: (k,) energies.
        :returns: (k,) densities in 1/Å^(3 - dimension).
        """
        levels = np.asarray(energies, dtype=np.float64)[..., None]
        bars = self.of_dimension(dimension)
        return ((bars.starts <= levels) & (levels < bars.ends)) @ bars.densities

    @property
    def thresholds(self) -> tuple[float, float, float]:
        """Lowest energies at which some component repeats along at least 1, 2, 3 translations; infinity where none."""
        one, two, three = (
            float(self.starts[self.dimensions >= dimension].min(initial=math.inf)) for dimension in (1, 2, 3)
        )
        return one, two, three

    @property
    def network_minima(self) -> tuple[float, float, float]:
        """Lowest energies of the components that percolate at the thresholds; infinity where there are none."""
        one, two, three = (
            float(self.minima[(self.dimensions >= dimension) & (self.starts == threshold)].min(initial=math.inf))
            for dimension, threshold in zip((1, 2, 3), self.thresholds, strict=True)
        )
        return one, two, three

    def _chosen(self, mask: NDArray[np.bool_]) -> MergeTree:
        return MergeTree(
            self.energy_minimum,
            self.dimensions[mask],
            self.starts[mask],
            self.ends[mask],
            self.densities[mask],
            self.minima[mask],
            self.openings[mask],
            self.points[mask],
        )


def merge_tree(
    energy: ArrayLike,
    *,
    cell: ArrayLike | None = None,
    connectivity: int = 26,
    moves: Sequence[Sequence[int]] | NDArray[np.int64] | None = None,
    maximum: float = math.inf,
) -> MergeTree:
    """Build the periodic merge tree of an energy grid in one pass over its points by ascending energy.

    Bars without length are left out, so the order of equal points does not matter, and small changes of the energies
    move the bars by as much.

    :param energy: (n1, n2, n3) energies on a periodic grid without doubled end points; any size from 1 along each axis.
        Infinite entries are never entered.
    :param cell: (3, 3) lattice vectors as rows, Å; None takes a cube of edge 1.
    :param connectivity: neighbours of a point: 26 (default) or 6.
    :param moves: (k, 3) steps to the neighbours of a point, each with its opposite, instead of ``connectivity``.
    :param maximum: points above this energy are never entered.
    :returns: the bars, by dimension, start, end and density.
    :raises InputError: if the array is not three-dimensional, is empty or holds NaN, the cell has no volume, or the
        neighbours are unknown, or not in opposite pairs.
    """
    from aiida_limap.engines.percolation._tree_growth import grow_tree

    grid = np.ascontiguousarray(energy, dtype=np.float64)
    if grid.ndim != 3 or grid.size == 0:
        raise InputError(f'a merge tree needs a three-dimensional array of energies, not one of shape {grid.shape}')
    if np.isnan(grid).any():
        raise InputError('merge tree: the energies hold NaN; mark points that cannot be entered by infinity')
    if grid.size > np.iinfo(np.int32).max:
        raise InputError(f'merge tree: {grid.size} grid points are more than the limit of 2^31')
    lattice = np.eye(3) if cell is None else np.asarray(cell, dtype=np.float64)
    if lattice.shape != (3, 3) or not np.isfinite(lattice).all() or np.linalg.det(lattice) == 0:
        raise InputError('merge tree: the cell must be three lattice vectors that span a volume')
    steps = neighbour_moves(connectivity) if moves is None else _checked_moves(moves)
    order = insertion_order(grid, maximum)
    values = grid.ravel()[order]
    bars, openings, firsts = grow_tree(order, values, np.array(grid.shape), steps, lattice @ lattice.T)
    bars = bars[np.lexsort((bars[:, 5], bars[:, 3], bars[:, 2], bars[:, 1], bars[:, 0]))]
    nodes, pockets = bars[:, 5].astype(np.int64), bars[:, 0] == 0
    return MergeTree(
        energy_minimum=float(grid.min()),
        dimensions=bars[:, 0].astype(np.int64),
        starts=bars[:, 1].copy(),
        ends=bars[:, 2].copy(),
        densities=bars[:, 3] / abs(np.linalg.det(lattice)),
        minima=bars[:, 4].copy(),
        openings=np.where(pockets[:, None], openings[nodes], np.nan),
        points=np.where(pockets, order[firsts[nodes]], -1),
    )


def _checked_moves(moves: Sequence[Sequence[int]] | NDArray[np.int64]) -> NDArray[np.int64]:
    steps = np.asarray(moves)
    if steps.ndim != 2 or steps.shape[1] != 3 or not np.issubdtype(steps.dtype, np.integer):
        raise InputError('merge tree: the steps to the neighbours must be whole numbers of shape (k, 3)')
    known = {tuple(step) for step in steps.tolist()}
    if any((-a, -b, -c) not in known for a, b, c in known):
        raise InputError('merge tree: each step to a neighbour needs its opposite')
    return steps.astype(np.int64)
