"""How well a map keeps neighbours together: analytic cases, and scikit-learn as yardstick."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsRegressor

from aiida_limap.engines.autoencoder.quality import descriptor_points, map_points, map_quality, nearest_energies

SCORES = ('trustworthiness', 'continuity', 'knn_recall', 'label_smoothness')


def noisy_map(n_rows=120, seed=0):
    rng = np.random.default_rng(seed)
    high = rng.normal(size=(n_rows, 6))
    low = high[:, :2] + 0.3 * rng.normal(size=(n_rows, 2))
    return high, low, high[:, 0] + 0.1 * rng.normal(size=n_rows), rng.integers(0, 3, n_rows)


def test_it_agrees_with_scikit_learn():
    high, low, energies, split = noisy_map()
    found = map_quality(high, low, energies, split)['all']
    for k in (5, 10, 30):
        assert found[f'trustworthiness_{k}'] == pytest.approx(trustworthiness(high, low, n_neighbors=k), abs=1e-12)
        assert found[f'continuity_{k}'] == pytest.approx(trustworthiness(low, high, n_neighbors=k), abs=1e-12)


def test_a_map_that_is_the_space_itself_is_perfect():
    rng = np.random.default_rng(1)
    plane = rng.normal(size=(80, 2))
    turned = plane @ np.array([[0.6, -0.8], [0.8, 0.6]]) * 7 + 3
    found = map_quality(turned, plane, plane[:, 0], np.zeros(80, dtype=int))
    for k in (5, 10, 30):
        for name in SCORES[:3]:
            assert found['train'][f'{name}_{k}'] == 1
    assert set(found) == {'n_rows', 'sampled', 'seed', 'neighbours', 'neighbours_used', 'train', 'all'}


def test_a_line_whose_ends_are_swapped():
    # Rows 0 to 9 on a line. On the map the first row is moved to the other end: by hand for k = 1.
    high = np.arange(10.0)[:, None] + 0.01 * np.arange(10.0)[:, None] ** 2
    low = high.copy()
    low[0] = 20.0
    found = map_quality(high, np.hstack([low, 0 * low]), np.arange(10.0), np.zeros(10, dtype=int), neighbours=(1,))
    # On the map row 0 has the neighbour 9, rank 9 of 9 in space, and row 1 has 2 instead of 0, rank 2.
    weight = 2 / (10 * 1 * (20 - 3 - 1))
    assert found['all']['trustworthiness_1'] == pytest.approx(1 - weight * (8 + 1))
    # In space row 0 has the neighbour 1, which is rank 9 on the map; row 1 has row 0, which is its last on the map.
    assert found['all']['continuity_1'] == pytest.approx(1 - weight * (8 + 8))
    assert found['all']['knn_recall_1'] == pytest.approx(8 / 10)


def test_label_smoothness_is_one_less_the_contiguity_ratio_of_geary():
    high, low, energies, split = noisy_map()
    energies[::7] = np.nan
    found = map_quality(high, low, energies, split, neighbours=(4,))
    known = ~np.isnan(energies)
    points, labels = low[known], energies[known]
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distances, np.inf)
    weights = np.zeros_like(distances)
    np.put_along_axis(weights, np.argsort(distances, axis=1)[:, :4], 1.0, axis=1)
    differences = (labels[:, None] - labels) ** 2
    ratio = (len(labels) - 1) * (weights * differences).sum()
    ratio /= 2 * weights.sum() * np.square(labels - labels.mean()).sum()
    assert found['all']['label_smoothness_4'] == pytest.approx(1 - ratio)
    assert found['all']['n_me'] == known.sum()
    # A split is compared with the pairs that its own rows are part of.
    test = split[known] == 2
    expected = 1 - (weights * differences)[test].sum() / 4 / (differences[test].sum() / (len(labels) - 1))
    assert found['test']['label_smoothness_4'] == pytest.approx(expected)


def test_checkerboard_labels_are_rougher_than_chance():
    x, y = np.meshgrid(np.arange(12.0), np.arange(12.0))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    rng = np.random.default_rng(0)
    split = np.zeros(144, dtype=int)
    for labels, low, high in (
        ((x + y).ravel() % 2, -1.01, -0.8),
        (x.ravel(), 0.95, 1.0),
        (rng.normal(size=144), -0.25, 0.25),
    ):
        smoothness = map_quality(points, points, labels, split, neighbours=(4,))['all']['label_smoothness_4']
        assert low < smoothness < high


def test_splits_average_to_the_whole():
    found = map_quality(*noisy_map())
    names = ('train', 'validation', 'test')
    for score in SCORES[:3]:
        mean = sum(found[name]['n'] * found[name][f'{score}_10'] for name in names) / 120
        assert found['all'][f'{score}_10'] == pytest.approx(mean)


def test_a_map_without_information_gets_what_chance_gives():
    high, low, energies, split = noisy_map(400)
    # Relatives stand together in tables: their order must not count as nearness.
    order = np.argsort(high[:, 0])
    found = map_quality(high[order], 0 * low, energies[order], split)['all']
    assert found['trustworthiness_10'] == pytest.approx(0.5, abs=0.05)
    assert found['continuity_10'] == pytest.approx(0.5, abs=0.05)
    assert found['knn_recall_30'] == pytest.approx(30 / 399, abs=0.03)
    assert found['label_smoothness_30'] == pytest.approx(0, abs=0.1)


def test_equal_rows_are_no_error():
    rng = np.random.default_rng(2)
    plane = np.repeat(rng.normal(size=(20, 2)), 6, axis=0)
    wide = plane @ rng.normal(size=(2, 300)) / 3
    found = map_quality(wide, plane, plane[:, 0], np.zeros(120, dtype=int), neighbours=(3, 5))['all']
    assert found['trustworthiness_3'] == found['continuity_5'] == found['knn_recall_3'] == 1
    assert found['label_smoothness_5'] == 1


@pytest.mark.parametrize('n_rows', [1, 2, 3, 4, 12])
def test_few_rows(n_rows):
    high, low, energies, _ = noisy_map(n_rows)
    found = map_quality(high, low, energies, np.zeros(n_rows, dtype=int))
    assert found['neighbours_used'] == [min(k, (n_rows - 1) // 2) for k in (5, 10, 30)]
    values = [found['all'][f'{name}_{k}'] for name in SCORES for k in (5, 10, 30)]
    if n_rows < 3:
        assert values == [None] * 12
    else:
        assert np.isfinite(values).all()
        assert all(0 <= value <= 1 for value in values[:9])
    assert 'NaN' not in json.dumps(found)


def test_energies_that_are_missing_or_equal():
    high, low, _, split = noisy_map()
    for energies in (np.full(120, np.nan), np.full(120, 2.5)):
        found = map_quality(high, low, energies, split)
        assert found['test']['label_smoothness_5'] is None
        assert found['test']['trustworthiness_5'] > 0.6


def test_many_rows_are_sampled():
    found = map_quality(*noisy_map(), most_rows=40, seed=3)
    assert (found['n_rows'], found['sampled'], found['seed'], found['all']['n']) == (40, True, 3, 40)
    assert found == map_quality(*noisy_map(), most_rows=40, seed=3)
    assert found['all'] != map_quality(*noisy_map(), most_rows=40, seed=4)['all']
    assert not map_quality(*noisy_map())['sampled']


def test_memory_is_taken_in_passes(monkeypatch):
    whole = map_quality(*noisy_map())
    monkeypatch.setattr('aiida_limap.engines.autoencoder.quality._CHUNK', 17)
    parts = map_quality(*noisy_map())
    for name in SCORES:
        assert parts['test'][f'{name}_10'] == pytest.approx(whole['test'][f'{name}_10'])


def test_axes_and_parts_weigh_equally():
    rng = np.random.default_rng(0)
    learn = np.arange(50) < 30
    points = map_points((100 * rng.normal(size=50), np.full(50, 4.0)), learn)
    np.testing.assert_allclose(points[learn].std(axis=0), [1, 0])
    parts = (rng.normal(size=(50, 9)), np.hstack([40 * rng.normal(size=(50, 3)), np.ones((50, 2))]))
    rows = descriptor_points(parts, learn)
    for start, stop in ((0, 9), (9, 14)):
        assert np.square(rows[learn, start:stop]).sum(axis=1).mean() == pytest.approx(1)
    assert np.isfinite(descriptor_points((np.ones((50, 2)), np.zeros((50, 1))), learn)).all()


def test_energies_are_read_off_the_map():
    _, low, energies, split = noisy_map()
    learn = split == 0
    energies[3] = np.nan
    teachers = learn & ~np.isnan(energies)
    read = nearest_energies(low, energies, learn, k=7)
    others = KNeighborsRegressor(7).fit(low[teachers], energies[teachers])
    np.testing.assert_allclose(read[~learn], others.predict(low[~learn]))
    for row in np.flatnonzero(teachers)[:5]:
        rest = teachers & (np.arange(120) != row)
        expected = KNeighborsRegressor(7).fit(low[rest], energies[rest]).predict(low[row : row + 1])
        assert read[row] == pytest.approx(expected[0])


def test_few_or_no_teachers():
    _, low, energies, _ = noisy_map()
    assert np.isnan(nearest_energies(low, energies, np.zeros(120, dtype=bool))).all()
    one = np.arange(120) == 5
    read = nearest_energies(low, energies, one)
    assert np.isnan(read[5])
    np.testing.assert_allclose(read[~one], energies[5])
    # All points at one place: still a mean of energies of other rows.
    read = nearest_energies(0 * low, energies, np.ones(120, dtype=bool))
    assert np.isfinite(read).all()
    assert np.corrcoef(read, energies)[0, 1] < 0.3
