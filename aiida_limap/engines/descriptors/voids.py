"""Voids between the ions that stay: their sizes and surroundings, and how much room there is at which distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors import framework as frameworks
from aiida_limap.engines.descriptors import kernels, void_kernels
from aiida_limap.engines.descriptors.blocks import StructureBlock, require
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.columns import Column
from aiida_limap.engines.descriptors.framework import Framework, PowerDiagram
from aiida_limap.engines.descriptors.geometry import Geometry

__all__ = ['FreeVolume', 'VoidCoordination', 'VoidSizes']


@dataclass(frozen=True, kw_only=True, eq=False)
class _VoidBlock(StructureBlock):
    """A block that reads the unweighted diagram of the ions that stay.

    :param mobile: class of the sites that are taken out.
    """

    mobile: str = 'Li'

    @property
    def reach(self) -> float:
        """Neighbours that close the cells of all but very open frameworks, Å."""
        return frameworks.REACH


@dataclass(frozen=True, kw_only=True, eq=False)
class VoidSizes(_VoidBlock):
    """Histogram of void radii: the share of the volume that lies between ions on a common empty sphere.

    Each vertex of the Voronoi diagram is the middle of an empty sphere with four or more ions on it; the polyhedra of
    these ions (Delaunay cells) fill the crystal, and each counts with its volume. So tetrahedral and octahedral voids
    of a close packing show up as two peaks, and voids that symmetry or its breaking divides count no more than before.
    Voids beyond the last bin count there.

    :param minimum: lower end of the bins, Å.
    :param maximum: upper end of the bins, Å.
    :param bins: number of bins.
    :param sigma: width of the Gaussians, Å.
    """

    kind = 'void_sizes'

    minimum: float
    maximum: float
    bins: int
    sigma: float

    def __post_init__(self) -> None:
        fits = 0 <= self.minimum < self.maximum and self.bins >= 1 and self.sigma > 0
        require(fits, self.kind, 'needs 0 <= minimum < maximum, bins >= 1 and sigma > 0')
        fits = kernels.is_resolved((self.maximum - self.minimum) / self.bins, self.sigma)
        require(fits, self.kind, f'sigma is {kernels.RANGE_OF_WIDTHS}')

    @property
    def centres(self) -> NDArray[np.float64]:
        """(bins,) bin centres, Å."""
        return self.minimum + (np.arange(self.bins) + 0.5) * (self.maximum - self.minimum) / self.bins

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return one column per bin."""
        name = classes.names[classes.index(self.mobile, self.kind)]
        return [
            Column(
                f'{self.label}_{centre:.5g}',
                'Å',
                f'share of volume in voids, without {name}, of a radius near {centre:.5g} Å',
            )
            for centre in self.centres
        ]

    def row(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return the histogram; it sums to one.

        :raises LimapError: if nothing stays without the mobile class.
        """
        diagram = _diagram(geometry, self.mobile)
        return _histogram(np.sqrt(diagram.corner_values), _shares(diagram, geometry), self.centres, self.sigma)


@dataclass(frozen=True, kw_only=True, eq=False)
class VoidCoordination(_VoidBlock):
    """Histograms of the number of anions and of cations around voids, each void counting with its volume.

    An ion on the empty sphere of radius R counts fully; one at a distance d counts ``exp(-(d / R - 1)^2 / 2 w^2)``.

    :param width: w, how far beyond the empty sphere ions count, as a part of its radius.
    :param maximum: the largest number of ions; more count there. The bins are 0, 1, 2 ... ions.
    :param sigma: width of the Gaussians, ions.
    """

    kind = 'void_coordination'

    maximum: int
    width: float = 0.1
    sigma: float = 0.7

    def __post_init__(self) -> None:
        fits = self.maximum >= 1 and 0 < self.width <= 0.2 and self.sigma > 0
        require(fits, self.kind, 'needs maximum >= 1, 0 < width <= 0.2 and sigma > 0')
        require(kernels.is_resolved(1.0, self.sigma), self.kind, 'sigma is a hundredth to a hundred ions')

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return one column per sign of charge and number of ions."""
        name = classes.names[classes.index(self.mobile, self.kind)]
        return [
            Column(
                f'{self.label}_{sign}_{count}', '', f'share of volume in voids, without {name}, between {count} {sign}s'
            )
            for sign in ('anion', 'cation')
            for count in range(self.maximum + 1)
        ]

    def row(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return the two histograms, of anions and of cations; each sums to one.

        :raises LimapError: if nothing stays without the mobile class.
        :raises OxidationStatesError: if no formal charges are found.
        """
        framework = Framework(geometry, self.mobile)
        diagram = framework.diagram(np.zeros(len(framework.sites)))
        # Corner by corner: those of one vertex may differ in their last digits, and none of them is to be preferred.
        counts = np.zeros((len(diagram.corners), 2))
        # All ions that count around the largest void, seen from one on its surface.
        radius = float(np.sqrt(diagram.corner_values.max()))
        neighbours = framework.neighbours((2 + void_kernels.LAST * self.width) * radius)
        void_kernels.count_around(
            diagram.corners,
            diagram.corner_owners,
            (neighbours.offsets, neighbours.indices, neighbours.vectors),
            (framework.charges > 0).astype(np.int64),
            self.width,
            counts,
        )
        shares, centres = _shares(diagram, geometry), np.arange(self.maximum + 1.0)
        return np.concatenate([_histogram(counts[:, sign], shares, centres, self.sigma) for sign in (0, 1)])


@dataclass(frozen=True, kw_only=True, eq=False)
class FreeVolume(_VoidBlock):
    """Share of the volume that lies further than given distances from every ion that stays, in closed form.

    :param minimum: first distance, Å.
    :param maximum: last distance, Å.
    :param count: number of distances.
    """

    kind = 'free_volume'

    minimum: float
    maximum: float
    count: int

    def __post_init__(self) -> None:
        fits = 0 < self.minimum < self.maximum and self.count >= 2
        require(fits, self.kind, 'needs 0 < minimum < maximum and count >= 2')

    @property
    def distances(self) -> NDArray[np.float64]:
        """(count,) the distances, Å."""
        return np.linspace(self.minimum, self.maximum, self.count)

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return one column per distance."""
        name = classes.names[classes.index(self.mobile, self.kind)]
        return [
            Column(
                f'{self.label}_{distance:.5g}',
                'Å',
                f'share of volume further than {distance:.5g} Å from all ions but {name}',
            )
            for distance in self.distances
        ]

    def row(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return the shares, between one and zero.

        :raises LimapError: if nothing stays without the mobile class.
        """
        diagram = _diagram(geometry, self.mobile)
        within = np.zeros(self.count)
        table = (diagram.corners, diagram.ends, diagram.pairs)
        void_kernels.free_volume(table, diagram.neighbours.vectors, self.distances, within)
        # Rounding must not make a full crystal overfull.
        return np.maximum(1 - within / geometry.volume, 0.0)


def _diagram(geometry: Geometry, mobile: str) -> PowerDiagram:
    framework = Framework(geometry, mobile)
    return framework.diagram(np.zeros(len(framework.sites)))


def _shares(diagram: PowerDiagram, geometry: Geometry) -> NDArray[np.float64]:
    """Return the share of the volume that belongs to each corner of the diagram; those of a void add up."""
    volumes = np.zeros(len(diagram.corners))
    table = (diagram.corners, diagram.ends, diagram.pairs)
    void_kernels.void_volumes(table, diagram.neighbours.vectors, volumes)
    return volumes / geometry.volume


def _histogram(
    values: NDArray[np.float64], shares: NDArray[np.float64], centres: NDArray[np.float64], sigma: float
) -> NDArray[np.float64]:
    """Share out values on bins by Gaussians that sum to one; values outside count at the ends."""
    histogram = np.zeros(len(centres))
    void_kernels.share_out(np.ascontiguousarray(values), shares, centres, sigma, histogram)
    return histogram
