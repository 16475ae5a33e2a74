"""Parts of the report of a screening from what jobs say of themselves. Counts and scores are invented."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_limap.engines.errors import LimapError
from aiida_limap.engines.screening.linear import LinearModel
from aiida_limap.tools._query_error import QueryError
from aiida_limap.tools._screening_parts import (
    curve_sets,
    element_values,
    funnel_stages,
    histograms,
    model_scores,
)
from aiida_limap.tools._screening_published import BEST_SUBSET, TABLE
from aiida_limap.tools._screening_ternaries import STEP_PERCENT, chosen_systems, read_systems, ternaries


class Rule:
    """An estimator as far as a screen sees one."""

    def __init__(self, features: tuple[str, ...], weights: list[float], intercept: float) -> None:
        self.linear = LinearModel(features, np.array(weights), intercept)


def test_the_funnel_has_the_published_counts_beside_ours():
    screen = {
        'counts': [['all', 1000], ['neutral', 100], ['neutral_fast', 7], ['light', 3], ['anions', 2]],
        'integer_counts': [['neutral', 50], ['neutral_fast', 4]],
    }
    found = {stage.name: stage for stage in funnel_stages(screen)}
    assert list(found) == ['all', 'fast', 'neutral', 'neutral_fast', 'light', 'anions']
    assert (found['all'].count, found['all'].published) == (1000, 20_000_000_000)
    assert (found['fast'].count, found['fast'].published) == (None, 12_000_000_000)
    assert found['neutral'].part_of == 'all'
    assert (found['neutral_fast'].integers, found['light'].integers) == (4, None)
    assert funnel_stages({}) == ()


def test_histograms_leave_out_empty_ends():
    edges = list(range(-5, 6))
    tallies = {'score': {'edges': edges, 'neutral': [0, 0, 0, 2, 5, 1, 0, 0, 0, 0], 'left': [0] * 10}}
    (found,) = histograms({'tallies': tallies})
    assert (found.name, found.counts, found.edges) == ('neutral', (0, 2, 5, 1, 0), (-3, -2, -1, 0, 1, 2))
    assert histograms({}) == ()


def score(model, data_set, validation, accuracy):
    scores = {'accuracy': {'value': accuracy, 'spread': 0.05}, 'mcc': {'value': float('nan'), 'spread': None}}
    named = {'model': model, 'data_set': data_set, 'validation': validation}
    return {**named, 'n': 40, 'scores': scores, 'chance': 0.6}


def test_published_accuracies_stand_beside_the_same_way_of_judging():
    metrics = [
        score('esml', 'MP', '10-fold', 0.9),
        score('sml', 'exp', '5-fold, 10 times', 0.8),
        score('sml', 'exp', 'leave-one-out', 0.85),
    ]
    found = model_scores({'metrics': metrics})
    named = {(entry.model, entry.data_set, entry.validation): entry for entry in found}
    assert named['sML', 'exp', 'leave-one-out'].published_accuracy == 0.9
    assert named['sML', 'exp', '5-fold, 10 times'].published_accuracy is None
    assert named['esML', 'MP', '10-fold'].published_accuracy == 0.92
    assert [entry.model for entry in found] == ['sML', 'sML', 'sML', 'esML', 'esML', 'esML']
    assert named['sML', 'DFT', ''].published_accuracy == TABLE['sml', 'DFT']
    assert 'mcc' not in named['sML', 'exp', 'leave-one-out'].scores
    assert model_scores({'metrics': []}) == ()


def test_curves_are_read_and_what_was_not_asked_for_is_said():
    train = {
        'learning_curve': [
            {'share': 1.0, 'rows': 900.0, 'accuracy': {'mean': 0.9, 'sd': 0.01}},
            {'share': 0.1, 'rows': 90.0, 'accuracy': {'mean': 0.8, 'sd': 0.02}},
        ],
        'subset_search': {
            'best': [{'size': 1, 'subsets': 36, 'accuracy': 0.8}, {'size': 2, 'subsets': 630, 'accuracy': 0.9}]
        },
        'nested_selection': {'accuracy': 0.7},
    }
    found, missing = curve_sets(train)
    assert found['learning'].curves[0].x == (90.0, 900.0)
    assert found['learning'].curves[0].spread == (0.02, 0.01)
    search, nested, published = found['subsets'].curves
    assert search.y == (0.8, 0.9)
    assert (nested.x, nested.y) == ((1.0, 2.0), (0.7, 0.7))
    assert (published.x, published.y, published.is_published) == ((BEST_SUBSET[0],), (BEST_SUBSET[1],), True)
    assert found['subsets'].note.startswith('666 subsets were tried')
    assert missing == {'plateau': 'Several dimensions were not asked for.'}
    rows = [
        {'dimension': 3, 'mean': 0.95, 'spread': 0.01, 'committee': 0.96},
        {'dimension': 1, 'mean': 0.9, 'spread': 0.02},
    ]
    found, _missing = curve_sets({'plateau': {'dimensions': rows, 'reached_at': 3}})
    assert (found['plateau'].curves[0].y, found['plateau'].curves[0].spread) == ((0.9, 0.95), (0.02, 0.01))
    assert set(curve_sets({})[1]) == {'learning', 'subsets', 'plateau'}


def test_elements_have_contributions_hits_and_prices():
    screen = {'tallies': {'elements': {'symbols': ['Li', 'O', 'He'], 'left': [5, 0, 3]}}}
    found, missing = element_values(
        screen, {'contributions': {'Li': {'mean': 0.5, 'spread': 0.1}, 'O': {'mean': -0.2}}}
    )
    assert missing == {}
    assert found['contribution'].values == {'Li': 0.5, 'O': -0.2}
    assert found['contribution'].spread == {'Li': 0.1}
    assert found['occurrence'].values == {'Li': 5, 'He': 3}
    assert found['price'].values['Li'] > found['price'].values['O']
    assert set(element_values({}, {})[1]) == {'contribution', 'occurrence', 'price'}


def test_ternary_diagrams_follow_the_rule_of_the_model():
    model = Rule(('mean atomic_number', 'max electronegativity'), [-0.1, 1.0], -2.0)
    formulas = {'Li3PO4': 'Li-O-P', 'Li2S': 'Li-S', 'LiPO3': 'O-P-Li'}
    (found,) = ternaries(model, {'oxidation_states': 'common'}, [('Li', 'P', 'O')], formulas)
    assert len(found.percent) == (100 // STEP_PERCENT - 1) * (100 // STEP_PERCENT - 2) // 2
    place = found.percent.index((20.0, 20.0, 60.0))
    expected = -0.1 * (0.2 * 3 + 0.2 * 15 + 0.6 * 8) + 3.44 - 2
    assert found.scores[place] == pytest.approx(expected)
    # LiPO3 is neutral, and so is everything on its line with the same charges; Li20 P60 O20 is not.
    assert found.neutral[place]
    assert not found.neutral[found.percent.index((40.0, 40.0, 20.0))]
    assert found.formulas == ('Li3PO4', 'LiPO3')
    assert found.hit_percent[0] == pytest.approx((37.5, 12.5, 50.0))


def test_a_model_of_other_features_is_refused():
    with pytest.raises(LimapError):
        ternaries(Rule(('LLB',), [1.0], 0.0), {}, [('Li', 'P', 'O')], {})


def test_systems_of_hits_come_first():
    found = chosen_systems(['Li-Na-O-P', 'O-Li-Na', 'Li-S-P'], [], 'Li')
    assert found[:2] == [('Li', 'Na', 'O'), ('Li', 'P', 'S')]
    assert len(found) == 5
    assert chosen_systems([], ['Li', 'P', 'S'], 'Li') == [('Li', 'P', 'S')]
    assert len(chosen_systems([], [], None)) == 4
    assert read_systems(['Li-P-S']) == [('Li', 'P', 'S')]


@pytest.mark.parametrize('word', ['Li-P', 'Li-P-P', 'Li-P-Xx', 'Li-P-S-O', ''])
def test_what_is_no_ternary_system_is_named(word):
    with pytest.raises(QueryError, match='is no ternary system: give three different elements such as Li-P-S'):
        read_systems([word])
