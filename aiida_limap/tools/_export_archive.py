"""The nodes behind a map, and the archive of AiiDA that holds them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap.tools.licences import NOT_STATED
from aiida_limap.tools.provenance import structure_facts
from aiida_limap.tools.query import QueryError

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.map import MapData

__all__ = ['Behind', 'Progress', 'nodes_behind', 'write_archive']

#: Takes what is being done, how many steps are done, and how many there are.
Progress = Callable[[str, int, int], None]
_QUERY_SIZE = 10_000


@dataclass(frozen=True)
class Behind:
    """All nodes behind a map.

    :param pks: their primary keys, those of the map among them.
    :param unlinked: structures of points that no link leads to, since their tables were not computed here.
    :param groups: the dataset groups that hold nothing else.
    :param left_out: for each dataset group that holds more, its label and how many nodes are not behind the map.
    :param licences: name of the source, licence and number of structures.
    :param parameter_licences: title and licence of each set of bond-valence parameters.
    """

    pks: frozenset[int]
    unlinked: tuple[orm.StructureData, ...]
    groups: tuple[orm.Group, ...]
    left_out: tuple[tuple[str, int], ...]
    licences: tuple[tuple[str, str, int], ...]
    parameter_licences: tuple[tuple[str, str], ...]


def nodes_behind(map_node: MapData) -> Behind:
    """Collect what an archive of a map holds: inputs, processes, their other results, and the groups of its structures.

    :param map_node: the stored map.
    :returns: the nodes.
    :raises QueryError: if one of the processes still runs.
    """
    from aiida import orm
    from aiida.tools.graph.graph_traversers import get_nodes_export

    reached = frozenset(get_nodes_export([map_node.pk])['nodes'])
    unlinked = [facts['pk'] for facts in structure_facts(map_node.ids).values() if facts['pk'] not in reached]
    pks = reached | frozenset(get_nodes_export(unlinked)['nodes'] if unlinked else ())
    running = [pk for part in _parts(pks) for pk in _unsealed(part)]
    if running:
        raise QueryError(
            f'process {running[0]} behind map {map_node.pk} is not finished, and an archive holds finished work only; '
            f'wait for it (`verdi process status {running[0]}`) and export again'
        )
    groups, left_out = _groups(pks)
    licences, parameters = _licences(pks)
    structures = tuple(orm.load_node(pk) for pk in unlinked)
    return Behind(pks, structures, groups, left_out, licences, parameters)


def _licences(pks: frozenset[int]) -> tuple[tuple[tuple[str, str, int], ...], tuple[tuple[str, str], ...]]:
    """Return the licences of the structures by source, and those of the sets of parameters."""
    from aiida import orm

    from aiida_limap.data.bond_valence import BondValenceData

    counts: Counter[tuple[str, str]] = Counter()
    parameters: set[tuple[str, str]] = set()
    for part in _parts(pks):
        chosen = {'id': {'in': part}}
        query = orm.QueryBuilder().append(orm.StructureData, filters=chosen, project='attributes.source')
        for source in query.all(flat=True):
            source = source or {}
            counts[str(source.get('db_name') or ''), str(source.get('license') or NOT_STATED)] += 1
        sets = orm.QueryBuilder().append(BondValenceData, filters=chosen, project='*').all(flat=True)
        parameters |= {(node.title, node.licence or NOT_STATED) for node in sets}
    structures = tuple((source, licence, count) for (source, licence), count in sorted(counts.items()))
    return structures, tuple(sorted(parameters))


def _parts(pks: frozenset[int]) -> Iterator[list[int]]:
    ordered = sorted(pks)
    for start in range(0, len(ordered), _QUERY_SIZE):
        yield ordered[start : start + _QUERY_SIZE]


def _unsealed(pks: list[int]) -> list[int]:
    from aiida import orm

    filters = {'id': {'in': pks}, 'attributes': {'!has_key': 'sealed'}}
    return list(orm.QueryBuilder().append(orm.ProcessNode, filters=filters, project='id').all(flat=True))


def _groups(pks: frozenset[int]) -> tuple[tuple[orm.Group, ...], tuple[tuple[str, int], ...]]:
    from aiida import orm

    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.groups.dataset import DatasetGroup

    datasets = [pk for part in _parts(pks) for pk in _of_class(DatasetData, part)]
    if not datasets:
        return (), ()
    query = orm.QueryBuilder().append(orm.Node, filters={'id': {'in': datasets}}, tag='dataset')
    query.append(DatasetGroup, with_node='dataset', project='*')
    chosen, left_out = [], []
    for (group,) in query.distinct().iterall():
        members = orm.QueryBuilder().append(orm.Group, filters={'id': group.pk}, tag='group')
        members.append(orm.Node, with_group='group', project='id')
        others = len(set(members.all(flat=True)) - pks)
        if others:
            left_out.append((group.label, others))
        else:
            chosen.append(group)
    return tuple(chosen), tuple(left_out)


def _of_class(kind: type, pks: list[int]) -> list[int]:
    from aiida import orm

    return list(orm.QueryBuilder().append(kind, filters={'id': {'in': pks}}, project='id').all(flat=True))


def write_archive(path: Path, entities: Sequence[orm.Node | orm.Group], progress: Progress) -> None:
    """Write an archive of nodes and groups with all that they came from.

    Work folders on computers are not in it: AiiDA keeps of them only where they are.

    :param path: the file to write.
    :param entities: the nodes and groups.
    :param progress: is told how far the writing is.
    :raises QueryError: if AiiDA refuses.
    """
    from aiida.tools.archive import create_archive
    from aiida.tools.archive.exceptions import ArchiveExportError

    with _told(progress):
        try:
            create_archive(entities, path)
        except ArchiveExportError as error:
            raise QueryError(f'the archive cannot be written: {error}') from error


@contextmanager
def _told(progress: Progress) -> Iterator[None]:
    """Have AiiDA tell its progress here, and keep its long reports from the screen."""
    from aiida.common import progress_reporter
    from aiida.common.progress_reporter import ProgressReporterAbstract

    class Reporter(ProgressReporterAbstract):
        def __init__(self, *, total: int, desc: str | None = None, **kwargs: Any) -> None:
            super().__init__(total=total, desc=desc, **kwargs)
            self._tell()

        def update(self, n: int = 1) -> None:
            super().update(n)
            self._tell()

        def set_description_str(self, text: str | None = None, refresh: bool = True) -> None:
            super().set_description_str(text, refresh)
            self._tell()

        def reset(self, total: int | None = None) -> None:
            super().reset(total)
            self._tell()

        def _tell(self) -> None:
            progress('archive', min(self.n, self.total), self.total)

    before, logger = progress_reporter.get_progress_reporter(), logging.getLogger('aiida.export')
    level = logger.level
    progress_reporter.set_progress_reporter(Reporter)
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        progress_reporter.set_progress_reporter(before)
        logger.setLevel(level)
