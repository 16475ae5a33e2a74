"""What the blocks of one structure share; each thing is computed when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.neighbours import Neighbours, check_structure, search_neighbours
from aiida_limap.engines.descriptors.voronoi import VoronoiCells, voronoi_cells

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['Geometry']


class Geometry:
    """One structure with its classes, neighbours, Voronoi cells and formal charges.

    :param structure: a pymatgen structure, Å; formal charges that decorate its species are kept.
    :param classes: classes of sites.
    :param reach: the neighbour search goes this far, Å.
    :param disordered: whether sites may be partially occupied or shared, as long as no block asks for more than
        ``structure`` itself.
    :raises DisorderedStructureError: if a site is partially occupied or shared, and may not be.
    """

    def __init__(self, structure: Structure, classes: ClassSpec, reach: float, *, disordered: bool = False) -> None:
        check_structure(structure, disordered=disordered)
        self.structure = structure
        self.classes = classes
        self.reach = reach

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """(n,) element of each site."""
        return tuple(site.specie.symbol for site in self.structure)

    @property
    def cell(self) -> NDArray[np.float64]:
        """(3, 3) lattice vectors as rows, Å."""
        return self.structure.lattice.matrix

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """(n, 3) fractional coordinates."""
        return self.structure.frac_coords

    @property
    def volume(self) -> float:
        """Volume of the cell, Å3."""
        return self.structure.volume

    @cached_property
    def charges(self) -> NDArray[np.float64]:
        """(n,) formal charges in units of e.

        :raises OxidationStatesError: if no neutral set of oxidation states is found.
        """
        from aiida_limap.engines.chemistry.oxidation import assign_oxidation_states

        return np.array(assign_oxidation_states(self.structure).values, dtype=np.float64)

    @property
    def is_anion(self) -> NDArray[np.bool_]:
        """(n,) whether the formal charge is negative."""
        return self.charges < 0

    @cached_property
    def class_indices(self) -> NDArray[np.int64]:
        """(n,) class of each site, as index into ``classes.names``."""
        return self.classes.assign(self.symbols, self.is_anion if self.classes.need_charges else None)

    @cached_property
    def class_counts(self) -> NDArray[np.int64]:
        """(n_classes,) number of sites of each class."""
        return np.bincount(self.class_indices, minlength=len(self.classes.names))

    @cached_property
    def neighbours(self) -> Neighbours:
        """All pairs within the reach.

        :raises OverlappingSitesError: if two sites are closer than any bond.
        """
        return search_neighbours(self.cell, self.positions, self.reach)

    @cached_property
    def voronoi(self) -> VoronoiCells:
        """Voronoi cells of all sites.

        :raises LimapError: if a cell is not closed by any neighbours.
        """
        return voronoi_cells(self.cell, self.positions, self.neighbours)
