"""The stages of a migration energy: charges, grid, energies, percolation, refinement."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.bvff.framework import Framework, build_framework
from aiida_limap.engines.bvff.graph import RefinedNetwork
from aiida_limap.engines.bvff.landscape import site_energy_landscape
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.refinement import refine_network
from aiida_limap.engines.bvff.symmetry import SymmetricGrid, plain_grid, symmetric_grid
from aiida_limap.engines.chemistry.elements import parse_ion
from aiida_limap.engines.chemistry.oxidation import OxidationStates, assign_oxidation_states
from aiida_limap.engines.chemistry.structures import check_structure
from aiida_limap.engines.errors import OutOfTimeError, StructureTooLargeError
from aiida_limap.engines.percolation.grids import grid_shape
from aiida_limap.engines.percolation.thresholds import Percolation, insertion_order, percolate_ordered
from aiida_limap.engines.threads import available_threads

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['Clock', 'Solution', 'grid_energies', 'make_grid', 'solve']

#: With fewer grid points in the cell as given, the search for symmetry takes longer than it saves.
_SMALL_GRID = 20_000
#: Finer grids, as parts of the spacing, for structures with a threshold that could not be refined.
_FINER = (0.7, 0.5)


class Clock:
    """Seconds since a structure was begun, and how many it may take.

    :param limit_s: largest number of seconds.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._started = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the structure was begun."""
        return time.monotonic() - self._started

    def check(self, stage: str) -> None:
        """Raise an error where the limit is passed.

        :param stage: what was to come next, as in ``before the percolation``.
        :raises OutOfTimeError: if so.
        """
        if self.elapsed_s > self._limit_s:
            raise OutOfTimeError(f'the time limit of {self._limit_s:g} s was reached {stage}')


@dataclass(frozen=True, eq=False)
class Solution:
    """All that was found of one structure.

    :param structure: the structure.
    :param options: what was asked for.
    :param states: its oxidation states.
    :param framework: its immobile ions, in its own cell.
    :param grid: the grid, which may lie in a smaller cell, and be finer than asked for where that was needed.
    :param coarse: percolation of the grid with 26 neighbours of a point.
    :param narrow_threshold_2d: two-dimensional threshold of the grid with 6 neighbours, eV.
    :param network: sites and passes of the continuum; None where only the grid was asked for.
    :param wall_s: seconds spent.
    """

    structure: Structure
    options: BvffOptions
    states: OxidationStates
    framework: Framework
    grid: SymmetricGrid
    coarse: Percolation
    narrow_threshold_2d: float
    network: RefinedNetwork | None
    wall_s: float

    @property
    def energy_minimum(self) -> float:
        """Lowest site energy, eV."""
        if self.network is None:
            return self.coarse.energy_minimum
        return float(self.network.energies.min())

    @property
    def thresholds(self) -> tuple[float, float, float]:
        """Energies at which paths percolate in one, two and three dimensions, eV; infinity above the energy cap."""
        if self.network is None:
            return self.coarse.thresholds
        cap = self.energy_minimum + self.options.energy_cap_eV
        one, two, three = (
            threshold if threshold <= cap else math.inf for threshold in self.network.percolation.thresholds
        )
        return one, two, three

    @property
    def network_minima(self) -> tuple[float, float, float]:
        """Lowest energies of the components that percolate, eV; infinity where there is none."""
        if self.network is None:
            return self.coarse.network_minima
        one, two, three = (
            float(self.network.energies[node]) if threshold < math.inf else math.inf
            for node, threshold in zip(self.network.percolation.deepest, self.thresholds, strict=True)
        )
        return one, two, three

    @property
    def sublattice_index(self) -> int | None:
        """Index of the translations of the three-dimensional network within those of the immobile ions, or None."""
        if self.thresholds[2] == math.inf:
            return None
        return self.coarse.sublattice_index if self.network is None else self.network.percolation.sublattice_index

    @property
    def directions(self) -> tuple[tuple[tuple[float, float, float], ...], ...]:
        """For each dimension the shortest lattice vectors along which the network percolates at its threshold.

        They are in units of the cell of the structure: fractions where the immobile ions repeat within the cell.
        """
        percolation = self.coarse if self.network is None else self.network.percolation
        result = []
        for dimension, threshold in enumerate(self.thresholds):
            rows = percolation.translations[dimension]
            rows = rows[rows.any(axis=1)] if threshold < math.inf else rows[:0]
            vectors = _short_basis(rows @ np.linalg.inv(self.grid.transformation), self.framework.cell)
            result.append(tuple((round(float(a), 6), round(float(b), 6), round(float(c), 6)) for a, b, c in vectors))
        return tuple(result)

    @property
    def grid_error(self) -> float | None:
        """Difference of the two-dimensional threshold of the grid between 6 and 26 neighbours of a point, eV."""
        difference = self.narrow_threshold_2d - self.coarse.thresholds[1]
        # Infinity minus a number or itself: one of the two does not percolate, so there is nothing to compare.
        return difference if 0 <= difference < math.inf else None


def grid_energies(grid: SymmetricGrid, *, threads: int = 1, device: str = 'cpu') -> NDArray[np.float32]:
    """Compute the energies of a grid, each orbit of its symmetry once.

    :param grid: the grid.
    :param threads: number of threads.
    :param device: ``cpu`` or a device of torch.
    :returns: (n1, n2, n3) energies, eV.
    """
    origin = (float(grid.origin[0]), float(grid.origin[1]), float(grid.origin[2]))
    if len(grid.rotations) == 1:
        return site_energy_landscape(grid.framework, grid.shape, origin=origin, threads=threads, device=device)
    representatives = grid.representatives()
    mask = np.zeros(grid.n_points, dtype=np.bool_)
    mask[representatives] = True
    energy = site_energy_landscape(
        grid.framework, grid.shape, origin=origin, mask=mask.reshape(grid.shape), threads=threads, device=device
    )
    return energy.ravel()[representatives].reshape(grid.shape)


def _short_basis(vectors: NDArray[np.float64], cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make lattice vectors short by adding whole multiples of each other.

    :param vectors: (d, 3) vectors in units of the cell.
    :param cell: (3, 3) lattice vectors as rows, Å.
    """
    vectors = vectors.copy()
    for _ in range(100):
        changed = False
        for first, second in itertools.permutations(range(len(vectors)), 2):
            a, b = vectors[first] @ cell, vectors[second] @ cell
            count = np.rint(a @ b / (b @ b))
            if count and np.linalg.norm(a - count * b) < np.linalg.norm(a) - 1e-9:
                vectors[first] -= count * vectors[second]
                changed = True
        if not changed:
            break
    # The sign is free: let the first component that is not zero be positive.
    for vector in vectors:
        leading = vector[np.abs(vector) > 1e-9]
        if len(leading) and leading[0] < 0:
            vector *= -1
    return vectors + 0.0


def solve(
    structure: Structure,
    options: BvffOptions,
    oxidation_states: Mapping[str, float] | Sequence[float] | None = None,
    *,
    threads: int | None = None,
    everything: bool = False,
) -> Solution:
    """Find the energies of the grid, where they percolate, and the sites and passes of the continuum.

    :param structure: a pymatgen structure.
    :param options: all options.
    :param oxidation_states: by element symbol, or one per site; None lets them be found.
    :param threads: number of threads; None for :func:`available_threads`. It does not change the result.
    :param everything: refine all passes up to the highest threshold, as a migration network needs them.
    :returns: all that was found.
    :raises LimapError: one of its kinds says why the structure has no answer.
    """
    clock = Clock(options.time_limit_s)
    mobile = parse_ion(options.mobile_ion)
    disordered = options.disorder == 'occupancy'
    check_structure(structure, mobile_element=mobile.symbol, max_sites=options.max_sites, disordered=disordered)
    states = assign_oxidation_states(
        structure, given=oxidation_states, time_limit_s=options.time_limit_s, disordered=disordered
    )
    framework = build_framework(structure, states, options)
    how = (clock, threads or available_threads(), everything)
    level = _solve_on_grid(framework, options, options.spacing_angstrom, how)
    for factor in _FINER:
        # Few thresholds rest on a saddle of the grid that leads nowhere; a finer grid finds what it stands for.
        unresolved = 0 if level.network is None else level.network.unresolved
        if unresolved == 0 or level.grid.n_points > options.max_voxels * factor**3:
            break
        try:
            finer = _solve_on_grid(framework, options, options.spacing_angstrom * factor, how)
        except (OutOfTimeError, StructureTooLargeError):
            # What is known already is better than nothing, and says what it lacks.
            break
        if finer.network is not None and finer.network.unresolved < unresolved:
            level = finer
    return Solution(
        structure=structure,
        options=options,
        states=states,
        framework=framework,
        grid=level.grid,
        coarse=level.coarse,
        narrow_threshold_2d=level.narrow_threshold_2d,
        network=level.network,
        wall_s=clock.elapsed_s,
    )


@dataclass(frozen=True, eq=False)
class _Level:
    """What one grid gave; see :class:`Solution`."""

    grid: SymmetricGrid
    coarse: Percolation
    narrow_threshold_2d: float
    network: RefinedNetwork | None


def make_grid(framework: Framework, options: BvffOptions, spacing: float) -> SymmetricGrid:
    """Return the grid for a framework: symmetric where that is asked for and pays, else plain.

    :param framework: the immobile ions in the cell of the structure.
    :param options: whether symmetry is wanted, and the largest number of points.
    :param spacing: largest distance of grid points, Å.
    :returns: the grid.
    :raises StructureTooLargeError: if there are too many points.
    """
    if options.symmetry and math.prod(grid_shape(framework.cell, spacing)) > _SMALL_GRID:
        return symmetric_grid(framework, spacing, max_voxels=options.max_voxels)
    return plain_grid(framework, spacing, max_voxels=options.max_voxels)


def _solve_on_grid(framework: Framework, options: BvffOptions, spacing: float, how: tuple[Clock, int, bool]) -> _Level:
    clock, threads, everything = how
    grid = make_grid(framework, options, spacing)
    clock.check('before the energies of the grid')
    energy = grid_energies(grid, threads=threads, device=options.device)
    clock.check('before the percolation')
    order = insertion_order(energy, float(energy.min()) + options.energy_cap_eV)
    coarse = percolate_ordered(energy, order)
    clock.check('before the estimate of the grid error')
    narrow = percolate_ordered(energy, order, connectivity=6).thresholds[1]
    network = None
    if options.refine:
        clock.check('before the refinement')
        network = refine_network(grid, energy, order, coarse, spacing=spacing, everything=everything)
    return _Level(grid, coarse, narrow, network)
