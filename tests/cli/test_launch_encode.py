"""``aiida-limap launch encode``, and what the other commands say of its maps."""

from __future__ import annotations

import csv
import io
import json
from types import SimpleNamespace

import pytest
from plugins_placed import placed

__all__ = ['placed']


@pytest.fixture
def submitted(monkeypatch, placed) -> list:
    """Return what is submitted, to a daemon that has run it already."""
    builders: list = []
    monkeypatch.setattr('aiida_limap.cli.launch_encode.require_daemon', lambda: None)
    monkeypatch.setattr('aiida.engine.submit', lambda builder: builders.append(builder) or placed.chain)
    return builders


@pytest.fixture
def known_layout(monkeypatch) -> None:
    """Let the layout of this release be that of the stand-in, whose checksum is a word."""
    layout = SimpleNamespace(name='yamaguchi2023', checksum='abc', landscape=())
    monkeypatch.setattr('aiida_limap.engines.descriptors.load_layout', lambda name: layout)
    monkeypatch.setattr('aiida_limap.engines.descriptors.task.parts_of', lambda layout, landscape: ())


def launch(graph, *options: object) -> tuple:
    return ('launch', 'encode', '--map', graph.map.pk, '--code', graph.code.full_label, *options)


def test_new_structures_are_submitted_with_what_the_map_was_made_with(run, graph, placed, submitted, known_layout):
    lines = run(*launch(graph, '--group', 'new')).stdout.splitlines()
    assert lines == [
        f'submitted work chain {placed.chain.pk} of 2 new structures on map {graph.map.pk}',
        f'progress: aiida-limap status {placed.chain.pk} --watch',
        f'page, when it is finished: aiida-limap map page {placed.chain.pk}',
    ]
    (builder,) = submitted
    assert builder.parent_map.uuid == graph.map.uuid
    assert builder.encode.model.uuid == graph.map.creator.inputs.model.uuid
    assert builder.with_energies.value
    run(*launch(graph, '--dataset', placed.dataset.pk, '--no-energies', '--protocol', 'stringent'))
    assert not submitted[1].with_energies.value
    assert submitted[1].featurize.bvff.parameters['spacing_angstrom'] == 0.1


def test_scripts_get_the_pk_and_a_tolerance_reaches_the_chain(run, graph, placed, submitted, known_layout, monkeypatch):
    monkeypatch.setattr('aiida_limap.cli.watching.watch_map', lambda chain: True)
    arguments = launch(graph, '--group', 'new', '--max-failed-fraction', '0.25')
    for options in (['--raw'], ['--raw', '--wait']):
        assert run(*arguments, *options).stdout == f'{placed.chain.pk}\n'
    assert json.loads(run(*arguments, '--json').stdout) == {'pk': placed.chain.pk, 'uuid': placed.chain.uuid}
    assert [builder.featurize.max_failed_fraction.value for builder in submitted] == [0.25] * 3


def test_waiting_ends_with_the_new_map(run, graph, placed, submitted, known_layout, monkeypatch):
    monkeypatch.setattr('aiida_limap.cli.watching.watch_map', lambda chain: True)
    lines = run(*launch(graph, '--group', 'new', '--wait')).stdout.splitlines()
    assert lines[1:] == [
        f'2 new points beside the 5 of map {graph.map.pk}',
        f'map {placed.map.pk} is ready: aiida-limap map page {placed.map.pk}',
    ]


def test_a_wrong_launch_is_refused_before_anything_is_submitted(fails, graph, placed, tmp_path):
    code = graph.code.full_label
    assert 'name either --group or --dataset' in fails(*launch(graph))
    assert "Missing option '-M' / '--map'" in fails('launch', 'encode', '--group', 'new')
    assert 'no map 999999' in fails('launch', 'encode', '--map', '999999', '--group', 'new')
    sentence = fails('launch', 'encode', '--map', graph.dataset.pk, '--group', 'new')
    assert f'node {graph.dataset.pk} is a DatasetData, not a map' in sentence
    assert "no group 'nothing' of imported structures" in fails(*launch(graph, '--group', 'nothing'))
    sentence = fails(*launch(graph, '--group', 'small'))
    assert 'all 5 structures of the dataset' in sentence
    assert f'are points of map {graph.map.pk} already; `aiida-limap map points' in sentence
    assert "no code 'no@where'" in fails('launch', 'encode', '--map', graph.map.pk, '-G', 'new', '-X', 'no@where')
    arguments = ('launch', 'encode', '--map', graph.map.pk, '--group', 'new', '--code', code)
    assert "unknown protocol 'lazy'" in fails(*arguments, '--protocol', 'lazy')
    (tmp_path / 'my.yaml').write_text('featurize: {descriptors: {parameters: {layout: compact}}}')
    assert "unknown key 'featurize.descriptors'" in fails(*arguments, '--overrides', tmp_path / 'my.yaml')


def test_an_empty_group_is_refused(fails, graph):
    from aiida_limap.data.dataset import DatasetData

    empty = DatasetData(name='nobody', structures=[]).store()
    assert "the dataset 'nobody' holds no structures" in fails(*launch(graph, '--dataset', empty.pk))


def test_a_layout_of_another_release_is_refused_by_its_checksum(fails, graph, placed):
    sentence = fails(*launch(graph, '--group', 'new'))
    assert "the layout 'yamaguchi2023' of this release has other columns than the model of map" in sentence
    assert 'expected abc' in sentence


def test_a_map_that_names_no_model_is_refused(fails, graph, placed):
    import numpy as np

    from aiida_limap.data.map import POINT_COLUMNS, MapData
    from aiida_limap.formats.mapbundle import Heatmap

    values = {name: [0.5] for name in POINT_COLUMNS} | {'status': ['ok']}
    heatmap = Heatmap(np.arange(2.0), np.arange(2.0), np.zeros((2, 2)), 'Predicted', 'eV')
    bare = MapData.from_points(['x'], values, heatmap=heatmap, facts={'target': 'barrier_2d_eV'}).store()
    arguments = ('launch', 'encode', '--map', bare.pk, '--group', 'new', '--code', graph.code.full_label)
    assert f'map {bare.pk} does not say which model drew it' in fails(*arguments)


def test_a_stopped_daemon_is_named(fails, graph, placed, known_layout):
    assert 'no message broker' in fails(*launch(graph, '--group', 'new'))


def test_the_commands_of_maps_know_new_points(run, graph, placed, tmp_path):
    lines = run('map', 'show', placed.map.pk).stdout.splitlines()
    assert f'2 new points beside those of map {graph.map.pk}' in lines
    document = json.loads(run('map', 'show', placed.map.pk, '--json').stdout)
    assert (document['parent'], document['new_points'], document['points']) == (graph.map.uuid, 2, 7)
    assert document['nodes']['parent_map']['pk'] == graph.map.pk
    assert json.loads(run('map', 'show', graph.map.pk, '--json').stdout)['parent'] is None
    rows = list(csv.DictReader(io.StringIO(run('map', 'points', placed.map.pk).stdout)))
    assert [row['source_id'] for row in rows if row['is_new'] == '1.0'] == ['new-oxide', 'new-magnesia']
    for name in ('twin-a', 'new-oxide'):
        assert 'EncodeWorkChain' in run('point', 'show', name, '--map', placed.map.pk).stdout
    page = tmp_path / 'page.html'
    run('map', 'page', placed.map.pk, '--output', page)
    assert 'placed on an older map' in page.read_text()
    run('map', 'figures', placed.map.pk, '--output', tmp_path / 'figures', '--format', 'png')
    assert 'Halos: structures that were placed on an older map' in (tmp_path / 'figures' / 'map.txt').read_text()


def test_the_status_of_a_placing_has_no_training(run, placed):
    (document,) = json.loads(run('status', placed.chain.pk, '--json').stdout)
    assert [stage['name'] for stage in document['stages']] == ['migration energies', 'descriptors', 'encoding']
    assert all(stage['done'] == stage['total'] for stage in document['stages'])
