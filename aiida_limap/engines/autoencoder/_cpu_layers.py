"""Kernels of one linear layer on a processor, in single precision: forward, backward, and gradient with Adam in one.

A batch of sixteen rows and matrices of some hundred columns are too small for a library of linear algebra to shine, and
the traffic of weights and moments costs as much as the products. Four rows by four outputs are held in registers, and
the gradient of a weight is never written to memory: Adam uses it where it arises.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aiida_limap.engines.compiled import compiled

__all__ = ['ROWS', 'backward', 'forward', 'update', 'update_memory']

#: Batches are filled up to a multiple of this with rows of zeros.
ROWS = 4
#: Outputs of a layer whose gradient is in memory at a time.
OUTPUTS = 16
# Moments below this have no effect on a step, and numbers that are not normal would slow the processor down.
_TINY = np.float32(1e-30)


@compiled(fast_sums=True)
def forward(weight: Any, bias: Any, given: Any, result: Any) -> None:
    """Set ``result = given weight^T + bias``.

    :param weight: (m, n).
    :param bias: (m,).
    :param given: (B, n), B a multiple of four.
    :param result: (B, m), overwritten.
    """
    m, n = weight.shape
    zero = np.float32(0)
    for o in range(0, m - m % 4, 4):
        w0, w1, w2, w3 = weight[o], weight[o + 1], weight[o + 2], weight[o + 3]
        for row in range(0, len(given), 4):
            x0, x1, x2, x3 = given[row], given[row + 1], given[row + 2], given[row + 3]
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = zero
            c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = zero
            for i in range(n):
                p, q, r, s = w0[i], w1[i], w2[i], w3[i]
                x = x0[i]
                a0, a1, a2, a3 = a0 + p * x, a1 + q * x, a2 + r * x, a3 + s * x
                x = x1[i]
                b0, b1, b2, b3 = b0 + p * x, b1 + q * x, b2 + r * x, b3 + s * x
                x = x2[i]
                c0, c1, c2, c3 = c0 + p * x, c1 + q * x, c2 + r * x, c3 + s * x
                x = x3[i]
                d0, d1, d2, d3 = d0 + p * x, d1 + q * x, d2 + r * x, d3 + s * x
            y0, y1, y2, y3 = bias[o], bias[o + 1], bias[o + 2], bias[o + 3]
            y = result[row]
            y[o], y[o + 1], y[o + 2], y[o + 3] = a0 + y0, a1 + y1, a2 + y2, a3 + y3
            y = result[row + 1]
            y[o], y[o + 1], y[o + 2], y[o + 3] = b0 + y0, b1 + y1, b2 + y2, b3 + y3
            y = result[row + 2]
            y[o], y[o + 1], y[o + 2], y[o + 3] = c0 + y0, c1 + y1, c2 + y2, c3 + y3
            y = result[row + 3]
            y[o], y[o + 1], y[o + 2], y[o + 3] = d0 + y0, d1 + y1, d2 + y2, d3 + y3
    for o in range(m - m % 4, m):
        w0 = weight[o]
        for row in range(len(given)):
            x0, a0 = given[row], zero
            for i in range(n):
                a0 += w0[i] * x0[i]
            result[row, o] = a0 + bias[o]


@compiled(fast_sums=True)
def backward(weight: Any, slopes: Any, result: Any) -> None:
    """Set ``result = slopes weight``, the derivative of the loss by what the layer read.

    :param weight: (m, n).
    :param slopes: (B, m) derivative by what the layer gave, B a multiple of four.
    :param result: (B, n), overwritten.
    """
    m, n = weight.shape
    for row in range(0, len(slopes), 4):
        x0, x1, x2, x3 = result[row], result[row + 1], result[row + 2], result[row + 3]
        for i in range(n):
            x0[i] = x1[i] = x2[i] = x3[i] = 0
        s0, s1, s2, s3 = slopes[row], slopes[row + 1], slopes[row + 2], slopes[row + 3]
        for o in range(0, m - m % 4, 4):
            w0, w1, w2, w3 = weight[o], weight[o + 1], weight[o + 2], weight[o + 3]
            a0, a1, a2, a3 = s0[o], s0[o + 1], s0[o + 2], s0[o + 3]
            b0, b1, b2, b3 = s1[o], s1[o + 1], s1[o + 2], s1[o + 3]
            c0, c1, c2, c3 = s2[o], s2[o + 1], s2[o + 2], s2[o + 3]
            d0, d1, d2, d3 = s3[o], s3[o + 1], s3[o + 2], s3[o + 3]
            for i in range(n):
                p, q, r, s = w0[i], w1[i], w2[i], w3[i]
                x0[i] += a0 * p + a1 * q + a2 * r + a3 * s
                x1[i] += b0 * p + b1 * q + b2 * r + b3 * s
                x2[i] += c0 * p + c1 * q + c2 * r + c3 * s
                x3[i] += d0 * p + d1 * q + d2 * r + d3 * s
        for o in range(m - m % 4, m):
            w0, a0, b0, c0, d0 = weight[o], s0[o], s1[o], s2[o], s3[o]
            for i in range(n):
                p = w0[i]
                x0[i] += a0 * p
                x1[i] += b0 * p
                x2[i] += c0 * p
                x3[i] += d0 * p


@compiled(fast_sums=True)
def _adam(weight: Any, first: Any, second: Any, gradient: Any, adam: Any) -> None:
    """Take a step of Adam with (n,) weights.

    D. P. Kingma, J. Ba, arXiv:1412.6980; decoupled decay: I. Loshchilov, F. Hutter, arXiv:1711.05101.
    """
    rate, penalty, shrink, correction = adam
    for i in range(len(weight)):
        g = gradient[i] + penalty * weight[i]
        moment = first[i] + np.float32(0.1) * (g - first[i])
        square = np.float32(0.999) * second[i] + np.float32(0.001) * g * g
        first[i] = moment if abs(moment) > _TINY else np.float32(0)
        second[i] = square if square > _TINY else np.float32(0)
        weight[i] = shrink * weight[i] - rate * moment / (np.sqrt(square) * correction + np.float32(1e-8))


@compiled(fast_sums=True)
def update(layer: Any, given: Any, slopes: Any, adam: Any, memory: Any) -> None:
    """Take a step of Adam with the gradient ``slopes^T given`` of a weight, and with the sum of slopes of a bias.

    The gradient exists for :data:`OUTPUTS` outputs at a time, which the first cache holds.

    :param layer: weight (m, n), bias (m,), and first and second moments of both.
    :param given: (B, n) what the layer read, B a multiple of four; rows beyond the batch have no slopes.
    :param slopes: (B, m) derivative of the loss by what the layer gave.
    :param adam: rate with bias correction, L2 penalty, factor of decoupled decay, and the inverse root of the bias
        correction of the second moment.
    :param memory: to work in, see :func:`update_memory`.
    """
    weight, bias, first, second, bias_first, bias_second = layer
    m, n = weight.shape
    rows = len(given)
    filled = -(-m // OUTPUTS) * OUTPUTS
    turned = memory[: filled * rows].reshape(filled, rows)
    for row in range(rows):
        for o in range(m):
            turned[o, row] = slopes[row, o]
    turned[m:] = 0
    gradient = memory[filled * rows : filled * rows + OUTPUTS * n]
    flat_weight, flat_first, flat_second = weight.reshape(-1), first.reshape(-1), second.reshape(-1)
    for o in range(0, m, OUTPUTS):
        backward(given, turned[o : o + OUTPUTS], gradient.reshape(OUTPUTS, n))
        start, stop = o * n, min(o + OUTPUTS, m) * n
        _adam(flat_weight[start:stop], flat_first[start:stop], flat_second[start:stop], gradient[: stop - start], adam)
    for o in range(m):
        total = np.float32(0)
        for row in range(rows):
            total += turned[o, row]
        # What lies here of the turned slopes is done with.
        memory[o] = total
    _adam(bias, bias_first, bias_second, memory[:m], adam)


def update_memory(rows: int, n_out: int, n_in: int) -> int:
    """Return how many numbers :func:`update` works in.

    :param rows: rows of a batch, filled up.
    :param n_out: outputs of the layer.
    :param n_in: its inputs.
    """
    return -(-n_out // OUTPUTS) * OUTPUTS * rows + OUTPUTS * n_in
