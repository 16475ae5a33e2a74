"""Compiled integrals over spheres around sites, and straight paths between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled
from aiida_limap.engines.screening._sendek_kernels import UNRESOLVED, exclude_each_other

__all__ = ['TIE', 'covered_volume', 'sphere_points', 'straight_paths']

#: Neighbours whose distances differ by less than this from the nearest one count as equally near, Å.
TIE = 1e-3


def sphere_points(n_radial: int = 16, n_directions: int = 256) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points and weights that integrate over the unit ball.

    :param n_radial: number of radii (Gauss and Legendre).
    :param n_directions: number of directions (spiral of Fibonacci).
    :returns: (m, 3) points, and (m,) weights that sum to its volume.
    """
    nodes, weights = np.polynomial.legendre.leggauss(n_radial)
    radii = (nodes + 1) / 2
    index = np.arange(n_directions) + 0.5
    heights = 1 - 2 * index / n_directions
    angles = np.pi * (1 + 5**0.5) * index
    across = np.sqrt(1 - heights**2)
    directions = np.stack([across * np.cos(angles), across * np.sin(angles), heights], axis=1)
    points = (radii[:, None, None] * directions).reshape(-1, 3)
    shares = np.repeat(weights / 2 * radii**2 * 4 * np.pi / n_directions, n_directions)
    return np.ascontiguousarray(points), shares


@compiled()
def _chance(first: int, last: int, weights: NDArray, radii: NDArray, distance: float) -> float:
    """Return the chance that a point at a distance from a site lies within the sphere of its atom."""
    chance = 0.0
    for atom in range(first, last):
        if distance < radii[atom]:
            chance += weights[atom]
    return min(1.0, chance)


@compiled()
def covered_volume(
    pairs: tuple[NDArray, NDArray, NDArray, NDArray],
    atoms: tuple[NDArray, NDArray, NDArray],
    points: NDArray,
    shares: NDArray,
) -> float:
    """Return the volume of the union of the spheres of all atoms; a point is covered by chance where sites are shared.

    The integral is split over the spheres: at each point each site takes the part that it covers of all covering.

    :param pairs: offsets, indices, vectors (Å) and distances (Å) of the neighbours, sorted by distance, up to twice the
        largest radius.
    :param atoms: offsets of the species of each site; and of each species its occupancy and its radius, Å.
    :param points: (m, 3) points in the unit ball.
    :param shares: (m,) their weights.
    :returns: the volume, Å3.
    """
    offsets, indices, vectors, distances = pairs
    firsts, weights, radii = atoms
    n_sites = firsts.shape[0] - 1
    sizes = np.zeros(n_sites)
    for site in range(n_sites):
        for atom in range(firsts[site], firsts[site + 1]):
            sizes[site] = max(sizes[site], radii[atom])
    largest = sizes.max()
    volume = 0.0
    for site in range(n_sites):
        size = sizes[site]
        if size <= 0:
            continue
        for number in range(points.shape[0]):
            x, y, z = size * points[number, 0], size * points[number, 1], size * points[number, 2]
            length = np.sqrt(x * x + y * y + z * z)
            own = _chance(firsts[site], firsts[site + 1], weights, radii, length)
            if own <= 0:
                continue
            together, free = own, 1 - own
            for pair in range(offsets[site], offsets[site + 1]):
                if distances[pair] > length + largest:
                    break
                other = indices[pair]
                apart = np.sqrt((x - vectors[pair, 0]) ** 2 + (y - vectors[pair, 1]) ** 2 + (z - vectors[pair, 2]) ** 2)
                if apart < sizes[other]:
                    chance = _chance(firsts[other], firsts[other + 1], weights, radii, apart)
                    together += chance
                    free *= 1 - chance
            volume += size**3 * shares[number] * (1 - free) * own / together
    return volume


@compiled()
def _width_along(
    path: tuple[NDArray, NDArray, NDArray, NDArray, int, int],
    sites: tuple[NDArray, NDArray],
    atoms: tuple[NDArray, NDArray, NDArray, NDArray],
    farthest: float,
) -> tuple[float, float, float]:
    """Return width (Å) and electronegativity of the tightest spot of one path, and the chance that there is none."""
    offsets, indices, vectors, distances, site, end = path
    occupancies, bond_radii = sites
    firsts, weights, radii, values = atoms
    size = 0
    for pair in range(offsets[site], offsets[site + 1]):
        size += firsts[indices[pair] + 1] - firsts[indices[pair]]
    gaps, owners = np.empty(size), np.empty(size, np.int64)
    length, goal = distances[end], indices[end]
    count = 0
    for pair in range(offsets[site], offsets[site + 1]):
        other = indices[pair]
        along = (vectors[pair] * vectors[end]).sum() / length
        if pair == end or along < TIE or along > length - TIE:
            continue
        off = np.sqrt(max(0.0, distances[pair] ** 2 - along**2))
        to_end = np.sqrt(off**2 + (length - along) ** 2)
        if exclude_each_other(
            occupancies[site], occupancies[other], distances[pair], bond_radii[site] + bond_radii[other]
        ) or exclude_each_other(occupancies[goal], occupancies[other], to_end, bond_radii[goal] + bond_radii[other]):
            continue
        for atom in range(firsts[other], firsts[other + 1]):
            if off - radii[atom] < farthest:
                gaps[count], owners[count] = off - radii[atom], atom
                count += 1
    order = np.argsort(gaps[:count])
    none, width, value, start = 1.0, 0.0, 0.0, 0
    while start < count and none >= UNRESOLVED:
        stop, free, together, mixed = start, 1.0, 0.0, 0.0
        while stop < count and gaps[order[stop]] < gaps[order[start]] + TIE:
            atom = owners[order[stop]]
            free *= 1 - min(1.0, weights[atom])
            together += weights[atom]
            mixed += weights[atom] * values[atom]
            stop += 1
        chance = none * (1 - free)
        width += chance * max(0.0, gaps[order[start]])
        value += chance * mixed / together
        none -= chance
        start = stop
    return width, value, none


@compiled()
def straight_paths(
    pairs: tuple[NDArray, NDArray, NDArray, NDArray],
    reach: float,
    mobile: NDArray,
    sites: tuple[NDArray, NDArray],
    atoms: tuple[NDArray, NDArray, NDArray, NDArray],
) -> tuple[float, float, float]:
    """Follow the straight line from each mobile ion to the nearest other one.

    :param pairs: offsets, indices, vectors (Å) and distances (Å) of all neighbours within reach, sorted by distance.
    :param reach: how far neighbours are known, Å.
    :param mobile: (n,) occupancy of each site by the mobile ion.
    :param sites: (n,) whole occupancies and (n,) covalent radii (Å) of the sites.
    :param atoms: offsets of the species of each site; and of each species its occupancy, radius (Å) and
        electronegativity.
    :returns: means over the mobile ions of the distance from the line to the surface of the atom that comes closest,
        zero where it lies across (Å), and of the electronegativity of that atom; and the largest chance that one was
        not found within reach.
    """
    offsets, indices, vectors, distances = pairs
    occupancies, bond_radii = sites
    largest = atoms[2].max()
    total, widths, values, worst = 0.0, 0.0, 0.0, 0.0
    for site in range(mobile.shape[0]):
        if mobile[site] <= 0:
            continue
        none, width, value, found = 1.0, 0.0, 0.0, 0.0
        start = offsets[site]
        while start < offsets[site + 1] and none >= UNRESOLVED:
            stop, free, together, chance_sum = start, 1.0, 0.0, 0.0
            width_sum, value_sum = 0.0, 0.0
            while stop < offsets[site + 1] and distances[stop] < distances[start] + TIE:
                other = indices[stop]
                if mobile[other] > 0 and not exclude_each_other(
                    occupancies[site], occupancies[other], distances[stop], bond_radii[site] + bond_radii[other]
                ):
                    free *= 1 - min(1.0, mobile[other])
                    together += mobile[other]
                    # Further atoms are not known all around the far end of the path.
                    farthest = np.sqrt(max(0.0, reach**2 - distances[stop] ** 2)) - largest
                    path = (offsets, indices, vectors, distances, site, stop)
                    wide, electronegativity, open_ended = _width_along(path, sites, atoms, farthest)
                    worst = max(worst, open_ended * none * (1 - free))
                    if open_ended < 1:
                        weight = mobile[other] / (1 - open_ended)
                        width_sum += weight * wide
                        value_sum += weight * electronegativity
                        chance_sum += mobile[other]
                stop += 1
            if chance_sum > 0:
                chance = none * (1 - free)
                width += chance * width_sum / chance_sum
                value += chance * value_sum / chance_sum
                found += chance
            none *= free
            start = stop
        worst = max(worst, none)
        total += mobile[site]
        if found > 0:
            widths += mobile[site] * width / found
            values += mobile[site] * value / found
    return widths / total, values / total, worst
