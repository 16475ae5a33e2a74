from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening import LinearModel


@pytest.fixture
def model() -> LinearModel:
    return LinearModel(('mean a', 'std b'), np.array([2.0, -0.5]), 0.25, calibration=(-2.0, 0.5))


def test_score_and_probability_by_hand(model: LinearModel) -> None:
    rows = [[1.0, 2.0], [0.0, 3.0]]
    assert model.score(rows) == pytest.approx([1.25, -1.25])
    assert model.probability(rows) == pytest.approx([1 / (1 + np.exp(-2.0)), 1 / (1 + np.exp(3.0))])


def test_extreme_scores_do_not_overflow(model: LinearModel) -> None:
    assert model.probability_of_score([-1e300, 1e300]).tolist() == [0.0, 1.0]


def test_weights_among_more_columns(model: LinearModel) -> None:
    labels = ('std b', 'x', 'mean a')
    assert model.columns(labels).tolist() == [2, 0]
    assert model.spread(labels).tolist() == [-0.5, 0.0, 2.0]
    with pytest.raises(InputError, match='std b'):
        model.columns(('mean a', 'x'))


def test_plain_values_and_back_are_equal_to_the_last_bit() -> None:
    weights = np.random.default_rng(0).normal(size=3)
    model = LinearModel(('a', 'b', 'c'), weights, 1 / 3, calibration=(-1 / 7, 0.1))
    back = LinearModel.from_dict(json.loads(json.dumps(model.as_dict())))
    assert np.array_equal(back.weights, weights)
    assert (back.features, back.intercept, back.calibration) == (model.features, 1 / 3, model.calibration)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'features': ('a',)}, 'as many weights'),
        ({'features': ('a', 'a')}, 'came twice'),
        ({'weights': np.array([1.0, np.nan])}, 'finite'),
        ({'intercept': np.inf}, 'finite'),
        ({'calibration': (np.nan, 0.0)}, 'finite'),
    ],
)
def test_broken_models_are_refused(change: dict, words: str) -> None:
    parts = {'features': ('a', 'b'), 'weights': np.ones(2), 'intercept': 0.0, 'calibration': None}
    with pytest.raises(InputError, match=words):
        LinearModel(**{**parts, **change})


def test_rows_of_another_width_and_missing_calibration(model: LinearModel) -> None:
    with pytest.raises(InputError, match='2 features'):
        model.score(np.ones((3, 3)))
    with pytest.raises(InputError, match='not calibrated'):
        LinearModel(('a',), np.ones(1), 0.0).probability([[1.0]])


@pytest.mark.parametrize('change', [{'weights': ['a', 1]}, {'calibration': [1.0]}, {'more': 1}])
def test_plain_values_of_another_kind_are_refused(model: LinearModel, change: dict) -> None:
    with pytest.raises(InputError, match='linear model'):
        LinearModel.from_dict({**model.as_dict(), **change})
