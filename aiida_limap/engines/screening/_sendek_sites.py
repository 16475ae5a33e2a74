"""What the features of one structure share: atoms, whole or by parts, and their neighbours."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.chemistry.elements import covalent_radius
from aiida_limap.engines.chemistry.structures import check_structure
from aiida_limap.engines.descriptors.neighbours import Neighbours, check_crystal, search_neighbours
from aiida_limap.engines.errors import LimapError
from aiida_limap.engines.screening._sendek_kernels import UNRESOLVED
from aiida_limap.engines.screening.element_properties import element_property_table

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['IONIC_BOND', 'Sites']

#: A bond with a larger difference of electronegativities counts as ionic.
IONIC_BOND = 2.0
_FIRST_REACH = 5.0
_GROWTH = 1.6
_LAST_REACH = 150.0
_MAX_SITES = 5000
#: Neighbours up to this multiple of the distance of the nearest one tell the character of the bonds of an atom.
_SHELL = 1.1

Found = TypeVar('Found')


@lru_cache(maxsize=256)
def _element(symbol: str) -> tuple[float, float, float]:
    """Return electronegativity, covalent and ionic radius (Å); the covalent one where there is no ionic one."""
    from pymatgen.core import Element

    covalent = covalent_radius(symbol)
    ionic = float(Element(symbol).average_ionic_radius)
    return float(element_property_table([symbol], ['electronegativity'])[0, 0]), covalent, ionic or covalent


class Sites:
    """The sites of a structure as arrays; species of shared sites are atoms with an occupancy.

    :param structure: a pymatgen structure, Å.
    :param mobile: symbol of the mobile element.
    :param bond_length: atoms closer than this are bonded, Å.
    :raises LimapError: one of its kinds says what is wrong with the structure.
    """

    def __init__(self, structure: Structure, mobile: str, bond_length: float) -> None:
        check_crystal(structure)
        check_structure(structure, mobile_element=mobile, max_sites=_MAX_SITES, disordered=True)
        self.cell = np.ascontiguousarray(structure.lattice.matrix, dtype=np.float64)
        self.positions = np.asarray(structure.frac_coords, dtype=np.float64)
        self.volume = abs(float(np.linalg.det(self.cell)))
        self.reach = max(bond_length, _FIRST_REACH)
        parts = [_parts(site.species) for site in structure]
        symbols = [symbol for part in parts for symbol in part]
        numbers = np.array([_element(symbol) for symbol in symbols])
        #: Where the atoms of each site begin and end, their occupancies, electronegativities and covalent radii (Å).
        self.firsts = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        self.weights = np.array([weight for part in parts for weight in part.values()])
        self.values, self.covalent, self.ionic = (np.ascontiguousarray(column) for column in numbers.T)
        #: Which atoms are mobile, and which are anions: those of the most electronegative element.
        self.is_mobile = np.array([symbol == mobile for symbol in symbols])
        self.is_anion = self.values > self.values.max() - 1e-9
        name = structure.composition.reduced_formula
        if self.is_mobile.all():
            raise LimapError(f'{name} holds nothing but {mobile}; there is no sublattice to describe')
        if (self.is_anion & self.is_mobile).any():
            raise LimapError(f'{name}: no element is more electronegative than {mobile}, so that there is no anion')
        self.name = name

    @cached_property
    def neighbours(self) -> Neighbours:
        """All neighbours within ``reach``."""
        return search_neighbours(self.cell, self.positions, self.reach, overlapping=True)

    @cached_property
    def occupancies(self) -> NDArray[np.float64]:
        """(n,) whole occupancy of each site."""
        return np.add.reduceat(self.weights, self.firsts[:-1])

    @cached_property
    def bond_radii(self) -> NDArray[np.float64]:
        """(n,) covalent radius of each site, mean over its atoms, Å."""
        return np.add.reduceat(self.weights * self.covalent, self.firsts[:-1]) / self.occupancies

    def share(self, atoms: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the occupancy of each site by some of the atoms.

        :param atoms: (n_atoms,) which ones.
        :returns: (n,) occupancies.
        """
        return np.add.reduceat(np.where(atoms, self.weights, 0.0), self.firsts[:-1])

    @property
    def pairs(self) -> tuple[NDArray, NDArray, NDArray]:
        """Offsets, indices and distances of the neighbours."""
        return self.neighbours.offsets, self.neighbours.indices, self.neighbours.distances

    @cached_property
    def radii(self) -> NDArray[np.float64]:
        """(n_atoms,) effective radii, Å: ionic where the bonds to the nearest atoms are, covalent elsewhere.

        The bonds of an atom are those to the atoms up to 1.1 times as far as its nearest one; they are ionic if the
        mean difference of Pauling electronegativities is larger than 2.
        """

        def compute(neighbours: Neighbours, reach: float, _: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
            return self._radii_within(neighbours, reach)

        return self.widen(np.ones(len(self.occupancies), dtype=bool), compute)

    def widen(
        self,
        wanted: NDArray[np.bool_],
        compute: Callable[[Neighbours, float, NDArray[np.bool_]], tuple[Found, float]],
    ) -> Found:
        """Repeat a search among some sites, each time further out, until nothing is left open.

        :param wanted: (n,) sites that take part once the search goes beyond ``reach``.
        :param compute: takes neighbours, how far they are known (Å) and the sites that they are of; gives the result
            and the largest chance that something was not found.
        :raises LimapError: if something is not found within 150 Å.
        """
        everything = np.ones(len(wanted), dtype=bool)
        found, open_ended = compute(self.neighbours, self.reach, everything)
        reach = self.reach
        while open_ended >= UNRESOLVED:
            reach *= _GROWTH
            if reach > _LAST_REACH:
                raise LimapError(f'{self.name}: no neighbour of some site is found within {_LAST_REACH:g} Å')
            neighbours = search_neighbours(self.cell, self.positions[wanted], reach, overlapping=True)
            found, open_ended = compute(neighbours, reach, wanted)
        return found

    def _radii_within(self, neighbours: Neighbours, reach: float) -> tuple[NDArray[np.float64], float]:
        radii = self.covalent.copy()
        mean = np.add.reduceat(self.weights * self.values, self.firsts[:-1]) / self.occupancies
        for site, (start, stop) in enumerate(zip(neighbours.offsets[:-1], neighbours.offsets[1:], strict=True)):
            others = neighbours.indices[start:stop]
            distances = neighbours.distances[start:stop]
            # Split positions of one atom are no bonds of it.
            limit = 0.75 * (self.bond_radii[site] + self.bond_radii[others])
            real = (self.occupancies[site] + self.occupancies[others] > 1 + 1e-3) | (distances >= limit)
            others, distances = others[real], distances[real]
            if not len(distances) or _SHELL * distances[0] > reach:
                return radii, 1.0
            shell = others[distances <= _SHELL * distances[0] + 1e-6]
            for atom in range(self.firsts[site], self.firsts[site + 1]):
                ionicity = np.abs(self.values[atom] - mean[shell])
                if np.average(ionicity, weights=self.occupancies[shell]) > IONIC_BOND:
                    radii[atom] = self.ionic[atom]
        return radii, 0.0


def _parts(species: object) -> dict[str, float]:
    """Return the occupancies by symbol, whatever the oxidation states."""
    parts: dict[str, float] = {}
    for specie, weight in species.items():  # type: ignore[attr-defined]
        parts[specie.symbol] = parts.get(specie.symbol, 0.0) + float(weight)
    return {symbol: parts[symbol] for symbol in sorted(parts)}
