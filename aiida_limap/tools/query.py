"""Named questions about maps and points: ``point('mp-10499')`` gives values, structure and the whole way back.

:class:`Map` asks a map everything. The node itself answers what its own arrays know (``point``, ``nearest``,
``in_region``, ``to_dataframe``); names of structures, provenance and comparisons need the profile, and are asked here.
All project columns of the database: no question loads the nodes of the points.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aiida_limap.tools._query_compare import MapComparison, compare_maps
from aiida_limap.tools._query_error import QueryError
from aiida_limap.tools._query_rows import with_jobs, with_sources
from aiida_limap.tools._query_way import PointProvenance, point_provenance
from aiida_limap.tools.provenance import MapProvenance, Step, map_provenance, structure_facts

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from aiida import orm
    from numpy.typing import ArrayLike

    from aiida_limap.data.map import MapData

__all__ = [
    'Map',
    'MapComparison',
    'MapPoint',
    'PointProvenance',
    'QueryError',
    'compare',
    'find_points',
    'learns_energy',
    'list_maps',
    'load_map',
    'maps_of',
    'point',
]

#: Work chains with a map as output.
_DRAWS_MAPS = ('MapWorkChain', 'EncodeWorkChain')
#: Roles of the nodes behind a point, in the order in which they were made.
_FIRST = ('dataset', 'structure', 'migration_energy', 'descriptors', 'phonons', 'training', 'model')
_OF_NEW_POINTS = ('parent_map', 'encoding')
_OF_TAKEN_OVER = ('encoding', 'parent_map', 'placing')
_LAST = ('map', 'work_chain')


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
        """The structure node.

        :raises QueryError: if it is not in the profile.
        """
        from aiida import orm
        from aiida.common.exceptions import NotExistent

        try:
            return orm.load_node(self.structure_uuid)
        except NotExistent as error:
            raise QueryError(
                f'the structure {self.structure_uuid} is not in this profile; import an archive that holds it'
            ) from error


def list_maps() -> list[tuple[int, str, Any, str, int]]:
    """Return pk, UUID, creation time, label and number of points of all maps, newest first."""
    from aiida import orm

    from aiida_limap.data.map import MapData

    query = orm.QueryBuilder().append(MapData, project=['id', 'uuid', 'ctime', 'label', 'attributes.n_points'])
    query.order_by({MapData: {'ctime': 'desc'}})
    return [tuple(row) for row in query.iterall()]


def load_map(identifier: str | int | None = None) -> MapData:
    """Return a map node.

    :param identifier: pk, UUID, start of a UUID or label of the map, or of the work chain that drew it; None takes the
        newest map.
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
    if isinstance(node, orm.WorkChainNode) and node.process_label in _DRAWS_MAPS:
        if 'map' not in node.outputs:
            raise QueryError(f'work chain {node.pk} has no map; `aiida-limap status {node.pk}` shows how far it is')
        node = node.outputs.map
    if not isinstance(node, MapData):
        raise QueryError(
            f'node {identifier} is a {type(node).__name__}, not a map; `aiida-limap map list` shows the maps'
        )
    _check_schema(node)
    return node


def learns_energy(map_node: MapData) -> bool:
    """Return whether the model of a map has learnt migration energies: with W = 0 its head is never trained.

    :param map_node: the map.
    :returns: False for W = 0; True also where the model is not in this profile.
    """
    from aiida import orm

    query = orm.QueryBuilder().append(
        orm.Node, filters={'uuid': map_node.model_uuid or ''}, project='attributes.me_weight'
    )
    return query.all(flat=True) != [0]


def find_points(map_node: MapData, text: str) -> list[str]:
    """Return the structure UUIDs of the points that ``text`` names.

    :param map_node: the map.
    :param text: a UUID or its start, the id in the source database, the id of the counterpart in the Materials
        Project, or a formula in any order of elements.
    :returns: UUIDs; empty where nothing fits.
    """
    with _sentences():
        return map_node.find(text)


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
    return _build_point(chosen, found[0], map_provenance(chosen, found[0]))


def maps_of(structure: str | int | orm.StructureData) -> list[Map]:
    """Return all maps of the profile that hold a structure.

    :param structure: the node, its pk, its UUID or the start of it, or the id of its source.
    :returns: the maps, newest first; a map that this release cannot read is left out with a warning.
    :raises QueryError: if there is no such structure, or several.
    """
    from aiida import orm

    from aiida_limap.tools.structures import find_structure

    uuid = structure.uuid if isinstance(structure, orm.StructureData) else find_structure(str(structure)).uuid
    return _maps_with(uuid)


def compare(map_a: Map | MapData, map_b: Map | MapData, match: str = 'uuid') -> MapComparison:
    """Compare two maps over the points that both hold.

    :param map_a: the first map, on whose axes the shifts are told.
    :param map_b: the second; its codes are brought onto the axes of the first by a monotone map for each.
    :param match: ``uuid``, points of the same structure nodes; ``source``, of the same database and id there.
    :returns: points with their shifts, rank correlations, and what differs in data and options.
    :raises QueryError: if fewer than three points are in both.
    """
    nodes = [entry.node if isinstance(entry, Map) else entry for entry in (map_a, map_b)]
    with _sentences():
        return compare_maps(nodes[0], nodes[1], match)


class Map:
    """A map that answers questions.

    ``Map()`` is the newest map of the profile, ``Map(1234)`` that with this pk, UUID or label, ``Map(node)`` that node.
    """

    def __init__(self, node: MapData | str | int | None = None) -> None:
        if node is None or isinstance(node, (str, int)):
            node = load_map(node)
        else:
            _check_schema(node)
        self.node: MapData = node

    def __len__(self) -> int:
        return len(self.node)

    def __repr__(self) -> str:
        return f'Map({self.node.pk}: {len(self)} points, {self.node.label or self.node.uuid})'

    @cached_property
    def _provenance(self) -> MapProvenance:
        return map_provenance(self.node)

    def holds(self, structure_uuid: str) -> bool:
        """Say whether a structure, named by its UUID, is a point of the map.

        :param structure_uuid: the UUID.
        :raises QueryError: if the file of the map is damaged.
        """
        with _sentences():
            return structure_uuid in self.node

    def point(self, identifier: str) -> MapPoint:
        """Return a point with its structure, source, values and the steps that made it.

        :param identifier: as :func:`find_points`.
        :returns: the point.
        :raises QueryError: if no point or more than one fits.
        """
        return point(identifier, self.node)

    def nearest(self, x_comp: float, x_struc: float, k: int = 10) -> pd.DataFrame:
        """Return the points nearest to a place on the plane.

        :param x_comp: composition code of the place.
        :param x_struc: structure code of the place.
        :param k: how many points; all of them where the map has fewer.
        :returns: one row per point, the nearest first, indexed by the UUID of the structure: source, ``distance``
            (Euclidean, in codes), formula, status, codes and energies (eV).
        :raises QueryError: if the place is not finite or the number is below 1.
        """
        with _sentences():
            return with_sources(self.node.nearest(x_comp, x_struc, k))

    def in_region(self, *, polygon: ArrayLike | None = None, **ranges: Any) -> pd.DataFrame:
        """Return the points in a region: those that every condition allows.

        :param polygon: (m, 2) corners in the plane, pairs of composition and structure code.
        :param ranges: lowest and highest value of any column of numbers by its name, such as ``x_comp=(-1, 0)`` or
            ``migration_energy_eV=(None, 0.3)``; both are included, and None leaves a side open.
        :returns: one row per point in the order of the map, columns as :meth:`nearest` without the distance.
        :raises QueryError: if no condition is given, or one of them is no region.
        """
        with _sentences():
            return with_sources(self.node.in_region(polygon=polygon, **ranges))

    def to_dataframe(self) -> pd.DataFrame:
        """Return all points, one row each, indexed by the UUID of the structure.

        :returns: source, formula, status, codes, energies (eV) and, as UUIDs, the job of the migration energy, that of
            the descriptors, the encoding, the model and the map. Units stand in the names (``_eV``) and in
            ``attrs['units']``.
        :raises QueryError: if the file of the map is damaged.
        """
        with _sentences():
            return with_jobs(with_sources(self.node.to_dataframe()), self._provenance)

    def provenance(self, of: str | MapPoint) -> PointProvenance:
        """Return the nodes and processes behind a point, in order: as objects, as text and as a graph.

        :param of: a point, or what :func:`find_points` takes.
        :returns: dataset, structure, jobs with what they were told, tables, training, model, encoding, map, work chain;
            of a map that came without its calculations only what the profile holds.
        :raises QueryError: if no point or more than one fits.
        """
        answer = self.point(of) if isinstance(of, str) else of
        if not self.holds(answer.structure_uuid):
            raise QueryError(f'map {self.node.pk} has no point of structure {answer.structure_uuid}')
        name = str(answer.source.get('id') or answer.label or answer.structure_uuid)
        formula = answer.values.get('formula')
        return point_provenance(self.node, answer.structure_uuid, f'{formula} ({name})' if formula else name)

    def maps_of(self, of: str | MapPoint) -> list[Map]:
        """Return all maps of the profile that hold the structure of a point, newest first; this map is one of them.

        :param of: a point, or what :func:`find_points` takes.
        :raises QueryError: if no point or more than one fits.
        """
        uuid = (self.point(of) if isinstance(of, str) else of).structure_uuid
        return _maps_with(uuid)

    def compare(self, other: Map | MapData, match: str = 'uuid') -> MapComparison:
        """Compare with another map, as :func:`compare`; shifts are told on the axes of this one."""
        return compare(self, other, match)


def _build_point(map_node: MapData, uuid: str, provenance: MapProvenance) -> MapPoint:
    facts = structure_facts([uuid]).get(uuid, {'pk': 0, 'label': '', 'source': {}})
    found = provenance.steps_of(uuid)
    found['structure'] = Step('the structure', 'StructureData', facts['pk'], uuid)
    between = _OF_TAKEN_OVER if 'placing' in found else _OF_NEW_POINTS
    steps = tuple(found[role] for role in (*_FIRST, *between, *_LAST) if role in found)
    return MapPoint(uuid, facts['label'], facts['source'], map_node.point(uuid), steps)


def _maps_with(uuid: str) -> list[Map]:
    """Return the maps with a structure; a map that cannot be read is told by a warning, and not looked at."""
    found = []
    for pk, *_others in list_maps():
        try:
            candidate = Map(pk)
            if candidate.holds(uuid):
                found.append(candidate)
        except QueryError as error:
            warnings.warn(str(error), stacklevel=3)
    return found


def _check_schema(node: MapData) -> None:
    """Refuse a map that this release cannot read, with the reason."""
    from aiida_limap.data.map import POINT_COLUMNS, SCHEMA_VERSION

    attributes = node.base.attributes.all
    if int(attributes.get('schema_version') or 1) > SCHEMA_VERSION:
        raise QueryError(
            f'map {node.pk} is of schema version {attributes["schema_version"]}, but this release knows up to '
            f'{SCHEMA_VERSION}; update aiida-limap'
        )
    missing = [name for name in ('n_points', 'target', 'columns') if name not in attributes]
    missing += [name for name in POINT_COLUMNS if not missing and name not in attributes['columns']]
    if missing:
        raise QueryError(
            f'map {node.pk} lacks {", ".join(missing)}: another release stored it; draw the map again with '
            '`aiida-limap launch map`'
        )


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn what a node says of a wrong question, or of a damaged file, into the error of questions."""
    try:
        yield
    except KeyError as error:
        raise QueryError(str(error.args[0])) from error
    except ValueError as error:
        raise QueryError(str(error)) from error
