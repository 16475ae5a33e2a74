"""The task ``train``: rows from a file, a model into ``model.safetensors``, losses and codes into the results."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np

from aiida_limap.engines.errors import InputError
from aiida_limap.formats._files import FormatError, read_json
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ResultsWriter
from aiida_limap.formats.weights import MODEL_FILE

__all__ = ['run']

logger = logging.getLogger(__name__)
_ARRAYS = ('ids', 'composition', 'structure', 'migration_energy_eV', 'groups')
#: Seconds between two reports to the results files.
_REPORT_INTERVAL_S = 1.0


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Train a model and write it beside the job.

    While it trains, the summary holds ``epoch``, ``loss_train`` and ``loss_validation``, and the arrays ``history_*``
    the losses so far.

    :param job: the job; its input ``training`` names the rows, ``columns`` (optional) what their columns are.
    :param directory: folder of the files.
    :param writer: takes summary and arrays.
    :raises InputError: if a parameter or the rows are wrong.
    :raises FormatError: if a file cannot be read.
    """
    from aiida_limap.engines.autoencoder.config import TrainConfig
    from aiida_limap.engines.autoencoder.data import SPLITS, TrainingData
    from aiida_limap.engines.autoencoder.training import train

    config = TrainConfig.from_parameters(job.parameters)
    if 'training' not in job.inputs:
        raise InputError('train: the job names no input file for the role training')
    arrays = read_arrays(directory / job.inputs['training'])
    for name in _ARRAYS:
        if name not in arrays:
            raise FormatError(f'{job.inputs["training"]}: the array {name!r} is missing')
    columns = read_json(directory / job.inputs['columns']) if 'columns' in job.inputs else {}
    data = TrainingData(
        ids=arrays['ids'].tolist(),
        composition=arrays['composition'],
        structure=arrays['structure'],
        migration_energy_eV=arrays['migration_energy_eV'],
        groups=arrays['groups'].tolist(),
        columns=columns,
    )
    logger.info('training on %d rows, preset %s, basis %s', len(data.ids), config.preset, config.basis)

    report = _Report(writer)
    started = time.perf_counter()
    model = train(data, config, on_epoch=report)
    wall_s = time.perf_counter() - started
    model.save(directory / MODEL_FILE)

    x_comp, x_struc = model.encode(data.composition, data.structure)
    writer.summary(
        **model.facts,
        seed=config.seed,
        wall_s=round(wall_s, 3),
        epoch=model.facts['epochs'],
        options=config.as_dict(),
        data_hash=model.data_hash,
        layout_checksum=columns.get('layout_checksum'),
    )
    report.write_history()
    writer.array('ids', np.array(data.ids))
    writer.array('split', np.array(SPLITS)[model.split])
    writer.array('x_comp', x_comp)
    writer.array('x_struc', x_struc)
    writer.array('migration_energy_eV', data.migration_energy_eV)
    writer.array('migration_energy_predicted_eV', model.predict(x_comp, x_struc))


class _Report:
    """Keep the losses so far in the results files, for whoever watches the job."""

    def __init__(self, writer: ResultsWriter) -> None:
        self._writer = writer
        self._history: dict[str, list[float]] = {}
        self._reported_at = -_REPORT_INTERVAL_S

    def __call__(self, epoch: int, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            self._history.setdefault(name, []).append(value)
        if time.monotonic() - self._reported_at < _REPORT_INTERVAL_S:
            return
        self._reported_at = time.monotonic()
        self._writer.summary(epoch=epoch, loss_train=losses['train_all'], loss_validation=losses['validation_all'])
        self.write_history()
        self._writer.flush()

    def write_history(self) -> None:
        """Hand the losses of all epochs so far to the writer."""
        for name, values in self._history.items():
            self._writer.array(f'history_{name}', np.array(values))
