"""The ways in which oxidation states are searched in an ordered structure, each bounded in its work."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiida_limap.engines.chemistry.anion_groups import (
    AnionGroup,
    anion_groups,
    bonded_frame_formers,
    group_classes,
)
from aiida_limap.engines.chemistry.bond_valence_states import (
    SiteBonds,
    allowed_states,
    equal_sites,
    state_costs,
    usual_costs,
)
from aiida_limap.engines.chemistry.charge_balance import IonClass, neutral_means
from aiida_limap.engines.chemistry.elements import anion_charges, highest_oxidation_states, oxidation_states_of

__all__ = ['MEAN_TOLERANCE', 'Crystal', 'Found', 'find_ways']

#: Largest relative change of a charge when surplus electrons or holes are shared: 2- may become 1.75-, but not the 1-
#: of a peroxide.
MEAN_TOLERANCE = 0.125
#: A state is not tried for a site where it is less likely than the best one by this much (natural logarithm).
_UNLIKELY = 12.0
_MAX_COMBINATIONS = 10_000
#: Charge of oxygen in superoxides: with less it is no ion.
_WEAKEST_OXYGEN = -0.5
#: Oxygen sites are alike if the smallest bond-valence sum is this part of the largest; else some of them are those of
#: water, hydroxide or molecules, and one charge for all is wrong.
_ALIKE = 0.5
_ROUNDING = 1e-9
#: States of atoms that are bonded to one of their own: B2X4, oxalates, hypodiphosphates, dithionites and dithionates.
_OF_PAIRS = {('B', 2), ('C', 3), ('P', 4), ('S', 3), ('S', 5), ('N', 4)}
#: Elements with a lone pair or none, which skip the state between. Others do not have states two apart in one crystal.
_SKIPPING = frozenset(
    {'N', 'P', 'As', 'Sb', 'Bi', 'S', 'Se', 'Te', 'Cl', 'Br', 'I', 'C', 'Ge', 'Sn', 'Pb', 'In', 'Tl', 'Au'}
)

#: States by site and the word for the way, or None if the way leads nowhere.
Found = tuple[list[float], str] | None


@dataclass(frozen=True, eq=False)
class Crystal:
    """What all ways look at.

    :param bonds: neighbours and bond-valence sums.
    :param groups: anions that are bonded to each other.
    :param single: sites by element symbol, without those of groups.
    :param paired: sites of frame formers that are bonded to their own element.
    """

    bonds: SiteBonds
    groups: tuple[AnionGroup, ...]
    single: dict[str, list[int]]
    paired: frozenset[int]

    @classmethod
    def of(cls, bonds: SiteBonds, *, contacts: bool = False) -> Crystal:
        """Collect groups and sites.

        :param bonds: neighbours and bond-valence sums.
        :param contacts: whether oxygen atoms that are drawn together, but not bonded, form groups too.
        :returns: the crystal.
        """
        groups = tuple(anion_groups(bonds, contacts=contacts))
        grouped = {site for group in groups for site in group.sites}
        single: dict[str, list[int]] = {}
        for site, symbol in enumerate(bonds.symbols):
            if site not in grouped:
                single.setdefault(symbol, []).append(site)
        return cls(bonds, groups, {symbol: single[symbol] for symbol in sorted(single)}, bonded_frame_formers(bonds))

    @property
    def has_anion(self) -> bool:
        """Whether any site may be negative."""
        return bool(self.groups) or any(
            state < 0 for symbol, sites in self.single.items() for site in sites for state in self.states(symbol, site)
        )

    def states(self, symbol: str, site: int) -> tuple[int, ...]:
        """Return the states that are tried for a site.

        :param symbol: its element.
        :param site: its index.
        :returns: the states, ascending.
        """
        states = allowed_states(symbol, float(self.bonds.sums[site]))
        if site not in self.paired:
            states = tuple(state for state in states if (symbol, state) not in _OF_PAIRS)
        if symbol not in anion_charges() and symbol != 'H' and set(self.bonds.symbols) & set(anion_charges()):
            # Beside a true anion a frame former is negative only where its bonds say so.
            positive = tuple(state for state in states if state > 0)
            return states if states[-1:] < (0,) else positive
        return states


def find_ways(crystal: Crystal) -> tuple[Callable[[Crystal], Found], ...]:
    """Return the ways to be tried, in order.

    :param crystal: the crystal.
    :returns: functions of the crystal.
    """
    if crystal.groups:
        return (_by_bonds, _by_composition, _shared_by_groups, _shared)
    return (_only_assignment, _by_bonds, _by_composition, _shared, _only_charge_of_oxygen)


def _only_assignment(crystal: Crystal) -> Found:
    """Give every cation its highest state and every anion its closed shell, if that is neutral.

    Then no other assignment exists: any other would lower the charge of some cation or raise that of some anion, and
    nothing could make up for it.
    """
    symbols = set(crystal.single)
    highest, charges = highest_oxidation_states(), anion_charges()
    # Beside oxygen and fluorine the other non-metals are centres of anion groups (sulfates, nitrates, perchlorates).
    anions = symbols & {'O', 'F'} or symbols & set(charges)
    states = {symbol: charges[symbol] if symbol in anions else highest.get(symbol, math.nan) for symbol in symbols}
    values = [float(states[symbol]) for symbol in crystal.bonds.symbols]
    return (values, 'composition') if sum(values) == 0 else None


def _by_bonds(crystal: Crystal) -> Found:
    """Give each site the state that fits its bond-valence sum, at the lowest cost that charge balance allows."""
    classes = []
    for symbol, sites in crystal.single.items():
        for equal in equal_sites(crystal.bonds, sites):
            mean = sum(float(crystal.bonds.sums[site]) for site in equal) / len(equal)
            states = crystal.states(symbol, equal[len(equal) // 2])
            costs = state_costs(symbol, states, mean)
            likely = [(s, c) for s, c in zip(states, costs, strict=True) if c <= min(costs) + _UNLIKELY]
            classes.append(_ion_class(equal, [s for s, _ in likely], [c for _, c in likely]))
    return _balanced(crystal, classes, 'bond_valence', 'bond_valence_mean')


def _narrowed(crystal: Crystal, classes: Sequence[IonClass], means: Sequence[float]) -> list[IonClass] | None:
    """Leave metals with states more than one apart only the two whole charges around their mean.

    :returns: the classes; None if there are no such metals.
    """
    by_element: dict[str, list[tuple[IonClass, float]]] = {}
    for item, mean in zip(classes, means, strict=True):
        by_element.setdefault(crystal.bonds.symbols[item.members[0][0]], []).append((item, mean))
    kept: dict[str, set[int]] = {}
    for symbol, items in by_element.items():
        charges = [mean for _, mean in items]
        if symbol not in _SKIPPING and min(charges) > 0 and max(charges) - min(charges) > 1 + _ROUNDING:
            mean = sum(item.count * charge for item, charge in items) / sum(item.count for item, _ in items)
            kept[symbol] = {math.floor(mean + _ROUNDING), math.ceil(mean - _ROUNDING)}
    if not kept:
        return None
    narrowed = []
    for item in classes:
        keep = kept.get(crystal.bonds.symbols[item.members[0][0]], set(item.states))
        pairs = [(state, cost) for state, cost in zip(item.states, item.costs, strict=True) if state in keep]
        narrowed.append(IonClass(item.members, tuple(s for s, _ in pairs), tuple(c for _, c in pairs)))
    return narrowed


def _by_composition(crystal: Crystal) -> Found:
    return _balanced(crystal, _usual_classes(crystal), 'composition', 'composition_mean')


def _usual_classes(crystal: Crystal) -> list[IonClass]:
    """Put sites of one element and one choice of states into one class, whatever their bonds."""
    alike: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for symbol, sites in crystal.single.items():
        for site in sites:
            # Boron takes up surplus electrons as B2+, though no bond shows it.
            states = oxidation_states_of(symbol) if symbol == 'B' else crystal.states(symbol, site)
            alike.setdefault((symbol, states), []).append(site)
    return [_ion_class(sites, states, usual_costs(symbol, states)) for (symbol, states), sites in sorted(alike.items())]


def _ion_class(sites: Sequence[int], states: Sequence[int], costs: Sequence[float]) -> IonClass:
    return IonClass(tuple((site,) for site in sites), tuple(states), tuple(costs))


def _balanced(crystal: Crystal, classes: list[IonClass], whole: str, mean: str) -> Found:
    every = [*classes, *group_classes(crystal.groups)]
    if not all(item.states for item in every):
        return None
    means = neutral_means(every)
    if means is None:
        return None
    narrowed = _narrowed(crystal, every, means)
    if narrowed is not None and all(item.states for item in narrowed):
        again = neutral_means(narrowed)
        means = means if again is None else again
    for item, value in zip(every, means, strict=True):
        if abs(value) < min(abs(state) for state in item.states) - _ROUNDING:
            # Neither cation nor anion: neutrality was found between the two.
            return None
    values = _by_site(crystal, every, means)
    if any(sum(values[site] for site in group.sites) > group.closed_charge + _ROUNDING for group in crystal.groups):
        return values, 'anion_groups'
    known = all(value in item.states for item, value in zip(every, means, strict=True))
    return values, whole if known else mean


def _by_site(crystal: Crystal, classes: Sequence[IonClass], means: Sequence[float]) -> list[float]:
    values = [math.nan] * len(crystal.bonds.symbols)
    for item, value in zip(classes, means, strict=True):
        for member in item.members:
            for site in member:
                values[site] = value / len(member)
    return values


def _shared_by_groups(crystal: Crystal) -> Found:
    """Let all groups share what the other ions leave, as oxygen pairs between peroxide and the molecule do."""
    classes = _usual_classes(crystal)
    if not all(item.states for item in classes):
        return None
    means = [float(item.states[-1]) for item in classes]
    rest = -sum(mean * item.count for mean, item in zip(means, classes, strict=True))
    grouped = [site for group in crystal.groups for site in group.sites]
    if not sum(group.closed_charge for group in crystal.groups) <= rest < 0:
        return None
    values = _by_site(crystal, classes, means)
    for site in grouped:
        values[site] = rest / len(grouped)
    return values, 'anion_groups'


def _shared(crystal: Crystal) -> Found:
    """Take the assignment of usual states that is nearest to neutral and share the remaining charge.

    Surplus electrons lower all cations above 1+ in proportion, holes weaken all anions; by at most
    :data:`MEAN_TOLERANCE`.
    """
    classes = [*_usual_classes(crystal), *group_classes(crystal.groups)]
    if not all(item.states for item in classes):
        return None
    lowest = sum(item.states[0] * item.count * 1.0 for item in classes)
    means = [float(item.states[0] if lowest > 0 else item.states[-1]) for item in classes]
    surplus = sum(mean * item.count for mean, item in zip(means, classes, strict=True))
    shares = [mean < 0 if surplus < 0 else mean > 1 for mean in means]
    capacity = sum(mean * item.count for mean, item, share in zip(means, classes, shares, strict=True) if share)
    if surplus * lowest <= 0 or capacity == 0 or abs(surplus / capacity) > MEAN_TOLERANCE + _ROUNDING:
        return None
    factor = 1 - surplus / capacity
    means = [mean * factor if share else mean for mean, share in zip(means, shares, strict=True)]
    return _by_site(crystal, classes, means), 'composition_mean'


def _only_charge_of_oxygen(crystal: Crystal) -> Found:
    """Give oxygen the one charge that the cations leave it, though it is not that of the closed shell.

    That is so where no cation has a choice, as in lithium peroxide without bonds between oxygen atoms, or where only
    one choice leaves a whole charge, as in hydroxides whose hydrogen is missing. Whether such ions have parameters is
    for others to say.
    """
    classes = _usual_classes(crystal)
    oxygen = [item for item in classes if crystal.bonds.symbols[item.members[0][0]] == 'O']
    others = [item for item in classes if item not in oxygen]
    if not oxygen or any(not item.states or item.states[0] < 0 for item in others):
        return None
    strengths = [-float(crystal.bonds.sums[site]) for site in crystal.single['O']]
    if not min(strengths) >= _ALIKE * max(strengths) > 0:
        return None
    if math.prod(len(item.states) for item in others) > _MAX_COMBINATIONS:
        return None
    count = sum(item.count for item in oxygen)
    found = []
    for states in itertools.product(*(item.states for item in others)):
        charge = -sum(state * item.count for state, item in zip(states, others, strict=True)) / count
        if charge == -1 or (-2 < charge <= _WEAKEST_OXYGEN and all(len(item.states) == 1 for item in others)):
            found.append((states, charge))
    if len(found) != 1:
        return None
    states, charge = found[0]
    values = _by_site(crystal, [*others, *oxygen], [*states, *(charge for _ in oxygen)])
    return values, 'composition' if charge == -1 else 'composition_mean'
