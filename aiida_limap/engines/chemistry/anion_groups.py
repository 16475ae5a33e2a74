"""Anions that are bonded to each other: peroxides, superoxides, polysulfides, azides, acetylides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.chemistry.bond_valence_states import SiteBonds
from aiida_limap.engines.chemistry.charge_balance import IonClass
from aiida_limap.engines.chemistry.elements import anion_bond_limits, covalent_radius

__all__ = ['AnionGroup', 'anion_groups', 'bonded_frame_formers', 'bonded_pair', 'group_classes']

#: Oxygen atoms closer than this (Å) that hang on no common cation are drawn together, if not yet bonded.
_OXYGEN_CONTACT = 2.2
#: Ions that hold no group together: a contact of oxygen atoms over them is one of its own.
_LOOSE = frozenset({'Li', 'Na', 'K', 'Rb', 'Cs', 'Ag'})
_HOLDS_WITHIN = 2.4
#: Charge of pairs of atoms by their distance in Å, linear in between: oxygen 1.21 in O2, 1.33 in superoxides, 1.49 in
#: peroxides; nitrogen 1.10 in N2, 1.23 and 1.45 in compounds; carbon 1.20 in acetylides, 1.34 in carbides with double
#: bonds.
_PAIR_CHARGES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    'O': ((1.21, 1.33, 1.49, 2.2), (0.0, -1.0, -2.0, -4.0)),
    'N': ((1.10, 1.23, 1.45, 1.9), (0.0, -2.0, -4.0, -6.0)),
    'C': ((1.20, 1.34, 1.50), (-2.0, -4.0, -6.0)),
}
#: Charges that are tried for a pair of atoms.
_PAIR_STATES: dict[str, tuple[int, ...]] = {'O': (-4, -2, -1), 'N': (-4, -2), 'C': (-4, -2)}
_VALENCES = {'O': 2, 'S': 2, 'Se': 2, 'Te': 2, 'F': 1, 'Cl': 1, 'Br': 1, 'I': 1, 'N': 3}
_CARBON_PAIR = 1.4
_SPREAD = 0.5
#: Two atoms of these elements within this part of the sum of their radii are bonded; then they are no ions.
_FRAME_FORMERS = frozenset({'B', 'C', 'Si', 'Ge', 'P', 'As', 'Sb'})
_BONDED_WITHIN = 1.15
#: Elements with states that only pairs of atoms have.
_PAIRING = _FRAME_FORMERS | {'N', 'S'}
#: Bond-valence sum from which such an atom is the centre of an anion group, as phosphorus in P2S6 and carbon in
#: oxalates.
_CENTRE_FROM = 1.5


@dataclass(frozen=True)
class AnionGroup:
    """Atoms of one element that share a charge.

    :param symbol: their element.
    :param sites: their sites.
    :param bonds: number of bonds among them per group.
    :param distance: mean length of these, Å.
    """

    symbol: str
    sites: tuple[int, ...]
    bonds: int
    distance: float

    @property
    def closed_charge(self) -> int:
        """Charge if the atoms were not bonded."""
        return -len(self.sites) * (4 if self.symbol == 'C' else _VALENCES[self.symbol])


def anion_groups(bonds: SiteBonds, *, contacts: bool = False) -> list[AnionGroup]:
    """Find atoms of one anion element that are bonded to each other.

    Atoms that are bonded to a more electronegative element (sulfur in sulfates, nitrogen in nitrites) are no anions.

    :param bonds: neighbours and bond-valence sums.
    :param contacts: whether oxygen atoms that are drawn together, but not bonded, form groups too.
    :returns: the groups, in the order of their first sites.
    """
    pairs = _bonded_anions(bonds, contacts)
    if not pairs:
        return []
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends = np.array([(i, j) for i, j, _ in pairs]).T
    size = len(bonds.symbols)
    _, labels = connected_components(coo_matrix((np.ones(ends.shape[1]), ends), shape=(size, size)), directed=False)
    members: dict[int, list[int]] = {}
    for site in sorted(set(ends.ravel().tolist())):
        members.setdefault(int(labels[site]), []).append(site)
    lengths: dict[int, list[float]] = {label: [] for label in members}
    for i, _, distance in pairs:
        lengths[int(labels[i])].append(distance)
    return [
        AnionGroup(bonds.symbols[sites[0]], tuple(sites), len(lengths[label]) // 2, float(np.mean(lengths[label])))
        for label, sites in members.items()
    ]


def _bonded_anions(bonds: SiteBonds, contacts: bool) -> list[tuple[int, int, float]]:
    limits = {**anion_bond_limits(), 'C': _CARBON_PAIR}
    found = []
    symbols = np.array(bonds.symbols)
    near = (symbols[bonds.first] == symbols[bonds.second]) & (bonds.distances < max(limits.values()))
    for i, j, distance in zip(bonds.first[near], bonds.second[near], bonds.distances[near], strict=True):
        symbol = bonds.symbols[i]
        if symbol not in limits or i == j:
            continue
        if symbol not in {'O', 'F'} and max(bonds.sums[i], bonds.sums[j]) > 0:
            continue
        if distance < limits[symbol] or (
            contacts and symbol == 'O' and distance < _OXYGEN_CONTACT and not _common_centre(bonds, int(i), int(j))
        ):
            found.append((int(i), int(j), float(distance)))
    return found


def _common_centre(bonds: SiteBonds, one: int, other: int) -> bool:
    neighbours = []
    for site in (one, other):
        near = bonds.second[(bonds.first == site) & (bonds.distances < _HOLDS_WITHIN)]
        neighbours.append({int(k) for k in near if bonds.symbols[k] not in _LOOSE and bonds.symbols[k] != 'O'})
    return bool(neighbours[0] & neighbours[1])


def group_classes(groups: Sequence[AnionGroup]) -> list[IonClass]:
    """Return what charges the groups may have, groups of equal kind and length in one class.

    :param groups: the groups.
    :returns: one class for each kind.
    """
    kinds: dict[tuple[str, int, int, float], list[AnionGroup]] = {}
    for group in groups:
        kinds.setdefault((group.symbol, len(group.sites), group.bonds, round(group.distance, 2)), []).append(group)
    classes = []
    for _, equal in sorted(kinds.items()):
        states, expected = _group_states(equal[0])
        costs = tuple(0.5 * ((state - expected) / (_SPREAD * len(equal[0].sites) / 2)) ** 2 for state in states)
        classes.append(IonClass(tuple(group.sites for group in equal), states, costs))
    return classes


def _group_states(group: AnionGroup) -> tuple[tuple[int, ...], float]:
    """Return the charges to be tried, ascending, and the one that the distance suggests."""
    size, closed = len(group.sites), group.closed_charge
    if size == 2 and group.symbol in _PAIR_STATES:
        distances, charges = _PAIR_CHARGES[group.symbol]
        return _PAIR_STATES[group.symbol], float(np.interp(group.distance, distances, charges))
    if size == 3 and group.symbol in {'N', 'Cl', 'Br', 'I'}:
        # Azides and trihalides: the middle atom has more than its single bonds.
        return (-1,), -1.0
    # Each bond between two atoms of a chain saves one electron of each.
    expected = min(closed + 2 * group.bonds, -1)
    return tuple(sorted({closed, expected, -1})), float(expected)


def bonded_pair(bonds: SiteBonds) -> tuple[int, int, float] | None:
    """Find two atoms of a frame former (boron, carbon, phosphorus ...) that are bonded without being centres of groups.

    In element-rich borides, phosphides and their like such bonds hold electrons that no formal charge counts.

    :param bonds: neighbours and bond-valence sums.
    :returns: the two sites and their distance in Å; None if there are none.
    """
    near = _bonds_within(bonds, _FRAME_FORMERS)
    near &= np.minimum(bonds.sums[bonds.first], bonds.sums[bonds.second]) < _CENTRE_FROM
    # Pairs of carbon atoms are acetylides and their like: anions.
    near &= (np.array(bonds.symbols)[bonds.first] != 'C') | (bonds.distances >= _CARBON_PAIR)
    if not near.any():
        return None
    index = int(np.flatnonzero(near)[0])
    return int(bonds.first[index]), int(bonds.second[index]), float(bonds.distances[index])


def bonded_frame_formers(bonds: SiteBonds) -> frozenset[int]:
    """Return the sites of boron, carbon, nitrogen, phosphorus, sulfur and their like with a bond to their own element.

    :param bonds: neighbours and bond-valence sums.
    :returns: the sites; the centres of oxalates, hypodiphosphates and dithionates among them.
    """
    return frozenset(bonds.first[_bonds_within(bonds, _PAIRING)].tolist())


def _bonds_within(bonds: SiteBonds, elements: frozenset[str]) -> NDArray[np.bool_]:
    """Return which contacts are bonds between two atoms of one of the elements."""
    found = np.zeros(len(bonds.first), dtype=bool)
    symbols = np.array(bonds.symbols)
    for symbol in sorted(set(bonds.symbols) & elements):
        reach = _BONDED_WITHIN * 2 * covalent_radius(symbol)
        found |= (symbols[bonds.first] == symbol) & (symbols[bonds.second] == symbol) & (bonds.distances < reach)
    return found
