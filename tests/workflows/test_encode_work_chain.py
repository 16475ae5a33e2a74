"""New structures on an old map, run for real on a stand-in of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from aiida.engine import run_get_node
from plugins_aiida import is_stored, make_dataset, make_structure

from aiida_limap.workflows.encode import EncodeWorkChain
from aiida_limap.workflows.map import MapWorkChain

_DRAWN: dict[str, str] = {}
OVERRIDES = {'encode': {'parameters': {'grid_size': 5, 'level': 0.8}}, 'featurize': {'batch_size': 1}}


def draw(code: orm.Code, structures: list, overrides: dict[str, Any] | None = None) -> Any:
    """Return a map of structures."""
    inputs = {**OVERRIDES, **(overrides or {})}
    builder = MapWorkChain.get_builder_from_protocol(code, make_dataset(structures), 'fast', inputs)
    outputs, node = run_get_node(builder)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    return outputs['map']


@pytest.fixture
def parent(aiida_profile, stand_in_code) -> Any:
    """Return a map of two structures, which no test changes; it is drawn once."""
    # Another test of the same process may have emptied the profile since.
    if aiida_profile.name not in _DRAWN or not is_stored(_DRAWN[aiida_profile.name]):
        _DRAWN[aiida_profile.name] = draw(stand_in_code(), [make_structure(), make_structure(1.1)]).uuid
    return orm.load_node(_DRAWN[aiida_profile.name])


def place(code: orm.Code, structures: list, parent: Any, **arguments: Any) -> tuple[dict, orm.WorkChainNode]:
    builder = EncodeWorkChain.get_builder_from_protocol(code, make_dataset(structures, 'more'), parent, **arguments)
    outputs, node = run_get_node(builder)
    return outputs, node


def test_new_structures_stand_beside_the_points_of_the_parent(stand_in_code, parent):
    code = stand_in_code()
    old = [orm.load_node(uuid) for uuid in parent.ids]
    new = [make_structure(3.0), make_structure(3.1)]
    # One structure of the dataset is on the map already.
    outputs, node = place(code, [new[0], old[1], new[1]], parent)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert set(outputs) == {'map', 'migration_energies', 'descriptors', 'output_parameters'}
    points = outputs['map']
    assert points.ids == [entry.uuid for entry in (*old, *new)]
    assert points.column('is_new').tolist() == [0, 0, 1, 1]
    assert (points.parent_uuid, points.n_new, points.model_uuid) == (parent.uuid, 2, parent.model_uuid)
    assert (points.target, points.mobile_ion, points.metrics) == (parent.target, 'Li+', parent.metrics)
    for name in parent.columns:
        assert points.column(name)[:2].tobytes() == parent.column(name).tobytes(), name
    for name in ('x_comp', 'x_struc', 'values'):
        assert getattr(points.heatmap(), name).tobytes() == getattr(parent.heatmap(), name).tobytes()
    assert np.allclose(points.column('migration_energy_eV')[2:], [0.9, 0.93])
    # Only what is new was computed.
    assert outputs['descriptors'].ids == outputs['migration_energies'].ids == [entry.uuid for entry in new]
    summary = outputs['output_parameters'].get_dict()
    assert (summary['n_points'], summary['n_new'], summary['n_new_outside']) == (4, 2, None)
    report = get_workchain_report(node, 'REPORT')
    assert f'2 structures are new to the map <{parent.pk}>, 1 are on it already' in report
    assert f'the map <{points.pk}> has 2 new points' in report


def test_the_inputs_are_those_behind_the_map(stand_in_code):
    code = stand_in_code()
    force_field = {'spacing_angstrom': 0.5, 'preset': 'bvse'}
    featurize = {
        'batch_size': 1,
        'bvff': {'parameters': force_field},
        'descriptors': {'parameters': {'layout': 'modern'}},
    }
    parent = draw(code, [make_structure(), make_structure(1.1)], {'featurize': featurize})
    dataset = make_dataset([make_structure(2.0)])

    def inputs(*arguments: Any) -> tuple[dict, dict, dict]:
        builder = EncodeWorkChain.get_builder_from_protocol(code, dataset, parent, *arguments)
        parts = (builder.featurize.bvff, builder.featurize.descriptors, builder.encode)
        return tuple(part.parameters.get_dict() for part in parts)

    computed, described, encoded = inputs()
    jobs = [job for job in parent.creator.caller.called_descendants if job.process_label == 'BvffCalculation']
    assert computed == jobs[0].inputs.parameters.get_dict()
    assert described == {'layout': 'modern'}
    assert encoded == {'target': 'barrier_2d_eV', 'level': 0.8}
    own = {
        'featurize': {'bvff': {'parameters': {'spacing_angstrom': 0.3}}},
        'encode': {'parameters': {'device': 'cuda'}},
    }
    changed = inputs(None, own)
    assert changed[0] == {**computed, 'spacing_angstrom': 0.3}
    assert changed[2] == {**encoded, 'device': 'cuda'}
    assert own['featurize']['bvff']['parameters'] == {'spacing_angstrom': 0.3}
    # A protocol that is named replaces the force field, and nothing else.
    stringent = inputs('stringent')
    assert stringent[0]['spacing_angstrom'] == 0.1
    assert 'bvse' not in stringent[0].values()
    assert stringent[1:] == (described, encoded)


@pytest.mark.parametrize(
    ('overrides', 'words'),
    [
        ({'featurize': {'descriptors': {'parameters': {'layout': 'compact'}}}}, "unknown key 'featurize.descriptors'"),
        ({'encode': {'parameters': {'grid_size': 7}}}, "unknown key 'encode.parameters.grid_size'; known are encode"),
        ({'colour': 'red'}, "unknown key 'colour'; known are with_energies, clean_workdir, featurize"),
    ],
)
def test_what_the_map_decides_cannot_be_overridden(stand_in_code, parent, overrides, words):
    code = stand_in_code()
    with pytest.raises(ValueError, match=words):
        EncodeWorkChain.get_builder_from_protocol(code, make_dataset([make_structure()]), parent, overrides=overrides)


def test_structures_can_be_placed_without_their_energies(stand_in_code, parent):
    code = stand_in_code()
    overrides = {'with_energies': False, 'featurize': {'batch_size': 1}}
    outputs, node = place(code, [make_structure(2.0), make_structure(2.1)], parent, overrides=overrides)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert set(outputs) == {'map', 'descriptors', 'output_parameters'}
    points = outputs['map']
    assert np.isnan(points.column('migration_energy_eV')[2:]).all()
    assert points.column('migration_energy_predicted_eV')[2:].tolist() == [0.5, 0.5]
    assert points.column('status').tolist() == ['ok', 'ok', '', '']
    kinds = {job.process_label for job in node.called_descendants if isinstance(job, orm.CalcJobNode)}
    assert kinds == {'DescriptorsCalculation', 'EncodeCalculation'}


def test_a_placed_map_can_be_a_parent_too(stand_in_code, parent):
    code, structures = stand_in_code(), [make_structure(2.0), make_structure(2.1)]
    second, _node = place(code, structures[:1], parent)
    third, node = place(code, structures, second['map'])
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    points = third['map']
    assert points.ids == [*parent.ids, *(entry.uuid for entry in structures)]
    assert points.column('is_new').tolist() == [0, 0, 0, 1]
    assert points.parent_uuid == second['map'].uuid
    assert points.columns.count('is_new') == 1


def test_ensemble_and_landscape_are_those_of_the_map(stand_in_code):
    code = stand_in_code()
    train = {'parameters': {'grid': {'seed': [0, 1]}, 'landscape': True}}
    parent = draw(code, [make_structure()], {'train': train})
    outputs, node = place(code, [make_structure(2.0)], parent)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert 'landscape' in outputs['descriptors'].block_names
    members = outputs['map'].creator.inputs.ensemble
    expected = parent.creator.inputs.ensemble
    assert {name: members[name].uuid for name in members} == {name: expected[name].uuid for name in expected}


def test_structures_without_a_migration_energy_are_points_with_a_reason(stand_in_code, parent):
    code = stand_in_code(word_of_bvff='no_mobile_ion')
    outputs, node = place(code, [make_structure(2.0)], parent)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert outputs['map'].column('status').tolist() == ['ok', 'ok', 'no_mobile_ion']
    assert outputs['migration_energies'].counts_by_status == {'no_mobile_ion': 1}


@pytest.mark.parametrize(
    ('settings', 'status', 'words', 'kept'),
    [
        ({'crash': 'encode'}, 451, 'exit status 303', {'migration_energies', 'descriptors'}),
        ({'error': 'bvff'}, 449, 'exit status 410', {'descriptors'}),
        ({'word': 'disordered'}, 411, 'disordered', {'migration_energies', 'descriptors'}),
        ({'layout': 'xyz'}, 422, 'follows another layout than the model', {'migration_energies', 'descriptors'}),
    ],
)
def test_a_failed_part_is_named_and_what_was_found_is_kept(stand_in_code, parent, settings, status, words, kept):
    outputs, node = place(stand_in_code(**settings), [make_structure(2.0)], parent)
    assert node.exit_status == status, node.exit_message
    assert words in node.exit_message
    assert set(outputs) == kept


def test_nothing_is_submitted_where_nothing_is_new(stand_in_code, parent):
    code = stand_in_code()
    with pytest.raises(ValueError, match='dataset: all 2 structures are points of the map'):
        place(code, [orm.load_node(uuid) for uuid in parent.ids], parent)
    with pytest.raises(ValueError, match='dataset: it holds no structures'):
        place(code, [], parent)


def test_a_map_that_names_no_model_is_refused(stand_in_code):
    from aiida_limap.data.map import POINT_COLUMNS, MapData
    from aiida_limap.formats.mapbundle import Heatmap

    values = {name: [0.5] for name in POINT_COLUMNS} | {'status': ['ok']}
    heatmap = Heatmap(np.arange(2.0), np.arange(2.0), np.zeros((2, 2)), 'Predicted', 'eV')
    bare = MapData.from_points(['x'], values, heatmap=heatmap, facts={'target': 'barrier_2d_eV'}).store()
    with pytest.raises(ValueError, match=f'map {bare.pk} does not say which model drew it'):
        place(stand_in_code(), [make_structure()], bare)


def test_the_model_of_another_map_is_refused(stand_in_code, parent):
    code = stand_in_code()
    other = draw(code, [make_structure()])
    builder = EncodeWorkChain.get_builder_from_protocol(code, make_dataset([make_structure(2.0)]), parent)
    builder.encode.model = other.creator.inputs.model
    with pytest.raises(ValueError, match='did not draw the parent map'):
        run_get_node(builder)


def test_a_new_map_counts_what_lies_outside_of_the_domain(stand_in_code, parent):
    outputs, node = place(stand_in_code(far=6.2), [make_structure(2.0), make_structure(2.2)], parent)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    points = outputs['map']
    assert points.column('in_domain')[2:].tolist() == [1, 0]
    assert points.column('domain_reason').tolist() == ['', '', '', 'far away']
    # Nobody measured it for the points of the parent.
    assert np.isnan(points.column('in_domain')[:2]).all()
    assert points.n_outside == outputs['output_parameters']['n_new_outside'] == 1
    assert '2 new points, 1 of them outside' in get_workchain_report(node, 'REPORT')


@pytest.mark.parametrize('protocol', ['fast', 'balanced', 'stringent'])
def test_a_protocol_gives_the_stored_inputs(protocol, aiida_code_installed, parent, check_snapshot):
    code = aiida_code_installed(label='snapshot-code', filepath_executable='/bin/true')
    dataset = make_dataset([make_structure(2.0)])
    check_snapshot(EncodeWorkChain.get_builder_from_protocol(code, dataset, parent, protocol), 'encode', protocol)
