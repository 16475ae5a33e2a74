"""What all importers share: structures with their origin, nothing stored twice, a dataset node and a group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_limap.importers._entries import Candidate, ImporterError, Known, Refusal, structure_md5
from aiida_limap.importers._known import Index, KnownStructure, facts_of, known_structures
from aiida_limap.importers._report import ImportReport, Tally, check_report_path

if TYPE_CHECKING:
    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.groups.dataset import DatasetGroup

__all__ = [
    'Candidate',
    'ImportReport',
    'ImporterError',
    'Known',
    'KnownStructure',
    'Refusal',
    'check_name',
    'check_report_path',
    'find_dataset',
    'known_structures',
    'store_dataset',
    'structure_md5',
]

#: Structures are stored in transactions of this many: one commit per node would cost twice the time.
_TRANSACTION_SIZE = 50
#: A query with more identifiers than this runs into the limits of SQLite.
_QUERY_SIZE = 500
_UNKNOWN_LICENCE = 'not stated'


def store_dataset(
    candidates: Iterable[Candidate | Known | Refusal],
    *,
    name: str,
    chosen_by: Mapping[str, Any],
    on_progress: Callable[[int], None] | None = None,
    citations: Sequence[str] = (),
) -> ImportReport:
    """Store structures, or find them where they are stored already, and collect them in a dataset node and a group.

    A structure counts as known when a node has the same database name, id and MD5 sum of the source. The report is kept
    in the dataset node too.

    :param candidates: structures, those that are known to be stored, and refusals that are passed on to the report, in
        any mix; the dataset keeps their order.
    :param name: name of the dataset and label of the group ``limap/<name>``.
    :param chosen_by: how the structures were chosen: plain values, stored as the filter of the dataset.
    :param on_progress: called with the number of entries handled since the last call.
    :param citations: what users of the database are asked to cite; citations and DOIs in the extras of the sources are
        added to them.
    :returns: the report.
    :raises ImporterError: if not a single structure is left, or the group of that name belongs to something else.
    """
    check_name(name)
    tally = Tally(citations=list(citations))
    index = Index()
    members: dict[str, str] = {}
    for chunk in _chunks(candidates, _TRANSACTION_SIZE):
        found = _handle(chunk, index, tally)
        for uuid, source_id in found:
            members.setdefault(uuid, source_id)
        if on_progress is not None:
            on_progress(len(chunk))
    if not members:
        reasons = '; '.join(f'{refusal.name}: {refusal.reason}' for refusal in tally.refused[:3])
        raise ImporterError(f'no structure could be imported{": " + reasons if reasons else ""}')
    tally.n_known = len(members) - tally.n_new
    _count(members, tally)
    dataset = _dataset_node(name, members, chosen_by, tally)
    return ImportReport(dataset, _group(name, dataset, list(members), tally), tally)


def find_dataset(name: str, chosen_by: Mapping[str, Any]) -> ImportReport | None:
    """Return the report of an import that was done before with the same choice, or None.

    :param name: name of the dataset.
    :param chosen_by: how the structures were chosen.
    """
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.groups.dataset import DatasetGroup

    query = orm.QueryBuilder().append(DatasetData, filters={'attributes.name': name}, project='*')
    for (dataset,) in query.iterall():
        if dataset.filter == dict(chosen_by):
            try:
                group = DatasetGroup.collection.get(label=f'limap/{name}')
            except NotExistent:
                return None
            if group.dataset is not None and group.dataset.uuid == dataset.uuid:
                tally = Tally(n_known=len(dataset))
                _count(dict(zip(dataset.structure_uuids, dataset.source_ids, strict=True)), tally)
                return ImportReport(dataset, group, tally)
    return None


def check_name(name: str) -> None:
    """Refuse a name for a dataset whose group would be confused with another one.

    :param name: name of the dataset.
    :raises ImporterError: if it is empty or too long, or ``limap/<name>`` is a group of another kind.
    """
    from aiida import orm

    from aiida_limap.groups.dataset import DatasetGroup

    label = f'limap/{name}'
    if not name.strip() or len(name) > 200:
        raise ImporterError(
            f'{name[:60]!r} is no name for a dataset: give one of 1 to {255 - len("limap/")} characters'
        )
    for (group,) in orm.QueryBuilder().append(orm.Group, filters={'label': label}, project='*').iterall():
        if not isinstance(group, DatasetGroup):
            raise ImporterError(
                f'the group {label} ({group.pk}) exists already and is no group of a dataset (its type is '
                f'{group.type_string}): choose another name'
            )


def _chunks(entries: Iterable[Any], size: int) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for entry in entries:
        chunk.append(entry)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _handle(chunk: list[Candidate | Known | Refusal], index: Index, tally: Tally) -> list[tuple[str, str]]:
    """Store what is new of a chunk and return UUID and source id of what comes into the dataset."""
    tally.refused.extend(entry for entry in chunk if isinstance(entry, Refusal))
    gone = _check_known([entry for entry in chunk if isinstance(entry, Known)])
    tally.refused.extend(gone.values())
    failed = _store_new([entry for entry in chunk if isinstance(entry, Candidate)], index, tally)
    found = []
    for entry in chunk:
        if isinstance(entry, Known) and entry.uuid not in gone:
            found.append((entry.uuid, entry.source_id))
        elif isinstance(entry, Candidate) and id(entry) not in failed:
            uuid = index.find(entry.source)
            if uuid is not None:
                found.append((uuid, str(entry.source['id'])))
    return found


def _check_known(entries: list[Known]) -> dict[str, Refusal]:
    """Return refusals by UUID for structures that were deleted since they were found."""
    there = facts_of([entry.uuid for entry in entries])
    reason = 'its structure node does not exist (any more)'
    return {entry.uuid: Refusal(entry.source_id, reason) for entry in entries if entry.uuid not in there}


def _store_new(candidates: list[Candidate], index: Index, tally: Tally) -> set[int]:
    """Store candidates that are not known, and return which could not be stored."""
    from aiida.manage import get_manager

    from aiida_limap.common.conversion import node_from_pymatgen

    failed = set()
    with get_manager().get_profile_storage().transaction():
        for entry in candidates:
            if index.find(entry.source) is not None:
                continue
            identifier = str(entry.source['id'])
            try:
                node = node_from_pymatgen(entry.structure, source=dict(entry.source))
            except (ValueError, TypeError) as error:
                tally.refused.append(Refusal(identifier, f'it cannot be kept as a structure node: {error}'))
                failed.add(id(entry))
                continue
            others = index.others(entry.source)
            if others:
                tally.notes.append(
                    Refusal(
                        identifier,
                        f'{len(others)} structure{"s" if len(others) > 1 else ""} with this id but another content '
                        f'(e.g. {others[-1]}) came from {entry.source["db_name"]} before; this one is stored beside it',
                    )
                )
            node.label = entry.label[:255]
            index.add(entry.source, node.store().uuid)
            tally.n_new += 1
    return failed


def _count(members: Mapping[str, str], tally: Tally) -> None:
    """Count databases, licences and disorder of the structures of a dataset, and gather what to cite."""
    facts = facts_of(list(members))
    citations = dict.fromkeys(tally.citations)
    for uuid, source_id in members.items():
        source = facts[uuid].source
        licence = str(source.get('license') or _UNKNOWN_LICENCE)
        database = str(source.get('db_name') or 'unknown')
        tally.licences[licence] = tally.licences.get(licence, 0) + 1
        tally.databases[database] = tally.databases.get(database, 0) + 1
        extras = source.get('extras') or {}
        citations.update((str(extras[key]), None) for key in ('citation', 'doi') if extras.get(key))
        if facts[uuid].disordered:
            tally.disordered.append(source_id)
    tally.citations[:] = list(citations)


def _dataset_node(name: str, members: Mapping[str, str], chosen_by: Mapping[str, Any], tally: Tally) -> DatasetData:
    """Return the stored dataset node, an existing one where name, members, choice and refusals are the same."""
    from aiida import orm

    from aiida_limap.data.dataset import DatasetData

    report = tally.as_dict()
    dataset = DatasetData(name=name, structures=list(members.items()), filter=dict(chosen_by), report=report)
    query = orm.QueryBuilder().append(DatasetData, filters={'attributes.checksum': dataset.checksum}, project='*')
    for (existing,) in query.iterall():
        if existing.name == name and existing.filter == dataset.filter:
            before = existing.report
            if before is None or before.get('refused') == report['refused']:
                return existing
    dataset.label = name
    return dataset.store()


def _group(name: str, dataset: DatasetData, uuids: list[str], tally: Tally) -> DatasetGroup:
    from aiida import orm

    from aiida_limap.groups.dataset import DatasetGroup

    label = f'limap/{name}'
    group, _created = DatasetGroup.collection.get_or_create(label=label)
    previous = group.dataset
    if previous is not None and previous.uuid == dataset.uuid and group.count() == len(uuids) + 1:
        return group
    if previous is not None and previous.uuid != dataset.uuid:
        tally.notes.append(
            Refusal(label, f'it held dataset {previous.pk} before and holds {dataset.pk} now; {previous.pk} is kept')
        )
    group.clear()
    for start in range(0, len(uuids), _QUERY_SIZE):
        query = orm.QueryBuilder().append(
            orm.StructureData, filters={'uuid': {'in': uuids[start : start + _QUERY_SIZE]}}, project='*'
        )
        group.add_nodes(query.all(flat=True))
    group.dataset = dataset
    return group
