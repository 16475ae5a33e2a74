"""Distribution of the angles between the neighbours of the sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors import kernels
from aiida_limap.engines.descriptors.blocks import StructureBlock, require
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.columns import Column
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.descriptors.neighbours import LAST_ANGSTROM, search_neighbours
from aiida_limap.engines.errors import LimapError

__all__ = ['AngularDistribution']

_ANY = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class AngularDistribution(StructureBlock):
    """Distribution of the angles X-A-Y on 0 to 180 degrees, normalised per centre and averaged over the centres.

    Columns sum to the share of the centres that have two neighbours, mostly one; they are zero where a class is absent.

    :param bins: number of bins.
    :param sigma: width of the Gaussians, degrees; a hundredth to a hundred times the width of the bins.
    :param inner_ratio: neighbours up to this multiple of the nearest distance of the centre count fully,
    :param outer_ratio: fading to none at this one.
    :param triplets: triples of class names, the centre in the middle; each gets its own columns, and the nearest
        distance is that of each end's class. Without them, one distribution of all neighbours around all sites.
    """

    kind = 'adf'

    bins: int
    sigma: float
    inner_ratio: float
    outer_ratio: float
    triplets: Sequence[Sequence[str]] = ()

    def __post_init__(self) -> None:
        fits = self.bins >= 1 and self.sigma > 0 and 1 <= self.inner_ratio < self.outer_ratio <= 3
        require(fits, self.kind, 'needs bins >= 1, sigma > 0 and 1 <= inner_ratio < outer_ratio <= 3')
        fits = kernels.is_resolved(180 / self.bins, self.sigma)
        require(fits, self.kind, f'sigma is {kernels.RANGE_OF_WIDTHS}')
        shapes = all(not isinstance(triplet, str) and len(triplet) == 3 for triplet in self.triplets)
        require(shapes, self.kind, 'each triplet names three classes, the centre in the middle')
        unordered = {(centre, *sorted((one, other))) for one, centre, other in self.triplets}
        require(len(unordered) == len(self.triplets), self.kind, 'each triplet stands once, in one direction')

    @property
    def reach(self) -> float:
        """First shells end within 6 Å in all but very open structures, for which the block looks further by itself."""
        return 6.0

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return one column per bin, for each triplet."""
        columns = []
        for triplet in self.triplets or (None,):
            names = '' if triplet is None else '-'.join(map(str, triplet))
            for name in triplet or ():
                classes.index(name, self.kind)
            for centre in (np.arange(self.bins) + 0.5) * 180 / self.bins:
                label = '_'.join(filter(None, (self.label, names, f'{centre:.5g}')))
                kind = f'{names} angles' if names else 'neighbour angles'
                columns.append(Column(label, 'degree', f'share of {kind} at {centre:.5g} degrees'))
        return columns

    def row(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return the distributions, one after the other.

        :raises LimapError: if the first shell around a site lies too far away.
        """
        triplets = [tuple(geometry.classes.index(name, self.kind) for name in triplet) for triplet in self.triplets]
        return np.concatenate([self._distribution(geometry, triplet) for triplet in triplets or [(_ANY, _ANY, _ANY)]])

    def _distribution(self, geometry: Geometry, triplet: tuple[int, ...]) -> NDArray[np.float64]:
        if any(index != _ANY and geometry.class_counts[index] == 0 for index in triplet):
            return np.zeros(self.bins)
        found, reach = geometry.neighbours, geometry.reach
        one, centre, other = triplet
        ratios = (float(self.inner_ratio), float(self.outer_ratio))
        while True:
            entries = (found.offsets, found.indices, found.vectors, found.distances)
            row, needed, site = kernels.angle_histogram(
                entries, geometry.class_indices, (one, centre, other), ratios, self.bins, self.sigma
            )
            if needed <= reach:
                return row
            if reach >= LAST_ANGSTROM:
                raise LimapError(
                    f'the neighbours of site {site} ({geometry.symbols[site]}) are so distant that their shell does '
                    f'not end within {LAST_ANGSTROM:g} Å; check the cell for a large empty space'
                )
            reach = min(LAST_ANGSTROM, max(needed, reach) if np.isfinite(needed) else 1.6 * reach)
            found = search_neighbours(geometry.cell, geometry.positions, reach)
