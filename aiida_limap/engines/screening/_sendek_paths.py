"""Compiled search along the straight paths between sites."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled
from aiida_limap.engines.screening._sendek_kernels import UNRESOLVED, exclude_each_other

__all__ = ['BESIDE', 'TIE', 'straight_paths']

#: Neighbours whose distances differ by less than this from the nearest one count as equally near, Å.
TIE = 1e-3
#: Atoms this close to a path, and beside it, bound it before others do, Å.
BESIDE = 4.0
_LATER = 1e4


@compiled()
def _width_along(
    path: tuple[NDArray, NDArray, NDArray, NDArray, int, int],
    sites: tuple[NDArray, NDArray],
    atoms: tuple[NDArray, NDArray, NDArray, NDArray],
    reach: float,
) -> tuple[float, float, float]:
    """Return width (Å) and electronegativity of the tightest spot of one path, and the chance that there is none."""
    offsets, indices, vectors, distances, site, end = path
    occupancies, bond_radii = sites
    firsts, weights, radii, values = atoms
    size = 0
    for pair in range(offsets[site], offsets[site + 1]):
        size += firsts[indices[pair] + 1] - firsts[indices[pair]]
    gaps, owners, hosts = np.empty(size), np.empty(size, np.int64), np.empty(size, np.int64)
    # What is known not to be on a site, once the path is known not to be bounded by it.
    absent = np.zeros(offsets[site + 1] - offsets[site])
    length, goal = distances[end], indices[end]
    if reach**2 < length**2 + BESIDE**2:
        return 0.0, 0.0, 1.0
    # Further atoms are not known all around the far end of the path.
    farthest = np.sqrt(reach**2 - length**2) - radii.max()
    count = 0
    for pair in range(offsets[site], offsets[site + 1]):
        other = indices[pair]
        along = (vectors[pair] * vectors[end]).sum() / length
        if pair == end:
            continue
        square = max(0.0, distances[pair] ** 2 - along**2)
        to_end = np.sqrt(square + (length - along) ** 2)
        # From the nearest point of the line between the two ends. Atoms beside the line come first.
        off = np.sqrt(square + min(0.0, along, length - along) ** 2)
        later = 0.0 if TIE < along < length - TIE and off < BESIDE else _LATER
        if exclude_each_other(
            occupancies[site], occupancies[other], distances[pair], bond_radii[site] + bond_radii[other]
        ) or exclude_each_other(occupancies[goal], occupancies[other], to_end, bond_radii[goal] + bond_radii[other]):
            continue
        for atom in range(firsts[other], firsts[other + 1]):
            if later == 0 or off - radii[atom] < farthest:
                gaps[count], owners[count], hosts[count] = later + off - radii[atom], atom, pair - offsets[site]
                count += 1
    order = np.argsort(gaps[:count])
    none, width, value, start = 1.0, 0.0, 0.0, 0
    while start < count and none >= UNRESOLVED:
        stop, free, together, mixed = start, 1.0, 0.0, 0.0
        while stop < count and gaps[order[stop]] < gaps[order[start]] + TIE:
            atom, host = owners[order[stop]], hosts[order[stop]]
            free *= 1 - min(1.0, weights[atom] / max(1e-9, 1 - absent[host]))
            absent[host] += weights[atom]
            together += weights[atom]
            mixed += weights[atom] * values[atom]
            stop += 1
        chance = none * (1 - free)
        gap = gaps[order[start]]
        width += chance * max(0.0, gap if gap < _LATER / 2 else gap - _LATER)
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
    :returns: means over the mobile ions of the distance from the line to the surface of the atom that comes closest
        of those beside it, or else of those beyond its ends, zero where the atom lies across (Å), and of the
        electronegativity of that atom; and the largest chance that one was not found within reach.
    """
    offsets, indices, vectors, distances = pairs
    occupancies, bond_radii = sites
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
                    path = (offsets, indices, vectors, distances, site, stop)
                    wide, electronegativity, open_ended = _width_along(path, sites, atoms, reach)
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
