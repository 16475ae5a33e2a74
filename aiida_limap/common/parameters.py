"""The parameters that each engine task knows: names, types and units, for validators and documentation.

The engines own the meaning and the defaults (their configuration classes); this list lets AiiDA refuse a misspelt
parameter before a job is submitted, without importing an engine. A test keeps both in step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiida_limap.common._parameter import NUMBER, Parameter, check_value, unknown
from aiida_limap.common.layouts import check_layout
from aiida_limap.common.phonons import CLUSTER_PHONONS, PHONONS
from aiida_limap.common.screening import PLACE, SCREEN, SCREEN_TRAIN
from aiida_limap.common.training import TRAIN

__all__ = [
    'LANDSCAPE',
    'PARAMETERS',
    'TARGET',
    'Parameter',
    'check_parameters',
    'parameters_for_engine',
    'parameters_help',
]

#: Which column of the migration energies a model learns and a map shows.
TARGET = 'target'
#: Whether the landscape part of a layout is computed, or learnt from.
LANDSCAPE = 'landscape'
_TARGET = {
    TARGET: Parameter((str,), 'column of the migration energies that is used, by default barrier_2d_eV', consumed=True)
}


def _between(low: float, high: float) -> Callable[[Any], str | None]:
    """Return a check of the range in which the engine takes a number."""
    return lambda value: None if low <= value <= high else f'must be from {low:g} to {high:g}, not {value!r}'


PARAMETERS: dict[str, dict[str, Parameter]] = {
    'bvff': {
        'mobile_ion': Parameter((str,), 'the ion that moves, e.g. Li+'),
        'preset': Parameter(
            (str,), 'force field, bvff (full Morse depth) or bvse (half of it)', choices=('bvff', 'bvse')
        ),
        'spacing_angstrom': Parameter(NUMBER, 'largest distance of grid points, Å', check=_between(0.01, 1.0)),
        'cutoff_angstrom': Parameter(NUMBER, 'cut-off radius of the interactions, Å', check=_between(4.0, 30.0)),
        'screening_factor': Parameter(
            NUMBER, 'screening of the Coulomb term, a pure number', optional=True, check=_between(0.1, 2.0)
        ),
        'energy_cap_eV': Parameter(NUMBER, 'energy above which the landscape counts as closed, eV'),
        'charge_scaling': Parameter((bool,), 'scale charges so that the screened charges of the cell are neutral'),
        'radii': Parameter(
            (str,),
            'radii of the screened repulsion, cordero (covalent) or softbv (by ion)',
            choices=('cordero', 'softbv'),
        ),
        'refine': Parameter(
            (bool,), 'find minima and saddles of the continuum; else the barriers are those of the grid'
        ),
        'symmetry': Parameter((bool,), 'compute only what the symmetry of the immobile ions does not give'),
        'disorder': Parameter(
            (str,),
            'structures with partially occupied sites: refuse them, or weight their ions by occupancy',
            choices=('refuse', 'occupancy'),
        ),
        'device': Parameter((str,), 'where the energies of the grid are computed, e.g. cpu or cuda'),
        'landscapes': Parameter((bool,), 'write the energy grid (eV) of every structure to landscapes/UUID.npz'),
        'networks': Parameter(
            (bool,), 'write sites, saddles and paths (Å, eV) of every structure to networks/UUID.json'
        ),
        'profiles': Parameter(
            (bool,), 'give the energy (eV) along the path of two-dimensional migration (Å), a row of each structure'
        ),
        'max_sites': Parameter((int,), 'structures with more sites are not computed', optional=True),
        'max_voxels': Parameter((int,), 'structures with more grid points are not computed', optional=True),
        'time_limit_s': Parameter(NUMBER, 'time limit of one structure, s', optional=True),
    },
    'descriptors': {
        'layout': Parameter(
            (str, dict), 'name of a descriptor layout, e.g. yamaguchi2023, or a whole layout', check=check_layout
        ),
        LANDSCAPE: Parameter(
            (bool,), 'also compute the landscape part of the layout, which reads the site energies of the mobile ion'
        ),
    },
    'train': {
        **_TARGET,
        LANDSCAPE: Parameter(
            (bool,),
            'also learn from the landscape part of the descriptors, numbers of the same landscape as the migration '
            'energy',
            consumed=True,
        ),
        **TRAIN,
    },
    'encode': {
        **_TARGET,
        'grid_size': Parameter((int,), 'points of the heat map along each axis'),
        'grid_margin': Parameter(NUMBER, 'margin of the heat map around the points, as a fraction of their range'),
        'device': Parameter((str,), 'where torch computes, e.g. cpu or cuda'),
        'level': Parameter(
            NUMBER,
            'share of the materials that the intervals of the migration energy are to hold: 0.8, 0.9 or 0.95',
            check=lambda value: None if value in (0.8, 0.9, 0.95) else f'must be 0.8, 0.9 or 0.95, not {value!r}',
        ),
        'interval': Parameter(
            (str,),
            'constant intervals, or local ones that are wider where the model errs nearby',
            choices=('constant', 'local'),
        ),
    },
    'screen_train': SCREEN_TRAIN,
    'screen': SCREEN,
    'place_compositions': PLACE,
    'phonons': PHONONS,
    'cluster_phonons': CLUSTER_PHONONS,
}


def check_parameters(task: str, parameters: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the parameters of a task, or None.

    :param task: a key of :data:`PARAMETERS`.
    :param parameters: values by name.
    :returns: a sentence that names the parameter and what is known, or None.
    """
    known = PARAMETERS[task]
    for name, value in parameters.items():
        if name not in known:
            return unknown('parameter', name, known, f' of {task}')
        message = check_value(f'the parameter {name!r} of {task}', known[name], value)
        if message is not None:
            return message
    return None


def parameters_for_engine(task: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that go into the job: all but those that the calculation itself uses.

    :param task: a key of :data:`PARAMETERS`.
    :param parameters: values by name, checked with :func:`check_parameters`.
    """
    return {name: value for name, value in parameters.items() if not PARAMETERS[task][name].consumed}


def parameters_help(task: str) -> str:
    """Return one sentence that lists the parameters of a task with their meaning and unit.

    :param task: a key of :data:`PARAMETERS`.
    :returns: text for the help of an input port.
    """
    entries = '; '.join(f'{name}: {entry.help}' for name, entry in PARAMETERS[task].items())
    return f'Options of the engine, all optional. {entries}.'
