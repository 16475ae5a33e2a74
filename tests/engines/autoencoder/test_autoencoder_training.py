from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from aiida_limap.engines.autoencoder import SplitConfig, TrainConfig, load_model, train, train_grid
from aiida_limap.engines.autoencoder.basis import Basis
from aiida_limap.engines.autoencoder.network import LimapNetwork
from aiida_limap.engines.autoencoder.plan import Architecture
from aiida_limap.engines.errors import InputError, LimapError
from aiida_limap.formats._files import FormatError


@pytest.fixture(scope='module')
def trained(synthetic):
    options = {'hidden_widths': [24, 12], 'head_widths': [8], 'max_epochs': 150, 'learning_rate': 3e-3}
    return train(synthetic(), TrainConfig.from_parameters(options))


def test_it_learns(trained, synthetic):
    data = synthetic()
    test = trained.metrics['test']
    for name in ('composition', 'structure'):
        assert test[f'r2_{name}'] > test[f'baseline_column_means_r2_{name}'] + 0.2
    assert test['r2_me'] > 0.7 > test['baseline_mean_r2_me']
    assert test['mae_me_eV'] < 0.5 * test['baseline_mean_mae_me_eV']
    assert test['spearman_me'] > 0.8
    x_comp, x_struc = trained.encode(data.composition, data.structure)
    assert trained.predict(x_comp, x_struc).shape == (60,)
    composition, structure = trained.decode(x_comp, x_struc)
    assert composition.shape == data.composition.shape
    assert structure[:, :24].max() == pytest.approx(30, rel=0.3)


def test_facts(trained):
    facts = trained.facts
    assert facts['stopped_on'] == 'validation'
    assert facts['n_train'] + facts['n_validation'] + facts['n_test'] == 60
    assert 1 <= facts['best_epoch'] <= facts['epochs'] == len(trained.history['validation_all'])
    best = int(np.argmin(trained.history['validation_all']))
    assert facts['best_epoch'] == best + 1
    # The kept network is the one of the best epoch: its losses can be found again from its scores.
    scores = trained.metrics['validation']
    assert scores['mse_composition'] == pytest.approx(trained.history['validation_composition'][best], rel=1e-4)
    assert scores['mse_structure'] == pytest.approx(trained.history['validation_structure'][best], rel=1e-4)
    scaled = scores['mse_me_eV2'] / trained.scaling.energy.largest_eV**2
    assert scaled == pytest.approx(trained.history['validation_me'][best], rel=1e-4)


def test_losses_add_up(trained):
    history = trained.history
    for part in ('train', 'validation'):
        total = history[f'{part}_composition'] + history[f'{part}_structure'] + 0.1 * history[f'{part}_me']
        np.testing.assert_allclose(history[f'{part}_all'], total, rtol=1e-5)


def test_polymorphs_share_their_composition_code(trained, synthetic):
    data = synthetic()
    x_comp, x_struc = trained.encode(data.composition, data.structure)
    assert (x_comp[::2] == x_comp[1::2]).all()
    assert (x_struc[::2] != x_struc[1::2]).all()


def test_a_row_alone_and_in_a_batch(trained, synthetic):
    data = synthetic()
    together = trained.encode(data.composition, data.structure)
    for index in (0, 17, 59):
        alone = trained.encode(data.composition[index : index + 1], data.structure[index : index + 1])
        np.testing.assert_allclose([alone[0][0], alone[1][0]], [together[0][index], together[1][index]], rtol=1e-12)


@pytest.mark.parametrize('seed', range(3))
def test_orientation(data, config, seed):
    model = train(data, replace(config, seed=seed))
    x_comp, x_struc = model.encode(data.composition, data.structure)
    learn = model.split == 0
    assert np.corrcoef(x_comp[learn], data.composition[learn, -1])[0, 1] > 0
    assert np.corrcoef(x_struc[learn], data.migration_energy_eV[learn])[0, 1] < 0


def test_flip_keeps_the_function():
    torch.manual_seed(0)
    network = LimapNetwork(Architecture(7, 5, (6,), (4,))).double()
    rows = torch.rand(9, 7).double(), torch.rand(9, 5).double()
    before = [out.detach().clone() for out in network(*rows)]
    codes = [branch.encoder(given).detach().clone() for branch, given in zip(_branches(network), rows, strict=True)]
    network.flip(1)
    for old, new in zip(before, network(*rows), strict=True):
        torch.testing.assert_close(old, new.detach())
    torch.testing.assert_close(network.composition.encoder(rows[0]).detach(), codes[0])
    torch.testing.assert_close(network.structure.encoder(rows[1]).detach(), -codes[1])


def _branches(network):
    return network.composition, network.structure


@pytest.mark.parametrize('basis', ['full', 'compact'])
def test_two_runs_are_equal(data, config, basis):
    config = replace(config, max_epochs=6, basis=basis)
    torch.manual_seed(1)
    first = train(data, config)
    torch.manual_seed(2)
    _ = torch.rand(3)
    second = train(data, config)
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name])
    for name, values in first.history.items():
        assert (values == second.history[name]).all()
    other = train(data, replace(config, seed=1))
    assert (other.history['train_all'] != first.history['train_all']).any()
    assert (other.split == first.split).all()


def test_the_state_of_torch_is_left_alone(data, config):
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    train(data, replace(config, max_epochs=1))
    assert torch.equal(torch.rand(4), expected)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_weight_of_the_migration_energy(data, config):
    without, with_ = train_grid(data, [replace(config, me_weight=weight) for weight in (0.0, 1.0)])
    assert with_.metrics['train']['mae_me_eV'] < 0.7 * without.metrics['train']['mae_me_eV']
    np.testing.assert_allclose(
        without.history['train_all'],
        without.history['train_composition'] + without.history['train_structure'],
        rtol=1e-5,
    )


def test_sum_over_features(data, config):
    model = train(data, replace(config, max_epochs=3, reduction='sum_features'))
    best = model.facts['best_epoch'] - 1
    mean = model.metrics['validation']['mse_composition']
    assert model.history['validation_composition'][best] == pytest.approx(24 * mean, rel=1e-4)


def test_early_stop(data, config):
    # A rate far too high makes the first epochs the best ones.
    model = train(data, replace(config, learning_rate=0.5, patience=3, max_epochs=200))
    assert model.facts['epochs'] == model.facts['best_epoch'] + 3 < 200


def test_missing_energies_train_the_reconstruction(data, config, changed):
    energies = data.migration_energy_eV.copy()
    energies[::3] = np.nan
    model = train(changed(data, migration_energy_eV=energies), replace(config, max_epochs=5))
    assert np.isfinite(model.history['train_all']).all()
    assert sum(model.metrics[name]['n_me'] for name in model.metrics) == 40


def test_stopping_on_the_test_rows_is_said(data, config):
    split = SplitConfig(by='random', train=0.8, validation=0.0, test=0.2)
    model = train(data, replace(config, max_epochs=2, split=split, scaling='all'))
    assert model.facts['stopped_on'] == 'test'
    assert set(model.metrics) == {'train', 'test'}
    assert model.scaling.energy.largest_eV == data.migration_energy_eV.max()


def test_forest_baseline(data, config):
    model = train(data, replace(config, max_epochs=2, baselines=True))
    assert model.metrics['test']['baseline_forest_r2_me'] > 0.7
    assert 'baseline_forest_r2_me' not in model.metrics['train']


def test_constant_columns(data, config, changed):
    composition = np.tile(data.composition[:1], (60, 1))
    for basis in ('full', 'compact'):
        model = train(changed(data, composition=composition), replace(config, max_epochs=3, basis=basis))
        x_comp, _ = model.encode(composition, data.structure)
        assert np.ptp(x_comp) == 0
        assert model.facts['collapsed_axes'] == ['x_comp']


def test_compact_basis_gives_the_losses_of_the_full_columns(data, config):
    model = train(data, replace(config, basis='compact', basis_variance=0.98, max_epochs=60))
    assert max(model.facts['basis_widths']) < 24
    best = model.facts['best_epoch'] - 1
    scores = model.metrics['validation']
    assert scores['mse_composition'] == pytest.approx(model.history['validation_composition'][best], rel=1e-3)
    assert scores['mse_structure'] == pytest.approx(model.history['validation_structure'][best], rel=1e-3)
    assert scores['r2_structure'] > scores['baseline_column_means_r2_structure'] + 0.2


def test_compact_basis_keeps_distances():
    rng = np.random.default_rng(0)
    rows = rng.uniform(size=(30, 6)) @ rng.uniform(size=(6, 40))
    basis = Basis.compact(rows, 1.0)
    assert basis.width == 6
    coordinates = basis.coordinates(rows)
    # Bases are rounded to single precision, as files hold them.
    np.testing.assert_allclose(
        np.linalg.norm(coordinates[0] - coordinates[1]) * basis.unit, np.linalg.norm(rows[0] - rows[1]), rtol=1e-6
    )
    np.testing.assert_allclose(basis.residuals(rows), 0, atol=1e-12)
    np.testing.assert_allclose((coordinates**2).mean(), 1, rtol=1e-6)
    np.testing.assert_allclose(basis.rows(coordinates), rows, atol=1e-5)
    assert basis.inputs(coordinates) is coordinates


@pytest.mark.parametrize('whitening', [0.5, 1.0])
def test_whitening_is_of_what_encoders_read(whitening):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 5)) * [8.0, 4.0, 2.0, 1.0, 0.5]
    plain, whitened = Basis.compact(rows, 1.0), Basis.compact(rows, 1.0, whitening)
    coordinates = whitened.coordinates(rows)
    np.testing.assert_array_equal(coordinates, plain.coordinates(rows))
    spread = coordinates.std(axis=0)
    read = whitened.inputs(coordinates)
    ratios = read.std(axis=0) / spread ** (1 - whitening)
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-3)
    np.testing.assert_allclose((read**2).mean(), 1, rtol=1e-5)


def test_whitening_leaves_losses_of_equal_networks_alone(data, config):
    """The losses are those of the full columns, so a file with whitened inputs gives what its history says."""
    model = train(data, replace(config, basis='compact', basis_variance=0.98, input_whitening=0.5, max_epochs=30))
    best = model.facts['best_epoch'] - 1
    scores = model.metrics['validation']
    assert scores['mse_structure'] == pytest.approx(model.history['validation_structure'][best], rel=1e-3)
    assert scores['mse_composition'] == pytest.approx(model.history['validation_composition'][best], rel=1e-3)


def test_wide_head(data, config, tmp_path):
    model = train(data, replace(config, wide_head_widths=(12,), max_epochs=60))
    wide = model.predict_rows(data.composition, data.structure)
    coded = model.predict(*model.encode(data.composition, data.structure))
    assert (wide != coded).any()
    assert 'validation_wide' in model.history
    known = model.split == 2
    assert np.corrcoef(wide[known], data.migration_energy_eV[known])[0, 1] > 0.8
    model.save(tmp_path / 'model.safetensors')
    again = load_model(tmp_path / 'model.safetensors')
    np.testing.assert_array_equal(again.predict_rows(data.composition, data.structure), wide)
    without = train(data, replace(config, max_epochs=3))
    np.testing.assert_array_equal(
        without.predict_rows(data.composition, data.structure),
        without.predict(*without.encode(data.composition, data.structure)),
    )


@pytest.mark.parametrize('transform', ['sqrt', 'log'])
def test_energies_are_learnt_transformed(data, config, transform):
    model = train(data, replace(config, energy_transform=transform, max_epochs=150))
    assert model.metrics['test']['r2_me'] > 0.5
    assert (model.predict([-50.0, 50.0], [50.0, -50.0]) >= 0).all()


def test_negative_energies_have_no_root(data, config, changed):
    energies = data.migration_energy_eV - 2
    with pytest.raises(InputError, match=r"negative value .* energy_transform 'none'"):
        train(changed(data, migration_energy_eV=energies), replace(config, energy_transform='sqrt'))


def test_a_training_goes_on_from_its_checkpoint(data, config, tmp_path):
    config = replace(config, max_epochs=12, checkpoint_every=3, input_noise=0.1, wide_head_widths=(8,))
    whole = train(data, config)

    def stop(epoch, _losses):
        if epoch == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, config, on_epoch=stop, checkpoints=tmp_path)
    seen = []
    resumed = train(data, config, on_epoch=lambda epoch, _losses: seen.append(epoch), checkpoints=tmp_path)
    assert seen == [7, 8, 9, 10, 11, 12]
    for name, values in whole.history.items():
        np.testing.assert_array_equal(values, resumed.history[name])
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name])
    # A finished training is not done again.
    train(data, config, on_epoch=lambda *_: pytest.fail('nothing is left to do'), checkpoints=tmp_path)
    with pytest.raises(FormatError, match='another'):
        train(data, replace(config, learning_rate=1e-4), checkpoints=tmp_path)


def test_a_grid_gives_the_models_that_single_trainings_give(data, config):
    configs = [
        replace(config, max_epochs=6, me_weight=weight, seed=seed, batch_size=size)
        for weight, seed, size in ((0.0, 0, 16), (0.1, 0, 8), (1.0, 3, 16))
    ]
    for model, one in zip(train_grid(data, configs), configs, strict=True):
        alone = train(data, one)
        for name, tensor in alone.network.state_dict().items():
            assert torch.equal(tensor, model.network.state_dict()[name])
        assert model.metrics == alone.metrics


def test_one_bad_model_does_not_end_a_grid(data, config):
    bad, good = train_grid(data, [replace(config, learning_rate=1e25), replace(config, max_epochs=4)])
    assert bad.facts['ended'] == 'not_finite'
    assert good.facts['ended'] == 'max_epochs'
    assert np.isfinite(good.history['train_all']).all()


def test_empty_and_uneven_grids(data, config):
    with pytest.raises(InputError, match='holds no model'):
        train_grid(data, [])
    with pytest.raises(InputError, match='share device'):
        train_grid(data, [config, replace(config, threads=7)])


def test_on_epoch_sees_the_history(data, config):
    seen = []
    model = train(data, replace(config, max_epochs=4), on_epoch=lambda epoch, losses: seen.append((epoch, losses)))
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4]
    assert [losses['validation_all'] for _, losses in seen] == model.history['validation_all'].tolist()


def test_loss_that_is_not_finite(data, config):
    with pytest.raises(LimapError, match=r'the loss is not finite in epoch \d+; lower the learning rate'):
        train(data, replace(config, learning_rate=1e25))


def test_unknown_device(data, config):
    with pytest.raises(InputError, match="device 'toaster' is not available here"):
        train(data, replace(config, device='toaster'))
