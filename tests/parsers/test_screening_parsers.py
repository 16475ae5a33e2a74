"""Parsers of a screening on recorded results: one folder per success and per failure."""

from __future__ import annotations

import runpy

import numpy as np
import pytest
from aiida import orm
from plugins_aiida import FIXTURES

from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.screening_model import ScreeningModelData
from aiida_limap.data.table import TableData

RECORDED = runpy.run_path(str(FIXTURES / 'record_screening.py'))
MODELS = FIXTURES / 'screen_train' / 'ok' / 'models'


def inputs_of(task: str) -> dict:
    if task == 'screen':
        return {'model': ScreeningModelData(MODELS / 'esml.safetensors'), 'parameters': orm.Dict({'first': 10})}
    if task == 'screen_train':
        table = TableData.from_arrays(list(RECORDED['IDS']), {'label': [1, 0, None]})
        return {'labels': table}
    return {'model': AutoencoderData(FIXTURES / 'train' / 'ok' / 'model.safetensors')}


@pytest.mark.parametrize(
    ('task', 'case', 'status', 'words'),
    [
        ('screen', 'ok', 0, ''),
        ('screen', 'no_hits', 0, ''),
        ('screen', 'stopped', 400, 'the hits of 5 of 10 systems were kept'),
        ('screen', 'hits_ahead', 400, 'the hits of 5 of 10 systems were kept'),
        ('screen', 'stopped_at_once', 312, 'stopped before its end'),
        ('screen', 'left_out', 304, 'left out the systems 15 to 20'),
        ('screen', 'no_range', 304, "the summary lacks 'first'"),
        ('screen', 'refused', 435, 'unknown element Xx'),
        ('screen', 'no_memory', 330, 'MemoryError'),
        ('screen', 'not_started', 320, 'command not found'),
        ('screen_train', 'ok', 0, ''),
        ('screen_train', 'no_model', 306, 'name no model'),
        ('screen_train', 'model_missing', 306, 'models/esml.safetensors'),
        ('screen_train', 'model_damaged', 306, 'cut short'),
        ('screen_train', 'no_predictions', 304, 'prediction_ids'),
        ('screen_train', 'stopped', 400, 'ask for more time, or for fewer models'),
        ('screen_train', 'one_class', 434, 'needs rows of both classes'),
        ('screen_train', 'no_device', 433, "'cuda'"),
        ('screen_train', 'refused', 330, 'unknown parameter colour'),
        ('place_compositions', 'ok', 0, ''),
        ('place_compositions', 'stopped', 312, 'stopped before its end'),
        ('place_compositions', 'refused', 330, 'does not say which layout'),
    ],
)
def test_every_recorded_case_ends_with_its_exit_code(parse, task, case, status, words):
    done = parse(task, case, inputs_of(task))
    assert done.status == status, done.message
    assert words in (done.message or '')
    assert (status == 0) == (done.label is None)


def test_hits_become_a_table_and_counts_are_added_up(parse):
    outputs = parse('screen', 'ok', inputs_of('screen')).outputs
    hits, facts = outputs['hits'], outputs['output_parameters'].get_dict()
    assert hits.ids == ['Li3PS4', 'Li6PS5Cl', 'Li4SiO4']
    assert hits.column_names[:3] == ['formula', 'system', 'score']
    assert hits.row('Li6PS5Cl')['agrees'] == 0
    assert all(entry['description'] for entry in hits.info)
    assert facts['counts'] == [['all', 225], ['neutral', 20], ['neutral_fast', 4]]
    assert facts['integer_counts'] == [['neutral', 2], ['neutral_fast', 2]]
    assert facts['tallies'] == {'score': {'edges': [-1.0, 0.0, 1.0], 'neutral': [16, 4], 'left': [0, 4]}}
    assert (facts['n_systems'], facts['n_done'], facts['n_compositions']) == (10, 10, 225)
    assert (facts['done'], facts['systems_left']) == ([[10, 20]], [])
    assert hits.metadata['notes'] == ['the range is not known']
    assert hits.metadata['counts'] == facts['counts']
    assert hits.metadata['options']['step_percent'] == 10


@pytest.mark.parametrize('case', ['stopped', 'hits_ahead'])
def test_a_stopped_job_keeps_the_hits_of_finished_blocks_and_names_what_is_left(parse, case):
    outputs = parse('screen', case, inputs_of('screen'), scheduler=(120, 'out of walltime')).outputs
    assert outputs['hits'].ids == ['Li3PS4', 'Li6PS5Cl']
    facts = outputs['output_parameters'].get_dict()
    assert (facts['done'], facts['systems_left'], facts['complete']) == ([[10, 15]], [[15, 20]], False)
    assert facts['counts'] == [['all', 110], ['neutral', 10], ['neutral_fast', 2]]


def test_a_screen_without_hits_is_an_answer(parse):
    outputs = parse('screen', 'no_hits', inputs_of('screen')).outputs
    assert len(outputs['hits']) == 0
    assert outputs['output_parameters']['counts'] == [['all', 100], ['neutral', 0]]


def test_the_scheduler_knows_better_why_nothing_came_back(parse):
    for task, case in (('screen', 'stopped_at_once'), ('screen_train', 'stopped')):
        done = parse(task, case, inputs_of(task), scheduler=(110, 'out of memory'))
        assert (done.status, done.message) == (110, 'out of memory')


def test_models_and_predictions_come_out_of_a_training(parse):
    outputs = parse('screen_train', 'ok', inputs_of('screen_train')).outputs
    models = {name.removeprefix('models.'): node for name, node in outputs.items() if name.startswith('models.')}
    models = models or outputs['models']
    assert {name: model.kind for name, model in models.items()} == {name: name for name in ('sml', 'esml', 'atom2vec')}
    predictions = outputs['predictions']
    assert predictions.ids == list(RECORDED['IDS'])
    assert np.array_equal(predictions.column('label'), [1, 0, np.nan], equal_nan=True)
    assert all(entry['description'] for entry in predictions.info)
    assert outputs['output_parameters']['metrics'][0]['scores']['accuracy']['value'] == 0.9


def test_codes_of_compositions_become_a_table(parse):
    codes = parse('place_compositions', 'ok', inputs_of('place_compositions')).outputs['codes']
    assert codes.row('Li3PS4')['x_comp'] == 0.25
    assert codes.row('LiXe') == {'status': 'failed', 'message': 'no value is tabulated for Xe', 'x_comp': None}
