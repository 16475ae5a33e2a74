"""How good a classifier is: scores with their spread, what chance would give, and splits that keep groups together."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._checks import check_groups, check_labels

__all__ = [
    'METRICS',
    'CrossValidation',
    'bootstrap_intervals',
    'chance_levels',
    'classification_scores',
    'cross_validate',
    'learning_curve',
    'leave_one_out',
    'repeated_cross_validation',
    'share_in_folds',
    'summarised',
]

#: What is told of every set of predictions.
METRICS = ('accuracy', 'balanced_accuracy', 'f1', 'mcc', 'precision', 'recall')
_LEARNING_FOLDS = 5


def classification_scores(
    labels: ArrayLike, predicted: ArrayLike, probabilities: ArrayLike | None = None
) -> dict[str, float]:
    """Return scores of predictions; the class that F1, precision and recall look at is the fast one (1).

    :param labels: (n,) 0 or 1; they may all be alike.
    :param predicted: (n,) 0 or 1.
    :param probabilities: (n,) probability to be fast, for ``brier`` (mean squared error of the probability) and
        ``log_loss`` (natural logarithm; probabilities are kept 1e-6 away from 0 and 1).
    :returns: the :data:`METRICS` (zero where a ratio has no denominator), counts ``n``, ``n_fast`` and
        ``n_predicted_fast``, and the two of the probabilities if given.
    :raises InputError: if labels and predictions differ in number.
    """
    true, found = np.asarray(labels, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if true.shape != found.shape or true.ndim != 1 or not len(true):
        raise InputError(f'{true.shape} labels cannot be compared with {found.shape} predictions')
    table = _confusion(true, found)
    scores = {name: float(value) for name, value in _metrics(table).items()}
    scores |= {'n': len(true), 'n_fast': int(true.sum()), 'n_predicted_fast': int(found.sum())}
    if probabilities is not None:
        share = np.asarray(probabilities, dtype=np.float64)
        scores['brier'] = float(np.mean((share - true) ** 2))
        clipped = np.clip(share, 1e-6, 1 - 1e-6)
        scores['log_loss'] = float(-np.mean(true * np.log(clipped) + (1 - true) * np.log(1 - clipped)))
    return scores


def chance_levels(labels: ArrayLike) -> dict[str, dict[str, float]]:
    """Return what needs no features: all called slow, all called fast, and as many as there are picked at random.

    With a share p of fast rows, picking at random has an expected accuracy of p^2 + (1 - p)^2; its F1 is that of the
    expected counts, p.

    :param labels: (n,) 0 or 1.
    :returns: by way (``all_slow``, ``all_fast``, ``random``) accuracy, balanced accuracy, F1 and MCC.
    :raises InputError: if there are no labels.
    """
    array = np.asarray(labels, dtype=np.float64)
    if not array.size:
        raise InputError('without labels there is no chance level')
    p = float(array.mean())
    half = {'balanced_accuracy': 0.5, 'mcc': 0.0}
    return {
        'all_slow': {'accuracy': 1 - p, 'f1': 0.0, **half},
        'all_fast': {'accuracy': p, 'f1': 2 * p / (1 + p), **half},
        'random': {'accuracy': p**2 + (1 - p) ** 2, 'f1': p, **half},
    }


def bootstrap_intervals(
    labels: ArrayLike,
    predicted: ArrayLike,
    groups: Sequence[Any] | None = None,
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Return intervals of the scores from rows drawn with replacement, whole groups at a time.

    The percentile bootstrap (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13): it holds what
    comes from the choice of the rows that are judged, not what comes from those that were learnt from.

    :param labels: (n,) 0 or 1.
    :param predicted: (n,) 0 or 1.
    :param groups: (n,) rows that are not independent, e.g. by reduced formula.
    :param draws: number of bootstrap samples.
    :param level: share of the samples within the interval.
    :param seed: of the draws.
    :returns: low and high end by metric.
    :raises InputError: if draws or level are out of range.
    """
    if draws < 1 or not 0 < level < 1:
        raise InputError(f'a bootstrap needs draws and a level between 0 and 1, not {draws} and {level}')
    true, found = np.asarray(labels, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    member = check_groups(groups, len(true))
    kinds = 2 * true + found
    counts = np.zeros((member.max() + 1, 4))
    np.add.at(counts, (member, kinds), 1)
    weights = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=draws)
    drawn = weights @ counts
    ends = [(1 - level) / 2, (1 + level) / 2]
    return {
        name: (float(low), float(high))
        for name, values in _metrics(drawn.T).items()
        for low, high in [np.quantile(values, ends)]
    }


def share_in_folds(labels: NDArray[np.int64], groups: NDArray[np.int64], n_folds: int, seed: int) -> NDArray[np.int64]:
    """Share rows among folds, whole groups at a time, with about the same share of fast rows in each.

    :param labels: (n,) 0 or 1.
    :param groups: (n,) number of the group of each row.
    :param n_folds: number of folds.
    :param seed: of the order of the groups.
    :returns: (n,) fold of each row, from 0.
    :raises InputError: if a class has fewer groups than there are folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    least = min(len(np.unique(groups[labels == label])) for label in (0, 1))
    if n_folds < 2 or least < n_folds:
        raise InputError(
            f'{n_folds} folds need at least as many groups in each class (and two folds), but the rarer class has '
            f'{least}; ask for fewer folds'
        )
    splitter = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    folds = np.empty(len(labels), dtype=np.int64)
    for fold, (_, held_out) in enumerate(splitter.split(np.zeros((len(labels), 1)), labels, groups)):
        folds[held_out] = fold
    return folds


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Predictions of rows by models that had not seen them or their group.

    :param predicted: (n,) 0 or 1.
    :param probabilities: (n,) probability to be fast; None where the model gives none.
    :param folds: (n,) the fold that each row was held out with.
    """

    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None
    folds: NDArray[np.int64]

    def scores(self, labels: ArrayLike) -> dict[str, float]:
        """Return the scores over all rows together.

        :param labels: (n,) 0 or 1.
        """
        return classification_scores(labels, self.predicted, self.probabilities)


def cross_validate(
    estimator: Any, rows: Any, labels: ArrayLike, folds: ArrayLike, groups: Sequence[Any] | None = None
) -> CrossValidation:
    """Predict each fold by a model that learnt from the others; all scaling and calibration happens inside.

    :param estimator: a classifier in the manner of scikit-learn; it is cloned, not changed.
    :param rows: (n, k) features, or a list of n things that the estimator takes, such as compositions.
    :param labels: (n,) 0 or 1.
    :param folds: (n,) fold of each row, e.g. of :func:`share_in_folds`.
    :param groups: (n,) handed to ``fit`` if it asks for groups, for its own inner splits.
    :raises InputError: if the rows outside of a fold are all of one class.
    """
    from sklearn.base import clone

    y = check_labels(labels, len(rows))
    fold = np.asarray(folds, dtype=np.int64)
    member = None if groups is None else check_groups(groups, len(y))
    predicted = np.empty(len(y), dtype=np.int64)
    probabilities = np.full(len(y), np.nan)
    for number in np.unique(fold):
        inside, held_out = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(set(y[inside].tolist())) < 2:
            raise InputError(f'without fold {number} all rows are of one class; ask for other folds')
        model = _fitted(clone(estimator), _take(rows, inside), y[inside], None if member is None else member[inside])
        predicted[held_out] = model.predict(_take(rows, held_out))
        if hasattr(model, 'predict_proba'):
            probabilities[held_out] = model.predict_proba(_take(rows, held_out))[:, 1]
    return CrossValidation(predicted, None if np.isnan(probabilities).all() else probabilities, fold)


def leave_one_out(estimator: Any, rows: Any, labels: ArrayLike, groups: Sequence[Any] | None = None) -> CrossValidation:
    """Predict each row, or each group of rows, by a model that learnt from all others.

    :param estimator: a classifier.
    :param rows: (n, k) features, or a list of n things.
    :param labels: (n,) 0 or 1.
    :param groups: (n,) groups that are left out whole; each row alone without.
    :raises InputError: as :func:`cross_validate`.
    """
    return cross_validate(estimator, rows, labels, check_groups(groups, len(rows)), groups)


def repeated_cross_validation(
    estimator: Any,
    rows: Any,
    labels: ArrayLike,
    groups: Sequence[Any] | None = None,
    *,
    n_folds: int = 5,
    repeats: int = 10,
    seed: int = 0,
) -> list[CrossValidation]:
    """Cross-validate several times, shared among the folds in another way each time.

    :param estimator: a classifier.
    :param rows: (n, k) features, or a list of n things.
    :param labels: (n,) 0 or 1.
    :param groups: (n,) groups that stay together.
    :param n_folds: folds of each repeat.
    :param repeats: number of repeats; repeat i has the seed ``seed + i``.
    :param seed: of the first.
    :raises InputError: as :func:`share_in_folds` and :func:`cross_validate`.
    """
    y = check_labels(labels, len(rows))
    member = check_groups(groups, len(y))
    return [
        cross_validate(estimator, rows, y, share_in_folds(y, member, n_folds, seed + repeat), groups)
        for repeat in range(repeats)
    ]


def summarised(scores: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return mean, standard deviation, least and largest value of each score over repeats.

    :param scores: what :meth:`CrossValidation.scores` gives, once per repeat.
    :raises InputError: if there are none.
    """
    if not scores:
        raise InputError('there are no scores to summarise')
    found = {}
    for name in scores[0]:
        values = np.array([score[name] for score in scores], dtype=np.float64)
        spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        found[name] = {
            'mean': float(values.mean()),
            'sd': spread,
            'min': float(values.min()),
            'max': float(values.max()),
        }
    return found


def learning_curve(
    estimator: Any,
    rows: Any,
    labels: ArrayLike,
    groups: Sequence[Any] | None = None,
    *,
    shares: Sequence[float] = (0.1, 0.2, 0.4, 0.7, 1.0),
    repeats: int = 3,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return the scores of held-out rows against the number of rows that were learnt from.

    In each fold of each repeat, the groups outside are put in a random order of which the first share is learnt from;
    smaller shares are parts of larger ones. Shares in which a class is missing are left out of that fold. There are
    five folds, or as many as the rarer class has groups.

    :param estimator: a classifier.
    :param rows: (n, k) features, or a list of n things.
    :param labels: (n,) 0 or 1.
    :param groups: (n,) groups that stay together.
    :param shares: of the groups outside of the fold, in (0, 1].
    :param repeats: number of repeats.
    :param seed: of folds and orders.
    :returns: by share: ``share``, ``rows`` (mean number learnt from), ``fits`` and, for each metric, its summary.
    :raises InputError: if a share is out of range, or as :func:`share_in_folds`.
    """
    from sklearn.base import clone

    if not shares or not all(0 < share <= 1 for share in shares):
        raise InputError(f'the shares of a learning curve must be above 0 and at most 1, not {list(shares)}')
    y = check_labels(labels, len(rows))
    member = check_groups(groups, len(y))
    n_folds = min(_LEARNING_FOLDS, *(len(np.unique(member[y == label])) for label in (0, 1)))
    found: dict[float, list[tuple[int, dict[str, float]]]] = {share: [] for share in shares}
    for repeat in range(repeats):
        folds = share_in_folds(y, member, n_folds, seed + repeat)
        generator = np.random.default_rng([seed, repeat])
        for fold in range(n_folds):
            held_out, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
            order = generator.permutation(np.unique(member[outside]))
            for share in shares:
                kept = outside[np.isin(member[outside], order[: max(1, round(share * len(order)))])]
                if len(set(y[kept].tolist())) < 2:
                    continue
                model = _fitted(clone(estimator), _take(rows, kept), y[kept], member[kept])
                scores = classification_scores(y[held_out], model.predict(_take(rows, held_out)))
                found[share].append((len(kept), scores))
    return [
        {
            'share': share,
            'rows': float(np.mean([size for size, _ in fits])),
            'fits': len(fits),
            **{name: summarised([scores for _, scores in fits])[name] for name in METRICS},
        }
        for share, fits in found.items()
        if fits
    ]


def _fitted(model: Any, rows: Any, labels: NDArray[np.int64], groups: NDArray[np.int64] | None) -> Any:
    if groups is not None and 'groups' in inspect.signature(model.fit).parameters:
        return model.fit(rows, labels, groups=groups)
    return model.fit(rows, labels)


def _take(rows: Any, places: NDArray[np.int64]) -> Any:
    return rows[places] if isinstance(rows, np.ndarray) else [rows[place] for place in places]


def _confusion(true: NDArray[np.int64], found: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return counts of slow as slow, slow as fast, fast as slow, fast as fast."""
    return np.bincount(2 * true + found, minlength=4).astype(np.float64)


def _metrics(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return the scores of confusion counts, (4,) or (4, m)."""
    right_slow, wrong_fast, wrong_slow, right_fast = (np.asarray(row, dtype=np.float64) for row in counts)

    def ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.divide(part, whole, out=np.zeros_like(part + whole), where=whole > 0)

    recall, specificity = ratio(right_fast, right_fast + wrong_slow), ratio(right_slow, right_slow + wrong_fast)
    norm = np.sqrt(
        (right_fast + wrong_fast) * (right_fast + wrong_slow) * (right_slow + wrong_fast) * (right_slow + wrong_slow)
    )
    return {
        'accuracy': ratio(right_fast + right_slow, right_slow + wrong_fast + wrong_slow + right_fast),
        'balanced_accuracy': (recall + specificity) / 2,
        'f1': ratio(2 * right_fast, 2 * right_fast + wrong_fast + wrong_slow),
        'mcc': ratio(right_fast * right_slow - wrong_fast * wrong_slow, norm),
        'precision': ratio(right_fast, right_fast + wrong_fast),
        'recall': recall,
    }
