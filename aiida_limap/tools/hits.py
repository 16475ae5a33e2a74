"""Screenings and their hits: ``hit('Li3PS4')`` gives values and the way back to model, labels and structures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from aiida_limap.tools._query_error import QueryError
from aiida_limap.tools.provenance import Step, input_of

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.screening_model import ScreeningModelData
    from aiida_limap.data.table import TableData

__all__ = ['Hit', 'ScreeningFacts', 'chain_of', 'hit', 'list_screenings', 'load_hits', 'models_of']

_CHAIN = 'ScreenWorkChain'
_HITS = 'hits'
_TASK = 'screen'
_MOST_NAMED = 5


@dataclass(frozen=True)
class ScreeningFacts:
    """What a list says of a screening.

    :param pk: primary key of its hits.
    :param uuid: UUID of its hits.
    :param created: when they were found.
    :param label: label of the work chain, or of the hits.
    :param n_hits: how many hits are kept.
    :param chain: primary key of the work chain, None where it is not in the profile.
    """

    pk: int
    uuid: str
    created: datetime
    label: str
    n_hits: int
    chain: int | None


@dataclass(frozen=True)
class Hit:
    """A hit with everything behind it.

    :param formula: its formula, as it stands in the table.
    :param values: numbers and words by column; the unit stands in the name.
    :param steps: the nodes from measured labels to the hits, in the order in which they were made.
    :param labels_uuid: UUID of the table of measured labels; None where it is not in the profile.
    :param labelled_structures: UUIDs of the structures whose measured labels the models go back to.
    """

    formula: str
    values: dict[str, float | str | None]
    steps: tuple[Step, ...]
    labels_uuid: str | None
    labelled_structures: tuple[str, ...]

    @property
    def nearest_structure(self) -> orm.StructureData | None:
        """The structure of the nearest known compound; None where none is known."""
        from aiida import orm
        from aiida.common.exceptions import NotExistent

        uuid = self.values.get('nearest_uuid')
        if not uuid:
            return None
        try:
            return orm.load_node(str(uuid))
        except NotExistent as error:
            raise QueryError(f'the structure {uuid} is not in this profile; import an archive that holds it') from error


def list_screenings() -> list[ScreeningFacts]:
    """Return the screenings of the profile that have found something to show, newest first."""
    from aiida import orm

    from aiida_limap.data.table import TableData

    query = orm.QueryBuilder().append(
        orm.WorkChainNode, filters={'attributes.process_label': _CHAIN}, project=['id', 'label'], tag='chain'
    )
    query.append(
        TableData,
        with_incoming='chain',
        edge_filters={'label': _HITS},
        project=['id', 'uuid', 'ctime', 'label', 'attributes.n_rows'],
    )
    found = [
        ScreeningFacts(pk, uuid, created, chain_label or label, n_rows, chain)
        for chain, chain_label, pk, uuid, created, label, n_rows in query.iterall()
    ]
    return sorted(found, key=lambda facts: facts.created, reverse=True)


def load_hits(identifier: str | int | None = None) -> TableData:
    """Return the hits of a screening.

    :param identifier: pk, UUID, start of a UUID or label of the hits or of the work chain; None takes the newest.
    :returns: the table.
    :raises QueryError: if there is no such screening, or it has no hits yet.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    from aiida_limap.data.table import TableData

    if identifier is None:
        found = list_screenings()
        if not found:
            raise QueryError('this profile holds no screening yet; make one with `aiida-limap launch screen --demo`')
        return orm.load_node(found[0].pk)
    text = str(identifier).strip()
    try:
        node = orm.load_node(int(text) if text.isdecimal() else text)
    except (NotExistent, MultipleObjectsError, ValueError, OverflowError) as error:
        raise QueryError(
            f'no screening {identifier}: {error}; `aiida-limap screen list` shows those there are'
        ) from error
    if isinstance(node, orm.WorkChainNode) and node.process_label == _CHAIN:
        if _HITS not in node.outputs:
            ended = str(node.exit_message or node.exception or 'it was killed')
            why = ended.rstrip('.') if node.is_terminated else 'it still runs'
            raise QueryError(f'the screening {node.pk} has no hits: {why}; `aiida-limap report {node.pk}` says more')
        return node.outputs.hits
    if isinstance(node, TableData) and node.base.attributes.get('task', None) == _TASK:
        return node
    kind = getattr(node, 'process_label', None) or type(node).__name__
    raise QueryError(f'node {identifier} is a {kind}, not a screening; `aiida-limap screen list` shows them')


def chain_of(table: TableData) -> orm.WorkChainNode | None:
    """Return the work chain that a table of hits is the result of.

    :param table: the hits.
    :returns: the node, or None where it is not in the profile.
    """
    from aiida.common import LinkType

    links = table.base.links.get_incoming(link_type=LinkType.RETURN, link_label_filter=_HITS).all()
    chains = [link.node for link in links if link.node.process_label == _CHAIN]
    return chains[0] if chains else None


def models_of(table: TableData) -> dict[str, ScreeningModelData]:
    """Return the models that found and checked the hits, by kind.

    :param table: the hits.
    """
    job = next(_jobs(table), None)
    found = {} if job is None else {name: input_of(job, name) for name in ('model', 'check')}
    return {model.kind: model for model in found.values() if model is not None}


def hit(formula: str, table: TableData | str | int | None = None) -> Hit:
    """Return a hit with its values and the way back to model, labels and structures.

    :param formula: the formula, in any order of elements and not necessarily reduced.
    :param table: the hits, or what :func:`load_hits` takes.
    :returns: the hit.
    :raises QueryError: if there is no such hit.
    """
    from aiida_limap.data.table import TableData as Table

    hits = table if isinstance(table, Table) else load_hits(table)
    name = _row_of(formula, hits)
    steps: list[Step] = []
    labels = None
    job = next((job for job in _jobs(hits) if name in job.outputs.hits.ids), None)
    if job is not None:
        model = input_of(job, 'model')
        training = None if model is None else model.creator
        if training is not None:
            labels = input_of(training, 'labels')
            steps += _steps(
                ('the measured labels', labels),
                ('the features of structures', input_of(training, 'descriptors')),
                ('the training', training),
            )
        steps += _steps(('the model', model), ('the second opinion', input_of(job, 'check')), ('the screening', job))
    steps += _steps(('the hits', hits), ('the whole screening', chain_of(hits)))
    return Hit(name, hits.row(name), tuple(steps), None if labels is None else labels.uuid, _labelled(labels))


def _steps(*entries: tuple[str, orm.Node | None]) -> list[Step]:
    return [
        Step(role, str(getattr(node, 'process_label', None) or type(node).__name__), int(node.pk or 0), node.uuid)
        for role, node in entries
        if node is not None
    ]


def _jobs(table: TableData) -> Iterator[orm.CalcJobNode]:
    """Go over the jobs that the rows of a table of hits may come from."""
    from aiida import orm
    from aiida.common import LinkType

    creator = table.creator
    if isinstance(creator, orm.CalcJobNode):
        yield creator
    elif creator is not None:
        links = creator.base.links.get_incoming(node_class=type(table), link_type=LinkType.INPUT_CALC).all()
        for link in sorted(links, key=lambda link: link.link_label):
            if link.link_label == _HITS or link.link_label.startswith('table_'):
                yield from _jobs(link.node)


def _row_of(formula: str, table: TableData) -> str:
    """Return the identifier of the row that a formula names."""
    from pymatgen.core import Composition

    ids = table.ids
    if formula in ids:
        return formula
    try:
        wanted = Composition(formula).reduced_formula
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise QueryError(f'{formula!r} is no chemical formula: {error}') from error
    for name in ids:
        if Composition(name).reduced_formula == wanted:
            return name
    known = ', '.join(ids[:_MOST_NAMED]) or 'none'
    more = '' if len(ids) <= _MOST_NAMED else f' and {len(ids) - _MOST_NAMED} more'
    raise QueryError(f'{formula} is no hit of the screening {table.pk}; its hits are {known}{more}')


def _labelled(labels: orm.Node | None) -> tuple[str, ...]:
    from aiida_limap.calculations._labels import labelled_structures
    from aiida_limap.data.table import TableData

    return tuple(labelled_structures(labels)) if isinstance(labels, TableData) else ()
