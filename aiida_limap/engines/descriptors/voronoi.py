"""Faces of Voronoi cells, through the convex hull of the dual points (Qhull)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.neighbours import Neighbours
from aiida_limap.engines.errors import LimapError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['OpenCellError', 'VoronoiCells', 'voronoi_cells']

#: Voronoi cells are first sought among neighbours within this distance, then within all.
_FIRST_ANGSTROM = 5.5
_LAST_ANGSTROM = 40.0


class OpenCellError(LimapError):
    """The neighbours within the cut-off do not close the Voronoi cell."""


@dataclass(frozen=True, eq=False)
class VoronoiCells:
    """The faces of the Voronoi cells of all sites.

    :param offsets: (n + 1,) where the faces of each site begin and end.
    :param solid_angles: (m,) solid angle under which the site sees each face, steradian; they sum to 4 pi.
    """

    offsets: NDArray[np.int64]
    solid_angles: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VoronoiCell:
    """A Voronoi cell as the hull of its dual points.

    :param faces: (n_corners, 3) the faces that meet at each corner, as indices of neighbours.
    :param adjacent: (n_corners, 3) the corner at the other end of the edge opposite to each face.
    :param corners: (n_corners, 3) positions relative to the site, Å; coincident where more than three faces meet.
    :param n_neighbours: number of neighbours that were looked at.
    """

    faces: NDArray[np.int64]
    adjacent: NDArray[np.int64]
    corners: NDArray[np.float64]
    n_neighbours: int


def voronoi_cells(structure: Structure, neighbours: Neighbours) -> VoronoiCells:
    """Return the faces of the Voronoi cells of all sites.

    :param structure: the structure, for neighbours beyond those that are given.
    :param neighbours: neighbours of each site.
    :returns: the faces.
    :raises OpenCellError: if the sites around do not close a cell.
    """
    cells = [_cell(structure, neighbours, site) for site in range(len(structure))]
    angles = [found[found > 0] for found in face_solid_angles(cells)]
    offsets = np.cumsum([0, *(len(found) for found in angles)])
    return VoronoiCells(offsets.astype(np.int64), np.concatenate(angles))


def _cell(structure: Structure, neighbours: Neighbours, site: int) -> VoronoiCell:
    own = slice(neighbours.offsets[site], neighbours.offsets[site + 1])
    vectors, distances = neighbours.vectors[own], neighbours.distances[own]
    order = np.argsort(distances, kind='stable')
    vectors, distances = vectors[order], distances[order]
    try:
        return voronoi_cell(vectors[: np.searchsorted(distances, _FIRST_ANGSTROM)])
    except OpenCellError:
        pass  # an open structure: try more distant neighbours
    cutoff = float(distances[-1]) if len(distances) else _FIRST_ANGSTROM
    while True:
        try:
            return voronoi_cell(vectors)
        except OpenCellError:
            cutoff = 1.6 * cutoff
            if cutoff > _LAST_ANGSTROM:
                raise
            found = structure.get_sites_in_sphere(structure[site].coords, cutoff)
            lengths = np.array([entry.nn_distance for entry in found])
            points = np.array([entry.coords for entry in found]) - structure[site].coords
            order = np.argsort(lengths, kind='stable')
            vectors = points[order][lengths[order] > 1e-8]


def voronoi_cell(vectors: NDArray[np.float64]) -> VoronoiCell:
    """Return the Voronoi cell of a site.

    The bisecting plane of a neighbour at ``p`` is ``q x = 1`` with the dual point ``q = 2 p / p^2``. The convex hull of
    the dual points has one vertex per face and one facet per corner of the cell, so degenerate corners, the rule in
    crystals of high symmetry, only give faces of no area.

    :param vectors: (n, 3) from the site to its neighbours, Å, sorted by length.
    :returns: the cell.
    :raises OpenCellError: if the cell is open or more distant neighbours could still cut it.
    """
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = ConvexHull(2 * vectors / np.einsum('ij,ij->i', vectors, vectors)[:, None])
    except (QhullError, ValueError) as error:
        raise OpenCellError('the neighbours do not surround the site') from error
    constants = hull.equations[:, 3]
    if constants.max() > -1e-9:
        raise OpenCellError('the neighbours do not surround the site')
    corners = hull.equations[:, :3] / -constants[:, None]
    # A neighbour further than twice the most distant corner cannot cut the cell.
    if 4 * np.einsum('ij,ij->i', corners, corners).max() > vectors[-1] @ vectors[-1]:
        raise OpenCellError('more distant neighbours may cut the cell')
    return VoronoiCell(hull.simplices, hull.neighbors, corners, len(vectors))


def face_solid_angles(cells: Sequence[VoronoiCell]) -> list[NDArray[np.float64]]:
    """Return the solid angles under which sites see the faces of their Voronoi cells.

    All cells go through one set of array operations, since each of them is small.

    :param cells: the cells.
    :returns: for each cell (n_neighbours,) solid angles in steradian, zero for neighbours that share no face; they
        sum to 4 pi.
    """
    face_starts = np.cumsum([0, *(cell.n_neighbours for cell in cells)])
    corner_starts = np.cumsum([0, *(len(cell.corners) for cell in cells)])
    faces = np.concatenate([cell.faces + start for cell, start in zip(cells, face_starts, strict=False)])
    adjacent = np.concatenate([cell.adjacent + start for cell, start in zip(cells, corner_starts, strict=False)])
    corners = np.concatenate([cell.corners for cell in cells])
    return np.split(_solid_angles(faces, adjacent, corners, int(face_starts[-1])), face_starts[1:-1])


def _solid_angles(
    faces: NDArray[np.int64], adjacent: NDArray[np.int64], corners: NDArray[np.float64], n_faces: int
) -> NDArray[np.float64]:
    """Sum, for each face, the triangles between its middle and its edges (Van Oosterom and Strackee 1983)."""
    counts = np.bincount(faces.ravel(), minlength=n_faces)
    sums = [np.bincount(faces.ravel(), np.repeat(corners[:, axis], 3), n_faces) for axis in range(3)]
    middles = np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None]
    angles = np.zeros(n_faces)
    for opposite in range(3):
        other = adjacent[:, opposite]
        once = np.arange(len(faces)) < other
        ends_a, ends_b = corners[once], corners[other[once]]
        for member in ((opposite + 1) % 3, (opposite + 2) % 3):
            members = faces[once, member]
            angles += np.bincount(members, _triangle(middles[members], ends_a, ends_b), n_faces)
    return angles


def _triangle(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    norm_a, norm_b, norm_c = (np.sqrt(np.einsum('ij,ij->i', side, side)) for side in (a, b, c))
    triple = np.abs(np.einsum('ij,ij->i', a, np.cross(b, c)))
    dots = (
        norm_a * norm_b * norm_c
        + np.einsum('ij,ij->i', a, b) * norm_c
        + np.einsum('ij,ij->i', a, c) * norm_b
        + np.einsum('ij,ij->i', b, c) * norm_a
    )
    return 2 * np.arctan2(triple, dots)
