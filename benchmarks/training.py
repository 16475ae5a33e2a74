"""Speed of the training beside a plain loop of PyTorch, and the whole grid of options."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.common import load_entries, print_table, shared_options, write_markdown, write_result
from benchmarks.rows import training_rows
from benchmarks.targets import migration_energies

if TYPE_CHECKING:
    from aiida_limap.engines.autoencoder import TrainConfig, TrainingData

__all__ = ['grid', 'training']

#: Epochs of each model by basis and number of models, so that each measurement takes some ten seconds.
EPOCHS = {
    ('full', 1): 30,
    ('full', 8): 8,
    ('full', 64): 3,
    ('compact', 1): 200,
    ('compact', 8): 60,
    ('compact', 64): 12,
}
#: The grid: 4 x 3 x 3 x 3 x 5 = 540 models.
GRID: dict[str, list[Any]] = {
    'me_weight': [0, 0.01, 0.1, 1],
    'learning_rate': [3e-4, 1e-3, 3e-3],
    'weight_decay': [0, 1e-6, 1e-5],
    'batch_size': [16, 32, 64],
    'seed': [0, 1, 2, 3, 4],
}


class _Clock:
    """Notes wall and processor time whenever an epoch of a model ends."""

    def __init__(self) -> None:
        self._ends: list[tuple[float, float]] = []

    def __call__(self, *_seen: Any) -> None:
        self._ends.append((time.perf_counter(), time.process_time()))

    @property
    def found(self) -> tuple[float, float]:
        """Model-epochs per second from the first to the last end, and seconds of processors per model-epoch."""
        wall, processor = np.array(self._ends[-1]) - np.array(self._ends[0])
        number = len(self._ends) - 1
        return number / wall, processor / number


@click.command('training')
@shared_options
@click.option('--epochs', default=4, show_default=True, help='Epochs of the plain loop; the first is not counted.')
@click.option('--rounds', default=2, show_default=True, help='How often each is timed, in turns; the best counts.')
def training(data: Path | None, output: Path, epochs: int, rounds: int) -> None:
    """Count model-epochs per second: grids in both bases beside a plain loop with DataLoader, in one process.

    \b
    Example:
      python -m benchmarks training --output bench-output
    """
    from aiida_limap.engines.threads import available_threads

    entries = load_entries(data)
    rows = training_rows(entries, migration_energies(entries, output), 'yamaguchi2023')
    cores = available_threads()
    # Kernels are compiled, or read from the disk, before anything is timed.
    _grid(rows, 'compact', 1, 2)
    found: dict[tuple[str, str, int, int], tuple[float, float]] = {}
    for number in range(rounds):
        for basis in ('full', 'compact'):
            for threads in sorted({1, cores}):
                _keep(found, ('plain loop, DataLoader', basis, 1, threads), _plain(rows, basis, threads, epochs))
        for (basis, models), count in EPOCHS.items():
            _keep(found, ('train_grid', basis, models, min(cores, models)), _grid(rows, basis, models, count))
        click.echo(f'round {number + 1} of {rounds} is done')
    plain = {
        basis: max(rate for (kind, own, *_), (rate, _) in found.items() if own == basis and kind != 'train_grid')
        for basis in ('full', 'compact')
    }
    lines = [
        [*case, rate, processor, rate / plain['full'], rate / plain[case[1]]]
        for case, (rate, processor) in found.items()
    ]
    headings = ['', 'basis', 'models', 'threads', 'model-epochs per s', 'processor s per model-epoch']
    headings += ['times the plain loop in full', 'times the plain loop in this basis']
    title = f'Training of {len(rows.ids)} rows, layers 512-128-32, batch 16'
    print_table(title, headings, lines)
    write_markdown(output / 'training.md', [(title, headings, lines)])
    write_result(
        output,
        'training',
        {
            'rows': len(rows.ids),
            'rounds': rounds,
            'epochs_of_the_plain_loop': epochs,
            'epochs': {f'{basis}, {models}': count for (basis, models), count in EPOCHS.items()},
            'lines': [dict(zip(['code', *headings[1:]], line, strict=True)) for line in lines],
        },
    )


def _keep(found: dict[Any, tuple[float, float]], case: Any, result: tuple[float, float]) -> None:
    """Keep the quickest of several rounds."""
    found[case] = max(found.get(case, result), result)
    kind, basis, models, threads = case
    click.echo(f'{kind}, {basis}, models {models}, threads {threads}: {result[0]:.3g} epochs per second')


def _grid(rows: TrainingData, basis: str, models: int, epochs: int) -> tuple[float, float]:
    """Return model-epochs per second of a grid and their processor time; preparation and scores are not in it."""
    from aiida_limap.engines.autoencoder import TrainConfig, train_grid

    clock = _Clock()
    options = {'basis': basis, 'max_epochs': epochs, 'patience': epochs, 'device': 'cpu'}
    train_grid(rows, [TrainConfig.from_parameters({**options, 'seed': seed}) for seed in range(models)], watcher=clock)
    return clock.found


def _plain(rows: TrainingData, basis: str, threads: int, epochs: int) -> tuple[float, float]:
    """Return the same of the loop that one would write first: DataLoader, autograd, Adam with its defaults."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from aiida_limap.engines.autoencoder import TrainConfig
    from aiida_limap.engines.autoencoder.network import LimapNetwork
    from aiida_limap.engines.autoencoder.preparation import Preparation

    program = Preparation(rows).program(TrainConfig(basis=basis))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    network = LimapNetwork(program.architecture)
    optimiser = torch.optim.Adam(network.parameters(), lr=program.learning_rate, weight_decay=program.weight_decay)
    loss = torch.nn.MSELoss()
    names = ('composition', 'structure', 'energy')
    learn, watch = (
        TensorDataset(*(torch.from_numpy(getattr(part, name)) for name in names))
        for part in (program.learn, program.watch)
    )
    clock = _Clock()
    for _ in range(epochs):
        for batch in DataLoader(learn, batch_size=program.batch_size, shuffle=True):
            optimiser.zero_grad()
            _total(network, loss, batch, program.me_weight).backward()
            optimiser.step()
        with torch.no_grad():
            for batch in DataLoader(watch, batch_size=program.batch_size):
                _total(network, loss, batch, program.me_weight).item()
        clock()
    torch.set_num_threads(before)
    return clock.found


def _total(network: Any, loss: Any, batch: Sequence[Any], weight: float) -> Any:
    composition, structure, energy = batch
    drawn_composition, drawn_structure, predicted = network(composition, structure)
    return loss(drawn_composition, composition) + loss(drawn_structure, structure) + weight * loss(predicted, energy)


@click.command('grid')
@shared_options
@click.option('--models', default=None, type=int, help='Train this many models only, chosen at random  [default: all]')
@click.option('--basis', type=click.Choice(['compact', 'full']), default='compact', show_default=True)
@click.option('--device', default='auto', show_default=True, help='Where the models are trained.')
@click.option('--max-epochs', type=int, default=None, help='End each training after so many epochs.')
def grid(data: Path | None, output: Path, models: int | None, basis: str, device: str, max_epochs: int | None) -> None:
    """Train the whole grid of 540 models with early stopping, and time it.

    \b
    Examples:
      python -m benchmarks grid
      python -m benchmarks grid --models 20
    """
    from aiida_limap.engines.autoencoder import ProgressBar, expand_grid, train_grid

    entries = load_entries(data)
    rows = training_rows(entries, migration_energies(entries, output), 'yamaguchi2023')
    shared = {'basis': basis, 'device': device} | ({} if max_epochs is None else {'max_epochs': max_epochs})
    chosen = expand_grid(shared, GRID)
    whole = len(chosen)
    if models is not None and models < whole:
        kept = np.random.default_rng(0).choice(whole, models, replace=False)
        chosen = [chosen[place] for place in sorted(kept.tolist())]
    configs: list[TrainConfig] = [config for _, config in chosen]
    started = time.perf_counter()
    with ProgressBar(len(configs)) as bar:
        trained = train_grid(rows, configs, watcher=bar)
    wall_s = time.perf_counter() - started
    lines = [_grid_line(options, model) for (options, _), model in zip(chosen, trained, strict=True)]
    total = sum(model.facts['epochs'] for model in trained)
    title = f'{len(chosen)} of {whole} models in {wall_s:.0f} s, {total} epochs, {total / wall_s:.0f} epochs per second'
    headings = ['W', 'models', 'epochs', 'R2 composition', 'R2 structure', 'R2 ME, best', 'R2 ME, median']
    table = [_by_weight(weight, lines) for weight in GRID['me_weight'] if any(e['me_weight'] == weight for e in lines)]
    print_table(title, headings, table)
    write_markdown(output / 'grid.md', [(title, headings, table)])
    write_result(
        output, 'grid', {'wall_s': wall_s, 'epochs': total, 'models': lines, 'of': whole, 'basis': basis, 'grid': GRID}
    )


def _grid_line(options: dict[str, Any], model: Any) -> dict[str, Any]:
    facts = model.facts
    names = ('r2_composition', 'r2_structure', 'r2_me')
    scores = {f'validation_{name}': facts['metrics'].get('validation', {}).get(name) for name in names}
    return {**options, **{name: facts[name] for name in ('epochs', 'best_epoch', 'ended')}, **scores}


def _by_weight(weight: float, lines: Sequence[dict[str, Any]]) -> list[Any]:
    """Return medians over the models of one weight, of the validation rows."""
    own = [line for line in lines if line['me_weight'] == weight and line['ended'] != 'not_finite']
    columns = {
        name: np.array([line[f'validation_{name}'] for line in own], dtype=float)
        for name in ('r2_composition', 'r2_structure', 'r2_me')
    }
    return [
        weight,
        len(own),
        float(np.median([line['epochs'] for line in own])),
        float(np.median(columns['r2_composition'])),
        float(np.median(columns['r2_structure'])),
        float(np.max(columns['r2_me'])) if weight else None,
        float(np.median(columns['r2_me'])) if weight else None,
    ]
