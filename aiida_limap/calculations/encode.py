"""``limap.encode``: put structures on the map of a trained model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations._descriptors import (
    COLUMNS_FILE,
    check_descriptors,
    check_layout,
    check_target,
    descriptor_arrays,
    rows_with_descriptors,
    write_columns,
)
from aiida_limap.calculations._parents import PARENT_MAP, PLANE, check_parent
from aiida_limap.calculations.base import EngineCalculation, add_inputs_validator, target_of
from aiida_limap.common.status import ANSWERS
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.map import MapData
from aiida_limap.data.table import TableData
from aiida_limap.formats.arrays import write_arrays
from aiida_limap.formats.weights import MODEL_FILE

__all__ = ['DESCRIPTORS_FILE', 'EncodeCalculation']

DESCRIPTORS_FILE = 'descriptors.npz'


class EncodeCalculation(EngineCalculation):
    """Encode structures with a trained model and predict the migration energy (eV) over the plane of the codes."""

    TASK = 'encode'
    #: 2: maps also say where the model knows anything.
    CACHE_VERSION = 2

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define inputs, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input('model', valid_type=AutoencoderData, help='The model that spans the map.')
        spec.input(
            'descriptors',
            valid_type=TableData,
            help='Descriptors by structure, of the layout that the model was trained with, with the blocks '
            '"landscape" and "phonons" if the model reads them; rows without are left out.',
        )
        spec.input(
            'migration_energies',
            valid_type=TableData,
            required=False,
            help='Computed migration energies (eV) by structure, to be shown beside the predicted ones.',
        )
        spec.input_namespace(
            'ensemble',
            valid_type=AutoencoderData,
            dynamic=True,
            required=False,
            help='Models of other seeds on the same descriptors, by any key: the map then says how far they agree with '
            '"model" on the codes and the migration energy of each point.',
        )
        spec.input(
            PARENT_MAP,
            valid_type=MapData,
            required=False,
            help='A map that the model drew: its points and its plane are taken over as they are, and structures that '
            'it does not hold are placed beside them.',
        )
        add_inputs_validator(spec, _validate_inputs)
        spec.output('map', valid_type=MapData, help='Points with codes (pure numbers) and migration energies (eV).')

    def engine_parameters(self) -> dict[str, Any]:
        """Return the parameters for the engine; where the plane is that of a parent, the smallest one is enough."""
        parameters = super().engine_parameters()
        return {**parameters, PLANE[0]: 2} if PARENT_MAP in self.inputs else parameters

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Write model and descriptors.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        descriptors, further = self.inputs.descriptors, self.inputs.model.further_parts
        rows = rows_with_descriptors(descriptors, further)
        if PARENT_MAP in self.inputs:
            rows = rows[~np.isin(np.array(descriptors.ids)[rows], self.inputs.parent_map.ids)]
        (directory / MODEL_FILE).write_bytes(self.inputs.model.get_content(mode='rb'))
        write_arrays(
            directory / DESCRIPTORS_FILE,
            {
                'ids': np.array(descriptors.ids)[rows],
                **descriptor_arrays(descriptors, rows, further),
            },
        )
        write_columns(directory / COLUMNS_FILE, descriptors, further)
        files = {'model': MODEL_FILE, 'descriptors': DESCRIPTORS_FILE, 'columns': COLUMNS_FILE}
        members = self.inputs.get('ensemble') or {}
        # Sorted, since the order of a namespace depends on how the process was loaded.
        for number, key in enumerate(sorted(members)):
            role = f'ensemble_{number}'
            files[role] = f'{role}.safetensors'
            (directory / files[role]).write_bytes(members[key].get_content(mode='rb'))
        return files


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    if inputs.get('descriptors') is None:
        return None
    model, descriptors = inputs.get('model'), inputs['descriptors']
    further = () if model is None else model.further_parts
    message = check_descriptors(descriptors, further)
    if message is None and model is not None:
        message = check_layout(descriptors, model)
    target = target_of(inputs.get('parameters'))
    energies = inputs.get('migration_energies')
    if message is None and energies is not None and _has_answers(energies):
        message = check_target(energies, target)
    message = message or _check_ensemble(model, inputs.get('ensemble') or {})
    if message is None and inputs.get(PARENT_MAP) is not None:
        parameters = {} if inputs.get('parameters') is None else inputs['parameters'].get_dict()
        ids = np.array(descriptors.ids)[rows_with_descriptors(descriptors, further)].tolist()
        message = check_parent(inputs[PARENT_MAP], model, parameters, target, ids)
    return message


def _has_answers(energies: TableData) -> bool:
    """Return whether a table has numbers at all: one of structures without lithium holds nothing but words."""
    counts = energies.counts_by_status
    return not counts or bool({str(word) for word in ANSWERS} & set(counts))


def _check_ensemble(model: AutoencoderData | None, members: Mapping[str, AutoencoderData]) -> str | None:
    """Return what is wrong with the members of an ensemble, or None."""
    if model is None:
        return None
    expected = model.header['columns'].get('layout_checksum')
    for key, member in members.items():
        for part in sorted(set(member.further_parts) ^ set(model.further_parts)):
            return f'ensemble: only one of {key!r} and the model reads the {part} block'
        found = member.header['columns'].get('layout_checksum')
        if None not in {expected, found} and found != expected:
            return (
                f'ensemble: {key!r} was trained with another descriptor layout than the model (checksum {found[:8]}, '
                f'expected {expected[:8]})'
            )
    return None
