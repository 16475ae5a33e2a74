"""Calculation functions of a screening: what is described, the hits of all jobs, and what is known near them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction
from numpy.typing import NDArray

from aiida_limap.calculations._labels import labelled_structures
from aiida_limap.calculations._neighbours import nearest_codes, nearest_compositions
from aiida_limap.common.screening import HIT_COLUMNS
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.map import MapData
from aiida_limap.data.table import TableData
from aiida_limap.formats.screen_job import merged_ranges, sum_counts, sum_tallies

__all__ = ['gather_hits', 'nearest_on_map', 'screening_structures', 'summarize_screen']

_EXIT_TABLES_DIFFER = 420
#: Points of the map that are named for each hit.
_NEIGHBOURS = 5


@calcfunction
def screening_structures(labels: TableData, dataset: DatasetData | None = None) -> DatasetData:
    """Return the structures that a screening learns from: labelled ones first, then those without a label.

    :param labels: table of measured compounds.
    :param dataset: optional; structures without a label.
    :returns: a dataset of both, each structure once.
    """
    entries: dict[str, str] = dict.fromkeys(labelled_structures(labels), '')
    n_labelled = len(entries)
    if dataset is not None:
        entries |= dict(zip(dataset.structure_uuids, dataset.source_ids, strict=True))
    chosen_by = {'labels': labels.uuid, 'dataset': None if dataset is None else dataset.uuid, 'labelled': n_labelled}
    return DatasetData(name='screening', structures=list(entries.items()), filter=chosen_by)


@calcfunction
def gather_hits(options: orm.Dict, known: TableData | None = None, **tables: TableData) -> TableData | ExitCode:
    """Return the best hits of all jobs in one table, each with the known compound that is closest to it.

    :param options: ``max_hits``, how many rows are kept; the best by the score of the model.
    :param known: optional; a table of known compounds, with the column ``formula``, whose rows are named by the UUIDs
        of structures.
    :param tables: hits of the jobs, in the order of their keys. A formula that several found is taken once.
    :returns: the table, the highest score first; what the jobs counted stands in the metadata, added up. Columns of
        the known compounds: ``nearest_formula``, ``nearest_uuid``, ``nearest_label`` and ``nearest_distance``, the
        part of the atoms that differ (0 to 1).
    """
    found = [tables[key] for key in sorted(tables)]
    try:
        facts = _facts(found)
        names = list(dict.fromkeys(name for table in found for name in table.column_names))
        columns = {name: _joined(name, found) for name in names}
    except ValueError as error:
        return ExitCode(_EXIT_TABLES_DIFFER, f'the hits cannot be put together: {error}')
    rows = _best(columns, int(options['max_hits'])) if names else np.zeros(0, dtype=np.int64)
    columns = {name: column[rows] for name, column in columns.items()}
    formulas = [str(formula) for formula in columns['formula'].tolist()] if rows.size else []
    more = {} if known is None or not formulas else _nearest(formulas, known)
    n_found = len({formula for table in found for formula in table.ids})
    return _table(formulas, {**columns, **more}, {**facts, 'n_hits': n_found, 'n_kept': len(formulas)})


@calcfunction
def nearest_on_map(hits: TableData, codes: TableData, map: MapData) -> TableData:
    """Return hits with the points of a map that are closest to them by composition code.

    :param hits: the hits.
    :param codes: their composition codes, as ``limap.place_compositions`` gives them.
    :param map: the map.
    :returns: the hits with ``x_comp`` (a pure number), the nearest point (``map_nearest_formula``,
        ``map_nearest_uuid``), its distance in codes and its migration energy (eV), and the formulas of the five
        nearest points.
    """
    by_formula = dict(zip(codes.ids, codes.column('x_comp').tolist(), strict=True))
    x_comp = np.array([by_formula.get(formula, np.nan) for formula in hits.column('formula').tolist()])
    places, distances = nearest_codes(x_comp, map.column('x_comp'), _NEIGHBOURS)
    formulas = map.column('formula') if 'formula' in map.columns else np.full(len(map), '')
    ids, energies = map.ids, map.column('migration_energy_eV')
    first = places[:, 0]
    has = first >= 0
    more = {
        'x_comp': x_comp,
        'map_nearest_formula': [str(formulas[place]) if place >= 0 else '' for place in first],
        'map_nearest_uuid': [ids[place] if place >= 0 else '' for place in first],
        'map_nearest_distance': distances[:, 0],
        'map_nearest_migration_energy_eV': np.where(has, energies[first], np.nan),
        'map_neighbours': [' '.join(str(formulas[place]) for place in row if place >= 0) for row in places],
    }
    columns = {name: hits.column(name) for name in hits.column_names}
    return _table(hits.ids, {**columns, **more}, {**hits.metadata, 'map': map.uuid})


@calcfunction
def summarize_screen(hits: TableData, train: orm.Dict | None = None) -> orm.Dict:
    """Gather what a screening found in one place.

    :param hits: the hits.
    :param train: optional; the output parameters of the training.
    :returns: ``screen`` with counts by stage, tallies and numbers of systems and compositions, ``train``, and
        ``agreement``: the part of the hits that the second model calls fast too, None where there is none.
    """
    agreement = None
    if 'agrees' in hits.column_names and len(hits):
        found = hits.column('agrees')
        agreement = float(np.nanmean(found)) if np.isfinite(found).any() else None
    document: dict[str, Any] = {'screen': hits.metadata, 'number_of_hits': len(hits), 'agreement': agreement}
    if train is not None:
        document['train'] = train.get_dict()
    return orm.Dict(document)


def _table(ids: Sequence[str], columns: Mapping[str, Any], metadata: Mapping[str, Any]) -> TableData:
    info = {name: HIT_COLUMNS.get(name, {}) for name in columns}
    return TableData.from_arrays(ids, columns, column_info=info, metadata=metadata)


def _joined(name: str, tables: Sequence[TableData]) -> NDArray:
    """Return a column of several tables; a table without rows says nothing about what its columns hold."""
    filled = [table for table in tables if len(table)]
    kinds = {table.column(name).dtype.kind == 'U' for table in filled if name in table.column_names}
    if len(kinds) > 1:
        raise ValueError(f'the column {name!r} holds numbers in one table and words in another')
    empty: Any = '' if kinds == {True} else np.nan
    parts = [table.column(name) if name in table.column_names else np.full(len(table), empty) for table in filled]
    return np.concatenate(parts) if parts else np.zeros(0)


def _best(columns: Mapping[str, NDArray], max_hits: int) -> NDArray[np.int64]:
    """Return the rows with the highest scores, each formula once; formulas of one score by their letters."""
    formulas = columns['formula']
    if not formulas.size:
        return np.zeros(0, dtype=np.int64)
    order = np.lexsort((formulas, -columns['score']))
    _names, first = np.unique(formulas[order], return_index=True)
    return order[np.sort(first)][:max_hits]


def _nearest(formulas: list[str], known: TableData) -> dict[str, Any]:
    names = known.column('formula').tolist()
    places, distances = nearest_compositions(formulas, names)
    label = known.column('label') if 'label' in known.column_names else np.full(len(names), np.nan)
    ids = known.ids
    return {
        'nearest_formula': [str(names[place]) if place >= 0 else '' for place in places],
        'nearest_uuid': [ids[place] if place >= 0 else '' for place in places],
        'nearest_label': np.where(places >= 0, label[places], np.nan),
        'nearest_distance': distances,
    }


def _facts(tables: Sequence[TableData]) -> dict[str, Any]:
    """Return what the jobs counted, added up.

    :raises ValueError: if two jobs screened the same systems, or with different options.
    """
    found = [table.metadata for table in tables]
    options = [entry.get('options') for entry in found]
    if any(entry != options[0] for entry in options[1:]):
        raise ValueError('the jobs were given different options')
    done = merged_ranges(pair for entry in found for pair in entry.get('done') or ())
    notes = list(dict.fromkeys(note for entry in found for note in entry.get('notes') or ()))
    versions = sorted({str(entry['engine_version']) for entry in found if 'engine_version' in entry})
    return {
        'task': 'screen',
        'engine_version': ', '.join(versions),
        'options': options[0] if options else None,
        **{name: sum_counts(entry.get(name) or () for entry in found) for name in ('counts', 'integer_counts')},
        'tallies': sum_tallies(entry.get('tallies') or {} for entry in found),
        'n_systems_in_all': max((int(entry.get('n_systems_in_all') or 0) for entry in found), default=0),
        'n_systems': sum(last - first for first, last in done),
        'n_compositions': sum(int(entry.get('n_compositions') or 0) for entry in found),
        'done': [list(pair) for pair in done],
        **({'notes': notes} if notes else {}),
    }
