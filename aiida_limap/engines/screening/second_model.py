"""A model that is no linear rule, such as a small network, asked about every composition that passes all stages."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError

__all__ = ['SecondModel', 'is_classifier']

#: Compositions that the model gets at a time.
_AT_ONCE = 16_384
_PROBES = 256


class SecondModel:
    """A classifier of compositions beside the linear model.

    :param classifier: an object with ``elements`` (symbols) and ``predict_proba(fractions)``, where fractions have a
        column for each of its elements and the second column of the answer is the probability to be fast. An
        ``Atom2VecClassifier`` is one; of it, compiled kernels are asked instead.
    :raises InputError: if it is not one.
    """

    def __init__(self, classifier: Any) -> None:
        if not is_classifier(classifier):
            raise InputError(
                f'{type(classifier).__name__} cannot be the second model of a screen: it needs elements and '
                f'predict_proba, as an Atom2VecClassifier that was trained or loaded has'
            )
        self._classifier = classifier
        self._scorer = classifier.scorer() if hasattr(classifier, 'scorer') else None
        self.elements: tuple[str, ...] = tuple(classifier.elements)

    def ask(self, places: NDArray[np.int64], amounts: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
        """Return what the classifier says of compositions.

        :param places: (n, 4) columns of the classifier; -1 where it does not know the element or there is none.
        :param amounts: (n, 4) amounts, zero where there is no element.
        :returns: (n,) scores, fast above zero, and (n,) probabilities to be fast; NaN where an element is not known to
            the classifier, probabilities also where it is not calibrated.
        """
        score, probability = np.full(len(places), np.nan), np.full(len(places), np.nan)
        known = np.flatnonzero(((places >= 0) | (amounts == 0)).all(axis=1))
        for start in range(0, len(known), _AT_ONCE):
            rows = known[start : start + _AT_ONCE]
            fractions = amounts[rows] / amounts[rows].sum(axis=1, keepdims=True)
            score[rows], probability[rows] = self._ask_known(np.maximum(places[rows], 0), fractions)
        return score, probability

    def _ask_known(self, places: NDArray[np.int64], fractions: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
        if self._scorer is not None:
            scores = self._scorer.score_sparse(places, fractions.astype(np.float32), threads=1)
            if getattr(self._classifier, 'calibration_', None) is None:
                return scores, np.full(len(scores), np.nan)
            return scores, self._classifier.probability_of_score(scores)
        matrix = np.zeros((len(places), len(self.elements)))
        for slot in range(places.shape[1]):
            # Unused slots add zero.
            matrix[np.arange(len(places)), places[:, slot]] += fractions[:, slot]
        probability = np.asarray(self._classifier.predict_proba(matrix), dtype=np.float64)[:, 1]
        return probability - 0.5, probability

    def columns(self, symbols: Sequence[str]) -> NDArray[np.int64]:
        """Return the column of each symbol, -1 for those that the classifier does not know; one -1 more at the end.

        :param symbols: chemical symbols.
        """
        known = {symbol: column for column, symbol in enumerate(self.elements)}
        return np.array([*(known.get(symbol, -1) for symbol in symbols), -1])

    def fingerprint(self) -> str:
        """Return a checksum of what the classifier says of compositions drawn with a fixed seed, to four digits."""
        drawn = np.random.default_rng(0)
        places = drawn.integers(0, len(self.elements), (_PROBES, 4))
        said, _ = self.ask(places, drawn.integers(1, 50, (_PROBES, 4)))
        return hashlib.sha256(repr((self.elements, np.round(said, 4).tolist())).encode()).hexdigest()


def is_classifier(model: Any) -> bool:
    """Return whether a model classifies compositions by their elements."""
    return hasattr(model, 'elements') and callable(getattr(model, 'predict_proba', None))
