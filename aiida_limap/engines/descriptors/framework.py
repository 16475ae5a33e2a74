"""The ions that stay when the mobile ones are taken out, and the power diagrams of what they leave free."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors import power_cells
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.descriptors.neighbours import Neighbours, find_neighbours
from aiida_limap.engines.errors import LimapError, NoMobileIonError

__all__ = ['REACH', 'Framework', 'Passages', 'PowerDiagram']

#: Neighbours within this distance (Å) close the cells of all but very open frameworks.
REACH = 8.0
_FACTORS = (1.0, 1.5, 2.25, 4.0)
#: Half edge of the cube that cells are cut from, Å.
_HALF = 60.0
#: Corners of several cells that are one differ by less, Å.
_SAME_CORNER = 1e-5
#: Edges count as one if their values differ by less than 1e-7 / _FINE, Å2.
_FINE = 1e4


@dataclass(frozen=True, eq=False)
class Passages:
    """The largest values of the field at which paths go through the crystal.

    :param thresholds: (3,) along one, two and three dimensions, Å2.
    :param largest: largest value anywhere, Å2.
    """

    thresholds: NDArray[np.float64]
    largest: float


@dataclass(frozen=True, eq=False)
class PowerDiagram:
    """Cells of weighted points: each point of space belongs to the ion with the smallest ``|x - p_i|^2 - w_i``.

    That smallest value is the field. Where it exceeds t, a sphere of radius ``sqrt(w_i + t)`` around each ion does not
    reach: the region that is free of such spheres. Every path through it can be drawn onto the edges of the cells, and
    the value on an edge is known in closed form, so that percolation on the edges is exact.

    F. Aurenhammer, SIAM J. Comput. 16, 78 (1987); H. Edelsbrunner, Discrete Comput. Geom. 13, 415 (1995).

    :param weights: (n,) weights, Å2.
    :param corners: (c, 3) corners of the cells, relative to the point of the cell, Å; each is there once per cell.
    :param ends: (m, 2) corners at the ends of the edges.
    :param pairs: (m, 2) faces on both sides of an edge, as pairs of ``neighbours``.
    :param owners: (m,) point whose cell an edge belongs to.
    :param neighbours: the pairs of points.
    :param numbers: (c,) number of the vertex of the diagram that a corner is.
    :param cells: (c, 3) lattice cell in which it lies as seen from there.
    :param firsts: (v,) for each vertex of the diagram one of its corners.
    """

    weights: NDArray[np.float64]
    corners: NDArray[np.float64]
    ends: NDArray[np.int64]
    pairs: NDArray[np.int64]
    owners: NDArray[np.int64]
    neighbours: Neighbours
    numbers: NDArray[np.int64]
    cells: NDArray[np.int64]
    firsts: NDArray[np.int64]

    @cached_property
    def corner_owners(self) -> NDArray[np.int64]:
        """(c,) point whose cell a corner belongs to."""
        owners = np.empty(len(self.corners), dtype=np.int64)
        owners[self.ends.ravel()] = np.repeat(self.owners, 2)
        return owners

    @cached_property
    def corner_values(self) -> NDArray[np.float64]:
        """(c,) the field at the corners, Å2."""
        return np.einsum('ij,ij->i', self.corners, self.corners) - self.weights[self.corner_owners]

    @property
    def vertex_values(self) -> NDArray[np.float64]:
        """(v,) the field at the vertices, Å2."""
        return self.corner_values[self.firsts]

    @cached_property
    def edge_values(self) -> NDArray[np.float64]:
        """(m,) smallest value of the field along each edge, Å2: in a window of three ions, or at an end."""
        start = self.corners[self.ends[:, 0]]
        along = self.corners[self.ends[:, 1]] - start
        squares = np.einsum('ij,ij->i', along, along)
        parts = -np.einsum('ij,ij->i', start, along) / np.maximum(squares, 1e-20)
        nearest = start + np.clip(parts, 0, 1)[:, None] * along
        return np.einsum('ij,ij->i', nearest, nearest) - self.weights[self.owners]

    def passages(self) -> Passages:
        """Return the largest values at which paths go through along one, two and three dimensions."""
        from aiida_limap.engines.percolation.union_find import insert_edges

        edges = np.empty((len(self.ends), 5), dtype=np.int64)
        edges[:, :2] = self.numbers[self.ends]
        edges[:, 2:] = self.cells[self.ends[:, 1]] - self.cells[self.ends[:, 0]]
        values, heights = self.edge_values, self.vertex_values
        order = np.argsort(-values, kind='stable')
        # In units in which edges that differ in their last digits only count as one.
        energies, floors = -values[order] * _FINE, -heights * _FINE
        reached, deepest = np.full(3, -1, dtype=np.int64), np.full(3, -1, dtype=np.int64)
        bases, members = np.zeros((3, 3, 3), dtype=np.int64), np.zeros((3, len(heights)), dtype=np.bool_)
        insert_edges(edges[order], energies, floors, reached, deepest, bases, members)
        return Passages(values[order[reached]], float(self.corner_values.max()))


class Framework:
    """The sites of all classes but one.

    :param geometry: a structure.
    :param mobile: name of the class of sites that are taken out.
    :raises InputError: if there is no such class.
    :raises LimapError: if nothing stays.
    """

    def __init__(self, geometry: Geometry, mobile: str) -> None:
        self.geometry = geometry
        self.mobile = mobile
        self._found: dict[float, Neighbours] = {}
        is_mobile = geometry.class_indices == geometry.classes.index(mobile, 'mobile')
        #: (n,) sites that stay, and the others.
        self.sites = np.flatnonzero(~is_mobile)
        self.mobile_sites = np.flatnonzero(is_mobile)
        if not len(self.sites):
            raise LimapError(f'all sites are of the class {mobile}; none stays that could form a channel')

    def require_mobile(self) -> None:
        """Check that there is something to move.

        :raises NoMobileIonError: if no site belongs to the class.
        """
        if not len(self.mobile_sites):
            formula = self.geometry.structure.composition.reduced_formula
            raise NoMobileIonError(f'{formula} has no site of the class {self.mobile}')

    @property
    def charges(self) -> NDArray[np.float64]:
        """(n,) formal charges of the sites that stay, in units of e."""
        return self.geometry.charges[self.sites]

    def neighbours(self, reach: float) -> Neighbours:
        """Return pairs of sites that stay, by their place in ``sites``.

        :param reach: all pairs up to this distance are there, Å; further ones may be.
        """
        enough = max(reach, self.geometry.reach)
        if enough not in self._found:
            shared = enough == self.geometry.reach
            found = self.geometry.neighbours if shared else find_neighbours(self.geometry.structure, enough)
            self._found[enough] = self._restricted(found)
        return self._found[enough]

    def diagram(self, weights: NDArray[np.float64]) -> PowerDiagram:
        """Return the power diagram of the sites that stay.

        :param weights: (n,) weights of the sites, Å2.
        :raises LimapError: if the cells are not closed by neighbours within tens of Å.
        """
        weights = np.ascontiguousarray(weights, dtype=np.float64)
        for factor in _FACTORS:
            found = self._cut(self.neighbours(factor * REACH), weights)
            if found is not None:
                return found
        raise LimapError(
            f'the ions that stay without {self.mobile} leave a void wider than {_FACTORS[-1] * REACH:g} Å; '
            'that is no dense crystal'
        )

    def _cut(self, neighbours: Neighbours, weights: NDArray[np.float64]) -> PowerDiagram | None:
        size = 100 * len(weights) + 1000
        pairs = (neighbours.offsets, neighbours.indices, neighbours.vectors, neighbours.distances)
        while True:
            corners, owners = np.empty((size, 3)), np.empty(size, dtype=np.int64)
            ends, faces = np.empty((size, 2), dtype=np.int64), np.empty((size, 2), dtype=np.int64)
            state, n_corners, n_edges = power_cells.cut_all_cells(pairs, weights, _HALF, corners, ends, faces, owners)
            if state != power_cells.FULL:
                break
            size *= 2
        if state == power_cells.OPEN:
            return None
        corners, ends, faces, owners = corners[:n_corners], ends[:n_edges], faces[:n_edges], owners[:n_edges]
        cell = np.ascontiguousarray(self.geometry.cell)
        inverse = np.linalg.inv(cell)
        corner_owners = np.empty(n_corners, dtype=np.int64)
        corner_owners[ends.ravel()] = np.repeat(owners, 2)
        positions = self.geometry.positions[self.sites[corner_owners]] + corners @ inverse
        merged = power_cells.merge_corners(positions, cell, inverse, _SAME_CORNER)
        return PowerDiagram(weights, corners, ends, faces, owners, neighbours, *merged)

    def _restricted(self, neighbours: Neighbours) -> Neighbours:
        places = np.full(len(self.geometry.symbols), -1, dtype=np.int64)
        places[self.sites] = np.arange(len(self.sites))
        centres, others = places[neighbours.centres], places[neighbours.indices]
        kept = (centres >= 0) & (others >= 0)
        offsets = np.searchsorted(centres[kept], np.arange(len(self.sites) + 1)).astype(np.int64)
        return Neighbours(offsets, others[kept], neighbours.vectors[kept], neighbours.distances[kept])
