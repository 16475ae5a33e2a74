from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_limap.common.status import Status
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.results import ItemResult, ResultsWriter, read_results


def writer(tmp_path) -> ResultsWriter:
    return ResultsWriter(tmp_path, 'descriptors', '1.2.3')


def test_round_trip_with_rows_arrays_and_summary(tmp_path):
    results = writer(tmp_path)
    results.add(ItemResult('a', Status.OK, values={'n': np.int64(3), 'x': np.float64(0.5)}), {'row': np.arange(4.0)})
    results.add(ItemResult('b', Status.DISORDERED, 'site 1 is shared by Li and Mg'))
    results.add(ItemResult('c', Status.OK, values={'x': float('nan')}), {'row': np.ones(4)})
    results.summary(labels=('p', 'q'), grid={'n': np.array([1, 2])})
    results.array('curve', np.linspace(0, 1, 5))
    results.finish()
    again = read_results(tmp_path)
    assert (again.task, again.engine_version, again.complete, again.error) == ('descriptors', '1.2.3', True, None)
    assert [item.status for item in again.items] == [Status.OK, Status.DISORDERED, Status.OK]
    assert again.items[0].values == {'n': 3, 'x': 0.5}
    assert again.items[2].values == {'x': None}
    assert again.summary == {'labels': ['p', 'q'], 'grid': {'n': [1, 2]}}
    assert again.arrays['row_ids'].tolist() == ['a', 'c']
    np.testing.assert_array_equal(again.arrays['row'], [np.arange(4.0), np.ones(4)])
    np.testing.assert_array_equal(again.arrays['curve'], np.linspace(0, 1, 5))


def test_a_job_that_is_cut_off_keeps_its_rows_without_the_end_mark(tmp_path):
    results = writer(tmp_path)
    results.add(ItemResult('a', Status.OK), {'row': np.zeros(2)})
    results.flush()
    again = read_results(tmp_path)
    assert [item.id for item in again.items] == ['a']
    assert not again.complete


def test_a_failed_job_says_why_and_keeps_its_rows(tmp_path):
    results = writer(tmp_path)
    results.add(ItemResult('a', Status.OK))
    results.fail('the option colour is unknown')
    again = read_results(tmp_path)
    assert again.error == 'the option colour is unknown'
    assert len(again.items) == 1
    assert not again.complete


def test_rows_must_have_the_same_names(tmp_path):
    results = writer(tmp_path)
    results.add(ItemResult('a', Status.OK), {'row': np.zeros(2)})
    with pytest.raises(FormatError, match='item b: rows'):
        results.add(ItemResult('b', Status.OK), {'other': np.zeros(2)})


@pytest.mark.parametrize(
    ('damage', 'words'),
    [
        (lambda folder: (folder / 'results.json').unlink(), 'there is no such file'),
        (lambda folder: (folder / 'arrays.npz').unlink(), 'there is no such file'),
        (lambda folder: (folder / 'arrays.npz').write_bytes(b'PK\x03\x04cut'), 'not an array file, or cut short'),
        (lambda folder: (folder / 'results.json').write_text('[]'), 'expected a JSON object'),
    ],
)
def test_damaged_results_are_refused(tmp_path, damage, words):
    results = writer(tmp_path)
    results.add(ItemResult('a', Status.OK), {'row': np.zeros(2)})
    results.finish()
    damage(tmp_path)
    with pytest.raises(FormatError, match=words):
        read_results(tmp_path)


def test_an_unknown_status_is_refused(tmp_path):
    results = writer(tmp_path)
    results.add(ItemResult('a', Status.OK))
    results.finish()
    document = json.loads((tmp_path / 'results.json').read_text())
    document['items'][0]['status'] = 'splendid'
    (tmp_path / 'results.json').write_text(json.dumps(document))
    with pytest.raises(FormatError, match="item a: unknown status 'splendid'"):
        read_results(tmp_path)
