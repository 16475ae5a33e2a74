"""What a job of phonons may say of the calculator that computes them; a test keeps this in step with the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_limap.common._parameter import NUMBER, Parameter, check_value, unknown

__all__ = ['CALCULATOR', 'CALCULATOR_OPTIONS', 'CALCULATOR_REFUSED', 'RELAXATIONS', 'check_calculator', 'keeps_forces']

#: How the sentence of an engine begins that has not got the calculator, or cannot make it.
CALCULATOR_REFUSED = 'the calculator cannot be used'
#: The parameter of a job of phonons that holds all this.
CALCULATOR = 'calculator'
KEEP_FORCES = 'keep_forces'
RELAXATIONS = ('cell', 'positions', 'none')

CALCULATOR_OPTIONS: dict[str, Parameter] = {
    'name': Parameter((str,), 'name of the calculator, e.g. chgnet'),
    'parameters': Parameter((dict,), 'what the calculator itself is told, e.g. {model: 0.3.0, device: cuda}'),
    KEEP_FORCES: Parameter((bool,), 'give forces and relaxed crystals as nodes (the default)'),
    'relax': Parameter((str,), 'what is relaxed first: cell (with positions), positions or none', choices=RELAXATIONS),
    'supercell_length_angstrom': Parameter(NUMBER, 'least distance of lattice planes of the supercell, Å', minimum=1),
    'displacement_angstrom': Parameter(
        NUMBER, 'how far an atom is displaced, Å; by default what suits the calculator', optional=True, minimum=1e-4
    ),
    'force_limit_eV_per_angstrom': Parameter(NUMBER, 'largest force of a relaxed crystal, eV/Å', minimum=1e-6),
    'max_steps': Parameter((int,), 'steps of the relaxation', minimum=1),
    'max_atoms': Parameter((int,), 'larger supercells are not computed', minimum=1),
    'symprec_angstrom': Parameter(NUMBER, 'distance within which atoms of the given crystal are symmetric, Å'),
    'time_limit_s': Parameter(NUMBER, 'time limit of one structure, s', optional=True, minimum=1e-3),
}


def check_calculator(value: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a calculator and its options, as the end of a sentence, or None.

    :param value: ``name`` of the calculator and options.
    """
    if not value.get('name'):
        return "must name one, e.g. {'name': 'chgnet'}"
    for name, entry in value.items():
        if name not in CALCULATOR_OPTIONS:
            return f'has an {unknown("key", name, CALCULATOR_OPTIONS)}'
        message = check_value(f'its key {name!r}', CALCULATOR_OPTIONS[name], entry)
        if message is not None:
            return f'is wrong: {message}'
    return None


def keeps_forces(parameters: Mapping[str, Any]) -> bool:
    """Return whether forces and relaxed crystals come back from a job.

    :param parameters: the parameters of the job.
    """
    return CALCULATOR in parameters and bool(parameters[CALCULATOR].get(KEEP_FORCES, True))
