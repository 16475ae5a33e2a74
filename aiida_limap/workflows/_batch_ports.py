"""Inputs and exit codes of work chains that compute a dataset batch by batch."""

from __future__ import annotations

from aiida import orm
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.workflows._ports import define_options
from aiida_limap.workflows._restart import define_cleaning
from aiida_limap.workflows._rules import define_no_job_can_run, validate_switches
from aiida_limap.workflows._tolerance import define_tolerance

__all__ = ['define_batch_exit_codes', 'define_batch_inputs']


def define_batch_inputs(spec: WorkChainSpec, switches: str = '') -> None:
    """Define scheduler options, tolerance, cleaning, and the switches of the rules of resubmission.

    :param spec: the specification to fill.
    :param switches: what the help of the switches says beside what they do.
    """
    define_options(spec, 'options', 'Scheduler options of each job.')
    define_tolerance(spec)
    define_cleaning(spec)
    spec.input(
        'handler_overrides',
        valid_type=orm.Dict,
        required=False,
        serializer=orm.to_aiida_type,
        validator=validate_switches,
        help='By name of a rule of resubmission {"enabled": False}: what a job leaves for which it holds is given up.'
        + switches,
    )


def define_batch_exit_codes(spec: WorkChainSpec, items: str) -> None:
    """Define how such a work chain ends without or with a part of its rows; what no job answers is defined elsewhere.

    :param spec: the specification to fill.
    :param items: what a row is of, as a plural.
    """
    spec.exit_code(201, 'ERROR_DATASET_EMPTY', 'The dataset holds no structures.')
    define_no_job_can_run(spec)
    spec.exit_code(
        420,
        'ERROR_TABLES_DIFFER',
        'The tables of the batches do not fit together: {reason}',
        invalidates_cache=True,
    )
    spec.exit_code(
        710,
        'WARNING_STRUCTURES_UNFINISHED',
        f'The tables are complete but for {{count}} {items}, which no job finished; output_parameters names them.',
        invalidates_cache=True,
    )
