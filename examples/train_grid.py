"""Train a grid of models at once, and see what the weight W of the migration energy costs.

    python examples/train_grid.py [FOLDER]

Four weights with three seeds each, on crystals of the embedded library and without AiiDA; it takes about a minute. The
table holds the losses of each weight, the figure tradeoff.png in FOLDER (by default `train-grid`) shows them. A second
run finds the checkpoints of the first in FOLDER and has nothing left to train.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from aiida_limap.engines.autoencoder import ProgressBar, TrainedModel, TrainingData, train_grid
from aiida_limap.engines.autoencoder.grid import expand_grid
from aiida_limap.engines.bvff import migration_energy
from aiida_limap.engines.chemistry.prototypes import build_library
from aiida_limap.engines.descriptors import composition_descriptors, structure_descriptors
from aiida_limap.visualisation.training import draw_tradeoff

NUMBER_OF_STRUCTURES = 100
SPACING = 0.3  # Å; 0.2 is what maps are made with, this is quicker
OPTIONS = {'preset': 'quick', 'max_epochs': 100}
GRID = {'me_weight': [0.0, 0.01, 0.1, 1.0], 'seed': [0, 1, 2]}
LOSSES = ('composition', 'structure', 'me')


def rows() -> TrainingData:
    """Return descriptors and migration energies of crystals spread evenly over the library."""
    library = build_library()
    entries = [library[index * len(library) // NUMBER_OF_STRUCTURES] for index in range(NUMBER_OF_STRUCTURES)]
    crystals = [entry.structure for entry in entries]
    barriers = [migration_energy(crystal, spacing=SPACING).barrier_2d for crystal in crystals]
    return TrainingData(
        ids=[entry.id for entry in entries],
        composition=composition_descriptors([crystal.composition for crystal in crystals]),
        structure=structure_descriptors(crystals),
        # Crystals with no way through in two dimensions teach the reconstructions alone.
        migration_energy_eV=np.array([np.nan if barrier is None else barrier for barrier in barriers]),
        groups=[crystal.reduced_formula for crystal in crystals],
    )


def best_losses(models: list[TrainedModel], split: str) -> dict[str, np.ndarray]:
    """Return for each model the losses of a split in its best epoch."""
    best = [(model.history, model.facts['best_epoch'] - 1) for model in models]
    names = [f'{split}_{loss}' for loss in LOSSES]
    return {name: np.array([history[name][epoch] for history, epoch in best]) for name in names}


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else 'train-grid')
    folder.mkdir(parents=True, exist_ok=True)
    data = rows()
    expanded = expand_grid(OPTIONS, GRID)
    configs = [config for _, config in expanded]
    started = time.perf_counter()
    with ProgressBar(len(configs)) as bar:
        models = train_grid(data, configs, watcher=bar, checkpoints=folder / 'checkpoints')
    epochs = sum(model.facts['epochs'] for model in models)
    print(f'{len(models)} models, {epochs} epochs, {time.perf_counter() - started:.0f} s with their scores\n')

    weights = np.array([config.me_weight for config in configs])
    losses = {**best_losses(models, 'train'), **best_losses(models, 'validation')}
    print('losses in the best epoch, means over the seeds')
    print(' ' * 6 + ''.join(f'{loss:>24}' for loss in LOSSES))
    print(f'{"W":<6}' + f'{"train":>12}{"validation":>12}' * len(LOSSES))
    for weight in GRID['me_weight']:
        chosen = weights == weight
        values = [losses[f'{split}_{loss}'][chosen].mean() for loss in LOSSES for split in ('train', 'validation')]
        print(f'{weight:<6g}' + ''.join(f'{value:12.3g}' for value in values))

    print(f'\nwrote {draw_tradeoff(weights, losses, folder / "tradeoff.png")}')


if __name__ == '__main__':
    main()
