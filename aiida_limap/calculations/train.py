"""``limap.train``: train the autoencoder that spans a map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations._descriptors import (
    COLUMNS_FILE,
    check_descriptors,
    check_target,
    descriptor_arrays,
    rows_with_descriptors,
    wants_landscape,
    write_columns,
)
from aiida_limap.calculations.base import EngineCalculation, add_inputs_validator, target_of
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.table import TableData
from aiida_limap.formats.arrays import write_arrays
from aiida_limap.formats.results import ARRAYS_FILE
from aiida_limap.formats.weights import MODEL_FILE

__all__ = ['TRAINING_FILE', 'TrainCalculation']

TRAINING_FILE = 'training.npz'


class TrainCalculation(EngineCalculation):
    """Train the two-branch autoencoder on descriptors and migration energies (eV)."""

    TASK = 'train'
    TEMPORARY_FILES = (ARRAYS_FILE, MODEL_FILE)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define inputs, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input(
            'descriptors',
            valid_type=TableData,
            help='Descriptors by structure, with the blocks "composition", "structure" and, if the parameter landscape '
            'is true, "landscape"; rows without are left out.',
        )
        spec.input(
            'migration_energies',
            valid_type=TableData,
            help='Migration energies (eV) by structure; a structure without one still trains the reconstruction.',
        )
        add_inputs_validator(spec, _validate_inputs)
        spec.output('model', valid_type=AutoencoderData, help='The trained model.')
        spec.output(
            'training',
            valid_type=TableData,
            help='One row per structure: split (train, validation, test), codes x_comp and x_struc (pure numbers), '
            'migration_energy_eV and migration_energy_predicted_eV (eV).',
        )
        spec.output('history', valid_type=orm.ArrayData, help='Losses by epoch (pure numbers), one array per quantity.')
        spec.exit_code(
            306, 'ERROR_MODEL_MISSING', 'The training left no model that can be used: {reason}', invalidates_cache=True
        )
        spec.exit_code(430, 'ERROR_LOSS_NOT_FINITE', 'The loss is not finite; lower the learning rate: {reason}')
        spec.exit_code(
            432,
            'ERROR_DEVICE_OUT_OF_MEMORY',
            'The device ran out of memory; lower the batch size.',
            invalidates_cache=True,
        )
        spec.exit_code(
            433, 'ERROR_DEVICE_NOT_AVAILABLE', 'The device is not available: {reason}', invalidates_cache=True
        )

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Join descriptors and migration energies by structure and write them.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        descriptors, energies = self.inputs.descriptors, self.inputs.migration_energies
        landscape = wants_landscape(self.inputs.get('parameters'))
        rows = rows_with_descriptors(descriptors, landscape)
        ids = np.array(descriptors.ids)[rows]
        known = dict(zip(energies.ids, energies.column(self.target).tolist(), strict=True))
        write_arrays(
            directory / TRAINING_FILE,
            {
                'ids': ids,
                'groups': _groups(descriptors)[rows],
                'migration_energy_eV': np.array([known.get(name, np.nan) for name in ids.tolist()], dtype=np.float64),
                **descriptor_arrays(descriptors, rows, landscape),
            },
        )
        write_columns(directory / COLUMNS_FILE, descriptors, landscape)
        return {'training': TRAINING_FILE, 'columns': COLUMNS_FILE}


def _groups(descriptors: TableData) -> np.ndarray:
    """Return the group of each row: structures of one formula must not be divided between training and test."""
    return descriptors.column('formula') if 'formula' in descriptors.column_names else np.array(descriptors.ids)


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    if inputs.get('descriptors') is None or inputs.get('migration_energies') is None:
        return None
    parameters = inputs.get('parameters')
    return check_descriptors(inputs['descriptors'], wants_landscape(parameters)) or check_target(
        inputs['migration_energies'], target_of(parameters)
    )
