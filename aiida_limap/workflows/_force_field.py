"""The set of bond-valence parameters that a builder gets: that of the package unless another one is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_limap.calculations._bond_valence import check_force_field
from aiida_limap.common.layouts import reads_bond_valence
from aiida_limap.data.bond_valence import BondValenceData

__all__ = ['FORCE_FIELD', 'fill_force_field', 'force_field']

#: Key of a protocol or an override that names a set: pk, UUID or name.
FORCE_FIELD = 'bond_valence'


def force_field(inputs: Mapping[str, Any]) -> BondValenceData:
    """Return the stored set that the inputs of a job name, or that of the package.

    :param inputs: plain inputs of ``limap.bvff``: ``parameters`` and perhaps ``bond_valence``.
    :returns: the node.
    :raises ValueError: if there is no such set, or it lacks the preset or the mobile ion of the parameters.
    """
    given = inputs.get(FORCE_FIELD)
    if given is None:
        node = BondValenceData.get_or_create()
        if not node.is_stored:
            node.store()
    else:
        node = BondValenceData.find(given)
    message = check_force_field(node, inputs['parameters'])
    if message is not None:
        raise ValueError(message)
    return node


def fill_force_field(builder: Any, inputs: Mapping[str, Any]) -> None:
    """Put the set into the part of a builder that is a featurization.

    Descriptors get it where their numbers depend on it, so that it is linked to what used it, and to nothing else.

    :param builder: a builder with the namespaces ``bvff`` and ``descriptors``.
    :param inputs: plain inputs of both.
    :raises ValueError: as :func:`force_field`.
    """
    node = force_field(inputs['bvff'])
    builder.bvff.bond_valence = node
    if reads_bond_valence(inputs['descriptors']['parameters']):
        builder.descriptors.bond_valence = node
