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

__all__ = ['Sites']

_FIRST_REACH = 5.0
_GROWTH = 1.6
_LAST_REACH = 150.0
_MOST_PAIRS = 3e7
_MAX_SITES = 5000
_FULL = 1e-3

Found = TypeVar('Found')


@lru_cache(maxsize=256)
def _element(symbol: str) -> tuple[float, float]:
    """Return electronegativity and covalent radius (Å)."""
    return float(element_property_table([symbol], ['electronegativity'])[0, 0]), covalent_radius(symbol)


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
        self.volume = abs(float(np.linalg.det(self.cell)))
        self.reach = max(bond_length, _FIRST_REACH)
        parts = [_parts(site.species) for site in structure]
        filled = np.array([bool(part) for part in parts])
        self.positions = np.asarray(structure.frac_coords, dtype=np.float64)[filled]
        parts = [part for part in parts if part]
        symbols = [symbol for part in parts for symbol in part]
        numbers = np.array([_element(symbol) for symbol in symbols])
        #: Where the atoms of each site begin and end, their occupancies, electronegativities and covalent radii (Å).
        self.firsts = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        self.weights = np.array([weight for part in parts for weight in part.values()])
        self.values, self.radii = (np.ascontiguousarray(column) for column in numbers.T)
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
    def is_ordered(self) -> bool:
        """Whether each site is fully occupied by one atom."""
        return len(self.weights) == len(self.occupancies) and bool((np.abs(self.weights - 1) < _FULL).all())

    @cached_property
    def bond_radii(self) -> NDArray[np.float64]:
        """(n,) covalent radius of each site, mean over its atoms, Å."""
        return np.add.reduceat(self.weights * self.radii, self.firsts[:-1]) / self.occupancies

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

    def widen(
        self,
        wanted: NDArray[np.bool_],
        compute: Callable[[Neighbours, float, NDArray[np.bool_]], tuple[Found, float]],
    ) -> Found:
        """Repeat a search among some sites, each time further out, until nothing is left open.

        :param wanted: (n,) sites that take part once the search goes beyond ``reach``.
        :param compute: takes neighbours, how far they are known (Å) and the sites that they are of; gives the result
            and the largest chance that something was not found.
        :raises LimapError: if something is not found within 150 Å, or before the neighbours would fill the memory.
        """
        everything = np.ones(len(wanted), dtype=bool)
        found, open_ended = compute(self.neighbours, self.reach, everything)
        reach = self.reach
        while open_ended >= UNRESOLVED:
            reach *= _GROWTH
            pairs = 4.2 * reach**3 * float(wanted.sum()) ** 2 / self.volume
            if reach > _LAST_REACH or pairs > _MOST_PAIRS:
                raise LimapError(
                    f'{self.name}: a nearest neighbour or a path between mobile ions is not found within '
                    f'{reach / _GROWTH:.0f} Å; too few sites are occupied'
                )
            neighbours = search_neighbours(self.cell, self.positions[wanted], reach, overlapping=True)
            found, open_ended = compute(neighbours, reach, wanted)
        return found


def _parts(species: object) -> dict[str, float]:
    """Return the occupancies by symbol, whatever the oxidation states."""
    parts: dict[str, float] = {}
    for specie, weight in species.items():  # type: ignore[attr-defined]
        parts[specie.symbol] = parts.get(specie.symbol, 0.0) + float(weight)
    return {symbol: parts[symbol] for symbol in sorted(parts) if parts[symbol] > 0}
