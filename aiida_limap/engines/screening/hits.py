"""Compositions that a screen found, in words: formulas, oxidation states, masses, costs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.screening.element_properties import element_property_table
from aiida_limap.engines.screening.enumeration import Block
from aiida_limap.engines.screening.funnel import anion_class
from aiida_limap.engines.screening.oxidation_lists import neutral_states
from aiida_limap.engines.screening.prices import cost_usd_per_kg
from aiida_limap.engines.screening.screen_plan import Plan

__all__ = ['Found', 'amounts_of', 'found_states', 'hit_columns', 'mean_mass', 'states_text']


@dataclass(frozen=True)
class Found:
    """A neutral choice of oxidation states.

    :param states: mean state of each element.
    :param gap: electronegativity of the least electronegative anion less that of the most electronegative cation;
        infinite where there is no pair of them.
    """

    states: Mapping[str, float]
    gap: float


def amounts_of(plan: Plan, number: int, code: int) -> dict[str, int]:
    """Return the amounts of a composition by element.

    :param plan: the screen.
    :param number: number of the chemical system.
    :param code: the amounts as the kernels keep them, a byte each.
    """
    row = plan.systems.table(number, number + 1)[0]
    amounts = [(code >> (8 * slot)) & 255 for slot in range(4)]
    return {plan.systems.elements[place]: amount for place, amount in zip(row, amounts, strict=True) if place >= 0}


def found_states(plan: Plan, amounts: Mapping[str, int]) -> list[Found]:
    """Return all neutral choices of the allowed oxidation states, that with the largest gap of electronegativity first.

    :param plan: the screen.
    :param amounts: whole amounts by element of the screen.
    """
    charges = plan.charges
    places = [plan.systems.elements.index(symbol) for symbol in amounts]
    spans = [
        [(int(charges.low[place, n]), int(charges.high[place, n])) for n in range(charges.n_states[place])]
        for place in places
    ]
    found = []
    for choice in itertools.product(*spans):
        states = neutral_states(list(amounts.values()), choice)
        gap = _gap(choice, [float(charges.electronegativity[place]) for place in places])
        if states is not None and gap >= charges.least_gap:
            found.append(Found(dict(zip(amounts, states, strict=True)), gap))
    return sorted(found, key=lambda item: -item.gap)


def _gap(choice: Sequence[tuple[int, int]], values: Sequence[float]) -> float:
    cations = [value for (low, _), value in zip(choice, values, strict=True) if low > 0]
    anions = [value for (_, high), value in zip(choice, values, strict=True) if high < 0]
    if any(math.isnan(value) for value in cations + anions):
        return -math.inf
    return min(anions, default=math.inf) - max(cations, default=-math.inf)


def states_text(states: Mapping[str, float]) -> str:
    """Return oxidation states in one line, such as ``Li+1 P+5 O-2``.

    :param states: mean state by element.
    """
    return ' '.join(f'{symbol}{state:+.3g}' if state else f'{symbol}0' for symbol, state in states.items())


def mean_mass(amounts: Mapping[str, float]) -> float:
    """Return the molar mass of one mole of atoms, g/mol.

    :param amounts: amounts by element.
    """
    from pymatgen.core import Element

    whole = sum(amount * float(Element(symbol).atomic_mass) for symbol, amount in amounts.items())
    return whole / sum(amounts.values())


def hit_columns(plan: Plan, block: Block) -> dict[str, NDArray]:
    """Return the best compositions as columns.

    :param plan: the screen.
    :param block: what was found.
    :returns: formula (reduced), system (elements with hyphens), kind (``percent`` or ``integers``), score, probability
        (NaN where the model is not calibrated), oxidation_states, molar_mass_g_per_mol (of the reduced formula),
        mean_mass_g_per_mol (of a mole of atoms), cost_usd_per_kg (NaN where an element has no price), anion_class,
        training_distance (mean distance to the nearest training rows, 1 at the limit of the range of the model) and
        inside (1 within the range, else 0) where the model knows its training rows, second_probability (with a second
        model), system_number and code (amounts, a byte each).
    """
    rows = [_row(plan, int(number), int(code)) for number, code in zip(block.number, block.code, strict=True)]
    calibrated = plan.model.calibration is not None
    probability = plan.model.probability_of_score(block.score) if calibrated else np.full(len(rows), np.nan)
    columns: dict[str, NDArray] = {
        name: np.array([row[name] for row in rows], dtype=str) for name in ('formula', 'system', 'kind')
    }
    columns |= {'score': block.score, 'probability': probability}
    columns['oxidation_states'] = np.array([row['oxidation_states'] for row in rows], dtype=str)
    for name in ('molar_mass_g_per_mol', 'mean_mass_g_per_mol', 'cost_usd_per_kg'):
        columns[name] = np.array([row[name] for row in rows], dtype=np.float64)
    columns['anion_class'] = np.array([row['anion_class'] for row in rows], dtype=str)
    columns |= _range_columns(plan, block)
    if plan.second is not None:
        columns['second_probability'] = block.probability
    return columns | {'system_number': block.number, 'code': block.code}


def _range_columns(plan: Plan, block: Block) -> dict[str, NDArray]:
    """Return how far the best compositions are from what the model learnt from."""
    if plan.applicability is None:
        return {}
    if not block.code.size:
        return {'training_distance': np.zeros(0), 'inside': np.zeros(0)}
    amounts = [amounts_of(plan, int(number), int(code)) for number, code in zip(block.number, block.code, strict=True)]
    found = plan.applicability.scores(plan.features(amounts), plan.model.features)
    return {'training_distance': found.ratios, 'inside': found.inside.astype(np.float64)}


def _row(plan: Plan, number: int, code: int) -> dict[str, str | float]:
    from pymatgen.core import Composition

    amounts = amounts_of(plan, number, code)
    total = sum(amounts.values())
    formula, _ = Composition(amounts).get_reduced_formula_and_factor()
    electronegativity = element_property_table(list(amounts), ('electronegativity',))[:, 0]
    states = found_states(plan, amounts)
    mass = mean_mass(amounts)
    cost = cost_usd_per_kg(amounts)
    return {
        'formula': formula,
        'system': '-'.join(amounts),
        'kind': 'percent' if total == plan.rules.parts else 'integers',
        'oxidation_states': states_text(states[0].states),
        'molar_mass_g_per_mol': mass * total / math.gcd(*amounts.values()),
        'mean_mass_g_per_mol': mass,
        'cost_usd_per_kg': math.nan if cost is None else cost,
        'anion_class': anion_class(dict(zip(amounts, electronegativity.tolist(), strict=True))),
    }
