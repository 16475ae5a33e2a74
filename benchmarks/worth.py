"""What descriptors are worth: how well models predict the migration energy from those of each layout."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import (
    Entry,
    choose,
    load_entries,
    print_table,
    shared_options,
    write_markdown,
    write_result,
)
from benchmarks.features import (
    Described,
    FeatureSet,
    block_sets,
    compared_layouts,
    describe,
    element_fractions,
    layout_sets,
)
from benchmarks.targets import migration_energies

__all__ = ['worth']

#: What is predicted: the 2D barrier, and its decimal logarithm.
TARGETS = ('ME', 'log10 ME')
#: The blocks are compared by this model.
ABLATION_MODEL = 'gradient boosting'
#: Fewer formulas cannot be shared among five folds.
LEAST_FORMULAS = 10


@click.command('worth')
@shared_options
@click.option('--structures', default=None, type=int, help='Number of structures  [default: all]')
@click.option('--layout', 'layouts', multiple=True, help='Name or YAML file  [default: all shipped ones that differ]')
@click.option('--model', 'models', multiple=True, help='Name of a model  [default: all]')
@click.option('--seeds', default=3, show_default=True, help='Number of random shares among five folds.')
@click.option('--blocks', multiple=True, help='A layout of which each block is tried alone, and the others without it.')
def worth(
    data: Path | None,
    output: Path,
    structures: int | None,
    layouts: tuple[str, ...],
    models: tuple[str, ...],
    seeds: int,
    blocks: tuple[str, ...],
) -> None:
    """Predict migration energies from the descriptors of each layout, 5-fold by formula.

    \b
    Examples:
      python -m benchmarks worth --layout compact --model "extra trees" --seeds 1
      python -m benchmarks worth --layout modern --blocks modern
    """
    from benchmarks.models import MODELS

    chosen = models or tuple(MODELS)
    for name in chosen:
        if name not in MODELS:
            raise click.BadParameter(f'unknown model {name!r}; known are {", ".join(MODELS)}', param_hint='--model')
    entries = load_entries(data) if structures is None else choose(load_entries(data), structures)
    energies = migration_energies(entries, output)
    described = {name: describe(entries, name) for name in dict.fromkeys((*(layouts or compared_layouts()), *blocks))}
    rows = _Rows(entries, energies, described)
    click.echo(f'{len(rows.entries)} of {len(entries)} structures have a migration energy and all descriptors')
    if len(set(rows.groups)) < LEAST_FORMULAS:
        raise click.ClickException(f'five folds by formula need at least {LEAST_FORMULAS} formulas')
    sets = [element_fractions(rows.entries)]
    for name in layouts or compared_layouts():
        sets += layout_sets(described[name], rows.ids)
    found = [_judged(features, chosen, rows, seeds) for features in sets]
    ablation = [_ablated(described[name], rows, seeds) for name in blocks]
    _report(output, found, ablation)
    write_result(
        output,
        'worth',
        {
            'structures': len(entries),
            'rows': len(rows.entries),
            'formulas': len(set(rows.groups)),
            'seeds': seeds,
            'lost': {name: dict(item.lost) for name, item in described.items()},
            'layout_checksums': {name: item.layout.checksum for name, item in described.items()},
            'sets': found,
            'blocks': ablation,
        },
    )


class _Rows:
    """Structures that have a migration energy and the descriptors of all layouts."""

    def __init__(self, entries: Sequence[Entry], energies: dict[str, float], described: dict[str, Described]) -> None:
        self.entries = [
            entry
            for entry in entries
            if energies.get(entry.id, 0) > 0 and not any(entry.id in item.lost for item in described.values())
        ]
        self.ids = [entry.id for entry in self.entries]
        self.groups = [entry.formula for entry in self.entries]
        energy = np.array([energies[name] for name in self.ids])
        self.targets: dict[str, NDArray[np.float64]] = dict(zip(TARGETS, (energy, np.log10(energy)), strict=True))


def _judged(features: FeatureSet, models: Sequence[str], rows: _Rows, seeds: int) -> dict[str, Any]:
    from benchmarks.models import cross_validated

    result: dict[str, Any] = {'name': features.name, 'columns': int(features.values.shape[1]), 'models': {}}
    for model in models:
        started = time.perf_counter()
        result['models'][model] = {
            target: cross_validated(features, model, values, rows.groups, seeds).summary()
            for target, values in rows.targets.items()
        }
        found = ', '.join(f'{result["models"][model][target]["r2"]["folds"]["mean"]:.3f}' for target in TARGETS)
        click.echo(f'{features.name}, {model}: R2 {found} ({time.perf_counter() - started:.0f} s)')
    return result


def _ablated(described: Described, rows: _Rows, seeds: int) -> dict[str, Any]:
    """Compare the columns of a layout with and without each block, fold by fold."""
    from benchmarks.models import cross_validated, mean_and_spread

    def r2(features: FeatureSet, target: str) -> list[float]:
        score = cross_validated(features, ABLATION_MODEL, rows.targets[target], rows.groups, seeds)
        return [fold['r2'] for fold in score.folds]

    whole_set = next(item for item in layout_sets(described, rows.ids) if item.name.endswith('composition + structure'))
    whole = {target: r2(whole_set, target) for target in TARGETS}
    result: dict[str, Any] = {'layout': described.layout.name, 'model': ABLATION_MODEL, 'blocks': []}
    for name, only, rest in block_sets(described, rows.ids):
        entry: dict[str, Any] = {'block': name, 'columns': int(only.values.shape[1])}
        for target in TARGETS:
            # With a block of the landscape the sign is that of what it adds to the others.
            sign = -1 if name.startswith('landscape') else 1
            differences = [sign * (one - two) for one, two in zip(whole[target], r2(rest, target), strict=True)]
            entry[target] = {'alone': mean_and_spread(r2(only, target)), 'adds': mean_and_spread(differences)}
        result['blocks'].append(entry)
        added = ', '.join(f'{entry[target]["adds"]["mean"]:+.3f}' for target in TARGETS)
        click.echo(f'{name}: adds {added} to R2')
    return result


def _report(output: Path, found: list[dict[str, Any]], ablation: list[dict[str, Any]]) -> None:
    tables = [
        (f'{label} of {target}{unit}', *_table(found, target, metric))
        for target, unit in zip(TARGETS, (' (eV)', ''), strict=True)
        for metric, label in (('r2', 'R2'), ('mae', 'Mean absolute error'), ('spearman', 'Spearman'))
    ]
    for item in ablation:
        tables.append((f'Blocks of {item["layout"]}, R2 by {item["model"]}', *_block_table(item)))
    for title, headings, rows in tables:
        print_table(title, headings, rows)
    write_markdown(output / 'worth.md', tables)


def _table(found: list[dict[str, Any]], target: str, metric: str) -> tuple[list[str], list[list[str]]]:
    models = list(found[0]['models'])
    rows = [
        [item['name'], str(item['columns'])]
        + [_cell(item['models'][model][target][metric]['folds']) for model in models]
        for item in found
    ]
    return ['descriptors', 'columns', *models], rows


def _block_table(item: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    headings = ['block', 'columns'] + [f'{target}, {what}' for target in TARGETS for what in ('alone', 'adds')]
    rows = [
        [entry['block'], str(entry['columns'])]
        + [_cell(entry[target][what], sign=what == 'adds') for target in TARGETS for what in ('alone', 'adds')]
        for entry in item['blocks']
    ]
    return headings, rows


def _cell(value: dict[str, float], *, sign: bool = False) -> str:
    number = f'{value["mean"]:+.3f}' if sign else f'{value["mean"]:.2f}'
    return f'{number} ± {value["sd"]:.3f}' if sign else f'{number} ± {value["sd"]:.2f}'
