"""The dataset node and the group in which an import ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_limap.importers._entries import ImporterError, Refusal
from aiida_limap.importers._known import QUERY_SIZE
from aiida_limap.importers._report import Tally

if TYPE_CHECKING:
    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.groups.dataset import DatasetGroup

__all__ = ['check_name', 'dataset_node', 'fill_group']

_MAX_NAME = 200


def check_name(name: str) -> None:
    """Refuse a name for a dataset whose group would be confused with another one.

    :param name: name of the dataset.
    :raises ImporterError: if it is empty or too long, or ``limap/<name>`` is a group of another kind.
    """
    from aiida import orm

    from aiida_limap.groups.dataset import DatasetGroup

    label = f'limap/{name}'
    if not name.strip() or len(name) > _MAX_NAME:
        raise ImporterError(f'{name[:60]!r} is no name for a dataset: give one of 1 to {_MAX_NAME} characters')
    for (group,) in orm.QueryBuilder().append(orm.Group, filters={'label': label}, project='*').iterall():
        if not isinstance(group, DatasetGroup):
            raise ImporterError(
                f'the group {label} ({group.pk}) exists already and is no group of a dataset (its type is '
                f'{group.type_string}): choose another name'
            )


def dataset_node(name: str, members: Mapping[str, str], chosen_by: Mapping[str, Any], tally: Tally) -> DatasetData:
    """Return the stored dataset node, an existing one where name, members, choice and refusals are the same.

    :param name: name of the dataset.
    :param members: source ids by UUID, in order.
    :param chosen_by: how the structures were chosen.
    :param tally: the report, which a new node keeps.
    """
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


def fill_group(name: str, dataset: DatasetData, uuids: Sequence[str], tally: Tally) -> DatasetGroup:
    """Let the group of a dataset hold its structures and the dataset, and nothing else.

    :param name: name of the dataset.
    :param dataset: the dataset node.
    :param uuids: UUIDs of its structures.
    :param tally: gets a note where the group held another dataset before.
    """
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
    for start in range(0, len(uuids), QUERY_SIZE):
        query = orm.QueryBuilder().append(
            orm.StructureData, filters={'uuid': {'in': uuids[start : start + QUERY_SIZE]}}, project='*'
        )
        group.add_nodes(query.all(flat=True))
    group.dataset = dataset
    return group
