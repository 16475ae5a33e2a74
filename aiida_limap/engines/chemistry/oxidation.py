"""Formal oxidation states of the sites of an ordered structure."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiida_limap.engines.chemistry.elements import anion_bond_limits, anion_charges, highest_oxidation_states
from aiida_limap.engines.errors import DisorderedStructureError, OutOfTimeError, OxidationStatesError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['MEAN_TOLERANCE', 'METHODS', 'OxidationStates', 'assign_oxidation_states']

#: How oxidation states may have been found, in the order in which the ways are tried.
METHODS = ('given', 'structure', 'bond_valence', 'composition', 'composition_mean')
#: Charges that sum to less than this part of e per site count as neutral: mean states have few decimals.
_NEUTRAL_PER_SITE = 1e-3
#: Bounds of the two searches. Both grow exponentially with the number of inequivalent sites or of atoms; a search that
#: reaches its bound takes a few seconds.
_MAX_PERMUTATIONS = 5000
_MAX_COMBINATIONS = 100_000
_MAX_SUMS = 300_000
#: Largest relative change of a charge when surplus electrons or holes are shared: 2- may become 1.75-, but not the 1-
#: of a peroxide.
MEAN_TOLERANCE = 0.125
#: Species that the bond-valence analysis would otherwise offer where the structure is only strained.
_FORBIDDEN = ('O-', 'P3-')


@dataclass(frozen=True)
class OxidationStates:
    """The charges of all sites and how they were found.

    :param values: formal charge of each site in units of e; not whole where an element has a mean state.
    :param method: one of :data:`METHODS`.
    """

    values: tuple[float, ...]
    method: str

    def by_element(self, structure: Structure) -> dict[str, float]:
        """Return the mean state by element symbol.

        :param structure: the structure whose sites the values belong to.
        :returns: mean formal charge by symbol.
        """
        found: dict[str, list[float]] = {}
        for site, value in zip(structure, self.values, strict=True):
            found.setdefault(site.specie.symbol, []).append(value)
        return {symbol: sum(values) / len(values) for symbol, values in found.items()}


def assign_oxidation_states(
    structure: Structure,
    *,
    given: Mapping[str, float] | Sequence[float] | None = None,
    time_limit_s: float = math.inf,
) -> OxidationStates:
    """Find the oxidation states of an ordered structure.

    In this order: states that the user gives; states that decorate the structure; the one assignment that the
    composition allows, if there is only one; bond-valence analysis of the sites; the most usual neutral assignment of
    the composition, which may be a mean; usual states with few surplus electrons or holes shared in proportion
    (``composition_mean``), as doped or delithiated cells need.

    :param structure: an ordered structure.
    :param given: states by element symbol, or one per site; None lets them be found.
    :param time_limit_s: seconds after which no further way is tried.
    :returns: the states and the way in which they were found.
    :raises OxidationStatesError: if no neutral assignment is found, or the given one is incomplete or not neutral.
    :raises DisorderedStructureError: if the structure is not ordered.
    :raises OutOfTimeError: if the time limit is reached before an assignment is found.
    """
    started = time.monotonic()
    if not structure.is_ordered:
        raise DisorderedStructureError(
            f'{structure.composition.reduced_formula}: oxidation states need an ordered structure'
        )
    if given is not None:
        return _checked(structure, _given_values(structure, given), 'given')
    decorated = [getattr(site.specie, 'oxi_state', None) for site in structure]
    if all(state is not None for state in decorated) and any(decorated):
        return _checked(structure, [float(state) for state in decorated if state is not None], 'structure')
    plain = structure.copy()
    plain.remove_oxidation_states()
    _refuse_bonded_anions(plain)
    for find, method in (
        (_only_assignment, 'composition'),
        (_bond_valence, 'bond_valence'),
        (_usual_assignment, 'composition'),
        (_shared_assignment, 'composition_mean'),
    ):
        values = find(plain)
        if values is not None and _is_plausible(plain, values):
            return _checked(plain, values, method)
        if time.monotonic() - started > time_limit_s:
            raise OutOfTimeError(f'{_name(plain)}: no oxidation states found within {time_limit_s:g} s')
    raise OxidationStatesError(
        f'{_name(plain)}: neither its bond valences nor its composition give charge-neutral oxidation states; give them'
    )


def _name(structure: Structure) -> str:
    return structure.composition.reduced_formula


def _checked(structure: Structure, values: Sequence[float], method: str) -> OxidationStates:
    if not all(math.isfinite(value) for value in values):
        raise OxidationStatesError(f'{_name(structure)}: an oxidation state is not a finite number')
    total = sum(values)
    if abs(total) > _NEUTRAL_PER_SITE * len(values):
        raise OxidationStatesError(
            f'{_name(structure)}: the oxidation states ({method}) sum to {total:+g} per cell instead of zero'
        )
    return OxidationStates(tuple(float(value) for value in values), method)


def _given_values(structure: Structure, given: Mapping[str, float] | Sequence[float]) -> list[float]:
    if isinstance(given, Mapping):
        missing = sorted({site.specie.symbol for site in structure} - set(given))
        if missing:
            raise OxidationStatesError(f'{_name(structure)}: the given oxidation states lack {missing[0]}')
        return [float(given[site.specie.symbol]) for site in structure]
    if len(given) != len(structure):
        raise OxidationStatesError(f'{_name(structure)}: {len(given)} oxidation states for {len(structure)} sites')
    return [float(value) for value in given]


def _refuse_bonded_anions(structure: Structure) -> None:
    """Refuse peroxides, disulfides and their like: no way below can tell how charge is shared inside such a group."""
    limits = anion_bond_limits()
    symbols = [site.specie.symbol for site in structure]
    present = {symbol: limits[symbol] for symbol in symbols if symbol in limits}
    if not present:
        return
    first, second, _, distances = structure.get_neighbor_list(max(present.values()))
    for i, j, distance in zip(first, second, distances, strict=True):
        symbol = symbols[i]
        if symbol == symbols[j] and distance < present.get(symbol, 0.0):
            raise OxidationStatesError(
                f'{_name(structure)}: {symbol} sites {min(i, j)} and {max(i, j)} are bonded to each other '
                f'({distance:.2f} Å), so that their charge is not that of {symbol} alone; give the oxidation states'
            )


def _is_plausible(structure: Structure, values: Sequence[float]) -> bool:
    """Return whether a found assignment may stand.

    An ion without charge is no ion, and beside oxygen or fluorine no element is negative but as a closed-shell anion:
    such assignments say that the search found neutrality only by making carbon or phosphorus an anion of an oxide.
    """
    symbols = {site.specie.symbol for site in structure}
    beside_oxygen = bool(symbols & {'O', 'F'})
    for site, value in zip(structure, values, strict=True):
        if value == 0:
            return False
        if value < 0 and beside_oxygen:
            closed = anion_charges().get(site.specie.symbol)
            if closed is None or abs(value / closed - 1) > MEAN_TOLERANCE + 1e-9:
                return False
    return True


def _anions(symbols: set[str]) -> set[str]:
    # Beside oxygen and fluorine the other non-metals are centres of anion groups (sulfates, nitrates, perchlorates).
    return symbols & {'O', 'F'} or symbols & set(anion_charges())


def _only_assignment(structure: Structure) -> list[float] | None:
    """Return the assignment with every cation at its highest state and every anion closed, if that is neutral.

    Then no other exists: any other would lower the charge of some cation or raise that of some anion, and nothing could
    make up for it.
    """
    symbols = {site.specie.symbol for site in structure}
    highest, charges = highest_oxidation_states(), anion_charges()
    anions = _anions(symbols)
    states = {symbol: charges[symbol] if symbol in anions else highest.get(symbol) for symbol in symbols}
    values = [states[site.specie.symbol] for site in structure]
    if any(value is None for value in values) or sum(value for value in values if value is not None) != 0:
        return None
    return [float(value) for value in values if value is not None]


def _bond_valence(structure: Structure) -> list[float] | None:
    from pymatgen.analysis.bond_valence import BVAnalyzer

    analyzer = BVAnalyzer(max_permutations=_MAX_PERMUTATIONS, forbidden_species=list(_FORBIDDEN))
    try:
        return [float(value) for value in analyzer.get_valences(structure)]
    except ValueError:
        # pymatgen's word for: the elements have no parameters, or no neutral assignment is likely enough.
        return None


def _usual_assignment(structure: Structure) -> list[float] | None:
    """Return the most usual neutral assignment of the composition, with one mean state per element."""
    from pymatgen.core import Element

    composition = structure.composition.element_composition.reduced_composition
    override = {symbol: [charge] for symbol, charge in anion_charges().items() if symbol in {'O', 'F'}}
    total = sums = 1
    for element, amount in composition.items():
        options = Element(element.symbol).icsd_oxidation_states or Element(element.symbol).common_oxidation_states
        count = 1 if element.symbol in override else len(options)
        if count == 0:
            return None
        total += math.comb(int(amount) + count - 1, count - 1)
        sums *= 1 + int(amount) * (0 if count == 1 else max(options) - min(options))
    if total > _MAX_COMBINATIONS or sums > _MAX_SUMS:
        return None
    guesses = composition.oxi_state_guesses(oxi_states_override=override)
    if not guesses:
        return None
    return [float(guesses[0][site.specie.symbol]) for site in structure]


def _shared_assignment(structure: Structure) -> list[float] | None:
    """Return the nearly neutral assignment of usual states, made neutral by sharing the remaining charge.

    Surplus electrons lower all cations above 1+ in proportion, holes weaken all anions; by at most
    :data:`MEAN_TOLERANCE`.
    """
    from pymatgen.core import Element

    amounts = structure.composition.element_composition.get_el_amt_dict()
    anions = _anions(set(amounts))
    options = []
    for symbol in amounts:
        usual = Element(symbol).icsd_oxidation_states or Element(symbol).common_oxidation_states
        states = [anion_charges()[symbol]] if symbol in anions else sorted((s for s in usual if s > 0), reverse=True)
        if not states:
            return None
        options.append(states)
    if not anions or math.prod(map(len, options)) > _MAX_COMBINATIONS:
        return None

    def imbalance(states: Sequence[float]) -> float:
        return sum(state * amount for state, amount in zip(states, amounts.values(), strict=True))

    best = min(itertools.product(*options), key=lambda states: abs(imbalance(states)))
    surplus = imbalance(best)
    shares = [state < 0 if surplus < 0 else state > 1 for state in best]
    capacity = sum(state * amount for state, amount, share in zip(best, amounts.values(), shares, strict=True) if share)
    if capacity == 0 or abs(surplus / capacity) > MEAN_TOLERANCE:
        return None
    factor = 1 - surplus / capacity
    mean = {
        symbol: state * factor if share else state for symbol, state, share in zip(amounts, best, shares, strict=True)
    }
    return [float(mean[site.specie.symbol]) for site in structure]
