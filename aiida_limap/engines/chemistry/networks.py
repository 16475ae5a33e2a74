"""The network of cation-anion bonds of a crystal: coordination sequences and in how many directions it goes on.

A coordination sequence counts, around one atom, the atoms that are one bond away, two bonds, three … (G. O. Brunner,
F. Laves, Wiss. Z. Techn. Univers. Dresden 20, 387 (1971)). It does not depend on lengths, angles or the choice of the
cell, so it knows a framework whose polyhedra tilt.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['BondNetwork', 'Sequence']

#: Longest bond that is looked for, Å: larger cations do not belong to the networks of families.
_CUTOFF_ANGSTROM = 3.2
_DEPTH = 6

#: Numbers of atoms one bond away, two bonds, …
Sequence = tuple[int, ...]
_Image = tuple[int, int, int]
_Bonds = dict[int, list[tuple[int, _Image]]]


@dataclass(frozen=True)
class BondNetwork:
    """Bonds between cations and anions of one crystal.

    :param species: for each site the symbol of its element.
    :param bonds: for each cation its anions with the shift of the cell, each with length over the shortest.
    :param positions: (n, 3) fractional coordinates.
    :param cell: (3, 3) cell vectors, Å.
    """

    species: tuple[str, ...]
    bonds: dict[int, list[tuple[int, _Image, float]]]
    positions: NDArray[np.float64]
    cell: NDArray[np.float64]

    @classmethod
    def of(cls, structure: Structure, anion: str = 'O') -> BondNetwork:
        """Find the bonds of a crystal.

        :param structure: an ordered crystal without oxidation states.
        :param anion: the element that the cations are bonded to.
        """
        centres, neighbours, images, lengths = structure.get_neighbor_list(_CUTOFF_ANGSTROM)
        species = tuple(site.specie.symbol for site in structure)
        is_anion = np.array([symbol == anion for symbol in species])
        wanted = ~is_anion[centres] & is_anion[neighbours]
        shortest: dict[int, float] = {}
        for centre, length in zip(centres[wanted].tolist(), lengths[wanted].tolist(), strict=True):
            shortest[centre] = min(length, shortest.get(centre, length))
        bonds: dict[int, list[tuple[int, _Image, float]]] = {centre: [] for centre in shortest}
        found = zip(centres[wanted].tolist(), neighbours[wanted].tolist(), images[wanted], lengths[wanted], strict=True)
        for centre, neighbour, image, length in found:
            shift = (int(image[0]), int(image[1]), int(image[2]))
            bonds[centre].append((neighbour, shift, float(length) / shortest[centre]))
        return cls(species, bonds, structure.frac_coords, structure.lattice.matrix)

    def coordinations(self, elements: Collection[str], ratio: float) -> Counter[int]:
        """Return how many cations have how many anions.

        :param elements: the cations of the network.
        :param ratio: longest bond over the shortest of the same cation.
        """
        return Counter(
            sum(relative <= ratio for _, _, relative in self.bonds.get(site, ()))
            for site, symbol in enumerate(self.species)
            if symbol in elements
        )

    def sequences(self, elements: Collection[str], ratio: float) -> dict[Sequence, Fraction]:
        """Return the share of cations with each coordination sequence.

        :param elements: the cations of the network.
        :param ratio: longest bond over the shortest of the same cation.
        :returns: sequences of six numbers; the shares add up to 1.
        """
        bonds = self._both_ways(elements, ratio)
        sites = [site for site, symbol in enumerate(self.species) if symbol in elements]
        counts = Counter(_sequence(bonds, site) for site in sites)
        return {sequence: Fraction(count, len(sites)) for sequence, count in counts.items()}

    def directions(self, elements: Collection[str], ratio: float) -> int:
        """Return in how many independent directions the network goes on: 3 frameworks, 2 layers, 1 chains, 0 islands.

        :param elements: the cations of the network.
        :param ratio: longest bond over the shortest of the same cation.
        :returns: the largest number over all connected parts.
        """
        bonds = self._both_ways(elements, ratio)
        placed: dict[int, np.ndarray] = {}
        most = 0
        for start in bonds:
            if start in placed:
                continue
            placed[start] = np.zeros(3, dtype=int)
            queue, loops = deque([start]), [np.zeros(3, dtype=int)]
            while queue:
                site = queue.popleft()
                for other, shift in bonds[site]:
                    image = placed[site] + np.array(shift)
                    if other not in placed:
                        placed[other] = image
                        queue.append(other)
                    elif (image != placed[other]).any():
                        loops.append(image - placed[other])
            most = max(most, int(np.linalg.matrix_rank(np.unique(np.array(loops), axis=0))))
        return most

    def angles(self, elements: Collection[str], ratio: float) -> NDArray[np.float64]:
        """Return the angles cation-anion-cation at the anions, degree.

        :param elements: the cations of the network.
        :param ratio: longest bond over the shortest of the same cation.
        :returns: one angle for each pair of cations that share an anion; empty where none do.
        """
        found = []
        for anion, bonded in self._both_ways(elements, ratio).items():
            if self.species[anion] in elements:
                continue
            vectors = np.array([self.positions[site] + shift - self.positions[anion] for site, shift in bonded])
            vectors = vectors @ self.cell
            vectors /= np.linalg.norm(vectors, axis=1)[:, None]
            cosines = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
            found.append(np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))))
        return np.concatenate(found) if found else np.zeros(0)

    def _both_ways(self, elements: Collection[str], ratio: float) -> _Bonds:
        bonds: _Bonds = {}
        for cation, found in self.bonds.items():
            if self.species[cation] not in elements:
                continue
            for anion, (x, y, z), relative in found:
                if relative <= ratio:
                    bonds.setdefault(cation, []).append((anion, (x, y, z)))
                    bonds.setdefault(anion, []).append((cation, (-x, -y, -z)))
        return bonds


def _sequence(bonds: _Bonds, site: int) -> Sequence:
    front: Iterable[tuple[int, _Image]] = [(site, (0, 0, 0))]
    seen = set(front)
    numbers = []
    for _ in range(_DEPTH):
        reached = set()
        for atom, (x, y, z) in front:
            for other, (i, j, k) in bonds.get(atom, ()):
                place = (other, (x + i, y + j, z + k))
                if place not in seen:
                    seen.add(place)
                    reached.add(place)
        numbers.append(len(reached))
        front = reached
    return tuple(numbers)
