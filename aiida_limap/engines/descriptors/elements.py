"""Properties of the elements that the composition histograms are made of."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from aiida_limap.engines.errors import LimapError

if TYPE_CHECKING:
    from pymatgen.core import Element

__all__ = ['PROPERTIES', 'SYMBOLS', 'ElementDataError', 'ElementProperty', 'element_property']

_ELEMENTS = (
    'H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb '
    'Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au '
    'Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No'
)

#: Element symbols by atomic number, hydrogen to nobelium.
SYMBOLS: tuple[str, ...] = tuple(_ELEMENTS.split())


class ElementDataError(LimapError):
    """No value is tabulated for a property of an element, or it lies outside of the bins of the layout."""


@dataclass(frozen=True)
class ElementProperty:
    """One property of the elements.

    :param unit: unit of the values, empty for pure numbers.
    :param meaning: what it is.
    :param read: takes a pymatgen Element, gives the value or None.
    """

    unit: str
    meaning: str
    read: Callable[[Element], Any]


def _electrons(orbital: str) -> Callable[[Element], int]:
    return lambda element: sum(count for _, kind, count in element.full_electronic_structure if kind == orbital)


def _covalent_radius(element: Element) -> float | None:
    from pymatgen.analysis.molecule_structure_comparator import CovalentRadius

    return CovalentRadius.radius.get(element.symbol)


#: Values come from pymatgen. The covalent radii are those of Cordero et al., Dalton Trans. 2832 (2008); atomic radii
#: are empirical (Slater); the ionic radius is the mean over the tabulated oxidation states (Shannon, coordination six).
#: Electrons are counted over all shells, closed ones included: Ba has 12 s electrons.
PROPERTIES: dict[str, ElementProperty] = {
    'atomic_number': ElementProperty('', 'atomic number', lambda element: element.Z),
    'atomic_weight': ElementProperty('u', 'atomic weight', lambda element: element.atomic_mass),
    'electronegativity': ElementProperty('', 'Pauling electronegativity', lambda element: element.X),
    'melting_point': ElementProperty('K', 'melting point of the element', lambda element: element.melting_point),
    'atomic_radius': ElementProperty('Å', 'atomic radius', lambda element: element.atomic_radius),
    # pymatgen gives 0 where it knows no ionic radius.
    'ionic_radius': ElementProperty('Å', 'mean ionic radius', lambda element: element.average_ionic_radius or None),
    'covalent_radius': ElementProperty('Å', 'covalent radius', _covalent_radius),
    's_electrons': ElementProperty('', 'number of s electrons', _electrons('s')),
    'p_electrons': ElementProperty('', 'number of p electrons', _electrons('p')),
    'd_electrons': ElementProperty('', 'number of d electrons', _electrons('d')),
    'f_electrons': ElementProperty('', 'number of f electrons', _electrons('f')),
    'mendeleev_number': ElementProperty('', 'Mendeleev number', lambda element: element.mendeleev_no),
}


@cache
def element_property(symbol: str, name: str) -> float:
    """Return one property of one element.

    :param symbol: element symbol.
    :param name: a key of :data:`PROPERTIES`.
    :returns: the value in the unit of the property.
    :raises ElementDataError: if the element is unknown or has no tabulated value: a missing one is never taken as zero.
    """
    from pymatgen.core import Element

    if symbol not in SYMBOLS:
        raise ElementDataError(f'{symbol!r} is not an element between hydrogen and nobelium')
    with warnings.catch_warnings():
        # pymatgen warns and gives NaN or None; both become an error below.
        warnings.simplefilter('ignore', UserWarning)
        value = PROPERTIES[name].read(Element(symbol))
    if value is None or math.isnan(value):
        raise ElementDataError(f'no {PROPERTIES[name].meaning} is tabulated for {symbol}; leave out such compositions')
    return float(value)
