"""What simple methods reach on the same rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA

from aiida_limap.engines.autoencoder import baselines
from aiida_limap.engines.autoencoder.baselines import BASELINES, baseline_scores, check_baselines
from aiida_limap.engines.autoencoder.data import Scaling
from aiida_limap.engines.errors import InputError


def prepared(data):
    split = np.arange(len(data.ids)) % 4 // 2 + (np.arange(len(data.ids)) % 8 == 7)
    scaling = Scaling.fit(data, split == 0)
    return tuple(getattr(data, part) / scaling.divisors(part) for part in ('composition', 'structure')), split


def rebuilt_by(model, rows, learn, target=None):
    """Rebuild rows by a model of scikit-learn with one component."""
    if target is None:
        model.fit(rows[learn])
    else:
        known = learn & ~np.isnan(target)
        model.fit(rows[known], target[known])
    return model.inverse_transform(model.transform(rows))


def flattened(rows, rebuilt):
    return 1 - np.square(rows - rebuilt).sum() / np.square(rows - rows.mean()).sum()


@pytest.mark.parametrize('name', ['pca', 'pls'])
def test_linear_pairs_are_those_of_scikit_learn(data, name):
    scaled, split = prepared(data)
    found = baseline_scores(data, scaled, split, [name])[name]
    target = None if name == 'pca' else data.migration_energy_eV
    for part, rows in zip(('composition', 'structure'), scaled, strict=True):
        model = PCA(1) if name == 'pca' else PLSRegression(1, scale=False)
        rebuilt = rebuilt_by(model, rows, split == 0, target)
        for index, split_name in enumerate(('train', 'validation', 'test')):
            chosen = split == index
            expected = flattened(rows[chosen], rebuilt[chosen])
            assert found['metrics'][split_name][f'r2_{part}'] == pytest.approx(expected)
    assert found['metrics']['test']['r2_me'] == found['metrics']['test']['knn_r2_me'] > 0.5
    assert found['map_quality']['test']['trustworthiness_5'] > 0.8


def test_the_mean_is_what_is_reached_without_information(data):
    scaled, split = prepared(data)
    found = baseline_scores(data, scaled, split, ['mean'])['mean']
    for scores in found['metrics'].values():
        assert scores['relative_r2_composition'] == scores['relative_r2_structure'] == 0
        assert scores['r2_me'] == scores['baseline_mean_r2_me'] <= 0
        assert scores['spearman_me'] is None
    assert found['map_quality']['all']['trustworthiness_10'] == pytest.approx(0.5, abs=0.15)


def test_the_forest_predicts_without_a_map(data):
    scaled, split = prepared(data)
    found = baseline_scores(data, scaled, split, ['forest'], seed=1)['forest']
    assert found['metrics']['test']['r2_me'] > 0.7
    assert not any('composition' in key or 'knn' in key for key in found['metrics']['test'])
    assert 'map_quality' not in found
    assert found == baseline_scores(data, scaled, split, ['forest'], seed=1)['forest']


def test_an_embedding_is_a_map_only(data):
    scaled, split = prepared(data)
    found = baseline_scores(data, scaled, split, ['tsne'])['tsne']
    assert set(found) == {'note', 'map_quality'}
    assert found['map_quality']['all']['trustworthiness_5'] > 0.85
    assert 'no row can be placed later' in found['note']


def test_umap_places_test_rows(data):
    pytest.importorskip('umap', reason='the optional package umap-learn is not installed')
    scaled, split = prepared(data)
    found = baseline_scores(data, scaled, split, ['umap'])['umap']
    assert found['map_quality']['test']['trustworthiness_5'] > 0.7


def test_all_but_what_is_not_installed(data, monkeypatch):
    scaled, split = prepared(data)
    monkeypatch.setattr(baselines, '_has_umap', lambda: False)
    found = baseline_scores(data, scaled, split)
    assert list(found) == [name for name in BASELINES if name != 'umap']
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert baseline_scores(data, scaled, split, False) == {}
    with pytest.raises(InputError, match=r'umap needs the package umap-learn; install it with .*aiida-limap\[umap\]'):
        baseline_scores(data, scaled, split, ['pca', 'umap'])


def test_more_rows_than_an_embedding_takes_are_sampled(data, monkeypatch):
    monkeypatch.setattr(baselines, 'MOST_ROWS', 40)
    scaled, split = prepared(data)
    quality = baseline_scores(data, scaled, split, ['tsne'])['tsne']['map_quality']
    assert (quality['n_rows'], quality['sampled']) == (40, True)


def test_missing_energies_and_constant_columns(data, changed):
    energies = data.migration_energy_eV.copy()
    energies[::3] = np.nan
    composition = np.ones_like(data.composition)
    odd = changed(data, migration_energy_eV=energies, composition=composition)
    scaled, split = prepared(odd)
    found = baseline_scores(odd, scaled, split, ['mean', 'pca', 'pls', 'forest', 'tsne'])
    assert json.dumps(found, allow_nan=False)
    assert found['pls']['metrics']['test']['r2_composition'] is None
    assert found['pls']['metrics']['test']['n_me'] < (split == 2).sum()
    assert found['forest']['metrics']['test']['r2_me'] > 0.5
    same = changed(odd, structure=np.ones_like(odd.structure))
    scaled, split = prepared(same)
    found = baseline_scores(same, scaled, split, ['pca', 'pls', 'forest', 'tsne'])
    assert json.dumps(found, allow_nan=False)
    assert found['forest']['metrics']['test']['r2_me'] <= 0


def test_no_test_label_reaches_a_baseline(data, changed):
    scaled, split = prepared(data)
    energies = np.where(split == 2, data.migration_energy_eV[::-1], data.migration_energy_eV)
    other = changed(data, migration_energy_eV=energies)
    for name in ('mean', 'pca', 'pls', 'forest'):
        first, second = (baseline_scores(given, scaled, split, [name])[name]['metrics'] for given in (data, other))
        assert first['validation'] == second['validation']
        assert first['test'] != second['test']


@pytest.mark.parametrize('value', [True, False, [], ['pca', 'forest']])
def test_options_that_are_taken(value):
    assert check_baselines(value) == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize(
    ('value', 'message'),
    [('pca', 'must be true, false or a list'), (1, 'must be true'), (['isomap'], "unknown baseline 'isomap'; known")],
)
def test_options_that_are_refused(value, message):
    with pytest.raises(InputError, match=message):
        check_baselines(value)
