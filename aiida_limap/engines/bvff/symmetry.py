"""A grid that the symmetry of the immobile ions maps onto itself, in their smallest cell.

The energies of the mobile ion have the symmetry of what acts on it: of the structure without its mobile ions. Its
primitive cell is often smaller, its symmetry higher than that of the structure. Percolation does not depend on the
cell: the rank of a set of translations is the same in every lattice that contains them with finite index.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import spglib
from numpy.typing import NDArray

from aiida_limap.engines.bvff.framework import Framework
from aiida_limap.engines.compiled import compiled
from aiida_limap.engines.percolation.grids import grid_shape

__all__ = ['SymmetricGrid', 'plain_grid', 'symmetric_grid']

#: Distance within which atoms count as mapped onto each other, Å. Energies change by about 1 eV/Å in channels, so that
#: copies by symmetry are right within a milli-electronvolt.
SYMMETRY_TOLERANCE_ANGSTROM = 1e-3
#: How far a translation may miss a grid point, in parts of the spacing; fractions miss by an eighth or more.
_INDEX_TOLERANCE = 0.05
#: Divisions are tried up to so many above the least: twice the largest denominator of space group translations.
_EXTRA_DIVISIONS = 24


@dataclass(frozen=True, eq=False)
class SymmetricGrid:
    """A periodic grid and the operations that map it onto itself.

    :param framework: the immobile ions in the cell of the grid.
    :param transformation: (3, 3) integers; the cell of the structure is ``transformation @ framework.cell``.
    :param shape: grid divisions.
    :param origin: (3,) fractional coordinates of grid point (0, 0, 0).
    :param rotations: (m, 3, 3) integers W of the operations x -> W x + w on fractional coordinates; the identity first.
    :param translations: (m, 3) fractional translations w.
    :param index_rotations: (m, 3, 3) the same on grid indices.
    :param index_translations: (m, 3) the same on grid indices.
    """

    framework: Framework
    transformation: NDArray[np.int64]
    shape: tuple[int, int, int]
    origin: NDArray[np.float64]
    rotations: NDArray[np.int64]
    translations: NDArray[np.float64]
    index_rotations: NDArray[np.int64]
    index_translations: NDArray[np.int64]

    @property
    def n_points(self) -> int:
        """Number of grid points."""
        return math.prod(self.shape)

    def representatives(self) -> NDArray[np.int32]:
        """Return for each point the lowest flat index of a point that is equivalent by symmetry, (n,)."""
        result = np.full(self.n_points, -1, dtype=np.int32)
        if len(self.rotations) == 1:
            return np.arange(self.n_points, dtype=np.int32)
        _fill_orbits(np.array(self.shape), self.index_rotations, self.index_translations, result)
        return result

    def operations_to(
        self, points: NDArray, representatives: NDArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Find all operations that map the representatives onto points.

        There are several for a point on an element of symmetry: they move what lies beside the point.

        :param points: (k,) flat indices.
        :param representatives: (k,) flat indices of their representatives.
        :returns: (m,) places in ``points`` in ascending order, (m,) indices of operations, and (m, 3) cells in which
            the images of the representatives lie.
        """
        shape = np.array(self.shape)
        starts = np.stack(np.unravel_index(representatives, self.shape), axis=-1)
        places, chosen, cells = [], [], []
        for operation in range(len(self.rotations)):
            images = starts @ self.index_rotations[operation].T + self.index_translations[operation]
            image_cells = np.floor_divide(images, shape)
            hits = np.flatnonzero(np.ravel_multi_index((images - image_cells * shape).T, self.shape) == points)
            places.append(hits)
            chosen.append(np.full(len(hits), operation))
            cells.append(image_cells[hits])
        order = np.argsort(np.concatenate(places), kind='stable')
        return np.concatenate(places)[order], np.concatenate(chosen)[order], np.concatenate(cells)[order]

    def map_positions(self, positions: NDArray, operations: NDArray, cells: NDArray) -> NDArray[np.float64]:
        """Apply operations to positions near representatives, so that they lie near the points.

        :param positions: (k, 3) fractional coordinates.
        :param operations: (k,) as from :meth:`operations_to`.
        :param cells: (k, 3) as from :meth:`operations_to`.
        :returns: (k, 3) fractional coordinates.
        """
        turned = np.einsum('kab,kb->ka', self.rotations[operations], positions)
        return turned + self.translations[operations] - cells

    def fractional(self, points: NDArray) -> NDArray[np.float64]:
        """Return the fractional coordinates of grid points, (k, 3).

        :param points: (k,) flat indices.
        """
        return self.origin + np.stack(np.unravel_index(points, self.shape), axis=-1) / np.array(self.shape)


def plain_grid(framework: Framework, spacing: float, *, max_voxels: int | None = None) -> SymmetricGrid:
    """Return the grid in the cell as given, without operations but the identity.

    :param framework: the immobile ions.
    :param spacing: largest distance of neighbouring points along each axis, Å.
    :param max_voxels: largest number of points, or None.
    :returns: the grid.
    :raises StructureTooLargeError: if there are more points.
    """
    return SymmetricGrid(
        framework=framework,
        transformation=np.eye(3, dtype=np.int64),
        shape=grid_shape(framework.cell, spacing, max_voxels=max_voxels),
        origin=np.zeros(3),
        rotations=np.eye(3, dtype=np.int64)[None],
        translations=np.zeros((1, 3)),
        index_rotations=np.eye(3, dtype=np.int64)[None],
        index_translations=np.zeros((1, 3), dtype=np.int64),
    )


def symmetric_grid(framework: Framework, spacing: float, *, max_voxels: int | None = None) -> SymmetricGrid:
    """Return a grid in the reduced primitive cell of the immobile ions that all their symmetry maps onto itself.

    :param framework: the immobile ions in any cell.
    :param spacing: largest distance of neighbouring points along each axis, Å.
    :param max_voxels: largest number of points, or None.
    :returns: the grid; that of :func:`plain_grid` where no symmetry can be found.
    :raises StructureTooLargeError: if there are more points.
    """
    atoms, kinds = np.concatenate(framework.positions), _kinds(framework)
    dataset = _dataset(framework.cell, atoms, kinds)
    if dataset is None:
        return plain_grid(framework, spacing, max_voxels=max_voxels)
    cell = _reduced(np.array(dataset.primitive_lattice))
    transformation = np.rint(framework.cell @ np.linalg.inv(cell)).astype(np.int64)
    multiplicity = round(abs(np.linalg.det(transformation)))
    unique = np.unique(dataset.mapping_to_primitive, return_index=True)[1]
    # Where rounding has spoilt the search for a smaller cell, the cell as given is right in any case.
    if not np.allclose(transformation @ cell, framework.cell, atol=0.02) or len(unique) * multiplicity != len(atoms):
        return plain_grid(framework, spacing, max_voxels=max_voxels)
    cell = np.linalg.inv(transformation) @ framework.cell
    reduced = replace(
        framework,
        cell=cell,
        positions=tuple(
            (atoms[unique] @ transformation)[kinds[unique] == kind] % 1.0 for kind in range(len(framework.positions))
        ),
        mobile_positions=(framework.mobile_positions @ transformation) % 1.0,
    )
    to_reduced = transformation.T.astype(np.float64)
    if multiplicity > 1:
        # A large cell hides the operations that do not map its own lattice onto itself.
        dataset = _dataset(cell, np.concatenate(reduced.positions), _kinds(reduced))
        to_reduced = np.eye(3)
        if dataset is None:
            return plain_grid(framework, spacing, max_voxels=max_voxels)
    origin = to_reduced @ (-np.linalg.solve(dataset.transformation_matrix, dataset.origin_shift)) % 1.0
    rotations, translations = _operations_in_cell(dataset, to_reduced)
    return _compatible_grid(reduced, transformation, origin, rotations, translations, (spacing, max_voxels))


def _kinds(framework: Framework) -> NDArray[np.int64]:
    """Return for each ion the number of its term."""
    return np.repeat(np.arange(len(framework.positions)), [len(places) for places in framework.positions])


def _dataset(cell: NDArray, positions: NDArray, kinds: NDArray) -> spglib.SpglibDataset | None:
    try:
        return spglib.get_symmetry_dataset((cell, positions, kinds), symprec=SYMMETRY_TOLERANCE_ANGSTROM)
    except spglib.SpglibError:
        return None


def _reduced(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        reduced = spglib.niggli_reduce(cell)
    except spglib.SpglibError:
        reduced = None
    return cell if reduced is None else np.array(reduced)


def _operations_in_cell(dataset: spglib.SpglibDataset, to_reduced: NDArray) -> tuple[NDArray, NDArray]:
    """Express the operations in the reduced cell, one for each rotation, the identity first."""
    back = np.linalg.inv(to_reduced)
    rotations = np.rint(to_reduced @ dataset.rotations @ back).astype(np.int64)
    translations = dataset.translations @ to_reduced.T
    _, first = np.unique(rotations.reshape(-1, 9), axis=0, return_index=True)
    identity = [index for index in first if (rotations[index] == np.eye(3)).all()]
    order = [*identity, *(index for index in first if index not in identity)]
    # Among the copies of an operation any will do; zero is the plainest for the identity.
    chosen = translations[order] % 1.0
    chosen[0] = 0.0
    return rotations[order], chosen


def _compatible_grid(
    framework: Framework,
    transformation: NDArray,
    origin: NDArray,
    rotations: NDArray,
    translations: NDArray,
    resolution: tuple[float, int | None],
) -> SymmetricGrid:
    """Choose the fewest divisions that all operations map onto themselves; operations that fit none are left out."""
    spacing, max_voxels = resolution
    least = grid_shape(framework.cell, spacing, max_voxels=max_voxels)
    # Seen from the origin of the grid, which lies at that of the space group, translations are simple fractions.
    shifted = (translations + rotations @ origin - origin) % 1.0
    shape = _divisions(least, rotations, shifted)
    if shape is None or (max_voxels is not None and math.prod(shape) > max_voxels):
        shape = _best_divisions(least, rotations, shifted, max_voxels)
        fitting = _fits(np.array(shape), rotations, shifted)
        rotations, shifted = rotations[fitting], shifted[fitting]
    n = np.array(shape)
    return SymmetricGrid(
        framework=framework,
        transformation=transformation,
        shape=shape,
        origin=origin,
        rotations=rotations,
        # Not wrapped: the same lattice translation as on the indices.
        translations=shifted + origin - rotations @ origin,
        index_rotations=np.rint(n[:, None] * rotations / n[None, :]).astype(np.int64),
        index_translations=np.rint(shifted * n).astype(np.int64),
    )


def _divisions(least: tuple[int, int, int], rotations: NDArray, translations: NDArray) -> tuple[int, int, int] | None:
    candidates = []
    for axis in range(3):
        steps = np.unique(np.round(translations[:, axis], 4))
        allowed = []
        for count in range(least[axis], least[axis] + _EXTRA_DIVISIONS):
            misses = np.abs(steps * count - np.rint(steps * count))
            if misses.max() < _INDEX_TOLERANCE:
                allowed.append(count)
        candidates.append(allowed)
    couplings = {
        (a, b, int(entry))
        for a, b in itertools.permutations(range(3), 2)
        for entry in np.unique(np.abs(rotations[:, a, b]))
        if entry
    }
    best: tuple[int, int, int] | None = None
    for first, second in itertools.product(candidates[0], candidates[1]):
        for third in candidates[2]:
            triple = first, second, third
            if best is not None and first * second * third >= math.prod(best):
                break
            if all(triple[a] * entry % triple[b] == 0 for a, b, entry in couplings):
                best = triple
                break
    return best


def _fits(shape: NDArray, rotations: NDArray, translations: NDArray) -> NDArray[np.bool_]:
    """Return which operations map a grid onto itself; they form a group, and the identity is among them."""
    turned = shape[:, None] * rotations % shape[None, :] == 0
    misses = np.abs(translations * shape - np.rint(translations * shape)) < _INDEX_TOLERANCE
    return turned.all(axis=(1, 2)) & misses.all(axis=1)


def _best_divisions(
    least: tuple[int, int, int], rotations: NDArray, translations: NDArray, max_voxels: int | None
) -> tuple[int, int, int]:
    """Return the divisions with the fewest points that are not equivalent, where no grid has all the symmetry.

    In long body-centred cells, for instance, the reduced primitive cell couples axes of different lengths.
    """
    best, fewest = least, math.inf
    for extra in itertools.product(range(_EXTRA_DIVISIONS // 2), repeat=3):
        shape = np.array(least) + extra
        points = int(shape.prod())
        if points >= fewest * len(rotations) or (max_voxels is not None and points > max_voxels):
            continue
        irreducible = points / int(_fits(shape, rotations, translations).sum())
        if irreducible < fewest:
            best, fewest = (int(shape[0]), int(shape[1]), int(shape[2])), irreducible
    return best


@compiled()
def _fill_orbits(shape: NDArray, rotations: NDArray, translations: NDArray, representatives: NDArray) -> None:
    n1, n2, n3 = shape[0], shape[1], shape[2]
    for point in range(n1 * n2 * n3):
        if representatives[point] >= 0:
            continue
        i, j, k = point // (n3 * n2), (point // n3) % n2, point % n3
        for operation in range(rotations.shape[0]):
            w, t = rotations[operation], translations[operation]
            a = (w[0, 0] * i + w[0, 1] * j + w[0, 2] * k + t[0]) % n1
            b = (w[1, 0] * i + w[1, 1] * j + w[1, 2] * k + t[1]) % n2
            c = (w[2, 0] * i + w[2, 1] * j + w[2, 2] * k + t[2]) % n3
            representatives[(a * n2 + b) * n3 + c] = point
