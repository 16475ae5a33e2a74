"""Parser of ``limap.phonons``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from aiida.engine import ExitCode
from numpy.typing import NDArray

from aiida_limap.calculations.phonons import FORCES, RELAXED
from aiida_limap.common.calculators import CALCULATOR, CALCULATOR_REFUSED, keeps_forces
from aiida_limap.common.keys import structure_key
from aiida_limap.common.phonons import DENSITIES, phonon_block_info, phonon_column_info
from aiida_limap.common.status import Status
from aiida_limap.data.phonon_dos import PhononDosData
from aiida_limap.data.table import TableData
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.force_files import FORCES_FOLDER
from aiida_limap.formats.phonon_files import DENSITIES_FOLDER, read_dos
from aiida_limap.formats.results import Results
from aiida_limap.parsers._computed_phonons import forces_and_crystal, has_forces, source_ids
from aiida_limap.parsers._tables import item_columns, rows_by_item
from aiida_limap.parsers.structures import StructuresParser

__all__ = ['PhononsParser']

_DEFAULT_MOBILE = 'Li'


class PhononsParser(StructuresParser):
    """One row of phonon quantities per compound."""

    LINKS = ('phonons__', 'structures__')
    TEMPORARY_FOLDERS = (DENSITIES_FOLDER, FORCES_FOLDER)

    def table(self, results: Results) -> TableData:
        """Return the unstored table of the results.

        :param results: the results.
        """
        columns = item_columns(results.items)
        if CALCULATOR in self.parameters:
            # Files say themselves what they are of; a structure in a job is only known by its number.
            columns['source_id'] = source_ids([item.id for item in results.items])
        info = phonon_block_info(results.summary)
        return TableData.from_arrays(
            [item.id for item in results.items],
            columns,
            column_info=phonon_column_info(list(columns)),
            blocks={name: _block(results, name, len(entry['labels'])) for name, entry in info.items()},
            block_info=info,
            metadata={
                'task': results.task,
                'engine_version': results.engine_version,
                'options': results.summary.get('options') or {},
                **{name: results.summary[name] for name in (CALCULATOR,) if name in results.summary},
            },
        )

    def build(self, results: Results, directory: Path) -> ExitCode | None:
        """Attach table, counts and densities.

        :param results: the results.
        :param directory: folder with the retrieved files.
        :returns: an exit code, or None where all went well.
        """
        exit_code = super().build(results, directory)
        if 'table' not in self.outputs:
            return exit_code
        lost = []
        if self.parameters.get(DENSITIES):
            lost.append(('ERROR_DENSITIES_MISSING', self._hand_out_densities(results, directory)))
        if keeps_forces(self.parameters):
            lost.append(('ERROR_FORCES_MISSING', self._hand_out_forces(results, directory)))
        for label, missing in lost:
            if exit_code is None and missing:
                exit_code = self.exit_codes[label].format(count=len(missing), uuid=missing[0])
        return exit_code

    def _hand_out_densities(self, results: Results, directory: Path) -> list[str]:
        """Attach densities of states; return the compounds whose did not come back."""
        missing = []
        for item in results.items:
            if item.status is not Status.OK:
                continue
            try:
                dos = read_dos(directory / DENSITIES_FOLDER / f'{item.id}.npz')
            except FormatError as error:
                self.logger.warning('no density of states of %s: %s', item.id, error)
                missing.append(item.id)
                continue
            self.out(f'{DENSITIES}.{structure_key(item.id)}', PhononDosData(dos, structure_uuid=item.id))
        return missing

    def _hand_out_forces(self, results: Results, directory: Path) -> list[str]:
        """Attach forces and relaxed crystals, also of compounds without an answer; return those that are missing."""
        missing = []
        for item in results.items:
            if item.status is not Status.OK and not has_forces(item, directory):
                continue
            try:
                forces, relaxed = forces_and_crystal(item, directory)
            except FormatError as error:
                self.logger.warning('no forces of %s: %s', item.id, error)
                missing.append(item.id)
                continue
            key = structure_key(item.id)
            self.out(f'{FORCES}.{key}', forces)
            self.out(f'{RELAXED}.{key}', relaxed)
        return missing

    def failed(self, reason: str) -> ExitCode:
        """Return the exit code for an engine that gave up.

        :param reason: the sentence of the engine.
        """
        if reason.startswith(CALCULATOR_REFUSED):
            return self.exit_codes.ERROR_CALCULATOR_REFUSED.format(computer=self.node.computer.label, reason=reason)
        return super().failed(reason)

    def no_answer(self, results: Results) -> ExitCode:
        """Return the exit code for a batch in which no compound has an answer.

        :param results: the results.
        """
        if all(item.status is Status.NO_MOBILE_ION for item in results.items):
            mobile = self.parameters.get('mobile', _DEFAULT_MOBILE)
            return self.exit_codes.ERROR_NO_MOBILE_ION_IN_STRUCTURES.format(mobile=mobile)
        return super().no_answer(results)


def _block(results: Results, name: str, n_columns: int) -> NDArray:
    """Return a block; a batch without any answer has one too, so that it fits below those of other batches."""
    found = rows_by_item(results, name)
    return np.full((len(results.items), n_columns), np.nan) if found is None else found
