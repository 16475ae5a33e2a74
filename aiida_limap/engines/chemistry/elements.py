"""Facts about elements and ions that several engines need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import yaml

from aiida_limap.engines.errors import InputError, ParametersMissingError

__all__ = [
    'Ion',
    'anion_bond_limits',
    'anion_charges',
    'covalent_radius',
    'highest_oxidation_states',
    'oxidation_states_of',
    'parse_ion',
    'period',
]

_ION = re.compile(r'([A-Z][a-z]?)(\d*)([+-])')


@dataclass(frozen=True)
class Ion:
    """An element with its formal charge.

    :param symbol: element symbol.
    :param charge: formal charge in units of e.
    """

    symbol: str
    charge: float

    def __str__(self) -> str:
        size = '' if abs(self.charge) == 1 else f'{abs(self.charge):g}'
        return f'{self.symbol}{size}{"-" if self.charge < 0 else "+"}'


def parse_ion(text: str) -> Ion:
    """Read an ion such as ``Li+`` or ``Mg2+``.

    :param text: element symbol, magnitude of the charge unless it is 1, sign.
    :returns: the ion.
    :raises InputError: if the text is no ion.
    """
    match = _ION.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] == '0':
        raise InputError(
            f'{text!r} is not an ion; write the element, the size of the charge and its sign, as in Li+ or Mg2+'
        )
    charge = int(match[2] or 1)
    return Ion(match[1], -charge if match[3] == '-' else charge)


@lru_cache(maxsize=1)
def _tables() -> Mapping[str, Mapping[str, Any]]:
    text = (resources.files(__package__) / 'elements.yaml').read_text(encoding='utf-8')
    return {name: MappingProxyType(table) for name, table in yaml.safe_load(text).items()}


def covalent_radius(symbol: str) -> float:
    """Return the covalent radius of an element in Å.

    Source: B. Cordero et al., Dalton Trans. 2008, 2832.

    :param symbol: element symbol, H to Cm.
    :returns: the radius, Å.
    :raises ParametersMissingError: if the element has none.
    """
    try:
        return float(_tables()['covalent_radius_angstrom'][symbol])
    except KeyError:
        raise ParametersMissingError(f'there is no covalent radius of {symbol}; the table holds H to Cm') from None


def period(symbol: str) -> int:
    """Return the period of an element, which is the principal quantum number of its valence shell.

    :param symbol: element symbol.
    :returns: the period; 6 for lanthanoids, 7 for actinoids.
    """
    from pymatgen.core import Element

    return int(Element(symbol).row)


def highest_oxidation_states() -> Mapping[str, float]:
    """Return the highest oxidation state by element symbol, for elements where it is beyond doubt."""
    return _tables()['highest_oxidation_state']


def anion_charges() -> Mapping[str, float]:
    """Return the charge of the closed-shell anion by element symbol."""
    return _tables()['anion_charge']


def anion_bond_limits() -> Mapping[str, float]:
    """Return the distance in Å below which two atoms of an anion are bonded to each other, by element symbol."""
    return _tables()['anion_bond_limit_angstrom']


def oxidation_states_of(symbol: str) -> tuple[int, ...]:
    """Return the oxidation states that may be assigned to an element, in ascending order.

    :param symbol: element symbol.
    :returns: the states; empty for elements that form no ions, such as noble gases.
    """
    return tuple(_tables()['oxidation_states'].get(symbol, ()))
