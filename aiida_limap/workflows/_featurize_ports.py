"""Inputs, outputs and exit codes of ``limap.featurize``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations.base import add_inputs_validator
from aiida_limap.calculations.bvff import BvffCalculation
from aiida_limap.calculations.descriptors import DescriptorsCalculation
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData
from aiida_limap.workflows._batch_ports import define_batch_exit_codes, define_batch_inputs
from aiida_limap.workflows._checks import check_cleaning, check_code, check_dataset_states, check_options
from aiida_limap.workflows._ports import define_numbers, define_switch

__all__ = ['CALCULATIONS', 'OUTPUTS', 'define_inputs', 'define_outputs']

CALCULATIONS = {'bvff': BvffCalculation, 'descriptors': DescriptorsCalculation}
OUTPUTS = {'bvff': 'migration_energies', 'descriptors': 'descriptors'}
_NUMBERS = (
    ('batch_size', 100, 'Structures per job.'),
    ('max_concurrent', 4, 'Batches (of two jobs each) that run at a time.'),
    ('max_attempts', 2, 'Jobs of its own that a structure gets, after it was found to stop a batch.'),
)


def define_inputs(spec: WorkChainSpec) -> None:
    """Define the inputs, and what is checked of them.

    :param spec: the specification to fill.
    """
    spec.input('dataset', valid_type=DatasetData, help='The structures.')
    spec.input('code', valid_type=orm.AbstractCode, help='The code that runs limap-engine.')
    define_numbers(spec, _NUMBERS)
    define_switch(spec, 'with_descriptors', True, 'Whether descriptors are computed beside the migration energies.')
    define_batch_inputs(spec, ' The names are those of the process handlers of limap.bvff.base.')
    spec.expose_inputs(
        BvffCalculation,
        namespace='bvff',
        include=('parameters', 'oxidation_states', 'retrieve_landscapes', 'bond_valence'),
    )
    spec.expose_inputs(
        DescriptorsCalculation, namespace='descriptors', include=('parameters', 'oxidation_states', 'bond_valence')
    )
    for task, text in (('bvff', 'migration energies (eV)'), ('descriptors', 'descriptors')):
        spec.inputs[task].help = f'What the jobs have in common that compute {text}.'
    add_inputs_validator(spec, _validate_inputs)


def define_outputs(spec: WorkChainSpec) -> None:
    """Define outputs and exit codes.

    :param spec: the specification to fill.
    """
    _define_exit_codes(spec)
    spec.output('migration_energies', valid_type=TableData, help='Barriers (eV) by structure, and their status words.')
    spec.output(
        'descriptors', valid_type=TableData, required=False, help='Descriptors by structure, one block per part.'
    )
    spec.output(
        'output_parameters',
        valid_type=orm.Dict,
        help='Counts by status word, engine versions, and the UUIDs of structures that no job finished.',
    )


def _define_exit_codes(spec: WorkChainSpec) -> None:
    define_batch_exit_codes(spec, 'structures')
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


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    """Check what no port can check by itself."""
    code = inputs.get('code')
    return (
        check_code(code)
        or check_options(inputs.get('options'), code)
        or check_dataset_states(inputs, inputs.get('dataset'))
        or check_cleaning(inputs.get('clean_workdir'), inputs.get('bvff') or {})
    )
