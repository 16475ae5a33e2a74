"""How good a map is: its scores beside those of simple methods, what its axes mean, and the figures that show it.

    python examples/map_quality.py [FOLDER]

Crystals of the embedded library are spread out on a map without AiiDA; it takes about a minute. The table and the axes
are printed, the figures written into FOLDER, by default `map-quality`. With so few crystals the numbers are small and
noisy: take the script for your own rows.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiida_limap.engines.autoencoder import SPLITS, TrainConfig, TrainedModel, TrainingData, train, train_grid
from aiida_limap.engines.bvff import migration_energy
from aiida_limap.engines.chemistry.prototypes import build_library
from aiida_limap.engines.descriptors import composition_descriptors, load_layout, structure_descriptors
from aiida_limap.engines.descriptors.task import meaning
from aiida_limap.visualisation.training import (
    draw_axis_meaning,
    draw_history,
    draw_predictions,
    draw_rebuilt,
    draw_tradeoff,
)

NUMBER_OF_STRUCTURES = 120
SPACING = 0.3  # Å; 0.2 is what maps are made with, this is quicker
LAYOUT = 'yamaguchi2023'
OPTIONS = {'preset': 'quick', 'max_epochs': 40}
WEIGHTS = (0.0, 0.01, 0.1, 1.0)
SEEDS = (0, 1)
#: Rows of the table: a score and what stands in front of it in the record of a split.
SCORES = (
    ('R² of the composition', 'r2_composition'),
    ('  beyond column means', 'relative_r2_composition'),
    ('R² of the structure', 'r2_structure'),
    ('  beyond column means', 'relative_r2_structure'),
    ('R² of the energy', 'r2_me'),
    ('R² of its logarithm', 'r2_log_me'),
    ('mean abs. error / eV', 'mae_me_eV'),
    ("Spearman's correlation", 'spearman_me'),
    ('trustworthiness, 10', 'trustworthiness_10'),
    ('continuity, 10', 'continuity_10'),
    ('kNN recall, 10', 'knn_recall_10'),
    ('label smoothness, 10', 'label_smoothness_10'),
)


def read_rows() -> TrainingData:
    """Return descriptors and energies of crystals that are spread evenly over the library."""
    library = build_library()
    entries = [library[index * len(library) // NUMBER_OF_STRUCTURES] for index in range(NUMBER_OF_STRUCTURES)]
    structures = [entry.structure for entry in entries]
    barriers = [migration_energy(structure, spacing=SPACING).barrier_2d for structure in structures]
    return TrainingData(
        ids=[entry.id for entry in entries],
        composition=composition_descriptors([structure.composition for structure in structures], layout=LAYOUT),
        structure=structure_descriptors(structures, layout=LAYOUT),
        migration_energy_eV=np.array([np.nan if barrier is None else barrier for barrier in barriers]),
        groups=[structure.reduced_formula for structure in structures],
        # What the columns are: from their names come the blocks, and the quantities that axes are compared with.
        columns=meaning(load_layout(LAYOUT), ('composition', 'structure')),
    )


def print_table(facts: Mapping[str, Any], split: str = 'test') -> None:
    """Print the scores of one split: the model first, then the simple methods."""
    entries = {'map': facts, **facts['baselines']}
    records = {
        name: {**entry.get('metrics', {}).get(split, {}), **entry.get('map_quality', {}).get(split, {})}
        for name, entry in entries.items()
    }
    print(f'\n{split} rows{"":<15}' + ''.join(f'{name:>9}' for name in records))
    for label, key in SCORES:
        cells = ['' if record.get(key) is None else f'{record[key]:.2f}' for record in records.values()]
        print(f'{label:<24}' + ''.join(f'{cell:>9}' for cell in cells))


def print_axes(records: list[Mapping[str, Any]], most: int = 4) -> None:
    for axis in ('x_comp', 'x_struc'):
        print(f'\n{axis} goes with')
        for entry in [entry for entry in records if entry['axis'] == axis][:most]:
            print(
                f'  {entry["meaning"]}: {entry["mutual_information_nats"]:.2f} nat, '
                f'rank correlation {entry["spearman"]:+.2f}'
            )


def draw_all(model: TrainedModel, data: TrainingData, folder: Path) -> list[Path]:
    """Draw how the model learnt, what it rebuilds and predicts, and what its axes mean."""
    divisors = [model.scaling.divisors(part) for part in ('composition', 'structure')]
    codes = model.encode(data.composition, data.structure)
    given = np.hstack([data.composition / divisors[0], data.structure / divisors[1]])
    rebuilt = np.hstack([rows / scale for rows, scale in zip(model.decode(*codes), divisors, strict=True)])
    some = np.flatnonzero(model.split == SPLITS.index('test'))[:3]
    names = [data.groups[row] for row in some]
    words = [SPLITS[index] for index in model.split]
    n_composition = data.composition.shape[1]
    return [
        draw_history(model.history, folder / 'history.png', best_epoch=model.facts['best_epoch']),
        draw_rebuilt(given[some], rebuilt[some], names, folder / 'rebuilt.png', n_composition=n_composition),
        draw_predictions(data.migration_energy_eV, model.predict(*codes), words, folder / 'predictions.png'),
        draw_axis_meaning(model.facts['axis_meaning'], folder / 'axes.png'),
    ]


def draw_weights(data: TrainingData, folder: Path) -> Path:
    """Train with several weights and seeds, and draw what a better energy costs the reconstructions."""
    runs = [(weight, seed) for weight in WEIGHTS for seed in SEEDS]
    configs = [TrainConfig.from_parameters({**OPTIONS, 'me_weight': weight, 'seed': seed}) for weight, seed in runs]
    models = train_grid(data, configs)
    losses = {
        name: [model.history[name][model.facts['best_epoch'] - 1] for model in models] for name in models[0].history
    }
    return draw_tradeoff([weight for weight, _ in runs], losses, folder / 'tradeoff.png')


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else 'map-quality')
    folder.mkdir(parents=True, exist_ok=True)
    data = read_rows()
    baselines = ['mean', 'pca', 'pls', 'tsne', 'forest']
    model = train(data, TrainConfig.from_parameters({**OPTIONS, 'baselines': baselines}))
    print_table(model.facts)
    print_axes(model.facts['axis_meaning'])
    for path in (*draw_all(model, data, folder), draw_weights(data, folder)):
        print(f'wrote {path}')


if __name__ == '__main__':
    main()
