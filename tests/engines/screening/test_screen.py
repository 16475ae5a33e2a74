"""Ranges, folders, stops, second models, and what is refused."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from screen_to_be_killed import LINEAR, MODEL, OPTIONS

from aiida_limap.engines.errors import InputError, LimapError
from aiida_limap.engines.screening.funnel import STAGES, ScreenOptions, anion_class, anions_of
from aiida_limap.engines.screening.linear import LinearModel
from aiida_limap.engines.screening.oxidation_lists import allowed_states
from aiida_limap.engines.screening.screen import merge_results, screen

TESTS = Path(__file__).resolve().parents[2]
N_SYSTEMS = 286


@pytest.fixture(scope='module')
def whole():
    return screen(MODEL, OPTIONS)


def assert_same(one, other) -> None:
    assert one.counts == other.counts
    assert one.integer_counts == other.integer_counts
    assert set(one.hits) == set(other.hits)
    for name, values in one.hits.items():
        np.testing.assert_array_equal(values, other.hits[name], err_msg=name)
    for name, columns in one.histograms.items():
        for column, values in columns.items():
            np.testing.assert_array_equal(values, other.histograms[name][column])
    for name, values in one.elements.items():
        np.testing.assert_array_equal(values, other.elements[name])


def test_counts_fall_from_stage_to_stage(whole):
    assert whole.n_systems == N_SYSTEMS
    assert len(whole.hits['formula']) == OPTIONS.best_total
    assert len(set(whole.hits['formula'])) == OPTIONS.best_total
    values = [stage['count'] for stage in whole.funnel()]
    assert values == sorted(values, reverse=True)
    assert values[0] == whole.n_compositions
    assert values[-1] > 0
    assert whole.message == ''
    assert (np.diff(whole.hits['score']) <= 0).all()
    assert max(np.unique(whole.hits['system'], return_counts=True)[1]) <= OPTIONS.best_per_system
    assert [stage['published'] for stage in whole.funnel()][:3] == [2.0e10, 2.0e9, 1.4e8]


def test_threads_and_blocks_do_not_matter(whole):
    for changes in ({'threads': 1}, {'threads': 3, 'block_systems': 7}):
        assert_same(screen(MODEL, replace(OPTIONS, **changes)), whole)


def test_ranges_are_merged_to_the_whole(whole):
    cuts = [(200, N_SYSTEMS), (0, 33), (33, 200)]
    parts = [screen(MODEL, OPTIONS, first=first, last=last) for first, last in cuts]
    assert_same(merge_results(parts), whole)
    with pytest.raises(InputError, match='were screened twice'):
        merge_results([*parts, screen(MODEL, OPTIONS, first=190, last=210)])
    with pytest.raises(InputError, match='different models or options'):
        merge_results([parts[0], screen(MODEL, replace(OPTIONS, max_period=3), first=0, last=5)])
    with pytest.raises(InputError, match='no results'):
        merge_results([])


def test_a_killed_screen_goes_on_and_finds_the_same(tmp_path, whole):
    command = [sys.executable, str(TESTS / 'screen_to_be_killed.py'), str(tmp_path), '170']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= 170:
                break
        process.kill()
    assert process.returncode == -9
    done = sorted(path.name for path in tmp_path.glob('block-*.npz'))
    assert done == [f'block-{first:07d}-{first + 50:07d}.npz' for first in (0, 50, 100)]
    seen = []
    again = screen(MODEL, OPTIONS, directory=tmp_path, progress=lambda *numbers: seen.append(numbers))
    assert again.n_resumed == 150
    assert seen[-1] == (N_SYSTEMS, N_SYSTEMS)
    assert_same(again, whole)
    assert screen(MODEL, OPTIONS, directory=tmp_path).n_resumed == N_SYSTEMS


def test_damaged_blocks_are_computed_again(tmp_path, whole, caplog):
    screen(MODEL, OPTIONS, directory=tmp_path, last=100)
    (tmp_path / 'block-0000000-0000050.npz').write_bytes(b'PK not a zip')
    with caplog.at_level(logging.WARNING):
        again = screen(MODEL, OPTIONS, directory=tmp_path)
    assert 'block-0000000-0000050.npz is damaged' in caplog.text
    assert again.n_resumed == 50
    assert_same(again, whole)


def test_folders_of_other_screens_are_refused(tmp_path):
    screen(MODEL, OPTIONS, directory=tmp_path, last=10)
    other = replace(MODEL, linear=LinearModel(LINEAR.features, LINEAR.weights * 1.001, LINEAR.intercept))
    with pytest.raises(InputError, match='another model or other options'):
        screen(other, OPTIONS, directory=tmp_path, last=10)
    with pytest.raises(InputError, match='another model or other options'):
        screen(MODEL, replace(OPTIONS, mixed_valence=True), directory=tmp_path, last=10)
    wider = replace(MODEL.applicability_, limit=MODEL.applicability_.limit * 1.001)
    with pytest.raises(InputError, match='another model or other options, or of another release'):
        screen(replace(MODEL, applicability_=wider), OPTIONS, directory=tmp_path, last=10)
    assert json.loads((tmp_path / 'screen.json').read_text())['options']['best_total'] == OPTIONS.best_total
    (tmp_path / 'screen.json').write_text('{')
    with pytest.raises(InputError, match='cannot be read'):
        screen(MODEL, OPTIONS, directory=tmp_path, last=10)
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='cannot be made'):
        screen(MODEL, OPTIONS, directory=tmp_path / 'file' / 'below')


class Threshold:
    """A classifier of compositions for tests: fast where there is much oxygen; it has never seen potassium."""

    elements = ('O', 'Li', 'H', 'N', 'F', 'Na', 'Mg', 'Al', 'P', 'S', 'Cl', 'Mn')

    def __init__(self, least: float) -> None:
        self.least = least

    def predict_proba(self, fractions):
        fast = 1 / (1 + np.exp(-20 * (fractions[:, 0] - self.least)))
        return np.stack([1 - fast, fast], axis=1)


def test_a_second_model_sees_everything_that_passes(whole, tmp_path):
    options = replace(OPTIONS, best_per_system=1000, best_total=100_000)
    everything = screen(MODEL, options)
    n_left = everything.counts['inside'] + everything.integer_counts['inside']
    assert 0 < n_left < everything.counts['anions']
    assert len(everything.hits['formula']) == n_left == everything.n_passed == whole.n_passed
    asked = screen(MODEL, options, second=Threshold(0.325), directory=tmp_path)
    from pymatgen.core import Composition

    expected = [
        str(formula)
        for formula in everything.hits['formula']
        if Composition(str(formula)).get_atomic_fraction('O') > 0.325 and 'K' not in Composition(str(formula))
    ]
    assert 0 < len(expected) < n_left
    assert [str(formula) for formula in asked.hits['formula']] == expected
    assert asked.counts['confirmed'] + asked.integer_counts['confirmed'] == len(expected)
    assert {name: asked.counts[name] for name in everything.counts} == everything.counts
    assert (asked.hits['second_probability'] > 0.5).all()
    few = screen(MODEL, OPTIONS, second=Threshold(0.325))
    assert len(few.hits['formula']) == OPTIONS.best_total
    assert_same(screen(MODEL, replace(OPTIONS, threads=1, block_systems=11), second=Threshold(0.325)), few)
    with pytest.raises(InputError, match='another model or other options'):
        screen(MODEL, options, second=Threshold(0.4), directory=tmp_path)
    with pytest.raises(InputError, match='cannot be the second model'):
        screen(MODEL, options, second=MODEL)


def test_a_classifier_of_compositions_may_be_the_only_model():
    everything = LinearModel(('mean period',), np.zeros(1), 1.0)
    alone = screen(Threshold(0.325), OPTIONS)
    both = screen(everything, OPTIONS, second=Threshold(0.325))
    assert alone.counts == both.counts
    assert alone.counts['neutral_fast'] == alone.counts['neutral']
    assert 0 < alone.counts['confirmed'] < alone.counts['neutral']
    assert alone.note.startswith('a screen asks for the range of linear models only')
    assert (np.diff(alone.hits['score']) <= 0).all()
    np.testing.assert_allclose(alone.hits['score'], alone.hits['second_probability'] - 0.5)


def test_a_network_answers_the_same_in_the_screen_as_alone():
    from aiida_limap.engines.screening.atom2vec import Atom2VecClassifier

    drawn = np.random.default_rng(0)
    fractions = drawn.dirichlet(np.full(len(OPTIONS.elements), 0.3), 200)
    formulas = [
        ''.join(f'{symbol}{share:.6f}' for symbol, share in zip(OPTIONS.elements, row, strict=True) if share > 1e-3)
        for row in fractions
    ]
    network = Atom2VecClassifier(dimension=2, hidden=(8, 8), epochs=3, seed=1)
    network.fit(formulas, (fractions[:, OPTIONS.elements.index('O')] > 0.05).astype(int))
    asked = screen(network, OPTIONS)
    names = [str(formula) for formula in asked.hits['formula']]
    assert len(names) == OPTIONS.best_total
    np.testing.assert_allclose(asked.hits['second_probability'], network.predict_proba(names)[:, 1], atol=1e-5)
    np.testing.assert_allclose(asked.hits['score'], network.decision_function(names), atol=1e-4)


def test_the_range_of_the_model_may_be_left_out_of_the_stages(whole):
    options = replace(OPTIONS, best_per_system=1000, best_total=100_000)
    inside = screen(MODEL, options)
    everything = screen(MODEL, replace(options, applicability=False))
    assert list(everything.counts) == [name for name in inside.counts if name != 'inside']
    assert {name: inside.counts[name] for name in everything.counts} == everything.counts
    near = everything.hits['inside'] == 1
    np.testing.assert_array_equal(everything.hits['formula'][near], inside.hits['formula'])
    np.testing.assert_array_equal(everything.hits['training_distance'][near], inside.hits['training_distance'])
    assert 0 < near.sum() == inside.n_passed < everything.n_passed
    assert (inside.hits['inside'] == 1).all() and (inside.hits['training_distance'] <= 1).all()
    assert everything.hits['training_distance'].max() > 1
    assert whole.note == inside.note == everything.note == ''


def test_a_model_that_does_not_know_its_range_leaves_the_stage_out():
    found = screen(LINEAR, OPTIONS)
    assert found.note.startswith('the model does not say what it learnt from')
    assert 'inside' not in found.counts and not {'inside', 'training_distance'} & set(found.hits)
    off = screen(LINEAR, replace(OPTIONS, applicability=False))
    assert off.note == ''
    assert off.counts == found.counts == screen(MODEL, replace(OPTIONS, applicability=False)).counts
    with pytest.raises(InputError, match='different models or options'):
        merge_results([screen(LINEAR, OPTIONS, last=5), screen(MODEL, OPTIONS, first=5, last=9)])


def test_nothing_within_the_range_is_said():
    narrow = replace(MODEL, applicability_=replace(MODEL.applicability_, limit=1e-9))
    found = screen(narrow, OPTIONS)
    assert found.n_passed == 0 < found.counts['anions']
    assert found.message.startswith('no composition is left after the stage "and within the range of the model"')
    assert {'inside', 'training_distance'} <= set(found.hits)


def test_nothing_left_is_said():
    slow = LinearModel(('mean period',), np.array([0.0]), -1.0)
    assert screen(slow, OPTIONS).message.startswith(
        'no composition is left after the stage "neutral and predicted fast"'
    )


@pytest.mark.parametrize(
    ('changes', 'sentence'),
    [
        ({'elements': ('Li', 'O', 'Xx')}, 'elements hold Xx, which no chemical element is called'),
        ({'elements': 'LiO'}, "elements must be a list, not 'LiO'"),
        ({'elements': ('Li', 'Na', 'K')}, 'none of Li, Na, K has a negative oxidation state'),
        ({'own_states': {'Rb': [1]}}, 'given for Rb, which is not among the elements'),
        ({'own_states': {'O': [-2.5]}}, 'whole numbers from -9 to 9'),
        ({'own_states': [1]}, 'lists of oxidation states by symbol'),
        ({'max_period': 1}, 'nothing can be left: with max_period 1 only H may occur'),
        ({'anion_classes': ('iodide',)}, 'nothing can be left: iodide are wanted, but none of I'),
        ({'anion_classes': ('oxides',)}, "anion_classes holds 'oxides'; known are oxide, sulfide"),
        ({'max_cost_usd_per_kg': float('nan')}, 'max_cost_usd_per_kg must be a number above zero or left out, not nan'),
        ({'max_mean_mass_g_per_mol': -1}, 'max_mean_mass_g_per_mol must be a number above zero'),
        ({'stability_gap': 'big'}, 'stability_gap must be a number'),
        ({'applicability': None}, 'applicability must be true or false, not None'),
        ({'count_all': 1}, 'count_all must be true or false, not 1'),
        ({'step_percent': 3}, 'step_percent must divide 100'),
        ({'step_percent': 1.0}, 'whole number of per cent'),
        ({'sizes': (2, 5)}, '3 or 4 or both'),
        ({'largest_index': 25}, 'largest_index must be a whole number from 0 to 24'),
        ({'best_total': 0}, 'best_total must be a whole number from 1'),
        ({'oxidation_states': 'usual'}, "oxidation_states is one of common, icsd, all, not 'usual'"),
        ({'device': 'abacus'}, "device 'abacus' is not available here"),
        ({'device': None}, 'device is cpu or a name of torch'),
        ({'elements': ('Li', 'O', 'At')}, 'no density_g_per_cm3 of At is known; leave out At'),
    ],
)
def test_wrong_options_are_sentences(changes, sentence):
    with pytest.raises(LimapError, match=sentence):
        screen(MODEL, ScreenOptions.from_dict({**OPTIONS.as_dict(), **changes}))


def test_unknown_options_and_ranges_are_sentences():
    with pytest.raises(InputError, match='no option steps; known are elements, base'):
        ScreenOptions.from_dict({'steps': 1})
    with pytest.raises(InputError, match='systems 5 to 5 were asked for; there are 286'):
        screen(MODEL, OPTIONS, first=5, last=5)


@pytest.mark.parametrize(
    ('model', 'sentence'),
    [
        (LinearModel(('LLB',), np.ones(1), 0.0), 'reads LLB, which no composition tells'),
        (None, 'not NoneType'),
    ],
)
def test_wrong_models_are_sentences(model, sentence):
    with pytest.raises(InputError, match=sentence):
        screen(model, OPTIONS)


def test_weights_that_are_no_numbers_never_reach_a_screen():
    with pytest.raises(InputError, match='finite'):
        LinearModel(('mean period',), np.array([np.nan]), 0.0)


def test_options_survive_json():
    options = replace(OPTIONS, own_states={'Mn': (2, 3)}, stability_gap=0.5)
    again = ScreenOptions.from_dict(json.loads(json.dumps(options.as_dict())))
    assert again.as_dict() == options.as_dict()
    assert_same(screen(MODEL, again, last=20), screen(MODEL, options, last=20))


def test_noble_gases_are_never_neutral():
    gases = ('He', 'Ne', 'Ar', 'Kr', 'Xe', 'Rn')
    for which in ('common', 'icsd', 'all'):
        assert allowed_states(('Li', *gases), which) == {'Li': (1,), **dict.fromkeys(gases, ())}
    few = ScreenOptions(elements=('Li', 'O', 'Kr', 'Xe'), step_percent=5, anion_classes=(), mixed_valence=True)
    found = screen(MODEL, few)
    assert found.n_compositions > 0
    assert found.counts['neutral'] == found.integer_counts['neutral'] == 0
    assert found.message.startswith('no composition is left after the stage "charge neutral"')
    assert screen(MODEL, replace(few, own_states={'Xe': (6,)})).counts['neutral'] > 0


def test_classes_of_anions():
    assert anions_of(['halide', 'oxide']) == {'F', 'Cl', 'Br', 'I', 'O'}
    assert anion_class({'Li': 0.98, 'S': 2.58, 'P': 2.19}) == 'sulfide'
    assert anion_class({'Li': 0.98, 'W': 2.36}) == 'other'
    assert [stage.name for stage in STAGES][:4] == ['all', 'fast', 'neutral', 'neutral_fast']
