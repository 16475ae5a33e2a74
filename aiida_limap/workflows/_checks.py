"""Checks of what work chains are given before they begin, so that nothing wrong is found hours later."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from aiida import orm
from aiida.engine import CalcJob

__all__ = [
    'TARGETS',
    'check_cleaning',
    'check_code',
    'check_dataset_states',
    'check_options',
    'check_states',
    'check_target_name',
]

_PLUGIN_PREFIX = 'limap.'
#: Columns of barriers (eV) in a table of migration energies.
TARGETS = tuple(
    f'{kind}_{dimension}d_eV' for kind in ('barrier', 'network_barrier', 'grid_barrier') for dimension in (1, 2, 3)
)


def check_code(code: orm.AbstractCode | None) -> str | None:
    """Return why jobs of this plugin cannot run with a code, or None.

    :param code: the code, or None where it is missing, which AiiDA says itself.
    """
    if code is None:
        return None
    plugin, computer = code.default_calc_job_plugin, code.computer
    if plugin is not None and not plugin.startswith(_PLUGIN_PREFIX):
        return f'code: {code.full_label} is a code of {plugin}; give one that runs limap-engine'
    if computer is None:
        return f'code: {code.full_label} has no computer; give a code that is installed on one'
    if not computer.is_configured:
        return (
            f'code: the computer {computer.label!r} of {code.full_label} is not configured; run `verdi computer '
            f'configure {computer.transport_type} {computer.label}`, or give a code on another computer'
        )
    if not computer.is_user_enabled(orm.User.collection.get_default()):
        return f'code: the computer {computer.label!r} is disabled; run `verdi computer enable {computer.label}`'
    return None


def check_options(
    options: Mapping[str, Any] | None, code: orm.AbstractCode | None, name: str = 'options'
) -> str | None:
    """Return what is wrong with scheduler options, or None.

    :param options: the options.
    :param code: the code whose computer takes them.
    :param name: where they stand among the inputs.
    """
    if options is None:
        return None
    ports = CalcJob.spec().inputs['metadata']['options']
    for key, value in options.items():
        if key not in ports:
            return f'{name}: there is no scheduler option {key!r}; known are {", ".join(sorted(ports))}'
        error = ports[key].validate(value)
        if error is not None:
            return f'{name}.{key}: {error.message}'
    resources = options.get('resources')
    if resources is None:
        return f'{name}: resources are missing, e.g. resources: {{num_machines: 1, num_mpiprocs_per_machine: 1}}'
    return None if code is None or code.computer is None else _check_resources(resources, code.computer, name)


def _check_resources(resources: Mapping[str, Any], computer: orm.Computer, name: str) -> str | None:
    scheduler, given = computer.get_scheduler(), dict(resources)
    try:
        scheduler.preprocess_resources(given, computer.get_default_mpiprocs_per_machine())
        scheduler.validate_resources(**given)
    except (ValueError, TypeError) as error:
        return f'{name}.resources: not what the scheduler of {computer.label!r} takes: {error}'
    return None


def check_states(states: orm.Dict | None, uuids: Collection[str], place: str, name: str) -> str | None:
    """Return which oxidation states belong to no structure, or None.

    :param states: oxidation states (e) by UUID of a structure, checked by themselves before.
    :param uuids: UUIDs of the structures that are computed.
    :param place: what holds the structures, for the sentence.
    :param name: where the states stand among the inputs.
    """
    if states is None:
        return None
    known = set(uuids)
    for uuid in states.get_dict():
        if str(UUID(uuid)) not in known:
            return f'{name}: there is no structure {uuid} in {place}; name structures by their UUIDs'
    return None


def check_dataset_states(inputs: Mapping[str, Any], dataset: Any, prefix: str = '') -> str | None:
    """Return which oxidation states belong to no structure of a dataset, or None.

    :param inputs: the inputs of a featurization.
    :param dataset: the dataset.
    :param prefix: where the inputs stand, for the sentence.
    """
    for task in ('bvff', 'descriptors'):
        states = (inputs.get(task) or {}).get('oxidation_states')
        if states is None or dataset is None:
            continue
        message = check_states(states, dataset.structure_uuids, 'the dataset', f'{prefix}{task}.oxidation_states')
        if message is not None:
            return message
    return None


def check_cleaning(cleaned: orm.Bool | None, job: Mapping[str, Any], name: str = 'bvff') -> str | None:
    """Return that a file would be deleted which was asked for, or None.

    :param cleaned: the input ``clean_workdir``.
    :param job: the inputs of the force field jobs.
    :param name: where they stand among the inputs.
    """
    retrieved, parameters = job.get('retrieve_landscapes'), job.get('parameters')
    if cleaned is None or not cleaned.value or parameters is None or not parameters.get_dict().get('landscapes'):
        return None
    if retrieved is not None and retrieved.value:
        return None
    return (
        f'clean_workdir would delete the landscapes, which stay in the work folder of the job; give {name}.'
        'retrieve_landscapes too, or leave one of them out'
    )


def check_target_name(target: str) -> str | None:
    """Return what is wrong with the column that a map is to show, or None.

    :param target: name of the column.
    """
    if target in TARGETS:
        return None
    return f'there is no migration energy {target!r} to learn; known are {", ".join(TARGETS)}'
