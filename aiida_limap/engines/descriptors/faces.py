"""Numbers of faces of the Voronoi cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.blocks import StructureBlock, require
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.columns import Column
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.errors import LimapError

__all__ = ['VoronoiFaces']


@dataclass(frozen=True, kw_only=True, eq=False)
class VoronoiFaces(StructureBlock):
    """Share of the sites of each class whose Voronoi cell has a given number of faces, smeared over the numbers.

    :param minimum_faces: first number of faces.
    :param maximum_faces: last number of faces.
    :param small_face_ratio: faces seen under a solid angle below this part of the largest one are dropped.
    :param sigma: width of the Gaussians, in faces; 0 for hard counts.
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
        """Where most cells are closed; those that are not look further by themselves."""
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
        cells = geometry.voronoi
        shares = np.zeros((len(geometry.classes.names), self.maximum_faces - self.minimum_faces + 1))
        for site, kind in enumerate(geometry.class_indices):
            angles = cells.solid_angles[cells.offsets[site] : cells.offsets[site + 1]]
            # The margin keeps faces that symmetry makes equal on one side of the limit.
            faces = int(np.count_nonzero(angles > (self.small_face_ratio + 1e-7) * angles.max()))
            if not self.minimum_faces <= faces <= self.maximum_faces:
                raise LimapError(
                    f'the Voronoi cell of site {site} has {faces} faces, outside of the bins '
                    f'{self.minimum_faces} to {self.maximum_faces} of the layout'
                )
            shares[kind] += self._smeared(faces)
        return (shares / np.maximum(geometry.class_counts, 1)[:, None]).ravel()

    def _smeared(self, faces: int) -> NDArray[np.float64]:
        """Return the weights of a number of faces on the bins; they sum to one."""
        away = np.arange(self.minimum_faces, self.maximum_faces + 1) - faces
        if self.sigma == 0:
            return (away == 0).astype(np.float64)
        weights = np.exp(-(away**2) / (2 * self.sigma**2))
        return weights / weights.sum()
