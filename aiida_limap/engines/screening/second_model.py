"""A second model, such as a small network, that is asked about every composition that passes all stages of a screen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError

__all__ = ['SecondModel']

#: Compositions that the model gets at a time.
_AT_ONCE = 8192
_PROBES = 256


class SecondModel:
    """A classifier of compositions beside the linear model.

    :param classifier: an object with ``elements`` (symbols) and ``predict_proba(fractions)``, where fractions have a
        column for each of its elements and the second column of the answer is the probability to be fast; an
        ``Atom2VecClassifier`` is one, on whatever device it lies.
    :raises InputError: if it is not one.
    """

    def __init__(self, classifier: Any) -> None:
        if not hasattr(classifier, 'elements') or not callable(getattr(classifier, 'predict_proba', None)):
            raise InputError(
                f'{type(classifier).__name__} cannot be the second model of a screen: it needs elements and '
                f'predict_proba, as an Atom2VecClassifier that was trained or loaded has'
            )
        self._classifier = classifier
        self.elements: tuple[str, ...] = tuple(classifier.elements)

    def probability(self, places: NDArray[np.int64], amounts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the probability to be fast.

        :param places: (n, 4) columns of the classifier; -1 where it does not know the element or there is none.
        :param amounts: (n, 4) amounts, zero where there is no element.
        :returns: (n,) probabilities; NaN where an element is not known to the classifier.
        """
        found = np.full(len(places), np.nan)
        known = np.flatnonzero(((places >= 0) | (amounts == 0)).all(axis=1))
        for start in range(0, len(known), _AT_ONCE):
            rows = known[start : start + _AT_ONCE]
            fractions = np.zeros((len(rows), len(self.elements) + 1))
            # Places of -1 fall on a further last column.
            fractions[np.arange(len(rows))[:, None], places[rows]] = amounts[rows]
            fractions = fractions[:, :-1]
            fractions /= fractions.sum(axis=1, keepdims=True)
            found[rows] = np.asarray(self._classifier.predict_proba(fractions))[:, 1]
        return found

    def columns(self, symbols: Sequence[str]) -> NDArray[np.int64]:
        """Return the column of each symbol, -1 for those that the classifier does not know; one -1 more at the end.

        :param symbols: chemical symbols.
        """
        known = {symbol: column for column, symbol in enumerate(self.elements)}
        return np.array([*(known.get(symbol, -1) for symbol in symbols), -1])

    def fingerprint(self) -> str:
        """Return a checksum of what the classifier says of compositions drawn with a fixed seed, to six digits."""
        drawn = np.random.default_rng(0)
        places = drawn.integers(0, len(self.elements), (_PROBES, 4))
        said = self.probability(places, drawn.integers(1, 50, (_PROBES, 4)))
        return hashlib.sha256(repr((self.elements, np.round(said, 6).tolist())).encode()).hexdigest()
