"""What all calculation jobs of this plugin share: job file, retrieve lists, default options and exit codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from aiida import orm
from aiida.common import CalcInfo, CodeInfo, LinkType
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec
from aiida.engine.processes.ports import PortNamespace

import aiida_limap
from aiida_limap.calculations._many_structures import ManyStructures, attributes_by_uuid
from aiida_limap.calculations._oxidation import given_states, validate_number_of_states, validate_oxidation_states
from aiida_limap.common.conversion import record_from_attributes
from aiida_limap.common.keys import uuid_of_key
from aiida_limap.common.parameters import TARGET, check_parameters, parameters_for_engine, parameters_help
from aiida_limap.formats.job import JOB_FILE, Job, write_job
from aiida_limap.formats.results import ARRAYS_FILE, RESULTS_FILE
from aiida_limap.formats.structures import STRUCTURES_FILE, write_structures

__all__ = [
    'DEFAULT_TARGET',
    'LOG_FILE',
    'EngineCalculation',
    'StructuresCalculation',
    'add_inputs_validator',
    'define_batch_exit_codes',
    'define_out_of_walltime',
    'engine_version_of',
    'target_of',
    'validate_structures',
    'write_structure_nodes',
]

LOG_FILE = 'limap.log'
#: Column of the migration energies that models learn unless told otherwise, eV.
DEFAULT_TARGET = 'barrier_2d_eV'


class EngineCalculation(CalcJob):
    """A job that runs ``limap-engine TASK job.json`` in its folder. Subclasses write the input files."""

    TASK: ClassVar[str]
    #: Files that only the parser needs; they end in a node and are not kept a second time.
    TEMPORARY_FILES: ClassVar[tuple[str, ...]] = (ARRAYS_FILE,)
    #: Raise it when the meaning of inputs or of job files changes, so that older results are not reused.
    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define what all jobs share.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input(
            'parameters',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=cls._validate_parameters,
            help=parameters_help(cls.TASK),
        )
        options = spec.inputs['metadata']['options']
        options['parser_name'].default = f'limap.{cls.TASK}'
        options['resources'].default = lambda: {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
        options['withmpi'].default = False
        spec.output(
            'output_parameters', valid_type=orm.Dict, help='Counts, facts of the whole job and the engine version.'
        )
        spec.default_output_node = 'output_parameters'
        _define_exit_codes(spec)

    @classmethod
    def is_valid_cache(cls, node: orm.CalcJobNode) -> bool:
        """Return whether a job that has the same inputs may stand for another one.

        :param node: the job that is in the database.
        :returns: False also where another version of the engine computed it than that which belongs to this release.
            The version on a computer is no input, so AiiDA cannot know of it before a job has run.
        """
        return super().is_valid_cache(node) and engine_version_of(node) == aiida_limap.__version__

    @classmethod
    def _validate_parameters(cls, value: orm.Dict | None, _port: Any) -> str | None:
        return None if value is None else check_parameters(cls.TASK, value.get_dict())

    def engine_parameters(self) -> dict[str, Any]:
        """Return the parameters for the engine: those of the input without the ones that the calculation consumes."""
        if 'parameters' not in self.inputs:
            return {}
        return parameters_for_engine(self.TASK, self.inputs.parameters.get_dict())

    @property
    def target(self) -> str:
        """Column of the migration energies that is used."""
        return target_of(self.inputs.get('parameters'))

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Write the input files of the task.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        raise NotImplementedError

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the job and say what is run and retrieved.

        :param folder: the folder whose content is sent to the computer.
        :returns: the instructions for AiiDA.
        """
        directory = Path(folder.abspath)
        inputs = self.write_inputs(directory)
        write_job(directory / JOB_FILE, Job(self.TASK, self.engine_parameters(), inputs))
        codeinfo = CodeInfo()
        codeinfo.code_uuid = self.inputs.code.uuid
        codeinfo.cmdline_params = [self.TASK, JOB_FILE]
        codeinfo.stdout_name = LOG_FILE
        codeinfo.join_files = True
        calcinfo = CalcInfo()
        calcinfo.codes_info = [codeinfo]
        # The inputs stand in the graph already; a copy in the repository of each job would double them.
        calcinfo.provenance_exclude_list = list(inputs.values())
        calcinfo.retrieve_list = [RESULTS_FILE, LOG_FILE]
        calcinfo.retrieve_temporary_list = list(self.TEMPORARY_FILES)
        return calcinfo


class StructuresCalculation(ManyStructures, EngineCalculation):
    """A job that computes one row per structure. Keys of ``structures`` hold the UUIDs of the structures."""

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define the structures and the table.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input_namespace(
            'structures',
            valid_type=orm.StructureData,
            dynamic=True,
            required=True,
            validator=validate_structures,
            help='Structures by key; make the key with aiida_limap.common.keys.structure_key(node.uuid). Batches of '
            'about 100 are best: smaller ones cost more per structure, larger ones risk more when a job is stopped.',
        )
        spec.input(
            'oxidation_states',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_oxidation_states,
            help='Formal charges in units of e: for the UUID of a structure a list with one number per site. '
            'Structures that are not named get theirs from the engine.',
        )
        add_inputs_validator(spec, validate_number_of_states)

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Write the structures in the order of their keys.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        return write_structure_nodes(
            directory, self.inputs.structures, given_states(self.inputs.get('oxidation_states'))
        )


def engine_version_of(node: orm.CalcJobNode) -> str | None:
    """Return the version of the engine that computed a job, or None where it left no word.

    :param node: the job, terminated.
    """
    link = node.base.links.get_outgoing(link_type=LinkType.CREATE, link_label_filter='output_parameters').first()
    return None if link is None else link.node.get_dict().get('engine_version')


def target_of(parameters: orm.Dict | None) -> str:
    """Return the column of the migration energies that is used.

    :param parameters: the ``parameters`` of a training or encoding job.
    :returns: name of the column.
    """
    given = {} if parameters is None else parameters.get_dict()
    return str(given.get(TARGET, DEFAULT_TARGET))


def add_inputs_validator(spec: CalcJobProcessSpec, validator: Callable[[Mapping[str, Any], Any], str | None]) -> None:
    """Check inputs against each other, after the checks that AiiDA itself makes.

    :param spec: the specification.
    :param validator: takes the inputs and the namespace; returns a sentence that says what is wrong, or None.
    """
    before = spec.inputs.validator

    def combined(inputs: Mapping[str, Any], namespace: Any) -> str | None:
        return (before(inputs, namespace) if before is not None else None) or validator(inputs, namespace)

    spec.inputs.validator = combined


def write_structure_nodes(
    directory: Path,
    structures: Mapping[str, orm.StructureData],
    states: Mapping[str, tuple[float, ...]] | None = None,
) -> dict[str, str]:
    """Write structures as an input file of a job.

    :param directory: the folder of the job.
    :param structures: structures by key.
    :param states: formal charges of the sites in units of e, by UUID.
    :returns: file name by role.
    """
    # Sorted, since the order of a namespace depends on how the process was loaded.
    found = dict(sorted(attributes_by_uuid(structures).items()))
    given = states or {}
    records = [record_from_attributes(uuid, attributes, given.get(uuid)) for uuid, attributes in found.items()]
    write_structures(directory / STRUCTURES_FILE, records)
    return {'structures': STRUCTURES_FILE}


def validate_structures(value: Mapping[str, orm.StructureData], port: PortNamespace) -> str | None:
    """Return what is wrong with a namespace of structures, or None.

    :param value: structures by key.
    :param port: the namespace.
    """
    if not value:
        return 'at least one structure is needed' if port.required else None
    for key, node in value.items():
        try:
            uuid = uuid_of_key(key)
        except ValueError as error:
            return str(error)
        if uuid != node.uuid:
            return f'the key {key!r} does not belong to the structure {node.uuid}; use structure_key(node.uuid)'
    for uuid, attributes in attributes_by_uuid(value).items():
        pbc = tuple(bool(attributes[f'pbc{axis}']) for axis in (1, 2, 3))
        if not all(pbc):
            return f'structure {uuid} is not periodic in three directions (pbc {pbc})'
        if not attributes.get('sites'):
            return f'structure {uuid} has no sites'
    return None


def _define_exit_codes(spec: CalcJobProcessSpec) -> None:
    """Define the exit codes of all jobs; those that say nothing of the inputs must not be reused by caching."""
    lost = {'invalidates_cache': True}
    spec.exit_code(303, 'ERROR_RESULTS_MISSING', 'The engine left no results file. {reason}', **lost)
    spec.exit_code(304, 'ERROR_RESULTS_FORMAT', 'The results cannot be read: {reason}', **lost)
    spec.exit_code(305, 'ERROR_ARRAYS_MISSING', 'The arrays that belong to the results were not retrieved.', **lost)
    spec.exit_code(
        312, 'ERROR_OUTPUT_INCOMPLETE', 'The job was stopped before its end and left nothing that can be used.', **lost
    )
    spec.exit_code(
        320, 'ERROR_ENGINE_IMPORT', 'The engine could not be started; check the code on its computer: {reason}', **lost
    )
    spec.exit_code(
        321,
        'ERROR_ENGINE_VERSION',
        'The engine on the computer writes another version of the results than this plugin reads; install the same '
        'release of aiida-limap on both: {reason}',
        **lost,
    )
    spec.exit_code(330, 'ERROR_ENGINE_FAILED', 'The engine gave up: {reason}', **lost)
    spec.exit_code(350, 'ERROR_UNEXPECTED_PARSER_EXCEPTION', 'The parser met an unexpected error: {exception}', **lost)


def define_out_of_walltime(spec: CalcJobProcessSpec, advice: str) -> None:
    """Define the exit code of a job that was stopped before its end.

    :param spec: the specification to fill.
    :param advice: what was kept, or what to do, as the end of the sentence.
    """
    spec.exit_code(
        400,
        'ERROR_OUT_OF_WALLTIME',
        f'The job was stopped before its end, most likely by its wallclock limit; {advice}',
        invalidates_cache=True,
    )


def define_batch_exit_codes(spec: CalcJobProcessSpec) -> None:
    """Define the exit codes of jobs that give one row per structure.

    :param spec: the specification to fill.
    """
    define_out_of_walltime(spec, 'the rows of {n_done} of {n_structures} structures were kept.')
    spec.exit_code(
        411,
        'ERROR_ALL_STRUCTURES_FAILED',
        'No structure gave an answer ({counts}); the column message of the table says why.',
    )
