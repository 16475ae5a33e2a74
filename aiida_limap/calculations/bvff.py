"""``limap.bvff``: migration barriers of a batch of structures from a bond-valence force field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiida import orm
from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations.base import StructuresCalculation, add_inputs_validator, define_batch_exit_codes
from aiida_limap.data.table import TableData

__all__ = ['BvffCalculation']


class BvffCalculation(StructuresCalculation):
    """Migration barriers (eV) along one, two and three directions for a batch of structures."""

    TASK = 'bvff'

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
