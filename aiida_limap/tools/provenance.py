"""Which calculation computed which row of a map: answered from the provenance graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiida_limap.common.layouts import PHONONS_PART
from aiida_limap.tools._query_jobs import row_jobs, table_tree

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.map import MapData
    from aiida_limap.data.table import TableData

__all__ = [
    'MapProvenance',
    'Step',
    'input_of',
    'jobs_by_row',
    'map_provenance',
    'parent_of',
    'shared_steps',
    'structure_facts',
]

#: So many structures are asked for at once; AiiDA passes them as one value.
_QUERY_SIZE = 10_000
#: What a point that is taken over to another map keeps.
_INHERITED = ('dataset', 'migration_energy', 'descriptors', 'phonons', 'encoding')


@dataclass(frozen=True)
class Step:
    """One node on the way from a structure to a map.

    :param role: what it did for the map, in words.
    :param kind: class of the node or label of the process.
    :param pk: primary key in the profile.
    :param uuid: UUID, the same in every profile.
    """

    role: str
    kind: str
    pk: int
    uuid: str


@dataclass(frozen=True)
class MapProvenance:
    """The nodes behind a map.

    :param shared: steps that all points share, by role. On a map with a parent, points that were taken over have some
        of their own, which stand in ``jobs``.
    :param jobs: for each role the step of the row, by structure UUID.
    """

    shared: Mapping[str, Step]
    jobs: Mapping[str, Mapping[str, Step]] = field(default_factory=dict)

    def steps_of(self, structure_uuid: str) -> dict[str, Step]:
        """Return the steps between one structure and the map, by role.

        :param structure_uuid: the structure of the point.
        :returns: the jobs of its rows, and what all points share.
        """
        own = {role: jobs[structure_uuid] for role, jobs in self.jobs.items() if structure_uuid in jobs}
        return {**own, **{role: step for role, step in self.shared.items() if role not in own}}

    def of_point(self, structure_uuid: str) -> dict[str, str]:
        """Return UUID by role for one point.

        :param structure_uuid: the structure of the point.
        :returns: the structure itself, the jobs of its rows, and what all points share.
        """
        return {
            'structure': structure_uuid,
            **{role: step.uuid for role, step in self.steps_of(structure_uuid).items()},
        }


def map_provenance(map_node: MapData, structure: str | None = None) -> MapProvenance:
    """Follow the graph backwards from a map.

    :param map_node: the stored map.
    :param structure: UUID of the only structure whose jobs are asked for; None for all.
    :returns: the work chain, the encoding, the model, the training, the dataset and the parent where they are in the
        profile, and for each structure the calculation jobs of its migration energy, of its descriptors and, where the
        model reads them, of its phonons. Points that were taken over from the parent have the dataset, the jobs and the
        encoding that they have there; what took them over is their ``placing``.
    """
    encoding, parent, shared = map_node.creator, parent_of(map_node), shared_steps(map_node)
    jobs: dict[str, dict[str, Step]] = {}
    if encoding is None:
        return MapProvenance(shared)
    for role, link in (('migration_energy', 'migration_energies'), ('descriptors', 'descriptors')):
        table = input_of(encoding, link)
        if table is not None:
            jobs[role] = jobs_by_row(table, role.replace('_', ' '), structure)
            phonons = None if table.creator is None else input_of(table.creator, PHONONS_PART)
            if phonons is not None:
                # Descriptors that phonons were joined to.
                jobs['phonons'] = jobs_by_row(phonons, 'phonons', structure)
    if parent is not None:
        _inherit(jobs, parent, _step('the taking over', encoding), structure)
    return MapProvenance(shared, jobs)


def shared_steps(map_node: MapData) -> dict[str, Step]:
    """Return the steps that all points of a map share, by role.

    :param map_node: the stored map.
    :returns: the map, its encoding, model, training, work chain, dataset and parent, where they are in the profile.
    """
    shared: dict[str, Step] = {'map': _step('the map', map_node)}
    encoding = map_node.creator
    if encoding is None:
        return shared
    shared['encoding'] = _step('the codes and predictions', encoding)
    model = input_of(encoding, 'model')
    if model is not None:
        shared['model'] = _step('the trained autoencoder', model)
        if model.creator is not None:
            shared['training'] = _step('the training', model.creator)
    parent = parent_of(map_node)
    chain = _top_caller(encoding)
    if chain is not None:
        shared['work_chain'] = _step('the whole map' if parent is None else 'the new structures', chain)
        dataset = input_of(chain, 'dataset')
        if dataset is not None:
            shared['dataset'] = _step('the dataset', dataset)
    if parent is not None:
        shared['parent_map'] = _step('the map before', parent)
    return shared


def parent_of(map_node: MapData) -> MapData | None:
    """Return the map that new structures were placed on.

    :param map_node: the stored map.
    :returns: the node, or None for a map without a parent, or where that is not in the profile.
    """
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    linked = None if map_node.creator is None else input_of(map_node.creator, 'parent_map')
    if linked is None and map_node.parent_uuid is not None:
        try:
            linked = orm.load_node(map_node.parent_uuid)
        except NotExistent:
            return None
    return linked


def _inherit(jobs: dict[str, dict[str, Step]], parent: MapData, placing: Step, structure: str | None) -> None:
    """Add the steps of the points that were taken over from another map."""
    before = map_provenance(parent, structure)
    for uuid in parent.ids if structure is None else [structure] * (structure in parent):
        steps = before.steps_of(uuid)
        own = {role: steps[role] for role in _INHERITED if role in steps}
        for role, step in {**own, 'placing': placing}.items():
            jobs.setdefault(role, {})[uuid] = step


def structure_facts(uuids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return pk, label and source of structures without loading them.

    :param uuids: UUIDs of structure nodes.
    :returns: ``{'pk': …, 'label': …, 'source': {…}}`` by UUID; a UUID that is not in the profile is left out.
    """
    from aiida import orm

    uuids = list(uuids)
    facts: dict[str, dict[str, Any]] = {}
    for start in range(0, len(uuids), _QUERY_SIZE):
        query = orm.QueryBuilder().append(
            orm.StructureData,
            filters={'uuid': {'in': uuids[start : start + _QUERY_SIZE]}},
            project=['uuid', 'id', 'label', 'attributes.source'],
        )
        for uuid, pk, label, source in query.iterall():
            facts[uuid] = {'pk': pk, 'label': label, 'source': source or {}}
    return facts


def _step(role: str, node: orm.Node) -> Step:
    kind = getattr(node, 'process_label', None) or type(node).__name__
    return Step(role, str(kind), int(node.pk or 0), node.uuid)


def input_of(process: orm.Node, label: str) -> orm.Node | None:
    """Return an input of a process.

    :param process: the stored process.
    :param label: label of the link.
    :returns: the node, or None where there is no such input, or the profile has lost it.
    """
    link = process.base.links.get_incoming(link_label_filter=label).first()
    return None if link is None else link.node


def _top_caller(process: orm.Node) -> orm.Node | None:
    caller = getattr(process, 'caller', None)
    while caller is not None and caller.caller is not None:
        caller = caller.caller
    return caller


def jobs_by_row(table: TableData, role: str, structure: str | None = None) -> dict[str, Step]:
    """Return the job of each row; tables joined from batches are followed to the batches.

    :param table: a table of migration energies or descriptors.
    :param role: what the jobs did, in words.
    :param structure: UUID of the only structure whose row is asked for; None for all rows.
    :returns: the step that computed the row, by its identifier; empty for a table that nothing made.
    """
    tree = table_tree(table)
    steps = {pk: Step(role, row.kind, row.pk, row.uuid) for pk, row in tree.jobs.items()}
    return {uuid: steps[pk] for uuid, pk in row_jobs(tree, structure).items()}
