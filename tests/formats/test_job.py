from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.job import TASKS, Job, read_job, write_job

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(task=st.sampled_from(TASKS), parameters=st.dictionaries(st.text(), plain, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(tmp_path, task, parameters):
    job = Job(task, parameters, {'structures': 'structures.json'})
    write_job(tmp_path / 'job.json', job)
    assert read_job(tmp_path / 'job.json') == job


def altered(tmp_path, **changes):
    path = tmp_path / 'job.json'
    write_job(path, Job('bvff'))
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return path


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'colour': 1}, "unknown key 'colour'; known are inputs, parameters"),
        ({'task': 'paint'}, "unknown task 'paint'; known are bvff"),
        ({'schema_version': 99}, 'schema version 99 is not version 1'),
        ({'schema': 'other'}, "expected a file of schema 'limap.job', found 'other'"),
        ({'parameters': [1]}, "'parameters' must be an object"),
        ({'inputs': {'structures': 3}}, 'every input must be a file name'),
        ({'inputs': {'structures': '/etc/passwd'}}, 'must name a file in the folder of the job'),
        ({'inputs': {'structures': '../secret'}}, 'must name a file in the folder of the job'),
    ],
)
def test_wrong_jobs_are_refused(tmp_path, changes, words):
    with pytest.raises(FormatError, match=words):
        read_job(altered(tmp_path, **changes))


def test_a_missing_and_a_cut_file_are_told_apart(tmp_path):
    with pytest.raises(FormatError, match='there is no such file'):
        read_job(tmp_path / 'job.json')
    (tmp_path / 'job.json').write_text('{"schema": "limap.j')
    with pytest.raises(FormatError, match='not a JSON file, or cut short'):
        read_job(tmp_path / 'job.json')


def test_not_a_number_cannot_be_written(tmp_path):
    with pytest.raises(FormatError, match='cannot be written as JSON'):
        write_job(tmp_path / 'job.json', Job('bvff', {'spacing_angstrom': float('nan')}))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / 'job.json'
    write_job(path, Job('bvff'))
    before = path.read_bytes()
    with pytest.raises(FormatError):
        write_job(path, Job('bvff', {'x': object()}))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ['job.json']
