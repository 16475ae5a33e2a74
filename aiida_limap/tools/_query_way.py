"""The whole way from a dataset to one point of a map: as objects, as text and as a graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap.tools._query_error import QueryError
from aiida_limap.tools._query_jobs import Row, row_jobs, table_tree
from aiida_limap.tools.provenance import Step, input_of, map_provenance, parent_of, structure_facts

if TYPE_CHECKING:
    import graphviz  # type: ignore[import-untyped]
    from aiida import orm

    from aiida_limap.data.map import MapData

__all__ = ['GRAPH_FORMATS', 'PointProvenance', 'point_provenance']

GRAPH_FORMATS = ('svg', 'png', 'pdf', 'dot')
_BEFORE_TABLES = ('dataset', 'structure')
_TABLES = {'migration_energy': 'migration_energies', 'descriptors': 'descriptors'}
_AFTER_TABLES = ('training', 'model', 'parent_map', 'encoding', 'map', 'work_chain')
#: Links by which a work chain holds its processes and outputs together; the others carry data.
_OF_CHAINS = ('input_work', 'call_calc', 'call_work', 'return')
_COLOURS = {'process': '#f3d9a4', 'data': '#cfe3f2', 'end': '#cde8c5'}


@dataclass(frozen=True)
class PointProvenance:
    """The nodes and processes behind a point, in the order in which they were made.

    :param title: what the point is called.
    :param steps: nodes and processes, from the dataset to the map and the work chain that made it. A node that is not
        in the profile, as after the import of a part of an archive, has no pk (0).
    :param links: the links of the provenance graph between them: UUID from, UUID to, label, kind of link.
    """

    title: str
    steps: tuple[Step, ...]
    links: tuple[tuple[str, str, str, str], ...]

    def nodes(self) -> list[orm.Node]:
        """Return the nodes and processes as objects, in their order; what is not in the profile is left out."""
        from aiida import orm

        return [orm.load_node(step.pk) for step in self.steps if step.pk]

    def text(self) -> str:
        """Return one numbered line per step: role, class, pk, UUID, and the numbers of the steps that it came from."""
        numbers = {step.uuid: number for number, step in enumerate(self.steps, 1)}
        lines = [self.title]
        for step in self.steps:
            sources = sorted(
                numbers[one] for one, other, _label, kind in self.links if other == step.uuid and _data(kind)
            )
            origin = f'  from {", ".join(map(str, sources))}' if sources else ''
            pk = str(step.pk) if step.pk else 'missing'
            lines.append(f'{numbers[step.uuid]:>3}  {step.role:<28} {step.kind:<24} {pk:>7}  {step.uuid}{origin}')
        return '\n'.join(lines)

    def __str__(self) -> str:
        return self.text()

    def graph(self) -> graphviz.Digraph:
        """Return the steps and links as a directed graph; its ``source`` is text in the language of Graphviz."""
        import graphviz

        drawing = graphviz.Digraph(
            graph_attr={
                'rankdir': 'TB',
                'label': graphviz.escape(self.title),
                'labelloc': 't',
                'fontname': 'Helvetica',
            },
            node_attr={'fontname': 'Helvetica', 'fontsize': '10', 'style': 'filled', 'color': '#555555'},
            edge_attr={'fontname': 'Helvetica', 'fontsize': '8', 'color': '#555555'},
        )
        for step in self.steps:
            pk = f'pk {step.pk}' if step.pk else 'not in this profile'
            words = '\n'.join((step.role, f'{step.kind}, {pk}', step.uuid[:8]))
            is_process = not step.kind.endswith(('Data', 'Dict', 'Code'))
            colour = 'process' if is_process else 'end' if step.role in {'the structure', 'the map'} else 'data'
            # A colon in the name of a node would mean a port.
            drawing.node(
                step.uuid, graphviz.escape(words), shape='box' if is_process else 'ellipse', fillcolor=_COLOURS[colour]
            )
        for one, other, label, kind in self.links:
            if _data(kind):
                shown = '' if label.startswith('structures__') else graphviz.escape(label)
                drawing.edge(one, other, label=shown)
            else:
                # The work chain holds everything together; its links would hide the way of the data.
                drawing.edge(one, other, style='dashed', color='#b0b0b0')
        return drawing

    def write_graph(self, path: str | Path) -> Path:
        """Draw the graph to a file.

        :param path: the file; its suffix says the format: svg, png, pdf, or dot for the text of Graphviz.
        :returns: the path.
        :raises QueryError: if the format is another, the program ``dot`` of Graphviz is missing, or the file cannot be
            written.
        """
        import graphviz

        target = Path(path)
        kind = target.suffix.lower().lstrip('.')
        if kind not in GRAPH_FORMATS:
            raise QueryError(f'a graph is written as {", ".join(GRAPH_FORMATS)}: {target} ends in none of these')
        try:
            content = self.graph().source.encode() if kind == 'dot' else self.graph().pipe(format=kind)
        except graphviz.ExecutableNotFound as error:
            raise QueryError(
                f'{target} needs the program `dot`, which is not on this machine: install Graphviz '
                '(`apt install graphviz`, `conda install graphviz`), or write the text of the graph to a file.dot'
            ) from error
        try:
            target.write_bytes(content)
        except OSError as error:
            raise QueryError(f'the graph cannot be written to {target}: {error.strerror}') from error
        return target


def point_provenance(map_node: MapData, structure_uuid: str, name: str) -> PointProvenance:
    """Collect what lies behind a point.

    :param map_node: the stored map.
    :param structure_uuid: UUID of the structure of the point.
    :param name: what the point is called.
    :returns: the way; of a map whose calculations are not in the profile only what is there.
    """
    steps = _with_inputs(list({step.uuid: step for step in _steps(map_node, structure_uuid)}.values()))
    return PointProvenance(f'{name} on map {map_node.pk}', tuple(steps), tuple(_links(steps)))


def _steps(map_node: MapData, structure_uuid: str) -> list[Step]:
    found = dict(map_provenance(map_node, structure_uuid).steps_of(structure_uuid))
    parent = parent_of(map_node) if 'placing' in found else None
    if parent is not None:
        before = _steps(parent, structure_uuid)
        taken = [replace(step, role='the map before') if step.uuid == parent.uuid else step for step in before]
        return [*taken, *(found[role] for role in ('placing', 'map', 'work_chain') if role in found)]
    facts = structure_facts([structure_uuid]).get(structure_uuid)
    found['structure'] = Step('the structure', 'StructureData', facts['pk'] if facts else 0, structure_uuid)
    steps = [found[role] for role in _BEFORE_TABLES if role in found]
    for role in _TABLES:
        if role in found:
            steps += _way_of_row(found[role], found['encoding'], role, structure_uuid)
    return [*steps, *(found[role] for role in _AFTER_TABLES if role in found)]


def _way_of_row(job: Step, encoding: Step, role: str, structure_uuid: str) -> list[Step]:
    """Return the job of a row, its table and the joined tables up to that of the map."""
    from aiida import orm

    table = input_of(orm.load_node(encoding.uuid), _TABLES[role])
    if table is None:
        return [job]
    tree = table_tree(table)
    way = tree.way(row_jobs(tree, structure_uuid)[structure_uuid])

    def named(row: Row) -> Step:
        words = f'table of {job.role}' if row.pk == tree.root else 'table of a batch'
        return Step('joined tables' if row.pk in tree.functions else words, row.kind, row.pk, row.uuid)

    return [job, *(named(row) for row in way[1:])]


def _with_inputs(steps: Sequence[Step]) -> list[Step]:
    """Put what each job was told (code, parameters) in front of the job."""
    from aiida import orm

    query = orm.QueryBuilder().append(
        orm.Data,
        filters={'and': [{'node_type': {'!like': f'data.{kind}.%'}} for kind in ('core.structure', 'limap.table')]},
        project=['id', 'uuid', 'node_type'],
        tag='input',
    )
    query.append(
        orm.CalcJobNode,
        with_incoming='input',
        filters={'id': {'in': _pks(steps)}},
        edge_filters={'type': 'input_calc'},
        edge_project='label',
        project='id',
    )
    inputs: dict[int, list[Step]] = {}
    for pk, uuid, node_type, job, label in query.all():
        inputs.setdefault(job, []).append(Step(f'{label}, given', node_type.split('.')[-2], pk, uuid))
    seen = {step.uuid for step in steps}
    ordered = []
    for step in steps:
        for given in sorted(inputs.get(step.pk, []), key=lambda entry: entry.role):
            if given.uuid not in seen:
                seen.add(given.uuid)
                ordered.append(given)
        ordered.append(step)
    return ordered


def _links(steps: Sequence[Step]) -> Iterable[tuple[str, str, str, str]]:
    """Return the links between steps by one query."""
    from aiida import orm

    uuids: Mapping[int, str] = {step.pk: step.uuid for step in steps}
    chosen: dict[str, Any] = {'id': {'in': _pks(steps)}}
    query = orm.QueryBuilder().append(orm.Node, filters=chosen, project='id', tag='one')
    query.append(orm.Node, with_incoming='one', filters=chosen, project='id', edge_project=['label', 'type'])
    for one, other, label, kind in sorted(query.all()):
        yield uuids[one], uuids[other], label, kind


def _pks(steps: Sequence[Step]) -> list[int]:
    return [step.pk for step in steps if step.pk]


def _data(kind: str) -> bool:
    return kind not in _OF_CHAINS
