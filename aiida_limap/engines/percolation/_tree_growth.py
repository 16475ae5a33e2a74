"""Union-find over grid points that writes down when components are born, join, and begin to repeat."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled
from aiida_limap.engines.percolation.union_find import _find, _hang, _merge_windings, _wind

__all__ = ['grow_tree']

#: Columns of the table of bars.
_N_COLUMNS = 6
#: Columns of the states of components: where the current bar started, its lowest energy then, covolume, rank.
_START, _MINIMUM, _COVOLUME, _RANK = range(4)


@compiled()
def _rank_and_covolume(basis: NDArray, gram: NDArray) -> tuple[int, float]:
    """Return the rank of a set of translations and the length, area or volume that they span.

    :param basis: (3, 3) translations in row echelon form; unused rows are zero.
    :param gram: (3, 3) scalar products of the lattice vectors, Å^2.
    """
    rows = np.zeros(3, dtype=np.int64)
    rank = 0
    for row in range(3):
        if basis[row, row] != 0:
            rows[rank] = row
            rank += 1
    products = np.zeros((rank, rank))
    for first in range(rank):
        for second in range(rank):
            for a in range(3):
                for b in range(3):
                    products[first, second] += basis[rows[first], a] * gram[a, b] * basis[rows[second], b]
    return rank, math.sqrt(np.linalg.det(products)) if rank else 1.0


@compiled()
def _note(bars: NDArray, count: int, node: int, state: NDArray, end: float, covolume: float) -> tuple[NDArray, int]:
    """Write down the bar that a component ends, unless it has no length; return the table and the number of bars."""
    if end <= state[_START]:
        return bars, count
    if count == bars.shape[0]:
        larger = np.zeros((2 * count, _N_COLUMNS))
        larger[:count] = bars
        bars = larger
    bars[count, 0] = state[_RANK]
    bars[count, 1] = state[_START]
    bars[count, 2] = end
    bars[count, 3] = covolume
    bars[count, 4] = state[_MINIMUM]
    bars[count, 5] = node
    return bars, count + 1


@compiled()
def _advance(
    nodes: tuple[int, int],
    energy: float,
    now: tuple[int, float],
    components: tuple[NDArray, NDArray, NDArray, NDArray],
    bars: NDArray,
    count: int,
) -> tuple[NDArray, int]:
    """End the bars of components that have become one, or of one that repeats along more translations than before.

    Of bars of the rank that the component has now, the one that started first goes on, with what density is left.

    :param nodes: the component that goes on and the one that joins it; -1 where none joins.
    :param energy: where this happens, eV.
    :param now: rank and covolume of the component now.
    :param components: births, states, openings and deaths.
    :param bars: the table of bars.
    :param count: number of bars in it.
    :returns: the table and the number of bars.
    """
    births, states, openings, _ = components
    rank, covolume = now
    keeper, start, minimum = -1, energy, births[nodes[0]]
    for node in nodes:
        # Rows of states hold small whole numbers exactly.
        if node >= 0 and states[node, _RANK] == rank:
            earlier = states[node, _START] < start
            same = keeper >= 0 and states[node, _START] == start and states[node, _MINIMUM] < minimum
            if earlier or same:
                keeper, start, minimum = node, states[node, _START], states[node, _MINIMUM]
    for node in nodes:
        if node < 0:
            continue
        ended = states[node, _COVOLUME]
        if node == keeper:
            # Translations become denser by whole factors: what is less than half is rounding.
            ended = ended - covolume if covolume < 0.75 * ended else 0.0
        if ended > 0.0:
            bars, count = _note(bars, count, node, states[node], energy, ended)
    states[nodes[0], _START] = start
    states[nodes[0], _MINIMUM] = minimum
    states[nodes[0], _COVOLUME] = covolume
    states[nodes[0], _RANK] = rank
    for dimension in range(rank):
        openings[nodes[0], dimension] = min(openings[nodes[0], dimension], energy)
    return bars, count


@compiled()
def _follow(joined: NDArray, heirs: NDArray, deaths: NDArray, openings: NDArray) -> None:
    """Let every component that has joined another one repeat where that one does, the last ones first."""
    for index in range(joined.shape[0] - 1, -1, -1):
        node = joined[index]
        for dimension in range(3):
            later = max(deaths[node], openings[heirs[node], dimension])
            openings[node, dimension] = min(openings[node, dimension], later)


@compiled()
def _begin(node: int, energy: float, position: int, components: tuple, firsts: NDArray) -> None:
    """Begin a component at a point of its own."""
    births, states, openings, _ = components
    births[node] = energy
    openings[node] = np.inf
    states[node, _START] = states[node, _MINIMUM] = energy
    states[node, _COVOLUME], states[node, _RANK] = 1.0, 0.0
    firsts[node] = position


@compiled()
def _now(node: int, lists: NDArray, windings: NDArray, gram: NDArray) -> tuple[int, float]:
    """Return rank and covolume of a component."""
    if lists[node] < 0:
        return 0, 1.0
    return _rank_and_covolume(windings[lists[node]], gram)


@compiled()
def _step(point: tuple[int, int, int], move: NDArray, shape: NDArray, inside: bool) -> tuple[int, int, int, int]:
    """Return the flat index of a neighbour and the cell that it lies in."""
    i, j, k = point[0] + move[0], point[1] + move[1], point[2] + move[2]
    if inside:
        return (i * shape[1] + j) * shape[2] + k, 0, 0, 0
    w1, w2, w3 = i // shape[0], j // shape[1], k // shape[2]
    return ((i - w1 * shape[0]) * shape[1] + (j - w2 * shape[1])) * shape[2] + (k - w3 * shape[2]), w1, w2, w3


@compiled()
def _margins(moves: NDArray) -> NDArray:
    """Return how far from the border of the grid a point must lie for no step to cross it, (3,)."""
    margins = np.zeros(3, dtype=np.int64)
    for move in range(moves.shape[0]):
        for axis in range(3):
            margins[axis] = max(margins[axis], abs(moves[move, axis]))
    return margins


@compiled()
def grow_tree(
    order: NDArray, values: NDArray, shape: NDArray, moves: NDArray, gram: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Insert grid points one by one and write down the bars of the periodic merge tree.

    A component that has only just been born has no length; which of equal points comes first changes nothing.

    :param order: (m,) flat indices of the grid points, in the order of insertion.
    :param values: (m,) double-precision energies, ascending, eV.
    :param shape: (3,) grid divisions.
    :param moves: (k, 3) steps to the neighbours of a point.
    :param gram: (3, 3) scalar products of the lattice vectors, Å^2.
    :returns: (b, 6) bars: rank of the translations, start, end, covolume, lowest energy at the start, component;
        (n, 3) energies at which what holds the first point of each component repeats along 1, 2, 3 translations;
        (n,) that first point, as a position in ``order``.
    """
    n1, n2, n3 = shape[0], shape[1], shape[2]
    parent = np.full(n1 * n2 * n3, -1, dtype=np.int32)
    offset = np.zeros((parent.size, 3), dtype=np.int32)
    size = np.ones(parent.size, dtype=np.int32)
    component = np.full(parent.size, -1, dtype=np.int64)
    # More components than points there cannot be; memory is not touched before it is needed.
    most = order.shape[0]
    components = (np.empty(most), np.empty((most, 4)), np.empty((most, 3)), np.empty(most))
    firsts, heirs, joined = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    lists = np.full(most, -1, dtype=np.int64)
    windings, bars = np.zeros((16, 3, 3), dtype=np.int64), np.zeros((256, _N_COLUMNS))
    n_windings, n_nodes, n_joined, n_bars = 0, 0, 0, 0
    own, other, vector = np.zeros(3, np.int64), np.zeros(3, np.int64), np.zeros(3, np.int64)
    margins = _margins(moves)
    for position in range(most):
        point, energy = order[position], values[position]
        parent[point] = point
        place = (point // (n3 * n2), (point // n3) % n2, point % n3)
        inside = margins[0] <= place[0] < n1 - margins[0] and margins[1] <= place[1] < n2 - margins[1]
        inside = inside and margins[2] <= place[2] < n3 - margins[2]
        root = point
        own[:] = 0
        for move in range(moves.shape[0]):
            neighbour, w1, w2, w3 = _step(place, moves[move], shape, inside)
            if parent[neighbour] < 0:
                continue
            target = parent[neighbour]
            if target == root:
                # Most neighbours hang directly below the root of the point.
                other[0], other[1], other[2] = offset[neighbour, 0], offset[neighbour, 1], offset[neighbour, 2]
            else:
                target = _find(neighbour, parent, offset, other)
            vector[0], vector[1], vector[2] = own[0] + w1 - other[0], own[1] + w2 - other[1], own[2] + w3 - other[2]
            if root == target and vector[0] == 0 and vector[1] == 0 and vector[2] == 0:
                continue
            if component[root] < 0 and root != target:
                # A point beside a component is part of it from the first.
                _hang(root, target, vector, parent, offset)
                size[target] += 1
                root = _find(point, parent, offset, own)
                continue
            if component[root] < 0:
                component[root] = n_nodes
                _begin(n_nodes, energy, position, components, firsts)
                n_nodes += 1
            node, leaving = component[root], -1
            if root == target:
                windings, n_windings = _wind(node, vector, lists, windings, n_windings)
            else:
                leaving = component[target]
                if components[0][leaving] < components[0][node]:
                    node, leaving = leaving, node
                if size[root] > size[target]:
                    root, target = target, root
                    vector[:] = -vector
                _hang(root, target, vector, parent, offset)
                size[target] += size[root]
                component[target] = node
                _merge_windings(windings, lists, leaving, node, vector)
                heirs[leaving], joined[n_joined], components[3][leaving] = node, leaving, energy
                n_joined += 1
                root = _find(point, parent, offset, own)
            now = _now(node, lists, windings, gram)
            bars, n_bars = _advance((node, leaving), energy, now, components, bars, n_bars)
        if component[root] < 0:
            component[root] = n_nodes
            _begin(n_nodes, energy, position, components, firsts)
            n_nodes += 1
    _follow(joined[:n_joined], heirs, components[3], components[2])
    alive = np.ones(n_nodes, dtype=np.bool_)
    alive[joined[:n_joined]] = False
    for node in range(n_nodes):
        if alive[node]:
            bars, n_bars = _note(bars, n_bars, node, components[1][node], np.inf, components[1][node, _COVOLUME])
    return bars[:n_bars], components[2][:n_nodes], firsts[:n_nodes]
