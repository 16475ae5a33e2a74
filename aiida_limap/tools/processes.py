"""Facts of processes by projection: thousands of jobs cost a few queries, and not one node is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

__all__ = ['CHAINS', 'ProcessFacts', 'called_by', 'facts_of', 'local_computers', 'running_chains']

#: Work chains whose progress is known, with the words for them.
CHAINS = {
    'MapWorkChain': 'map work chain',
    'TrainBaseWorkChain': 'work chain of a training',
    'BvffBaseWorkChain': 'work chain of migration energies',
    'FeaturizeWorkChain': 'work chain of migration energies',
    'EncodeWorkChain': 'work chain of an encoding',
    'ScreenWorkChain': 'work chain of a screening',
    'PhononClustersWorkChain': 'work chain of phonon clusters',
}
_ENDED = frozenset({'finished', 'excepted', 'killed'})
_CALLS = ['call_calc', 'call_work']
_CHAIN_TYPE = 'process.workflow.'
#: SQLite takes a limited number of values in one statement.
_QUERY_SIZE = 500
_PROJECTION = (
    'id',
    'uuid',
    'node_type',
    'attributes.process_label',
    'attributes.process_state',
    'ctime',
    'mtime',
    'attributes.exit_status',
    'attributes.exit_message',
    'attributes.paused',
    'attributes.process_status',
    'attributes.remote_workdir',
)


@dataclass(frozen=True)
class ProcessFacts:
    """What the database says of a process.

    :param pk: primary key.
    :param uuid: UUID.
    :param node_type: type of its node.
    :param label: name of its class.
    :param state: its state: created, running, waiting, finished, excepted or killed.
    :param ctime: when it was made.
    :param mtime: when it changed last; for one that has ended about the time of its end.
    :param exit_status: exit status, None unless it finished.
    :param exit_message: what the exit status means.
    :param paused: whether it waits for a person.
    :param process_status: what it waits for.
    :param workdir: folder of a job on its computer.
    """

    pk: int
    uuid: str
    node_type: str
    label: str
    state: str
    ctime: datetime
    mtime: datetime
    exit_status: int | None
    exit_message: str | None
    paused: bool
    process_status: str | None
    workdir: str | None

    @property
    def has_ended(self) -> bool:
        """Whether it will not change any more."""
        return self.state in _ENDED

    @property
    def is_ok(self) -> bool:
        """Whether it finished without fault."""
        return self.state == 'finished' and self.exit_status == 0

    @property
    def is_chain(self) -> bool:
        """Whether it may call other processes."""
        return self.node_type.startswith(_CHAIN_TYPE)

    @property
    def seconds(self) -> float:
        """How long it took, or has been running for, s."""
        end = self.mtime if self.has_ended else datetime.now(timezone.utc)
        return max(0.0, (end - self.ctime).total_seconds())


def facts_of(pks: Iterable[int]) -> dict[int, ProcessFacts]:
    """Return the facts of processes.

    :param pks: primary keys.
    :returns: facts by primary key; a number that is no process is left out.
    """
    from aiida import orm

    wanted, found = list(pks), {}
    for start in range(0, len(wanted), _QUERY_SIZE):
        query = orm.QueryBuilder().append(
            orm.ProcessNode, filters={'id': {'in': wanted[start : start + _QUERY_SIZE]}}, project=list(_PROJECTION)
        )
        found.update({row[0]: _facts(row) for row in query.iterall()})
    return found


def called_by(pk: int) -> list[ProcessFacts]:
    """Return the facts of all processes that a work chain called, also through other work chains.

    :param pk: the work chain.
    :returns: facts in the order in which the processes were made; one query for each level of work chains.
    """
    found: list[ProcessFacts] = []
    callers = [pk]
    while callers:
        level: list[ProcessFacts] = []
        for start in range(0, len(callers), _QUERY_SIZE):
            level += _called_by(callers[start : start + _QUERY_SIZE])
        found += level
        callers = [facts.pk for facts in level if facts.is_chain]
    return sorted(found, key=lambda facts: facts.pk)


def _called_by(callers: Sequence[int]) -> list[ProcessFacts]:
    from aiida import orm

    query = orm.QueryBuilder().append(orm.ProcessNode, filters={'id': {'in': list(callers)}}, tag='caller')
    query.append(
        orm.ProcessNode, with_incoming='caller', edge_filters={'type': {'in': _CALLS}}, project=list(_PROJECTION)
    )
    return [_facts(row) for row in query.iterall()]


def running_chains() -> list[ProcessFacts]:
    """Return the work chains that a person started and that have not ended, newest first."""
    from aiida import orm

    filters = {
        'attributes.process_label': {'in': list(CHAINS)},
        'attributes.process_state': {'in': ['created', 'running', 'waiting']},
    }
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters=filters, project=list(_PROJECTION), tag='chain')
    chains = [_facts(row) for row in query.iterall()]
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters=filters, project='id', tag='chain')
    query.append(orm.ProcessNode, with_outgoing='chain', edge_filters={'type': {'in': _CALLS}})
    called = set(query.all(flat=True))
    return sorted((chain for chain in chains if chain.pk not in called), key=lambda facts: -facts.pk)


def local_computers(pks: Sequence[int]) -> set[int]:
    """Return the jobs among some that run on this machine, so that looking into their folders costs no connection.

    :param pks: primary keys of at most a few hundred jobs.
    """
    from aiida import orm

    if not pks:
        return set()
    query = orm.QueryBuilder().append(orm.CalcJobNode, filters={'id': {'in': list(pks)}}, project='id', tag='job')
    query.append(orm.Computer, with_node='job', filters={'transport_type': 'core.local'})
    return set(query.all(flat=True))


def _facts(row: Sequence[Any]) -> ProcessFacts:
    pk, uuid, node_type, label, state, ctime, mtime, exit_status, exit_message, paused, status, workdir = row
    return ProcessFacts(
        pk,
        uuid,
        node_type,
        label or '',
        state or 'created',
        ctime,
        mtime,
        exit_status,
        exit_message,
        bool(paused),
        status,
        workdir,
    )
