"""Bond-valence sums of sites, and what they and statistics say of oxidation states."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.chemistry.elements import oxidation_states_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['SiteBonds', 'allowed_states', 'equal_sites', 'site_bonds', 'state_costs', 'usual_costs']

#: Neighbours within this distance (Å) count; the softness (Å) is that of the parameters. pymatgen's analyser has 0.31 Å
#: and stretched distances, with which the sums of transition metals lie 15 to 25 % below the statistics that it
#: compares them with; with 0.37 Å and true distances they agree.
_REACH = 4.0
_SOFTNESS = 0.37
#: Sums that differ by less than this (valence units) do not tell sites apart.
_EQUAL_SUMS = 0.03
#: Sums below this in size do not tell a cation from an anion.
_SIGN_FROM = 0.3
#: Standard deviation of the sums of a state (valence units), one for all so that no element seems to disproportionate
#: only because some state has scattered values.
_SIGMA = 0.4

#: States counted in fewer compounds, or with a wider spread of sums, have no statistics worth the name: there the sum
#: is taken to be the state, as the parameters intend.
_FEW, _WIDE = 20, 0.8
#: Sums where neither holds: medians of calculated oxides whose other ions have one state only. The parameters of
#: antimony and copper are those of Sb3+ and Cu+.
_EXPECTED_SUMS = {('Sb', 5): 4.0, ('Cu', 2): 1.2, ('Cu', 3): 1.5}


@dataclass(frozen=True, eq=False)
class SiteBonds:
    """Neighbours and bond-valence sums of an ordered structure.

    :param symbols: element of each site.
    :param first: site at which each contact begins.
    :param second: site at which it ends.
    :param distances: its length, Å; contacts are listed in both directions.
    :param sums: bond-valence sum of each site, negative for anions; NaN for elements without parameters.
    """

    symbols: tuple[str, ...]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distances: NDArray[np.float64]
    sums: NDArray[np.float64]


def site_bonds(structure: Structure) -> SiteBonds:
    """Return neighbours and bond-valence sums.

    Each bond of length d adds exp((R - d) / 0.37 Å) to its less electronegative end and subtracts it from the other: M.
    O'Keeffe and N. E. Brese, J. Am. Chem. Soc. 113, 3226 (1991), with R by their formula from pymatgen's table of
    elements.

    :param structure: an ordered structure.
    :returns: the neighbours and the sums.
    """
    symbols = tuple(site.specie.symbol for site in structure)
    kinds = sorted(set(symbols))
    index = np.array([kinds.index(symbol) for symbol in symbols])
    lengths, signs = _pair_tables(tuple(kinds))
    first, second, _, distances = structure.get_neighbor_list(_REACH)
    pairs = index[first], index[second]
    valences = signs[pairs] * np.exp((lengths[pairs] - distances) / _SOFTNESS)
    sums = np.bincount(first, weights=valences, minlength=len(symbols))
    unknown = np.array([symbol not in _element_parameters() for symbol in symbols])
    return SiteBonds(symbols, first, second, distances, np.where(unknown, np.nan, sums))


def equal_sites(bonds: SiteBonds, sites: list[int]) -> list[list[int]]:
    """Split sites of one element where their bond-valence sums tell them apart.

    :param bonds: neighbours and sums.
    :param sites: the sites.
    :returns: groups of sites, in ascending order of the sum.
    """
    ordered = sorted(sites, key=lambda site: (bonds.sums[site], site))
    groups = [[ordered[0]]]
    for site in ordered[1:]:
        if bonds.sums[site] - bonds.sums[groups[-1][-1]] > _EQUAL_SUMS:
            groups.append([])
        groups[-1].append(site)
    return groups


def allowed_states(symbol: str, bond_valence_sum: float) -> tuple[int, ...]:
    """Return the states of an element that have the sign of its bonds.

    :param symbol: element symbol.
    :param bond_valence_sum: sum of the site, NaN where it is not known.
    :returns: the states, ascending.
    """
    states = oxidation_states_of(symbol)
    if math.isnan(bond_valence_sum) or abs(bond_valence_sum) < _SIGN_FROM:
        return states
    of_sign = tuple(state for state in states if state * bond_valence_sum > 0)
    return of_sign or states


def usual_costs(symbol: str, states: tuple[int, ...]) -> tuple[float, ...]:
    """Return how unusual states are: minus the logarithm of their share in the compounds of the ICSD.

    :param symbol: element symbol.
    :param states: the states.
    :returns: one cost per state.
    """
    counts = [1 + _statistics().get((symbol, state), (0.0, 0.0, 0))[2] for state in states]
    return tuple(math.log(sum(counts) / count) for count in counts)


def state_costs(symbol: str, states: tuple[int, ...], bond_valence_sum: float) -> tuple[float, ...]:
    """Return how unlikely states are for a site: minus the logarithm of the posterior, up to a constant.

    :param symbol: element symbol.
    :param states: the states.
    :param bond_valence_sum: sum of the site, NaN where it is not known.
    :returns: one cost per state.
    """
    usual = usual_costs(symbol, states)
    if math.isnan(bond_valence_sum):
        return usual
    costs = []
    for state, prior in zip(states, usual, strict=True):
        deviation = bond_valence_sum - _expected_sum(symbol, state)
        costs.append(prior + 0.5 * (deviation / _SIGMA) ** 2)
    return tuple(costs)


def _expected_sum(symbol: str, state: int) -> float:
    mean, sigma, count = _statistics().get((symbol, state), (0.0, 0.0, 0))
    known = float(state) if count < _FEW or sigma > _WIDE else mean
    return _EXPECTED_SUMS.get((symbol, state), known)


@lru_cache(maxsize=1)
def _element_parameters() -> dict[str, tuple[float, float, float, bool]]:
    """Return size, electronegativity parameter, electronegativity and whether a non-metal, by element."""
    from pymatgen.analysis.bond_valence import BV_PARAMS, ELECTRONEG

    return {
        element.symbol: (float(row['r']), float(row['c']), float(element.X), element in ELECTRONEG)
        for element, row in BV_PARAMS.items()
    }


@lru_cache(maxsize=1)
def _statistics() -> dict[tuple[str, int], tuple[float, float, int]]:
    """Return mean and standard deviation of the sums and number of compounds, by element and state."""
    from pymatgen.analysis.bond_valence import ICSD_BV_DATA, PRIOR_PROB

    return {
        (species.symbol, int(species.oxi_state)): (float(row['mean']), float(row['std']), int(PRIOR_PROB[species]))
        for species, row in ICSD_BV_DATA.items()
        if species in PRIOR_PROB
    }


@lru_cache(maxsize=4096)
def _pair_tables(kinds: tuple[str, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return R in Å and the sign of the first element's sum, by pair of elements; sign 0 where there is no bond."""
    lengths = np.zeros((len(kinds), len(kinds)))
    signs = np.zeros_like(lengths)
    known = _element_parameters()
    for i, one in enumerate(kinds):
        for j, other in enumerate(kinds):
            if i == j or one not in known or other not in known:
                continue
            (r1, c1, x1, soft1), (r2, c2, x2, soft2) = known[one], known[other]
            if soft1 or soft2:
                lengths[i, j] = r1 + r2 - r1 * r2 * (math.sqrt(c1) - math.sqrt(c2)) ** 2 / (c1 * r1 + c2 * r2)
                signs[i, j] = 1.0 if x1 < x2 else -1.0
    return lengths, signs
