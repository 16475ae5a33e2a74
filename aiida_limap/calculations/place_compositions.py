"""``limap.place_compositions``: where compositions without a structure stand along the first axis of a map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations.base import EngineCalculation, add_inputs_validator
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.table import TableData
from aiida_limap.formats.arrays import write_arrays
from aiida_limap.formats.screen_job import FORMULAS_FILE
from aiida_limap.formats.weights import MODEL_FILE

__all__ = ['PlaceCompositionsCalculation']


class PlaceCompositionsCalculation(EngineCalculation):
    """Describe compositions as the model of a map reads them, and give each its composition code."""

    TASK = 'place_compositions'
    #: Since version 2 formulas with an element that the layout does not hold have a status word of their own.
    CACHE_VERSION = 2
    TEMPORARY_FILES = ()

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define inputs and outputs.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input('model', valid_type=AutoencoderData, help='The model that drew the map.')
        spec.input('hits', valid_type=TableData, help='A table with the column formula, such as the hits of a screen.')
        add_inputs_validator(spec, _validate_inputs)
        spec.output(
            'codes',
            valid_type=TableData,
            help='One row per formula: its code x_comp (a pure number), or the reason why it has none.',
        )

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Write model and formulas.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        (directory / MODEL_FILE).write_bytes(self.inputs.model.get_content(mode='rb'))
        formulas = list(dict.fromkeys(self.inputs.hits.column('formula').tolist()))
        write_arrays(directory / FORMULAS_FILE, {'formula': np.array(formulas)})
        return {'model': MODEL_FILE, 'formulas': FORMULAS_FILE}


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    hits = inputs.get('hits')
    if hits is None:
        return None
    if 'formula' not in hits.column_names or not len(hits):
        return 'hits: the table has no column of formulas, or no rows'
    return None
