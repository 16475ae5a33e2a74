"""Numbers of faces of the Voronoi cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.blocks import StructureBlock, require
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.columns import Column
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.descriptors.voronoi import VoronoiCells
from aiida_limap.engines.errors import LimapError

__all__ = ['VoronoiFaces']


@dataclass(frozen=True, kw_only=True, eq=False)
class VoronoiFaces(StructureBlock):
    """Share of the sites of each class whose Voronoi cell has a given number of faces, smeared over the numbers.

    Small faces come and go with the smallest strain. A face therefore counts fully only from ``small_face_ratio`` times
    the largest solid angle on, not at all up to half of that, and smoothly less in between. The number of faces is the
    sum, and need not be whole.

    :param minimum_faces: first number of faces.
    :param maximum_faces: last number of faces.
    :param small_face_ratio: faces seen under less than this part of the largest solid angle fade out.
    :param sigma: width of the Gaussians, in faces; 0 shares a number between the whole ones next to it.
    """

    kind = 'voronoi'

    minimum_faces: int
    maximum_faces: int
    small_face_ratio: float
    sigma: float

    def __post_init__(self) -> None:
        fits = 0 < self.minimum_faces <= self.maximum_faces and 0 < self.small_face_ratio < 1 and self.sigma >= 0
        require(fits, self.kind, 'needs 0 < minimum_faces <= maximum_faces, 0 < small_face_ratio < 1, sigma >= 0')

    @property
    def reach(self) -> float:
        """Closes most cells; for the others the search goes further by itself."""
        return 5.5

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return one column per class and number of faces."""
        columns = []
        for name in classes.names:
            for faces in range(self.minimum_faces, self.maximum_faces + 1):
                meaning = f'share of {name} sites whose Voronoi cell has about {faces} faces'
                columns.append(Column(f'{self.label}_{name}_{faces}', '', meaning))
        return columns

    def row(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return the shares of all classes, one after the other; zeros where a class is absent.

        :raises LimapError: if a cell has a number of faces beyond the bins.
        """
        faces = self.numbers_of_faces(geometry.voronoi)
        beyond = np.flatnonzero((faces < self.minimum_faces - 0.5) | (faces > self.maximum_faces + 0.5))
        if len(beyond):
            site = int(beyond[0])
            raise LimapError(
                f'the Voronoi cell of site {site} ({geometry.symbols[site]}) has {faces[site]:.1f} faces, outside of '
                f'the bins {self.minimum_faces} to {self.maximum_faces} of the layout'
            )
        shares = np.zeros((len(geometry.classes.names), self.maximum_faces - self.minimum_faces + 1))
        np.add.at(shares, geometry.class_indices, self._smeared(faces))
        return (shares / np.maximum(geometry.class_counts, 1)[:, None]).ravel()

    def numbers_of_faces(self, cells: VoronoiCells) -> NDArray[np.float64]:
        """Return the number of faces of each cell, small ones counted in part.

        :param cells: the Voronoi cells of n sites.
        :returns: (n,) numbers.
        """
        starts = cells.offsets[:-1]
        largest = np.maximum.reduceat(cells.solid_angles, starts)
        ratios = cells.solid_angles / np.repeat(largest, np.diff(cells.offsets))
        part = np.clip(2 * ratios / self.small_face_ratio - 1, 0, 1)
        numbers: NDArray[np.float64] = np.add.reduceat(part**2 * (3 - 2 * part), starts)
        return numbers

    def _smeared(self, faces: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weights of the numbers of faces on the bins; they sum to one for each site."""
        away = np.arange(self.minimum_faces, self.maximum_faces + 1) - faces[:, None]
        weights = np.exp(-(away**2) / (2 * self.sigma**2)) if self.sigma > 0 else np.maximum(0, 1 - np.abs(away))
        return weights / weights.sum(axis=1, keepdims=True)
