"""Batches of structures: how what a job left unfinished is submitted again, how the tables of batches are joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from aiida.orm import load_node

from aiida_limap.calculations.tables import concatenate_tables
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData
from aiida_limap.workflows._rules import MEMORY, REFUSED, STOP

__all__ = [
    'ONE_THREAD',
    'Batch',
    'join_tables',
    'new_batch',
    'retries',
    'with_threads_of',
    'words_of',
]

#: Tables that are joined at once. The cost of linked inputs grows with their square, but each step keeps all rows
#: once more.
JOIN_WIDTH = 100
#: What lets the engine compute one structure at a time, which needs the least memory.
ONE_THREAD = {'OMP_NUM_THREADS': '1'}


class Batch(TypedDict):
    """Structures that go into one job per task.

    ``indices`` are places in the dataset: numbers keep the checkpoints of a large work chain small. ``alone`` counts
    the jobs that a single structure has had to itself, ``one_thread`` says that the engine is to save memory.
    """

    indices: list[int]
    tasks: list[str]
    alone: int
    one_thread: bool


def new_batch(indices: Sequence[int], tasks: Sequence[str]) -> Batch:
    """Return a batch that no job has had yet.

    :param indices: places in the dataset.
    :param tasks: what is computed.
    """
    return {'indices': list(indices), 'tasks': list(tasks), 'alone': 0, 'one_thread': False}


def retries(batch: Batch, unfinished: Sequence[int], rule: str, max_alone: int) -> tuple[list[Batch], str]:
    """Return how what a job left unfinished is submitted again, never as it was where that would end the same way.

    :param batch: what the job had.
    :param unfinished: those of its structures that it did not finish, at least one.
    :param rule: why not, see :mod:`aiida_limap.workflows._rules`.
    :param max_alone: jobs of its own that a structure gets.
    :returns: the next batches and what they are, as a sentence. After a job that finished some of its structures the
        others stay together. After one that finished none, one of them may have stopped it: the batch is divided in
        two, so that it is found. None where the structures are given up.
    """
    if rule in {STOP, REFUSED}:
        return [], 'This would happen again, so they are given up'
    one_thread = batch['one_thread'] or rule == MEMORY
    if len(batch['indices']) == 1:
        alone = batch['alone'] + 1
        if rule == MEMORY and batch['one_thread']:
            return [], 'It does not fit into the memory with one thread either, so it is given up'
        if alone >= max_alone:
            return [], f'It is given up after {alone} {"job" if alone == 1 else "jobs"} of its own'
        again: Batch = {**batch, 'alone': alone, 'one_thread': one_thread}
        return [again], 'It gets another job of its own' + (', with one thread' if one_thread else '')
    parts = [list(unfinished)]
    if len(unfinished) > 1 and (rule == MEMORY or len(unfinished) == len(batch['indices'])):
        half = len(unfinished) // 2
        parts = [list(unfinished[:half]), list(unfinished[half:])]
    words = 'They wait for another job' if len(parts) == 1 else 'They are divided in two'
    batches: list[Batch] = [
        {'indices': part, 'tasks': list(batch['tasks']), 'alone': 0, 'one_thread': one_thread} for part in parts
    ]
    return batches, words + (', with one thread' if one_thread else '')


def with_threads_of(batch: Batch, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return scheduler options for a batch.

    :param batch: the batch.
    :param options: those that the user gave.
    """
    if not batch['one_thread']:
        return dict(options)
    return {**options, 'environment_variables': {**(options.get('environment_variables') or {}), **ONE_THREAD}}


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
