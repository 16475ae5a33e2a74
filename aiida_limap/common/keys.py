"""Keys of a structure in an input namespace: the link label holds the UUID, so the hash of a job holds it too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from aiida.orm import StructureData

__all__ = ['structure_key', 'structures_by_key', 'uuid_of_key']

_PREFIX = 's'


def structure_key(uuid: str) -> str:
    """Return the key of a structure in the ``structures`` namespace of a calculation.

    Two structures with equal content but other UUIDs get other keys, so that a cached job never answers with rows of
    other structures.

    :param uuid: UUID of the structure node.
    :returns: ``s`` and the 32 hexadecimal digits of the UUID, a valid link label.
    :raises ValueError: if ``uuid`` is not a UUID.
    """
    try:
        return _PREFIX + UUID(uuid).hex
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f'{uuid!r} is not the UUID of a node') from error


def uuid_of_key(key: str) -> str:
    """Return the UUID that :func:`structure_key` put into a key.

    :param key: a key of the ``structures`` namespace.
    :returns: the UUID with hyphens, as AiiDA writes it.
    :raises ValueError: if the key was not made by :func:`structure_key`.
    """
    digits = key[len(_PREFIX) :]
    if not key.startswith(_PREFIX) or len(digits) != 32:
        raise ValueError(f'the key {key!r} is not "{_PREFIX}" and 32 hexadecimal digits; use structure_key(node.uuid)')
    try:
        return str(UUID(digits))
    except ValueError as error:
        raise ValueError(
            f'the key {key!r} is not "{_PREFIX}" and 32 hexadecimal digits; use structure_key(node.uuid)'
        ) from error


def structures_by_key(structures: StructureData | Iterable[StructureData]) -> dict[str, StructureData]:
    """Return the ``structures`` namespace of a calculation for one structure or many.

    :param structures: a stored structure node, or several.
    :returns: the nodes by key.
    """
    nodes = structures if isinstance(structures, Iterable) else [structures]
    return {structure_key(node.uuid): node for node in nodes}
