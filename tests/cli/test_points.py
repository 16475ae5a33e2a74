"""``aiida-limap point``, ``map compare`` and ``map region``."""

from __future__ import annotations

import csv
import io
import json

import graphviz
import pytest


def test_the_nearest_points_of_a_place_below_zero(run, graph):
    done = run('point', 'nearest', -0.5, -1e-3, '-k', 2, '--map', graph.map.pk)
    lines = done.stdout.splitlines()
    assert lines[0].split()[:4] == ['uuid', 'source_id', 'formula', 'distance']
    assert len(lines) == 3
    rows = json.loads(run('point', 'nearest', -0.5, -1e-3, '--map', graph.map.pk, '--json').stdout)
    assert len(rows) == 5
    assert [row['distance'] for row in rows] == sorted(row['distance'] for row in rows)
    assert {row['structure_uuid'] for row in rows} == set(graph.uuids.values())
    assert lines[1].split()[0] == rows[0]['structure_uuid'][:8]


def test_what_lies_behind_a_point_is_drawn(run, fails, graph, tmp_path, monkeypatch):
    done = run('point', 'show', 'twin-a', '--map', graph.map.pk, '--graph', tmp_path / 'twin.dot')
    assert f'drawn: {tmp_path / "twin.dot"}' in done.stdout
    assert 'BvffCalculation' in (tmp_path / 'twin.dot').read_text()
    json.loads(run('point', 'show', 'twin-a', '--map', graph.map.pk, '--graph', tmp_path / 'a.dot', '--json').stdout)

    def missing(*_arguments, **_options):
        raise graphviz.ExecutableNotFound(['dot'])

    monkeypatch.setattr(graphviz.Digraph, 'pipe', missing)
    line = fails('point', 'show', 'twin-a', '--map', graph.map.pk, '--graph', tmp_path / 'twin.svg')
    assert 'needs the program `dot`, which is not on this machine: install Graphviz' in line


def test_a_region_is_a_table_uuids_csv_or_json(run, graph):
    ranges = ('--energy', 0, 9, '--range', 'x_comp', '-inf', 'inf')
    done = run('map', 'region', graph.map.pk, *ranges)
    assert '4 of 5 points' in done.stderr
    assert len(done.stdout.splitlines()) == 5
    wanted = [uuid for name, uuid in graph.uuids.items() if name != 'no-lithium']
    assert run('map', 'region', graph.map.pk, *ranges, '--uuids').stdout.split() == wanted
    rows = csv.DictReader(io.StringIO(run('map', 'region', graph.map.pk, *ranges, '--csv').stdout))
    assert [row['structure_uuid'] for row in rows] == wanted
    rows = json.loads(run('map', 'region', graph.map.pk, *ranges, '--json').stdout)
    assert [row['structure_uuid'] for row in rows] == wanted
    everywhere = '-99,-99 99,-99 99,99 -99,99'
    assert len(run('map', 'region', graph.map.pk, '--polygon', everywhere, '--uuids').stdout.split()) == 5
    empty = run('map', 'region', graph.map.pk, '--x', 98, 99, '--y', -1, 1)
    assert (empty.stdout, '0 of 5 points' in empty.stderr) == ('', True)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ((), 'a region needs a polygon'),
        (('--x', 1, 0), "the range of 'x_comp' must begin with the lower number"),
        (('--range', 'colour', 0, 1), "no column 'colour'"),
        (('--polygon', '0,0 1,1'), 'a polygon needs three or more corners'),
        (('--polygon', '0,0 1,1 2'), "a corner is two numbers, as in 0.5,-1, not '2'"),
    ],
)
def test_a_wrong_region_is_a_sentence(fails, graph, options, words):
    assert words in fails('map', 'region', graph.map.pk, *options)


def test_two_maps_are_compared(run, fails, graph, tmp_path):
    pk = graph.map.pk
    text = run('map', 'compare', pk, graph.map.uuid, '--points', tmp_path / 'shifts.csv').stdout
    assert f'map {pk} and map {pk}: 5 points in both' in text
    assert 'nothing is known to differ' in text
    assert len((tmp_path / 'shifts.csv').read_text().splitlines()) == 6
    found = json.loads(run('map', 'compare', pk, pk, '--match', 'source', '--json').stdout)
    assert (found['points_in_both'], found['differences']) == (5, {})
    assert 'no map nothing' in fails('map', 'compare', pk, 'nothing')
    line = fails('map', 'compare', pk, pk, '--points', tmp_path / 'nowhere' / 'shifts.csv')
    assert 'shifts.csv cannot be written' in line


def test_a_number_below_one_and_a_place_that_is_no_number_are_refused(fails, graph):
    assert 'is not in the range x>=1' in fails('point', 'nearest', 0, 0, '-k', 0)
    assert "'here' is not a valid float" in fails('point', 'nearest', 'here', 0)
    assert 'two finite codes' in fails('point', 'nearest', 'nan', 0, '--map', graph.map.pk)
