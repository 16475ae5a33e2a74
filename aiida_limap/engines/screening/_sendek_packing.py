"""The volume within the spheres of atoms: in closed form, and by points where sites are shared or half empty."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled
from aiida_limap.engines.descriptors import power_cells
from aiida_limap.engines.descriptors.neighbours import search_neighbours
from aiida_limap.engines.descriptors.void_kernels import add_within_orthoscheme, foot_of_edge
from aiida_limap.engines.errors import LimapError

__all__ = ['expected_volume', 'union_volume']

_FIRST_REACH = 9.0
_LAST_REACH = 300.0
_HIDDEN = 1e-12


def union_volume(cell: NDArray[np.float64], positions: NDArray[np.float64], radii: NDArray[np.float64]) -> float:
    """Return the volume of the union of spheres in a crystal, in closed form.

    Each sphere fills the part of its cell in the power diagram (F. Aurenhammer, SIAM J. Comput. 16, 78 (1987)) that it
    reaches; the cells are cut from cubes around the spheres.

    :param cell: (3, 3) lattice vectors as rows, Å.
    :param positions: (n, 3) fractional coordinates of the centres.
    :param radii: (n,) radii, Å.
    :returns: volume per cell, Å3.
    :raises LimapError: if a centre has no neighbour within 300 Å.
    """
    half = 1.01 * float(radii.max())
    reach, size = _FIRST_REACH, 100 * len(radii) + 1000
    neighbours = search_neighbours(cell, positions, reach)
    while True:
        pairs = (neighbours.offsets, neighbours.indices, neighbours.vectors, neighbours.distances)
        corners, owners = np.empty((size, 3)), np.empty(size, dtype=np.int64)
        ends, faces = np.empty((size, 2), dtype=np.int64), np.empty((size, 2), dtype=np.int64)
        state, _, n_edges = power_cells.cut_all_cells(pairs, radii**2, half, corners, ends, faces, owners)
        if state == power_cells.CLOSED:
            break
        if state == power_cells.FULL:
            size *= 2
            continue
        reach *= 2
        if reach > _LAST_REACH:
            raise LimapError(f'an atom has no neighbour within {_LAST_REACH:g} Å')
        neighbours = search_neighbours(cell, positions, reach)
    edges = (corners, ends[:n_edges], faces[:n_edges], owners[:n_edges])
    return float(_sum_cells(edges, neighbours.offsets, neighbours.vectors, radii))


@compiled()
def _face(number: int, first: int, vectors: NDArray, normal: NDArray) -> None:
    """Fill in the unit normal of a face: one of the six of the starting cube, or the plane towards a neighbour."""
    place = number - first
    if place < 0:
        side = place + 6
        for axis in range(3):
            normal[axis] = 0.0
        normal[side // 2] = 1.0 if side % 2 else -1.0
    else:
        length = np.sqrt((vectors[number] ** 2).sum())
        for axis in range(3):
            normal[axis] = vectors[number, axis] / length


@compiled()
def _sum_cells(
    edges: tuple[NDArray, NDArray, NDArray, NDArray], offsets: NDArray, vectors: NDArray, radii: NDArray
) -> float:
    """Add up what each sphere fills of its cell: orthoschemes from its centre over face and edge to corner, signed."""
    corners, ends, faces, owners = edges
    foot, along, unit, total = np.empty(3), np.empty(3), np.empty(3), np.zeros(1)
    normals, radius = np.empty((2, 3)), np.empty(1)
    for edge in range(ends.shape[0]):
        owner = owners[edge]
        radius[0] = radii[owner]
        for place in range(2):
            _face(faces[edge, place], offsets[owner], vectors, normals[place])
        foot_of_edge(normals[0], normals[1], corners[ends[edge, 0]], corners[ends[edge, 1]], foot, along)
        for place in range(2):
            one, other = normals[place], normals[1 - place]
            across = (one * other).sum()
            for axis in range(3):
                unit[axis] = other[axis] - across * one[axis]
            length = np.sqrt((unit**2).sum())
            if length < _HIDDEN:
                continue
            # The centre may lie outside of its cell, and the foot on the far side of either plane.
            away, beside = (foot * one).sum(), (foot * unit).sum() / length
            for last in range(2):
                height = 0.0
                for axis in range(3):
                    height += (corners[ends[edge, last], axis] - foot[axis]) * along[axis]
                if away == 0.0 or beside == 0.0 or height == 0.0:
                    continue
                towards = height if last == 1 else -height
                sign = 1.0 if away * beside * towards > 0 else -1.0
                add_within_orthoscheme((abs(away), abs(beside), abs(height)), sign, radius, total)
    return total[0]


@lru_cache(maxsize=1)
def _directions(count: int = 256) -> NDArray[np.float64]:
    """Return (count, 3) unit vectors spread over the sphere, on the spiral of Fibonacci."""
    index = np.arange(count) + 0.5
    heights = 1 - 2 * index / count
    angles = np.pi * (1 + 5**0.5) * index
    across = np.sqrt(1 - heights**2)
    return np.stack([across * np.cos(angles), across * np.sin(angles), heights], axis=1)


def expected_volume(
    cell: NDArray[np.float64],
    positions: NDArray[np.float64],
    atoms: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]],
) -> float:
    """Return the volume that is expected within the spheres of atoms, each site being occupied by chance.

    By 256 directions and 16 radii in each sphere, fixed to the axes of space: the result changes by about 0.001 of
    itself when the crystal is turned, and not at all with the choice of the cell.

    :param cell: (3, 3) lattice vectors as rows, Å.
    :param positions: (n, 3) fractional coordinates of the sites.
    :param atoms: offsets (n + 1,) of the species of each site; and of each species its occupancy and its radius, Å.
    :returns: volume per cell, Å3.
    """
    neighbours = search_neighbours(cell, positions, 2 * float(atoms[2].max()), overlapping=True)
    pairs = (neighbours.offsets, neighbours.indices, neighbours.vectors, neighbours.distances)
    nodes, shares = np.polynomial.legendre.leggauss(16)
    return float(_sum_points(pairs, atoms, _directions(), (nodes + 1) / 2, shares / 2))


@compiled()
def _chance(first: int, last: int, weights: NDArray, radii: NDArray, distance: float) -> float:
    """Return the chance that a point at a distance from a site lies within the sphere of its atom."""
    chance = 0.0
    for atom in range(first, last):
        if distance < radii[atom]:
            chance += weights[atom]
    return min(1.0, chance)


@compiled()
def _covered(
    site: int,
    point: tuple[float, float, float, float],
    pairs: tuple[NDArray, NDArray, NDArray, NDArray],
    atoms: tuple[NDArray, NDArray, NDArray],
    sizes: NDArray,
) -> float:
    """Return the chance that a point is covered, times the part of the site in it.

    :param point: x, y and z from the site, and the distance.
    """
    offsets, indices, vectors, distances = pairs
    firsts, weights, radii = atoms
    x, y, z, length = point
    own = _chance(firsts[site], firsts[site + 1], weights, radii, length)
    together, free = own, 1 - own
    largest = sizes.max()
    for pair in range(offsets[site], offsets[site + 1]):
        if distances[pair] > length + largest:
            break
        other = indices[pair]
        apart = np.sqrt((x - vectors[pair, 0]) ** 2 + (y - vectors[pair, 1]) ** 2 + (z - vectors[pair, 2]) ** 2)
        if apart < sizes[other]:
            chance = _chance(firsts[other], firsts[other + 1], weights, radii, apart)
            together += chance
            free *= 1 - chance
    return (1 - free) * own / together


@compiled()
def _sum_points(
    pairs: tuple[NDArray, NDArray, NDArray, NDArray],
    atoms: tuple[NDArray, NDArray, NDArray],
    directions: NDArray,
    nodes: NDArray,
    shares: NDArray,
) -> float:
    """Integrate the chance to be covered: at each point each site takes the part that it covers of all covering."""
    firsts, _, radii = atoms
    n_sites = firsts.shape[0] - 1
    sizes = np.zeros(n_sites)
    for site in range(n_sites):
        for atom in range(firsts[site], firsts[site + 1]):
            sizes[site] = max(sizes[site], radii[atom])
    volume = 0.0
    for site in range(n_sites):
        # Shell by shell, since on shared sites the chance jumps at the radius of each species.
        inner = 0.0
        for outer in np.unique(radii[firsts[site] : firsts[site + 1]]):
            for node in range(nodes.shape[0]):
                length = inner + (outer - inner) * nodes[node]
                weight = (outer - inner) * shares[node] * 4 * np.pi * length**2 / directions.shape[0]
                for number in range(directions.shape[0]):
                    x, y, z = length * directions[number]
                    volume += weight * _covered(site, (x, y, z, length), pairs, atoms, sizes)
            inner = outer
    return volume
