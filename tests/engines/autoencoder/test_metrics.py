"""Scores of a model by split and by block."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import r2_score

from aiida_limap.engines.autoencoder.data import Scaling
from aiida_limap.engines.autoencoder.metrics import (
    Evaluation,
    block_scores,
    energy_scores,
    flattened_r2,
    model_metrics,
    split_scores,
)


@pytest.fixture
def evaluation(data):
    rng = np.random.default_rng(0)
    split = np.arange(60) % 3
    scaling = Scaling.fit(data, split == 0)
    scaled = tuple(getattr(data, part) / scaling.divisors(part) for part in ('composition', 'structure'))
    rebuilt = tuple(rows + 0.05 * rng.normal(size=rows.shape) for rows in scaled)
    energies = data.migration_energy_eV
    codes = (data.composition[:, -1], -energies)
    return Evaluation(data, split, scaled, rebuilt, codes, energies + 0.3 * rng.normal(size=60))


def changed(evaluation, **values):
    return Evaluation(**{**vars(evaluation), **values})


def test_reconstructions_beside_the_column_means(evaluation):
    scores = split_scores(evaluation)
    assert list(scores) == ['train', 'validation', 'test']
    test, learn = evaluation.split == 2, evaluation.learn
    for place, part in enumerate(('composition', 'structure')):
        given, rebuilt = evaluation.scaled[place][test], evaluation.rebuilt[place][test]
        means = np.broadcast_to(evaluation.scaled[place][learn].mean(axis=0), given.shape)
        found = scores['test']
        assert found[f'r2_{part}'] == pytest.approx(r2_score(given.ravel(), rebuilt.ravel()))
        assert found[f'baseline_column_means_r2_{part}'] == pytest.approx(r2_score(given.ravel(), means.ravel()))
        assert found[f'mse_{part}'] == pytest.approx(np.square(given - rebuilt).mean())
        left = (1 - found[f'r2_{part}']) / (1 - found[f'baseline_column_means_r2_{part}'])
        assert found[f'relative_r2_{part}'] == pytest.approx(1 - left)
        assert 0.9 < found[f'relative_r2_{part}'] < 1


def test_column_means_have_no_relative_r2(evaluation):
    means = tuple(np.broadcast_to(rows[evaluation.learn].mean(axis=0), rows.shape) for rows in evaluation.scaled)
    for scores in split_scores(changed(evaluation, rebuilt=means)).values():
        for part in ('composition', 'structure'):
            assert scores[f'relative_r2_{part}'] == 0
            assert scores[f'r2_{part}'] == scores[f'baseline_column_means_r2_{part}']
    # A high column in every row: the flattened R2 of the means is generous.
    shifted = tuple(rows + 9 * (np.arange(rows.shape[1]) == 0) for rows in evaluation.scaled)
    means = tuple(np.broadcast_to(rows[evaluation.learn].mean(axis=0), rows.shape) for rows in shifted)
    found = split_scores(changed(evaluation, scaled=shifted, rebuilt=means))['train']
    assert found['r2_structure'] > 0.9
    assert found['relative_r2_structure'] == 0


def test_blocks_add_up_to_their_part(evaluation):
    blocks, scores = block_scores(evaluation), split_scores(evaluation)
    # The composition of these rows has one scale, the structure one for each block.
    assert list(blocks['test']['composition']) == ['composition']
    assert list(blocks['test']['structure']) == ['rdf', 'adf']
    found = blocks['test']['structure']
    assert [entry['columns'] for entry in found.values()] == [24, 8]
    total = sum(entry['columns'] * entry['mse'] for entry in found.values()) / 32
    assert total == pytest.approx(scores['test']['mse_structure'])
    assert blocks['test']['composition']['composition']['r2'] == scores['test']['r2_composition']


def test_the_logarithm_of_the_energy():
    true = np.array([0.1, 1.0, 10.0, 0.0, np.nan])
    found = energy_scores(true, np.array([0.2, 1.0, -3.0, 1.0, 1.0]), 2.0)
    assert (found['n_me'], found['n_log_me']) == (4, 3)
    # log10 of 0.2, 1 and 0.1: the prediction below zero counts as the smallest energy.
    assert found['r2_log_me'] == pytest.approx(1 - (np.log10(2) ** 2 + 0 + 2**2) / 2)
    found = energy_scores(true, np.array([0.2, 1.0, -3.0, 1.0, 1.0]), 2.0, floor_eV=0.01)
    assert found['r2_log_me'] == pytest.approx(1 - (np.log10(2) ** 2 + 0 + 3**2) / 2)


@pytest.mark.parametrize('energies', [[], [np.nan, np.nan], [1.5], [2.0, 2.0], [0.0, -1.0]])
def test_scores_that_are_not_defined(energies):
    found = energy_scores(np.array(energies, dtype=float), np.ones(len(energies)), 1.0)
    assert found['r2_log_me'] is None
    assert found['spearman_me'] is None
    assert (found['r2_me'] is None) == (energies != [0.0, -1.0])
    assert found['n_me'] == np.isfinite(energies).sum()
    assert 'NaN' not in json.dumps(found)


def test_the_wide_head_stands_beside(evaluation):
    assert not any(key.startswith('wide_') for key in split_scores(evaluation)['test'])
    scores = split_scores(changed(evaluation, wide_eV=evaluation.data.migration_energy_eV))['test']
    names = {key for key in scores if key.startswith('wide_')}
    assert names == {f'wide_{key}' for key in ('r2_me', 'mae_me_eV', 'mse_me_eV2', 'spearman_me', 'r2_log_me')}
    assert scores['wide_r2_me'] == scores['wide_spearman_me'] == pytest.approx(1)
    assert scores['wide_mae_me_eV'] == 0 < scores['mae_me_eV']


def test_the_energy_can_be_read_off_a_map_that_orders_it(evaluation):
    assert split_scores(evaluation)['test']['knn_r2_me'] > 0.5
    blank = np.zeros(60)
    assert split_scores(changed(evaluation, codes=(blank, blank)))['test']['knn_r2_me'] < 0.1


def test_everything_of_a_model(evaluation):
    forest = {'metrics': {name: {'r2_me': 0.5, 'mae_me_eV': 0.1, 'spearman_me': 0.7} for name in ('train', 'test')}}
    found = model_metrics(evaluation, seed=1, baselines={'forest': forest})
    assert list(found) == ['metrics', 'blocks', 'map_quality', 'axis_meaning', 'baselines']
    assert found['metrics']['test']['baseline_forest_r2_me'] == 0.5
    assert 'baseline_forest_r2_me' not in found['metrics']['train']
    assert found['map_quality']['test']['label_smoothness_5'] > 0.3
    strongest = {entry['axis']: entry for entry in reversed(found['axis_meaning'])}
    assert strongest['x_struc']['quantity'] == 'migration_energy'
    assert strongest['x_comp']['quantity'] == 'fraction_Li'
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert 'baselines' not in model_metrics(evaluation)


def test_codes_that_do_not_vary_and_rows_that_do_not_vary(evaluation):
    blank = np.zeros(60)
    same = tuple(np.ones_like(rows) for rows in evaluation.scaled)
    found = model_metrics(changed(evaluation, codes=(blank, blank), scaled=same, rebuilt=same))
    assert found['axis_meaning'] == []
    assert found['metrics']['test']['r2_composition'] is None
    assert found['metrics']['test']['relative_r2_composition'] is None
    assert found['metrics']['test']['mse_composition'] == 0
    assert json.dumps(found, allow_nan=False)


def test_flattened_r2_of_nothing():
    assert flattened_r2(np.zeros((0, 3)), np.zeros((0, 3))) is None
    assert flattened_r2(np.ones((2, 3)), np.ones((2, 3))) is None
