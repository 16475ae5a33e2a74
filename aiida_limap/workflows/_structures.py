"""Structures of a dataset, loaded for one batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

from aiida.orm import QueryBuilder, StructureData

__all__ = ['load_structures', 'missing_structures']

#: UUIDs per query; databases limit the number of values in one.
_CHUNK = 500


def missing_structures(uuids: Sequence[str]) -> list[str]:
    """Return the UUIDs that no structure in the database has.

    :param uuids: UUIDs.
    :returns: those that are missing, in their order.
    """
    found: set[str] = set()
    for start in range(0, len(uuids), _CHUNK):
        query = QueryBuilder().append(
            StructureData, filters={'uuid': {'in': list(uuids[start : start + _CHUNK])}}, project='uuid'
        )
        found.update(query.all(flat=True))
    return [uuid for uuid in uuids if uuid not in found]


def load_structures(uuids: Sequence[str]) -> tuple[dict[str, StructureData], dict[str, str]]:
    """Load the structures of a batch.

    :param uuids: UUIDs of at most a few hundred structures.
    :returns: structures by UUID in the given order, and for those that no job can take the reason.
    """
    query = QueryBuilder().append(StructureData, filters={'uuid': {'in': list(uuids)}}, project='*')
    nodes = {node.uuid: node for (node,) in query.iterall()}
    usable, unusable = {}, {}
    for uuid in uuids:
        node = nodes[uuid]
        if not all(node.pbc):
            unusable[uuid] = f'it is not periodic in three directions (pbc {tuple(node.pbc)})'
        elif not node.base.attributes.get('sites', []):
            unusable[uuid] = 'it has no sites'
        else:
            usable[uuid] = node
    return usable, unusable
