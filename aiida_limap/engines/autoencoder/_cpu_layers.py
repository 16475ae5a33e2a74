"""Kernels of one linear layer on a processor, in single precision: forward, backward, and gradient with Adam in one.

A batch of sixteen rows and matrices of some hundred columns are too small for a library of linear algebra to shine, and
the traffic of weights and moments costs as much as the products. Four rows by four outputs are held in registers, and
the gradient of a weight is never written to memory: Adam uses it where it arises.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aiida_limap.engines.compiled import compiled

__all__ = ['ROWS', 'backward', 'forward', 'update']

#: Batches are filled up to a multiple of this with rows of zeros.
ROWS = 16
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
def update(layer: Any, given: Any, slopes: Any, adam: Any, gradient: Any) -> None:
    """Take a step of Adam with the gradient ``slopes^T given`` of a weight, and with the sum of slopes of a bias.

    D. P. Kingma, J. Ba, arXiv:1412.6980; decoupled decay: I. Loshchilov, F. Hutter, arXiv:1711.05101.

    :param layer: weight (m, n), bias (m,), and first and second moments of both.
    :param given: (B, n) what the layer read, B a multiple of :data:`ROWS`; rows beyond the batch have no slopes.
    :param slopes: (B, m) derivative of the loss by what the layer gave.
    :param adam: rate with bias correction, L2 penalty, factor of decoupled decay, and the inverse root of the bias
        correction of the second moment.
    :param gradient: (n,) to work in.
    """
    weight, bias, first, second, bias_first, bias_second = layer
    rate, penalty, shrink, correction = adam
    m, n = weight.shape
    last = len(given) - 16
    for o in range(m):
        w, f, s = weight[o], first[o], second[o]
        for start in range(0, last, 16):
            _products(given[start : start + 16], slopes[start : start + 16], o, start == 0, gradient)
        x0, x1, x2, x3 = given[last], given[last + 1], given[last + 2], given[last + 3]
        x4, x5, x6, x7 = given[last + 4], given[last + 5], given[last + 6], given[last + 7]
        y0, y1, y2, y3 = given[last + 8], given[last + 9], given[last + 10], given[last + 11]
        y4, y5, y6, y7 = given[last + 12], given[last + 13], given[last + 14], given[last + 15]
        d0, d1, d2, d3 = slopes[last, o], slopes[last + 1, o], slopes[last + 2, o], slopes[last + 3, o]
        d4, d5, d6, d7 = slopes[last + 4, o], slopes[last + 5, o], slopes[last + 6, o], slopes[last + 7, o]
        e0, e1, e2, e3 = slopes[last + 8, o], slopes[last + 9, o], slopes[last + 10, o], slopes[last + 11, o]
        e4, e5, e6, e7 = slopes[last + 12, o], slopes[last + 13, o], slopes[last + 14, o], slopes[last + 15, o]
        if last == 0:
            for i in range(n):
                gradient[i] = 0
        for i in range(n):
            g = gradient[i]
            g += d0 * x0[i] + d1 * x1[i] + d2 * x2[i] + d3 * x3[i] + d4 * x4[i] + d5 * x5[i] + d6 * x6[i] + d7 * x7[i]
            g += e0 * y0[i] + e1 * y1[i] + e2 * y2[i] + e3 * y3[i] + e4 * y4[i] + e5 * y5[i] + e6 * y6[i] + e7 * y7[i]
            g += penalty * w[i]
            moment = f[i] + np.float32(0.1) * (g - f[i])
            square = np.float32(0.999) * s[i] + np.float32(0.001) * g * g
            f[i] = moment if abs(moment) > _TINY else np.float32(0)
            s[i] = square
            w[i] = shrink * w[i] - rate * moment / (np.sqrt(square) * correction + np.float32(1e-8))
    for o in range(m):
        g = penalty * bias[o]
        for row in range(len(slopes)):
            g += slopes[row, o]
        moment = bias_first[o] + np.float32(0.1) * (g - bias_first[o])
        square = np.float32(0.999) * bias_second[o] + np.float32(0.001) * g * g
        bias_first[o], bias_second[o] = moment, square
        bias[o] = shrink * bias[o] - rate * moment / (np.sqrt(square) * correction + np.float32(1e-8))


@compiled(fast_sums=True)
def _products(given: Any, slopes: Any, o: int, fresh: bool, gradient: Any) -> None:
    """Add sixteen rows to the gradient of the weights of one output."""
    for i in range(len(gradient)):
        g = np.float32(0) if fresh else gradient[i]
        for row in range(16):
            g += slopes[row, o] * given[row, i]
        gradient[i] = g
