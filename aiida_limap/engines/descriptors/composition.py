"""Composition rows: what the blocks of a layout say about atomic fractions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.elements import SYMBOLS, CompositionError, ElementDataError
from aiida_limap.engines.descriptors.layout import Layout, layout_names, load_layout
from aiida_limap.engines.errors import LimapError

if TYPE_CHECKING:
    from pymatgen.core import Composition

__all__ = ['atomic_fractions', 'composition_descriptors', 'composition_row']


def composition_descriptors(
    compositions: Iterable[Composition | str | Mapping[str, float]], layout: str | Layout = 'yamaguchi2023'
) -> NDArray[np.float64]:
    """Describe compositions by the blocks of a layout, such as histograms of element properties.

    Equal compositions give equal bits, however they are written. (The element properties of the default layout are
    those of Yamaguchi et al., Sci. Rep. 13, 16799 (2023); its bins are a reconstruction.)

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
    fractions = atomic_fractions(composition)
    try:
        return _row(fractions, layout)
    except ElementDataError as error:
        able = [name for name in _layouts_that_hold(frozenset(fractions)) if name != layout.name]
        if not able:
            advice = 'no layout of the package holds all elements of the composition: leave it out'
        elif len(able) == 1:
            advice = f'the layout {able[0]} holds all elements of the composition'
        else:
            advice = f'the layouts {", ".join(able[:-1])} and {able[-1]} hold all elements of the composition'
        raise ElementDataError(error.reason, advice) from error


def _row(fractions: Mapping[str, float], layout: Layout) -> NDArray[np.float64]:
    return np.concatenate([block.row(fractions) for block in layout.parts['composition']])


@lru_cache(maxsize=4096)
def _layouts_that_hold(symbols: frozenset[str]) -> tuple[str, ...]:
    """Return the layouts of the package that have a composition row for elements, whatever the amounts of them."""
    fractions = {symbol: 1 / len(symbols) for symbol in sorted(symbols, key=SYMBOLS.index)}
    able = []
    for name in layout_names():
        try:
            _row(fractions, load_layout(name))
        except LimapError:
            continue
        able.append(name)
    return tuple(able)


def atomic_fractions(composition: Any) -> dict[str, float]:
    """Return atomic fractions in one form for all ways to write a composition.

    :param composition: a pymatgen composition, a formula, or amounts by element symbol.
    :returns: fractions by symbol, sorted by atomic number.
    :raises CompositionError: if it cannot be read or is empty.
    :raises ElementDataError: if it holds something beyond nobelium.
    """
    from pymatgen.core import Composition

    if not isinstance(composition, Composition):
        try:
            composition = Composition(composition)
        except (ValueError, TypeError) as error:
            raise CompositionError(f'{composition!r} cannot be read as a composition: {error}') from error
    amounts: dict[str, float] = composition.get_el_amt_dict()
    for symbol in amounts:
        if symbol not in SYMBOLS:
            raise ElementDataError(f'{symbol!r} is not an element between hydrogen and nobelium')
    if not amounts:
        raise CompositionError('the composition holds no element')
    # The reduced formula, so that Li2O and Li4O2 give the same bits and not only the same numbers.
    if all(abs(amount - round(amount)) < 1e-8 for amount in amounts.values()):
        counts = {symbol: round(amount) for symbol, amount in amounts.items()}
        divisor = int(np.gcd.reduce(list(counts.values())))
        amounts = {symbol: count // divisor for symbol, count in counts.items()}
    total = sum(amounts.values())
    # Sorted, so that polymorphs give the same bits whatever the order of their sites.
    return {symbol: amounts[symbol] / total for symbol in sorted(amounts, key=SYMBOLS.index)}
