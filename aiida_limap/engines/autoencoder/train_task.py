"""The task ``train``: rows from a file, models into safetensors files, losses and codes into the results."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import InputError, LimapError
from aiida_limap.formats._files import FormatError, read_json
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ItemResult, ResultsWriter
from aiida_limap.formats.weights import CHECKPOINTS, MODEL_FILE, MODELS, model_name

if TYPE_CHECKING:
    from aiida_limap.engines.autoencoder.config import TrainConfig
    from aiida_limap.engines.autoencoder.data import TrainingData
    from aiida_limap.engines.autoencoder.model import TrainedModel
    from aiida_limap.engines.autoencoder.plan import State
    from aiida_limap.engines.autoencoder.progress import ProgressBar

__all__ = ['run']

logger = logging.getLogger(__name__)
_ARRAYS = ('ids', 'composition', 'structure', 'migration_energy_eV', 'groups')
#: Seconds between two reports to the results files, and to the log.
_REPORT_INTERVAL_S = 1.0
_LOG_INTERVAL_S = 20.0
_KEEP_MODELS = 16
#: Options of the task beside those of a model.
TASK_PARAMETERS = ('grid', 'select', 'keep_models')


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Train a model, or every model of a grid, and write the models beside the job.

    ``model.safetensors`` is the model, or that of the grid whose ``select`` is best on the rows that decide when to
    stop; ``models/`` holds the best ``keep_models`` of a grid. Checkpoints go to ``checkpoints/``; a job that finds
    checkpoints of its models there goes on from them. While it trains, the summary holds ``epoch``, ``loss_train`` and
    ``loss_validation`` of the model heard of last, and the arrays ``history_*`` the losses of a single model so far.

    :param job: the job; its input ``training`` names the rows, ``columns`` (optional) what their columns are.
    :param directory: folder of the files.
    :param writer: takes summary and arrays, and one item per model of a grid.
    :raises InputError: if a parameter or the rows are wrong.
    :raises FormatError: if a file cannot be read.
    :raises LimapError: if no model has a finite loss.
    """
    from aiida_limap.engines.autoencoder.assessment import assess
    from aiida_limap.engines.autoencoder.uncertainty import with_uncertainty

    configs, values, select, keep = _options(job)
    # Before anything is computed: a job that fails or is killed early still tells what it was asked for.
    writer.summary(options=configs[0].as_dict(), n_models=len(configs))
    writer.flush()
    data = _data(job, directory)
    logger.info(
        'training %d model(s) on %d rows, preset %s, basis %s',
        *(len(configs), len(data.ids), configs[0].preset, configs[0].basis),
    )
    started = time.perf_counter()
    models = _train(data, configs, directory, writer)
    wall_s = time.perf_counter() - started
    order = _ranked(models, select)
    models[order[0]] = chosen = assess(models[order[0]], data)
    chosen.save(directory / MODEL_FILE)
    if values:
        for index in order[1:keep]:
            models[index] = with_uncertainty(models[index], data)
        _write_grid(models, values, order[:keep], directory, writer)
        writer.summary(
            n_models=len(models), n_failed=len(models) - len(order), chosen=model_name(order[0]), select=select
        )
    writer.summary(wall_s=round(wall_s, 3))
    _write_chosen(chosen, data, writer)


def _train(
    data: TrainingData, configs: Sequence[TrainConfig], directory: Path, writer: ResultsWriter
) -> list[TrainedModel]:
    from aiida_limap.engines.autoencoder.training import train_grid

    report = _Report(writer, len(configs))
    with _bar(len(configs)) as bar:

        def watch(index: int, state: State) -> None:
            report(index, state)
            if bar is not None:
                bar(index, state)

        return train_grid(data, configs, watcher=watch, checkpoints=directory / CHECKPOINTS)


def _ranked(models: Sequence[TrainedModel], select: str) -> list[int]:
    """Return the numbers of the models that can be used, the best first.

    :raises InputError: if nothing tells which is the best.
    :raises LimapError: if there is none.
    """
    from aiida_limap.engines.autoencoder.grid import ranking

    order = ranking(models, select)
    if order:
        return order
    for model in models:
        if model.facts['ended'] != 'not_finite':
            watched = model.facts['stopped_on']
            raise InputError(
                f'train: select {select!r} cannot be told from the {watched} rows, which have too few migration '
                "energies; use select 'loss' or another split"
            )
    last = max(models, key=lambda model: model.facts['epochs'])
    raise LimapError(
        f'the loss is not finite in epoch {last.facts["epochs"]}; lower the learning rate {last.config.learning_rate:g}'
    )


def _options(job: Job) -> tuple[list[TrainConfig], list[dict[str, Any]], str, int]:
    from aiida_limap.engines.autoencoder.config import TrainConfig
    from aiida_limap.engines.autoencoder.grid import SELECT, expand_grid

    shared = {name: value for name, value in job.parameters.items() if name not in TASK_PARAMETERS}
    select, keep = job.parameters.get('select', 'loss'), job.parameters.get('keep_models', _KEEP_MODELS)
    if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
        raise InputError(f'train: keep_models must be a whole number of at least 1, not {keep!r}')
    if select not in SELECT:
        raise InputError(f'train: select is one of {", ".join(SELECT)}, not {select!r}')
    if 'grid' not in job.parameters:
        return [TrainConfig.from_parameters(shared)], [], select, 1
    models = expand_grid(shared, job.parameters['grid'])
    return [config for _, config in models], [values for values, _ in models], select, keep


def _data(job: Job, directory: Path) -> TrainingData:
    from aiida_limap.engines.autoencoder.data import TrainingData

    if 'training' not in job.inputs:
        raise InputError('train: the job names no input file for the role training')
    arrays = read_arrays(directory / job.inputs['training'])
    for name in _ARRAYS:
        if name not in arrays:
            raise FormatError(f'{job.inputs["training"]}: the array {name!r} is missing')
    return TrainingData(
        ids=arrays['ids'].tolist(),
        composition=arrays['composition'],
        structure=arrays['structure'],
        migration_energy_eV=arrays['migration_energy_eV'],
        groups=arrays['groups'].tolist(),
        columns=read_json(directory / job.inputs['columns']) if 'columns' in job.inputs else {},
    )


def _write_grid(
    models: Sequence[TrainedModel],
    values: Sequence[dict[str, Any]],
    kept: Sequence[int],
    directory: Path,
    writer: ResultsWriter,
) -> None:
    """Write one item per model, the losses of all epochs, and the files of the best."""
    longest = max(model.facts['epochs'] for model in models)
    for name in models[0].history:
        losses = np.full((len(models), longest), np.nan)
        for row, model in zip(losses, models, strict=True):
            row[: len(model.history[name])] = model.history[name]
        writer.array(f'grid_history_{name}', losses)
    for index, (model, options) in enumerate(zip(models, values, strict=True)):
        facts = model.facts
        lost = facts['ended'] == 'not_finite'
        found = {name: facts[name] for name in ('best_epoch', 'epochs', 'ended')}
        if facts['best_epoch']:
            found |= {f'loss_{name}': float(losses[facts['best_epoch'] - 1]) for name, losses in model.history.items()}
            found |= {
                f'{split}_{name}': score for split, scores in model.metrics.items() for name, score in scores.items()
            }
        message = f'the loss is not finite in epoch {facts["epochs"]}' if lost else ''
        status = Status.FAILED if lost else Status.OK
        writer.add(ItemResult(model_name(index), status, message, {**options, **found, 'kept': index in kept}))
    (directory / MODELS).mkdir(exist_ok=True)
    for index in kept:
        models[index].save(directory / MODELS / f'{model_name(index)}.safetensors')


def _write_chosen(model: TrainedModel, data: TrainingData, writer: ResultsWriter) -> None:
    from aiida_limap.engines.autoencoder.data import SPLITS

    x_comp, x_struc = model.encode(data.composition, data.structure)
    best = model.facts['best_epoch'] - 1
    writer.summary(
        **model.facts,
        seed=model.config.seed,
        epoch=model.facts['epochs'],
        loss_train=float(model.history['train_all'][best]),
        loss_validation=float(model.history['validation_all'][best]),
        options=model.config.as_dict(),
        data_hash=model.data_hash,
        layout_checksum=data.columns.get('layout_checksum'),
    )
    for name, losses in model.history.items():
        writer.array(f'history_{name}', losses)
    writer.array('ids', np.array(data.ids))
    writer.array('split', np.array(SPLITS)[model.split])
    writer.array('x_comp', x_comp)
    writer.array('x_struc', x_struc)
    writer.array('migration_energy_eV', data.migration_energy_eV)
    writer.array('migration_energy_predicted_eV', model.predict(x_comp, x_struc))
    if model.config.wide_head_widths:
        writer.array('migration_energy_wide_eV', model.predict_rows(data.composition, data.structure))


def _bar(n_models: int) -> AbstractContextManager[ProgressBar | None]:
    """Return a bar where a person looks, nothing in a job."""
    from aiida_limap.engines.autoencoder.progress import ProgressBar

    return ProgressBar(n_models) if sys.stderr.isatty() else nullcontext()


class _Report:
    """Keep the losses so far in the results files and in the log, for whoever watches the job."""

    def __init__(self, writer: ResultsWriter, n_models: int) -> None:
        self._writer = writer
        self._n_models = n_models
        self._ended: set[int] = set()
        self._lost: set[int] = set()
        self._reported_at = self._logged_at = -_LOG_INTERVAL_S

    def __call__(self, index: int, state: State) -> None:
        if state.ended:
            self._ended.add(index)
        if state.ended == 'not_finite':
            self._lost.add(index)
        losses = {name: values[-1] for name, values in state.history.items()}
        now = time.monotonic()
        if now - self._logged_at >= _LOG_INTERVAL_S:
            self._logged_at = now
            logger.info(
                'model %d, epoch %d: loss %.4g, validation %.4g; %d of %d models have ended',
                *(index, state.epoch, losses['train_all'], losses['validation_all'], len(self._ended), self._n_models),
            )
        if now - self._reported_at < _REPORT_INTERVAL_S:
            return
        self._reported_at = now
        self._writer.summary(
            epoch=state.epoch,
            loss_train=losses['train_all'],
            loss_validation=losses['validation_all'],
            models_ended=len(self._ended),
            models_not_finite=len(self._lost),
            n_models=self._n_models,
        )
        if self._n_models == 1:
            for name, values in state.history.items():
                self._writer.array(f'history_{name}', np.array(values))
        self._writer.flush()
