"""Compiled kernel that scores many compositions by small networks, a block of them at a time."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aiida_limap.engines.screening._atom2vec_network import LEAST_VARIANCE

__all__ = ['BLOCK', 'MEAN', 'score_rows']

#: Compositions side by side: their numbers stay in the first cache, and loops over them become vector instructions.
BLOCK = 256
MEAN, STD, MIN, MAX = range(4)
_VARIANCE = np.float32(LEAST_VARIANCE)
_ZERO = np.float32(0)


@njit(cache=True, nogil=True, fastmath=True)
def score_rows(  # noqa: PLR0913
    places: NDArray,
    amounts: NDArray,
    scale: np.float32,
    vectors: NDArray,
    kinds: NDArray,
    widths: NDArray,
    weights: NDArray,
    scores: NDArray,
) -> None:
    """Write the mean score of some networks for each composition.

    :param places: (n, m) places of elements.
    :param amounts: (n, m) amounts, single precision.
    :param scale: what turns amounts into fractions, single precision.
    :param vectors: (K, n_elements, D) element vectors, single precision.
    :param kinds: (R,) numbers of the reductions.
    :param widths: (L + 1,) inputs of the first layer and outputs of each; multiples of four but for the last, which is
        one.
    :param weights: (K, w) weights (inputs, outputs) and offsets of each layer, one after the other.
    :param scores: (n,) single precision, written to.
    """
    n_rows, width = places.shape
    count, _, dimension = vectors.shape
    widest = 0
    for layer in range(len(widths) - 1):
        widest = max(widest, widths[layer])
    first = np.zeros((widest, BLOCK), np.float32)
    second = np.zeros((widest, BLOCK), np.float32)
    shares = np.zeros((width, BLOCK), np.float32)
    found = np.zeros((width, BLOCK), np.float32)
    own = np.zeros(BLOCK, np.float32)
    total = np.zeros(BLOCK, np.float32)
    part = np.float32(1.0 / count)
    for start in range(0, n_rows, BLOCK):
        size = min(BLOCK, n_rows - start)
        for slot in range(width):
            for row in range(size):
                shares[slot, row] = amounts[start + row, slot] * scale
        total[:] = 0
        for network in range(count):
            for axis in range(dimension):
                for slot in range(width):
                    line = found[slot]
                    for row in range(size):
                        line[row] = vectors[network, places[start + row, slot], axis]
                for place in range(len(kinds)):
                    _reduce(kinds[place], shares, found, first[place * dimension + axis])
            at = 0
            for layer in range(len(widths) - 2):
                _layer(weights[network, at:], widths[layer], widths[layer + 1], first, second)
                at += (widths[layer] + 1) * widths[layer + 1]
                first, second = second, first
            _last(weights[network, at:], widths[-2], first, own)
            for row in range(BLOCK):
                total[row] += part * own[row]
        for row in range(size):
            scores[start + row] = total[row]


@njit(cache=True, nogil=True, fastmath=True)
def _reduce(kind: int, shares: NDArray, found: NDArray, line: NDArray) -> None:
    """Write one reduction of the rows ``c v`` of a block."""
    for row in range(BLOCK):
        line[row] = _ZERO
    for slot in range(len(shares)):
        share, value = shares[slot], found[slot]
        if kind == MIN:
            for row in range(BLOCK):
                line[row] = min(line[row], share[row] * value[row])
        elif kind == MAX:
            for row in range(BLOCK):
                line[row] = max(line[row], share[row] * value[row])
        else:
            for row in range(BLOCK):
                line[row] += share[row] * value[row]
    if kind == STD:
        for row in range(BLOCK):
            mean = line[row]
            variance = _VARIANCE
            for slot in range(len(shares)):
                variance += shares[slot, row] * (found[slot, row] - mean) ** 2
            line[row] = np.sqrt(variance)


@njit(cache=True, nogil=True, fastmath=True)
def _layer(weights: NDArray, inputs: int, outputs: int, values: NDArray, results: NDArray) -> None:
    """Write rectified sums; four inputs and four outputs at a time, so that most numbers stay in registers."""
    offsets = weights[inputs * outputs :]
    for out in range(0, outputs, 4):
        one, two, three, four = results[out], results[out + 1], results[out + 2], results[out + 3]
        for row in range(BLOCK):
            one[row] = offsets[out]
            two[row] = offsets[out + 1]
            three[row] = offsets[out + 2]
            four[row] = offsets[out + 3]
        for into in range(0, inputs, 4):
            a, b, c, d = values[into], values[into + 1], values[into + 2], values[into + 3]
            line = weights[into * outputs + out :]
            next_, third, last = line[outputs:], line[2 * outputs :], line[3 * outputs :]
            for row in range(BLOCK):
                p, q, r, s = a[row], b[row], c[row], d[row]
                one[row] += line[0] * p + next_[0] * q + third[0] * r + last[0] * s
                two[row] += line[1] * p + next_[1] * q + third[1] * r + last[1] * s
                three[row] += line[2] * p + next_[2] * q + third[2] * r + last[2] * s
                four[row] += line[3] * p + next_[3] * q + third[3] * r + last[3] * s
        for row in range(BLOCK):
            one[row] = max(one[row], _ZERO)
            two[row] = max(two[row], _ZERO)
            three[row] = max(three[row], _ZERO)
            four[row] = max(four[row], _ZERO)


@njit(cache=True, nogil=True, fastmath=True)
def _last(weights: NDArray, inputs: int, values: NDArray, results: NDArray) -> None:
    """Write the sums of the last layer, which has one output."""
    for row in range(BLOCK):
        results[row] = weights[inputs]
    for into in range(inputs):
        weight, line = weights[into], values[into]
        for row in range(BLOCK):
            results[row] += weight * line[row]
