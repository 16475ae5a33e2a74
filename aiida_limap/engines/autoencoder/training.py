"""From rows and options to trained models."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder.assessment import assess, evaluation
from aiida_limap.engines.autoencoder.config import TrainConfig, resolve_device
from aiida_limap.engines.autoencoder.data import SPLITS, TrainingData
from aiida_limap.engines.autoencoder.metrics import split_scores
from aiida_limap.engines.autoencoder.model import TrainedModel
from aiida_limap.engines.autoencoder.network import LimapNetwork
from aiida_limap.engines.autoencoder.plan import Program, State, Watcher
from aiida_limap.engines.autoencoder.preparation import Preparation, Prepared
from aiida_limap.engines.autoencoder.resuming import Checkpoints
from aiida_limap.engines.errors import InputError, LimapError

__all__ = ['OnEpoch', 'train', 'train_grid']

logger = logging.getLogger(__name__)
#: Called after each epoch with its number and the losses of training and validation by name.
OnEpoch = Callable[[int, dict[str, float]], None]
#: Codes run over some units; a spread below this is that of rounding.
_FLAT = 1e-5


def train(
    data: TrainingData,
    config: TrainConfig | None = None,
    *,
    on_epoch: OnEpoch | None = None,
    checkpoints: Path | None = None,
) -> TrainedModel:
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
    :param checkpoints: folder for checkpoints; a training that finds its own there goes on from it, and ends with the
        numbers of one that was never interrupted.
    :returns: the model with history, split, metrics and everything that :func:`assess` says.
    :raises InputError: if the split leaves a part empty, or the device is not available.
    :raises LimapError: if the loss is not finite.
    """
    config = config or TrainConfig()

    def watch(_index: int, state: State) -> None:
        if on_epoch is not None:
            on_epoch(state.epoch, {name: values[-1] for name, values in state.history.items()})

    model = train_grid(data, [config], watcher=watch, checkpoints=checkpoints)[0]
    if model.facts['ended'] == 'not_finite':
        raise LimapError(
            f'the loss is not finite in epoch {model.facts["epochs"]}; lower the learning rate {config.learning_rate:g}'
        )
    return assess(model, data)


def train_grid(
    data: TrainingData,
    configs: Sequence[TrainConfig],
    *,
    watcher: Watcher | None = None,
    checkpoints: Path | None = None,
) -> list[TrainedModel]:
    """Train one model per set of options, side by side.

    On a CPU one model per core is in training at any time, on a GPU models of one shape go through batched matrix
    products together. A model gets the numbers that it would get alone, exactly on a CPU and to rounding on a GPU.

    :param data: the rows.
    :param configs: the options of each model; give them one ``split.seed`` to compare them on the same rows. Device and
        threads must agree.
    :param watcher: called after each epoch of each model.
    :param checkpoints: folder for checkpoints, one file per model, see :func:`train`.
    :returns: the models in the order of the options, with the scores of each; what is said of a map beyond is added by
        :func:`~aiida_limap.engines.autoencoder.assessment.assess`. Where the loss of a model was not finite, its fact
        ``ended`` says ``not_finite``, and the network is that of its best epoch before.
    :raises InputError: as :func:`train`, or if there are no options, or devices differ.
    """
    if not configs:
        raise InputError('train: the grid holds no model')
    shared = {(config.device, config.threads, config.models_at_once) for config in configs}
    if len(shared) > 1:
        raise InputError('train: models of one grid share device, threads and models_at_once')
    device = resolve_device(configs[0].device)
    preparation = Preparation(data)
    programs = [preparation.program(config) for config in configs]
    kept = Checkpoints(checkpoints, data, configs)
    states = [kept.state(index, program) for index, program in enumerate(programs)]

    def watch(index: int, state: State) -> None:
        kept.keep(index, state)
        if watcher is not None:
            watcher(index, state)
        if state.ended:
            state.trim()

    _fit(programs, states, device, configs[0], watch)
    hash_ = data.hash
    return [
        _model(data, hash_, config, program, state, preparation(config))
        for config, program, state in zip(configs, programs, states, strict=True)
    ]


def _fit(
    programs: Sequence[Program], states: Sequence[State], device: str, config: TrainConfig, watcher: Watcher
) -> None:
    if device == 'cpu':
        from aiida_limap.engines.autoencoder.cpu import fit_cpu
        from aiida_limap.engines.threads import available_threads

        fit_cpu(programs, states, threads=config.threads or available_threads(), watcher=watcher)
        return
    from aiida_limap.engines.autoencoder.batched import fit_batched

    at_once = config.models_at_once or len(programs)
    for start in range(0, len(programs), at_once):
        part = slice(start, start + at_once)

        def watch(index: int, state: State, start: int = start) -> None:
            watcher(start + index, state)

        fit_batched(programs[part], states[part], device=device, watcher=watch)


def _model(
    data: TrainingData,
    data_hash: str,
    config: TrainConfig,
    program: Program,
    state: State,
    prepared: Prepared,
) -> TrainedModel:
    """Return a finished model: oriented, with its metrics."""
    weights = program.architecture.unflatten(state.best_parameters)
    network = LimapNetwork.with_weights(program.architecture, weights)
    model = TrainedModel(network, prepared.bases, prepared.scaling, data.columns, config, data_hash)
    codes = model.encode(data.composition, data.structure)
    for code, wrong in enumerate(_signs(codes, data, prepared.split)):
        if wrong:
            network.flip(code)
    logger.info('ended after %d epochs (%s), the best was %d', state.epoch, state.ended, state.best_epoch)
    flat = [name for name, code in zip(('x_comp', 'x_struc'), codes, strict=True) if np.ptp(code) < _FLAT]
    for name in flat:
        logger.warning(
            'the axis %s has collapsed: all structures have the same code; a smaller weight_decay or another seed may '
            'help',
            name,
        )
    facts = {
        'collapsed_axes': flat,
        'best_epoch': state.best_epoch,
        'epochs': state.epoch,
        'ended': state.ended,
        'stopped_on': SPLITS[prepared.watched],
        'basis_widths': [basis.width for basis in prepared.bases],
        **{f'n_{name}': int((prepared.split == index).sum()) for index, name in enumerate(SPLITS)},
        'metrics': split_scores(evaluation(model, data, prepared.split)),
    }
    history = {name: np.array(values) for name, values in state.history.items()}
    return TrainedModel(
        network, prepared.bases, prepared.scaling, data.columns, config, data_hash, facts, history, prepared.split
    )


def _signs(
    codes: tuple[NDArray[np.float64], NDArray[np.float64]], data: TrainingData, split: NDArray[np.int64]
) -> tuple[bool, bool]:
    """Return for each code whether its sign is to be changed."""
    learn = split == 0
    energy = data.migration_energy_eV[learn]
    labels = list(data.columns.get('composition_labels') or [])
    lithium = data.composition[learn][:, labels.index('fraction_Li')] if 'fraction_Li' in labels else -energy
    return _covariance(codes[0][learn], lithium) < 0, _covariance(codes[1][learn], -energy) < 0


def _covariance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    known = ~np.isnan(second)
    first, second = first[known], second[known]
    return float(((first - first.mean()) * (second - second.mean())).mean())
