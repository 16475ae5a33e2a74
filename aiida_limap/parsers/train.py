"""Parser of ``limap.train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_limap.calculations._descriptors import wants_landscape
from aiida_limap.calculations.base import target_of
from aiida_limap.common.layouts import PHONONS_PART
from aiida_limap.common.losses import why_lost
from aiida_limap.common.training import SPLIT, TRAIN
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.table import TableData
from aiida_limap.formats.results import Results
from aiida_limap.formats.weights import MODEL_FILE, MODELS
from aiida_limap.parsers._tables import column_info, item_columns
from aiida_limap.parsers.base import EngineParser

__all__ = ['TrainParser']

_HISTORY = 'history_'
_SPLITS = ('train', 'validation', 'test')
_TRAINING_COLUMNS = ('split', 'x_comp', 'x_struc', 'migration_energy_eV', 'migration_energy_predicted_eV')
#: Columns of a training that only some models have.
_MORE_COLUMNS = ('migration_energy_wide_eV',)


class TrainParser(EngineParser):
    """The model, what it made of its training data, and the losses by epoch."""

    TEMPORARY_FOLDERS = (MODELS,)

    def failed(self, reason: str) -> ExitCode:
        """Return the exit code for a training that gave up.

        :param reason: the sentence of the engine.
        :returns: the exit code.
        """
        words = reason.lower()
        if 'out of memory' in words or 'memoryerror' in words:
            return self.exit_codes.ERROR_DEVICE_OUT_OF_MEMORY
        if 'not finite' in words:
            return self.exit_codes.ERROR_LOSS_NOT_FINITE.format(reason=reason)
        if 'device' in words and 'available' in words:
            return self.exit_codes.ERROR_DEVICE_NOT_AVAILABLE.format(reason=reason)
        return super().failed(reason)

    def keep(self, results: Results, directory: Path) -> None:
        """Attach what a training that gave up had found: losses, and what it was asked for.

        :param results: the results.
        :param directory: folder with the retrieved files.
        """
        self._attach_facts(results)

    def build(self, results: Results, directory: Path) -> ExitCode | None:
        """Attach history, training table and models.

        :param results: the results.
        :param directory: folder with the retrieved files.
        :returns: an exit code, or None where all went well.
        """
        self._attach_facts(results)
        if not results.complete:
            return self._stopped(results)
        missing = [name for name in ('ids', *_TRAINING_COLUMNS) if name not in results.arrays]
        if missing:
            return self.exit_codes.ERROR_RESULTS_FORMAT.format(reason=f'the array {missing[0]!r} is missing')
        self.out('training', _training_table(results))
        if results.items:
            self.out('grid', _grid_table(results))
        try:
            self._attach_models(results, directory)
        except (OSError, ValueError) as error:
            return self.exit_codes.ERROR_MODEL_MISSING.format(reason=error)
        return None

    def _stopped(self, results: Results) -> ExitCode:
        """Return the exit code of a job that has not reached its end: a monitor or a scheduler stopped it."""
        lost = why_lost(results.summary)
        if lost is not None:
            return self.exit_codes.ERROR_LOSS_NOT_FINITE.format(reason=lost)
        return self.or_scheduler(self.exit_codes.ERROR_OUT_OF_WALLTIME)

    def _attach_models(self, results: Results, directory: Path) -> None:
        """Attach the chosen model and those of a grid that were kept.

        :raises OSError: if a file is missing.
        :raises ValueError: if a file is no model.
        """
        paths = {'model': directory / MODEL_FILE}
        for item in results.items:
            if item.values.get('kept'):
                paths[f'{MODELS}.{item.id}'] = directory / MODELS / f'{item.id}.safetensors'
        for label, path in paths.items():
            self.attach_model(label, AutoencoderData, path, directory)

    def _attach_facts(self, results: Results) -> None:
        """Attach parameters and the losses by epoch, also those of a training that was stopped."""
        parameters = self.input_or_none('parameters')
        used: dict[str, Any] = {'target': target_of(parameters), 'landscape': wants_landscape(parameters)}
        descriptors = self.input_or_none('descriptors')
        if descriptors is not None and PHONONS_PART in descriptors.block_names:
            used[PHONONS_PART] = descriptors.metadata.get(PHONONS_PART)
        self.output_parameters(results, {**results.summary, **used})
        history = {
            name.replace(_HISTORY, '', 1): array
            for name, array in results.arrays.items()
            if name.startswith((_HISTORY, f'grid_{_HISTORY}'))
        }
        if not history:
            return
        node = orm.ArrayData()
        for name, array in history.items():
            node.set_array(name, np.asarray(array))
        self.out('history', node)


def _training_table(results: Results) -> TableData:
    arrays = results.arrays
    names = [*_TRAINING_COLUMNS, *(name for name in _MORE_COLUMNS if name in arrays)]
    return TableData.from_arrays(
        [str(name) for name in arrays['ids'].tolist()],
        {name: arrays[name] for name in names},
        column_info=column_info(names),
        metadata={'task': results.task, 'engine_version': results.engine_version},
    )


def _grid_table(results: Results) -> TableData:
    """Return one row per model of a grid."""
    columns = item_columns(results.items)
    info = column_info(list(columns))
    for name, entry in info.items():
        entry['description'] = entry['description'] or _describe(name)
    facts = {str(name): results.summary[name] for name in ('chosen', 'select') if name in results.summary}
    return TableData.from_arrays(
        [item.id for item in results.items],
        columns,
        column_info=info,
        metadata={'task': results.task, 'engine_version': results.engine_version, **facts},
    )


def _describe(name: str) -> str:
    """Return what a column of the table of a grid means."""
    option = {**TRAIN, **{f'split.{entry}': known for entry, known in SPLIT.items()}}.get(name)
    if option is not None:
        return option.help
    split, _, metric = name.partition('_')
    if split in _SPLITS:
        return f'{metric} of the {split} rows'
    return {
        'epochs': 'epochs of the training',
        'best_epoch': 'the epoch that the model is from, counted from 1',
        'ended': 'why the training ended',
        'kept': 'whether the model is an output (1)',
    }.get(name, f'{name.removeprefix("loss_")} loss of the best epoch' if name.startswith('loss_') else '')
