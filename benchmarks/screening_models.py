"""Table I of Cubuk et al. (2019) again: models of few measurements, the spread of their scores, and chance."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from aiida_limap.engines.screening.models import ElementModel, Sendek2017, StructureModel, TransferModel
from aiida_limap.engines.screening.nested import nested_selection, permuted_searches
from aiida_limap.engines.screening.reductions import feature_labels
from aiida_limap.engines.screening.selection import SearchOptions, Subset, search_subsets
from aiida_limap.engines.screening.validation import (
    bootstrap_intervals,
    chance_levels,
    classification_scores,
    cross_validate,
    learning_curve,
    leave_one_out,
    repeated_cross_validation,
    share_in_folds,
    summarised,
)
from benchmarks.common import shared_options, write_result
from benchmarks.screening_sets import Materials, MeasuredSet, dynamics_set, materials, measured_sets
from benchmarks.screening_tables import PUBLISHED, report

__all__ = ['screening_models']

TRANSFER_FOLDS = 10
#: Sets of more rows are searched by five folds, in subsets of at most so many columns.
_FEW_ROWS = 100
_SMALL_SUBSETS = {'means': 4, 'all': 2}
#: Rules of the composition that learn labels of structures: words, loss, class weight.
RULES = (
    ('squared hinge', 'squared_hinge', None),
    ('squared hinge, balanced', 'squared_hinge', 'balanced'),
)
CURVE_SHARES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)


@dataclass(frozen=True)
class _Budget:
    repeats: int
    subset_size: int
    draws: int
    seed: int


@click.command('screening_models')
@shared_options
@click.option('--structures', default=None, type=int, help='Structures that sML labels  [default: all]')
@click.option('--subset-size', default=3, show_default=True, help='Largest subset of all 36 columns that is tried.')
@click.option('--repeats', default=10, show_default=True, help='Repeats of five-fold cross-validation.')
@click.option('--draws', default=5, show_default=True, help='Searches on shuffled labels.')
@click.option('--seed', default=0, show_default=True, help='Of all folds, shuffles and bootstraps.')
def screening_models(
    data: Path | None,
    output: Path,
    structures: int | None,
    subset_size: int,
    repeats: int,
    draws: int,
    seed: int,
) -> None:
    """Judge sML, eML and esML on measured sets, on labels of sML, and on molecular dynamics, beside the paper.

    \b
    Examples:
      python -m benchmarks screening_models --data my-data-folder
      python -m benchmarks screening_models --embedded --subset-size 2
    """
    budget = _Budget(repeats, subset_size, draws, seed)
    known = None if data is None else materials(data, structures)
    sets = measured_sets(data, known)
    dynamics = None if data is None or known is None else dynamics_set(data, known)
    result: dict[str, Any] = {'sets': [], 'seed': seed, 'published_percent': PUBLISHED}
    if known is not None:
        result['structures'] = {'described': len(known.ids), 'lost': known.lost, 'formulas': len(set(known.formulas))}
        click.echo(
            f'{len(known.ids)} structures of {len(set(known.formulas))} formulas; without features: {known.lost}'
        )
    for measured in sets:
        result['sets'].append(_judged(measured, known, dynamics, budget))
    if known is not None and dynamics is not None:
        result['preset'] = _preset(known, dynamics)
    report(output, result, RULES[0][0])
    write_result(output, 'screening_models', result)


def _judged(
    measured: MeasuredSet, known: Materials | None, dynamics: MeasuredSet | None, budget: _Budget
) -> dict[str, Any]:
    crystals = measured.with_structure
    found: dict[str, Any] = {
        'name': measured.name,
        'rows': len(measured.labels),
        'fast': int(measured.labels.sum()),
        'rows_with_structure': len(crystals.labels),
        'fast_with_structure': int(crystals.labels.sum()),
        'chance': chance_levels(crystals.labels),
    }
    click.echo(f'{measured.name}: {len(measured.labels)} rows, {len(crystals.labels)} of them with a crystal')
    found['sml'] = {str(weight): _sml(crystals, weight, known, dynamics, budget) for weight in (None, 'balanced')}
    found['preset'] = classification_scores(crystals.labels, Sendek2017().predict(crystals.published))
    found['eml'] = _eml(crystals, known, dynamics, budget)
    if known is not None and dynamics is not None:
        found['esml'] = {str(weight): _esml(crystals, weight, known, dynamics, budget) for weight in (None, 'balanced')}
    return found


def _sml(
    crystals: MeasuredSet, weight: str | None, known: Materials | None, dynamics: MeasuredSet | None, budget: _Budget
) -> dict[str, Any]:
    model = StructureModel(class_weight=weight, contradictions='majority', seed=budget.seed)
    alone = leave_one_out(model, crystals.five, crystals.labels, crystals.formulas)
    found: dict[str, Any] = {
        'leave_one_out': alone.scores(crystals.labels),
        'intervals': bootstrap_intervals(crystals.labels, alone.predicted, crystals.formulas, seed=budget.seed),
        'repeated': _repeated(model, crystals.five, crystals, budget),
    }
    model.fit(crystals.five, crystals.labels, groups=crystals.formulas)
    found['model'] = model.linear.as_dict()
    if known is not None and dynamics is not None:
        labels = model.predict(known.five)
        crystal = dynamics.with_structure
        found['fast_share'] = float(labels.mean())
        found['inside_share'] = float(model.applicability(known.five).inside.mean())
        found['dynamics'] = _with_intervals(crystal.labels, model.predict(crystal.five), crystal.formulas)
    return found


def _repeated(model: Any, rows: NDArray[np.float64], measured: MeasuredSet, budget: _Budget) -> dict[str, Any]:
    """Return the scores of repeated cross-validation; five folds, or as many as the rarer class allows."""
    runs = repeated_cross_validation(
        model,
        rows,
        measured.labels,
        measured.formulas,
        n_folds=_possible(measured, 5),
        repeats=budget.repeats,
        seed=budget.seed,
    )
    return summarised([run.scores(measured.labels) for run in runs])


def _possible(measured: MeasuredSet, folds: int) -> int:
    """Return a number of folds that the formulas of the rarer class allow."""
    formulas = np.asarray(measured.formulas)
    return min(folds, *(len(set(formulas[measured.labels == label].tolist())) for label in (0, 1)))


def _with_intervals(labels: NDArray[np.int64], predicted: NDArray[np.int64], groups: Sequence[str]) -> dict[str, Any]:
    return {
        **classification_scores(labels, predicted),
        'intervals': bootstrap_intervals(labels, predicted, groups),
        'chance': chance_levels(labels),
    }


def _eml(
    measured: MeasuredSet, known: Materials | None, dynamics: MeasuredSet | None, budget: _Budget
) -> dict[str, Any]:
    """Search subsets the paper's way, and tell what the search finds in shuffled labels and what is left of it."""
    labels = feature_labels()
    means = [place for place, label in enumerate(labels) if label.startswith('mean ')]
    pools = {'means': (means, len(means)), 'all': (list(range(len(labels))), budget.subset_size)}
    # Leave one formula out, and all sizes, where that is affordable.
    many = len(measured.labels) > _FEW_ROWS
    n_folds = 5 if many else None
    outer = _possible(measured, 5 if many else 10)
    found: dict[str, Any] = {}
    for name, (places, size) in pools.items():
        rows, names = measured.elements[:, places], [labels[place] for place in places]
        size = min(size, _SMALL_SUBSETS[name]) if many else size
        options = SearchOptions(max_size=size, n_folds=n_folds, seed=budget.seed)
        search = search_subsets(rows, measured.labels, names, options, measured.formulas)
        click.echo(f'{measured.name}, {name}: {sum(search.n_subsets.values())} subsets in {search.wall_s:.0f} s')
        started = time.perf_counter()
        nested = nested_selection(rows, measured.labels, names, options, measured.formulas, n_folds=outer)
        entry = {
            'columns': len(places),
            'max_size': size,
            'search_folds': n_folds or 'leave one formula out',
            'search': search.as_dict(),
            'shuffled': permuted_searches(rows, measured.labels, names, options, draws=budget.draws, seed=budget.seed),
            'nested': _with_intervals(measured.labels, nested.predicted, measured.formulas),
            'nested_folds': outer,
            'nested_promised': nested.promised,
            'nested_chosen': dict(nested.counts().most_common()),
            'nested_wall_s': time.perf_counter() - started,
        }
        entry |= _transferred(measured, search.best, known, dynamics)
        found[name] = entry
    return found


def _transferred(
    measured: MeasuredSet, best: Subset, known: Materials | None, dynamics: MeasuredSet | None
) -> dict[str, Any]:
    """Ask the model of the best subset about materials that it was not chosen for."""
    if known is None or dynamics is None:
        return {}
    labels = feature_labels()
    model = ElementModel(subset=best.features, contradictions='majority')
    model.fit(measured.elements, measured.labels, features=labels, groups=measured.formulas)
    teacher = StructureModel(contradictions='majority').fit(measured.five, measured.labels, groups=measured.formulas)
    told = teacher.predict(known.five)
    return {
        'materials': classification_scores(told, model.predict(known.elements)),
        'dynamics': _with_intervals(dynamics.labels, model.predict(dynamics.elements), dynamics.formulas),
    }


def _esml(
    crystals: MeasuredSet, weight: str | None, known: Materials, dynamics: MeasuredSet, budget: _Budget
) -> dict[str, Any]:
    """Learn the labels that sML gives to thousands of structures from their compositions."""
    teacher = StructureModel(class_weight=weight, contradictions='majority', seed=budget.seed)
    teacher.fit(crystals.five, crystals.labels, groups=crystals.formulas)
    told = teacher.predict(known.five)
    _, groups = np.unique(known.formulas, return_inverse=True)
    folds = share_in_folds(told, groups, TRANSFER_FOLDS, budget.seed)
    found: dict[str, Any] = {
        'rows': len(told),
        'fast_share': float(told.mean()),
        'chance': chance_levels(told),
        'ceiling': _ceiling(known.elements, told),
        'rules': {},
    }
    for words, loss, rule_weight in RULES:
        started = time.perf_counter()
        # Two folds calibrate: only the scores are looked at here.
        model = TransferModel(loss=loss, class_weight=rule_weight, calibration_folds=2, seed=budget.seed)
        run = cross_validate(model, known.elements, told, folds, known.formulas)
        held_out = folds == 0
        full = TransferModel(loss=loss, class_weight=rule_weight, seed=budget.seed).fit_from(
            teacher, known.five, known.elements, features=feature_labels(), groups=known.formulas
        )
        by_fold = [classification_scores(told[folds == fold], run.predicted[folds == fold]) for fold in set(folds)]
        found['rules'][words] = {
            'cross_validation': _with_intervals(told, run.predicted, known.formulas),
            'brier': run.scores(told)['brier'],
            'by_fold': summarised(by_fold),
            'hold_out': classification_scores(told[held_out], run.predicted[held_out]),
            'measured': _with_intervals(crystals.labels, full.predict(crystals.elements), crystals.formulas),
            'measured_apart': _apart(crystals, teacher, model, known, budget),
            'dynamics': _with_intervals(dynamics.labels, full.predict(dynamics.elements), dynamics.formulas),
            'wall_s': time.perf_counter() - started,
        }
        scores = found['rules'][words]['cross_validation']
        click.echo(
            f'esML from {crystals.name} ({weight}), {words}: {scores["accuracy"]:.3f}, MCC {scores["mcc"]:.3f}, '
            f'{found["rules"][words]["wall_s"]:.0f} s'
        )
    curve_model = TransferModel(calibration_folds=2, seed=budget.seed)
    found['learning_curve'] = learning_curve(
        curve_model, known.elements, told, known.formulas, shares=CURVE_SHARES, repeats=1, seed=budget.seed
    )
    return found


def _apart(
    crystals: MeasuredSet, teacher: StructureModel, student: TransferModel, known: Materials, budget: _Budget
) -> dict[str, Any]:
    """Judge by measurements that neither teacher nor student have seen, nor any structure of their formulas."""
    member = np.unique(crystals.formulas, return_inverse=True)[1]
    folds = share_in_folds(crystals.labels, member, _possible(crystals, 5), budget.seed)
    predicted = np.empty_like(crystals.labels)
    for fold in range(folds.max() + 1):
        inside, held_out = folds != fold, np.flatnonzero(folds == fold)
        hidden = {crystals.formulas[row] for row in held_out}
        shown = np.array([formula not in hidden for formula in known.formulas])
        groups = np.asarray(crystals.formulas)[inside].tolist()
        one = clone(teacher).fit(crystals.five[inside], crystals.labels[inside], groups=groups)
        other = clone(student).fit(known.elements[shown], one.predict(known.five[shown]))
        predicted[held_out] = other.predict(crystals.elements[held_out])
    return _with_intervals(crystals.labels, predicted, crystals.formulas)


def _ceiling(rows: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the agreement of whoever knows the composition only: polymorphs may have different labels."""
    _, member, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    share = np.bincount(member.reshape(-1), weights=labels) / counts
    return float(((share[member.reshape(-1)] >= 0.5) == labels).mean())


def _preset(known: Materials, dynamics: MeasuredSet) -> dict[str, Any]:
    crystal = dynamics.with_structure
    model = Sendek2017()
    return {
        'verified': model.verified,
        'fast_share': float(model.predict(known.published).mean()),
        'dynamics': _with_intervals(crystal.labels, model.predict(crystal.published), crystal.formulas),
    }
