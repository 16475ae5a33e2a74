"""How good maps are: the paper's model at several weights of the migration energy, and ours, beside simple methods."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import load_entries, print_table, shared_options, write_markdown, write_result
from benchmarks.rows import training_rows
from benchmarks.targets import migration_energies

if TYPE_CHECKING:
    from aiida_limap.engines.autoencoder import TrainConfig, TrainedModel, TrainingData

__all__ = ['map_']

#: Weights W of the migration energy that the paper compares.
WEIGHTS = (0.0, 0.01, 0.1, 1.0)
#: Splits by name. Without validation rows the test rows decide when to stop: the paper's way, scores are optimistic.
SPLITS: dict[str, dict[str, Any]] = {
    'ours': {'by': 'formula', 'train': 0.7, 'validation': 0.1, 'test': 0.2},
    'paper': {'by': 'random', 'train': 0.8, 'validation': 0.0, 'test': 0.2},
}
BASELINES = ('mean', 'pca', 'pls', 'forest')
#: Structure types of Table 1 of Yamaguchi et al., Sci. Rep. 13, 16799 (2023).
FAMILIES = {
    'garnet': (
        *('mp-761986', 'mp-775628', 'mp-1200057', 'mp-554747', 'mp-774721', 'mp-559776', 'mp-774437', 'mp-942733'),
        'mp-779434',
    ),
    'NASICON': ('mp-10499', 'mp-759280', 'mp-773074', 'mp-681439', 'mp-541661'),
    'perovskite': ('mp-1222522', 'mp-768320'),
}
#: Scores of the test rows: heading, and name among the metrics of a model.
ENERGY = (
    ('R2 ME', 'r2_me'),
    ('R2 log ME', 'r2_log_me'),
    ('MAE (eV)', 'mae_me_eV'),
    ('Spearman', 'spearman_me'),
)
REBUILT = (
    ('composition R2', 'r2_composition'),
    ('of column means', 'baseline_column_means_r2_composition'),
    ('relative', 'relative_r2_composition'),
    ('structure R2', 'r2_structure'),
    ('of column means', 'baseline_column_means_r2_structure'),
    ('relative', 'relative_r2_structure'),
)
#: How far the types are apart: heading, and name of the score.
APART = {
    'x_struc': 'silhouette_structure',
    'plane': 'silhouette_plane',
    'garnet, NASICON': 'overlap_garnet_NASICON',
    'garnet, perovskite': 'overlap_garnet_perovskite',
    'NASICON, perovskite': 'overlap_NASICON_perovskite',
}
LOSSES = ('composition', 'structure', 'me')
NEIGHBOURS = ('trustworthiness_10', 'continuity_10', 'knn_recall_10', 'label_smoothness_10')
Table = tuple[str, Sequence[str], list[list[Any]]]


@dataclass(frozen=True)
class _Study:
    """Models that differ in nothing but the seed, which also draws the split.

    :param layout: layout of the descriptors.
    :param split: a key of :data:`SPLITS`.
    :param options: options of the training.
    """

    layout: str
    split: str
    options: Mapping[str, Any]

    @property
    def weight(self) -> float:
        from aiida_limap.engines.autoencoder import TrainConfig

        return TrainConfig.from_parameters(self.options).me_weight

    def config(self, seed: int) -> TrainConfig:
        from aiida_limap.engines.autoencoder import TrainConfig

        return TrainConfig.from_parameters(
            {**self.options, 'seed': seed, 'split': {**SPLITS[self.split], 'seed': seed}}
        )

    def named(self) -> list[Any]:
        preset = str(self.options['preset'])
        words = preset if preset == self.layout else f'{preset}, layout {self.layout}'
        return [words if self.split == 'ours' else f'{words}, split {self.split}', self.weight]


@click.command('map')
@shared_options
@click.option('--seeds', default=5, show_default=True, help='Models of each kind; a seed draws weights and split.')
@click.option('--weight', 'weights', multiple=True, type=float, default=WEIGHTS, show_default=True, help='W to try.')
@click.option('--basis', type=click.Choice(['compact', 'full']), default='compact', show_default=True)
@click.option('--max-epochs', type=int, default=None, help='End each training after so many epochs.')
def map_(
    data: Path | None, output: Path, seeds: int, weights: tuple[float, ...], basis: str, max_epochs: int | None
) -> None:
    """Train maps by the presets and score them by rows that they did not see.

    The preset yamaguchi2023 is trained at several weights of the migration energy, once with the split of the paper
    (random, the test rows decide when to stop) and once with three splits by formula. --weight and --basis are those
    of this preset.

    \b
    Examples:
      python -m benchmarks map --basis compact
      python -m benchmarks map --seeds 1 --weight 0 --weight 0.1
    """
    limit = {} if max_epochs is None else {'max_epochs': max_epochs}
    entries = load_entries(data)
    energies = migration_energies(entries, output)
    rows = {name: training_rows(entries, energies, name) for name in ('modern', 'yamaguchi2023')}
    studies = [_Study('modern', 'ours', {'preset': 'modern', **limit})]
    studies += [
        _Study('yamaguchi2023', split, {'preset': 'yamaguchi2023', 'basis': basis, 'me_weight': weight, **limit})
        for split in SPLITS
        for weight in weights
    ]
    # What of the gain is due to the descriptors, and what to the options.
    studies.append(_Study('yamaguchi2023', 'ours', {'preset': 'modern', **limit}))
    found = [_studied(study, rows[study.layout], seeds, output) for study in studies]
    baselines = {name: _baselines(study, rows[name], seeds) for name, study in _with_own_split(studies).items()}
    tables = list(_tables(studies, found, baselines))
    for title, headings, lines in tables:
        print_table(title, headings, lines)
    write_markdown(output / 'map.md', tables)
    _draw_tradeoff(studies, found, output / 'tradeoff.png')
    result = {
        'seeds': seeds,
        'rows': {name: len(item.ids) for name, item in rows.items()},
        'rows_with_energy': {name: int((~np.isnan(item.migration_energy_eV)).sum()) for name, item in rows.items()},
        'splits': SPLITS,
        'families': FAMILIES,
        'studies': found,
        'baselines': baselines,
    }
    write_result(output, 'map', result)


def _draw_tradeoff(studies: Sequence[_Study], found: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the losses of the paper's model on validation rows against W."""
    from aiida_limap.visualisation.training import draw_tradeoff

    own = [
        entry
        for study, entry in zip(studies, found, strict=True)
        if study.split == 'ours' and study.options['preset'] == 'yamaguchi2023'
    ]
    losses = {
        f'validation_{name}': [value for entry in own for value in entry['losses_at_best_epoch'][name]['values']]
        for name in LOSSES
    }
    weights = [entry['me_weight'] for entry in own for _ in entry['losses_at_best_epoch']['me']['values']]
    if weights:
        click.echo(f'wrote {draw_tradeoff(weights, losses, path)}')


def _draw_map(model: TrainedModel, data: TrainingData, output: Path) -> None:
    """Draw what a model predicts and rebuilds, and what its axes mean."""
    from aiida_limap.engines.autoencoder import SPLITS as WORDS
    from aiida_limap.engines.autoencoder.assessment import assess
    from aiida_limap.visualisation.training import draw_axis_meaning, draw_predictions, draw_rebuilt

    split = np.array(WORDS)[model.split].tolist()
    predicted = model.predict(*model.encode(data.composition, data.structure))
    draw_predictions(data.migration_energy_eV, predicted, split, output / 'predictions.png', logarithmic=True)
    draw_axis_meaning(assess(model, data).facts['axis_meaning'], output / 'axis_meaning.png', most=10)
    shown = np.flatnonzero(model.split == WORDS.index('test'))[:3]
    rebuilt = model.decode(*(code[shown] for code in model.encode(data.composition, data.structure)))
    divisors = [model.scaling.divisors(part) for part in ('composition', 'structure')]
    draw_rebuilt(
        np.hstack([data.composition[shown] / divisors[0], data.structure[shown] / divisors[1]]),
        np.hstack([part / divisor for part, divisor in zip(rebuilt, divisors, strict=True)]),
        [data.groups[place] for place in shown],
        output / 'rebuilt.png',
        n_composition=data.composition.shape[1],
    )


def _with_own_split(studies: Sequence[_Study]) -> dict[str, _Study]:
    return {study.layout: study for study in reversed(studies) if study.split == 'ours'}


def _studied(study: _Study, data: TrainingData, seeds: int, output: Path) -> dict[str, Any]:
    from aiida_limap.engines.autoencoder import train_grid

    started, used = time.perf_counter(), time.process_time()
    configs = [study.config(seed) for seed in range(seeds)]
    models = train_grid(data, configs)
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    tests = [model.facts['metrics']['test'] for model in models]
    if study.options['preset'] == study.layout == 'modern':
        _draw_map(models[0], data, output)
    click.echo(
        f'{study.named()[0]}, W = {study.weight:g}: R2 of ME '
        + ' '.join(f'{scores["r2_me"]:.3f}' for scores in tests)
        + f' ({seconds:.0f} s)'
    )
    return {
        'layout': study.layout,
        'split': study.split,
        'options': configs[0].as_dict(),
        'me_weight': study.weight,
        'wall_s': seconds,
        'processor_s': processor,
        'epochs': [model.facts['epochs'] for model in models],
        'best_epochs': [model.facts['best_epoch'] for model in models],
        'metrics': [model.facts['metrics'] for model in models],
        'test': _summary(tests),
        'losses_at_best_epoch': _summary([_losses(model) for model in models]),
        'families': _summary([_family_scores(model, data) for model in models]),
        'neighbours': _summary([_neighbours(model, data) for model in models]) if study.split == 'ours' else {},
    }


def _neighbours(model: TrainedModel, data: TrainingData) -> dict[str, float | None]:
    """Return how well neighbours of test rows are kept."""
    from aiida_limap.engines.autoencoder.assessment import assess

    return assess(model, data).facts['map_quality']['test']


def _losses(model: TrainedModel) -> dict[str, float]:
    """Return the losses of the rows that were watched, in the epoch that was kept."""
    best = model.facts['best_epoch'] - 1
    return {name: float(model.history[f'validation_{name}'][best]) for name in LOSSES}


def _baselines(study: _Study, data: TrainingData, seeds: int) -> dict[str, Any]:
    from aiida_limap.engines.autoencoder.baselines import baseline_scores
    from aiida_limap.engines.autoencoder.data import Scaling, split_rows

    found: dict[str, list[Mapping[str, Any]]] = {name: [] for name in BASELINES}
    for seed in range(seeds):
        split = split_rows(data.groups, study.config(seed).split)
        scaling = Scaling.fit(data, split == 0)
        scaled = (
            data.composition / scaling.divisors('composition'),
            data.structure / scaling.divisors('structure'),
        )
        scores = baseline_scores(data, scaled, split, BASELINES, seed=seed)
        for name in BASELINES:
            kept = scores[name].get('map_quality') or {}
            found[name].append({**scores[name]['metrics']['test'], **kept.get('test', {})})
        click.echo(f'baselines of the layout {study.layout}: seed {seed} of {seeds} is done')
    return {name: _summary(tests) for name, tests in found.items()}


def _family_scores(model: TrainedModel, data: TrainingData) -> dict[str, float | None]:
    """Return how well the map keeps the structure types of Table 1 apart.

    Silhouettes are those of all members; in the plane each axis is divided by its spread over the training rows.
    ``overlap`` is the share of pairs out of two types that lie the wrong way round along the axis, 0 if the types are
    apart and 0.5 if they are mixed.

    :param model: a map.
    :param data: all rows.
    """
    from sklearn.metrics import silhouette_score

    from aiida_limap.engines.autoencoder.quality import map_points

    family = {name: word for word, members in FAMILIES.items() for name in members}
    places = [place for place, name in enumerate(data.ids) if name in family]
    words = np.array([family[data.ids[place]] for place in places])
    if len(set(words)) < len(FAMILIES):
        return {}
    points = map_points(model.encode(data.composition, data.structure), model.split == 0)[places]
    scores: dict[str, float | None] = {
        'silhouette_plane': float(silhouette_score(points, words)),
        'silhouette_structure': float(silhouette_score(points[:, 1:], words)),
    }
    for one, other in (('garnet', 'NASICON'), ('garnet', 'perovskite'), ('NASICON', 'perovskite')):
        scores[f'overlap_{one}_{other}'] = _overlap(points[words == one, 1], points[words == other, 1])
    for word in FAMILIES:
        scores[f'mean_{word}'] = float(points[words == word, 1].mean())
        scores[f'spread_{word}'] = float(points[words == word, 1].std())
    return scores


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    above = np.mean(one[:, None] > other[None, :]) + 0.5 * np.mean(one[:, None] == other[None, :])
    return float(min(above, 1 - above))


def _summary(scores: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, Any]]:
    """Return mean and standard deviation of each score over the seeds, where all of them are defined."""
    found = {}
    for name in scores[0]:
        values = [entry[name] for entry in scores]
        defined = [value for value in values if value is not None]
        if len(defined) == len(values):
            deviation = float(np.std(defined, ddof=1)) if len(defined) > 1 else 0.0
            found[name] = {'mean': float(np.mean(defined)), 'sd': deviation, 'values': values}
    return found


def _tables(
    studies: Sequence[_Study], found: Sequence[dict[str, Any]], baselines: Mapping[str, dict[str, Any]]
) -> Iterator[Table]:
    pairs = [(study.named(), entry) for study, entry in zip(studies, found, strict=True)]
    title = 'Migration energy of test rows, mean ± deviation over seeds'
    yield title, ['map', 'W', 'from', *(heading for heading, _ in ENERGY)], list(_energy_lines(pairs, baselines))
    rebuilt = [key for _, key in REBUILT]
    lines = [[*named, *_cells(entry['test'], rebuilt)] for named, entry in pairs]
    lines += [
        [f'layout {layout}', name, *_cells(entry[name], rebuilt)]
        for layout, entry in baselines.items()
        for name in ('pca', 'pls')
    ]
    yield 'Rebuilt test rows, all values in one list', ['map', 'W', *(heading for heading, _ in REBUILT)], lines
    lines = [[*named, *_cells(entry['neighbours'], NEIGHBOURS)] for named, entry in pairs if entry['neighbours']]
    lines += [[f'layout {name}', 'pca', *_cells(entry['pca'], NEIGHBOURS)] for name, entry in baselines.items()]
    yield 'Neighbours of test rows on the map, k = 10', ['map', 'W', *NEIGHBOURS], lines
    lines = [[*named, *_cells(entry['losses_at_best_epoch'], LOSSES, 5)] for named, entry in pairs]
    yield 'Losses of the rows that are watched, in the epoch that is kept', ['map', 'W', *LOSSES], lines
    if found[0]['families']:
        title = (
            'Structure types of Table 1, all members: silhouettes, and share of pairs in the wrong order along x_struc'
        )
        lines = [[*named, *_cells(entry['families'], APART.values(), 2)] for named, entry in pairs]
        yield title, ['map', 'W', *APART], lines
        places = [f'{word}_{family}' for family in FAMILIES for word in ('mean', 'spread')]
        title = 'Their places on x_struc, in units of its deviation over the training rows'
        headings = [f'{family}, {word}' for family in FAMILIES for word in ('mean', 'spread')]
        yield (
            title,
            ['map', 'W', *headings],
            [[*named, *_cells(entry['families'], places, 2)] for named, entry in pairs],
        )
    lines = [
        [*named, _cell(_summary([{'epochs': value} for value in entry['epochs']])['epochs'], 0), entry['wall_s']]
        for named, entry in pairs
    ]
    yield 'Cost', ['map', 'W', 'epochs', 'time of all seeds (s)'], lines


def _energy_lines(
    pairs: Sequence[tuple[list[Any], dict[str, Any]]], baselines: Mapping[str, dict[str, Any]]
) -> Iterator[list[Any]]:
    keys = [key for _, key in ENERGY]
    for named, entry in pairs:
        # With W = 0 the heads are never trained.
        if entry['me_weight'] > 0:
            yield [*named, 'two codes', *_cells(entry['test'], keys)]
            if 'wide_r2_me' in entry['test']:
                yield [*named, 'wide head', *_cells(entry['test'], [f'wide_{key}' for key in keys])]
        yield [*named, '10 neighbours on the map', *_cells(entry['test'], ['knn_r2_me', '', '', ''])]
    for layout, entry in baselines.items():
        for name, scores in entry.items():
            yield [f'layout {layout}', '-', name, *_cells(scores, keys)]


def _cells(scores: Mapping[str, Mapping[str, float]], names: Iterable[str], digits: int = 3) -> list[str]:
    return [_cell(scores.get(name), digits) for name in names]


def _cell(value: Mapping[str, float] | None, digits: int = 3) -> str:
    return '-' if value is None else f'{value["mean"]:.{digits}f} ± {value["sd"]:.{digits}f}'
