"""``aiida-limap map`` and ``point`` on the graph of a map that was really run."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from aiida import orm
from plugins_graph import CITATION

from aiida_limap.cli.quality import NOT_LEARNT
from aiida_limap.tools.query import list_maps


def test_maps_are_listed_newest_first(run, graph):
    lines = run('map', 'list').stdout.splitlines()
    assert [int(line.split()[0]) for line in lines] == [row[0] for row in list_maps()]
    (own,) = (line for line in lines if line.endswith(graph.map.label))
    assert '5 points' in own
    assert graph.map.uuid[:8] in own
    raw = run('map', 'list', '--raw').stdout.split()
    assert raw == [str(row[0]) for row in list_maps()]
    documents = json.loads(run('map', 'list', '--json').stdout)
    (document,) = (document for document in documents if document['pk'] == graph.map.pk)
    assert (document['uuid'], document['n_points']) == (graph.map.uuid, 5)


@pytest.mark.parametrize('attribute', ['pk', 'uuid', 'label'])
def test_a_map_is_shown_with_its_nodes(run, graph, attribute):
    text = run('map', 'show', getattr(graph.map, attribute)).stdout
    assert text.startswith(f'map {graph.map.pk} ({graph.map.uuid})')
    assert '5 points, migration energy: barrier_2d_eV' in text
    assert 'status: ok 4, no_mobile_ion 1' in text
    assert graph.chain.uuid in text


def test_a_map_is_shown_as_json(run, graph):
    document = json.loads(run('map', 'show', graph.map.pk, '--json').stdout)
    assert (document['points'], document['uuid']) == (5, graph.map.uuid)
    assert document['nodes']['work_chain'] == {'pk': graph.chain.pk, 'uuid': graph.chain.uuid}


def test_predictions_of_a_model_that_learnt_no_energy_are_said_to_mean_nothing(run, graph, monkeypatch):
    shown = [('map', 'show', graph.map.pk), ('point', 'show', 'Li2O', '--map', graph.map.pk)]
    assert all(NOT_LEARNT not in run(*command).stdout for command in shown)
    model = orm.Dict({'me_weight': 0.0}).store()
    monkeypatch.setattr(type(graph.map), 'model_uuid', property(lambda node: model.uuid))
    assert all(NOT_LEARNT in run(*command).stdout for command in shown)
    assert json.loads(run('map', 'show', graph.map.pk, '--json').stdout)['learns_migration_energy'] is False


def test_the_points_of_a_map_are_a_table(run, graph):
    rows = list(csv.DictReader(io.StringIO(run('map', 'points', graph.map.pk).stdout)))
    assert {row['source_id']: row['structure_uuid'] for row in rows} == graph.uuids
    by_id = {row['source_id']: row for row in rows}
    assert float(by_id['mp-1960']['migration_energy_eV']) == pytest.approx(0.3)
    assert by_id['no-lithium']['migration_energy_eV'] == ''
    assert by_id['no-lithium']['status'] == 'no_mobile_ion'


def test_the_points_of_a_map_as_json_have_no_nan(run, graph):
    text = run('map', 'points', graph.map.pk, '--json').stdout
    assert 'NaN' not in text
    rows = {row['source_id']: row for row in json.loads(text)}
    assert rows['no-lithium']['migration_energy_eV'] is None
    assert rows['limap-proto-lisicon']['formula'] == 'Li3PO4'


def test_the_page_of_a_map_is_one_file_in_a_folder_that_is_made(run, graph, tmp_path):
    target = tmp_path / 'new' / 'folder' / 'mine.html'
    done = run('map', 'page', graph.map.pk, '--output', target, '--title', 'A title of mine')
    assert done.stdout.strip() == str(target)
    text = target.read_text()
    assert 'A title of mine' in text
    assert graph.uuids['twin-a'] in text


def test_the_page_goes_to_the_working_folder_by_default(run, graph, tmp_path):
    assert run('map', 'page', graph.map.pk).stdout.strip() == 'map.html'
    assert (tmp_path / 'map.html').is_file()


def test_the_page_goes_into_a_folder_that_there_is(run, graph, tmp_path):
    (tmp_path / 'pages').mkdir()
    assert run('map', 'page', graph.map.pk, '-o', 'pages').stdout.strip() == 'pages/map.html'


@pytest.mark.parametrize('name', ['oxides', 'oxides.pdf', 'oxides-0.2'])
def test_a_page_that_no_browser_would_open_is_not_written(fails, graph, tmp_path, name):
    sentence = fails('map', 'page', graph.map.pk, '-o', name)
    assert f'{name} is neither a folder that there is nor a name ending in .html' in sentence
    assert sentence.endswith(f'--output {name.removesuffix(".pdf")}.html')
    assert not (tmp_path / name).exists()


def test_figures_are_drawn_in_the_formats_that_are_asked_for(run, graph, tmp_path):
    done = run('map', 'figures', graph.map.pk, '--output', tmp_path / 'figures', '--format', 'pdf')
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert {path.name for path in paths} >= {'map.pdf', 'heatmap.pdf', 'map.csv'}
    assert all(path.stat().st_size > 0 and path.parent == tmp_path / 'figures' for path in paths)
    assert not list((tmp_path / 'figures').glob('*.png'))


def test_a_point_is_shown_with_source_values_and_provenance(run, graph):
    text = run('point', 'show', 'mp-13725', '--map', graph.map.pk).stdout
    assert 'parameters: softbv 2019-1, pk ' in text
    lines = text.splitlines()
    assert lines[0] == 'Li3PO4  8 sites, 4.000 × 4.000 × 4.000 Å, 90.0, 90.0, 90.0°'
    for words in (CITATION, 'As5+ → P5+', 'https://example.org/mp-13725', 'migration_energy_eV', '0.4'):
        assert words in text
    start = lines.index('provenance, from the dataset to the map')
    steps = lines[start + 1 : start + 10]
    assert steps[0].split()[-3:] == ['DatasetData', str(graph.dataset.pk), graph.dataset.uuid]
    assert steps[1].split()[-1] == graph.uuids['limap-proto-lisicon']
    assert steps[-1].split()[-1] == graph.chain.uuid
    assert f'verdi node graph generate {graph.chain.pk}' in text


def test_a_point_without_a_migration_energy_says_none(run, graph):
    text = run('point', 'show', 'no-lithium', '--map', graph.map.pk).stdout
    (line,) = (line for line in text.splitlines() if line.split()[:1] == ['migration_energy_eV'])
    assert line.split()[-1] == 'none'


def test_a_point_is_shown_as_json(run, graph):
    document = json.loads(run('point', 'show', 'Li2O', '--map', graph.map.uuid, '--json').stdout)
    assert document['structure_uuid'] == graph.uuids['mp-1960']
    assert document['source']['license'] == 'CC-BY-4.0'
    assert document['values']['migration_energy_eV'] == pytest.approx(0.3)
    assert [step['kind'] for step in document['steps']][1:3] == ['StructureData', 'BvffCalculation']


def test_what_cannot_be_answered_is_said_in_one_sentence(fails, graph):
    assert "no point 'mp-0'" in fails('point', 'show', 'mp-0', '--map', graph.map.pk)
    assert 'twin-a, twin-b' in fails('point', 'show', 'Li2MgO2', '--map', graph.map.pk)
    for command in ('show', 'points', 'page', 'figures', 'export'):
        assert 'no map 999999' in fails('map', command, '999999')
        assert 'is a DatasetData, not a map' in fails('map', command, graph.dataset.pk)


def test_what_cannot_be_written_is_said_in_one_sentence(fails, graph, tmp_path):
    (tmp_path / 'file').write_text('')
    (tmp_path / 'folder').mkdir()
    for command in ('page', 'figures', 'export'):
        target = tmp_path / 'file' / ('below.html' if command == 'page' else 'below')
        assert 'cannot be made' in fails('map', command, graph.map.pk, '--output', target)
    (tmp_path / 'folder' / 'map.html').mkdir()
    sentence = fails('map', 'page', graph.map.pk, '--output', tmp_path / 'folder')
    assert 'cannot be written' in sentence
    assert str(tmp_path / 'folder' / 'map.html') in sentence
    assert 'cannot be made' in fails('map', 'figures', graph.map.pk, '--output', tmp_path / 'file')
    fails('map', 'figures', graph.map.pk, '--format', 'gif')


@pytest.mark.parametrize(
    ('command', 'sentence'),
    [
        ('map', 'no map yet; make one with `aiida-limap launch map --group LABEL`'),
        ('screen', 'no screening yet; make one with `aiida-limap launch screen --demo`'),
        ('phonons', 'no phonon clusters yet; make some with `aiida-limap launch phonons --demo`'),
    ],
)
def test_an_empty_list_says_which_command_makes_one(aiida_profile_tmp, run, command, sentence):
    for options, stdout in (([], ''), (['--raw'], ''), (['--json'], '[]')):
        done = run(command, 'list', *options)
        assert (done.stdout.strip(), done.stderr.strip()) == (stdout, sentence)


def test_a_profile_without_maps_says_how_to_make_one(aiida_profile_tmp, fails):
    for command in (('map', 'show'), ('map', 'points'), ('map', 'page'), ('point', 'show', 'mp-1')):
        assert 'this profile holds no map yet; make one with `aiida-limap launch map' in fails(*command)
