"""Radial distribution functions by pair of site classes."""

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
from aiida_limap.engines.descriptors.neighbours import LAST_ANGSTROM

__all__ = ['RadialDistribution']

NORMALISATIONS = ('g', 'count')


@dataclass(frozen=True, kw_only=True, eq=False)
class RadialDistribution(StructureBlock):
    """Radial distribution functions on 0 to ``maximum`` Å, smeared with Gaussians; zeros where a class is absent.

    The Gaussians are integrated over the bins, so that a distance which crosses an edge changes nothing abruptly.

    Normalisation ``g`` is ``n_ab(r) / (N_a 4 pi r^2 dr rho_b)``, ``count`` is ``n_ab(r) / N_a`` per bin.

    :param pairs: pairs of class names; the first is the centre.
    :param maximum: upper end of the bins, Å.
    :param bins: number of bins.
    :param sigma: width of the Gaussians, Å; a hundredth to a hundred times the width of the bins.
    :param normalisation: ``g`` or ``count``.
    """

    kind = 'rdf'

    pairs: Sequence[Sequence[str]]
    maximum: float
    bins: int
    sigma: float
    normalisation: str

    def __post_init__(self) -> None:
        known = f'normalisation is one of {", ".join(NORMALISATIONS)}, not {self.normalisation!r}'
        require(self.normalisation in NORMALISATIONS, self.kind, known)
        fits = self.maximum > 0 and self.bins >= 1 and self.sigma > 0
        require(fits, self.kind, 'needs maximum > 0, bins >= 1 and sigma > 0')
        fits = kernels.is_resolved(self.maximum / self.bins, self.sigma)
        require(fits, self.kind, f'sigma is {kernels.RANGE_OF_WIDTHS}')
        fits = self.reach <= LAST_ANGSTROM
        require(fits, self.kind, f'maximum and {kernels.REACH:g} sigma together are at most {LAST_ANGSTROM:g} Å')
        require(len(self.pairs) > 0, self.kind, 'pairs names at least one pair of classes')
        unordered = [tuple(sorted(pair)) for pair in self.pairs]
        once = all(len(pair) == 2 for pair in unordered) and len(set(unordered)) == len(unordered)
        require(once, self.kind, 'each pair names two classes and stands once')

    @property
    def reach(self) -> float:
        """Pairs beyond the last bin still reach into it."""
        return self.maximum + kernels.REACH * self.sigma

    @property
    def centres(self) -> NDArray[np.float64]:
        """(bins,) bin centres, Å."""
        return (np.arange(self.bins) + 0.5) * self.maximum / self.bins

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return one column per pair and bin."""
        columns = []
        for pair in self.pairs:
            first, second = (classes.names[classes.index(name, self.kind)] for name in pair)
            for centre in self.centres:
                meaning = f'{first}-{second} radial distribution function at {centre:.5g} Å'
                columns.append(Column(f'{self.label}_{first}-{second}_{centre:.5g}', 'Å', meaning))
        return columns

    def row(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return the histograms of all pairs, one after the other."""
        classes = geometry.classes
        # Only one order of a pair gets a histogram: each pair of unlike sites then counts once, from the first class.
        index = np.full((len(classes.names), len(classes.names)), -1, dtype=np.int64)
        numbers = [tuple(classes.index(name, self.kind) for name in pair) for pair in self.pairs]
        for number, (first, second) in enumerate(numbers):
            index[first, second] = number
        found = geometry.neighbours
        pairs = (found.offsets, found.indices, found.distances)
        counts = kernels.distance_histograms(pairs, geometry.class_indices, index, self.maximum, self.bins, self.sigma)
        width = self.maximum / self.bins
        for number, (first, second) in enumerate(numbers):
            n_first, n_second = geometry.class_counts[first], geometry.class_counts[second]
            if n_first and n_second:
                counts[number] /= n_first
                if self.normalisation == 'g':
                    counts[number] /= 4 * np.pi * self.centres**2 * width * n_second / geometry.volume
        return counts.ravel()
