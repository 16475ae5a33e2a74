"""``limap.bvff``: migration barriers of a batch of structures from a bond-valence force field."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations._bond_valence import check_force_field, define_bond_valence, write_bond_valence
from aiida_limap.calculations.base import StructuresCalculation, add_inputs_validator, define_batch_exit_codes
from aiida_limap.data.table import TableData

__all__ = ['LANDSCAPES_FOLDER', 'NETWORKS_FOLDER', 'BvffCalculation']

#: Folders of a job in which the engine writes one file per structure, if it is asked to.
LANDSCAPES_FOLDER = 'landscapes'
NETWORKS_FOLDER = 'networks'


class BvffCalculation(StructuresCalculation):
    """Migration barriers (eV) along one, two and three directions for one structure or a batch of structures."""

    TASK = 'bvff'
    #: 2: barriers of the continuum, not of the grid; 3: energy profiles; 4: profiles that end at their site.
    CACHE_VERSION = 4

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define inputs, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        # An input, no option of the scheduler: a cached job without the files is no answer to one that wants them.
        spec.input(
            'retrieve_landscapes',
            valid_type=orm.Bool,
            required=False,
            serializer=orm.to_aiida_type,
            help='Whether the energy grids (parameter landscapes) come back into the folder landscapes of retrieved. '
            'By default they stay in the remote folder: a grid of 0.1 Å has some megabytes per structure.',
        )
        define_bond_valence(spec)
        add_inputs_validator(spec, _validate_landscapes)
        add_inputs_validator(spec, _validate_bond_valence)
        spec.output(
            'table',
            valid_type=TableData,
            help='One row per finished structure, named by its UUID: status, message, barrier_1d_eV, barrier_2d_eV, '
            'barrier_3d_eV, grid_error_eV (all in eV) and what else the engine found; no value where there is no path.',
        )
        define_batch_exit_codes(spec)
        spec.exit_code(
            210,
            'ERROR_NO_MOBILE_ION_IN_STRUCTURES',
            'None of the structures holds the mobile ion {mobile_ion}; choose other structures or another mobile_ion.',
        )

    @classmethod
    def is_valid_cache(cls, node: orm.CalcJobNode) -> bool:
        """Return whether a job that has the same inputs may stand for another one.

        :param node: the job that is in the database.
        :returns: False also where its landscapes stayed on the computer and were deleted there.
        """
        return super().is_valid_cache(node) and not _has_lost_landscapes(node)

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Write the structures, and the parameter set where one is given.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        return {**super().write_inputs(directory), **write_bond_valence(self.inputs, directory)}

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the job, and ask for the files of single structures too.

        :param folder: the folder whose content is sent to the computer.
        :returns: the instructions for AiiDA.
        """
        calcinfo = super().prepare_for_submission(folder)
        parameters = self.engine_parameters()
        if parameters.get('networks'):
            calcinfo.retrieve_list.append(NETWORKS_FOLDER)
        if parameters.get('landscapes') and 'retrieve_landscapes' in self.inputs and self.inputs.retrieve_landscapes:
            calcinfo.retrieve_list.append(LANDSCAPES_FOLDER)
        return calcinfo


def _has_lost_landscapes(node: orm.CalcJobNode) -> bool:
    inputs = node.inputs
    if 'parameters' not in inputs or not inputs.parameters.get_dict().get('landscapes'):
        return False
    if 'retrieve_landscapes' in inputs and inputs.retrieve_landscapes.value:
        return False
    return 'remote_folder' not in node.outputs or bool(node.outputs.remote_folder.is_cleaned)


def _validate_landscapes(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    """Check that landscapes which are to come back are written at all."""
    wanted = inputs.get('retrieve_landscapes')
    if wanted is None or not wanted.value:
        return None
    parameters = inputs.get('parameters')
    if parameters is not None and parameters.get_dict().get('landscapes'):
        return None
    return 'retrieve_landscapes: no landscapes are written unless parameters has landscapes: true'


def _validate_bond_valence(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    """Check that the parameter set knows the preset and the mobile ion."""
    parameters = inputs.get('parameters')
    return check_force_field(inputs.get('bond_valence'), {} if parameters is None else parameters.get_dict())
