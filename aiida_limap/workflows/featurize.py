"""``limap.featurize``: migration energies and descriptors of all structures of a dataset, in batches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, while_
from aiida.engine.processes.builder import ProcessBuilderNamespace
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations.tables import summarize_features
from aiida_limap.common.keys import structure_key
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData
from aiida_limap.workflows._batch_chain import BATCH_SCHEMA, BatchWorkChain, fill_batches
from aiida_limap.workflows._batches import Batch, join_tables, words_of
from aiida_limap.workflows._featurize_ports import CALCULATIONS, OUTPUTS, define_inputs, define_outputs
from aiida_limap.workflows._force_field import FORCE_FIELD, fill_force_field
from aiida_limap.workflows._structures import load_structures, missing_structures
from aiida_limap.workflows._tolerance import GOOD_WORDS
from aiida_limap.workflows.bvff import BvffBaseWorkChain
from aiida_limap.workflows.protocols.mixin import OPTIONS, ParametersOf

__all__ = ['FeaturizeWorkChain', 'fill_featurize']


class FeaturizeWorkChain(BatchWorkChain):
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
            **BATCH_SCHEMA,
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
        self._begin()
        return None

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

    def _submit_batch(self, batch: Batch, structures: Mapping[str, orm.StructureData]) -> None:
        self.ctx.n_batches += 1
        inputs = {
            **self._oxidation_states(),
            'structures': {structure_key(uuid): node for uuid, node in structures.items()},
        }
        for task in batch['tasks']:
            self._submit_job(CALCULATIONS[task], task, batch, inputs)
        tasks = ' and '.join(batch['tasks'])
        self.report(f'submitted batch {self.ctx.n_batches}: {len(structures)} structures, {tasks}')

    def _oxidation_states(self) -> dict[str, orm.Dict]:
        """Return the charges of the force field: descriptors speak of the same ions unless they are given others."""
        states = self.inputs.get('bvff', {}).get('oxidation_states')
        return {} if states is None else {'oxidation_states': states}

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
        summary = self._summarize(joined)
        if summary is not None:
            self.out('output_parameters', summary)
        for task in self._tasks:
            if verdict is None and task not in joined:
                return self.exit_codes.ERROR_NO_RESULTS.format(task=task, reason=self.ctx.last_reason[task])
        return verdict or self._verdict(joined, {} if summary is None else summary.get_dict())

    def _summarize(self, joined: Mapping[str, TableData]) -> orm.Dict | None:
        """Count what became of the structures.

        :param joined: tables by task.
        :returns: the counts; None where there is no table that they are made of.
        """
        if 'bvff' not in joined:
            return None
        return summarize_features(self.inputs.dataset, **{OUTPUTS[task]: table for task, table in joined.items()})

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
    fill_batches(builder, inputs, CALCULATIONS)
    if 'retrieve_landscapes' in inputs['bvff']:
        builder.bvff.retrieve_landscapes = orm.Bool(inputs['bvff']['retrieve_landscapes'])
    fill_force_field(builder, inputs)
