"""Descriptor tables as input of the jobs that train and encode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from numpy.typing import NDArray

from aiida_limap.common.layouts import LANDSCAPE_PART, PHONONS_PART, further_parts
from aiida_limap.common.parameters import LANDSCAPE
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.table import TableData
from aiida_limap.formats._files import write_json

__all__ = [
    'COLUMNS_FILE',
    'check_descriptors',
    'check_layout',
    'check_phonon_part',
    'check_target',
    'check_training_tables',
    'descriptor_arrays',
    'rows_with_descriptors',
    'training_parts',
    'wants_landscape',
    'write_columns',
]

COLUMNS_FILE = 'columns.json'
_RANGES = ('blocks', 'scales')
#: What a model keeps of the block of phonons: no layout knows its columns.
_PHONON_FACTS = ('columns', 'checksum', 'options', 'labels', 'units', 'meanings')


def wants_landscape(parameters: orm.Dict | None) -> bool:
    """Return whether the landscape part of the descriptors is to be computed, or read.

    :param parameters: the ``parameters`` of a ``limap.descriptors`` or of a training.
    """
    return parameters is not None and bool(parameters.get_dict().get(LANDSCAPE, False))


def training_parts(descriptors: TableData, parameters: orm.Dict | None) -> tuple[str, ...]:
    """Return what a training reads after the structure part of a descriptor table.

    :param descriptors: the table; a block ``phonons`` stands there only where somebody asked for it, and is read.
    :param parameters: the parameters of the training, which say whether the landscape part is read.
    """
    wanted = {LANDSCAPE_PART: wants_landscape(parameters), PHONONS_PART: PHONONS_PART in descriptors.block_names}
    return tuple(part for part, is_read in wanted.items() if is_read)


def _codes(further: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the parts of a descriptor table that make up the row behind each code of a map."""
    # Numbers of landscape and phonons depend on the geometry, so they go into the code of the structure.
    return {'composition': ('composition',), 'structure': ('structure', *further)}


def _parts(further: Sequence[str]) -> list[str]:
    return [part for parts in _codes(further).values() for part in parts]


def check_descriptors(table: TableData, further: Sequence[str] = ()) -> str | None:
    """Return what is wrong with a descriptor table, or None.

    :param table: the table.
    :param further: parts that are read after the structure part, see :func:`training_parts`.
    :returns: a sentence or None.
    """
    for part in _parts(further):
        if part in table.block_names:
            continue
        if part == 'landscape':
            return (
                "descriptors: the table has no block 'landscape', which the model reads; describe the structures with "
                'landscape: true and a layout that has a landscape part'
            )
        if part == PHONONS_PART:
            return (
                "descriptors: the table has no block 'phonons', which the model reads; give a table of phonon "
                'quantities of these structures too'
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
    columns = model.header['columns']
    expected = columns.get('layout_checksum')
    found = table.block_info('composition').get('layout_checksum')
    if expected is not None and found is not None and expected != found:
        return (
            f'descriptors: the table follows another layout than the model, which was trained with {model.layout!r} '
            f'(checksum {expected[:8]}, found {found[:8]}); describe the structures with the layout of the model'
        )
    return check_phonon_part(table, columns)


def check_phonon_part(table: TableData, columns: Mapping[str, Any]) -> str | None:
    """Return why the phonons of a descriptor table are not those that a model reads, or None.

    :param table: a descriptor table that :func:`check_descriptors` has nothing against.
    :param columns: what the model says about its columns.
    :returns: a sentence or None; None too for a model that reads none.
    """
    if PHONONS_PART not in further_parts(columns):
        return None
    expected, found = columns[PHONONS_PART], table.block_info(PHONONS_PART)
    if expected['checksum'] == found.get('checksum'):
        return None
    return (
        f'descriptors: the phonons of the table are other numbers than those of the model, which reads '
        f'{", ".join(expected["columns"])} with {expected["options"]} (checksum {expected["checksum"][:8]}, found '
        f'{str(found.get("checksum"))[:8]}); compute the phonons with the options of the model'
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
    descriptors: TableData, energies: TableData, target: str, further: Sequence[str] = ()
) -> str | None:
    """Return what is wrong with the two tables of a training, or None.

    :param descriptors: a descriptor table.
    :param energies: a table of migration energies.
    :param target: the column of ``energies`` that is learnt, in eV.
    :param further: parts that are read after the structure part, see :func:`training_parts`.
    :returns: a sentence or None.
    """
    message = check_descriptors(descriptors, further) or check_target(energies, target)
    if message is not None:
        return message
    if not set(descriptors.ids) & set(energies.ids):
        return (
            'descriptors and migration_energies have no structure in common; give tables of the same structures, whose '
            'rows are named by the same UUIDs'
        )
    return None


def rows_with_descriptors(table: TableData, further: Sequence[str] = ()) -> NDArray[np.int_]:
    """Return the rows whose descriptors are complete.

    :param table: a descriptor table.
    :param further: parts that are read after the structure part, see :func:`training_parts`.
    :returns: row numbers, ascending.
    """
    complete = np.ones(len(table), dtype=bool)
    for part in _parts(further):
        complete &= np.isfinite(table.block(part)).all(axis=1)
    return np.flatnonzero(complete)


def descriptor_arrays(table: TableData, rows: NDArray[np.int_], further: Sequence[str] = ()) -> dict[str, NDArray]:
    """Return the numbers behind the two codes of a map.

    :param table: a descriptor table.
    :param rows: row numbers.
    :param further: parts that are appended to the structure row.
    :returns: ``composition`` and ``structure``, (n_rows, n_columns) each.
    """
    return {
        code: np.concatenate([table.block(part)[rows] for part in parts], axis=1)
        for code, parts in _codes(further).items()
    }


def write_columns(path: Path, table: TableData, further: Sequence[str] = ()) -> None:
    """Write what the descriptor columns mean, as the engine gave it: layout, its checksum, labels, blocks and scales.

    :param path: the file to write.
    :param table: a descriptor table.
    :param further: parts that are appended to the structure row; their blocks and scales are called ``PART.NAME``,
        e.g. ``landscape.NAME``.
    """
    document: dict[str, Any] = {LANDSCAPE: LANDSCAPE_PART in further, **{name: {} for name in _RANGES}}
    if PHONONS_PART in further:
        info = table.block_info(PHONONS_PART)
        document[PHONONS_PART] = {name: info.get(name) for name in _PHONON_FACTS}
    for code, parts in _codes(further).items():
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
