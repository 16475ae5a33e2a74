"""Models that tell what descriptors are worth, and their cross-validation by formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from aiida_limap.engines.threads import available_threads
from benchmarks.features import FeatureSet

__all__ = ['FOLDS', 'MODELS', 'Score', 'cross_validated', 'mean_and_spread']

FOLDS = 5
#: Regularisation is the only thing that is searched, on the training rows (leave one out).
ALPHAS = tuple(float(value) for value in np.logspace(-5, 4, 19))
#: Bins that are as good as empty among the training rows would become huge in others by standardisation; they are
#: dropped. In units of the largest number of their block, squared.
LEAST_VARIANCE = 1e-6


class BlockMaximum(TransformerMixin, BaseEstimator):
    """Divide each group of columns by its largest absolute value among the training rows, as Yamaguchi et al. do.

    :param scales: first column and the one after the last of each group.
    """

    def __init__(self, scales: Sequence[tuple[int, int]] = ()) -> None:
        self.scales = scales

    def fit(self, values: NDArray[np.float64], _target: Any = None) -> BlockMaximum:
        """Find the maxima.

        :param values: (n, p) training rows.
        """
        self.factors_ = np.ones(values.shape[1])
        for start, stop in self.scales:
            self.factors_[start:stop] = np.abs(values[:, start:stop]).max(initial=0.0) or 1.0
        return self

    def transform(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Divide by the maxima.

        :param values: (n, p) rows.
        """
        return values / self.factors_


Build = Callable[[FeatureSet, int], Any]

#: Each takes the columns and a seed. Nothing but the penalty of ridge was searched; columns that are constant among the
#: training rows say nothing and are dropped.
MODELS: dict[str, Build] = {
    'ridge, block maxima': lambda features, _seed: make_pipeline(BlockMaximum(features.scales), RidgeCV(ALPHAS)),
    'ridge, standardised': lambda features, _seed: make_pipeline(
        BlockMaximum(features.scales), VarianceThreshold(LEAST_VARIANCE), StandardScaler(), RidgeCV(ALPHAS)
    ),
    'random forest': lambda _features, seed: make_pipeline(
        VarianceThreshold(), RandomForestRegressor(100, max_features='sqrt', random_state=seed)
    ),
    'extra trees': lambda _features, seed: make_pipeline(
        VarianceThreshold(), ExtraTreesRegressor(100, max_features=0.1, random_state=seed)
    ),
    'gradient boosting': lambda _features, seed: make_pipeline(
        VarianceThreshold(),
        GradientBoostingRegressor(
            n_estimators=300, learning_rate=0.05, max_depth=4, subsample=0.7, max_features='sqrt', random_state=seed
        ),
    ),
    'mean': lambda _features, _seed: DummyRegressor(),
}


@dataclass(frozen=True)
class Score:
    """How well a model predicts.

    :param folds: metrics of every fold of every seed.
    :param pooled: metrics of all rows together, for every seed.
    """

    folds: list[dict[str, float]]
    pooled: list[dict[str, float]]

    def summary(self) -> dict[str, Any]:
        """Return mean and standard deviation of each metric, over folds and over seeds."""
        return {
            name: {'folds': mean_and_spread([row[name] for row in self.folds])}
            | {'seeds': mean_and_spread([row[name] for row in self.pooled])}
            for name in self.folds[0]
        }


def mean_and_spread(values: Sequence[float]) -> dict[str, float]:
    """Return mean and standard deviation; the latter is 0 for one value."""
    return {'mean': float(np.mean(values)), 'sd': float(np.std(values, ddof=1)) if len(values) > 1 else 0.0}


def cross_validated(
    features: FeatureSet, model: str, target: NDArray[np.float64], groups: Sequence[str], seeds: int
) -> Score:
    """Predict every row by models that saw no row of its group.

    :param features: the columns.
    :param model: a key of :data:`MODELS`.
    :param target: (n,) what is predicted.
    :param groups: (n,) formulas.
    :param seeds: number of random shares of the groups among five folds; each also seeds the model.
    """
    values = np.ascontiguousarray(features.values, dtype=np.float64)
    score = Score([], [])
    with threadpool_limits(1), ThreadPoolExecutor(min(available_threads(), FOLDS)) as pool:
        for seed in range(seeds):
            splits = list(GroupKFold(FOLDS, shuffle=True, random_state=seed).split(values, target, groups))

            def predicted(split: tuple[NDArray, NDArray], seed: int = seed) -> NDArray[np.float64]:
                train, test = split
                fitted = MODELS[model](features, seed).fit(values[train], target[train])
                return np.asarray(fitted.predict(values[test]), dtype=np.float64)

            whole = np.empty_like(target)
            for (_, test), prediction in zip(splits, pool.map(predicted, splits), strict=True):
                whole[test] = prediction
                score.folds.append(_metrics(target[test], prediction))
            score.pooled.append(_metrics(target, whole))
    return score


def _metrics(target: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    # A constant prediction ranks nothing.
    ranked = float(spearmanr(target, predicted).statistic) if np.ptp(predicted) > 0 else 0.0
    return {
        'r2': float(r2_score(target, predicted)),
        'mae': float(mean_absolute_error(target, predicted)),
        'spearman': ranked,
    }
