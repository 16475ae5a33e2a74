"""One parameter of an engine task, and the check of its value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

__all__ = ['NUMBER', 'Parameter', 'check_value', 'unknown']

NUMBER = (int, float)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a task.

    :param types: accepted Python types; ``float`` comes with ``int``.
    :param help: one clause, with the unit.
    :param optional: whether None is accepted.
    :param choices: the accepted words; empty where every value of the type is accepted.
    :param check: returns what is wrong with a value of the right type, as the end of a sentence, or None.
    :param consumed: whether the calculation itself uses it, so that the engine does not see it.
    :param minimum: the smallest accepted number; None where the engine alone knows.
    :param in_grid: whether the models of a grid may differ in it.
    """

    types: tuple[type, ...]
    help: str
    optional: bool = False
    choices: tuple[str, ...] = ()
    check: Callable[[Any], str | None] | None = None
    consumed: bool = False
    minimum: float | None = None
    in_grid: bool = False


def check_value(name: str, entry: Parameter, value: Any) -> str | None:
    """Return what is wrong with a value, or None.

    :param name: what the value is called in a message, e.g. ``the parameter 'seed' of train``.
    :param entry: what is known of the parameter.
    :param value: the value.
    :returns: a sentence or None.
    """
    if value is None and entry.optional:
        return None
    if not _has_type(value, entry.types):
        wanted = ' or '.join(kind.__name__ for kind in entry.types)
        return f'{name} must be {wanted} ({entry.help}), not {value!r}'
    if isinstance(value, float) and math.isnan(value):
        return f'{name} must be a number ({entry.help}), not NaN'
    if entry.choices and value not in entry.choices:
        return f'{name} must be {" or ".join(entry.choices)}, not {value!r}'
    if entry.minimum is not None and value < entry.minimum:
        return f'{name} must be at least {entry.minimum:g} ({entry.help}), not {value!r}'
    message = entry.check(value) if entry.check is not None else None
    return None if message is None else f'{name} {message}'


def _has_type(value: Any, types: tuple[type, ...]) -> bool:
    # A truth value is an int to Python, but never a number to a user.
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def unknown(what: str, name: Any, known: Iterable[str], where: str = '') -> str:
    """Return a sentence that says that a name is not known, and which one may be meant.

    :param what: what the name stands for, e.g. ``parameter``.
    :param name: the name.
    :param known: the known names.
    :param where: what comes after the name, e.g. `` of train``.
    """
    names = sorted(known)
    close = get_close_matches(str(name), names, n=1)
    hint = f' (did you mean {close[0]!r}?)' if close else ''
    return f'unknown {what} {name!r}{where}{hint}; known are {", ".join(names)}'
