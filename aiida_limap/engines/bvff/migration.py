"""Migration energy of the mobile ion: from a structure to barriers in one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap.common.status import Status
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.parameters import ParameterSet, load_parameters
from aiida_limap.engines.bvff.solve import Solution, solve

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from aiida_limap.engines.bvff.network import MigrationNetwork

__all__ = ['MigrationEnergy', 'compute', 'migration_energy', 'migration_network', 'summarise']


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
    :param grid_barriers: the three barriers of the grid alone, before minima and saddles were refined, eV.
    :param grid_error: difference of the two-dimensional threshold between 6 and 26 neighbours of a grid point, eV: what
        the grid may be wrong by; None where there is no such threshold.
    :param refined: whether all barriers are those of the continuum.
    :param unresolved_saddles: how many of the three thresholds rest on a saddle that could not be refined.
    :param energy_minimum: lowest site energy, eV.
    :param sublattice_index: number of interpenetrating copies of the three-dimensional network per lattice translation,
        or None.
    :param status: ``ok`` if there is a two-dimensional barrier, else ``not_percolating``.
    :param message: why the status is not ``ok``, or what a user should know of the oxidation states.
    :param oxidation_states: formal charge of each site, in units of e.
    :param oxidation_states_by_element: their mean by element symbol.
    :param oxidation_method: how they were found.
    :param grid: grid divisions.
    :param symmetry_operations: operations that map the grid onto itself, the identity included.
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
    grid_barriers: tuple[float | None, ...]
    grid_error: float | None
    refined: bool
    unresolved_saddles: int
    energy_minimum: float
    sublattice_index: int | None
    status: Status
    message: str
    oxidation_states: tuple[float, ...]
    oxidation_states_by_element: Mapping[str, float]
    oxidation_method: str
    grid: tuple[int, int, int]
    symmetry_operations: int
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
            **{f'grid_barrier_{d}d_eV': value for d, value in enumerate(self.grid_barriers, start=1)},
            'grid_error_eV': self.grid_error,
            'refined': self.refined,
            'unresolved_saddles': self.unresolved_saddles,
            'energy_minimum_eV': self.energy_minimum,
            'sublattice_index': self.sublattice_index,
            'grid': list(self.grid),
            'symmetry_operations': self.symmetry_operations,
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
    parameters: ParameterSet | str | Path | None = None,
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
    :param parameters: a set of bond-valence parameters, or the path of a file of them; None for that of the package.
    :param options: further options by the names of :class:`~aiida_limap.engines.bvff.options.BvffOptions`, e.g.
        ``cutoff_angstrom``, ``screening_factor``, ``energy_cap_eV``.
    :returns: barriers, oxidation states and the facts of the grid.
    :raises InputError: if an option is unknown or unusable.
    :raises LimapError: one of its kinds says why the structure has no answer: no mobile ion, disorder, overlapping
        sites, no oxidation states, no parameters, too large, out of time.
    """
    named = {'mobile_ion': mobile_ion, 'preset': preset, 'spacing_angstrom': spacing}
    known = BvffOptions.from_mapping({**options, **named}, load_parameters(parameters))
    return compute(structure, known, oxidation_states)


def migration_network(
    structure: Structure,
    *,
    oxidation_states: Mapping[str, float] | Sequence[float] | None = None,
    threads: int | None = None,
    parameters: ParameterSet | str | Path | None = None,
    **options: Any,
) -> MigrationNetwork:
    """Find the sites of the mobile ion, the passes between them and the paths that limit migration.

    :param structure: a pymatgen structure.
    :param oxidation_states: by element symbol, or one per site; None lets them be found.
    :param threads: number of threads, which does not change the result; None for all, or ``OMP_NUM_THREADS``.
    :param parameters: as for :func:`migration_energy`.
    :param options: options by the names of :class:`~aiida_limap.engines.bvff.options.BvffOptions`.
    :returns: the network in the cell of the structure.
    :raises LimapError: as :func:`migration_energy`.
    """
    from aiida_limap.engines.bvff.sites import build_network

    known = BvffOptions.from_mapping({**options, 'networks': True}, load_parameters(parameters))
    return build_network(solve(structure, known, oxidation_states, threads=threads, everything=True))


def compute(
    structure: Structure,
    options: BvffOptions,
    oxidation_states: Mapping[str, float] | Sequence[float] | None = None,
    *,
    threads: int | None = None,
) -> MigrationEnergy:
    """Do what :func:`migration_energy` does, with ready options.

    :param structure: an ordered pymatgen structure.
    :param options: all options.
    :param oxidation_states: by element symbol, or one per site; None lets them be found.
    :param threads: number of threads, which does not change the result; None for all, or ``OMP_NUM_THREADS``.
    :returns: as :func:`migration_energy`.
    :raises LimapError: as :func:`migration_energy`.
    """
    return summarise(solve(structure, options, oxidation_states, threads=threads))


def summarise(solution: Solution) -> MigrationEnergy:
    """Return the barriers of a solution.

    :param solution: what was found.
    :returns: barriers above the lowest site energy and above that of the percolating component.
    """
    zero = solution.energy_minimum
    barriers = [_above(threshold, zero) for threshold in solution.thresholds]
    network_barriers = [
        _above(threshold, minimum)
        for threshold, minimum in zip(solution.thresholds, solution.network_minima, strict=True)
    ]
    by_element = solution.states.by_element(solution.structure)
    status = Status.OK if barriers[1] is not None else Status.NOT_PERCOLATING
    return MigrationEnergy(
        barrier_1d=barriers[0],
        barrier_2d=barriers[1],
        barrier_3d=barriers[2],
        network_barrier_1d=network_barriers[0],
        network_barrier_2d=network_barriers[1],
        network_barrier_3d=network_barriers[2],
        grid_barriers=tuple(solution.coarse.barriers),
        grid_error=solution.grid_error,
        refined=solution.network is not None and solution.network.unresolved == 0,
        unresolved_saddles=0 if solution.network is None else solution.network.unresolved,
        energy_minimum=zero,
        sublattice_index=solution.sublattice_index,
        status=status,
        message=_message(status, solution, by_element),
        oxidation_states=solution.states.values,
        oxidation_states_by_element=by_element,
        oxidation_method=solution.states.method,
        grid=solution.grid.shape,
        symmetry_operations=len(solution.grid.rotations),
        sites=len(solution.structure),
        mobile_sites=len(solution.framework.mobile_positions),
        options=solution.options,
        wall_s=solution.wall_s,
    )


def _above(threshold: float, zero: float) -> float | None:
    return None if math.isinf(threshold) else threshold - zero


def _message(status: Status, solution: Solution, by_element: Mapping[str, float]) -> str:
    parts = []
    if status is Status.NOT_PERCOLATING:
        cap = solution.options.energy_cap_eV
        parts.append(f'no two-dimensional path within {cap:g} eV of the lowest site energy')
    if solution.states.method.endswith('_mean'):
        mean = ', '.join(f'{symbol} {state:+.2f}' for symbol, state in by_element.items() if state != round(state))
        parts.append(f'no whole oxidation states are neutral; mean ones were used: {mean}')
    parts += solution.framework.notes
    if solution.network is not None and solution.network.unresolved:
        parts.append(f'{solution.network.unresolved} of the thresholds could not be refined and are those of the grid')
    return '; '.join(parts)
