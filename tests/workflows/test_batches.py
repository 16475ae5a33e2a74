"""Which batches are submitted again, and how they are divided."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from aiida import orm
from plugins_aiida import make_structure

from aiida_limap.workflows._batches import ONE_THREAD, new_batch, retries, with_threads_of
from aiida_limap.workflows._rules import (
    CRASH,
    KILLED,
    LOST,
    MEMORY,
    REFUSED,
    STOP,
    WALLTIME,
    is_worth_retrying,
    reason_of,
    rule_of,
)
from aiida_limap.workflows._structures import load_structures, missing_structures

BATCH = new_batch([3, 4, 5], ['bvff'])


def again(unfinished: list[int], rule: str, **batch: object) -> list[dict]:
    return retries({**BATCH, **batch}, unfinished, rule, 2)[0]


@pytest.mark.parametrize('rule', [WALLTIME, CRASH, LOST, KILLED])
def test_what_a_stopped_job_left_is_one_batch(rule):
    assert again([4, 5], rule) == [new_batch([4, 5], ['bvff'])]


@pytest.mark.parametrize('rule', [WALLTIME, CRASH, LOST, KILLED])
def test_a_batch_that_brought_nothing_is_halved(rule):
    assert [batch['indices'] for batch in again([3, 4, 5], rule)] == [[3], [4, 5]]


def test_a_structure_alone_gets_a_bounded_number_of_jobs():
    (batch,) = again([3], CRASH, indices=[3])
    assert batch == {'indices': [3], 'tasks': ['bvff'], 'alone': 1, 'one_thread': False}
    assert retries(batch, [3], CRASH, 2) == ([], 'It is given up after 2 jobs of its own')
    assert retries(batch, [3], CRASH, 3)[0] == [{**batch, 'alone': 2}]


def test_what_ran_out_of_memory_is_not_repeated_as_it_was():
    # Also where some rows came back.
    batches, words = retries(BATCH, [4, 5], MEMORY, 2)
    assert [(batch['indices'], batch['one_thread']) for batch in batches] == [([4], True), ([5], True)]
    assert words == 'They are divided in two, with one thread'
    (alone,) = again([3], MEMORY, indices=[3])
    assert alone['one_thread']
    assert retries(alone, [3], MEMORY, 5) == (
        [],
        'It does not fit into the memory with one thread either, so it is given up',
    )
    options = {'environment_variables': {'A': 'b'}, 'queue_name': 'long'}
    assert with_threads_of(alone, options) == {
        'environment_variables': {'A': 'b', **ONE_THREAD},
        'queue_name': 'long',
    }
    assert options['environment_variables'] == {'A': 'b'}
    assert with_threads_of(BATCH, options) == options


@pytest.mark.parametrize('rule', [STOP, REFUSED])
def test_what_would_end_the_same_way_is_not_submitted(rule):
    assert retries(BATCH, [3], rule, 2) == ([], 'This would happen again, so they are given up')


def job(status: int | None, scheduler: int | None = None) -> SimpleNamespace:
    """Return what the rules look at in a job; ``scheduler`` is the exit status that its scheduler gives."""
    found = None if scheduler is None else SimpleNamespace(status=scheduler)
    return SimpleNamespace(
        exit_status=status,
        get_detailed_job_info=lambda: None,
        get_scheduler_stdout=lambda: None,
        get_scheduler_stderr=lambda: '',
        computer=SimpleNamespace(get_scheduler=lambda: SimpleNamespace(parse_output=lambda *_texts: found)),
    )


@pytest.mark.parametrize(
    ('status', 'rule'),
    [
        (None, KILLED),
        (100, CRASH),
        (110, MEMORY),
        (120, WALLTIME),
        (131, STOP),
        (140, CRASH),
        (199, CRASH),
        (210, REFUSED),
        (303, CRASH),
        (304, LOST),
        (305, LOST),
        (312, LOST),
        (320, STOP),
        (321, STOP),
        (330, REFUSED),
        (350, REFUSED),
        (400, WALLTIME),
        (411, REFUSED),
    ],
)
def test_every_exit_status_has_a_rule(status, rule):
    assert rule_of(job(status)) == rule
    assert is_worth_retrying(job(status)) is (rule not in {STOP, REFUSED})


def test_the_scheduler_knows_why_rows_are_missing():
    assert rule_of(job(400, scheduler=110)) == MEMORY
    assert rule_of(job(400, scheduler=120)) == WALLTIME
    assert not is_worth_retrying(job(0))


def test_the_reason_of_a_job_is_one_sentence():
    ended = {'is_killed': False, 'is_excepted': False, 'exit_status': 400, 'exit_message': 'It was stopped.'}
    assert reason_of(SimpleNamespace(**ended)) == 'exit status 400: It was stopped.'
    assert reason_of(SimpleNamespace(**{**ended, 'is_killed': True})) == 'it was killed.'
    traceback = 'Traceback (most recent call last):\n  File "a.py"\nOSError: the disk is full.\n'
    assert reason_of(SimpleNamespace(**{**ended, 'is_excepted': True, 'exception': traceback})) == (
        'it excepted (OSError: the disk is full).'
    )
    assert 'no reason given' in reason_of(SimpleNamespace(**{**ended, 'is_excepted': True, 'exception': None}))


def test_structures_are_loaded_in_order_and_judged():
    nodes = [make_structure(), make_structure(1.1)]
    slab = orm.StructureData(cell=np.eye(3).tolist(), pbc=(False, True, True))
    slab.append_atom(position=[0, 0, 0], symbols='Li')
    empty = orm.StructureData(cell=np.eye(3).tolist())
    uuids = [nodes[1].uuid, slab.store().uuid, nodes[0].uuid, empty.store().uuid]
    usable, unusable = load_structures(uuids)
    assert list(usable) == [nodes[1].uuid, nodes[0].uuid]
    assert 'not periodic' in unusable[slab.uuid]
    assert 'no sites' in unusable[empty.uuid]
    missing = '00000000-0000-4000-8000-000000000000'
    assert missing_structures([*uuids, missing, orm.Int(1).store().uuid])[0] == missing
    assert missing_structures(uuids) == []
