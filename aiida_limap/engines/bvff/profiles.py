"""The energy along the limiting path, as few numbers per structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.bvff.continuum import Continuum
from aiida_limap.engines.bvff.network import NetworkEdge, NetworkSite
from aiida_limap.engines.bvff.paths import limiting_paths
from aiida_limap.engines.bvff.sites import clean_graph

if TYPE_CHECKING:
    from aiida_limap.engines.bvff.solve import Solution

__all__ = ['DIMENSION', 'DISTANCE', 'ENERGY', 'POINTS', 'limiting_profile', 'thin_out']

#: Names of the rows, with their units.
DISTANCE, ENERGY = 'profile_distance_angstrom', 'profile_energy_eV'
#: The path is that of two-dimensional percolation, whose barrier a model learns by default.
DIMENSION = 2
#: Numbers per profile.
POINTS = 61
#: A way between sites that has not been refined may pass beside the saddle; then there is no profile.
_TOLERANCE_EV = 2e-3


def limiting_profile(solution: Solution) -> dict[str, NDArray[np.float32]]:
    """Return the energy along the shortest path over the saddle at which migration becomes two-dimensional.

    It is found in the cell of the grid from what the barriers needed anyway, so it leads from a site to the next image
    of it in the lattice of the immobile ions, which may be smaller than the cell of the structure.

    :param solution: what was found.
    :returns: two rows of :data:`POINTS` numbers: ascending distances, Å, and energies above the lowest site, eV; NaN
        where there is no such path, only the grid was solved, or a way that has not been refined misses the saddle.
    """
    empty = {name: np.full(POINTS, np.nan, dtype=np.float32) for name in (DISTANCE, ENERGY)}
    threshold = solution.thresholds[DIMENSION - 1]
    if solution.network is None or not np.isfinite(threshold):
        return empty
    zero, framework = solution.energy_minimum, solution.grid.framework
    graph = clean_graph(solution.network, threshold, framework.cell)
    sites = [
        NetworkSite('', _triple(position), float(energy) - zero, '', -1, 0.0)
        for position, energy in zip(graph.positions, graph.energies, strict=True)
    ]
    edges = [
        NetworkEdge(
            int(edge[0]), int(edge[1]), _offset(edge[2:]), float(energy) - zero, _triple(position), bool(refined)
        )
        for edge, energy, position, refined in zip(
            graph.edges, graph.saddle_energies, graph.saddle_positions, graph.refined, strict=True
        )
    ]
    energies = (Continuum(framework), np.eye(3, dtype=np.int64), zero)
    for path in limiting_paths(sites, edges, framework.cell, energies, dimensions=(DIMENSION,)):
        distance, energy = np.array(path.distance_angstrom), np.array(path.energy_eV)
        if energy.max() > threshold - zero + _TOLERANCE_EV:
            return empty
        chosen = thin_out(distance, energy, POINTS)
        return {DISTANCE: chosen[0].astype(np.float32), ENERGY: chosen[1].astype(np.float32)}
    return empty


def thin_out(
    distance: NDArray[np.float64], energy: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep the points of a curve between which straight lines follow it best.

    Both ends and the highest point are kept; then, again and again, the point furthest from the line between its kept
    neighbours (after Douglas & Peucker, Cartographica 10, 112 (1973)). A curve of fewer points gets further ones on its
    longest lines.

    :param distance: (n,) ascending places.
    :param energy: (n,) values.
    :param count: number of points to keep, 3 or more.
    :returns: (count,) places and values.
    """
    _, first = np.unique(distance, return_index=True)
    distance, energy = distance[first], energy[first]
    kept = sorted({0, int(energy.argmax()), len(distance) - 1})
    while len(kept) < min(count, len(distance)):
        missed = np.abs(energy - np.interp(distance, distance[kept], energy[kept]))
        missed[kept] = -1.0
        kept = sorted([*kept, int(missed.argmax())])
    places = distance[kept]
    while len(places) < count:
        longest = int(np.diff(places).argmax())
        places = np.insert(places, longest + 1, places[longest : longest + 2].mean())
    return places, np.interp(places, distance, energy)


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _offset(values: NDArray[np.int64]) -> tuple[int, int, int]:
    return int(values[0]), int(values[1]), int(values[2])
