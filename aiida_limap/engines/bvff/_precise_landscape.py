"""Site energies on a grid in double precision, by formulas that depend on distances alone.

The faster landscape in single precision sums far ions over blocks of points, which depend on the cell: its energies
differ by up to 2e-5 eV between descriptions of one crystal. Here they differ by rounding, some 1e-13 eV.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.bvff.framework import Framework
from aiida_limap.engines.bvff.kernels import place
from aiida_limap.engines.bvff.landscape import CLIP_EV, MIN_DISTANCE_ANGSTROM, images_and_terms
from aiida_limap.engines.compiled import compiled

__all__ = ['precise_landscape']

#: The screened repulsion is left out where it is lower: a step of this size does no harm.
_NEGLIGIBLE_EV = 1e-9
#: Grid points along each edge of a block; its points share a list of neighbours.
_BLOCK = 5
_LANES = 8
_OUT_OF_REACH = 1e6
_MIN_SQUARE = MIN_DISTANCE_ANGSTROM**2
_LOG2_E = math.log2(math.e)
_MANTISSA_BITS = np.int64(52)
# Taylor series of 2^f, to 2e-10 for |f| <= 1/2.
_C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8 = (math.log(2) ** n / math.factorial(n) for n in range(1, 9))
# Abramowitz & Stegun 7.1.26: erfc(x) = t (A1 + t (A2 + …)) exp(-x^2) with t = 1 / (1 + P x), to 1.5e-7.
_P = 0.3275911
_A1, _A2, _A3, _A4, _A5 = 0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429
_LOWEST = -900.0


@compiled(fast_sums=True, inline=True)
def _exp2(y: float) -> float:
    """Return 2^y for -900 <= y <= 0 without a table or a branch, so that loops over it vectorise."""
    whole = np.int32(y - 0.5)
    f = y - whole
    p = 1.0 + f * (_C1 + f * (_C2 + f * (_C3 + f * (_C4 + f * (_C5 + f * (_C6 + f * (_C7 + f * _C8)))))))
    return np.int64(np.float64(p).view(np.int64) + (np.int64(whole) << _MANTISSA_BITS)).view(np.float64)


@compiled(fast_sums=True)
def _morse(near: NDArray, span: tuple[int, int], point: tuple[float, float, float], term: NDArray) -> float:
    """Return the sum of D (X^2 - 2 X) - shift with X = exp(alpha (R_min - r)) over neighbours within the cut-off."""
    depth, alpha, r_min, shift, limit = term[1], term[2], term[3], term[4], term[5] * term[5]
    # X is 2^lift times a number below 1, as 2^y needs.
    rise = alpha * r_min * _LOG2_E
    lift = math.ceil(max(rise, 0.0))
    scale, fall = 2.0**lift, alpha * _LOG2_E
    rise -= lift
    xs, ys, zs = near[0, span[0] : span[1]], near[1, span[0] : span[1]], near[2, span[0] : span[1]]
    total = 0.0
    for index in range(xs.size):
        dx, dy, dz = xs[index] - point[0], ys[index] - point[1], zs[index] - point[2]
        square = dx * dx + dy * dy + dz * dz
        square = square if square > _MIN_SQUARE else _MIN_SQUARE
        y = rise - fall * np.sqrt(square)
        x = scale * _exp2(y if y > _LOWEST else _LOWEST)
        energy = depth * x * (x - 2.0) - shift
        total += energy if square < limit else 0.0
    return total


@compiled(fast_sums=True)
def _coulomb(near: NDArray, span: tuple[int, int], point: tuple[float, float, float], term: NDArray) -> float:
    """Return the sum of strength / r * erfc(r / length) over neighbours within the cut-off."""
    strength, inverse_length, limit = term[1], term[2], term[5] * term[5]
    xs, ys, zs = near[0, span[0] : span[1]], near[1, span[0] : span[1]], near[2, span[0] : span[1]]
    total = 0.0
    for index in range(xs.size):
        dx, dy, dz = xs[index] - point[0], ys[index] - point[1], zs[index] - point[2]
        square = dx * dx + dy * dy + dz * dz
        square = square if square > _MIN_SQUARE else _MIN_SQUARE
        r = np.sqrt(square)
        x = r * inverse_length
        # One division serves both 1 / r and t = 1 / (1 + P x).
        denominator = 1.0 + _P * x
        quotient = 1.0 / (r * denominator)
        t = quotient * r
        series = t * (_A1 + t * (_A2 + t * (_A3 + t * (_A4 + t * _A5))))
        y = -_LOG2_E * x * x
        energy = (quotient * denominator) * series * _exp2(y if y > _LOWEST else _LOWEST)
        total += energy if square < limit else 0.0
    return strength * total


@compiled()
def _select(images: NDArray, span: tuple[int, int], ball: tuple, near: NDArray, count: int) -> int:
    """Copy the images of a span that lie in a ball to ``near``, from ``count`` on, to whole lanes; return the end."""
    centre, limit = ball[0], ball[1] * ball[1]
    xs, ys, zs = images[0, span[0] : span[1]], images[1, span[0] : span[1]], images[2, span[0] : span[1]]
    for index in range(xs.size):
        dx, dy, dz = xs[index] - centre[0], ys[index] - centre[1], zs[index] - centre[2]
        # Written in any case and overwritten by the next one if out of reach: cheaper than a branch.
        near[0, count], near[1, count], near[2, count] = xs[index], ys[index], zs[index]
        count += 1 if dx * dx + dy * dy + dz * dz < limit else 0
    while count % _LANES:
        near[0, count] = near[1, count] = near[2, count] = _OUT_OF_REACH
        count += 1
    return count


@compiled()
def _fill(energy: NDArray, steps: NDArray, images: NDArray, borders: NDArray, terms: NDArray, radius: float) -> None:
    """Fill the energies block by block.

    :param energy: (n1, n2, n3) array to fill, eV.
    :param steps: (3, 3) vectors from one grid point to the next, as rows, Å.
    :param images: (3, m) positions of the ions within reach of the cell, sorted by term, Å.
    :param borders: (t + 1,) borders of the terms in it.
    :param terms: (t, 6) whether it is a Morse term, scale, inverse range, R_min, shift, cut-off.
    :param radius: largest distance of a point from the centre of its block, Å.
    """
    n1, n2, n3 = energy.shape
    n_terms = terms.shape[0]
    near = np.empty((3, images.shape[1] + n_terms * _LANES + 1))
    spans = np.zeros(n_terms + 1, dtype=np.int64)
    half = 0.5 * (_BLOCK - 1)
    for block1 in range(0, n1, _BLOCK):
        for block2 in range(0, n2, _BLOCK):
            for block3 in range(0, n3, _BLOCK):
                centre = place(steps, block1 + half, block2 + half, block3 + half)
                for term in range(n_terms):
                    start, stop = borders[term], borders[term + 1]
                    reach = terms[term, 5] + radius
                    spans[term + 1] = _select(images, (start, stop), (centre, reach), near, spans[term])
                for i in range(block1, min(block1 + _BLOCK, n1)):
                    for j in range(block2, min(block2 + _BLOCK, n2)):
                        for k in range(block3, min(block3 + _BLOCK, n3)):
                            point = place(steps, i, j, k)
                            total = 0.0
                            for term in range(n_terms):
                                span = (spans[term], spans[term + 1])
                                if terms[term, 0] > 0:
                                    total += _morse(near, span, point, terms[term])
                                else:
                                    total += _coulomb(near, span, point, terms[term])
                            energy[i, j, k] = total


def precise_landscape(framework: Framework, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """Compute the site energy of the mobile ion at every grid point.

    Point (i, j, k) lies at fractional coordinates (i / n1, j / n2, k / n3). The sums are those of
    :func:`~aiida_limap.engines.bvff.landscape.reference_landscape`.

    :param framework: the immobile ions and how they act.
    :param shape: grid divisions (n1, n2, n3).
    :returns: (n1, n2, n3) energies in eV, at most :data:`~aiida_limap.engines.bvff.landscape.CLIP_EV`, within 1e-5 eV
        of the literal sum.
    """
    images, terms = images_and_terms(framework, _NEGLIGIBLE_EV)
    steps = framework.cell / np.array(shape)[:, None]
    corners = np.array([(1, b, c) for b in (-1, 1) for c in (-1, 1)]) @ (steps * (0.5 * (_BLOCK - 1)))
    radius = float(np.linalg.norm(corners, axis=1).max()) + 1e-6
    borders = np.cumsum([0, *(len(places) for places in images)])
    energy = np.empty(shape)
    _fill(energy, steps, np.ascontiguousarray(np.concatenate(images).T), borders, terms, radius)
    return np.minimum(energy, CLIP_EV, out=energy)
