from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._atom2vec_network import Networks, Shape, reduce_rows
from aiida_limap.engines.screening._atom2vec_rows import SparseRows, read_fractions
from aiida_limap.engines.screening.atom2vec import Atom2VecClassifier, dimension_plateau, element_contributions
from aiida_limap.engines.screening.models import load_model
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.weights import read_weights, write_weights

ELEMENTS = ('Li', 'Na', 'Mg', 'P', 'S', 'Cl', 'O', 'F')
#: What each element brings to the score of the made-up rule.
WORTH = np.array([2.0, 0.5, -0.5, 0.3, 1.0, 0.0, -1.2, -1.5])
QUICK = {'epochs': 60, 'batch_size': 32, 'calibration_folds': 3}


def problem(n: int = 400, noise: float = 0.03, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Compositions of Li and two or three others, and labels by a linear rule of their fractions up to noise."""
    generator = np.random.default_rng(seed)
    fractions = np.zeros((n, len(ELEMENTS)))
    for row in fractions:
        others = 1 + generator.choice(len(ELEMENTS) - 1, generator.integers(2, 4), replace=False)
        row[[0, *others]] = generator.integers(1, 9, len(others) + 1)
    fractions /= fractions.sum(axis=1, keepdims=True)
    score = fractions @ WORTH - 0.15 + noise * generator.normal(size=n)
    return fractions, (score > 0).astype(np.int64)


@pytest.fixture(scope='module')
def model() -> Atom2VecClassifier:
    fractions, labels = problem()
    return Atom2VecClassifier(members=2, **QUICK).fit(fractions, labels, elements=ELEMENTS)


def test_reductions_are_those_of_their_definition():
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(5, 3, 2)).astype(np.float32)
    fractions = np.array([[0.5, 0, 0.25, 0, 0.25], [0, 1, 0, 0, 0], [0.2, 0.2, 0.2, 0.2, 0.2]])
    rows = SparseRows.from_fractions(fractions)
    found = reduce_rows(
        torch.from_numpy(vectors),
        torch.from_numpy(rows.places),
        torch.from_numpy(rows.amounts),
        ('max', 'mean', 'std', 'min'),
    ).numpy()
    for network in range(3):
        for place, own in enumerate(fractions):
            weighted = own[:, None] * vectors[:, network]
            mean = weighted.sum(axis=0)
            std = np.sqrt((own[:, None] * (vectors[:, network] - mean) ** 2).sum(axis=0))
            # Zero, the row of an absent element, is always among the least and the largest.
            expected = np.concatenate([weighted.max(axis=0, initial=0), mean, std, weighted.min(axis=0, initial=0)])
            assert found[network, place] == pytest.approx(expected, abs=2e-4)


def test_weights_of_a_network_do_not_depend_on_its_neighbours():
    shape = Shape(4, 3, ('mean', 'max'), (8, 4))
    together = Networks.random(shape, [5, 6, 7], 'cpu').tensors(slice(1, 2))
    alone = Networks.random(shape, [6], 'cpu').tensors(slice(None))
    assert all((together[name] == alone[name]).all() for name in alone)


def test_it_learns_a_rule_and_says_how_sure_it_is(model):
    fractions, labels = problem(2000, seed=1)
    assert model.score(fractions, labels) > 0.93
    probability = model.predict_proba(fractions)[:, 1]
    sure = (probability < 0.1) | (probability > 0.9)
    assert sure.mean() > 0.5
    assert model.score(fractions[sure], labels[sure]) > 0.97
    assert probability.mean() == pytest.approx(labels.mean(), abs=0.04)


def test_formulas_and_fractions_of_any_scale_give_the_same(model):
    fractions, _ = read_fractions(['Li3PS4', 'Li2O', 'LiMgCl3'], ELEMENTS)
    scores = model.decision_function(['Li3PS4', 'Li2O', 'LiMgCl3'])
    assert model.decision_function(100 * fractions) == pytest.approx(scores, abs=1e-6)
    assert model.decision_function(np.array(['Li6P2S8', 'Li4O2', 'Li2Mg2Cl6'])) == pytest.approx(scores, abs=1e-6)


def test_the_same_seed_gives_the_same_model_and_another_seed_another():
    fractions, labels = problem(200)
    quick = Atom2VecClassifier(epochs=3, calibration_folds=0, seed=4)
    scores = [
        one.fit(fractions, labels, elements=ELEMENTS).decision_function(fractions)
        for one in (quick, clone(quick), Atom2VecClassifier(epochs=3, calibration_folds=0, seed=5))
    ]
    assert (scores[0] == scores[1]).all()
    assert np.abs(scores[0] - scores[2]).max() > 1e-3


def test_a_file_gives_the_same_model(model, tmp_path):
    fractions, _ = problem(50, seed=2)
    model.save(tmp_path / 'model.safetensors')
    again = load_model(tmp_path / 'model.safetensors')
    assert isinstance(again, Atom2VecClassifier)
    assert again.get_params() == model.get_params()
    assert (again.predict_proba(fractions) == model.predict_proba(fractions)).all()
    assert again.elements == model.elements == ELEMENTS
    assert (again.element_vectors == model.element_vectors).all()
    assert again.element_vectors.shape == (len(ELEMENTS), 3)
    assert again.applicability(['LiCl', 'Li2O']).ratios == pytest.approx(model.applicability(['LiCl', 'Li2O']).ratios)
    assert again.data_hash_ == model.data_hash_


def test_a_damaged_file_is_refused(model, tmp_path):
    model.save(tmp_path / 'model.safetensors')
    tensors, header = read_weights(tmp_path / 'model.safetensors')
    write_weights(tmp_path / 'cut.safetensors', tensors | {'weights.0': tensors['weights.0'][:, :-1]}, header)
    with pytest.raises(FormatError, match=r'weights\.0 has the shape'):
        Atom2VecClassifier.load(tmp_path / 'cut.safetensors')
    write_weights(tmp_path / 'other.safetensors', tensors, header | {'kind': 'screening-sml'})
    with pytest.raises(FormatError, match="holds 'screening-sml'"):
        Atom2VecClassifier.load(tmp_path / 'other.safetensors')


@pytest.mark.parametrize(
    'options',
    [{}, {'dimension': 2, 'reductions': ('max', 'mean'), 'hidden': (7, 5, 3)}, {'hidden': (6,), 'members': 3}],
)
def test_the_compiled_scorer_agrees_with_the_network(options):
    fractions, labels = problem(700)
    settings = {'epochs': 2, 'calibration_folds': 0, **options}
    model = Atom2VecClassifier(**settings).fit(fractions, labels, elements=ELEMENTS)
    scorer = model.scorer()
    expected = model.decision_function(fractions)
    assert scorer.score(fractions) == pytest.approx(expected, abs=1e-5)
    rows = SparseRows.from_fractions(fractions)
    percents = np.rint(1e4 * rows.amounts).astype(np.int32)
    assert scorer.score_sparse(rows.places.astype(np.uint8), percents, total=1e4) == pytest.approx(expected, abs=1e-2)


def test_many_rows_are_shared_out_between_threads(model):
    scorer = model.scorer()
    amounts = np.random.default_rng(0).integers(1, 50, (150_000, 4)).astype(np.uint8)
    places = scorer.places(['Li', 'P', 'S', 'O'])
    alone = scorer.score_sparse(places, amounts, total=100, threads=1)
    assert (scorer.score_sparse(places, amounts, total=100, threads=3) == alone).all()


def test_the_scorer_refuses_what_it_does_not_know(model):
    scorer = model.scorer()
    with pytest.raises(InputError, match='no vector for Xe'):
        scorer.places(['Li', 'Xe'])
    with pytest.raises(InputError, match='between 0 and 7'):
        scorer.score_sparse(np.array([[0, 8]]), np.array([[1, 1]]), total=2)
    with pytest.raises(InputError, match='one shape'):
        scorer.score_sparse(np.array([[0, 1, 2]]), np.array([[1, 1]]), total=2)


def test_unseen_elements_and_far_compositions_are_out_of_range():
    fractions, labels = problem(300)
    columns = (*ELEMENTS, 'Xe')
    model = Atom2VecClassifier(epochs=1, calibration_folds=0)
    model.fit(np.pad(fractions, ((0, 0), (0, 1))), labels, elements=columns)
    assert model.elements == ELEMENTS
    found = model.applicability(['Li3PS4', 'LiXe', 'Na'])
    assert found.inside.tolist() == [True, False, False]
    assert 'no training row holds Xe' in found.reasons[1]
    assert 'of the atoms differ' in found.reasons[2]
    assert model.applicability(np.pad(fractions, ((0, 0), (0, 1)))).inside.mean() > 0.95


def test_balanced_classes_find_more_of_the_rare_one():
    fractions, _ = problem(600, seed=3)
    labels = (fractions @ WORTH + 0.3 * np.random.default_rng(0).normal(size=600) > 1.1).astype(np.int64)
    assert 0.02 < labels.mean() < 0.25
    named = [
        Atom2VecClassifier(class_weight=weight, **QUICK).fit(fractions, labels, elements=ELEMENTS).predict(fractions)
        for weight in (None, 'balanced')
    ]
    assert named[1][labels == 1].mean() > named[0][labels == 1].mean()
    assert named[1].sum() > named[0].sum()


def test_contributions_follow_the_rule_that_made_the_labels():
    fractions, labels = problem(600, noise=0.0)
    options = {'elements': ELEMENTS, 'epochs': 40, 'batch_size': 64}
    found = element_contributions(fractions, labels, starts=6, **options)
    assert found.elements == ELEMENTS
    assert found.hyperplane.shape == found.gradient.shape == (6, len(ELEMENTS))
    assert found.plane_agreement.min() > 0.9
    for by in ('hyperplane', 'gradient'):
        assert found.ranking(by)[0] == 'Li'
        assert set(found.ranking(by)[-2:]) == {'O', 'F'}
        assert found.ranking(by, among=('O', 'S', 'F', 'Cl'))[0] == 'S'
    # Of a linear rule the plane is the rule: contributions differ by a factor only.
    assert np.corrcoef(found.hyperplane.mean(axis=0), WORTH)[0, 1] > 0.95
    few = element_contributions(fractions, labels, starts=2, **options)
    assert few.hyperplane == pytest.approx(found.hyperplane[:2], abs=1e-3)
    assert dict(found.items())['Li'].mean() == pytest.approx(found.as_dict()['Li']['mean'])


def test_slopes_are_those_of_finite_differences():
    fractions, labels = problem(300)
    options = {'epochs': 5, 'batch_size': 32}
    found = element_contributions(fractions, labels, starts=1, elements=ELEMENTS, **options)
    model = Atom2VecClassifier(calibration_folds=0, **options).fit(fractions, labels, elements=ELEMENTS)
    step, place = 1e-3, ELEMENTS.index('S')
    rows = fractions[fractions[:, place] > 0]
    moved = [(1 - sign * step) * rows + sign * step * np.eye(len(ELEMENTS))[place] for sign in (1, -1)]
    slope = (model.decision_function(moved[0]) - model.decision_function(moved[1])).mean() / (2 * step)
    spread = model.decision_function(fractions).std()
    assert found.gradient[0, place] == pytest.approx(slope / spread, rel=0.02)


def test_one_dimension_is_worse_than_three_where_two_things_count():
    generator = np.random.default_rng(0)
    fractions = generator.dirichlet(np.ones(len(ELEMENTS)), 500)
    # A ring of two independent sums: no line through one of them can tell.
    one, two = fractions[:, 0] - fractions[:, 1], fractions[:, 2] - fractions[:, 3]
    labels = (one**2 + two**2 > np.median(one**2 + two**2)).astype(np.int64)
    found = dimension_plateau(fractions, labels, (1, 3), folds=2, starts=2, elements=ELEMENTS, epochs=60, batch_size=32)
    means = found.agreement.mean(axis=1)
    assert found.agreement.shape == (2, 4)
    assert means[1] > means[0] + 0.03
    assert found.reached_at == 3
    assert found.committee[1] == pytest.approx(((found.scores[1] > 0) == (labels == 1)).mean())
    assert [row['dimension'] for row in found.as_dict()['dimensions']] == [1, 3]


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'dimension': 0}, 'dimension must be a whole number of at least 1'),
        ({'reductions': ('mean', 'mode')}, "unknown reduction 'mode'"),
        ({'hidden': ()}, 'hidden must be a list'),
        ({'learning_rate': 0}, 'learning_rate must be a number above 0'),
        ({'class_weight': 'fair'}, 'class_weight must be'),
        ({'device': 'abacus'}, "device 'abacus' is not available"),
        ({'contradictions': 'forget'}, 'contradictions must be one of'),
        ({'learning_rate': 1e6}, 'diverged'),
    ],
)
def test_options_that_make_no_sense_are_refused(options, words):
    fractions, labels = problem(60)
    with pytest.raises(InputError, match=words):
        Atom2VecClassifier(**{'epochs': 5, **options}).fit(fractions, labels, elements=ELEMENTS)


def test_data_that_make_no_sense_are_refused(model):
    fractions, labels = problem(60)
    fit = Atom2VecClassifier(epochs=1).fit
    with pytest.raises(InputError, match='all 60 labels'):
        fit(fractions, np.zeros(60), elements=ELEMENTS)
    with pytest.raises(InputError, match='1 labels are NaN'):
        fit(fractions, np.where(np.arange(60) == 3, np.nan, labels), elements=ELEMENTS)
    with pytest.raises(InputError, match='none below zero'):
        fit(-fractions, labels, elements=ELEMENTS)
    with pytest.raises(InputError, match="'Qq' is not the symbol"):
        fit(fractions, labels, elements=('Qq', *ELEMENTS[1:]))
    with pytest.raises(InputError, match='have equal features but different labels'):
        Atom2VecClassifier(contradictions='refuse').fit(['Li2O', 'Li4O2', 'LiCl'], [0, 1, 0])
    with pytest.raises(InputError, match='expected rows with one column for each of 8'):
        model.predict(fractions[:, :5])
    with pytest.raises(InputError, match='Xe: no column'):
        model.predict(['LiXe'])
    with pytest.raises(InputError, match='a list of formulas'):
        model.predict('Li2O')
    with pytest.raises(InputError, match='not calibrated'):
        Atom2VecClassifier(epochs=1, calibration_folds=0).fit(['Li2O', 'Li3N'], [0, 1]).predict_proba(['Li2O'])
    with pytest.raises(InputError, match="unknown option 'depth'"):
        element_contributions(fractions, labels, starts=1, elements=ELEMENTS, depth=3)
