"""``limap.descriptors``: histogram descriptors of composition and structure for a batch of structures."""

from __future__ import annotations

from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations.base import StructuresCalculation, define_batch_exit_codes
from aiida_limap.data.table import TableData

__all__ = ['DescriptorsCalculation']


class DescriptorsCalculation(StructuresCalculation):
    """Wide rows of numbers per structure, in the parts of a layout.

    The composition part depends on the composition only, the structure part on the geometry. The landscape part, which
    is computed on request, reads the site energies of the mobile ion that migration energies come from as well.
    """

    TASK = 'descriptors'
    #: Since version 2 the Voronoi block counts faces in another way, and layouts have parts.
    CACHE_VERSION = 2

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
            '"composition", "structure" and on request "landscape"; each of their columns has a name, a unit and a '
            'meaning. No value in the rows of failed structures.',
        )
        define_batch_exit_codes(spec)
