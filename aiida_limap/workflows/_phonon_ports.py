"""Inputs, outputs and exit codes of ``limap.phonon_clusters``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations._labels import check_labels
from aiida_limap.calculations._phonon_tables import check_diffusivities
from aiida_limap.calculations.base import add_inputs_validator
from aiida_limap.calculations.cluster_phonons import ClusterPhononsCalculation
from aiida_limap.calculations.phonons import FORCES, RELAXED, PhononsCalculation
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.phonon_dos import PhononDosData
from aiida_limap.data.table import TableData
from aiida_limap.workflows._batch_ports import define_batch_exit_codes, define_batch_inputs
from aiida_limap.workflows._checks import check_code, check_options
from aiida_limap.workflows._ports import define_numbers, define_options

__all__ = ['define_inputs', 'define_outputs']

_NUMBERS = (
    ('batch_size', 50, 'Compounds per job.'),
    ('max_concurrent', 4, 'Jobs that run at a time.'),
    ('max_attempts', 2, 'Jobs of its own that a compound gets, after it was found to stop a batch.'),
)


def define_inputs(spec: WorkChainSpec) -> None:
    """Define the inputs, and what is checked of them.

    :param spec: the specification to fill.
    """
    spec.input(
        'dataset',
        valid_type=DatasetData,
        help='The compounds, as `aiida-limap import phonons` makes it: structures whose phonon files are in the '
        'profile. Those without are left out. Where the parameters of the jobs name a calculator: any structures; '
        'phonons are then computed, also of those with files.',
    )
    spec.input('code', valid_type=orm.AbstractCode, help='The code that runs limap-engine.')
    define_numbers(spec, _NUMBERS)
    define_batch_inputs(spec)
    spec.expose_inputs(PhononsCalculation, namespace='phonons', include=('parameters',))
    spec.inputs['phonons'].help = 'What the jobs have in common that compute phonon quantities.'
    spec.expose_inputs(
        ClusterPhononsCalculation, namespace='cluster', include=('parameters', 'labels', 'diffusivities')
    )
    define_options(spec, 'cluster.options', 'Scheduler options of the clustering.')
    spec.inputs['cluster'].help = 'How compounds are clustered, and which of them are known conductors.'
    add_inputs_validator(spec, _validate_inputs)


def define_outputs(spec: WorkChainSpec) -> None:
    """Define outputs and exit codes.

    :param spec: the specification to fill.
    """
    _define_tables(spec)
    _define_exit_codes(spec)


def _define_tables(spec: WorkChainSpec) -> None:
    spec.output(
        'phonons',
        valid_type=TableData,
        help='Phonon quantities by structure (THz), and their status words; blocks with vectors.',
    )
    spec.output('clusters', valid_type=TableData, required=False, help='Clusters, conductors and candidates.')
    spec.output(
        'arrays', valid_type=orm.ArrayData, required=False, help='Dendrogram, plane, and curves of the clustering.'
    )
    spec.output_namespace(
        'densities',
        valid_type=PhononDosData,
        dynamic=True,
        required=False,
        help='Densities of states by the key of the structure, where they are asked for.',
    )
    spec.output_namespace(
        FORCES,
        valid_type=orm.SinglefileData,
        dynamic=True,
        required=False,
        help='Displacements (Å) and forces (eV/Å) of computed phonons by the key of the structure, files of phonopy.',
    )
    spec.output_namespace(
        RELAXED,
        valid_type=orm.StructureData,
        dynamic=True,
        required=False,
        help='Relaxed crystals of computed phonons by the key of the structure.',
    )
    spec.output(
        'output_parameters',
        valid_type=orm.Dict,
        help='Counts by status word, compounds that no job finished, and facts by method of clustering.',
    )


def _define_exit_codes(spec: WorkChainSpec) -> None:
    define_batch_exit_codes(spec, 'compounds')
    spec.exit_code(
        202,
        'ERROR_STRUCTURES_MISSING',
        '{count} structures of the dataset are no longer in the database; the first is {uuid}.',
        invalidates_cache=True,
    )
    spec.exit_code(
        205,
        'ERROR_NO_PHONON_FILES',
        'None of the {count} structures of the dataset has phonon files in this profile; import them with '
        '`aiida-limap import phonons`, or name a calculator that computes them.',
        invalidates_cache=True,
    )
    spec.exit_code(
        410,
        'ERROR_NO_RESULTS',
        'No job brought anything back; the last one ended with: {reason}',
        invalidates_cache=True,
    )
    spec.exit_code(
        411,
        'ERROR_ALL_STRUCTURES_FAILED',
        'No compound gave an answer ({counts}); the column message of the table says why.',
    )
    spec.exit_code(452, 'ERROR_CLUSTERING_FAILED', 'The clustering failed with {reason}', invalidates_cache=True)


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    """Check what no port can check by itself."""
    code, cluster = inputs.get('code'), inputs.get('cluster') or {}
    labels, diffusivities = cluster.get('labels'), cluster.get('diffusivities')
    return (
        check_code(code)
        or check_options(inputs.get('options'), code)
        or check_options(cluster.get('options'), code, 'cluster.options')
        or (None if labels is None else check_labels(labels))
        or (None if diffusivities is None else check_diffusivities(diffusivities))
    )
