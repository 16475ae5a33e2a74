"""One periodic neighbour search per structure, shared by all blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import DisorderedStructureError, OverlappingSitesError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['Neighbours', 'check_structure', 'find_neighbours']

#: Closer than any bond (H-H 0.74 Å).
_OVERLAP_ANGSTROM = 0.5


@dataclass(frozen=True, eq=False)
class Neighbours:
    """All neighbours of all sites within a cut-off, periodic images included, sorted by centre.

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


def check_structure(structure: Structure) -> None:
    """Refuse what has no well-defined neighbours.

    :param structure: the structure.
    :raises DisorderedStructureError: if a site is partially occupied or shared.
    """
    if not structure.is_ordered:
        site = next(site for site in structure if not site.is_ordered)
        raise DisorderedStructureError(f'the site {site.species_string} is disordered; choose an ordered model of it')


def find_neighbours(structure: Structure, cutoff_angstrom: float) -> Neighbours:
    """Search neighbours with exact periodic images.

    :param structure: an ordered structure.
    :param cutoff_angstrom: largest distance, Å.
    :returns: the neighbours.
    :raises OverlappingSitesError: if two sites are closer than any bond.
    """
    centres, indices, images, distances = structure.get_neighbor_list(cutoff_angstrom, exclude_self=True)
    order = np.argsort(centres, kind='stable')
    centres, indices, images, distances = centres[order], indices[order], images[order], distances[order]
    if len(distances) and distances.min() < _OVERLAP_ANGSTROM:
        closest = int(distances.argmin())
        raise OverlappingSitesError(
            f'sites {int(centres[closest])} and {int(indices[closest])} are {distances[closest]:.2f} Å apart'
        )
    fractional = structure.frac_coords
    vectors = (fractional[indices] + images - fractional[centres]) @ structure.lattice.matrix
    offsets = np.searchsorted(centres, np.arange(len(structure) + 1)).astype(np.int64)
    return Neighbours(offsets, indices.astype(np.int64), vectors, np.asarray(distances, dtype=np.float64))
