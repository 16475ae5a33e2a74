"""Basins of an energy grid and the contacts between them, found by flooding it from below.

Labels pack a basin and the cell in which its minimum lies, as seen from the labelled point: ``basin << 24`` plus three
bytes, each holding a cell index plus 128.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = ['MAX_BASINS', 'flood', 'unpack_cells', 'unpack_labels']

#: Basins that a packed contact can tell apart.
MAX_BASINS = 2**19
_BIAS = (128 << 16) + (128 << 8) + 128
_CELLS = (1 << 24) - 1
_SIGN = 1 << 24
#: Contacts with other basins at one point: at most one for each neighbour.
_CONTACTS = 26


def unpack_cells(packed: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the cell indices in labels or in differences of labels.

    :param packed: (m,) the lowest three bytes of labels minus those of another one.
    :returns: (m, 3) integers.
    """
    biased = packed + _BIAS
    return np.stack([(biased >> 16) - 128, ((biased >> 8) & 255) - 128, (biased & 255) - 128], axis=-1)


def unpack_labels(labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what labels say.

    :param labels: (m,) labels; -1 stands for none.
    :returns: (m,) basins, -1 where there is none, and (m, 3) cells of their minima.
    """
    return labels >> 24, unpack_cells((labels & _CELLS) - _BIAS)


@compiled()
def _slot(table: NDArray, key: int) -> int:
    """Return the place of a key in an open hash table of (key, value) rows: its own or a free one."""
    size = table.shape[0]
    place = (key * 0x9E3779B97F4A7C1) & (size - 1)
    place ^= (key >> 23) & (size - 1)
    while table[place, 0] != -1 and table[place, 0] != key:
        place = (place + 1) & (size - 1)
    return place


@compiled()
def _larger_table(table: NDArray) -> NDArray:
    result = np.full((4 * table.shape[0], 2), -1, dtype=np.int64)
    for row in range(table.shape[0]):
        if table[row, 0] != -1:
            place = _slot(result, table[row, 0])
            result[place, 0], result[place, 1] = table[row, 0], table[row, 1]
    return result


@compiled()
def _larger(array: NDArray) -> NDArray:
    result = np.empty((2 * array.shape[0], array.shape[1]), dtype=array.dtype)
    result[: array.shape[0]] = array
    return result


@compiled()
def _neighbours(point: int, shape: NDArray, moves: NDArray, points: NDArray, shifts: NDArray) -> None:
    """Fill the neighbours of a point and the packed cells in which they lie."""
    n1, n2, n3 = shape[0], shape[1], shape[2]
    i, j, k = point // (n3 * n2), (point // n3) % n2, point % n3
    inside = 0 < i < n1 - 1 and 0 < j < n2 - 1 and 0 < k < n3 - 1
    for move in range(moves.shape[0]):
        if inside:
            points[move] = point + (moves[move, 0] * n2 + moves[move, 1]) * n3 + moves[move, 2]
            shifts[move] = 0
            continue
        a, b, c = i + moves[move, 0], j + moves[move, 1], k + moves[move, 2]
        u, v, w = a // n1, b // n2, c // n3
        points[move] = ((a - u * n1) * n2 + (b - v * n2)) * n3 + (c - w * n3)
        shifts[move] = (u << 16) + (v << 8) + w


@compiled()
def _contact_key(own: int, other: int) -> int:
    """Return the key of a contact: both basins and the cell of the second one as seen from the first."""
    first, second = own >> 24, other >> 24
    difference = (other & _CELLS) - (own & _CELLS)
    if first > second or (first == second and difference < 0):
        first, second, difference = second, first, -difference
    return (((first << 19) | second) << 25) + difference + _SIGN


@compiled()
def _lowest_label(near: NDArray, shifts: NDArray, labels: NDArray, energy: NDArray) -> int:
    """Return the label of the lowest labelled neighbour as seen from a point, or -1."""
    own, lowest = -1, np.inf
    for move in range(near.shape[0]):
        other = near[move]
        if labels[other] >= 0 and energy[other] < lowest:
            lowest = energy[other]
            own = labels[other] + shifts[move]
    return own


@compiled()
def _contacts(own: int, near: NDArray, shifts: NDArray, labels: NDArray, keys: NDArray) -> int:
    """Fill the keys of the different contacts of a point with neighbours of other labels; return their number."""
    n_keys = 0
    for move in range(near.shape[0]):
        label = labels[near[move]]
        if label < 0 or label + shifts[move] == own:
            continue
        key = _contact_key(own, label + shifts[move])
        known = False
        for index in range(n_keys):
            known = known or keys[index] == key
        if not known and n_keys < keys.shape[0]:
            keys[n_keys] = key
            n_keys += 1
    return n_keys


@compiled()
def _is_fresh(contact: int, near: NDArray, marks: NDArray) -> bool:
    """Return whether no neighbour is a place of the same contact."""
    for move in range(near.shape[0]):
        if marks[near[move], 0] == contact or marks[near[move], 1] == contact:
            return False
    return True


@compiled()
def flood(
    order: NDArray, energy: NDArray, shape: NDArray, moves: NDArray, labels: NDArray
) -> tuple[NDArray, NDArray, NDArray, int]:
    """Give each point, from the lowest up, to the basin of its lowest neighbour, and note where basins meet.

    A contact is a pair of basins with the cell of the second as seen from the first. Where its points form several
    patches, the lowest point of each is kept: each may be a saddle, and the grid cannot tell which is the lowest one.

    :param order: (m,) flat indices of the points by ascending energy.
    :param energy: (n,) energies of all points.
    :param shape: (3,) grid divisions.
    :param moves: (k, 3) steps to the neighbours.
    :param labels: (n,) 64-bit integers, -1 at the beginning; gets the labels.
    :returns: (b,) the lowest point of each basin, (e, 3) contacts as first basin, second basin and packed difference of
        cells in the order of their energies, (c, 2) places of possible saddles as contact and point, and the number of
        points that were used: fewer than m where there are too many basins.
    """
    n_points = energy.shape[0]
    n_moves = moves.shape[0]
    near, shifts = np.zeros(n_moves, dtype=np.int64), np.zeros(n_moves, dtype=np.int64)
    marks = np.full((n_points, 2), -1, dtype=np.int32)
    basins, contacts = np.empty((64, 1), dtype=np.int64), np.empty((64, 3), dtype=np.int64)
    places = np.empty((64, 2), dtype=np.int64)
    n_basins, n_contacts, n_places = 0, 0, 0
    table = np.full((1024, 2), -1, dtype=np.int64)
    keys = np.zeros(_CONTACTS, dtype=np.int64)
    for position in range(order.shape[0]):
        point = order[position]
        _neighbours(point, shape, moves, near, shifts)
        own = _lowest_label(near, shifts, labels, energy)
        if own < 0:
            if n_basins == MAX_BASINS:
                return basins[:n_basins], contacts[:n_contacts], places[:n_places], position
            if n_basins == basins.shape[0]:
                basins = _larger(basins)
            basins[n_basins, 0] = point
            own = (n_basins << 24) + _BIAS
            n_basins += 1
        labels[point] = own
        n_keys = _contacts(own, near, shifts, labels, keys)
        for index in range(n_keys):
            row = _slot(table, keys[index])
            if table[row, 0] == -1:
                if n_contacts == contacts.shape[0]:
                    contacts = _larger(contacts)
                table[row, 0], table[row, 1] = keys[index], n_contacts
                pair = keys[index] >> 25
                contacts[n_contacts, 0], contacts[n_contacts, 1] = pair >> 19, pair & (MAX_BASINS - 1)
                contacts[n_contacts, 2] = (keys[index] & ((1 << 25) - 1)) - _SIGN
                n_contacts += 1
            contact = table[row, 1]
            if 2 * n_contacts > table.shape[0]:
                table = _larger_table(table)
            if _is_fresh(contact, near, marks):
                if n_places == places.shape[0]:
                    places = _larger(places)
                places[n_places, 0], places[n_places, 1] = contact, point
                n_places += 1
            marks[point, min(index, 1)] = contact
    return basins[:n_basins], contacts[:n_contacts], places[:n_places], order.shape[0]
