"""The file of a screening report. All numbers are invented."""

from __future__ import annotations

import dataclasses
import json

import pytest

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.formats.screening import ScreeningReport, read_screening, write_screening
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


def invented_report(**changes) -> ScreeningReport:
    hits = {
        'formula': MapProperty(('Li3PS4', 'Li2S'), 'Formula'),
        'system': MapProperty(('Li-P-S', 'Li-S'), 'Elements'),
        'score': MapProperty((1.5, 0.25), 'Score', '', 'Distance to the border of the classes.'),
        'cost_usd_per_kg': MapProperty((12.0, None), 'Cost', 'USD/kg'),
    }
    values = {
        'title': 'Sulfides & more',
        'models': (
            ModelScore('sML', 'exp', 'leave-one-out', 40, {'accuracy': Score(0.9, 0.05), 'f1': Score(0.8)}, 0.6, 0.9),
            ModelScore('eML', 'MP', 'transfer', 0, published_accuracy=0.13),
        ),
        'curves': {'learning': CurveSet('Labels', 'Accuracy', (Curve('sML', (5, 10), (0.6, 0.7), (0.1, 0.1)),))},
        'funnel': (Stage('all', 'all compositions', 1000, 20_000_000_000), Stage('oxides', 'oxides', None)),
        'elements': {'contribution': ElementValues('Contribution', '', {'Li': 1.0, 'O': -0.5}, {'Li': 0.1}, True)},
        'ternaries': (Ternary(('Li', 'P', 'S'), ((50, 25, 25),), (0.5,), (True,), ('Li3PS4',), ((37.5, 12.5, 50),)),),
        'histograms': (Histogram('neutral', 'charge neutral', (-1.0, 0.0, 1.0), (3, 4)),),
        'hits': hits,
        'n_hits': 7,
        'facts': {'Mobile ion': 'Li'},
        'settings': {'Funnel': {'step': '1 %'}},
        'nodes': (NodeReference('hits', 'TableData', '0' * 8, 'verdi data limap show 00000000'),),
        'bibtex': ('@article{a,\n}',),
        'missing': {'plateau': 'not asked for'},
    }
    return ScreeningReport(**{**values, **changes})


def test_round_trip(tmp_path):
    path = tmp_path / 'screening.json'
    report = invented_report()
    write_screening(path, report)
    again = read_screening(path)
    assert dataclasses.asdict(again) == dataclasses.asdict(report)
    first = path.read_bytes()
    write_screening(path, again)
    assert path.read_bytes() == first


def test_a_report_may_be_nearly_empty(tmp_path):
    path = tmp_path / 'screening.json'
    write_screening(path, ScreeningReport('nothing yet'))
    assert read_screening(path).n_listed == 0


@pytest.mark.parametrize(
    ('build', 'sentence'),
    [
        (lambda: Score(float('nan')), 'is no finite number'),
        (lambda: Score(True), 'True is no finite number'),
        (lambda: Score(0.5, -0.1), 'lies outside of 0 to inf'),
        (lambda: ModelScore('sML', 'exp', '', 40, published_accuracy=90.0), '90.0 lies outside of 0 to 1'),
        (lambda: ModelScore('sML', 'exp', '', -1), '-1 is no count'),
        (lambda: Curve('a', (1, 2), (1,)), '2 places, 1 values'),
        (lambda: Curve('a', (2, 1), (1, 1)), 'do not ascend'),
        (lambda: Curve('a', (), ()), '0 places'),
        (lambda: Stage('all', 'all', 1.5), '1.5 is no count'),
        (lambda: ElementValues('Price', '', {'Li': 0.0}, is_logarithmic=True), 'zero has no logarithm'),
        (lambda: ElementValues('Price', '', {'Li': 1.0}, {'O': 1.0}), 'a spread for O'),
        (lambda: ElementValues('Price', '', {}, is_signed=True, is_logarithmic=True), 'either the sign or'),
        (lambda: Ternary(('Li', 'Li', 'O'), (), (), ()), 'three different elements'),
        (lambda: Ternary(('Li', 'P', 'O'), ((50, 25, 20),), (1.0,), (True,)), r'\(50, 25, 20\) is not three parts'),
        (lambda: Ternary(('Li', 'P', 'O'), ((50, 25, 25),), (), (True,)), '1 compositions, 0 scores'),
        (lambda: Ternary(('Li', 'P', 'O'), (), (), (), ('Li3PO4',)), '1 formulas and 0 places'),
        (lambda: Histogram('a', '', (0.0, 1.0), (1, 2)), '2 borders for 2 counts'),
        (lambda: Histogram('a', '', (0.0, 0.0), (1,)), 'do not ascend'),
        (lambda: invented_report(curves={'losses': CurveSet('', '', ())}), "unknown curves 'losses'; known are learn"),
        (lambda: invented_report(elements={'mass': ElementValues('', '', {})}), "unknown element values 'mass'"),
        (lambda: invented_report(n_hits=1), '2 hits are listed, but there are 1 only'),
        (lambda: invented_report(hits={'formula': MapProperty((), '')}), "no column 'system'"),
    ],
)
def test_parts_that_disagree_are_refused(build, sentence):
    with pytest.raises(FormatError, match=sentence):
        build()


def test_columns_of_hits_belong_together():
    hits = dict(invented_report().hits)
    with pytest.raises(FormatError, match="'kind' has 1 values for 2 hits"):
        invented_report(hits={**hits, 'kind': MapProperty(('percent',), 'Kind')})
    with pytest.raises(FormatError, match="'score' of the hits holds words"):
        invented_report(hits={**hits, 'score': MapProperty(('high', 'low'), 'Score')})


@pytest.mark.parametrize(
    ('change', 'sentence'),
    [
        (lambda d: d.update(schema_version=2), 'schema version 2 is not version 1'),
        (lambda d: d.update(schema='limap.map'), "expected a file of schema 'limap.screening'"),
        (lambda d: d.update(extra=1), "unknown key 'extra'"),
        (lambda d: d.pop('funnel'), "the key 'funnel' is missing"),
        (lambda d: d['funnel'][0].update(colour='red'), "funnel: entry 0: unknown key 'colour'"),
        (lambda d: d['funnel'][0].update(count='many'), "'many' is no count"),
        (lambda d: d['models'][0]['scores'].update(f1=3), 'entry 0: f1: expected an object, found int'),
        (lambda d: d.update(nodes=3), 'not of the kind'),
        (lambda d: d['curves']['learning'].update(curves=5), 'not of the kind'),
    ],
)
def test_damaged_files_are_refused_with_a_sentence(tmp_path, change, sentence):
    path = tmp_path / 'screening.json'
    write_screening(path, invented_report())
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(FormatError, match=sentence) as caught:
        read_screening(path)
    assert str(caught.value).startswith('screening.json: ')
