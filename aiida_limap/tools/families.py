"""Structure families of stored structures: found once, kept as an extra of the node, and read by queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_limap.common.conversion import pymatgen_from_node

if TYPE_CHECKING:
    from aiida_limap.engines.chemistry.families import Family

__all__ = ['EXTRA', 'MOST_AT_ONCE', 'families_of', 'family_properties', 'kept_families']

#: The extra of a structure node that holds its family, with the checksum of the library that it was found with.
EXTRA = 'limap_family'
#: Pages and figures find the families of so many structures by themselves; `aiida-limap map families` those of any.
MOST_AT_ONCE = 1500
_QUERY_SIZE = 500
_STATED = 'stated by the source'


def kept_families(uuids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the families that are known without a comparison; nodes are not loaded.

    Where the source of a structure states family and prototype, as that of the crystals of the embedded library does,
    these are taken; for others what an earlier call of :func:`families_of` kept, unless the library or the comparison
    have changed since.

    :param uuids: UUIDs of structure nodes.
    :returns: ``{'family': …, 'prototype': …, 'rms': …, 'matched': …, …}`` by UUID.
    """
    from aiida import orm

    from aiida_limap.engines.chemistry.family_references import families_checksum

    uuids, known = list(uuids), {}
    for start in range(0, len(uuids), _QUERY_SIZE):
        query = orm.QueryBuilder().append(
            orm.StructureData,
            filters={'uuid': {'in': uuids[start : start + _QUERY_SIZE]}},
            project=['uuid', 'attributes.source', f'extras.{EXTRA}'],
        )
        for uuid, source, kept in query.iterall():
            described = (source or {}).get('extras') or {}
            if described.get('family') and described.get('prototype'):
                known[uuid] = {
                    'family': described['family'],
                    'prototype': described['prototype'],
                    'rms': None,
                    'matched': _STATED,
                }
            elif kept and kept.get('library') == families_checksum():
                known[uuid] = kept
    return known


def families_of(
    uuids: Sequence[str],
    *,
    processes: int = 1,
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the families of structures; those not known yet are found and kept as an extra of their nodes.

    :param uuids: UUIDs of structure nodes; those not in the profile are left out.
    :param processes: how many structures to compare at a time.
    :param on_start: called with the number of structures to compare.
    :param on_progress: called with the number of structures compared since the last call.
    :returns: as :func:`kept_families`, for each structure in the profile.
    """
    from aiida import orm

    from aiida_limap.engines.chemistry.families import find_families
    from aiida_limap.engines.chemistry.family_references import families_checksum

    known = kept_families(uuids)
    missing = [uuid for uuid in uuids if uuid not in known]
    if on_start is not None:
        on_start(len(missing))
    size = 8 * processes
    for start in range(0, len(missing), size):
        chunk = missing[start : start + size] if processes == 1 else missing
        query = orm.QueryBuilder().append(orm.StructureData, filters={'uuid': {'in': chunk}})
        nodes = {node.uuid: node for (node,) in query.iterall()}
        present = [uuid for uuid in chunk if uuid in nodes]
        structures = [pymatgen_from_node(nodes[uuid]) for uuid in present]
        found = find_families(structures, processes=processes, on_progress=on_progress)
        for uuid, family in zip(present, found, strict=True):
            known[uuid] = _entry(family, families_checksum())
            nodes[uuid].base.extras.set(EXTRA, known[uuid])
        if processes > 1:
            break
    return known


def _entry(family: Family, library: str) -> dict[str, Any]:
    return {**family.as_dict(), 'library': library}


def family_properties(uuids: Sequence[str]) -> dict[str, tuple[tuple[str | None, ...], str, str]]:
    """Return what a map bundle says of families, for :class:`~aiida_limap.formats.mapbundle.MapProperty`.

    Where more than :data:`MOST_AT_ONCE` structures were never compared, those stay without a family, so that no page
    waits for many minutes: `aiida-limap map families` compares them.

    :param uuids: the points.
    :returns: by name of the property: a value for each point, label, description; empty where no family is known or
        every point is ``unknown``.
    """
    from aiida_limap.engines.chemistry.families import UNKNOWN

    known: Mapping[str, Mapping[str, Any]] = kept_families(uuids)
    if len(uuids) - len(known) <= MOST_AT_ONCE:
        known = families_of(uuids)
    if all(entry['family'] == UNKNOWN for entry in known.values()):
        return {}
    entries = [known.get(uuid, {}) for uuid in uuids]
    return {
        'family': (
            tuple(entry.get('family') for entry in entries),
            'Structure family',
            'Family of the prototype that the structure matches; unknown where none does.',
        ),
        'prototype': (
            tuple(entry.get('prototype') for entry in entries),
            'Prototype',
            'Prototype of the embedded library that the structure matches or was made from.',
        ),
    }
