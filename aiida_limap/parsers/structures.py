"""What the parsers of batches of structures share: a row per finished structure, also for a job that was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from aiida.common import LinkType
from aiida.engine import ExitCode

from aiida_limap.common.keys import uuid_of_key
from aiida_limap.data.table import TableData
from aiida_limap.formats.results import Results
from aiida_limap.parsers.base import EngineParser, count_items, has_answer

__all__ = ['StructuresParser']


class StructuresParser(EngineParser):
    """Build the table, count the status words, and say what is missing."""

    #: How the labels of the links begin that hold the UUIDs of structures: names of input namespaces.
    LINKS: ClassVar[tuple[str, ...]] = ('structures__',)

    def table(self, results: Results) -> TableData:
        """Return the unstored table of the results.

        :param results: the results.
        """
        raise NotImplementedError

    def no_answer(self, results: Results) -> ExitCode:
        """Return the exit code for a batch in which no structure has an answer.

        :param results: the results.
        """
        counts = ', '.join(f'{word}: {count}' for word, count in count_items(results.items).items())
        return self.exit_codes.ERROR_ALL_STRUCTURES_FAILED.format(counts=counts)

    def build(self, results: Results, directory: Path) -> ExitCode | None:
        """Attach table and counts.

        :param results: the results.
        :param directory: folder with the retrieved files.
        :returns: an exit code, or None where all went well.
        """
        requested = self._requested()
        strangers = {item.id for item in results.items} - requested
        if strangers:
            return self.exit_codes.ERROR_RESULTS_FORMAT.format(
                reason=f'they hold the structure {min(strangers)}, which the job was not asked for'
            )
        n_done, n_structures = len(results.items), len(requested)
        if n_done == 0:
            return self.or_scheduler(self.exit_codes.ERROR_OUTPUT_INCOMPLETE)
        self.out('table', self.table(results))
        self.output_parameters(
            results,
            {
                'number_of_structures': n_structures,
                'number_of_rows': n_done,
                'counts_by_status': count_items(results.items),
                'unfinished': sorted(requested - {item.id for item in results.items}),
            },
        )
        if n_done < n_structures and results.complete:
            return self.exit_codes.ERROR_RESULTS_FORMAT.format(
                reason=f'the engine reached its end, but left out {n_structures - n_done} structures'
            )
        if n_done < n_structures:
            # Resubmitting what is missing is right for every reason; the words of the scheduler are in its report.
            return self.exit_codes.ERROR_OUT_OF_WALLTIME.format(n_done=n_done, n_structures=n_structures)
        if not has_answer(results.items):
            return self.no_answer(results)
        return None

    def _requested(self) -> set[str]:
        """Return the UUIDs of the structures of the job, from the labels of its links and without loading a node."""
        links = self.node.base.links.get_incoming(link_type=LinkType.INPUT_CALC, only_uuid=True)
        labels = [label for label in links.all_link_labels() if label.startswith(self.LINKS)]
        return {uuid_of_key(label.partition('__')[2]) for label in labels}
