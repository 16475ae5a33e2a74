"""Phonon modes on a mesh of q-points: frequencies, weights, and whose motion they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError, StructureTooLargeError
from aiida_limap.engines.phonons.errors import PhononSourceError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = [
    'DEFAULT_MESH_LENGTH_ANGSTROM',
    'PhononModes',
    'element_of',
    'lowers_symmetry',
    'mesh_numbers',
    'phonon_modes',
]

#: A mesh of twice this density changes thermal band centres at 298 K by some 0.1 %, see the documentation.
DEFAULT_MESH_LENGTH_ANGSTROM = 50.0
#: The stretching mode of H2, the highest frequency of matter at rest, lies at 132 THz.
HIGHEST_FREQUENCY_THZ = 150.0
#: Bytes of eigenvectors that are held at a time.
_CHUNK_BYTES = 64 * 1024**2
#: Modes that are kept in all; each costs 8 bytes per kind of site.
MAX_MODES = 20_000_000


@dataclass(frozen=True, eq=False)
class PhononModes:
    """Modes of a crystal on a mesh of q-points.

    :param frequencies_THz: (q, 3 N) frequencies, THz; imaginary ones are negative.
    :param weights: (q,) share of each q-point of the mesh; they sum to one.
    :param site_shares: (q, 3 N, kinds) share of the motion of a mode that is of the sites of each kind: the sum of
        ``|e_i|^2`` over the sites and the three directions, e being the normalised eigenvectors of the dynamical
        matrix. They sum to one over the kinds.
    :param site_elements: for each kind its element symbol. Sites are of one kind if symmetry maps them on each other.
    :param site_counts: for each kind the number of its sites in the primitive cell.
    :param structure: the primitive cell, with N sites.
    :param mesh: number of q-points along each reciprocal vector, before refinement around Γ.
    :param nac: whether the non-analytical correction was applied.
    """

    frequencies_THz: NDArray[np.float64]  # noqa: N815
    weights: NDArray[np.float64]
    site_shares: NDArray[np.float64]
    site_elements: tuple[str, ...]
    site_counts: tuple[int, ...]
    structure: Structure
    mesh: tuple[int, int, int]
    nac: bool = False

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements, in the order of the structure."""
        return tuple(dict.fromkeys(self.site_elements))

    def count(self, element: str | None = None) -> int:
        """Return the number of atoms in the primitive cell.

        :param element: only of this element.
        """
        return sum(
            n for n, symbol in zip(self.site_counts, self.site_elements, strict=True) if element in {None, symbol}
        )

    def shares(self, element: str | None = None) -> NDArray[np.float64]:
        """Return the share of an element in every mode.

        :param element: symbol; None for the whole crystal, whose share is one.
        :returns: (q, 3 N) shares; zero for an element that is not there.
        """
        if element is None:
            return np.ones_like(self.frequencies_THz)
        return self.site_shares[:, :, [symbol == element for symbol in self.site_elements]].sum(axis=2)


def element_of(symbol: str) -> str:
    """Return the element of a symbol of phonopy, which may carry a number.

    :param symbol: e.g. ``Li`` or ``Fe2``.
    :raises PhononSourceError: if it is no element.
    """
    match = re.match(r'[A-Z][a-z]?', symbol)
    if match is None:
        raise PhononSourceError(f'{symbol!r} is no chemical element; correct the symbols of the structure')
    return match.group()


def mesh_numbers(cell: NDArray[np.float64], length_angstrom: float) -> tuple[int, int, int]:
    """Return the numbers of q-points along the reciprocal vectors: their length times the given one, rounded.

    :param cell: (3, 3) lattice vectors as rows, Å.
    :param length_angstrom: the length, Å.
    :returns: numbers of points, one at least.
    """
    reciprocal = np.linalg.norm(np.linalg.inv(cell), axis=0)
    # Lengths that are equal by symmetry must not round to different numbers.
    first, second, third = (max(1, int(np.rint(value))) for value in np.round(reciprocal * length_angstrom, 5))
    return first, second, third


def phonon_modes(
    phonopy: Any,
    *,
    mesh_length_angstrom: float = DEFAULT_MESH_LENGTH_ANGSTROM,
    mesh: tuple[int, int, int] | None = None,
    refinements: int = 2,
) -> PhononModes:
    """Compute the modes on a Γ-centred mesh whose cell around Γ is divided further.

    Occupation numbers grow without bound toward Γ, where the acoustic modes end. A plain mesh has the point Γ itself in
    their place, whose frequencies are zero and do not count, so that thermal averages converge slowly. Here the cell of
    the mesh around Γ is divided into 3 x 3 x 3 smaller ones, the innermost of them again, and so on.

    :param phonopy: a ``phonopy.Phonopy`` with force constants.
    :param mesh_length_angstrom: density of the mesh, Å; see :func:`mesh_numbers`.
    :param mesh: the numbers themselves, in place of the length.
    :param refinements: number of divisions; zero for the plain mesh.
    :returns: the modes.
    :raises InputError: if the mesh is no mesh.
    :raises PhononSourceError: if there are no force constants, or frequencies come out that no crystal has.
    :raises StructureTooLargeError: if there are too many modes for the memory.
    """
    if phonopy.force_constants is None:
        raise PhononSourceError('there are no force constants: neither they nor forces were in the input')
    primitive = phonopy.primitive
    numbers = mesh_numbers(primitive.cell, mesh_length_angstrom) if mesh is None else mesh
    if len(numbers) != 3 or min(numbers) < 1:
        raise InputError(f'mesh must be three numbers of points, not {mesh!r}')
    # Force constants have the symmetry of the supercell; where it is lower, points that the crystal maps on each other
    # differ.
    operations = () if lowers_symmetry(phonopy) else phonopy.primitive_symmetry.symmetry_operations['rotations']
    points, weights = _points(operations, numbers, refinements)
    branches = 3 * len(primitive)
    if len(points) * branches > MAX_MODES:
        raise StructureTooLargeError(
            f'{len(points)} q-points with {branches} modes each are too many; take a smaller mesh_length_angstrom'
        )
    kinds, members = _kinds(phonopy)
    frequencies, shares = _solve(phonopy, points, members)
    extreme = frequencies.flat[np.argmax(np.abs(frequencies))]
    if not np.isfinite(extreme) or abs(extreme) > HIGHEST_FREQUENCY_THZ:
        raise PhononSourceError(
            f'a frequency of {extreme:.0f} THz came out, beyond any crystal: the forces do not belong to this supercell'
            ', or their units are others'
        )
    elements = tuple(element_of(primitive.symbols[kind]) for kind in kinds)
    counts = tuple(int(row.sum()) for row in members)
    return PhononModes(
        frequencies, weights, shares, elements, counts, _structure(primitive), numbers, phonopy.nac_params is not None
    )


def lowers_symmetry(phonopy: Any) -> bool:
    """Return whether the supercell of a ``phonopy.Phonopy`` has fewer rotations than the crystal.

    :param phonopy: the ``phonopy.Phonopy``.
    """
    crystal, supercell = phonopy.primitive_symmetry, phonopy.symmetry
    return len(crystal.pointgroup_operations) != len(supercell.pointgroup_operations)


def _points(
    operations: Any, numbers: tuple[int, int, int], refinements: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the q-points (q, 3) in units of the reciprocal vectors, and their weights."""
    from spglib import get_stabilized_reciprocal_mesh

    mesh = np.array(numbers)
    rotations = np.array(operations, dtype='intc').reshape(-1, 3, 3)
    # On the integers of the mesh a rotation is this matrix; symmetry counts only where the mesh has it.
    on_mesh = mesh[:, None] * rotations.transpose(0, 2, 1) / mesh[None, :]
    if not len(rotations) or not np.allclose(on_mesh, np.rint(on_mesh), atol=1e-8):
        rotations = np.eye(3, dtype='intc')[None]
    mapping, addresses = get_stabilized_reciprocal_mesh(mesh, rotations, is_time_reversal=True)
    chosen, counts = np.unique(mapping, return_counts=True)
    points, weights = addresses[chosen] / mesh, counts / mesh.prod()
    centre = np.flatnonzero(~points.any(axis=1))
    if len(centre) != 1:
        raise InputError(f'the mesh {numbers} does not hold the point Γ once')
    shells = np.array([point for point in np.ndindex(3, 3, 3) if point > (1, 1, 1)]) - 1.0
    added, added_weights = [], []
    # Points q and -q have the same modes, so that 13 points stand for the 26 around the centre.
    for level in range(1, refinements + 1):
        added.append(shells / mesh / 3.0**level)
        added_weights.append(np.full(len(shells), 2.0 / mesh.prod() / 27.0**level))
    weights[centre] = 1.0 / mesh.prod() / 27.0**refinements
    return np.concatenate([points, *added]), np.concatenate([weights, *added_weights])


def _kinds(phonopy: Any) -> tuple[list[int], NDArray[np.float64]]:
    """Return the first site of each kind, and (kinds, N) ones where a site is of a kind."""
    first = np.array(phonopy.primitive_symmetry.get_map_atoms())
    kinds = sorted(set(first.tolist()))
    return kinds, (first[None, :] == np.array(kinds)[:, None]).astype(float)


def _solve(
    phonopy: Any, points: NDArray[np.float64], members: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return frequencies (q, 3 N) and shares (q, 3 N, kinds), a few q-points at a time."""
    atoms = members.shape[1]
    frequencies = np.empty((len(points), 3 * atoms))
    shares = np.empty((len(points), 3 * atoms, len(members)))
    step = max(1, _CHUNK_BYTES // (16 * (3 * atoms) ** 2))
    for start in range(0, len(points), step):
        part = slice(start, start + step)
        phonopy.run_qpoints(points[part], with_eigenvectors=True)
        found = phonopy.qpoints
        frequencies[part] = found.frequencies
        # Axes of eigenvectors: q-point, component (site and direction), mode.
        amplitudes = np.abs(found.eigenvectors) ** 2
        by_site = amplitudes.reshape(len(amplitudes), atoms, 3, 3 * atoms).sum(axis=2)
        shares[part] = np.einsum('qam,ka->qmk', by_site, members)
    return frequencies, shares


def _structure(primitive: Any) -> Structure:
    from pymatgen.core import Lattice, Structure

    symbols = [element_of(symbol) for symbol in primitive.symbols]
    return Structure(Lattice(primitive.cell), symbols, primitive.scaled_positions)
