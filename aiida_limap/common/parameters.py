"""The parameters that each engine task knows: names, types and units, for validators and documentation.

The engines own the meaning and the defaults (their configuration classes); this list lets AiiDA refuse a misspelt
parameter before a job is submitted, without importing an engine. A test keeps both in step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from aiida_limap.common.layouts import check_layout

__all__ = [
    'LANDSCAPE',
    'PARAMETERS',
    'TARGET',
    'Parameter',
    'check_parameters',
    'parameters_for_engine',
    'parameters_help',
]

_NUMBER = (int, float)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a task.

    :param types: accepted Python types; ``float`` comes with ``int``.
    :param help: one clause, with the unit.
    :param optional: whether None is accepted.
    :param choices: the accepted words; empty where every value of the type is accepted.
    :param check: returns what is wrong with a value of the right type, as the end of a sentence, or None.
    :param consumed: whether the calculation itself uses it, so that the engine does not see it.
    """

    types: tuple[type, ...]
    help: str
    optional: bool = False
    choices: tuple[str, ...] = ()
    check: Callable[[Any], str | None] | None = None
    consumed: bool = False


#: Which column of the migration energies a model learns and a map shows.
TARGET = 'target'
#: Whether the landscape part of a layout is computed, or learnt from.
LANDSCAPE = 'landscape'
_TARGET = {
    TARGET: Parameter((str,), 'column of the migration energies that is used, by default barrier_2d_eV', consumed=True)
}

PARAMETERS: dict[str, dict[str, Parameter]] = {
    'bvff': {
        'mobile_ion': Parameter((str,), 'the ion that moves, e.g. Li+'),
        'preset': Parameter(
            (str,), 'force field, bvff (full Morse depth) or bvse (half of it)', choices=('bvff', 'bvse')
        ),
        'spacing_angstrom': Parameter(_NUMBER, 'largest distance of grid points, Å'),
        'cutoff_angstrom': Parameter(_NUMBER, 'cut-off radius of the interactions, Å'),
        'screening_factor': Parameter(_NUMBER, 'screening of the Coulomb term, a pure number', optional=True),
        'energy_cap_eV': Parameter(_NUMBER, 'energy above which the landscape counts as closed, eV'),
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
        'max_sites': Parameter((int,), 'structures with more sites are not computed', optional=True),
        'max_voxels': Parameter((int,), 'structures with more grid points are not computed', optional=True),
        'time_limit_s': Parameter(_NUMBER, 'time limit of one structure, s', optional=True),
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
        'preset': Parameter((str,), 'named set of training options'),
        'me_weight': Parameter(_NUMBER, 'weight W of the migration energy in the loss, a pure number'),
        'batch_size': Parameter((int,), 'structures per optimisation step'),
        'learning_rate': Parameter(_NUMBER, 'step size of the optimiser, a pure number'),
        'weight_decay': Parameter(_NUMBER, 'L2 penalty of the optimiser, a pure number'),
        'patience': Parameter((int,), 'epochs without improvement before the training stops'),
        'max_epochs': Parameter((int,), 'largest number of epochs'),
        'seed': Parameter((int,), 'seed of split, initial weights and order of the batches'),
        'split': Parameter((dict,), 'how structures are divided into training, validation and test set'),
        'reduction': Parameter((str,), 'reconstruction loss as mean or sum_features'),
        'hidden_widths': Parameter((list,), 'widths of the layers between input and code'),
        'head_widths': Parameter((list,), 'widths of the layers between codes and migration energy'),
        'scaling': Parameter((str,), 'rows whose maximum scales the descriptors, training or all'),
        'basis': Parameter((str,), 'columns to train on, full or compact'),
        'basis_variance': Parameter(_NUMBER, 'share of the variance that a compact basis holds, a pure number'),
        'threads': Parameter((int,), 'threads of torch'),
        'baselines': Parameter((bool,), 'also fit a random forest for comparison'),
        'device': Parameter((str,), 'where torch computes, e.g. cpu or cuda'),
    },
    'encode': {
        **_TARGET,
        'grid_size': Parameter((int,), 'points of the heat map along each axis'),
        'grid_margin': Parameter(_NUMBER, 'margin of the heat map around the points, as a fraction of their range'),
        'device': Parameter((str,), 'where torch computes, e.g. cpu or cuda'),
    },
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
            close = get_close_matches(str(name), known, n=1)
            hint = f' (did you mean {close[0]!r}?)' if close else ''
            return f'unknown parameter {name!r} of {task}{hint}; known are {", ".join(sorted(known))}'
        entry = known[name]
        if value is None and entry.optional:
            continue
        # A truth value is an int to Python, but never a number to a user.
        if not isinstance(value, entry.types) or (isinstance(value, bool) and bool not in entry.types):
            wanted = ' or '.join(kind.__name__ for kind in entry.types)
            return f'the parameter {name!r} of {task} must be {wanted} ({entry.help}), not {value!r}'
        if entry.choices and value not in entry.choices:
            return f'the parameter {name!r} of {task} must be {" or ".join(entry.choices)}, not {value!r}'
        message = entry.check(value) if entry.check is not None else None
        if message is not None:
            return f'the parameter {name!r} of {task} {message}'
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
