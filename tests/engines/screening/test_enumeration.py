"""Counts and best lists against trying every composition with plain Python."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
from pymatgen.core import Element
from screen_to_be_killed import Learned

from aiida_limap.engines.screening._count_kernels import make_grid
from aiida_limap.engines.screening._torch_counts import TorchCounter
from aiida_limap.engines.screening.element_properties import element_property_table
from aiida_limap.engines.screening.enumeration import make_plan
from aiida_limap.engines.screening.funnel import ScreenOptions
from aiida_limap.engines.screening.hits import mean_mass
from aiida_limap.engines.screening.linear import LinearModel
from aiida_limap.engines.screening.oxidation_lists import allowed_states
from aiida_limap.engines.screening.prices import cost_usd_per_kg
from aiida_limap.engines.screening.reductions import ALL_REDUCTIONS, feature_labels, fraction_features
from aiida_limap.engines.screening.screen import screen
from aiida_limap.engines.screening.systems import ChemicalSystems

#: Many states (Mn, S), none (He), an element of a later row without a price (Ba), and one that is dear (Ga).
SYMBOLS = ('Li', 'O', 'S', 'P', 'Mn', 'Ga', 'Ba', 'He')
LABELS = feature_labels(reductions=ALL_REDUCTIONS)
STEP, LARGEST = 5, 5


def random_model(seed: int, labels=LABELS) -> LinearModel:
    drawn = np.random.default_rng(seed)
    names = [label.split(' ', 1)[1] for label in LABELS]
    scale = dict(zip(names, np.ptp(element_property_table(SYMBOLS), axis=0).repeat(5), strict=True))
    weights = np.array([drawn.normal() / scale[label.split(' ', 1)[1]] for label in labels])
    rows = [
        fraction_features(drawn.dirichlet(np.ones(3), 8), system) for system in (('Li', 'P', 'O'), ('Li', 'Mn', 'S'))
    ]
    columns = [feature_labels().index(label) for label in labels if label in feature_labels()]
    known = [place for place, label in enumerate(labels) if label in feature_labels()]
    return LinearModel(tuple(labels), weights, -float(np.median(np.concatenate(rows)[:, columns] @ weights[known])))


class Brute:
    """The same funnel, composition by composition."""

    def __init__(self, model: LinearModel | Learned, options: ScreenOptions) -> None:
        self.model, self.options = getattr(model, 'linear', model), options
        self.applicability = getattr(model, 'applicability_', None)
        self.states = allowed_states(SYMBOLS, options.oxidation_states)
        self.x = dict(zip(SYMBOLS, element_property_table(SYMBOLS, ('electronegativity',))[:, 0], strict=True))

    def neutral(self, system, amounts, least_gap=-math.inf) -> np.ndarray:
        """Return which compositions are neutral: every choice of states is tried on each."""
        lists = [self.states[symbol] for symbol in system]
        if not all(lists):
            return np.zeros(len(amounts), dtype=bool)
        if self.options.mixed_valence:
            least, greatest = (amounts @ [f(states) for states in lists] for f in (min, max))
            return (least <= 0) & (greatest >= 0)
        found = np.zeros(len(amounts), dtype=bool)
        for choice in itertools.product(*lists):
            cations = [self.x[s] for s, q in zip(system, choice, strict=True) if q > 0]
            anions = [self.x[s] for s, q in zip(system, choice, strict=True) if q < 0]
            gap = min(anions, default=math.inf) - max(cations, default=-math.inf)
            if gap >= least_gap and (gap > 0 or not self.options.electronegativity_order):
                found |= amounts @ choice == 0
        return found

    def stages(self, system, amounts, scores, rows) -> np.ndarray:
        """Return (8, n) which compositions pass each stage, and those before."""
        options = self.options
        wholes = [dict(zip(system, some, strict=True)) for some in amounts.tolist()]
        costs = [cost_usd_per_kg(whole) for whole in wholes]
        hint = options.stability_gap
        passed = [
            self.neutral(system, amounts),
            scores > 0,
            [mean_mass(whole) <= options.max_mean_mass_g_per_mol for whole in wholes],
            [cost is not None and cost <= options.max_cost_usd_per_kg for cost in costs],
            np.full(len(amounts), all(Element(symbol).row <= options.max_period for symbol in system)),
            np.full(len(amounts), max(system, key=lambda symbol: self.x[symbol]) in ('O', 'S')),
            np.full(len(amounts), True) if hint is None else self.neutral(system, amounts, hint),
            self.inside(rows),
        ]
        return np.logical_and.accumulate(np.array(passed))

    def inside(self, rows) -> np.ndarray:
        """Return which rows are within the range of the model."""
        if self.applicability is None or not self.options.applicability:
            return np.full(len(rows), True)
        return self.applicability.scores(rows, self.model.features).inside

    def run(self) -> tuple[np.ndarray, int, list[float]]:
        """Return counts by kind and stage, the fast compositions among all, and the best scores."""
        counts, fast, best = np.zeros((2, 8), dtype=int), 0, []
        parts = 100 // STEP
        for system in ChemicalSystems(SYMBOLS):
            found = []
            grid = itertools.product(range(1, parts), repeat=len(system) - 1)
            percent = [(*some, parts - sum(some)) for some in grid if sum(some) < parts]
            indices = itertools.product(range(1, LARGEST + 1), repeat=len(system))
            formulas = [some for some in indices if math.gcd(*some) == 1 and parts % sum(some)]
            for kind, amounts in enumerate(map(np.array, (percent, formulas))):
                rows = fraction_features(amounts, system, reductions=ALL_REDUCTIONS)[:, self.model_columns()]
                scores = self.model.score(rows)
                fast += int((scores > 0).sum()) if kind == 0 else 0
                passed = self.stages(system, amounts, scores, rows)
                counts[kind] += passed.sum(axis=1)
                found += scores[passed[-1]].tolist()
            best += sorted(found, reverse=True)[: self.options.best_per_system]
        return counts, fast, sorted(best, reverse=True)

    def model_columns(self) -> list[int]:
        return [LABELS.index(label) for label in self.model.features]


COMMON = {
    'elements': SYMBOLS,
    'step_percent': STEP,
    'largest_index': LARGEST,
    'max_mean_mass_g_per_mol': 25.0,
    'max_cost_usd_per_kg': 60.0,
    'max_period': 4,
    'anion_classes': ('oxide', 'sulfide'),
    'count_all': True,
    'best_per_system': 3,
}


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'oxidation_states': 'all', 'electronegativity_order': True, 'stability_gap': 1.0},
        {'mixed_valence': True},
    ],
)
def test_counts_and_hits_are_those_of_trying_everything(changes):
    options = ScreenOptions(**{**COMMON, **changes})
    model = random_model(3)
    counts, fast, best = Brute(model, options).run()
    found = screen(model, options)
    assert counts[:, 0].min() > 0 and counts[0, -1] > 0, 'the comparison must not be of empty sets'
    stages = ['neutral', 'neutral_fast', 'light', 'affordable', 'first_rows', 'anions']
    assert [found.counts[name] for name in stages] == counts[0, :6].tolist()
    assert [found.integer_counts[name] for name in stages] == counts[1, :6].tolist()
    if options.stability_gap is not None:
        assert found.counts['stable'] == counts[0, 6] < counts[0, 5]
        assert found.integer_counts['stable'] == counts[1, 6]
    assert found.counts['fast'] == fast
    assert len(best) == len(found.hits['score'])
    np.testing.assert_allclose(found.hits['score'], best, rtol=1e-10)
    assert sum(found.histograms['score']['neutral']) == counts[:, 0].sum()
    assert sum(found.histograms['score']['left']) == counts[:, -1].sum()
    assert sum(found.histograms['base_percent']['neutral_fast']) == counts[0, 1]
    assert found.elements['neutral'][found.elements['symbols'] == 'Li'][0] == counts[:, 0].sum()


def test_a_hit_is_described_from_its_formula():
    found = screen(random_model(3), ScreenOptions(**COMMON))
    hits = found.hits
    from pymatgen.core import Composition

    for row in range(len(hits['formula'])):
        composition = Composition(str(hits['formula'][row]))
        amounts = {str(symbol): amount for symbol, amount in composition.get_el_amt_dict().items()}
        assert hits['molar_mass_g_per_mol'][row] == pytest.approx(float(composition.weight))
        assert hits['cost_usd_per_kg'][row] == pytest.approx(cost_usd_per_kg(amounts))
        assert set(str(hits['system'][row]).split('-')) == set(amounts)
        found_states = re.findall(r'([A-Z][a-z]?)([+-]?[\d.]+)', str(hits['oxidation_states'][row]))
        charges = {symbol: float(charge) for symbol, charge in found_states}
        assert set(charges) == set(amounts)
        assert sum(amounts[symbol] * charge for symbol, charge in charges.items()) == pytest.approx(0)
        on_grid = 20 % sum(amounts.values()) == 0
        assert hits['kind'][row] == ('percent' if on_grid else 'integers')
    assert {'percent', 'integers'} == set(hits['kind'])


@pytest.mark.parametrize(
    'labels', [('mean electronegativity',), ('std group', 'max density_g_per_cm3', 'range period')]
)
def test_models_may_read_few_features(labels):
    model = LinearModel(labels, np.array([1.0, -0.5, -0.25][: len(labels)]), -1.5003)
    options = ScreenOptions(**COMMON)
    assert screen(model, options).counts['fast'] == Brute(model, options).run()[1] > 0


#: Features of a model, the number of its training rows, the elements in them, and a seed that leaves much.
RANGES = [
    (LABELS, 60, 4, 3),
    (('mean electronegativity', 'std period', 'std group'), 30, 6, 3),
    (('min group', 'range density_g_per_cm3', 'max electronegativity'), 30, 4, 1),
    (('mean electronegativity', 'max period'), 3, 6, 4),
]


@pytest.mark.parametrize(('labels', 'rows', 'elements', 'seed'), RANGES)
def test_the_range_of_the_model_is_that_of_trying_everything(labels, rows, elements, seed):
    options = ScreenOptions(**{**COMMON, 'count_all': False, 'stability_gap': 0.5, 'max_mean_mass_g_per_mol': 40.0})
    model = Learned.draw(random_model(seed, labels), SYMBOLS[:elements], rows)
    counts, _fast, best = Brute(model, options).run()
    assert 0 < counts[0, -1] < counts[0, -2] and 0 < counts[1, -1] < counts[1, -2], 'some must pass, and some must not'
    found = screen(model, options)
    for kind, given in enumerate((found.counts, found.integer_counts)):
        assert given['inside'] == counts[kind, -1]
        assert given['stable'] == counts[kind, 6]
    assert len(best) == len(found.hits['score'])
    np.testing.assert_allclose(found.hits['score'], best, rtol=1e-10)
    assert sum(found.histograms['score']['left']) == counts[:, -1].sum()
    assert (found.hits['inside'] == 1).all()


@pytest.mark.parametrize('shift', [-1e-9, 1e-9])
def test_compositions_at_the_border_are_counted_in_double_precision(shift):
    symbols = ('Li', 'O', 'P', 'H', 'S')
    # Whole lines of compositions with a mean period of 2 have a score of the shift, far below single precision.
    model = LinearModel(('mean period', 'std group'), np.array([3.0, 0.0]), -6.0 + shift)
    options = ScreenOptions(elements=symbols, count_all=True, step_percent=5, anion_classes=())
    periods = dict(zip(symbols, element_property_table(symbols, ('period',))[:, 0].astype(int), strict=True))
    above, at = 0, 0
    for system in ChemicalSystems(symbols):
        grid = itertools.product(range(1, 20), repeat=len(system) - 1)
        for some in (item for item in grid if sum(item) < 20):
            total = sum(n * periods[s] for n, s in zip((*some, 20 - sum(some)), system, strict=True))
            above, at = above + (total > 40), at + (total == 40)
    assert at > 100
    assert screen(model, options).counts['fast'] == above + (at if shift > 0 else 0)


@pytest.mark.parametrize('size', [3, 4])
def test_other_devices_count_the_same(size):
    plan = make_plan(random_model(5), ScreenOptions(**{**COMMON, 'sizes': (size,)}))
    counted = TorchCounter(make_grid(size, 20), 'cpu').count(
        plan.systems.table(0, len(plan.systems)), plan.elements, plan.rules
    )
    assert counted == screen(plan.model, plan.options).counts['fast'] > 0
