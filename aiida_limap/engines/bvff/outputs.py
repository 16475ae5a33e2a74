"""What a batch keeps of a structure beside its barriers: further values of its row, its landscape and its network."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from aiida_limap.engines.bvff.bond_valence_sums import bond_valence_sums, global_instability_index
from aiida_limap.engines.bvff.bottleneck import bottleneck_radii
from aiida_limap.engines.bvff.sites import build_network
from aiida_limap.engines.bvff.solve import grid_energies
from aiida_limap.engines.bvff.symmetry import plain_grid
from aiida_limap.engines.errors import LimapError
from aiida_limap.formats.landscape import LandscapeRecord, write_landscape

if TYPE_CHECKING:
    from aiida_limap.engines.bvff.solve import Solution

__all__ = ['LANDSCAPES', 'NETWORKS', 'extra_values', 'landscape_record', 'write_files']

LOGGER = logging.getLogger(__name__)

#: Folders of the files, below that of the job.
LANDSCAPES = 'landscapes'
NETWORKS = 'networks'


def extra_values(solution: Solution) -> dict[str, Any]:
    """Return what the bond valences say of a structure, and the widest passages where the network was asked for.

    :param solution: what was found.
    :returns: values by name, with the unit in the name; None where parameters are missing or the structure is
        disordered.
    """
    values: dict[str, Any] = {
        'directions': [[list(vector) for vector in vectors] for vectors in solution.directions],
        'bond_valence_sum_mobile': None,
        'global_instability_index': None,
    }
    structure, states = solution.structure, solution.states.values
    if not structure.is_ordered:
        return values
    try:
        sums = bond_valence_sums(structure, states, parameters=solution.options.parameters)
        values['bond_valence_sum_mobile'] = sums.by_ion.get(solution.options.mobile_ion)
        values['global_instability_index'] = global_instability_index(sums)
        if solution.options.networks:
            radii = bottleneck_radii(structure, states, mobile_ion=solution.options.mobile_ion)
            for dimension in (1, 2, 3):
                values[f'bottleneck_radius_{dimension}d_angstrom'] = getattr(radii, f'radius_{dimension}d')
    except LimapError as error:
        # An ion without a radius or a row leaves the barriers as they are.
        LOGGER.info('%s: %s', structure.composition.reduced_formula, error)
    return values


def landscape_record(solution: Solution, identifier: str, *, threads: int = 1) -> LandscapeRecord:
    """Compute the landscape on a grid in the cell of the structure.

    :param solution: what was found.
    :param identifier: id of the structure.
    :param threads: number of threads.
    :returns: the landscape with its thresholds.
    :raises StructureTooLargeError: if the grid exceeds the limit, as in a cell far larger than the primitive one.
    """
    options, structure = solution.options, solution.structure
    grid = plain_grid(solution.framework, options.spacing_angstrom, max_voxels=options.max_voxels)
    return LandscapeRecord(
        id=identifier,
        cell=structure.lattice.matrix,
        energy=grid_energies(grid, threads=threads, device=options.device),
        origin=np.zeros(3),
        species=tuple(max(site.species.items(), key=lambda entry: entry[1])[0].symbol for site in structure),
        positions=structure.frac_coords,
        thresholds_eV=solution.thresholds,
        energy_minimum_eV=solution.energy_minimum,
    )


def write_files(solution: Solution, identifier: str, folder: Path, *, threads: int = 1) -> dict[str, str]:
    """Write the files that the options ask for.

    :param solution: what was found.
    :param identifier: id of the structure; its last part, where it is a path, names the files.
    :param folder: folder of the job.
    :param threads: number of threads.
    :returns: paths below the folder by kind of file, ``landscape`` and ``network``.
    """
    written: dict[str, str] = {}
    name = quote(Path(identifier).name, safe='')
    if solution.options.landscapes:
        path = Path(LANDSCAPES) / f'{name}.npz'
        (folder / LANDSCAPES).mkdir(exist_ok=True)
        write_landscape(folder / path, landscape_record(solution, identifier, threads=threads))
        written['landscape'] = path.as_posix()
    if solution.options.networks:
        path = Path(NETWORKS) / f'{name}.json'
        (folder / NETWORKS).mkdir(exist_ok=True)
        build_network(solution).write(folder / path)
        written['network'] = path.as_posix()
    return written
