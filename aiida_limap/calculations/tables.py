"""Calculation functions that join tables and sum up what came of a work chain; they keep the provenance of each row."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_limap.calculations._joining import join, merge
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData

__all__ = [
    'concatenate_tables',
    'join',
    'merge',
    'merge_tables',
    'summarize_batch',
    'summarize_features',
    'summarize_map',
]

#: Exit status of :func:`concatenate_tables` and :func:`merge_tables` for tables that do not fit together.
EXIT_TABLES_DIFFER = 420


@calcfunction
def concatenate_tables(dataset: DatasetData | None = None, **tables: TableData) -> TableData | ExitCode:
    """Join tables row by row, such as those of several batches.

    Columns that a table lacks are filled with no value. Blocks must mean the same in all tables: layout, column names
    and units are compared.

    :param dataset: optional; rows are put into the order of its structures, and rows of other structures are refused.
    :param tables: tables, joined in the order of their keys. A row that stands in two tables with the same values is
        taken once; with different values it is refused.
    :returns: the joined table. If engines of several versions computed it, ``engine_version`` names them all.
    """
    try:
        table = join([tables[key] for key in sorted(tables)], None if dataset is None else dataset.structure_uuids)
    except ValueError as error:
        return ExitCode(EXIT_TABLES_DIFFER, f'the tables cannot be joined: {error}')
    return table


@calcfunction
def merge_tables(**tables: TableData) -> TableData | ExitCode:
    """Put tables of the same structures side by side, such as migration energies and descriptors.

    :param tables: tables by key, in the order of their keys.
    :returns: the rows that all tables have; a name that occurs in several of them becomes ``KEY_NAME`` in each.
    """
    try:
        table = merge({key: tables[key] for key in sorted(tables)})
    except ValueError as error:
        return ExitCode(EXIT_TABLES_DIFFER, f'the tables cannot be merged: {error}')
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
