"""The twenty features of Sendek et al.: few numbers of a structure that a rule for fast conduction can be made of.

A. D. Sendek et al., Energy Environ. Sci. 10, 306 (2017), doi:10.1039/C6EE02697D. Numbers S1.1 to S1.20 are those of its
supplementary information. Here every periodic image counts, so that no feature depends on the choice of the cell.

Words: two atoms are bonded if they are closer than 4 Å; the sublattice is all atoms but the mobile ones; the anions are
the atoms of the most electronegative element; the ionicity of a bond is the difference of the Pauling
electronegativities of its ends.

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
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.neighbours import Neighbours, search_neighbours
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._sendek_kernels import bond_sums, expected_nearest
from aiida_limap.engines.screening._sendek_paths import covered_volume, sphere_points, straight_paths
from aiida_limap.engines.screening._sendek_sites import Sites

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['FIVE_FEATURES', 'SENDEK_FEATURES', 'SENDEK_MEANINGS', 'sendek_feature_matrix', 'sendek_features']

#: Those of the model that Sendek et al. chose.
FIVE_FEATURES: tuple[str, ...] = ('LLB', 'SBI', 'AFC', 'LASD', 'LLSD')
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
        'SLPW': ('Å', 'mean width of the straight lines from each Li to the nearest other one (S1.17)'),
        'SLPE': ('', 'mean electronegativity of the atoms that bound these lines most tightly (S1.18)'),
        'RBI': ('', 'LBI / SBI (S1.19)'),
        'RNC': ('', 'LNC / SNC (S1.20)'),
    }
)
#: All features, the five of the model first.
SENDEK_FEATURES: tuple[str, ...] = tuple(SENDEK_MEANINGS)
#: Atoms closer than this are bonded, Å.
BOND_LENGTH = 4.0
#: Anions up to this much further than the nearest one coordinate an anion, Å.
_ANION_SHELL = 1.0


def sendek_features(
    structure: Structure, *, mobile_ion: str = 'Li', bond_length: float = BOND_LENGTH
) -> dict[str, float]:
    """Compute the twenty features of Sendek et al., Energy Environ. Sci. 10, 306 (2017).

    They do not depend on origin, order of sites or choice of cell; PF and SPF change by about 0.001 when the crystal is
    turned. Oxidation states are ignored. A structure may have shared and partially occupied sites, see the module.

    :param structure: a pymatgen structure, Å.
    :param mobile_ion: element symbol of the mobile ion; a charge is ignored, so ``Li+`` will do.
    :param bond_length: atoms closer than this are bonded, Å.
    :returns: number by name, in the order of :data:`SENDEK_FEATURES`, in the units of :data:`SENDEK_MEANINGS`. ``RBI``
        is NaN where SBI is zero, as for all compounds with one element besides Li: the ratio does not exist.
    :raises NoMobileIonError: if the mobile element is absent.
    :raises OverlappingSitesError: if two sites are closer than any bond and occupied at once.
    :raises LimapError: if no other element is there, or none is more electronegative than the mobile one.
    :raises InputError: if an argument is wrong.
    """
    found = _Features(Sites(structure, _symbol(mobile_ion), _checked(bond_length)), bond_length)
    return {name: float(getattr(found, name.lower())) for name in SENDEK_FEATURES}


def sendek_feature_matrix(
    structures: Iterable[Structure],
    names: Sequence[str] = FIVE_FEATURES,
    *,
    mobile_ion: str = 'Li',
    bond_length: float = BOND_LENGTH,
) -> NDArray[np.float64]:
    """Compute some of the features of many structures; what is not asked for is not computed.

    :param structures: pymatgen structures, Å.
    :param names: any of :data:`SENDEK_FEATURES`, in the order of the columns.
    :param mobile_ion: see :func:`sendek_features`.
    :param bond_length: see :func:`sendek_features`.
    :returns: (n_structures, n_names) numbers.
    :raises LimapError: as :func:`sendek_features`, for the first structure that has no features.
    :raises InputError: if a name is unknown.
    """
    check_names(names)
    symbol = _symbol(mobile_ion)
    rows = []
    for structure in structures:
        found = _Features(Sites(structure, symbol, _checked(bond_length)), bond_length)
        rows.append([float(getattr(found, name.lower())) for name in names])
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(names))


def check_names(names: Sequence[str]) -> None:
    """Refuse names that are no features.

    :param names: names.
    :raises InputError: if there are none, one is unknown or stands twice.
    """
    known = ', '.join(SENDEK_FEATURES)
    if isinstance(names, str) or not names:
        raise InputError(f'Sendek features: give a list of names out of {known}')
    for name in names:
        if name not in SENDEK_FEATURES:
            raise InputError(f'Sendek features: unknown feature {name!r}; known are {known}')
    if len(set(names)) != len(names):
        raise InputError('Sendek features: a name stands twice in the list')


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


@lru_cache(maxsize=1)
def _points() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return sphere_points()


@dataclass(frozen=True)
class _Bonds:
    """Means over bonds: number, mean ionicity and its standard deviation."""

    number: float
    mean: float
    deviation: float

    @classmethod
    def from_sums(cls, weight: float, total: float, squares: float) -> _Bonds:
        if weight == 0:
            return cls(0.0, 0.0, 0.0)
        mean = total / weight
        return cls(weight, mean, math.sqrt(max(0.0, squares / weight - mean**2)))


class _Features:
    """The features of one structure by their names in small letters, each computed when it is first asked for."""

    def __init__(self, sites: Sites, bond_length: float) -> None:
        self.sites = sites
        self.bond_length = bond_length
        self.mobile = sites.share(sites.is_mobile)
        self.anions = sites.share(sites.is_anion)
        self.host = sites.share(~sites.is_mobile)

    @cached_property
    def _bonded(self) -> tuple[NDArray[np.float64], _Bonds, _Bonds]:
        sites = self.sites
        atoms = (sites.firsts, sites.weights, sites.values, sites.is_mobile)
        counts, sums = bond_sums(sites.pairs, self.bond_length, sites.occupancies, sites.bond_radii, atoms)
        return counts, _Bonds.from_sums(*sums[0]), _Bonds.from_sums(*sums[1])

    def _nearest(
        self, centres: NDArray[np.float64], targets: NDArray[np.float64], width: float = 0.0
    ) -> tuple[float, float]:
        """Return mean distance (Å) of the nearest target, and mean number of targets up to ``width`` further."""

        def compute(
            neighbours: Neighbours, reach: float, chosen: NDArray[np.bool_]
        ) -> tuple[tuple[float, float], float]:
            pairs = (neighbours.offsets, neighbours.indices, neighbours.distances)
            arrays = (self.sites.occupancies[chosen], self.sites.bond_radii[chosen])
            distance, number, none = expected_nearest(pairs, reach, width, centres[chosen], targets[chosen], arrays)
            return (distance, number), none

        return self.sites.widen((centres > 0) | (targets > 0), compute)

    @cached_property
    def _anion_shell(self) -> tuple[float, float]:
        return self._nearest(self.anions, self.anions, _ANION_SHELL)

    @cached_property
    def _paths(self) -> tuple[float, float]:
        sites = self.sites

        def compute(neighbours: Neighbours, reach: float, _: NDArray[np.bool_]) -> tuple[tuple[float, float], float]:
            pairs = (neighbours.offsets, neighbours.indices, neighbours.vectors, neighbours.distances)
            atoms = (sites.firsts, sites.weights, sites.radii, sites.values)
            width, value, none = straight_paths(pairs, reach, self.mobile, (sites.occupancies, sites.bond_radii), atoms)
            return (width, value), none

        return sites.widen(np.ones(len(self.mobile), dtype=bool), compute)

    def _packing(self, kept: NDArray[np.bool_]) -> float:
        """Return the part of the volume within the spheres of some atoms."""
        sites = self.sites
        reach = 2 * float(sites.radii.max())
        neighbours = sites.neighbours
        if reach > sites.reach:
            neighbours = search_neighbours(sites.cell, sites.positions, reach, overlapping=True)
        pairs = (neighbours.offsets, neighbours.indices, neighbours.vectors, neighbours.distances)
        atoms = (sites.firsts, sites.weights, np.where(kept, sites.radii, 0.0))
        return covered_volume(pairs, atoms, *_points()) / sites.volume

    @property
    def llb(self) -> float:
        return float(np.average(self._bonded[0][:, 1], weights=self.mobile))

    @property
    def sbi(self) -> float:
        return self._bonded[2].mean

    @property
    def afc(self) -> float:
        return self._anion_shell[1]

    @cached_property
    def lasd(self) -> float:
        return self._nearest(self.mobile, self.anions)[0]

    @cached_property
    def llsd(self) -> float:
        return self._nearest(self.mobile, self.mobile)[0]

    @property
    def aav(self) -> float:
        return self.sites.volume / float(self.sites.occupancies.sum())

    @property
    def sdlc(self) -> float:
        squares = (self._bonded[0][:, 0] - self.lnc) ** 2
        return float(np.sqrt(np.average(squares, weights=self.mobile)))

    @property
    def sdli(self) -> float:
        return self._bonded[1].deviation

    @property
    def lbi(self) -> float:
        return self._bonded[1].mean

    @property
    def lnc(self) -> float:
        return float(np.average(self._bonded[0][:, 0], weights=self.mobile))

    @property
    def snc(self) -> float:
        return float(np.average(self._bonded[0][:, 0], weights=self.host))

    @property
    def aasd(self) -> float:
        return self._anion_shell[0]

    @property
    def vpa(self) -> float:
        return self.sites.volume / float(self.anions.sum())

    @property
    def ens(self) -> float:
        weights = np.where(self.sites.is_mobile, 0.0, self.sites.weights)
        return float(np.average(self.sites.values, weights=weights))

    @cached_property
    def pf(self) -> float:
        return self._packing(np.ones_like(self.sites.is_mobile))

    @cached_property
    def spf(self) -> float:
        return self._packing(~self.sites.is_mobile)

    @property
    def slpw(self) -> float:
        return self._paths[0]

    @property
    def slpe(self) -> float:
        return self._paths[1]

    @property
    def rbi(self) -> float:
        return self.lbi / self.sbi if self.sbi > 0 else math.nan

    @property
    def rnc(self) -> float:
        return self.lnc / self.snc if self.snc > 0 else math.nan
