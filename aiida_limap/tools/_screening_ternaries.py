"""What the model of a screening says of all compositions of three elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_limap.formats.screenparts import Ternary
from aiida_limap.tools._query_error import QueryError

if TYPE_CHECKING:
    from aiida_limap.data.screening_model import ScreeningModelData

__all__ = ['STEP_PERCENT', 'chosen_systems', 'load_screening_model', 'read_systems', 'ternaries']

STEP_PERCENT = 2
_MOST_OWN = 4
_MOST = 6
#: Drawn beside the systems of the hits, to compare with: well-known families of conductors.
_USUAL = (('P', 'S'), ('P', 'O'), ('Y', 'Cl'), ('Ge', 'S'))
_SIZE = 3


def read_systems(words: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return the systems that a person names.

    :param words: such as ``Li-P-S``; the first element is the corner at the top.
    :raises QueryError: if one is not of three different elements.
    """
    from pymatgen.core import Element

    found = []
    for word in words:
        symbols = [part.strip() for part in word.split('-')]
        unknown = [symbol for symbol in symbols if not Element.is_valid_symbol(symbol)]
        if unknown or len(set(symbols)) != _SIZE or len(symbols) != _SIZE:
            raise QueryError(f'{word!r} is no ternary system: give three different elements such as Li-P-S')
        found.append((symbols[0], symbols[1], symbols[2]))
    return found


def chosen_systems(systems: Sequence[str], elements: Sequence[str], base: str | None) -> list[tuple[str, str, str]]:
    """Return the ternary systems of the best hits, and well-known ones beside them.

    :param systems: systems of the hits, elements joined by hyphens, the best first.
    :param elements: elements of the screening; empty where they are not known, then all are taken.
    :param base: the element that all compositions hold.
    """
    own = [tuple(word.split('-')) for word in dict.fromkeys(systems) if word.count('-') == _SIZE - 1]
    found = [_based(system, base) for system in own[:_MOST_OWN]]
    for pair in _USUAL:
        system = (base or 'Li', *pair)
        is_known = not elements or set(system) <= set(elements)
        if len(found) < _MOST and is_known and set(system) not in [set(entry) for entry in found]:
            found.append(system)
    return [(first, second, third) for first, second, third in found]


def _based(system: tuple[str, ...], base: str | None) -> tuple[str, ...]:
    """Return a system with its base first, and the most electronegative element last."""
    from aiida_limap.engines.screening.element_properties import element_property_table

    values = dict(zip(system, element_property_table(system, ('electronegativity',))[:, 0].tolist(), strict=True))
    return tuple(sorted(system, key=lambda symbol: (symbol != base, values[symbol])))


def load_screening_model(node: ScreeningModelData) -> Any:
    """Return the estimator that a node holds.

    :param node: the stored model.
    """
    from aiida_limap.engines.screening.models import load_model

    with node.as_path() as path:
        return load_model(path)


def ternaries(
    model: Any, options: Mapping[str, Any], systems: Sequence[tuple[str, str, str]], formulas: Mapping[str, str]
) -> tuple[Ternary, ...]:
    """Return scores and neutrality over ternary systems, on a grid of :data:`STEP_PERCENT`.

    :param model: an estimator with a linear rule on reductions of element properties.
    :param options: of the screening: its oxidation states and how they are combined.
    :param systems: the systems.
    :param formulas: hits, formula to system.
    :raises LimapError: if an element has not the properties that the model reads.
    """
    from aiida_limap.engines.screening.funnel import ScreenOptions
    from aiida_limap.engines.screening.hits import found_states
    from aiida_limap.engines.screening.screen_plan import make_plan

    parts = 100 // STEP_PERCENT
    amounts = [(a, b, parts - a - b) for a in range(1, parts - 1) for b in range(1, parts - a)]
    percent = tuple((float(STEP_PERCENT * a), float(STEP_PERCENT * b), float(STEP_PERCENT * c)) for a, b, c in amounts)
    rules = {name: options[name] for name in _OF_STATES if options.get(name) is not None}
    found = []
    for system in systems:
        own = {symbol: states for symbol, states in (rules.get('own_states') or {}).items() if symbol in system}
        given = {**rules, 'own_states': own or None, 'elements': list(system), 'sizes': [3], 'base': None, **_OPEN}
        plan = make_plan(model, ScreenOptions.from_dict(given))
        scores = _scores(model, amounts, system)
        neutral = tuple(bool(found_states(plan, dict(zip(system, row, strict=True)))) for row in amounts)
        hits = [formula for formula, word in formulas.items() if set(word.split('-')) == set(system)]
        found.append(
            Ternary(system, percent, scores, neutral, tuple(hits), tuple(_percent(one, system) for one in hits))
        )
    return tuple(found)


#: Options that decide whether a composition can be neutral.
_OF_STATES = ('oxidation_states', 'own_states', 'mixed_valence', 'electronegativity_order')
#: A diagram shows all compositions, whatever the limits of the screening.
_OPEN: dict[str, Any] = {
    'max_mean_mass_g_per_mol': None, 'max_cost_usd_per_kg': None, 'max_period': None, 'anion_classes': [],
}  # fmt: skip


def _scores(model: Any, amounts: Sequence[tuple[int, ...]], system: Sequence[str]) -> tuple[float, ...]:
    from aiida_limap.engines.screening.element_properties import ELEMENT_PROPERTIES
    from aiida_limap.engines.screening.reductions import ALL_REDUCTIONS, feature_labels, fraction_features

    features = fraction_features(np.array(amounts, dtype=np.float64), system, ELEMENT_PROPERTIES, ALL_REDUCTIONS)
    linear = model.linear
    labels = feature_labels(ELEMENT_PROPERTIES, ALL_REDUCTIONS)
    return tuple(linear.score(features[:, linear.columns(labels)]).tolist())


def _percent(formula: str, system: Sequence[str]) -> tuple[float, float, float]:
    from pymatgen.core import Composition

    composition = Composition(formula)
    first, second, third = (100 * composition.get_atomic_fraction(symbol) for symbol in system)
    return first, second, third
