"""Blocks of the composition part that are means over the atoms: histograms of element properties, element fractions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.blocks import CompositionBlock, require
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.columns import Column
from aiida_limap.engines.descriptors.elements import PROPERTIES, SYMBOLS, ElementDataError, element_property

__all__ = ['ElementFractions', 'ElementHistogram']


class _MeanBlock(CompositionBlock):
    """A block whose row is the mean of the rows of the pure elements."""

    @abstractmethod
    def element_row(self, symbol: str) -> NDArray[np.float64]:
        """Return the row of a pure element."""

    def row(self, fractions: Mapping[str, float]) -> NDArray[np.float64]:
        """Return the mean of the rows of the elements.

        :param fractions: atomic fractions by symbol.
        :raises ElementDataError: if an element has no value, or lies outside of the bins.
        """
        return sum(fraction * _element_row(self, symbol) for symbol, fraction in fractions.items())  # type: ignore[return-value]


@lru_cache(maxsize=8192)
def _element_row(block: _MeanBlock, symbol: str) -> NDArray[np.float64]:
    row = block.element_row(symbol)
    row.setflags(write=False)
    return row


@dataclass(frozen=True, kw_only=True, eq=False)
class ElementHistogram(_MeanBlock):
    """Histogram of one element property, weighted by atomic fraction.

    ``h_k = sum_e c_e exp(-(b_k - p_e)^2 / 2 s^2) / sum_k' exp(-(b_k' - p_e)^2 / 2 s^2)`` with the property p, the
    atomic fractions c, the bin centres b and the width s; it sums to one (Yamaguchi et al., Sci. Rep. 13, 16799 (2023)
    name the properties; the bins of the layouts are ours).

    :param quantity: an element property, see ``elements.PROPERTIES``.
    :param minimum: lower end of the bins, in the unit of the property.
    :param maximum: upper end of the bins.
    :param bins: number of bins.
    :param sigma: width of the Gaussians in the unit of the property; 0 for hard bins.
    """

    kind = 'element_histogram'

    quantity: str
    minimum: float
    maximum: float
    bins: int
    sigma: float

    def __post_init__(self) -> None:
        known = ', '.join(PROPERTIES)
        require(
            self.quantity in PROPERTIES, self.kind, f'unknown element property {self.quantity!r}; known are {known}'
        )
        fits = self.maximum > self.minimum and self.bins >= 1 and self.sigma >= 0
        require(fits, self.kind, f'{self.quantity}: needs maximum > minimum, bins >= 1 and sigma >= 0')

    @property
    def default_label(self) -> str:
        """The property."""
        return self.quantity

    @property
    def centres(self) -> NDArray[np.float64]:
        """(bins,) bin centres in the unit of the property."""
        width = (self.maximum - self.minimum) / self.bins
        return self.minimum + width * (np.arange(self.bins, dtype=np.float64) + 0.5)

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return one column per bin."""
        known = PROPERTIES[self.quantity]
        return [
            Column(f'{self.label}_{centre:.7g}', known.unit, f'share of atoms with {known.meaning} near {centre:.5g}')
            for centre in self.centres
        ]

    def element_row(self, symbol: str) -> NDArray[np.float64]:
        """Return the weights of the bins for one element; they sum to one.

        :param symbol: element symbol.
        :raises ElementDataError: if the property is not tabulated for the element, or lies outside of the bins.
        """
        value = element_property(symbol, self.quantity)
        if not self.minimum <= value <= self.maximum:
            known = PROPERTIES[self.quantity]
            raise ElementDataError(
                f'the {known.meaning} of {symbol}, {value:g} {known.unit}'.rstrip()
                + f', is outside of the range {self.minimum:g} to {self.maximum:g} of the layout',
                'leave out such compositions, or widen the range',
            )
        if self.sigma == 0:
            weights = np.zeros(self.bins)
            position = (value - self.minimum) / (self.maximum - self.minimum) * self.bins
            weights[min(int(position), self.bins - 1)] = 1.0
            return weights
        exponents = -((self.centres - value) ** 2) / (2 * self.sigma**2)
        # Relative to the nearest bin, so that a width far below the bins does not underflow to 0/0.
        weights = np.exp(exponents - exponents.max())
        return weights / weights.sum()


@dataclass(frozen=True, kw_only=True, eq=False)
class ElementFractions(_MeanBlock):
    """Atomic fraction of every element in a range of atomic numbers.

    :param first: first atomic number.
    :param last: last atomic number.
    """

    kind = 'element_fractions'

    first: int = 1
    last: int = 102

    def __post_init__(self) -> None:
        fits = 1 <= self.first <= self.last <= len(SYMBOLS)
        require(fits, self.kind, f'needs 1 <= first <= last <= {len(SYMBOLS)}')

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return one column per element."""
        symbols = SYMBOLS[self.first - 1 : self.last]
        return [Column(f'fraction_{symbol}', '', f'atomic fraction of {symbol}') for symbol in symbols]

    def element_row(self, symbol: str) -> NDArray[np.float64]:
        """Return one at the place of the element and zero elsewhere.

        :param symbol: element symbol.
        :raises ElementDataError: if the element is outside of the range.
        """
        number = SYMBOLS.index(symbol) + 1
        if not self.first <= number <= self.last:
            raise ElementDataError(f'{symbol} has no element-fraction column in the layout')
        row = np.zeros(self.last - self.first + 1)
        row[number - self.first] = 1.0
        return row
