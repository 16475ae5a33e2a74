"""Kernels of the subset search: the support-vector machine refitted for every fold of every subset of columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = ['search_block', 'solve']

#: By how much the conditions of optimality may be missed, as in libsvm (1e-3 there).
_TOLERANCE = 1e-4
_MOST_STEPS = 100_000
_TINY = 1e-12
#: How close to a bound a multiplier is on it, in units of the upper one.
_BESIDE = 1e-10
#: Subsets after which the folds are put in a new order.
_REORDER = 16


@compiled(inline=True)
def _bounded(value: float, bound: float) -> float:
    """Put a multiplier that rounding left beside a bound on it: free ones decide about the intercept."""
    if value < _BESIDE * bound:
        return 0.0
    if value > (1 - _BESIDE) * bound:
        return bound
    return value


@compiled()
def solve(gram: NDArray, signs: NDArray, upper: NDArray, alpha: NDArray, field: NDArray) -> tuple[float, bool]:
    """Solve the dual of a support-vector machine by sequential minimal optimisation, from a feasible start.

    Pairs are chosen by second-order information (Fan, Chen & Lin, J. Mach. Learn. Res. 6, 1889 (2005)). A row whose
    upper bound is zero takes no part, but its field is kept up to date.

    :param gram: (n, n) products of the rows.
    :param signs: (n,) 1 or -1.
    :param upper: (n,) upper bounds of ``alpha``, zero for held-out rows.
    :param alpha: (n,) feasible multipliers; changed in place.
    :param field: (n,) ``gram @ (alpha * signs)``; changed in place.
    :returns: the intercept, in the middle of what is possible where no multiplier is free, and whether the solution was
        reached.
    """
    n = len(signs)
    highest = lowest = 0.0
    converged = False
    for _ in range(_MOST_STEPS):
        first, highest = -1, -np.inf
        for row in range(n):
            if (alpha[row] < upper[row]) if signs[row] > 0 else (alpha[row] > 0):
                value = signs[row] - field[row]
                if value > highest:
                    first, highest = row, value
        second, lowest, best = -1, np.inf, np.inf
        if first >= 0:
            for row in range(n):
                if (alpha[row] > 0) if signs[row] > 0 else (alpha[row] < upper[row]):
                    value = signs[row] - field[row]
                    lowest = min(lowest, value)
                    gap = highest - value
                    if gap > 0:
                        curve = max(gram[first, first] + gram[row, row] - 2 * gram[first, row], _TINY)
                        gain = -gap * gap / curve
                        if gain < best:
                            second, best = row, gain
        if second < 0 or highest - lowest < _TOLERANCE:
            converged = True
            break
        curve = max(gram[first, first] + gram[second, second] - 2 * gram[first, second], _TINY)
        step = (highest - (signs[second] - field[second])) / curve
        room_first = upper[first] - alpha[first] if signs[first] > 0 else alpha[first]
        room_second = alpha[second] if signs[second] > 0 else upper[second] - alpha[second]
        step = min(step, room_first, room_second)
        alpha[first] = _bounded(alpha[first] + signs[first] * step, upper[first])
        alpha[second] = _bounded(alpha[second] - signs[second] * step, upper[second])
        for row in range(n):
            field[row] += step * (gram[row, first] - gram[row, second])
    total, free = 0.0, 0
    for row in range(n):
        if 0 < alpha[row] < upper[row]:
            total += signs[row] - field[row]
            free += 1
    intercept = total / free if free else (highest + lowest) / 2
    return intercept, converged


@compiled()
def _start(alpha: NDArray, signs: NDArray, upper: NDArray) -> None:
    """Make multipliers of another fold feasible: within the bounds, and of zero sum with the signs."""
    total = 0.0
    for row in range(len(signs)):
        alpha[row] = _bounded(alpha[row], upper[row])
        total += signs[row] * alpha[row]
    for row in range(len(signs)):
        if total * signs[row] > 0:
            less = min(alpha[row], abs(total))
            alpha[row] = _bounded(alpha[row] - less, upper[row])
            total -= signs[row] * less


@compiled()
def _judge(  # noqa: PLR0913
    rows: NDArray,
    signs: NDArray,
    folds: NDArray,
    order: NDArray,
    upper: NDArray,
    scales: NDArray,
    most: int,
    wrong: NDArray,
    tried: NDArray,
) -> tuple[int, float, int, int]:
    """Return wrong rows, sum of the hinge losses, fits and unfinished fits of one subset; stop above ``most`` errors.

    :param rows: (n, k) columns of the subset, standardised over all rows.
    :param scales: (n_folds, k) what the columns are multiplied with in each fold.
    :param wrong: (n_folds,) wrong rows by fold, counted up.
    :param tried: (n_folds,) fits by fold, counted up.
    """
    n, k = rows.shape
    alpha, field = np.zeros(n), np.empty(n)
    gram, scaled = np.empty((n, n)), np.empty((n, k))
    weights = np.empty(k)
    errors, loss, fits, unfinished = 0, 0.0, 0, 0
    for fold in order:
        for row in range(n):
            for column in range(k):
                scaled[row, column] = rows[row, column] * scales[fold, column]
        for row in range(n):
            for other in range(row + 1):
                value = 0.0
                for column in range(k):
                    value += scaled[row, column] * scaled[other, column]
                gram[row, other] = gram[other, row] = value
        _start(alpha, signs, upper[fold])
        weights[:] = 0.0
        for row in range(n):
            if alpha[row] > 0:
                for column in range(k):
                    weights[column] += alpha[row] * signs[row] * scaled[row, column]
        for row in range(n):
            value = 0.0
            for column in range(k):
                value += weights[column] * scaled[row, column]
            field[row] = value
        intercept, converged = solve(gram, signs, upper[fold], alpha, field)
        fits += 1
        tried[fold] += 1
        unfinished += not converged
        for row in range(n):
            if folds[row] == fold:
                score = field[row] + intercept
                # A score of zero is not fast, as in prediction.
                if (score > 0) != (signs[row] > 0):
                    errors += 1
                    wrong[fold] += 1
                loss += max(0.0, 1.0 - signs[row] * score)
        if errors > most:
            break
    return errors, loss, fits, unfinished


@compiled()
def _advance(subset: NDArray, p: int) -> bool:
    """Make the next subset of p columns in lexicographic order; False if there is none."""
    size = len(subset)
    place = size - 1
    while place >= 0 and subset[place] == p - size + place:
        place -= 1
    if place < 0:
        return False
    subset[place] += 1
    for later in range(place + 1, size):
        subset[later] = subset[later - 1] + 1
    return True


@compiled()
def search_block(  # noqa: PLR0913
    rows: NDArray,
    signs: NDArray,
    folds: NDArray,
    order: NDArray,
    upper: NDArray,
    scales: NDArray,
    first: NDArray,
    count: int,
    keep: int,
    most: int,
) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
    """Judge subsets one after the other in lexicographic order.

    :param rows: (n, p) all columns, standardised.
    :param signs: (n,) 1 or -1.
    :param folds: (n,) fold of each row.
    :param order: (n_folds,) the order in which folds are tried at first; those that are often wrong come forward.
    :param upper: (n_folds, n) upper bounds of the multipliers, zero for held-out rows.
    :param scales: (n_folds, p) factors of the columns in each fold.
    :param first: (size,) the first subset.
    :param count: number of subsets.
    :param keep: how many of the best are returned.
    :param most: subsets with more errors are left as soon as they have them.
    :returns: subsets (m, size), their errors and losses, number of subsets by errors (n + 1), exact up to ``most``, and
        the numbers of fits and of unfinished fits.
    """
    size, p, n_folds = len(first), rows.shape[1], len(order)
    subset = first.copy()
    found = np.zeros((keep, size), dtype=np.int64)
    errors = np.full(keep, len(signs) + 1, dtype=np.int64)
    losses = np.full(keep, np.inf)
    by_errors = np.zeros(len(signs) + 1, dtype=np.int64)
    totals = np.zeros(2, dtype=np.int64)
    part = np.empty((len(signs), size))
    part_scales = np.empty((n_folds, size))
    tallies, tried = np.zeros(n_folds), np.zeros(n_folds)
    order = order.copy()
    for number in range(count):
        if number % _REORDER == 0 and number:
            # Bad subsets are recognised by few fits; what is found does not depend on the order.
            order = order[np.argsort(-tallies[order] / np.maximum(tried[order], 1.0), kind='mergesort')]
        for place in range(size):
            part[:, place] = rows[:, subset[place]]
            part_scales[:, place] = scales[:, subset[place]]
        wrong, loss, fits, unfinished = _judge(part, signs, folds, order, upper, part_scales, most, tallies, tried)
        totals[0] += fits
        totals[1] += unfinished
        if wrong <= most:
            by_errors[wrong] += 1
            last = keep - 1
            if wrong < errors[last] or (wrong == errors[last] and loss < losses[last]):
                place = last
                while place > 0 and (
                    wrong < errors[place - 1] or (wrong == errors[place - 1] and loss < losses[place - 1])
                ):
                    errors[place], losses[place] = errors[place - 1], losses[place - 1]
                    found[place] = found[place - 1]
                    place -= 1
                errors[place], losses[place] = wrong, loss
                found[place] = subset
            most = min(most, errors[last])
        if not _advance(subset, p):
            break
    return found, errors, losses, by_errors, totals
