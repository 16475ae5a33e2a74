"""Compiled sums over the neighbours of sites that may be shared or partially occupied."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = ['EXCLUSIVE', 'SAME', 'UNRESOLVED', 'bond_sums', 'exclude_each_other', 'expected_nearest']

#: Distances that differ by less are equal, Å: cells of one crystal give one number.
SAME = 1e-6
#: No two atoms come closer than this part of the sum of their covalent radii, but for Li in metals.
EXCLUSIVE = 0.75
#: Chance that nothing was found within reach, above which the search goes on.
UNRESOLVED = 1e-6
_FULL = 1 + 1e-3


@compiled(inline=True)
def exclude_each_other(first: float, second: float, distance: float, radii: float) -> bool:
    """Return whether two sites are alternatives: split positions that are not occupied at once.

    :param first: occupancy of one site.
    :param second: occupancy of the other.
    :param distance: between them, Å.
    :param radii: sum of their covalent radii, Å.
    """
    return first + second <= _FULL and distance < EXCLUSIVE * radii


@compiled()
def bond_sums(
    pairs: tuple[NDArray, NDArray, NDArray],
    limit: float,
    occupancies: NDArray,
    radii: NDArray,
    atoms: tuple[NDArray, NDArray, NDArray, NDArray],
) -> tuple[NDArray, NDArray]:
    """Count neighbours and add up the ionicities of bonds.

    :param pairs: offsets (n + 1,), indices (m,) and distances (m,) of the neighbours of each site, sorted by distance.
    :param limit: atoms closer than this are bonded, Å.
    :param occupancies: (n,) of the sites.
    :param radii: (n,) covalent radii, Å.
    :param atoms: offsets (n + 1,) of the species of each site; and of each species its occupancy, its
        electronegativity, and whether it is the mobile one.
    :returns: (n, 2) number of neighbours of any kind, and of mobile ones; (2, 3) weight, sum and sum of squares of the
        ionicities of bonds, for those with a mobile end and those without.
    """
    offsets, indices, distances = pairs
    firsts, weights, values, mobile = atoms
    n_sites = occupancies.shape[0]
    counts = np.zeros((n_sites, 2))
    sums = np.zeros((2, 3))
    for site in range(n_sites):
        for pair in range(offsets[site], offsets[site + 1]):
            distance, other = distances[pair], indices[pair]
            if distance >= limit - SAME:
                break
            if exclude_each_other(occupancies[site], occupancies[other], distance, radii[site] + radii[other]):
                continue
            counts[site, 0] += occupancies[other]
            for second in range(firsts[other], firsts[other + 1]):
                if mobile[second]:
                    counts[site, 1] += weights[second]
                for first in range(firsts[site], firsts[site + 1]):
                    # Each bond is met twice, once from each end.
                    weight = 0.5 * weights[first] * weights[second]
                    ionicity = abs(values[first] - values[second])
                    kind = 0 if mobile[first] or mobile[second] else 1
                    sums[kind, 0] += weight
                    sums[kind, 1] += weight * ionicity
                    sums[kind, 2] += weight * ionicity * ionicity
    return counts, sums


@compiled()
def expected_nearest(
    pairs: tuple[NDArray, NDArray, NDArray],
    reach: float,
    width: float,
    centres: NDArray,
    targets: NDArray,
    sites: tuple[NDArray, NDArray],
) -> tuple[float, float, float]:
    """Return what is expected of the nearest target of the centres, each site being occupied by chance.

    :param pairs: offsets (n + 1,), indices (m,) and distances (m,) of all neighbours within reach, sorted by distance.
    :param reach: how far neighbours are known, Å.
    :param width: targets up to this much further than the nearest one are counted, Å.
    :param centres: (n,) occupancy of each site by a centre.
    :param targets: (n,) occupancy of each site by a target.
    :param sites: (n,) whole occupancies and (n,) covalent radii (Å) of the sites.
    :returns: means over the centres of the distance of the nearest target (Å) and of the number of targets up to
        ``width`` further; and the largest chance that a centre has none within reach.
    """
    offsets, indices, distances = pairs
    occupancies, radii = sites
    total, distance_sum, count_sum, worst = 0.0, 0.0, 0.0, 0.0
    for site in range(centres.shape[0]):
        if centres[site] <= 0:
            continue
        none, expected, counted = 1.0, 0.0, 0.0
        for pair in range(offsets[site], offsets[site + 1]):
            other, distance = indices[pair], distances[pair]
            if distance + width > reach or none < UNRESOLVED:
                break
            if targets[other] <= 0 or exclude_each_other(
                occupancies[site], occupancies[other], distance, radii[site] + radii[other]
            ):
                continue
            chance = none * min(1.0, targets[other])
            expected += chance * distance
            if width > 0:
                number = 1.0
                for further in range(pair + 1, offsets[site + 1]):
                    if distances[further] > distance + width + SAME:
                        break
                    number += targets[indices[further]]
                counted += chance * number
            none -= chance
        worst = max(worst, none)
        total += centres[site]
        if none < 1:
            distance_sum += centres[site] * expected / (1 - none)
            count_sum += centres[site] * counted / (1 - none)
    return distance_sum / total, count_sum / total, worst
