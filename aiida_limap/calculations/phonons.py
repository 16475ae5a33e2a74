"""``limap.phonons``: band centres and densities of states of a batch of compounds.

Their phonons come from files, or are computed of structures with a calculator.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida.engine.processes.ports import PortNamespace

from aiida_limap.calculations._many_structures import ManyStructures
from aiida_limap.calculations._phonon_files import PhononFile, copies_of, validate_phonon_files
from aiida_limap.calculations.base import (
    EngineCalculation,
    add_inputs_validator,
    define_batch_exit_codes,
    validate_structures,
    write_structure_nodes,
)
from aiida_limap.common.calculators import CALCULATOR, keeps_forces
from aiida_limap.common.phonons import DENSITIES
from aiida_limap.data.phonon_dos import PhononDosData
from aiida_limap.data.table import TableData
from aiida_limap.formats.force_files import FORCES_FOLDER
from aiida_limap.formats.phonon_files import DENSITIES_FOLDER, PHONONS_FILE, write_phonon_files

__all__ = ['FORCES', 'RELAXED', 'PhononsCalculation']

#: Outputs by the key of the structure: displacements with forces, and relaxed crystals.
FORCES, RELAXED = 'forces', 'relaxed'


class PhononsCalculation(ManyStructures, EngineCalculation):
    """Phonon quantities of one compound or a batch of compounds: band centres, widths, densities of states.

    Either the phonon files of the compounds are given, or their structures and a calculator.
    """

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
            required=False,
            validator=validate_phonon_files,
            help='Phonon files by key: an archive, a single file of phonopy, a folder of files, a density of states. '
            'The key is that of the structure, aiida_limap.common.keys.structure_key(structure.uuid). Batches of about '
            '50 are best.',
        )
        spec.input_namespace(
            'structures',
            valid_type=orm.StructureData,
            dynamic=True,
            required=False,
            validator=validate_structures,
            help='Structures whose phonons are computed, by key, in place of phonon files. The parameter calculator '
            'says with what; its package must be installed where the code runs.',
        )
        add_inputs_validator(spec, _validate_source)
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
        spec.output_namespace(
            FORCES,
            valid_type=orm.SinglefileData,
            dynamic=True,
            help='Of computed phonons: relaxed crystal, supercell, displacements (Å) and forces (eV/Å) as a file of '
            'phonopy, by the key of the structure. It may be given as phonon files again.',
        )
        spec.output_namespace(
            RELAXED,
            valid_type=orm.StructureData,
            dynamic=True,
            help='Of computed phonons: the relaxed conventional cell by the key of the structure.',
        )
        define_batch_exit_codes(spec)
        spec.exit_code(
            210,
            'ERROR_NO_MOBILE_ION_IN_STRUCTURES',
            'None of the compounds holds the mobile element {mobile}; choose other compounds or another mobile.',
        )
        spec.exit_code(
            308,
            'ERROR_FORCES_MISSING',
            'The forces of {count} compounds did not come back or are damaged; the first are those of {uuid}.',
            invalidates_cache=True,
        )
        spec.exit_code(
            322,
            'ERROR_CALCULATOR_REFUSED',
            'On the computer {computer} {reason}',
            invalidates_cache=True,
        )
        spec.exit_code(
            307,
            'ERROR_DENSITIES_MISSING',
            'The densities of states of {count} compounds did not come back or are damaged; the first is that of '
            '{uuid}.',
            invalidates_cache=True,
        )

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Write the structures, or the list of compounds; AiiDA copies their files beside it.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        if self.inputs.get('structures'):
            return write_structure_nodes(directory, self.inputs.structures)
        write_phonon_files(directory / PHONONS_FILE, copies_of(self.inputs.phonons)[0])
        return {'phonons': PHONONS_FILE}

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the job, and say which files are copied and which come back.

        :param folder: the folder whose content is sent to the computer.
        :returns: the instructions for AiiDA.
        """
        calcinfo = super().prepare_for_submission(folder)
        parameters = self.engine_parameters()
        if self.inputs.get('phonons'):
            calcinfo.local_copy_list = copies_of(self.inputs.phonons)[1]
        if parameters.get(DENSITIES):
            calcinfo.retrieve_temporary_list.append(DENSITIES_FOLDER)
        if keeps_forces(parameters):
            calcinfo.retrieve_temporary_list.append(FORCES_FOLDER)
        return calcinfo


def _validate_source(inputs: Mapping[str, Any], namespace: PortNamespace) -> str | None:
    """Check that there are files or structures, and a calculator for structures only."""
    if not {'phonons', 'structures'} <= set(namespace):
        # A work chain takes this check over with the parameters, but finds the compounds itself.
        return None
    files, structures = inputs.get('phonons'), inputs.get('structures')
    parameters = inputs.get('parameters')
    has_calculator = parameters is not None and CALCULATOR in parameters.get_dict()
    if files and structures:
        return 'give phonon files (phonons) or structures whose phonons are computed (structures), not both'
    if structures and not has_calculator:
        return "structures: the parameters must say what computes them, e.g. {'calculator': {'name': 'chgnet'}}"
    if structures:
        return None
    if not files:
        return 'give the phonon files of at least one compound (phonons), or structures and a calculator'
    return 'the parameter calculator is for structures; phonon files bring their own forces' if has_calculator else None
