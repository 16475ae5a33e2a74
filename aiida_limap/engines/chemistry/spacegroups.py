"""Space groups in any setting: Hall numbers, orbits of positions, primitive cells."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['crystal_system', 'hall_number', 'orbit', 'reduced_by_centring']

_POSITION_TOLERANCE = 1e-4


def crystal_system(number: int) -> str:
    """Return the lattice system of a space group (rhombohedral groups on hexagonal axes)."""
    limits = ((2, 'triclinic'), (15, 'monoclinic'), (74, 'orthorhombic'), (142, 'tetragonal'), (194, 'hexagonal'))
    return next((name for last, name in limits if number <= last), 'cubic')


@lru_cache(maxsize=1)
def _hall_numbers() -> dict[tuple[int, str], int]:
    """Map (space group number, spglib choice) to the Hall number; the empty choice is the standard setting."""
    import spglib

    table: dict[tuple[int, str], int] = {}
    preferred = ('', '2', 'H', 'b1', 'b', 'a', '1')
    best: dict[int, int] = {}
    for hall in range(1, 531):
        group = spglib.get_spacegroup_type(hall)
        table.setdefault((group.number, group.choice), hall)
        rank = preferred.index(group.choice) if group.choice in preferred else len(preferred)
        if rank < best.get(group.number, len(preferred) + 1):
            best[group.number] = rank
            table[group.number, 'standard'] = hall
    return table


def hall_number(number: int, setting: str) -> int:
    """Return the Hall number of a space group.

    :param setting: spglib's word for the choice of axes or origin; empty for the standard one (unique axis b,
        hexagonal axes, origin at a centre of symmetry).
    :raises InputError: for a setting that the space group does not have.
    """
    try:
        return _hall_numbers()[number, setting or 'standard']
    except KeyError as error:
        raise InputError(f'Space group {number} has no setting {setting!r}; see the choices of spglib.') from error


@lru_cache(maxsize=128)
def _operations(hall: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import spglib

    operations = spglib.get_symmetry_from_database(hall)
    return operations['rotations'].astype(float), operations['translations']


def orbit(hall: int, position: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return all images (n, 3) of a fractional position, in the order of the symmetry operations."""
    rotations, translations = _operations(hall)
    images = (rotations @ np.asarray(position, dtype=float) + translations) % 1.0
    kept: list[NDArray[np.float64]] = []
    for image in images:
        if kept:
            difference = np.asarray(kept) - image
            difference -= np.round(difference)
            if np.abs(difference).max(axis=1).min() < _POSITION_TOLERANCE:
                continue
        kept.append(image)
    return np.asarray(kept)


def reduced_by_centring(structure: Structure, hall: int) -> Structure:
    """Return the primitive cell that the centring translations of the space group define, in reduced (Niggli) form."""
    rotations, translations = _operations(hall)
    pure = translations[np.abs(rotations - np.eye(3)).max(axis=(1, 2)) < 0.5]
    centring = np.unique(np.rint(12 * pure).astype(int), axis=0) / 12
    if len(centring) == 1:
        return structure
    from pymatgen.core import Lattice, Structure

    matrix = structure.lattice.matrix
    vectors = np.concatenate([np.eye(3), centring[np.abs(centring).max(axis=1) > 0]])
    vectors = np.concatenate(
        [vectors - shift for shift in np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T]
    )
    vectors = vectors[np.linalg.norm(vectors, axis=1) > _POSITION_TOLERANCE]
    vectors = vectors[np.argsort(np.linalg.norm(vectors @ matrix, axis=1).round(6), kind='stable')]
    basis = _first_primitive_basis(vectors, 1 / len(centring))
    fractional = (structure.frac_coords @ np.linalg.inv(basis)) % 1.0
    kept: list[int] = []
    for index, position in enumerate(fractional):
        difference = fractional[kept] - position if kept else np.ones((1, 3)) * 0.5
        difference = difference - np.round(difference)
        if np.abs(difference).max(axis=1).min() > _POSITION_TOLERANCE:
            kept.append(index)
    return Structure(Lattice(basis @ matrix), [structure[i].specie for i in kept], fractional[kept])


def _first_primitive_basis(vectors: NDArray[np.float64], volume: float) -> NDArray[np.float64]:
    """Return the shortest three vectors (rows, fractional) that span a right-handed cell of a share of the volume."""
    for i, first in enumerate(vectors):
        for j, second in enumerate(vectors[:i]):
            for third in vectors[:j]:
                basis = np.array([third, second, first])
                determinant = float(np.linalg.det(basis))
                if abs(abs(determinant) - volume) < _POSITION_TOLERANCE:
                    return basis if determinant > 0 else basis[[1, 0, 2]]
    raise InputError('No primitive cell was found for the centring of the space group.')
