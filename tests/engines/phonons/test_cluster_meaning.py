"""Known conductors in clusters, candidates beside them, and correlations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact, spearmanr

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons.clustering import (
    ClusterOptions,
    candidates,
    cluster,
    conductors_from_diffusivity,
    enrichment,
    group_difference,
    rank_correlation,
)

nan = np.nan


def test_p_values_are_those_of_fisher():
    labels = np.repeat([0, 1], [10, 30])
    known = np.full(40, nan)
    known[[0, 1, 2, 3, 4, 12, 13]] = 1
    known[[5, 20, 21, 22]] = 0
    low, high = enrichment(labels, known)
    assert (low.size, low.conductors, low.expected) == (10, 5, pytest.approx(10 * 7 / 40))
    assert low.p_value == pytest.approx(fisher_exact([[5, 5], [2, 28]], alternative='greater').pvalue)
    assert high.p_value == pytest.approx(fisher_exact([[2, 28], [5, 5]], alternative='greater').pvalue)
    assert low.fold == pytest.approx(5 / 1.75)
    assert low.p_value < low.p_adjusted < 0.05 < high.p_adjusted
    measured = enrichment(labels, known, background='labelled')
    assert [entry.size for entry in measured] == [6, 5]
    assert measured[0].p_value == pytest.approx(fisher_exact([[5, 1], [2, 3]], alternative='greater').pvalue)


def test_noise_is_compared_with_and_rows_left_out_are_not():
    labels = np.array([0, 0, 0, -1, -1, -1, -2, -2])
    known = np.array([1, 1, nan, nan, nan, nan, 1, 1])
    (only,) = enrichment(labels, known)
    assert (only.size, only.conductors) == (3, 2)
    assert only.p_value == pytest.approx(fisher_exact([[2, 1], [0, 3]], alternative='greater').pvalue)


@pytest.mark.parametrize(
    ('known', 'options', 'words'),
    [
        ([1, 0], {}, 'shape'),
        ([1, 2, 0], {}, 'other values'),
        (['yes', 'no', 'no'], {}, 'others NaN'),
        ([nan, 0, 0], {}, 'none of the rows'),
        ([1, 0, 0], {'background': 'some'}, 'background is one of all, labelled'),
    ],
)
def test_labels_are_checked(known, options, words):
    with pytest.raises(InputError, match=words):
        enrichment([0, 0, 1], known, **options)


def test_candidates_are_unknown_members_of_enriched_clusters_the_nearest_first():
    values = np.concatenate([np.linspace(0, 1, 9), np.linspace(10, 11, 30)])
    known = np.full(39, nan)
    known[[0, 1, 2, 3]] = 1
    known[4] = 0
    found = cluster(values, None, ClusterOptions(n_clusters=2))
    listed = candidates(found, enrichment(found.labels, known), known)
    assert [(entry.row, entry.nearest) for entry in listed] == [(5, 3), (6, 3), (7, 3), (8, 3)]
    assert listed[0].distance == pytest.approx(values[5] - values[3])
    assert candidates(found, enrichment(found.labels, known), known, alpha=1e-9) == []
    with pytest.raises(InputError, match='alpha'):
        candidates(found, [], known, alpha=5)


def test_diffusivities_become_labels():
    labels = conductors_from_diffusivity([0.0, 1e-6, nan, 2e-5], 1e-6)
    np.testing.assert_array_equal(labels, [0, 0, nan, 1])
    with pytest.raises(InputError, match='negative'):
        conductors_from_diffusivity([-1.0])


def test_values_are_compared_between_clusters():
    labels = np.repeat([0, 1, -1], [10, 10, 1])
    values = np.concatenate([np.arange(10.0), np.arange(10.0) + 20, [999.0]])
    found = group_difference(labels, values)
    assert found.p_value < 1e-3
    assert found.medians == (4.5, 24.5)
    assert found.positive == (0.9, 1.0)
    assert group_difference(labels, np.zeros(21)).p_value == 1.0
    with pytest.raises(InputError, match='two clusters'):
        group_difference(np.zeros(5), np.arange(5.0))


def test_rank_correlation_has_an_interval_around_it():
    rng = np.random.default_rng(1)
    one = rng.normal(size=60)
    two = np.where(one + rng.normal(size=60) > 0, one, 0.0)
    two[7] = nan
    found = rank_correlation(one, two)
    expected = spearmanr(np.delete(one, 7), np.delete(two, 7))
    assert (found.rho, found.p_value) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))
    assert found.n == 59
    assert found.low < found.rho < found.high
    assert 0.1 < found.high - found.low < 0.7
    assert rank_correlation(one, two) == found
    assert rank_correlation(one, -two).rho == pytest.approx(-found.rho)


@pytest.mark.parametrize(
    ('one', 'two', 'words'),
    [
        ([1, 2, nan, 4], [1, 2, 3, 4], '3 rows have both'),
        ([1, 2, 3, 4], [0, 0, 0, 0], 'the same in all 4 rows'),
        ([1, 2, 3, 4], [1, 2, 3], 'shapes'),
    ],
)
def test_correlations_need_pairs(one, two, words):
    with pytest.raises(InputError, match=words):
        rank_correlation(one, two)
