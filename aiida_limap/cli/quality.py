"""How good a model and its map are, as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from aiida_limap.tools.quality_rows import QUALITY_TITLE, quality_rows

__all__ = ['NOT_LEARNT', 'print_quality', 'quality_lines']

#: Said wherever numbers of such a model are printed.
NOT_LEARNT = 'trained with W = 0: no migration energy was learnt, and what is predicted of it says nothing'

_WIDTH = 18


def print_quality(metrics: Mapping[str, Any], map_quality: Mapping[str, Any] | None = None) -> None:
    """Print scores by split; nothing where there are none.

    :param metrics: scores by split, as a training gives them.
    :param map_quality: how well the map keeps neighbourhoods, by split.
    """
    lines = quality_lines(metrics, map_quality)
    if lines:
        click.echo('\n' + '\n'.join(lines) + '\n')


def quality_lines(metrics: Mapping[str, Any], map_quality: Mapping[str, Any] | None = None) -> list[str]:
    """Return the lines of :func:`print_quality`.

    :param metrics: scores by split.
    :param map_quality: how well the map keeps neighbourhoods, by split.
    """
    found = quality_rows(metrics, map_quality)
    if not found:
        return []
    (_first, *splits), rows = found[0], found[1:]
    return [QUALITY_TITLE, _row('', splits), *(_row(heading, cells) for heading, *cells in rows)]


def _row(heading: str, cells: Sequence[str]) -> str:
    return f'{heading:<25} ' + ''.join(f'{cell:>{_WIDTH}}' for cell in cells).rstrip()
