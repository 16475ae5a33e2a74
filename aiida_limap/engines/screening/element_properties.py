"""Nine properties of the elements that rules for compositions are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

import numpy as np
import yaml
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.elements import SYMBOLS, ElementDataError
from aiida_limap.engines.screening._checks import check_chosen

__all__ = [
    'ELEMENT_PROPERTIES',
    'check_properties',
    'complete_elements',
    'element_property_table',
    'incomplete_elements',
    'property_sources',
]

#: The properties that Cubuk, Sendek and Reed, J. Chem. Phys. 150, 214701 (2019), name; the unit is part of the name.
ELEMENT_PROPERTIES: tuple[str, ...] = (
    'atomic_number',
    'group',
    'period',
    'electronegativity',
    'electron_affinity_eV',
    'boiling_temperature_K',
    'melting_temperature_K',
    'density_g_per_cm3',
    'ionization_energy_eV',
)


@lru_cache(maxsize=1)
def _document() -> dict[str, dict]:
    text = (resources.files(__package__) / 'element_properties.yaml').read_text(encoding='utf-8')
    document: dict[str, dict] = yaml.safe_load(text)
    return document


@lru_cache(maxsize=1)
def _rows() -> Mapping[str, NDArray[np.float64]]:
    """Return the nine numbers by element; NaN where none is known."""
    rows = {symbol: np.array(values, dtype=np.float64) for symbol, values in _document()['elements'].items()}
    return MappingProxyType(rows)


def property_sources() -> dict[str, str]:
    """Return where the values of each property come from, in words with addresses."""
    document = _document()
    filled: Mapping[str, str] = document['filled']
    return {
        name: f'{document["sources"][name]}; {filled[name]}' if name in filled else str(document['sources'][name])
        for name in ELEMENT_PROPERTIES
    }


def incomplete_elements() -> dict[str, tuple[str, ...]]:
    """Return the properties that are not known, by element of the table that lacks some."""
    gaps = {
        symbol: tuple(name for name, value in zip(ELEMENT_PROPERTIES, row, strict=True) if np.isnan(value))
        for symbol, row in _rows().items()
    }
    return {symbol: names for symbol, names in gaps.items() if names}


def complete_elements() -> tuple[str, ...]:
    """Return the symbols of the elements with all nine properties, by atomic number.

    They are the 95 elements hydrogen to americium but for astatine and francium: lithium and 92 partners of it.
    """
    gaps = incomplete_elements()
    return tuple(symbol for symbol in _rows() if symbol not in gaps)


def check_properties(properties: Sequence[str]) -> None:
    """Refuse names that are no properties of the table.

    :param properties: names.
    :raises InputError: if there are none, one is unknown or stands twice.
    """
    check_chosen('element properties', 'property', properties, ELEMENT_PROPERTIES, twice='property')


def element_property_table(
    symbols: Sequence[str], properties: Sequence[str] = ELEMENT_PROPERTIES
) -> NDArray[np.float64]:
    """Return properties of elements.

    Sources: :func:`property_sources`.

    :param symbols: element symbols.
    :param properties: any of :data:`ELEMENT_PROPERTIES`, in the order of the columns.
    :returns: (n_elements, n_properties) values in the units that the names tell.
    :raises ElementDataError: if an element is unknown or a value of it is: a missing one is never taken as zero.
    :raises InputError: if a property is unknown.
    """
    check_properties(properties)
    columns = [ELEMENT_PROPERTIES.index(name) for name in properties]
    rows = _rows()
    table = np.empty((len(symbols), len(columns)))
    for index, symbol in enumerate(symbols):
        if symbol not in rows:
            known = 'is no element' if symbol not in SYMBOLS else 'lies beyond the table, which ends with americium'
            raise ElementDataError(f'element properties: {symbol!r} {known}')
        table[index] = rows[symbol][columns]
        if np.isnan(table[index]).any():
            missing = properties[int(np.flatnonzero(np.isnan(table[index]))[0])]
            raise ElementDataError(f'element properties: no {missing} of {symbol} is known', f'leave out {symbol}')
    return table
