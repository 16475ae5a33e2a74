"""From the grid to the continuum: refined minima and saddles, and the percolation of the network that they form.

The grid is flooded from below. Each place where two basins meet is the start of a search for a saddle of index one,
from which two descents lead to the minima that it connects. All saddles near a threshold are refined and the network
is percolated again, so that those of nearly the same energy cannot swap places unnoticed.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.bvff.continuum import Continuum, Saddles
from aiida_limap.engines.bvff.percolation import Percolation, neighbour_moves
from aiida_limap.engines.bvff.symmetry import SymmetricGrid
from aiida_limap.engines.errors import StructureTooLargeError

__all__ = ['GraphPercolation', 'RefinedNetwork', 'percolate_graph', 'refine_network']

#: How far saddles of the grid may lie from those of the continuum: a constant (eV) and per spacing (eV/Å).
_WINDOW_EV = 0.05
_WINDOW_EV_PER_ANGSTROM = 0.6
#: Saddles below a threshold are refined down to so many windows.
_WINDOWS_BELOW = 2.0
#: Largest distance of a saddle from its place on the grid, Å: along a flat ridge the grid has false lows.
_REACH_ANGSTROM = 2.5
#: A saddle within so many spacings of its place explains it, whichever minima it connects.
_NEAR_SPACINGS = 2.0
_ROUNDS = 20


@dataclass(frozen=True, eq=False)
class GraphPercolation:
    """Where a periodic graph percolates; entry d - 1 belongs to d dimensions.

    :param thresholds: energies at which a component repeats along d lattice translations; infinity where none does.
    :param critical: the edge that made it so, by its place in the list of edges; -1 where there is none.
    :param deepest: lowest node of that component at that moment; -1 where there is none.
    :param translations: (3, 3, 3) its lattice translations, one below the other, in units of the cell.
    :param members: (3, n) whether a node belongs to it.
    """

    thresholds: tuple[float, float, float]
    critical: tuple[int, int, int]
    deepest: tuple[int, int, int]
    translations: NDArray[np.int64]
    members: NDArray[np.bool_]

    @property
    def sublattice_index(self) -> int | None:
        """Index of the translations of the three-dimensional network within those of the cell, or None."""
        if self.critical[2] < 0:
            return None
        return abs(math.prod(int(entry) for entry in np.diagonal(self.translations[2])))


@dataclass(frozen=True, eq=False)
class RefinedNetwork:
    """Sites of the mobile ion and the passes between them, in the cell of the grid.

    :param positions: (n, 3) fractional coordinates of the sites, not wrapped.
    :param energies: (n,) their energies, eV.
    :param is_site: (n,) whether an entry is a site of its own; else it has been merged with another one.
    :param edges: (m, 5) first site, second site and the cell of the second as seen from the first.
    :param saddle_energies: (m,) energy of each pass, eV.
    :param saddle_positions: (m, 3) fractional coordinates of the saddles, as seen from the first site.
    :param refined: (m,) whether a pass is a saddle of the continuum; else it is the one of the grid.
    :param percolation: thresholds and components.
    """

    positions: NDArray[np.float64]
    energies: NDArray[np.float64]
    is_site: NDArray[np.bool_]
    edges: NDArray[np.int64]
    saddle_energies: NDArray[np.float64]
    saddle_positions: NDArray[np.float64]
    refined: NDArray[np.bool_]
    percolation: GraphPercolation

    @property
    def unresolved(self) -> int:
        """How many of the thresholds rest on a pass that could not be refined."""
        return sum(edge >= 0 and not self.refined[edge] for edge in self.percolation.critical)


def percolate_graph(energies: NDArray, edges: NDArray, saddle_energies: NDArray) -> GraphPercolation:
    """Find where a periodic graph percolates in one, two and three dimensions, in one pass over its edges.

    :param energies: (n,) energies of the nodes.
    :param edges: (m, 5) first node, second node and the cell of the second as seen from the first.
    :param saddle_energies: (m,) energies at which the edges open.
    :returns: thresholds, critical edges and components.
    """
    from aiida_limap.engines.bvff._union_find import insert_edges

    order = np.argsort(saddle_energies, kind='stable')
    reached, deepest = np.full(3, -1, dtype=np.int64), np.full(3, -1, dtype=np.int64)
    bases = np.zeros((3, 3, 3), dtype=np.int64)
    members = np.zeros((3, len(energies)), dtype=np.bool_)
    insert_edges(np.ascontiguousarray(edges[order]), energies, reached, deepest, bases, members)
    critical = [int(order[place]) if place >= 0 else -1 for place in reached]
    thresholds = [float(saddle_energies[edge]) if edge >= 0 else math.inf for edge in critical]
    return GraphPercolation(
        thresholds=(thresholds[0], thresholds[1], thresholds[2]),
        critical=(critical[0], critical[1], critical[2]),
        deepest=(int(deepest[0]), int(deepest[1]), int(deepest[2])),
        translations=bases,
        members=members,
    )


def refine_network(
    grid: SymmetricGrid,
    energy: NDArray[np.float32],
    order: NDArray[np.int64],
    coarse: Percolation,
    *,
    spacing: float,
    everything: bool = False,
) -> RefinedNetwork:
    """Refine the sites and passes of a grid of energies.

    :param grid: the grid and its symmetry.
    :param energy: (n1, n2, n3) energies, eV.
    :param order: (m,) its points by ascending energy, up to the cap.
    :param coarse: how the grid percolates.
    :param spacing: distance of grid points, Å.
    :param everything: refine all passes up to the highest threshold, not only those near a threshold.
    :returns: the network with its thresholds in the continuum.
    :raises StructureTooLargeError: if the grid has more basins than can be told apart.
    """
    return _Refinement(grid, energy, order, spacing=spacing).run(coarse, everything)


@dataclass(frozen=True, eq=False)
class _Passes:
    """Refined passes: edges (k, 5), energies, positions seen from the first site, and the places they come from."""

    edges: NDArray[np.int64]
    energies: NDArray[np.float64]
    positions: NDArray[np.float64]
    found: NDArray[np.bool_]
    near: NDArray[np.bool_]
    places: NDArray[np.int64]


class _Refinement:
    """The grid network and what has been refined of it so far."""

    def __init__(
        self, grid: SymmetricGrid, energy: NDArray[np.float32], order: NDArray[np.int64], *, spacing: float
    ) -> None:
        self.grid = grid
        self.energy = np.ascontiguousarray(energy).ravel()
        self.order = order
        self.continuum = Continuum(grid.framework)
        self.representatives = grid.representatives()
        self.window = _WINDOW_EV + _WINDOW_EV_PER_ANGSTROM * spacing
        self.near = _NEAR_SPACINGS * spacing
        self.pass_points = np.empty(0, dtype=np.int32)
        self.passes = Saddles(np.empty((0, 3)), np.empty(0), np.empty(0, dtype=np.bool_), np.empty((0, 2, 3)))
        self.labels = np.full(len(self.energy), -1, dtype=np.int64)

    def run(self, coarse: Percolation, everything: bool = False) -> RefinedNetwork:
        """Flood, refine the sites, then refine passes until none near a threshold is left."""
        finite = [threshold for threshold in coarse.thresholds if threshold < math.inf]
        top = max(finite) + self.window if len(finite) == 3 else math.inf
        self._flood(top)
        self._refine_sites()
        refined = np.zeros(len(self.places), dtype=np.bool_)
        network = self._assemble(refined)
        for _ in range(_ROUNDS):
            wanted = np.zeros(len(self.places), dtype=np.bool_)
            for threshold in (*network.percolation.thresholds, *coarse.thresholds):
                if threshold < math.inf:
                    lowest = -math.inf if everything else threshold - _WINDOWS_BELOW * self.window
                    wanted |= (self.place_energies > lowest) & (self.place_energies < threshold + self.window)
            if not (wanted & ~refined).any():
                break
            refined |= wanted
            self._refine_passes(np.flatnonzero(refined))
            network = self._assemble(refined)
        return network

    def _flood(self, top: float) -> None:
        from aiida_limap.engines.bvff._flood import flood, unpack_cells

        order = self.order[: np.searchsorted(self.energy[self.order], top, side='right')]
        moves = neighbour_moves(26)
        basins, contacts, places, used = flood(order, self.energy, np.array(self.grid.shape), moves, self.labels)
        if used < len(order):
            raise StructureTooLargeError(f'the grid has more than {len(basins)} basins; take a wider spacing')
        self.basin_points = basins[:, 0]
        # Where basins meet: edges of the network of the grid, one for each patch of a border, with its lowest point.
        self.places = places[:, 1]
        self.place_edges = np.column_stack([contacts[:, :2], unpack_cells(contacts[:, 2])])[places[:, 0]]
        self.place_energies = self.energy[self.places].astype(np.float64)

    def _refine_sites(self) -> None:
        """Refine the minimum of each basin; basins that lead to the same minimum become one site."""
        unique, inverse = np.unique(self.representatives[self.basin_points], return_inverse=True)
        starts = self.grid.fractional(unique)
        positions, energies, found = self.continuum.minima(starts)
        # A minimum that runs away is none of the continuum: its basin keeps the values of the grid.
        positions[~found] = starts[~found]
        energies[~found] = self.energy[unique[~found]]
        places, operations, cells = self.grid.operations_to(self.basin_points, unique[inverse])
        # One site for each basin will do, also where a minimum beside an element of symmetry has several copies.
        _, first = np.unique(places, return_index=True)
        self.site_positions = self.grid.map_positions(positions[inverse], operations[first], cells[first])
        self.site_energies = energies[inverse]
        count = len(self.basin_points)
        self.site_of = np.arange(count)
        self.site_cells = np.zeros((count, 3), dtype=np.int64)
        targets, shifts = self._locate(self.site_positions)
        # From the lowest basin up, so that each one hangs below a basin that is settled.
        for basin in range(count):
            target = targets[basin]
            if target != basin and self.site_of[target] != basin:
                self.site_of[basin] = self.site_of[target]
                self.site_cells[basin] = shifts[basin] + self.site_cells[target]
        self._settle()

    def _settle(self) -> None:
        """Let every basin name its final site, whatever the order in which they were merged."""
        for _ in range(len(self.site_of)):
            further = self.site_of[self.site_of]
            if (further == self.site_of).all():
                return
            self.site_cells = self.site_cells + self.site_cells[self.site_of]
            self.site_of = further

    def _locate(self, positions: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the basin of each (k, 3) fractional position and the cell of its minimum."""
        from aiida_limap.engines.bvff._flood import unpack_cells

        shape = np.array(self.grid.shape)
        nearest = np.rint((positions - self.grid.origin) * shape).astype(np.int64)
        cells = np.floor_divide(nearest, shape)
        points = np.ravel_multi_index((nearest - cells * shape).T, self.grid.shape)
        labels = self.labels[points]
        missing = np.flatnonzero(labels < 0)
        if len(missing):
            moves = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
            around = nearest[missing, None] + moves
            around_cells = np.floor_divide(around, shape)
            flat = np.ravel_multi_index(np.moveaxis(around - around_cells * shape, -1, 0), self.grid.shape)
            best = np.where(self.labels[flat] >= 0, self.energy[flat], np.inf).argmin(axis=1)
            rows = np.arange(len(missing))
            labels[missing] = self.labels[flat[rows, best]]
            cells[missing] = around_cells[rows, best]
        bias = (128 << 16) + (128 << 8) + 128
        return labels >> 24, cells + unpack_cells((labels & ((1 << 24) - 1)) - bias)

    def _refine_passes(self, chosen: NDArray[np.int64]) -> None:
        """Search a saddle from each chosen place, once for all places that are equivalent by symmetry."""
        unique = np.unique(self.representatives[self.places[chosen]])
        known = self.pass_points
        fresh = np.setdiff1d(unique, known)
        self.pass_points = np.concatenate([known, fresh])
        self.passes = self.passes.joined(self.continuum.saddles(self.grid.fractional(fresh), reach=_REACH_ANGSTROM))

    def _mapped_passes(self, chosen: NDArray[np.int64]) -> _Passes:
        """Return the refined passes of the chosen places, with all copies by symmetry."""
        points = self.places[chosen]
        sorter = np.argsort(self.pass_points)
        rows = sorter[np.searchsorted(self.pass_points, self.representatives[points], sorter=sorter)]
        copies, operations, cells = self.grid.operations_to(points, self.representatives[points])
        rows = rows[copies]
        position, *ends = (
            self.grid.map_positions(positions, operations, cells)
            for positions in (self.passes.positions[rows], self.passes.ends[rows, 0], self.passes.ends[rows, 1])
        )
        (first, first_cells), (second, second_cells) = (self._sites_at(end) for end in ends)
        moved = (position - self.grid.fractional(points[copies])) @ self.grid.framework.cell
        return _Passes(
            edges=np.column_stack([first, second, second_cells - first_cells]),
            energies=self.passes.energies[rows],
            positions=position - first_cells,
            found=self.passes.found[rows],
            near=self.passes.found[rows] & (np.linalg.norm(moved, axis=1) < self.near),
            places=chosen[copies],
        )

    def _sites_at(self, positions: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        basins, cells = self._locate(positions)
        return self.site_of[basins], cells + self.site_cells[basins]

    def _assemble(self, chosen: NDArray[np.bool_]) -> RefinedNetwork:
        """Join the refined passes with the places of the grid that they do not replace."""
        first, second = self.place_edges[:, 0], self.place_edges[:, 1]
        edges = np.column_stack(
            [
                self.site_of[first],
                self.site_of[second],
                self.place_edges[:, 2:] + self.site_cells[second] - self.site_cells[first],
            ]
        )
        energies, positions = self.place_energies.copy(), self.grid.fractional(self.places) - self.site_cells[first]
        refined, keep = np.zeros(len(edges), dtype=np.bool_), np.ones(len(edges), dtype=np.bool_)
        if chosen.any():
            passes = self._mapped_passes(np.flatnonzero(chosen))
            same = passes.found & (_canonical(passes.edges) == _canonical(edges[passes.places])).all(axis=1)
            keep[passes.places[same]] = False
            # Where a saddle nearby leads elsewhere, at a corner of several basins, there is no lower pass than it.
            near = passes.places[passes.near]
            refined[near] = passes.energies[passes.near] >= energies[near]
            energies[near] = np.maximum(energies[near], passes.energies[passes.near])
            edges = np.concatenate([edges, passes.edges[passes.found]])
            energies = np.concatenate([energies, passes.energies[passes.found]])
            positions = np.concatenate([positions, passes.positions[passes.found]])
            refined = np.concatenate([refined, np.ones(passes.found.sum(), dtype=np.bool_)])
            keep = np.concatenate([keep, np.ones(passes.found.sum(), dtype=np.bool_)])
        # A pass from a site to itself in the same cell, as between basins that have become one site, leads nowhere.
        keep &= (edges[:, 0] != edges[:, 1]) | edges[:, 2:].any(axis=1)
        return RefinedNetwork(
            positions=self.site_positions,
            energies=self.site_energies,
            is_site=self.site_of == np.arange(len(self.site_of)),
            edges=edges[keep],
            saddle_energies=energies[keep],
            saddle_positions=positions[keep],
            refined=refined[keep],
            percolation=percolate_graph(self.site_energies, edges[keep], energies[keep]),
        )


def _canonical(edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn edges so that the same pass, seen from either side, reads the same."""
    turned = np.column_stack([edges[:, 1], edges[:, 0], -edges[:, 2:]])
    difference = edges - turned
    first = (difference != 0).argmax(axis=1)
    forward = difference[np.arange(len(edges)), first] <= 0
    return np.where(forward[:, None], edges, turned)
