"""Which models of a grid are an ensemble: those that differ from the chosen one in nothing but the seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiida_limap.data.table import TableData

__all__ = ['ensemble_members']

_SEED = 'seed'


def ensemble_members(grid: Mapping[str, Any], table: TableData, chosen: str, kept: Iterable[str]) -> list[str]:
    """Return the names of the models that say how far the seed alone changes a map.

    :param grid: the parameter ``grid`` of the training.
    :param table: its output ``grid``, one row per model.
    :param chosen: name of the model that the map is drawn with.
    :param kept: names of the models that there are.
    :returns: names out of ``kept``, sorted; empty for a grid without seeds.
    """
    if _SEED not in grid:
        return []

    def options(name: str) -> list[Any]:
        row = table.row(name)
        return [row[option] for option in sorted(grid) if option != _SEED]

    return sorted(name for name in kept if name != chosen and options(name) == options(chosen))
