"""Ports that several work chains have alike, but for their names, defaults and meanings."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from aiida import orm
from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ['define_number', 'define_numbers', 'define_options', 'define_switch']


def define_number(spec: WorkChainSpec, name: str, default: int, meaning: str) -> None:
    """Define an input that counts something, 1 or more.

    :param spec: the specification to fill.
    :param name: name of the input.
    :param default: its value where none is given.
    :param meaning: help of the input.
    """
    spec.input(
        name,
        valid_type=orm.Int,
        default=partial(orm.Int, default),
        serializer=orm.to_aiida_type,
        validator=_positive,
        help=meaning,
    )


def define_numbers(spec: WorkChainSpec, numbers: Iterable[tuple[str, int, str]]) -> None:
    """Define inputs that count something, 1 or more.

    :param spec: the specification to fill.
    :param numbers: name, default and help of each.
    """
    for name, default, meaning in numbers:
        define_number(spec, name, default, meaning)


def define_switch(spec: WorkChainSpec, name: str, default: bool, meaning: str) -> None:
    """Define an input that is true or false.

    :param spec: the specification to fill.
    :param name: name of the input.
    :param default: its value where none is given.
    :param meaning: help of the input.
    """
    spec.input(
        name, valid_type=orm.Bool, default=partial(orm.Bool, default), serializer=orm.to_aiida_type, help=meaning
    )


def define_options(spec: WorkChainSpec, name: str, meaning: str) -> None:
    """Define an input that holds scheduler options, those of one process on one machine unless others are given.

    :param spec: the specification to fill.
    :param name: name of the input.
    :param meaning: help of the input.
    """
    spec.input(name, valid_type=dict, non_db=True, default=_default_options, help=meaning)


def _default_options() -> dict[str, Any]:
    return {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}}


def _positive(value: orm.Int, port: Any) -> str | None:
    return None if value.value >= 1 else f'{port.name} must be 1 or more, not {value.value}'
