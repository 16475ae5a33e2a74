from __future__ import annotations

import pytest

from aiida_limap.engines.autoencoder import PRESETS, SplitConfig, TrainConfig
from aiida_limap.engines.errors import InputError


def test_the_preset_of_the_paper():
    config = TrainConfig.from_parameters({})
    assert config == TrainConfig()
    assert (config.me_weight, config.batch_size, config.learning_rate, config.patience) == (0.1, 16, 1e-3, 80)
    assert (config.weight_decay, config.reduction, config.basis) == (1e-6, 'mean', 'full')


@pytest.mark.parametrize('name', sorted(PRESETS))
def test_round_trip(name):
    config = TrainConfig.from_parameters({'preset': name, 'split': {'by': 'random', 'seed': 7}, 'seed': 3})
    assert config.split == SplitConfig(by='random', seed=7)
    assert TrainConfig.from_parameters(config.as_dict()) == config


def test_given_options_stand_over_the_preset():
    assert TrainConfig.from_parameters({'preset': 'quick', 'batch_size': 8}).batch_size == 8
    assert TrainConfig.from_parameters({'preset': 'quick'}).basis == 'compact'


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'me_wieght': 1}, "unknown parameter 'me_wieght'; known are preset, me_weight"),
        ({'split': {'trian': 0.5}}, "unknown parameter 'trian'; known are by, train"),
        ({'split': [0.8, 0.2]}, 'split must hold options by name'),
        ({'split': {'train': 0.5}}, 'must sum to 1'),
        ({'split': {'train': 1, 'validation': 0, 'test': 0}}, 'rows to stop on'),
        ({'split': {'by': 'colour'}}, 'formula, random'),
        ({'preset': 'best'}, 'yamaguchi2023, quick'),
        ({'reduction': 'median'}, 'mean, sum_features'),
        ({'basis': 'half'}, 'full, compact'),
        ({'batch_size': 0}, 'batch_size must be a whole number'),
        ({'batch_size': 2.5}, 'batch_size must be a whole number'),
        ({'patience': True}, 'patience must be a whole number'),
        ({'learning_rate': 0}, 'learning_rate must be above zero'),
        ({'me_weight': -1}, 'me_weight must be a number at least 0'),
        ({'me_weight': float('nan')}, 'me_weight must be a number'),
        ({'basis_variance': 2}, 'between 0.5 and 1'),
        ({'hidden_widths': []}, 'hidden_widths must be a list'),
        ({'hidden_widths': [0]}, 'hidden_widths must be a whole number'),
        ({'decoupled_decay': 'yes'}, 'true or false'),
        ({'wide_head_widths': 8}, 'wide_head_widths must be a list'),
        ({'energy_transform': 'cube'}, 'none, sqrt, log'),
        ({'energy_offset_eV': 0}, 'energy_offset_eV must be a number'),
        ({'input_whitening': 2}, 'between 0 and 1'),
        ({'checkpoint_every': -1}, 'checkpoint_every must be a whole number'),
        ({'device': 0}, 'device must be auto, cpu or cuda'),
    ],
)
def test_refusals(options, words):
    with pytest.raises(InputError, match=words):
        TrainConfig.from_parameters(options)
