"""``limap.featurize``: migration energies and descriptors of all structures of a dataset, in batches."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, WorkChain, append_, while_
from aiida.engine.processes.builder import ProcessBuilderNamespace
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations.bvff import BvffCalculation
from aiida_limap.calculations.descriptors import DescriptorsCalculation
from aiida_limap.calculations.tables import summarize_features
from aiida_limap.common.keys import structure_key
from aiida_limap.common.status import ANSWERS
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData
from aiida_limap.workflows._batches import (
    Batch,
    default_options,
    is_worth_retrying,
    join_tables,
    positive,
    reason_of,
    retries,
    words_of,
)
from aiida_limap.workflows._force_field import FORCE_FIELD, fill_force_field
from aiida_limap.workflows._structures import load_structures, missing_structures
from aiida_limap.workflows.bvff import BvffBaseWorkChain
from aiida_limap.workflows.protocols.mixin import OPTIONS, ParametersOf, ProtocolMixin

__all__ = ['FeaturizeWorkChain', 'fill_featurize']

_CALCULATIONS = {'bvff': BvffCalculation, 'descriptors': DescriptorsCalculation}
_OUTPUTS = {'bvff': 'migration_energies', 'descriptors': 'descriptors'}


class FeaturizeWorkChain(ProtocolMixin, WorkChain):
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
        spec.input('dataset', valid_type=DatasetData, help='The structures.')
        spec.input('code', valid_type=orm.AbstractCode, help='The code that runs limap-engine.')
        for name, default, text in (
            ('batch_size', 100, 'Structures per job.'),
            ('max_concurrent', 4, 'Batches (of two jobs each) that run at a time.'),
            ('max_attempts', 2, 'How often a structure is submitted before it is given up.'),
        ):
            spec.input(
                name,
                valid_type=orm.Int,
                default=partial(orm.Int, default),
                serializer=orm.to_aiida_type,
                validator=positive,
                help=text,
            )
        spec.input(
            'with_descriptors',
            valid_type=orm.Bool,
            default=partial(orm.Bool, True),
            serializer=orm.to_aiida_type,
            help='Whether descriptors are computed beside the migration energies.',
        )
        spec.input(
            'options', valid_type=dict, non_db=True, default=default_options, help='Scheduler options of each job.'
        )
        spec.expose_inputs(
            BvffCalculation,
            namespace='bvff',
            include=('parameters', 'oxidation_states', 'retrieve_landscapes', 'bond_valence'),
        )
        spec.expose_inputs(
            DescriptorsCalculation, namespace='descriptors', include=('parameters', 'oxidation_states', 'bond_valence')
        )
        spec.outline(
            cls.check_dataset,
            while_(cls.has_batches)(cls.submit_batches, cls.collect_batches),
            cls.gather,
        )
        spec.output(
            'migration_energies', valid_type=TableData, help='Barriers (eV) by structure, and their status words.'
        )
        spec.output(
            'descriptors', valid_type=TableData, required=False, help='Descriptors by structure, one block per part.'
        )
        spec.output(
            'output_parameters',
            valid_type=orm.Dict,
            help='Counts by status word, engine versions, and the UUIDs of structures that no job finished.',
        )
        spec.exit_code(201, 'ERROR_DATASET_EMPTY', 'The dataset holds no structures.')
        spec.exit_code(
            202,
            'ERROR_STRUCTURES_MISSING',
            '{count} structures of the dataset are no longer in the database, the first is {uuid}; make a new dataset.',
        )
        spec.exit_code(
            410,
            'ERROR_NO_RESULTS',
            'No {task} job brought anything back; the last one ended with: {reason}',
            invalidates_cache=True,
        )
        spec.exit_code(
            411,
            'ERROR_ALL_STRUCTURES_FAILED',
            'No structure gave an answer in {task} ({counts}); the column message of the table says why.',
        )
        spec.exit_code(
            420,
            'ERROR_TABLES_DIFFER',
            'The tables of the batches do not fit together: {reason}',
            invalidates_cache=True,
        )
        spec.exit_code(
            710,
            'WARNING_STRUCTURES_UNFINISHED',
            'The tables are complete but for {count} structures, which no job finished; output_parameters names them.',
            invalidates_cache=True,
        )

    @classmethod
    def protocol_schema(cls) -> dict[str, Any]:
        """Return the inputs that a protocol or an override may set."""
        return {
            'batch_size': int,
            'max_concurrent': int,
            'max_attempts': int,
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
        return list(_CALCULATIONS) if self.inputs.with_descriptors.value else ['bvff']

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
        self.ctx.tables = {task: [] for task in self._tasks}
        self.ctx.last_reason = dict.fromkeys(self._tasks, 'it was never started')
        size = self.inputs.batch_size.value
        self.report(f'{len(uuids)} structures in {-(-len(uuids) // size)} batches of up to {size}')
        return None

    def has_batches(self) -> bool:
        """Return whether there are structures that wait to be submitted."""
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
            if structures:
                usable = [index for index in batch['indices'] if uuids[index] in structures]
                self._submit_batch({**batch, 'indices': usable}, structures)
        return None

    def _next_batches(self) -> list[Batch]:
        """Take the next batches: those that wait for another attempt, then new ones."""
        batches: list[Batch] = []
        size, total = self.inputs.batch_size.value, len(self.inputs.dataset)
        while len(batches) < self.inputs.max_concurrent.value and self.has_batches():
            if self.ctx.retries:
                batches.append(self.ctx.retries.pop(0))
            else:
                start, stop = self.ctx.next_index, min(self.ctx.next_index + size, total)
                batches.append({'indices': list(range(start, stop)), 'attempt': 1, 'tasks': self._tasks})
                self.ctx.next_index = stop
        return batches

    def _submit_batch(self, batch: Batch, structures: Mapping[str, orm.StructureData]) -> None:
        self.ctx.n_batches += 1
        number = self.ctx.n_batches
        for task in batch['tasks']:
            inputs = {
                **self._oxidation_states(),
                **self.exposed_inputs(_CALCULATIONS[task], namespace=task, agglomerate=False),
                'code': self.inputs.code,
                'structures': {structure_key(uuid): node for uuid, node in structures.items()},
                'metadata': {
                    'options': dict(self.inputs.options),
                    'call_link_label': f'{task}_{number:04d}',
                },
            }
            node = self.submit(_CALCULATIONS[task], **inputs)
            self.to_context(jobs=append_(node))
            self.ctx.running.append({**batch, 'tasks': [task], 'pk': node.pk})
        attempt = '' if batch['attempt'] == 1 else f', attempt {batch["attempt"]}'
        self.report(f'submitted batch {number}: {len(structures)} structures, {" and ".join(batch["tasks"])}{attempt}')

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
            if not node.is_finished_ok:
                self.ctx.last_reason[task] = reason_of(node)
            unfinished = [index for index in job['indices'] if uuids[index] not in done]
            if unfinished:
                again = Batch(indices=unfinished, attempt=job['attempt'], tasks=job['tasks'])
                self._note_unfinished(again, bool(done), node)

    def _note_unfinished(self, batch: Batch, has_rows: bool, node: orm.CalcJobNode) -> None:
        task, count = batch['tasks'][0], len(batch['indices'])
        what = f'{task} job <{node.pk}> left {count} structures unfinished: {reason_of(node)}'
        if not is_worth_retrying(node):
            self.report(f'{what} This would happen again, so they are given up')
        elif batch['attempt'] >= self.inputs.max_attempts.value:
            self.report(f'{what} They are given up after {batch["attempt"]} attempts')
        else:
            again = retries(batch, has_rows)
            self.ctx.retries.extend(again)
            self.report(f'{what} They are submitted again in {len(again)} smaller batches')

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
            self.out(_OUTPUTS[task], table)
        for task in self._tasks:
            if task not in joined:
                return self.exit_codes.ERROR_NO_RESULTS.format(task=task, reason=self.ctx.last_reason[task])
        tables = {_OUTPUTS[task]: table for task, table in joined.items()}
        summary = summarize_features(self.inputs.dataset, **tables)
        self.out('output_parameters', summary)
        return self._verdict(joined, summary.get_dict())

    def _verdict(self, joined: Mapping[str, TableData], summary: Mapping[str, Any]) -> ExitCode | None:
        answers = {'bvff': {str(word) for word in ANSWERS}, 'descriptors': {'ok'}}
        for task, table in joined.items():
            counts = table.counts_by_status
            text = words_of(counts)
            self.report(f'{task}: {text}')
            if not answers[task] & set(counts):
                return self.exit_codes.ERROR_ALL_STRUCTURES_FAILED.format(task=task, counts=text)
        unfinished = {uuid for task in joined for uuid in summary[_OUTPUTS[task]]['unfinished']}
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
    for task in _CALCULATIONS:
        builder[task]['parameters'] = orm.Dict(inputs[task]['parameters'])
    if 'retrieve_landscapes' in inputs['bvff']:
        builder.bvff.retrieve_landscapes = orm.Bool(inputs['bvff']['retrieve_landscapes'])
    fill_force_field(builder, inputs)
    builder.options = dict(inputs['options'])
