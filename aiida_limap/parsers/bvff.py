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
#: What the engine says of all rows: its options with their defaults, and which parameters it used.
_FACTS = ('options', 'parameters_citation', 'parameters_checksum')


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
        facts = {name: results.summary[name] for name in _FACTS if name in results.summary}
        return table_from_items(results, metadata={'mobile_ion': self.mobile_ion, **facts})

    def no_answer(self, results: Results) -> ExitCode:
        """Return the exit code for a batch in which no structure has an answer.

        :param results: the results.
        """
        if all(item.status is Status.NO_MOBILE_ION for item in results.items):
            return self.exit_codes.ERROR_NO_MOBILE_ION_IN_STRUCTURES.format(mobile_ion=self.mobile_ion)
        return super().no_answer(results)
