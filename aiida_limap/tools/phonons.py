"""Clusters of compounds by their phonons: ``load_phonon_clusters()`` gives the tables and what lies behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiida_limap.tools._query_error import QueryError
from aiida_limap.tools.provenance import Step

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.table import TableData

__all__ = [
    'Compound',
    'PhononClusters',
    'PhononClustersFacts',
    'compound',
    'list_phonon_clusters',
    'load_phonon_clusters',
]

_CHAIN = 'PhononClustersWorkChain'
_PHONONS, _CLUSTERS, _FACTS, _ARRAYS = 'phonons', 'clusters', 'output_parameters', 'arrays'
_MOST_NAMED = 5


@dataclass(frozen=True)
class PhononClustersFacts:
    """What a list says of the work chains of phonon clusters.

    :param pk: primary key of the work chain.
    :param uuid: its UUID.
    :param created: when it was submitted.
    :param label: its label.
    :param n_compounds: number of rows of its table of phonon quantities.
    :param n_ok: number of those with an answer.
    """

    pk: int
    uuid: str
    created: datetime
    label: str
    n_compounds: int
    n_ok: int


@dataclass(frozen=True)
class PhononClusters:
    """What a work chain of phonon clusters found.

    :param chain: the work chain.
    :param phonons: quantities by structure.
    :param clusters: clusters by structure; None where there was nothing to cluster.
    :param arrays: dendrogram, plane and curves; None likewise.
    :param facts: output parameters of the work chain.
    """

    chain: orm.WorkChainNode
    phonons: TableData
    clusters: TableData | None
    arrays: orm.ArrayData | None
    facts: dict[str, Any]


@dataclass(frozen=True)
class Compound:
    """A compound with everything that is known of it.

    :param uuid: UUID of its structure.
    :param values: numbers and words by column, of both tables; the unit stands in the name.
    :param steps: the nodes behind its row, in the order in which they were made.
    """

    uuid: str
    values: dict[str, float | str | None]
    steps: tuple[Step, ...]


def list_phonon_clusters() -> list[PhononClustersFacts]:
    """Return the work chains of the profile that have a table of phonon quantities, newest first."""
    from aiida import orm

    from aiida_limap.data.table import TableData

    query = orm.QueryBuilder().append(
        orm.WorkChainNode,
        filters={'attributes.process_label': _CHAIN},
        project=['id', 'uuid', 'ctime', 'label'],
        tag='chain',
    )
    query.append(
        TableData,
        with_incoming='chain',
        edge_filters={'label': _PHONONS},
        project=['attributes.n_rows', 'attributes.counts_by_status'],
    )
    found = [
        PhononClustersFacts(pk, uuid, created, label, n_rows, int((counts or {}).get('ok', 0)))
        for pk, uuid, created, label, n_rows, counts in query.iterall()
    ]
    return sorted(found, key=lambda facts: facts.created, reverse=True)


def load_phonon_clusters(identifier: str | int | None = None) -> PhononClusters:
    """Return what a work chain of phonon clusters found.

    :param identifier: pk, UUID, start of a UUID or label of the work chain, or of a table that it made; None takes the
        newest.
    :returns: its tables and facts.
    :raises QueryError: if there is no such work chain, or it has no table yet.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    if identifier is None:
        found = list_phonon_clusters()
        if not found:
            raise QueryError(
                'this profile holds no phonon clusters yet; make some with `aiida-limap import phonons` and '
                '`aiida-limap launch phonons`'
            )
        return _of_chain(orm.load_node(found[0].pk))
    text = str(identifier).strip()
    try:
        node = orm.load_node(int(text) if text.isdecimal() else text)
    except (NotExistent, MultipleObjectsError, ValueError, OverflowError) as error:
        raise QueryError(
            f'no phonon clusters {identifier}: {error}; `aiida-limap phonons list` shows those there are'
        ) from error
    chain = node if isinstance(node, orm.WorkChainNode) else _chain_of(node)
    if chain is None or chain.process_label != _CHAIN:
        kind = getattr(node, 'process_label', None) or type(node).__name__
        raise QueryError(
            f'node {identifier} is a {kind}, and belongs to no phonon clusters; `aiida-limap phonons list` shows them'
        )
    return _of_chain(chain)


def _chain_of(node: orm.Node) -> orm.WorkChainNode | None:
    from aiida.common import LinkType

    links = node.base.links.get_incoming(link_type=LinkType.RETURN).all()
    return next((link.node for link in links if link.node.process_label == _CHAIN), None)


def _of_chain(chain: orm.WorkChainNode) -> PhononClusters:
    from aiida.common import LinkType

    outputs = chain.base.links.get_outgoing(link_type=LinkType.RETURN).nested()
    if _PHONONS not in outputs:
        ended = str(chain.exit_message or chain.exception or 'it was killed').rstrip('.')
        why = ended if chain.is_terminated else 'it still runs'
        raise QueryError(f'work chain {chain.pk} has no phonons: {why}; `aiida-limap report {chain.pk}` says more')
    return PhononClusters(
        chain=chain,
        phonons=outputs[_PHONONS],
        clusters=outputs.get(_CLUSTERS),
        arrays=outputs.get(_ARRAYS),
        facts=outputs[_FACTS].get_dict() if _FACTS in outputs else {},
    )


def compound(name: str, found: PhononClusters) -> Compound:
    """Return a compound with its values and the way back to its phonon files.

    :param name: UUID of the structure, identifier at the source such as ``mp-1138``, or formula.
    :param found: what :func:`load_phonon_clusters` gave.
    :returns: the compound.
    :raises QueryError: if there is no such compound, or several.
    """
    uuid = _uuid_of(name, found.phonons)
    values = found.phonons.row(uuid)
    if found.clusters is not None and uuid in found.clusters.ids:
        # A compound that was not clustered has a row without values, which hide none that are known.
        values |= {
            key: value
            for key, value in found.clusters.row(uuid).items()
            if key not in {'status', 'message'} and (value is not None or key not in values)
        }
    return Compound(uuid, values, tuple(_steps(uuid, found)))


def _uuid_of(name: str, table: TableData) -> str:
    from aiida_limap.data._names import rows_by_name

    if name in table.ids:
        return name
    for column in ('source_id', 'formula'):
        if column not in table.column_names or table.column(column).dtype.kind != 'U':
            continue
        matches = [table.ids[row] for row, word in enumerate(table.column(column).tolist()) if word == name]
        if len(matches) > 1:
            ids = [str(table.row(uuid).get('source_id') or uuid) for uuid in matches[:_MOST_NAMED]]
            raise QueryError(f'{len(matches)} compounds are called {name}; name one of them: {", ".join(ids)}')
        if matches:
            return matches[0]
    # Rows of files that could not be read may tell neither; their structures do.
    named = rows_by_name(name, table.ids, None)
    if len(named) == 1:
        return named[0]
    raise QueryError(f'there is no compound {name!r}; name one by its id at the source, its formula or its UUID')


def _steps(uuid: str, found: PhononClusters) -> list[Step]:
    from aiida import orm

    from aiida_limap.common.keys import structure_key

    steps = [('the structure', orm.load_node(uuid))]
    key = structure_key(uuid)
    job = next((job for job in _jobs(found.chain) if uuid in job.outputs.table.ids), None)
    if job is not None:
        # Structures whose phonons were computed have no files.
        files = job.inputs.phonons if 'phonons' in job.inputs else {}
        if key in files:
            # Those of a node of another plugin were made of it by a calculation function.
            made_by = files[key].creator
            if made_by is not None and 'node' in made_by.inputs:
                steps.append(('the node of its phonons', made_by.inputs.node))
            steps.append(('its phonon files', files[key]))
        steps.append(('the computation', job))
        for role, name in (
            ('its relaxed crystal', 'relaxed'),
            ('its forces', 'forces'),
            ('its density of states', 'densities'),
        ):
            if name in job.outputs and key in job.outputs[name]:
                steps.append((role, job.outputs[name][key]))
    steps.append(('the phonon quantities', found.phonons))
    if found.clusters is not None:
        steps += [('the clustering', found.clusters.creator), ('the clusters', found.clusters)]
    steps.append(('the work chain', found.chain))
    return [
        Step(role, str(getattr(node, 'process_label', None) or type(node).__name__), int(node.pk or 0), node.uuid)
        for role, node in steps
        if node is not None
    ]


def _jobs(chain: orm.WorkChainNode) -> list[orm.CalcJobNode]:
    return [node for node in chain.called if node.process_label == 'PhononsCalculation' and 'table' in node.outputs]
