"""Protocols: what they set, and that a misspelt key is an error."""

from __future__ import annotations

import copy

import pytest
import yaml
from aiida import orm
from plugins_aiida import make_dataset, make_descriptors, make_energies, make_structure

from aiida_limap.common.parameters import check_parameters
from aiida_limap.workflows.bvff import BvffBaseWorkChain
from aiida_limap.workflows.featurize import FeaturizeWorkChain
from aiida_limap.workflows.map import MapWorkChain
from aiida_limap.workflows.protocols.mixin import merge
from aiida_limap.workflows.train import TrainBaseWorkChain

ALL = [BvffBaseWorkChain, TrainBaseWorkChain, FeaturizeWorkChain, MapWorkChain]


@pytest.fixture
def code(aiida_code_installed):
    return aiida_code_installed(label='protocol-code', filepath_executable='/bin/true')


@pytest.mark.parametrize('process', ALL)
def test_protocols_are_described(process):
    protocols = process.get_available_protocols()
    assert list(protocols) == ['fast', 'balanced', 'stringent']
    assert all(len(text.split()) > 4 for text in protocols.values())
    assert process.get_default_protocol() == 'balanced'


@pytest.mark.parametrize(
    ('protocol', 'spacing', 'preset'),
    [('fast', 0.3, 'quick'), (None, 0.2, 'yamaguchi2023'), ('stringent', 0.1, 'yamaguchi2023')],
)
def test_a_builder_holds_the_inputs_of_its_protocol(code, protocol, spacing, preset):
    dataset = make_dataset([make_structure()])
    builder = MapWorkChain.get_builder_from_protocol(code, dataset, protocol)
    bvff = builder.featurize.bvff.parameters.get_dict()
    train = builder.train.parameters.get_dict()
    assert bvff == {'mobile_ion': 'Li+', 'preset': 'bvff', 'spacing_angstrom': spacing}
    assert builder.featurize.descriptors.parameters.get_dict() == {'layout': 'yamaguchi2023'}
    assert (train['preset'], train['target'], train['seed']) == (preset, 'barrier_2d_eV', 0)
    assert builder.encode.parameters.get_dict()['target'] == 'barrier_2d_eV'
    assert builder.featurize.batch_size.value == 100
    assert builder.train.options['resources'] == {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
    assert (builder.code.uuid, builder.dataset.uuid) == (code.uuid, dataset.uuid)
    for task, values in (('bvff', bvff), ('train', train), ('encode', builder.encode.parameters.get_dict())):
        assert check_parameters(task, values) is None


def test_values_of_protocols_are_those_that_the_engine_takes():
    from aiida_limap.engines.autoencoder.config import TrainConfig

    for protocol in MapWorkChain.get_available_protocols():
        values = MapWorkChain.get_protocol_inputs(protocol)['train']['parameters']
        values.pop('target')
        TrainConfig.from_parameters(values)


@pytest.mark.parametrize('protocol', ['fast', 'balanced', 'stringent'])
def test_a_training_alone_is_that_of_a_map(code, protocol):
    descriptors, energies = make_descriptors(['a']), make_energies(['a'], [0.1])
    builder = TrainBaseWorkChain.get_builder_from_protocol(
        code, descriptors, energies, protocol, options={'queue_name': 'gpu'}
    )
    whole = MapWorkChain.get_builder_from_protocol(code, make_dataset([make_structure()]), protocol)
    assert builder.train.parameters.get_dict() == whole.train.parameters.get_dict()
    assert builder.max_iterations.value == whole.train.max_iterations.value == 10
    assert builder.train.metadata.options['queue_name'] == 'gpu'
    assert builder.train.metadata.options['resources'] == {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
    assert (builder.train.code.uuid, builder.train.descriptors) == (code.uuid, descriptors)


def test_overrides_replace_values_and_stay_as_they_are(code):
    overrides = {
        'featurize': {'batch_size': 7, 'bvff': {'parameters': {'spacing_angstrom': 0.25}}},
        'train': {
            'parameters': {'target': 'barrier_3d_eV'},
            'options': {'queue_name': 'gpu'},
            'max_iterations': 3,
            'allow_smaller_batches': True,
        },
    }
    before = copy.deepcopy(overrides)
    builder = MapWorkChain.get_builder_from_protocol(
        code, make_dataset([make_structure()]), overrides=overrides, options={'max_wallclock_seconds': 60}
    )
    assert overrides == before
    assert builder.featurize.batch_size.value == 7
    assert builder.featurize.bvff.parameters['spacing_angstrom'] == 0.25
    assert builder.featurize.bvff.parameters['mobile_ion'] == 'Li+'
    assert builder.encode.parameters['target'] == 'barrier_3d_eV'
    assert builder.train.options['queue_name'] == 'gpu'
    assert (builder.train.max_iterations.value, builder.train.allow_smaller_batches.value) == (3, True)
    for options in (builder.featurize.options, builder.train.options, builder.encode.options):
        assert options['max_wallclock_seconds'] == 60
        assert options['resources']['num_machines'] == 1


def test_overrides_can_be_a_file(code, tmp_path):
    path = tmp_path / 'overrides.yaml'
    path.write_text('bvff:\n  parameters:\n    preset: bvse\n')
    dataset = make_dataset([make_structure()])
    for given in (path, str(path)):
        builder = FeaturizeWorkChain.get_builder_from_protocol(code, dataset, overrides=given)
        assert builder.bvff.parameters['preset'] == 'bvse'
    path.write_text('bvff: [')
    with pytest.raises(ValueError, match='not YAML'):
        FeaturizeWorkChain.get_protocol_inputs(overrides=path)
    path.write_text('- bvff')
    with pytest.raises(ValueError, match='must be a mapping'):
        FeaturizeWorkChain.get_protocol_inputs(overrides=path)
    with pytest.raises(ValueError, match='cannot be read'):
        FeaturizeWorkChain.get_protocol_inputs(overrides=tmp_path / 'none.yaml')
    path.write_text('')
    assert FeaturizeWorkChain.get_protocol_inputs(overrides=path) == FeaturizeWorkChain.get_protocol_inputs()


#: For each work chain an override, and where it stands in the inputs.
OVERRIDES = {
    BvffBaseWorkChain: {'max_failed_fraction': 0.1, 'clean_workdir': True, 'bvff': {'parameters': {'preset': 'bvse'}}},
    TrainBaseWorkChain: {'handler_overrides': {'lower_learning_rate': {'enabled': False}}, 'max_iterations': 2},
    FeaturizeWorkChain: {'max_failed_fraction': 1, 'bvff': {'parameters': {'preset': 'bvse'}}},
    MapWorkChain: {'clean_workdir': True, 'featurize': {'max_failed_fraction': 0.05}},
}


def contains(inputs: object, wanted: object) -> bool:
    if isinstance(wanted, dict):
        return isinstance(inputs, dict) and all(key in inputs and contains(inputs[key], wanted[key]) for key in wanted)
    return inputs == wanted


@pytest.mark.parametrize('process', ALL)
def test_every_work_chain_takes_overrides_from_a_dictionary_and_a_file(process, tmp_path):
    given = copy.deepcopy(OVERRIDES[process])
    inputs = process.get_protocol_inputs(overrides=given)
    assert contains(inputs, OVERRIDES[process])
    # Neither the dictionary nor the protocol is changed by what is done with the result.
    inputs.clear()
    assert given == OVERRIDES[process]
    path = tmp_path / 'overrides.yaml'
    path.write_text(yaml.safe_dump(given))
    assert contains(process.get_protocol_inputs(overrides=path), given)
    with pytest.raises(ValueError, match=r"unknown key 'max_iteration'; known are .*"):
        process.get_protocol_inputs(overrides={'max_iteration': 3})


@pytest.mark.parametrize('value', [True, '0.1', None])
def test_a_fraction_is_a_number(value):
    with pytest.raises(ValueError, match='max_failed_fraction must be of type float'):
        FeaturizeWorkChain.get_protocol_inputs(overrides={'max_failed_fraction': value})


LAYOUT = 'name: mine\ncomposition: [{kind: element_fractions}]\nstructure: [{kind: rdf}]\n'


def test_a_layout_can_be_a_file(tmp_path, monkeypatch):
    document = {'name': 'mine', 'composition': [{'kind': 'element_fractions'}], 'structure': [{'kind': 'rdf'}]}
    (tmp_path / 'layouts').mkdir()
    (tmp_path / 'layouts' / 'mine.yaml').write_text(LAYOUT)
    given = {'featurize': {'descriptors': {'parameters': {'layout': 'layouts/mine.yaml', 'landscape': True}}}}
    before = copy.deepcopy(given)
    # From the current folder, if the overrides are no file.
    monkeypatch.chdir(tmp_path)
    found = MapWorkChain.get_protocol_inputs(overrides=given)['featurize']['descriptors']['parameters']
    assert found == {'layout': document, 'landscape': True}
    assert given == before
    # From the folder of the overrides, if they are one.
    monkeypatch.chdir(tmp_path.parent)
    (tmp_path / 'my.yaml').write_text('descriptors: {parameters: {layout: layouts/mine.yaml}}')
    found = FeaturizeWorkChain.get_protocol_inputs(overrides=tmp_path / 'my.yaml')['descriptors']['parameters']
    assert found == {'layout': document}
    (tmp_path / 'my.yaml').write_text('descriptors: {parameters: {layout: none.yaml}}')
    with pytest.raises(ValueError, match=r'the layout .*none\.yaml cannot be read'):
        FeaturizeWorkChain.get_protocol_inputs(overrides=tmp_path / 'my.yaml')


def test_two_layouts_are_not_mixed():
    first = {'name': 'first', 'composition': [], 'structure': [], 'landscape': [{'kind': 'x'}]}
    second = {'name': 'second', 'composition': [], 'structure': []}
    given = [{'descriptors': {'parameters': {'layout': layout}}} for layout in (first, second)]
    inputs = FeaturizeWorkChain.get_protocol_inputs(overrides=given[0], last=given[1])
    assert inputs['descriptors']['parameters']['layout'] == second


def test_a_map_that_reads_the_landscape_computes_it(code):
    dataset = make_dataset([make_structure()])
    overrides = {'train': {'parameters': {'landscape': True}}}
    builder = MapWorkChain.get_builder_from_protocol(code, dataset, overrides=overrides)
    assert builder.featurize.descriptors.parameters['landscape'] is True
    assert builder.train.parameters['landscape'] is True
    builder = MapWorkChain.get_builder_from_protocol(code, dataset)
    assert 'landscape' not in builder.featurize.descriptors.parameters.get_dict()


@pytest.mark.parametrize(
    ('overrides', 'words'),
    [
        ({'featurize': {'descriptors': {'parameters': {'layout': {}}}}}, "is no layout: the key 'name' is missing"),
        ({'featurize': {'descriptors': {'parameters': {'landscap': True}}}}, "did you mean 'landscape'"),
        ({'bvf': {}}, "unknown key 'bvf'; known are clean_workdir, featurize, train, encode"),
        ({'featurize': {'bvff': {'parameter': {}}}}, "unknown key 'featurize.bvff.parameter'"),
        ({'featurize': {'bvff': {'parameters': {'spacing': 1}}}}, "did you mean 'spacing_angstrom'"),
        ({'featurize': {'batch_size': '7'}}, 'featurize.batch_size must be of type int'),
        ({'featurize': {'batch_size': True}}, 'featurize.batch_size must be of type int'),
        ({'featurize': 3}, 'featurize must be a mapping'),
        ({'train': {'parameters': 3}}, 'train.parameters must be a mapping'),
        ({'train': {'parameters': {'grid': {}}}}, "the parameter 'grid' of train names no option"),
        ({'train': {'max_iterations': True}}, 'train.max_iterations must be of type int'),
        ({'train': {'train': {}}}, "unknown key 'train.train'"),
        ({'encode': {'options': {'queue': 'x'}}}, "unknown key 'encode.options.queue'"),
    ],
)
def test_wrong_overrides_get_a_sentence(overrides, words):
    with pytest.raises(ValueError, match=words):
        MapWorkChain.get_protocol_inputs(overrides=overrides)


@pytest.mark.parametrize('process', ALL)
def test_an_unknown_protocol_gets_a_sentence(process):
    with pytest.raises(ValueError, match="unknown protocol 'lazy'; known are fast, balanced, stringent"):
        process.get_protocol_inputs('lazy')


def test_merging_shares_nothing():
    base = {'a': {'b': [1]}, 'options': {'resources': {'num_machines': 1}}}
    merged = merge(base, {'a': {'c': 2}, 'options': {'resources': {'tot_num_mpiprocs': 2}, 'account': 'x'}})
    assert merged == {'a': {'b': [1], 'c': 2}, 'options': {'resources': {'tot_num_mpiprocs': 2}, 'account': 'x'}}
    merged['a']['b'].append(2)
    assert base['a']['b'] == [1]


def test_a_model_must_learn_what_the_map_shows(code):
    builder = MapWorkChain.get_builder_from_protocol(code, make_dataset([make_structure()]))
    builder.encode.parameters = orm.Dict({'target': 'barrier_1d_eV'})
    with pytest.raises(ValueError, match='would learn'):
        orm_run(builder)


def orm_run(builder):
    from aiida.engine import run

    return run(builder)
