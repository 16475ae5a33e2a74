"""Voronoi cells of the sites of a crystal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.neighbours import LAST_ANGSTROM, Neighbours, search_neighbours
from aiida_limap.engines.descriptors.voronoi_kernels import cut_faces
from aiida_limap.engines.errors import LimapError

__all__ = ['OpenCellError', 'VoronoiCells', 'voronoi_cells']

_FIRST_ANGSTROM = 5.5


class OpenCellError(LimapError):
    """The neighbours within the largest cut-off do not close the Voronoi cell."""


@dataclass(frozen=True, eq=False)
class VoronoiCells:
    """The faces of the Voronoi cells of all sites; the volumes fill the crystal.

    :param offsets: (n + 1,) where the faces of each site begin and end.
    :param indices: (m,) the neighbour behind each face, as index of its site.
    :param vectors: (m, 3) from the site to that neighbour, Å; a face halves it at a right angle.
    :param distances: (m,) their lengths, Å.
    :param solid_angles: (m,) solid angle under which the site sees each face, steradian; they sum to 4 pi for each
        site. Faces below 1e-10 are left out.
    :param areas: (m,) areas of the faces, Å2.
    :param volumes: (n,) volumes of the cells, Å3.
    """

    offsets: NDArray[np.int64]
    indices: NDArray[np.int64]
    vectors: NDArray[np.float64]
    distances: NDArray[np.float64]
    solid_angles: NDArray[np.float64]
    areas: NDArray[np.float64]
    volumes: NDArray[np.float64]


def voronoi_cells(
    cell: NDArray[np.float64], positions: NDArray[np.float64], neighbours: Neighbours | None = None
) -> VoronoiCells:
    """Return the Voronoi cells of all sites.

    Open structures need more distant neighbours than given; they are looked for, within a limit.

    :param cell: (3, 3) lattice vectors as rows, Å.
    :param positions: (n, 3) fractional coordinates.
    :param neighbours: all neighbours within any distance, where they are known.
    :returns: the faces and volumes, exact to rounding.
    :raises OpenCellError: if the sites within 40 Å do not close a cell.
    :raises OverlappingSitesError: if two sites are closer than any bond.
    """
    cutoff = _FIRST_ANGSTROM
    if neighbours is None:
        neighbours = search_neighbours(cell, positions, cutoff)
    while True:
        site, offsets, members, angles, areas, volumes = cut_faces(
            neighbours.offsets, neighbours.vectors, neighbours.distances
        )
        if site < 0:
            break
        if cutoff >= LAST_ANGSTROM:
            raise OpenCellError(
                f'the Voronoi cell of site {site} is not closed by the sites within {LAST_ANGSTROM:g} Å; '
                'check the cell for a large empty space'
            )
        farthest = float(neighbours.distances.max(initial=0.0))
        cutoff = min(LAST_ANGSTROM, 1.6 * max(cutoff, farthest))
        neighbours = search_neighbours(cell, positions, cutoff)
    return VoronoiCells(
        offsets, neighbours.indices[members], neighbours.vectors[members], neighbours.distances[members], angles, areas,
        volumes,
    )  # fmt: skip
