"""``aiida-limap map families``."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.filterwarnings('ignore:Set OLD_ERROR_HANDLING to false:DeprecationWarning')


def test_counts_and_members_are_printed(run, graph):
    lines = run('map', 'families', graph.map.pk).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [['1', 'phosphate'], ['4', 'unknown']]
    assert 'limap-proto-lisicon' in lines[0]


def test_json_says_how_each_was_found(run, graph):
    rows = json.loads(run('map', 'families', graph.map.pk, '--json').stdout)
    assert {row['source_id']: row['family'] for row in rows}['mp-1960'] == 'unknown'
    (row,) = json.loads(run('map', 'families', graph.map.pk, '--family', 'phosphate', '--json').stdout)
    assert (row['prototype'], row['matched']) == ('Li3AsO4', 'stated by the source')
    assert row['structure_uuid'] == graph.uuids['limap-proto-lisicon']


def test_a_family_that_is_not_there(fails, graph):
    sentence = fails('map', 'families', graph.map.pk, '--family', 'zeolite')
    assert sentence.startswith("Error: no point of the map is of the family 'zeolite'; there are ")
