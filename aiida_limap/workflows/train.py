"""``limap.train.base``: a training that goes on from its checkpoints until it has come to its end."""

from __future__ import annotations

from collections.abc import Mapping
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
from aiida_limap.calculations.train import TrainCalculation
from aiida_limap.common.training import GRID
from aiida_limap.data.table import TableData
from aiida_limap.workflows._checks import check_code
from aiida_limap.workflows._options import RATE_DIVISOR, lower_rate, smaller_batch, smaller_group
from aiida_limap.workflows._ports import define_switch
from aiida_limap.workflows._restart import RestartMixin, bound_iterations, fill_restart, job_options
from aiida_limap.workflows._rules import (
    MEMORY,
    STOP,
    define_no_job_can_run,
    how_to_mend,
    is_worth_retrying,
    reason_of,
    rule_of,
)
from aiida_limap.workflows.protocols.mixin import OPTIONS, ParametersOf, ProtocolMixin

__all__ = ['TrainBaseWorkChain']

_NAMESPACE = 'train'
_NOT_FINITE = 430
_OUT_OF_MEMORY = 432
_NO_DEVICE = 433
#: How often the learning rate is lowered.
_RATES = 2
#: Jobs in a row that may end without having got further.
_STALLED = 2


class TrainBaseWorkChain(ProtocolMixin, RestartMixin, BaseRestartWorkChain):
    """Train a model or a grid; a job that was stopped costs only what came after its last checkpoint.

    A job that ran out of walltime, crashed or was killed is followed by one that goes on from its checkpoints and ends
    with the numbers of a training that nobody stopped. Where a device runs out of memory, fewer models train side by
    side; where the loss is not finite, the training starts anew with a lower learning rate.
    """

    PROTOCOL = 'train'
    _process_class = TrainCalculation

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Define inputs, steps, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.expose_inputs(TrainCalculation, namespace=_NAMESPACE)
        spec.inputs[_NAMESPACE].help = 'Inputs of the jobs, of which each goes on where the one before it was stopped.'
        bound_iterations(spec, 'Largest number of jobs.')
        add_inputs_validator(spec, lambda inputs, _port: check_code((inputs.get(_NAMESPACE) or {}).get('code')))
        define_switch(
            spec,
            'allow_smaller_batches',
            False,
            'Whether the batch size may be halved where a single model does not fit into the memory of the device. The '
            'model that is trained is another one then.',
        )
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(cls.run_process, cls.inspect_process),
            cls.results,
        )
        spec.expose_outputs(TrainCalculation)
        # A training that failed still says where its checkpoints are and how far it came.
        for name in ('model', 'training', 'history', 'output_parameters', 'retrieved', 'remote_folder'):
            spec.outputs[name].required = False
        _define_exit_codes(spec)

    @classmethod
    def protocol_schema(cls) -> dict[str, Any]:
        """Return the inputs that a protocol or an override may set."""
        return {
            'max_iterations': int,
            'clean_workdir': bool,
            'handler_overrides': dict,
            'allow_smaller_batches': bool,
            _NAMESPACE: {'parameters': ParametersOf('train'), 'metadata': {'options': OPTIONS}},
        }

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        descriptors: TableData,
        migration_energies: TableData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs of a protocol.

        :param code: the code that runs limap-engine.
        :param descriptors: table of descriptors.
        :param migration_energies: table of migration energies, eV.
        :param protocol: one of :meth:`get_available_protocols`.
        :param overrides: values in place of those of the protocol, or the path of a YAML file with them.
        :param options: scheduler options in place of those of the protocol.
        :returns: the builder; its inputs can still be changed.
        :raises ValueError: if the protocol or a key is unknown, or a value has the wrong type.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides, job_options(_NAMESPACE, options))
        builder = cls.get_builder()
        fill_restart(builder, _NAMESPACE, inputs, code)
        if 'allow_smaller_batches' in inputs:
            builder.allow_smaller_batches = orm.Bool(inputs['allow_smaller_batches'])
        builder.train.descriptors = descriptors
        builder.train.migration_energies = migration_energies
        return builder

    def setup(self) -> None:
        """Take the inputs of the first job."""
        super().setup()
        self.ctx.inputs = self.exposed_inputs(TrainCalculation, namespace=_NAMESPACE)
        self.ctx.n_lowered = 0
        self.ctx.epoch = 0
        self.ctx.n_stalled = 0

    def inspect_process(self) -> ExitCode | None:
        """Let the handlers say what to do about a job that did not end well, also about one that was killed."""
        node = self.ctx.children[self.ctx.iteration - 1]
        is_handled, exit_code = self.inspect_stopped(node, 'go_on_from_checkpoint')
        if not is_handled:
            exit_code = super().inspect_process()
        elif exit_code is None and self.ctx.iteration >= self.inputs.max_iterations.value:
            exit_code = self.exit_codes.ERROR_MAXIMUM_ITERATIONS_EXCEEDED
        if exit_code is not None and exit_code.status:
            self._hand_out_what_there_is(node)
        return exit_code

    @process_handler(priority=600)
    def stop_what_would_come_again(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Give up where another job would end the same way: wrong inputs, no engine, no device."""
        if node.is_finished_ok or node.exit_status in {_NOT_FINITE, _OUT_OF_MEMORY} or is_worth_retrying(node):
            return None
        if rule_of(node) == STOP:
            exit_code = self.exit_codes.ERROR_NO_JOB_CAN_RUN
            return ProcessHandlerReport(True, exit_code.format(reason=reason_of(node), mending=how_to_mend(node)))
        name = 'ERROR_DEVICE_NOT_AVAILABLE' if node.exit_status == _NO_DEVICE else 'ERROR_JOB_REFUSED'
        return ProcessHandlerReport(True, getattr(self.exit_codes, name).format(reason=node.exit_message))

    @process_handler(priority=500, exit_codes=TrainCalculation.exit_codes.ERROR_LOSS_NOT_FINITE)
    def lower_learning_rate(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Start anew with a third of the learning rate, at most twice."""
        changed = lower_rate(self._parameters(), _options_of(node)) if self.ctx.n_lowered < _RATES else None
        if changed is None:
            return ProcessHandlerReport(
                True, self.exit_codes.ERROR_LOSS_NOT_FINITE.format(count=self.ctx.n_lowered, reason=node.exit_message)
            )
        self.ctx.n_lowered += 1
        self._start_anew(changed)
        self.report(f'{node.exit_message} It starts anew with the learning rate divided by {RATE_DIVISOR}')
        return ProcessHandlerReport(True)

    @process_handler(priority=400)
    def halve_the_group(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Train half as many models side by side where the memory was too small; for one model halve the batch."""
        if node.is_finished_ok or (node.exit_status != _OUT_OF_MEMORY and rule_of(node) != MEMORY):
            return None
        changed = smaller_group(self._parameters())
        if changed is not None:
            self.ctx.inputs['parameters'] = orm.Dict(changed)
            self._take_checkpoints(node)
            self.report(f'{reason_of(node)} It goes on with {changed["models_at_once"]} models side by side')
            return ProcessHandlerReport(True)
        changed = smaller_batch(self._parameters(), _options_of(node))
        if changed is None or not self.inputs.allow_smaller_batches.value:
            return ProcessHandlerReport(True, self.exit_codes.ERROR_DEVICE_OUT_OF_MEMORY.format(reason=reason_of(node)))
        self._start_anew(changed)
        self.report(f'{reason_of(node)} It starts anew with half the batch size')
        return ProcessHandlerReport(True)

    @process_handler(priority=100)
    def go_on_from_checkpoint(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Follow a job that was stopped by one that goes on where it was, as long as the jobs get further."""
        if node.is_finished_ok or not is_worth_retrying(node):
            return None
        epoch = _summary_of(node).get('epoch') or 0
        # Epochs of the models of a grid do not compare: there it is enough that the job did something.
        has_moved = epoch > (0 if GRID in self._parameters() else self.ctx.epoch)
        self.ctx.n_stalled = 0 if has_moved else self.ctx.n_stalled + 1
        self.ctx.epoch = max(epoch, self.ctx.epoch)
        if self.ctx.n_stalled >= _STALLED:
            return ProcessHandlerReport(
                True,
                self.exit_codes.ERROR_NO_PROGRESS.format(count=_STALLED, epoch=self.ctx.epoch, reason=reason_of(node)),
            )
        self._take_checkpoints(node)
        self.report(f'job <{node.pk}> was stopped in epoch {epoch}: {reason_of(node)} Another goes on from there')
        return ProcessHandlerReport(True)

    def _parameters(self) -> dict[str, Any]:
        given = self.ctx.inputs.get('parameters')
        return {} if given is None else given.get_dict()

    def _start_anew(self, parameters: Mapping[str, Any]) -> None:
        """Take other options; the checkpoints so far belong to another training then."""
        self.ctx.inputs['parameters'] = orm.Dict(parameters)
        self.ctx.inputs.pop('checkpoints', None)
        self.ctx.epoch = self.ctx.n_stalled = 0

    def _take_checkpoints(self, node: orm.CalcJobNode) -> None:
        """Go on from the folder of a job, if it got so far as to have one."""
        if 'remote_folder' in node.outputs:
            self.ctx.inputs['checkpoints'] = node.outputs.remote_folder

    def _hand_out_what_there_is(self, node: orm.CalcJobNode) -> None:
        """Attach how far a training came that is given up, and where its checkpoints are."""
        for name in ('history', 'output_parameters', 'remote_folder', 'retrieved'):
            if name in node.outputs:
                self.out(name, node.outputs[name])


def _summary_of(node: orm.CalcJobNode) -> dict[str, Any]:
    return node.outputs.output_parameters.get_dict() if 'output_parameters' in node.outputs else {}


def _options_of(node: orm.CalcJobNode) -> dict[str, Any]:
    """Return the options that the engine made of the parameters, with those of the preset."""
    return _summary_of(node).get('options') or {}


def _define_exit_codes(spec: WorkChainSpec) -> None:
    define_no_job_can_run(spec)
    spec.exit_code(
        340, 'ERROR_JOB_REFUSED', 'The job failed in a way that would come again, so it is not repeated: {reason}'
    )
    spec.exit_code(
        412,
        'ERROR_NO_PROGRESS',
        '{count} jobs in a row were stopped without getting further than epoch {epoch}; give them more time '
        '(max_wallclock_seconds) or let them write checkpoints more often (checkpoint_every). The last one: {reason}',
        invalidates_cache=True,
    )
    spec.exit_code(
        _NOT_FINITE,
        'ERROR_LOSS_NOT_FINITE',
        'The loss is not finite, also after the learning rate was lowered {count} times: {reason}',
    )
    spec.exit_code(
        _OUT_OF_MEMORY,
        'ERROR_DEVICE_OUT_OF_MEMORY',
        'A single model does not fit into the memory; use a larger device, a compact basis, or allow_smaller_batches: '
        '{reason}',
        invalidates_cache=True,
    )
    spec.exit_code(
        _NO_DEVICE,
        'ERROR_DEVICE_NOT_AVAILABLE',
        'The job found no such device; ask the scheduler for a GPU (queue_name, custom_scheduler_commands), or use the '
        'parameter device: cpu. {reason}',
        invalidates_cache=True,
    )
