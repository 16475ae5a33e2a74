"""Descriptor tables as input of the jobs that train and encode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from numpy.typing import NDArray

from aiida_limap.common.parameters import LANDSCAPE
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.table import TableData
from aiida_limap.formats._files import write_json

__all__ = [
    'COLUMNS_FILE',
    'check_descriptors',
    'check_layout',
    'check_target',
    'check_training_tables',
    'descriptor_arrays',
    'rows_with_descriptors',
    'wants_landscape',
    'write_columns',
]

COLUMNS_FILE = 'columns.json'
_RANGES = ('blocks', 'scales')


def wants_landscape(parameters: orm.Dict | None) -> bool:
    """Return whether the landscape part of the descriptors is to be computed, or read.

    :param parameters: the ``parameters`` of a ``limap.descriptors`` or of a training.
    """
    return parameters is not None and bool(parameters.get_dict().get(LANDSCAPE, False))


def _codes(landscape: bool) -> dict[str, tuple[str, ...]]:
    """Return the parts of a descriptor table that make up the row behind each code of a map."""
    return {
        'composition': ('composition',),
        # Numbers of the landscape depend on the geometry, so they go into the code of the structure.
        'structure': ('structure', 'landscape') if landscape else ('structure',),
    }


def _parts(landscape: bool) -> list[str]:
    return [part for parts in _codes(landscape).values() for part in parts]


def check_descriptors(table: TableData, landscape: bool = False) -> str | None:
    """Return what is wrong with a descriptor table, or None.

    :param table: the table.
    :param landscape: whether the landscape part is read.
    :returns: a sentence or None.
    """
    for part in _parts(landscape):
        if part in table.block_names:
            continue
        if part == 'landscape':
            return (
                "descriptors: the table has no block 'landscape', which the model reads; describe the structures with "
                'landscape: true and a layout that has a landscape part'
            )
        return f'descriptors: the table has no block {part!r}; give the table of a limap.descriptors calculation'
    if table.counts_by_status and 'ok' not in table.counts_by_status:
        return f'descriptors: no structure of the table has descriptors ({table.counts_by_status})'
    return None


def check_layout(table: TableData, model: AutoencoderData) -> str | None:
    """Return why a model cannot read a descriptor table, or None.

    :param table: a descriptor table that :func:`check_descriptors` has nothing against.
    :param model: the model.
    :returns: a sentence or None; None too where either does not know its layout.
    """
    expected = model.header['columns'].get('layout_checksum')
    found = table.block_info('composition').get('layout_checksum')
    if expected is None or found is None or expected == found:
        return None
    return (
        f'descriptors: the table follows another layout than the model, which was trained with {model.layout!r} '
        f'(checksum {expected[:8]}, found {found[:8]}); describe the structures with the layout of the model'
    )


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


def check_training_tables(
    descriptors: TableData, energies: TableData, target: str, landscape: bool = False
) -> str | None:
    """Return what is wrong with the two tables of a training, or None.

    :param descriptors: a descriptor table.
    :param energies: a table of migration energies.
    :param target: the column of ``energies`` that is learnt, in eV.
    :param landscape: whether the landscape part is read.
    :returns: a sentence or None.
    """
    message = check_descriptors(descriptors, landscape) or check_target(energies, target)
    if message is not None:
        return message
    if not set(descriptors.ids) & set(energies.ids):
        return (
            'descriptors and migration_energies have no structure in common; give tables of the same structures, whose '
            'rows are named by the same UUIDs'
        )
    return None


def rows_with_descriptors(table: TableData, landscape: bool = False) -> NDArray[np.int_]:
    """Return the rows whose descriptors are complete.

    :param table: a descriptor table.
    :param landscape: whether the landscape part is read.
    :returns: row numbers, ascending.
    """
    complete = np.ones(len(table), dtype=bool)
    for part in _parts(landscape):
        complete &= np.isfinite(table.block(part)).all(axis=1)
    return np.flatnonzero(complete)


def descriptor_arrays(table: TableData, rows: NDArray[np.int_], landscape: bool = False) -> dict[str, NDArray]:
    """Return the numbers behind the two codes of a map.

    :param table: a descriptor table.
    :param rows: row numbers.
    :param landscape: whether the landscape part is appended to the structure row.
    :returns: ``composition`` and ``structure``, (n_rows, n_columns) each.
    """
    return {
        code: np.concatenate([table.block(part)[rows] for part in parts], axis=1)
        for code, parts in _codes(landscape).items()
    }


def write_columns(path: Path, table: TableData, landscape: bool = False) -> None:
    """Write what the descriptor columns mean, as the engine gave it: layout, its checksum, labels, blocks and scales.

    :param path: the file to write.
    :param table: a descriptor table.
    :param landscape: whether the landscape part is appended to the structure row; its blocks and scales are called
        ``landscape.NAME`` then.
    """
    document: dict[str, Any] = {LANDSCAPE: landscape, **{name: {} for name in _RANGES}}
    for code, parts in _codes(landscape).items():
        info = {part: table.block_info(part) for part in parts}
        document['layout'] = info[code].get('layout')
        document['layout_checksum'] = info[code].get('layout_checksum')
        labels = [info[part].get('labels') or [] for part in parts]
        # Half of the names would name the wrong columns.
        document[f'{code}_labels'] = [label for part in labels for label in part] if all(labels) else None
        widths = {part: table.block(part).shape[1] for part in parts}
        for name in _RANGES:
            document[name][code] = _shifted({part: info[part].get(name) for part in parts}, widths, code)
    write_json(path, document)


def _shifted(
    ranges: Mapping[str, Mapping[str, list[int]] | None], widths: Mapping[str, int], first: str
) -> dict[str, list[int]] | None:
    """Return ranges of columns, counted within each part, counted within the row of all parts instead."""
    joined: dict[str, list[int]] = {}
    offset = 0
    for part, known in ranges.items():
        if known is None:
            return None
        prefix = '' if part == first else f'{part}.'
        joined.update({prefix + name: [offset + start, offset + stop] for name, (start, stop) in known.items()})
        offset += widths[part]
    return joined
