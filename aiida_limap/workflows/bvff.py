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

from aiida_limap.calculations.base import add_inputs_validator
from aiida_limap.calculations.bvff import BvffCalculation
from aiida_limap.calculations.tables import summarize_batch
from aiida_limap.common.keys import structure_key, structures_by_key, uuid_of_key
from aiida_limap.common.status import ANSWERS, Status
from aiida_limap.data.table import TableData
from aiida_limap.workflows._batches import join_tables, new_batch, retries, with_threads_of, words_of
from aiida_limap.workflows._checks import check_cleaning, check_code, check_states
from aiida_limap.workflows._force_field import FORCE_FIELD, force_field
from aiida_limap.workflows._restart import RestartMixin, bound_iterations, fill_restart, job_options
from aiida_limap.workflows._rules import (
    CRASH,
    KILLED,
    LOST,
    MEMORY,
    REFUSED,
    RULES,
    STOP,
    WALLTIME,
    define_no_job_can_run,
    how_to_mend,
    reason_of,
    rule_of,
)
from aiida_limap.workflows._tolerance import (
    UNFINISHED,
    add_failures,
    define_tolerance,
    exceeds,
    exit_code_of,
    most_common_reason,
    too_many_failed,
)
from aiida_limap.workflows.protocols.mixin import OPTIONS, ParametersOf, ProtocolMixin

__all__ = ['BvffBaseWorkChain']

_NAMESPACE = 'bvff'
#: Jobs of its own that a structure gets; one that stops them all would use up the iterations of the others.
_ATTEMPTS_ALONE = 2


class BvffBaseWorkChain(ProtocolMixin, RestartMixin, BaseRestartWorkChain):
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
        spec.inputs[_NAMESPACE].help = 'Inputs of the jobs, of which each gets a part of the structures.'
        bound_iterations(spec, 'Largest number of jobs; what is unfinished after them is given up.', 20)
        define_tolerance(spec)
        add_inputs_validator(spec, _validate_inputs)
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(cls.prepare_process, cls.run_process, cls.inspect_process),
            cls.results,
        )
        spec.output(
            'table', valid_type=TableData, help='One row per finished structure, named by its UUID: barriers (eV).'
        )
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
            'max_failed_fraction': float,
            'clean_workdir': bool,
            'handler_overrides': dict,
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
        builder.max_failed_fraction = orm.Float(inputs['max_failed_fraction'])
        builder.bvff.structures = structures_by_key(structures)
        builder.bvff.bond_valence = force_field(job)
        for name in ('oxidation_states', 'retrieve_landscapes'):
            if name in job:
                setattr(builder.bvff, name, orm.to_aiida_type(job[name]))
        return builder

    def setup(self) -> None:
        """Put all structures into the first job."""
        super().setup()
        self.ctx.queue = [new_batch(range(len(self._uuids())), [_NAMESPACE])]
        self.ctx.tables = []
        self.ctx.failed = {}
        self.ctx.last_reason = ''
        self.ctx.is_retryable = True
        self.ctx.verdict = None

    def _uuids(self) -> list[str]:
        return [uuid_of_key(key) for key in sorted(self.inputs.bvff.structures)]

    def prepare_process(self) -> None:
        """Take the next piece of the batch."""
        self.ctx.piece = self.ctx.queue.pop(0)
        uuids = self._uuids()
        keys = [structure_key(uuids[index]) for index in self.ctx.piece['indices']]
        inputs = self.exposed_inputs(BvffCalculation, namespace=_NAMESPACE)
        inputs['structures'] = {key: self.inputs.bvff.structures[key] for key in keys}
        inputs['metadata']['options'] = with_threads_of(self.ctx.piece, inputs['metadata']['options'])
        self.ctx.inputs = inputs

    def inspect_process(self) -> ExitCode | None:
        """Keep the rows of the last job, then ask the handlers what to do about the rest."""
        node = self.ctx.children[self.ctx.iteration - 1]
        # The inputs are made anew for each job; live nodes slow down every operation on the database.
        self.ctx.inputs = None
        done: set[str] = set()
        if 'table' in node.outputs:
            done.update(node.outputs.table.ids)
            self.ctx.tables.append(node.outputs.table.pk)
            add_failures(self.ctx.failed, node.outputs.table.counts_by_status, _NAMESPACE)
        uuids = self._uuids()
        self.ctx.unfinished = [index for index in self.ctx.piece['indices'] if uuids[index] not in done]
        if self.ctx.unfinished:
            self.ctx.last_reason = reason_of(node)
        is_handled, exit_code = self.inspect_stopped(node, KILLED)
        if is_handled:
            return exit_code
        exit_code = super().inspect_process()
        if node.is_finished_ok:
            self._go_on()
        elif self.ctx.unfinished and exit_code is None:
            # No handler took it, but on_unhandled_failure lets it be tried once more.
            self.ctx.queue.insert(0, {**self.ctx.piece, 'indices': self.ctx.unfinished})
        return exit_code

    @process_handler(priority=900)
    def keep_finished_rows(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Take the rows of a job that finished all of its structures, whatever else it complains of."""
        return None if node.is_finished_ok or self.ctx.unfinished else self._go_on()

    @process_handler(priority=RULES[STOP].priority)
    def stop_where_no_job_can_run(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """End at once where no other job could run either, and say what to mend; rows so far are handed out."""
        if rule_of(node) != STOP:
            return None
        self.ctx.verdict = ['ERROR_NO_JOB_CAN_RUN', {'reason': reason_of(node), 'mending': how_to_mend(node)}]
        return self._go_on()

    @process_handler(priority=RULES[MEMORY].priority)
    def halve_out_of_memory(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Submit the unfinished structures in two halves, with one thread; give up one that fails alone like this."""
        return self._submit_again(node, MEMORY)

    @process_handler(priority=RULES[WALLTIME].priority)
    def go_on_after_walltime(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Submit the unfinished structures; where there are no rows at all, in two halves."""
        return self._submit_again(node, WALLTIME)

    @process_handler(priority=RULES[CRASH].priority)
    def resubmit_after_crash(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Submit the unfinished structures after a crash of engine or machine; without any rows, in two halves."""
        return self._submit_again(node, CRASH)

    @process_handler(priority=RULES[LOST].priority)
    def resubmit_lost_results(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Submit the structures whose results were cut off, are damaged or did not come back; in two halves."""
        return self._submit_again(node, LOST)

    @process_handler(priority=RULES[KILLED].priority)
    def resubmit_killed(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Submit the structures of a job that a person killed or that excepted in AiiDA; in two halves."""
        return self._submit_again(node, KILLED)

    @process_handler(priority=RULES[REFUSED].priority)
    def give_up_refused(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Give up the structures of a job that would fail the same way again, and go on with the others."""
        return self._submit_again(node, REFUSED)

    def _submit_again(self, node: orm.CalcJobNode, rule: str) -> ProcessHandlerReport | None:
        if node.is_finished_ok or rule_of(node) != rule:
            return None
        self.ctx.is_retryable = rule != REFUSED
        again, words = retries(self.ctx.piece, self.ctx.unfinished, rule, _ATTEMPTS_ALONE)
        self.ctx.queue.extend(again)
        if not again:
            self._give_up(len(self.ctx.unfinished))
        count = len(self.ctx.unfinished)
        self.report(f'job <{node.pk}> left {count} structures unfinished: {self.ctx.last_reason} {words}')
        return self._go_on()

    def _give_up(self, count: int) -> None:
        self.ctx.failed[UNFINISHED] = self.ctx.failed.get(UNFINISHED, 0) + count

    def _go_on(self) -> ProcessHandlerReport:
        """Go on with the queue as long as there are iterations, and as more answers than allowed are not missing."""
        is_last = self.ctx.iteration >= self.inputs.max_iterations.value
        if self.ctx.queue and is_last and self.ctx.verdict is None:
            count = sum(len(piece['indices']) for piece in self.ctx.queue)
            self._give_up(count)
            self.report(f'{count} structures are given up after {self.ctx.iteration} jobs')
        total, fraction = len(self._uuids()), self.inputs.max_failed_fraction.value
        if self.ctx.verdict is None and exceeds(self.ctx.failed, total, fraction):
            reason = most_common_reason(self.ctx.tables, _NAMESPACE, self.ctx.failed, self.ctx.last_reason)
            self.ctx.verdict = too_many_failed(self.ctx.failed, total, fraction, _NAMESPACE, reason)
        self.ctx.is_finished = not self.ctx.queue or is_last or self.ctx.verdict is not None
        return ProcessHandlerReport(do_break=True)

    def results(self) -> ExitCode | None:
        """Join the tables of all jobs and count what became of the structures."""
        self.report(f'ended after {self.ctx.iteration} jobs')
        verdict = exit_code_of(self.exit_codes, self.ctx.verdict)
        if not self.ctx.tables and verdict is not None:
            return verdict
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
        return verdict or self._verdict(table, len(uuids))

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
    """Check what no port can check by itself."""
    job = inputs.get(_NAMESPACE) or {}
    uuids = [node.uuid for node in (job.get('structures') or {}).values()]
    return (
        check_code(job.get('code'))
        or check_states(job.get('oxidation_states'), uuids, 'the batch', f'{_NAMESPACE}.oxidation_states')
        or check_cleaning(inputs.get('clean_workdir'), job)
    )


def _define_exit_codes(spec: WorkChainSpec) -> None:
    spec.exit_code(
        210,
        'ERROR_NO_MOBILE_ION_IN_STRUCTURES',
        'None of the structures holds the mobile ion; choose other structures or another mobile_ion.',
    )
    define_no_job_can_run(spec)
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
