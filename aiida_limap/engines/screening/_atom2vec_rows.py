"""Compositions as the networks of atom2vec read them: few places in a list of elements, with amounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.descriptors.elements import SYMBOLS
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.reductions import fraction_matrix

__all__ = ['SparseRows', 'check_elements', 'read_fractions']

#: Sums of fractions that are this near to one are left as they are.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Compositions without the elements that they do not hold.

    :param places: (n, m) number of each element in the list of elements, 0 where a row has fewer than m elements.
    :param amounts: (n, m) its atomic fraction, 0 where a row has fewer.
    """

    places: NDArray[np.int64]
    amounts: NDArray[np.float32]

    @classmethod
    def from_fractions(cls, fractions: NDArray[np.float64]) -> SparseRows:
        """Leave out the zeros.

        :param fractions: (n, n_elements) atomic fractions.
        """
        width = max(1, int((fractions > 0).sum(axis=1).max(initial=0)))
        places = np.argsort(-fractions, axis=1, kind='stable')[:, :width]
        amounts = np.take_along_axis(fractions, places, axis=1)
        return cls(np.where(amounts > 0, places, 0).astype(np.int64), amounts.astype(np.float32))

    def __len__(self) -> int:
        return len(self.places)


def check_elements(elements: Sequence[str]) -> tuple[str, ...]:
    """Return symbols of elements, checked.

    :param elements: symbols.
    :raises InputError: if one is unknown or stands twice, or there is none.
    """
    symbols = tuple(str(symbol) for symbol in elements)
    unknown = [symbol for symbol in symbols if symbol not in SYMBOLS]
    if unknown:
        raise InputError(f'{unknown[0]!r} is not the symbol of an element between hydrogen and nobelium')
    if not symbols or len(set(symbols)) != len(symbols):
        raise InputError('the columns of fractions need one element each, each of them once')
    return symbols


def read_fractions(compositions: Any, elements: Sequence[str] | None) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return compositions as a matrix of atomic fractions.

    :param compositions: formulas, pymatgen compositions or amounts by element symbol; or (n, n_elements) fractions or
        amounts, whose rows are divided by their sums.
    :param elements: element of each column; for formulas, the columns that are wanted. Without, all elements from
        hydrogen to nobelium.
    :returns: (n, n_elements) fractions, and the symbols of the columns.
    :raises InputError: if a matrix has another number of columns, a number that is negative or not finite, or an empty
        row, or a formula holds an element that has no column.
    :raises ElementDataError: if a formula cannot be read.
    """
    symbols = SYMBOLS if elements is None else check_elements(elements)
    if isinstance(compositions, np.ndarray) and compositions.dtype.kind in 'fiu':
        return _checked(compositions, symbols), symbols
    if hasattr(compositions, 'to_numpy'):
        # A table or a column of pandas, whose iteration would give names of columns.
        return read_fractions(compositions.to_numpy(), elements)
    given = _as_list(compositions)
    if given and all(isinstance(row, (list, tuple, np.ndarray)) for row in given):
        return _checked(np.asarray(given), symbols), symbols
    found, present = fraction_matrix(given)
    missing = [symbol for symbol in present if symbol not in symbols]
    if missing:
        raise InputError(f'{", ".join(missing)}: no column for it; the columns are {", ".join(symbols)}')
    fractions = np.zeros((len(found), len(symbols)))
    fractions[:, [symbols.index(symbol) for symbol in present]] = found
    if not len(fractions):
        raise InputError('there are no compositions')
    return fractions, symbols


def _as_list(compositions: Any) -> list[Any]:
    if isinstance(compositions, (str, dict)) or not hasattr(compositions, '__iter__'):
        raise InputError('compositions must be a list of formulas, or a matrix of fractions')
    # Numpy words are words.
    return [str(row) if isinstance(row, str) else row for row in compositions]


def _checked(matrix: ArrayLike, symbols: tuple[str, ...]) -> NDArray[np.float64]:
    array = np.asarray(matrix, dtype=np.float64)
    if array.ndim != 2 or not len(array) or array.shape[1] != len(symbols):
        raise InputError(f'fractions: expected rows with one column for each of {len(symbols)} elements, found shape '
                         f'{array.shape}')  # fmt: skip
    totals = array.sum(axis=1, keepdims=True)
    if not (np.isfinite(array).all() and (array >= 0).all() and (totals > 0).all()):
        raise InputError('fractions: each row needs finite numbers, none below zero and one above')
    totals[np.abs(totals - 1) < _ROUNDING] = 1.0
    return array / totals
