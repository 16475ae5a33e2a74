"""What work chains share that compute a dataset batch by batch: queue, jobs, and what is done with what they left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import CalcJob, ExitCode, WorkChain, append_

from aiida_limap.workflows._batches import Batch, new_batch, retries, with_threads_of
from aiida_limap.workflows._restart import CleaningMixin
from aiida_limap.workflows._rules import STOP, how_to_mend, reason_of, rule_of
from aiida_limap.workflows._tolerance import (
    UNFINISHED,
    add_failures,
    exceeds,
    exit_code_of,
    most_common_reason,
    too_many_failed,
)
from aiida_limap.workflows.protocols.mixin import ProtocolMixin

__all__ = ['BATCH_SCHEMA', 'BatchWorkChain', 'fill_batches']

#: The part of a schema of protocols that such work chains have alike.
BATCH_SCHEMA: dict[str, Any] = {
    'batch_size': int,
    'max_concurrent': int,
    'max_attempts': int,
    'max_failed_fraction': float,
    'clean_workdir': bool,
    'handler_overrides': dict,
}
#: So many times ``max_concurrent`` jobs of a task in a row may bring nothing before no batch is divided any more: then
#: it is not some item that stops them.
_EMPTY_WAVES = 3


class BatchWorkChain(ProtocolMixin, CleaningMixin, WorkChain):
    """Submit a bounded number of batches at a time, and what a stopped job did not finish again in smaller ones.

    Subclasses have the inputs of :mod:`aiida_limap.workflows._batch_ports` and the numbers ``batch_size``,
    ``max_concurrent`` and ``max_attempts``. They call ``_begin`` first, submit what ``_next_batches`` gives with
    ``_submit_job``, and join the numbers of the tables in ``ctx.tables`` in the end. Live nodes never stay in the
    context, since each of them slows down every operation on the database.
    """

    #: What a dataset is made of, as reports call it.
    ITEMS: ClassVar[str] = 'structures'
    #: What reports call a job.
    JOB: ClassVar[str] = '{task} job'

    @property
    def _tasks(self) -> list[str]:
        """Return what is computed of each batch, one job per task."""
        raise NotImplementedError

    @property
    def _indices(self) -> Sequence[int]:
        """Return the places in the dataset of what is computed."""
        return range(len(self.inputs.dataset))

    def _begin(self) -> None:
        """Put nothing into the queue, and everything before it."""
        self.ctx.next_index = 0
        self.ctx.retries = []
        self.ctx.n_batches = 0
        self.ctx.n_empty = dict.fromkeys(self._tasks, 0)
        self.ctx.failed = {task: {} for task in self._tasks}
        self.ctx.verdict = None
        self.ctx.tables = {task: [] for task in self._tasks}
        self.ctx.last_reason = dict.fromkeys(self._tasks, 'it was never started')
        size, count = self.inputs.batch_size.value, len(self._indices)
        self.report(f'{count} {self.ITEMS} in {-(-count // size)} batches of up to {size}')

    def has_batches(self) -> bool:
        """Return whether there is something that waits to be submitted, and anything speaks for it."""
        return self.ctx.verdict is None and self._is_waiting()

    def _is_waiting(self) -> bool:
        return self.ctx.next_index < len(self._indices) or bool(self.ctx.retries)

    def _next_batches(self) -> list[Batch]:
        """Take the next batches: those that wait for another attempt, then new ones."""
        batches: list[Batch] = []
        size, indices = self.inputs.batch_size.value, self._indices
        while len(batches) < self.inputs.max_concurrent.value and self._is_waiting():
            if self.ctx.retries:
                batches.append(self.ctx.retries.pop(0))
            else:
                start, stop = self.ctx.next_index, min(self.ctx.next_index + size, len(indices))
                batches.append(new_batch(indices[start:stop], self._tasks))
                self.ctx.next_index = stop
        return batches

    def _submit_job(self, process: type[CalcJob], task: str, batch: Batch, inputs: Mapping[str, Any]) -> None:
        """Submit a job of the batch that was counted last.

        :param process: what computes the task.
        :param task: the namespace of its inputs.
        :param batch: the batch.
        :param inputs: what this job gets beside the inputs that all jobs of the task have in common.
        """
        node = self.submit(
            process,
            **{**inputs, **self.exposed_inputs(process, namespace=task, agglomerate=False)},
            code=self.inputs.code,
            metadata={
                'options': with_threads_of(batch, self.inputs.options),
                'call_link_label': f'{task}_{self.ctx.n_batches:04d}',
            },
        )
        self.to_context(jobs=append_(node))
        self.ctx.running.append({**batch, 'tasks': [task], 'pk': node.pk})

    def collect_batches(self) -> None:
        """Note the tables that came back, and what has to be submitted again."""
        nodes = {node.pk: node for node in self.ctx.pop('jobs', [])}
        uuids = self.inputs.dataset.structure_uuids
        for job in self.ctx.pop('running'):
            node, task = nodes[job['pk']], job['tasks'][0]
            done: set[str] = set()
            if 'table' in node.outputs:
                done.update(node.outputs.table.ids)
                self.ctx.tables[task].append(node.outputs.table.pk)
                add_failures(self.ctx.failed[task], node.outputs.table.counts_by_status, task)
            self.ctx.n_empty[task] = 0 if done else self.ctx.n_empty[task] + 1
            unfinished = [index for index in job['indices'] if uuids[index] not in done]
            if unfinished:
                self.ctx.last_reason[task] = reason_of(node)
                self._submit_again(job, unfinished, node)
        self._check_tolerance()

    def _submit_again(self, batch: Batch, unfinished: list[int], node: orm.CalcJobNode) -> None:
        """Put what a job left into the queue, by the rule that holds for it."""
        task, rule = batch['tasks'][0], rule_of(node)
        reason, n_empty = self.ctx.last_reason[task], self.ctx.n_empty[task]
        overrides = self.inputs.get('handler_overrides')
        is_on = overrides is None or overrides.get_dict().get(rule, {}).get('enabled', True)
        again, words = retries(batch, unfinished, rule, self.inputs.max_attempts.value)
        if rule == STOP and is_on and self.ctx.verdict is None:
            self.ctx.verdict = ['ERROR_NO_JOB_CAN_RUN', {'reason': reason, 'mending': how_to_mend(node)}]
        if not is_on:
            again, words = [], f'The rule {rule} is switched off, so they are given up'
        elif again and n_empty > _EMPTY_WAVES * self.inputs.max_concurrent.value:
            again, words = [], f'They are given up, since {n_empty} jobs in a row brought nothing'
        self.ctx.retries.extend(again)
        if not again:
            self._give_up(task, len(unfinished))
        job = f'{self.JOB.format(task=task)} <{node.pk}>'
        self.report(f'{job} left {len(unfinished)} {self.ITEMS} unfinished: {reason} {words}')

    def _give_up(self, task: str, count: int) -> None:
        failed = self.ctx.failed[task]
        failed[UNFINISHED] = failed.get(UNFINISHED, 0) + count

    def _check_tolerance(self) -> None:
        """End early where more has failed than is allowed, whatever becomes of the others."""
        total, fraction = len(self._indices), self.inputs.max_failed_fraction.value
        for task, failed in self.ctx.failed.items():
            if self.ctx.verdict is None and exceeds(failed, total, fraction):
                reason = most_common_reason(self.ctx.tables[task], task, failed, self.ctx.last_reason[task])
                self.ctx.verdict = too_many_failed(failed, total, fraction, task, reason)
                n_left = total - self.ctx.next_index
                self.report(f'too many {self.ITEMS} have no answer; {n_left} {self.ITEMS} are not submitted any more')

    def _early_end(self) -> ExitCode | None:
        """Return the exit code of what was found before the end, if anything was."""
        return exit_code_of(self.exit_codes, self.ctx.verdict)


def fill_batches(builder: Any, inputs: Mapping[str, Any], tasks: Iterable[str]) -> None:
    """Put plain inputs of a protocol into a builder, or into a part of one, that computes batches.

    :param builder: the builder.
    :param inputs: what :meth:`ProtocolMixin.get_protocol_inputs` gives.
    :param tasks: namespaces of the jobs, of which the ``parameters`` are taken.
    """
    for name in ('batch_size', 'max_concurrent', 'max_attempts', 'clean_workdir', 'handler_overrides'):
        if name in inputs:
            setattr(builder, name, orm.to_aiida_type(inputs[name]))
    builder.max_failed_fraction = orm.Float(inputs['max_failed_fraction'])
    for task in tasks:
        builder[task]['parameters'] = orm.Dict(inputs[task]['parameters'])
    builder.options = dict(inputs['options'])
