"""A linear rule on raw features: all that a screen of billions of compositions has to know of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.errors import InputError

__all__ = ['LinearModel', 'sigmoid']


def sigmoid(values: ArrayLike) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-values)) without overflow, in the shape of the values."""
    from scipy.special import expit

    return np.asarray(expit(np.asarray(values, dtype=np.float64)))


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A score that is linear in features as they are, unscaled: ``score = rows @ weights + intercept``; fast above 0.

    :param features: (k,) labels of the columns, in the order of the weights.
    :param weights: (k,) weights, one over the unit of the feature each.
    :param intercept: what is added.
    :param calibration: slope and offset of a sigmoid: ``probability = 1 / (1 + exp(slope * score + offset))`` (Platt,
        Advances in Large Margin Classifiers (1999)), with a negative slope where a high score means fast; None without.
    :raises InputError: if labels and weights differ in number, a label comes twice, or a number is not finite.
    """

    features: tuple[str, ...]
    weights: NDArray[np.float64]
    intercept: float
    calibration: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        weights = np.array(self.weights, dtype=np.float64)
        features = tuple(self.features)
        if weights.shape != (len(features),) or not features:
            raise InputError(f'a linear model of {len(features)} features needs as many weights, not {weights.shape}')
        twice = sorted({label for label in features if features.count(label) > 1})
        if twice:
            raise InputError(f'a linear model names each feature once, but {", ".join(twice)} came twice')
        numbers = [*weights, self.intercept, *(self.calibration or ())]
        if not np.isfinite(numbers).all():
            raise InputError('the weights, the intercept and the calibration of a linear model must be finite numbers')
        weights.setflags(write=False)
        object.__setattr__(self, 'features', features)
        object.__setattr__(self, 'weights', weights)
        object.__setattr__(self, 'intercept', float(self.intercept))
        if self.calibration is not None:
            slope, offset = self.calibration
            object.__setattr__(self, 'calibration', (float(slope), float(offset)))

    def score(self, rows: ArrayLike) -> NDArray[np.float64]:
        """Return the score of rows of features.

        :param rows: (n, k) raw features, in the order of ``features``.
        :returns: (n,) scores; a row is called fast where its score is above 0.
        :raises InputError: if there are not k columns.
        """
        array = np.asarray(rows, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != len(self.features):
            raise InputError(
                f'the linear model takes rows of {len(self.features)} features ({", ".join(self.features)}), '
                f'not an array of shape {array.shape}'
            )
        return array @ self.weights + self.intercept

    def probability(self, rows: ArrayLike) -> NDArray[np.float64]:
        """Return the calibrated probability of rows to be fast.

        :param rows: (n, k) raw features.
        :returns: (n,) probabilities.
        :raises InputError: as :meth:`score`, or if the model is not calibrated.
        """
        return self.probability_of_score(self.score(rows))

    def probability_of_score(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return the calibrated probability that belongs to scores.

        :param scores: scores of :meth:`score`, of any shape.
        :returns: probabilities of the same shape.
        :raises InputError: if the model is not calibrated.
        """
        if self.calibration is None:
            raise InputError('the model is not calibrated: it has scores, but no probabilities')
        slope, offset = self.calibration
        return sigmoid(-(slope * np.asarray(scores, dtype=np.float64) + offset))

    def columns(self, labels: Sequence[str]) -> NDArray[np.int64]:
        """Return where the features of the model stand among labels.

        :param labels: labels of the columns of a larger matrix.
        :returns: (k,) places.
        :raises InputError: if a feature of the model is not among them.
        """
        places = {label: place for place, label in enumerate(labels)}
        missing = [label for label in self.features if label not in places]
        if missing:
            raise InputError(f'the model reads {", ".join(missing)}, which the given features do not hold')
        return np.array([places[label] for label in self.features], dtype=np.int64)

    def spread(self, labels: Sequence[str]) -> NDArray[np.float64]:
        """Return the weights in the order of a longer list of labels, zero where the model does not look.

        :param labels: (m,) labels that hold all features of the model.
        :returns: (m,) weights.
        :raises InputError: as :meth:`columns`.
        """
        weights = np.zeros(len(labels))
        weights[self.columns(labels)] = self.weights
        return weights

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; floats come back equal from their text."""
        return {
            'features': list(self.features),
            'weights': [float(weight) for weight in self.weights],
            'intercept': self.intercept,
            'calibration': None if self.calibration is None else list(self.calibration),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LinearModel:
        """Build from what :meth:`as_dict` gives.

        :param values: the plain values.
        :raises InputError: if a key is missing or unknown, or a value is of another kind.
        """
        known = {'features', 'weights', 'intercept', 'calibration'}
        if set(values) != known:
            raise InputError(f'a linear model has the keys {", ".join(sorted(known))}, not {", ".join(sorted(values))}')
        try:
            calibration = values['calibration']
            return cls(
                features=tuple(str(label) for label in values['features']),
                weights=np.array([float(weight) for weight in values['weights']]),
                intercept=float(values['intercept']),
                calibration=None if calibration is None else (float(calibration[0]), float(calibration[1])),
            )
        except (TypeError, ValueError, IndexError) as error:
            raise InputError(f'a linear model holds a value of the wrong kind: {error}') from error
