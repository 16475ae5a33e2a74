"""The sum over neighbours at every grid point, in single precision and shaped for SIMD."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.bvff.landscape import MIN_DISTANCE_ANGSTROM
from aiida_limap.engines.compiled import compiled

__all__ = ['BLOCKS_PER_GROUP', 'fill_site_energies', 'place']

#: Blocks along one edge of a group of blocks: a group picks its neighbours from all ions, a block from those.
BLOCKS_PER_GROUP = 4
#: A block with fewer wanted points sums over the neighbours of its group: a list of its own would cost more.
_FEW_POINTS = 8
#: Neighbours of a kind are filled up to a multiple of this number by ions out of reach: no remainder of SIMD loops.
_LANES = 16
_OUT_OF_REACH = np.float32(1e4)

# numba takes plain Python numbers as double precision, which halves the SIMD width: hence typed constants.
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_HALF = np.float32(0.5)
_MIN_SQUARE = np.float32(MIN_DISTANCE_ANGSTROM**2)
_LOG2_E = np.float32(1.4426950408889634)
_LOWEST = np.float32(-100.0)
_MANTISSA_BITS = np.int32(23)
# 2^f for |f| <= 1/2 to 2e-7 of its value, by least squares.
_E0, _E1, _E2, _E3, _E4, _E5 = (
    np.float32(c)
    for c in (
        1.000000071029699,
        0.6931469491610631,
        0.2402212175356157,
        0.05550742616001863,
        0.009675459745526626,
        0.0013266970386627997,
    )
)
# Abramowitz & Stegun 7.1.26: erfc(x) = t (A1 + t (A2 + …)) exp(-x^2) with t = 1 / (1 + P x), to 1.5e-7.
_P = np.float32(0.3275911)
_A1, _A2, _A3, _A4, _A5 = (np.float32(a) for a in (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429))


@compiled(fast_sums=True, inline=True)
def _exp2(y: np.float32) -> np.float32:
    """Return 2^y for -126 < y <= 0 to 3e-7 of its value; no table, no branch, so that loops over it vectorise.

    The whole part of y goes straight into the exponent of the number.
    """
    whole = np.int32(y - _HALF)
    f = y - np.float32(whole)
    p = _E0 + f * (_E1 + f * (_E2 + f * (_E3 + f * (_E4 + f * _E5))))
    return np.int32(np.float32(p).view(np.int32) + (whole << _MANTISSA_BITS)).view(np.float32)


@compiled(fast_sums=True)
def _add_morse(near: NDArray, span: tuple[int, int], points: NDArray, sums: NDArray, kind: NDArray) -> None:
    """Add depth x (x - offset) - shift - bend r^2 with x = 2^(rise - fall r) for neighbours within the range.

    :param near: (5, m) single-precision neighbours: positions, Å, and two unused rows.
    :param span: first and end of the neighbours to sum over.
    :param points: (n, 3) single-precision points in the same frame, Å.
    :param sums: (n,) energies to add to, eV.
    :param kind: depth (eV), fall (1/Å), rise, offset, shift (eV), bend (eV/Å^2), square of the range (Å^2).
    """
    depth, fall, rise, offset, shift, bend, limit = kind[0], kind[1], kind[2], kind[3], kind[4], kind[5], kind[6]
    # numba counts a negative index from the end; a range from zero tells it that there is none, which SIMD needs.
    xs, ys, zs = near[0, span[0] : span[1]], near[1, span[0] : span[1]], near[2, span[0] : span[1]]
    for n in range(points.shape[0]):
        px, py, pz = points[n, 0], points[n, 1], points[n, 2]
        total = _ZERO
        for index in range(xs.size):
            dx = xs[index] - px
            dy = ys[index] - py
            dz = zs[index] - pz
            square = dx * dx + dy * dy + dz * dz
            square = square if square > _MIN_SQUARE else _MIN_SQUARE
            x = _exp2(rise - fall * np.sqrt(square))
            energy = depth * (x * (x - offset)) - shift - bend * square
            total += energy if square < limit else _ZERO
        sums[n] += total


@compiled(fast_sums=True)
def _add_far(near: NDArray, span: tuple[int, int], centre: tuple, points: NDArray, sums: NDArray, kinds: tuple) -> None:
    """Add what :func:`_add_morse` leaves out with a shortened range: its value and gradient at the block's centre.

    :param near: (5, m) single-precision neighbours: positions, Å, and two unused rows.
    :param span: first and end of the neighbours to sum over.
    :param centre: centre of the block in the same frame, Å.
    :param points: (n, 3) single-precision points relative to the centre, Å.
    :param sums: (n,) energies to add to, eV.
    :param kinds: parameters as in :func:`_add_morse` of the whole curve and of the shortened one.
    """
    whole, part = kinds
    depth, fall, rise, offset, shift, limit = whole[0], whole[1], whole[2], whole[3], whole[4], whole[6]
    constant, bend, border = part[4] - whole[4], part[5], part[6]
    xs, ys, zs = near[0, span[0] : span[1]], near[1, span[0] : span[1]], near[2, span[0] : span[1]]
    cx, cy, cz = centre
    total, gx, gy, gz = _ZERO, _ZERO, _ZERO, _ZERO
    for index in range(xs.size):
        dx = xs[index] - cx
        dy = ys[index] - cy
        dz = zs[index] - cz
        square = dx * dx + dy * dy + dz * dz
        square = square if square > _MIN_SQUARE else _MIN_SQUARE
        r = np.sqrt(square)
        y = rise - fall * r
        x = _exp2(y if y > _LOWEST else _LOWEST)
        energy = depth * (x * (x - offset)) - shift
        # d/dr of the curve is -fall ln 2 depth x (2 x - offset); towards the point it has the other sign.
        slope = fall * depth * (x * (_TWO * x - offset)) / (_LOG2_E * r)
        energy = energy if square < limit else _ZERO
        slope = slope if square < limit else _ZERO
        energy = energy if square >= border else constant + bend * square
        slope = slope if square >= border else -_TWO * bend
        total += energy
        gx += slope * dx
        gy += slope * dy
        gz += slope * dz
    for n in range(points.shape[0]):
        sums[n] += total + gx * points[n, 0] + gy * points[n, 1] + gz * points[n, 2]


@compiled(fast_sums=True)
def _add_coulomb(near: NDArray, span: tuple[int, int], points: NDArray, sums: NDArray, limit: np.float32) -> None:
    """Add strength / r * erfc(r * inverse_length) for neighbours within the range.

    :param near: (5, m) single-precision neighbours: positions, Å, strength, eV Å, inverse screening length, 1/Å.
    :param span: first and end of the neighbours to sum over.
    :param points: (n, 3) single-precision points in the same frame, Å.
    :param sums: (n,) energies to add to, eV.
    :param limit: square of the range, Å^2.
    """
    xs, ys, zs = near[0, span[0] : span[1]], near[1, span[0] : span[1]], near[2, span[0] : span[1]]
    strengths, inverse_lengths = near[3, span[0] : span[1]], near[4, span[0] : span[1]]
    for n in range(points.shape[0]):
        px, py, pz = points[n, 0], points[n, 1], points[n, 2]
        total = _ZERO
        for index in range(xs.size):
            dx = xs[index] - px
            dy = ys[index] - py
            dz = zs[index] - pz
            square = dx * dx + dy * dy + dz * dz
            square = square if square > _MIN_SQUARE else _MIN_SQUARE
            r = np.sqrt(square)
            x = r * inverse_lengths[index]
            # One division serves both 1 / r and t = 1 / (1 + P x).
            denominator = _ONE + _P * x
            quotient = _ONE / (r * denominator)
            t = quotient * r
            series = t * (_A1 + t * (_A2 + t * (_A3 + t * (_A4 + t * _A5))))
            y = -_LOG2_E * x * x
            energy = strengths[index] * (quotient * denominator) * series * _exp2(y if y > _LOWEST else _LOWEST)
            total += energy if square < limit else _ZERO
        sums[n] += total


@compiled()
def _select(source: NDArray, borders: NDArray, reaches: NDArray, centre: tuple, kept: tuple) -> None:
    """Copy what lies within reach of ``centre``, relative to it, filled up to whole SIMD lanes.

    :param source: (3, m) positions, sorted by kind, Å.
    :param borders: (k + 1,) borders of the kinds in it.
    :param reaches: (k,) reach of each kind, Å.
    :param centre: a point in the same frame, Å.
    :param kept: (5, m) array to fill, (k + 1,) borders of the kinds in it to fill, parameters of the kinds, number of
        Morse kinds; each Morse kind is filled up, and the Coulomb kinds together, with their parameters beside them.
    """
    near, near_borders, kinds, n_morse = kept
    count = 0
    cx, cy, cz = centre
    n_kinds = reaches.shape[0]
    for kind in range(n_kinds):
        near_borders[kind] = count
        limit = reaches[kind] * reaches[kind]
        start, stop = borders[kind], borders[kind + 1]
        xs, ys, zs = source[0, start:stop], source[1, start:stop], source[2, start:stop]
        for index in range(xs.size):
            dx = xs[index] - cx
            dy = ys[index] - cy
            dz = zs[index] - cz
            # Written in any case and overwritten by the next one if out of reach: cheaper than a branch.
            near[0, count] = dx
            near[1, count] = dy
            near[2, count] = dz
            count += 1 if dx * dx + dy * dy + dz * dz < limit else 0
        if kind >= n_morse:
            near[3, near_borders[kind] : count] = kinds[kind, 0]
            near[4, near_borders[kind] : count] = kinds[kind, 1]
        if kind < n_morse or kind == n_kinds - 1:
            while count % _LANES:
                near[0, count] = near[1, count] = near[2, count] = _OUT_OF_REACH
                near[3, count] = near[4, count] = _ZERO
                count += 1
    near_borders[n_kinds] = count


@compiled()
def _wanted_points(
    mask: NDArray, shape: tuple[int, int, int], corner: tuple[int, int, int], size: tuple, wanted: NDArray
) -> int:
    """List the wanted points of a block in ``wanted`` and return their number; an empty mask wants all."""
    count = 0
    everywhere = mask.size == 0
    for i in range(corner[0], min(corner[0] + size[0], shape[0])):
        for j in range(corner[1], min(corner[1] + size[1], shape[1])):
            for k in range(corner[2], min(corner[2] + size[2], shape[2])):
                if everywhere or mask[i, j, k]:
                    wanted[count, 0] = i
                    wanted[count, 1] = j
                    wanted[count, 2] = k
                    count += 1
    return count


@compiled(inline=True)
def place(steps: NDArray, i: float, j: float, k: float) -> tuple[float, float, float]:
    """Return the cartesian position of a grid point, which may lie between points, Å."""
    return (
        i * steps[0, 0] + j * steps[1, 0] + k * steps[2, 0],
        i * steps[0, 1] + j * steps[1, 1] + k * steps[2, 1],
        i * steps[0, 2] + j * steps[1, 2] + k * steps[2, 2],
    )


@compiled()
def _sum_up(near: NDArray, borders: NDArray, points: NDArray, sums: NDArray, terms: tuple) -> None:
    """Add the energies of all kinds of neighbours; ``terms``: parameters of the kinds, number of Morse kinds."""
    kinds, n_morse = terms
    for kind in range(n_morse):
        _add_morse(near, (borders[kind], borders[kind + 1]), points, sums, kinds[kind])
    n_kinds = kinds.shape[0]
    limit = _ZERO
    for kind in range(n_morse, n_kinds):
        limit = max(limit, kinds[kind, 6])
    if n_kinds > n_morse:
        _add_coulomb(near, (borders[n_morse], borders[n_kinds]), points, sums, limit)


@compiled()
def _fill_block(energy: NDArray, wanted: NDArray, lattice: tuple, group: tuple, ions: tuple) -> None:
    """Fill the energies of the wanted points of one block.

    :param energy: the array to fill.
    :param wanted: (n, 3) the wanted points.
    :param lattice: steps of the grid, and centres of the block and of the group, Å.
    :param group: positions and borders of the neighbours of the group, relative to its centre, and room for those of
        the block, for its points and for their energies.
    :param ions: parameters, whole and shortened, reach of the block for each kind, number of Morse kinds.
    """
    steps, middle, centre = lattice
    group_near, group_borders, near, borders, points, sums = group
    whole, part, reaches, n_morse = ions
    n_points = wanted.shape[0]
    few = n_points < _FEW_POINTS
    ox, oy, oz = centre if few else middle
    for n in range(n_points):
        x, y, z = place(steps, wanted[n, 0], wanted[n, 1], wanted[n, 2])
        points[n, 0] = x - ox
        points[n, 1] = y - oy
        points[n, 2] = z - oz
        sums[n] = _ZERO
    points, sums = points[:n_points], sums[:n_points]
    if not few:
        away = (np.float32(ox - centre[0]), np.float32(oy - centre[1]), np.float32(oz - centre[2]))
        _select(group_near, group_borders, reaches, away, (near, borders, part, n_morse))
        for kind in range(n_morse):
            if part[kind, 6] < whole[kind, 6]:
                span = (group_borders[kind], group_borders[kind + 1])
                _add_far(group_near, span, away, points, sums, (whole[kind], part[kind]))
        group_near, group_borders, whole = near, borders, part
    _sum_up(group_near, group_borders, points, sums, (whole, n_morse))
    for n in range(n_points):
        energy[wanted[n, 0], wanted[n, 1], wanted[n, 2]] = sums[n]


@compiled()
def fill_site_energies(energy: NDArray, mask: NDArray, groups: NDArray, grid: tuple, ions: tuple) -> None:
    """Fill the site energy at every wanted grid point of some groups of blocks.

    Each block sums over the ions within a shortened range of its points; what lies beyond is smooth and is taken to
    be linear within a block.

    :param energy: (n1, n2, n3) single-precision array to fill, eV.
    :param mask: (n1, n2, n3) true where the energy is wanted; empty for everywhere.
    :param groups: (g, 3) the groups to fill, counted along each axis.
    :param grid: (3, 3) vectors from one grid point to the next along each axis, as rows, Å, and the (3,) grid points
        along each edge of a block.
    :param ions: (3, m) double-precision positions of all atoms within reach of the cell, images included, sorted by
        kind, Å; (k + 1,) borders of the kinds in it; (2, k, 7) single-precision parameters of each kind, see the sums
        above, with the whole range and with a shortened one, Morse kinds first; (2, k) reach of each kind from the
        centre of a group and of a block, Å; the number of Morse kinds.
    """
    steps, block = grid
    images, image_borders, kinds, reaches, n_morse = ions
    n1, n2, n3 = energy.shape
    s1, s2, s3 = block
    n_kinds = kinds.shape[1]
    room = images.shape[1] + n_kinds * _LANES + 1
    group_near, near = np.empty((5, room), dtype=np.float32), np.empty((5, room), dtype=np.float32)
    group_borders, borders = np.empty(n_kinds + 1, dtype=np.int64), np.empty(n_kinds + 1, dtype=np.int64)
    wanted = np.empty((s1 * s2 * s3, 3), dtype=np.int64)
    points, sums = np.empty((s1 * s2 * s3, 3), dtype=np.float32), np.empty(s1 * s2 * s3, dtype=np.float32)
    kept = (group_near, group_borders, kinds[0], n_morse)
    group = (group_near, group_borders, near, borders, points, sums)
    terms = (kinds[0], kinds[1], reaches[1], n_morse)
    g1, g2, g3 = s1 * BLOCKS_PER_GROUP, s2 * BLOCKS_PER_GROUP, s3 * BLOCKS_PER_GROUP
    for g in range(groups.shape[0]):
        f1, f2, f3 = groups[g, 0] * g1, groups[g, 1] * g2, groups[g, 2] * g3
        centre = place(steps, f1 + 0.5 * (g1 - 1), f2 + 0.5 * (g2 - 1), f3 + 0.5 * (g3 - 1))
        _select(images, image_borders, reaches[0], centre, kept)
        for b1 in range(f1, min(f1 + g1, n1), s1):
            for b2 in range(f2, min(f2 + g2, n2), s2):
                for b3 in range(f3, min(f3 + g3, n3), s3):
                    count = _wanted_points(mask, (n1, n2, n3), (b1, b2, b3), block, wanted)
                    if count > 0:
                        middle = place(steps, b1 + 0.5 * (s1 - 1), b2 + 0.5 * (s2 - 1), b3 + 0.5 * (s3 - 1))
                        _fill_block(energy, wanted[:count], (steps, middle, centre), group, terms)
