"""``limap.phonon_clusters``: phonon quantities of a dataset in batches, and clusters of its compounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common import LinkType
from aiida.engine import ExitCode, ProcessBuilder, ToContext, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations._phonon_files import find_phonon_files
from aiida_limap.calculations.cluster_phonons import ClusterPhononsCalculation
from aiida_limap.calculations.phonon_tables import summarize_phonons
from aiida_limap.calculations.phonons import FORCES, RELAXED, PhononsCalculation
from aiida_limap.common.calculators import CALCULATOR
from aiida_limap.common.keys import structure_key
from aiida_limap.common.phonons import DENSITIES
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData
from aiida_limap.workflows._batch_chain import BATCH_SCHEMA, BatchWorkChain, fill_batches
from aiida_limap.workflows._batches import Batch, join_tables, words_of
from aiida_limap.workflows._phonon_ports import define_inputs, define_outputs
from aiida_limap.workflows._rules import STOP, how_to_mend, is_worth_retrying, reason_of, rule_of
from aiida_limap.workflows._structures import load_structures, missing_structures
from aiida_limap.workflows._tolerance import GOOD_WORDS
from aiida_limap.workflows.protocols.mixin import OPTIONS, ParametersOf

__all__ = ['PhononClustersWorkChain']

_TASK = 'phonons'


class PhononClustersWorkChain(BatchWorkChain):
    """Compute phonon quantities of a dataset batch by batch, and cluster its compounds by them.

    The phonons come from the files of the compounds, or are computed of their structures where the parameters of the
    jobs name a calculator. A bounded number of batches runs at a time. Compounds that a stopped job did not finish are
    submitted again in smaller batches. A failed batch costs its own rows only.
    """

    PROTOCOL = 'phonon_clusters'
    ITEMS = 'compounds'
    JOB = 'job'

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
            **BATCH_SCHEMA,
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
        fill_batches(builder, inputs, ['phonons'])
        builder.cluster.parameters = orm.Dict(inputs['cluster']['parameters'])
        builder.cluster.options = dict(inputs['cluster']['options'])
        for name, node in (('labels', labels), ('diffusivities', diffusivities)):
            if node is not None:
                setattr(builder.cluster, name, node)
        return builder

    @property
    def _tasks(self) -> list[str]:
        return [_TASK]

    @property
    def _indices(self) -> list[int]:
        return self.ctx.indices

    @property
    def _computes(self) -> bool:
        """Return whether a calculator computes the phonons, in place of files."""
        return 'parameters' in self.inputs.phonons and CALCULATOR in self.inputs.phonons.parameters.get_dict()

    def check_dataset(self) -> ExitCode | None:
        """Stop at once if there is nothing to compute; nodes are kept by their numbers."""
        uuids = self.inputs.dataset.structure_uuids
        if not uuids:
            return self.exit_codes.ERROR_DATASET_EMPTY
        if self._computes:
            missing = missing_structures(uuids)
            if missing:
                return self.exit_codes.ERROR_STRUCTURES_MISSING.format(count=len(missing), uuid=missing[0])
            self.ctx.indices = list(range(len(uuids)))
        else:
            files = find_phonon_files(uuids)
            self.ctx.indices = [index for index, uuid in enumerate(uuids) if uuid in files]
            if not self.ctx.indices:
                return self.exit_codes.ERROR_NO_PHONON_FILES.format(count=len(uuids))
            if len(self.ctx.indices) < len(uuids):
                self.report(f'{len(uuids) - len(self.ctx.indices)} structures have no phonon files and are left out')
        self.ctx.clusterings = 0
        self.ctx.clustering = None
        self._begin()
        return None

    def submit_batches(self) -> None:
        """Submit as many batches as may run at a time; files and structures are loaded here and not kept."""
        self.ctx.running = []
        uuids = self.inputs.dataset.structure_uuids
        for batch in self._next_batches():
            wanted = [uuids[index] for index in batch['indices']]
            nodes: Mapping[str, orm.Data]
            if self._computes:
                nodes, unusable = load_structures(wanted)
                for uuid, reason in unusable.items():
                    self.report(f'structure {uuid} is left out: {reason}')
                if unusable:
                    self._give_up(_TASK, len(unusable))
            else:
                nodes = {uuid: orm.load_node(pk) for uuid, pk in find_phonon_files(wanted).items()}
            if nodes:
                self._submit_batch(batch, nodes)

    def _submit_batch(self, batch: Batch, nodes: Mapping[str, orm.Data]) -> None:
        uuids = self.inputs.dataset.structure_uuids
        usable = [index for index in batch['indices'] if uuids[index] in nodes]
        self.ctx.n_batches += 1
        port = 'structures' if self._computes else 'phonons'
        compounds = {structure_key(uuid): node for uuid, node in nodes.items()}
        self._submit_job(PhononsCalculation, _TASK, {**batch, 'indices': usable}, {port: compounds})
        self.report(f'submitted batch {self.ctx.n_batches}: {len(nodes)} compounds')

    def gather(self) -> ExitCode | None:
        """Join the tables of all batches."""
        if self.ctx.tables[_TASK]:
            table, message = join_tables(self.ctx.tables[_TASK], self.inputs.dataset)
            if table is None:
                return self.exit_codes.ERROR_TABLES_DIFFER.format(reason=message)
            self.out('phonons', table)
            self.ctx.table = table.pk
            self._hand_out_nodes()
            counts = table.counts_by_status
            self.report(f'phonons: {words_of(counts)}')
            if self.ctx.verdict is None and not GOOD_WORDS[_TASK] & set(counts):
                self.ctx.verdict = ['ERROR_ALL_STRUCTURES_FAILED', {'counts': words_of(counts)}]
        elif self.ctx.verdict is None:
            self.ctx.verdict = ['ERROR_NO_RESULTS', {'reason': self.ctx.last_reason[_TASK]}]
        return None

    def _hand_out_nodes(self) -> None:
        for pk in self.ctx.tables[_TASK]:
            links = orm.load_node(pk).creator.base.links.get_outgoing(link_type=LinkType.CREATE).nested()
            for name in (DENSITIES, FORCES, RELAXED):
                for key, node in links.get(name, {}).items():
                    self.out(f'{name}.{key}', node)

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
        verdict = self._early_end()
        if verdict is None and unfinished:
            return self.exit_codes.WARNING_STRUCTURES_UNFINISHED.format(count=len(unfinished))
        return verdict
