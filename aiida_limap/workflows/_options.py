"""Options of a training that are tried after a failure: a lower rate, fewer models side by side, a smaller batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiida_limap.common.training import GRID, number_of_models

__all__ = ['RATE_DIVISOR', 'lower_rate', 'smaller_batch', 'smaller_group']

RATE_DIVISOR = 3
_RATE = 'learning_rate'
_BATCH = 'batch_size'
_AT_ONCE = 'models_at_once'


def lower_rate(parameters: Mapping[str, Any], used: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return parameters with the learning rate, or each of a grid, divided by :data:`RATE_DIVISOR`.

    :param parameters: those of the job that failed.
    :param used: the options that the engine made of them, with those of the preset.
    :returns: new parameters, or None where nobody says what the rate was.
    """
    return _changed(parameters, used, _RATE, lambda rate: rate / RATE_DIVISOR)


def smaller_batch(parameters: Mapping[str, Any], used: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return parameters with the batch size, or each of a grid, halved.

    :param parameters: those of the job that failed.
    :param used: the options that the engine made of them, with those of the preset.
    :returns: new parameters, or None where a batch is a single structure already, or nobody says how large it was.
    """
    changed = _changed(parameters, used, _BATCH, lambda size: max(size // 2, 1))
    return None if changed == _changed(parameters, used, _BATCH, lambda size: size) else changed


def smaller_group(parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return parameters with half as many models side by side; no number of a model depends on it.

    :param parameters: those of the job that failed.
    :returns: new parameters, or None where one model was trained at a time already.
    """
    total = number_of_models(parameters.get(GRID))
    group = min(parameters.get(_AT_ONCE) or total, total)
    if group == 1:
        return None
    # A CPU trains one model per thread.
    return {**parameters, _AT_ONCE: (group + 1) // 2, 'threads': 1}


def _changed(
    parameters: Mapping[str, Any], used: Mapping[str, Any], name: str, change: Callable[[Any], Any]
) -> dict[str, Any] | None:
    grid = parameters.get(GRID) or {}
    if name in grid:
        # Two values may become one, which a grid must not name twice.
        values = list(dict.fromkeys(change(value) for value in grid[name]))
        return {**parameters, GRID: {**grid, name: values}}
    value = parameters.get(name, used.get(name))
    return None if value is None else {**parameters, name: change(value)}
