"""``limap.screen_train``: learn to tell fast lithium-ion conductors from slow ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from aiida.common import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations._descriptors import COLUMNS_FILE, write_columns
from aiida_limap.calculations._labels import check_features, check_labels, label_arrays
from aiida_limap.calculations.base import EngineCalculation, add_inputs_validator, define_out_of_walltime
from aiida_limap.data.screening_model import ScreeningModelData
from aiida_limap.data.table import TableData
from aiida_limap.formats.arrays import write_arrays
from aiida_limap.formats.screen_job import FEATURES_FILE, LABELS_FILE
from aiida_limap.formats.weights import MODELS

__all__ = ['ScreenTrainCalculation']


class ScreenTrainCalculation(EngineCalculation):
    """Train the models of a screening: from few measured conductivities to labels of thousands of structures.

    ``sml`` learns measured labels from features of structures, and labels all structures that have features. ``esml``
    and ``atom2vec`` learn these labels from compositions alone, so that compositions without a structure can be asked
    about. ``eml`` learns the measured labels from compositions, and stands beside them for comparison.
    """

    TASK = 'screen_train'

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define inputs, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input(
            'labels',
            valid_type=TableData,
            help='Measured compounds: column label (1 fast, 0 slow, no value where nobody knows), formula, and '
            'structure_uuid where there is a structure, as `aiida-limap import conductivities` makes it.',
        )
        spec.input(
            'descriptors',
            valid_type=TableData,
            help='Features of labelled and unlabelled structures by the layout screening: the blocks "composition" and '
            '"structure"; a structure without features is left out.',
        )
        add_inputs_validator(spec, _validate_inputs)
        spec.output_namespace(
            'models',
            valid_type=ScreeningModelData,
            dynamic=True,
            help='The trained models by kind: sml, eml, esml, atom2vec.',
        )
        spec.output(
            'predictions',
            valid_type=TableData,
            help='One row per structure with features: formula, measured label, and for each model its call (1 fast) '
            'and its probability (pure numbers).',
        )
        spec.exit_code(
            306, 'ERROR_MODEL_MISSING', 'The training left no model that can be used: {reason}', invalidates_cache=True
        )
        define_out_of_walltime(spec, 'ask for more time, or for fewer models.')
        spec.exit_code(434, 'ERROR_LABELS_NOT_USABLE', 'Nothing can be learnt from the labels: {reason}')
        spec.exit_code(
            433, 'ERROR_DEVICE_NOT_AVAILABLE', 'The device is not available: {reason}', invalidates_cache=True
        )

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Write labels and features; they are joined by structure.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        labels, descriptors = self.inputs.labels, self.inputs.descriptors
        write_arrays(directory / LABELS_FILE, label_arrays(labels))
        formulas = descriptors.column('formula') if 'formula' in descriptors.column_names else descriptors.ids
        write_arrays(
            directory / FEATURES_FILE,
            {
                'ids': np.array(descriptors.ids),
                'formula': np.array(formulas),
                **{part: descriptors.block(part) for part in ('composition', 'structure')},
            },
        )
        write_columns(directory / COLUMNS_FILE, descriptors)
        return {'labels': LABELS_FILE, 'features': FEATURES_FILE, 'columns': COLUMNS_FILE}

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the job, and let the models come back for the parser.

        :param folder: the folder whose content is sent to the computer.
        :returns: the instructions for AiiDA.
        """
        calcinfo = super().prepare_for_submission(folder)
        calcinfo.retrieve_temporary_list.append(MODELS)
        return calcinfo


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    labels, descriptors = inputs.get('labels'), inputs.get('descriptors')
    message = None if labels is None else check_labels(labels)
    if message is None and descriptors is not None:
        message = check_features(descriptors)
    if message is None and labels is not None and descriptors is not None:
        known = set(descriptors.ids)
        if not known & set(label_arrays(labels)['ids'].tolist()):
            return 'labels: none of the labelled structures is among the described ones; describe them too'
    return message
