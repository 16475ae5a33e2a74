"""Fits of linear rules to labelled rows, and of the sigmoid that turns their scores into probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._checks import check_class_weight
from aiida_limap.engines.screening.validation import share_in_folds

__all__ = ['LOSSES', 'fit_linear', 'fit_sigmoid', 'held_out_scores']

#: What an error costs: the support-vector machine proper, its quick relative with squared errors, logistic regression.
LOSSES = ('hinge', 'squared_hinge', 'log')


def fit_linear(
    rows: NDArray[np.float64],
    labels: NDArray[np.int64],
    *,
    C: float = 1.0,
    loss: str = 'hinge',
    class_weight: str | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Fit a linear rule to standardised rows, and return it for raw ones.

    The intercept is free, but for ``squared_hinge``, where liblinear counts it among the weights; with thousands of
    rows that is of no account.

    :param rows: (n, k) features, raw.
    :param labels: (n,) 0 or 1, both present.
    :param C: how much an error counts against a small norm of the weights.
    :param loss: one of :data:`LOSSES`.
    :param class_weight: ``balanced`` or None.
    :returns: (k,) weights and the intercept of ``rows @ weights + intercept``, above zero for fast.
    :raises InputError: if an option is out of range.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, LinearSVC

    check_class_weight(class_weight)
    if not np.isfinite(C) or C <= 0:
        raise InputError(f'C must be above zero, not {C!r}')
    makers: dict[str, Any] = {
        'hinge': lambda: SVC(kernel='linear', C=C, class_weight=class_weight, tol=1e-4, cache_size=500),
        'squared_hinge': lambda: LinearSVC(C=C, class_weight=class_weight, dual=False, tol=1e-6, max_iter=10_000),
        'log': lambda: LogisticRegression(C=C, class_weight=class_weight, solver='newton-cholesky', max_iter=1000),
    }
    if loss not in makers:
        raise InputError(f'unknown loss {loss!r}; known are {", ".join(LOSSES)}')
    scaler = StandardScaler().fit(rows)
    model = makers[loss]().fit(scaler.transform(rows), labels)
    weights = np.asarray(model.coef_[0], dtype=np.float64) / scaler.scale_
    return weights, float(model.intercept_[0] - weights @ scaler.mean_)


def held_out_scores(
    rows: NDArray[np.float64],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    *,
    n_folds: int = 5,
    seed: int = 0,
    **options: Any,
) -> NDArray[np.float64] | None:
    """Return the score of each row by a rule that learnt from other groups.

    :param rows: (n, k) features, raw.
    :param labels: (n,) 0 or 1.
    :param groups: (n,) number of the group of each row.
    :param n_folds: number of folds; fewer where the rarer class has fewer groups.
    :param seed: of the folds.
    :param options: of :func:`fit_linear`.
    :returns: (n,) scores; None where a class has but one group, so that it cannot be held out.
    :raises InputError: as :func:`fit_linear`.
    """
    possible = min(n_folds, *(len(np.unique(groups[labels == label])) for label in (0, 1)))
    if possible < 2:
        return None
    folds = share_in_folds(labels, groups, possible, seed)
    scores = np.empty(len(labels))
    for fold in range(possible):
        inside, held_out = folds != fold, folds == fold
        if len(set(labels[inside].tolist())) < 2:
            return None
        weights, intercept = fit_linear(rows[inside], labels[inside], **options)
        scores[held_out] = rows[held_out] @ weights + intercept
    return scores


def fit_sigmoid(scores: NDArray[np.float64] | None, labels: NDArray[np.int64]) -> tuple[float, float] | None:
    """Fit the sigmoid of Platt (1999): ``probability = 1 / (1 + exp(slope * score + offset))``.

    The targets are a little inside of 0 and 1, as Platt proposed, so that few rows do not make it a step. The slope is
    kept from being positive: a higher score never has a lower probability.

    :param scores: (n,) scores of held-out rows; None gives None.
    :param labels: (n,) 0 or 1.
    :returns: slope and offset.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    if scores is None:
        return None
    n_fast, n_slow = int(labels.sum()), int(len(labels) - labels.sum())
    targets = np.where(labels == 1, (n_fast + 1) / (n_fast + 2), 1 / (n_slow + 2))
    unit = float(scores.std()) or 1.0
    scaled = scores / unit

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        argument = parameters[0] * scaled + parameters[1]
        # -log of 1 / (1 + exp(a)) is log(1 + exp(a)), without overflow.
        value = np.logaddexp(0, argument) - (1 - targets) * argument
        slope = targets - expit(-argument)
        return float(value.sum()), np.array([(slope * scaled).sum(), slope.sum()])

    start = np.array([-1.0, np.log((n_slow + 1) / (n_fast + 1))])
    found = minimize(loss, start, jac=True, method='L-BFGS-B', bounds=[(None, 0.0), (None, None)]).x
    return float(found[0] / unit), float(found[1])
