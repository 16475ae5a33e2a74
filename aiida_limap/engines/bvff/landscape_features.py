"""Numbers that describe a bond-valence landscape, the same for every description of one crystal.

All of them change continuously with the energies: steps are smeared, and bars count the less the shorter they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from aiida_limap.engines.bvff.canonical_grid import CanonicalGrid, canonical_grid
from aiida_limap.engines.bvff.continuum import Continuum
from aiida_limap.engines.bvff.framework import build_framework
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.chemistry.elements import parse_ion
from aiida_limap.engines.chemistry.oxidation import assign_oxidation_states
from aiida_limap.engines.chemistry.structures import check_structure
from aiida_limap.engines.percolation.merge_tree import MergeTree, merge_tree

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = [
    'Landscape',
    'effective_energies',
    'landscape_of',
    'network_densities',
    'pocket_counts',
    'site_statistics',
    'threshold_energies',
    'volume_fractions',
]

#: Energies are rounded to this many decimals of an eV before the merge tree, so that those equal by symmetry are equal.
_DECIMALS = 9
#: Pockets of the grid this far above the lowest one may hold the deepest minimum of the continuum, eV.
_WINDOW_EV = 0.3
#: Radius within which the surroundings of an occupied site count, Å, and the energy by which they are averaged, eV.
SURROUNDINGS_ANGSTROM = 1.2
SURROUNDINGS_EV = 0.1
#: Steps in energy are smeared by a Gaussian whose width is a constant (eV) and a part of the energy.
SMEAR_EV = 0.02
SMEAR_PART = 0.1
#: A smeared step is over after so many widths.
_FAR = 9.0
#: A pocket of this depth, eV, counts as much as 1 - 1/e.
SHALLOW_EV = 0.1


@dataclass(frozen=True, eq=False)
class Landscape:
    """The site energies of one structure.

    :param grid: the grid.
    :param energy: (n1, n2, n3) energies, eV.
    :param ions_per_volume: mobile ions per volume, 1/Å^3.
    :param cap: energies this far above the minimum count as out of reach, eV.
    """

    grid: CanonicalGrid
    energy: NDArray[np.float64]
    ions_per_volume: float
    cap: float

    @cached_property
    def continuum(self) -> Continuum:
        """The energies between the grid points."""
        return Continuum(self.grid.framework)

    @cached_property
    def tree(self) -> MergeTree:
        """Bars of the grid up to the cap."""
        energy = np.round(self.energy, _DECIMALS)
        return merge_tree(
            energy,
            cell=self.grid.framework.cell,
            moves=self.grid.moves,
            maximum=float(energy.min()) + self.cap,
        )

    @cached_property
    def minimum(self) -> float:
        """Lowest energy of the continuum, eV."""
        pockets = self.tree.of_dimension(0)
        low = pockets.starts <= self.tree.energy_minimum + _WINDOW_EV
        # Pockets of equal energy are copies of each other.
        _, first = np.unique(pockets.starts[low].round(6), return_index=True)
        points = np.stack(np.unravel_index(pockets.points[low][first], self.energy.shape), axis=-1)
        _, energies, found = self.continuum.minima(points / np.array(self.energy.shape))
        return float(min(energies[found].min(initial=math.inf), self.energy.min(), self.site_energies.min()))

    @cached_property
    def heights(self) -> NDArray[np.float64]:
        """Energies of all grid points above the minimum, (n,), ascending, at most the cap."""
        return np.sort(np.minimum(self.energy.ravel() - self.minimum, self.cap))

    @cached_property
    def _at_sites(self) -> tuple[NDArray, NDArray, NDArray]:
        return self.continuum.derivatives(self.grid.framework.mobile_positions)

    @property
    def site_energies(self) -> NDArray[np.float64]:
        """(m,) energies of the mobile ions where the structure has them, eV."""
        return self._at_sites[0]

    @property
    def site_forces(self) -> NDArray[np.float64]:
        """(m,) slopes of the landscape there, eV/Å."""
        return np.linalg.norm(self._at_sites[1], axis=1)

    @property
    def site_curvatures(self) -> NDArray[np.float64]:
        """(m, 3) curvatures of the landscape there, ascending, eV/Å^2."""
        return np.linalg.eigvalsh(self._at_sites[2])

    def soft_site_energies(self) -> NDArray[np.float64]:
        """Return -kT ln <exp(-E / kT)> over the surroundings of each mobile ion, (m,), eV.

        That is near the lowest energy close by: to relax would not be continuous where an ion sits on a saddle.
        """
        cell, shape = self.grid.framework.cell, np.array(self.energy.shape)
        widths = abs(np.linalg.det(cell)) / np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)
        reach = np.ceil(SURROUNDINGS_ANGSTROM / (widths / shape)).astype(np.int64) + 1
        box = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing='ij'), axis=-1).reshape(-1, 3)
        nearest = np.rint(self.grid.framework.mobile_positions * shape).astype(np.int64)
        near = np.linalg.norm(box @ (cell / shape[:, None]), axis=1)
        # All points that the surroundings of an ion may hold, which lies up to half a step from its nearest point.
        box = box[near < SURROUNDINGS_ANGSTROM + 0.5 * np.linalg.norm(cell / shape[:, None], axis=1).sum()]
        points = nearest[:, None] + box
        apart = (points / shape - self.grid.framework.mobile_positions[:, None]) @ cell
        weights = np.clip(1 - (apart**2).sum(axis=2) / SURROUNDINGS_ANGSTROM**2, 0, None) ** 3
        flat = np.ravel_multi_index(np.moveaxis(points % shape, -1, 0), self.energy.shape)
        energies = self.energy.ravel()[flat]
        lowest = energies.min(axis=1)
        factors = np.exp(-(energies - lowest[:, None]) / SURROUNDINGS_EV)
        means = (weights * factors).sum(axis=1) / weights.sum(axis=1)
        return lowest - SURROUNDINGS_EV * np.log(np.maximum(means, 1e-300))


def landscape_of(structure: Structure, options: BvffOptions) -> Landscape:
    """Compute the landscape of a structure on the grid that belongs to its framework.

    :param structure: an ordered pymatgen structure, Å; oxidation states that decorate it are kept.
    :param options: force field, spacing and limits.
    :returns: the landscape.
    :raises LimapError: one of its kinds says why there is none.
    """
    mobile = parse_ion(options.mobile_ion)
    check_structure(structure, mobile_element=mobile.symbol, max_sites=options.max_sites)
    states = assign_oxidation_states(structure, time_limit_s=options.time_limit_s)
    framework = build_framework(structure, states, options)
    per_volume = len(framework.mobile_positions) / abs(float(np.linalg.det(framework.cell)))
    grid = canonical_grid(framework, options.spacing_angstrom, max_voxels=options.max_voxels)
    return Landscape(grid, grid.energies(), per_volume, options.energy_cap_eV)


def _width(energies: NDArray[np.float64] | float) -> NDArray[np.float64] | float:
    return SMEAR_EV + SMEAR_PART * energies


def volume_fractions(landscape: Landscape, levels: Sequence[float]) -> NDArray[np.float64]:
    """Return the fractions of volume below energies above the minimum; the step is smeared.

    :param landscape: the landscape.
    :param levels: (k,) energies above the minimum, eV.
    :returns: (k,) fractions.
    """
    heights, fractions = landscape.heights, []
    for level in np.array(levels, dtype=np.float64):
        width = _width(level)
        first, last = np.searchsorted(heights, [level - _FAR * width, level + _FAR * width])
        fractions.append((first + ndtr((level - heights[first:last]) / width).sum()) / len(heights))
    return np.array(fractions)


def effective_energies(
    landscape: Landscape, parts: Sequence[float], temperatures: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return energies above the minimum that describe how much of the volume is low.

    :param landscape: the landscape.
    :param parts: (k,) fractions of volume.
    :param temperatures: (l,) energies kT, eV.
    :returns: (k,) energies below which these fractions lie, and (l,) free energies -kT ln <exp(-E / kT)>, eV.
    """
    heights = landscape.heights
    free = [-kT * math.log(np.exp(-heights / kT).mean()) for kT in temperatures]
    return np.quantile(heights, np.array(parts)), np.array(free)


def pocket_counts(
    landscape: Landscape, floors: Sequence[float], depths: Sequence[float], exits: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Count pockets per mobile ion by their lowest energy, their depth and the energy at which they open.

    A pocket ends where it joins a deeper one, or begins to repeat through the crystal. Counts by lowest energy and by
    opening leave out shallow pockets, by the factor 1 - exp(-depth / 0.1 eV). Each pocket is spread over the bins by a
    Gaussian as wide as the distance of bins: of the energy for the lowest energies, else of its logarithm.

    :param landscape: the landscape.
    :param floors: (k,) equidistant lowest energies above the minimum, eV.
    :param depths: (l,) depths, each the same multiple of the one before, eV.
    :param exits: (m,) energies above the minimum, each the same multiple of the one before, eV.
    :returns: counts per mobile ion, (k,), (l,) and (m,).
    """
    pockets = landscape.tree.of_dimension(0)
    starts = pockets.starts - landscape.minimum
    ends = np.minimum(pockets.ends - landscape.minimum, landscape.cap)
    lengths = np.maximum(ends - starts, 0.0)
    weights = pockets.densities / landscape.ions_per_volume
    deep = weights * -np.expm1(-lengths / SHALLOW_EV)
    # A pocket without depth has left the bins by depth long before its logarithm is cut.
    logs = np.log(np.maximum(lengths, 1e-9))
    return (
        _spread(starts, deep, np.array(floors, dtype=np.float64)),
        _spread(logs, weights, np.log(np.array(depths, dtype=np.float64))),
        _spread(np.log(np.maximum(ends, 1e-9)), deep, np.log(np.array(exits, dtype=np.float64))),
    )


def _spread(values: NDArray, weights: NDArray, centres: NDArray) -> NDArray[np.float64]:
    """Return the sums of weights in the bins around centres, spread by a Gaussian as wide as the bins."""
    width = centres[1] - centres[0]
    above = ndtr((centres[:, None] + width / 2 - values) / width)
    below = ndtr((centres[:, None] - width / 2 - values) / width)
    return np.asarray((above - below) @ weights)


def site_statistics(landscape: Landscape) -> NDArray[np.float64]:
    """Return what the landscape is like where the structure has its mobile ions.

    :param landscape: the landscape.
    :returns: (12,) numbers: mean, standard deviation, lowest and highest energy of the sites above the minimum, the
        same four of the lowest energy around each site (eV); mean and largest slope (eV/Å); mean curvature and mean of
        the lowest curvature of each site (eV/Å^2).
    """
    heights = np.minimum(landscape.site_energies - landscape.minimum, landscape.cap)
    soft = np.minimum(landscape.soft_site_energies() - landscape.minimum, landscape.cap)
    curvatures = landscape.site_curvatures
    energies = [f(values) for values in (heights, soft) for f in (np.mean, np.std, np.min, np.max)]
    forces = landscape.site_forces
    return np.array([*energies, forces.mean(), forces.max(), curvatures.mean(), curvatures[:, 0].mean()])


def threshold_energies(landscape: Landscape) -> NDArray[np.float64]:
    """Return the thresholds of the grid above the minimum, and above the lowest energy of what percolates.

    :param landscape: the landscape.
    :returns: (6,) energies for 1, 2, 3 dimensions, eV, at most the cap.
    """
    tree = landscape.tree
    thresholds, minima = np.array(tree.thresholds), np.array(tree.network_minima)
    finite = np.isfinite(thresholds)
    own = np.where(finite, thresholds - np.where(finite, minima, 0.0), np.inf)
    return np.minimum(np.concatenate([thresholds - landscape.minimum, own]), landscape.cap)


def network_densities(landscape: Landscape, levels: Sequence[float]) -> NDArray[np.float64]:
    """Return how densely channels, layers and networks lie at energies above the minimum; the step is smeared.

    :param landscape: the landscape.
    :param levels: (k,) energies above the minimum, eV.
    :returns: (3, k) channels per area (1/Å^2), layers per length (1/Å), and number of networks that interpenetrate.
    """
    energies = np.array(levels, dtype=np.float64)[:, None]
    widths = _width(energies)
    rows = []
    for dimension in (1, 2, 3):
        bars = landscape.tree.of_dimension(dimension)
        begun = ndtr((energies - (bars.starts - landscape.minimum)) / widths)
        ended = ndtr((energies - (bars.ends - landscape.minimum)) / widths)
        rows.append((begun - ended) @ bars.densities)
    return np.array(rows)
