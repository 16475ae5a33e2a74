"""Distribution of the angles between the neighbours of the sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors import kernels
from aiida_limap.engines.descriptors.blocks import StructureBlock, require
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.columns import Column
from aiida_limap.engines.descriptors.geometry import Geometry

__all__ = ['AngularDistribution']


@dataclass(frozen=True, kw_only=True, eq=False)
class AngularDistribution(StructureBlock):
    """Distribution of the angles X-A-Y on 0 to 180 degrees, normalised per centre and averaged over the centres.

    :param bins: number of bins.
    :param sigma: width of the Gaussians, degrees.
    :param inner_ratio: neighbours up to this multiple of the nearest distance of the centre count fully,
    :param outer_ratio: fading to none at this one.
    """

    kind = 'adf'

    bins: int
    sigma: float
    inner_ratio: float
    outer_ratio: float

    def __post_init__(self) -> None:
        fits = self.bins >= 1 and self.sigma > 0 and 1 <= self.inner_ratio < self.outer_ratio <= 3
        require(fits, self.kind, 'needs bins >= 1, sigma > 0 and 1 <= inner_ratio < outer_ratio <= 3')

    @property
    def reach(self) -> float:
        """Nearest neighbours are closer than 6 Å in all but molecular crystals."""
        return 6.0

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return one column per bin."""
        return [
            Column(f'{self.label}_{centre:.5g}', 'degree', f'share of neighbour angles at {centre:.5g} degrees')
            for centre in (np.arange(self.bins) + 0.5) * 180 / self.bins
        ]

    def row(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return the distribution; it sums to one, or holds zeros where no site has two neighbours."""
        found = geometry.neighbours
        ratios = (self.inner_ratio, self.outer_ratio)
        return kernels.angle_histogram(found.offsets, found.vectors, found.distances, ratios, self.bins, self.sigma)
