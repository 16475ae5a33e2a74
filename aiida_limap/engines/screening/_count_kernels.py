"""How many of all compositions of a system a linear model calls fast, neutral or not: in single precision, exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled
from aiida_limap.engines.screening._kernels import Elements, Rules, system_rule

__all__ = ['STRIP', 'CountDesk', 'Grid', 'count_fast', 'make_grid', 'rounding']

#: Compositions at a time: their products of fractions stay in the cache while property after property is added.
STRIP = 1024
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
#: Largest error of a score in single precision, in parts of the sum of the magnitudes of its terms: 32 roundings.
_ROUNDING = 32 * 2.0**-24


class Grid(NamedTuple):
    """All compositions of a system in one array, in single precision.

    :param fractions: (4, n) fractions; the first row is zero for ternary systems.
    :param pairs: (6, n) products of two fractions, pairs in the order 01 02 03 12 13 23.
    """

    fractions: NDArray[np.float32]
    pairs: NDArray[np.float32]


class CountDesk(NamedTuple):
    """Work space of one thread.

    :param score: (STRIP,) scores in single precision.
    :param shift: (p, 6) squares of weighted differences of properties.
    """

    score: NDArray[np.float32]
    shift: NDArray[np.float64]


def make_grid(size: int, parts: int) -> Grid:
    """List the compositions of systems of a size.

    :param size: number of elements, 3 or 4.
    :param parts: number of steps in the whole; every element takes at least one.
    """
    numbers = np.arange(1, parts)
    if size == 3:
        b, c = (axis.ravel() for axis in np.meshgrid(numbers, numbers, indexing='ij'))
        a = np.zeros_like(b)
    else:
        a, b, c = (axis.ravel() for axis in np.meshgrid(numbers, numbers, numbers, indexing='ij'))
    d = parts - a - b - c
    amounts = np.stack([a, b, c, d])[:, d > 0]
    fractions = amounts / parts
    pairs = np.stack([fractions[one] * fractions[two] for one in range(3) for two in range(one + 1, 4)])
    return Grid(fractions.astype(np.float32), pairs.astype(np.float32))


@compiled(fast_sums=True)
def _score_strip(span: tuple[int, int], grid: Grid, desk: CountDesk, line: NDArray, deviation: NDArray) -> None:
    """Write the scores of a strip of compositions.

    :param line: (5,) constant and weights of the fractions, single precision.
    :param deviation: (p,) weights, of which the sign counts: magnitudes are in ``desk.shift``.
    """
    first, last = span
    score = desk.score
    constant, w0, w1, w2, w3 = line[0], line[1], line[2], line[3], line[4]
    one, two = grid.fractions[0, first:last], grid.fractions[1, first:last]
    three, four = grid.fractions[2, first:last], grid.fractions[3, first:last]
    for index in range(one.size):
        score[index] = constant + one[index] * w0 + two[index] * w1 + three[index] * w2 + four[index] * w3
    ab, ac, ad = grid.pairs[0, first:last], grid.pairs[1, first:last], grid.pairs[2, first:last]
    bc, bd, cd = grid.pairs[3, first:last], grid.pairs[4, first:last], grid.pairs[5, first:last]
    for place in range(deviation.size):
        if deviation[place] == 0.0:
            continue
        sign = _ONE if deviation[place] > 0.0 else -_ONE
        shift = desk.shift[place].astype(np.float32)
        s0, s1, s2, s3, s4, s5 = shift[0], shift[1], shift[2], shift[3], shift[4], shift[5]
        for index in range(ab.size):
            square = ab[index] * s0 + ac[index] * s1 + ad[index] * s2
            square += bc[index] * s3 + bd[index] * s4 + cd[index] * s5
            score[index] += sign * np.sqrt(square)


@compiled(fast_sums=True)
def _tally_strip(score: NDArray, number: int, doubt: np.float32) -> tuple[int, int]:
    """Return how many scores are surely above zero, and how many are too near to tell."""
    above = np.int32(0)
    near = np.int32(0)
    for index in range(number):
        above += np.int32(score[index] > doubt)
        near += np.int32(abs(score[index]) <= doubt)
    return above, near


@compiled()
def _exact(index: int, grid: Grid, parts: int, weights: NDArray, known: tuple[float, NDArray, NDArray]) -> float:
    """Return the score of one composition in double precision."""
    constant, shift, deviation = known
    amounts = np.empty(4)
    score = constant
    for slot in range(4):
        amounts[slot] = np.rint(grid.fractions[slot, index] * parts) / parts
        score += weights[slot] * amounts[slot]
    for place in range(deviation.size):
        square, pair = 0.0, 0
        for one in range(3):
            for two in range(one + 1, 4):
                square += amounts[one] * amounts[two] * shift[place, pair]
                pair += 1
        score += np.sqrt(square) if deviation[place] > 0.0 else -np.sqrt(square)
    return score


@compiled()
def rounding(constant: float, weights: NDArray, shift: NDArray) -> float:
    """Return how far a score in single precision can be from its value.

    :param constant: what all compositions of a system share.
    :param weights: (4,) weights of the fractions.
    :param shift: (p, 6) squares of weighted differences of properties.
    """
    size = abs(constant) + np.abs(weights).max()
    for place in range(shift.shape[0]):
        # A standard deviation is at most half the range.
        size += 0.5 * np.sqrt(shift[place].max())
    return _ROUNDING * size


@compiled()
def count_fast(systems: NDArray, elements: Elements, rules: Rules, grid: Grid, desk: CountDesk) -> int:
    """Count the compositions with a score above zero in some systems of one size.

    Scores are computed in single precision; those nearer to zero than its rounding are computed again in double
    precision, so that the count is that of double precision.

    :param systems: (n, 4) elements of each, -1 in front of a ternary one.
    :param elements: what elements bring.
    :param rules: numbers of the model.
    :param grid: all compositions of such a system.
    :param desk: work space, of this thread alone.
    """
    total = 0
    weights = np.zeros(4)
    line = np.zeros(5, dtype=np.float32)
    number = grid.fractions.shape[1]
    for row in range(systems.shape[0]):
        constant = system_rule(systems[row], elements, rules, desk.shift)
        for slot in range(4):
            weights[slot] = elements.linear[systems[row, slot]] if systems[row, slot] >= 0 else 0.0
            line[slot + 1] = weights[slot]
        line[0] = constant
        doubt = np.float32(rounding(constant, weights, desk.shift))
        for first in range(0, number, STRIP):
            last = min(first + STRIP, number)
            _score_strip((first, last), grid, desk, line, rules.deviation)
            above, near = _tally_strip(desk.score, last - first, doubt)
            total += above
            if near:
                known = (constant, desk.shift, rules.deviation)
                for index in range(first, last):
                    if abs(desk.score[index - first]) <= doubt:
                        total += _exact(index, grid, rules.parts, weights, known) > 0.0
    return total
