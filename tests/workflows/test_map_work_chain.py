"""The map, run for real on a stand-in of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from aiida.engine import run_get_node
from plugins_aiida import make_dataset, make_structure

from aiida_limap.data.table import TableData
from aiida_limap.workflows._ensemble import ensemble_members
from aiida_limap.workflows.map import MapWorkChain

FEATURES = {'migration_energies', 'descriptors'}


def launch(code: orm.Code, structures: list, overrides: dict[str, Any] | None = None) -> tuple[dict, orm.WorkChainNode]:
    builder = MapWorkChain.get_builder_from_protocol(code, make_dataset(structures), 'fast', overrides)
    outputs, node = run_get_node(builder)
    return outputs, node


def test_a_dataset_becomes_a_map(stand_in_code):
    structures = [make_structure(1 + number / 10) for number in range(2)]
    outputs, node = launch(stand_in_code(), structures, {'encode': {'parameters': {'grid_size': 5}}})
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert set(outputs) == {
        'map',
        'model',
        'migration_energies',
        'descriptors',
        'training',
        'history',
        'output_parameters',
    }
    points = outputs['map']
    assert points.ids == [structure.uuid for structure in structures]
    assert np.allclose(points.column('migration_energy_eV'), [0.30, 0.33])
    assert points.column('status').tolist() == ['ok', 'ok']
    assert points.heatmap().values.shape == (5, 5)
    assert points.mobile_ion == 'Li+'
    assert points.model_uuid == outputs['model'].uuid
    assert outputs['history'].get_array('loss').tolist() == [2.0, 1.0]
    assert set(outputs['output_parameters'].get_dict()) == {'featurize', 'train', 'encode'}
    called = {
        link.link_label: link.node.process_label
        for link in node.base.links.get_outgoing().all()
        if 'CALL' in link.link_type.name
    }
    assert called['featurize'] == 'FeaturizeWorkChain'
    assert (called['train'], called['encode']) == ('TrainBaseWorkChain', 'EncodeCalculation')
    report = get_workchain_report(node, 'REPORT')
    assert 'submitted the featurization' in report
    assert f'the map <{points.pk}> has 2 points' in report


def test_a_map_of_a_grid_whose_training_was_stopped_hands_on_its_models(stand_in_code, tmp_path):
    code = stand_in_code(trainings='stopped', counter=tmp_path)
    overrides = {'train': {'parameters': {'grid': {'me_weight': [0, 1]}}, 'options': {'max_wallclock_seconds': 600}}}
    outputs, node = launch(code, [make_structure()], overrides)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert outputs['grid'].ids == ['model_0000', 'model_0001']
    assert sorted(outputs['models']) == ['model_0000', 'model_0001']
    jobs = [job for job in node.called_descendants if job.process_label == 'TrainCalculation']
    assert sorted(job.exit_status for job in jobs) == [0, 400]
    assert all(job.get_option('max_wallclock_seconds') == 600 for job in jobs)
    # The model of the map comes from the job that ended well.
    assert outputs['model'].creator.exit_status == 0
    # Models with another weight are no ensemble.
    assert 'ensemble' not in outputs['map'].creator.inputs


def test_models_of_other_seeds_are_the_ensemble_of_a_map(stand_in_code):
    overrides = {'train': {'parameters': {'grid': {'seed': [0, 1]}}}}
    outputs, node = launch(stand_in_code(), [make_structure()], overrides)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    members = outputs['map'].creator.inputs.ensemble
    assert {name: members[name].uuid for name in members} == {'model_0000': outputs['models']['model_0000'].uuid}


def test_an_ensemble_differs_in_nothing_but_the_seed():
    grid = {'me_weight': [0, 1], 'seed': [0, 1, 2]}
    names = [f'model_{number:04d}' for number in range(6)]
    table = TableData.from_arrays(names, {'me_weight': [0, 0, 0, 1, 1, 1], 'seed': [0, 1, 2, 0, 1, 2]})
    assert ensemble_members(grid, table, 'model_0004', names) == ['model_0003', 'model_0005']
    assert ensemble_members(grid, table, 'model_0004', names[:4]) == ['model_0003']
    assert ensemble_members({'me_weight': [0, 1]}, table, 'model_0004', names) == []


def test_a_map_of_the_landscape_says_so(stand_in_code):
    outputs, node = launch(stand_in_code(), [make_structure()], {'train': {'parameters': {'landscape': True}}})
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert outputs['descriptors'].block_names == ['composition', 'structure', 'landscape']
    model = outputs['model']
    assert model.reads_landscape
    assert model.header['columns']['structure_labels'] == ['c', 'd', 'e', 'f']
    assert model.header['columns']['scales']['structure'] == {'first': [0, 3], 'landscape.first': [3, 4]}
    assert outputs['output_parameters'].get_dict()['train']['landscape'] is True
    assert len(outputs['map']) == 1


def test_a_landscape_that_is_not_computed_cannot_be_learnt_from(stand_in_code):
    parts = {'featurize': {'descriptors': {'parameters': {'landscape': False}}}}
    with pytest.raises(ValueError, match='the landscape part of the descriptors, which is not computed; give'):
        launch(stand_in_code(), [make_structure()], {'train': {'parameters': {'landscape': True}}, **parts})
    # Computed, but not read, is a choice: the map stays independent of the migration energy.
    computed = {'featurize': {'descriptors': {'parameters': {'landscape': True}}}}
    outputs, node = launch(stand_in_code(), [make_structure()], computed)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert not outputs['model'].reads_landscape
    assert 'landscape' in outputs['descriptors'].block_names


def test_a_map_is_drawn_without_the_structures_that_no_job_finished(stand_in_code):
    slab = orm.StructureData(cell=np.eye(3).tolist(), pbc=(True, True, False))
    slab.append_atom(position=[0, 0, 0], symbols='Li')
    good = make_structure()
    outputs, node = launch(stand_in_code(), [slab.store(), good])
    assert node.exit_status == 710
    assert outputs['map'].ids == [good.uuid]
    featurize = outputs['output_parameters'].get_dict()['featurize']
    assert featurize['descriptors']['unfinished'] == [slab.uuid]


@pytest.mark.parametrize(
    ('settings', 'status', 'words', 'kept'),
    [
        (
            {'crash': 'encode'},
            451,
            'exit status 303',
            {'migration_energies', 'descriptors', 'model', 'training', 'history'},
        ),
        ({'error': 'train'}, 450, 'told to give up', {'migration_energies', 'descriptors'}),
        ({'error': 'bvff'}, 449, 'exit status 410', {'descriptors'}),
        ({'word': 'disordered'}, 411, 'disordered: 1', {'migration_energies', 'descriptors'}),
    ],
)
def test_a_failed_part_is_named_and_what_was_found_is_kept(stand_in_code, settings, status, words, kept):
    outputs, node = launch(stand_in_code(**settings), [make_structure()])
    assert node.exit_status == status, node.exit_message
    assert words in node.exit_message
    assert set(outputs) == kept


def test_an_empty_dataset_stops_at_once(stand_in_code):
    outputs, node = launch(stand_in_code(), [])
    assert (outputs, node.exit_status) == ({}, 201)


def test_exit_codes_keep_clear_of_those_that_aiida_uses():
    from aiida_limap.workflows.featurize import FeaturizeWorkChain

    for process in (FeaturizeWorkChain, MapWorkChain):
        statuses = {code.status for code in process.exit_codes.values()}
        assert not statuses & {301, 302, 401, 402}
