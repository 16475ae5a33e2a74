from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef, precision_score, recall_score

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.models import StructureModel
from aiida_limap.engines.screening.validation import (
    bootstrap_intervals,
    chance_levels,
    classification_scores,
    cross_validate,
    learning_curve,
    leave_one_out,
    repeated_cross_validation,
    share_in_folds,
    summarised,
)


def problem(n: int = 90, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n, 3))
    labels = (rows[:, 0] + 0.5 * generator.normal(size=n) > 0.5).astype(np.int64)
    return rows, labels, [f'Li{place // 2}O' for place in range(n)]


def test_scores_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    labels, predicted = generator.integers(0, 2, size=(2, 50))
    scores = classification_scores(labels, predicted, np.full(50, 0.25))
    expected = {
        'accuracy': (labels == predicted).mean(),
        'balanced_accuracy': balanced_accuracy_score(labels, predicted),
        'f1': f1_score(labels, predicted),
        'mcc': matthews_corrcoef(labels, predicted),
        'precision': precision_score(labels, predicted),
        'recall': recall_score(labels, predicted),
    }
    assert {name: scores[name] for name in expected} == pytest.approx(expected)
    assert (scores['n'], scores['n_fast'], scores['n_predicted_fast']) == (50, labels.sum(), predicted.sum())
    share = labels.mean()
    assert scores['brier'] == pytest.approx(share * 0.75**2 + (1 - share) * 0.25**2)
    assert scores['log_loss'] == pytest.approx(-share * np.log(0.25) - (1 - share) * np.log(0.75))


def test_nothing_called_fast_has_scores_without_a_division_by_zero():
    scores = classification_scores([0, 0, 1], [0, 0, 0])
    assert (scores['f1'], scores['mcc'], scores['precision']) == (0, 0, 0)
    assert scores['balanced_accuracy'] == 0.5


def test_chance_levels_of_eleven_in_forty():
    levels = chance_levels([1] * 11 + [0] * 29)
    assert levels['random']['accuracy'] == pytest.approx(0.601, abs=5e-4)
    assert levels['all_slow']['accuracy'] == pytest.approx(0.725)
    assert levels['all_fast']['f1'] == pytest.approx(f1_score([1] * 11 + [0] * 29, [1] * 40))
    generator = np.random.default_rng(0)
    labels = np.array([1] * 110 + [0] * 290)
    drawn = [classification_scores(labels, generator.permutation(labels)) for _ in range(300)]
    for name in ('accuracy', 'f1', 'mcc', 'balanced_accuracy'):
        assert np.mean([scores[name] for scores in drawn]) == pytest.approx(levels['random'][name], abs=0.01)


def test_intervals_hold_the_truth_as_often_as_they_say():
    generator = np.random.default_rng(1)
    inside = 0
    for draw in range(200):
        labels = generator.integers(0, 2, size=80)
        predicted = np.where(generator.random(80) < 0.8, labels, 1 - labels)
        low, high = bootstrap_intervals(labels, predicted, draws=300, seed=draw)['accuracy']
        inside += low <= 0.8 <= high
    assert 180 <= inside <= 200


def test_intervals_of_groups_are_wider_than_those_of_their_rows():
    labels, predicted = np.repeat([0, 1, 0, 1, 1, 0, 1, 0], 20), np.repeat([0, 1, 1, 1, 0, 0, 1, 0], 20)
    rows = bootstrap_intervals(labels, predicted)['accuracy']
    groups = bootstrap_intervals(labels, predicted, np.repeat(np.arange(8), 20).tolist())['accuracy']
    assert groups[1] - groups[0] > 2 * (rows[1] - rows[0])
    with pytest.raises(InputError, match='level'):
        bootstrap_intervals(labels, predicted, level=1.0)


def test_folds_keep_groups_together_and_classes_apart_from_none():
    _rows, labels, _groups = problem()
    member = np.repeat(np.arange(45), 2)
    folds = share_in_folds(labels, member, 5, seed=0)
    assert all(len(set(folds[member == group].tolist())) == 1 for group in range(45))
    assert all(len(set(labels[folds == fold].tolist())) == 2 for fold in range(5))
    assert not np.array_equal(folds, share_in_folds(labels, member, 5, seed=1))
    with pytest.raises(InputError, match='the rarer class has 1'):
        share_in_folds(np.array([1, 0, 0, 0]), np.arange(4), 2, seed=0)


def test_held_out_rows_are_not_seen():
    """A model that knows rows by heart is at chance level on rows of other groups."""

    class ByHeart(DummyClassifier):
        def fit(self, rows, labels):
            self.seen_ = {tuple(row): label for row, label in zip(rows.tolist(), labels, strict=True)}
            return super().fit(rows, labels)

        def predict(self, rows):
            return np.array([self.seen_.get(tuple(row), 0) for row in rows.tolist()])

    rows, labels, _groups = problem()
    rows[1::2], labels[1::2] = rows[::2], labels[::2]
    alone = cross_validate(ByHeart(), rows, labels, share_in_folds(labels, np.arange(90), 5, seed=0))
    together = cross_validate(ByHeart(), rows, labels, share_in_folds(labels, np.repeat(np.arange(45), 2), 5, seed=0))
    assert alone.scores(labels)['accuracy'] > 0.85
    assert together.scores(labels)['recall'] == 0.0


def test_repeats_differ_and_are_the_same_again():
    rows, labels, groups = problem()
    options = {'n_folds': 4, 'repeats': 3, 'seed': 5}
    runs = repeated_cross_validation(StructureModel(), rows, labels, groups, **options)
    again = repeated_cross_validation(StructureModel(), rows, labels, groups, **options)
    assert all(np.array_equal(one.predicted, two.predicted) for one, two in zip(runs, again, strict=True))
    assert not np.array_equal(runs[0].folds, runs[1].folds)
    assert runs[0].probabilities is not None and runs[0].probabilities.shape == (90,)
    summary = summarised([run.scores(labels) for run in runs])
    assert summary['accuracy']['min'] <= summary['accuracy']['mean'] <= summary['accuracy']['max']
    assert summary['accuracy']['mean'] > 0.75


def test_leaving_one_out_leaves_out_its_group():
    rows, labels, groups = problem(40)
    alone = leave_one_out(StructureModel(), rows, labels)
    assert len(np.unique(alone.folds)) == 40
    together = leave_one_out(StructureModel(), rows, labels, groups)
    assert len(np.unique(together.folds)) == 20
    without_last = StructureModel().fit(rows[:-2], labels[:-2], groups=groups[:-2])
    assert together.predicted[-2:].tolist() == without_last.predict(rows[-2:]).tolist()


def test_a_list_of_things_can_be_judged():
    class ByLength(DummyClassifier):
        def predict(self, things):
            return np.array([len(thing) > 3 for thing in things]).astype(int)

        def predict_proba(self, things):
            return np.full((len(things), 2), 0.5)

    things, labels = ['Li', 'Li2O', 'LiF', 'LiPF6'] * 3, np.array([0, 1, 0, 1] * 3)
    found = cross_validate(ByLength(), things, labels, np.arange(12) % 3)
    assert found.scores(labels)['accuracy'] == 1.0


def test_more_rows_do_not_hurt():
    rows, labels, groups = problem(300)
    curve = learning_curve(StructureModel(), rows, labels, groups, shares=(0.05, 0.3, 1.0), repeats=2)
    assert [point['share'] for point in curve] == [0.05, 0.3, 1.0]
    assert curve[0]['rows'] < curve[1]['rows'] < curve[2]['rows'] == pytest.approx(240, abs=3)
    assert curve[2]['accuracy']['mean'] > curve[0]['accuracy']['mean'] - 0.02
    assert curve[2]['fits'] == 10
    with pytest.raises(InputError, match='learning curve'):
        learning_curve(StructureModel(), rows, labels, groups, shares=(0.0, 1.0))


def test_folds_without_a_class_are_refused():
    rows, labels, _ = problem(20)
    with pytest.raises(InputError, match='fold 0 all rows are of one class'):
        cross_validate(StructureModel(), rows, labels, labels)
    with pytest.raises(InputError, match='no scores'):
        summarised([])
