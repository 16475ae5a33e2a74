"""The sum over neighbours at every grid point, in single precision and shaped for SIMD."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.bvff._compile import compiled

__all__ = ['BLOCK', 'MIN_DISTANCE_ANGSTROM', 'fill_site_energies']

#: Grid points along one edge of a block that shares a neighbour list.
BLOCK = 6
#: Shorter distances count as this one: the energy there is far above any cap, and 1/R stays finite.
MIN_DISTANCE_ANGSTROM = 0.1

# numba takes plain Python numbers as double precision, which halves the SIMD width: hence typed constants.
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_HALF = np.float32(0.5)
_MIN_SQUARE = np.float32(MIN_DISTANCE_ANGSTROM**2)
_SCALE = np.float32(1 / 32)
_LOWEST = np.float32(-24.0)
_C2, _C3, _C4, _C5, _C6, _C7 = (np.float32(1 / f) for f in (2, 6, 24, 120, 720, 5040))
# Abramowitz & Stegun 7.1.26: erfc(x) = t (A1 + t (A2 + …)) exp(-x^2) with t = 1 / (1 + P x), to 1.5e-7.
_P = np.float32(0.3275911)
_A1, _A2, _A3, _A4, _A5 = (np.float32(a) for a in (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429))


@compiled(fast_sums=True, inline=True)
def _exp(y: np.float32) -> np.float32:
    """Return exp(y) for y below about 20 to 4e-6 of its value; no table, no branch, so that loops over it vectorise.

    exp(y) = exp(y / 32)^32, the inner one by its series. Below -24 the result stays at exp(-24) = 4e-11.
    """
    u = (y if y > _LOWEST else _LOWEST) * _SCALE
    p = _ONE + u * (_ONE + u * (_C2 + u * (_C3 + u * (_C4 + u * (_C5 + u * (_C6 + u * _C7))))))
    p *= p
    p *= p
    p *= p
    p *= p
    return p * p


@compiled(fast_sums=True)
def _morse_sum(
    near: NDArray, start: int, stop: int, point: tuple[np.float32, np.float32, np.float32], kind: NDArray
) -> np.float32:
    """Sum depth * ((x - 1)^2 - 1) - shift with x = exp(alpha (r_min - r)) over neighbours within the cut-off.

    :param near: (3, m) single-precision neighbour positions, Å.
    :param start: first neighbour.
    :param stop: end of the neighbours.
    :param point: the grid point in the same frame, Å.
    :param kind: depth (eV), alpha (1/Å), r_min (Å), shift (eV), square of the cut-off (Å^2).
    :returns: the energy, eV.
    """
    depth, alpha, r_min, shift, limit = kind[0], kind[1], kind[2], kind[3], kind[4]
    px, py, pz = point
    total = _ZERO
    for index in range(start, stop):
        dx = near[0, index] - px
        dy = near[1, index] - py
        dz = near[2, index] - pz
        square = dx * dx + dy * dy + dz * dz
        square = square if square > _MIN_SQUARE else _MIN_SQUARE
        x = _exp(alpha * (r_min - np.sqrt(square)))
        energy = depth * (x * (x - _TWO)) - shift
        total += energy if square < limit else _ZERO
    return total


@compiled(fast_sums=True)
def _coulomb_sum(
    near: NDArray, start: int, stop: int, point: tuple[np.float32, np.float32, np.float32], kind: NDArray
) -> np.float32:
    """Sum strength / r * erfc(r * inverse_length) over neighbours within the cut-off.

    :param near: (3, m) single-precision neighbour positions, Å.
    :param start: first neighbour.
    :param stop: end of the neighbours.
    :param point: the grid point in the same frame, Å.
    :param kind: strength (eV Å), inverse screening length (1/Å), two unused numbers, square of the cut-off (Å^2).
    :returns: the energy, eV.
    """
    strength, inverse_length, limit = kind[0], kind[1], kind[4]
    px, py, pz = point
    total = _ZERO
    for index in range(start, stop):
        dx = near[0, index] - px
        dy = near[1, index] - py
        dz = near[2, index] - pz
        square = dx * dx + dy * dy + dz * dz
        square = square if square > _MIN_SQUARE else _MIN_SQUARE
        r = np.sqrt(square)
        x = r * inverse_length
        t = _ONE / (_ONE + _P * x)
        series = t * (_A1 + t * (_A2 + t * (_A3 + t * (_A4 + t * _A5))))
        energy = strength / r * series * _exp(-x * x)
        total += energy if square < limit else _ZERO
    return total


@compiled()
def _select(
    images: NDArray, starts: NDArray, reaches: NDArray, centre: NDArray, near: NDArray, near_starts: NDArray
) -> None:
    """Copy the images within reach of a block, relative to its centre; ``near_starts`` gets the border of each kind."""
    count = 0
    for kind in range(reaches.shape[0]):
        near_starts[kind] = count
        limit = reaches[kind] * reaches[kind]
        for index in range(starts[kind], starts[kind + 1]):
            dx = images[0, index] - centre[0]
            dy = images[1, index] - centre[1]
            dz = images[2, index] - centre[2]
            if dx * dx + dy * dy + dz * dz < limit:
                near[0, count] = dx
                near[1, count] = dy
                near[2, count] = dz
                count += 1
    near_starts[reaches.shape[0]] = count


@compiled()
def fill_site_energies(
    energy: NDArray, mask: NDArray, steps: NDArray, images: NDArray, starts: NDArray, kinds: NDArray, n_morse: int
) -> None:
    """Fill the site energy at every wanted grid point.

    :param energy: (n1, n2, n3) single-precision array to fill, eV.
    :param mask: (n1, n2, n3) true where the energy is wanted; empty for everywhere.
    :param steps: (3, 3) vectors from one grid point to the next along each axis, as rows, Å.
    :param images: (3, m) double-precision positions of all atoms within reach of the cell, images included, sorted by
        kind.
    :param starts: (k + 1,) borders of the kinds in ``images``.
    :param kinds: (k, 5) single-precision parameters, see the sums above; Morse kinds come first.
    :param n_morse: number of Morse kinds.
    """
    n1, n2, n3 = energy.shape
    n_kinds = kinds.shape[0]
    everywhere = mask.size == 0
    near = np.empty((3, max(images.shape[1], 1)), dtype=np.float32)
    near_starts = np.empty(n_kinds + 1, dtype=np.int64)
    edges = steps * (0.5 * (BLOCK - 1))
    radius = 0.0
    for s2 in (-1.0, 1.0):
        for s3 in (-1.0, 1.0):
            diagonal = edges[0] + s2 * edges[1] + s3 * edges[2]
            radius = max(radius, np.sqrt(np.sum(diagonal * diagonal)))
    reaches = np.sqrt(kinds[:, 4].astype(np.float64)) + radius + 1e-6
    for b1 in range(0, n1, BLOCK):
        for b2 in range(0, n2, BLOCK):
            for b3 in range(0, n3, BLOCK):
                if not everywhere and not mask[b1 : b1 + BLOCK, b2 : b2 + BLOCK, b3 : b3 + BLOCK].any():
                    continue
                corner = b1 * steps[0] + b2 * steps[1] + b3 * steps[2]
                centre = corner + edges[0] + edges[1] + edges[2]
                _select(images, starts, reaches, centre, near, near_starts)
                for i in range(b1, min(b1 + BLOCK, n1)):
                    for j in range(b2, min(b2 + BLOCK, n2)):
                        for k in range(b3, min(b3 + BLOCK, n3)):
                            if not everywhere and not mask[i, j, k]:
                                continue
                            x = i * steps[0, 0] + j * steps[1, 0] + k * steps[2, 0] - centre[0]
                            y = i * steps[0, 1] + j * steps[1, 1] + k * steps[2, 1] - centre[1]
                            z = i * steps[0, 2] + j * steps[1, 2] + k * steps[2, 2] - centre[2]
                            point = (np.float32(x), np.float32(y), np.float32(z))
                            total = _ZERO
                            for m in range(n_morse):
                                total += _morse_sum(near, near_starts[m], near_starts[m + 1], point, kinds[m])
                            for m in range(n_morse, n_kinds):
                                total += _coulomb_sum(near, near_starts[m], near_starts[m + 1], point, kinds[m])
                            energy[i, j, k] = total
