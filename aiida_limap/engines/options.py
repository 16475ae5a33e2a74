"""Checks that options of several stages need: a job file can hold anything, and what is wrong is said in one way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiida_limap.engines.errors import InputError

__all__ = ['check_between', 'check_switch', 'check_whole', 'given_options']


def given_options(options: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Return the options that were given; None stands for the default.

    :param options: values by name.
    :param known: names of all options.
    :returns: those that are not None.
    :raises InputError: if a name is unknown.
    """
    names = tuple(known)
    unknown = sorted(set(options) - set(names))
    if unknown:
        raise InputError(f'there is no option {unknown[0]!r}; known are {", ".join(names)}')
    return {name: value for name, value in options.items() if value is not None}


def check_switch(name: str, value: Any) -> None:
    """Refuse what is neither true nor false.

    :param name: the option.
    :param value: its value.
    :raises InputError: if it is something else.
    """
    if not isinstance(value, bool):
        raise InputError(f'option {name} must be true or false, not {value!r}')


def check_between(name: str, value: Any, least: float, most: float) -> None:
    """Refuse what is no number of a range.

    :param name: the option.
    :param value: its value.
    :param least: the smallest value that is allowed; where it is a whole number, so must the value be.
    :param most: the greatest one.
    :raises InputError: if the value is none of them.
    """
    kinds = int if isinstance(least, int) else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
        raise InputError(f'option {name} must be between {least:g} and {most:g}, not {value!r}')


def check_whole(name: str, value: Any, least: int, most: int, otherwise: str = '') -> None:
    """Refuse what is no whole number of a range.

    :param name: the option.
    :param value: its value.
    :param least: the smallest value that is allowed.
    :param most: the greatest one.
    :param otherwise: what is allowed beside, as the sentence calls it.
    :raises InputError: if the value is none of them.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(f'option {name} must be a whole number from {least} to {most}{otherwise}, not {value!r}')
