from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import binom

from aiida_limap.engines.autoencoder.conformal import (
    LEVELS,
    Calibration,
    conformal_quantile,
    coverage,
    group_weights,
)
from aiida_limap.engines.autoencoder.energies import EnergyScale
from aiida_limap.engines.errors import InputError

PLAIN = EnergyScale('none', 0.1, 1.0)


@pytest.mark.parametrize('n', [9, 19, 20, 37, 100])
@pytest.mark.parametrize('level', LEVELS)
def test_the_quantile_is_the_score_of_the_exact_rank(n, level):
    scores = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    rank = math.ceil(round((n + 1) * level, 9))
    assert conformal_quantile(scores, level) == (rank if rank <= n else None)


def test_too_few_rows_give_no_end():
    assert conformal_quantile(np.arange(18.0), 0.95) is None
    assert conformal_quantile(np.arange(19.0), 0.95) == 18.0
    assert conformal_quantile([], 0.8) is None


def test_groups_weigh_alike():
    scores = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 6.0, 6.0])
    groups = ['a', 'b', 'c', 'd', 'e', 'f', 'f', 'f']
    assert group_weights(groups).sum() == pytest.approx(6)
    # Six groups and the new one: five of seven are reached by the fifth, six by the last.
    assert conformal_quantile(scores, 5 / 7, groups) == 5.0
    assert conformal_quantile(scores, 0.8, groups) == 6.0
    # Six groups are too few for nine tenths, however many rows they have.
    assert conformal_quantile(scores, 0.9, groups) is None


@pytest.mark.parametrize('level', LEVELS)
def test_a_new_row_is_covered_as_often_as_promised(level):
    """With n = 79 the probability of coverage is exactly ceil(80 level) / 80; 4000 draws are binomial about it."""
    rng = np.random.default_rng(20)
    n, draws = 79, 4000
    hits = 0
    for _ in range(draws):
        scores = rng.exponential(size=n + 1)
        hits += scores[-1] <= conformal_quantile(scores[:-1], level)
    exact = math.ceil(round((n + 1) * level, 9)) / (n + 1)
    low, high = binom.interval(0.999, draws, exact)
    assert low <= hits <= high


def test_rows_of_new_groups_are_covered_where_rows_taken_singly_would_not_be():
    """Few large easy groups would narrow the intervals of all if their rows counted singly."""
    rng = np.random.default_rng(21)
    draws, singly, grouped = 3000, 0, 0
    for _ in range(draws):
        sizes = np.where(rng.uniform(size=41) < 0.2, 20, 1)
        level = np.where(sizes == 1, 3.0, 0.3) * rng.exponential(size=41)
        scores = [scale * rng.uniform(0.9, 1.1, size) for scale, size in zip(level, sizes, strict=True)]
        known, new = np.concatenate(scores[:-1]), scores[-1][0]
        names = np.repeat(np.arange(40), sizes[:-1])
        grouped += new <= conformal_quantile(known, 0.8, names)
        singly += new <= conformal_quantile(known, 0.8)
    assert grouped >= binom.ppf(0.001, draws, 0.8)
    assert singly < binom.ppf(0.001, draws, 0.8)


@pytest.mark.parametrize('transform', ['none', 'sqrt', 'log'])
def test_intervals_hold_new_energies_on_every_scale(transform):
    rng = np.random.default_rng(22)
    observed = rng.exponential(size=6000)
    scale = EnergyScale.fit(observed, transform, 0.1)
    predicted = scale.backward(scale.forward(observed) + 0.05 * rng.normal(size=6000))
    names = np.arange(6000)
    calibration = Calibration.fit(predicted[:2000], observed[:2000], names[:2000], scale=scale)
    for level in LEVELS:
        low, high = calibration.interval(predicted[2000:], level, scale=scale)
        assert (low >= 0).all()
        assert (low <= high).all()
        found = coverage(low, high, observed[2000:])
        # The coverage of one calibration is spread by its 2000 rows too.
        spread = math.sqrt(level * (1 - level) * (1 / 2000 + 1 / 4000))
        assert abs(found - level) < 4 * spread


def test_local_intervals_are_narrow_where_rows_are_easy():
    rng = np.random.default_rng(23)
    hard = rng.uniform(0.1, 2, size=4000)
    predicted = np.full(4000, 5.0)
    observed = predicted + hard * rng.normal(size=4000)
    names = np.arange(4000)
    calibration = Calibration.fit(predicted[:2000], observed[:2000], names[:2000], scale=PLAIN, difficulty=hard[:2000])
    assert calibration.kinds == ('constant', 'local')
    low, high = calibration.interval(predicted[2000:], 0.9, scale=PLAIN, difficulty=hard[2000:])
    wide = high - low
    assert abs(coverage(low, high, observed[2000:]) - 0.9) < 0.03
    easy = hard[2000:] < 0.6
    constant = np.subtract(*calibration.interval(predicted[2000:], 0.9, scale=PLAIN)[::-1])
    assert wide[easy].max() < wide[~easy].min()
    assert wide[easy].mean() < constant[easy].mean()


def test_rows_without_an_energy_do_not_count():
    observed = np.array([0.5, np.nan, 0.7])
    calibration = Calibration.fit([0.4, 9.0, 0.7], observed, ['a', 'b', 'c'], scale=PLAIN)
    assert (calibration.n_rows, calibration.n_groups) == (2, 2)
    assert coverage([0.0, 0.0, 0.8], [1.0, 1.0, 0.9], observed) == 0.5
    assert coverage([0.0], [1.0], [np.nan]) is None
    assert coverage([0, 0, 0], [1, 1, 0], [0.5, 0.5, 0.5], ['a', 'a', 'b']) == 0.5


def test_no_rows_give_intervals_without_ends():
    calibration = Calibration.fit([], [], [], scale=PLAIN)
    low, high = calibration.interval([0.3], 0.9, scale=PLAIN)
    assert (low[0], high[0]) == (-np.inf, np.inf)


def test_plain_values_hold_everything():
    rng = np.random.default_rng(24)
    energies = rng.exponential(size=30)
    calibration = Calibration.fit(energies + 0.1, energies, range(30), scale=PLAIN, difficulty=np.ones(30))
    again = Calibration.from_dict(json.loads(json.dumps(calibration.as_dict(), allow_nan=False)))
    assert again == calibration


def test_wrong_levels_and_kinds_are_refused():
    calibration = Calibration.fit([1.0], [1.0], ['a'], scale=PLAIN)
    with pytest.raises(InputError, match=r'0\.8, 0\.9, 0\.95, not 0\.5'):
        calibration.interval([1.0], 0.5, scale=PLAIN)
    with pytest.raises(InputError, match='no local intervals; known are constant'):
        calibration.interval([1.0], 0.9, scale=PLAIN, difficulty=[1.0])
    with pytest.raises(InputError, match='between 0 and 1'):
        conformal_quantile([1.0], 1.0)
    with pytest.raises(InputError, match='difficulty'):
        Calibration.fit([1.0], [1.0], ['a'], scale=PLAIN, difficulty=[-1.0])
    with pytest.raises(ValueError, match='calibration'):
        Calibration.from_dict({**calibration.as_dict(), 'quantiles': {'odd': {}}})
