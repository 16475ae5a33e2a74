"""The paths that limit migration, with their energy profiles."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.bvff.continuum import Continuum
from aiida_limap.engines.bvff.graph import percolate_graph
from aiida_limap.engines.bvff.network import MigrationPath, NetworkEdge, NetworkSite

__all__ = ['limiting_paths']

#: Energies that differ by less count as equal: copies of one saddle by symmetry, eV.
_SAME_EV = 1e-6
#: A pass of the grid is as near to its saddle as this, Å.
_REACH_ANGSTROM = 1.0
#: A descent that ends further from its site than this has stopped on the way, Å.
_ARRIVED_ANGSTROM = 0.3
#: Distance of the points on a straight line where no saddle of the continuum is known, Å.
_STEP_ANGSTROM = 0.05
#: A search that has visited so many images of sites gives up.
_MAX_VISITS = 200_000

_Cell = tuple[int, int, int]
#: The energy as a function of position, the integer transformation from its cell to that of the structure, and the
#: zero of energy in eV.
_Energies = tuple[Continuum, NDArray[np.int64], float]


def limiting_paths(
    sites: Sequence[NetworkSite],
    edges: Sequence[NetworkEdge],
    cell: NDArray[np.float64],
    energies: _Energies,
    *,
    dimensions: Sequence[int] = (1, 2, 3),
) -> Iterator[MigrationPath]:
    """Find, for each dimension in which the network percolates, the shortest path over its limiting saddle.

    It leads from a site to an image of it that cannot be reached, and not even towards which the network extends, below
    the threshold; no other saddle on the way is higher.

    :param sites: the sites.
    :param edges: the passes.
    :param cell: (3, 3) lattice vectors as rows, Å.
    :param energies: what gives the energies along the path.
    :param dimensions: those that are wanted.
    :returns: the paths, by ascending dimension.
    """
    if not edges:
        return
    table = np.array([[edge.source, edge.target, *edge.offset] for edge in edges], dtype=np.int64)
    saddles = np.array([edge.saddle_eV for edge in edges])
    result = percolate_graph(np.array([site.energy_eV for site in sites]), table, saddles)
    for dimension, critical in enumerate(result.critical, start=1):
        if critical < 0 or dimension not in dimensions:
            continue
        steps = _from_lowest_site(_shortest_path(sites, edges, critical, cell), sites)
        if steps:
            yield _with_profile(dimension, steps, sites, cell, energies)


def _shortest_path(
    sites: Sequence[NetworkSite], edges: Sequence[NetworkEdge], critical: int, cell: NDArray[np.float64]
) -> list[tuple[NetworkEdge, bool, _Cell]]:
    """Return the passes of the path, each with whether it is taken forwards and the cell of its source."""
    threshold = edges[critical].saddle_eV + _SAME_EV
    open_edges = [edge for edge in edges if edge.saddle_eV <= threshold]
    below = _translations_below(len(sites), open_edges, edges[critical])
    ways: dict[int, list[tuple[NetworkEdge, bool, int, NDArray[np.int64], float]]] = {}
    for edge in open_edges:
        length = _length(sites, edge, cell)
        offset = np.array(edge.offset)
        ways.setdefault(edge.source, []).append((edge, True, edge.target, offset, length))
        ways.setdefault(edge.target, []).append((edge, False, edge.source, -offset, length))
    start = edges[critical].source
    origin: _Cell = (0, 0, 0)
    best = {(start, origin): 0.0}
    origins: dict[tuple[int, _Cell], tuple[tuple[int, _Cell], NetworkEdge, bool]] = {}
    queue: list[tuple[float, int, int, _Cell]] = [(0.0, 0, start, origin)]
    counter = itertools.count(1)
    while queue and len(best) < _MAX_VISITS:
        distance, _, site, place = heapq.heappop(queue)
        if distance > best[site, place]:
            continue
        if site == start and place != origin and _is_new(below, place):
            return _traced(origins, (site, place))
        for edge, forward, target, offset, length in ways.get(site, ()):
            further = (place[0] + int(offset[0]), place[1] + int(offset[1]), place[2] + int(offset[2]))
            if distance + length < best.get((target, further), math.inf) - 1e-12:
                best[target, further] = distance + length
                origins[target, further] = ((site, place), edge, forward)
                heapq.heappush(queue, (distance + length, next(counter), target, further))
    return []


def _length(sites: Sequence[NetworkSite], edge: NetworkEdge, cell: NDArray[np.float64]) -> float:
    saddle = np.array(edge.saddle_position)
    first = saddle - sites[edge.source].position
    second = np.array(sites[edge.target].position) + edge.offset - saddle
    return float(np.linalg.norm(first @ cell) + np.linalg.norm(second @ cell))


def _translations_below(n_sites: int, edges: Sequence[NetworkEdge], critical: NetworkEdge) -> NDArray[np.int64]:
    """Return the translations, in row echelon form, of the component of the critical pass without its like."""
    from aiida_limap.engines.percolation.union_find import extend_basis

    lower = [edge for edge in edges if edge.saddle_eV < critical.saddle_eV - _SAME_EV]
    ways: dict[int, list[tuple[int, NDArray[np.int64]]]] = {}
    for edge in lower:
        ways.setdefault(edge.source, []).append((edge.target, np.array(edge.offset, dtype=np.int64)))
        ways.setdefault(edge.target, []).append((edge.source, -np.array(edge.offset, dtype=np.int64)))
    cells: dict[int, NDArray[np.int64]] = {critical.source: np.zeros(3, dtype=np.int64)}
    queue = [critical.source]
    basis = np.zeros((3, 3), dtype=np.int64)
    while queue:
        site = queue.pop()
        for target, offset in ways.get(site, ()):
            reached = cells[site] + offset
            if target not in cells:
                cells[target] = reached
                queue.append(target)
            else:
                extend_basis(basis, reached - cells[target])
    return basis


def _is_new(basis: NDArray[np.int64], translation: _Cell) -> bool:
    """Return whether a translation is independent of those of a basis."""
    from aiida_limap.engines.percolation.union_find import extend_basis

    extended = basis.copy()
    extend_basis(extended, np.array(translation, dtype=np.int64))
    return bool((np.diagonal(extended) != 0).sum() > (np.diagonal(basis) != 0).sum())


def _traced(
    origins: dict[tuple[int, _Cell], tuple[tuple[int, _Cell], NetworkEdge, bool]], end: tuple[int, _Cell]
) -> list[tuple[NetworkEdge, bool, _Cell]]:
    steps: list[tuple[NetworkEdge, bool, _Cell]] = []
    while end in origins:
        before, edge, forward = origins[end]
        steps.append((edge, forward, before[1]))
        end = before
    return steps[::-1]


def _from_lowest_site(
    steps: list[tuple[NetworkEdge, bool, _Cell]], sites: Sequence[NetworkSite]
) -> list[tuple[NetworkEdge, bool, _Cell]]:
    """Begin the closed path at its lowest site, in the cell at the origin."""
    if not steps:
        return steps
    first = min(range(len(steps)), key=lambda index: round(sites[_source(steps[index])].energy_eV, 6))
    end = _end(steps[-1])
    begin = steps[first][2]
    turned = []
    for index, (edge, forward, place) in enumerate(steps[first:] + steps[:first]):
        # What came before the new beginning is repeated one translation further on.
        more = end if index >= len(steps) - first else (0, 0, 0)
        a, b, c = (place[axis] + more[axis] - begin[axis] for axis in range(3))
        turned.append((edge, forward, (a, b, c)))
    return turned


def _source(step: tuple[NetworkEdge, bool, _Cell]) -> int:
    return step[0].source if step[1] else step[0].target


def _end(step: tuple[NetworkEdge, bool, _Cell]) -> _Cell:
    """Return the cell to which a step leads."""
    edge, forward, place = step
    sign = 1 if forward else -1
    a, b, c = (start + sign * int(offset) for start, offset in zip(place, edge.offset, strict=True))
    return a, b, c


def _with_profile(
    dimension: int,
    steps: list[tuple[NetworkEdge, bool, _Cell]],
    sites: Sequence[NetworkSite],
    cell: NDArray[np.float64],
    energies: _Energies,
) -> MigrationPath:
    pieces, numbers, cells, marks = [], [], [], []
    for edge, forward, place in steps:
        piece, top = _profile(edge, sites, cell, energies)
        shift = np.array(place, dtype=np.float64)
        if not forward:
            # Read backwards, the piece begins in the cell of its target.
            piece, top = piece[::-1].copy(), len(piece) - 1 - top
            shift -= edge.offset
        piece[:, :3] += shift
        pieces.append(piece)
        numbers.append(_source((edge, forward, place)))
        cells.append(place)
        marks.append(top)
    translation = _end(steps[-1])
    points = np.concatenate(pieces)
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points[:, :3], axis=0) @ cell, axis=1))])
    stationary, begin = [], 0
    for number, piece, top in zip(numbers, pieces, marks, strict=True):
        stationary.append((float(lengths[begin]), sites[number].energy_eV, sites[number].label))
        stationary.append((float(lengths[begin + top]), float(points[begin + top, 3]), 'saddle'))
        begin += len(piece)
    stationary.append((float(lengths[-1]), sites[numbers[0]].energy_eV, sites[numbers[0]].label))
    return MigrationPath(
        dimension=dimension,
        barrier_eV=max(edge.saddle_eV for edge, _, _ in steps),
        translation=translation,
        sites=(*numbers, numbers[0]),
        cells=(*cells, translation),
        distance_angstrom=tuple(float(value) for value in lengths),
        energy_eV=tuple(float(value) for value in points[:, 3]),
        positions=tuple((float(a), float(b), float(c)) for a, b, c in points[:, :3]),
        stationary=tuple(stationary),
    )


def _profile(
    edge: NetworkEdge, sites: Sequence[NetworkSite], cell: NDArray[np.float64], energies: _Energies
) -> tuple[NDArray[np.float64], int]:
    """Return (t, 4) positions in the cell of the structure and energies from source to target, and which is the top."""
    continuum, transformation, zero = energies
    saddle = np.array(edge.saddle_position)
    source = np.array(sites[edge.source].position)
    target = np.array(sites[edge.target].position) + edge.offset
    inverse, top_eV = np.linalg.inv(transformation), edge.saddle_eV
    straight = (source, saddle, target)
    if not edge.refined:
        # What does not decide a barrier is known on the grid only; a path runs over its true saddle.
        known = continuum.saddles(saddle @ transformation, reach=_REACH_ANGSTROM)
        if not known.found[0]:
            return _straight(straight, cell, energies)
        saddle, top_eV = known.positions[0] @ inverse, float(known.energies[0]) - zero
    trails = []
    for side in continuum.descents(saddle @ transformation):
        trail = side.copy()
        trail[:, :3] = trail[:, :3] @ inverse
        trail[:, 3] -= zero
        trails.append(trail)
    missed = np.array(
        [[np.linalg.norm((trail[-1, :3] - site) @ cell) for site in (source, target)] for trail in trails]
    )
    if missed[1, 0] + missed[0, 1] < missed[0, 0] + missed[1, 1]:
        trails.reverse()
        missed = missed[::-1]
    for place, site in enumerate((source, target)):
        if missed[place, place] > _ARRIVED_ANGSTROM:
            if not edge.refined:
                return _straight(straight, cell, energies)
            # By symmetry a descent may end where the energy is flat; the site lies straight on.
            rest, _ = _straight((trails[place][-1, :3], site), cell, energies)
            trails[place] = np.concatenate([trails[place], rest[1:]])
    top = np.array([[*saddle, top_eV]])
    return np.concatenate([trails[0][::-1], top, trails[1]]), len(trails[0])


def _straight(
    corners: Sequence[NDArray], cell: NDArray[np.float64], energies: _Energies
) -> tuple[NDArray[np.float64], int]:
    continuum, transformation, zero = energies
    pieces = []
    for begin, end in itertools.pairwise(corners):
        count = max(2, math.ceil(float(np.linalg.norm((end - begin) @ cell)) / _STEP_ANGSTROM))
        pieces.append(begin + np.linspace(0, 1, count)[:, None] * (end - begin))
    positions = np.concatenate(pieces)
    values = continuum.derivatives(positions @ transformation)[0] - zero
    return np.column_stack([positions, values]), len(pieces[0]) - 1
