"""Batches of structures: which are worth another attempt, and how they are divided then."""

from __future__ import annotations

from typing import TypedDict

from aiida.orm import CalcJobNode

__all__ = ['Batch', 'is_worth_retrying', 'retries']

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


def retries(batch: Batch, has_rows: bool) -> list[Batch]:
    """Return the batches in which unfinished structures are submitted again.

    :param batch: the unfinished part of a batch.
    :param has_rows: whether the job finished some structures. If it finished none, one of them may have stopped it: the
        batch is halved, so that the next attempt loses less.
    :returns: one batch or two, with the attempt counted up.
    """
    indices = batch['indices']
    parts = [indices] if has_rows or len(indices) == 1 else [indices[: len(indices) // 2], indices[len(indices) // 2 :]]
    return [{'indices': part, 'attempt': batch['attempt'] + 1, 'tasks': list(batch['tasks'])} for part in parts]
