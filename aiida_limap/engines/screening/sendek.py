"""The twenty features of Sendek et al.: few numbers of a structure that a rule for fast conduction can be made of.

A. D. Sendek et al., Energy Environ. Sci. 10, 306 (2017), doi:10.1039/C6EE02697D. Numbers S1.1 to S1.20 are those of its
supplementary information. Here every periodic image counts, so that no feature depends on the choice of the cell.

Words: two atoms are bonded if they are closer than 4 Å; the sublattice is all atoms but the mobile ones; the anions are
the atoms of the most electronegative element; the ionicity of a bond is the difference of the Pauling
electronegativities of its ends; the sphere of an atom has its covalent radius (B. Cordero et al., Dalton Trans. 2008,
2832; the radii of the paper are not available to us, with these the published means of PF, SPF, SLPW and SLPE come out
within a third of their standard deviations). A straight path goes from a mobile ion to the nearest other one, all of
them in turn where several are equally near; its width is the gap to the nearest sphere beside it, none if that lies
across. Where no atom lies beside it within 4 Å, those beyond its ends count.

``SBI`` looks at bonds with both ends in the sublattice. The probabilities that the paper publishes follow only if the
bonds to Li count as well: that number is ``SBIL``, and :data:`PUBLISHED_FIVE` are the features of the published model.

Shared and partially occupied sites count by their occupancies. Each site is taken as occupied by chance, whatever the
others are, but for pairs of sites that are closer than any bond and filled to no more than one atom together: they are
alternatives and no neighbours. Numbers of neighbours, means over atoms and over bonds are then expected values, and the
shortest distance of an atom is the expected distance of the nearest occupied site. For ordered structures all this is
the plain definition.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._checks import check_chosen
from aiida_limap.engines.screening._sendek_sites import Sites
from aiida_limap.engines.screening._sendek_values import SendekValues

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = [
    'ALL_FEATURES',
    'BOND_LENGTH',
    'FIVE_FEATURES',
    'PUBLISHED_FIVE',
    'SENDEK_FEATURES',
    'SENDEK_MEANINGS',
    'check_arguments',
    'check_names',
    'sendek_feature_matrix',
    'sendek_features',
]

#: Those of the model that Sendek et al. chose.
FIVE_FEATURES: tuple[str, ...] = ('LLB', 'SBI', 'AFC', 'LASD', 'LLSD')
#: The same, with the mean over bonds as the published coefficients and probabilities have it.
PUBLISHED_FIVE: tuple[str, ...] = ('LLB', 'SBIL', 'AFC', 'LASD', 'LLSD')
#: Unit and meaning of each feature, as Li is the mobile ion.
SENDEK_MEANINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        'LLB': ('', 'Li-Li bonds per Li (S1.6)'),
        'SBI': ('', 'mean ionicity of the bonds within the sublattice; 0 if there are none (S1.7)'),
        'AFC': ('', 'mean over anions of the number of anions up to 1 Å further than the nearest one (S1.9)'),
        'LASD': ('Å', 'mean over Li of the distance of the nearest anion (S1.12)'),
        'LLSD': ('Å', 'mean over Li of the distance of the nearest other Li (S1.13)'),
        'AAV': ('Å^3', 'volume per atom (S1.1)'),
        'SDLC': ('', 'standard deviation over Li of the number of neighbours closer than 4 Å (S1.2)'),
        'SDLI': ('', 'standard deviation of the ionicity over the bonds of Li (S1.3)'),
        'LBI': ('', 'mean ionicity of the bonds of Li, Li-Li bonds counted once (S1.4)'),
        'LNC': ('', 'mean over Li of the number of neighbours closer than 4 Å (S1.5)'),
        'SNC': ('', 'mean over the sublattice of the number of neighbours closer than 4 Å, Li included (S1.8)'),
        'AASD': ('Å', 'mean over anions of the distance of the nearest other anion (S1.10)'),
        'VPA': ('Å^3', 'volume per anion (S1.11)'),
        'ENS': ('', 'mean electronegativity of the sublattice (S1.14)'),
        'PF': ('', 'part of the volume within the spheres of the atoms (S1.15)'),
        'SPF': ('', 'part of the volume within the spheres of the sublattice (S1.16)'),
        'SLPW': (
            'Å',
            'mean gap between the line from each Li to the nearest other one and a sphere (S1.17)',
        ),
        'SLPE': ('', 'mean electronegativity of the atoms whose spheres come closest to these lines (S1.18)'),
        'RBI': ('', 'LBI / SBI (S1.19)'),
        'RNC': ('', 'LNC / SNC (S1.20)'),
        'SBIL': (
            '',
            'mean ionicity of all bonds of the sublattice, also those to Li; bonds within count from both ends',
        ),
    }
)
#: All features and the other reading of SBI.
ALL_FEATURES: tuple[str, ...] = tuple(SENDEK_MEANINGS)
#: The twenty features, the five of the model first.
SENDEK_FEATURES: tuple[str, ...] = ALL_FEATURES[:20]
#: Atoms closer than this are bonded, Å.
BOND_LENGTH = 4.0


def sendek_features(
    structure: Structure,
    *,
    mobile_ion: str = 'Li',
    bond_length: float = BOND_LENGTH,
    names: Sequence[str] = SENDEK_FEATURES,
) -> dict[str, float]:
    """Compute the twenty features of Sendek et al., Energy Environ. Sci. 10, 306 (2017).

    They do not depend on origin, orientation, order of sites or choice of cell, but that PF and SPF of disordered
    structures change by about 0.001 when the crystal is turned. Oxidation states are ignored. A structure may have
    shared and partially occupied sites, see the module.

    :param structure: a pymatgen structure, Å.
    :param mobile_ion: element symbol of the mobile ion; a charge is ignored, so ``Li+`` will do.
    :param bond_length: atoms closer than this are bonded, Å.
    :param names: any of :data:`ALL_FEATURES`; what is not asked for is not computed.
    :returns: number by name, in the order of the names, in the units of :data:`SENDEK_MEANINGS`. ``RBI`` is NaN
        where SBI is zero, as for all compounds with one element besides Li: the ratio does not exist.
    :raises NoMobileIonError: if the mobile element is absent.
    :raises OverlappingSitesError: if two sites are closer than any bond and occupied at once.
    :raises LimapError: if no other element is there, or none is more electronegative than the mobile one.
    :raises InputError: if an argument is wrong.
    """
    check_names(names)
    found = SendekValues(Sites(structure, _symbol(mobile_ion), _checked(bond_length)), bond_length)
    return {name: found.value(name) for name in names}


def sendek_feature_matrix(
    structures: Iterable[Structure],
    names: Sequence[str] = FIVE_FEATURES,
    *,
    mobile_ion: str = 'Li',
    bond_length: float = BOND_LENGTH,
) -> NDArray[np.float64]:
    """Compute some of the features of many structures.

    :param structures: pymatgen structures, Å.
    :param names: any of :data:`ALL_FEATURES`, in the order of the columns.
    :param mobile_ion: see :func:`sendek_features`.
    :param bond_length: see :func:`sendek_features`.
    :returns: (n_structures, n_names) numbers.
    :raises LimapError: as :func:`sendek_features`, for the first structure that has no features.
    :raises InputError: if a name is unknown.
    """
    check_names(names)
    rows = [
        list(sendek_features(structure, mobile_ion=mobile_ion, bond_length=bond_length, names=names).values())
        for structure in structures
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(names))


def check_names(names: Sequence[str]) -> None:
    """Refuse names that are no features.

    :param names: names.
    :raises InputError: if there are none, one is unknown or stands twice.
    """
    check_chosen('Sendek features', 'feature', names, ALL_FEATURES)


def check_arguments(mobile_ion: str, bond_length: float, names: Sequence[str]) -> None:
    """Refuse wrong arguments of :func:`sendek_features`.

    :param mobile_ion: element symbol of the mobile ion.
    :param bond_length: atoms closer than this are bonded, Å.
    :param names: names of features.
    :raises InputError: if one is wrong.
    """
    _symbol(mobile_ion)
    _checked(bond_length)
    check_names(names)


def _symbol(mobile_ion: str) -> str:
    from pymatgen.core import Element

    match = re.fullmatch(r'([A-Z][a-z]?)(\d*[+-])?', mobile_ion) if isinstance(mobile_ion, str) else None
    if match is None or not Element.is_valid_symbol(match[1]):
        raise InputError(f'Sendek features: the mobile ion {mobile_ion!r} is no element; write a symbol such as Li')
    return match[1]


def _checked(bond_length: float) -> float:
    number = isinstance(bond_length, (int, float)) and not isinstance(bond_length, bool) and math.isfinite(bond_length)
    if not number or not 0.5 <= bond_length <= 20:
        raise InputError(f'Sendek features: the bond length is a number between 0.5 and 20 Å, not {bond_length!r}')
    return float(bond_length)
