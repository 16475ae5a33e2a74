"""``limap.map``: from a dataset to a materials map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common import LinkType
from aiida.engine import ExitCode, ProcessBuilder, ToContext
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations._descriptors import check_training_tables, training_parts, wants_landscape
from aiida_limap.calculations.base import add_inputs_validator, target_of
from aiida_limap.calculations.encode import EncodeCalculation
from aiida_limap.calculations.tables import summarize_map
from aiida_limap.calculations.train import TrainCalculation
from aiida_limap.common.training import GRID
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.map import MapData
from aiida_limap.data.table import TableData
from aiida_limap.workflows._checks import (
    check_cleaning,
    check_code,
    check_dataset_states,
    check_options,
    check_target_name,
)
from aiida_limap.workflows._ensemble import ensemble_members
from aiida_limap.workflows._parts import PartsWorkChain
from aiida_limap.workflows._phonon_block import check_phonons, columns_of, define_phonons, with_block
from aiida_limap.workflows._ports import define_options
from aiida_limap.workflows._restart import define_cleaning
from aiida_limap.workflows.featurize import FeaturizeWorkChain, fill_featurize
from aiida_limap.workflows.protocols.mixin import OPTIONS, ParametersOf
from aiida_limap.workflows.train import TrainBaseWorkChain

__all__ = ['MapWorkChain']

_TOO_MANY_FAILED = 413
_UNFINISHED = 710
_FEATURES = ('migration_energies', 'descriptors')


class MapWorkChain(PartsWorkChain):
    """Compute migration energies (eV) and descriptors of a dataset, train a model on them and draw the map."""

    PROTOCOL = 'map'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Define inputs, steps, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input('dataset', valid_type=DatasetData, help='The structures.')
        spec.input('code', valid_type=orm.AbstractCode, help='The code that runs limap-engine.')
        define_phonons(spec, with_columns=True)
        spec.expose_inputs(
            FeaturizeWorkChain, namespace='featurize', exclude=('dataset', 'code', 'with_descriptors', 'metadata')
        )
        spec.expose_inputs(TrainBaseWorkChain, namespace='train', exclude=('train', 'metadata'))
        spec.expose_inputs(TrainCalculation, namespace='train', include=('parameters', 'monitors'))
        spec.expose_inputs(EncodeCalculation, namespace='encode', include=('parameters',))
        for task in ('train', 'encode'):
            define_options(
                spec,
                f'{task}.options',
                'Scheduler options of these jobs, e.g. queue_name and custom_scheduler_commands for a GPU.',
            )
        for part, text in (
            ('featurize', 'What limap.featurize does: batches, tolerance, migration energies (eV), descriptors.'),
            ('train', 'What limap.train.base does.'),
            ('encode', 'How the structures are put on the map.'),
        ):
            spec.inputs[part].help = text
        define_cleaning(spec)
        add_inputs_validator(spec, _validate_inputs)
        spec.outline(
            cls.check_dataset,
            cls.run_featurize,
            cls.inspect_featurize,
            cls.run_train,
            cls.inspect_train,
            cls.run_encode,
            cls.inspect_encode,
        )
        spec.output('map', valid_type=MapData, help='Points with codes (pure numbers) and migration energies (eV).')
        spec.output('model', valid_type=AutoencoderData, help='The model that spans the map.')
        spec.output_namespace(
            'models',
            valid_type=AutoencoderData,
            dynamic=True,
            required=False,
            help='The best models of a grid, by name.',
        )
        spec.output(
            'grid', valid_type=TableData, required=False, help='Options, losses and metrics of a grid, by model.'
        )
        spec.output('migration_energies', valid_type=TableData, help='Barriers (eV) by structure.')
        spec.output('descriptors', valid_type=TableData, help='Descriptors by structure, one block per part.')
        spec.output('training', valid_type=TableData, help='Split, codes and migration energies (eV) of the training.')
        spec.output('history', valid_type=orm.ArrayData, help='Losses by epoch (pure numbers).')
        spec.output('output_parameters', valid_type=orm.Dict, help='Counts, metrics and engine versions of all parts.')
        _define_exit_codes(spec)

    @classmethod
    def protocol_schema(cls) -> dict[str, Any]:
        """Return the inputs that a protocol or an override may set."""
        return {
            'clean_workdir': bool,
            'featurize': FeaturizeWorkChain.protocol_schema(),
            'train': {
                **{key: leaf for key, leaf in TrainBaseWorkChain.protocol_schema().items() if key != 'train'},
                'parameters': ParametersOf('train'),
                'options': OPTIONS,
            },
            'encode': {'parameters': ParametersOf('encode'), 'options': OPTIONS},
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
        phonons: TableData | None = None,
        phonon_columns: Sequence[str] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs of a protocol.

        :param code: the code that runs limap-engine.
        :param dataset: the structures.
        :param protocol: one of :meth:`get_available_protocols`.
        :param overrides: values in place of those of the protocol, or the path of a YAML file with them. The
            ``target`` of the training holds for the encoding too, unless that is given another one, and where the
            training is to read the ``landscape`` part of the descriptors, that is computed.
        :param options: scheduler options of all jobs, in place of those of the protocol.
        :param phonons: phonon quantities by structure, which become a block of the descriptors.
        :param phonon_columns: columns and blocks of ``phonons`` that the model reads, in place of the default.
        :returns: the builder; its inputs can still be changed.
        :raises ValueError: if the protocol or a key is unknown, or a value has the wrong type.
        """
        parts = ('featurize', 'train', 'encode')
        last = None if options is None else {part: {'options': options} for part in parts}
        inputs = cls.get_protocol_inputs(protocol, overrides, last)
        train = inputs['train']['parameters']
        inputs['encode']['parameters'].setdefault('target', train['target'])
        if train.get('landscape'):
            inputs['featurize']['descriptors']['parameters'].setdefault('landscape', True)
        builder = cls.get_builder()
        builder.code = code
        builder.dataset = dataset
        if phonons is not None:
            builder.phonons = phonons
        if phonon_columns is not None:
            builder.phonon_columns = orm.List(list(phonon_columns))
        if 'clean_workdir' in inputs:
            builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
        fill_featurize(builder.featurize, inputs['featurize'])
        for task in ('train', 'encode'):
            for name, value in inputs[task].items():
                builder[task][name] = value if name == 'options' else orm.to_aiida_type(value)
        return builder

    @classmethod
    def inherited_inputs(cls, protocol: str) -> dict[str, Any]:
        """Return the inputs that ``limap.featurize`` takes, and the parameters of the training of ``limap.train.base``.

        :param protocol: name of a protocol.
        """
        training = TrainBaseWorkChain.get_protocol_inputs(protocol)
        return {
            'featurize': FeaturizeWorkChain.get_protocol_inputs(protocol),
            'train': {'parameters': training['train']['parameters'], 'max_iterations': training['max_iterations']},
        }

    def check_dataset(self) -> ExitCode | None:
        """Stop at once if there is nothing to put on a map."""
        return None if len(self.inputs.dataset) else self.exit_codes.ERROR_DATASET_EMPTY

    def run_featurize(self) -> ToContext:
        """Compute migration energies and descriptors."""
        inputs = self.exposed_inputs(FeaturizeWorkChain, namespace='featurize', agglomerate=False)
        dataset = self.inputs.dataset
        return self._submit_featurize(FeaturizeWorkChain, dataset, inputs, f' of {len(dataset)} structures')

    def inspect_featurize(self) -> ExitCode | None:
        """Pass on the tables, also of a featurization that is not complete."""
        node = self._take('featurize')
        has_phonons = 'phonons' in self.inputs
        for name in _FEATURES:
            if name in node.outputs and not (has_phonons and name == 'descriptors'):
                self.out(name, node.outputs[name])
        if has_phonons and 'descriptors' in node.outputs:
            table, words = with_block(
                node.outputs.descriptors, self.inputs.phonons, columns_of(self.inputs.get('phonon_columns'))
            )
            self.out('descriptors', node.outputs.descriptors if table is None else table)
            if table is None:
                return self.exit_codes.ERROR_ALL_STRUCTURES_FAILED.format(reason=words)
            self.report(words)
        if node.exit_status == _TOO_MANY_FAILED:
            return self.exit_codes.ERROR_TOO_MANY_STRUCTURES_FAILED.format(reason=node.exit_message)
        if node.exit_status == 411:
            return self.exit_codes.ERROR_ALL_STRUCTURES_FAILED.format(reason=node.exit_message)
        if not node.is_finished_ok and node.exit_status != _UNFINISHED:
            return self._failure(node, self.exit_codes.ERROR_FEATURIZE_FAILED)
        self.ctx.is_complete = node.is_finished_ok
        if not self.ctx.is_complete:
            self.report(f'{node.exit_message} The map is drawn with the others')
        return None

    def run_train(self) -> ToContext | ExitCode:
        """Train the model."""
        tables = {name: self.outputs[name] for name in _FEATURES}
        parameters = self.inputs.train.get('parameters')
        further = training_parts(tables['descriptors'], parameters)
        message = check_training_tables(
            tables['descriptors'], tables['migration_energies'], target_of(parameters), further
        )
        if message is not None:
            return self.exit_codes.ERROR_ALL_STRUCTURES_FAILED.format(reason=message)
        inputs = {
            **self.exposed_inputs(TrainBaseWorkChain, namespace='train', agglomerate=False),
            'train': {
                **self.exposed_inputs(TrainCalculation, namespace='train', agglomerate=False),
                'code': self.inputs.code,
                **tables,
                'metadata': {'options': dict(self.inputs.train.options)},
            },
            'metadata': {'call_link_label': 'train'},
        }
        node = self.submit(TrainBaseWorkChain, **inputs)
        self.report(f'submitted the training <{node.pk}>')
        return ToContext(train=node)

    def inspect_train(self) -> ExitCode | None:
        """Pass on models, training table and history, the latter also of a training that failed."""
        node = self._take('train')
        outputs = node.base.links.get_outgoing(link_type=LinkType.RETURN).nested()
        for name in ('model', 'models', 'grid', 'training', 'history'):
            if name in outputs:
                self.out(name, outputs[name])
        return None if node.is_finished_ok else self._failure(node, self.exit_codes.ERROR_TRAIN_FAILED)

    def run_encode(self) -> ToContext:
        """Put the structures on the map."""
        inputs = {
            **self.exposed_inputs(EncodeCalculation, namespace='encode', agglomerate=False),
            'code': self.inputs.code,
            'model': self.outputs['model'],
            **{name: self.outputs[name] for name in _FEATURES},
            'ensemble': self._ensemble(),
            'metadata': {'options': dict(self.inputs.encode.options), 'call_link_label': 'encode'},
        }
        node = self.submit(EncodeCalculation, **inputs)
        self.report(f'submitted the encoding <{node.pk}>')
        return ToContext(encode=node)

    def inspect_encode(self) -> ExitCode | None:
        """Pass on the map and gather what the parts say."""
        node = self._take('encode')
        if not node.is_finished_ok:
            return self._failure(node, self.exit_codes.ERROR_ENCODE_FAILED)
        self.out('map', node.outputs.map)
        parts = {
            name: orm.load_node(self.ctx.pks[name]).outputs.output_parameters
            for name in ('featurize', 'train', 'encode')
        }
        self.out('output_parameters', summarize_map(**parts))
        self.report(f'the map <{node.outputs.map.pk}> has {len(node.outputs.map)} points')
        return None if self.ctx.is_complete else self.exit_codes.WARNING_STRUCTURES_UNFINISHED

    def _ensemble(self) -> dict[str, AutoencoderData]:
        """Return the other models of the grid that were trained like the chosen one, with another seed."""
        outputs = orm.load_node(self.ctx.pks['train']).outputs
        parameters = self.inputs.train.get('parameters')
        grid = {} if parameters is None else parameters.get_dict().get(GRID) or {}
        if 'models' not in outputs:
            return {}
        chosen = outputs.output_parameters.get_dict().get('chosen', '')
        names = ensemble_members(grid, outputs.grid, chosen, list(outputs.models))
        return {name: outputs.models[name] for name in names}


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    """Check what no port can check by itself."""
    code, featurize = inputs.get('code'), inputs.get('featurize') or {}
    messages = [check_options(featurize.get('options'), code, 'featurize.options')]
    messages += [
        check_options((inputs.get(task) or {}).get('options'), code, f'{task}.options') for task in ('train', 'encode')
    ]
    messages += [
        check_cleaning(cleaned, featurize.get('bvff') or {}, 'featurize.bvff')
        for cleaned in (inputs.get('clean_workdir'), featurize.get('clean_workdir'))
    ]
    return (
        check_code(code)
        or next(filter(None, messages), None)
        or check_dataset_states(featurize, inputs.get('dataset'), 'featurize.')
        or check_phonons(inputs.get('phonons'), inputs.get('phonon_columns'), inputs.get('dataset'))
        or _validate_parameters(inputs)
    )


def _validate_parameters(inputs: Mapping[str, Any]) -> str | None:
    """Check that the model learns what the map shows, from numbers that are computed."""
    targets = {
        task: target_of(inputs[task].get('parameters')) for task in ('train', 'encode') if inputs.get(task) is not None
    }
    if len(set(targets.values())) > 1:
        return (
            f'the model would learn {targets["train"]!r}, but the map would show {targets["encode"]!r}; give the same '
            'target in train.parameters and encode.parameters'
        )
    for target in targets.values():
        message = check_target_name(target)
        if message is not None:
            return message
    described = (inputs.get('featurize') or {}).get('descriptors') or {}
    computed = described.get('parameters')
    if wants_landscape((inputs.get('train') or {}).get('parameters')) and not wants_landscape(computed):
        return (
            'the model would read the landscape part of the descriptors, which is not computed; give landscape: true '
            'in featurize.descriptors.parameters too, or in neither'
        )
    return None


def _define_exit_codes(spec: WorkChainSpec) -> None:
    spec.exit_code(201, 'ERROR_DATASET_EMPTY', 'The dataset holds no structures.')
    spec.exit_code(411, 'ERROR_ALL_STRUCTURES_FAILED', 'There is nothing to put on a map. {reason}')
    spec.exit_code(413, 'ERROR_TOO_MANY_STRUCTURES_FAILED', 'No map is drawn: {reason}')
    spec.exit_code(449, 'ERROR_FEATURIZE_FAILED', 'The featurization failed with {reason}', invalidates_cache=True)
    spec.exit_code(450, 'ERROR_TRAIN_FAILED', 'The training failed with {reason}', invalidates_cache=True)
    spec.exit_code(451, 'ERROR_ENCODE_FAILED', 'The encoding failed with {reason}', invalidates_cache=True)
    spec.exit_code(
        _UNFINISHED,
        'WARNING_STRUCTURES_UNFINISHED',
        'The map is complete but for structures that no job finished; output_parameters names them.',
        invalidates_cache=True,
    )
