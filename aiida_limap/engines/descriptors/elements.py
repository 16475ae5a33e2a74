"""Properties of the elements that the blocks of the composition are made of."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import UnknownElementError

if TYPE_CHECKING:
    from pymatgen.core import Element

__all__ = ['PROPERTIES', 'SYMBOLS', 'CompositionError', 'ElementDataError', 'ElementProperty', 'element_property']

_ELEMENTS = (
    'H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb '
    'Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au '
    'Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No'
)

#: Element symbols by atomic number, hydrogen to nobelium.
SYMBOLS: tuple[str, ...] = tuple(_ELEMENTS.split())


class ElementDataError(UnknownElementError):
    """No value is tabulated for a property of an element, or it lies outside of the bins of the layout.

    :param reason: which element lacks what.
    :param advice: what to do about it, empty where whoever catches the error knows better.
    """

    def __init__(self, reason: str, advice: str = '') -> None:
        super().__init__(f'{reason}; {advice}' if advice else reason)
        self.reason = reason


class CompositionError(ElementDataError):
    """What should be a composition cannot be read as one, so that no element of it is known."""

    status = Status.FAILED


@dataclass(frozen=True)
class ElementProperty:
    """One property of the elements.

    :param unit: unit of the values, empty for pure numbers.
    :param meaning: what it is.
    :param read: takes a pymatgen Element, gives the value or None.
    :param source: where the values come from, with an address where there is one.
    """

    unit: str
    meaning: str
    read: Callable[[Element], Any]
    source: str


_PYMATGEN = 'the element data of pymatgen, https://doi.org/10.1016/j.commatsci.2012.10.028'
_CORDERO = 'B. Cordero et al., Dalton Trans. 2832 (2008), https://doi.org/10.1039/b801115j'
_SHANNON = (
    'crystal radii for coordination six of R. D. Shannon, Acta Cryst. A32, 751 (1976), '
    'https://doi.org/10.1107/S0567739476001551; from pymatgen'
)
_SLATER = 'J. C. Slater, J. Chem. Phys. 41, 3199 (1964), https://doi.org/10.1063/1.1725697; from pymatgen'
_PETTIFOR = (
    'chemical scale of D. G. Pettifor, Solid State Commun. 51, 31 (1984), '
    'https://doi.org/10.1016/0038-1098(84)90765-8; from pymatgen'
)
_CONFIGURATION = 'ground-state electron configuration in pymatgen'


def _electrons(orbital: str) -> Callable[[Element], int]:
    return lambda element: sum(count for _, kind, count in element.full_electronic_structure if kind == orbital)


def _outer_shells(element: Element) -> list[tuple[str, int]]:
    """Return orbital and electrons of the shells outside of the noble-gas core."""
    configuration = element.electronic_structure.split(']')[-1]
    return [(orbital, int(count)) for orbital, count in re.findall(r'\d([spdf])(\d+)', configuration)]


def _outer_electrons(orbital: str) -> Callable[[Element], int]:
    return lambda element: sum(count for kind, count in _outer_shells(element) if kind == orbital)


def _valence_electrons(element: Element) -> int:
    shells = _outer_shells(element)
    # A full d or f shell below other electrons is part of the core: Zn has 2, Ga has 3 and Hf has 4.
    outside = [count for orbital, count in shells if (orbital, count) not in {('d', 10), ('f', 14)}]
    return sum(outside) or sum(count for _, count in shells)


def _covalent_radius(element: Element) -> float | None:
    from pymatgen.analysis.molecule_structure_comparator import CovalentRadius

    return CovalentRadius.radius.get(element.symbol)


def _highest_state(element: Element) -> int | None:
    return max(element.common_oxidation_states, default=None)


def _radius_of_highest_state(element: Element) -> float | None:
    radius = element.ionic_radii.get(_highest_state(element))
    return None if radius is None else float(radius)


#: What is known of the elements. Values are read from pymatgen, and compared with the package mendeleev in the tests:
#: the two agree on the 27 elements of the layout yamaguchi2023 but for these.
#:
#: - ``mendeleev_number`` is the order of Pettifor's chemical scale (Li 12, O 101), not the number that goes down the
#:   groups of the periodic table (Li 1) that mendeleev and Magpie give that name. The lists of Pettifor's order in
#:   pymatgen and mendeleev differ by one or a few places for 17 elements: among the 27 for Sc, Y, Nb and Ta.
#: - ``ionic_radius`` averages the crystal radii of all tabulated states, which are 0.14 Å larger for cations, and
#:   smaller for anions, than Shannon's effective radii (Li 0.90, O 1.26). Sb(V) is 0.76 in pymatgen, 0.74 in Shannon.
#: - ``melting_point`` is 3800 K for C and that of white P; those of O and Y are 0.4 and 4 K above mendeleev's.
#: - ``electron_affinity`` of Ga, In, Hf and La differ by 0.08 to 0.17 eV, as newer measurements do from older ones.
#: - ``boiling_point`` of B, C, Si, Ga, In, Sn and Ba differ by 16 to 365 K.
#:
#: Electrons of ``s_electrons`` to ``f_electrons`` are counted over all shells: Ba has 12 s electrons, two of them in
#: ``s_valence_electrons``.
PROPERTIES: dict[str, ElementProperty] = {
    'atomic_number': ElementProperty('', 'atomic number', lambda element: element.Z, 'by definition'),
    'atomic_weight': ElementProperty('u', 'atomic weight', lambda element: element.atomic_mass, _PYMATGEN),
    'electronegativity': ElementProperty('', 'Pauling electronegativity', lambda element: element.X, _PYMATGEN),
    'melting_point': ElementProperty(
        'K', 'melting point of the element', lambda element: element.melting_point, _PYMATGEN
    ),
    'boiling_point': ElementProperty(
        'K', 'boiling point of the element', lambda element: element.boiling_point, _PYMATGEN
    ),
    'molar_volume': ElementProperty(
        'cm3/mol', 'molar volume of the element', lambda element: element.molar_volume, _PYMATGEN
    ),
    'atomic_radius': ElementProperty('Å', 'atomic radius', lambda element: element.atomic_radius, _SLATER),
    # pymatgen gives 0 where it knows no ionic radius.
    'ionic_radius': ElementProperty(
        'Å', 'mean ionic radius', lambda element: element.average_ionic_radius or None, _SHANNON
    ),
    'highest_state_radius': ElementProperty(
        'Å', 'ionic radius in the highest common oxidation state', _radius_of_highest_state, _SHANNON
    ),
    'covalent_radius': ElementProperty('Å', 'covalent radius', _covalent_radius, f'{_CORDERO}; from pymatgen'),
    'van_der_waals_radius': ElementProperty(
        'Å', 'van der Waals radius', lambda element: element.van_der_waals_radius, _PYMATGEN
    ),
    's_electrons': ElementProperty('', 'number of s electrons', _electrons('s'), _CONFIGURATION),
    'p_electrons': ElementProperty('', 'number of p electrons', _electrons('p'), _CONFIGURATION),
    'd_electrons': ElementProperty('', 'number of d electrons', _electrons('d'), _CONFIGURATION),
    'f_electrons': ElementProperty('', 'number of f electrons', _electrons('f'), _CONFIGURATION),
    's_valence_electrons': ElementProperty(
        '', 'number of s electrons outside of the noble-gas core', _outer_electrons('s'), _CONFIGURATION
    ),
    'p_valence_electrons': ElementProperty(
        '', 'number of p electrons outside of the noble-gas core', _outer_electrons('p'), _CONFIGURATION
    ),
    'd_valence_electrons': ElementProperty(
        '', 'number of d electrons outside of the noble-gas core', _outer_electrons('d'), _CONFIGURATION
    ),
    'f_valence_electrons': ElementProperty(
        '', 'number of f electrons outside of the noble-gas core', _outer_electrons('f'), _CONFIGURATION
    ),
    'valence_electrons': ElementProperty(
        '', 'number of electrons outside of closed shells', _valence_electrons, _CONFIGURATION
    ),
    'ionisation_energy': ElementProperty(
        'eV',
        'first ionisation energy',
        lambda element: element.ionization_energy,
        'NIST Atomic Spectra Database, https://physics.nist.gov/asd; from pymatgen',
    ),
    'electron_affinity': ElementProperty(
        'eV',
        'electron affinity',
        lambda element: element.electron_affinity,
        'https://en.wikipedia.org/wiki/Electron_affinity_(data_page); from pymatgen',
    ),
    'highest_oxidation_state': ElementProperty('', 'highest common oxidation state', _highest_state, _PYMATGEN),
    'lowest_oxidation_state': ElementProperty(
        '',
        'lowest common oxidation state',
        lambda element: min(element.common_oxidation_states, default=None),
        _PYMATGEN,
    ),
    'group': ElementProperty(
        '', 'group of the periodic table, 3 for lanthanides', lambda element: element.group, _PYMATGEN
    ),
    'period': ElementProperty('', 'period of the periodic table', lambda element: element.row, _PYMATGEN),
    'mendeleev_number': ElementProperty('', 'Mendeleev number', lambda element: element.mendeleev_no, _PETTIFOR),
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
        raise ElementDataError(
            f'no {PROPERTIES[name].meaning} is tabulated for {symbol}', 'leave out such compositions'
        )
    return float(value)
