"""Adapt a crystal to other ions: prescribed bond lengths, then the volume at which bond valences fit best.

Distance least squares (W. M. Meier, H. Villiger, Z. Kristallogr. 129, 411 (1969)): every bond of the prototype gets a
wanted length, namely the old one plus the change of the cation radius, every O-O edge of a coordination polyhedron is
scaled with the bonds of its centre, and positions and the strain of the cell are fitted. A volume scaling by bond
valences follows. The global instability index is that of A. Salinas-Sanchez, J. L. Garcia-Muñoz, J.
Rodriguez-Carvajal, R. Saez-Puche, J. L. Martinez, J. Solid State Chem. 100, 201 (1992): the root mean square of
(bond-valence sum - charge) over all ions, in valence units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pymatgen.core import Structure
    from scipy.sparse import csr_array

__all__ = [
    'BOND_SOFTNESS_ANGSTROM',
    'Contacts',
    'adapt',
    'bond_valences',
    'global_instability',
    'rescale_by_bond_valence',
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: The parameter b of the bond valence s = exp((R0 - R) / b), N. E. Brese, M. O'Keeffe, Acta Crystallogr. B 47, 192
#: (1991).
BOND_SOFTNESS_ANGSTROM = 0.37
_CONTACT_CUTOFF_ANGSTROM = 4.2
_BOND_SHARE = (
    0.3  # a cation-oxygen contact is a bond where its valence exceeds this share of the strongest one of the cation
)
_EDGE_WEIGHT = 0.15
_TETHER_WEIGHT = 0.05
_ITERATIONS = 2
_STRAIN_INDEX = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclass(frozen=True)
class Contacts:
    """Pairs of sites with the lattice vector between them; arrays of length m (pairs) unless said otherwise.

    ``image`` (m, 3) holds integers. ``bonds`` (k,) indexes the pairs (cation first) that are bonds, ``edges`` (l, 3)
    holds the index of the pair that is a polyhedron edge and the two bonds that span it.
    """

    first: Integers
    second: Integers
    image: Integers
    cation_anion: NDArray[np.bool_]
    bonds: Integers
    edges: Integers

    @classmethod
    def of(cls, structure: Structure, r0: Floats, charges: Floats) -> Contacts:
        """Collect the contacts of a structure.

        :param r0: bond-valence parameter of each site in Å (nan for anions), shape (n,).
        :param charges: formal charges, shape (n,).
        """
        first, second, image, distance = structure.get_neighbor_list(_CONTACT_CUTOFF_ANGSTROM)
        image = np.asarray(np.rint(image), dtype=np.int64)
        cation_anion = (charges[first] > 0) & (charges[second] < 0)
        forward = cation_anion | ((charges[first] * charges[second] > 0) & _first_of_pair(first, second, image))
        first, second, image, distance = first[forward], second[forward], image[forward], distance[forward]
        cation_anion = cation_anion[forward]
        valence = np.zeros(len(first))
        valence[cation_anion] = np.exp((r0[first[cation_anion]] - distance[cation_anion]) / BOND_SOFTNESS_ANGSTROM)
        strongest = np.zeros(len(structure))
        np.maximum.at(strongest, first, valence)
        bonds = np.flatnonzero(cation_anion & (valence > _BOND_SHARE * strongest[first]))
        edges = _polyhedron_edges(first, second, image, bonds, np.flatnonzero(charges[first] < 0))
        return cls(first.astype(np.int64), second.astype(np.int64), image, cation_anion, bonds, edges)

    def vectors(self, positions: Floats, lattice: Floats) -> Floats:
        """Return the Cartesian vectors (m, 3) in Å from first to second, for fractional positions (n, 3)."""
        return (positions[self.second] + self.image - positions[self.first]) @ lattice

    def coordination(self, sites: int) -> Integers:
        """Return the number of bonds of each site as a cation, shape (n,)."""
        return np.bincount(self.first[self.bonds], minlength=sites).astype(np.int64)


def _first_of_pair(first: Integers, second: Integers, image: Integers) -> NDArray[np.bool_]:
    """Choose one of the two directions in which a neighbour list states each pair."""
    sign = np.sign(image @ np.array([9, 3, 1]))
    return (first < second) | ((first == second) & (sign > 0))


def _polyhedron_edges(
    first: Integers, second: Integers, image: Integers, bonds: Integers, anion_pairs: Integers
) -> Integers:
    """Return (l, 3): the anion pair and the two bonds of the common cation that span each polyhedron edge."""
    lookup: dict[tuple[int, int, bytes], int] = {}
    for pair in anion_pairs.tolist():
        lookup[int(first[pair]), int(second[pair]), image[pair].tobytes()] = pair
        lookup[int(second[pair]), int(first[pair]), (-image[pair]).tobytes()] = pair
    by_cation: dict[int, list[int]] = {}
    for bond in bonds.tolist():
        by_cation.setdefault(int(first[bond]), []).append(bond)
    edges = []
    for members in by_cation.values():
        for position, one in enumerate(members):
            for two in members[:position]:
                pair = lookup.get((int(second[one]), int(second[two]), (image[two] - image[one]).tobytes()))
                if pair is not None:
                    edges.append((pair, one, two))
    return np.array(edges, dtype=np.int64).reshape(-1, 3)


def bond_valences(distances: Floats, r0: Floats) -> Floats:
    """Return s = exp((R0 - R) / b) for distances and parameters in Å."""
    return np.exp((r0 - distances) / BOND_SOFTNESS_ANGSTROM)


def _valence_sums(contacts: Contacts, distances: Floats, r0: Floats) -> Floats:
    """Return the bond-valence sums (n,) of all ions for the distances (k,) of all cation-anion contacts."""
    pairs = np.flatnonzero(contacts.cation_anion)
    valences = bond_valences(distances, r0[contacts.first[pairs]])
    sums = np.bincount(contacts.first[pairs], valences, minlength=len(r0))
    return np.asarray(sums + np.bincount(contacts.second[pairs], valences, minlength=len(r0)), dtype=np.float64)


def global_instability(contacts: Contacts, distances: Floats, r0: Floats, charges: Floats) -> float:
    """Return the global instability index in valence units.

    :param distances: lengths of all contacts in Å, shape (m,).
    :param r0: bond-valence parameter of each site in Å, shape (n,).
    :param charges: formal charges, shape (n,).
    """
    sums = _valence_sums(contacts, distances[contacts.cation_anion], r0)
    return float(np.sqrt(np.mean((sums - np.abs(charges)) ** 2)))


def rescale_by_bond_valence(contacts: Contacts, distances: Floats, r0: Floats, charges: Floats) -> float:
    """Return the factor for all lengths that makes the global instability index minimal."""
    from scipy.optimize import minimize_scalar

    bonded = distances[contacts.cation_anion]

    def deviation(factor: float) -> float:
        return float(np.mean((_valence_sums(contacts, factor * bonded, r0) - np.abs(charges)) ** 2))

    return float(minimize_scalar(deviation, bounds=(0.85, 1.18), method='bounded', options={'xatol': 1e-5}).x)


def adapt(contacts: Contacts, positions: Floats, lattice: Floats, radius_change: Floats) -> tuple[Floats, Floats]:
    """Fit positions and cell to bonds that changed with the radii of their cations.

    :param positions: fractional, shape (n, 3).
    :param lattice: rows are the lattice vectors in Å, shape (3, 3).
    :param radius_change: new minus old radius of each site in Å, shape (n,).
    :returns: fitted fractional positions (n, 3) and lattice (3, 3); the symmetry of the start is kept.
    """
    from scipy.linalg import solve

    old = np.linalg.norm(contacts.vectors(positions, lattice), axis=1)
    wanted = old + radius_change[contacts.first] * contacts.cation_anion
    edge, one, two = contacts.edges.T
    wanted_edges = old[edge] * (wanted[one] + wanted[two]) / (old[one] + old[two])
    rows = np.concatenate([contacts.bonds, edge])
    targets = np.concatenate([wanted[contacts.bonds], wanted_edges])
    weights = np.concatenate(
        [np.exp((2.0 - old[contacts.bonds]) / (2 * BOND_SOFTNESS_ANGSTROM)), np.full(len(edge), _EDGE_WEIGHT)]
    )
    start = positions
    for _ in range(_ITERATIONS):
        vectors = contacts.vectors(positions, lattice)[rows]
        lengths = np.linalg.norm(vectors, axis=1)
        jacobian = _distance_jacobian(
            vectors / lengths[:, None], vectors, contacts.first[rows], contacts.second[rows], len(positions)
        )
        weighted = jacobian.multiply(weights[:, None]).tocsr()
        normal = (weighted.T @ weighted).toarray()
        right = weighted.T @ (weights * (targets - lengths))
        moved = (positions - start) @ lattice
        diagonal = np.arange(3 * len(positions))
        normal[diagonal, diagonal] += _TETHER_WEIGHT**2
        right[diagonal] -= _TETHER_WEIGHT**2 * moved.ravel()
        normal[np.diag_indices_from(normal)] += 1e-9
        step = solve(normal, right, assume_a='pos', overwrite_a=True)
        strain = np.zeros((3, 3))
        for value, (i, j) in zip(step[-6:], _STRAIN_INDEX, strict=True):
            strain[i, j] = strain[j, i] = value
        positions = positions + step[:-6].reshape(-1, 3) @ np.linalg.inv(lattice)
        lattice = lattice @ (np.eye(3) + strain)
    return positions, lattice


def _distance_jacobian(unit: Floats, vectors: Floats, first: Integers, second: Integers, sites: int) -> csr_array:
    """Return the derivative (rows, 3 n + 6) of distances by Cartesian displacements and by the six strains."""
    from scipy.sparse import csr_array

    strains = np.stack(
        [unit[:, i] * vectors[:, j] + (unit[:, j] * vectors[:, i] if i != j else 0.0) for i, j in _STRAIN_INDEX], axis=1
    )
    axes = np.arange(3)
    columns = np.concatenate(
        [
            3 * first[:, None] + axes,
            3 * second[:, None] + axes,
            np.broadcast_to(3 * sites + np.arange(6), (len(unit), 6)),
        ],
        axis=1,
    )
    values = np.concatenate([-unit, unit, strains], axis=1)
    rows = np.repeat(np.arange(len(unit)), columns.shape[1])
    return csr_array((values.ravel(), (rows, columns.ravel())), shape=(len(unit), 3 * sites + 6))
