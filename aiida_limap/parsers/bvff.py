"""Parser of ``limap.bvff``."""

from __future__ import annotations

from pathlib import Path

from aiida.engine import ExitCode

from aiida_limap.calculations.bvff import LANDSCAPES_FOLDER, NETWORKS_FOLDER
from aiida_limap.common.status import Status
from aiida_limap.data.table import TableData
from aiida_limap.formats.parameters import PARAMETER_FACTS
from aiida_limap.formats.results import Results
from aiida_limap.parsers._tables import rows_by_item, table_from_items
from aiida_limap.parsers.structures import StructuresParser

__all__ = ['BvffParser']

#: The mobile ion of the engine where the user names none.
_DEFAULT_MOBILE_ION = 'Li+'
#: What the engine says of all rows: its options with their defaults, and which parameters it used.
_FACTS = ('options', *PARAMETER_FACTS)
#: Rows of numbers of each structure: what they are.
_PROFILES = {
    'profile_distance_angstrom': {
        'unit': 'Å',
        'description': 'distance along the shortest path over the saddle of two-dimensional migration',
        'dimension': 2,
    },
    'profile_energy_eV': {
        'unit': 'eV',
        'description': 'energy above the lowest site at these distances',
        'dimension': 2,
    },
}


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
        blocks = {name: block for name in _PROFILES if (block := rows_by_item(results, name)) is not None}
        return table_from_items(
            results,
            blocks=blocks,
            block_info={name: _PROFILES[name] for name in blocks},
            metadata={'mobile_ion': self.mobile_ion, **facts},
        )

    def build(self, results: Results, directory: Path) -> ExitCode | None:
        """Attach table and counts, and say in the log which files of single structures did not come back.

        :param results: the results.
        :param directory: folder with the retrieved files.
        :returns: an exit code, or None where all went well.
        """
        wanted = self.input_or_none('retrieve_landscapes')
        if wanted is not None and wanted.value:
            self._look_for(LANDSCAPES_FOLDER, [item.values.get('landscape') for item in results.items])
        if self.parameters.get('networks'):
            self._look_for(NETWORKS_FOLDER, [item.values.get('network') for item in results.items])
        return super().build(results, directory)

    def _look_for(self, folder: str, names: list[str | None]) -> None:
        repository = self.retrieved.base.repository
        there = repository.list_object_names(folder) if folder in repository.list_object_names() else []
        missing = [name for name in names if name and Path(name).name not in there]
        if missing:
            # The barriers stand without them, so this is no failure.
            self.logger.warning('%d files of %s did not come back, the first is %s', len(missing), folder, missing[0])

    def no_answer(self, results: Results) -> ExitCode:
        """Return the exit code for a batch in which no structure has an answer.

        :param results: the results.
        """
        if all(item.status is Status.NO_MOBILE_ION for item in results.items):
            return self.exit_codes.ERROR_NO_MOBILE_ION_IN_STRUCTURES.format(mobile_ion=self.mobile_ion)
        return super().no_answer(results)
