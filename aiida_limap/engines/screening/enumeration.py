"""From a linear model and options to tallies of a range of chemical systems, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening import _count_kernels as counting
from aiida_limap.engines.screening import _kernels as kernels
from aiida_limap.engines.screening._neutral_kernels import Charges, Room
from aiida_limap.engines.screening.element_properties import complete_elements, element_property_table
from aiida_limap.engines.screening.funnel import ScreenOptions, anions_of
from aiida_limap.engines.screening.linear import LinearModel
from aiida_limap.engines.screening.oxidation_lists import allowed_states, states_for_kernels
from aiida_limap.engines.screening.prices import element_prices
from aiida_limap.engines.screening.reductions import ALL_REDUCTIONS, feature_labels
from aiida_limap.engines.screening.systems import ChemicalSystems, parts_of
from aiida_limap.engines.threads import available_threads

__all__ = ['BIN_EDGES', 'Block', 'Plan', 'linear_of', 'make_plan', 'run_range']

#: Edges of the histograms of scores; a linear classifier has its margins at -1 and 1.
BIN_EDGES = np.linspace(-10.0, 10.0, 201)
#: Systems that one thread takes at a time.
_PORTION = 64


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
    :param checksum: of all that counts and hits depend on.
    """

    model: LinearModel
    options: ScreenOptions
    systems: ChemicalSystems
    states: dict[str, tuple[int, ...]]
    charges: Charges
    elements: kernels.Elements
    rules: kernels.Rules
    checksum: str


@dataclass(frozen=True, eq=False)
class Block:
    """What is kept of a range of systems.

    :param counts: (2, 8) compositions after each stage, the fast ones among all first, by kind.
    :param histogram: (2, b) neutral and last compositions by score.
    :param first_element: (2, parts + 1) neutral, and neutral fast, compositions of the grid by amount of the base.
    :param by_element: (n, 3) neutral, neutral fast and last compositions that hold an element.
    :param score: (hits,) best scores, descending.
    :param number: (hits,) numbers of their systems.
    :param code: (hits,) their amounts, a byte each.
    """

    counts: NDArray[np.int64]
    histogram: NDArray[np.int64]
    first_element: NDArray[np.int64]
    by_element: NDArray[np.int64]
    score: NDArray[np.float64]
    number: NDArray[np.int64]
    code: NDArray[np.int64]

    @staticmethod
    def joined(blocks: list[Block], most: int) -> Block:
        """Add up blocks and keep the best of their hits; the order of the blocks does not matter.

        :param blocks: at least one.
        :param most: number of hits to keep.
        """
        hits = {
            name: np.concatenate([getattr(block, name) for block in blocks]) for name in ('score', 'number', 'code')
        }
        best = np.lexsort((hits['code'], hits['number'], -hits['score']))[:most]
        sums = {name: np.sum([getattr(block, name) for block in blocks], axis=0) for name in _SUMS}
        return Block(**sums, **{name: values[best] for name, values in hits.items()})


_SUMS = ('counts', 'histogram', 'first_element', 'by_element')


def linear_of(model: Any) -> LinearModel:
    """Return the linear rule of a model.

    :param model: a :class:`LinearModel`, or an estimator that has one as ``linear``.
    :raises InputError: if it is neither.
    """
    linear = getattr(model, 'linear', model)
    if not isinstance(linear, LinearModel):
        raise InputError(f'a screen takes a linear model of element properties, not {type(model).__name__}')
    return linear


def make_plan(model: Any, options: ScreenOptions | None = None) -> Plan:
    """Check a model and options, and bring them into the form of the kernels.

    :param model: a linear model on labels such as ``mean electronegativity``, or an estimator with one.
    :param options: the options.
    :raises InputError: if the model reads other features, an element has not the properties that it reads, or nothing
        can be left after the stages.
    """
    linear = linear_of(model)
    options = options or ScreenOptions()
    weights = _weights(linear)
    properties = tuple(weights) or ('atomic_number',)
    symbols = options.elements or complete_elements()
    systems = ChemicalSystems(symbols, options.sizes, options.base)
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
    )
    _check_something_left(systems, options, states, elements)
    tables = [symbols, properties, table.tolist(), {name: list(found) for name, found in states.items()}]
    tables += [elements.mass_excess.tolist(), [str(value) for value in elements.cost_excess]]
    return Plan(linear, options, systems, states, charges, elements, rules, options.checksum(linear.as_dict(), tables))


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


def run_range(plan: Plan, first: int, last: int, done: Callable[[int], None] | None = None) -> Block:
    """Screen a range of systems with all threads.

    :param plan: what to do.
    :param first: number of the first system.
    :param last: number behind the last one.
    :param done: called with the number of systems of each portion that is finished.
    """
    threads = plan.options.threads or available_threads()
    grids = {size: counting.make_grid(size, plan.rules.parts) for size in plan.systems.sizes if plan.options.count_all}
    best = Block.joined([_empty(plan)], plan.options.best_total)
    with ThreadPoolExecutor(threads) as pool:
        for start, part in _finished(pool, plan, (first, last), grids):
            best = Block.joined([best, part], plan.options.best_total)
            if done is not None:
                done(min(_PORTION, last - start))
    return best


def _finished(
    pool: ThreadPoolExecutor, plan: Plan, span: tuple[int, int], grids: Mapping[int, counting.Grid]
) -> Iterator[tuple[int, Block]]:
    starts = range(*span, _PORTION)
    parts = pool.map(lambda start: _portion(plan, start, min(start + _PORTION, span[1]), grids), starts)
    return zip(starts, parts, strict=True)


def _empty(plan: Plan) -> Block:
    return _block(plan, _tally(plan, 0), 0, np.zeros(0, dtype=np.int64))


def _tally(plan: Plan, systems: int) -> kernels.Tally:
    shape = (systems, plan.options.best_per_system)
    return kernels.Tally(
        counts=np.zeros((len(kernels.KINDS), kernels.N_COUNTS), dtype=np.int64),
        histogram=np.zeros((2, len(BIN_EDGES) - 1), dtype=np.int64),
        first_element=np.zeros((2, plan.rules.parts + 1), dtype=np.int64),
        by_element=np.zeros((len(plan.systems.elements), 3), dtype=np.int64),
        best_score=np.full(shape, -np.inf),
        best_code=np.zeros(shape, dtype=np.int64),
    )


def _portion(plan: Plan, first: int, last: int, grids: Mapping[int, counting.Grid]) -> Block:
    """Screen some systems on one thread."""
    rows = plan.systems.table(first, last)
    tally = _tally(plan, last - first)
    n_properties = len(plan.rules.deviation)
    choices = int(np.prod(np.sort(np.maximum(plan.charges.n_states, 1))[-4:]))
    room = Room(np.zeros((choices + 1, 4, 2), np.int64), np.zeros(choices + 1), np.zeros((128, 2), np.uint64))
    desk = kernels.Desk(
        room,
        np.zeros(kernels.CHUNK, np.int64),
        np.zeros((4, kernels.CHUNK)),
        np.zeros((kernels.PAIRS, kernels.CHUNK)),
        np.zeros(kernels.CHUNK),
        np.zeros((n_properties, kernels.PAIRS)),
    )
    kernels.screen_systems(rows, plan.charges, plan.elements, plan.rules, tally, desk)
    fast = 0
    for size, grid in grids.items():
        of_size = np.ascontiguousarray(rows[(rows >= 0).sum(axis=1) == size])
        space = counting.CountDesk(np.zeros(counting.STRIP, np.float32), np.zeros((n_properties, kernels.PAIRS)))
        fast += int(counting.count_fast(of_size, plan.elements, plan.rules, grid, space))
    return _block(plan, tally, fast, np.arange(first, last))


def _block(plan: Plan, tally: kernels.Tally, fast: int, numbers: NDArray[np.int64]) -> Block:
    counts = np.concatenate([np.array([[fast], [0]]), tally.counts], axis=1)
    row, place = np.nonzero(tally.best_score > -np.inf)
    hits = tally.best_score[row, place], numbers[row], tally.best_code[row, place]
    found = Block(counts, tally.histogram, tally.first_element, tally.by_element, *hits)
    return Block.joined([found], plan.options.best_total) if len(row) else found
