"""The parts of the benchmarks of descriptors that decide what their numbers mean."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.engines.descriptors import load_layout
from benchmarks.features import Described, FeatureSet, block_sets, layout_sets
from benchmarks.featurizing import PEERS, Stopwatch, time_row

needs_sklearn = pytest.mark.skipif(importlib.util.find_spec('sklearn') is None, reason='scikit-learn is not installed')
COMPACT = load_layout('compact')


@pytest.fixture
def described():
    numbers = np.random.default_rng(1)
    rows = {
        name: {part: numbers.random(len(COMPACT.columns(part))) for part in ('composition', 'structure')}
        for name in 'abc'
    }
    return Described(COMPACT, rows, {})


def test_sets_hold_the_columns_and_scales_of_their_parts(described):
    composition, structure, both = layout_sets(described, ['b', 'a'])
    np.testing.assert_array_equal(both.values, np.hstack([composition.values, structure.values]))
    np.testing.assert_array_equal(structure.values[1], described.rows['a']['structure'])
    assert composition.scales == ((0, 294),)
    assert both.scales == ((0, 294), (294, 486), (486, 522), (522, 600))


def test_a_block_and_the_others_make_up_the_row(described):
    found = {name: (only, rest) for name, only, rest in block_sets(described, ['a', 'b', 'c'])}
    assert list(found) == [
        'composition: element_histogram', 'composition: element_fractions', 'structure: rdf', 'structure: adf',
        'structure: voronoi',
    ]  # fmt: skip
    only, rest = found['structure: adf']
    assert only.scales == ((0, 36),)
    assert rest.scales == ((0, 294), (294, 486), (486, 564))
    np.testing.assert_array_equal(only.values[0], described.rows['a']['structure'][192:228])
    for only, rest in found.values():
        assert only.values.shape[1] + rest.values.shape[1] == 600


def test_what_is_measured_within_counts_once():
    watch = Stopwatch()

    def work(seconds: float) -> None:
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass

    started = time.process_time()
    with watch.of('outer'):
        work(0.02)
        with watch.of('inner'):
            work(0.03)
    whole = time.process_time() - started
    assert watch.seconds['inner'] >= 0.03
    assert 0.02 <= watch.seconds['outer'] <= whole - 0.03
    assert sum(watch.seconds.values()) <= whole


def test_a_timed_row_names_every_block_and_what_they_share():
    structure = load_prototypes()[0].structure()
    seconds = time_row(structure, COMPACT)
    assert {'composition: element_histogram', 'structure: rdf', 'structure: adf', 'structure: voronoi'} <= set(seconds)
    assert {'shared: neighbours', 'shared: voronoi', 'shared: class_indices'} <= set(seconds)
    assert 'shared: charges' not in seconds
    assert all(value >= 0 for value in seconds.values())


def test_peers_stand_beside_the_same_geometry():
    beside = {name: [peer.name for peer in PEERS if peer.counted and peer.stands_beside(load_layout(name))]
              for name in ('compact', 'yamaguchi2023', 'modern')}  # fmt: skip
    assert 'PartialRadialDistributionFunction, 10 Å' in beside['yamaguchi2023']
    assert 'PartialRadialDistributionFunction, 8 Å' in beside['compact']
    assert 'PartialRadialDistributionFunction, 10 Å' not in beside['compact']
    assert not any('Voronoi' in name for name in beside['modern'])
    for names in beside.values():
        kinds = [kind for peer in PEERS if peer.name in names for kind in peer.kinds]
        assert len(kinds) == len(set(kinds))


def test_ratios_leave_out_failures_and_count_them():
    from benchmarks.descriptors import compared

    def row(own: float, peer: float | None, *, late: bool = False) -> dict:
        alone = {'composition': own, 'rdf': own, 'adf': own, 'voronoi': own}
        result = {'seconds': peer, 'out_of_time': late, 'error': None}
        return {
            'layouts': {'mine': {'alone': alone, 'row': {'structure: rdf': 2 * own, 'landscape: x': 99.0}}},
            'peers': {entry.name: result for entry in PEERS},
        }

    rows = [row(0.001, 0.1), row(0.001, 0.4, late=True), row(0.001, None), {'layouts': {'mine': None}, 'peers': {}}]
    found = {entry['peer']: entry for entry in compared(rows, COMPACT, 'mine')}
    rdf = found['PartialRadialDistributionFunction, 8 Å']
    assert rdf['ratio']['count'] == 2
    assert rdf['ratio']['median'] == pytest.approx(250)
    assert (rdf['failed'], rdf['out_of_time']) == (1, 1)
    # Four featurizers count, each beside half of the row; the landscape does not.
    assert found['total']['ratio_of_means'] == pytest.approx(4 * 0.5 / 0.004)


@needs_sklearn
def test_maxima_come_from_the_training_rows():
    from benchmarks.models import BlockMaximum

    scaler = BlockMaximum(((0, 2), (2, 3))).fit(np.array([[1.0, -4.0, 0.0], [2.0, 3.0, 0.0]]))
    np.testing.assert_array_equal(scaler.transform(np.array([[8.0, 4.0, 5.0]])), [[2.0, 1.0, 5.0]])


@needs_sklearn
def test_no_formula_is_in_training_and_test():
    from benchmarks.models import cross_validated

    numbers = np.random.default_rng(0)
    # Columns tell the formula and nothing else: where formulas are kept together, nothing can be learnt of the target.
    groups = np.repeat(np.arange(30), 4)
    features = FeatureSet('formula', np.eye(30)[groups], ((0, 30),))
    target = numbers.normal(size=30)[groups]
    score = cross_validated(features, 'extra trees', target, [str(group) for group in groups], 2)
    assert len(score.folds) == 10
    assert len(score.pooled) == 2
    assert score.summary()['r2']['seeds']['mean'] < 0.1
    # Were they not, the formula would give the target.
    apart = cross_validated(features, 'extra trees', target, [str(place) for place in range(120)], 1)
    assert apart.summary()['r2']['seeds']['mean'] > 0.9


@needs_sklearn
@pytest.mark.parametrize('model', ['ridge, block maxima', 'ridge, standardised', 'gradient boosting'])
def test_what_the_columns_tell_is_found(model):
    from benchmarks.models import cross_validated

    numbers = np.random.default_rng(0)
    values = numbers.random((120, 6))
    # A column that is empty but for one row must not spoil a prediction.
    values[:, 5] = 0
    values[7, 5] = 1e-9
    target = values[:, 0] - 2 * values[:, 1]
    score = cross_validated(FeatureSet('x', values, ((0, 6),)), model, target, [str(n) for n in range(120)], 1)
    assert score.summary()['r2']['seeds']['mean'] > 0.7
    assert score.summary()['spearman']['folds']['mean'] > 0.8
