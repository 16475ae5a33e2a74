"""Union-find over grid points that remembers through which image of the cell each point was reached."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = ['extend_basis', 'insert_edges', 'insert_points']

#: Energies of copies of one saddle by symmetry differ by less, eV.
SAME_EDGE = 1e-7


@compiled()
def _find(node: int, parent: NDArray, offset: NDArray, total: NDArray) -> int:
    """Return the root of a node; ``total`` gets the image offset of the node relative to the root.

    Afterwards every node of the path points at the root itself.
    """
    total[0] = total[1] = total[2] = 0
    root = node
    while parent[root] != root:
        for axis in range(3):
            total[axis] += offset[root, axis]
        root = parent[root]
    rest0, rest1, rest2 = total[0], total[1], total[2]
    current = node
    while parent[current] != root and current != root:
        following = parent[current]
        step0, step1, step2 = offset[current, 0], offset[current, 1], offset[current, 2]
        parent[current] = root
        offset[current, 0], offset[current, 1], offset[current, 2] = rest0, rest1, rest2
        rest0 -= step0
        rest1 -= step1
        rest2 -= step2
        current = following
    return root


@compiled()
def extend_basis(basis: NDArray, vector: NDArray) -> None:
    """Add a lattice vector to a basis in row echelon form, in integers: no tolerance decides about a rank.

    Row i of ``basis`` (3, 3) is zero or starts at column i; ``vector`` (3,) is destroyed.
    """
    for column in range(3):
        while vector[column] != 0:
            if basis[column, column] == 0:
                for axis in range(3):
                    basis[column, axis] = vector[axis]
                    vector[axis] = 0
                break
            quotient = basis[column, column] // vector[column]
            for axis in range(3):
                # One step of Euclid's algorithm on the two leading entries.
                rest = basis[column, axis] - quotient * vector[axis]
                basis[column, axis] = vector[axis]
                vector[axis] = rest
    # Keep the entries above the diagonal small, so that they cannot overflow.
    for row in range(2):
        for column in range(row + 1, 3):
            if basis[row, row] != 0 and basis[column, column] != 0:
                quotient = basis[row, column] // basis[column, column]
                for axis in range(column, 3):
                    basis[row, axis] -= quotient * basis[column, axis]


@compiled(inline=True)
def _cell(index: int, divisions: int) -> int:
    """Return the cell of an index that is at most one step outside; cheaper than a division."""
    return -1 if index < 0 else (1 if index >= divisions else 0)


@compiled()
def _rank(basis: NDArray) -> int:
    rank = 0
    for column in range(3):
        if basis[column, column] != 0:
            rank += 1
    return rank


@compiled()
def _hang(node: int, target: int, vector: NDArray, parent: NDArray, offset: NDArray) -> None:
    """Make ``target`` the parent of the root ``node``; ``vector`` (3,) points from the node's cell to the target's."""
    parent[node] = target
    offset[node, 0], offset[node, 1], offset[node, 2] = -vector[0], -vector[1], -vector[2]


@compiled()
def _merge_windings(windings: NDArray, place: NDArray, node: int, target: int, vector: NDArray) -> None:
    """Give the lattice translations of the component of ``node`` to that of ``target``; ``vector`` (3,) is scratch."""
    if place[node] < 0:
        return
    if place[target] < 0:
        place[target] = place[node]
        return
    for row in range(3):
        for axis in range(3):
            vector[axis] = windings[place[node], row, axis]
        extend_basis(windings[place[target]], vector)


@compiled()
def _with_room(windings: NDArray, n_windings: int) -> NDArray:
    """Return the list of bases, twice as long where it is full."""
    if n_windings < windings.shape[0]:
        return windings
    larger = np.zeros((2 * n_windings, 3, 3), dtype=np.int64)
    larger[:n_windings] = windings
    return larger


@compiled()
def _noted(entries: NDArray, count: int, entry: int) -> NDArray:
    """Return the list of entries with one more, twice as long where it was full."""
    if count == entries.shape[0]:
        larger = np.zeros(2 * count, dtype=np.int64)
        larger[:count] = entries
        entries = larger
    entries[count] = entry
    return entries


@compiled()
def _wind(root: int, vector: NDArray, place: NDArray, windings: NDArray, n_windings: int) -> tuple[NDArray, int]:
    """Add a translation, which is destroyed, to those of a component; zero is none. Return the list of bases."""
    if vector[0] == 0 and vector[1] == 0 and vector[2] == 0:
        return windings, n_windings
    if place[root] < 0:
        windings = _with_room(windings, n_windings)
        place[root] = n_windings
        n_windings += 1
    extend_basis(windings[place[root]], vector)
    return windings, n_windings


@compiled()
def _join(
    root: int,
    target: int,
    vector: NDArray,
    forest: tuple[NDArray, NDArray, NDArray, NDArray],
    size: NDArray,
    windings: NDArray,
    energies: NDArray,
) -> int:
    """Join two components, ``vector`` (3,) pointing from the root of the first to that of the second; return the root.

    The vector is destroyed; ``forest``, ``windings`` and ``energies`` are those of :func:`_record`.
    """
    parent, offset, place, lowest = forest
    if size[root] > size[target]:
        # The smaller tree hangs below the larger one; seen from there the vector points the other way.
        root, target = target, root
        vector[0], vector[1], vector[2] = -vector[0], -vector[1], -vector[2]
    _hang(root, target, vector, parent, offset)
    size[target] += size[root]
    if energies[lowest[root]] < energies[lowest[target]]:
        lowest[target] = lowest[root]
    _merge_windings(windings, place, root, target, vector)
    return target


@compiled()
def _record(
    witnesses: NDArray,
    positions: NDArray,
    best: int,
    forest: tuple[NDArray, NDArray, NDArray, NDArray],
    windings: NDArray,
    energies: NDArray,
    found: tuple[NDArray, NDArray, NDArray],
) -> int:
    """Note the components that have reached a higher rank, once all of one energy has been inserted.

    :param witnesses: (w,) a node of each component whose rank may be higher.
    :param positions: places in the order of insertion at which that was seen.
    :param best: highest rank that was noted before.
    :param forest: parents, offsets, places in ``windings`` and, at each root, which of ``energies`` is its lowest one.
    :param windings: bases of the components.
    :param energies: where ``forest`` points.
    :param found: positions, lowest nodes and bases by dimension, to be filled.
    :returns: the highest rank now.
    """
    parent, offset, place, lowest = forest
    reached, deepest, bases = found
    before, scratch = best, np.zeros(3, np.int64)
    for index in range(witnesses.shape[0]):
        root = _find(witnesses[index], parent, offset, scratch)
        for dimension in range(before, _rank(windings[place[root]])):
            # Of components that percolate at one energy, the deepest one counts.
            if dimension >= best or energies[lowest[root]] < energies[deepest[dimension]]:
                reached[dimension] = positions[index]
                deepest[dimension] = lowest[root]
                bases[dimension] = windings[place[root]]
                best = max(best, dimension + 1)
    return best


@compiled()
def insert_points(
    order: NDArray,
    values: NDArray,
    shape: NDArray,
    moves: NDArray,
    reached: NDArray,
    deepest: NDArray,
    bases: NDArray,
) -> None:
    """Insert grid points one by one and note when a component first percolates in one, two and three dimensions.

    Every point keeps an integer vector to its parent: the cell in which the parent's image lies. When two points of one
    component meet with different vectors, their difference is a lattice translation along which the component repeats.
    Points of equal energy are inserted together: what is noted does not depend on their order.

    :param order: (m,) flat indices of the grid points, in the order of insertion.
    :param values: (m,) their energies, ascending.
    :param shape: (3,) grid divisions.
    :param moves: (k, 3) steps to the neighbours of a point.
    :param reached: (3,) gets the position in ``order`` at which the rank became at least 1, 2, 3; -1 where it did not.
    :param deepest: (3,) gets the position in ``order`` of the first point of the component that percolated.
    :param bases: (3, 3, 3) gets its lattice translations, in row echelon form.
    """
    n1, n2, n3 = shape[0], shape[1], shape[2]
    n_points = n1 * n2 * n3
    parent = np.full(n_points, -1, dtype=np.int32)
    offset = np.zeros((n_points, 3), dtype=np.int32)
    lowest = np.empty(n_points, dtype=np.int64)
    size = np.ones(n_points, dtype=np.int32)
    # Few components ever wind: their bases live in a list that grows, and the root knows the place.
    place = np.full(n_points, -1, dtype=np.int32)
    windings = np.zeros((16, 3, 3), dtype=np.int64)
    n_windings = 0
    own, other, vector = np.zeros(3, np.int64), np.zeros(3, np.int64), np.zeros(3, np.int64)
    reached[:] = -1
    best, n_witnesses, raised = 0, 0, False
    witnesses, positions = np.zeros(16, dtype=np.int64), np.zeros(16, dtype=np.int64)
    forest, found = (parent, offset, place, lowest), (reached, deepest, bases)
    for position in range(order.shape[0]):
        point = order[position]
        parent[point] = point
        lowest[point] = position
        i, j, k = point // (n3 * n2), (point // n3) % n2, point % n3
        inside = 0 < i < n1 - 1 and 0 < j < n2 - 1 and 0 < k < n3 - 1
        root = point
        own[:] = 0
        for move in range(moves.shape[0]):
            w1 = w2 = w3 = 0
            i2, j2, k2 = i + moves[move, 0], j + moves[move, 1], k + moves[move, 2]
            if not inside:
                w1, w2, w3 = _cell(i2, n1), _cell(j2, n2), _cell(k2, n3)
            neighbour = ((i2 - w1 * n1) * n2 + (j2 - w2 * n2)) * n3 + (k2 - w3 * n3)
            target = parent[neighbour]
            if target < 0:
                continue
            if target == root:
                # Most neighbours hang directly below the root of the point.
                for axis in range(3):
                    other[axis] = offset[neighbour, axis]
            else:
                target = _find(neighbour, parent, offset, other)
            vector[0] = own[0] + w1 - other[0]
            vector[1] = own[1] + w2 - other[1]
            vector[2] = own[2] + w3 - other[2]
            if root == target:
                windings, n_windings = _wind(root, vector, place, windings, n_windings)
            else:
                _join(root, target, vector, forest, size, windings, values)
                root = _find(point, parent, offset, own)
            if place[root] >= 0 and _rank(windings[place[root]]) > best:
                raised = True
        if raised:
            witnesses = _noted(witnesses, n_witnesses, point)
            positions = _noted(positions, n_witnesses, position)
            n_witnesses += 1
            raised = False
        if n_witnesses == 0 or (position + 1 < order.shape[0] and values[position + 1] == values[position]):
            continue
        best = _record(witnesses[:n_witnesses], positions, best, forest, windings, values, found)
        n_witnesses = 0
        if best == 3:
            return


@compiled()
def insert_edges(
    edges: NDArray,
    values: NDArray,
    energies: NDArray,
    reached: NDArray,
    deepest: NDArray,
    bases: NDArray,
    component: NDArray,
) -> None:
    """Insert the edges of a periodic graph by ascending energy, as :func:`insert_points` does with grid points.

    :param edges: (m, 5) first node, second node and the cell of the second as seen from the first, in order of energy.
    :param values: (m,) their energies, ascending; those within :data:`SAME_EDGE` of each other count as equal.
    :param energies: (n,) energy of each node.
    :param reached: (3,) gets the edge at which the rank became at least 1, 2, 3; -1 where it did not.
    :param deepest: (3,) gets the lowest node of the component that percolated; -1 where none did.
    :param bases: (3, 3, 3) gets its lattice translations, in row echelon form.
    :param component: (3, n) gets, for each dimension, whether a node belonged to that component.
    """
    n_nodes = energies.shape[0]
    parent = np.arange(n_nodes).astype(np.int32)
    offset = np.zeros((n_nodes, 3), dtype=np.int32)
    size = np.ones(n_nodes, dtype=np.int32)
    lowest = np.arange(n_nodes)
    place = np.full(n_nodes, -1, dtype=np.int32)
    windings = np.zeros((16, 3, 3), dtype=np.int64)
    n_windings = 0
    own, other, vector = np.zeros(3, np.int64), np.zeros(3, np.int64), np.zeros(3, np.int64)
    reached[:] = -1
    deepest[:] = -1
    best, n_witnesses = 0, 0
    witnesses, positions = np.zeros(16, dtype=np.int64), np.zeros(16, dtype=np.int64)
    forest, found = (parent, offset, place, lowest), (reached, deepest, bases)
    for position in range(edges.shape[0]):
        root = _find(edges[position, 0], parent, offset, own)
        target = _find(edges[position, 1], parent, offset, other)
        for axis in range(3):
            vector[axis] = own[axis] + edges[position, 2 + axis] - other[axis]
        if root == target:
            windings, n_windings = _wind(root, vector, place, windings, n_windings)
        else:
            root = _join(root, target, vector, forest, size, windings, energies)
        if place[root] >= 0 and _rank(windings[place[root]]) > best:
            witnesses = _noted(witnesses, n_witnesses, edges[position, 0])
            positions = _noted(positions, n_witnesses, position)
            n_witnesses += 1
        if n_witnesses == 0 or (position + 1 < edges.shape[0] and values[position + 1] - values[position] <= SAME_EDGE):
            continue
        before = best
        best = _record(witnesses[:n_witnesses], positions, best, forest, windings, energies, found)
        n_witnesses = 0
        for dimension in range(before, best):
            root = _find(deepest[dimension], parent, offset, own)
            for node in range(n_nodes):
                component[dimension, node] = _find(node, parent, offset, own) == root
        if best == 3:
            return
