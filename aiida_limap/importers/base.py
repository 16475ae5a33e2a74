"""What all importers share: structures with their origin, nothing stored twice, a dataset node and a group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiida_limap.common.status import Status
from aiida_limap.importers._dataset import check_name, dataset_node, fill_group
from aiida_limap.importers._entries import Candidate, ImporterError, Known, Refusal, structure_md5
from aiida_limap.importers._known import Facts, Index, KnownStructure, facts_of, known_structures
from aiida_limap.importers._ordering import Ordering, order_structures
from aiida_limap.importers._report import ImportReport, Tally, check_report_path

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
_UNKNOWN_LICENCE = 'not stated'


def store_dataset(
    candidates: Iterable[Candidate | Known | Refusal],
    *,
    name: str,
    chosen_by: Mapping[str, Any],
    order: bool = False,
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
    :param order: put ordered structures, made by ``limap.order_structure``, in the place of disordered ones; those for
        which that is not possible stay as they are, and the report says why.
    :param on_progress: called with the number of entries handled since the last call.
    :param citations: what users of the database are asked to cite; citations and DOIs in the extras of the sources are
        added to them.
    :returns: the report.
    :raises ImporterError: if not a single structure is left, or the group of that name belongs to something else.
    """
    check_name(name)
    tally = Tally(citations=dict.fromkeys(citations))
    index = Index()
    members: dict[str, str] = {}
    for chunk in _chunks(candidates, _TRANSACTION_SIZE):
        found, new = _handle(chunk, index, tally)
        _compare([entry for entry in chunk if isinstance(entry, Candidate)], new, index, tally)
        _take(found, new, order=order, members=members, tally=tally)
        if on_progress is not None:
            on_progress(len(chunk))
    if not members:
        reasons = '; '.join(f'{refusal.name}: {refusal.reason}' for refusal in tally.refused[:3])
        raise ImporterError(f'no structure could be imported{": " + reasons if reasons else ""}')
    tally.n_known = len(members) - tally.n_new
    choice = {**chosen_by, 'ordered': True} if order else dict(chosen_by)
    dataset = dataset_node(name, members, choice, tally)
    return ImportReport(dataset, fill_group(name, dataset, list(members), tally), tally)


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
                tally = Tally.remembered(dataset.report or {}, len(dataset))
                facts = facts_of(dataset.structure_uuids)
                for uuid, source_id in zip(dataset.structure_uuids, dataset.source_ids, strict=True):
                    if uuid in facts:
                        _count(facts[uuid], tally)
                        if facts[uuid].disordered:
                            tally.disordered.append(source_id)
                return ImportReport(dataset, group, tally)
    return None


def _chunks(entries: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Divide entries; where their source breaks off, what it gave before is handed out first, so that it is stored."""
    chunk: list[Any] = []
    try:
        for entry in entries:
            chunk.append(entry)
            if len(chunk) == size:
                yield chunk
                chunk = []
    except Exception:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def _handle(
    chunk: Sequence[Candidate | Known | Refusal], index: Index, tally: Tally
) -> tuple[list[tuple[str, str]], set[str]]:
    """Store what is new of a chunk; return UUID and source id of each structure, and the UUIDs of the new ones."""
    tally.refused.extend(entry for entry in chunk if isinstance(entry, Refusal))
    there = facts_of([entry.uuid for entry in chunk if isinstance(entry, Known)])
    new = _store_new([entry for entry in chunk if isinstance(entry, Candidate)], index, tally)
    found = []
    for entry in chunk:
        if isinstance(entry, Known):
            if entry.uuid in there:
                found.append((entry.uuid, entry.source_id))
            else:
                tally.refused.append(Refusal(entry.source_id, 'its structure node does not exist (any more)'))
        elif isinstance(entry, Candidate):
            uuid = index.find(entry.source)
            if uuid is not None:
                found.append((uuid, str(entry.source['id'])))
                tally.notes.extend(Refusal(str(entry.source['id']), text) for text in _notes(entry, index))
    return found, new


def _notes(entry: Candidate, index: Index) -> Iterator[str]:
    yield from entry.notes
    if entry.status and entry.status != Status.DISORDERED:
        yield f'its status is {entry.status}'
    first = index.first(entry.source)
    if first != str(entry.source['id']):
        yield f'its content is that of {first}; both are kept'


def _compare(candidates: Sequence[Candidate], new: set[str], index: Index, tally: Tally) -> None:
    """Note where the origin of a stored structure is told differently now, since a stored node cannot be changed."""
    known = {uuid: entry for entry in candidates if (uuid := index.find(entry.source)) is not None and uuid not in new}
    facts = facts_of(list(known))
    for uuid, entry in known.items():
        before, now = _told(facts[uuid].source), _told(entry.source)
        changed = [key for key in now if now[key] and now[key] != before[key]]
        if changed:
            which = ', '.join(f'{key} {now[key]} instead of {before[key] or "none"}' for key in changed)
            tally.notes.append(
                Refusal(str(entry.source['id']), f'it is stored already, and what is stored stays as it is ({which})')
            )


def _told(source: Mapping[str, Any]) -> dict[str, str]:
    extras = source.get('extras') or {}
    return {**{key: str(source.get(key) or '') for key in ('license', 'version')}, 'doi': str(extras.get('doi') or '')}


def _store_new(candidates: Sequence[Candidate], index: Index, tally: Tally) -> set[str]:
    """Store candidates that are not known, and return their UUIDs."""
    from aiida.manage import get_manager

    from aiida_limap.common.conversion import node_from_pymatgen

    new = set()
    with get_manager().get_profile_storage().transaction():
        for entry in candidates:
            if index.find(entry.source) is not None:
                continue
            identifier = str(entry.source['id'])
            try:
                node = node_from_pymatgen(entry.structure, source=dict(entry.source))
            except (ValueError, TypeError) as error:
                tally.refused.append(Refusal(identifier, f'it cannot be kept as a structure node: {error}'))
                continue
            others = index.others(entry.source)
            if others:
                tally.notes.append(Refusal(identifier, _changed(others, str(entry.source['db_name']))))
            node.label = entry.label[:255]
            uuid = node.store().uuid
            index.add(entry.source, uuid)
            new.add(uuid)
    return new


def _changed(others: Sequence[str], database: str) -> str:
    number = 'a structure' if len(others) == 1 else f'{len(others)} structures'
    return (
        f'{number} of {database} with this id but another content is stored already ({others[-1]}); this one is '
        'stored beside it'
    )


def _take(
    found: Sequence[tuple[str, str]], new: set[str], *, order: bool, members: dict[str, str], tally: Tally
) -> None:
    """Add structures to the members of the dataset, ordered ones in place of disordered ones if asked to, and count."""
    facts = facts_of([uuid for uuid, _ in found])
    disordered = [uuid for uuid, _ in found if facts[uuid].disordered]
    made = order_structures(list(dict.fromkeys(disordered))) if order else Ordering()
    new = new | set(made.new)
    for uuid, source_id in found:
        member = made.children.get(uuid, uuid)
        if member in members:
            if members[member] != source_id:
                tally.notes.append(Refusal(source_id, f'it is the same structure as {members[member]}'))
            continue
        members[member] = source_id
        tally.n_new += member in new
        if member != uuid:
            tally.ordered.append(source_id)
        elif facts[uuid].disordered:
            tally.disordered.append(source_id)
        if uuid in made.reasons:
            tally.notes.append(Refusal(source_id, made.reasons[uuid]))
        _count(facts[uuid], tally)


def _count(facts: Facts, tally: Tally) -> None:
    licence = str(facts.source.get('license') or _UNKNOWN_LICENCE)
    database = str(facts.source.get('db_name') or 'unknown')
    tally.licences[licence] = tally.licences.get(licence, 0) + 1
    tally.databases[database] = tally.databases.get(database, 0) + 1
    extras = facts.source.get('extras') or {}
    tally.citations.update((str(extras[key]), None) for key in ('citation', 'doi') if extras.get(key))
