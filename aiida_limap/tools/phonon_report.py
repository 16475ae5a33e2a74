"""From the nodes of phonon clusters to the report that page and figures are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_limap.common.calculators import CALCULATOR
from aiida_limap.tools._phonon_sources import phonon_sources
from aiida_limap.tools._query_error import QueryError
from aiida_limap.tools.citations import data_citations, unique_entries

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.table import TableData
    from aiida_limap.formats.mapbundle import MapProperty
    from aiida_limap.formats.phonons import PhononReport
    from aiida_limap.formats.results import ItemResult, Results
    from aiida_limap.tools.phonons import PhononClusters

__all__ = ['phonon_clusters_report']

_UUID_DIGITS = 8
_CONDUCTIVITY = 'conductivity_S_per_cm'
_ROLES = {
    'PhononsCalculation': 'phonon quantities of a batch',
    'ClusterPhononsCalculation': 'clusters',
}


def phonon_clusters_report(found: PhononClusters, *, title: str | None = None) -> PhononReport:
    """Return the report of a work chain of phonon clusters.

    Compounds are called by their identifier at the source where each has one of its own, otherwise by the start of the
    UUID of their structure, which the report holds in either case.

    :param found: what :func:`~aiida_limap.tools.phonons.load_phonon_clusters` gave.
    :param title: heading; the label of the work chain unless given.
    :returns: the report.
    :raises QueryError: if the work chain has no clusters.
    """
    from aiida_limap.engines.phonons.report import PHONON_CITATIONS, phonon_report
    from aiida_limap.formats.mapbundle import MapProperty

    chain = found.chain
    if found.clusters is None or found.arrays is None:
        why = str(chain.exit_message or '') if chain.is_terminated else 'it still runs'
        raise QueryError(
            f'work chain {chain.pk} has phonons and no clusters: {why.rstrip(".") or "none were made"}; '
            f'`aiida-limap report {chain.pk}` says more'
        )
    items = _items(found.phonons)
    uuids = MapProperty(tuple(found.phonons.ids), 'Structure', '', 'node of the structure')
    sources, publications = phonon_sources(found)
    report = phonon_report(
        items,
        _results(found.clusters, found.arrays, found.facts),
        title=title or chain.label or f'Phonon clusters {chain.pk}',
        columns={'structure_uuid': uuids, **_conductivities(found)},
        nodes=_nodes(found),
        facts={'Work chain': chain.uuid, 'Made': f'{chain.ctime.astimezone():%Y-%m-%d %H:%M %Z}'},
        settings=_settings(found.phonons),
        sources=sources,
        bibtex=tuple(unique_entries([*PHONON_CITATIONS, *data_citations(publications)])),
    )
    return _named(report, _names(found.phonons))


def _items(table: TableData) -> list[ItemResult]:
    """Return the rows of a table of phonon quantities as the engine gave them."""
    from aiida_limap.common.status import Status
    from aiida_limap.formats.results import ItemResult

    blocks = {name: table.block(name) for name in table.block_names}
    items = []
    for place, uuid in enumerate(table.ids):
        values = table.row(uuid)
        status = Status(str(values.pop('status')))
        message = str(values.pop('message', None) or '')
        rows = {name: block[place] for name, block in blocks.items() if np.isfinite(block[place]).all()}
        items.append(ItemResult(uuid, status, message, values, rows))
    return items


def _results(clusters: TableData, arrays: orm.ArrayData, facts: Mapping[str, Any]) -> Results:
    """Return what the clustering gave as its engine wrote it."""
    from aiida_limap.common.status import Status
    from aiida_limap.formats.results import ItemResult, Results

    items = []
    for uuid in clusters.ids:
        values = clusters.row(uuid)
        items.append(ItemResult(uuid, Status(str(values.pop('status'))), str(values.pop('message', '') or ''), values))
    held = {name: arrays.get_array(name) for name in arrays.get_arraynames()}
    held['clustered_ids'] = np.array(clusters.metadata['clustered_ids'])
    summary = dict(facts.get('clustering') or {})
    version = str(clusters.metadata.get('engine_version', ''))
    return Results('cluster_phonons', version, items, summary, held, None, True)


def _conductivities(found: PhononClusters) -> dict[str, MapProperty]:
    """Return the measured conductivities that the clustering was given, of a structure or else of a formula.

    Of several values of one formula, such as those of polymorphs, the highest counts, as for known conductors.
    """
    from aiida_limap.calculations._labels import label_arrays
    from aiida_limap.formats.mapbundle import MapProperty

    job = None if found.clusters is None else found.clusters.creator
    labels = job.inputs.labels if job is not None and 'labels' in job.inputs else None
    if labels is None or _CONDUCTIVITY not in labels.column_names:
        return {}
    arrays = label_arrays(labels)
    highest: dict[str, float] = {}
    for uuid, formula, value in zip(arrays['ids'], arrays['formula'], labels.column(_CONDUCTIVITY), strict=True):
        for key in (str(uuid), str(formula)):
            if key and np.isfinite(value):
                highest[key] = max(float(value), highest.get(key, 0.0))
    table = found.phonons
    formulas = table.column('formula').tolist() if 'formula' in table.column_names else [''] * len(table)
    values = tuple(highest.get(uuid, highest.get(formula)) for uuid, formula in zip(table.ids, formulas, strict=True))
    if all(value is None for value in values):
        return {}
    return {_CONDUCTIVITY: MapProperty(values, 'Conductivity', 'S/cm', 'measured, of the structure or its formula')}


def _names(table: TableData) -> dict[str, str]:
    """Return by UUID what a person calls a compound."""
    names = [str(table.row(uuid).get('source_id') or '') for uuid in table.ids]
    if '' in names or len(set(names)) < len(names):
        names = [uuid[:_UUID_DIGITS] for uuid in table.ids]
    if len(set(names)) < len(names):
        names = list(table.ids)
    return dict(zip(table.ids, names, strict=True))


def _named(report: PhononReport, names: Mapping[str, str]) -> PhononReport:
    compounds = dict(report.compounds)
    for name in ('id', 'nearest_conductor'):
        if name in compounds:
            values = tuple(None if uuid is None else names.get(str(uuid), str(uuid)) for uuid in compounds[name].values)
            compounds[name] = replace(compounds[name], values=values)
    return replace(report, compounds=compounds)


def _settings(table: TableData) -> dict[str, dict[str, str]]:
    options: Any = table.metadata.get('options')
    if not isinstance(options, Mapping):
        return {}
    # What computed the phonons stands by itself: which calculator it was, and how it was used.
    chosen = dict(options.get(CALCULATOR) or {})
    chosen |= {name: value for name, value in (table.metadata.get(CALCULATOR) or {}).items() if name != 'note'}
    groups = {'Phonons': {name: value for name, value in options.items() if name != CALCULATOR}, 'Calculator': chosen}
    return {
        title: {str(name): str(value) for name, value in group.items() if value not in (None, {})}
        for title, group in groups.items()
        if group
    }


def _nodes(found: PhononClusters) -> tuple[Any, ...]:
    """Return the nodes behind a report: chain, jobs, tables."""
    from aiida_limap.formats.screenparts import NodeReference

    entries: list[tuple[str, Any]] = [('work chain', found.chain)]
    entries += [(_ROLES[job.process_label], job) for job in found.chain.called if job.process_label in _ROLES]
    entries += [('table of phonon quantities', found.phonons), ('table of clusters', found.clusters)]
    return tuple(
        NodeReference(
            role, str(getattr(node, 'process_label', None) or type(node).__name__), node.uuid,
            f'verdi {"process" if getattr(node, "process_label", None) else "node"} show {node.uuid}',
        )
        for role, node in entries if node is not None
    )  # fmt: skip
