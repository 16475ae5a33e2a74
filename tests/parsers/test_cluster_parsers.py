"""Recorded results of jobs that cluster compounds, one folder per thing that can happen."""

from __future__ import annotations

import runpy
from typing import Any

import numpy as np
import pytest
from plugins_aiida import FIXTURES

RECORDED = runpy.run_path(str(FIXTURES / 'record_phonons.py'))
IDS = RECORDED['IDS']


def inputs() -> dict[str, Any]:
    from aiida_limap.data.table import TableData

    columns = {'formula': ['Li2O', 'LiF', 'LiCl'], 'status': ['ok'] * 3}
    return {'phonons': TableData.from_arrays(IDS[::-1], columns)}


@pytest.mark.parametrize(
    ('case', 'status', 'words'),
    [
        ('ok', 0, ''),
        ('no_ids', 304, "the array 'clustered_ids' is missing"),
        ('stopped', 400, 'or for fewer resamples'),
        ('too_few', 436, 'cannot be clustered: there are 2 complete rows'),
        ('no_memory', 330, 'MemoryError'),
        ('not_started', 320, 'command not found'),
    ],
)
def test_every_recorded_case_ends_with_its_exit_code(parse, case, status, words):
    done = parse('cluster_phonons', case, inputs())
    assert done.status == status, done.message
    assert words in (done.message or '')
    assert set(RECORDED['cluster_cases']()) == {path.name for path in (FIXTURES / 'cluster_phonons').iterdir()}


def test_the_scheduler_knows_better_why_nothing_came_back(parse):
    done = parse('cluster_phonons', 'stopped', inputs(), scheduler=(110, 'out of memory'))
    assert (done.status, done.message) == (110, 'out of memory')


def test_clusters_become_a_table_with_formulas_of_the_compounds(parse):
    outputs = parse('cluster_phonons', 'ok', inputs()).outputs
    table = outputs['clusters']
    assert table.ids == list(IDS)
    assert table.column('formula').tolist() == ['LiCl', 'LiF', 'Li2O']
    assert np.array_equal(table.column('cluster_ward'), [0, 1, np.nan], equal_nan=True)
    assert np.array_equal(table.column('conductor'), [np.nan, 1, np.nan], equal_nan=True)
    assert table.row(IDS[0])['nearest_conductor'] == IDS[1]
    assert table.counts_by_status == {'ok': 2, 'failed': 1}
    assert all(entry['description'] for entry in table.info)
    assert table.metadata['clustered_ids'] == list(IDS[:2])
    assert outputs['arrays'].get_array('linkage').shape == (1, 4)
    assert set(outputs['arrays'].get_arraynames()) == {'linkage', 'plane'}
    assert outputs['output_parameters']['methods']['ward']['n_clusters'] == 2
