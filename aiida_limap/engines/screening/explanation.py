"""Why a formula passes a screen or fails it, stage by stage; and the formulas that were published."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.element_properties import element_property_table
from aiida_limap.engines.screening.funnel import ScreenOptions, anion_class, anions_of
from aiida_limap.engines.screening.hits import Found, found_states, mean_mass, states_text
from aiida_limap.engines.screening.oxidation_lists import STATE_LISTS, allowed_states, neutral_states
from aiida_limap.engines.screening.prices import cost_usd_per_kg, element_prices
from aiida_limap.engines.screening.reductions import ALL_REDUCTIONS, composition_features, feature_labels
from aiida_limap.engines.screening.screen_plan import Plan, make_plan

__all__ = ['Explanation', 'Verdict', 'explain', 'published_formulas']

_PUBLISHED = (
    'LiN5P3O',
    'Li3Na4O3',
    'LiPO3',
    'LiMg3K2O4',
    'LiNaMg3O5',
    'Li2K3GaO4',
    'Li5Na2O3',
    'Li4NaGaO4',
    'Li2MgO2',
    'Li5K2O3',
    'Li5Na2NO2',
)


def published_formulas() -> tuple[str, ...]:
    """Return the oxides of Table III of Cubuk, Sendek and Reed, J. Chem. Phys. 150, 214701 (2019)."""
    return _PUBLISHED


@dataclass(frozen=True)
class Verdict:
    """What one stage says of a formula.

    :param stage: name of the stage, as in ``STAGES``; ``enumerated`` says whether the screen comes to the formula.
    :param passed: whether it passes; stages do not wait for each other here.
    :param reason: the numbers behind it, in words.
    """

    stage: str
    passed: bool
    reason: str


@dataclass(frozen=True)
class Explanation:
    """What a screen says of a formula.

    :param formula: the formula.
    :param kind: ``percent`` or ``integers``; empty where the screen does not come to it.
    :param fractions: exact amounts by element: parts of the grid, else indices of the formula.
    :param score: score of the model; None where an element lacks a property.
    :param verdicts: one per stage.
    """

    formula: str
    kind: str
    fractions: Mapping[str, int]
    score: float | None
    verdicts: tuple[Verdict, ...]

    @property
    def passes(self) -> bool:
        """Whether the screen lets the formula through."""
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def fails(self) -> tuple[Verdict, ...]:
        """The stages that it fails."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)


def explain(formula: str, model: Any, options: ScreenOptions | None = None) -> Explanation:
    """Say which stages of a screen a formula passes, and why not the others.

    :param formula: a formula with whole indices, such as ``LiPO3``.
    :param model: the model of the screen.
    :param options: the options of the screen.
    :raises InputError: if the formula cannot be read, or as :func:`~aiida_limap.engines.screening.screen.screen`.
    """
    plan = make_plan(model, options)
    amounts = _amounts(formula)
    outside = [symbol for symbol in amounts if symbol not in plan.systems.elements]
    if outside:
        verdict = Verdict('enumerated', False, f'{" and ".join(outside)} not among the elements of the screen')
        return Explanation(formula, '', amounts, None, (verdict,))
    kind, parts, verdict = _enumerated(plan, amounts)
    properties_of_model = plan.model.spread(feature_labels(reductions=ALL_REDUCTIONS))
    row = composition_features([dict(amounts)], reductions=ALL_REDUCTIONS)[0]
    score = float(row @ properties_of_model + plan.model.intercept)
    states = found_states(plan, amounts)
    verdicts = [verdict, *_charge(plan, amounts, states)]
    verdicts.append(Verdict('neutral_fast', score > 0, f'the score is {score:+.3f}; fast is above 0'))
    verdicts += [*_limits(plan, amounts, states), *_range(plan, amounts)]
    return Explanation(formula, kind, parts, score, tuple(verdicts))


def _amounts(formula: str) -> dict[str, int]:
    from pymatgen.core import Composition, Element

    try:
        composition = Composition(formula)
        found = {Element(str(symbol)).symbol: float(amount) for symbol, amount in composition.get_el_amt_dict().items()}
    except (ValueError, KeyError) as error:
        raise InputError(f'{formula!r} is no chemical formula') from error
    if not found or any(amount != int(amount) for amount in found.values()):
        raise InputError(f'{formula!r}: give a formula with whole indices, such as LiPO3')
    common = math.gcd(*(int(amount) for amount in found.values()))
    return {symbol: int(amount) // common for symbol, amount in found.items()}


def _enumerated(plan: Plan, amounts: Mapping[str, int]) -> tuple[str, dict[str, int], Verdict]:
    options, total = plan.options, sum(amounts.values())
    if len(amounts) not in options.sizes or (options.base is not None and options.base not in amounts):
        reason = f'{len(amounts)} elements; the screen has systems of {" and ".join(map(str, options.sizes))}'
        reason += f' elements with {options.base}' if options.base else ' elements'
        return '', dict(amounts), Verdict('enumerated', False, reason)
    if plan.rules.parts % total == 0:
        steps = {symbol: amount * plan.rules.parts // total for symbol, amount in amounts.items()}
        text = ', '.join(f'{symbol} {step * options.step_percent} %' for symbol, step in steps.items())
        return 'percent', steps, Verdict('enumerated', True, f'on the grid: {text}')
    if max(amounts.values()) <= plan.rules.largest and total <= plan.rules.most:
        return 'integers', dict(amounts), Verdict('enumerated', True, 'among the formulas of small integers')
    reason = (
        f'sum of indices {total} does not divide {plan.rules.parts}, and indices go up to {plan.rules.largest} only'
    )
    return '', dict(amounts), Verdict('enumerated', False, reason)


def _charge(plan: Plan, amounts: Mapping[str, int], states: list[Found]) -> list[Verdict]:
    if states:
        return [Verdict('neutral', True, states_text(states[0].states))]
    lists = [plan.states[symbol] for symbol in amounts]
    if not all(lists):
        bare = [symbol for symbol in amounts if not plan.states[symbol]]
        return [Verdict('neutral', False, f'{" and ".join(bare)} without oxidation states in the list')]
    nearest = min(
        itertools.product(*lists),
        key=lambda choice: abs(sum(n * q for n, q in zip(amounts.values(), choice, strict=True))),
    )
    rest = sum(n * q for n, q in zip(amounts.values(), nearest, strict=True))
    text = states_text(dict(zip(amounts, nearest, strict=True)))
    reason = f'nearest is {text}, which leaves {rest:+d}' if rest else f'{text} has anions that attract electrons less'
    return [Verdict('neutral', False, f'{reason}; {_wider(plan, amounts)}')]


def _wider(plan: Plan, amounts: Mapping[str, int]) -> str:
    """Return with which other oxidation states the formula would be neutral."""
    for mixed, which in itertools.product((False, True), STATE_LISTS):
        states = allowed_states(list(amounts), which)
        spans = [[(min(s), max(s))] if mixed and s else [(q, q) for q in s] for s in states.values()]
        for choice in itertools.product(*spans):
            found = neutral_states(list(amounts.values()), choice)
            if found is not None:
                text = states_text(dict(zip(amounts, found, strict=True)))
                return f'neutral with the list {which!r}{" and mixed valence" if mixed else ""}: {text}'
    return 'neutral with none of the lists'


def _range(plan: Plan, amounts: Mapping[str, int]) -> list[Verdict]:
    if not plan.asks_range or plan.applicability is None:
        return []
    found = plan.applicability.scores(plan.features([dict(amounts)]), plan.model.features)
    near = f'the nearest training rows are at {found.ratios[0]:.2f} of the limit'
    return [Verdict('inside', bool(found.inside[0]), found.reasons[0] or near)]


def _limits(plan: Plan, amounts: Mapping[str, int], states: list[Found]) -> list[Verdict]:
    from pymatgen.core import Element

    options = plan.options
    verdicts = []
    if options.max_mean_mass_g_per_mol is not None:
        mass, limit = mean_mass(amounts), options.max_mean_mass_g_per_mol
        verdicts.append(Verdict('light', mass <= limit, f'{mass:.1f} g per mol of atoms; at most {limit:g}'))
    if options.max_cost_usd_per_kg is not None:
        cost = cost_usd_per_kg(amounts)
        if cost is None:
            missing = [symbol for symbol in amounts if symbol not in element_prices()]
            verdicts.append(Verdict('affordable', False, f'no price of {" and ".join(missing)} is known'))
        else:
            limit = options.max_cost_usd_per_kg
            verdicts.append(Verdict('affordable', cost <= limit, f'{cost:.1f} USD/kg; at most {limit:g}'))
    if options.max_period is not None:
        far = [symbol for symbol in amounts if Element(symbol).row > options.max_period]
        reason = f'{" and ".join(far)} below row {options.max_period}' if far else f'rows up to {options.max_period}'
        verdicts.append(Verdict('first_rows', not far, reason))
    if options.anion_classes:
        values = dict(zip(amounts, element_property_table(list(amounts), ('electronegativity',))[:, 0], strict=True))
        highest = max(values, key=lambda symbol: values[symbol])
        passed = highest in anions_of(options.anion_classes)
        verdicts.append(Verdict('anions', passed, f'{anion_class(values)}: {highest} is the most electronegative'))
    if options.stability_gap is not None:
        gap = max((item.gap for item in states), default=-math.inf)
        reason = f'gap of electronegativity {gap:.2f}' if states else 'no neutral choice of states'
        verdicts.append(
            Verdict('stable', gap >= options.stability_gap, f'{reason}; at least {options.stability_gap:g}')
        )
    return verdicts
