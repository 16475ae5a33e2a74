"""Geometric analogue of the migration energy: the largest sphere that passes between the immobile ions.

The ions are hard spheres with Shannon radii. The distance to the nearest surface, taken downwards from the largest
void, percolates in one, two and three dimensions at the radius of the largest sphere that can travel so far: what a
network of Voronoi vertices gives, without its construction.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.chemistry.elements import Ion, covalent_radius, parse_ion
from aiida_limap.engines.errors import (
    DisorderedStructureError,
    InputError,
    NoMobileIonError,
    ParametersMissingError,
)
from aiida_limap.engines.percolation.grids import grid_shape, perpendicular_widths
from aiida_limap.engines.percolation.thresholds import percolate

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['BottleneckRadii', 'bottleneck_radii', 'coordination_numbers', 'passing_radii', 'shannon_radius']

#: A counter-ion belongs to the first shell of a cation up to this multiple of its weighted mean distance.
SHELL_FACTOR = 1.2
_SHELL_RANGE_ANGSTROM = 6.0
_ROMAN = ('', 'I', 'II', 'III', 'IV', 'V', 'VI', 'VII', 'VIII', 'IX', 'X', 'XI', 'XII', 'XIII', 'XIV')
#: Ions that touch a sphere are sought among so many nearest ones.
_MAX_TOUCHING = 12
#: A window is sought so far from the limiting grid point, in diagonals of the grid.
_REACH = 1.5
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class BottleneckRadii:
    """Spheres between the immobile ions of one structure; all in Å.

    :param radius_1d: radius of the largest sphere that passes through the structure in one dimension; negative where
        the ions overlap on every path.
    :param radius_2d: the same in two dimensions.
    :param radius_3d: the same in three dimensions.
    :param largest_sphere: radius of the largest sphere that has room anywhere.
    :param ionic_radii: radius by immobile ion and coordination number, as in ``O2- (4)``.
    """

    radius_1d: float
    radius_2d: float
    radius_3d: float
    largest_sphere: float
    ionic_radii: dict[str, float]


def bottleneck_radii(
    structure: Structure, states: Sequence[float], *, mobile_ion: str = 'Li+', spacing: float = 0.2
) -> BottleneckRadii:
    """Find the largest spheres that pass between the ions which stay when the mobile ones are taken out.

    :param structure: an ordered structure.
    :param states: formal charge of each site, in units of e.
    :param mobile_ion: the ion that moves; its sites are empty, but count as neighbours in coordination numbers.
    :param spacing: largest distance of grid points along each axis, Å. The grid decides which window limits the paths;
        the radius of that window is then found off the grid.
    :returns: the radii.
    :raises DisorderedStructureError: if a site is shared or partially occupied.
    :raises InputError: if there is not one charge per site.
    :raises NoMobileIonError: if no site holds the mobile ion.
    :raises ParametersMissingError: if nothing stays, or an ion has no Shannon radius.
    """
    name = structure.composition.reduced_formula
    if not structure.is_ordered:
        raise DisorderedStructureError(f'{name}: bottleneck radii need an ordered structure')
    if len(states) != len(structure):
        raise InputError(f'bottleneck radii need one charge per site: {len(structure)}, not {len(states)}')
    ions = [Ion(site.specie.symbol, float(state)) for site, state in zip(structure, states, strict=True)]
    mobile = parse_ion(mobile_ion)
    immobile = np.array([ion != mobile for ion in ions])
    if immobile.all():
        raise NoMobileIonError(f'{name} holds no {mobile}')
    if not immobile.any():
        raise ParametersMissingError(f'{name}: all ions are {mobile}; none stays that could form a bottleneck')
    coordination = coordination_numbers(structure, states)
    radii = np.zeros(len(ions))
    table: dict[str, float] = {}
    for site in np.flatnonzero(immobile):
        radii[site] = shannon_radius(ions[site], int(coordination[site]))
        table[f'{ions[site]} ({coordination[site]})'] = float(radii[site])
    passing, largest = passing_radii(
        structure.lattice.matrix, structure.frac_coords[immobile], radii[immobile], spacing=spacing
    )
    return BottleneckRadii(*passing, largest_sphere=largest, ionic_radii=dict(sorted(table.items())))


def passing_radii(
    cell: NDArray[np.float64], positions: NDArray[np.float64], radii: NDArray[np.float64], *, spacing: float = 0.2
) -> tuple[tuple[float, float, float], float]:
    """Find the largest spheres that pass through, and that have room in, a periodic set of hard spheres.

    :param cell: (3, 3) lattice vectors as rows, Å.
    :param positions: (n, 3) fractional coordinates of the hard spheres.
    :param radii: (n,) their radii, Å.
    :param spacing: largest distance of grid points along each axis, Å.
    :returns: the radii of the largest spheres that pass in one, two and three dimensions, and of the largest sphere
        that has room; Å.
    """
    cell = np.array(cell, dtype=np.float64)
    field, centres, sizes = _surface_distances(cell, positions, radii, grid_shape(cell, spacing))
    step = cell / np.array(field.shape)[:, None]
    reach = _REACH * _diagonal(step)
    found = []
    for place, count in (*((place, 3) for place in _limiting_points(field)), (int(field.argmax()), 4)):
        point = np.array(np.unravel_index(place, field.shape)) @ step
        found.append(_touching_sphere(point, float(field.flat[place]), reach, (centres, sizes), count))
    one, two, three, largest = found
    # The windows of several dimensions are refined each by itself, which must not turn their order round.
    two = min(one, two)
    return (one, two, min(two, three)), max(largest, one)


def _limiting_points(field: NDArray[np.float64]) -> tuple[int, int, int]:
    """Return the flat indices of the points that complete the paths in one, two and three dimensions."""
    flat = field.ravel()
    # The points far from all ions, a small part of the grid, suffice as a rule.
    for least in (0.25, 0.0, -np.inf):
        points = np.flatnonzero(flat > least)
        order = points[np.argsort(-flat[points], kind='stable')]
        # Ranks tell points of the same distance apart, which symmetry makes usual.
        ranks = np.full(flat.size, np.inf)
        ranks[order] = np.arange(order.size)
        thresholds = percolate(ranks.reshape(field.shape)).thresholds
        if not math.isinf(thresholds[2]):
            break
    one, two, three = (int(order[int(threshold)]) for threshold in thresholds)
    return one, two, three


def coordination_numbers(structure: Structure, states: Sequence[float]) -> NDArray[np.int64]:
    """Count the counter-ions in the first shell of each site.

    The shell of a cation ends at :data:`SHELL_FACTOR` times the mean distance of its counter-ions, weighted as in
    R. Hoppe, Z. Kristallogr. 150, 23 (1979): exp(1 - (d / mean)^6), with distances relative to the sums of covalent
    radii so that unlike anions compare. The neighbours of an anion are the cations in whose shells it lies.

    :param structure: an ordered structure.
    :param states: formal charge of each site, in units of e.
    :returns: (n,) coordination numbers.
    """
    charges = np.asarray(states, dtype=np.float64)
    sizes = np.array([covalent_radius(site.specie.symbol) for site in structure])
    centres, neighbours, _, distances = structure.get_neighbor_list(_SHELL_RANGE_ANGSTROM)
    bonds = (charges[centres] > 0) & (charges[neighbours] < 0)
    cations, anions = centres[bonds], neighbours[bonds]
    relative = distances[bonds] / (sizes[cations] + sizes[anions])
    mean = np.full(len(charges), np.inf)
    np.minimum.at(mean, cations, relative)
    for _ in range(20):
        weights = np.exp(1 - (relative / mean[cations]) ** 6)
        total = np.bincount(cations, weights, minlength=len(charges))
        weighted = np.bincount(cations, weights * relative, minlength=len(charges))
        np.divide(weighted, total, out=mean, where=total > 0)
    shell = relative <= SHELL_FACTOR * mean[cations]
    counts = np.bincount(cations[shell], minlength=len(charges)) + np.bincount(anions[shell], minlength=len(charges))
    return counts.astype(np.int64)


@lru_cache(maxsize=1024)
def shannon_radius(ion: Ion, coordination: int) -> float:
    """Return the ionic radius by Shannon, Acta Crystallogr. A 32, 751 (1976), as tabulated by pymatgen.

    Where an entry lacks, the nearest stands in: first the nearest charge of the same sign, then the nearest
    coordination number, the smaller of two. Of two spin states the high one is taken.

    :param ion: the ion.
    :param coordination: its coordination number.
    :returns: the radius, Å.
    :raises ParametersMissingError: if the element has no radius with a charge of that sign.
    """
    from pymatgen.core import Element

    table = Element(ion.symbol).data.get('Shannon radii')
    charges = [int(charge) for charge in table] if isinstance(table, dict) else []
    charges = [charge for charge in charges if charge * ion.charge > 0]
    if not charges:
        raise ParametersMissingError(f'there is no Shannon radius of {ion}')
    charge = min(charges, key=lambda known: (abs(known - ion.charge), abs(known)))
    # Labels such as IVSQ and IVPY tell of a square or a pyramid; plain ones come first.
    numbers = {label: _ROMAN.index(re.sub('SQ|PY', '', label)) for label in table[str(charge)]}
    label = min(numbers, key=lambda known: (abs(numbers[known] - coordination), numbers[known], len(known)))
    spins = table[str(charge)][label]
    spin = next(name for name in ('', 'High Spin', 'Low Spin') if name in spins)
    return float(spins[spin]['ionic_radius'])


def _surface_distances(
    cell: NDArray[np.float64], positions: NDArray[np.float64], radii: NDArray[np.float64], shape: tuple[int, int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the distances of all grid points to the nearest surface, and the centres and radii of all near images."""
    from aiida_limap.engines.bvff._surface_distance import fill_surface_distances

    field = np.empty(shape)
    step = cell / np.array(shape)[:, None]
    # Blocks at the faces reach beyond the cell, and refined points may lie beyond a point of the grid.
    margin = 10 * _diagonal(step)
    reach = 4.0 + radii.max() + margin
    while True:
        centres, sizes = _images(cell, positions, radii, reach)
        fill_surface_distances(field, step, np.ascontiguousarray(centres.T), sizes)
        needed = field.max() + radii.max() + margin
        if needed <= reach:
            return field, centres, sizes
        # Too few images leave distances too large, never too small: this reach is enough.
        reach = needed


def _images(
    cell: NDArray[np.float64], positions: NDArray[np.float64], radii: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return centres and radii of all images within ``reach`` of some point of the cell."""
    margins = reach / perpendicular_widths(cell)
    ranges = [np.arange(-np.ceil(margin), np.ceil(margin) + 1) for margin in margins]
    shifts = np.stack(np.meshgrid(*ranges, indexing='ij'), axis=-1).reshape(-1, 1, 3)
    places = (shifts + (positions - np.floor(positions))[None]).reshape(-1, 3)
    inside = np.all((places >= -margins) & (places <= 1 + margins), axis=1)
    return places[inside] @ cell, np.tile(radii, len(shifts))[inside]


def _diagonal(step: NDArray[np.float64]) -> float:
    """Return the longest diagonal of the parallelepiped between neighbouring grid points, Å."""
    signs = np.array([(1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1)])
    return float(np.linalg.norm(signs @ step, axis=1).max())


def _touching_sphere(
    point: NDArray[np.float64],
    value: float,
    reach: float,
    spheres: tuple[NDArray[np.float64], NDArray[np.float64]],
    count: int,
) -> float:
    """Return the radius of the sphere that touches ``count`` hard spheres near a grid point.

    A window is a point between three spheres and in their plane, a void one between four, at the same distance from
    all their surfaces: both follow from a quadratic equation. Where there is none within reach, the value of the grid
    stays.

    :param point: the grid point, Å.
    :param value: its distance to the nearest surface, Å.
    :param reach: how far the centre may lie from the point, Å.
    :param spheres: (m, 3) centres and (m,) radii, Å.
    :param count: 3 for a window, 4 for a void.
    :returns: the radius, Å.
    """
    gaps = np.linalg.norm(spheres[0] - point, axis=1) - spheres[1]
    near = np.flatnonzero(gaps <= value + 2 * reach)
    near = near[np.argsort(gaps[near], kind='stable')][:_MAX_TOUCHING]
    centres, sizes = spheres[0][near] - point, spheres[1][near]
    if len(near) < count:
        return value
    sets = np.array(list(itertools.combinations(range(len(near)), count)))
    edges = centres[sets[:, 1:]] - centres[sets[:, :1]]
    gram = edges @ edges.transpose(0, 2, 1)
    scale = np.trace(gram, axis1=1, axis2=2) ** (count - 1)
    sets, edges, gram = (array[np.linalg.det(gram) > _TOLERANCE * scale] for array in (sets, edges, gram))
    first = sizes[sets[:, 0]]
    rest = sizes[sets[:, 1:]]
    # With |c - p_i| = rho + r_i, the centre is c = p_1 + sum_i mu_i (p_i - p_1), and mu is linear in rho.
    square = np.einsum('sij,sij->si', edges, edges)
    right = np.stack([(square - rest**2 + first[:, None] ** 2) / 2, first[:, None] - rest], axis=-1)
    shares = np.linalg.solve(gram, right)
    offsets = np.einsum('sij,sik->sjk', edges, shares)
    a = (offsets[..., 1] ** 2).sum(axis=1) - 1
    b = (offsets[..., 0] * offsets[..., 1]).sum(axis=1) - first
    c = (offsets[..., 0] ** 2).sum(axis=1) - first**2
    roots = np.sqrt(np.maximum(b**2 - a * c, 0)) * np.array([[1.0], [-1.0]])
    # This form of the roots bears a = 0; where b is 0 as well there is no sphere.
    with np.errstate(invalid='ignore', divide='ignore'):
        rho = c / (roots - b)
    mu = shares[..., 0] + shares[..., 1] * rho[..., None]
    middles = centres[sets[:, 0]] + np.einsum('rsi,sij->rsj', mu, edges)
    distances = np.linalg.norm(middles, axis=2)
    possible = (b**2 >= a * c) & (mu.min(axis=2) >= -_TOLERANCE) & (mu.sum(axis=2) <= 1 + _TOLERANCE)
    possible &= (rho + sizes[sets].min(axis=1) > 0) & (distances <= reach)
    for root, number in sorted(np.argwhere(possible).tolist(), key=lambda place: distances[tuple(place)]):
        gaps = np.linalg.norm(spheres[0] - point - middles[root, number], axis=1) - spheres[1]
        if gaps.min() >= rho[root, number] - _TOLERANCE:
            return float(rho[root, number])
    return value
