"""What all linear classifiers share: fit, calibration, range of applicability, and a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from aiida_limap import __version__
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._checks import check_groups, check_labels, check_rows, data_hash, settled
from aiida_limap.engines.screening.applicability import Applicability, ApplicabilityScores
from aiida_limap.engines.screening.linear import LinearModel
from aiida_limap.engines.screening.linear_fits import fit_linear, fit_sigmoid, held_out_scores
from aiida_limap.formats.weights import write_weights

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ['LinearClassifier']


class LinearClassifier(ClassifierMixin, BaseEstimator):
    """A linear classifier on standardised features, with calibrated probabilities and a range in which it may be asked.

    A row is called fast where its score is above zero. The probability comes from a sigmoid of the score that is fitted
    to scores of held-out rows (Platt, 1999), so that it is a frequency in data with as many fast rows as the training;
    with balanced class weights a row above zero may therefore have a probability below one half.

    After ``fit`` there are ``classes_`` (0, 1), ``features_`` (labels of the columns), ``linear_`` (the rule on raw
    features), ``applicability_``, ``data_hash_``, and ``n_rows_`` and ``n_fast_`` of the training.

    :param C: how much an error counts against a small norm of the weights on standardised features.
    :param class_weight: ``balanced``, so that both classes count alike, or None.
    :param loss: ``hinge`` (support-vector machine), ``squared_hinge`` (the same with squared errors, quick for
        thousands of rows) or ``log`` (logistic regression).
    :param contradictions: equal rows with different labels: ``refuse``, ``majority`` or ``keep``.
    :param calibration_folds: folds of the scores that the sigmoid is fitted to; fewer where a class has fewer groups.
    :param seed: of these folds.
    """

    kind: ClassVar[str] = 'screening-linear'
    #: Whether the numbers of the model are known to be those that its name promises.
    verified: ClassVar[bool] = True
    #: Scores of the model, as plain values; whoever measures them may set them before :meth:`save`.
    metrics_: dict[str, Any] | None = None

    def __init__(
        self,
        C: float = 1.0,
        class_weight: str | None = None,
        loss: str = 'hinge',
        contradictions: str = 'refuse',
        calibration_folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.loss = loss
        self.contradictions = contradictions
        self.calibration_folds = calibration_folds
        self.seed = seed

    def fit(
        self, X: ArrayLike, y: ArrayLike, features: Sequence[str] | None = None, groups: Sequence[Any] | None = None
    ) -> Self:
        """Learn from labelled rows.

        :param X: (n, m) features, raw.
        :param y: (n,) labels, 1 for fast and 0 for not.
        :param features: (m,) labels of the columns; without, the defaults of the model.
        :param groups: (n,) rows that belong together, e.g. reduced formulas; calibration never parts them, and the
            range of applicability compares no row with its own group.
        :returns: the model.
        :raises InputError: if there is one class only, a number is not finite, equal rows have different labels, or the
            columns are not as many as their labels.
        """
        given = check_rows(X)
        labels = check_labels(y, len(given))
        member = check_groups(groups, len(given))
        self.features_ = self._labels(features, given.shape[1])
        chosen = self._chosen(self.features_)
        rows, targets = settled(given[:, self._places(chosen)], labels, self.contradictions)
        options: dict[str, Any] = {'C': self.C, 'loss': self.loss, 'class_weight': self.class_weight}
        weights, intercept = fit_linear(rows, targets, **options)
        scores = held_out_scores(rows, targets, member, n_folds=self.calibration_folds, seed=self.seed, **options)
        self.classes_ = np.array([0, 1])
        self.linear_ = LinearModel(chosen, weights, intercept, calibration=fit_sigmoid(scores, targets))
        self.applicability_: Applicability | None = Applicability.fit(rows, member)
        self.data_hash_ = data_hash(given, labels)
        self.n_rows_, self.n_fast_ = len(labels), int(labels.sum())
        self.metrics_ = None
        return self

    @property
    def linear(self) -> LinearModel:
        """The rule on raw features; its ``features`` are the columns that count, perhaps fewer than those given."""
        check_is_fitted(self, 'linear_')
        return self.linear_

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the score of rows, above zero where they are called fast.

        :param X: (n, m) features, raw, in the columns of ``fit``.
        :returns: (n,) scores.
        :raises InputError: if a number is not finite, or the columns are not as many as in ``fit``.
        """
        return self.linear.score(self._read(X))

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return 1 for rows that are called fast, else 0.

        :param X: (n, m) features, raw.
        :returns: (n,) classes.
        :raises InputError: as :meth:`decision_function`.
        """
        return (self.decision_function(X) > 0).astype(np.int64)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the calibrated probabilities of the two classes.

        :param X: (n, m) features, raw.
        :returns: (n, 2) probabilities of slow and fast.
        :raises InputError: as :meth:`decision_function`, or if the training had but one group of a class, so that no
            scores of held-out rows were there to calibrate with.
        """
        fast = self.linear.probability_of_score(self.decision_function(X))
        return np.stack([1 - fast, fast], axis=1)

    def applicability(self, X: ArrayLike) -> ApplicabilityScores:
        """Return how far rows are from the training rows.

        :param X: (n, m) features, raw.
        :raises InputError: as :meth:`decision_function`, or if the model knows no training rows.
        """
        rows = self._read(X)
        if self.applicability_ is None:
            raise InputError('this model comes without training rows, so its range is not known; refit it to your data')
        return self.applicability_.scores(rows, self.linear.features)

    def save(self, path: Path | str) -> None:
        """Write the model in the safetensors format, with a header that says what the weights mean.

        Weights are kept in double precision: a model from its file gives the same scores to the last bit.

        :param path: the file to write.
        :raises FormatError: if the file cannot hold a number.
        """
        linear = self.linear
        tensors = {'weights': linear.weights, 'intercept': np.array([linear.intercept])}
        if linear.calibration is not None:
            tensors['calibration'] = np.array(linear.calibration)
        limit = None
        if self.applicability_ is not None:
            tensors |= self.applicability_.tensors()
            limit = self.applicability_.limit
        parameters = {
            name: list(value) if isinstance(value, tuple) else value for name, value in self.get_params().items()
        }
        header = {
            'kind': self.kind,
            'architecture': {'model': 'linear', 'features': list(linear.features)},
            'columns': {'features': list(self.features_)},
            'scaling': {'applicability_limit': limit},
            'seed': int(self.seed),
            'training': {
                'parameters': parameters,
                'rows': self.n_rows_,
                'fast': self.n_fast_,
                'verified': self.verified,
                'metrics': self.metrics_,
                **self._facts(),
            },
            'data_hash': self.data_hash_,
            'engine_version': __version__,
        }
        write_weights(Path(path), tensors, header)

    def _facts(self) -> dict[str, Any]:
        """Return what else a file is to hold."""
        return {}

    def _restore_facts(self, training: dict[str, Any]) -> None:
        """Take back what :meth:`_facts` gave."""

    def _labels(self, features: Sequence[str] | None, width: int) -> tuple[str, ...]:
        names = tuple(str(label) for label in features) if features is not None else self._default_labels(width)
        if len(names) != width:
            raise InputError(f'the rows have {width} columns, but there are {len(names)} labels of features')
        return names

    def _default_labels(self, width: int) -> tuple[str, ...]:
        return tuple(f'feature {place}' for place in range(width))

    def _chosen(self, features: tuple[str, ...]) -> tuple[str, ...]:
        """Return the labels of the columns that count."""
        return features

    def _places(self, chosen: Sequence[str]) -> list[int]:
        return [self.features_.index(label) for label in chosen]

    def _read(self, X: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self, 'linear_')
        rows = check_rows(X, len(self.features_))
        # In one order in memory, so that sums are the same to the last bit whatever the columns came from.
        return np.ascontiguousarray(rows[:, self._places(self.linear_.features)])
