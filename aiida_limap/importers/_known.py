"""Which structures of a database are stored already; asked with one query, since attributes have no index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ['Facts', 'Index', 'KnownStructure', 'facts_of', 'is_disordered', 'known_structures']

#: A query with more identifiers than this runs into the limits of SQLite.
QUERY_SIZE = 500
#: Marks, in the extras of a source, a structure that was made from the one that the source describes.
ORDERED = 'ordered'


@dataclass(frozen=True)
class KnownStructure:
    """A stored structure of a database.

    :param uuid: UUID of its node.
    :param version: version of the entry at the source, empty where it gave none.
    :param source_md5: MD5 sum of what was imported.
    """

    uuid: str
    version: str
    source_md5: str


def known_structures(db_name: str, ids: Iterable[str]) -> dict[str, list[KnownStructure]]:
    """Return the stored structures of a database by their identifiers there.

    :param db_name: name of the database, as in the source of its structures.
    :param ids: the identifiers that are asked for.
    :returns: for each identifier that is known its structures, oldest first; structures that were made from them (by
        ordering) are not among them.
    """
    wanted = {str(identifier) for identifier in ids}
    found: dict[str, list[KnownStructure]] = {}
    # Each query reads all nodes, whatever it filters on: one that is a little wide beats many that are narrow.
    narrow = {'attributes.source.id': {'in': sorted(wanted)}} if len(wanted) <= QUERY_SIZE else {}
    if wanted:
        for identifier, known in _scan(db_name, narrow):
            if identifier in wanted:
                found.setdefault(identifier, []).append(known)
    return found


def _scan(db_name: str, more: Mapping[str, Any]) -> Iterator[tuple[str, KnownStructure]]:
    from aiida import orm

    query = orm.QueryBuilder().append(
        orm.StructureData,
        filters={'attributes.source.db_name': db_name, **more},
        project=['uuid', 'attributes.source'],
        tag='structure',
    )
    query.order_by({'structure': 'id'})
    for uuid, source in query.all():
        if not (source.get('extras') or {}).get(ORDERED):
            known = KnownStructure(uuid, str(source.get('version') or ''), str(source.get('source_md5') or ''))
            yield str(source.get('id') or ''), known


@dataclass
class Index:
    """The stored structures of the databases that occur in an import, read once for each database."""

    _databases: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    _first: dict[str, str] = field(default_factory=dict)

    def find(self, source: Mapping[str, Any]) -> str | None:
        """Return the UUID of the structure with this database, identifier and MD5 sum, or None.

        :param source: the source of a structure.
        """
        return self._versions(source).get(str(source['source_md5']))

    def others(self, source: Mapping[str, Any]) -> list[str]:
        """Return the UUIDs of structures with this database and identifier, but another MD5 sum.

        :param source: the source of a structure.
        """
        return [uuid for md5, uuid in self._versions(source).items() if md5 != str(source['source_md5'])]

    def first(self, source: Mapping[str, Any]) -> str:
        """Return under which identifier a content (by its MD5 sum) was met first in this import.

        :param source: the source of a structure.
        """
        return self._first.setdefault(str(source['source_md5']), str(source['id']))

    def add(self, source: Mapping[str, Any], uuid: str) -> None:
        """Remember a structure that was stored.

        :param source: its source.
        :param uuid: UUID of its node.
        """
        self._versions(source)[str(source['source_md5'])] = uuid

    def _versions(self, source: Mapping[str, Any]) -> dict[str, str]:
        name = str(source['db_name'])
        if name not in self._databases:
            database: dict[str, dict[str, str]] = {}
            for identifier, known in _scan(name, {}):
                database.setdefault(identifier, {})[known.source_md5] = known.uuid
            self._databases[name] = database
        return self._databases[name].setdefault(str(source['id']), {})


@dataclass(frozen=True)
class Facts:
    """What a report says of a stored structure.

    :param source: its source.
    :param disordered: whether a site is shared or partly empty.
    """

    source: Mapping[str, Any]
    disordered: bool


def facts_of(uuids: Sequence[str]) -> dict[str, Facts]:
    """Return what is known of stored structures, by UUID; other nodes are left out.

    :param uuids: UUIDs of structures.
    """
    from aiida import orm

    found: dict[str, Facts] = {}
    for start in range(0, len(uuids), QUERY_SIZE):
        query = orm.QueryBuilder().append(
            orm.StructureData,
            filters={'uuid': {'in': uuids[start : start + QUERY_SIZE]}},
            project=['uuid', 'attributes.source', 'attributes.kinds'],
        )
        for uuid, source, kinds in query.all():
            found[uuid] = Facts(source or {}, is_disordered(kinds))
    return found


def is_disordered(kinds: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether kinds of a structure node share their sites or leave them partly empty.

    :param kinds: the attribute ``kinds``.
    """
    return any(len(kind['symbols']) > 1 or abs(sum(kind['weights']) - 1.0) > 1e-6 for kind in kinds)
