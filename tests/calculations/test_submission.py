"""What the calculations send to the computer, and which inputs they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from plugins_aiida import FIXTURES, LAYOUT, make_descriptors, make_energies, make_structure

from aiida_limap.common.keys import structure_key
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.formats._files import read_json
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import read_job
from aiida_limap.formats.structures import read_structures
from aiida_limap.formats.weights import read_weights, write_weights


def namespace(*nodes: orm.StructureData) -> dict:
    return {structure_key(node.uuid): node for node in nodes}


@pytest.mark.parametrize('task', ['bvff', 'descriptors'])
def test_a_batch_is_written_with_the_uuids_of_its_structures(prepare, task):
    nodes = [make_structure(), make_structure()]
    parameters = {'bvff': {'spacing_angstrom': 0.3}, 'descriptors': {'layout': 'yamaguchi2023'}}[task]
    done = prepare(f'limap.{task}', structures=namespace(*nodes), parameters=parameters)
    job = read_job(done.folder / 'job.json')
    assert (job.task, dict(job.parameters), dict(job.inputs)) == (task, parameters, {'structures': 'structures.json'})
    records = read_structures(done.folder / 'structures.json')
    assert sorted(record.id for record in records) == sorted(node.uuid for node in nodes)
    assert records[0].oxidation_states is None
    calcinfo = done.calcinfo
    assert calcinfo.codes_info[0].cmdline_params == [task, 'job.json']
    assert calcinfo.codes_info[0].stdout_name == 'limap.log'
    assert calcinfo.retrieve_list == ['results.json', 'limap.log']
    assert calcinfo.retrieve_temporary_list == ['arrays.npz']
    assert calcinfo.provenance_exclude_list == ['structures.json']
    options = done.process.node.get_options()
    assert options['parser_name'] == f'limap.{task}'
    assert options['resources'] == {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
    assert options['withmpi'] is False


@pytest.mark.parametrize('task', ['bvff', 'descriptors'])
def test_given_oxidation_states_are_written(prepare, task):
    first, second = make_structure(), make_structure()
    states = {first.uuid: [1, -1], second.uuid.replace('-', ''): [2.0, -2.0], '0' * 32: [1]}
    done = prepare(f'limap.{task}', structures=namespace(first, second), oxidation_states=states)
    written = {record.id: record.oxidation_states for record in read_structures(done.folder / 'structures.json')}
    assert written == {first.uuid: (1.0, -1.0), second.uuid: (2.0, -2.0)}


def test_files_of_single_structures_are_retrieved_when_asked_for(prepare):
    structures = namespace(make_structure())
    for inputs, folders in (
        ({'parameters': {'networks': True}}, ['networks']),
        ({'parameters': {'landscapes': True}}, []),
        ({'parameters': {'landscapes': True}, 'retrieve_landscapes': False}, []),
        (
            {'parameters': {'landscapes': True, 'networks': True}, 'retrieve_landscapes': True},
            ['networks', 'landscapes'],
        ),
    ):
        calcinfo = prepare('limap.bvff', structures=structures, **inputs).calcinfo
        assert calcinfo.retrieve_list == ['results.json', 'limap.log', *folders]
    for parameters in ({}, {'landscapes': False}):
        with pytest.raises(ValueError, match='no landscapes are written'):
            prepare('limap.bvff', structures=structures, parameters=parameters, retrieve_landscapes=True)


def test_a_job_that_brings_landscapes_is_another_job(prepare):
    inputs = {'structures': namespace(make_structure()), 'parameters': {'landscapes': True}}
    job = prepare('limap.bvff', **inputs).process
    with_files = prepare('limap.bvff', **inputs, code=job.inputs.code, retrieve_landscapes=True).process
    assert job.node.base.caching.compute_hash() != with_files.node.base.caching.compute_hash()


@pytest.mark.parametrize('task', ['bvff', 'descriptors'])
def test_wrong_oxidation_states_get_a_sentence(prepare, task):
    node = make_structure()
    for states, words in (
        ({node.uuid: [1]}, 'has 2 sites, but 1 states'),
        ({'mp-1': [1, -1]}, 'not the UUID'),
        ({node.uuid: ['+1', '-1']}, 'one number per site'),
    ):
        with pytest.raises(ValueError, match=words):
            prepare(f'limap.{task}', structures=namespace(node), oxidation_states=states)


def test_a_layout_goes_into_the_job_by_name_or_as_a_whole(prepare):
    structures = namespace(make_structure())
    document = {'name': 'mine', 'composition': [], 'structure': [], 'landscape': []}
    for parameters in ({'layout': 'compact', 'landscape': True}, {'layout': document}):
        done = prepare('limap.descriptors', structures=structures, parameters=parameters)
        assert dict(read_job(done.folder / 'job.json').parameters) == parameters
    with pytest.raises(ValueError, match=r'the file my-layout\.yaml is not on the computer'):
        prepare('limap.descriptors', structures=structures, parameters={'layout': 'my-layout.yaml'})


def test_wrong_structures_get_a_sentence(prepare):
    node, other = make_structure(), make_structure()
    slab = orm.StructureData(cell=np.eye(3).tolist(), pbc=(True, True, False))
    slab.append_atom(position=[0, 0, 0], symbols='Li')
    slab.store()
    empty = orm.StructureData(cell=np.eye(3).tolist()).store()
    for structures, words in (
        ({}, 'at least one structure'),
        ({'first': node}, 'use structure_key'),
        ({structure_key(other.uuid): node}, 'does not belong'),
        (namespace(slab), 'not periodic'),
        (namespace(empty), 'no sites'),
    ):
        with pytest.raises(ValueError, match=words):
            prepare('limap.bvff', structures=structures)


def test_unknown_parameters_get_a_sentence(prepare):
    with pytest.raises(ValueError, match='did you mean'):
        prepare('limap.bvff', structures=namespace(make_structure()), parameters={'spacing_angstroms': 0.2})


def test_equal_structures_with_other_uuids_are_another_job(prepare):
    first = make_structure()
    job = prepare('limap.bvff', structures=namespace(first)).process
    same = prepare('limap.bvff', structures=namespace(first), code=job.inputs.code).process
    other = prepare('limap.bvff', structures=namespace(make_structure()), code=job.inputs.code).process
    hashes = [process.node.base.caching.compute_hash() for process in (job, same, other)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_training_data_are_joined_by_structure(prepare):
    descriptors = make_descriptors(['a', 'b', 'c', 'd'], missing=(1,))
    energies = make_energies(['d', 'a', 'x'], [0.4, None, 0.9])
    done = prepare(
        'limap.train',
        descriptors=descriptors,
        migration_energies=energies,
        parameters={'seed': 3, 'target': 'barrier_2d_eV'},
    )
    job = read_job(done.folder / 'job.json')
    assert dict(job.parameters) == {'seed': 3}
    assert dict(job.inputs) == {'training': 'training.npz', 'columns': 'columns.json'}
    data = read_arrays(done.folder / 'training.npz')
    assert data['ids'].tolist() == ['a', 'c', 'd']
    assert data['groups'].tolist() == ['Li0O', 'Li2O', 'Li3O']
    assert np.array_equal(data['migration_energy_eV'], [np.nan, np.nan, 0.4], equal_nan=True)
    assert np.array_equal(data['composition'], descriptors.block('composition')[[0, 2, 3]])
    assert data['structure'].shape == (3, 3)
    columns = read_json(done.folder / 'columns.json')
    assert columns == {
        'layout': {'name': 'recorded'},
        'layout_checksum': 'abc',
        'composition_labels': ['a', 'b', 'c', 'd'],
        'structure_labels': ['e', 'f', 'g'],
        'blocks': {'composition': {'first': [0, 4]}, 'structure': {'first': [0, 3]}},
        'scales': {'composition': {'all': [0, 4]}, 'structure': {'one': [0, 1], 'two': [1, 3]}},
        'landscape': False,
    }
    assert done.calcinfo.retrieve_temporary_list == ['arrays.npz', 'model.safetensors']
    assert sorted(done.calcinfo.provenance_exclude_list) == ['columns.json', 'training.npz']


def test_a_training_reads_the_landscape_only_when_told_to(prepare):
    descriptors = make_descriptors(['a', 'b', 'c'], landscape=True)
    energies = make_energies(['a', 'b', 'c'], [0.1, 0.2, 0.3])
    inputs = {'descriptors': descriptors, 'migration_energies': energies}
    done = prepare('limap.train', **inputs, parameters={'landscape': True, 'seed': 1})
    assert dict(read_job(done.folder / 'job.json').parameters) == {'seed': 1}
    structure = read_arrays(done.folder / 'training.npz')['structure']
    assert np.array_equal(structure, np.hstack([descriptors.block('structure'), descriptors.block('landscape')]))
    columns = read_json(done.folder / 'columns.json')
    assert columns['structure_labels'] == ['e', 'f', 'g', 'h', 'e']
    assert columns['blocks']['structure'] == {'first': [0, 3], 'landscape.first': [3, 4], 'landscape.second': [4, 5]}
    assert columns['scales']['structure'] == {'one': [0, 1], 'two': [1, 3], 'landscape.one': [3, 5]}
    assert columns['scales']['composition'] == {'all': [0, 4]}
    assert columns['landscape'] is True
    for parameters in ({}, {'landscape': False}):
        done = prepare('limap.train', **inputs, parameters=parameters)
        assert read_arrays(done.folder / 'training.npz')['structure'].shape == (3, 3)
    inputs['descriptors'] = make_descriptors(['a', 'b', 'c'])
    with pytest.raises(ValueError, match="no block 'landscape', which the model reads; describe the structures with"):
        prepare('limap.train', **inputs, parameters={'landscape': True})


def test_a_row_without_landscape_numbers_is_left_out_where_they_are_read(prepare):
    descriptors = make_descriptors(['a', 'b', 'c'], missing=(1,), landscape=True)
    energies = make_energies(['a'], [0.1])
    done = prepare('limap.train', descriptors=descriptors, migration_energies=energies, parameters={'landscape': True})
    assert read_arrays(done.folder / 'training.npz')['ids'].tolist() == ['a', 'c']


def test_a_model_that_reads_the_landscape_gets_it(prepare, tmp_path):
    tensors, header = read_weights(FIXTURES / 'train' / 'ok' / 'model.safetensors')
    write_weights(tmp_path / 'model.safetensors', tensors, {**header, 'columns': {'landscape': True}})
    model = AutoencoderData(tmp_path / 'model.safetensors')
    assert model.reads_landscape
    done = prepare('limap.encode', model=model, descriptors=make_descriptors(['a', 'b'], landscape=True))
    assert read_arrays(done.folder / 'descriptors.npz')['structure'].shape == (2, 5)
    assert read_json(done.folder / 'columns.json')['landscape'] is True
    with pytest.raises(ValueError, match="no block 'landscape'"):
        prepare('limap.encode', model=model, descriptors=make_descriptors(['a']))
    plain = AutoencoderData(FIXTURES / 'train' / 'ok' / 'model.safetensors')
    done = prepare('limap.encode', model=plain, descriptors=make_descriptors(['a', 'b'], landscape=True))
    assert read_arrays(done.folder / 'descriptors.npz')['structure'].shape == (2, 3)


@pytest.mark.parametrize('target', ['barrier_9d_eV', 'status'])
def test_a_target_that_is_no_column_of_numbers_is_refused(prepare, target):
    with pytest.raises(ValueError, match='no column of numbers'):
        prepare(
            'limap.train',
            descriptors=make_descriptors(['a']),
            migration_energies=make_energies(['a'], [0.1]),
            parameters={'target': target},
        )


def test_tables_that_cannot_be_used_are_refused(prepare):
    energies = make_energies(['a'], [0.1])
    with pytest.raises(ValueError, match="no block 'composition'"):
        prepare('limap.train', descriptors=energies, migration_energies=energies)
    with pytest.raises(ValueError, match='no structure of the table has descriptors'):
        prepare('limap.train', descriptors=make_descriptors(['a'], missing=(0,)), migration_energies=energies)


def test_a_model_and_descriptors_are_written_for_encoding(prepare):
    model = FIXTURES / 'train' / 'ok' / 'model.safetensors'
    done = prepare(
        'limap.encode',
        model=AutoencoderData(model),
        descriptors=make_descriptors(['a', 'b'], missing=(0,)),
        parameters={'grid_size': 11, 'target': 'barrier_3d_eV'},
    )
    assert dict(read_job(done.folder / 'job.json').parameters) == {'grid_size': 11}
    assert (done.folder / 'model.safetensors').read_bytes() == model.read_bytes()
    assert read_arrays(done.folder / 'descriptors.npz')['ids'].tolist() == ['b']
    with pytest.raises(ValueError, match='no column of numbers'):
        prepare(
            'limap.encode',
            model=AutoencoderData(model),
            descriptors=make_descriptors(['a']),
            migration_energies=make_energies(['a'], [0.1]),
            parameters={'target': 'barrier'},
        )


def test_members_of_an_ensemble_are_written_beside_the_model(prepare, tmp_path):
    path = FIXTURES / 'train' / 'ok' / 'model.safetensors'
    model, descriptors = AutoencoderData(path), make_descriptors(['a', 'b'])
    done = prepare(
        'limap.encode', model=model, descriptors=descriptors, ensemble={'b': AutoencoderData(path), 'a': model}
    )
    job = read_job(done.folder / 'job.json')
    assert [job.inputs[f'ensemble_{number}'] for number in (0, 1)] == [
        'ensemble_0.safetensors',
        'ensemble_1.safetensors',
    ]
    assert (done.folder / 'ensemble_1.safetensors').read_bytes() == path.read_bytes()
    tensors, header = read_weights(path)
    layout = {'layout_checksum': LAYOUT['layout_checksum']}
    for name, columns in (('one', layout), ('two', {'layout_checksum': 'b' * 64})):
        write_weights(tmp_path / f'{name}.safetensors', tensors, {**header, 'columns': columns})
    write_weights(tmp_path / 'landscape.safetensors', tensors, {**header, 'columns': {'landscape': True}})
    one, two, reads = (AutoencoderData(tmp_path / f'{name}.safetensors') for name in ('one', 'two', 'landscape'))
    with pytest.raises(ValueError, match="ensemble: 'x' was trained with another descriptor layout"):
        prepare('limap.encode', model=one, descriptors=descriptors, ensemble={'x': two})
    with pytest.raises(ValueError, match="only one of 'x' and the model reads the landscape"):
        prepare('limap.encode', model=one, descriptors=descriptors, ensemble={'x': reads})


def test_exit_codes_have_names_sentences_and_ranges():
    from aiida.plugins import CalculationFactory

    for task in ('bvff', 'descriptors', 'train', 'encode'):
        codes = CalculationFactory(f'limap.{task}').exit_codes
        own = [(name, code) for name, code in codes.items() if code.status >= 200]
        assert {303, 304, 305, 312, 320, 321, 330, 350} <= {code.status for _name, code in own}
        for name, code in own:
            assert name.startswith(('ERROR_', 'WARNING_'))
            assert len(code.message.split()) > 3
        for status in (303, 304, 305, 312, 320, 321, 330, 350):
            assert next(code for _name, code in own if code.status == status).invalidates_cache
