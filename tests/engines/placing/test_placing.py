"""Composition codes of formulas: those that a structure of the same composition would get."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiida_limap.engines.autoencoder import TrainConfig, TrainingData, train
from aiida_limap.engines.descriptors import composition_descriptors, load_layout
from aiida_limap.engines.placing.task import composition_codes
from aiida_limap.engines.run import run_job
from aiida_limap.formats.arrays import write_arrays
from aiida_limap.formats.job import Job, write_job
from aiida_limap.formats.results import read_results

FORMULAS = [
    'Li2O', 'Li3PO4', 'LiCoO2', 'Li4SiO4', 'LiFePO4', 'Li2S', 'Li3PS4', 'LiCl', 'LiAlO2', 'Li2TiO3', 'LiNbO3', 'Li3N',
]  # fmt: skip


def trained(columns: dict) -> tuple:
    generator = np.random.default_rng(0)
    rows, structure = composition_descriptors(FORMULAS, 'compact'), generator.random((len(FORMULAS), 5))
    energies = generator.random(len(FORMULAS))
    data = TrainingData(list(FORMULAS), rows, structure, energies, list(FORMULAS), columns)
    return train(data, TrainConfig.from_parameters({'preset': 'quick', 'max_epochs': 2, 'hidden_widths': [8]})), rows


@pytest.fixture(scope='module')
def model():
    layout = load_layout('compact')
    return trained({'layout': layout.as_dict(), 'layout_checksum': layout.checksum})


def place(folder: Path, model, formulas: list[str], **parameters) -> tuple:
    model.save(folder / 'model.safetensors')
    write_arrays(folder / 'formulas.npz', {'formula': np.array(formulas)})
    files = {'model': 'model.safetensors', 'formulas': 'formulas.npz'}
    write_job(folder / 'job.json', Job('place_compositions', parameters, files))
    return run_job('place_compositions', folder / 'job.json'), read_results(folder)


def test_a_formula_gets_the_code_of_its_structures(tmp_path, model):
    network, rows = model
    expected, _x_struc = network.encode(rows, np.ones((len(rows), 5)))
    status, results = place(tmp_path, network, [*FORMULAS, 'Li6PS5Cl'])
    assert status == 0
    assert results.complete
    codes = {item.id: item.values['x_comp'] for item in results.items}
    assert np.allclose([codes[formula] for formula in FORMULAS], expected, atol=1e-6)
    assert np.isfinite(codes['Li6PS5Cl'])
    assert np.allclose(composition_codes(network, FORMULAS), expected, atol=1e-6)
    # Other multiples and orders are the same composition.
    assert composition_codes(network, ['Li4O2', 'O4PLi3']).tolist() == pytest.approx(expected[:2].tolist())


def test_a_formula_that_cannot_be_described_has_a_reason(tmp_path, model):
    status, results = place(tmp_path, model[0], ['Li2O', 'no!', 'LiLr'])
    assert status == 0
    assert [str(item.status) for item in results.items] == ['ok', 'failed', 'unknown_element']
    assert "'no!' cannot be read as a composition" in results.items[1].message
    assert results.items[2].values['x_comp'] is None
    assert np.isnan(composition_codes(model[0], ['no!'])).all()


def test_what_cannot_be_placed_gets_a_sentence(tmp_path, model):
    status, results = place(tmp_path, model[0], ['Li2O'], colour='red')
    assert (status, "unknown parameter 'colour'" in results.error) == (2, True)
    bare, _rows = trained({})
    status, results = place(tmp_path, bare, ['Li2O'])
    assert (status, 'does not say which descriptor layout' in results.error) == (2, True)
    other, _rows = trained({'layout': load_layout('compact').as_dict(), 'layout_checksum': 'x' * 64})
    status, results = place(tmp_path, other, ['Li2O'])
    assert (status, 'has other columns than the model reads' in results.error) == (2, True)
