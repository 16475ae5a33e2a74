"""Grids of options: every combination of some values, and the choice of one model among many."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aiida_limap.engines.autoencoder.config import TrainConfig
from aiida_limap.engines.autoencoder.model import TrainedModel
from aiida_limap.engines.errors import InputError

__all__ = ['LARGEST_GRID', 'SELECT', 'expand_grid', 'ranking']

#: Models of one job at most; more are better given to several jobs.
LARGEST_GRID = 10_000
#: By what a model can be chosen: the loss that decided when to stop, or a score of the rows that decided.
SELECT = ('loss', 'r2_me', 'r2_log_me', 'mae_me_eV', 'spearman_me', 'r2_composition', 'r2_structure')
_SMALL_IS_GOOD = ('loss', 'mae_me_eV')
#: Options of the job, not of a model.
_SHARED = ('threads', 'device', 'checkpoint_every', 'models_at_once', 'preset')


def expand_grid(parameters: Mapping[str, Any], grid: Mapping[str, Any]) -> list[tuple[dict[str, Any], TrainConfig]]:
    """Return the options of every model of a grid.

    :param parameters: options that all models share.
    :param grid: values by option; ``split.seed`` names a part of the split.
    :returns: for each combination, the last option running fastest, its values of the grid and all its options.
    :raises InputError: if an option is unknown or belongs to the job, values are no list, or there are too many models.
    """
    if not isinstance(grid, Mapping) or not grid:
        raise InputError(
            'train: grid must hold lists of values by option, such as {"me_weight": [0, 0.1], "seed": [0, 1]}'
        )
    for name, values in grid.items():
        if name in _SHARED:
            raise InputError(f'train: {name} is shared by all models and cannot be in the grid')
        if not isinstance(values, (list, tuple)) or not values:
            raise InputError(f'train: the grid needs a list of values for {name}, not {values!r}')
    number = int(np.prod([len(values) for values in grid.values()], dtype=object))
    if number > LARGEST_GRID:
        raise InputError(f'train: a grid of {number} models is too large; the limit is {LARGEST_GRID}')
    models = []
    for values in itertools.product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        models.append((chosen, TrainConfig.from_parameters(_merged(parameters, chosen))))
    return models


def _merged(parameters: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(parameters)
    for name, value in chosen.items():
        option, _, inner = name.partition('.')
        if not inner:
            merged[name] = value
            continue
        given = merged.get(option, {})
        if not isinstance(given, Mapping):
            raise InputError(f'train: {option} must hold options by name for {name} to be in the grid')
        merged[option] = {**given, inner: value}
    return merged


def ranking(models: Sequence[TrainedModel], select: str) -> list[int]:
    """Return the numbers of the usable models, the best first; the earlier of two equals comes first.

    The rows that decided when to stop decide here too, never rows that are only looked at in the end.

    :param models: trained models.
    :param select: one of :data:`SELECT`. Losses of models with different W do not compare.
    """
    scores = {}
    for index, model in enumerate(models):
        if model.facts['ended'] == 'not_finite':
            continue
        if select == 'loss':
            score: float | None = float(model.history['validation_all'][model.facts['best_epoch'] - 1])
        else:
            score = model.metrics[model.facts['stopped_on']].get(select)
        if score is None or not np.isfinite(score):
            continue
        scores[index] = score if select in _SMALL_IS_GOOD else -score
    return sorted(scores, key=lambda index: (scores[index], index))
