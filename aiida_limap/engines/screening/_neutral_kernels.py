"""Neutral compositions of one chemical system by integer arithmetic: they are solved for, not looked for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = ['Charges', 'Room', 'collect_formulas', 'collect_percent', 'fill_choices']

_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_LOW_BITS = np.uint64(63)
_SHIFT = np.uint64(58)
#: A de Bruijn sequence: the product with a single bit shows which one it is in its highest six bits.
_SEQUENCE = np.uint64(0x03F79D71B4CB0A89)
_PLACES = np.zeros(64, dtype=np.int64)
for _bit in range(64):
    _PLACES[((0x03F79D71B4CB0A89 << _bit) & 0xFFFFFFFFFFFFFFFF) >> 58] = _bit


class Charges(NamedTuple):
    """What elements may carry: charges between ``low`` and ``high``, (n_elements, n_states) in e, of each state.

    ``n_states`` (n_elements,) says how many states there are, ``electronegativity`` (n_elements,) is NaN where unknown;
    choices with a smaller difference of electronegativity between anions and cations than ``least_gap`` are left out.
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    n_states: NDArray[np.int64]
    electronegativity: NDArray[np.float64]
    least_gap: float


class Room(NamedTuple):
    """Work space of one thread.

    :param choices: (n, 4, 2) least and greatest charge of each element, by choice of states.
    :param gaps: (n,) electronegativity of the least electronegative anion less that of the most electronegative cation.
    :param rows: (rows, 2) sets of bits: which last but one numbers go with a first one.
    :param codes: (n,) neutral compositions, a byte for each amount, the first element lowest.
    """

    choices: NDArray[np.int64]
    gaps: NDArray[np.float64]
    rows: NDArray[np.uint64]
    codes: NDArray[np.int32]


@compiled()
def _next_bit(word: np.uint64) -> int:
    """Return the place of the lowest bit of a word that is not zero."""
    return int(_PLACES[((word & (~word + _ONE)) * _SEQUENCE) >> _SHIFT])


@compiled()
def _clear_rows(rows: NDArray, count: int) -> None:
    """Empty the first sets of bits."""
    for row in range(count):
        rows[row, 0] = 0
        rows[row, 1] = 0


@compiled()
def _set_bits(rows: NDArray, row: int, first: int, last: int) -> None:
    """Set the bits from ``first`` to ``last``, both included and below 128."""
    for word in range(2):
        low = max(first - 64 * word, 0)
        high = min(last - 64 * word, 63)
        if low <= high:
            rows[row, word] |= (_ALL << np.uint64(low)) & (_ALL >> (_LOW_BITS - np.uint64(high)))


@compiled()
def fill_choices(system: NDArray, charges: Charges, room: Room) -> int:
    """List the choices of one state per element that can be neutral at all.

    :param system: (4,) elements, -1 where there is none.
    :param charges: what elements may carry.
    :param room: work space; choices and gaps are filled.
    :returns: how many there are.
    """
    counts = np.ones(4, dtype=np.int64)
    for slot in range(4):
        if system[slot] >= 0:
            counts[slot] = charges.n_states[system[slot]]
    found = 0
    state = np.empty(4, dtype=np.int64)
    for number in range(counts[0] * counts[1] * counts[2] * counts[3]):
        rest = number
        for slot in range(4):
            state[slot] = rest % counts[slot]
            rest //= counts[slot]
        possible, gap = _describe(system, state, charges, room.choices[found])
        if possible and gap >= charges.least_gap:
            room.gaps[found] = gap
            found += 1
    return found


@compiled()
def _describe(system: NDArray, state: NDArray, charges: Charges, choice: NDArray) -> tuple[bool, float]:
    """Write a choice; return whether it can be neutral at all, and the gap of electronegativity."""
    below, above, zero = False, False, True
    cation, anion = -np.inf, np.inf
    for slot in range(4):
        element = system[slot]
        choice[slot, 0], choice[slot, 1] = 0, 0
        if element < 0:
            continue
        low, high = charges.low[element, state[slot]], charges.high[element, state[slot]]
        choice[slot, 0], choice[slot, 1] = low, high
        below |= low < 0
        above |= high > 0
        zero &= low <= 0 <= high
        value = charges.electronegativity[element]
        if low > 0:
            cation = max(cation, value) if value == value else np.inf
        if high < 0:
            anion = min(anion, value) if value == value else -np.inf
    # Charges of one sign add up to zero only if all may be zero.
    return zero or (below and above), anion - cation


@compiled()
def _mark_plane(room: Room, choice: NDArray, first: int, left: int) -> bool:
    """Mark neutral compositions with a given amount of the first element.

    The amounts b, c, d of the others fill what is left; with one state each, neutrality is u b + v c = w with
    u = qb - qd, v = qc - qd, w = -left qd - first qa, whose solutions lie |v| / gcd(u, v) apart in b.

    :param room: work space; bit c of row b is set.
    :param choice: (4, 2) least and greatest charges.
    :param first: amount of the first element.
    :param left: amount of the three others together.
    :returns: whether any was marked.
    """
    if choice[0, 0] != choice[0, 1] or choice[1, 0] != choice[1, 1]:
        return _mark_ranges(room.rows, choice, first, left)
    if choice[2, 0] != choice[2, 1] or choice[3, 0] != choice[3, 1]:
        return _mark_ranges(room.rows, choice, first, left)
    last = choice[3, 0]
    u, v = choice[1, 0] - last, choice[2, 0] - last
    w = -left * last - first * choice[0, 0]
    if v == 0:
        if u == 0:
            if w != 0:
                return False
            for b in range(1, left - 1):
                _set_bits(room.rows, b, 1, left - 1 - b)
            return True
        if w % u != 0 or w // u < 1 or w // u > left - 2:
            return False
        _set_bits(room.rows, w // u, 1, left - 1 - w // u)
        return True
    return _mark_line(room.rows, left, (u, v, w))


@compiled()
def _mark_line(rows: NDArray, left: int, equation: tuple[int, int, int]) -> bool:
    """Mark the solutions of u b + v c = w with v not zero."""
    u, v, w = equation
    if v < 0:
        u, v, w = -u, -v, -w
    b = 0
    for trial in range(1, min(v, left - 2) + 1):
        if (w - u * trial) % v == 0:
            b = trial
            break
    if b == 0:
        return False
    # Solutions repeat after v / gcd(u, v) in b; the first one was found within the first v.
    common, other = v, abs(u)
    while other:
        common, other = other, common % other
    step = v // common
    slope = u // common
    c = (w - u * b) // v
    found = False
    while b <= left - 2:
        if 1 <= c <= left - 1 - b:
            rows[b, c >> 6] |= _ONE << np.uint64(c & 63)
            found = True
        b += step
        c -= slope
    return found


@compiled()
def _mark_ranges(rows: NDArray, choice: NDArray, first: int, left: int) -> bool:
    """Mark compositions whose least charge is not above and whose greatest is not below zero."""
    found = False
    for b in range(1, left - 1):
        low, high = 1, left - 1 - b
        for side in range(2):
            sign = 1 - 2 * side
            constant = sign * (first * choice[0, side] + b * choice[1, side] + (left - b) * choice[3, side])
            slope = sign * (choice[2, side] - choice[3, side])
            # constant + slope c <= 0
            if slope > 0:
                high = min(high, (-constant) // slope)
            elif slope < 0:
                low = max(low, _ceiling(constant, -slope))
            elif constant > 0:
                high = 0
        if low <= high:
            _set_bits(rows, b, low, high)
            found = True
    return found


@compiled()
def _ceiling(dividend: int, divisor: int) -> int:
    """Return the smallest whole number that is not below a quotient; the divisor is positive."""
    return -((-dividend) // divisor)


@compiled()
def _mark_formulas(room: Room, choice: NDArray, pair: tuple[int, int], largest: int) -> bool:
    """Mark neutral formulas with given indices of the first two elements.

    :param room: work space; bit d of row c is set for the indices c and d of the others.
    :param choice: (4, 2) least and greatest charges.
    :param pair: the first two indices; the first is 0 in a ternary system.
    :param largest: greatest index.
    :returns: whether any was marked.
    """
    found = False
    low = pair[0] * choice[0, 0] + pair[1] * choice[1, 0]
    high = pair[0] * choice[0, 1] + pair[1] * choice[1, 1]
    for c in range(1, largest + 1):
        low += choice[2, 0]
        high += choice[2, 1]
        first, last = 1, largest
        # low + d low_d <= 0 <= high + d high_d
        slope = choice[3, 0]
        if slope > 0:
            last = min(last, (-low) // slope)
        elif slope < 0:
            first = max(first, _ceiling(low, -slope))
        elif low > 0:
            last = 0
        slope = choice[3, 1]
        if slope < 0:
            last = min(last, high // -slope)
        elif slope > 0:
            first = max(first, _ceiling(-high, slope))
        elif high < 0:
            last = 0
        if first <= last:
            _set_bits(room.rows, c, first, last)
            found = True
    return found


@compiled()
def _common(first: int, second: int) -> int:
    """Return the greatest common divisor."""
    while second:
        first, second = second, first % second
    return first


@compiled()
def collect_percent(quaternary: bool, choices: int, parts: int, room: Room) -> int:
    """List the neutral compositions of a system on the grid, each once, whatever the number of choices that allow it.

    :param quaternary: whether there is a first element; else the last three make a ternary system.
    :param choices: number of choices of states in ``room``.
    :param parts: number of steps in the whole; every element takes at least one.
    :param room: work space; codes are filled.
    :returns: how many there are.
    """
    found = 0
    for a in range(1 if quaternary else 0, parts - 2 if quaternary else 1):
        left = parts - a
        _clear_rows(room.rows, left)
        marked = False
        for choice in range(choices):
            marked |= _mark_plane(room, room.choices[choice], a, left)
        if not marked:
            continue
        for b in range(1, left - 1):
            for half in range(2):
                word = room.rows[b, half]
                while word:
                    c = _next_bit(word) + 64 * half
                    word &= word - _ONE
                    room.codes[found] = a | b << 8 | c << 16 | (left - b - c) << 24
                    found += 1
    return found


@compiled()
def collect_formulas(quaternary: bool, choices: int, limits: tuple[int, int, int], room: Room) -> int:
    """List the neutral formulas of small integers without a common divisor that the grid does not hold.

    :param quaternary: whether there is a first element.
    :param choices: number of choices of states in ``room``.
    :param limits: greatest index, greatest sum of indices, and number of steps of the grid.
    :param room: work space; codes are filled.
    :returns: how many there are.
    """
    largest, most, parts = limits
    found = 0
    for a in range(1 if quaternary else 0, (largest if quaternary else 0) + 1):
        for b in range(1, largest + 1):
            _clear_rows(room.rows, largest + 1)
            marked = False
            for choice in range(choices):
                marked |= _mark_formulas(room, room.choices[choice], (a, b), largest)
            if not marked:
                continue
            common = _common(a, b)
            for c in range(1, largest + 1):
                word = room.rows[c, 0]
                while word:
                    d = _next_bit(word)
                    word &= word - _ONE
                    total = a + b + c + d
                    if total <= most and parts % total and _common(_common(common, c), d) == 1:
                        room.codes[found] = a | b << 8 | c << 16 | d << 24
                        found += 1
    return found
