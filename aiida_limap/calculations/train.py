"""``limap.train``: train the autoencoder that spans a map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.common import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations._descriptors import (
    COLUMNS_FILE,
    check_training_tables,
    descriptor_arrays,
    rows_with_descriptors,
    training_parts,
    write_columns,
)
from aiida_limap.calculations.base import EngineCalculation, add_inputs_validator, define_out_of_walltime, target_of
from aiida_limap.common.training import GRID
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.table import TableData
from aiida_limap.formats.arrays import write_arrays
from aiida_limap.formats.results import ARRAYS_FILE
from aiida_limap.formats.weights import CHECKPOINTS, MODEL_FILE, MODELS

__all__ = ['TRAINING_FILE', 'TrainCalculation']

TRAINING_FILE = 'training.npz'


class TrainCalculation(EngineCalculation):
    """Train the two-branch autoencoder, or a grid of them, on descriptors and migration energies (eV).

    The parameter ``grid`` lists values by option; one model is trained for each combination, and ``model`` is the one
    that ``select`` finds the best. Checkpoints stay in the folder of the job: give its ``remote_folder`` as
    ``checkpoints`` to go on from them.
    """

    TASK = 'train'
    TEMPORARY_FILES = (ARRAYS_FILE, MODEL_FILE)
    #: 2: another order of batches, and other rounding, than in version 1.
    CACHE_VERSION = 2

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define inputs, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        _define_inputs(spec)
        _define_outputs(spec)
        _define_exit_codes(spec)

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Join descriptors and migration energies by structure and write them.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        descriptors, energies = self.inputs.descriptors, self.inputs.migration_energies
        further = training_parts(descriptors, self.inputs.get('parameters'))
        rows = rows_with_descriptors(descriptors, further)
        ids = np.array(descriptors.ids)[rows]
        known = dict(zip(energies.ids, energies.column(self.target).tolist(), strict=True))
        write_arrays(
            directory / TRAINING_FILE,
            {
                'ids': ids,
                'groups': _groups(descriptors)[rows],
                'migration_energy_eV': np.array([known.get(name, np.nan) for name in ids.tolist()], dtype=np.float64),
                **descriptor_arrays(descriptors, rows, further),
            },
        )
        write_columns(directory / COLUMNS_FILE, descriptors, further)
        return {'training': TRAINING_FILE, 'columns': COLUMNS_FILE}

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the job, and say where the checkpoints of an earlier one come from.

        :param folder: the folder whose content is sent to the computer.
        :returns: the instructions for AiiDA.
        """
        calcinfo = super().prepare_for_submission(folder)
        if GRID in self.engine_parameters():
            calcinfo.retrieve_temporary_list.append(MODELS)
        earlier = self.inputs.get('checkpoints')
        if earlier is None:
            # Every job leaves the folder, so that whatever goes on from it finds one to copy.
            folder.get_subfolder(CHECKPOINTS, create=True)
        elif isinstance(earlier, orm.RemoteData):
            # A copy: the earlier job stays as it was, and can be gone on from in more than one way.
            source = f'{earlier.get_remote_path()}/{CHECKPOINTS}'
            calcinfo.remote_copy_list = [(earlier.computer.uuid, source, CHECKPOINTS)]
        else:
            calcinfo.local_copy_list = [(earlier.uuid, _checkpoint_path(earlier), CHECKPOINTS)]
        return calcinfo


def _define_inputs(spec: CalcJobProcessSpec) -> None:
    spec.input(
        'descriptors',
        valid_type=TableData,
        help='Descriptors by structure, with the blocks "composition", "structure" and, if the parameter landscape '
        'is true, "landscape"; a block "phonons" is read where there is one. Rows without are left out.',
    )
    spec.input(
        'migration_energies',
        valid_type=TableData,
        help='Migration energies (eV) by structure; a structure without one still trains the reconstruction.',
    )
    spec.input(
        'checkpoints',
        valid_type=(orm.RemoteData, orm.FolderData),
        required=False,
        help='Folder of an earlier job with the same tables and parameters, on the same computer: the training '
        'goes on from its checkpoints, which are copied there. Or a folder of checkpoint files in the database.',
    )
    add_inputs_validator(spec, _validate_inputs)
    _describe_options(spec)


def _define_outputs(spec: CalcJobProcessSpec) -> None:
    spec.output('model', valid_type=AutoencoderData, help='The trained model; of a grid the one that was chosen.')
    spec.output_namespace(
        'models',
        valid_type=AutoencoderData,
        dynamic=True,
        required=False,
        help='The best models of a grid (parameter keep_models) by their name in the output grid: model_0000, …',
    )
    spec.output(
        'grid',
        valid_type=TableData,
        required=False,
        help='One row per model of a grid: its options, status, epochs, losses (pure numbers), metrics by split.',
    )
    spec.output(
        'training',
        valid_type=TableData,
        help='One row per structure: split (train, validation, test), codes x_comp and x_struc (pure numbers), '
        'migration_energy_eV and migration_energy_predicted_eV (eV).',
    )
    spec.output(
        'history',
        valid_type=orm.ArrayData,
        help='Losses by epoch (pure numbers), one array per quantity; of a grid also grid_NAME, one row per model.',
    )


def _define_exit_codes(spec: CalcJobProcessSpec) -> None:
    spec.exit_code(
        306, 'ERROR_MODEL_MISSING', 'The training left no model that can be used: {reason}', invalidates_cache=True
    )
    define_out_of_walltime(spec, 'a job with its remote_folder as checkpoints goes on from there.')
    spec.exit_code(430, 'ERROR_LOSS_NOT_FINITE', 'The loss is not finite; lower the learning rate: {reason}')
    spec.exit_code(
        432,
        'ERROR_DEVICE_OUT_OF_MEMORY',
        'The device ran out of memory; lower models_at_once, or for a single model the batch size.',
        invalidates_cache=True,
    )
    spec.exit_code(433, 'ERROR_DEVICE_NOT_AVAILABLE', 'The device is not available: {reason}', invalidates_cache=True)


def _groups(descriptors: TableData) -> np.ndarray:
    """Return the group of each row: structures of one formula must not be divided between training and test."""
    return descriptors.column('formula') if 'formula' in descriptors.column_names else np.array(descriptors.ids)


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    descriptors, energies = inputs.get('descriptors'), inputs.get('migration_energies')
    message = None
    if descriptors is not None and energies is not None:
        parameters = inputs.get('parameters')
        further = training_parts(descriptors, parameters)
        message = check_training_tables(descriptors, energies, target_of(parameters), further)
    return message or _check_checkpoints(inputs.get('checkpoints'), inputs.get('code'))


def _check_checkpoints(earlier: orm.RemoteData | orm.FolderData | None, code: orm.AbstractCode | None) -> str | None:
    """Return what is wrong with the checkpoints of an earlier job, or None."""
    if earlier is None:
        return None
    if isinstance(earlier, orm.FolderData):
        names = earlier.base.repository.list_object_names(_checkpoint_path(earlier))
        if not any(name.endswith('.safetensors') for name in names):
            return 'checkpoints: the folder holds no checkpoint files (model_0000.safetensors, …)'
        return None
    if earlier.is_cleaned:
        return 'checkpoints: the folder was cleaned, so there is nothing to go on from; leave the input out'
    computer = None if code is None else getattr(code, 'computer', None)
    if computer is not None and earlier.computer.uuid != computer.uuid:
        return (
            f'checkpoints: the folder is on the computer {earlier.computer.label!r}, but the code is on '
            f'{computer.label!r}; use a code on the same computer'
        )
    return None


def _checkpoint_path(earlier: orm.FolderData) -> str:
    """Return where the files are in a folder of the database: below ``checkpoints``, or at its top."""
    return CHECKPOINTS if CHECKPOINTS in earlier.base.repository.list_object_names() else '.'


def _describe_options(spec: CalcJobProcessSpec) -> None:
    """Say how a GPU is asked for, where users look for it."""
    options = spec.inputs['metadata']['options']
    options['custom_scheduler_commands'].help = (
        'Lines for the scheduler, e.g. "#SBATCH --gres=gpu:1" to train on a GPU; with the parameter device: auto (the '
        'default) a GPU is used where the job has one, with device: cuda the job fails without one.'
    )
    options['queue_name'].help = 'The queue of the job, e.g. that of the GPUs.'
