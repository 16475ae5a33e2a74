"""From rows and options to a trained model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder.basis import Basis
from aiida_limap.engines.autoencoder.config import TrainConfig, check_device
from aiida_limap.engines.autoencoder.data import SPLITS, Scaling, TrainingData, split_rows
from aiida_limap.engines.autoencoder.metrics import energy_scores, flattened_r2, forest_scores
from aiida_limap.engines.autoencoder.model import TrainedModel
from aiida_limap.engines.autoencoder.network import LimapNetwork
from aiida_limap.engines.autoencoder.trainer import Fit, OnEpoch, Rows, fit, repeatable

__all__ = ['train', 'train_grid']

logger = logging.getLogger(__name__)
_PARTS = ('composition', 'structure')


def train(data: TrainingData, config: TrainConfig | None = None, *, on_epoch: OnEpoch | None = None) -> TrainedModel:
    """Train the two-branch autoencoder of Yamaguchi et al., Sci. Rep. 13, 16799 (2023).

    ``Loss_all = Loss_comp + Loss_str + W Loss_ME`` with mean squared errors of scaled values: each block of columns and
    the migration energy are divided by their largest absolute value. The network of the epoch with the lowest Loss_all
    of the validation rows is kept (of the test rows where there are no validation rows).

    Signs are fixed after the training, without changing what the network computes, so that maps read alike: ``x_comp``
    grows with the fraction of Li where the columns name it, else it falls with the migration energy; ``x_struc`` falls
    with the migration energy. Both are judged by the correlation over the training rows.

    The same data, options and machine give the same numbers.

    :param data: the rows.
    :param config: the options; the preset ``yamaguchi2023`` unless given.
    :param on_epoch: called after each epoch with its number and the losses.
    :returns: the model with history, split and metrics.
    :raises InputError: if the split leaves a part empty, or the device is not available.
    :raises LimapError: if the loss is not finite.
    """
    config = config or TrainConfig()
    check_device(config.device)
    split = split_rows(data.groups, config.split)
    scaling = Scaling.fit(data, split == 0 if config.scaling == 'training' else np.ones(len(split), dtype=bool))
    scaled = tuple(getattr(data, part) / scaling.divisors(part) for part in _PARTS)
    bases = tuple(_basis(rows[split == 0], config) for rows in scaled)
    watched = 1 if (split == 1).any() else 2
    learn, watch = (
        _rows([rows[split == index] for rows in scaled], _target(data, scaling)[split == index], bases, config.device)
        for index in (0, watched)
    )
    with repeatable(config):
        # Weights are drawn on the CPU, so that they do not depend on the device.
        network = LimapNetwork(bases[0].width, bases[1].width, config.hidden_widths, config.head_widths)
        result = fit(network.to(config.device), (learn, watch), (bases[0], bases[1]), config, on_epoch)
        folded = _finish(result, bases, config, lambda model: _signs(model, data, scaled, split))
        model = TrainedModel(folded, scaling, data.columns, config, data.hash, history=result.history, split=split)
        facts = {
            'best_epoch': result.best_epoch,
            'epochs': len(result.history['train_all']),
            'stopped_on': SPLITS[watched],
            'basis_widths': [basis.width for basis in bases],
            **{f'n_{name}': int((split == index).sum()) for index, name in enumerate(SPLITS)},
            'metrics': _metrics(model, data, scaled, split),
        }
    return TrainedModel(folded, scaling, data.columns, config, model.data_hash, facts, result.history, split)


def train_grid(data: TrainingData, configs: Sequence[TrainConfig]) -> list[TrainedModel]:
    """Train one model per set of options, one after the other.

    Training them side by side gains at most a factor 1.2 on a CPU, where the traffic of the weights is the limit.

    :param data: the rows.
    :param configs: the options of each model; give them one ``split.seed`` to compare them on the same rows.
    :returns: the models in the order of the options.
    :raises InputError: as :func:`train`.
    """
    models = []
    for number, config in enumerate(configs, start=1):
        logger.info('model %d of %d', number, len(configs))
        models.append(train(data, config))
    return models


def _basis(rows: NDArray[np.float64], config: TrainConfig) -> Basis:
    return Basis.full(rows.shape[1]) if config.basis == 'full' else Basis.compact(rows, config.basis_variance)


def _target(data: TrainingData, scaling: Scaling) -> NDArray[np.float64]:
    return data.migration_energy_eV / scaling.migration_energy_eV


def _rows(
    scaled: Sequence[NDArray[np.float64]], target: NDArray[np.float64], bases: Sequence[Basis], device: str
) -> Rows:
    known = ~np.isnan(target)
    arrays = [
        *(basis.coordinates(rows) for basis, rows in zip(bases, scaled, strict=True)),
        np.stack([basis.residuals(rows) for basis, rows in zip(bases, scaled, strict=True)], axis=1),
        np.where(known, target, 0.0),
        known,
    ]
    return Rows(*(torch.tensor(array, dtype=torch.float32, device=device) for array in arrays))


def _finish(
    result: Fit,
    bases: Sequence[Basis],
    config: TrainConfig,
    signs: Callable[[LimapNetwork], tuple[bool, bool]],
) -> LimapNetwork:
    """Fold the bases into the network, fix the signs of the codes, and round to what a file holds."""
    network = result.network.to('cpu')
    widths = [len(basis.origin) for basis in bases]
    folded = LimapNetwork(widths[0], widths[1], config.hidden_widths, config.head_widths).double()
    folded.composition = bases[0].fold(network.composition, config.hidden_widths)
    folded.structure = bases[1].fold(network.structure, config.hidden_widths)
    folded.head = network.head.double()
    for code, wrong in enumerate(signs(folded)):
        if wrong:
            folded.flip(code)
    return folded.float().double().eval()


def _signs(
    network: LimapNetwork, data: TrainingData, scaled: Sequence[NDArray[np.float64]], split: NDArray[np.int64]
) -> tuple[bool, bool]:
    """Return for each code whether its sign is to be changed."""
    learn = split == 0
    energy = data.migration_energy_eV[learn]
    labels = list(data.columns.get('composition_labels') or [])
    lithium = data.composition[learn][:, labels.index('fraction_Li')] if 'fraction_Li' in labels else -energy
    with torch.no_grad():
        x_comp = network.composition.encoder(torch.from_numpy(scaled[0][learn]))[:, 0].numpy()
        x_struc = network.structure.encoder(torch.from_numpy(scaled[1][learn]))[:, 0].numpy()
    return _covariance(x_comp, lithium) < 0, _covariance(x_struc, -energy) < 0


def _covariance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    known = ~np.isnan(second)
    first, second = first[known], second[known]
    return float(((first - first.mean()) * (second - second.mean())).mean())


def _metrics(
    model: TrainedModel, data: TrainingData, scaled: Sequence[NDArray[np.float64]], split: NDArray[np.int64]
) -> dict[str, dict[str, Any]]:
    learn = split == 0
    codes = model.encode(data.composition, data.structure)
    predicted = model.predict(*codes)
    rebuilt = [rows / model.scaling.divisors(part) for part, rows in zip(_PARTS, model.decode(*codes), strict=True)]
    mean_energy = float(np.nanmean(data.migration_energy_eV[learn]))
    forest = {}
    if model.config.baselines:
        rows = np.concatenate([data.composition, data.structure], axis=1)
        forest = forest_scores(rows, data.migration_energy_eV, split, model.config.seed)
    metrics = {}
    for index, name in enumerate(SPLITS):
        chosen = split == index
        if not chosen.any():
            continue
        scores: dict[str, Any] = {}
        for part, given, drawn in zip(_PARTS, scaled, rebuilt, strict=True):
            means = np.broadcast_to(given[learn].mean(axis=0), given[chosen].shape)
            scores[f'r2_{part}'] = flattened_r2(given[chosen], drawn[chosen])
            scores[f'baseline_column_means_r2_{part}'] = flattened_r2(given[chosen], means)
            scores[f'mse_{part}'] = float(np.square(given[chosen] - drawn[chosen]).mean())
        scores |= energy_scores(data.migration_energy_eV[chosen], predicted[chosen], mean_energy)
        scores |= {f'baseline_forest_{key}': value for key, value in forest.get(index, {}).items()}
        metrics[name] = scores
    return metrics
