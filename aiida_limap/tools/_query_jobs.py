"""Which job computed which row of a table, by projected columns: no node is loaded and no row is read.

A table is a tree: jobs make the tables of batches, calculation functions join these. The tree is walked level by level,
so the number of statements grows with its depth and not with the number of rows or jobs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiida_limap.common.layouts import PHONONS_PART

if TYPE_CHECKING:
    from aiida_limap.data.table import TableData

__all__ = ['Row', 'TableTree', 'row_jobs', 'table_tree']

_FUNCTION = 'process.calculation.calcfunction.'


@dataclass(frozen=True)
class Row:
    """A node by its columns.

    :param pk: primary key in the profile.
    :param uuid: UUID.
    :param kind: class of the node or label of the process.
    """

    pk: int
    uuid: str
    kind: str


@dataclass
class TableTree:
    """What made a table.

    :param root: pk of the table.
    :param jobs: the jobs by their pk.
    :param tables: all tables by their pk, and how many rows each has.
    :param made: the tables that each process made.
    :param used_by: the function that joined each table, by the pk of the table.
    :param functions: the functions by their pk.
    """

    root: int
    jobs: dict[int, Row] = field(default_factory=dict)
    tables: dict[int, tuple[Row, int]] = field(default_factory=dict)
    made: dict[int, list[int]] = field(default_factory=dict)
    used_by: dict[int, int] = field(default_factory=dict)
    functions: dict[int, Row] = field(default_factory=dict)

    def way(self, job: int) -> list[Row]:
        """Return the job, its table, and the functions and tables between that and the root.

        :param job: pk of the job.
        :returns: the nodes in the order in which they were made.
        """
        found, process = [self.jobs[job]], job
        while True:
            table = next((pk for pk in self.made[process] if pk == self.root or pk in self.used_by), None)
            if table is None:
                return found
            found.append(self.tables[table][0])
            if table == self.root:
                return found
            process = self.used_by[table]
            found.append(self.functions[process])


def table_tree(table: TableData) -> TableTree:
    """Follow a table back to the jobs that computed its rows.

    :param table: a stored table.
    :returns: the tree; without jobs where nothing made the table, or where what made it is not in the profile.
    """
    from aiida import orm

    from aiida_limap.data.table import TableData

    tree = TableTree(int(table.pk or 0))
    level: list[int] = [tree.root]
    while level:
        query = orm.QueryBuilder().append(
            TableData, filters={'id': {'in': level}}, project=['id', 'uuid', 'attributes.n_rows'], tag='table'
        )
        query.append(
            orm.CalculationNode,
            with_outgoing='table',
            edge_filters={'type': 'create'},
            project=['id', 'uuid', 'node_type', 'attributes.process_label'],
            outerjoin=True,
        )
        functions = set()
        for pk, uuid, n_rows, maker, maker_uuid, node_type, label in query.iterall():
            tree.tables[pk] = (Row(pk, uuid, 'TableData'), int(n_rows or 0))
            if maker is None:
                continue
            tree.made.setdefault(maker, []).append(pk)
            if node_type.startswith(_FUNCTION):
                functions.add(maker)
            (tree.functions if maker in functions else tree.jobs)[maker] = Row(maker, maker_uuid, str(label))
        level = _inputs(functions, tree)
    return tree


def _inputs(functions: Collection[int], tree: TableTree) -> list[int]:
    from aiida import orm

    from aiida_limap.data.table import TableData

    if not functions:
        return []
    query = orm.QueryBuilder().append(
        orm.CalcFunctionNode, filters={'id': {'in': sorted(functions)}}, project='id', tag='function'
    )
    # A table of phonons is joined to the rows, and computed none of them.
    query.append(TableData, with_outgoing='function', edge_filters={'label': {'!==': PHONONS_PART}}, project='id')
    new = []
    for function, pk in query.iterall():
        if pk not in tree.tables:
            new.append(pk)
        tree.used_by.setdefault(pk, function)
    return sorted(set(new))


def row_jobs(tree: TableTree, structure: str | None = None) -> dict[str, int]:
    """Return the job that computed each row.

    A job that left fewer rows than it was given structures did not finish all: only then its table is read.

    :param tree: what made the table.
    :param structure: UUID of the only structure that is asked for; None for all.
    :returns: pk of the job by UUID of the structure; of two jobs with the same row the later one.
    """
    jobs = sorted(tree.jobs)
    if structure is not None:
        # Where the profile has lost the link of the structure, the rows of all jobs are looked at.
        jobs = sorted({job for job, _uuid in _structures_of(jobs, structure)}) or jobs
    given: dict[int, list[str]] = {}
    for job, uuid in _structures_of(jobs):
        given.setdefault(job, []).append(uuid)
    found: dict[str, int] = {}
    for job in jobs:
        rows = sum(tree.tables[pk][1] for pk in tree.made[job])
        uuids = given.get(job, [])
        found.update(dict.fromkeys(uuids if rows == len(uuids) else _read_ids(tree.made[job]), job))
    if structure is None:
        return found
    return {structure: found[structure]} if structure in found else {}


def _structures_of(jobs: Collection[int], structure: str | None = None) -> list[tuple[int, str]]:
    """Return pk of the job and UUID of the structure for each structure that one of the jobs was given."""
    from aiida import orm

    if not jobs:
        return []
    chosen = {} if structure is None else {'uuid': structure}
    query = orm.QueryBuilder().append(orm.StructureData, filters=chosen, project='uuid', tag='structure')
    query.append(
        orm.CalcJobNode,
        with_incoming='structure',
        filters={'id': {'in': list(jobs)}},
        edge_filters={'type': 'input_calc'},
        project='id',
    )
    return [(job, uuid) for uuid, job in query.iterall()]


def _read_ids(tables: Iterable[int]) -> list[str]:
    """Return the rows of tables; each is let go of when it was read."""
    from aiida import orm

    ids: list[str] = []
    for pk in tables:
        table = orm.load_node(pk)
        ids += table.ids
        table.forget()
    return ids
