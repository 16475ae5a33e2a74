"""``limap.phonon_clusters``: phonon quantities of a dataset in batches, and clusters of its compounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common import LinkType
from aiida.engine import ExitCode, ProcessBuilder, ToContext, WorkChain, append_, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations._phonon_files import find_phonon_files
from aiida_limap.calculations.cluster_phonons import ClusterPhononsCalculation
from aiida_limap.calculations.phonon_tables import summarize_phonons
from aiida_limap.calculations.phonons import PhononsCalculation
from aiida_limap.common.keys import structure_key
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData
from aiida_limap.workflows._batches import Batch, join_tables, new_batch, retries, with_threads_of, words_of
from aiida_limap.workflows._phonon_ports import define_inputs, define_outputs
from aiida_limap.workflows._restart import CleaningMixin
from aiida_limap.workflows._rules import STOP, how_to_mend, is_worth_retrying, reason_of, rule_of
from aiida_limap.workflows._tolerance import (
    GOOD_WORDS,
    UNFINISHED,
    add_failures,
    exceeds,
    most_common_reason,
    too_many_failed,
)
from aiida_limap.workflows.protocols.mixin import OPTIONS, ParametersOf, ProtocolMixin

__all__ = ['PhononClustersWorkChain']

_TASK = 'phonons'
#: So many times ``max_concurrent`` jobs in a row may bring nothing before no batch is divided any more.
_EMPTY_WAVES = 3


class PhononClustersWorkChain(ProtocolMixin, CleaningMixin, WorkChain):
    """Compute phonon quantities of a dataset batch by batch, and cluster its compounds by them.

    A bounded number of batches runs at a time. Compounds that a stopped job did not finish are submitted again in
    smaller batches. A failed batch costs its own rows only.
    """

    PROTOCOL = 'phonon_clusters'

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
            if_(cls.should_cluster)(while_(cls.has_clustering)(cls.run_cluster, cls.inspect_cluster)),
            cls.results,
        )
        define_outputs(spec)

    @classmethod
    def protocol_schema(cls) -> dict[str, Any]:
        """Return the inputs that a protocol or an override may set."""
        return {
            **dict.fromkeys(('batch_size', 'max_concurrent', 'max_attempts'), int),
            'max_failed_fraction': float,
            'clean_workdir': bool,
            'handler_overrides': dict,
            'phonons': {'parameters': ParametersOf('phonons')},
            'cluster': {'parameters': ParametersOf('cluster_phonons'), 'options': OPTIONS},
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
        *,
        labels: TableData | None = None,
        diffusivities: TableData | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs of a protocol.

        :param code: the code that runs limap-engine.
        :param dataset: the compounds.
        :param protocol: one of :meth:`get_available_protocols`.
        :param overrides: values in place of those of the protocol, or the path of a YAML file with them.
        :param options: scheduler options of all jobs, in place of those of the protocol.
        :param labels: measured compounds, which tell the conductors.
        :param diffusivities: diffusivities of the compounds.
        :returns: the builder; its inputs can still be changed.
        :raises ValueError: if the protocol or a key is unknown, or a value has the wrong type.
        """
        last = None if options is None else {'options': options, 'cluster': {'options': options}}
        inputs = cls.get_protocol_inputs(protocol, overrides, last)
        builder = cls.get_builder()
        builder.code = code
        builder.dataset = dataset
        for name in ('batch_size', 'max_concurrent', 'max_attempts', 'clean_workdir', 'handler_overrides'):
            if name in inputs:
                setattr(builder, name, orm.to_aiida_type(inputs[name]))
        builder.max_failed_fraction = orm.Float(inputs['max_failed_fraction'])
        builder.options = dict(inputs['options'])
        builder.phonons.parameters = orm.Dict(inputs['phonons']['parameters'])
        builder.cluster.parameters = orm.Dict(inputs['cluster']['parameters'])
        builder.cluster.options = dict(inputs['cluster']['options'])
        for name, node in (('labels', labels), ('diffusivities', diffusivities)):
            if node is not None:
                setattr(builder.cluster, name, node)
        return builder

    def check_dataset(self) -> ExitCode | None:
        """Stop at once if there is nothing to compute; nodes are kept by their numbers."""
        uuids = self.inputs.dataset.structure_uuids
        if not uuids:
            return self.exit_codes.ERROR_DATASET_EMPTY
        files = find_phonon_files(uuids)
        self.ctx.indices = [index for index, uuid in enumerate(uuids) if uuid in files]
        if not self.ctx.indices:
            return self.exit_codes.ERROR_NO_PHONON_FILES.format(count=len(uuids))
        if len(self.ctx.indices) < len(uuids):
            self.report(f'{len(uuids) - len(self.ctx.indices)} structures have no phonon files and are left out')
        self.ctx.next_index = 0
        self.ctx.retries, self.ctx.tables, self.ctx.jobs_done = [], [], []
        self.ctx.n_batches = self.ctx.n_empty = self.ctx.clusterings = 0
        self.ctx.failed = {}
        self.ctx.verdict = None
        self.ctx.clustering = None
        self.ctx.last_reason = 'it was never started'
        size = self.inputs.batch_size.value
        count = len(self.ctx.indices)
        self.report(f'{count} compounds in {-(-count // size)} batches of up to {size}')
        return None

    def has_batches(self) -> bool:
        """Return whether there are compounds that wait to be submitted, and anything speaks for it."""
        return self.ctx.verdict is None and self._has_compounds()

    def _has_compounds(self) -> bool:
        return self.ctx.next_index < len(self.ctx.indices) or bool(self.ctx.retries)

    def submit_batches(self) -> None:
        """Submit as many batches as may run at a time; files are loaded here and not kept."""
        self.ctx.running = []
        size = self.inputs.batch_size.value
        while len(self.ctx.running) < self.inputs.max_concurrent.value and self._has_compounds():
            if self.ctx.retries:
                batch = self.ctx.retries.pop(0)
            else:
                start = self.ctx.next_index
                batch = new_batch(self.ctx.indices[start : start + size], [_TASK])
                self.ctx.next_index = start + size
            self._submit_batch(batch)

    def _submit_batch(self, batch: Batch) -> None:
        uuids = self.inputs.dataset.structure_uuids
        files = find_phonon_files([uuids[index] for index in batch['indices']])
        self.ctx.n_batches += 1
        node = self.submit(
            PhononsCalculation,
            **self.exposed_inputs(PhononsCalculation, namespace='phonons', agglomerate=False),
            code=self.inputs.code,
            phonons={structure_key(uuid): orm.load_node(pk) for uuid, pk in files.items()},
            metadata={
                'options': with_threads_of(batch, self.inputs.options),
                'call_link_label': f'{_TASK}_{self.ctx.n_batches:04d}',
            },
        )
        self.to_context(jobs=append_(node))
        self.ctx.running.append({**batch, 'pk': node.pk})
        self.report(f'submitted batch {self.ctx.n_batches}: {len(files)} compounds')

    def collect_batches(self) -> None:
        """Note the tables that came back, and what has to be submitted again."""
        # Taken out of the context: many live nodes slow down every operation on the database.
        nodes = {node.pk: node for node in self.ctx.pop('jobs', [])}
        uuids = self.inputs.dataset.structure_uuids
        for job in self.ctx.pop('running'):
            node = nodes[job['pk']]
            done: set[str] = set()
            if 'table' in node.outputs:
                done.update(node.outputs.table.ids)
                self.ctx.tables.append(node.outputs.table.pk)
                self.ctx.jobs_done.append(node.pk)
                add_failures(self.ctx.failed, node.outputs.table.counts_by_status, _TASK)
            self.ctx.n_empty = 0 if done else self.ctx.n_empty + 1
            unfinished = [index for index in job['indices'] if uuids[index] not in done]
            if unfinished:
                self.ctx.last_reason = reason_of(node)
                self._submit_again(job, unfinished, node)
        self._check_tolerance()

    def _submit_again(self, batch: Batch, unfinished: list[int], node: orm.CalcJobNode) -> None:
        """Put what a job left into the queue, by the rule that holds for it."""
        rule = rule_of(node)
        overrides = self.inputs.get('handler_overrides')
        is_on = overrides is None or overrides.get_dict().get(rule, {}).get('enabled', True)
        again, words = retries(batch, unfinished, rule, self.inputs.max_attempts.value)
        if rule == STOP and is_on and self.ctx.verdict is None:
            self.ctx.verdict = ['ERROR_NO_JOB_CAN_RUN', {'reason': reason_of(node), 'mending': how_to_mend(node)}]
        if not is_on:
            again, words = [], f'The rule {rule} is switched off, so they are given up'
        elif again and self.ctx.n_empty > _EMPTY_WAVES * self.inputs.max_concurrent.value:
            again, words = [], f'They are given up, since {self.ctx.n_empty} jobs in a row brought nothing'
        self.ctx.retries.extend(again)
        if not again:
            self.ctx.failed[UNFINISHED] = self.ctx.failed.get(UNFINISHED, 0) + len(unfinished)
        self.report(f'job <{node.pk}> left {len(unfinished)} compounds unfinished: {self.ctx.last_reason} {words}')

    def _check_tolerance(self) -> None:
        """End early where more compounds have failed than are allowed, whatever becomes of the others."""
        total, fraction = len(self.ctx.indices), self.inputs.max_failed_fraction.value
        if self.ctx.verdict is None and exceeds(self.ctx.failed, total, fraction):
            reason = most_common_reason(self.ctx.tables, _TASK, self.ctx.failed, self.ctx.last_reason)
            self.ctx.verdict = too_many_failed(self.ctx.failed, total, fraction, _TASK, reason)

    def gather(self) -> ExitCode | None:
        """Join the tables of all batches."""
        if self.ctx.tables:
            table, message = join_tables(self.ctx.tables, self.inputs.dataset)
            if table is None:
                return self.exit_codes.ERROR_TABLES_DIFFER.format(reason=message)
            self.out('phonons', table)
            self.ctx.table = table.pk
            self._hand_out_densities()
            counts = table.counts_by_status
            self.report(f'phonons: {words_of(counts)}')
            if self.ctx.verdict is None and not GOOD_WORDS[_TASK] & set(counts):
                self.ctx.verdict = ['ERROR_ALL_STRUCTURES_FAILED', {'counts': words_of(counts)}]
        elif self.ctx.verdict is None:
            self.ctx.verdict = ['ERROR_NO_RESULTS', {'reason': self.ctx.last_reason}]
        return None

    def _hand_out_densities(self) -> None:
        for pk in self.ctx.jobs_done:
            links = orm.load_node(pk).base.links.get_outgoing(link_type=LinkType.CREATE).nested()
            for key, node in links.get('densities', {}).items():
                self.out(f'densities.{key}', node)

    def should_cluster(self) -> bool:
        """Return whether there are compounds to cluster, and anything speaks for it."""
        return self.ctx.verdict is None

    def has_clustering(self) -> bool:
        """Return whether the compounds are not clustered yet, and another job may do it."""
        return self.ctx.clustering is None and self.ctx.verdict is None

    def run_cluster(self) -> ToContext:
        """Cluster the compounds."""
        self.ctx.clusterings += 1
        node = self.submit(
            ClusterPhononsCalculation,
            **self.exposed_inputs(ClusterPhononsCalculation, namespace='cluster', agglomerate=False),
            phonons=orm.load_node(self.ctx.table),
            code=self.inputs.code,
            metadata={'options': dict(self.inputs.cluster.options), 'call_link_label': 'cluster'},
        )
        self.report(f'submitted the clustering <{node.pk}>')
        return ToContext(cluster=node)

    def inspect_cluster(self) -> None:
        """Pass on the clusters; repeat a clustering that was stopped."""
        node = self.ctx.pop('cluster')
        if node.is_finished_ok:
            for name in ('clusters', 'arrays'):
                self.out(name, node.outputs[name])
            self.ctx.clustering = node.pk
            return
        reason = reason_of(node)
        if rule_of(node) == STOP:
            self.ctx.verdict = ['ERROR_NO_JOB_CAN_RUN', {'reason': reason, 'mending': how_to_mend(node)}]
        elif is_worth_retrying(node) and self.ctx.clusterings < self.inputs.max_attempts.value:
            self.report(f'job <{node.pk}>: {reason} The clustering is repeated')
        else:
            self.ctx.verdict = ['ERROR_CLUSTERING_FAILED', {'reason': reason}]

    def results(self) -> ExitCode | None:
        """Count what became of the compounds."""
        unfinished: list[str] = []
        if 'table' in self.ctx:
            facts = {}
            if self.ctx.clustering is not None:
                facts['clustering'] = orm.load_node(self.ctx.clustering).outputs.output_parameters
            summary = summarize_phonons(self.inputs.dataset, orm.load_node(self.ctx.table), **facts)
            self.out('output_parameters', summary)
            unfinished = summary['phonons']['unfinished']
        if self.ctx.verdict is not None:
            name, fields = self.ctx.verdict
            return getattr(self.exit_codes, name).format(**fields)
        if unfinished:
            return self.exit_codes.WARNING_STRUCTURES_UNFINISHED.format(count=len(unfinished))
        return None
