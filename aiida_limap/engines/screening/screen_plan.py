"""From a linear model and options to what the kernels of a screen read, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.devices import check_device
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening import _kernels as kernels
from aiida_limap.engines.screening._neutral_kernels import Charges
from aiida_limap.engines.screening._range_kernels import STD, Domain, no_domain
from aiida_limap.engines.screening.applicability import NEIGHBOURS, Applicability
from aiida_limap.engines.screening.element_properties import complete_elements, element_property_table
from aiida_limap.engines.screening.funnel import ScreenOptions, anions_of
from aiida_limap.engines.screening.linear import LinearModel
from aiida_limap.engines.screening.oxidation_lists import allowed_states, states_for_kernels
from aiida_limap.engines.screening.prices import element_prices
from aiida_limap.engines.screening.reductions import ALL_REDUCTIONS, composition_features, feature_labels
from aiida_limap.engines.screening.second_model import SecondModel, is_classifier
from aiida_limap.engines.screening.systems import ChemicalSystems, parts_of

__all__ = ['BIN_EDGES', 'Plan', 'chemical_systems', 'linear_of', 'make_plan']

#: Edges of the histograms of scores; a linear classifier has its margins at -1 and 1.
BIN_EDGES = np.linspace(-10.0, 10.0, 201)
#: A rule that calls everything fast, where a classifier of compositions is the only model.
_EVERYTHING = LinearModel(('mean atomic_number',), np.zeros(1), 1.0)
_NO_RANGE = (
    'the model does not say what it learnt from, so that its range is not known: compositions far from its training '
    'are not left out'
)
_NO_LINEAR_RANGE = (
    'a screen asks for the range of linear models only: compositions far from the training of this network are not '
    'left out'
)


@dataclass(frozen=True, eq=False)
class Plan:
    """All that a screen needs, checked and in the form of the kernels.

    :param model: the linear model.
    :param options: the options.
    :param systems: the chemical systems.
    :param states: oxidation states by symbol.
    :param charges: the same for the kernels.
    :param elements: what elements bring.
    :param rules: numbers of model and options.
    :param second: the second model, if there is one.
    :param alone: whether it is the only model: then everything is fast for the linear one.
    :param applicability: the range of the model; None where it does not know what it learnt from.
    :param checksum: of all that counts and hits depend on.
    """

    model: LinearModel
    options: ScreenOptions
    systems: ChemicalSystems
    states: dict[str, tuple[int, ...]]
    charges: Charges
    elements: kernels.Elements
    rules: kernels.Rules
    second: SecondModel | None
    alone: bool
    applicability: Applicability | None
    checksum: str

    @property
    def asks_range(self) -> bool:
        """Whether compositions out of the range of the model are left out."""
        return self.options.applicability and self.applicability is not None

    @property
    def note(self) -> str:
        """A sentence where compositions out of the range should be left out, but the range is not known; else empty."""
        if not self.options.applicability or self.applicability is not None:
            return ''
        return _NO_LINEAR_RANGE if self.alone else _NO_RANGE

    def features(self, amounts: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
        """Return (n, k) what the model reads of compositions.

        :param amounts: amounts by element, one mapping per composition.
        """
        properties = tuple(_weights(self.model))
        rows = composition_features(amounts, properties, ALL_REDUCTIONS)
        return rows[:, self.model.columns(feature_labels(properties, ALL_REDUCTIONS))]


def linear_of(model: Any) -> LinearModel:
    """Return the linear rule of a model.

    :param model: a :class:`LinearModel`, or an estimator that has one as ``linear``.
    :raises InputError: if it is neither.
    """
    linear = getattr(model, 'linear', model)
    if not isinstance(linear, LinearModel):
        raise InputError(f'a screen takes a linear model of element properties, not {type(model).__name__}')
    return linear


def make_plan(model: Any, options: ScreenOptions | None = None, second: Any = None) -> Plan:
    """Check a model and options, and bring them into the form of the kernels.

    :param model: a linear model on labels such as ``mean electronegativity``, or an estimator with one; or a classifier
        of compositions, which is then asked about everything that passes the other stages.
    :param options: the options.
    :param second: a classifier for :class:`~aiida_limap.engines.screening.second_model.SecondModel`.
    :raises InputError: if the model reads other features, an element has not the properties that it reads, or nothing
        can be left after the stages.
    """
    alone = second is None and is_classifier(model) and not hasattr(model, 'linear')
    model, second = (_EVERYTHING, model) if alone else (model, second)
    linear = linear_of(model)
    options = options or ScreenOptions()
    weights = _weights(linear)
    properties = tuple(weights) or ('atomic_number',)
    systems = chemical_systems(options)
    if options.device != 'cpu':
        check_device(options.device)
    symbols = systems.elements
    table = element_property_table(symbols, properties)
    electronegativity = element_property_table(symbols, ('electronegativity',))[:, 0]
    states = allowed_states(symbols, options.oxidation_states, options.own_states)
    charges = states_for_kernels(
        states,
        electronegativity,
        mixed_valence=options.mixed_valence,
        electronegativity_order=options.electronegativity_order,
    )
    by_reduction = {
        name: np.array([weights[p][name] if p in weights else 0.0 for p in properties]) for name in ALL_REDUCTIONS
    }
    applicability = None if alone else getattr(model, 'applicability_', None)
    asked = applicability if options.applicability else None
    elements = _elements(symbols, options, table, table @ by_reduction['mean'], electronegativity)
    rules = kernels.Rules(
        intercept=linear.intercept,
        deviation=by_reduction['std'],
        least=by_reduction['min'] - by_reduction['range'],
        greatest=by_reduction['max'] + by_reduction['range'],
        parts=parts_of(options.step_percent),
        largest=options.largest_index,
        most=options.largest_sum or 4 * max(1, options.largest_index),
        stable_gap=-np.inf if options.stability_gap is None else float(options.stability_gap),
        bins=(float(BIN_EDGES[0]), float(1 / (BIN_EDGES[1] - BIN_EDGES[0]))),
        domain=no_domain() if asked is None else _domain(asked, linear, properties),
    )
    _check_something_left(systems, options, states, elements)
    tables = [symbols, properties, table.tolist(), {name: list(found) for name, found in states.items()}]
    tables += [elements.mass_excess.tolist(), [str(value) for value in elements.cost_excess]]
    opinion = None if second is None else SecondModel(second)
    tables.append(None if opinion is None else opinion.fingerprint())
    tables.append(None if applicability is None else applicability.fingerprint())
    checksum = options.checksum(linear.as_dict(), tables)
    return Plan(linear, options, systems, states, charges, elements, rules, opinion, alone, applicability, checksum)


def chemical_systems(options: ScreenOptions) -> ChemicalSystems:
    """Return the chemical systems of a screen.

    :param options: the options; without elements, all those with nine known properties are taken.
    :raises InputError: if there are too few elements.
    """
    return ChemicalSystems(options.elements or complete_elements(), options.sizes, options.base)


def _weights(linear: LinearModel) -> dict[str, dict[str, float]]:
    """Return the weights by property and reduction, zero where the model does not look."""
    known = set(feature_labels(reductions=ALL_REDUCTIONS))
    unknown = [label for label in linear.features if label not in known]
    if unknown:
        raise InputError(
            f'the model reads {", ".join(unknown)}, which no composition tells: a screen takes models of element '
            f'properties with features such as "mean electronegativity"'
        )
    if not np.isfinite([*linear.weights, linear.intercept]).all():
        raise InputError('the weights of the model are not all finite numbers')
    found: dict[str, dict[str, float]] = {}
    for label, weight in zip(linear.features, linear.weights, strict=True):
        reduction, name = label.split(' ', 1)
        found.setdefault(name, dict.fromkeys(ALL_REDUCTIONS, 0.0))[reduction] = float(weight)
    return found


def _domain(applicability: Applicability, linear: LinearModel, properties: tuple[str, ...]) -> Domain:
    """Return the range of a model for the kernels: features that a whole system shares first."""
    words = [label.split(' ', 1) for label in linear.features]
    reductions = np.array([ALL_REDUCTIONS.index(reduction) for reduction, _ in words])
    order = np.argsort(reductions <= STD, kind='stable')
    low, high = applicability.bounds()
    return Domain(
        reductions=reductions[order],
        places=np.array([properties.index(name) for _, name in words])[order],
        n_fixed=int((reductions > STD).sum()),
        centre=applicability.centre[order],
        scale=applicability.scale[order],
        low=low[order],
        high=high[order],
        points=np.ascontiguousarray(applicability.points[:, order]),
        neighbours=min(NEIGHBOURS, len(applicability.points)),
        limit=applicability.limit,
    )


def _elements(
    symbols: tuple[str, ...],
    options: ScreenOptions,
    table: NDArray[np.float64],
    linear: NDArray[np.float64],
    electronegativity: NDArray[np.float64],
) -> kernels.Elements:
    from pymatgen.core import Element

    masses = np.array([float(Element(symbol).atomic_mass) for symbol in symbols])
    prices = element_prices()
    price = np.array([prices[symbol].usd_per_kg if symbol in prices else np.inf for symbol in symbols])
    none = np.zeros(len(symbols))
    mass_limit, cost_limit = options.max_mean_mass_g_per_mol, options.max_cost_usd_per_kg
    wanted = anions_of(options.anion_classes)
    periods = np.array([Element(symbol).row for symbol in symbols])
    return kernels.Elements(
        linear=linear,
        properties=table,
        mass_excess=none if mass_limit is None else masses - mass_limit,
        cost_excess=none if cost_limit is None else masses * (price - cost_limit),
        in_rows=periods <= (options.max_period or 7),
        anion=np.array([not wanted or symbol in wanted for symbol in symbols]),
        electronegativity=electronegativity,
    )


def _check_something_left(
    systems: ChemicalSystems, options: ScreenOptions, states: Mapping[str, tuple[int, ...]], elements: kernels.Elements
) -> None:
    """Refuse options after which no composition can be left, whatever the model says."""
    charged = {symbol: values for symbol, values in states.items() if values}
    for what, sign in (('positive', 1), ('negative', -1)):
        if not any(sign * value > 0 for values in charged.values() for value in values):
            raise InputError(
                f'no composition can be neutral: none of {", ".join(systems.elements)} has a {what} oxidation state in '
                f'the list {options.oxidation_states!r}; add elements, take another list, or give own_states'
            )
    inside = [symbol for symbol, good in zip(systems.elements, elements.in_rows, strict=True) if good]
    if (options.base is not None and options.base not in inside) or len(inside) < min(systems.sizes):
        raise InputError(
            f'nothing can be left: with max_period {options.max_period} only {", ".join(inside) or "no element"} '
            f'may occur, too few for a system; raise max_period or leave it out'
        )
    if options.anion_classes and not anions_of(options.anion_classes) & set(inside):
        raise InputError(
            f'nothing can be left: {" and ".join(options.anion_classes)} are wanted, but none of '
            f'{", ".join(sorted(anions_of(options.anion_classes)))} is among the elements'
            + (f' of the first {options.max_period} rows' if options.max_period else '')
        )
