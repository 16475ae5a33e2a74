"""A screening report of the size and shape of a real one. All numbers are invented: nothing was measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.formats.screenparts import (
    Curve,
    CurveSet,
    ElementValues,
    Histogram,
    ModelScore,
    NodeReference,
    Score,
    Stage,
    Ternary,
)

_ROWS = (
    'Li Be B C N O F Na Mg Al Si P S Cl K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Rb Sr Y Zr Nb Mo In Sn Sb Te',
    'I Cs Ba La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Pb Bi Th U',
)
ELEMENTS = [word for row in _ROWS for word in row.split()]
ANIONS = {'O': 'oxide', 'S': 'sulfide', 'N': 'nitride', 'Cl': 'halide', 'F': 'halide'}


def _models() -> tuple[ModelScore, ...]:
    def entry(model: str, data_set: str, how: str, n: int, accuracy: float, published: float | None) -> ModelScore:
        scores = {
            'accuracy': Score(accuracy, 0.5 / n**0.5),
            'f1': Score(accuracy - 0.1, 0.6 / n**0.5),
            'mcc': Score(2 * accuracy - 1, 0.8 / n**0.5),
        }
        return ModelScore(model, data_set, how, n, scores, 0.6, published)

    return (
        entry('sML', 'exp', 'leave-one-out', 40, 0.85, 0.9),
        entry('sML', 'DFT', 'hold-out', 41, 0.8, 0.905),
        entry('eML', 'exp', 'nested', 40, 0.72, 0.975),
        entry('eML', 'MP', 'transfer', 9000, 0.31, 0.13),
        entry('eML', 'DFT', 'hold-out', 41, 0.5, 0.524),
        entry('esML', 'exp', 'hold-out', 40, 0.8, 0.875),
        entry('esML', 'MP', '10-fold', 9000, 0.93, 0.93),
        entry('esML', 'MP', 'hold-out', 900, 0.925, 0.92),
        ModelScore('esML', 'DFT', '', 0, published_accuracy=0.857),
        entry('atom2vec', 'MP', 'hold-out', 900, 0.955, 0.954),
    )


def _curves() -> dict[str, CurveSet]:
    sizes = (30, 100, 300, 1000, 3000, 9000)
    rising = [tuple(float(top - 0.4 / (n / 30) ** 0.4) for n in sizes) for top in (0.93, 0.96)]
    numbers = tuple(range(1, 9))
    return {
        'learning': CurveSet(
            'Number of labels',
            'Accuracy',
            tuple(Curve(name, sizes, y, (0.02,) * 6) for name, y in zip(('esML', 'atom2vec'), rising, strict=True)),
        ),
        'subsets': CurveSet(
            'Features in the subset',
            'Accuracy on the labelled set',
            (
                Curve('best leave-one-out', numbers, tuple(0.78 + 0.022 * k for k in numbers)),
                Curve('nested', numbers, tuple(0.74 - 0.006 * k for k in numbers), (0.03,) * 8),
                Curve('published', (7,), (0.975,), is_published=True),
            ),
            'The best of thousands of subsets looks better than it is.',
        ),
        'plateau': CurveSet(
            'Dimension of the element vectors',
            'Hold-out accuracy',
            (
                Curve('atom2vec', (1, 2, 3, 4, 6, 8), (0.86, 0.93, 0.953, 0.954, 0.955, 0.953), (0.01,) * 6),
                Curve('published', (3,), (0.954,), is_published=True),
            ),
        ),
    }


def _ternary(elements: tuple[str, str, str], step: int, weights: tuple[float, float, float]) -> Ternary:
    percent = [(a, b, 100 - a - b) for a in range(step, 100, step) for b in range(step, 100 - a, step)]
    scores = tuple(float(np.dot(row, weights) / 100 + 0.3 * np.sin(row[0] / 20)) for row in percent)
    third = elements[2]
    neutral = tuple(2 * row[2] == row[0] + 5 * row[1] for row in percent)
    formulas, places = (
        (f'Li3{elements[1]}{third}4', f'Li{elements[1]}{third}2'),
        ((37.5, 12.5, 50.0), (25.0, 25.0, 50.0)),
    )
    return Ternary(elements, tuple(percent), scores, neutral, formulas, places)


def _hits(number: int) -> dict[str, MapProperty]:
    random = np.random.default_rng(3)
    metals = [word for word in ELEMENTS if word not in {*ANIONS, 'Li'}]
    rows = []
    for index in range(number):
        first, second = (metals[i] for i in random.choice(len(metals), 2, replace=False))
        anion = list(ANIONS)[index % len(ANIONS)]
        counts = random.integers(1, 6, 4).tolist()
        symbols = ['Li', first, second, anion] if index % 3 else ['Li', first, anion]
        formula = ''.join(word + (str(n) if n > 1 else '') for word, n in zip(symbols, counts, strict=False))
        rows.append(('integers' if index % 2 else 'percent', formula, '-'.join(symbols), anion))
    score = np.sort(random.gamma(2.0, 0.6, number))[::-1]
    columns = {
        'formula': ('Formula', '', [row[1] for row in rows]),
        'system': ('Elements', '', [row[2] for row in rows]),
        'kind': ('Kind', '', [row[0] for row in rows]),
        'score': ('Score', '', score.round(4).tolist()),
        'probability': ('Probability', '', (1 / (1 + np.exp(-score))).round(4).tolist()),
        'atom2vec_probability': ('Probability, atom2vec', '', random.uniform(0.2, 1, number).round(3).tolist()),
        'anion_class': ('Class', '', [ANIONS[row[3]] for row in rows]),
        'mean_mass_g_per_mol': ('Mass of a mole of atoms', 'g/mol', random.uniform(30, 200, number).round(2).tolist()),
        'cost_usd_per_kg': (
            'Cost', 'USD/kg',
            [None if i % 11 == 5 else round(float(c), 2) for i, c in enumerate(random.gamma(2, 9, number))],
        ),
        'oxidation_states': ('Oxidation states', '', ['Li +1'] * number),
        'nearest_formula': ('Nearest known', '', ['Li3PO4' if i % 3 else None for i in range(number)]),
        'nearest_uuid': ('Nearest structure', '', [f'2{i:07d}-0000-4000-8000-000000000000' for i in range(number)]),
        'job_uuid': ('Job', '', [f'3{i % 4:07d}-0000-4000-8000-000000000000' for i in range(number)]),
    }  # fmt: skip
    return {name: MapProperty(tuple(values), label, unit) for name, (label, unit, values) in columns.items()}


def invented_screening(n_hits: int = 60, step: int = 5, **changes: Any) -> ScreeningReport:
    """Return a report with every part; ``step`` is that of the ternary diagrams, percent."""
    random = np.random.default_rng(7)
    by_element = {name: dict(zip(ELEMENTS, random.normal(0, 1, 66).round(3).tolist(), strict=True)) for name in 'ab'}
    edges = tuple(np.linspace(-4, 4, 41).tolist())
    shape = np.exp(-((np.array(edges[:-1]) + 0.1) ** 2))
    uuid = '{}0000000-0000-4000-8000-000000000000'
    values: dict[str, Any] = {
        'title': 'Invented screening',
        'models': _models(),
        'curves': _curves(),
        'funnel': (
            Stage('all', 'all compositions', 19_716_968_700, 20_000_000_000),
            Stage('neutral', 'charge neutral', 1_812_345_678, 2_000_000_000),
            Stage('fast', 'predicted fast', 131_415_926, 140_000_000, 'Of the neutral ones.'),
            Stage('cost', 'molar mass and cost', 2_718_281),
            Stage('rows', 'first four rows', 41_421, integers=310),
            Stage('oxides', 'oxides', 1_732, integers=26),
        ),
        'elements': {
            'contribution': ElementValues(
                'Contribution to fast conduction', '', by_element['a'],
                dict.fromkeys(ELEMENTS, 0.2), is_signed=True, note='Mean of 1000 random starts.',
            ),
            'occurrence': ElementValues(
                'Hits with the element', '', {word: float(3 * i) for i, word in enumerate(ELEMENTS)}
            ),
            'price': ElementValues(
                'Price', 'USD/kg', {word: round(10 ** (1 + value), 3) for word, value in by_element['b'].items()},
                is_logarithmic=True,
            ),
        },
        'ternaries': (
            _ternary(('Li', 'P', 'S'), step, (2.0, -1.0, -0.4)),
            _ternary(('Li', 'P', 'O'), step, (1.5, -1.0, -1.2)),
            _ternary(('Li', 'Al', 'Cl'), step, (1.2, -2.0, 0.3)),
        ),
        'histograms': (
            Histogram('neutral', 'charge neutral', edges, tuple(int(n) for n in 1e8 * shape)),
            Histogram('integers', 'small integer formulas', edges, tuple(int(n) for n in 1e5 * shape**2)),
        ),
        'hits': _hits(n_hits),
        'n_hits': 1_732 if n_hits <= 1_732 else n_hits,
        'facts': {'Work chain': uuid.format(9), 'Made': '2024-05-01 12:00 UTC', 'Step': '1 %'},
        'settings': {'Funnel': {'molar mass': 'at most 120 g/mol', 'cost': 'at most 50 USD/kg'}, 'Models': {'s': '0'}},
        'nodes': (
            NodeReference('work chain', 'ScreenWorkChain', uuid.format(9), f'verdi process show {uuid.format(9)}'),
            NodeReference('hits', 'TableData', uuid.format(8), f'verdi data limap show {uuid.format(8)}'),
        ),
        'bibtex': ('@article{cubuk2019,\n  doi = {10.1063/1.5093220},\n}',),
        'missing': {},
    }  # fmt: skip
    return ScreeningReport(**{**values, **changes})
