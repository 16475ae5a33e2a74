"""``limap.descriptors``: histogram descriptors of composition and structure for a batch of structures."""

from __future__ import annotations

from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations.base import StructuresCalculation, define_batch_exit_codes
from aiida_limap.data.table import TableData

__all__ = ['DescriptorsCalculation']


class DescriptorsCalculation(StructuresCalculation):
    """Two wide rows of numbers per structure: one depends on its composition only, the other on its geometry."""

    TASK = 'descriptors'

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.output(
            'table',
            valid_type=TableData,
            help='One row per finished structure, named by its UUID: status, message, formula, and the blocks '
            '"composition" and "structure" (pure numbers; no value in the rows of failed structures).',
        )
        define_batch_exit_codes(spec)
