"""Migration energy of the mobile ion: from a structure to barriers in one, two and three dimensions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_limap.common.status import Status
from aiida_limap.engines.bvff.framework import build_framework
from aiida_limap.engines.bvff.landscape import grid_shape, site_energy_landscape
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.percolation import Percolation, percolate
from aiida_limap.engines.chemistry.elements import parse_ion
from aiida_limap.engines.chemistry.oxidation import assign_oxidation_states
from aiida_limap.engines.chemistry.structures import check_structure
from aiida_limap.engines.errors import OutOfTimeError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['MigrationEnergy', 'compute', 'migration_energy']


@dataclass(frozen=True)
class MigrationEnergy:
    """Barriers of one structure. A barrier is None where nothing percolates below the energy cap.

    :param barrier_1d: energy above the lowest site energy at which paths percolate in one dimension, eV.
    :param barrier_2d: the same in two dimensions: what ``migration energy`` means unless another dimension is named.
    :param barrier_3d: the same in three dimensions.
    :param network_barrier_1d: as ``barrier_1d``, above the lowest energy of the percolating component itself, eV: it
        differs where the deepest site is not on the path.
    :param network_barrier_2d: the same in two dimensions.
    :param network_barrier_3d: the same in three dimensions.
    :param grid_error: difference of the two-dimensional threshold between 6 and 26 neighbours of a grid point, eV: what
        the grid may be wrong by; None where there is no such threshold.
    :param energy_minimum: lowest site energy, eV.
    :param sublattice_index: number of interpenetrating copies of the three-dimensional network per lattice translation,
        or None.
    :param status: ``ok`` if there is a two-dimensional barrier, else ``not_percolating``.
    :param message: why the status is not ``ok``, or what a user should know of the oxidation states.
    :param oxidation_states: formal charge of each site, in units of e.
    :param oxidation_states_by_element: their mean by element symbol.
    :param oxidation_method: how they were found.
    :param grid: grid divisions.
    :param sites: number of sites.
    :param mobile_sites: number of sites of the mobile ion.
    :param options: what was asked for.
    :param wall_s: seconds spent.
    """

    barrier_1d: float | None
    barrier_2d: float | None
    barrier_3d: float | None
    network_barrier_1d: float | None
    network_barrier_2d: float | None
    network_barrier_3d: float | None
    grid_error: float | None
    energy_minimum: float
    sublattice_index: int | None
    status: Status
    message: str
    oxidation_states: tuple[float, ...]
    oxidation_states_by_element: Mapping[str, float]
    oxidation_method: str
    grid: tuple[int, int, int]
    sites: int
    mobile_sites: int
    options: BvffOptions
    wall_s: float

    def values(self) -> dict[str, Any]:
        """Return the plain values of a result row, with the unit in each name."""
        barriers = {
            f'{kind}_{dimension}d_eV': getattr(self, f'{kind}_{dimension}d')
            for kind in ('barrier', 'network_barrier')
            for dimension in (1, 2, 3)
        }
        return {
            **barriers,
            'grid_error_eV': self.grid_error,
            'energy_minimum_eV': self.energy_minimum,
            'sublattice_index': self.sublattice_index,
            'grid': list(self.grid),
            'sites': self.sites,
            'mobile_sites': self.mobile_sites,
            'oxidation_states': dict(self.oxidation_states_by_element),
            'oxidation_method': self.oxidation_method,
            'wall_s': self.wall_s,
        }


def migration_energy(
    structure: Structure,
    *,
    mobile_ion: str = 'Li+',
    preset: str = 'bvff',
    spacing: float = 0.2,
    oxidation_states: Mapping[str, float] | Sequence[float] | None = None,
    **options: Any,
) -> MigrationEnergy:
    """Compute the migration energy of the mobile ion by the bond-valence force field.

    The framework is rigid and the mobile ions do not see each other: values are semi-quantitative and meant for
    comparison.

    :param structure: an ordered pymatgen structure.
    :param mobile_ion: the ion that moves.
    :param preset: ``bvff`` (full Morse depth) or ``bvse`` (half of it).
    :param spacing: largest distance of grid points, Å.
    :param oxidation_states: by element symbol, or one per site; None lets them be found.
    :param options: further options by the names of :class:`~aiida_limap.engines.bvff.options.BvffOptions`, e.g.
        ``cutoff_angstrom``, ``screening_factor``, ``energy_cap_eV``.
    :returns: barriers, oxidation states and the facts of the grid.
    :raises InputError: if an option is unknown or unusable.
    :raises LimapError: one of its kinds says why the structure has no answer: no mobile ion, disorder, overlapping
        sites, no oxidation states, no parameters, too large, out of time.
    """
    named = {'mobile_ion': mobile_ion, 'preset': preset, 'spacing_angstrom': spacing}
    return compute(structure, BvffOptions.from_mapping({**options, **named}), oxidation_states)


def compute(
    structure: Structure,
    options: BvffOptions,
    oxidation_states: Mapping[str, float] | Sequence[float] | None = None,
) -> MigrationEnergy:
    """Do what :func:`migration_energy` does, with ready options.

    :param structure: an ordered pymatgen structure.
    :param options: all options.
    :param oxidation_states: by element symbol, or one per site; None lets them be found.
    :returns: as :func:`migration_energy`.
    :raises LimapError: as :func:`migration_energy`.
    """
    clock = _Clock(options.time_limit_s)
    mobile = parse_ion(options.mobile_ion)
    check_structure(structure, mobile_element=mobile.symbol, max_sites=options.max_sites)
    shape = grid_shape(structure.lattice.matrix, options.spacing_angstrom, max_voxels=options.max_voxels)
    states = assign_oxidation_states(structure, given=oxidation_states, time_limit_s=options.time_limit_s)
    framework = build_framework(structure, states.values, options)
    clock.check('before the energies of the grid')
    energy = site_energy_landscape(framework, shape)
    clock.check('before the percolation')
    maximum = float(energy.min()) + options.energy_cap_eV
    result = percolate(energy, maximum=maximum)
    clock.check('before the estimate of the grid error')
    by_element = states.by_element(structure)
    barriers, network_barriers = result.barriers, result.network_barriers
    status = Status.OK if barriers[1] is not None else Status.NOT_PERCOLATING
    return MigrationEnergy(
        barrier_1d=barriers[0],
        barrier_2d=barriers[1],
        barrier_3d=barriers[2],
        network_barrier_1d=network_barriers[0],
        network_barrier_2d=network_barriers[1],
        network_barrier_3d=network_barriers[2],
        grid_error=_grid_error(energy, result, maximum),
        energy_minimum=result.energy_minimum,
        sublattice_index=result.sublattice_index,
        status=status,
        message=_message(status, states.method, by_element, options),
        oxidation_states=states.values,
        oxidation_states_by_element=by_element,
        oxidation_method=states.method,
        grid=shape,
        sites=len(structure),
        mobile_sites=len(framework.mobile_positions),
        options=options,
        wall_s=clock.elapsed_s,
    )


def _grid_error(energy: Any, result: Percolation, maximum: float) -> float | None:
    threshold = result.thresholds[1]
    narrow = percolate(energy, connectivity=6, maximum=maximum).thresholds[1]
    difference = narrow - threshold
    # Infinity minus a number or itself: one of the two does not percolate, so there is nothing to compare.
    return difference if 0 <= difference < float('inf') else None


def _message(status: Status, method: str, by_element: Mapping[str, float], options: BvffOptions) -> str:
    parts = []
    if status is Status.NOT_PERCOLATING:
        parts.append(f'no two-dimensional path within {options.energy_cap_eV:g} eV of the lowest site energy')
    if method == 'composition_mean':
        mean = ', '.join(f'{symbol} {state:+.2f}' for symbol, state in by_element.items() if state != round(state))
        parts.append(f'no whole oxidation states are neutral; mean ones were used: {mean}')
    return '; '.join(parts)


class _Clock:
    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._started = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the structure was begun."""
        return time.monotonic() - self._started

    def check(self, stage: str) -> None:
        """Raise OutOfTimeError, naming the stage, where the limit is passed."""
        if self.elapsed_s > self._limit_s:
            raise OutOfTimeError(f'the time limit of {self._limit_s:g} s was reached {stage}')
