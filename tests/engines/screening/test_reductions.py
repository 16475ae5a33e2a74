"""Reductions of element properties against sums done by hand and against matminer."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_limap.engines.descriptors.elements import ElementDataError
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.element_properties import ELEMENT_PROPERTIES, complete_elements
from aiida_limap.engines.screening.reductions import (
    ALL_REDUCTIONS,
    REDUCTIONS,
    composition_features,
    feature_labels,
    fraction_features,
    fraction_matrix,
)


def test_lithium_oxide_by_hand():
    # Li2O: c(Li) = 2/3, c(O) = 1/3; electronegativities 0.98 and 3.44.
    # mean = (2 * 0.98 + 3.44) / 3 = 1.8; deviations -0.82 and 1.64;
    # variance = (2 * 0.6724 + 2.6896) / 3 = 1.3448; standard deviation 1.159655.
    row = composition_features(['Li2O'], ['electronegativity'], ALL_REDUCTIONS)[0]
    assert row == pytest.approx([1.8, 1.3448**0.5, 0.98, 3.44, 2.46], abs=1e-12)
    # Atomic numbers 3 and 8: mean 14/3, deviations -5/3 and 10/3, variance (2 * 25/9 + 100/9) / 3 = 50/9.
    row = composition_features(['Li2O'], ['atomic_number'])[0]
    assert row == pytest.approx([14 / 3, (50 / 9) ** 0.5, 3, 8], abs=1e-12)


def test_there_are_36_columns_with_names():
    labels = feature_labels()
    assert len(labels) == len(set(labels)) == 36 == len(ELEMENT_PROPERTIES) * len(REDUCTIONS)
    assert labels[:4] == ('mean atomic_number', 'std atomic_number', 'min atomic_number', 'max atomic_number')
    assert 'std electron_affinity_eV' in labels
    assert composition_features(['Li3PS4', 'LiCoO2']).shape == (2, 36)
    assert composition_features([]).shape == (0, 36)


def test_a_composition_counts_not_how_it_is_written():
    from pymatgen.core import Composition

    rows = composition_features(
        ['Li6PS5Cl', 'ClPS5Li6', Composition('Li12P2S10Cl2'), {'Li+': 6, 'P5+': 1, 'S': 5, 'Cl': 1}]
    )
    assert (rows == rows[0]).all()


def test_a_row_does_not_depend_on_the_others():
    formulas = ['Li2O', 'LiCoO2', 'Li7La3Zr2O12', 'Li3N', 'Cs2LiYCl6']
    together = composition_features(formulas)
    assert all(
        (composition_features([formula])[0] == row).all() for formula, row in zip(formulas, together, strict=True)
    )


def test_means_and_extremes_are_those_of_matminer():
    from matminer.featurizers.composition import ElementProperty
    from pymatgen.core import Composition

    # Magpie has the same electronegativities, and temperatures within a few K, for these elements.
    theirs = ElementProperty('magpie', ['Electronegativity', 'MeltingT'], ['mean', 'minimum', 'maximum'])
    formulas = ['Li7P3S11', 'Li3YCl6', 'LiMg3K2O4', 'Li10GeP2S12']
    reference = np.array([theirs.featurize(Composition(formula)) for formula in formulas])
    ours = composition_features(formulas, ['electronegativity', 'melting_temperature_K'], ['mean', 'min', 'max'])
    assert ours[:, :3] == pytest.approx(reference[:, :3], abs=1e-9)
    assert ours[:, 3:] == pytest.approx(reference[:, 3:], abs=6)


def test_a_matrix_of_fractions_gives_the_same_numbers_in_any_order_of_its_columns():
    formulas = ['Li2O', 'Li3PS4', 'LiGaO2', 'Li']
    fractions, symbols = fraction_matrix(formulas)
    assert symbols == ('Li', 'O', 'P', 'S', 'Ga')
    assert fractions.sum(axis=1) == pytest.approx(np.ones(4))
    expected = composition_features(formulas)
    order = [3, 0, 4, 1, 2]
    shuffled = fraction_features(fractions[:, order] * 7, [symbols[place] for place in order])
    assert shuffled == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_many_rows_are_done_in_steps(monkeypatch):
    from aiida_limap.engines.screening import reductions

    generator = np.random.default_rng(3)
    symbols = complete_elements()
    fractions = np.where(generator.random((50, len(symbols))) < 0.05, generator.random((50, len(symbols))), 0)
    fractions[:, 2] = 0.3
    whole = fraction_features(fractions, symbols)
    monkeypatch.setattr(reductions, '_MOST_AT_ONCE', 2000)
    assert (fraction_features(fractions, symbols) == whole).all()


def test_one_element_has_no_spread():
    row = dict(zip(feature_labels(), composition_features(['Li'])[0], strict=True))
    assert all(value == 0 for label, value in row.items() if label.startswith('std'))


@pytest.mark.parametrize(
    ('call', 'error', 'words'),
    [
        (lambda: composition_features(['Li2O'], reductions=['median']), InputError, "unknown reduction 'median'"),
        (lambda: composition_features(['Li2O'], reductions=['min', 'min']), InputError, 'twice'),
        (lambda: composition_features(['Li2O'], ['mass']), InputError, "unknown property 'mass'"),
        (lambda: composition_features(['Li2Xx']), ElementDataError, "'Xx' is not an element"),
        (lambda: composition_features(['LiAt']), ElementDataError, 'leave out At'),
        (lambda: fraction_features([[0.5, 0.5]], ['Li']), InputError, 'one column for each of 1 elements'),
        (lambda: fraction_features([[0.5, np.nan]], ['Li', 'O']), InputError, 'finite numbers'),
        (lambda: fraction_features([[0.0, 0.0]], ['Li', 'O']), InputError, 'one above'),
        (lambda: fraction_features([[1.5, -0.5]], ['Li', 'O']), InputError, 'none below zero'),
    ],
)
def test_wrong_input_is_refused_with_a_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()
