"""Import conductivities: a table of labels with a citation per row, and the structures that go with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap import __version__
from aiida_limap.importers._conductivity_report import ConductivityReport
from aiida_limap.importers._entries import Candidate, ImporterError, Known, structure_md5
from aiida_limap.importers._parsing import md5_of
from aiida_limap.importers.base import ImportReport, check_name, store_dataset

if TYPE_CHECKING:
    from aiida_limap.data.table import TableData
    from aiida_limap.engines.screening.labels import LabelledRow, LabelledSet

__all__ = [
    'COLLECTIONS',
    'ConductivityOptions',
    'ConductivityReport',
    'import_collection',
    'import_conductivities',
    'import_embedded',
]

#: Collections whose files can be read: what the source of their structures says.
COLLECTIONS: dict[str, dict[str, str]] = {
    'obelix': {'db_name': 'OBELiX', 'db_uri': 'https://github.com/NRC-Mila/OBELiX', 'license': 'CC-BY-4.0'},
    'liverpool': {'db_name': 'Liverpool Ionics Dataset'},
    'laskowski': {'db_name': 'Laskowski'},
    'csv': {'db_name': 'conductivities'},
}


#: What the readers note of a disordered crystal.
_DISORDERED = 'disordered'


@dataclass(frozen=True)
class ConductivityOptions:
    """How a file of conductivities is read and what is made of it.

    :param name: name of the dataset and of the table; by default that of the collection or file.
    :param duplicates: what is done with several rows of one compound: ``merge``, ``keep`` or ``refuse``.
    :param cifs: folder or archive of the crystals of OBELiX, or None.
    :param order: put ordered structures in the place of disordered ones.
    :param match_with: name of a dataset of the profile in which crystals are looked for, for rows that have none.
    """

    name: str | None = None
    duplicates: str = 'merge'
    cifs: Path | None = None
    order: bool = False
    match_with: str | None = None


def import_embedded(
    *,
    name: str = 'conductivities',
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ConductivityReport:
    """Import the embedded conductivities and their crystals.

    :param name: name of the dataset and of the table.
    :param on_start: called with the number of structures.
    :param on_progress: called with the number of structures handled since the last call.
    :returns: the report.
    """
    from aiida_limap.engines.screening.labels import embedded_conductivities, embedded_structures
    from aiida_limap.importers.prototypes import source_of_entry

    labelled = embedded_conductivities()
    sources = {identifier: source_of_entry(entry) for identifier, entry in embedded_structures().items()}
    chosen_by = {'importer': 'conductivities', 'collection': 'embedded', 'version': __version__}
    return import_conductivities(
        labelled,
        chosen_by=chosen_by,
        options=ConductivityOptions(name=name),
        sources=sources,
        on_start=on_start,
        on_progress=on_progress,
    )


def import_collection(
    kind: str,
    file: Path,
    options: ConductivityOptions | None = None,
    *,
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ConductivityReport:
    """Import conductivities from a file of their publisher, or from a table of one's own.

    :param kind: a key of :data:`COLLECTIONS`.
    :param file: the table.
    :param options: how it is read.
    :param on_start: called with the number of structures.
    :param on_progress: called with the number of structures handled since the last call.
    :returns: the report.
    :raises ImporterError: if there is no dataset to match with, or not a single row can be taken.
    :raises InputError: if a file cannot be read, or lacks a column.
    """
    from aiida_limap.engines.screening import labels

    options = options or ConductivityOptions()
    if kind == 'obelix':
        labelled = labels.read_obelix(file, options.cifs, duplicates=options.duplicates)
    else:
        read = {'liverpool': labels.read_liverpool, 'laskowski': labels.read_laskowski, 'csv': labels.read_labels}[kind]
        labelled = read(file, duplicates=options.duplicates)
    chosen_by: dict[str, Any] = {
        'importer': 'conductivities',
        'collection': kind,
        'file': file.name,
        'md5': md5_of(file.read_bytes()),
        'duplicates': options.duplicates,
    }
    if options.cifs is not None:
        chosen_by['cifs'] = options.cifs.name
    return import_conductivities(
        labelled,
        chosen_by=chosen_by,
        options=replace(options, name=options.name or (file.stem if kind == 'csv' else kind)),
        sources={row.id: _source(row, COLLECTIONS[kind]) for row in labelled if row.structure is not None},
        on_start=on_start,
        on_progress=on_progress,
    )


def import_conductivities(
    labelled: LabelledSet,
    *,
    chosen_by: Mapping[str, Any],
    options: ConductivityOptions | None = None,
    sources: Mapping[str, Mapping[str, Any]] | None = None,
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ConductivityReport:
    """Store a labelled set: its structures as a dataset and a group, its rows as a table.

    :param labelled: the rows.
    :param chosen_by: how the rows were chosen: plain values.
    :param options: name, ordering and matching; the rows are taken as they are.
    :param sources: where each structure came from, by the id of its row; what the row tells by default.
    :param on_start: called with the number of structures.
    :param on_progress: called with the number of structures handled since the last call.
    :returns: the report.
    :raises ImporterError: if there is no dataset to match with, or the set has no rows.
    """
    options = options or ConductivityOptions()
    name = options.name or labelled.name
    check_name(name)
    if not len(labelled):
        reasons = '; '.join(f'{entry.id}: {entry.reason}' for entry in labelled.left_out[:3])
        raise ImporterError(f'no row could be taken{f" ({reasons})" if reasons else ""}')
    known: dict[str, Known] = {}
    if options.match_with is not None:
        from aiida_limap.importers._conductivity_matching import match_with_dataset

        labelled, known = match_with_dataset(labelled, options.match_with)
        chosen_by = {**chosen_by, 'match_with': options.match_with}
    told = {row.id: (sources or {}).get(row.id) or _source(row, COLLECTIONS['csv']) for row in labelled}
    entries = list(_entries(labelled, told, known))
    report = None
    if entries:
        if on_start is not None:
            on_start(len(entries))
        report = store_dataset(
            entries,
            name=name,
            chosen_by=chosen_by,
            order=options.order,
            on_progress=on_progress,
            citations=labelled.citations,
        )
    uuids = {} if report is None else _structure_uuids(labelled, told, known, report)
    if report is not None:
        labelled = _with_ordering(labelled, told, set(report.tally.ordered))
    table = _stored_table(labelled, uuids, name=name, chosen_by=chosen_by, report=report)
    return ConductivityReport(labelled, table, report)


def _source(row: LabelledRow, collection: Mapping[str, str]) -> dict[str, Any]:
    identifier = row.id.partition(':')[2] or row.id
    source: dict[str, Any] = {**collection, 'id': identifier}
    if row.citation.startswith('10.'):
        source['uri'] = f'https://doi.org/{row.citation.partition("; ")[0]}'
    extras = {'doi': row.citation, 'conductivity_S_per_cm': row.conductivity_S_per_cm, 'match_note': row.match_note}
    source['extras'] = {key: value for key, value in extras.items() if value and value == value}
    if row.structure is not None:
        source['source_md5'] = structure_md5(row.structure)
    return source


def _entries(
    labelled: LabelledSet, told: Mapping[str, Mapping[str, Any]], known: Mapping[str, Known]
) -> Iterator[Candidate | Known]:
    for row in labelled:
        if row.id in known:
            yield known[row.id]
        elif row.structure is not None:
            yield Candidate(row.structure, told[row.id], f'{row.formula} {told[row.id]["id"]}')


def _structure_uuids(
    labelled: LabelledSet, told: Mapping[str, Mapping[str, Any]], known: Mapping[str, Known], report: ImportReport
) -> dict[str, str]:
    """Return the UUID of the structure of each row that has one in the dataset."""
    by_source = dict(zip(report.dataset.source_ids, report.dataset.structure_uuids, strict=True))
    found: dict[str, str] = {}
    by_content: dict[str, str] = {}
    for row in labelled:
        if row.structure is None:
            continue
        identifier = known[row.id].source_id if row.id in known else str(told[row.id]['id'])
        content = known[row.id].uuid if row.id in known else str(told[row.id]['source_md5'])
        # A crystal that stands in the dataset already, under the id of another row, is not taken twice.
        uuid = by_source.get(identifier) or by_content.get(content)
        if uuid is not None:
            found[row.id] = by_content.setdefault(content, uuid)
    return found


def _with_ordering(labelled: LabelledSet, told: Mapping[str, Mapping[str, Any]], ordered: set[str]) -> LabelledSet:
    """Say in the notes which rows have one ordered arrangement in the place of their disordered crystal."""
    rows = []
    for row in labelled:
        if row.structure is not None and str(told[row.id]['id']) in ordered:
            notes = [note for note in row.match_note.split('; ') if note not in {'', _DISORDERED}]
            row = replace(row, match_note='; '.join([*notes, 'one ordered arrangement of the disordered crystal']))
        rows.append(row)
    return replace(labelled, rows=tuple(rows))


def _stored_table(
    labelled: LabelledSet,
    uuids: Mapping[str, str],
    *,
    name: str,
    chosen_by: Mapping[str, Any],
    report: ImportReport | None,
) -> TableData:
    """Return the stored table of labels, an existing one where it is the same."""
    from aiida import orm

    from aiida_limap.data.table import TableData
    from aiida_limap.engines.screening.labels import COLUMNS

    rows = [row if row.id in uuids else replace(row, structure=None, match='none') for row in labelled]
    shared = Counter(uuids.values())
    # The first row of a structure takes its UUID; where rows were kept apart, the others keep their own id.
    taken: set[str] = set()
    ids = []
    for row in rows:
        uuid = uuids.get(row.id, '')
        ids.append(uuid if uuid and uuid not in taken else row.id)
        taken.add(uuid)
    columns: dict[str, list[Any]] = {'source_id': [row.id for row in rows]}
    columns |= {column: [getattr(row, column) for row in rows] for column in COLUMNS}
    columns['structure_uuid'] = [uuids.get(row.id, '') for row in rows]
    info = {column: {'unit': unit, 'description': text} for column, (unit, text) in COLUMNS.items()}
    info['source_id'] = {'description': 'identifier of the row in its collection'}
    info['structure_uuid'] = {'description': 'UUID of the structure; empty where the row has none'}
    metadata = {
        'task': 'labels',
        'engine_version': __version__,
        'name': name,
        'chosen_by': dict(chosen_by),
        'dataset_uuid': None if report is None else report.dataset.uuid,
        'n_fast': labelled.n_fast,
        'n_left_out': len(labelled.left_out),
        'n_shared_structures': sum(count > 1 for count in shared.values()),
        'citations': list(labelled.citations),
    }
    table = TableData.from_arrays(ids, columns, column_info=info, metadata=metadata)
    query = orm.QueryBuilder().append(TableData, filters={'attributes.checksum': table.checksum}, project='*')
    existing = query.first(flat=True)
    if existing is not None:
        return existing
    table.label = name[:255]
    table.description = f'Conductivities: {labelled.summary()}'
    return table.store()
