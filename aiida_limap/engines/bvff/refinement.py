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
from aiida_limap.engines.bvff.graph import RefinedNetwork, percolate_graph
from aiida_limap.engines.bvff.symmetry import SymmetricGrid
from aiida_limap.engines.errors import StructureTooLargeError
from aiida_limap.engines.percolation.thresholds import Percolation, neighbour_moves

__all__ = ['refine_network']

#: How far saddles of the grid may lie from those of the continuum: a constant (eV) and per square of the spacing
#: (eV/Å^2).
_WINDOW_EV = 0.05
_WINDOW_EV_PER_SQUARE = 4.0
#: Saddles below a threshold are refined down to so many windows.
_WINDOWS_BELOW = 2.0
#: Largest distance of a saddle from its place on the grid, Å: along a flat ridge the grid has false lows.
_REACH_ANGSTROM = 2.5
#: Copies of a site by symmetry differ by less in energy, eV.
_SAME_SITE_EV = 2e-4
#: Sites that the grid does not know are passed through, so many in a row.
_SHALLOW_SITES = 3
#: Displacement from such a site from which the climb to its other side starts, Å.
_LEAVE_ANGSTROM = 0.1
#: Stationary points closer than this are the same one, Å.
_SAME_PLACE_ANGSTROM = 0.02
#: A saddle so close to its place explains it, whichever minima it connects: in spacings, but at most so many Å.
_NEAR_SPACINGS = 2.0
_NEAR_ANGSTROM = 0.4
_ROUNDS = 20


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
    ends_known: NDArray[np.bool_]
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
        self.window = _WINDOW_EV + _WINDOW_EV_PER_SQUARE * spacing**2
        self.near = min(_NEAR_SPACINGS * spacing, _NEAR_ANGSTROM)
        self.pass_points = np.empty(0, dtype=np.int32)
        self.passes = Saddles(
            np.empty((0, 3)), np.empty(0), np.empty(0, dtype=np.bool_), np.empty((0, 2, 3)), np.empty((0, 2))
        )
        self.labels = np.full(len(self.energy), -1, dtype=np.int64)

    def run(self, coarse: Percolation, everything: bool = False) -> RefinedNetwork:
        """Flood, refine the sites, then refine passes until none near a threshold is left."""
        top = self._top(coarse.thresholds)
        while True:
            network = self._run_below(top, coarse, everything)
            higher = self._top(network.percolation.thresholds)
            # A threshold above what was flooded may rest on passes beyond it.
            if higher <= top + self.window:
                return network
            top = higher

    def _top(self, thresholds: tuple[float, float, float]) -> float:
        return max(thresholds) + self.window

    def _run_below(self, top: float, coarse: Percolation, everything: bool) -> RefinedNetwork:
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
        self.labels[:] = -1
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
        for basin in range(count):
            root, cells = int(targets[basin]), shifts[basin].copy()
            while root >= 0 and self.site_of[root] != root:
                cells += self.site_cells[root]
                root = int(self.site_of[root])
            if root >= 0 and root != basin:
                self.site_of[basin], self.site_cells[basin] = root, cells
        self._settle()

    def _settle(self) -> None:
        """Let every basin name its final site, whatever the order in which they were merged."""
        while True:
            further = self.site_of[self.site_of]
            if (further == self.site_of).all():
                return
            self.site_cells = self.site_cells + self.site_cells[self.site_of]
            self.site_of = further

    def _locate(self, positions: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the basin of each (k, 3) fractional position, -1 where there is none, and the cell of its minimum."""
        from aiida_limap.engines.bvff._flood import unpack_labels

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
        basins, minima = unpack_labels(labels)
        return basins, cells + minima

    def _refine_passes(self, chosen: NDArray[np.int64]) -> None:
        """Search a saddle from each chosen place, once for all places that are equivalent by symmetry."""
        unique = np.unique(self.representatives[self.places[chosen]])
        known = self.pass_points
        fresh = np.setdiff1d(unique, known)
        self.pass_points = np.concatenate([known, fresh])
        found = self.continuum.saddles(self.grid.fractional(fresh), reach=_REACH_ANGSTROM)
        self.passes = self.passes.joined(self._beyond_shallow_sites(found))

    def _beyond_shallow_sites(self, passes: Saddles) -> Saddles:
        """Lead passes on that end in a site which the grid does not know: too shallow, it belongs to a basin behind.

        The pass out of it on the other side may be the higher one; the two count as one pass, as high as that.
        """
        energies, positions = passes.energies.copy(), passes.positions.copy()
        ends, end_energies = passes.ends.copy(), passes.end_energies.copy()
        gates = np.repeat(passes.positions[:, None], 2, axis=1)
        open_ends = np.repeat(passes.found[:, None], 2, axis=1)
        for _ in range(_SHALLOW_SITES):
            rows, sides = np.nonzero(open_ends)
            sites, _ = self._sites_at(ends[rows, sides])
            # An end below its site is the site: the basin holds two minima, and the deeper one counts.
            unknown = (sites >= 0) & (end_energies[rows, sides] > self.site_energies[sites] + _SAME_SITE_EV)
            open_ends[rows[~unknown], sides[~unknown]] = False
            rows, sides = rows[unknown], sides[unknown]
            if not len(rows):
                break
            onward, good = self._ways_out(ends[rows, sides], gates[rows, sides])
            open_ends[rows[~good], sides[~good]] = False
            for index in np.flatnonzero(good):
                row, side = rows[index], sides[index]
                ends[row, side], end_energies[row, side] = onward.ends[index, 1], onward.end_energies[index, 1]
                gates[row, side] = onward.positions[index]
                if onward.energies[index] > energies[row]:
                    energies[row], positions[row] = onward.energies[index], onward.positions[index]
        return Saddles(positions, energies, passes.found, ends, end_energies)

    def _ways_out(self, sites: NDArray[np.float64], gates: NDArray[np.float64]) -> tuple[Saddles, NDArray[np.bool_]]:
        """Find for each site the lowest saddle beside the one through which it was entered.

        :param sites: (k, 3) fractional coordinates of minima.
        :param gates: (k, 3) those of the saddles.
        :returns: the saddles, whose second end lies beyond, and whether there is one.
        """
        cell = self.grid.framework.cell
        curvatures = self.continuum.derivatives(sites)[2]
        modes = np.linalg.eigh(curvatures)[1].transpose(0, 2, 1) @ np.linalg.inv(cell)
        starts = sites[:, None] + _LEAVE_ANGSTROM * np.concatenate([modes, -modes], axis=1)
        trials = self.continuum.saddles(starts.reshape(-1, 3), reach=_REACH_ANGSTROM)
        at = np.repeat(np.arange(len(sites)), 6)
        apart = np.linalg.norm((trials.ends - sites[at, None]) @ cell, axis=-1)
        moved = np.linalg.norm((trials.positions - gates[at]) @ cell, axis=-1)
        usable = trials.found & (apart.min(axis=1) < _SAME_PLACE_ANGSTROM) & (moved > _SAME_PLACE_ANGSTROM)
        heights = np.where(usable, trials.energies, np.inf).reshape(-1, 6)
        best = heights.argmin(axis=1) + 6 * np.arange(len(sites))
        near_first = apart[best].argmin(axis=1)
        order = np.column_stack([near_first, 1 - near_first])
        lines = np.arange(len(best))[:, None]
        lowest = Saddles(
            trials.positions[best],
            trials.energies[best],
            trials.found[best],
            trials.ends[best][lines, order],
            trials.end_energies[best][lines, order],
        )
        return lowest, usable[best]

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
        found = self.passes.found[rows] & (first >= 0) & (second >= 0)
        self._lower_sites(rows[found], (first[found], second[found]))
        moved = (position - self.grid.fractional(points[copies])) @ self.grid.framework.cell
        ends_known = np.ones(len(rows), dtype=np.bool_)
        for side, site in enumerate((first, second)):
            # A minimum that the grid does not see may hide a higher pass to the site around it.
            ends_known &= np.abs(self.passes.end_energies[rows, side] - self.site_energies[site]) < _SAME_SITE_EV
        return _Passes(
            edges=np.column_stack([first, second, second_cells - first_cells]),
            energies=self.passes.energies[rows],
            positions=position - first_cells,
            found=found,
            near=found & (np.linalg.norm(moved, axis=1) < self.near),
            ends_known=ends_known,
            places=chosen[copies],
        )

    def _sites_at(self, positions: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        basins, cells = self._locate(positions)
        return np.where(basins >= 0, self.site_of[basins], -1), cells + self.site_cells[basins]

    def _lower_sites(self, rows: NDArray[np.int64], sites: tuple[NDArray[np.int64], NDArray[np.int64]]) -> None:
        """Let descents that end below the minimum of a basin, which holds two of them, correct its energy."""
        for side, reached in enumerate(sites):
            np.minimum.at(self.site_energies, reached, self.passes.end_energies[rows, side])

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
            refined = np.concatenate([refined, passes.ends_known[passes.found]])
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
