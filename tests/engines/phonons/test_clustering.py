"""Partitions of rows: the right clusters, the same at every call, and clear words where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering, SpectralClustering
from sklearn.metrics import adjusted_rand_score, silhouette_score

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons.clustering import (
    LEFT_OUT,
    METHODS,
    NOISE,
    ClusterOptions,
    choose_k,
    cluster,
    join_features,
    stability,
)


@pytest.fixture
def truth():
    return np.repeat([0, 1, 2], [30, 20, 25])


@pytest.fixture
def blobs(truth):
    """Return three groups of rows in a plane, from low to high along the first column."""
    centres = np.array([[0.0, 0.0], [4.0, 5.0], [9.0, 0.0]])
    return centres[truth] + np.random.default_rng(3).normal(scale=0.5, size=(len(truth), 2))


@pytest.mark.parametrize('method', METHODS)
def test_groups_are_found_and_numbered_from_low_to_high(method, blobs, truth):
    shuffled = np.random.default_rng(0).permutation(len(truth))
    found = cluster(blobs[shuffled], ['x', 'y'], ClusterOptions(method=method))
    inside = found.labels != NOISE
    np.testing.assert_array_equal(found.labels[inside], truth[shuffled][inside])
    assert found.n_clusters == 3
    assert inside.mean() > 0.8
    assert np.all(np.diff(found.means) > 0)
    assert found.silhouette == pytest.approx(silhouette_score(found.matrix[inside], found.labels[inside]))
    again = cluster(blobs[shuffled], ['x', 'y'], ClusterOptions(method=method))
    np.testing.assert_array_equal(found.labels, again.labels)


def test_ward_is_that_of_scikit_learn_at_every_level(blobs):
    for k in (2, 3, 5, 8):
        ours = cluster(blobs, None, ClusterOptions(n_clusters=k, scale='none'))
        theirs = AgglomerativeClustering(n_clusters=k, linkage='ward').fit_predict(blobs)
        assert adjusted_rand_score(ours.labels, theirs) == 1.0
    assert ours.linkage.shape == (len(blobs) - 1, 4)
    assert 0.5 < ours.cophenetic_correlation < 1.0


def test_spectral_is_that_of_scikit_learn():
    """Two rings, one in the other, which no method of means can tell apart."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radii = np.where(np.arange(60) % 3 == 0, 1.0, 4.0)
    rings = radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    ours = cluster(rings, None, ClusterOptions(method='spectral', n_clusters=2, scale='none', neighbours=5))
    assert adjusted_rand_score(ours.labels, radii) == 1.0
    bridge = np.vstack([rings, [[2.0, 0.0], [3.0, 0.0]]])
    theirs = SpectralClustering(2, affinity='nearest_neighbors', n_neighbors=5, random_state=0).fit_predict(bridge)
    ours = cluster(bridge, None, ClusterOptions(method='spectral', n_clusters=2, scale='none', neighbours=5))
    assert adjusted_rand_score(ours.labels, theirs) == 1.0


def test_a_gaussian_takes_the_place_of_a_graph(blobs, truth):
    found = cluster(blobs, None, ClusterOptions(method='spectral', n_clusters=3, neighbours=0))
    np.testing.assert_array_equal(found.labels, truth)


def test_density_leaves_out_what_stands_alone(blobs, truth):
    found = cluster(np.vstack([blobs, [[40.0, 40.0]]]), None, ClusterOptions(method='density', scale='none'))
    assert found.labels[-1] == NOISE
    assert np.isnan(found.silhouettes[-1])
    assert found.probabilities[-1] == 0.0
    assert found.n_clusters == 3


def test_rows_that_lack_a_value_are_left_out_with_a_reason(blobs, truth):
    vectors = np.column_stack([blobs, np.ones(len(blobs))])
    vectors[4, 1] = np.nan
    vectors[7, 0] = np.inf
    found = cluster(vectors, ['x', 'y', 'y'], ClusterOptions(n_clusters=3))
    assert found.left_out == {4: "left out: 'y' is missing (1 of 2 values)", 7: "left out: 'x' is missing"}
    assert [found.labels[row] for row in (4, 7)] == [LEFT_OUT, LEFT_OUT]
    assert len(found.rows) == len(found.matrix) == len(blobs) - 2
    kept = np.delete(np.arange(len(blobs)), [4, 7])
    np.testing.assert_array_equal(found.labels[kept], truth[kept])


def test_a_vector_weighs_as_much_as_a_number(blobs):
    """Copies of a column, or its unit, change nothing where features are combined."""
    plain, _ = join_features({'x': blobs[:, 0], 'y': blobs[:, 1]})
    copies, names = join_features({'x': np.tile(1000.0 * blobs[:, :1], 7), 'y': blobs[:, 1]})
    one = cluster(plain, ['x', 'y'], ClusterOptions(n_clusters=4))
    two = cluster(copies, names, ClusterOptions(n_clusters=4))
    np.testing.assert_array_equal(one.labels, two.labels)
    assert two.silhouette == pytest.approx(one.silhouette)
    assert (one.scale, two.features) == ('blocks', ('x', 'y'))
    alone = cluster(copies, names, ClusterOptions(features=('x',), n_clusters=2))
    assert alone.scale == 'none'
    assert alone.matrix.shape == (len(blobs), 7)


def test_clusters_are_numbered_by_what_is_asked_for(blobs, truth):
    found = cluster(blobs, None, ClusterOptions(n_clusters=3), order=-blobs[:, 0])
    np.testing.assert_array_equal(found.labels, 2 - truth)


@pytest.mark.parametrize(
    ('features', 'names', 'options', 'words'),
    [
        (np.ones((3, 1)), None, {}, '3 of 3 rows have all features; 4 are the least'),
        (np.full((5, 1), np.nan), None, {}, "0 of 5 rows .* row 0, left out: 'feature_0' is missing"),
        (np.ones((6, 1)), ['x'], {}, "the feature 'x' is the same for all 6 rows"),
        (np.arange(6.0), None, {'n_clusters': 7}, '7 clusters cannot be made of 6 different rows'),
        (np.arange(6.0) // 2, None, {'n_clusters': 4}, '4 clusters cannot be made of 3 different rows'),
        (np.arange(6.0) // 3, None, {}, 'no number of clusters can be chosen for 2 different rows'),
        (np.arange(6.0), ['x'], {'features': ('y',)}, "there is no feature 'y'; known are x"),
        (np.arange(6.0), ['x', 'y'], {}, '2 names for 1 columns'),
        (['a', 'b', 'c', 'd'], None, {}, 'features must be numbers'),
        (np.arange(6.0), None, {'method': 'density', 'min_cluster_size': 9}, 'only 6 rows'),
        (np.zeros((4, 0)), None, {}, 'at least one column'),
    ],
)
def test_what_cannot_be_clustered_is_told(features, names, options, words):
    with pytest.raises(InputError, match=words):
        cluster(features, names, ClusterOptions(**options))


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'method': 'dbscan'}, 'method is one of ward, kmeans, spectral, density'),
        ({'n_clusters': 1}, "n_clusters must be a whole number from 2 to 10000 or 'auto'"),
        ({'n_clusters': 2.0}, 'n_clusters'),
        ({'method': 'density', 'n_clusters': 2}, 'density finds the number of clusters itself'),
        ({'features': 'x'}, 'list of names'),
        ({'features': ()}, 'at least one feature'),
        ({'features': ('x', 'x')}, 'none twice'),
        ({'seed': -1}, 'seed'),
        ({'choose_by': 'eye'}, 'choose_by is one of silhouette'),
        ({'single_cluster': 1}, 'single_cluster'),
        ({'kmeans': 3}, "no option 'kmeans'"),
    ],
)
def test_options_are_checked(options, words):
    with pytest.raises(InputError, match=words):
        ClusterOptions.from_mapping(options)


def test_four_measures_choose_the_number(blobs):
    found = choose_k(blobs, None, ClusterOptions(method='kmeans', scale='none', gap_references=5))
    assert found.chosen == {'silhouette': 3, 'calinski_harabasz': 3, 'gap': 3, 'within_ss': 3}
    assert found.k.tolist() == list(range(1, 11))
    assert np.isnan(found.silhouette[0])
    assert np.all(np.diff(found.within_ss) < 0)
    assert found.within_ss[0] == pytest.approx(((blobs - blobs.mean(axis=0)) ** 2).sum())


def test_the_gap_statistic_sees_no_clusters_in_one_lump():
    lump = np.random.default_rng(5).normal(size=(80, 2))
    found = choose_k(lump, None, ClusterOptions(largest_k=4, gap_references=10), criteria=('gap', 'silhouette'))
    assert found.chosen['gap'] == 1
    assert found.chosen['silhouette'] >= 2
    whole = cluster(lump, None, ClusterOptions(method='spectral', choose_by='gap', largest_k=4, gap_references=5))
    assert (whole.n_clusters, whole.silhouette) == (1, None)


def test_no_number_is_chosen_for_density_or_by_an_unknown_measure(blobs):
    with pytest.raises(InputError, match='density finds'):
        choose_k(blobs, None, ClusterOptions(method='density'))
    with pytest.raises(InputError, match='silhouette, calinski_harabasz, gap, within_ss'):
        choose_k(blobs, None, None, criteria=('eye',))


@pytest.mark.parametrize('method', METHODS)
def test_groups_come_back_in_resamples_and_lumps_do_not(method, blobs):
    options = ClusterOptions(method=method)
    found = cluster(blobs, None, options)
    firm = stability(blobs, found.labels, None, options, resamples=8)
    assert firm.rand.mean() > 0.9
    assert firm.jaccard.min() > 0.8
    assert max(firm.chosen_k, key=firm.chosen_k.get) == 3
    again = stability(blobs, found.labels, None, options, resamples=8)
    np.testing.assert_array_equal(firm.rand, again.rand)


def test_a_lump_is_divided_differently_every_time():
    lump = np.random.default_rng(5).normal(size=(80, 6))
    options = ClusterOptions(method='kmeans', n_clusters=4)
    loose = stability(lump, cluster(lump, None, options).labels, None, options, resamples=8)
    assert loose.rand.mean() < 0.7
    assert loose.jaccard.max() < 0.8


def test_stability_needs_clusters(blobs):
    with pytest.raises(InputError, match='3 numbers of clusters for 75 rows'):
        stability(blobs, [0, 0, 1])
    with pytest.raises(InputError, match='no cluster'):
        stability(blobs, np.full(len(blobs), NOISE))
    with pytest.raises(InputError, match='resamples'):
        stability(blobs, np.zeros(len(blobs)), resamples=0)


def test_features_are_joined_by_name():
    table, names = join_features({'a': [1, 2], 'b': [[3.0, 4.0], [5.0, 6.0]]})
    assert names == ['a', 'b', 'b']
    assert table.tolist() == [[1, 3, 4], [2, 5, 6]]
    for wrong, words in (
        ({}, 'no feature'),
        ({'a': ['x', 'y']}, "'a' must be one number"),
        ({'a': [1, 2], 'b': [1, 2, 3]}, "'b' has 3 rows, 'a' has 2"),
    ):
        with pytest.raises(InputError, match=words):
            join_features(wrong)
