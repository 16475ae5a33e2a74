"""Parser of ``limap.train``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_limap.calculations._descriptors import wants_landscape
from aiida_limap.calculations.base import target_of
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.table import TableData
from aiida_limap.formats.results import Results
from aiida_limap.formats.weights import MODEL_FILE
from aiida_limap.parsers._tables import column_info
from aiida_limap.parsers.base import EngineParser

__all__ = ['TrainParser']

_HISTORY = 'history_'
_TRAINING_COLUMNS = ('split', 'x_comp', 'x_struc', 'migration_energy_eV', 'migration_energy_predicted_eV')


class TrainParser(EngineParser):
    """The model, what it made of its training data, and the losses by epoch."""

    def failed(self, reason: str) -> ExitCode:
        """Return the exit code for a training that gave up.

        :param reason: the sentence of the engine.
        :returns: the exit code.
        """
        words = reason.lower()
        if 'out of memory' in words:
            return self.exit_codes.ERROR_DEVICE_OUT_OF_MEMORY
        if 'not finite' in words:
            return self.exit_codes.ERROR_LOSS_NOT_FINITE.format(reason=reason)
        if 'device' in words and 'available' in words:
            return self.exit_codes.ERROR_DEVICE_NOT_AVAILABLE.format(reason=reason)
        return super().failed(reason)

    def build(self, results: Results, directory: Path) -> ExitCode | None:
        """Attach history, training table and model.

        :param results: the results.
        :param directory: folder with the retrieved files.
        :returns: an exit code, or None where all went well.
        """
        self._attach_history(results)
        if not results.complete:
            return self.or_scheduler(self.exit_codes.ERROR_OUTPUT_INCOMPLETE)
        missing = [name for name in ('ids', *_TRAINING_COLUMNS) if name not in results.arrays]
        if missing:
            return self.exit_codes.ERROR_RESULTS_FORMAT.format(reason=f'the array {missing[0]!r} is missing')
        self.out('training', _training_table(results))
        parameters = self.input_or_none('parameters')
        used = {'target': target_of(parameters), 'landscape': wants_landscape(parameters)}
        self.output_parameters(results, {**results.summary, **used})
        path = directory / MODEL_FILE
        if not path.is_file():
            return self.exit_codes.ERROR_MODEL_MISSING.format(reason=f'there is no file {MODEL_FILE}.')
        try:
            model = AutoencoderData(path)
        except ValueError as error:
            return self.exit_codes.ERROR_MODEL_MISSING.format(reason=error)
        self.out('model', model)
        return None

    def _attach_history(self, results: Results) -> None:
        """Attach the losses by epoch, also those of a training that was stopped."""
        history = {
            name.removeprefix(_HISTORY): array for name, array in results.arrays.items() if name.startswith(_HISTORY)
        }
        if not history:
            return
        node = orm.ArrayData()
        for name, array in history.items():
            node.set_array(name, np.asarray(array))
        self.out('history', node)


def _training_table(results: Results) -> TableData:
    arrays = results.arrays
    return TableData.from_arrays(
        [str(name) for name in arrays['ids'].tolist()],
        {name: arrays[name] for name in _TRAINING_COLUMNS},
        column_info=column_info(_TRAINING_COLUMNS),
        metadata={'task': results.task, 'engine_version': results.engine_version},
    )
