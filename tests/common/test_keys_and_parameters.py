"""Keys of structures, and the list of known parameters."""

from __future__ import annotations

import importlib
from dataclasses import fields
from uuid import uuid4

import pytest

from aiida_limap.common.keys import structure_key, uuid_of_key
from aiida_limap.common.layouts import read_layout_file
from aiida_limap.common.parameters import (
    LANDSCAPE,
    PARAMETERS,
    TARGET,
    check_parameters,
    parameters_for_engine,
    parameters_help,
)
from aiida_limap.common.training import MAX_MODELS, SELECT, SPLIT, TRAIN, check_grid, number_of_models
from aiida_limap.engines.autoencoder import train_task


def test_a_key_gives_its_uuid_back():
    uuid = str(uuid4())
    key = structure_key(uuid)
    assert key.isidentifier()
    assert uuid_of_key(key) == uuid


@pytest.mark.parametrize('wrong', ['', 'mp-1', None, 7])
def test_a_key_needs_a_uuid(wrong):
    with pytest.raises(ValueError, match='not the UUID'):
        structure_key(wrong)


@pytest.mark.parametrize('wrong', ['', 's', 'sabc', 'x' + '0' * 32, 's' + 'g' * 32, 's' + '0' * 33])
def test_other_keys_are_refused(wrong):
    with pytest.raises(ValueError, match='use structure_key'):
        uuid_of_key(wrong)


@pytest.mark.parametrize(
    ('task', 'parameters', 'words'),
    [
        ('bvff', {'spacing': 0.2}, "did you mean 'spacing_angstrom'"),
        ('bvff', {'colour': 'red'}, 'unknown parameter'),
        ('bvff', {'spacing_angstrom': '0.2'}, 'Å'),
        ('bvff', {'max_sites': True}, 'must be int'),
        ('bvff', {'spacing_angstrom': 50}, 'must be from 0.01 to 1, not 50'),
        ('bvff', {'cutoff_angstrom': 1}, 'must be from 4 to 30, not 1'),
        ('bvff', {'spacing_angstrom': float('nan')}, 'must be a number (largest distance of grid points, Å), not NaN'),
        ('train', {'me_weight': float('nan')}, 'not NaN'),
        ('train', {'me_weight': -0.5}, 'must be at least 0'),
        ('train', {'grid': {'me_weight': [0.1, float('nan')]}}, 'not NaN'),
        ('bvff', {'mobile_ion': None}, 'must be str'),
        ('bvff', {'radii': 'shannon'}, "must be cordero or softbv, not 'shannon'"),
        ('bvff', {'landscapes': 1}, 'must be bool'),
        ('train', {'batch_size': 1.5}, 'must be int'),
        ('train', {'batch_size': 0}, 'must be at least 1'),
        ('train', {'basis': 'half'}, "must be full or compact, not 'half'"),
        ('train', {'split': {'seeds': 1}}, "has an unknown entry 'seeds' (did you mean 'seed'?); known are by, seed"),
        ('train', {'split': {'by': 'row'}}, "an entry 'by' that must be formula or random, not 'row'"),
        ('train', {'select': 'r2'}, 'must be loss or r2_me or r2_log_me or mae_me_eV'),
        ('train', {'keep_models': 0}, 'must be at least 1'),
        ('train', {'grid': []}, 'must be dict'),
        ('train', {'grid': {}}, 'names no option; give a list of values for at least one'),
        ('train', {'grid': {'me_weight': []}}, "holds no model, since the list of values for 'me_weight' is empty"),
        ('train', {'grid': {'me_weight': 0.1}}, "needs a list of values for 'me_weight', not 0.1"),
        ('train', {'grid': {'me_weights': [1]}}, "an unknown option 'me_weights' (did you mean 'me_weight'?)"),
        ('train', {'grid': {'split': [{}]}}, "cannot vary 'split', which all of its models share; known are basis"),
        ('train', {'grid': {'device': ['cpu']}}, "cannot vary 'device'"),
        ('train', {'grid': {'seed': [1, 2, 1]}}, "names the value 1 for 'seed' twice"),
        ('train', {'grid': {'seed': [1, '2']}}, "has a value for 'seed' that must be int"),
        ('train', {'grid': {'split.seeds': [1]}}, "did you mean 'split.seed'"),
        (
            'train',
            {'grid': {'seed': list(range(1000)), 'split.seed': list(range(1000))}},
            'asks for 1000000 models, more than the 10000 that one job trains; divide it',
        ),
        ('train', {'landscape': 'yes'}, 'must be bool'),
        ('descriptors', {'layout': 3}, 'must be str or dict'),
        ('descriptors', {'layout': ''}, "'layout' of descriptors must be a name or the content of a layout, not an em"),
        ('descriptors', {'layout': 'layouts/mine'}, 'the file layouts/mine is not on the computer'),
        (
            'descriptors',
            {'layout': {'name': 'mine', 'structure': []}},
            "is no layout: the key 'composition' is missing",
        ),
        ('descriptors', {'layout': {'name': 'mine', 'composition': [], 'structure': {}}}, 'structure must be a list'),
        ('descriptors', {'landscape': 1}, 'must be bool'),
    ],
)
def test_wrong_parameters_get_a_sentence(task, parameters, words):
    assert words in check_parameters(task, parameters)


def test_ranges_are_those_of_the_engine():
    from aiida_limap.engines.bvff.options import _BOUNDS

    for name, (low, high) in _BOUNDS.items():
        assert check_parameters('bvff', {name: low}) is check_parameters('bvff', {name: high}) is None
        assert f'must be from {low:g} to {high:g}' in str(check_parameters('bvff', {name: high * 1.01}))
        assert f'must be from {low:g} to {high:g}' in str(check_parameters('bvff', {name: low * 0.99}))


def test_right_parameters_pass():
    assert check_parameters('bvff', {'spacing_angstrom': 1, 'max_sites': None, 'mobile_ion': 'Na+'}) is None
    assert check_parameters('train', {TARGET: 'barrier_3d_eV', LANDSCAPE: True, 'me_weight': 0}) is None
    assert check_parameters('descriptors', {'layout': 'compact', LANDSCAPE: True}) is None
    axes = {'me_weight': [0, 0.1], 'split.seed': [0, 1, 2], 'hidden_widths': [[8], [8, 4]]}
    assert check_parameters('train', {'grid': axes, 'select': 'r2_me', 'split': {'by': 'random'}}) is None
    assert (number_of_models(axes), number_of_models(None)) == (12, 1)


def test_the_engine_sees_only_what_it_knows():
    assert parameters_for_engine('train', {TARGET: 'barrier_3d_eV', LANDSCAPE: True, 'seed': 1}) == {'seed': 1}
    assert parameters_for_engine('descriptors', {LANDSCAPE: True}) == {LANDSCAPE: True}


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        (None, 'cannot be read: No such file'),
        ('name: [', 'is not YAML'),
        ('- name', 'must hold keys with values, not list'),
        ('name: mine', "is no layout: the key 'composition' is missing"),
    ],
)
def test_a_file_that_is_no_layout_gets_a_sentence(tmp_path, text, words):
    path = tmp_path / 'mine.yaml'
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        read_layout_file(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_layout_file_becomes_plain_values(tmp_path):
    (tmp_path / 'mine.yaml').write_text('name: mine\ncomposition: []\nstructure: [{kind: rdf}]\n')
    document = {'name': 'mine', 'composition': [], 'structure': [{'kind': 'rdf'}]}
    assert read_layout_file(tmp_path / 'mine.yaml') == document


@pytest.mark.parametrize('task', sorted(PARAMETERS))
def test_the_help_names_every_parameter(task):
    text = parameters_help(task)
    assert all(name in text for name in PARAMETERS[task])


@pytest.mark.parametrize(
    ('task', 'module', 'name'),
    [
        ('bvff', 'aiida_limap.engines.bvff.options', 'BvffOptions'),
        ('descriptors', 'aiida_limap.engines.descriptors.task', 'Parameters'),
        ('train', 'aiida_limap.engines.autoencoder.config', 'TrainConfig'),
        ('encode', 'aiida_limap.engines.autoencoder.encode_task', 'Parameters'),
    ],
)
def test_the_list_keeps_step_with_the_engine(task, module, name):
    options = getattr(importlib.import_module(module), name)
    # What a training as a whole is asked for, not a single model.
    of_the_task = set(train_task.TASK_PARAMETERS) if task == 'train' else set()
    # A file of bond-valence parameters is an input of a job.
    names = {field.name for field in fields(options)} - {'parameters'}
    assert set(parameters_for_engine(task, PARAMETERS[task])) == names | of_the_task
    defaults = {name: getattr(options(), name) for name in names - {'split'}}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in defaults.items()}
    assert check_parameters(task, plain) is None


def test_the_words_that_a_parameter_takes_are_those_of_the_engine():
    from aiida_limap.engines.bvff.options import CHOICES
    from aiida_limap.engines.bvff.parameters import default_parameters

    known = {name: set(entry.choices) for name, entry in PARAMETERS['bvff'].items() if entry.choices}
    assert known == {name: set(words) for name, words in CHOICES.items()} | {
        'preset': set(default_parameters().presets)
    }


def test_a_grid_is_what_the_engine_takes():
    from aiida_limap.engines.autoencoder import config, grid

    assert (MAX_MODELS, SELECT) == (grid.LARGEST_GRID, grid.SELECT)
    assert set(TRAIN['preset'].choices) == set(config.PRESETS)
    assert set(SPLIT) == {field.name for field in fields(config.SplitConfig)}
    options = config.TrainConfig()
    axes = {name: [value] for name, value in options.as_dict().items() if TRAIN[name].in_grid}
    axes.update({f'split.{field.name}': [getattr(options.split, field.name)] for field in fields(options.split)})
    assert check_grid(axes) is None
    assert [model for _values, model in grid.expand_grid({}, axes)] == [options]
    for name in set(TRAIN) - set(axes) - {'split'}:
        assert 'cannot vary' in check_grid({name: [1]})
