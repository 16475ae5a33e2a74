"""One periodic neighbour search per structure, shared by all blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.neighbour_kernels import search
from aiida_limap.engines.errors import DisorderedStructureError, LimapError, OverlappingSitesError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['LAST_ANGSTROM', 'Neighbours', 'check_crystal', 'check_structure', 'find_neighbours', 'search_neighbours']

#: Blocks that need more distant neighbours than this refuse a structure.
LAST_ANGSTROM = 40.0
#: Closer than any bond (H-H 0.74 Å).
_OVERLAP_ANGSTROM = 0.5
#: Spheres whose centres are that far apart cannot be packed closer (T. C. Hales, Ann. Math. 162, 1065 (2005)), Å3.
_LEAST_VOLUME_PER_SITE = _OVERLAP_ANGSTROM**3 / 2**0.5
#: In a cell this flat, product of lengths over volume, and this many cells off, too few digits of a position are left.
_FLATTEST = 1e10
_FARTHEST_CELLS = 1e6


@dataclass(frozen=True, eq=False)
class Neighbours:
    """All neighbours of all sites within a cut-off, periodic images included.

    They are sorted by centre, then by distance.

    :param offsets: (n_sites + 1,) where the neighbours of each site begin and end.
    :param indices: (n_pairs,) site index of the neighbour.
    :param vectors: (n_pairs, 3) from the centre to the neighbour, Å.
    :param distances: (n_pairs,) Å.
    """

    offsets: NDArray[np.int64]
    indices: NDArray[np.int64]
    vectors: NDArray[np.float64]
    distances: NDArray[np.float64]

    @property
    def centres(self) -> NDArray[np.int64]:
        """(n_pairs,) site index of the centre."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def within(self, cutoff_angstrom: float) -> Neighbours:
        """Return those within a smaller distance.

        :param cutoff_angstrom: largest distance, Å.
        """
        kept = self.distances <= cutoff_angstrom
        offsets = np.concatenate([[0], np.cumsum(kept)])[self.offsets]
        return Neighbours(offsets, self.indices[kept], self.vectors[kept], self.distances[kept])


def check_crystal(structure: Any) -> None:
    """Refuse what is no periodic structure, or has no sites.

    :param structure: whatever was given as a structure.
    :raises LimapError: if it is none.
    """
    if not hasattr(structure, 'lattice') or not hasattr(structure, 'frac_coords'):
        raise LimapError(f'a {type(structure).__name__} is no periodic structure; give a Structure of pymatgen')
    if not all(structure.lattice.pbc):
        raise LimapError(f'{structure.formula} is not periodic along all three directions, as crystals are')
    if not len(structure):
        raise LimapError('the structure has no sites')


def check_structure(structure: Structure, *, disordered: bool = False) -> None:
    """Refuse what has no well-defined neighbours.

    :param structure: the structure.
    :param disordered: whether sites may be partially occupied or shared.
    :raises LimapError: if it is no crystal, or has no sites.
    :raises DisorderedStructureError: if a site is partially occupied or shared.
    """
    check_crystal(structure)
    if not disordered and not structure.is_ordered:
        site = next(site for site in structure if not site.is_ordered)
        raise DisorderedStructureError(f'the site {site.species_string} is disordered; choose an ordered model of it')


def find_neighbours(structure: Structure, cutoff_angstrom: float) -> Neighbours:
    """Search neighbours with exact periodic images.

    :param structure: an ordered structure.
    :param cutoff_angstrom: largest distance, Å.
    :returns: the neighbours.
    :raises OverlappingSitesError: if two sites are closer than any bond.
    """
    return search_neighbours(structure.lattice.matrix, structure.frac_coords, cutoff_angstrom)


def search_neighbours(
    cell: NDArray[np.float64], positions: NDArray[np.float64], cutoff_angstrom: float, *, overlapping: bool = False
) -> Neighbours:
    """Search neighbours with exact periodic images, also in cells that are tiny or very oblique.

    :param cell: (3, 3) lattice vectors as rows, Å.
    :param positions: (n, 3) fractional coordinates.
    :param cutoff_angstrom: largest distance, Å.
    :param overlapping: whether sites may be closer than any bond, as those are that exclude each other.
    :returns: the neighbours.
    :raises LimapError: if a number is not finite or too large, or the cell has no volume.
    :raises OverlappingSitesError: if two sites are closer than any bond.
    """
    cell = np.ascontiguousarray(cell, dtype=np.float64)
    fractional = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
    volume = _checked_volume(cell, fractional)
    fractional = fractional - np.floor(fractional)
    expected = len(fractional) ** 2 * 4 / 3 * np.pi * cutoff_angstrom**3 / volume
    triangle = np.asarray(np.linalg.qr(cell.T, mode='r')).T
    triangle = triangle * np.sign(np.diag(triangle))
    found = search(fractional, cell, np.ascontiguousarray(triangle), float(cutoff_angstrom), int(1.2 * expected) + 64)
    neighbours = Neighbours(*found)
    if not overlapping and len(neighbours.distances) and neighbours.distances.min() < _OVERLAP_ANGSTROM:
        closest = int(neighbours.distances.argmin())
        raise OverlappingSitesError(
            f'sites {int(neighbours.centres[closest])} and {int(neighbours.indices[closest])} are '
            f'{neighbours.distances[closest]:.2f} Å apart, closer than any bond'
        )
    return neighbours


def _checked_volume(cell: NDArray[np.float64], fractional: NDArray[np.float64]) -> float:
    """Return the volume of a cell (Å3) in which the search ends; endless neighbours would fill the memory."""
    if not (np.isfinite(cell).all() and np.isfinite(fractional).all()):
        raise LimapError('a lattice vector or a coordinate is not a finite number')
    if np.abs(fractional).max(initial=0.0) > _FARTHEST_CELLS:
        raise LimapError(f'a site lies more than {_FARTHEST_CELLS:g} cells away; move it back into the cell')
    volume = abs(float(np.linalg.det(cell)))
    lengths = np.sqrt(np.einsum('ij,ij->i', cell, cell))
    if not volume * _FLATTEST > float(lengths.prod()):
        raise LimapError('the cell has no volume; its vectors lie in one plane or nearly so')
    if volume < _LEAST_VOLUME_PER_SITE * len(fractional) or lengths.min() < _OVERLAP_ANGSTROM:
        raise OverlappingSitesError(
            f'{len(fractional)} sites in a cell of {volume:.2g} Å3, the shortest vector of which has '
            f'{lengths.min():.2g} Å, are closer than any bond; lengths are in Å'
        )
    return volume
