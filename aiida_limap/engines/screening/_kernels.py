"""Scores and tallies of neutral compositions, compiled; memory does not depend on how many there are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled
from aiida_limap.engines.screening._neutral_kernels import (
    Charges,
    Room,
    collect_formulas,
    collect_percent,
    fill_choices,
)
from aiida_limap.engines.screening._range_kernels import Domain, Nearby, is_inside

__all__ = ['CHUNK', 'KINDS', 'N_COUNTS', 'PAIRS', 'Desk', 'Elements', 'Rules', 'Tally', 'screen_systems', 'system_rule']

#: Compositions that are scored at a time: what they need stays in the first-level cache.
CHUNK = 512
#: Kinds of compositions: on the grid of per cent, and formulas of small integers that are not on it.
KINDS = ('percent', 'integers')
#: Places of counts: neutral, fast, light, cheap, first rows, anion class, stable, inside.
N_COUNTS = 8
PAIRS = 6
_BYTE = 255


class Elements(NamedTuple):
    """What the elements bring, by element.

    :param linear: (n,) what a fraction of 1 adds to the score.
    :param properties: (n, p) element properties.
    :param mass_excess: (n,) molar mass less the limit, g/mol; zero without a limit.
    :param cost_excess: (n,) molar mass times the price less the limit; infinite without a price, zero without a limit.
    :param in_rows: (n,) whether the element is in the first rows of the periodic table.
    :param anion: (n,) whether the class of the element as an anion is wanted.
    :param electronegativity: (n,) Pauling's; NaN where unknown.
    """

    linear: NDArray[np.float64]
    properties: NDArray[np.float64]
    mass_excess: NDArray[np.float64]
    cost_excess: NDArray[np.float64]
    in_rows: NDArray[np.bool_]
    anion: NDArray[np.bool_]
    electronegativity: NDArray[np.float64]


class Rules(NamedTuple):
    """Numbers of the model and of the options.

    :param intercept: what is added to the score.
    :param deviation: (p,) weights of the standard deviations.
    :param least: (p,) weights of the minima.
    :param greatest: (p,) weights of the maxima.
    :param parts: number of steps in the whole.
    :param largest: greatest index of a formula; 0 without formulas.
    :param most: greatest sum of the indices.
    :param stable_gap: least difference of electronegativity of the last stage; -inf without.
    :param bins: first edge and number per unit of the histogram of scores.
    :param domain: the range of the model.
    """

    intercept: float
    deviation: NDArray[np.float64]
    least: NDArray[np.float64]
    greatest: NDArray[np.float64]
    parts: int
    largest: int
    most: int
    stable_gap: float
    bins: tuple[float, float]
    domain: Domain


class Tally(NamedTuple):
    """What is kept of a range of systems.

    :param counts: (2, 8) compositions that are left after each stage, by kind.
    :param histogram: (2, b) neutral compositions by score, and those of them left after the last stage; the outer bins
        hold what lies beyond.
    :param first_element: (2, parts + 1) neutral and neutral fast compositions of the grid by amount of the base.
    :param by_element: (n, 3) neutral, neutral fast and last compositions that hold an element.
    :param best_score: (systems, k) best scores of each system after the last stage, descending; -inf beyond them.
    :param best_code: (systems, k) their compositions, a byte for each amount.
    :param passed_number: (1,) how many compositions passed all stages, where a second model will see them all; then
        the lists of the best stay empty.
    :param passed_code: (m,) those compositions; empty without a second model.
    :param passed_score: (m,) their scores.
    :param passed_row: (m,) places of their systems.
    """

    counts: NDArray[np.int64]
    histogram: NDArray[np.int64]
    first_element: NDArray[np.int64]
    by_element: NDArray[np.int64]
    best_score: NDArray[np.float64]
    best_code: NDArray[np.int64]
    passed_number: NDArray[np.int64]
    passed_code: NDArray[np.int64]
    passed_score: NDArray[np.float64]
    passed_row: NDArray[np.int64]


class Desk(NamedTuple):
    """Work space of one thread.

    :param room: that of the neutral compositions.
    :param parts: (4, CHUNK) their fractions.
    :param pairs: (6, CHUNK) products of two fractions.
    :param score: (CHUNK,) their scores.
    :param shift: (p, 6) squares of weighted differences of properties in the system at hand.
    :param nearby: training rows that are near to the system at hand.
    """

    room: Room
    parts: NDArray[np.float64]
    pairs: NDArray[np.float64]
    score: NDArray[np.float64]
    shift: NDArray[np.float64]
    nearby: Nearby


@compiled()
def system_rule(system: NDArray, elements: Elements, rules: Rules, shift: NDArray) -> float:
    """Write what the standard deviations need in a system; return the part of the score that all compositions share.

    The variance of a property p over fractions x is the sum over pairs of x_i x_j (p_i - p_j)^2: no difference of large
    numbers.

    :param shift: (p, 6) is filled with w^2 (p_i - p_j)^2, pairs in the order 01 02 03 12 13 23.
    """
    constant = rules.intercept
    for place in range(rules.least.size):
        low, high = np.inf, -np.inf
        for slot in range(4):
            if system[slot] >= 0:
                value = elements.properties[system[slot], place]
                low, high = min(low, value), max(high, value)
        constant += rules.least[place] * low + rules.greatest[place] * high
        pair = 0
        for one in range(3):
            for two in range(one + 1, 4):
                shift[place, pair] = 0.0
                if system[one] >= 0:
                    step = elements.properties[system[one], place] - elements.properties[system[two], place]
                    shift[place, pair] = (rules.deviation[place] * step) ** 2
                pair += 1
    return constant


@compiled(fast_sums=True)
def _score(codes: NDArray, desk: Desk, weights: NDArray, rules: Rules, constant: float) -> None:
    """Score up to CHUNK compositions."""
    number, pairs, score = codes.size, desk.pairs, desk.score
    one, two, three, four = desk.parts[0], desk.parts[1], desk.parts[2], desk.parts[3]
    for index in range(number):
        code = codes[index]
        a, b, c, d = code & _BYTE, (code >> 8) & _BYTE, (code >> 16) & _BYTE, code >> 24
        whole = 1.0 / (a + b + c + d)
        one[index], two[index], three[index], four[index] = a * whole, b * whole, c * whole, d * whole
    w0, w1, w2, w3 = weights
    ab, ac, ad, bc, bd, cd = pairs[0], pairs[1], pairs[2], pairs[3], pairs[4], pairs[5]
    for index in range(number):
        a, b, c, d = one[index], two[index], three[index], four[index]
        score[index] = constant + a * w0 + b * w1 + c * w2 + d * w3
        ab[index], ac[index], ad[index] = a * b, a * c, a * d
        bc[index], bd[index], cd[index] = b * c, b * d, c * d
    for place in range(rules.deviation.size):
        if rules.deviation[place] == 0.0:
            continue
        sign = 1.0 if rules.deviation[place] > 0.0 else -1.0
        s0, s1, s2 = desk.shift[place, 0], desk.shift[place, 1], desk.shift[place, 2]
        s3, s4, s5 = desk.shift[place, 3], desk.shift[place, 4], desk.shift[place, 5]
        for index in range(number):
            square = ab[index] * s0 + ac[index] * s1 + ad[index] * s2
            square += bc[index] * s3 + bd[index] * s4 + cd[index] * s5
            score[index] += sign * np.sqrt(square)


@compiled()
def _count(
    codes: NDArray,
    kind: int,
    system: NDArray,
    desk: Desk,
    elements: Elements,
    rules: Rules,
    place: tuple[Tally, int, int],
) -> None:
    """Tally the compositions that were scored: stage by stage, each one only if it passed those before."""
    tally, row, choices = place
    rows, anion = _allowed(system, elements)
    counts, lowest, per_unit = tally.counts[kind], rules.bins[0], rules.bins[1]
    last_bin = tally.histogram.shape[1] - 1
    base = 0 if system[0] >= 0 else 1
    fast, stable, last = 0, 0, 0
    for index in range(codes.size):
        score = desk.score[index]
        spot = int(min(max((score - lowest) * per_unit, 0.0), float(last_bin)))
        tally.histogram[0, spot] += 1
        code = int(codes[index])
        if kind == 0:
            tally.first_element[0, (code >> (8 * base)) & _BYTE] += 1
        if not score > 0.0:
            continue
        fast += 1
        if kind == 0:
            tally.first_element[1, (code >> (8 * base)) & _BYTE] += 1
        if _excess(index, system, desk.parts, elements.mass_excess) > 0.0:
            continue
        counts[2] += 1
        if _excess(index, system, desk.parts, elements.cost_excess) > 0.0:
            continue
        counts[3] += 1
        counts[4] += rows
        if not (rows and anion):
            continue
        counts[5] += 1
        if rules.stable_gap > -np.inf and not _stable(code, choices, desk.room, rules.stable_gap):
            continue
        stable += 1
        if rules.domain.limit > 0.0:
            known = (elements.properties, system, desk.parts[:, index])
            if not is_inside(row, known, rules.domain, desk.nearby):
                continue
        last += 1
        tally.histogram[1, spot] += 1
        if tally.passed_code.size:
            tally.passed_code[tally.passed_number[0]] = code
            tally.passed_score[tally.passed_number[0]] = score
            tally.passed_row[tally.passed_number[0]] = row
            tally.passed_number[0] += 1
        else:
            _keep(tally, row, score, code)
    counts[0] += codes.size
    counts[1] += fast
    counts[6] += stable
    counts[7] += last
    for slot in range(4):
        if system[slot] >= 0:
            tally.by_element[system[slot], 0] += codes.size
            tally.by_element[system[slot], 1] += fast
            tally.by_element[system[slot], 2] += last


@compiled()
def _allowed(system: NDArray, elements: Elements) -> tuple[bool, bool]:
    """Return whether all elements are in the first rows, and whether the most electronegative one is a wanted anion."""
    rows, anion, highest = True, False, -np.inf
    for slot in range(4):
        element = system[slot]
        if element < 0:
            continue
        rows &= elements.in_rows[element]
        if elements.electronegativity[element] > highest:
            highest = elements.electronegativity[element]
            anion = elements.anion[element]
    return rows, anion


@compiled()
def _excess(index: int, system: NDArray, parts: NDArray, excess: NDArray) -> float:
    """Return the mean excess over a limit; a fraction of zero counts for nothing."""
    total = 0.0
    for slot in range(4):
        if system[slot] >= 0:
            total += parts[slot, index] * excess[system[slot]]
    return total


@compiled()
def _stable(code: int, choices: int, room: Room, gap: float) -> bool:
    """Return whether the composition is neutral with states whose electronegativities differ enough."""
    for choice in range(choices):
        if room.gaps[choice] < gap:
            continue
        low, high = 0, 0
        for slot in range(4):
            amount = (code >> (8 * slot)) & _BYTE
            low += amount * room.choices[choice, slot, 0]
            high += amount * room.choices[choice, slot, 1]
        if low <= 0 <= high:
            return True
    return False


@compiled()
def _keep(tally: Tally, row: int, score: float, code: int) -> None:
    """Put a composition into the list of its system, best first; of equal scores the first one found stays first."""
    scores, codes = tally.best_score[row], tally.best_code[row]
    spot = scores.size
    while spot > 0 and score > scores[spot - 1]:
        spot -= 1
    if spot == scores.size:
        return
    for later in range(scores.size - 1, spot, -1):
        scores[later], codes[later] = scores[later - 1], codes[later - 1]
    scores[spot], codes[spot] = score, code


@compiled()
def screen_systems(
    systems: NDArray, charges: Charges, elements: Elements, rules: Rules, tally: Tally, desk: Desk
) -> None:
    """Find, score and tally all neutral compositions of some chemical systems.

    :param systems: (n, 4) elements of each, -1 in front of a ternary one.
    :param charges: what elements may carry.
    :param elements: what elements bring.
    :param rules: numbers of the model and of the options.
    :param tally: is added to; the lists of best compositions have a row for each system.
    :param desk: work space, of this thread alone.
    """
    weights = np.zeros(4)
    limits = (rules.largest, rules.most, rules.parts)
    for row in range(systems.shape[0]):
        system = systems[row]
        choices = fill_choices(system, charges, desk.room)
        if choices == 0:
            continue
        constant = system_rule(system, elements, rules, desk.shift)
        for slot in range(4):
            weights[slot] = elements.linear[system[slot]] if system[slot] >= 0 else 0.0
        for kind in range(2):
            if kind == 0:
                number = collect_percent(system[0] >= 0, choices, rules.parts, desk.room)
            else:
                number = collect_formulas(system[0] >= 0, choices, limits, desk.room)
            for first in range(0, number, CHUNK):
                codes = desk.room.codes[first : min(first + CHUNK, number)]
                _score(codes, desk, weights, rules, constant)
                _count(codes, kind, system, desk, elements, rules, (tally, row, choices))
