"""Composition rows: histograms of element properties, and the element fractions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.elements import PROPERTIES, SYMBOLS, ElementDataError, element_property
from aiida_limap.engines.descriptors.layout import HistogramSpec, Layout, load_layout

if TYPE_CHECKING:
    from pymatgen.core import Composition

__all__ = ['composition_descriptors', 'composition_row']


def composition_descriptors(
    compositions: Iterable[Composition | str | Mapping[str, float]], layout: str | Layout = 'yamaguchi2023'
) -> NDArray[np.float64]:
    """Describe compositions by histograms of element properties.

    For element property p and atomic fractions c, with bin centres b and width s,
    ``h_k = sum_e c_e exp(-(b_k - p_e)^2 / 2 s^2) / sum_k' exp(-(b_k' - p_e)^2 / 2 s^2)``, so each histogram sums to one
    (after Yamaguchi et al., Sci. Rep. 13, 16799 (2023); the bins of the shipped layout are a reconstruction).

    :param compositions: pymatgen compositions, formulas, or amounts by element symbol.
    :param layout: a name, a path of a YAML file, or a layout.
    :returns: (n_compositions, n_columns) rows; 1782 columns for ``yamaguchi2023``.
    :raises ElementDataError: if an element has no tabulated value or lies outside of the range of a histogram.
    :raises InputError: if there is no such layout.
    """
    known = load_layout(layout)
    rows = [composition_row(composition, known) for composition in compositions]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(known.columns('composition')))


def composition_row(composition: Composition | str | Mapping[str, float], layout: Layout) -> NDArray[np.float64]:
    """Describe one composition.

    :param composition: a pymatgen composition, a formula, or amounts by element symbol.
    :param layout: the layout.
    :returns: (n_columns,) row.
    :raises ElementDataError: as :func:`composition_descriptors`.
    """
    fractions = _fractions(composition)
    table = _element_rows(layout)
    # Sorted by atomic number, so that polymorphs give the same bits whatever the order of their sites.
    return sum(fraction * table(symbol) for symbol, fraction in sorted(fractions.items(), key=_atomic_number))


def _atomic_number(entry: tuple[str, float]) -> int:
    return SYMBOLS.index(entry[0])


def _fractions(composition: Any) -> dict[str, float]:
    from pymatgen.core import Composition

    if not isinstance(composition, Composition):
        try:
            composition = Composition(composition)
        except (ValueError, TypeError) as error:
            raise ElementDataError(f'{composition!r} cannot be read as a composition: {error}') from error
    amounts: dict[str, float] = composition.get_el_amt_dict()
    for symbol in amounts:
        if symbol not in SYMBOLS:
            raise ElementDataError(f'{symbol!r} is not an element between hydrogen and nobelium')
    if not amounts:
        raise ElementDataError('the composition holds no element')
    # The reduced formula, so that Li2O and Li4O2 give the same bits and not only the same numbers.
    if all(abs(amount - round(amount)) < 1e-8 for amount in amounts.values()):
        counts = {symbol: round(amount) for symbol, amount in amounts.items()}
        divisor = int(np.gcd.reduce(list(counts.values())))
        amounts = {symbol: count // divisor for symbol, count in counts.items()}
    total = sum(amounts.values())
    return {symbol: amount / total for symbol, amount in amounts.items()}


def _element_rows(layout: Layout) -> Any:
    """Return the function that gives the row of a pure element; a composition row is their mean."""
    return lambda symbol: _element_row(layout, symbol)


@lru_cache(maxsize=4096)
def _element_row(layout: Layout, symbol: str) -> NDArray[np.float64]:
    number = SYMBOLS.index(symbol) + 1
    if not layout.first_element <= number <= layout.last_element:
        raise ElementDataError(f'{symbol} has no element-fraction column in the layout {layout.name}')
    parts = [_gaussian(spec, element_property(symbol, spec.quantity), symbol, layout) for spec in layout.histograms]
    one_hot = np.zeros(layout.last_element - layout.first_element + 1)
    one_hot[number - layout.first_element] = 1.0
    row = np.concatenate([*parts, one_hot])
    row.setflags(write=False)
    return row


def _gaussian(spec: HistogramSpec, value: float, symbol: str, layout: Layout) -> NDArray[np.float64]:
    if not spec.minimum <= value <= spec.maximum:
        unit = PROPERTIES[spec.quantity].unit
        raise ElementDataError(
            f'the {PROPERTIES[spec.quantity].meaning} of {symbol}, {value:g} {unit}'.rstrip()
            + f', is outside of the range {spec.minimum:g} to {spec.maximum:g} of the layout {layout.name}; '
            'the layout all_elements has wider ranges'
        )
    if spec.sigma == 0:
        weights = np.zeros(spec.bins)
        position = (value - spec.minimum) / (spec.maximum - spec.minimum) * spec.bins
        weights[min(int(position), spec.bins - 1)] = 1.0
        return weights
    exponents = -((spec.centres - value) ** 2) / (2 * spec.sigma**2)
    # Relative to the nearest bin, so that a width far below the bins does not underflow to 0/0.
    weights = np.exp(exponents - exponents.max())
    return weights / weights.sum()
