"""Formal oxidation states of the sites of a structure."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiida_limap.engines.chemistry.anion_groups import bonded_pair
from aiida_limap.engines.chemistry.bond_valence_states import site_bonds
from aiida_limap.engines.chemistry.oxidation_occupancies import composition_states
from aiida_limap.engines.chemistry.oxidation_ways import MEAN_TOLERANCE, Crystal, find_ways
from aiida_limap.engines.errors import DisorderedStructureError, OutOfTimeError, OxidationStatesError

if TYPE_CHECKING:
    from pymatgen.core import PeriodicSite, Structure

__all__ = ['MEAN_TOLERANCE', 'METHODS', 'OxidationStates', 'assign_oxidation_states']

#: How oxidation states may have been found. A mean is the charge of ions of one element that nothing tells apart:
#: ``bond_valence_mean`` of sites with equal bonds, ``composition_mean`` of all, after surplus charge was shared.
METHODS = (
    'given',
    'structure',
    'composition',
    'bond_valence',
    'bond_valence_mean',
    'anion_groups',
    'composition_mean',
)
#: Charges that sum to less than this part of e per site count as neutral: mean states have few decimals.
_NEUTRAL_PER_SITE = 1e-3


@dataclass(frozen=True)
class OxidationStates:
    """The charges of all sites and how they were found.

    :param values: formal charge of each site in units of e; not whole where an element has a mean state. On shared
        sites the mean over the ions that are there, weighted by occupancy.
    :param method: one of :data:`METHODS`.
    :param species: for each site its ions as (element symbol, charge, occupancy).
    """

    values: tuple[float, ...]
    method: str
    species: tuple[tuple[tuple[str, float, float], ...], ...] = field(default=(), repr=False)

    def by_element(self, structure: Structure) -> dict[str, float]:
        """Return the mean state by element symbol.

        :param structure: the structure whose sites the values belong to.
        :returns: mean formal charge by symbol, weighted by occupancy.
        """
        found: dict[str, list[tuple[float, float]]] = {}
        ions = self.species or _ordered_species(structure, self.values)
        for _, site in zip(structure, ions, strict=True):
            for symbol, charge, occupancy in site:
                found.setdefault(symbol, []).append((charge, occupancy))
        return {
            symbol: sum(charge * part for charge, part in pairs) / sum(part for _, part in pairs)
            for symbol, pairs in found.items()
        }


def assign_oxidation_states(
    structure: Structure,
    *,
    given: Mapping[str, float] | Sequence[float] | None = None,
    disordered: bool = False,
    time_limit_s: float = math.inf,
) -> OxidationStates:
    """Find the oxidation states of a structure.

    In this order: states that the user gives; states that decorate the structure; the one assignment that the
    composition allows, if there is only one; the neutral assignment that fits the bond-valence sums of the sites best,
    with the mean of two states where equal bonds make it so; the most usual neutral assignment of the composition;
    usual states with few surplus electrons or holes shared in proportion (``composition_mean``), as doped or
    delithiated cells need. Bonded anions (peroxides, polysulfides, azides) share the charge of their group.

    :param structure: the structure.
    :param given: states by element symbol, or one per site; None lets them be found.
    :param disordered: whether sites may be shared or partially occupied; then each element has one state, from the
        composition.
    :param time_limit_s: seconds after which no further way is tried. No way takes more than about a second.
    :returns: the states and the way in which they were found.
    :raises OxidationStatesError: if no neutral assignment is found, or the given one is incomplete or not neutral, or
        atoms of boron, phosphorus and their like are bonded to each other as in element-rich borides.
    :raises DisorderedStructureError: if the structure is not ordered and ``disordered`` is not set.
    :raises OutOfTimeError: if the time limit is reached before an assignment is found.
    """
    deadline = time.monotonic() + time_limit_s
    if not structure.is_ordered and not disordered:
        raise DisorderedStructureError(f'{_name(structure)}: oxidation states need an ordered structure')
    if given is not None:
        return _checked(structure, _given_species(structure, given), 'given')
    decorated = [[getattr(ion, 'oxi_state', None) for ion in site.species] for site in structure]
    states = [state for site in decorated for state in site]
    if states and all(state is not None for state in states) and any(states):
        return _checked(structure, _species(structure, lambda _, ion: float(ion.oxi_state)), 'structure')
    plain = structure.copy()
    plain.remove_oxidation_states()
    if not plain.is_ordered:
        by_element, method = composition_states(plain.composition.get_el_amt_dict(), _name(plain))
        return _checked(structure, _species(structure, lambda _, ion: by_element[ion.symbol]), method)
    values, method = _search(plain, deadline, time_limit_s)
    return _checked(plain, _ordered_species(plain, values), method)


def _search(plain: Structure, deadline: float, time_limit_s: float) -> tuple[list[float], str]:
    bonds = site_bonds(plain)
    pair = bonded_pair(bonds)
    if pair is not None:
        i, j = sorted(pair[:2])
        raise OxidationStatesError(
            f'{_name(plain)}: {bonds.symbols[i]} sites {i} and {j} are bonded to each other ({pair[2]:.2f} Å), and no '
            'formal charge counts the electrons of such bonds; give the oxidation states'
        )
    crystal = Crystal.of(bonds)
    if not crystal.has_anion:
        raise OxidationStatesError(
            f'{_name(plain)}: no element is an anion, so that there are no ions; give the states'
        )
    contacts = Crystal.of(bonds, contacts=True)
    # Oxygen atoms that are only drawn together count as bonded where nothing else gives neutrality.
    for look in (crystal, contacts) if contacts.groups != crystal.groups else (crystal,):
        for way in find_ways(look):
            found = way(look)
            if found is not None:
                return found
            if time.monotonic() > deadline:
                raise OutOfTimeError(f'{_name(plain)}: no oxidation states found within {time_limit_s:g} s')
    groups = ' nor its bonded anions' if crystal.groups else ''
    raise OxidationStatesError(
        f'{_name(plain)}: neither its bond valences{groups} nor its composition give charge-neutral oxidation states, '
        f'even with usual charges changed by up to {MEAN_TOLERANCE:.1%}; give them'
    )


def _name(structure: Structure) -> str:
    return str(structure.composition.reduced_formula)


Species = tuple[tuple[tuple[str, float, float], ...], ...]


def _species(structure: Structure, charge: Callable[[int, PeriodicSite], float]) -> Species:
    return tuple(
        tuple((ion.symbol, float(charge(index, ion)), float(part)) for ion, part in site.species.items())
        for index, site in enumerate(structure)
    )


def _ordered_species(structure: Structure, values: Sequence[float]) -> Species:
    return tuple(((site.specie.symbol, float(value), 1.0),) for site, value in zip(structure, values, strict=True))


def _checked(structure: Structure, species: Species, method: str) -> OxidationStates:
    ions = [ion for site in species for ion in site]
    if not all(math.isfinite(charge) for _, charge, _ in ions):
        raise OxidationStatesError(f'{_name(structure)}: an oxidation state is not a finite number')
    total = sum(charge * part for _, charge, part in ions)
    if abs(total) > _NEUTRAL_PER_SITE * len(species):
        raise OxidationStatesError(
            f'{_name(structure)}: the oxidation states ({method}) sum to {total:+g} per cell instead of zero'
        )
    values = tuple(
        site[0][1]
        if len(site) == 1
        else sum(charge * part for _, charge, part in site) / sum(part for _, _, part in site)
        for site in species
    )
    return OxidationStates(values, method, species)


def _given_species(structure: Structure, given: Mapping[str, float] | Sequence[float]) -> Species:
    if isinstance(given, Mapping):
        missing = sorted({ion.symbol for site in structure for ion in site.species} - set(given))
        if missing:
            raise OxidationStatesError(f'{_name(structure)}: the given oxidation states lack {missing[0]}')
        return _species(structure, lambda _, ion: given[ion.symbol])
    if len(given) != len(structure):
        raise OxidationStatesError(f'{_name(structure)}: {len(given)} oxidation states for {len(structure)} sites')
    return _species(structure, lambda index, _: given[index])
