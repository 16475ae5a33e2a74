"""``limap.featurize``: migration energies and descriptors of all structures of a dataset, in batches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, WorkChain, append_, while_
from aiida.engine.processes.builder import ProcessBuilderNamespace
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations.tables import summarize_features
from aiida_limap.common.keys import structure_key
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData
from aiida_limap.workflows._batches import (
    Batch,
    join_tables,
    new_batch,
    retries,
    with_threads_of,
    words_of,
)
from aiida_limap.workflows._featurize_ports import CALCULATIONS, OUTPUTS, define_inputs, define_outputs
from aiida_limap.workflows._force_field import FORCE_FIELD, fill_force_field
from aiida_limap.workflows._restart import CleaningMixin
from aiida_limap.workflows._rules import (
    STOP,
    how_to_mend,
    reason_of,
    rule_of,
)
from aiida_limap.workflows._structures import load_structures, missing_structures
from aiida_limap.workflows._tolerance import (
    GOOD_WORDS,
    UNFINISHED,
    add_failures,
    exceeds,
    most_common_reason,
    too_many_failed,
)
from aiida_limap.workflows.bvff import BvffBaseWorkChain
from aiida_limap.workflows.protocols.mixin import OPTIONS, ParametersOf, ProtocolMixin

__all__ = ['FeaturizeWorkChain', 'fill_featurize']

#: So many times ``max_concurrent`` jobs of a task in a row may bring nothing before no batch is divided any more: then
#: it is not some structure that stops them.
_EMPTY_WAVES = 3


class FeaturizeWorkChain(ProtocolMixin, CleaningMixin, WorkChain):
    """Compute migration energies (eV) and descriptors of a dataset, batch by batch.

    Both jobs of a batch run at once, and a bounded number of batches at a time. Structures that a stopped job did not
    finish are submitted again in smaller batches. A failed batch costs its own rows only.
    """

    PROTOCOL = 'featurize'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Define inputs, steps, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        define_inputs(spec)
        spec.outline(
            cls.check_dataset,
            while_(cls.has_batches)(cls.submit_batches, cls.collect_batches),
            cls.gather,
        )
        define_outputs(spec)

    @classmethod
    def protocol_schema(cls) -> dict[str, Any]:
        """Return the inputs that a protocol or an override may set."""
        return {
            'batch_size': int,
            'max_concurrent': int,
            'max_attempts': int,
            'max_failed_fraction': float,
            'clean_workdir': bool,
            'handler_overrides': dict,
            'bvff': {'parameters': ParametersOf('bvff'), 'retrieve_landscapes': bool, FORCE_FIELD: object},
            'descriptors': {'parameters': ParametersOf('descriptors')},
            'options': OPTIONS,
        }

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        dataset: DatasetData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs of a protocol.

        :param code: the code that runs limap-engine.
        :param dataset: the structures.
        :param protocol: one of :meth:`get_available_protocols`.
        :param overrides: values in place of those of the protocol, or the path of a YAML file with them.
            ``bvff.bond_valence`` names a set of bond-valence parameters by pk, UUID or name; else that of the package.
        :param options: scheduler options in place of those of the protocol.
        :returns: the builder; its inputs can still be changed.
        :raises ValueError: if the protocol or a key is unknown, or a value has the wrong type.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides, None if options is None else {'options': options})
        builder = cls.get_builder()
        builder.code = code
        builder.dataset = dataset
        fill_featurize(builder, inputs)
        return builder

    @classmethod
    def inherited_inputs(cls, protocol: str) -> dict[str, Any]:
        """Return the parameters of the force field that ``limap.bvff.base`` takes.

        :param protocol: name of a protocol.
        """
        force_field = BvffBaseWorkChain.get_protocol_inputs(protocol)['bvff']['parameters']
        return {'bvff': {'parameters': force_field}}

    @property
    def _tasks(self) -> list[str]:
        return list(CALCULATIONS) if self.inputs.with_descriptors.value else ['bvff']

    def check_dataset(self) -> ExitCode | None:
        """Stop at once if there is nothing to compute."""
        uuids = self.inputs.dataset.structure_uuids
        if not uuids:
            return self.exit_codes.ERROR_DATASET_EMPTY
        missing = missing_structures(uuids)
        if missing:
            return self.exit_codes.ERROR_STRUCTURES_MISSING.format(count=len(missing), uuid=missing[0])
        self.ctx.next_index = 0
        self.ctx.retries = []
        self.ctx.n_batches = 0
        self.ctx.n_empty = dict.fromkeys(self._tasks, 0)
        self.ctx.failed = {task: {} for task in self._tasks}
        self.ctx.verdict = None
        self.ctx.tables = {task: [] for task in self._tasks}
        self.ctx.last_reason = dict.fromkeys(self._tasks, 'it was never started')
        size = self.inputs.batch_size.value
        self.report(f'{len(uuids)} structures in {-(-len(uuids) // size)} batches of up to {size}')
        return None

    def has_batches(self) -> bool:
        """Return whether there are structures that wait to be submitted, and anything speaks for it."""
        return self.ctx.verdict is None and self._has_structures()

    def _has_structures(self) -> bool:
        return self.ctx.next_index < len(self.inputs.dataset) or bool(self.ctx.retries)

    def submit_batches(self) -> ExitCode | None:
        """Submit as many batches as may run at a time; structures are loaded here and not kept."""
        batches = self._next_batches()
        uuids = self.inputs.dataset.structure_uuids
        wanted = [uuids[index] for batch in batches for index in batch['indices']]
        missing = missing_structures(wanted)
        if missing:
            return self.exit_codes.ERROR_STRUCTURES_MISSING.format(count=len(missing), uuid=missing[0])
        self.ctx.running = []
        for batch in batches:
            structures, unusable = load_structures([uuids[index] for index in batch['indices']])
            for uuid, reason in unusable.items():
                self.report(f'structure {uuid} is left out: {reason}')
            for task in batch['tasks'] if unusable else ():
                self._give_up(task, len(unusable))
            if structures:
                usable = [index for index in batch['indices'] if uuids[index] in structures]
                self._submit_batch({**batch, 'indices': usable}, structures)
        return None

    def _next_batches(self) -> list[Batch]:
        """Take the next batches: those that wait for another attempt, then new ones."""
        batches: list[Batch] = []
        size, total = self.inputs.batch_size.value, len(self.inputs.dataset)
        while len(batches) < self.inputs.max_concurrent.value and self._has_structures():
            if self.ctx.retries:
                batches.append(self.ctx.retries.pop(0))
            else:
                start, stop = self.ctx.next_index, min(self.ctx.next_index + size, total)
                batches.append(new_batch(range(start, stop), self._tasks))
                self.ctx.next_index = stop
        return batches

    def _submit_batch(self, batch: Batch, structures: Mapping[str, orm.StructureData]) -> None:
        self.ctx.n_batches += 1
        number = self.ctx.n_batches
        for task in batch['tasks']:
            inputs = {
                **self._oxidation_states(),
                **self.exposed_inputs(CALCULATIONS[task], namespace=task, agglomerate=False),
                'code': self.inputs.code,
                'structures': {structure_key(uuid): node for uuid, node in structures.items()},
                'metadata': {
                    'options': with_threads_of(batch, self.inputs.options),
                    'call_link_label': f'{task}_{number:04d}',
                },
            }
            node = self.submit(CALCULATIONS[task], **inputs)
            self.to_context(jobs=append_(node))
            self.ctx.running.append({**batch, 'tasks': [task], 'pk': node.pk})
        self.report(f'submitted batch {number}: {len(structures)} structures, {" and ".join(batch["tasks"])}')

    def _oxidation_states(self) -> dict[str, orm.Dict]:
        """Return the charges of the force field: descriptors speak of the same ions unless they are given others."""
        states = self.inputs.get('bvff', {}).get('oxidation_states')
        return {} if states is None else {'oxidation_states': states}

    def collect_batches(self) -> None:
        """Note the tables that came back, and what has to be submitted again."""
        # Taken out of the context: many live nodes slow down every operation on the database.
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
        what = f'{task} job <{node.pk}> left {len(unfinished)} structures unfinished: {self.ctx.last_reason[task]}'
        overrides = self.inputs.get('handler_overrides')
        is_on = overrides is None or overrides.get_dict().get(rule, {}).get('enabled', True)
        again, words = retries(batch, unfinished, rule, self.inputs.max_attempts.value)
        if rule == STOP and is_on and self.ctx.verdict is None:
            self.ctx.verdict = ['ERROR_NO_JOB_CAN_RUN', {'reason': reason_of(node), 'mending': how_to_mend(node)}]
        if not is_on:
            again, words = [], f'The rule {rule} is switched off, so they are given up'
        elif again and self.ctx.n_empty[task] > _EMPTY_WAVES * self.inputs.max_concurrent.value:
            count = self.ctx.n_empty[task]
            again, words = [], f'They are given up, since {count} jobs in a row brought nothing'
        self.ctx.retries.extend(again)
        if not again:
            self._give_up(task, len(unfinished))
        self.report(f'{what} {words}')

    def _give_up(self, task: str, count: int) -> None:
        failed = self.ctx.failed[task]
        failed[UNFINISHED] = failed.get(UNFINISHED, 0) + count

    def _check_tolerance(self) -> None:
        """End early where more structures have failed than are allowed, whatever becomes of the others."""
        total, fraction = len(self.inputs.dataset), self.inputs.max_failed_fraction.value
        for task, failed in self.ctx.failed.items():
            if self.ctx.verdict is None and exceeds(failed, total, fraction):
                reason = most_common_reason(self.ctx.tables[task], task, failed, self.ctx.last_reason[task])
                self.ctx.verdict = too_many_failed(failed, total, fraction, task, reason)
                n_left = total - self.ctx.next_index
                self.report(f'too many structures have no answer; {n_left} structures are not submitted any more')

    def gather(self) -> ExitCode | None:
        """Join the tables of all batches and count what became of the structures."""
        joined: dict[str, TableData] = {}
        for task in self._tasks:
            pks = self.ctx.tables[task]
            if not pks:
                continue
            table, message = join_tables(pks, self.inputs.dataset)
            if table is None:
                return self.exit_codes.ERROR_TABLES_DIFFER.format(reason=message)
            joined[task] = table
            self.out(OUTPUTS[task], table)
        verdict = self._early_end()
        if 'bvff' in joined:
            tables = {OUTPUTS[task]: table for task, table in joined.items()}
            summary = summarize_features(self.inputs.dataset, **tables)
            self.out('output_parameters', summary)
        for task in self._tasks:
            if verdict is None and task not in joined:
                return self.exit_codes.ERROR_NO_RESULTS.format(task=task, reason=self.ctx.last_reason[task])
        return verdict or self._verdict(joined, summary.get_dict())

    def _early_end(self) -> ExitCode | None:
        if self.ctx.verdict is None:
            return None
        name, fields = self.ctx.verdict
        return getattr(self.exit_codes, name).format(**fields)

    def _verdict(self, joined: Mapping[str, TableData], summary: Mapping[str, Any]) -> ExitCode | None:
        for task, table in joined.items():
            counts = table.counts_by_status
            text = words_of(counts)
            self.report(f'{task}: {text}')
            if not GOOD_WORDS[task] & set(counts):
                return self.exit_codes.ERROR_ALL_STRUCTURES_FAILED.format(task=task, counts=text)
        unfinished = {uuid for task in joined for uuid in summary[OUTPUTS[task]]['unfinished']}
        if unfinished:
            return self.exit_codes.WARNING_STRUCTURES_UNFINISHED.format(count=len(unfinished))
        return None


def fill_featurize(builder: ProcessBuilderNamespace, inputs: Mapping[str, Any]) -> None:
    """Put plain inputs of a protocol into a builder, or into the part of a builder that is a featurization.

    :param builder: the builder.
    :param inputs: what :meth:`ProtocolMixin.get_protocol_inputs` gives.
    """
    for name in ('batch_size', 'max_concurrent', 'max_attempts'):
        setattr(builder, name, orm.Int(inputs[name]))
    builder.max_failed_fraction = orm.Float(inputs['max_failed_fraction'])
    for name in ('clean_workdir', 'handler_overrides'):
        if name in inputs:
            setattr(builder, name, orm.to_aiida_type(inputs[name]))
    for task in CALCULATIONS:
        builder[task]['parameters'] = orm.Dict(inputs[task]['parameters'])
    if 'retrieve_landscapes' in inputs['bvff']:
        builder.bvff.retrieve_landscapes = orm.Bool(inputs['bvff']['retrieve_landscapes'])
    fill_force_field(builder, inputs)
    builder.options = dict(inputs['options'])
