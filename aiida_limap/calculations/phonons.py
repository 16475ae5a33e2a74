"""``limap.phonons``: band centres and densities of states of a batch of compounds from their phonon files."""

from __future__ import annotations

from pathlib import Path

from aiida.common import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations._phonon_files import PhononFile, copies_of, validate_phonon_files
from aiida_limap.calculations.base import EngineCalculation, define_batch_exit_codes
from aiida_limap.common.phonons import DENSITIES
from aiida_limap.data.phonon_dos import PhononDosData
from aiida_limap.data.table import TableData
from aiida_limap.formats.phonon_files import DENSITIES_FOLDER, PHONONS_FILE, write_phonon_files

__all__ = ['PhononsCalculation']


class PhononsCalculation(EngineCalculation):
    """Phonon quantities of one compound or a batch of compounds: band centres, widths, densities of states."""

    TASK = 'phonons'

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define inputs, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input_namespace(
            'phonons',
            valid_type=PhononFile,
            dynamic=True,
            required=True,
            validator=validate_phonon_files,
            help='Phonon files by key: an archive, a single file of phonopy, or a folder of files. The key is that of '
            'the structure, aiida_limap.common.keys.structure_key(structure.uuid). Batches of about 50 are best.',
        )
        spec.output(
            'table',
            valid_type=TableData,
            help='One row per finished compound, named by the UUID of its structure: status, message, band centres, '
            'widths, peaks (THz). Its blocks: thermal band centres at 10 to 990 K (THz), and densities of states '
            '(1/THz per atom), of the mobile element and of all atoms.',
        )
        spec.output_namespace(
            DENSITIES,
            valid_type=PhononDosData,
            dynamic=True,
            help='Densities of states by the key of the structure, if the parameter densities asks for them.',
        )
        define_batch_exit_codes(spec)
        spec.exit_code(
            210,
            'ERROR_NO_MOBILE_ION_IN_STRUCTURES',
            'None of the compounds holds the mobile element {mobile}; choose other compounds or another mobile.',
        )
        spec.exit_code(
            307,
            'ERROR_DENSITIES_MISSING',
            'The densities of states of {count} compounds did not come back or are damaged; the first is that of '
            '{uuid}.',
            invalidates_cache=True,
        )

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Write the list of compounds; AiiDA copies their files beside it.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        write_phonon_files(directory / PHONONS_FILE, copies_of(self.inputs.phonons)[0])
        return {'phonons': PHONONS_FILE}

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the job, and say which files are copied and which come back.

        :param folder: the folder whose content is sent to the computer.
        :returns: the instructions for AiiDA.
        """
        calcinfo = super().prepare_for_submission(folder)
        calcinfo.local_copy_list = copies_of(self.inputs.phonons)[1]
        if self.engine_parameters().get(DENSITIES):
            calcinfo.retrieve_temporary_list.append(DENSITIES_FOLDER)
        return calcinfo
