"""How well atom2vec says what sML says, by the length of its vectors; what elements contribute; how quick it is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import LimapError
from aiida_limap.engines.screening.atom2vec import (
    Atom2VecClassifier,
    ElementContributions,
    dimension_plateau,
    element_contributions,
)
from aiida_limap.engines.screening.labels import embedded_conductivities
from aiida_limap.engines.screening.models import Sendek2017, StructureModel
from aiida_limap.engines.screening.sendek import FIVE_FEATURES, PUBLISHED_FIVE, sendek_features
from aiida_limap.engines.screening.validation import classification_scores
from benchmarks.common import load_entries, print_table, shared_options, write_markdown, write_result

__all__ = ['screening_atom2vec']

FILES = ('mp_li_oxides.jsonl.gz', 'mp_li_other.jsonl.gz')
FEATURES = (*FIVE_FEATURES, 'SBIL')
#: Elements that are anions in most of their compounds of the data.
ANIONS = ('N', 'P', 'As', 'O', 'S', 'Se', 'Te', 'F', 'Cl', 'Br', 'I')
PUBLISHED_AGREEMENT = 95.4
Table = tuple[str, Sequence[str], Sequence[Sequence[Any]]]


@click.command('screening_atom2vec')
@shared_options
@click.option('--folds', default=10, show_default=True, help='Folds of the hold-out.')
@click.option('--members', default=4, show_default=True, help='Random starts per fold, judged singly and as one.')
@click.option('--starts', default=1000, show_default=True, help='Random starts for the contributions of elements.')
def screening_atom2vec(data: Path | None, output: Path, folds: int, members: int, starts: int) -> None:
    """Judge atom2vec on labels that sML gives thousands of structures, and time it.

    \b
    Example:
      python -m benchmarks screening_atom2vec --data my-data-folder
    """
    if data is None:
        raise click.ClickException('this benchmark needs thousands of structures; name their folder with --data')
    formulas, rows = _described(data)
    sets = _labels(rows)
    tables: list[Table] = []
    result: dict[str, Any] = {'structures': len(formulas)}
    for title, build in (
        ('agreement', lambda: _agreement_table(formulas, sets, folds, members)),
        ('plateau', lambda: _plateau_table(formulas, sets['sML'], folds)),
        ('contributions', lambda: _contributions_table(formulas, sets['sML'], starts)),
        ('speed', lambda: _speed_table(formulas, sets['sML'])),
    ):
        began, cpu = time.perf_counter(), time.process_time()
        tables.append(build())
        result |= {f'{title}_wall_s': time.perf_counter() - began, f'{title}_cpu_s': time.process_time() - cpu}
        print_table(*tables[-1])
    write_markdown(output / 'screening_atom2vec.md', tables)
    result['tables'] = [{'title': title, 'headings': headings, 'rows': cells} for title, headings, cells in tables]
    write_result(output, 'screening_atom2vec', result)


def _described(data: Path) -> tuple[list[str], NDArray[np.float64]]:
    """Return formulas and features of all structures that have them."""
    formulas, rows = [], []
    for file in FILES:
        for entry in load_entries(data, file):
            try:
                found = sendek_features(entry.structure, names=FEATURES)
            except LimapError:
                continue
            formulas.append(entry.structure.composition.reduced_formula)
            rows.append([found[name] for name in FEATURES])
    return formulas, np.array(rows)


def _labels(rows: NDArray[np.float64]) -> dict[str, NDArray[np.int64]]:
    """Return labels by what gives them: sML of the embedded measurements, plain and balanced, and the rule of 2017."""
    measured = [row for row in embedded_conductivities().rows if row.structure is not None]
    known = np.array([[sendek_features(row.structure)[name] for name in FIVE_FEATURES] for row in measured])
    labels, groups = [row.label for row in measured], [row.formula for row in measured]
    five = rows[:, [FEATURES.index(name) for name in FIVE_FEATURES]]
    published = rows[:, [FEATURES.index(name) for name in PUBLISHED_FIVE]]
    sets = {'rule of 2017': Sendek2017().predict(published)}
    for name, weight in (('sML', None), ('sML, balanced', 'balanced')):
        model = StructureModel(class_weight=weight, contradictions='majority').fit(known, labels, groups=groups)
        sets[name] = model.predict(five)
    return sets


def _agreement_table(formulas: list[str], sets: Mapping[str, NDArray[np.int64]], folds: int, members: int) -> Table:
    cells = []
    for name, labels in sets.items():
        splits: dict[str, Any] = {'formulas': None}
        if name == 'sML':
            # As the published number presumably is: polymorphs of a formula on both sides.
            splits['structures'] = range(len(formulas))
        for split, groups in splits.items():
            found = dimension_plateau(formulas, labels, (3,), folds=folds, starts=members, groups=groups)
            joint = classification_scores(labels, found.scores[0] > 0)
            single = found.agreement[0]
            cells.append([
                name, split, 100 * single.mean(), 100 * single.std(ddof=1), 100 * joint['accuracy'], joint['f1'],
                joint['mcc'], 100 * max(labels.mean(), 1 - labels.mean()), 100 * _most_possible(formulas, labels),
            ])  # fmt: skip
    headings = (
        'labels', 'held out', 'one network, %', 'spread over folds and starts, %', f'{members} networks, %',
        'F1', 'MCC', 'all slow, %', 'most that a composition can tell, %',
    )  # fmt: skip
    return (f'Agreement on held-out rows; published {PUBLISHED_AGREEMENT} %', headings, cells)


def _most_possible(formulas: Sequence[str], labels: NDArray[np.int64]) -> float:
    """Return the share of rows that have the more frequent label of their formula."""
    _, member = np.unique(np.array(formulas), return_inverse=True)
    counts = np.stack([np.bincount(member, weights=labels == label) for label in (0, 1)])
    return float(counts.max(axis=0).sum() / len(labels))


def _plateau_table(formulas: list[str], labels: NDArray[np.int64], folds: int) -> Table:
    found = dimension_plateau(formulas, labels, (1, 2, 3, 4, 6, 8), folds=folds)
    cells = [
        [size, 100 * row.mean(), 100 * row.std(ddof=1), 100 * row.std(ddof=1) / len(row) ** 0.5]
        for size, row in zip(found.dimensions, found.agreement, strict=True)
    ]
    title = f'Agreement on held-out formulas by D; within one standard error of the best from D = {found.reached_at}'
    return (title, ('D', 'mean, %', 'spread over folds, %', 'standard error, %'), cells)


def _contributions_table(formulas: list[str], labels: NDArray[np.int64], starts: int) -> Table:
    found = element_contributions(formulas, labels, starts=starts)
    values = found.as_dict()
    shown = [*found.ranking()[:10], *(symbol for symbol in _anions(found) if symbol not in found.ranking()[:10])]
    cells = [
        [
            symbol, values[symbol]['n_rows'], found.ranking().index(symbol) + 1, values[symbol]['mean'],
            values[symbol]['spread'], found.ranking('gradient').index(symbol) + 1, values[symbol]['gradient_mean'],
            values[symbol]['gradient_spread'],
        ]
        for symbol in shown
    ]  # fmt: skip
    headings = (
        'element', 'rows', 'rank by plane', 'plane, mean', 'spread', 'rank by slope', 'slope, mean', 'spread',
    )  # fmt: skip
    agreement = (
        f'networks {100 * found.network_agreement.mean():.1f} %, planes {100 * found.plane_agreement.mean():.1f} %'
    )
    return (f'Contributions, {starts} starts ({agreement} of what they learnt)', headings, cells)


def _anions(found: ElementContributions) -> list[str]:
    return found.ranking(among=ANIONS)


def _speed_table(formulas: list[str], labels: NDArray[np.int64]) -> Table:
    began = time.process_time()
    model = Atom2VecClassifier(epochs=10, calibration_folds=0).fit(formulas, labels)
    training = time.process_time() - began
    scorer, drawn = model.scorer(), np.random.default_rng(0)
    places = drawn.integers(0, len(model.elements), (4_000_000, 4)).astype(np.int16)
    amounts = drawn.integers(1, 50, places.shape).astype(np.int16)
    scorer.score_sparse(places[:1000], amounts[:1000], total=100, threads=1)
    began = time.process_time()
    scorer.score_sparse(places, amounts, total=100, threads=1)
    compiled = len(places) / (time.process_time() - began)
    matrix = np.zeros((100_000, len(model.columns_)))
    matrix[np.arange(len(matrix))[:, None], places[: len(matrix)]] = amounts[: len(matrix)]
    began = time.process_time()
    model.decision_function(matrix)
    plain = len(matrix) / (time.process_time() - began)
    cells = [
        ['training, rows and epochs per second', 10 * len(labels) / training],
        ['compiled scorer, compositions per second', compiled],
        ['decision_function of a matrix, compositions per second', plain],
    ]
    return ('Speed, per second of a processor', ('what', 'number'), cells)
