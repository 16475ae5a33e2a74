"""Minima and saddles of the continuous site energy, by its analytic gradient and Hessian in double precision.

``field`` stands for what acts: the cell and its inverse (2, 3, 3); the (m, 3) positions of all ions within reach of the
cell, sorted by term; the (t + 1,) borders of the terms among them; and the (t, 6) terms: whether it is a Morse term,
scale (eV or eV Å), inverse range (1/Å), R_min (Å), shift (eV), cut-off (Å). ``scratch`` is room for the ions near a
point and the borders of the terms among these.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = ['refine_minima', 'refine_saddles', 'site_energy', 'trace_descent']

_Field = tuple[NDArray, NDArray, NDArray, NDArray]
_Scratch = tuple[NDArray, NDArray]
#: Columns of the table of terms.
_MORSE, _SCALE, _INVERSE_RANGE, _R_MIN, _SHIFT, _CUTOFF = range(6)
_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
#: A list of neighbours serves until the point has moved so far, Å.
_SLACK = 0.6
#: Longest step, Å: well below the width of any basin.
_MAX_STEP = 0.1
#: A point is stationary where the force is below this value, eV/Å.
_STATIONARY = 1e-6
#: Displacement from a saddle from which its two descents start, Å.
_NUDGE = 0.02
_MAX_STEPS = 200
#: Displacement from a stationary point of the wrong kind, Å, and how often one is left.
_ESCAPE = 0.03
_MAX_ESCAPES = 4
#: Curvatures below this value say nothing about the length of a step, eV/Å^2.
_FLAT = 0.2


@compiled()
def _gather(point: NDArray, field: _Field, scratch: _Scratch) -> None:
    """Copy the images around a point, term by term."""
    _, images, starts, terms = field
    near, borders = scratch
    count = 0
    for term in range(terms.shape[0]):
        borders[term] = count
        limit = (terms[term, _CUTOFF] + _SLACK) ** 2
        for index in range(starts[term], starts[term + 1]):
            dx = images[index, 0] - point[0]
            dy = images[index, 1] - point[1]
            dz = images[index, 2] - point[2]
            if dx * dx + dy * dy + dz * dz < limit:
                near[count, 0], near[count, 1], near[count, 2] = images[index, 0], images[index, 1], images[index, 2]
                count += 1
    borders[terms.shape[0]] = count


@compiled()
def _evaluate(point: NDArray, terms: NDArray, scratch: _Scratch, gradient: NDArray, hessian: NDArray) -> float:
    """Return the energy (eV); fill its gradient (eV/Å) and Hessian (eV/Å^2)."""
    near, borders = scratch
    energy = 0.0
    gradient[:] = 0.0
    hessian[:] = 0.0
    for term in range(terms.shape[0]):
        scale, k, cutoff = terms[term, _SCALE], terms[term, _INVERSE_RANGE], terms[term, _CUTOFF]
        morse = terms[term, _MORSE] > 0
        for index in range(borders[term], borders[term + 1]):
            dx = point[0] - near[index, 0]
            dy = point[1] - near[index, 1]
            dz = point[2] - near[index, 2]
            r = max(math.sqrt(dx * dx + dy * dy + dz * dz), 1e-3)
            if r >= cutoff:
                continue
            if morse:
                x = math.exp(k * (terms[term, _R_MIN] - r))
                energy += scale * x * (x - 2) - terms[term, _SHIFT]
                first = -2 * k * scale * x * (x - 1)
                second = 2 * k * k * scale * x * (2 * x - 1)
            else:
                tail = scale * math.erfc(k * r) / r
                gauss = scale * k * _TWO_OVER_ROOT_PI * math.exp(-k * k * r * r)
                energy += tail
                first = -(tail + gauss) / r
                second = 2 * (tail + gauss) / (r * r) + 2 * k * k * gauss
            along = first / r
            across = (second - along) / (r * r)
            gradient[0] += along * dx
            gradient[1] += along * dy
            gradient[2] += along * dz
            hessian[0, 0] += along + across * dx * dx
            hessian[1, 1] += along + across * dy * dy
            hessian[2, 2] += along + across * dz * dz
            hessian[0, 1] += across * dx * dy
            hessian[0, 2] += across * dx * dz
            hessian[1, 2] += across * dy * dz
    hessian[1, 0], hessian[2, 0], hessian[2, 1] = hessian[0, 1], hessian[0, 2], hessian[1, 2]
    return energy


@compiled()
def _wrap(point: NDArray, cell: NDArray, inverse: NDArray, shift: NDArray) -> None:
    """Move a point into the cell and add the lattice vector by which it was moved to ``shift``."""
    for axis in range(3):
        fraction = point[0] * inverse[0, axis] + point[1] * inverse[1, axis] + point[2] * inverse[2, axis]
        count = math.floor(fraction)
        if count != 0:
            for component in range(3):
                shift[component] += count * cell[axis, component]
    for component in range(3):
        point[component] -= shift[component]


@compiled()
def _refresh(point: NDArray, shift: NDArray, centre: NDArray, field: _Field, scratch: _Scratch) -> None:
    """Wrap the point into the cell and collect its neighbours anew."""
    moved = np.zeros(3)
    _wrap(point, field[0][0], field[0][1], moved)
    shift += moved
    centre[:] = point
    _gather(point, field, scratch)


@compiled()
def _step(gradient: NDArray, hessian: NDArray, uphill: int, limit: float, step: NDArray) -> float:
    """Fill a step up along the lowest ``uphill`` modes and down along the others; return the lowest curvature."""
    curvatures, modes = np.linalg.eigh(hessian)
    step[:] = 0.0
    for mode in range(3):
        force = 0.0
        for axis in range(3):
            force += gradient[axis] * modes[axis, mode]
        length = force / max(abs(curvatures[mode]), _FLAT)
        for axis in range(3):
            step[axis] += (length if mode < uphill else -length) * modes[axis, mode]
    size = math.sqrt(step[0] ** 2 + step[1] ** 2 + step[2] ** 2)
    if size > limit:
        step *= limit / size
    return curvatures[0]


@compiled()
def _search(
    point: NDArray, uphill: int, reach: float, field: _Field, scratch: _Scratch, mode: NDArray, trail: NDArray
) -> tuple[float, bool, int]:
    """Move a point to a stationary point with ``uphill`` (0 or 1) negative curvatures.

    :param point: (3,) start; gets the end, in the same image of the cell, Å.
    :param reach: largest distance from the start, Å.
    :param mode: (3,) gets the direction of the lowest curvature.
    :param trail: (t, 4) gets the points on the way with their energies, as far as there is room.
    :returns: energy, whether it is stationary and of the wanted kind, and the number of points in the trail.
    """
    gradient, hessian, step = np.zeros(3), np.zeros((3, 3)), np.zeros(3)
    start, shift, centre = point.copy(), np.zeros(3), np.zeros(3)
    _refresh(point, shift, centre, field, scratch)
    limit, energy, n_trail = _MAX_STEP, _evaluate(point, field[3], scratch, gradient, hessian), 0
    n_escapes = 0
    for _ in range(_MAX_STEPS):
        if n_trail < trail.shape[0]:
            trail[n_trail, :3] = point + shift
            trail[n_trail, 3] = energy
            n_trail += 1
        lowest = _step(gradient, hessian, uphill, limit, step)
        force = math.sqrt(gradient[0] ** 2 + gradient[1] ** 2 + gradient[2] ** 2)
        if force < _STATIONARY:
            curvatures, modes = np.linalg.eigh(hessian)
            mode[:] = modes[:, 0]
            good = lowest > 0 if uphill == 0 else lowest < 0 < curvatures[1]
            if good or n_escapes == _MAX_ESCAPES:
                point += shift
                return energy, good, n_trail
            # A point of high symmetry is stationary whatever its index: leave it along the mode of the wrong sign.
            point += _ESCAPE * modes[:, 1 if uphill == 1 and lowest < 0 else 0]
            n_escapes += 1
            energy = _evaluate(point, field[3], scratch, gradient, hessian)
            limit = _MAX_STEP
            continue
        before, old = energy, point + shift
        point += step
        if np.sum((point - centre) ** 2) > (_SLACK - 0.05) ** 2:
            _refresh(point, shift, centre, field, scratch)
        energy = _evaluate(point, field[3], scratch, gradient, hessian)
        if uphill == 0:
            if energy > before + 1e-13 * abs(before) and limit > 1e-7:
                # The step overshot: take a shorter one from where it began.
                point[:] = old
                shift[:] = 0.0
                _refresh(point, shift, centre, field, scratch)
                energy = _evaluate(point, field[3], scratch, gradient, hessian)
                limit *= 0.3
                n_trail = max(n_trail - 1, 0)
                continue
            limit = min(_MAX_STEP, 2 * limit)
        if np.sum((point + shift - start) ** 2) > reach**2:
            break
    point += shift
    return energy, False, n_trail


@compiled()
def _room(field: _Field) -> _Scratch:
    return np.empty((max(field[1].shape[0], 1), 3)), np.zeros(field[2].shape[0], dtype=np.int64)


@compiled()
def refine_minima(
    points: NDArray,
    reach: float,
    field: _Field,
    energies: NDArray,
    good: NDArray,
) -> None:
    """Move points down to minima.

    :param points: (k, 3) starts; get the ends, Å.
    :param reach: largest distance from a start, Å.
    :param field: what acts.
    :param energies: (k,) gets the energies, eV.
    :param good: (k,) gets whether a minimum was reached.
    """
    scratch = _room(field)
    mode, trail = np.zeros(3), np.empty((0, 4))
    for index in range(points.shape[0]):
        energies[index], good[index], _ = _search(points[index], 0, reach, field, scratch, mode, trail)


@compiled()
def refine_saddles(
    points: NDArray,
    reach: float,
    field: _Field,
    energies: NDArray,
    good: NDArray,
    ends: NDArray,
    end_energies: NDArray,
) -> None:
    """Move points to saddles of index one and find the two minima that each of them connects.

    :param points: (k, 3) starts; get the saddles, Å.
    :param reach: largest distance from a start, Å.
    :param field: what acts.
    :param energies: (k,) gets the energies, eV.
    :param good: (k,) gets whether a saddle and both minima were reached.
    :param ends: (k, 2, 3) gets the two minima, Å.
    :param end_energies: (k, 2) gets their energies, eV.
    """
    scratch = _room(field)
    mode, other, trail = np.zeros(3), np.zeros(3), np.empty((0, 4))
    for index in range(points.shape[0]):
        energies[index], good[index], _ = _search(points[index], 1, reach, field, scratch, mode, trail)
        if not good[index]:
            continue
        for side in range(2):
            end = ends[index, side]
            end[:] = points[index] + (_NUDGE if side == 0 else -_NUDGE) * mode
            end_energies[index, side], found, _ = _search(end, 0, 20.0, field, scratch, other, trail)
            good[index] = good[index] and found


@compiled()
def trace_descent(start: NDArray, field: _Field, trail: NDArray) -> tuple[int, int]:
    """Follow both descents from a saddle.

    :param start: (3,) the saddle, Å.
    :param field: what acts.
    :param trail: (2, t, 4) gets the points of both descents with their energies.
    :returns: the numbers of points.
    """
    scratch = _room(field)
    mode, other, nothing = np.zeros(3), np.zeros(3), np.empty((0, 4))
    saddle = start.copy()
    _search(saddle, 1, 0.5, field, scratch, mode, nothing)
    counts = np.zeros(2, dtype=np.int64)
    for side in range(2):
        end = saddle + (_NUDGE if side == 0 else -_NUDGE) * mode
        counts[side] = _search(end, 0, 20.0, field, scratch, other, trail[side])[2]
    return counts[0], counts[1]


@compiled()
def site_energy(
    points: NDArray,
    field: _Field,
    energies: NDArray,
    gradients: NDArray,
    hessians: NDArray,
) -> None:
    """Compute energies (k,), gradients (k, 3) and Hessians (k, 3, 3) at points (k, 3)."""
    scratch = _room(field)
    shift, centre = np.zeros(3), np.zeros(3)
    for index in range(points.shape[0]):
        point = points[index].copy()
        _refresh(point, shift, centre, field, scratch)
        energies[index] = _evaluate(point, field[3], scratch, gradients[index], hessians[index])
