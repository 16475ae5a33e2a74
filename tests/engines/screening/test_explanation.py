from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pymatgen.core import Composition
from screen_to_be_killed import Learned

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.explanation import explain, published_formulas
from aiida_limap.engines.screening.funnel import ScreenOptions
from aiida_limap.engines.screening.linear import LinearModel
from aiida_limap.engines.screening.prices import cost_usd_per_kg, element_prices
from aiida_limap.engines.screening.screen import screen

#: Everything is fast, so that only the other stages speak.
MODEL = LinearModel(('mean period',), np.array([0.0]), 1.0)
NEUTRAL = {'LiPO3', 'Li2K3GaO4', 'Li4NaGaO4', 'Li2MgO2', 'Li5Na2NO2'}


def test_the_published_formulas_are_all_on_the_grid_of_per_cent():
    found = [explain(formula, MODEL) for formula in published_formulas()]
    assert len(found) == 11
    assert {item.kind for item in found} == {'percent'}
    for item in found:
        assert sum(item.fractions.values()) == 100
        atoms = Composition(item.formula).fractional_composition.get_el_amt_dict()
        assert {symbol: part / 100 for symbol, part in item.fractions.items()} == pytest.approx(atoms)
    # All of them are tenths.
    assert {part % 10 for item in found for part in item.fractions.values()} == {0}


def test_which_published_formulas_pass():
    found = {formula: explain(formula, MODEL) for formula in published_formulas()}
    assert {formula for formula, item in found.items() if item.passes} == NEUTRAL
    assert all([v.stage for v in item.fails] == ['neutral'] for item in found.values() if not item.passes)
    assert 'leaves -1' in found['LiN5P3O'].fails[0].reason
    assert "neutral with the list 'all' and mixed valence: Li+1 Na+0.75 O-2" in found['Li3Na4O3'].fails[0].reason


def test_all_published_formulas_pass_where_states_may_mix():
    options = ScreenOptions(oxidation_states='all', mixed_valence=True)
    assert all(explain(formula, MODEL, options).passes for formula in published_formulas())


@pytest.mark.parametrize('formula', ['LiPO3', 'Li5Na2NO2', 'LiN5P3O', 'Li7P3S11', 'Li3PS4', 'LiGaO2', 'Li9S3N'])
def test_an_explanation_says_what_the_screen_does(formula):
    few = len(Composition(formula)) == 3
    options = ScreenOptions(
        step_percent=1 if few else 10,
        largest_index=11 if few else 3,
        elements=('Li', *(str(symbol) for symbol in Composition(formula) if str(symbol) != 'Li')),
        sizes=(len(Composition(formula)),),
        max_cost_usd_per_kg=60.0,
        best_per_system=1000,
        best_total=200_000,
    )
    if 'O' not in options.elements:
        options = replace(options, anion_classes=('sulfide', 'nitride'))
    hits = {Composition(str(found)) for found in screen(MODEL, options).hits['formula']}
    assert len(hits) < 1000, 'the list must hold all that pass'
    found = explain(formula, MODEL, options)
    assert (Composition(formula) in hits) == found.passes
    assert found.kind == ('integers' if formula in ('Li7P3S11', 'Li3PS4', 'Li9S3N') else 'percent')


def test_each_stage_gives_its_reason():
    options = ScreenOptions(stability_gap=1.0)
    slow = LinearModel(('mean atomic_number',), np.array([1.0]), -20.0)
    found = explain('LiRbPO3', slow, replace(options, max_mean_mass_g_per_mol=20.0))
    reasons = {verdict.stage: verdict.reason for verdict in found.fails}
    assert set(reasons) == {'neutral', 'neutral_fast', 'light', 'affordable', 'first_rows', 'stable'}
    assert reasons['first_rows'] == 'Rb below row 4'
    assert reasons['neutral_fast'].startswith('the score is -')
    assert found.score == pytest.approx((3 + 37 + 15 + 24) / 6 - 20)
    reasons = {verdict.stage: verdict.reason for verdict in explain('Li2BaSiS4', MODEL, options).fails}
    assert reasons['affordable'] == 'no price of Ba is known'
    assert 'sulfide: S is the most electronegative' in reasons['anions']
    assert '3 and 4 elements with Li' in explain('Li2O', MODEL).fails[0].reason
    assert 'does not divide 100, and indices go up to 12' in explain('Li13PO8', MODEL).fails[0].reason
    assert explain('LiPO3', MODEL, ScreenOptions(elements=('Li', 'O', 'S'))).fails[0].reason.startswith('P not among')


@pytest.mark.parametrize('formula', ['LiPO3', 'Li5PO5', 'Li9PO7'])
def test_an_explanation_says_how_far_the_training_is(formula):
    linear = LinearModel(('mean period', 'std group'), np.zeros(2), 1.0)
    model = Learned.draw(linear, ('Li', 'P', 'O', 'S'), 40)
    options = ScreenOptions(elements=('Li', 'P', 'O'), sizes=(3,), step_percent=10, best_per_system=1000)
    found = explain(formula, model, options)
    verdict = found.verdicts[-1]
    hits = screen(model, options).hits
    assert found.passes == verdict.passed == (formula in hits['formula'])
    if verdict.passed:
        distance = float(hits['training_distance'][hits['formula'] == formula][0])
        assert verdict.reason == f'the nearest training rows are at {distance:.2f} of the limit'
    else:
        assert 'training' in verdict.reason
    assert [item.stage for item in explain(formula, model, replace(options, applicability=False)).verdicts] == [
        item.stage for item in found.verdicts[:-1]
    ]


@pytest.mark.parametrize('formula', ['Xx2', 'Li0.5PO3', ''])
def test_what_is_no_formula_is_refused(formula):
    with pytest.raises(InputError, match='formula'):
        explain(formula, MODEL)


def test_prices_have_a_year_and_a_source():
    prices = element_prices()
    assert len(prices) > 70
    for price in prices.values():
        assert price.usd_per_kg > 0
        assert 1999 <= price.year <= 2026
        assert price.source
    # By hand from masses and prices: (2 * 6.94 * 83.5 + 15.999 * 0.154) / 29.879.
    assert cost_usd_per_kg({'Li': 2, 'O': 1}) == pytest.approx(38.87, abs=0.02)
    assert cost_usd_per_kg({'Ba': 1, 'O': 1}) is None
    with pytest.raises(InputError, match='without any element'):
        cost_usd_per_kg({})
