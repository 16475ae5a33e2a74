"""``limap.encode``: new structures on the map of a trained model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ToContext
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations._descriptors import check_descriptors, check_layout
from aiida_limap.calculations._parents import PARENT_MAP, check_parent
from aiida_limap.calculations.base import add_inputs_validator, target_of
from aiida_limap.calculations.encode import EncodeCalculation
from aiida_limap.calculations.placing import new_structures, summarize_placing
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.map import MapData
from aiida_limap.data.table import TableData
from aiida_limap.workflows._ancestry import fill_from_parent
from aiida_limap.workflows._batches import words_of
from aiida_limap.workflows._checks import check_code, check_dataset_states, check_options
from aiida_limap.workflows._describing import DescribeWorkChain
from aiida_limap.workflows._parts import PartsWorkChain
from aiida_limap.workflows._phonon_block import check_model_phonons, define_phonons, with_block
from aiida_limap.workflows._ports import define_options, define_switch
from aiida_limap.workflows._restart import define_cleaning
from aiida_limap.workflows.featurize import FeaturizeWorkChain
from aiida_limap.workflows.protocols.mixin import OPTIONS

__all__ = ['EncodeWorkChain']

_ALL_FAILED = 411
_TOO_MANY_FAILED = 413
_UNFINISHED = 710


class EncodeWorkChain(PartsWorkChain):
    """Place the structures of a dataset on an old map, as a new map: its points stay where they are.

    Structures that the map holds already are taken over, not computed again.
    """

    PROTOCOL = 'encode'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Define inputs, steps, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input(PARENT_MAP, valid_type=MapData, help='The map that structures are placed on.')
        spec.input('dataset', valid_type=DatasetData, help='The structures; those on the map already are taken over.')
        spec.input('code', valid_type=orm.AbstractCode, help='The code that runs limap-engine.')
        define_switch(
            spec,
            'with_energies',
            True,
            'Whether migration energies (eV) are computed, to stand beside the predicted ones.',
        )
        define_phonons(spec, with_columns=False)
        spec.expose_inputs(
            FeaturizeWorkChain, namespace='featurize', exclude=('dataset', 'code', 'with_descriptors', 'metadata')
        )
        spec.expose_inputs(EncodeCalculation, namespace='encode', include=('parameters', 'model', 'ensemble'))
        define_options(spec, 'encode.options', 'Scheduler options of this job.')
        spec.inputs[
            'featurize'
        ].help = 'What limap.featurize does: batches, tolerance, migration energies (eV), descriptors.'
        spec.inputs['encode'].help = 'Model, ensemble and parameters that drew the map; other models are refused.'
        define_cleaning(spec)
        add_inputs_validator(spec, _validate_inputs)
        spec.outline(
            cls.choose_structures, cls.run_featurize, cls.inspect_featurize, cls.run_encode, cls.inspect_encode
        )
        spec.output('map', valid_type=MapData, help='Points of the old map, and after them the new ones.')
        spec.output(
            'migration_energies', valid_type=TableData, required=False, help='Barriers (eV) of the new structures.'
        )
        spec.output('descriptors', valid_type=TableData, help='Descriptors of the new structures.')
        spec.output('output_parameters', valid_type=orm.Dict, help='Counts and engine versions of all parts.')
        _define_exit_codes(spec)

    @classmethod
    def protocol_schema(cls) -> dict[str, Any]:
        """Return the inputs that a protocol or an override may set; the map decides the rest."""
        featurize = {key: leaf for key, leaf in FeaturizeWorkChain.protocol_schema().items() if key != 'descriptors'}
        return {
            'with_energies': bool,
            'clean_workdir': bool,
            'featurize': featurize,
            'encode': {'parameters': {'device': str}, 'options': OPTIONS},
        }

    @classmethod
    def inherited_inputs(cls, protocol: str) -> dict[str, Any]:
        """Return the inputs that ``limap.featurize`` takes.

        :param protocol: name of a protocol.
        """
        return {'featurize': FeaturizeWorkChain.get_protocol_inputs(protocol)}

    @classmethod
    def get_builder_from_protocol(  # noqa: PLR0913
        cls,
        code: orm.AbstractCode,
        dataset: DatasetData,
        parent_map: MapData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        options: Mapping[str, Any] | None = None,
        with_energies: bool | None = None,
        *,
        phonons: TableData | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs of a map.

        Model, ensemble, layout of the descriptors and encoding are those of the map; so is the force field unless
        ``protocol`` names another one.

        :param code: the code that runs limap-engine.
        :param dataset: the structures.
        :param parent_map: the map that they are placed on.
        :param protocol: one of :meth:`get_available_protocols`; None keeps the force field of the map.
        :param overrides: values in place of those, or the path of a YAML file with them.
        :param options: scheduler options of all jobs.
        :param with_energies: whether migration energies are computed; None for what the protocol says.
        :param phonons: phonon quantities of the structures, which a map that was drawn with phonons needs.
        :returns: the builder; its inputs can still be changed.
        :raises ValueError: if the protocol or a key is unknown, a value has the wrong type, the model of the map is
            not in the profile, or the jobs behind the map do not agree on a force field.
        """
        last: dict[str, Any] = {}
        if options is not None:
            last = {part: {'options': options} for part in ('featurize', 'encode')}
        if with_energies is not None:
            last['with_energies'] = with_energies
        builder = cls.get_builder()
        builder.code = code
        builder.dataset = dataset
        builder.parent_map = parent_map
        if phonons is not None:
            builder.phonons = phonons
        fill_from_parent(builder, cls, parent_map, protocol, (overrides, last))
        return builder

    def choose_structures(self) -> ExitCode | None:
        """Leave out the structures that are points of the map already."""
        dataset, parent = self.inputs.dataset, self.inputs.parent_map
        chosen = new_structures(dataset, parent)
        if not len(chosen):
            return self.exit_codes.ERROR_NOTHING_NEW.format(count=len(dataset), parent=parent.pk)
        self.ctx.dataset = chosen.pk
        known = len(dataset) - len(chosen)
        taken = f', {known} are on it already' if known else ''
        self.report(f'{len(chosen)} structures are new to the map <{parent.pk}>{taken}')
        return None

    def run_featurize(self) -> ToContext:
        """Compute descriptors, and migration energies where they are wanted."""
        process = FeaturizeWorkChain if self.inputs.with_energies.value else DescribeWorkChain
        inputs = self.exposed_inputs(FeaturizeWorkChain, namespace='featurize', agglomerate=False)
        return self._submit_featurize(process, orm.load_node(self.ctx.dataset), inputs)

    def inspect_featurize(self) -> ExitCode | None:
        """Pass on the tables, also of a featurization that is not complete."""
        node = self._take('featurize')
        for name in ('migration_energies', 'descriptors'):
            if name in node.outputs and not ('phonons' in self.inputs and name == 'descriptors'):
                self.out(name, node.outputs[name])
        if 'phonons' in self.inputs and 'descriptors' in node.outputs:
            names = self.inputs.encode.model.header['columns']['phonons']['columns']
            table, words = with_block(node.outputs.descriptors, self.inputs.phonons, names)
            self.out('descriptors', node.outputs.descriptors if table is None else table)
            if table is None:
                return self.exit_codes.ERROR_ALL_STRUCTURES_FAILED.format(reason=words)
            self.report(words)
        self.ctx.is_complete = node.exit_status != _UNFINISHED
        if node.is_finished_ok or node.exit_status == _UNFINISHED:
            return None
        if node.exit_status == _TOO_MANY_FAILED:
            return self.exit_codes.ERROR_TOO_MANY_STRUCTURES_FAILED.format(reason=node.exit_message)
        if node.exit_status != _ALL_FAILED:
            return self._failure(node, self.exit_codes.ERROR_FEATURIZE_FAILED)
        # Without an answer for any migration energy there may still be descriptors, which are all that a place needs.
        self.report(str(node.exit_message))
        return None

    def run_encode(self) -> ToContext | ExitCode:
        """Put the structures on the map."""
        descriptors, model = self.outputs.get('descriptors'), self.inputs.encode.model
        if descriptors is None:
            return self.exit_codes.ERROR_ALL_STRUCTURES_FAILED.format(reason='there is no table')
        message = check_descriptors(descriptors, model.further_parts)
        if 'ok' not in descriptors.counts_by_status:
            message = (
                f'No new structure has descriptors ({words_of(descriptors.counts_by_status)}); their table says why.'
            )
        if message is not None:
            return self.exit_codes.ERROR_ALL_STRUCTURES_FAILED.format(reason=message)
        message = check_layout(descriptors, model)
        if message is not None:
            return self.exit_codes.ERROR_LAYOUT_DIFFERS.format(reason=message)
        inputs = {
            **self.exposed_inputs(EncodeCalculation, namespace='encode', agglomerate=False),
            'code': self.inputs.code,
            PARENT_MAP: self.inputs.parent_map,
            **{name: self.outputs[name] for name in ('descriptors', 'migration_energies') if name in self.outputs},
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
        points = node.outputs.map
        self.out('map', points)
        parts = {name: orm.load_node(self.ctx.pks[name]).outputs.output_parameters for name in ('featurize', 'encode')}
        summary = summarize_placing(**parts, map=points)
        self.out('output_parameters', summary)
        outside = summary['n_new_outside']
        words = '' if outside is None else f', {outside} of them outside of what its model knows'
        self.report(f'the map <{points.pk}> has {points.n_new} new points{words}')
        return None if self.ctx.is_complete else self.exit_codes.WARNING_STRUCTURES_UNFINISHED


def _define_exit_codes(spec: WorkChainSpec) -> None:
    spec.exit_code(
        203, 'ERROR_NOTHING_NEW', 'All {count} structures of the dataset are points of the map <{parent}> already.'
    )
    spec.exit_code(_ALL_FAILED, 'ERROR_ALL_STRUCTURES_FAILED', 'There is nothing to put on the map. {reason}')
    spec.exit_code(_TOO_MANY_FAILED, 'ERROR_TOO_MANY_STRUCTURES_FAILED', 'The structures are not placed: {reason}')
    spec.exit_code(422, 'ERROR_LAYOUT_DIFFERS', 'The model cannot read what the engine computed: {reason}')
    spec.exit_code(449, 'ERROR_FEATURIZE_FAILED', 'The featurization failed with {reason}', invalidates_cache=True)
    spec.exit_code(451, 'ERROR_ENCODE_FAILED', 'The encoding failed with {reason}', invalidates_cache=True)
    spec.exit_code(
        _UNFINISHED,
        'WARNING_STRUCTURES_UNFINISHED',
        'The map is complete but for structures that no job finished; output_parameters names them.',
        invalidates_cache=True,
    )


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    """Check what would fail only after the migration energies were computed."""
    if not {PARENT_MAP, 'dataset'} <= set(inputs):
        return None
    encode, uuids = inputs.get('encode') or {}, inputs['dataset'].structure_uuids
    if not uuids:
        return 'dataset: it holds no structures'
    code, featurize = inputs.get('code'), inputs.get('featurize') or {}
    message = (
        check_code(code)
        or check_options(featurize.get('options'), code, 'featurize.options')
        or check_options(encode.get('options'), code, 'encode.options')
        or check_dataset_states(featurize, inputs['dataset'], 'featurize.')
        or check_model_phonons(encode.get('model'), inputs.get('phonons'), inputs['dataset'])
    )
    if message is not None:
        return message
    parameters = encode.get('parameters')
    given = {} if parameters is None else parameters.get_dict()
    message = check_parent(inputs[PARENT_MAP], encode.get('model'), given, target_of(parameters), uuids)
    if message is not None and not set(uuids) - set(inputs[PARENT_MAP].ids):
        return f'dataset: all {len(uuids)} structures are points of the map {inputs[PARENT_MAP].uuid} already'
    return message
