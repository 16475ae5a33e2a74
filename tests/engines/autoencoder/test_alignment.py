from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_limap.engines.autoencoder.alignment import Alignment, align
from aiida_limap.engines.errors import InputError

CODES = np.linspace(-2, 3, 400)


@pytest.mark.parametrize('sign', [1, -1])
@pytest.mark.parametrize('stretch', [lambda x: 0.3 * x + 1, lambda x: np.exp(0.8 * x), lambda x: x**3])
def test_a_monotone_map_is_undone_inside_and_turned_axes_are_turned_back(sign, stretch):
    found = align(CODES, sign * stretch(CODES))
    inside = (CODES > -1.8) & (CODES < 2.8)
    assert found.rank_correlation == pytest.approx(1)
    assert found.sign == sign
    np.testing.assert_allclose(found.apply(sign * stretch(CODES))[inside], CODES[inside], atol=0.05)


def test_the_map_increases_everywhere_and_is_linear_outside():
    rng = np.random.default_rng(0)
    found = align(CODES + 0.5 * rng.normal(size=CODES.size), 2 * CODES)
    wide = found.apply(np.linspace(-30, 30, 5001))
    assert (np.diff(wide) > 0).all()
    np.testing.assert_allclose(np.diff(wide[:100]), np.diff(wide[-100:]), rtol=1e-9)


def test_noise_is_averaged_so_that_aligned_codes_follow_the_trend():
    rng = np.random.default_rng(1)
    reference = CODES + 0.3 * rng.normal(size=CODES.size)
    found = align(reference, np.sinh(CODES))
    assert found.rank_correlation == pytest.approx(np.corrcoef(np.argsort(np.argsort(reference)), np.arange(400))[0, 1])
    assert np.abs(found.apply(np.sinh(CODES)) - CODES).mean() < 0.1


def test_ties_count_by_their_rows():
    found = align(np.array([0.0, 3.0, 6.0, 9.0]), np.array([1.0, 1.0, 1.0, 2.0]))
    np.testing.assert_allclose(found.apply([1.0, 2.0]), [3.0, 9.0])


def test_a_code_without_relation_is_drawn_to_the_mean():
    rng = np.random.default_rng(2)
    reference, codes = rng.normal(size=(2, 4000))
    found = align(reference, codes)
    assert found.rank_correlation < 0.05
    assert found.apply(codes).std() < 0.15 * reference.std()


def test_one_block_gives_a_line_that_still_increases():
    found = align(np.array([30.0, 1, 2, 3, 4, 5]), np.arange(6.0))
    assert found.knots.size == 1
    assert (np.diff(found.apply(np.linspace(-9, 9, 50))) > 0).all()


def test_a_constant_code_has_no_place_on_the_axis():
    found = align(CODES, np.full(CODES.size, 0.7))
    assert found.rank_correlation is None
    assert np.isnan(found.apply([0.7, 1.0])).all()


def test_a_constant_reference_is_given_to_all():
    found = align(np.full(CODES.size, 0.7), CODES)
    assert found.rank_correlation is None
    np.testing.assert_allclose(found.apply([-1.0, 5.0]), 0.7)


def test_plain_values_hold_the_whole_map():
    found = align(CODES, -np.exp(CODES))
    again = Alignment.from_dict(json.loads(json.dumps(found.as_dict())))
    np.testing.assert_array_equal(again.apply(-np.exp(CODES)), found.apply(-np.exp(CODES)))
    constant = Alignment.from_dict(align(CODES, np.ones(CODES.size)).as_dict())
    assert np.isnan(constant.apply([1.0])).all()


@pytest.mark.parametrize(
    ('reference', 'codes'), [([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([1.0, np.nan], [1.0, 2.0]), ([[1.0]], [[2.0]])]
)
def test_rows_that_cannot_be_aligned_are_refused(reference, codes):
    with pytest.raises(InputError, match='aligned'):
        align(reference, codes)


def test_damaged_plain_values_are_refused():
    with pytest.raises(ValueError, match='increase'):
        Alignment.from_dict({'sign': 1, 'knots': [1, 1], 'values': [0, 1], 'slope': 1, 'rank_correlation': None})
