"""Tables put below each other, or side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.data.table import TableData

__all__ = ['join', 'merge']

#: Columns that tell how a row was computed, not what was found: they differ between two runs of one computation.
_CIRCUMSTANCES = frozenset({'wall_s', 'read_s'})
#: Keys of a block whose values must agree, with the words for a message; the layout itself may differ in its title.
_MEANING = {
    'layout_checksum': 'another layout',
    'labels': 'other column names',
    'units': 'other units',
    'blocks': 'other blocks of columns',
}

#: Blocks that tables of earlier releases lack, and those of jobs that were told to leave them out.
_OPTIONAL = frozenset({'profile_distance_angstrom', 'profile_energy_eV'})


def join(tables: Sequence[TableData], order: Sequence[str] | None = None) -> TableData:
    """Return the rows of several tables as one unstored table.

    :param tables: tables whose columns and blocks mean the same. A row may stand in two tables if it holds the same
        values in both; it is taken once.
    :param order: identifiers in the wanted order; those without a row are passed over.
    :returns: the joined table; ``engine_version`` names all versions if there are several.
    :raises ValueError: if there is no table, a row stands in two tables with different values, a row is not in
        ``order``, a column holds numbers in one table and words in another or has two units, a block differs in size
        or meaning, or a table of described structures lacks a block that another has.
    """
    if not tables:
        raise ValueError('there are no tables to join')
    ids: list[str] = []
    found: list[dict[str, NDArray]] = []
    metadata = []
    # Each table is let go of after it was read: together they may not fit into memory, with what their columns mean.
    for table in tables:
        ids.extend(table.ids)
        found.append({name: table.column(name) for name in table.column_names})
        metadata.append(table.metadata)
        table.forget()
    columns = {name: _joined_column(name, tables, found) for name in _names(found)}
    rows, repeated = _rows(ids, order)
    _compare(ids, repeated, columns)
    block_info = {name: _joined_info(name, tables) for name in _names(table.block_names for table in tables)}
    blocks = _joined_blocks(list(block_info), tables, ids, rows)
    return TableData.from_arrays(
        [ids[row] for row in rows],
        {name: column[rows] for name, column in columns.items()},
        column_info=_column_info(tables),
        blocks=blocks,
        block_info=block_info,
        metadata=_joined_metadata(metadata),
    )


def merge(tables: Mapping[str, TableData]) -> TableData:
    """Return the rows that all of several tables have, side by side, as one unstored table.

    :param tables: tables by key, e.g. migration energies and descriptors of the same structures.
    :returns: one row per row of the first table that all others have too, in its order. A column or block whose name
        occurs in several tables is called ``KEY_NAME`` in each of them. The metadata hold those of each table by key.
    :raises ValueError: if there is no table, or the tables have no row in common.
    """
    if not tables:
        raise ValueError('there are no tables to merge')
    first, *others = tables.values()
    shared = set(first.ids).intersection(*(table.ids for table in others))
    ids = [identifier for identifier in first.ids if identifier in shared]
    if not ids:
        raise ValueError(f'the tables {", ".join(tables)} have no row in common')
    counts = Counter(name for table in tables.values() for name in [*table.column_names, *table.block_names])
    columns: dict[str, NDArray] = {}
    column_info: dict[str, dict[str, str]] = {}
    blocks: dict[str, NDArray] = {}
    block_info: dict[str, dict[str, Any]] = {}
    for key, table in tables.items():
        rows = [table.position(identifier) for identifier in ids]
        described = _column_info([table])
        for name in table.column_names:
            new = f'{key}_{name}' if counts[name] > 1 else name
            columns[new], column_info[new] = table.column(name)[rows], described[name]
        for name in table.block_names:
            new = f'{key}_{name}' if counts[name] > 1 else name
            blocks[new], block_info[new] = table.block(name)[rows], table.block_info(name)
    metadata = {'merged': {key: table.metadata for key, table in tables.items()}}
    versions = _versions([table.metadata for table in tables.values()])
    return TableData.from_arrays(
        ids, columns, column_info=column_info, blocks=blocks, block_info=block_info, metadata=metadata | versions
    )


def _names(names: Any) -> list[str]:
    return list(dict.fromkeys(name for entry in names for name in entry))


def _named(table: TableData) -> str:
    return f'table {table.pk}' if table.pk is not None else 'a table'


def _rows(ids: list[str], order: Sequence[str] | None) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the rows that are kept, each identifier once, and the pairs of rows with the same identifier."""
    position: dict[str, int] = {}
    repeated = []
    for row, identifier in enumerate(ids):
        first = position.setdefault(identifier, row)
        if first != row:
            repeated.append((first, row))
    if order is None:
        return list(position.values()), repeated
    strangers = set(position) - set(order)
    if strangers:
        raise ValueError(f'the row {min(strangers)} belongs to no structure of the dataset')
    return [position[identifier] for identifier in order if identifier in position], repeated


def _compare(ids: list[str], repeated: list[tuple[int, int]], columns: Mapping[str, NDArray]) -> None:
    for first, row in repeated:
        for name, array in columns.items():
            if name not in _CIRCUMSTANCES and not _equal(array[first], array[row]):
                raise _differs(ids[row], name)


def _differs(identifier: str, name: str) -> ValueError:
    return ValueError(
        f'the row {identifier} stands in more than one table with different values of {name}; leave out one of the '
        'tables'
    )


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, str):
        return bool(one == other)
    return np.array_equal(one, other, equal_nan=True)


def _column_info(tables: Sequence[TableData]) -> dict[str, dict[str, str]]:
    info: dict[str, dict[str, str]] = {}
    for table in tables:
        for entry in table.info:
            known = info.setdefault(entry['name'], {'unit': entry['unit'], 'description': entry['description']})
            if known['unit'] != entry['unit']:
                raise ValueError(
                    f'the column {entry["name"]!r} has the unit {known["unit"]!r} in one table and {entry["unit"]!r} '
                    'in another'
                )
    return info


def _joined_column(name: str, tables: Sequence[TableData], found: Sequence[Mapping[str, NDArray]]) -> NDArray:
    parts = [columns.get(name) for columns in found]
    has_words = any(part is not None and part.dtype.kind == 'U' for part in parts)
    filled = []
    for table, part in zip(tables, parts, strict=True):
        if part is not None and (part.dtype.kind == 'U') == has_words:
            filled.append(part)
        elif part is None or np.isnan(part).all():
            # No value in any row of this table: it fits numbers and words alike.
            filled.append(np.full(len(table), '' if has_words else np.nan))
        else:
            raise ValueError(f'the column {name!r} holds numbers in one table and words in another')
    return np.concatenate(filled)


def _joined_blocks(
    names: Sequence[str], tables: Sequence[TableData], ids: list[str], rows: list[int]
) -> dict[str, NDArray]:
    """Return the blocks in the order of the rows; one table at a time is in memory beside them."""
    _check_blocks(names, tables)
    place = {ids[row]: number for number, row in enumerate(rows)}
    kept = set(rows)
    blocks: dict[str, NDArray] = {}
    start = 0
    for table in tables:
        # A row that stands in two tables is taken from the first and compared in the others.
        here = range(start, start + len(table))
        new = [row for row in here if row in kept]
        old = [row for row in here if row not in kept]
        start += len(table)
        for name in names:
            part = table.block(name) if name in table.block_names else None
            block = _space(blocks.get(name), len(rows), part)
            if block is None:
                continue
            blocks[name] = block
            if part is None:
                continue
            block[[place[ids[row]] for row in new]] = part[[row - here.start for row in new]]
            for row in old:
                kept_row = block[place[ids[row]]]
                if name in _OPTIONAL and np.isnan(kept_row).all():
                    kept_row[:] = part[row - here.start]
                elif not _equal(kept_row, part[row - here.start]):
                    raise _differs(ids[row], f'block {name}')
        table.forget()
    return blocks


def _space(block: NDArray | None, n_rows: int, part: NDArray | None) -> NDArray | None:
    """Return a block that can take the rows of a table: a new one, or the same in a type that holds them too."""
    if part is None:
        return block
    if block is None:
        return np.full((n_rows, part.shape[1]), np.nan, dtype=np.result_type(part, np.float32))
    return block.astype(np.result_type(block, part), copy=False)


def _check_blocks(names: Sequence[str], tables: Sequence[TableData]) -> None:
    widths: dict[str, set[int]] = {name: set() for name in names}
    for table in tables:
        for entry in table.base.attributes.get('blocks'):
            widths[entry['name']].add(entry['n_columns'])
    for name in names:
        if len(widths[name]) > 1:
            words = ' and '.join(str(width) for width in sorted(widths[name]))
            raise ValueError(f'the block {name!r} has {words} columns')
        for table in tables:
            # Where no structure of a table could be described, the engine left no block at all.
            if name in table.block_names or name in _OPTIONAL:
                continue
            if table.block_names or 'ok' in table.counts_by_status:
                raise ValueError(
                    f'{_named(table)} has no block {name!r}, which another table has; describe all structures with '
                    'the same layout and the same choice of landscape'
                )


def _joined_info(name: str, tables: Sequence[TableData]) -> dict[str, Any]:
    described = [table for table in tables if name in table.block_names]
    first = described[0].block_info(name)
    for table in described[1:]:
        info = table.block_info(name)
        table.forget()
        for key, words in _MEANING.items():
            if info.get(key) != first.get(key):
                raise ValueError(
                    f'the block {name!r} has another meaning: {_named(table)} has {words} than '
                    f'{_named(described[0])}{_layouts(first, info)}'
                )
        if info.get('layout_checksum') is None and info != first:
            raise ValueError(f'the block {name!r} has another meaning (layout or labels) in one of the tables')
    return first


def _layouts(*infos: Mapping[str, Any]) -> str:
    """Return the names of two layouts as the end of a sentence."""
    words = []
    for info in infos:
        layout = info.get('layout')
        name = layout.get('name') if isinstance(layout, Mapping) else layout
        words.append(f'{name!r} with checksum {str(info.get("layout_checksum"))[:8]}')
    return f' (layout {words[1]}, expected {words[0]})'


def _versions(found: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    versions = sorted(
        {word for entry in found if entry.get('engine_version') for word in str(entry['engine_version']).split(', ')}
    )
    return {'engine_version': ', '.join(versions)} if versions else {}


def _joined_metadata(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    shared = {key: value for key, value in found[0].items() if all(entry.get(key) == value for entry in found[1:])}
    return shared | _versions(found)
