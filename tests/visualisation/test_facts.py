"""The numbers in headings and captions, and the range of the colours."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.facts import check_bundle, colour_scale, formulas, map_facts, outside_domain


def test_scale_resolves_the_low_end_of_a_long_tail():
    values = np.concatenate([np.linspace(0.2, 1.0, 90), np.full(10, 9.5), [np.nan]])
    scale = colour_scale(values)
    assert scale.lower == pytest.approx(0.2)
    assert scale.upper <= 1.5
    assert scale.n_above == 10


def test_scale_covers_all_of_a_compact_set():
    scale = colour_scale(np.array([1.0, 1.1, 1.2]))
    assert (scale.lower, scale.n_above) == (1.0, 0)
    assert scale.upper >= 1.2


def test_scale_of_negative_values_covers_them():
    scale = colour_scale(np.array([-3.0, -2.0, -1.0]))
    assert scale.lower <= -3 and scale.upper >= -1


@pytest.mark.parametrize('values', [[], [np.nan], [0.5], [0.5, 0.5, np.nan]])
def test_no_scale_without_two_different_values(values):
    assert colour_scale(np.array(values, dtype=float)) is None


def test_facts_come_from_the_metadata(make_bundle):
    facts = map_facts(make_bundle())
    assert (facts.n_points, facts.n_without_energy, facts.me_weight, facts.split) == (12, 1, 0.1, 'test')
    assert facts.summary() == [
        '12 points',
        '1 without a migration energy',
        'W = 0.1',
        'predicted migration energy, test split: R² = 0.71, mean absolute error 0.42 eV',
    ]


@pytest.mark.parametrize('metadata', [{}, {'metrics': 3, 'options': None}, {'metrics': {'test': {'r2_me': None}}}])
def test_facts_that_are_not_recorded_are_not_claimed(make_bundle, metadata):
    assert map_facts(make_bundle(metadata=metadata)).summary() == ['12 points', '1 without a migration energy']


def test_formula_is_given_or_read_from_the_sites(make_bundle):
    bundle = make_bundle(2)
    assert formulas(bundle) == ['LiF', 'LiCl']
    properties = dict(bundle.properties) | {'formula': MapProperty(('F1Li1', None), 'Formula')}
    assert formulas(make_bundle(2, properties=properties)) == ['F1Li1', 'LiCl']


def test_bundles_that_no_map_can_show_are_refused(make_bundle):
    with pytest.raises(VisualisationError, match='holds no points'):
        check_bundle(make_bundle(0))
    properties = {name: MapProperty((None, None), name) for name in ('x_comp', 'x_struc')}
    with pytest.raises(VisualisationError, match='no point has both codes'):
        check_bundle(make_bundle(2, properties=properties))
    properties['x_comp'] = MapProperty(('a', 'b'), 'x_comp')
    with pytest.raises(VisualisationError, match='are words'):
        check_bundle(make_bundle(2, properties=properties))


def test_points_outside_of_the_domain_are_counted(make_bundle, uncertain_bundle):
    assert outside_domain(uncertain_bundle).nonzero()[0].tolist() == [5]
    assert '1 outside the domain' in map_facts(uncertain_bundle).summary()
    assert not outside_domain(make_bundle()).any()
