"""The periodic graph of sites and passes, and where it percolates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ['GraphPercolation', 'RefinedNetwork', 'SiteGraph', 'percolate_graph']


@dataclass(frozen=True, eq=False)
class GraphPercolation:
    """Where a periodic graph percolates; entry d - 1 belongs to d dimensions.

    :param thresholds: energies at which a component repeats along d lattice translations; infinity where none does.
    :param critical: the edge that made it so, by its place in the list of edges; -1 where there is none.
    :param deepest: lowest node of that component at that moment; -1 where there is none.
    :param translations: (3, 3, 3) its lattice translations, one below the other, in units of the cell.
    :param members: (3, n) whether a node belongs to it.
    """

    thresholds: tuple[float, float, float]
    critical: tuple[int, int, int]
    deepest: tuple[int, int, int]
    translations: NDArray[np.int64]
    members: NDArray[np.bool_]

    @property
    def sublattice_index(self) -> int | None:
        """Index of the translations of the three-dimensional network within those of the cell, or None."""
        if self.critical[2] < 0:
            return None
        return abs(math.prod(int(entry) for entry in np.diagonal(self.translations[2])))


@dataclass(frozen=True, eq=False)
class SiteGraph:
    """Sites of the mobile ion and the passes between them.

    :param positions: (n, 3) fractional coordinates of the sites.
    :param energies: (n,) their energies, eV.
    :param edges: (m, 5) first site, second site and the cell of the second as seen from the first.
    :param saddle_energies: (m,) energy of each pass, eV.
    :param saddle_positions: (m, 3) fractional coordinates of the saddles, as seen from the first site.
    :param refined: (m,) whether a pass is a saddle of the continuum; else it is the one of the grid.
    """

    positions: NDArray[np.float64]
    energies: NDArray[np.float64]
    edges: NDArray[np.int64]
    saddle_energies: NDArray[np.float64]
    saddle_positions: NDArray[np.float64]
    refined: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RefinedNetwork(SiteGraph):
    """The sites and passes in the cell of the grid, not wrapped into it, and where they percolate.

    :param is_site: (n,) whether an entry is a site of its own; else it has been merged with another one.
    :param percolation: thresholds and components.
    """

    is_site: NDArray[np.bool_]
    percolation: GraphPercolation

    @property
    def unresolved(self) -> int:
        """How many of the thresholds rest on a pass that could not be refined."""
        return sum(edge >= 0 and not self.refined[edge] for edge in self.percolation.critical)


def percolate_graph(energies: NDArray, edges: NDArray, saddle_energies: NDArray) -> GraphPercolation:
    """Find where a periodic graph percolates in one, two and three dimensions, in one pass over its edges.

    :param energies: (n,) energies of the nodes.
    :param edges: (m, 5) first node, second node and the cell of the second as seen from the first.
    :param saddle_energies: (m,) energies at which the edges open.
    :returns: thresholds, critical edges and components.
    """
    from aiida_limap.engines.percolation.union_find import insert_edges

    order = np.argsort(saddle_energies, kind='stable')
    reached, deepest = np.full(3, -1, dtype=np.int64), np.full(3, -1, dtype=np.int64)
    bases = np.zeros((3, 3, 3), dtype=np.int64)
    members = np.zeros((3, len(energies)), dtype=np.bool_)
    insert_edges(np.ascontiguousarray(edges[order]), saddle_energies[order], energies, reached, deepest, bases, members)
    critical = [int(order[place]) if place >= 0 else -1 for place in reached]
    thresholds = [float(saddle_energies[edge]) if edge >= 0 else math.inf for edge in critical]
    return GraphPercolation(
        thresholds=(thresholds[0], thresholds[1], thresholds[2]),
        critical=(critical[0], critical[1], critical[2]),
        deepest=(int(deepest[0]), int(deepest[1]), int(deepest[2])),
        translations=bases,
        members=members,
    )
