"""Reductions of element properties over the atoms of a composition: few numbers that a rule can be made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.descriptors.composition import atomic_fractions
from aiida_limap.engines.descriptors.elements import SYMBOLS
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._checks import check_chosen
from aiida_limap.engines.screening.element_properties import (
    ELEMENT_PROPERTIES,
    check_properties,
    element_property_table,
)

if TYPE_CHECKING:
    from pymatgen.core import Composition

__all__ = [
    'ALL_REDUCTIONS',
    'REDUCTIONS',
    'composition_features',
    'feature_labels',
    'fraction_features',
    'fraction_matrix',
    'reduce_table',
]

#: Those that Cubuk, Sendek and Reed, J. Chem. Phys. 150, 214701 (2019), name.
REDUCTIONS: tuple[str, ...] = ('mean', 'std', 'min', 'max')
#: All that are known.
ALL_REDUCTIONS: tuple[str, ...] = (*REDUCTIONS, 'range')
#: Numbers in one work array.
_MOST_AT_ONCE = 4_000_000


def feature_labels(
    properties: Sequence[str] = ELEMENT_PROPERTIES, reductions: Sequence[str] = REDUCTIONS
) -> tuple[str, ...]:
    """Return the names of the columns of :func:`composition_features`, such as ``mean electronegativity``.

    :param properties: element properties.
    :param reductions: any of :data:`ALL_REDUCTIONS`.
    :raises InputError: if a name is unknown or stands twice.
    """
    check_properties(properties)
    _check_reductions(reductions)
    return tuple(f'{reduction} {name}' for name in properties for reduction in reductions)


def composition_features(
    compositions: Iterable[Composition | str | Mapping[str, float]],
    properties: Sequence[str] = ELEMENT_PROPERTIES,
    reductions: Sequence[str] = REDUCTIONS,
) -> NDArray[np.float64]:
    """Describe compositions by reductions of element properties.

    With the atomic fractions c and the property p: mean ``m = sum c p``, standard deviation ``sqrt(sum c (p - m)^2)``
    (that of the atoms, not divided by n - 1, so that it does not depend on the size of the formula), smallest and
    largest value of the elements present, and their difference (``range``). Oxidation states are ignored. (Cubuk,
    Sendek and Reed, J. Chem. Phys. 150, 214701 (2019); which further reductions they took is not published.)

    :param compositions: pymatgen compositions, formulas, or amounts by element symbol.
    :param properties: any of ``ELEMENT_PROPERTIES``.
    :param reductions: any of :data:`ALL_REDUCTIONS`.
    :returns: (n_compositions, n_properties * n_reductions), named by :func:`feature_labels`: all reductions of the
        first property, then those of the next; in the unit of the property.
    :raises ElementDataError: if a composition cannot be read, or a property of an element is not known.
    :raises InputError: if a name is unknown or stands twice.
    """
    feature_labels(properties, reductions)
    fractions, symbols = fraction_matrix(compositions)
    return fraction_features(fractions, symbols, properties, reductions)


def fraction_matrix(
    compositions: Iterable[Composition | str | Mapping[str, float]],
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return atomic fractions as a matrix.

    :param compositions: pymatgen compositions, formulas, or amounts by element symbol.
    :returns: (n_compositions, n_elements) fractions, and the symbols of the columns: all elements that occur, by atomic
        number.
    :raises ElementDataError: if a composition cannot be read.
    """
    rows = [atomic_fractions(composition) for composition in compositions]
    present = {symbol for row in rows for symbol in row}
    symbols = tuple(symbol for symbol in SYMBOLS if symbol in present)
    places = {symbol: index for index, symbol in enumerate(symbols)}
    matrix = np.zeros((len(rows), len(symbols)))
    for index, row in enumerate(rows):
        matrix[index, [places[symbol] for symbol in row]] = list(row.values())
    return matrix, symbols


def fraction_features(
    fractions: ArrayLike,
    symbols: Sequence[str],
    properties: Sequence[str] = ELEMENT_PROPERTIES,
    reductions: Sequence[str] = REDUCTIONS,
) -> NDArray[np.float64]:
    """Describe compositions that are given as a matrix; see :func:`composition_features`.

    :param fractions: (n_compositions, n_elements) atomic fractions or amounts.
    :param symbols: element of each column.
    :param properties: any of ``ELEMENT_PROPERTIES``.
    :param reductions: any of :data:`ALL_REDUCTIONS`.
    :returns: (n_compositions, n_properties * n_reductions).
    :raises ElementDataError: if a property of an element is not known.
    :raises InputError: if a name is unknown, or the matrix has a wrong shape, a negative or no finite number, or an
        empty row.
    """
    feature_labels(properties, reductions)
    return reduce_table(fractions, element_property_table(symbols, properties), reductions)


def reduce_table(
    fractions: ArrayLike, table: NDArray[np.float64], reductions: Sequence[str] = REDUCTIONS
) -> NDArray[np.float64]:
    """Reduce any numbers of elements over the atoms; see :func:`composition_features`.

    :param fractions: (n_compositions, n_elements) atomic fractions or amounts.
    :param table: (n_elements, n_numbers).
    :param reductions: any of :data:`ALL_REDUCTIONS`.
    :returns: (n_compositions, n_numbers * n_reductions), all reductions of the first number, then those of the next.
    :raises InputError: as :func:`fraction_features`.
    """
    _check_reductions(reductions)
    weights = np.asarray(fractions, dtype=np.float64)
    if weights.ndim != 2 or weights.shape[1] != len(table):
        raise InputError(f'fractions: expected one column for each of {len(table)} elements, found {weights.shape}')
    totals = weights.sum(axis=1, keepdims=True)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and (totals > 0).all()):
        raise InputError('fractions: each row needs finite numbers, none below zero and one above')
    # Fractions stay as they are to the last bit, whatever columns of zeros stand between them.
    totals[np.abs(totals - 1) < 1e-12] = 1.0
    found = np.empty((len(weights), table.shape[1], len(reductions)))
    step = max(1, _MOST_AT_ONCE // max(1, table.size))
    for start in range(0, len(weights), step):
        rows = slice(start, start + step)
        parts = _reduce(weights[rows] / totals[rows], table)
        for place, reduction in enumerate(reductions):
            found[rows, :, place] = parts[reduction]
    return found.reshape(len(weights), table.shape[1] * len(reductions))


def _reduce(fractions: NDArray[np.float64], table: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return each reduction, (n_compositions, n_numbers)."""
    # Not by BLAS, whose last bits depend on how many rows there are.
    mean = np.einsum('ce,ep->cp', fractions, table)
    # About the mean, since the difference of two squares would lose what is left of nearly equal values.
    variance = np.einsum('ce,cep->cp', fractions, (table[None] - mean[:, None]) ** 2)
    absent = (fractions == 0)[:, :, None]
    smallest = np.where(absent, np.inf, table[None]).min(axis=1)
    largest = np.where(absent, -np.inf, table[None]).max(axis=1)
    return {
        'mean': mean,
        'std': np.sqrt(variance),
        'min': smallest,
        'max': largest,
        'range': largest - smallest,
    }


def _check_reductions(reductions: Sequence[str]) -> None:
    check_chosen('reductions', 'reduction', reductions, ALL_REDUCTIONS, called='word', twice='word')
