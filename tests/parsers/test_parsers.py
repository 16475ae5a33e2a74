"""Parsers on recorded results: one folder per success and per failure."""

from __future__ import annotations

import json
import runpy

import numpy as np
import pytest
from aiida import orm
from plugins_aiida import FIXTURES, make_descriptors, make_energies, make_structure

from aiida_limap.common.keys import structure_key
from aiida_limap.data.autoencoder import AutoencoderData

IDS = runpy.run_path(str(FIXTURES / 'record.py'))['IDS']


def inputs_of(task: str, **parameters) -> dict:
    """Return the input links of a job that was asked for the three recorded structures."""
    inputs = {'parameters': orm.Dict(parameters)} if parameters else {}
    if task in {'bvff', 'descriptors'}:
        inputs.update({f'structures__{structure_key(identifier)}': make_structure() for identifier in IDS})
    elif task == 'train':
        inputs.update(descriptors=make_descriptors(list(IDS)), migration_energies=make_energies(list(IDS), [0.3] * 3))
    else:
        inputs['model'] = AutoencoderData(FIXTURES / 'train' / 'ok' / 'model.safetensors')
        inputs['descriptors'] = make_descriptors(list(IDS))
    return inputs


@pytest.mark.parametrize(
    ('task', 'case', 'status', 'words'),
    [
        ('bvff', 'ok', 0, ''),
        ('bvff', 'stopped', 400, 'the rows of 2 of 3 structures'),
        ('bvff', 'stopped_at_once', 312, 'stopped before its end'),
        ('bvff', 'left_out', 304, 'left out 1 structures'),
        ('bvff', 'all_failed', 411, 'failed: 2, no_mobile_ion: 1'),
        ('bvff', 'no_mobile_ion', 210, 'mobile ion Li+'),
        ('bvff', 'engine_error', 330, 'the spacing must be between'),
        ('bvff', 'error_half_way', 330, 'the disk is full'),
        ('bvff', 'stranger', 304, 'not asked for'),
        ('bvff', 'cut_short', 304, 'cut short'),
        ('bvff', 'unknown_schema', 321, 'schema version 99'),
        ('bvff', 'not_started', 320, 'limap-engine: command not found'),
        ('bvff', 'no_results', 303, 'Segmentation fault'),
        ('bvff', 'nothing', 303, 'log is empty'),
        ('descriptors', 'ok', 0, ''),
        ('descriptors', 'landscape', 0, ''),
        ('descriptors', 'all_failed', 411, 'failed: 2, unknown_element: 1'),
        ('descriptors', 'arrays_missing', 305, 'not retrieved'),
        ('descriptors', 'arrays_cut_short', 304, 'cut short'),
        ('train', 'ok', 0, ''),
        ('train', 'no_model', 306, 'model.safetensors'),
        ('train', 'model_damaged', 306, 'cut short'),
        ('train', 'grid', 0, ''),
        ('train', 'grid_model_missing', 306, 'models/model_0000.safetensors'),
        ('train', 'stopped', 400, 'a job with its remote_folder as checkpoints goes on'),
        ('train', 'stopped_by_a_monitor', 430, 'the train loss is not finite in epoch 7'),
        ('train', 'not_finite', 430, 'lower the learning rate'),
        ('train', 'out_of_memory', 432, 'lower models_at_once'),
        ('train', 'no_device', 433, "'cuda'"),
        ('train', 'arrays_wrong', 304, "'split'"),
        ('encode', 'ok', 0, ''),
        ('encode', 'uncertain', 0, ''),
        ('encode', 'stopped', 312, 'stopped before its end'),
        ('encode', 'no_grid', 304, "'grid_x_comp'"),
        ('encode', 'other_task', 304, "'bvff'"),
    ],
)
def test_every_recorded_case_ends_with_its_exit_code(parse, task, case, status, words):
    done = parse(task, case, inputs_of(task))
    assert done.status == status, done.message
    assert words in (done.message or '')
    assert (status == 0) == (done.label is None)


def test_barriers_become_a_table(parse):
    table = parse('bvff', 'ok', inputs_of('bvff', mobile_ion='Li+')).outputs['table']
    assert table.ids == list(IDS)
    assert table.row(IDS[0])['barrier_2d_eV'] == 0.42
    assert table.row(IDS[1]) == {
        'status': 'not_percolating',
        'message': 'the reason for not_percolating',
        'barrier_1d_eV': 0.31,
        'barrier_2d_eV': None,
        'barrier_3d_eV': None,
        'grid_error_eV': 0.012,
        'grid': '[20, 20, 30]',
        'wall_s': 0.5,
    }
    units = {entry['name']: entry['unit'] for entry in table.info}
    assert (units['barrier_2d_eV'], units['wall_s'], units['status']) == ('eV', 's', '')
    assert all(entry['description'] for entry in table.info)
    assert table.metadata['mobile_ion'] == 'Li+'
    assert table.engine_version == '0.1.0'


def test_the_rows_of_a_stopped_job_are_kept(parse):
    done = parse('bvff', 'stopped', inputs_of('bvff'), scheduler=(120, 'out of walltime'))
    assert done.status == 400
    assert done.outputs['table'].ids == list(IDS[:2])
    parameters = done.outputs['output_parameters'].get_dict()
    assert parameters['number_of_structures'] == 3
    assert parameters['number_of_rows'] == 2
    assert parameters['complete'] is False
    assert parse('bvff', 'error_half_way', inputs_of('bvff')).outputs['table'].ids == [IDS[0]]


@pytest.mark.parametrize(('task', 'case'), [('bvff', 'nothing'), ('bvff', 'stopped_at_once'), ('train', 'stopped')])
def test_the_scheduler_knows_better_why_nothing_came_back(parse, task, case):
    done = parse(task, case, inputs_of(task), scheduler=(110, 'out of memory'))
    assert (done.status, done.message) == (110, 'out of memory')


def test_finished_results_count_more_than_the_scheduler(parse):
    assert parse('bvff', 'ok', inputs_of('bvff'), scheduler=(140, 'node failure')).status == 0


def test_descriptors_become_blocks(parse):
    table = parse('descriptors', 'ok', inputs_of('descriptors')).outputs['table']
    assert table.column('status').tolist() == ['ok', 'failed', 'ok']
    assert table.column('formula').tolist() == ['Li1O', 'Li2O', 'Li3O']
    assert np.array_equal(table.block('composition')[2], [2, 3, 4, 5])
    assert np.isnan(table.block('structure')[1]).all()
    assert table.block_names == ['composition', 'structure']
    assert table.block_info('composition') == {
        'layout': {'name': 'recorded'},
        'layout_checksum': 'abc',
        'labels': ['a', 'b', 'c', 'd'],
        'units': ['', '', '', ''],
        'meanings': ['what a means', 'what b means', 'what c means', 'what d means'],
        'blocks': {'first': [0, 4]},
        'scales': {'one': [0, 1], 'two': [1, 4]},
    }


def test_the_landscape_part_is_a_block_where_it_was_computed(parse):
    table = parse('descriptors', 'landscape', inputs_of('descriptors', landscape=True)).outputs['table']
    assert table.block_names == ['composition', 'structure', 'landscape']
    assert np.array_equal(table.block_column('landscape', 'h'), [0.0, np.nan, 1.0], equal_nan=True)
    assert table.block_columns('landscape')[1] == {
        'name': 'e',
        'unit': 'eV',
        'meaning': 'what e means',
        'block': 'first',
    }


def test_without_the_temporary_folder_the_arrays_are_missed(parse):
    assert parse('descriptors', 'ok', inputs_of('descriptors'), temporary=False).status == 305


def test_a_training_gives_model_table_and_history(parse):
    outputs = parse('train', 'ok', inputs_of('train', target='barrier_2d_eV')).outputs
    assert outputs['model'].layout == 'recorded'
    training = outputs['training']
    assert training.row(IDS[1]) == {
        'split': 'validation',
        'x_comp': 0.2,
        'x_struc': 0.0,
        'migration_energy_eV': None,
        'migration_energy_predicted_eV': 0.4,
    }
    assert sorted(outputs['history'].get_arraynames()) == ['train', 'validation']
    assert outputs['history'].get_array('train').tolist() == [1.0, 0.5, 0.4]
    parameters = outputs['output_parameters'].get_dict()
    assert parameters['metrics']['test']['r2_me'] == 0.3
    assert parameters['target'] == 'barrier_2d_eV'


def test_a_stopped_training_leaves_its_history(parse):
    outputs = parse('train', 'stopped', inputs_of('train')).outputs
    assert set(outputs) == {'history', 'output_parameters'}
    assert outputs['output_parameters']['complete'] is False


def test_a_training_that_gave_up_says_what_it_was_asked_for(parse):
    outputs = parse('train', 'not_finite', inputs_of('train')).outputs
    assert set(outputs) == {'history', 'output_parameters'}
    assert outputs['output_parameters']['options'] == {'learning_rate': 0.5}


def test_a_grid_gives_a_table_and_its_models(parse):
    outputs = parse('train', 'grid', inputs_of('train')).outputs
    table = outputs['grid']
    assert table.ids == ['model_0000', 'model_0001', 'model_0002']
    assert table.row('model_0001') == {
        'status': 'ok',
        'message': None,
        'me_weight': 0.1,
        'split.seed': 3.0,
        'hidden_widths': '[4, 2]',
        'epochs': 3.0,
        'ended': 'patience',
        'best_epoch': 2.0,
        'loss_validation_all': 0.25,
        'test_r2_me': 0.75,
        'kept': 1.0,
    }
    assert table.row('model_0002')['status'] == 'failed'
    assert table.row('model_0002')['loss_validation_all'] is None
    assert table.metadata['chosen'] == 'model_0001'
    described = {entry['name']: entry['description'] for entry in table.info}
    assert all(described.values())
    assert described['test_r2_me'] == 'r2_me of the test rows'
    assert sorted(outputs['models']) == ['model_0000', 'model_0001']
    assert outputs['models']['model_0000'].layout == outputs['model'].layout == 'recorded'
    assert outputs['history'].get_array('grid_validation_all').shape == (3, 2)


def test_an_encoding_gives_a_map(parse):
    inputs = inputs_of('encode')
    inputs['migration_energies'] = make_energies([IDS[1], IDS[0]], [0.7, None])
    outputs = parse('encode', 'ok', inputs).outputs
    node = outputs['map']
    assert node.ids == list(IDS)
    assert np.array_equal(node.column('migration_energy_eV'), [np.nan, 0.7, np.nan], equal_nan=True)
    assert node.column('status').tolist() == ['not_percolating', 'ok', '']
    assert node.column('formula').tolist() == ['Li0O', 'Li1O', 'Li2O']
    assert node.point(IDS[2])['x_comp'] == pytest.approx(0.2)
    assert node.heatmap().values.shape == (4, 5)
    assert (node.target, node.mobile_ion, node.model_uuid) == ('barrier_2d_eV', 'Li+', inputs['model'].uuid)
    assert node.metrics == {'trustworthiness': 0.9}
    assert outputs['output_parameters'].get_dict()['number_of_points'] == 3


def test_a_map_takes_over_what_is_said_of_its_points(parse):
    node = parse('encode', 'uncertain', inputs_of('encode')).outputs['map']
    assert node.column('in_domain').tolist() == [0, 1, 1]
    assert node.column('domain_reason').tolist() == ['the structure is unlike those of the training', '', '']
    assert node.point(IDS[0])['migration_energy_low_eV'] == 0.1
    assert node.point(IDS[0])['migration_energy_high_eV'] is None
    assert node.heatmap().support.shape == (4, 5)
    plain = parse('encode', 'ok', inputs_of('encode')).outputs['map']
    assert 'in_domain' not in plain.columns
    assert plain.heatmap().support is None


def test_a_map_without_computed_energies_has_none(parse):
    node = parse('encode', 'ok', inputs_of('encode')).outputs['map']
    assert np.isnan(node.column('migration_energy_eV')).all()
    assert (node.mobile_ion, node.counts_by_status) == (None, {})


def test_an_unexpected_error_becomes_an_exit_code(parse, monkeypatch):
    from aiida_limap.parsers.bvff import BvffParser

    def broken(*_arguments):
        raise RuntimeError('a mistake of ours')

    monkeypatch.setattr(BvffParser, 'table', broken)
    done = parse('bvff', 'ok', inputs_of('bvff'))
    assert (done.status, done.label) == (350, 'ERROR_UNEXPECTED_PARSER_EXCEPTION')
    assert 'RuntimeError: a mistake of ours' in done.message


def test_the_recorded_folders_are_all_used():
    source = json.dumps([str(mark.args) for mark in test_every_recorded_case_ends_with_its_exit_code.pytestmark])
    # Those of screenings, phonons and calculators stand with their tests.
    elsewhere = {'screen', 'screen_train', 'place_compositions', 'phonons', 'cluster_phonons', 'calculators'}
    folders = [folder for folder in FIXTURES.glob('*/*/') if folder.parent.name not in elsewhere]
    assert len(folders) > 20
    for folder in folders:
        assert f"('{folder.parent.name}', '{folder.name}'," in source
