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
#: Atoms by which the occupancies of equal sites may be rounded in the whole cell.
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

    The smallest cell is taken in which the atoms of each set of equally occupied sites come out as whole numbers (to
    0.25), no element is lost, the charges add up to zero, and not more than 3 % of the atoms are changed by rounding;
    of the cells of that size the one whose edges differ least.

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
        if _fits(structure, states, number):
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
    from pymatgen.transformations.standard_transformations import OrderDisorderedStructureTransformation

    cell = structure.copy()
    cell.make_supercell([int(factor) for factor in repetitions])
    arrangements = _arrangements(cell)
    searched = arrangements <= _SEARCHED
    cell.remove_oxidation_states()
    cell.add_oxidation_state_by_element(dict(states))
    transformation = OrderDisorderedStructureTransformation(
        algo=OrderDisorderedStructureTransformation.ALGO_FAST
        if searched
        else OrderDisorderedStructureTransformation.ALGO_BEST_FIRST,
        occ_tol=_ROUNDING + 1e-6,
    )
    try:
        (best,) = transformation.apply_transformation(cell, return_ranked_list=1)
    except (ValueError, IndexError) as error:
        raise OrderingError(f'the atoms could not be placed: {error}') from error
    ordered = best['structure']
    ordered.remove_oxidation_states()
    if not ordered.is_ordered or len(ordered) == 0:
        raise OrderingError('the atoms could not be placed: sites are still shared')
    nearest = _nearest(ordered)
    if nearest < _OVERLAP_ANGSTROM:
        raise OrderingError(f'two atoms of the best arrangement are only {nearest:.2f} Å apart')
    return Ordered(ordered, float(best['energy']), arrangements, searched)


def _groups(structure: Structure) -> list[tuple[int, Composition]]:
    """Return number of sites and occupancy of each set of sites that are occupied in the same way."""
    from pymatgen.core import Composition

    found: list[list] = []
    for site in structure:
        if site.is_ordered:
            continue
        for group in found:
            if site.species.almost_equals(group[1]):
                group[0] += 1
                group[2] = group[2] + site.species
                break
        else:
            found.append([1, site.species, Composition() + site.species])
    return [(count, total) for count, _, total in found]


def _rounded(structure: Structure, number: int) -> list[tuple[int, dict[str, tuple[float, int]]]]:
    """Return number of sites, and by symbol the atoms before and after rounding, of each group of a larger cell."""
    return [
        (
            count * number,
            {ion.symbol: (float(amount) * number, round(float(amount) * number)) for ion, amount in total.items()},
        )
        for count, total in _groups(structure)
    ]


def _fits(structure: Structure, states: Mapping[str, float], number: int) -> bool:
    """Return whether whole atoms in a cell of this many cells keep charge and composition."""
    left = dict.fromkeys(structure.composition.get_el_amt_dict(), 0.0)
    for site in structure:
        if site.is_ordered:
            left[site.specie.symbol] += number
    changed = 0.0
    for count, amounts in _rounded(structure, number):
        if sum(whole for _, whole in amounts.values()) > count:
            return False
        for symbol, (exact, whole) in amounts.items():
            if abs(exact - whole) > _ROUNDING:
                return False
            changed += abs(exact - whole)
            left[symbol] += whole
    charge = sum(states[symbol] * amount for symbol, amount in left.items())
    atoms = structure.composition.num_atoms * number
    return abs(charge) < _CHARGE and min(left.values()) > 0.5 and changed <= _CHANGE * atoms


def _elongation(triple: tuple[int, int, int], edges: Sequence[float]) -> float:
    lengths = [factor * edge for factor, edge in zip(triple, edges, strict=True)]
    return max(lengths) / min(lengths)


def _arrangements(cell: Structure) -> int:
    ways = 1
    for count, amounts in _rounded(cell, 1):
        left = count
        for _, whole in amounts.values():
            ways *= math.comb(left, whole)
            left -= whole
    return ways


def _nearest(structure: Structure) -> float:
    distances = np.array(structure.distance_matrix)
    np.fill_diagonal(distances, math.inf)
    return float(distances.min()) if len(structure) > 1 else math.inf
