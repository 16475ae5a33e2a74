from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from aiida_limap.engines.autoencoder import load_model, train
from aiida_limap.engines.errors import InputError
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.weights import read_header, read_weights, write_weights


@pytest.fixture
def model(data, config):
    return train(data, replace(config, max_epochs=3))


def test_save_and_load(model, data, tmp_path):
    path = tmp_path / 'model.safetensors'
    model.save(path)
    again = load_model(path)
    for one, other in zip(
        model.encode(data.composition, data.structure), again.encode(data.composition, data.structure), strict=True
    ):
        assert (one == other).all()
    codes = np.linspace(-2, 2, 7), np.linspace(1, -1, 7)
    assert (model.predict(*codes) == again.predict(*codes)).all()
    assert (model.decode(*codes)[1] == again.decode(*codes)[1]).all()
    assert again.config == model.config
    assert again.metrics == model.metrics
    assert again.columns == model.columns
    assert again.facts == model.facts
    again.save(tmp_path / 'again.safetensors')
    assert (tmp_path / 'again.safetensors').read_bytes() == path.read_bytes()


def test_header_says_what_the_model_is(model, tmp_path):
    model.save(tmp_path / 'model.safetensors')
    header = read_header(tmp_path / 'model.safetensors')
    assert header['kind'] == 'two_branch_autoencoder'
    assert header['architecture']['n_composition'] == 24
    assert header['columns']['layout']['name'] == 'synthetic'
    assert header['training']['me_weight'] == 0.1
    assert header['training']['metrics']['test']['n_me'] == model.metrics['test']['n_me']
    assert header['data_hash'] == model.data_hash
    assert header['scaling']['energy']['largest_eV'] == model.scaling.energy.largest_eV


@pytest.mark.parametrize('share', [0.1, 0.5, 0.999])
def test_cut_short(model, tmp_path, share):
    path = tmp_path / 'model.safetensors'
    model.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FormatError, match='cut short'):
        load_model(path)


def test_missing_file(tmp_path):
    with pytest.raises(FormatError, match='no such file'):
        load_model(tmp_path / 'model.safetensors')


def test_foreign_or_unfit_files(model, tmp_path):
    path = tmp_path / 'model.safetensors'
    model.save(path)
    tensors, header = read_weights(path)
    write_weights(path, tensors, {**header, 'kind': 'forest'})
    with pytest.raises(FormatError, match="kind 'forest'"):
        load_model(path)
    write_weights(path, tensors, {**header, 'architecture': {**header['architecture'], 'n_structure': 9}})
    with pytest.raises(FormatError, match='do not fit'):
        load_model(path)
    write_weights(path, tensors, {**header, 'architecture': {}})
    with pytest.raises(FormatError, match='do not fit'):
        load_model(path)


def test_wrong_rows_and_codes(model, data):
    with pytest.raises(InputError, match='structure rows have 31 columns, but the model was trained with 32'):
        model.encode(data.composition, data.structure[:, :31])
    with pytest.raises(InputError, match='60 composition rows, but 59'):
        model.encode(data.composition, data.structure[1:])
    spoilt = data.composition.copy()
    spoilt[2, 1] = np.nan
    with pytest.raises(InputError, match='composition row number 2 holds NaN'):
        model.encode(spoilt, data.structure)
    with pytest.raises(InputError, match='equally long'):
        model.predict([0, 1], [0])
    with pytest.raises(InputError, match='NaN or infinity'):
        model.decode([np.nan], [0])


def test_no_rows(model):
    x_comp, x_struc = model.encode(np.zeros((0, 24)), np.zeros((0, 32)))
    assert x_comp.shape == x_struc.shape == (0,)


def test_reconstruction_errors(model, data):
    composition, structure = model.reconstruction_errors(data.composition, data.structure)
    test = model.split == 2
    assert composition[test].mean() == pytest.approx(model.metrics['test']['mse_composition'], rel=1e-9)
    assert structure[test].mean() == pytest.approx(model.metrics['test']['mse_structure'], rel=1e-9)


@pytest.mark.parametrize('transform', ['none', 'sqrt', 'log'])
@pytest.mark.parametrize('basis', ['full', 'compact'])
def test_module(data, config, transform, basis):
    options = {'basis': basis, 'energy_transform': transform, 'input_whitening': 0.5 if basis == 'compact' else 0.0}
    model = train(data, replace(config, max_epochs=20, **options))
    rows = [torch.from_numpy(part).requires_grad_() for part in (data.composition, data.structure)]
    point = model.module()(*rows)
    x_comp, x_struc = model.encode(data.composition, data.structure)
    np.testing.assert_allclose(point.x_comp.detach(), x_comp, atol=1e-9)
    np.testing.assert_allclose(point.x_struc.detach(), x_struc, atol=1e-9)
    np.testing.assert_allclose(point.migration_energy_eV.detach(), model.predict(x_comp, x_struc), rtol=1e-8)
    point.migration_energy_eV.sum().backward()
    assert all((row.grad != 0).any() for row in rows)
