"""What the columns of a block are: one dictionary per column, from the description of the block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['as_block', 'describe_columns']


def as_block(name: str, values: ArrayLike, n_rows: int) -> NDArray:
    """Return a block as an array of numbers.

    :param name: name of the block, for messages.
    :param values: (n_rows, n) numbers.
    :param n_rows: the expected number of rows.
    :returns: (n_rows, n) array.
    :raises ValueError: if it holds something else than numbers, or has another shape.
    """
    array = np.asarray(values)
    if array.dtype.kind not in 'biuf':
        raise ValueError(f'the block {name!r} holds values that are not numbers')
    if array.ndim != 2 or array.shape[0] != n_rows:
        raise ValueError(f'the block {name!r} has shape {array.shape}, expected ({n_rows}, number of columns)')
    return array


def describe_columns(name: str, info: Mapping[str, Any], n_columns: int) -> list[dict[str, str]]:
    """Return what the columns of a block are.

    :param name: name of the block.
    :param info: its description: ``labels``, ``units`` and ``meanings`` with one word per column, ``blocks`` with the
        first column and the one after the last by name; each may be missing.
    :param n_columns: number of columns.
    :returns: for each column ``name``, ``unit``, ``meaning`` and ``block``; a column without a label is called by the
        block and its number.
    """
    names = _words(info.get('labels'), [f'{name}_{number}' for number in range(n_columns)])
    units, meanings = (_words(info.get(key), [''] * n_columns) for key in ('units', 'meanings'))
    blocks = [''] * n_columns
    for block, (start, stop) in (info.get('blocks') or {}).items():
        blocks[start:stop] = [block] * (stop - start)
    return [
        {'name': label, 'unit': unit, 'meaning': meaning, 'block': block}
        for label, unit, meaning, block in zip(names, units, meanings, blocks, strict=True)
    ]


def _words(given: Sequence[str] | None, otherwise: list[str]) -> list[str]:
    if given is None or len(given) != len(otherwise):
        return otherwise
    return [str(word) for word in given]
