"""``limap.screen``: from measured conductivities to compositions worth making."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common import LinkType
from aiida.engine import ExitCode, ProcessBuilder, ToContext, append_, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations._parents import model_of
from aiida_limap.calculations.screening import gather_hits, nearest_on_map, screening_structures, summarize_screen
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.map import MapData
from aiida_limap.data.screening_model import ScreeningModelData
from aiida_limap.data.table import TableData
from aiida_limap.workflows._batch_chain import fill_batches
from aiida_limap.workflows._describing import DescribeWorkChain
from aiida_limap.workflows._parts import PartsWorkChain
from aiida_limap.workflows._rules import STOP, how_to_mend, is_worth_retrying, reason_of, rule_of
from aiida_limap.workflows._screen_parts import first_parts, parameters_of, retries_of
from aiida_limap.workflows._screen_ports import (
    CHECK,
    SCORING,
    TASKS,
    define_inputs,
    define_outputs,
    number_of_parts,
)
from aiida_limap.workflows._tolerance import exit_code_of
from aiida_limap.workflows.featurize import FeaturizeWorkChain
from aiida_limap.workflows.protocols.mixin import OPTIONS, ParametersOf

__all__ = ['ScreenWorkChain']

_UNFINISHED = 710


class ScreenWorkChain(PartsWorkChain):
    """Learn from few measurements, pass it on to models of compositions, and ask these about all compositions.

    Labelled and unlabelled structures are described, a model of structures learns the labels and names the others, and
    models of compositions learn these names. The chemical systems are shared among jobs that run side by side; what a
    stopped job left is submitted again. Hits are shown to a second model, and stand beside the nearest known compounds.
    """

    PROTOCOL = 'screen'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Define inputs, steps, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        define_inputs(spec)
        spec.outline(
            cls.setup,
            if_(cls.should_train)(
                cls.choose_structures,
                cls.run_featurize,
                cls.inspect_featurize,
                while_(cls.has_training)(cls.run_train, cls.inspect_train),
            ),
            while_(cls.has_parts)(cls.submit_parts, cls.collect_parts),
            cls.gather,
            if_(cls.should_place)(cls.run_place, cls.inspect_place),
            cls.results,
        )
        define_outputs(spec)

    @classmethod
    def protocol_schema(cls) -> dict[str, Any]:
        """Return the inputs that a protocol or an override may set."""
        featurize = FeaturizeWorkChain.protocol_schema()
        return {
            **dict.fromkeys(('jobs', 'max_concurrent', 'max_attempts', 'max_hits'), int),
            'clean_workdir': bool,
            'featurize': {key: leaf for key, leaf in featurize.items() if key != 'bvff'},
            'train': {'parameters': ParametersOf('screen_train'), 'options': OPTIONS},
            'screen': {'parameters': ParametersOf('screen'), 'options': OPTIONS},
            'place': {'parameters': ParametersOf('place_compositions'), 'options': OPTIONS},
        }

    @classmethod
    def inherited_inputs(cls, protocol: str) -> dict[str, Any]:
        """Return the inputs that ``limap.featurize`` takes, but for its force field.

        :param protocol: name of a protocol.
        """
        inputs = FeaturizeWorkChain.get_protocol_inputs(protocol)
        return {'featurize': {key: value for key, value in inputs.items() if key != 'bvff'}}

    @classmethod
    def get_builder_from_protocol(  # noqa: PLR0913
        cls,
        code: orm.AbstractCode,
        labels: TableData | None = None,
        dataset: DatasetData | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        models: Mapping[str, ScreeningModelData] | None = None,
        parent_map: MapData | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs of a protocol.

        :param code: the code that runs limap-engine.
        :param labels: measured compounds; None where models are given.
        :param dataset: structures without a label.
        :param protocol: one of :meth:`get_available_protocols`.
        :param overrides: values in place of those of the protocol, or the path of a YAML file with them.
        :param options: scheduler options of all jobs, in place of those of the protocol.
        :param models: trained models by kind, in place of labels.
        :param parent_map: the map that hits are placed on.
        :returns: the builder; its inputs can still be changed.
        :raises ValueError: if the protocol or a key is unknown, or a value has the wrong type.
        """
        last = None if options is None else {part: {'options': options} for part in ('featurize', *TASKS)}
        inputs = cls.get_protocol_inputs(protocol, overrides, last)
        builder = cls.get_builder()
        builder.code = code
        for name, node in (('labels', labels), ('dataset', dataset), ('map', parent_map)):
            if node is not None:
                setattr(builder, name, node)
        if models:
            builder.models = dict(models)
        for name in ('jobs', 'max_concurrent', 'max_attempts', 'max_hits', 'clean_workdir'):
            if name in inputs:
                setattr(builder, name, orm.to_aiida_type(inputs[name]))
        fill_batches(builder.featurize, inputs['featurize'], ['descriptors'])
        for task in TASKS:
            for name, value in inputs[task].items():
                builder[task][name] = value if name == 'options' else orm.Dict(value)
        return builder

    def setup(self) -> None:
        """Note what has to be done; nodes are kept by their numbers."""
        self.ctx.models = {name: model.pk for name, model in (self.inputs.get('models') or {}).items()}
        self.ctx.trainings = 0
        self.ctx.parts = first_parts(self._parameters('screen'), number_of_parts(self.inputs))
        self.ctx.tables = []
        self.ctx.n_jobs = 0
        self.ctx.given_up = 0
        self.ctx.last_reason = 'it was never started'
        self.ctx.verdict = None
        self.ctx.warning = None

    def should_train(self) -> bool:
        """Return whether models have to be trained first."""
        return not self.ctx.models

    def choose_structures(self) -> ExitCode | None:
        """Put labelled and unlabelled structures into one dataset."""
        given = {name: self.inputs[name] for name in ('labels', 'dataset') if name in self.inputs}
        chosen = screening_structures(**given)
        if not chosen.filter['labelled']:
            return self.exit_codes.ERROR_NO_LABELLED_STRUCTURES.format(count=len(self.inputs.labels))
        self.ctx.dataset = chosen.pk
        labelled = chosen.filter['labelled']
        self.report(f'{labelled} labelled structures and {len(chosen) - labelled} without a label')
        return None

    def run_featurize(self) -> ToContext:
        """Compute the features of all structures."""
        inputs = self.exposed_inputs(DescribeWorkChain, namespace='featurize', agglomerate=False)
        return self._submit_featurize(DescribeWorkChain, orm.load_node(self.ctx.dataset), inputs)

    def inspect_featurize(self) -> ExitCode | None:
        """Pass on the features, also of a featurization that is not complete."""
        node = self.ctx.pop('featurize')
        if 'descriptors' in node.outputs:
            self.out('descriptors', node.outputs.descriptors)
            self.ctx.descriptors = node.outputs.descriptors.pk
        if node.is_finished_ok:
            return None
        if node.exit_status == _UNFINISHED:
            self.report(f'{node.exit_message} The models learn from the others')
            return None
        return self._failure(node, self.exit_codes.ERROR_FEATURIZE_FAILED)

    def has_training(self) -> bool:
        """Return whether the models are not trained yet."""
        return not self.ctx.models

    def run_train(self) -> ToContext:
        """Train the models."""
        self.ctx.trainings += 1
        node = self.submit(
            TASKS['train'],
            labels=self.inputs.labels,
            descriptors=orm.load_node(self.ctx.descriptors),
            **self._job_inputs('train', 'train'),
        )
        self.report(f'submitted the training <{node.pk}>')
        return ToContext(train=node)

    def inspect_train(self) -> ExitCode | None:
        """Pass on models and predictions; repeat a training that was stopped."""
        node = self.ctx.pop('train')
        if node.is_finished_ok:
            outputs = node.base.links.get_outgoing(link_type=LinkType.CREATE).nested()
            self.out('models', outputs['models'])
            self.out('predictions', outputs['predictions'])
            self.ctx.models = {name: model.pk for name, model in outputs['models'].items()}
            self.ctx.predictions, self.ctx.train = outputs['predictions'].pk, node.pk
            found = ', '.join(sorted(self.ctx.models))
            self.report(f'trained the models {found}')
            if not set(self.ctx.models) & set(SCORING):
                reason = f'none of the models {found} can score compositions'
                return self.exit_codes.ERROR_TRAIN_FAILED.format(reason=reason)
            return None
        if rule_of(node) == STOP:
            return self.exit_codes.ERROR_NO_JOB_CAN_RUN.format(reason=reason_of(node), mending=how_to_mend(node))
        if is_worth_retrying(node) and self.ctx.trainings < self.inputs.max_attempts.value:
            self.report(f'job <{node.pk}>: {reason_of(node)} The training is repeated')
            return None
        return self._failure(node, self.exit_codes.ERROR_TRAIN_FAILED)

    def has_parts(self) -> bool:
        """Return whether there are systems that wait to be screened, and anything speaks for it."""
        return self.ctx.verdict is None and bool(self.ctx.parts)

    def submit_parts(self) -> None:
        """Submit as many jobs as may run at a time."""
        models = {name: orm.load_node(pk) for name, pk in self.ctx.models.items()}
        given = {'model': next(models[name] for name in SCORING if name in models)}
        if CHECK in models:
            given['check'] = models[CHECK]
        self.ctx.running = []
        for _number in range(min(self.inputs.max_concurrent.value, len(self.ctx.parts))):
            part = self.ctx.parts.pop(0)
            self.ctx.n_jobs += 1
            inputs = self._job_inputs('screen', f'screen_{self.ctx.n_jobs:04d}')
            inputs['parameters'] = orm.Dict(parameters_of(part, self._parameters('screen'), self.inputs.max_hits.value))
            node = self.submit(TASKS['screen'], **given, **inputs)
            self.to_context(jobs=append_(node))
            self.ctx.running.append({'part': part, 'pk': node.pk})
        count = len(self.ctx.running)
        self.report(f'submitted {count} screening job{"" if count == 1 else "s"}')

    def collect_parts(self) -> None:
        """Note the hits that came back, and what has to be submitted again."""
        nodes = {node.pk: node for node in self.ctx.pop('jobs', [])}
        for job in self.ctx.pop('running'):
            node, unfinished = nodes[job['pk']], None
            if 'hits' in node.outputs:
                self.ctx.tables.append(node.outputs.hits.pk)
                unfinished = node.outputs.output_parameters.get_dict()['systems_left']
            if node.is_finished_ok or unfinished == []:
                continue
            self.ctx.last_reason, rule = reason_of(node), rule_of(node)
            again, words = retries_of(job['part'], unfinished, rule, self.inputs.max_attempts.value)
            self.ctx.parts.extend(again)
            self.ctx.given_up += 0 if again else 1
            self.report(f'job <{node.pk}> left systems unfinished: {self.ctx.last_reason} {words}')
            if rule == STOP and self.ctx.verdict is None:
                fields = {'reason': self.ctx.last_reason, 'mending': how_to_mend(node)}
                self.ctx.verdict = ['ERROR_NO_JOB_CAN_RUN', fields]
            elif not again and not is_worth_retrying(node) and self.ctx.verdict is None:
                # The other jobs were asked for the same.
                self.ctx.verdict = ['ERROR_JOB_REFUSED', {'reason': self.ctx.last_reason}]

    def gather(self) -> ExitCode | None:
        """Put the hits of all jobs into one table, beside the nearest known compounds."""
        if self.ctx.verdict is not None:
            return exit_code_of(self.exit_codes, self.ctx.verdict)
        if not self.ctx.tables:
            return self.exit_codes.ERROR_NO_RESULTS.format(reason=self.ctx.last_reason)
        tables = {f'table_{number:04d}': orm.load_node(pk) for number, pk in enumerate(self.ctx.tables)}
        known = self._known()
        options = orm.Dict({'max_hits': self.inputs.max_hits.value})
        hits, node = gather_hits.run_get_node(options=options, **({} if known is None else {'known': known}), **tables)
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_TABLES_DIFFER.format(reason=node.exit_message)
        self.ctx.hits = hits.pk
        self.report(f'{hits.metadata["n_hits"]} hits, of which {len(hits)} are kept')
        return None

    def should_place(self) -> bool:
        """Return whether hits are to be placed on a map."""
        return 'map' in self.inputs and len(orm.load_node(self.ctx.hits)) > 0

    def run_place(self) -> ToContext:
        """Compute the composition codes of the hits."""
        node = self.submit(
            TASKS['place'],
            model=model_of(self.inputs.map),
            hits=orm.load_node(self.ctx.hits),
            **self._job_inputs('place', 'place'),
        )
        self.report(f'submitted the placing <{node.pk}>')
        return ToContext(place=node)

    def inspect_place(self) -> None:
        """Look for the nearest points of the map; hits without them are hits as well."""
        node = self.ctx.pop('place')
        if not node.is_finished_ok:
            self.ctx.warning = ['WARNING_NOT_PLACED', {'reason': reason_of(node)}]
            self.report(f'the hits are not placed on the map: {reason_of(node)}')
            return
        self.ctx.hits = nearest_on_map(orm.load_node(self.ctx.hits), node.outputs.codes, self.inputs.map).pk

    def results(self) -> ExitCode | None:
        """Hand out the hits and what the parts say."""
        hits = orm.load_node(self.ctx.hits)
        train = {'train': orm.load_node(self.ctx.train).outputs.output_parameters} if 'train' in self.ctx else {}
        self.out('hits', hits)
        self.out('output_parameters', summarize_screen(hits, **train))
        if not len(hits):
            return self._no_hits(hits.metadata)
        if self.ctx.given_up:
            return self._unfinished(hits.metadata)
        return exit_code_of(self.exit_codes, self.ctx.warning)

    def _no_hits(self, facts: Mapping[str, Any]) -> ExitCode:
        """Name the first stage of the funnel that nothing passes, on the grid and off it."""
        off_grid, before = dict(facts['integer_counts']), 0
        for stage, count in facts['counts']:
            left = count + off_grid.get(stage, 0)
            if not left:
                return self.exit_codes.ERROR_NO_HITS.format(stage=stage, before=before)
            before = left
        return self.exit_codes.ERROR_NO_HITS.format(stage='last', before=before)

    def _unfinished(self, facts: Mapping[str, Any]) -> ExitCode:
        count = facts['n_systems_in_all'] - facts['n_systems']
        return self.exit_codes.WARNING_SYSTEMS_UNFINISHED.format(count=count, reason=self.ctx.last_reason)

    def _known(self) -> TableData | None:
        """Return the known compounds: what the models were trained on, also in an earlier work chain."""
        if 'predictions' in self.ctx:
            return orm.load_node(self.ctx.predictions)
        for pk in self.ctx.models.values():
            creator = orm.load_node(pk).creator
            if creator is not None and 'predictions' in creator.outputs:
                return creator.outputs.predictions
        return None

    def _parameters(self, task: str) -> dict[str, Any]:
        given = self.inputs[task].get('parameters')
        return {} if given is None else given.get_dict()

    def _job_inputs(self, task: str, label: str) -> dict[str, Any]:
        """Return what all jobs of a task are given."""
        return {
            **self.exposed_inputs(TASKS[task], namespace=task, agglomerate=False),
            'code': self.inputs.code,
            'metadata': {'options': dict(self.inputs[task].options), 'call_link_label': label},
        }
