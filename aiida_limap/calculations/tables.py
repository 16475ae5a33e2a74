"""Calculation functions that join tables and sum up what came of a work chain; they keep the provenance of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction
from numpy.typing import NDArray

from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData

__all__ = ['concatenate_tables', 'join', 'summarize_batch', 'summarize_features', 'summarize_map']

#: Exit status of :func:`concatenate_tables` for tables that cannot be joined.
EXIT_TABLES_DIFFER = 420


@calcfunction
def concatenate_tables(dataset: DatasetData | None = None, **tables: TableData) -> TableData | ExitCode:
    """Join tables row by row.

    Columns that a table lacks are filled with no value. Blocks must mean the same in all tables.

    :param dataset: optional; rows are put into the order of its structures, and rows of other structures are refused.
    :param tables: tables without a row in common, joined in the order of their keys.
    :returns: the joined table.
    """
    try:
        table = join([tables[key] for key in sorted(tables)], None if dataset is None else dataset.structure_uuids)
    except ValueError as error:
        return ExitCode(EXIT_TABLES_DIFFER, f'the tables cannot be joined: {error}')
    return table


@calcfunction
def summarize_batch(table: TableData, structures: orm.List) -> orm.Dict:
    """Count what became of the structures of a batch that took several jobs.

    :param table: the joined table.
    :param structures: UUIDs of all structures of the batch.
    :returns: what the output parameters of a single job say.
    """
    done = set(table.ids)
    unfinished = sorted(uuid for uuid in structures.get_list() if uuid not in done)
    return orm.Dict(
        {
            'number_of_structures': len(structures.get_list()),
            'number_of_rows': len(table),
            'counts_by_status': table.counts_by_status,
            'unfinished': unfinished,
            'engine_version': table.engine_version,
            'complete': not unfinished,
        }
    )


@calcfunction
def summarize_features(
    dataset: DatasetData, migration_energies: TableData, descriptors: TableData | None = None
) -> orm.Dict:
    """Count what became of the structures of a dataset.

    :param dataset: the dataset.
    :param migration_energies: table of the structures that were computed.
    :param descriptors: table of the structures that were described, where that was asked for.
    :returns: counts by status word, engine versions, and the UUIDs of structures that no job finished.
    """
    document: dict[str, Any] = {'number_of_structures': len(dataset)}
    for name, table in (('migration_energies', migration_energies), ('descriptors', descriptors)):
        if table is None:
            continue
        done = set(table.ids)
        document[name] = {
            'counts_by_status': table.counts_by_status,
            'engine_version': table.engine_version,
            'unfinished': [uuid for uuid in dataset.structure_uuids if uuid not in done],
        }
    return orm.Dict(document)


@calcfunction
def summarize_map(featurize: orm.Dict, train: orm.Dict, encode: orm.Dict) -> orm.Dict:
    """Gather the parameters of the parts of a map in one place.

    :param featurize: output parameters of the featurization.
    :param train: output parameters of the training.
    :param encode: output parameters of the encoding.
    :returns: all three, by name.
    """
    return orm.Dict({'featurize': featurize.get_dict(), 'train': train.get_dict(), 'encode': encode.get_dict()})


def join(tables: Sequence[TableData], order: Sequence[str] | None = None) -> TableData:
    """Return the rows of several tables as one unstored table.

    :param tables: tables without a row in common.
    :param order: identifiers in the wanted order; those without a row are passed over.
    :returns: the joined table.
    :raises ValueError: if there is no table, a row occurs twice, a row is not in ``order``, a column holds numbers in
        one table and words in another, or a block differs in size or meaning.
    """
    if not tables:
        raise ValueError('there are no tables to join')
    ids = [identifier for table in tables for identifier in table.ids]
    rows = _rows(ids, order)
    names = list(dict.fromkeys(name for table in tables for name in table.column_names))
    info: dict[str, dict[str, str]] = {}
    for table in tables:
        for entry in table.info:
            info.setdefault(entry['name'], {'unit': entry['unit'], 'description': entry['description']})
    blocks = list(dict.fromkeys(name for table in tables for name in table.block_names))
    return TableData.from_arrays(
        [ids[row] for row in rows],
        {name: _joined_column(name, tables)[rows] for name in names},
        column_info=info,
        blocks={name: _joined_block(name, tables)[rows] for name in blocks},
        block_info={name: _joined_info(name, tables) for name in blocks},
        metadata=_joined_metadata(tables),
    )


def _rows(ids: list[str], order: Sequence[str] | None) -> list[int]:
    position = {identifier: row for row, identifier in enumerate(ids)}
    if len(position) != len(ids):
        repeated = next(identifier for row, identifier in enumerate(ids) if position[identifier] != row)
        raise ValueError(f'the row {repeated} stands in more than one table')
    if order is None:
        return list(range(len(ids)))
    strangers = set(position) - set(order)
    if strangers:
        raise ValueError(f'the row {min(strangers)} belongs to no structure of the dataset')
    return [position[identifier] for identifier in order if identifier in position]


def _joined_column(name: str, tables: Sequence[TableData]) -> NDArray:
    parts = [table.column(name) if name in table.column_names else None for table in tables]
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


def _joined_block(name: str, tables: Sequence[TableData]) -> NDArray:
    widths = {table.block(name).shape[1] for table in tables if name in table.block_names}
    if len(widths) > 1:
        raise ValueError(f'the block {name!r} has {" and ".join(str(width) for width in sorted(widths))} columns')
    width = widths.pop()
    return np.concatenate(
        [table.block(name) if name in table.block_names else np.full((len(table), width), np.nan) for table in tables]
    )


def _joined_info(name: str, tables: Sequence[TableData]) -> dict[str, Any]:
    found = [table.block_info(name) for table in tables if name in table.block_names]
    if any(info != found[0] for info in found[1:]):
        raise ValueError(f'the block {name!r} has another meaning (layout or labels) in one of the tables')
    return found[0]


def _joined_metadata(tables: Sequence[TableData]) -> dict[str, Any]:
    found = [table.metadata for table in tables]
    shared = {key: value for key, value in found[0].items() if all(entry.get(key) == value for entry in found[1:])}
    versions = sorted({str(entry['engine_version']) for entry in found if entry.get('engine_version')})
    if versions:
        shared['engine_version'] = ', '.join(versions)
    return shared
