"""From a hit back to model, labels and structures, and what the commands say of a screening."""

from __future__ import annotations

import csv
import io
import json

import pytest
from plugins_screening import labelled, screened, screening_code

from aiida_limap.cli.screen import print_hits, print_screening
from aiida_limap.tools.hits import chain_of, hit, list_screenings, load_hits, models_of
from aiida_limap.tools.query import QueryError

__all__ = ['labelled', 'screened', 'screening_code']


def test_a_hit_leads_back_to_labels_and_structures(screened):
    answer = hit('SLi9', screened.hits)
    assert answer.formula == 'Li9S'
    assert answer.values['score'] == 9
    roles = {step.role: step for step in answer.steps}
    assert list(roles) == [
        'the measured labels', 'the features of structures', 'the training', 'the model', 'the second opinion',
        'the screening', 'the hits', 'the whole screening',
    ]  # fmt: skip
    assert roles['the measured labels'].uuid == answer.labels_uuid == screened.labels.uuid
    assert roles['the whole screening'].pk == screened.chain.pk
    assert answer.labelled_structures == tuple(node.uuid for node in screened.known)
    assert answer.nearest_structure.uuid == answer.values['nearest_uuid']
    # Each hit comes from the job that found it.
    other = {step.role: step for step in hit('Li19S', screened.hits).steps}
    assert other['the screening'].pk != roles['the screening'].pk


def test_a_wrong_question_gets_a_sentence(screened):
    with pytest.raises(QueryError, match=r'Li2O is no hit of the screening \d+; its hits are Li19S, .* and 5 more'):
        hit('Li2O', screened.hits)
    with pytest.raises(QueryError, match="'no!' is no chemical formula"):
        hit('no!', screened.hits)
    with pytest.raises(QueryError, match='no screening 99999999'):
        load_hits(99999999)
    with pytest.raises(QueryError, match='is a TableData, not a screening'):
        load_hits(screened.labels.pk)


def test_screenings_are_found_by_chain_and_by_hits(screened):
    assert load_hits(screened.chain.pk).uuid == load_hits(screened.hits.uuid[:13]).uuid == screened.hits.uuid
    assert chain_of(screened.hits).uuid == screened.chain.uuid
    assert set(models_of(screened.hits)) == {'esml', 'atom2vec'}
    (facts,) = (entry for entry in list_screenings() if entry.uuid == screened.hits.uuid)
    assert (facts.n_hits, facts.chain) == (10, screened.chain.pk)


def test_the_commands_show_a_screening(run, screened):
    pk = screened.hits.pk
    assert f'work chain {screened.chain.pk}' in run('screen', 'list').stdout
    assert str(pk) in run('screen', 'list', '--raw').stdout.split()
    assert pk in [entry['pk'] for entry in json.loads(run('screen', 'list', '--json').stdout)]
    lines = run('screen', 'show', screened.chain.pk).stdout.splitlines()
    assert lines[1] == '10 hits of 200 compositions in 20 systems'
    assert lines[2].split() == ['all', '200']
    document = json.loads(run('screen', 'show', pk, '--json').stdout)
    assert document['nodes']['labels']['uuid'] == screened.labels.uuid
    shown = run('screen', 'show', pk, '--hit', 'Li9S').stdout
    assert 'learnt from 2 labelled structures' in shown
    assert json.loads(run('screen', 'show', pk, '--hit', 'Li9S', '--json').stdout)['formula'] == 'Li9S'


def test_the_commands_print_hits(run, fails, screened):
    pk = screened.hits.pk
    assert run('screen', 'hits', pk, '--raw', '--limit', 2).stdout.split() == ['Li19S', 'Li17S']
    assert run('screen', 'hits', pk, '--raw', '--agreed').stdout.split() == ['Li15S', 'Li9S', 'Li3S']
    rows = list(csv.DictReader(io.StringIO(run('screen', 'hits', pk, '--csv').stdout)))
    assert [row['formula'] for row in rows] == screened.hits.ids
    assert json.loads(run('screen', 'hits', pk, '--json', '--limit', 1).stdout)[0]['score'] == 19
    table = run('screen', 'hits', pk).stdout
    assert 'nearest known' in table
    assert 'Li19S' in table
    assert 'choose one of --csv, --json and --raw' in fails('screen', 'hits', '--csv', '--raw')
    assert 'no screening nothing' in fails('screen', 'show', 'nothing')


def test_distances_to_the_training_and_notes_are_printed(capsys):
    print_hits([{'formula': 'Li3PS4', 'training_distance': 0.876, 'inside': 1.0}, {'formula': 'LiC9', 'inside': 0.0}])
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ['formula', 'distance', 'inside']
    assert (first.split(), second.split()) == (['Li3PS4', '0.88', 'yes'], ['LiC9', 'no'])
    facts = {'counts': [['all', 9], ['inside', 2]], 'notes': ['the range is not known']}
    print_screening({'pk': 1, 'uuid': 'u', 'hits': 2, 'screen': facts, 'metrics': [], 'nodes': {}})
    assert capsys.readouterr().out.splitlines()[-2:] == [
        '  inside                                  2',
        'note: the range is not known',
    ]


def test_the_status_of_a_screening_counts_its_jobs(run, screened):
    (document,) = json.loads(run('status', screened.chain.pk, '--json').stdout)
    assert [stage['name'] for stage in document['stages']] == ['descriptors', 'training of models', 'screening']
    assert all(stage['done'] == stage['total'] for stage in document['stages'])
    assert document['kind'] == 'work chain of a screening'
    assert 'finished' in run('report', screened.chain.pk).stdout


def test_a_launch_is_checked_before_anything_is_submitted(run, fails, screened, tmp_path, monkeypatch):
    code = screened.code.full_label
    launch = ('launch', 'screen', '--labels', screened.labels.pk, '--code', code)
    assert 'name either --labels to train models, or --models' in fails('launch', 'screen')
    assert '--demo brings its own data' in fails('launch', 'screen', '--demo', '--labels', 1)
    assert 'with --models nothing is trained' in fails('launch', 'screen', '--models', 1, '--group', 'x')
    assert 'no table of labels 99999999' in fails('launch', 'screen', '--labels', 99999999, '--code', code)
    assert "no column of numbers 'label'" in fails('launch', 'screen', '--labels', screened.hits.pk, '--code', code)
    assert "no code 'no@where'" in fails(*launch[:-1], 'no@where')
    assert 'Xx, which no chemical element is called' in fails(*launch, '--elements', 'Li,P,Xx')
    assert 'with --models nothing is trained' in fails('launch', 'screen', '--models', 1, '--max-failed-fraction', 0)
    assert 'inf is not a finite number' in fails(*launch, '--max-mass', 'inf')
    assert '1 elements (Li) make no system of 3; name more' in fails(*launch, '--elements', 'Li')
    assert 'step_percent must divide 100' in fails(*launch, '--step', 3)
    assert "anion_classes holds 'stone'" in fails(*launch, '--anions', 'stone')
    assert "unknown protocol 'lazy'" in fails(*launch, '--protocol', 'lazy')
    (tmp_path / 'my.yaml').write_text('colour: red')
    assert "unknown key 'colour'" in fails(*launch, '--overrides', tmp_path / 'my.yaml')
    assert 'no message broker' in fails(*launch)


def test_options_become_inputs(run, screened, tmp_path, monkeypatch):
    submitted: list = []
    monkeypatch.setattr('aiida_limap.cli.launch_screen.require_daemon', lambda: None)
    monkeypatch.setattr('aiida.engine.submit', lambda builder: submitted.append(builder) or screened.chain)
    code = screened.code.full_label
    (tmp_path / 'my.yaml').write_text('max_attempts: 7\nscreen: {parameters: {step_percent: 20, largest_index: 3}}')
    options = ('--elements', 'Li,P S', '--step', 10, '--size', 3, '--no-limits', '--anions', 'sulfide', '--jobs', 5)
    options += ('--no-applicability', '--max-failed-fraction', '0.4')
    more = ('--model', 'esml', '--max-hits', 9, '--overrides', tmp_path / 'my.yaml', '--protocol', 'stringent')
    lines = run('launch', 'screen', '--labels', screened.labels.pk, '-X', code, *options, *more).stdout.splitlines()
    assert lines[0] == f'submitted screening work chain {screened.chain.pk}'
    (builder,) = submitted
    assert builder.screen.parameters.get_dict() == {
        'elements': ['Li', 'P', 'S'], 'step_percent': 10, 'sizes': [3], 'anion_classes': ['sulfide'],
        'max_mean_mass_g_per_mol': None, 'max_cost_usd_per_kg': None, 'max_period': None, 'largest_index': 3,
        'applicability': False,
    }  # fmt: skip
    assert builder.train.parameters['models'] == ['esml']
    assert (builder.jobs.value, builder.max_hits.value, builder.max_attempts.value) == (5, 9, 7)
    assert builder.featurize.descriptors.parameters.get_dict() == {'layout': 'screening'}
    assert builder.featurize.max_failed_fraction.value == 0.4
    pk = run('launch', 'screen', '--models', screened.chain.pk, '-X', code, '--raw').stdout.strip()
    assert pk == str(screened.chain.pk)
    assert set(submitted[1].models) == {'esml', 'atom2vec'}
    monkeypatch.setattr('aiida_limap.cli.watching.watch', lambda chain: None)
    text = run('launch', 'screen', '--models', screened.chain.pk, '-X', code, '--wait').stdout
    assert f'10 hits: aiida-limap screen hits {screened.chain.pk}' in text
