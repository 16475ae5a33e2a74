"""``aiida-limap map export`` on the graph of a map that was really run."""

from __future__ import annotations

import json

import pytest

from aiida_limap.cli.map_export import readable_size
from aiida_limap.formats.mapbundle import read_bundle

SMALL = ('--no-archive', '--no-page', '--no-report', '--no-descriptors')


def test_files_are_listed_with_their_sizes_and_licences_are_warned_about(run, graph, tmp_path):
    done = run('map', 'export', graph.map.pk, '--output', 'deep/oxides', *SMALL)
    *lines, total = done.stdout.splitlines()
    names = [line.split()[-1] for line in lines]
    assert 'deep/oxides/tables/compounds.csv' in names
    assert all((tmp_path / name).is_file() for name in names)
    assert total.endswith('in all')
    assert 'warning: 4 structures of made for tests: no licence is stated' in done.stderr
    assert list(read_bundle(tmp_path / 'deep' / 'oxides' / 'map.json.gz').ids) == graph.map.ids


def test_an_export_as_json_goes_to_the_working_folder(run, graph, tmp_path):
    document = json.loads(run('map', 'export', graph.map.pk, *SMALL, '--json').stdout)
    assert document['folder'] == 'map-export'
    assert set(document['sizes']) >= {'README.txt', 'SHA256SUMS', 'tables/compounds.csv'}
    assert len(document['warnings']) == 1
    assert document['notes'] == []


def test_an_export_is_replaced_with_force_only(run, fails, graph):
    run('map', 'export', graph.map.pk, '--output', 'oxides', *SMALL)
    assert 'with --force' in fails('map', 'export', graph.map.pk, '--output', 'oxides', *SMALL)
    run('map', 'export', graph.map.pk, '--output', 'oxides', *SMALL, '--force')


@pytest.mark.parametrize(
    ('size', 'text'), [(0, '0 bytes'), (999, '999 bytes'), (1500, '1.5 kB'), (27e6, '27.0 MB'), (5e15, '5000.0 TB')]
)
def test_sizes_are_readable(size, text):
    assert readable_size(size) == text
