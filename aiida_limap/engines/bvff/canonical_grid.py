"""A grid that the framework alone decides: not the cell, the origin or the orientation in which it is described.

The grid lies in the Niggli-reduced primitive cell of the immobile ions, begins at one of them, and is mapped onto
itself by all that maps the lattice onto itself, since a lattice of high symmetry has several reduced cells. Energies
are in double precision. So numbers taken from it are the same for every description of one crystal, but for rounding.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import spglib
from numpy.typing import NDArray

from aiida_limap.engines.bvff.framework import Framework
from aiida_limap.engines.bvff.landscape import periodic_images
from aiida_limap.engines.errors import StructureTooLargeError

__all__ = ['CanonicalGrid', 'canonical_grid']

_Shape = tuple[int, int, int]

#: Distance within which ions count as copies of each other by a translation, Å; their positions are averaged.
COPY_TOLERANCE_ANGSTROM = 1e-3
#: Lattice vectors whose scalar products differ by less count as equal ones, in parts of them.
_SAME_LENGTH = 1e-3
#: Part of a grid step by which cells may exceed a whole number of them: cells of round lengths stay clear of a change.
_MARGIN = 0.04
#: Tolerance of the search for the conventional cell of a lattice, Å.
_LATTICE_TOLERANCE = 1e-3
#: A grid with so many times the points that are needed is worth a look at another cell.
_MANY = 1.6
#: Divisions are tried up to so many above the least.
_EXTRA_DIVISIONS = 12
#: Grid points within this distance are neighbours, in units of the cube root of the volume per point: the 26 nearest
#: ones of a cubic grid.
_NEIGHBOURS = 1.8
#: Reach of the sums that tell ions of one kind apart, Å.
_SURROUNDINGS_ANGSTROM = 9.0
#: Sums of equivalent ions differ by less.
_SAME_SUM = 1e-9


@dataclass(frozen=True, eq=False)
class CanonicalGrid:
    """A periodic grid in the primitive cell of a framework.

    :param framework: the immobile ions in that cell, seen from the origin of the grid; the mobile ions are all those of
        the structure, also where they are copies of each other in this cell.
    :param shape: grid divisions; point (i, j, k) lies at fractional coordinates (i / n1, j / n2, k / n3).
    :param moves: (k, 3) steps from a point to its neighbours.
    """

    framework: Framework
    shape: _Shape
    moves: NDArray[np.int64]

    def energies(self) -> NDArray[np.float64]:
        """Compute the site energies at all points.

        :returns: (n1, n2, n3) energies in eV, within 1e-5 eV of the literal sum; far above any path on top of an ion.
        """
        from aiida_limap.engines.bvff._precise_landscape import precise_landscape

        return precise_landscape(self.framework, self.shape)


def canonical_grid(framework: Framework, spacing: float, *, max_voxels: int | None = None) -> CanonicalGrid:
    """Return the grid that belongs to a framework.

    :param framework: the immobile ions in any cell.
    :param spacing: largest cube root of the volume per point, Å.
    :param max_voxels: largest number of points, or None.
    :returns: the grid.
    :raises StructureTooLargeError: if there are more points.
    """
    reduced = _reduced(_primitive(framework))
    origin = _origin(reduced) @ reduced.cell
    reduced, shape = _with_divisions(reduced, spacing)
    origin = origin @ np.linalg.inv(reduced.cell)
    if max_voxels is not None and math.prod(shape) > max_voxels:
        raise StructureTooLargeError(
            f'a grid of {shape[0]} x {shape[1]} x {shape[2]} points at {spacing:g} Å exceeds the limit of '
            f'{max_voxels}; take a wider spacing'
        )
    moved = replace(
        reduced,
        positions=tuple((places - origin) % 1.0 for places in reduced.positions),
        mobile_positions=(reduced.mobile_positions - origin) % 1.0,
    )
    return CanonicalGrid(moved, shape, _moves(reduced.cell / np.array(shape)[:, None]))


def _primitive(framework: Framework) -> Framework:
    """Return the framework in a primitive cell, with the mean positions of what are copies there."""
    translations = _translations(framework)
    count = len(translations)
    if count == 1:
        return framework
    # The translations form a group of this order, so that so many times each of them is a vector of the cell.
    whole = np.rint(translations * count).astype(np.int64)
    basis = _row_basis(np.concatenate([whole, count * np.eye(3, dtype=np.int64)]))
    if abs(round(np.linalg.det(basis))) * count != count**3 or np.abs(whole / count - translations).max() > 0.01:
        return framework
    cell = basis @ framework.cell / count
    back = framework.cell @ np.linalg.inv(cell)
    positions = tuple(_mean_copies(places @ back, cell, count) for places in framework.positions)
    if any(len(places) * count != len(before) for places, before in zip(positions, framework.positions, strict=True)):
        return framework
    return replace(framework, cell=cell, positions=positions, mobile_positions=framework.mobile_positions @ back)


def _translations(framework: Framework) -> NDArray[np.float64]:
    """Return the (k, 3) translations of the framework within its cell, zero among them."""
    rarest = min(framework.positions, key=len)
    differences = rarest - rarest[0]
    candidates = differences - np.floor(differences)
    for places in framework.positions:
        good = [_maps(places, candidate, framework.cell) for candidate in candidates]
        candidates = candidates[good]
    return candidates


def _maps(places: NDArray[np.float64], translation: NDArray[np.float64], cell: NDArray[np.float64]) -> bool:
    """Return whether a translation maps positions onto each other."""
    first = places[0] + translation - places
    first -= np.rint(first)
    if np.linalg.norm(first @ cell, axis=1).min() > 2 * COPY_TOLERANCE_ANGSTROM:
        return False
    apart = (places + translation)[:, None] - places
    apart -= np.rint(apart)
    return bool(np.linalg.norm(apart @ cell, axis=2).min(axis=1).max() <= 2 * COPY_TOLERANCE_ANGSTROM)


def _row_basis(vectors: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a (3, 3) basis of the lattice that whole vectors generate, by Euclid's algorithm."""
    rows = vectors.copy()
    for column in range(3):
        while True:
            rest = rows[column:]
            used = np.flatnonzero(rest[:, column])
            if len(used) == 0:
                break
            smallest = used[np.abs(rest[used, column]).argmin()]
            rest[[0, smallest]] = rest[[smallest, 0]]
            if len(used) == 1:
                break
            rest[1:] -= (rest[1:, column] // rest[0, column])[:, None] * rest[0]
    return rows[:3]


def _mean_copies(places: NDArray[np.float64], cell: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return one position for all that are copies of each other in a cell: their mean."""
    apart = places[:, None] - places
    images = np.rint(apart)
    close = np.linalg.norm((apart - images) @ cell, axis=2) <= 2 * COPY_TOLERANCE_ANGSTROM
    if (close.sum(axis=1) != count).any():
        return places
    first = np.unique(close.argmax(axis=1))
    return np.array([(places + images[index])[close[index]].mean(axis=0) for index in first])


def _reduced(framework: Framework) -> Framework:
    """Return the framework in the reduced cell of its lattice."""
    try:
        found = spglib.niggli_reduce(framework.cell)
    except spglib.SpglibError:
        found = None
    if found is None:
        return framework
    transformation = np.rint(np.array(found) @ np.linalg.inv(framework.cell))
    if abs(round(np.linalg.det(transformation))) != 1:
        return framework
    back = np.linalg.inv(transformation)
    return replace(
        framework,
        cell=transformation @ framework.cell,
        positions=tuple(places @ back for places in framework.positions),
        mobile_positions=framework.mobile_positions @ back,
    )


def _origin(framework: Framework) -> NDArray[np.float64]:
    """Return the position of an ion that its kind and its surroundings single out, in fractional coordinates."""
    rarest = min(framework.positions, key=len)
    if len(rarest) == 1:
        return np.asarray(rarest[0])
    sums = np.zeros(len(rarest))
    for number, places in enumerate(framework.positions):
        images = periodic_images(framework.cell, places, _SURROUNDINGS_ANGSTROM)
        # Images are taken around the cell itself.
        inside = (rarest % 1.0) @ framework.cell
        squares = ((inside[:, None] - images) ** 2).sum(axis=2)
        fade = np.clip(1 - squares / _SURROUNDINGS_ANGSTROM**2, 0, None) ** 3
        sums += (1 + 0.37 * number) * (fade * np.exp(-np.sqrt(squares) / 3)).sum(axis=1)
    return np.asarray(rarest[np.argmax(sums <= sums.min() + _SAME_SUM)])


def _isometries(cell: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Return the (3, 3) whole matrices whose rows span the lattice by vectors like those of the reduced cell."""
    gram = cell @ cell.T
    scale = np.sqrt(np.outer(np.diag(gram), np.diag(gram))) * _SAME_LENGTH
    vectors = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    products = vectors @ gram @ vectors.T
    squares = np.diag(products)
    like = [np.flatnonzero(np.abs(squares - gram[axis, axis]) < scale[axis, axis]) for axis in range(3)]
    found = []
    for one, two in itertools.product(like[0], like[1]):
        if abs(products[one, two] - gram[0, 1]) > scale[0, 1]:
            continue
        for three in like[2]:
            rows = vectors[[one, two, three]]
            close = abs(products[one, three] - gram[0, 2]) < scale[0, 2]
            close = close and abs(products[two, three] - gram[1, 2]) < scale[1, 2]
            if close and abs(round(np.linalg.det(rows))) == 1:
                found.append(rows)
    return found


def _divisions(cell: NDArray[np.float64], lattice: NDArray[np.float64], spacing: float) -> _Shape | None:
    """Return the fewest divisions at which the grid does not depend on which of several like cells was taken.

    A point k_i / n_i of the axis a_i lies in another cell at k_i W_ij / n_i of the axis a_j, which must be a whole
    number of steps 1 / n_j. Equal divisions of a primitive cell always do; the grid of a larger cell must hold all
    points of the lattice.

    :param cell: (3, 3) the cell to divide, Å.
    :param lattice: (3, 3) the reduced cell of the lattice, Å.
    :param spacing: largest cube root of the volume per point, Å.
    :returns: the divisions, or None where none were found for a larger cell.
    """
    lengths = np.linalg.norm(cell, axis=1)
    # In oblique cells points lie further apart along the axes, for the same volume per point.
    step = spacing * (math.prod(lengths) / abs(np.linalg.det(cell))) ** (1 / 3)
    least = np.maximum(1, np.ceil(lengths / step - _MARGIN)).astype(np.int64)
    into = lattice @ np.linalg.inv(cell)
    turns = np.linalg.inv(into) @ np.array(_isometries(lattice)) @ into
    couplings = {
        (i, j, round(abs(float(entry)), 6))
        for i, j in itertools.permutations(range(3), 2)
        for entry in np.unique(np.abs(turns[:, i, j]).round(6))
        if entry
    }
    extras = np.stack(np.meshgrid(*(np.arange(_EXTRA_DIVISIONS),) * 3, indexing='ij'), axis=-1).reshape(-1, 3)
    candidates = np.concatenate([least + extras, np.full((1, 3), least.max() + least.max() % 2)])
    ratios = [candidates[:, j] * entry / candidates[:, i] for i, j, entry in couplings]
    ratios += [candidates[:, j] * into[i, j] for i, j in itertools.product(range(3), repeat=2)]
    good = np.all([np.abs(ratio - np.rint(ratio)) < 1e-4 for ratio in ratios], axis=0)
    if not good.any():
        return None
    n1, n2, n3 = min(candidates[good].tolist(), key=math.prod)
    return n1, n2, n3


def _with_divisions(framework: Framework, spacing: float) -> tuple[Framework, _Shape]:
    """Return the framework in the cell that needs fewer grid points, and their divisions.

    Long body-centred cells, for instance, have primitive cells whose axes can only be divided alike.
    """
    shape = _divisions(framework.cell, framework.cell, spacing)
    # Equal divisions of a primitive cell are always among those that are tried.
    assert shape is not None
    if math.prod(shape) * spacing**3 < _MANY * abs(np.linalg.det(framework.cell)):
        return framework, shape
    larger = _conventional(framework)
    other = _divisions(larger.cell, framework.cell, spacing)
    return (larger, other) if other is not None and math.prod(other) < math.prod(shape) else (framework, shape)


def _conventional(framework: Framework) -> Framework:
    """Return the framework in the conventional cell of its lattice, which is several times as large where centred."""
    try:
        dataset = spglib.get_symmetry_dataset((framework.cell, [[0.0, 0.0, 0.0]], [1]), symprec=_LATTICE_TOLERANCE)
    except spglib.SpglibError:
        dataset = None
    if dataset is None:
        return framework
    rows = np.rint(np.linalg.inv(dataset.transformation_matrix).T)
    count = abs(round(np.linalg.det(rows)))
    back = np.linalg.inv(rows)
    corners = np.array(list(itertools.product(range(-count, count + 1), repeat=3))) @ back
    inside = corners[((corners > -1e-6) & (corners < 1 - 1e-6)).all(axis=1)]
    if len(inside) != count:
        return framework
    return replace(
        framework,
        cell=rows @ framework.cell,
        positions=tuple((places @ back + inside[:, None]).reshape(-1, 3) for places in framework.positions),
        mobile_positions=framework.mobile_positions @ back,
    )


def _moves(steps: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the steps to all points within a distance: unlike the 26 around a point, they do not depend on the axes.

    :param steps: (3, 3) vectors from one grid point to the next, as rows, Å.
    """
    reach = max(
        _NEIGHBOURS * abs(np.linalg.det(steps)) ** (1 / 3), (1 + _SAME_LENGTH) * np.linalg.norm(steps, axis=1).max()
    )
    widths = abs(np.linalg.det(steps)) / np.linalg.norm(np.cross(steps[[1, 2, 0]], steps[[2, 0, 1]]), axis=1)
    ranges = [range(-math.floor(reach / width), math.floor(reach / width) + 1) for width in widths]
    moves = np.array([move for move in itertools.product(*ranges) if any(move)], dtype=np.int64)
    return moves[np.linalg.norm(moves @ steps, axis=1) < reach]
