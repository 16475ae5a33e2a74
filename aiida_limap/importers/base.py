"""What all importers share: structures with their origin, nothing stored twice, a dataset node and a group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.groups.dataset import DatasetGroup

__all__ = ['Candidate', 'ImportReport', 'ImporterError', 'Refusal', 'find_dataset', 'store_dataset']

#: Structures are stored in transactions of this many: one commit per node would cost twice the time.
_TRANSACTION_SIZE = 200
#: A query with more identifiers than this runs into the limits of SQLite.
_QUERY_SIZE = 500


class ImporterError(Exception):
    """Nothing can be imported; the message says why and what to do."""


@dataclass(frozen=True)
class Candidate:
    """A structure that is to be stored.

    :param structure: the pymatgen structure.
    :param source: where it came from: keys of ``aiida.orm.Data.source``; at least ``db_name``, ``id``, ``source_md5``.
    :param label: label of the node, e.g. the formula with the id.
    """

    structure: Structure
    source: Mapping[str, Any]
    label: str


@dataclass(frozen=True)
class Refusal:
    """An entry that was not imported, with the reason.

    :param name: the file or identifier.
    :param reason: one sentence.
    """

    name: str
    reason: str


@dataclass
class ImportReport:
    """What an import did.

    :param dataset: the dataset node.
    :param group: the group of structures.
    :param n_new: structures that were stored now.
    :param n_known: structures that were already there.
    :param refused: entries that were refused, with reasons.
    """

    dataset: DatasetData
    group: DatasetGroup
    n_new: int
    n_known: int
    refused: list[Refusal] = field(default_factory=list)


def store_dataset(
    candidates: Iterable[Candidate | Refusal],
    *,
    name: str,
    chosen_by: Mapping[str, Any],
    on_progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Store structures, or find them where they are stored already, and collect them in a dataset node and a group.

    A structure counts as known when a node has the same database name, id and MD5 sum of the source.

    :param candidates: structures, and refusals that are passed on to the report.
    :param name: name of the dataset and label of the group ``limap/<name>``.
    :param chosen_by: how the structures were chosen: plain values, stored as the filter of the dataset.
    :param on_progress: called with the number of entries handled since the last call.
    :returns: the report.
    :raises ImporterError: if not a single structure is left.
    """
    refused: list[Refusal] = []
    members: dict[str, str] = {}
    n_new = 0
    for chunk in _chunks(candidates, _TRANSACTION_SIZE):
        good = [entry for entry in chunk if isinstance(entry, Candidate)]
        refused.extend(entry for entry in chunk if isinstance(entry, Refusal))
        known = _find_known(good)
        stored, failures = _store_new([entry for entry in good if _key(entry.source) not in known])
        known.update(stored)
        n_new += len(stored)
        refused.extend(failures)
        for entry in good:
            if _key(entry.source) in known:
                members.setdefault(known[_key(entry.source)], str(entry.source['id']))
        if on_progress is not None:
            on_progress(len(chunk))
    if not members:
        reasons = '; '.join(f'{refusal.name}: {refusal.reason}' for refusal in refused[:3])
        raise ImporterError(f'no structure could be imported{": " + reasons if reasons else ""}')
    dataset = _dataset_node(name, members, chosen_by)
    group = _group(name, dataset, list(members))
    return ImportReport(dataset, group, n_new, len(members) - n_new, refused)


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
                return ImportReport(dataset, group, 0, len(dataset))
    return None


def _chunks(entries: Iterable[Any], size: int) -> Iterable[list[Any]]:
    chunk: list[Any] = []
    for entry in entries:
        chunk.append(entry)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _key(source: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(source['db_name']), str(source['id']), str(source['source_md5'])


def _find_known(candidates: list[Candidate]) -> dict[tuple[str, str, str], str]:
    """Return the UUIDs of stored structures by (database, id, MD5)."""
    from aiida import orm

    sums = sorted({str(entry.source['source_md5']) for entry in candidates})
    known: dict[tuple[str, str, str], str] = {}
    for start in range(0, len(sums), _QUERY_SIZE):
        query = orm.QueryBuilder().append(
            orm.StructureData,
            filters={'attributes.source.source_md5': {'in': sums[start : start + _QUERY_SIZE]}},
            project=['uuid', 'attributes.source'],
        )
        for uuid, source in query.iterall():
            known[_key(source)] = uuid
    return known


def _store_new(candidates: list[Candidate]) -> tuple[dict[tuple[str, str, str], str], list[Refusal]]:
    from aiida.manage import get_manager

    from aiida_limap.common.conversion import node_from_pymatgen

    stored: dict[tuple[str, str, str], str] = {}
    refused = []
    with get_manager().get_profile_storage().transaction():
        for entry in candidates:
            key = _key(entry.source)
            if key in stored:
                continue
            try:
                node = node_from_pymatgen(entry.structure, source=dict(entry.source))
            except (ValueError, TypeError) as error:
                refused.append(Refusal(str(entry.source['id']), f'it cannot be kept as a structure node: {error}'))
                continue
            node.label = entry.label[:255]
            stored[key] = node.store().uuid
    return stored, refused


def _dataset_node(name: str, members: Mapping[str, str], chosen_by: Mapping[str, Any]) -> DatasetData:
    """Return the stored dataset node, an existing one where name, members and choice are the same."""
    from aiida import orm

    from aiida_limap.data.dataset import DatasetData

    dataset = DatasetData(name=name, structures=list(members.items()), filter=dict(chosen_by))
    query = orm.QueryBuilder().append(DatasetData, filters={'attributes.checksum': dataset.checksum}, project='*')
    for (existing,) in query.iterall():
        if existing.name == name and existing.filter == dataset.filter:
            return existing
    dataset.label = name
    return dataset.store()


def _group(name: str, dataset: DatasetData, uuids: list[str]) -> DatasetGroup:
    from aiida import orm

    from aiida_limap.groups.dataset import DatasetGroup

    group, _created = DatasetGroup.collection.get_or_create(label=f'limap/{name}')
    group.clear()
    for start in range(0, len(uuids), _QUERY_SIZE):
        query = orm.QueryBuilder().append(
            orm.StructureData, filters={'uuid': {'in': uuids[start : start + _QUERY_SIZE]}}, project='*'
        )
        group.add_nodes(query.all(flat=True))
    group.dataset = dataset
    return group
