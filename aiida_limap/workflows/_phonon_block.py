"""Phonon quantities as a block of the descriptors of a map: inputs, checks, and the joining itself."""

from __future__ import annotations

from collections.abc import Sequence

from aiida import orm
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations._phonon_block import (
    DEFAULT_PHONON_COLUMNS,
    check_phonon_columns,
    other_phonons,
    rows_with_phonons,
)
from aiida_limap.calculations.phonon_tables import join_phonons
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData

__all__ = ['COLUMNS', 'PHONONS', 'check_model_phonons', 'check_phonons', 'columns_of', 'define_phonons', 'with_block']

PHONONS, COLUMNS = 'phonons', 'phonon_columns'


def define_phonons(spec: WorkChainSpec, *, with_columns: bool) -> None:
    """Define the inputs that bring phonon quantities.

    :param spec: the specification to fill.
    :param with_columns: whether the columns are an input too; else the model of a map names them.
    """
    spec.input(
        PHONONS,
        valid_type=TableData,
        required=False,
        help='Phonon quantities by structure (THz, 1/THz), the table of limap.phonons or limap.phonon_clusters: they '
        'become a block of the descriptors. Structures without them are left out, with a reason.',
    )
    if with_columns:
        spec.input(
            COLUMNS,
            valid_type=orm.List,
            required=False,
            serializer=orm.to_aiida_type,
            help='Columns and blocks of phonons that are read, by default ' + ', '.join(DEFAULT_PHONON_COLUMNS) + '.',
        )


def columns_of(given: orm.List | None) -> list[str]:
    """Return the columns of phonons that a map reads.

    :param given: the input, if any.
    """
    return list(DEFAULT_PHONON_COLUMNS) if given is None else given.get_list()


def check_phonons(phonons: TableData | None, columns: orm.List | None, dataset: DatasetData | None) -> str | None:
    """Return why phonon quantities cannot be descriptors of a dataset, or None.

    :param phonons: the table, if any.
    :param columns: the columns, if any are named.
    :param dataset: the structures.
    """
    if phonons is None:
        return None if columns is None else f'{COLUMNS}: there is no table that they could be columns of; give phonons'
    names = columns_of(columns)
    return check_phonon_columns(phonons, names) or _check_rows(phonons, names, dataset)


def _check_rows(phonons: TableData, names: Sequence[str], dataset: DatasetData | None) -> str | None:
    if dataset is None or not len(dataset):
        return None
    reasons = rows_with_phonons(phonons, names)
    here = [reasons[uuid] for uuid in dataset.structure_uuids if uuid in reasons]
    if '' in here:
        return None
    if here:
        return f'phonons: no structure of the dataset has them; of the first one {here[0]}'
    return (
        f'phonons: the table has a row of none of the {len(dataset)} structures of the dataset; compute phonons of '
        'this dataset, or give the dataset of the phonons'
    )


def check_model_phonons(
    model: AutoencoderData | None, phonons: TableData | None, dataset: DatasetData | None
) -> str | None:
    """Return why a model that draws a map cannot be given these phonon quantities, or None.

    :param model: the model.
    :param phonons: phonon quantities of new structures, if any.
    :param dataset: the new structures.
    """
    if model is None:
        return None
    if not model.reads_phonons:
        return None if phonons is None else 'phonons: the model of the map reads none; leave them out'
    expected = model.header['columns'][PHONONS]
    names = expected['columns']
    if phonons is None:
        return (
            f'phonons: the model of the map reads {", ".join(names)}; give the table of limap.phonons or '
            'limap.phonon_clusters that has them for the new structures'
        )
    return (
        check_phonon_columns(phonons, names) or other_phonons(phonons, expected) or _check_rows(phonons, names, dataset)
    )


def with_block(descriptors: TableData, phonons: TableData, names: Sequence[str]) -> tuple[TableData | None, str]:
    """Join phonon quantities to descriptors.

    :param descriptors: the descriptors.
    :param phonons: the phonon quantities.
    :param names: columns and blocks of them.
    :returns: the joined table or None, and what to report or why there is none.
    """
    table, node = join_phonons.run_get_node(descriptors=descriptors, phonons=phonons, columns=orm.List(list(names)))
    if not node.is_finished_ok:
        return None, str(node.exit_message)
    counts = table.metadata[PHONONS]
    return table, f'{counts["n_used"]} structures have phonons, {counts["n_left_out"]} without are left out'
