"""``aiida-limap status``, ``report``, ``launch`` and ``setup``."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
import yaml


def test_the_status_of_a_finished_map_counts_its_batches_and_structures(run, graph):
    lines = run('status', graph.chain.pk).stdout.splitlines()
    assert lines[0].startswith(f'map work chain {graph.chain.pk}, finished, started ')
    assert [line.strip() for line in lines[1:]] == [
        'migration energies   3 of 3 batches, 1 failed',
        '5 structures: 4 ok, 1 no_mobile_ion',
        'descriptors          3 of 3 batches',
        '5 structures: 5 ok',
        'training             1 of 1 job',
        'encoding             1 of 1 job',
    ]
    (document,) = json.loads(run('status', graph.chain.pk, '--json').stdout)
    assert (document['pk'], document['state'], document['exit_status']) == (graph.chain.pk, 'finished', 0)
    assert document['stages'][0]['rows'] == {'ok': 4, 'no_mobile_ion': 1}
    assert document['stages'][2]['unit'] == 'jobs'
    both = json.loads(run('status', graph.chain.pk, graph.chain.pk, '--json').stdout)
    assert len(both) == 2


def test_the_status_says_when_nothing_runs(aiida_profile_tmp, run):
    for options in ([], ['--watch']):
        done = run('status', *options)
        assert done.stdout == ''
        assert done.stderr.startswith('nothing is running; `aiida-limap launch` submits work')
    assert json.loads(run('status', '--json').stdout) == []


def test_what_has_ended_is_watched_for_no_longer(run, fails, graph):
    lines = run('status', graph.chain.pk, '--watch').stderr.splitlines()
    assert [line.split('  ')[0] for line in lines] == ['migration energies', 'descriptors', 'training', 'encoding']
    assert 'choose --watch or --json' in fails('status', '--watch', '--json')


@pytest.fixture
def group(run, library) -> str:
    """Return the label of a group that is large enough for a map."""
    run('import', 'prototypes', '--name', 'twelve')
    return 'limap/twelve'


def test_a_wrong_launch_is_refused_before_anything_is_submitted(fails, graph):
    code = graph.code.full_label
    group = graph.group.label
    assert 'name either --group or --dataset' in fails('launch', 'map')
    assert 'name either --group or --dataset' in fails('launch', 'map', '-G', group, '-D', graph.dataset.pk)
    sentence = fails('launch', 'map', '--group', 'nothing')
    assert "no group 'nothing' of imported structures" in sentence
    assert 'limap/small' in sentence
    assert 'no dataset 999999' in fails('launch', 'map', '--dataset', '999999')
    assert 'no dataset no-such-uuid' in fails('launch', 'map', '--dataset', 'no-such-uuid')
    assert 'is a MapData, not a dataset' in fails('launch', 'map', '--dataset', graph.map.uuid)
    assert 'holds 5 structures; a map needs 10 or more' in fails('launch', 'map', '--group', 'small', '--code', code)


def test_a_launch_without_engine_or_broker_is_refused(fails, graph, group, tmp_path):
    code = graph.code.full_label
    sentence = fails('launch', 'map', '--group', group, '--code', 'no@where')
    assert "no code 'no@where': `aiida-limap setup computer`" in sentence
    assert 'no code' in fails('launch', 'map', '--group', group, '--code', str(graph.map.pk))
    assert 'does not exist' in fails('launch', 'map', '--group', group, '--overrides', tmp_path / 'no.yaml')
    sentence = fails('launch', 'map', '--group', group, '--code', code)
    assert 'no message broker' in sentence
    assert 'verdi profile configure-broker core.zeromq' in sentence


def test_a_group_that_lost_its_dataset_is_refused(fails, graph):
    from aiida_limap.groups.dataset import DatasetGroup

    DatasetGroup(label='limap/lost').store()
    assert "group 'lost' has no dataset node; import its structures again" in fails('launch', 'map', '-G', 'lost')


def test_a_wrong_protocol_or_override_is_refused_by_name(fails, graph, group, tmp_path, monkeypatch):
    monkeypatch.setattr('aiida_limap.cli.launch.require_daemon', lambda: None)
    arguments = ('launch', 'map', '--group', group, '--code', graph.code.full_label)
    assert "unknown protocol 'lazy'; known are fast, balanced" in fails(*arguments, '--protocol', 'lazy')
    for text, words in (
        ('colour: red', "unknown key 'colour'"),
        ('train: {parameters: {colour: red}}', 'colour'),
        ('[1, 2]', 'must be a mapping'),
    ):
        (tmp_path / 'my.yaml').write_text(text)
        assert words in fails(*arguments, '--overrides', tmp_path / 'my.yaml')


def test_a_map_is_submitted_for_scripts_with_a_tolerance(run, fails, graph, group, monkeypatch):
    submitted = []
    monkeypatch.setattr('aiida_limap.cli.launch.require_daemon', lambda: None)
    monkeypatch.setattr('aiida.engine.submit', lambda builder: submitted.append(builder) or graph.chain)
    monkeypatch.setattr('aiida_limap.cli.watching.watch_map', lambda chain: True)
    launch = ('launch', 'map', '--group', group, '--code', graph.code.full_label)
    assert run(*launch).stdout.splitlines() == [
        f'submitted map work chain {graph.chain.pk} of 12 structures',
        f'progress: aiida-limap status {graph.chain.pk} --watch',
        f'page, when it is finished: aiida-limap map page {graph.chain.pk}',
    ]
    assert submitted[0].featurize.max_failed_fraction.value == 1
    launch += ('--max-failed-fraction', '0.2')
    for options in (['--raw'], ['--raw', '--wait']):
        assert run(*launch, *options).stdout == f'{graph.chain.pk}\n'
    assert json.loads(run(*launch, '--json').stdout) == {'pk': graph.chain.pk, 'uuid': graph.chain.uuid}
    assert [builder.featurize.max_failed_fraction.value for builder in submitted[1:]] == [0.2] * 3
    assert 'choose --raw or --json' in fails(*launch, '--raw', '--json')
    assert len(submitted) == 4


@pytest.mark.parametrize('command', ['map', 'encode', 'bvff', 'phonons', 'screen'])
@pytest.mark.parametrize('value', ['-0.1', '1.5', '5%', 'nan'])
def test_a_tolerance_is_a_part_of_the_whole(fails, command, value):
    sentence = fails('launch', command, f'--max-failed-fraction={value}')
    assert f"'--max-failed-fraction': {value} is not a part from 0 to 1; 0.05 are 5 %" in sentence


def test_every_launch_serves_scripts_alike():
    from aiida_limap.cli.launch import launch

    for name, command in launch.commands.items():
        options = {word for option in command.params for word in option.opts}
        assert {
            '--group', '--dataset', '--code', '--protocol', '--overrides', '--max-failed-fraction', '--wait', '--raw',
            '--json',
        } <= options, name  # fmt: skip


def test_a_layout_of_a_map_is_a_name_or_a_file(run, fails, graph, group, tmp_path, monkeypatch):
    from aiida_limap.engines.descriptors import load_layout

    submitted = []
    monkeypatch.setattr('aiida_limap.cli.launch.require_daemon', lambda: None)
    monkeypatch.setattr('aiida.engine.submit', lambda builder: submitted.append(builder) or graph.chain)
    launch = ('launch', 'map', '--group', group, '--code', graph.code.full_label)
    document = {**load_layout('modern').as_dict(), 'name': 'mine'}
    (tmp_path / 'mine.yaml').write_text(yaml.safe_dump(document))
    (tmp_path / 'my.yaml').write_text('featurize: {descriptors: {parameters: {layout: compact}}}')
    for options, layout, landscape in (
        ((), 'yamaguchi2023', False),
        (('--layout', 'modern'), 'modern', False),
        (('--layout', 'modern', '--landscape'), 'modern', True),
        (('--layout', 'mine.yaml', '--landscape'), document, True),
        # The option of the command comes after the file of overrides.
        (('--overrides', 'my.yaml'), 'compact', False),
        (('--overrides', 'my.yaml', '--layout', 'modern'), 'modern', False),
        # A preset that was made for a layout brings it along, unless another is asked for.
        (('--preset', 'modern'), 'modern', False),
        (('--preset', 'modern', '--layout', 'compact'), 'compact', False),
        (('--preset', 'modern', '--overrides', 'my.yaml'), 'compact', False),
        (('--preset', 'quick', '--protocol', 'fast'), 'yamaguchi2023', False),
    ):
        run(*launch, *options)
        described = submitted[-1].featurize.descriptors.parameters.get_dict()
        assert described == {'layout': layout, **({'landscape': True} if landscape else {})}
        assert submitted[-1].train.parameters.get_dict().get('landscape', False) is landscape
        preset = options[options.index('--preset') + 1] if '--preset' in options else 'yamaguchi2023'
        assert submitted[-1].train.parameters['preset'] == preset
    assert len(submitted) == 10
    assert submitted[-1].train.parameters['max_epochs'] == 60
    assert "'--preset': 'best' is not one of" in fails(*launch, '--preset', 'best')
    (tmp_path / 'mine.yaml').write_text('name: mine')
    assert "layout: the key 'classes' is missing" in fails(*launch, '--layout', 'mine.yaml')
    assert "layout 'nothing': neither a file nor one of" in fails(*launch, '--layout', 'nothing')
    assert 'the layout compact has no landscape part' in fails(*launch, '--layout', 'compact', '--landscape')
    assert 'the layout yamaguchi2023 has no landscape part' in fails(*launch, '--landscape')
    assert len(submitted) == 10
    assert "layout 'nothing': neither" in fails('demo', '--folder', tmp_path / 'demo', '--layout', 'nothing')


@pytest.fixture
def fresh_profile(aiida_config_tmp, aiida_profile_factory):
    """Load a profile as a newcomer has it, with a broker and nothing in it."""
    with aiida_profile_factory(aiida_config_tmp, broker_backend='core.zeromq') as profile:
        yield profile


def test_a_newcomer_sets_up_imports_and_is_told_to_start_the_daemon(fresh_profile, run, fails, library, tmp_path):
    run('import', 'prototypes')
    assert "no code 'limap@localhost'" in fails('launch', 'map', '--group', 'prototypes')
    first = run('setup', 'computer', '--work-folder', tmp_path / 'scratch').stdout
    assert first.startswith('code limap@localhost (pk ')
    assert str(Path(sys.executable).parent / 'limap-engine') in first
    assert run('setup', 'computer').stdout == first
    sentence = fails('launch', 'map', '--group', 'prototypes')
    assert 'the daemon is not running' in sentence
    assert 'verdi daemon start' in sentence


def test_another_engine_gets_a_code_of_its_own(aiida_profile_tmp, run, monkeypatch, tmp_path):
    from aiida import orm

    run('setup', 'computer', '--label', 'here')
    other = tmp_path / 'limap-engine'
    other.write_text('#!/bin/sh\n')
    monkeypatch.setattr('aiida_limap.cli.setup.engine_executable', lambda: other)
    assert run('setup', 'computer', '--label', 'here').stdout.startswith('code limap-2@here ')
    computer = orm.load_computer('here')
    assert computer.is_configured
    assert computer.get_minimum_job_poll_interval() == 1
    assert orm.QueryBuilder().append(orm.InstalledCode).count() == 2


def test_another_machine_is_not_set_up_as_this_one(aiida_profile_tmp, fails):
    from aiida import orm

    orm.Computer(
        label='far', hostname='far.example.org', transport_type='core.ssh', scheduler_type='core.slurm', workdir='/tmp'
    ).store()
    assert "the computer 'far' is not this machine, but far.example.org by core.ssh" in fails(
        'setup', 'computer', '--label', 'far'
    )
    assert orm.QueryBuilder().append(orm.InstalledCode).count() == 0
    assert not orm.load_computer('far').is_configured
    assert '--label is empty' in fails('setup', 'computer', '--label', '')


def test_a_missing_engine_is_named(aiida_profile_tmp, fails, monkeypatch):
    monkeypatch.setattr(sys, 'executable', '/nowhere/python')
    monkeypatch.setenv('PATH', '/nowhere')
    assert 'limap-engine is not installed' in fails('setup', 'computer')


EXAMPLES = Path(__file__).parents[2] / 'examples'


def test_the_example_that_submits_fills_the_inputs_of_a_map(graph, monkeypatch, capsys):
    submitted = []
    monkeypatch.setattr('aiida.load_profile', lambda: None)
    monkeypatch.setattr('aiida.orm.load_code', lambda label: graph.code if label == 'limap@localhost' else None)
    monkeypatch.setattr('aiida.engine.submit', lambda builder: submitted.append(builder) or graph.chain)
    monkeypatch.setattr(sys, 'argv', ['submit_a_map.py', 'small'])
    runpy.run_path(str(EXAMPLES / 'submit_a_map.py'), run_name='__main__')
    (builder,) = submitted
    assert builder.dataset.uuid == graph.dataset.uuid
    assert builder.featurize.batch_size.value == 50
    assert builder.featurize.bvff.parameters['spacing_angstrom'] == 0.25
    assert builder.train.parameters['me_weight'] == 0.3
    assert capsys.readouterr().out.startswith(f'submitted map work chain {graph.chain.pk} of 5 structures')


@pytest.mark.parametrize(('arguments', 'name'), [(['Li3PO4'], 'limap-proto-lisicon'), ([], 'mp-1960')])
def test_the_example_that_asks_shows_the_way_back(graph, monkeypatch, capsys, arguments, name):
    monkeypatch.setattr('aiida.load_profile', lambda: None)
    monkeypatch.setattr('aiida_limap.tools.query.load_map', lambda: graph.map)
    monkeypatch.setattr(sys, 'argv', ['query_a_point.py', *arguments])
    runpy.run_path(str(EXAMPLES / 'query_a_point.py'), run_name='__main__')
    text = capsys.readouterr().out
    assert text.splitlines()[0].endswith(f'{name} on map {graph.map.pk} of 5 points')
    for uuid in (graph.uuids[name], graph.dataset.uuid, graph.chain.uuid):
        assert uuid in text
