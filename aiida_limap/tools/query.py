"""Named questions about maps and points: ``point('mp-10499')`` gives values, structure and the whole way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_limap.tools.provenance import MapProvenance, Step, map_provenance, structure_facts

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.map import MapData

__all__ = ['MapPoint', 'QueryError', 'find_points', 'list_maps', 'load_map', 'point']

_SHORTEST_PREFIX = 6
#: Roles of the nodes behind a point, in the order in which they were made.
_FIRST = ('dataset', 'structure', 'migration_energy', 'descriptors', 'training', 'model')
_OF_NEW_POINTS = ('parent_map', 'encoding')
_OF_TAKEN_OVER = ('encoding', 'parent_map', 'placing')
_LAST = ('map', 'work_chain')


class QueryError(Exception):
    """A question has no answer; the message says why and what to try."""


@dataclass(frozen=True)
class MapPoint:
    """A point of a map with everything behind it.

    :param structure_uuid: UUID of the structure node.
    :param label: label of the structure node.
    :param source: where the structure came from.
    :param values: the numbers and words of the point; the unit stands in the name.
    :param steps: the nodes from the dataset to the map, in the order in which they were made.
    """

    structure_uuid: str
    label: str
    source: dict[str, Any]
    values: dict[str, Any]
    steps: tuple[Step, ...]

    @property
    def structure(self) -> orm.StructureData:
        """The structure node."""
        from aiida import orm

        return orm.load_node(self.structure_uuid)


def list_maps() -> list[tuple[int, str, Any, str, int]]:
    """Return pk, UUID, creation time, label and number of points of all maps, newest first."""
    from aiida import orm

    from aiida_limap.data.map import MapData

    query = orm.QueryBuilder().append(MapData, project=['id', 'uuid', 'ctime', 'label', 'attributes.n_points'])
    query.order_by({MapData: {'ctime': 'desc'}})
    return [tuple(row) for row in query.iterall()]


def load_map(identifier: str | int | None = None) -> MapData:
    """Return a map node.

    :param identifier: pk, UUID, start of a UUID or label; None takes the newest map.
    :returns: the node.
    :raises QueryError: if there is none.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    from aiida_limap.data.map import MapData

    if identifier is None:
        maps = list_maps()
        if not maps:
            raise QueryError('this profile holds no map yet; make one with `aiida-limap launch map --group LABEL`')
        return orm.load_node(maps[0][0])
    try:
        node = orm.load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError) as error:
        raise QueryError(f'no map {identifier}: {error}; `aiida-limap map list` shows those there are') from error
    if not isinstance(node, MapData):
        raise QueryError(
            f'node {identifier} is a {type(node).__name__}, not a map; `aiida-limap map list` shows the maps'
        )
    return node


def find_points(map_node: MapData, text: str) -> list[str]:
    """Return the structure UUIDs of the points that ``text`` names.

    :param map_node: the map.
    :param text: a UUID or its start, the id in the source database, the id of the counterpart in the Materials
        Project, or a formula in any order of elements.
    :returns: UUIDs; empty where nothing fits.
    """
    text = text.strip()
    ids = map_node.ids
    if len(text) >= _SHORTEST_PREFIX:
        by_uuid = [uuid for uuid in ids if uuid.startswith(text.lower())]
        if by_uuid:
            return by_uuid
    facts = structure_facts(ids)
    by_source = [uuid for uuid in ids if uuid in facts and text in _identifiers(facts[uuid]['source'])]
    return by_source or _find_by_formula(map_node, text)


def point(identifier: str, map_node: MapData | None = None) -> MapPoint:
    """Return a point of a map with its structure, source, values and provenance.

    :param identifier: as :func:`find_points`.
    :param map_node: the map; None takes the newest.
    :returns: the point.
    :raises QueryError: if no point or more than one fits.
    """
    chosen = load_map() if map_node is None else map_node
    found = find_points(chosen, identifier)
    if not found:
        raise QueryError(
            f'no point {identifier!r} on map {chosen.pk}; give the id of its source, a formula, or a UUID '
            f'(`aiida-limap map points {chosen.pk}` lists them)'
        )
    if len(found) > 1:
        facts = structure_facts(found)
        names = ', '.join(str(facts[uuid]['source'].get('id', uuid)) for uuid in found[:8])
        more = '' if len(found) <= 8 else f' and {len(found) - 8} more'
        raise QueryError(f'{len(found)} points fit {identifier!r}: {names}{more}; name one of them')
    return _build_point(chosen, found[0], map_provenance(chosen))


def _build_point(map_node: MapData, uuid: str, provenance: MapProvenance) -> MapPoint:
    facts = structure_facts([uuid]).get(uuid, {'pk': 0, 'label': '', 'source': {}})
    found = provenance.steps_of(uuid)
    found['structure'] = Step('the structure', 'StructureData', facts['pk'], uuid)
    between = _OF_TAKEN_OVER if 'placing' in found else _OF_NEW_POINTS
    steps = tuple(found[role] for role in (*_FIRST, *between, *_LAST) if role in found)
    return MapPoint(uuid, facts['label'], facts['source'], map_node.point(uuid), steps)


def _identifiers(source: dict[str, Any]) -> set[str]:
    extras = source.get('extras') or {}
    return {str(value) for value in (source.get('id'), extras.get('counterpart')) if value}


def _find_by_formula(map_node: MapData, text: str) -> list[str]:
    from pymatgen.core import Composition

    try:
        wanted = Composition(text).reduced_formula
    except (ValueError, KeyError, TypeError, OverflowError):
        return []
    # Descriptors that came without formulas give a map without them.
    if 'formula' not in map_node.columns:
        return []
    formulas = map_node.column('formula')
    return [uuid for uuid, formula in zip(map_node.ids, formulas, strict=True) if formula == wanted]
