"""Parser of ``limap.bvff``."""

from __future__ import annotations

from aiida.engine import ExitCode

from aiida_limap.common.status import Status
from aiida_limap.data.table import TableData
from aiida_limap.formats.results import Results
from aiida_limap.parsers._tables import table_from_items
from aiida_limap.parsers.structures import StructuresParser

__all__ = ['BvffParser']

#: The mobile ion of the engine where the user names none.
_DEFAULT_MOBILE_ION = 'Li+'


class BvffParser(StructuresParser):
    """One row of barriers (eV) per structure."""

    @property
    def mobile_ion(self) -> str:
        """The ion that moves."""
        return str(self.parameters.get('mobile_ion', _DEFAULT_MOBILE_ION))

    def table(self, results: Results) -> TableData:
        """Return the unstored table of the results.

        :param results: the results.
        """
        return table_from_items(results, metadata={'mobile_ion': self.mobile_ion, 'parameters': self.parameters})

    def no_answer(self, results: Results) -> ExitCode:
        """Return the exit code for a batch in which no structure has an answer.

        :param results: the results.
        """
        if all(item.status is Status.NO_MOBILE_ION for item in results.items):
            return self.exit_codes.ERROR_NO_MOBILE_ION_IN_STRUCTURES.format(mobile_ion=self.mobile_ion)
        return super().no_answer(results)
