"""``limap.bvff``: migration barriers of a batch of structures from a bond-valence force field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiida import orm
from aiida.common import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations.base import StructuresCalculation, add_inputs_validator, define_batch_exit_codes
from aiida_limap.data.table import TableData

__all__ = ['LANDSCAPES_FOLDER', 'NETWORKS_FOLDER', 'BvffCalculation']

#: Folders of a job in which the engine writes one file per structure, if it is asked to.
LANDSCAPES_FOLDER = 'landscapes'
NETWORKS_FOLDER = 'networks'


class BvffCalculation(StructuresCalculation):
    """Migration barriers (eV) along one, two and three directions for one structure or a batch of structures."""

    TASK = 'bvff'
    #: Barriers are those of the continuum since version 2; before, they were those of the grid.
    CACHE_VERSION = 2

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define inputs, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input(
            'oxidation_states',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=_validate_oxidation_states,
            help='Formal charges in units of e: for the UUID of a structure a list with one number per site. '
            'Structures that are not named get theirs from the engine.',
        )
        # An input, no option of the scheduler: a cached job without the files is no answer to one that wants them.
        spec.input(
            'retrieve_landscapes',
            valid_type=orm.Bool,
            required=False,
            serializer=orm.to_aiida_type,
            help='Whether the energy grids (parameter landscapes) come back into the folder landscapes of retrieved. '
            'By default they stay in the remote folder: a grid of 0.1 Å has some megabytes per structure.',
        )
        add_inputs_validator(spec, _validate_inputs)
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

    def oxidation_states(self) -> Mapping[str, tuple[float, ...]]:
        """Return the given oxidation states (e, one per site) by UUID of the structure."""
        if 'oxidation_states' not in self.inputs:
            return {}
        given = self.inputs.oxidation_states.get_dict()
        return {str(UUID(uuid)): tuple(states) for uuid, states in given.items()}


def _validate_oxidation_states(value: orm.Dict | None, _port: Any) -> str | None:
    if value is None:
        return None
    for uuid, states in value.get_dict().items():
        try:
            UUID(uuid)
        except ValueError:
            return f'oxidation_states: the key {uuid!r} is not the UUID of a structure'
        if not isinstance(states, (list, tuple)) or not all(
            isinstance(state, (int, float)) and not isinstance(state, bool) for state in states
        ):
            return f'oxidation_states: structure {uuid} needs a list with one number per site'
    return None


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    """Check inputs against each other."""
    return _validate_landscapes(inputs) or _validate_number_of_states(inputs)


def _validate_landscapes(inputs: Mapping[str, Any]) -> str | None:
    """Check that landscapes which are to come back are written at all."""
    wanted = inputs.get('retrieve_landscapes')
    if wanted is None or not wanted.value:
        return None
    parameters = inputs.get('parameters')
    if parameters is not None and parameters.get_dict().get('landscapes'):
        return None
    return 'retrieve_landscapes: no landscapes are written unless parameters has landscapes: true'


def _validate_number_of_states(inputs: Mapping[str, Any]) -> str | None:
    """Check that there is one oxidation state for each site of a structure that is named."""
    if inputs.get('oxidation_states') is None or not inputs.get('structures'):
        return None
    sites = {node.uuid: len(node.sites) for node in inputs['structures'].values()}
    for uuid, states in inputs['oxidation_states'].get_dict().items():
        expected = sites.get(str(UUID(uuid)))
        # Structures of other batches may be named: a work chain gives the same dictionary to all.
        if expected is not None and len(states) != expected:
            return f'oxidation_states: structure {uuid} has {expected} sites, but {len(states)} states are given'
    return None
