"""``limap.descriptors``: histogram descriptors of composition and structure for a batch of structures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations._bond_valence import define_bond_valence, write_bond_valence
from aiida_limap.calculations.base import StructuresCalculation, add_inputs_validator, define_batch_exit_codes
from aiida_limap.common.layouts import reads_bond_valence
from aiida_limap.data.table import TableData

__all__ = ['DescriptorsCalculation']


class DescriptorsCalculation(StructuresCalculation):
    """Wide rows of numbers per structure, in the parts of a layout.

    The composition part depends on the composition only, the structure part on the geometry. The landscape part, which
    is computed on request, reads the site energies of the mobile ion that migration energies come from as well.
    """

    TASK = 'descriptors'
    #: Since version 2 the Voronoi block counts faces in another way, and layouts have parts; since version 3 structures
    #: with an element that the layout does not hold have a status word of their own.
    CACHE_VERSION = 3

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        define_bond_valence(spec)
        add_inputs_validator(spec, _validate_bond_valence)
        spec.output(
            'table',
            valid_type=TableData,
            help='One row per finished structure, named by its UUID: status, message, formula, and the blocks '
            '"composition", "structure" and on request "landscape"; each of their columns has a name, a unit and a '
            'meaning. No value in the rows of failed structures.',
        )
        define_batch_exit_codes(spec)

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Write the structures, and the parameter set where one is given.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        return {**super().write_inputs(directory), **write_bond_valence(self.inputs, directory)}


def _validate_bond_valence(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    """Refuse a parameter set that no number of the job depends on: it must not be linked to it."""
    if inputs.get('bond_valence') is None:
        return None
    parameters = inputs.get('parameters')
    if reads_bond_valence({} if parameters is None else parameters.get_dict()):
        return None
    return (
        'bond_valence: these descriptors read no bond-valence parameters; leave the input out, or give landscape: true '
        'in parameters'
    )
