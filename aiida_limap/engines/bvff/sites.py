"""From what was found in the cell of the grid to the migration network in the cell of the structure."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import spglib
from numpy.typing import NDArray

from aiida_limap.engines.bvff.continuum import Continuum
from aiida_limap.engines.bvff.graph import RefinedNetwork, SiteGraph
from aiida_limap.engines.bvff.network import MigrationNetwork, NetworkEdge, NetworkSite, site_letters
from aiida_limap.engines.bvff.paths import limiting_paths
from aiida_limap.engines.bvff.symmetry import symmetric_grid
from aiida_limap.engines.chemistry.elements import parse_ion
from aiida_limap.engines.errors import InputError

if TYPE_CHECKING:
    from aiida_limap.engines.bvff.solve import Solution

__all__ = ['build_network', 'clean_graph', 'in_cell_of_structure']

#: Sites closer than this are the same one, Å.
_SAME_ANGSTROM = 0.1
#: Saddles of the same pair of sites whose energies differ by less are the same one, eV.
_SAME_EV = 1e-5


def build_network(solution: Solution) -> MigrationNetwork:
    """Return the migration network of a solution, up to its highest threshold.

    :param solution: what was found, with refinement.
    :returns: the network in the cell of the structure.
    :raises InputError: if only the grid was solved.
    """
    if solution.network is None:
        raise InputError('a migration network needs the option refine')
    zero = solution.energy_minimum
    finite = [threshold for threshold in solution.thresholds if np.isfinite(threshold)]
    top = max(finite) if finite else zero + solution.options.energy_cap_eV
    graph = clean_graph(solution.network, top, solution.grid.framework.cell)
    kinds, symmetries = _site_kinds(solution, graph.positions)
    expanded, source = in_cell_of_structure(graph, solution.grid.transformation)
    labels = _labels(kinds[source], expanded.energies)
    nearest, distances = _nearest_mobile_sites(solution, expanded.positions)
    sites = tuple(
        NetworkSite(
            label=labels[index],
            position=_triple(expanded.positions[index]),
            energy_eV=float(expanded.energies[index]) - zero,
            site_symmetry=symmetries[source[index]],
            nearest_mobile_site=int(nearest[index]),
            nearest_mobile_distance_angstrom=float(distances[index]),
        )
        for index in range(len(source))
    )
    edges = tuple(
        NetworkEdge(
            source=int(edge[0]),
            target=int(edge[1]),
            offset=(int(edge[2]), int(edge[3]), int(edge[4])),
            saddle_eV=float(energy) - zero,
            saddle_position=_triple(position),
            refined=bool(refined),
        )
        for edge, energy, position, refined in zip(
            expanded.edges, expanded.saddle_energies, expanded.saddle_positions, expanded.refined, strict=True
        )
    )
    one, two, three = (threshold - zero if np.isfinite(threshold) else None for threshold in solution.thresholds)
    cell = np.array(solution.structure.lattice.matrix)
    energies = (Continuum(solution.grid.framework), solution.grid.transformation, zero)
    return MigrationNetwork(
        formula=solution.structure.composition.element_composition.reduced_formula,
        mobile_ion=solution.options.mobile_ion,
        cell=cell,
        energy_minimum_eV=zero,
        barriers_eV=(one, two, three),
        directions=solution.directions,
        sites=sites,
        edges=edges,
        paths=tuple(limiting_paths(sites, edges, cell, energies)),
    )


def _triple(values: NDArray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def clean_graph(network: RefinedNetwork, top: float, cell: NDArray[np.float64]) -> SiteGraph:
    """Keep the sites that have not been merged and the passes up to an energy, each pass once.

    :param network: what was found in the cell of the grid.
    :param top: energy, eV.
    :param cell: (3, 3) lattice vectors of that cell as rows, Å.
    :returns: the graph in the same cell.
    """
    keep: list[int] = []
    seen: dict[tuple[int, ...], list[int]] = {}
    for index in np.lexsort((~network.refined, network.saddle_energies)):
        if network.saddle_energies[index] > top + _SAME_EV:
            break
        forward = tuple(int(entry) for entry in network.edges[index])
        backward = (forward[1], forward[0], -forward[2], -forward[3], -forward[4])
        known = seen.setdefault(min(forward, backward), [])
        same = any(_same_pass(network, other, index) for other in known)
        # A pass of the grid says nothing new where a saddle of the same two sites is known.
        if same or (known and not network.refined[index]):
            continue
        known.append(int(index))
        keep.append(int(index))
    used = np.flatnonzero(network.is_site & (network.energies <= top))
    number = np.full(len(network.energies), -1)
    number[used] = np.arange(len(used))
    edges = network.edges[keep].copy()
    edges[:, 0], edges[:, 1] = number[edges[:, 0]], number[edges[:, 1]]
    inside = (edges[:, :2] >= 0).all(axis=1)
    graph = SiteGraph(
        network.positions[used],
        network.energies[used],
        edges[inside],
        network.saddle_energies[keep][inside],
        network.saddle_positions[keep][inside],
        network.refined[keep][inside],
    )
    return replace(graph, saddle_positions=_between_sites(graph, cell))


def _between_sites(graph: SiteGraph, cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the saddles, those of the grid in the image that lies between the two sites: they come in any image."""
    positions = graph.saddle_positions.copy()
    rows = np.flatnonzero(~graph.refined)
    if not len(rows):
        return positions
    source = graph.positions[graph.edges[rows, 0]]
    target = graph.positions[graph.edges[rows, 1]] + graph.edges[rows, 2:]
    near = positions[rows] - np.rint(positions[rows] - (source + target) / 2)
    images = near[:, None] + np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    lengths = sum(np.linalg.norm((images - end[:, None]) @ cell, axis=-1) for end in (source, target))
    positions[rows] = images[np.arange(len(rows)), np.argmin(lengths, axis=1)]
    return positions


def _same_pass(network: RefinedNetwork, first: int, second: int) -> bool:
    if abs(network.saddle_energies[first] - network.saddle_energies[second]) > _SAME_EV:
        return False
    difference = network.saddle_positions[first] - network.saddle_positions[second]
    return bool(np.abs(difference - np.rint(difference)).max() < 1e-3)


def _site_kinds(solution: Solution, positions: NDArray[np.float64]) -> tuple[NDArray[np.int64], list[str]]:
    """Return for each site the first one that is equivalent to it, and the point group of each site.

    :param solution: what was found; its grid may have been made without regard to symmetry.
    :param positions: (n, 3) fractional coordinates in the cell of its grid.
    """
    grid = solution.grid
    if len(grid.rotations) == 1:
        # Any spacing will do: only the operations are wanted.
        grid = symmetric_grid(solution.framework, 1.0)
        positions = positions @ np.linalg.inv(solution.grid.transformation) @ grid.transformation
    kinds = np.arange(len(positions))
    symmetries = []
    for index, position in enumerate(positions):
        images = grid.rotations @ position + grid.translations
        differences = images[:, None, :] - positions[None, :, :]
        differences -= np.rint(differences)
        close = np.linalg.norm(differences @ grid.framework.cell, axis=-1) < _SAME_ANGSTROM
        equivalent = np.flatnonzero(close.any(axis=0))
        if len(equivalent):
            kinds[index] = min(kinds[equivalent].min(), index)
        symmetries.append(_point_group(grid.rotations[close[:, index]]))
    return kinds, symmetries


def _point_group(rotations: NDArray[np.int64]) -> str:
    if len(rotations) < 2:
        return '1'
    try:
        return str(spglib.get_pointgroup(rotations)[0]).strip()
    except (spglib.SpglibError, TypeError):
        # The tolerance of positions can admit operations that form no group.
        return '1'


def in_cell_of_structure(graph: SiteGraph, transformation: NDArray[np.int64]) -> tuple[SiteGraph, NDArray[np.int64]]:
    """Repeat a graph in the cell of the structure.

    :param graph: sites and passes in the cell of the grid.
    :param transformation: (3, 3) integers; the cell of the structure is ``transformation @ cell of the grid``.
    :returns: the graph with all sites within the cell, and for each of its sites the one that it repeats.
    """
    inverse = np.linalg.inv(transformation)
    translations = _translations(transformation)
    wrapped, cells = [], []
    for translation in translations:
        positions = (graph.positions + translation) @ inverse
        # The margin keeps a site on a face of the cell from jumping to the opposite one by rounding.
        cell = np.floor(positions + 1e-9).astype(np.int64)
        wrapped.append(np.maximum(positions - cell, 0.0))
        cells.append(cell)
    count = len(graph.positions)
    lookup = {_key(translation, transformation): index for index, translation in enumerate(translations)}
    edges, saddles = [], []
    for copy, translation in enumerate(translations):
        for edge, saddle in zip(graph.edges, graph.saddle_positions, strict=True):
            reached = translation + edge[2:]
            other = lookup[_key(reached, transformation)]
            moved = np.rint((reached - translations[other]) @ inverse).astype(np.int64)
            own = cells[copy][edge[0]]
            offset = moved + cells[other][edge[1]] - own
            edges.append([copy * count + edge[0], other * count + edge[1], *offset])
            saddles.append((saddle + translation) @ inverse - own)
    repeats = len(translations)
    expanded = SiteGraph(
        np.concatenate(wrapped),
        np.tile(graph.energies, repeats),
        np.array(edges, dtype=np.int64).reshape(-1, 5),
        np.tile(graph.saddle_energies, repeats),
        np.array(saddles, dtype=np.float64).reshape(-1, 3),
        np.tile(graph.refined, repeats),
    )
    return expanded, np.tile(np.arange(count), repeats)


def _key(translation: NDArray[np.int64], transformation: NDArray[np.int64]) -> tuple[int, ...]:
    """Return what is the same for lattice vectors that differ by one of the larger cell, in integers."""
    determinant = round(np.linalg.det(transformation))
    adjugate = np.rint(np.linalg.inv(transformation) * determinant).astype(np.int64)
    return tuple(int(entry) for entry in (translation @ adjugate) % abs(determinant))


def _translations(transformation: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return lattice vectors of the small cell, one for each of its copies in the large one."""
    wanted = abs(round(np.linalg.det(transformation)))
    found = {_key(np.zeros(3, dtype=np.int64), transformation): np.zeros(3, dtype=np.int64)}
    border = list(found.values())
    while len(found) < wanted:
        fresh = []
        for start, axis in itertools.product(border, range(3)):
            step = start.copy()
            step[axis] += 1
            key = _key(step, transformation)
            if key not in found:
                found[key] = step
                fresh.append(step)
        border = fresh
    return list(found.values())


def _labels(kinds: NDArray[np.int64], energies: NDArray[np.float64]) -> list[str]:
    """Name the kinds of sites by letters, the lowest first, and count the sites of each kind."""
    unique = sorted(set(kinds.tolist()), key=lambda kind: (round(float(energies[kinds == kind].min()), 6), kind))
    letters = {kind: site_letters(number) for number, kind in enumerate(unique)}
    counts: dict[int, int] = {}
    labels = []
    for kind in kinds.tolist():
        counts[kind] = counts.get(kind, 0) + 1
        labels.append(f'{letters[kind]}{counts[kind]}')
    return labels


def _nearest_mobile_sites(solution: Solution, positions: NDArray) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    symbol = parse_ion(solution.options.mobile_ion).symbol
    structure = solution.structure
    holders = [index for index, site in enumerate(structure) if any(ion.symbol == symbol for ion in site.species)]
    distances = structure.lattice.get_all_distances(positions, structure.frac_coords[holders])
    best = distances.argmin(axis=1)
    return np.array(holders)[best], distances[np.arange(len(best)), best]
