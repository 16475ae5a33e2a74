"""Oxidation states of a composition with partial occupancies: one state per element."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from aiida_limap.engines.chemistry.bond_valence_states import usual_costs
from aiida_limap.engines.chemistry.charge_balance import lower_hull
from aiida_limap.engines.chemistry.elements import anion_charges, oxidation_states_of
from aiida_limap.engines.chemistry.oxidation_ways import MEAN_TOLERANCE
from aiida_limap.engines.errors import OxidationStatesError

__all__ = ['composition_states']

_ROUNDING = 1e-9
#: Cost of charge that has to be shared, per unit of relative change: any neutral assignment is better.
_SHARING_COST = 1e3


def composition_states(amounts: Mapping[str, float], name: str) -> tuple[dict[str, float], str]:
    """Find one state per element that makes a composition neutral.

    Of all assignments in which at most one element lies between two of its states, the one whose states are most usual;
    if none is neutral, the nearest one with the rest shared by at most :data:`MEAN_TOLERANCE`.

    :param amounts: number of atoms by element symbol, occupancies counted.
    :param name: formula for messages.
    :returns: state by element symbol, and the word for the way: ``composition`` if all are whole, else
        ``composition_mean``.
    :raises OxidationStatesError: if no assignment is neutral.
    """
    symbols = sorted(amounts)
    best: tuple[float, dict[str, float]] | None = None
    for choice in itertools.product(*(_choices(symbol, set(symbols)) for symbol in symbols)):
        trial = _lowest_cost([amounts[symbol] for symbol in symbols], symbols, choice)
        if trial is not None and (best is None or trial[0] < best[0] - _ROUNDING):
            best = trial[0], dict(zip(symbols, trial[1], strict=True))
    if best is None:
        raise OxidationStatesError(
            f'{name}: no usual oxidation states of its elements make it neutral, even with charges changed by up to '
            f'{MEAN_TOLERANCE:.1%}; give them'
        )
    whole = all(abs(value - round(value)) < _ROUNDING for value in best[1].values())
    return best[1], 'composition' if whole else 'composition_mean'


def _choices(symbol: str, present: set[str]) -> list[tuple[int, ...]]:
    """Return the states of an element as anion and as cation, as far as its partners allow either."""
    states = oxidation_states_of(symbol)
    negative = tuple(state for state in states if state < 0)
    positive = tuple(state for state in states if state > 0)
    anions = set(anion_charges())
    if symbol in {'O', 'F'} or not positive:
        return [negative]
    if symbol not in anions and symbol != 'H' and present & anions:
        return [positive]
    return [part for part in (negative, positive) if part]


def _lowest_cost(
    amounts: Sequence[float], symbols: Sequence[str], choice: Sequence[tuple[int, ...]]
) -> tuple[float, list[float]] | None:
    """Raise all elements from their lowest states, cheapest step first, until the composition is neutral."""
    if not any(states and states[0] < 0 for states in choice) or not all(choice):
        return None
    hulls = [lower_hull(states, _costs(symbol, states)) for symbol, states in zip(symbols, choice, strict=True)]
    values = [float(states[0]) for states, _ in hulls]
    cost = sum(amount * float(costs[0]) for amount, (_, costs) in zip(amounts, hulls, strict=True))
    total = sum(amount * value for amount, value in zip(amounts, values, strict=True))
    steps = sorted(
        ((costs[k + 1] - costs[k]) / (states[k + 1] - states[k]), index, k)
        for index, (states, costs) in enumerate(hulls)
        for k in range(len(states) - 1)
    )
    if total <= 0:
        for slope, index, k in steps:
            width = hulls[index][0][k + 1] - hulls[index][0][k]
            raised = min(width, -total / amounts[index])
            values[index] += raised
            cost += slope * raised * amounts[index]
            total += raised * amounts[index]
            if total >= -_ROUNDING:
                break
    values = [round(value) if abs(value - round(value)) < 1e-6 else value for value in values]
    total = sum(amount * value for amount, value in zip(amounts, values, strict=True))
    shares = [value < 0 if total < 0 else value > 1 for value in values]
    capacity = sum(a * v for a, v, share in zip(amounts, values, shares, strict=True) if share)
    if abs(total) < 1e-6 * sum(amounts):
        return float(cost), [float(value) for value in values]
    if capacity == 0 or abs(total / capacity) > MEAN_TOLERANCE + _ROUNDING:
        return None
    factor = 1 - total / capacity
    shared = [value * factor if share else float(value) for value, share in zip(values, shares, strict=True)]
    return float(cost) + _SHARING_COST * abs(total / capacity) + _SHARING_COST, shared


def _costs(symbol: str, states: tuple[int, ...]) -> list[float]:
    every = oxidation_states_of(symbol)
    return [cost for state, cost in zip(every, usual_costs(symbol, every), strict=True) if state in states]
