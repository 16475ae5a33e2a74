"""Parser of ``limap.place_compositions``."""

from __future__ import annotations

from pathlib import Path

from aiida.engine import ExitCode

from aiida_limap.formats.results import Results
from aiida_limap.parsers._tables import table_from_items
from aiida_limap.parsers.base import EngineParser, count_items

__all__ = ['PlaceCompositionsParser']


class PlaceCompositionsParser(EngineParser):
    """The composition code of each formula."""

    def build(self, results: Results, directory: Path) -> ExitCode | None:
        """Attach the codes.

        :param results: the results.
        :param directory: folder with the retrieved files.
        :returns: an exit code, or None where all went well.
        """
        if not results.complete:
            return self.or_scheduler(self.exit_codes.ERROR_OUTPUT_INCOMPLETE)
        self.out('codes', table_from_items(results))
        self.output_parameters(results, {**results.summary, 'counts_by_status': count_items(results.items)})
        return None
