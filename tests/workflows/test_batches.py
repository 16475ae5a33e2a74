"""Which batches are submitted again, and how they are divided."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from aiida import orm
from plugins_aiida import make_structure

from aiida_limap.workflows._batches import is_worth_retrying, reason_of, retries
from aiida_limap.workflows._structures import load_structures, missing_structures

BATCH = {'indices': [3, 4, 5], 'attempt': 1, 'tasks': ['bvff']}


def test_what_a_stopped_job_left_is_one_batch():
    assert retries(BATCH, has_rows=True) == [{'indices': [3, 4, 5], 'attempt': 2, 'tasks': ['bvff']}]


def test_a_batch_that_brought_nothing_is_halved():
    assert [batch['indices'] for batch in retries(BATCH, has_rows=False)] == [[3], [4, 5]]
    assert [batch['indices'] for batch in retries({**BATCH, 'indices': [3]}, has_rows=False)] == [[3]]


@pytest.mark.parametrize(
    ('status', 'again'),
    [
        (None, True),
        (110, True),
        (120, True),
        (303, True),
        (312, True),
        (400, True),
        (210, False),
        (320, False),
        (330, False),
        (411, False),
        (0, False),
    ],
)
def test_only_what_may_end_otherwise_is_submitted_again(status, again):
    assert is_worth_retrying(SimpleNamespace(exit_status=status)) is again


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
