"""Ordered cells of disordered structures: which cell is large enough, and which atoms stand where in it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

__all__ = ['MAX_SITES', 'Ordered', 'OrderingError', 'order', 'plan_cell']

#: Sites of the largest cell that is ordered; the electrostatic sums grow with their square.
MAX_SITES = 400
#: Atoms by which the number of atoms of an element may be rounded in the whole cell.
_ROUNDING = 0.25
#: Charge (e) that rounding may leave in the cell; whole charges leave none, mean ones can make up for less than this.
_CHARGE = 0.5
#: Share of the atoms that rounding may change.
_CHANGE = 0.03
#: Up to this many arrangements the best one is looked for; of more, the one that each step makes best is taken.
_SEARCHED = 10_000
#: Distance in Å below which no two atoms are neighbours in any crystal.
_OVERLAP_ANGSTROM = 0.7


class OrderingError(ValueError):
    """The structure cannot be ordered; the message is a sentence that says why."""


@dataclass(frozen=True)
class Ordered:
    """An ordered structure.

    :param structure: the structure, without oxidation states.
    :param energy_eV: electrostatic energy of its point charges in eV.
    :param arrangements: number of ways in which the atoms could have been placed.
    :param searched: whether the best of them was looked for, or one was built step by step.
    """

    structure: Structure
    energy_eV: float  # noqa: N815
    arrangements: int
    searched: bool


def plan_cell(structure: Structure, states: Mapping[str, float], max_sites: int = MAX_SITES) -> tuple[int, int, int]:
    """Return how often the cell has to be repeated along its vectors to hold whole atoms.

    The smallest cell is taken in which the atoms of each element come out as whole numbers (to 0.25), no element is
    lost, the charges add up to zero, and not more than 3 % of the atoms are changed by rounding; of the cells of that
    size the one whose edges differ least. Sets of equally occupied sites get whole atoms by the largest remainders.

    :param structure: a disordered structure.
    :param states: charge by element symbol, e.
    :param max_sites: number of sites that the cell may have.
    :returns: three repetitions.
    :raises OrderingError: if a cell of that many sites is too small, or a charge is missing.
    """
    missing = sorted({ion.symbol for site in structure for ion in site.species} - set(states))
    if missing:
        raise OrderingError(f'there is no oxidation state for {missing[0]}')
    for number in range(1, max_sites // len(structure) + 1):
        if _whole_groups(structure, states, number) is not None:
            edges = structure.lattice.abc
            triples = [
                (a, b, number // a // b)
                for a, b in itertools.product(range(1, number + 1), repeat=2)
                if number % (a * b) == 0
            ]
            return min(triples, key=lambda triple: _elongation(triple, edges))
    raise OrderingError(
        f'no cell of up to {max_sites} sites holds whole atoms of its occupancies without changing the composition or '
        f'leaving a charge (the cell as it is has {len(structure)} sites)'
    )


def order(structure: Structure, states: Mapping[str, float], repetitions: Sequence[int]) -> Ordered:
    """Place whole atoms on the sites of a disordered structure so that their electrostatic energy is low.

    :param structure: a disordered structure.
    :param states: charge by element symbol, e.
    :param repetitions: how often the cell is repeated along its vectors, as :func:`plan_cell` gives it.
    :returns: the ordered structure.
    :raises OrderingError: if the occupancies do not fit the cell, or atoms end up on top of each other.
    """
    from pymatgen.core.ewald import EwaldSummation

    cell = structure.copy()
    cell.make_supercell([int(factor) for factor in repetitions])
    cell.remove_oxidation_states()
    groups = _whole_groups(cell, states, 1)
    if groups is None:
        raise OrderingError('its occupancies are no whole atoms in a cell of this size')
    arrangements = math.prod(group.arrangements() for group in groups)
    searched = arrangements <= _SEARCHED
    _fill(cell, groups)
    cell.add_oxidation_state_by_element({symbol: states[symbol] for symbol in cell.symbol_set})
    ordered, energy = (cell, EwaldSummation(cell).total_energy) if cell.is_ordered else _placed(cell, searched)
    ordered.remove_oxidation_states()
    nearest = _nearest(ordered)
    if nearest < _OVERLAP_ANGSTROM:
        raise OrderingError(f'two atoms of the best arrangement are only {nearest:.2f} Å apart')
    return Ordered(ordered, float(energy), arrangements, searched)


def _placed(cell: Structure, searched: bool) -> tuple[Structure, float]:
    """Return the ordered cell and its electrostatic energy in eV."""
    from pymatgen.transformations.standard_transformations import OrderDisorderedStructureTransformation as Ordering

    transformation = Ordering(algo=Ordering.ALGO_FAST if searched else Ordering.ALGO_BEST_FIRST, occ_tol=1e-3)
    try:
        (best,) = transformation.apply_transformation(cell, return_ranked_list=1)
    except (ValueError, IndexError) as error:
        raise OrderingError(f'the atoms could not be placed: {error}') from error
    return best['structure'], best['energy']


@dataclass
class _Group:
    """Sites that are occupied in the same way.

    :param sites: their indices in the cell that is repeated.
    :param number: number of such cells.
    :param exact: number of atoms by element symbol, before rounding.
    :param whole: the same as whole numbers.
    """

    sites: list[int]
    number: int
    exact: dict[str, float]
    whole: dict[str, int]

    def is_possible(self) -> bool:
        """Return whether the sites can hold the atoms, and are about as full as before."""
        total = sum(self.whole.values())
        return total <= len(self.sites) * self.number and abs(total - sum(self.exact.values())) < 1.0 - 1e-6

    def arrangements(self) -> int:
        """Return in how many ways the atoms can be placed."""
        left, ways = len(self.sites) * self.number, 1
        for whole in self.whole.values():
            ways *= math.comb(left, whole)
            left -= whole
        return ways


def _whole_groups(structure: Structure, states: Mapping[str, float], number: int) -> list[_Group] | None:
    """Return the sets of disordered sites of so many cells with whole atoms, or None where they do not fit."""
    groups = _groups(structure, number)
    atoms = {symbol: amount * number for symbol, amount in structure.composition.get_el_amt_dict().items()}
    after = dict(atoms)
    for symbol in {symbol for group in groups for symbol in group.exact}:
        members = [group for group in groups if symbol in group.exact]
        exact = sum(group.exact[symbol] for group in members)
        if abs(exact - round(exact)) > _ROUNDING:
            return None
        after[symbol] += round(exact) - exact
        _share(symbol, members, round(exact))
    changed = sum(abs(after[symbol] - atoms[symbol]) for symbol in atoms)
    charge = sum(states[symbol] * amount for symbol, amount in after.items())
    fits = abs(charge) < _CHARGE and min(after.values()) > 0.5 and changed <= _CHANGE * sum(atoms.values())
    return groups if fits and all(group.is_possible() for group in groups) else None


def _groups(structure: Structure, number: int) -> list[_Group]:
    found: list[tuple[Composition, list[int]]] = []
    for index, site in enumerate(structure):
        if site.is_ordered:
            continue
        same = next((sites for species, sites in found if site.species.almost_equals(species)), None)
        if same is None:
            found.append((site.species, [index]))
        else:
            same.append(index)
    groups = []
    for _, sites in found:
        exact: dict[str, float] = {}
        for index in sites:
            for ion, amount in structure[index].species.items():
                exact[ion.symbol] = exact.get(ion.symbol, 0.0) + float(amount) * number
        groups.append(_Group(sites, number, exact, {}))
    return groups


def _share(symbol: str, groups: Sequence[_Group], total: int) -> None:
    """Give each group the whole part of its atoms, and the rest to those with the largest remainders."""
    for group in groups:
        group.whole[symbol] = math.floor(group.exact[symbol] + 1e-6)
    rest = total - sum(group.whole[symbol] for group in groups)
    by_remainder = sorted(groups, key=lambda group: group.exact[symbol] - group.whole[symbol], reverse=True)
    for group in by_remainder[: max(rest, 0)]:
        group.whole[symbol] += 1


def _fill(cell: Structure, groups: Sequence[_Group]) -> None:
    """Set the occupancies of a cell to those of its whole atoms; sites that stay empty are removed."""
    empty: list[int] = []
    for group in groups:
        species = {symbol: whole / len(group.sites) for symbol, whole in group.whole.items() if whole}
        if not species:
            empty.extend(group.sites)
            continue
        for index in group.sites:
            cell[index] = species
    cell.remove_sites(empty)


def _elongation(triple: tuple[int, int, int], edges: Sequence[float]) -> float:
    lengths = [factor * edge for factor, edge in zip(triple, edges, strict=True)]
    return max(lengths) / min(lengths)


def _nearest(structure: Structure) -> float:
    distances = np.array(structure.distance_matrix)
    np.fill_diagonal(distances, math.inf)
    return float(distances.min()) if len(structure) > 1 else math.inf
