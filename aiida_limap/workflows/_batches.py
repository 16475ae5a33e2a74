"""Batches of structures: which are worth another attempt, how they are divided then, how their tables are joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, TypeVar

from aiida.orm import CalcJobNode, Int, load_node

from aiida_limap.calculations.tables import concatenate_tables
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData

__all__ = [
    'Batch',
    'default_options',
    'divide',
    'is_worth_retrying',
    'join_tables',
    'positive',
    'reason_of',
    'retries',
    'words_of',
]

T = TypeVar('T')

#: Tables that are joined at once; the cost of linked inputs grows with their square.
JOIN_WIDTH = 50

#: Exit statuses of a job that may end otherwise the next time: it lost its files or was stopped. Below 200 are those of
#: the scheduler (out of time, out of memory, failed node).
_RETRYABLE = frozenset({303, 304, 305, 312, 400})
_FIRST_INPUT_STATUS = 200


class Batch(TypedDict):
    """Structures that go into one job per task.

    ``indices`` are places in the dataset: numbers keep the checkpoints of a large work chain small.
    """

    indices: list[int]
    attempt: int
    tasks: list[str]


def is_worth_retrying(node: CalcJobNode) -> bool:
    """Return whether the unfinished structures of a job may finish in another one.

    :param node: the job, terminated.
    :returns: False where the same inputs would end the same way.
    """
    status = node.exit_status
    if status is None:
        return True
    return 0 < status < _FIRST_INPUT_STATUS or status in _RETRYABLE


def divide(unfinished: Sequence[T], has_rows: bool) -> list[list[T]]:
    """Return the pieces in which unfinished structures are submitted again.

    :param unfinished: the structures, by any name.
    :param has_rows: whether the job finished some structures. If it finished none, one of them may have stopped it: the
        batch is halved, so that the next attempt loses less.
    :returns: one piece or two.
    """
    everything = list(unfinished)
    if has_rows or len(everything) == 1:
        return [everything]
    return [everything[: len(everything) // 2], everything[len(everything) // 2 :]]


def retries(batch: Batch, has_rows: bool) -> list[Batch]:
    """Return the batches in which unfinished structures are submitted again.

    :param batch: the unfinished part of a batch.
    :param has_rows: as in :func:`divide`.
    :returns: one batch or two, with the attempt counted up.
    """
    return [
        {'indices': part, 'attempt': batch['attempt'] + 1, 'tasks': list(batch['tasks'])}
        for part in divide(batch['indices'], has_rows)
    ]


def reason_of(node: CalcJobNode) -> str:
    """Return why a job did not finish, as the end of a sentence.

    :param node: the job, terminated.
    """
    if node.is_killed:
        return 'it was killed.'
    if node.is_excepted:
        # What is kept is a whole traceback.
        lines = (node.exception or '').strip().splitlines() or ['no reason given']
        return f'it excepted ({lines[-1].rstrip(".")}).'
    return f'exit status {node.exit_status}: {node.exit_message}'


def words_of(counts: Mapping[str, int]) -> str:
    """Return counts by status word as a list for people.

    :param counts: number of structures by status word.
    """
    return ', '.join(f'{word}: {count}' for word, count in counts.items())


def join_tables(pks: Sequence[int], dataset: DatasetData | None = None) -> tuple[TableData | None, str]:
    """Join tables in steps.

    :param pks: the tables, at least one; numbers, since many live nodes slow down every operation on the database.
    :param dataset: if given, the rows are put into its order.
    :returns: the joined table, or None and the reason why they do not fit together.
    """
    while True:
        final = len(pks) <= JOIN_WIDTH
        merged = []
        for start in range(0, len(pks), JOIN_WIDTH):
            part = pks[start : start + JOIN_WIDTH]
            inputs: dict[str, Any] = {f'table_{number:04d}': load_node(pk) for number, pk in enumerate(part)}
            if final and dataset is not None:
                inputs['dataset'] = dataset
            table, node = concatenate_tables.run_get_node(**inputs)
            if not node.is_finished_ok:
                return None, node.exit_message
            if final:
                return table, ''
            merged.append(table.pk)
        pks = merged


def default_options() -> dict[str, Any]:
    """Return the scheduler options of one process on one machine."""
    return {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}}


def positive(value: Int, _port: Any) -> str | None:
    """Return what is wrong with a number that must be 1 or more, or None.

    :param value: the number.
    """
    return None if value.value >= 1 else f'must be 1 or more, not {value.value}'
