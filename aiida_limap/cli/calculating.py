"""Options of phonons that are computed: with which calculator, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from aiida_limap.cli.number_types import FiniteNumber
from aiida_limap.common.calculators import RELAXATIONS

__all__ = ['calculator_options', 'calculator_overrides', 'note_unknown_calculator']

Command = TypeVar('Command', bound=Callable[..., Any])

#: Options of the command by the key of the parameter ``calculator``.
_KEYS = {
    'relax': 'relax',
    'supercell_length': 'supercell_length_angstrom',
    'displacement': 'displacement_angstrom',
    'force_limit': 'force_limit_eV_per_angstrom',
    'max_steps': 'max_steps',
    'time_limit': 'time_limit_s',
}
_POSITIVE = FiniteNumber(0, min_open=True)
_OPTIONS = (
    click.option(
        '--structures',
        metavar='GROUP_OR_DATASET',
        help='Structures whose phonons are computed with --calculator: label of a group, or pk or UUID of a dataset.',
    ),
    click.option('--calculator', metavar='NAME', help='Compute the phonons of the structures, e.g. with chgnet.'),
    click.option(
        '--calculator-parameter',
        'calculator_parameters',
        metavar='KEY=VALUE',
        multiple=True,
        help='What the calculator itself is told, e.g. model=0.2.0 or device=cuda; several times.',
    ),
    click.option('--relax', type=click.Choice(RELAXATIONS), help='What is relaxed first; by default cell.'),
    click.option(
        '--supercell-length',
        type=_POSITIVE,
        help='Least distance of planes of the supercell, Å; else 8.',
    ),
    click.option(
        '--displacement',
        type=_POSITIVE,
        help='How far atoms are displaced, Å; else what suits the calculator.',
    ),
    click.option(
        '--force-limit',
        type=_POSITIVE,
        help='Largest force of a relaxed crystal, eV/Å; else 0.001.',
    ),
    click.option('--max-steps', type=click.IntRange(1), help='Steps of the relaxation; else 500.'),
    click.option('--time-limit', type=_POSITIVE, help='Seconds that one compound may take; else no limit.'),
)


def calculator_options(command: Command) -> Command:
    """Give a command the options of phonons that are computed.

    :param command: the function.
    :returns: the function with its options.
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def calculator_overrides(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameter ``calculator`` that the options of a command mean; empty where there are none.

    :param chosen: values of the options.
    :raises click.UsageError: if there are options, but no calculator, or a parameter has no value.
    """
    given = {key: chosen[option] for option, key in _KEYS.items() if chosen[option] is not None}
    parameters = _parameters(chosen['calculator_parameters'])
    if chosen['calculator'] is None:
        if given or parameters or chosen['structures'] is not None:
            raise click.UsageError('phonons of structures are computed by a calculator: add --calculator, e.g. chgnet')
        return {}
    return {'name': chosen['calculator'], **({'parameters': parameters} if parameters else {}), **given}


def _parameters(words: Sequence[str]) -> dict[str, Any]:
    import yaml

    found = {}
    for word in words:
        key, sign, value = word.partition('=')
        if not (key and sign and value):
            raise click.UsageError(f'--calculator-parameter is KEY=VALUE, such as model=0.2.0, not {word!r}')
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise click.UsageError(f'--calculator-parameter {key}: {value!r} is no value of YAML') from error
    return found


def note_unknown_calculator(name: str, code: Any) -> None:
    """Say on standard error that a calculator is not known here; it may be on the computer of the code.

    :param name: name of the calculator.
    :param code: the code of the engines.
    """
    from aiida_limap.engines.phonons.calculators import calculator_names

    known = calculator_names()
    if name not in known:
        click.echo(
            f'Warning: no calculator {name!r} is known on this machine (known: {", ".join(known) or "none"}); '
            f'the jobs look for it on {code.computer.label}',
            err=True,
        )
