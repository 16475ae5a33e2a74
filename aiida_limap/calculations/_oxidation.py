"""Oxidation states as an input: a structure node does not keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiida import orm

__all__ = ['given_states', 'validate_number_of_states', 'validate_oxidation_states']


def given_states(states: orm.Dict | None) -> dict[str, tuple[float, ...]]:
    """Return the given oxidation states (e, one per site) by UUID of the structure.

    :param states: the input, where there is one.
    """
    given = {} if states is None else states.get_dict()
    return {str(UUID(uuid)): tuple(values) for uuid, values in given.items()}


def validate_oxidation_states(value: orm.Dict | None, _port: Any) -> str | None:
    """Return what is wrong with the input by itself, or None.

    :param value: the input.
    """
    if value is None:
        return None
    for uuid, states in value.get_dict().items():
        try:
            UUID(uuid)
        except ValueError:
            return f'oxidation_states: the key {uuid!r} is not the UUID of a structure'
        if not isinstance(states, (list, tuple)) or not all(
            isinstance(state, (int, float)) and not isinstance(state, bool) for state in states
        ):
            return f'oxidation_states: structure {uuid} needs a list with one number per site'
    return None


def validate_number_of_states(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    """Return None if there is one oxidation state for each site of a structure that is named, else a sentence.

    :param inputs: the inputs of the job.
    """
    if inputs.get('oxidation_states') is None or not inputs.get('structures'):
        return None
    sites = {node.uuid: len(node.sites) for node in inputs['structures'].values()}
    for uuid, states in inputs['oxidation_states'].get_dict().items():
        expected = sites.get(str(UUID(uuid)))
        # Structures of other batches may be named: a work chain gives the same dictionary to all.
        if expected is not None and len(states) != expected:
            return f'oxidation_states: structure {uuid} has {expected} sites, but {len(states)} states are given'
    return None
