"""``limap.bvff.base``: migration energies of one batch of structures, submitted again until nothing is unfinished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import (
    BaseRestartWorkChain,
    ExitCode,
    ProcessBuilder,
    ProcessHandlerReport,
    process_handler,
    while_,
)
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations.bvff import BvffCalculation
from aiida_limap.calculations.tables import summarize_batch
from aiida_limap.common.keys import structure_key, structures_by_key, uuid_of_key
from aiida_limap.common.status import ANSWERS, Status
from aiida_limap.data.table import TableData
from aiida_limap.workflows._batches import divide, is_worth_retrying, join_tables, reason_of, words_of
from aiida_limap.workflows._force_field import FORCE_FIELD, force_field
from aiida_limap.workflows._restart import bound_iterations, fill_restart, job_options
from aiida_limap.workflows.protocols.mixin import OPTIONS, ParametersOf, ProtocolMixin

__all__ = ['BvffBaseWorkChain']

_NAMESPACE = 'bvff'
#: Jobs of its own that a structure gets; one that stops them all would use up the iterations of the others.
_ATTEMPTS_ALONE = 2


class BvffBaseWorkChain(ProtocolMixin, BaseRestartWorkChain):
    """Compute the migration energies (eV) of a batch; a job that was stopped costs only what it had not finished.

    Rows of a job that ran out of walltime, crashed or was killed are kept, and the other structures are submitted
    again. A job that finished none of its structures is divided in two, so that one structure which stops every job is
    found; it is given up when it has stopped two jobs of its own. ``max_iterations`` bounds the number of jobs.
    """

    PROTOCOL = 'bvff'
    _process_class = BvffCalculation

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Define inputs, steps, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.expose_inputs(BvffCalculation, namespace=_NAMESPACE)
        bound_iterations(spec, 'Largest number of jobs; what is unfinished after them is given up.')
        spec.inputs.validator = _validate_inputs
        # The end of the iterations is a warning with results here.
        spec.inputs.pop('pause_on_max_iterations', None)
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(cls.prepare_process, cls.run_process, cls.inspect_process),
            cls.results,
        )
        spec.output('table', valid_type=TableData, help='One row per finished structure, named by its UUID.')
        spec.output(
            'output_parameters',
            valid_type=orm.Dict,
            help='Counts by status word, engine version, and the UUIDs of structures that no job finished.',
        )
        _define_exit_codes(spec)

    @classmethod
    def protocol_schema(cls) -> dict[str, Any]:
        """Return the inputs that a protocol or an override may set."""
        return {
            'max_iterations': int,
            'clean_workdir': bool,
            _NAMESPACE: {
                'parameters': ParametersOf('bvff'),
                'oxidation_states': dict,
                'retrieve_landscapes': bool,
                FORCE_FIELD: object,
                'metadata': {'options': OPTIONS},
            },
        }

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structures: orm.StructureData | Iterable[orm.StructureData],
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs of a protocol.

        :param code: the code that runs limap-engine.
        :param structures: one stored structure, or a batch of up to about 100.
        :param protocol: one of :meth:`get_available_protocols`.
        :param overrides: values in place of those of the protocol, or the path of a YAML file with them.
            ``bvff.bond_valence`` names a set of bond-valence parameters by pk, UUID or name; else that of the package.
        :param options: scheduler options in place of those of the protocol.
        :returns: the builder; its inputs can still be changed.
        :raises ValueError: if the protocol or a key is unknown, or a value has the wrong type.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides, job_options(_NAMESPACE, options))
        job = inputs[_NAMESPACE]
        builder = cls.get_builder()
        fill_restart(builder, _NAMESPACE, inputs, code)
        builder.bvff.structures = structures_by_key(structures)
        builder.bvff.bond_valence = force_field(job)
        for name in ('oxidation_states', 'retrieve_landscapes'):
            if name in job:
                setattr(builder.bvff, name, orm.to_aiida_type(job[name]))
        return builder

    def setup(self) -> None:
        """Put all structures into the first job."""
        super().setup()
        self.ctx.queue = [self._uuids()]
        self.ctx.tables = []
        self.ctx.failed_alone = []
        self.ctx.last_reason = ''
        self.ctx.is_retryable = True

    def _uuids(self) -> list[str]:
        return [uuid_of_key(key) for key in sorted(self.inputs.bvff.structures)]

    def prepare_process(self) -> None:
        """Take the next piece of the batch."""
        self.ctx.piece = self.ctx.queue.pop(0)
        inputs = self.exposed_inputs(BvffCalculation, namespace=_NAMESPACE)
        keys = [structure_key(uuid) for uuid in self.ctx.piece]
        inputs['structures'] = {key: self.inputs.bvff.structures[key] for key in keys}
        self.ctx.inputs = inputs

    def inspect_process(self) -> ExitCode | None:
        """Keep the rows of the last job, then ask the handlers what to do about the rest."""
        node = self.ctx.children[self.ctx.iteration - 1]
        # The inputs are made anew for each job; live nodes slow down every operation on the database.
        self.ctx.inputs = None
        if 'table' in node.outputs:
            self.ctx.tables.append(node.outputs.table.pk)
        if node.is_killed or node.is_excepted:
            # The base class would end here, but this says nothing against the structures.
            self.submit_unfinished_again(node)
            return None
        return super().inspect_process()

    @process_handler(priority=100)
    def submit_unfinished_again(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Put what the job did not finish into the queue, and go on with the queue as long as iterations are left."""
        done = set(node.outputs.table.ids) if 'table' in node.outputs else set()
        unfinished = [uuid for uuid in self.ctx.piece if uuid not in done]
        if unfinished:
            self._note_unfinished(node, unfinished, bool(done))
        out_of_iterations = self.ctx.iteration >= self.inputs.max_iterations.value
        if self.ctx.queue and out_of_iterations:
            count = sum(len(part) for part in self.ctx.queue)
            self.report(f'{count} structures are given up after {self.ctx.iteration} jobs')
        self.ctx.is_finished = not self.ctx.queue or out_of_iterations
        return ProcessHandlerReport(do_break=True)

    def _note_unfinished(self, node: orm.CalcJobNode, unfinished: list[str], has_rows: bool) -> None:
        self.ctx.last_reason = reason_of(node)
        self.ctx.is_retryable = is_worth_retrying(node)
        what = f'job <{node.pk}> left {len(unfinished)} structures unfinished: {self.ctx.last_reason}'
        if not self.ctx.is_retryable:
            self.report(f'{what} This would happen again, so they are given up')
            return
        if len(self.ctx.piece) == 1:
            self.ctx.failed_alone.append(self.ctx.piece[0])
            if self.ctx.failed_alone.count(self.ctx.piece[0]) >= _ATTEMPTS_ALONE:
                self.report(f'{what} It is given up after {_ATTEMPTS_ALONE} jobs of its own')
                return
        parts = divide(unfinished, has_rows)
        self.ctx.queue.extend(parts)
        self.report(f'{what} They wait for another job' if len(parts) == 1 else f'{what} They are divided in two')

    def results(self) -> ExitCode | None:
        """Join the tables of all jobs and count what became of the structures."""
        self.report(f'ended after {self.ctx.iteration} jobs')
        if not self.ctx.tables:
            name = 'ERROR_NO_RESULTS' if self.ctx.is_retryable else 'ERROR_JOB_REFUSED'
            return getattr(self.exit_codes, name).format(reason=self.ctx.last_reason)
        uuids = self._uuids()
        table = orm.load_node(self.ctx.tables[0])
        if len(self.ctx.tables) == 1 and len(table.creator.inputs.structures) == len(uuids):
            parameters = table.creator.outputs.output_parameters
        else:
            table, message = join_tables(self.ctx.tables)
            if table is None:
                return self.exit_codes.ERROR_TABLES_DIFFER.format(reason=message)
            parameters = summarize_batch(table, orm.List(uuids))
        self.out('table', table)
        self.out('output_parameters', parameters)
        return self._verdict(table, len(uuids))

    def _verdict(self, table: TableData, n_structures: int) -> ExitCode | None:
        counts = table.counts_by_status
        self.report(words_of(counts))
        n_unfinished = n_structures - len(table)
        if n_unfinished:
            return self.exit_codes.WARNING_STRUCTURES_UNFINISHED.format(count=n_unfinished, reason=self.ctx.last_reason)
        if set(counts) == {str(Status.NO_MOBILE_ION)}:
            return self.exit_codes.ERROR_NO_MOBILE_ION_IN_STRUCTURES
        if not {str(word) for word in ANSWERS} & set(counts):
            return self.exit_codes.ERROR_ALL_STRUCTURES_FAILED.format(counts=words_of(counts))
        return None


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    """Check that no file is deleted that was asked for."""
    job = inputs.get(_NAMESPACE) or {}
    cleaned, retrieved, parameters = inputs.get('clean_workdir'), job.get('retrieve_landscapes'), job.get('parameters')
    is_kept = parameters is None or not parameters.get_dict().get('landscapes') or (retrieved and retrieved.value)
    if cleaned is None or not cleaned.value or is_kept:
        return None
    return 'clean_workdir would delete the landscapes on the computer; let them come back with bvff.retrieve_landscapes'


def _define_exit_codes(spec: WorkChainSpec) -> None:
    spec.exit_code(
        210,
        'ERROR_NO_MOBILE_ION_IN_STRUCTURES',
        'None of the structures holds the mobile ion; choose other structures or another mobile_ion.',
    )
    spec.exit_code(
        340, 'ERROR_JOB_REFUSED', 'The job failed in a way that would come again, and left nothing: {reason}'
    )
    spec.exit_code(410, 'ERROR_NO_RESULTS', 'No job brought anything back; the last one ended with: {reason}')
    spec.exit_code(
        411,
        'ERROR_ALL_STRUCTURES_FAILED',
        'No structure gave an answer ({counts}); the column message of the table says why.',
    )
    spec.exit_code(420, 'ERROR_TABLES_DIFFER', 'The tables of the jobs do not fit together: {reason}')
    spec.exit_code(
        710,
        'WARNING_STRUCTURES_UNFINISHED',
        'The table is complete but for {count} structures, which no job finished; output_parameters names them. The '
        'last job that left some ended with: {reason}',
    )
