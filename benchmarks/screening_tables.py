"""Tables of the benchmark of the screening models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aiida_limap.engines.screening.validation import METRICS
from benchmarks.common import print_table, write_markdown

__all__ = ['PUBLISHED', 'report']

#: Share of correct answers in per cent by set (measured, labelled by sML, molecular dynamics): Cubuk, Sendek & Reed
#: (2019), Table I.
PUBLISHED = {'sML': (90.0, None, 90.5), 'eML': (97.5, 13.0, 52.4), 'esML': (87.5, 92.0, 85.7)}
_SHOWN = METRICS[:4]
Table = tuple[str, list[str], list[list[Any]]]


def report(output: Path, result: dict[str, Any], rule: str) -> None:
    """Print the tables of the screening models, and write them as Markdown.

    :param output: folder.
    :param result: what the benchmark found.
    :param rule: words of the rule of esML that stands in the first table.
    """
    tables = [
        _table_one(result, rule),
        *(_sml_table(entry) for entry in result['sets']),
        *(_eml_table(entry) for entry in result['sets']),
        *(_esml_table(entry, weight) for entry in result['sets'] for weight in entry.get('esml', {})),
    ]
    for title, headings, rows in tables:
        print_table(title, headings, rows)
    write_markdown(output / 'screening_models.md', tables)


def _table_one(result: dict[str, Any], rule: str) -> Table:
    """Return accuracies in per cent, the paper's and ours."""
    rows: list[list[Any]] = [[f'{name}, paper', *values] for name, values in PUBLISHED.items()]
    for entry in result['sets']:
        esml = entry.get('esml', {}).get('None')
        transferred = {} if esml is None else esml['rules'][rule]
        sml, eml = entry['sml']['None'], entry['eml']['all']
        best = max(item['accuracy'] for item in eml['search']['best'])
        rows += [
            [f'sML, {entry["name"]}', _percent(sml['leave_one_out']), None, _percent(sml.get('dynamics'))],
            [f'eML, {entry["name"]}', 100 * best, _percent(eml.get('materials')), _percent(eml.get('dynamics'))],
            [f'eML nested, {entry["name"]}', _percent(eml['nested']), None, None],
            [
                f'esML, {entry["name"]}',
                *(_percent(transferred.get(key)) for key in ('measured_apart', 'cross_validation', 'dynamics')),
            ],
        ]
    return 'Correct answers in per cent', ['model, labels', 'measured', 'labels of sML', 'molecular dynamics'], rows


def _percent(scores: dict[str, float] | None) -> float | None:
    return None if scores is None else 100 * scores['accuracy']


def _sml_table(entry: dict[str, Any]) -> Table:
    headings = ['sML', *(name for name in _SHOWN)]
    chance = entry['chance']
    rows = [[f'chance: {way}', *(chance[way][name] for name in _SHOWN)] for way in chance]
    rows.append(['Sendek 2017, to be verified', *(entry['preset'][name] for name in _SHOWN)])
    for weight, sml in entry['sml'].items():
        told = 'balanced' if weight == 'balanced' else 'plain'
        rows.append([f'{told}, leave one formula out', *(_interval(sml, name) for name in _SHOWN)])
        rows.append([f'{told}, five folds repeated', *(_spread(sml['repeated'][name]) for name in _SHOWN)])
    counts = f'{entry["rows_with_structure"]} rows, {entry["fast_with_structure"]} fast'
    return f'{entry["name"]}: {counts}', headings, rows


def _interval(sml: dict[str, Any], name: str) -> str:
    low, high = sml['intervals'][name]
    return f'{sml["leave_one_out"][name]:.3f} ({low:.2f} to {high:.2f})'


def _spread(values: dict[str, float]) -> str:
    return f'{values["mean"]:.3f} ± {values["sd"]:.3f}'


def _eml_table(entry: dict[str, Any]) -> Table:
    headings = ['columns', 'size', 'subsets', 'best accuracy', 'ties', 'features']
    rows = []
    for name, eml in entry['eml'].items():
        for best in eml['search']['best']:
            words = ', '.join(best['features'])
            rows.append([name, best['size'], best['subsets'], best['accuracy'], best['ties'], words])
        shuffled = np.asarray(eml['shuffled'])
        rows.append([f'{name}: shuffled labels', '', '', f'{shuffled.mean():.3f} (max {shuffled.max():.3f})', '', ''])
        low, high = eml['nested']['intervals']['accuracy']
        told = f'{eml["nested"]["accuracy"]:.3f} ({low:.2f} to {high:.2f})'
        rows.append([f'{name}: nested', '', '', told, '', f'the searches promised {eml["nested_promised"]:.3f}'])
    all_slow = entry['chance']['all_slow']['accuracy']
    title = f'eML, {entry["name"]}: {entry["rows_with_structure"]} rows, all slow {all_slow:.3f}'
    return title, headings, rows


def _esml_table(entry: dict[str, Any], weight: str) -> Table:
    esml = entry['esml'][weight]
    headings = [
        'esML',
        'accuracy',
        'by fold',
        'F1',
        'MCC',
        'hold-out',
        'measured, known',
        'measured, apart',
        'molecular dynamics',
    ]
    rows: list[list[Any]] = [
        ['all slow', esml['chance']['all_slow']['accuracy'], None, 0.0, 0.0, None, None, None, None],
        ['composition known by heart', esml['ceiling'], None, None, None, None, None, None, None],
    ]
    for words, rule in esml['rules'].items():
        scores = rule['cross_validation']
        rows.append(
            [
                words,
                scores['accuracy'],
                _spread(rule['by_fold']['accuracy']),
                scores['f1'],
                scores['mcc'],
                *(rule[key]['accuracy'] for key in ('hold_out', 'measured', 'measured_apart', 'dynamics')),
            ]
        )
    told = f'{100 * esml["fast_share"]:.1f} % fast'
    return f'esML from sML of {entry["name"]} (class weight {weight}): {esml["rows"]} rows, {told}', headings, rows
