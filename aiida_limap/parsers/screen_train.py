"""Parser of ``limap.screen_train``."""

from __future__ import annotations

from pathlib import Path

from aiida.engine import ExitCode

from aiida_limap.common.status import Status
from aiida_limap.data.screening_model import ScreeningModelData
from aiida_limap.data.table import TableData
from aiida_limap.formats.results import Results
from aiida_limap.formats.screen_job import PREDICTION
from aiida_limap.formats.weights import MODELS
from aiida_limap.parsers.base import EngineParser

__all__ = ['ScreenTrainParser']

_DESCRIPTIONS = {
    'formula': 'reduced formula',
    'label': 'measured: 1 fast (1e-4 S/cm or more at room temperature), 0 slow',
}


class ScreenTrainParser(EngineParser):
    """The models of a screening, and what they make of every structure."""

    TEMPORARY_FOLDERS = (MODELS,)

    def failed(self, reason: str) -> ExitCode:
        """Return the exit code for a training that gave up.

        :param reason: the sentence of the engine.
        :returns: the exit code.
        """
        words = reason.lower()
        if 'device' in words and 'available' in words:
            return self.exit_codes.ERROR_DEVICE_NOT_AVAILABLE.format(reason=reason)
        if 'label' in words or 'class' in words:
            return self.exit_codes.ERROR_LABELS_NOT_USABLE.format(reason=reason)
        return super().failed(reason)

    def build(self, results: Results, directory: Path) -> ExitCode | None:
        """Attach models, predictions and facts; a training that was stopped has none that can be used.

        :param results: the results.
        :param directory: folder with the retrieved files.
        :returns: an exit code, or None where all went well.
        """
        if not results.complete:
            return self.or_scheduler(self.exit_codes.ERROR_OUT_OF_WALLTIME)
        self.output_parameters(results, results.summary)
        if f'{PREDICTION}ids' not in results.arrays:
            return self.exit_codes.ERROR_RESULTS_FORMAT.format(reason=f"the array '{PREDICTION}ids' is missing")
        self.out('predictions', _predictions(results))
        try:
            self._attach_models(results, directory)
        except (OSError, ValueError) as error:
            return self.exit_codes.ERROR_MODEL_MISSING.format(reason=error)
        return None

    def _attach_models(self, results: Results, directory: Path) -> None:
        """Attach the models.

        :raises OSError: if a file is missing.
        :raises ValueError: if a file is no model of a screening, or there is none.
        """
        names = [item.id for item in results.items if item.status is Status.OK]
        if not names:
            raise ValueError('the results name no model')
        for name in names:
            path = directory / MODELS / f'{name}.safetensors'
            self.attach_model(f'{MODELS}.{name}', ScreeningModelData, path, directory)


def _predictions(results: Results) -> TableData:
    arrays = {
        name.removeprefix(PREDICTION): array for name, array in results.arrays.items() if name.startswith(PREDICTION)
    }
    ids = [str(name) for name in arrays.pop('ids').tolist()]
    return TableData.from_arrays(
        ids,
        arrays,
        column_info={name: {'unit': '', 'description': _description(name)} for name in arrays},
        metadata={'task': results.task, 'engine_version': results.engine_version},
    )


def _description(name: str) -> str:
    """Return what a column of the predictions means."""
    what, _, model = name.partition('_')
    known = {
        'fast': f'1 where the model {model} calls it fast, 0 slow',
        'probability': f'probability to be fast by the model {model}',
        'score': f'signed distance from the border of the model {model}; fast above 0',
        'inside': f'1 where the structure is like those that the model {model} learnt from',
    }
    return _DESCRIPTIONS.get(name) or known.get(what, '')
