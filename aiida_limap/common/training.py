"""The parameters of a training, and the check of a grid of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aiida_limap.common._parameter import NUMBER, Parameter, check_value, unknown

__all__ = ['GRID', 'MAX_MODELS', 'SELECT', 'SPLIT', 'TRAIN', 'check_grid', 'check_split', 'number_of_models']

GRID = 'grid'
#: A grid is one job; more models than this are a mistake more often than a wish.
MAX_MODELS = 10_000
#: What the rows that a training stops on can be asked, to choose a model of a grid.
SELECT = (
    'loss',
    'r2_me',
    'r2_log_me',
    'mae_me_eV',
    'spearman_me',
    'r2_composition',
    'r2_structure',
)

#: Entries of the parameter ``split``.
SPLIT: dict[str, Parameter] = {
    'by': Parameter((str,), 'whether polymorphs stay together', choices=('formula', 'random')),
    'train': Parameter(NUMBER, 'fraction of rows to learn from', minimum=0),
    'validation': Parameter(NUMBER, 'fraction of rows that decide when to stop', minimum=0),
    'test': Parameter(NUMBER, 'fraction of rows that nothing is decided on', minimum=0),
    'seed': Parameter((int,), 'seed of the shuffle', minimum=0),
}


def check_split(value: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the parameter ``split``, as the end of a sentence, or None.

    :param value: its entries.
    """
    for name, entry in value.items():
        if name not in SPLIT:
            return f'has an {unknown("entry", name, SPLIT)}'
        message = check_value(f'has an entry {name!r} that', SPLIT[name], entry)
        if message is not None:
            return message
    return None


def check_grid(value: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the parameter ``grid``, as the end of a sentence, or None.

    :param value: list of values by option; ``split.NAME`` is an entry of the split.
    """
    if not value:
        return 'names no option; give a list of values for at least one, or leave it out to train one model'
    for option, values in value.items():
        message = _check_axis(str(option), values)
        if message is not None:
            return message
    count = number_of_models(value)
    if count > MAX_MODELS:
        return f'asks for {count} models, more than the {MAX_MODELS} that one job trains; divide it'
    return None


def _check_axis(option: str, values: Any) -> str | None:
    known = {name: entry for name, entry in TRAIN.items() if entry.in_grid}
    known.update({f'split.{name}': entry for name, entry in SPLIT.items()})
    if option not in known:
        if option in TRAIN:
            return f'cannot vary {option!r}, which all of its models share; known are {", ".join(sorted(known))}'
        return f'names an {unknown("option", option, known)}'
    if not isinstance(values, (list, tuple)):
        return f'needs a list of values for {option!r}, not {values!r}'
    if not values:
        return f'holds no model, since the list of values for {option!r} is empty'
    for number, value in enumerate(values):
        message = check_value(f'has a value for {option!r} that', known[option], value)
        if message is not None:
            return message
        if value in values[:number]:
            return f'names the value {value!r} for {option!r} twice'
    return None


def number_of_models(grid: Mapping[str, Any] | None) -> int:
    """Return how many models a training trains.

    :param grid: the parameter ``grid``, or None for a single model.
    """
    return math.prod(len(values) for values in grid.values()) if grid else 1


TRAIN: dict[str, Parameter] = {
    'preset': Parameter((str,), 'named set of training options', choices=('yamaguchi2023', 'quick', 'modern')),
    'me_weight': Parameter(
        NUMBER, 'weight W of the migration energy in the loss, a pure number', minimum=0, in_grid=True
    ),
    'batch_size': Parameter((int,), 'structures per optimisation step', minimum=1, in_grid=True),
    'learning_rate': Parameter(NUMBER, 'step size of the optimiser, a pure number', minimum=0, in_grid=True),
    'weight_decay': Parameter(NUMBER, 'L2 penalty of the optimiser, a pure number', minimum=0, in_grid=True),
    'decoupled_decay': Parameter((bool,), 'weight decay apart from the gradient, as in AdamW', in_grid=True),
    'patience': Parameter((int,), 'epochs without improvement before the training stops', minimum=1, in_grid=True),
    'max_epochs': Parameter((int,), 'largest number of epochs', minimum=1, in_grid=True),
    'seed': Parameter((int,), 'seed of initial weights and order of the batches', minimum=0, in_grid=True),
    'split': Parameter((dict,), 'how structures are divided into training, validation and test set', check=check_split),
    'reduction': Parameter(
        (str,), 'reconstruction loss as mean or sum over columns', choices=('mean', 'sum_features'), in_grid=True
    ),
    'hidden_widths': Parameter((list,), 'widths of the layers between input and code', in_grid=True),
    'head_widths': Parameter((list,), 'widths of the layers between codes and migration energy', in_grid=True),
    'wide_head_widths': Parameter(
        (list,), 'widths of a second head that reads more than the two codes; empty for none', in_grid=True
    ),
    'wide_weight': Parameter(NUMBER, 'weight of the second head beside the first, a pure number', in_grid=True),
    'input_noise': Parameter(
        NUMBER,
        'noise on what the encoders read while they learn, in units of the root mean square of a coordinate',
        minimum=0,
        in_grid=True,
    ),
    'input_whitening': Parameter(
        NUMBER,
        'how far the spreads of what the encoders read are made equal in a compact basis, 0 to 1',
        minimum=0,
        in_grid=True,
    ),
    'energy_transform': Parameter(
        (str,), 'function of the migration energy that is learnt', choices=('none', 'sqrt', 'log'), in_grid=True
    ),
    'energy_offset_eV': Parameter(
        NUMBER, 'energy below which that function is about linear, eV', minimum=0, in_grid=True
    ),
    'scaling': Parameter(
        (str,), 'rows whose maximum scales the descriptors', choices=('training', 'all'), in_grid=True
    ),
    'basis': Parameter((str,), 'columns to train on', choices=('full', 'compact'), in_grid=True),
    'basis_variance': Parameter(
        NUMBER, 'share of the variance that a compact basis holds, a pure number', in_grid=True
    ),
    GRID: Parameter(
        (dict,),
        'train one model per combination of these options, given as a list of values by option, e.g. me_weight: '
        '[0, 0.1, 1] with split.seed: [0, 1]',
        check=check_grid,
    ),
    'select': Parameter(
        (str,), 'what chooses the model of a grid, on the rows that the training stops on', choices=SELECT
    ),
    'keep_models': Parameter((int,), 'how many models of a grid are kept, the best ones', minimum=1),
    'models_at_once': Parameter(
        (int,), 'models of a grid that are on a GPU at the same time, 0 for as many as fit', minimum=0
    ),
    'checkpoint_every': Parameter((int,), 'epochs between two checkpoints, 0 for none', minimum=0),
    'threads': Parameter((int,), 'models that a CPU trains at the same time, 0 for one per core', minimum=0),
    'baselines': Parameter((bool, list), 'compare with other models and maps: true for all, or a list of names'),
    'device': Parameter((str,), 'where the training runs: auto, cpu, or a name of torch such as cuda'),
}
