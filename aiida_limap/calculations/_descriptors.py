"""Descriptor tables as input of the jobs that train and encode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.data.table import TableData
from aiida_limap.formats._files import write_json

__all__ = ['BLOCKS', 'COLUMNS_FILE', 'check_descriptors', 'check_target', 'rows_with_descriptors', 'write_columns']

#: The two blocks of a descriptor table, in the order of the codes that they become.
BLOCKS = ('composition', 'structure')
COLUMNS_FILE = 'columns.json'


def check_descriptors(table: TableData) -> str | None:
    """Return what is wrong with a descriptor table, or None.

    :param table: the table.
    :returns: a sentence or None.
    """
    for name in BLOCKS:
        if name not in table.block_names:
            return f'descriptors: the table has no block {name!r}; give the table of a limap.descriptors calculation'
    if table.counts_by_status and 'ok' not in table.counts_by_status:
        return f'descriptors: no structure of the table has descriptors ({table.counts_by_status})'
    return None


def check_target(table: TableData, target: str) -> str | None:
    """Return what is wrong with a table of migration energies, or None.

    :param table: the table.
    :param target: the column that is used, in eV.
    :returns: a sentence or None.
    """
    numbers = [entry['name'] for entry in table.info if entry['kind'] == 'number']
    if target not in numbers:
        return (
            f'migration_energies: the table has no column of numbers {target!r}; it has {", ".join(numbers) or "none"}'
        )
    return None


def rows_with_descriptors(table: TableData) -> NDArray[np.int_]:
    """Return the rows whose descriptors are complete.

    :param table: a descriptor table.
    :returns: row numbers, ascending.
    """
    complete = np.ones(len(table), dtype=bool)
    for name in BLOCKS:
        complete &= np.isfinite(table.block(name)).all(axis=1)
    return np.flatnonzero(complete)


def write_columns(path: Path, table: TableData) -> None:
    """Write what the descriptor columns mean, as the engine gave it: layout, its checksum, labels and blocks.

    :param path: the file to write.
    :param table: a descriptor table.
    """
    document: dict[str, Any] = {'blocks': {}}
    for name in BLOCKS:
        info = table.block_info(name)
        document['layout'] = info.get('layout')
        document['layout_checksum'] = info.get('layout_checksum')
        document[f'{name}_labels'] = info.get('labels')
        document['blocks'][name] = info.get('blocks')
    write_json(path, document)
