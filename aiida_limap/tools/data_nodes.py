"""Nodes of the data classes: listed by projection of small attributes, and found by what a person calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from aiida_limap.tools.query import QueryError

if TYPE_CHECKING:
    from aiida import orm

__all__ = ['KINDS', 'Column', 'ListedNode', 'find_data', 'kind_of', 'list_nodes']


def _words(value: Any) -> str:
    return '' if value is None else str(value)


def _counts(value: Any) -> str:
    return ', '.join(f'{count} {word}' for word, count in (value or {}).items())


def _test_score(value: Any) -> str:
    score = ((value or {}).get('test') or {}).get('r2_me')
    return '' if score is None else f'{score:.2f}'


def _importer(value: Any) -> str:
    found = value or {}
    return _words(found.get('importer') or found.get('provider') or found.get('db_name'))


def _number_of(value: Any) -> str:
    return str(len(value or ()))


def _list(value: Any) -> str:
    return ' '.join(map(str, value or ()))


def _thz(value: Any) -> str:
    return '' if value is None else f'{value:.2f}'


def _accuracy(value: Any) -> str:
    """Return the first accuracy of a screening model, and how it was judged."""
    for name, number in (value or {}).items():
        if name.startswith('accuracy') and isinstance(number, int | float):
            return f'{number:.2f} {name.removeprefix("accuracy").strip("_").replace("_", " ")}'.rstrip()
    return ''


@dataclass(frozen=True)
class Column:
    """One column of a list.

    :param heading: what stands above it.
    :param attribute: attribute of the nodes.
    :param shown: the value in words.
    """

    heading: str
    attribute: str
    shown: Callable[[Any], str] = _words


#: For each data class its columns, in the order in which a person wants to know them.
KINDS: Mapping[str, tuple[Column, ...]] = {
    'dataset': (
        Column('structures', 'number_of_structures'),
        Column('name', 'name'),
        Column('importer', 'filter', _importer),
    ),
    'table': (
        Column('rows', 'n_rows'),
        Column('task', 'task'),
        Column('layout', 'layout'),
        Column('status', 'counts_by_status', _counts),
        Column('engine', 'engine_version'),
    ),
    'bond_valence': (
        Column('name', 'name'),
        Column('version', 'version'),
        Column('pairs', 'number_of_pairs'),
        Column('licence', 'licence'),
    ),
    'autoencoder': (
        Column('layout', 'layout'),
        Column('preset', 'preset'),
        Column('W', 'me_weight'),
        Column('seed', 'seed'),
        Column('R² energy (test)', 'metrics', _test_score),
        Column('engine', 'engine_version'),
    ),
    'map': (
        Column('points', 'n_points'),
        Column('ion', 'mobile_ion'),
        Column('target', 'target'),
        Column('R² energy (test)', 'metrics', _test_score),
        Column('status', 'counts_by_status', _counts),
        Column('engine', 'engine_version'),
    ),
    'screening_model': (
        Column('model', 'kind'),
        Column('features', 'features', _number_of),
        Column('seed', 'seed'),
        Column('accuracy', 'metrics', _accuracy),
        Column('engine', 'engine_version'),
    ),
    'phonon_dos': (
        Column('elements', 'elements', _list),
        Column('points', 'n_points'),
        Column('lowest THz', 'lowest_THz', _thz),
        Column('highest THz', 'highest_THz', _thz),
        Column('structure', 'structure_uuid'),
    ),
}


@dataclass(frozen=True)
class ListedNode:
    """A node of a list.

    :param pk: primary key.
    :param uuid: UUID.
    :param ctime: when it was made.
    :param label: its label.
    :param attributes: those of the columns of its class.
    """

    pk: int
    uuid: str
    ctime: datetime
    label: str
    attributes: Mapping[str, Any]


def list_nodes(
    kind: str,
    *,
    past_days: int | None = None,
    all_users: bool = True,
    groups: Sequence[orm.Group] = (),
    limit: int | None = None,
) -> list[ListedNode]:
    """Return the nodes of a data class, newest first, without loading one.

    :param kind: one of :data:`KINDS`.
    :param past_days: only those of the last days.
    :param all_users: also those of other users than the default user.
    :param groups: only members of one of these groups.
    :param limit: this many at most.
    """
    from aiida import orm
    from aiida.plugins import DataFactory

    names = [column.attribute for column in KINDS[kind]]
    filters: dict[str, Any] = {}
    if past_days is not None:
        filters['ctime'] = {'>=': datetime.now(timezone.utc) - timedelta(days=past_days)}
    query = orm.QueryBuilder().append(
        DataFactory(f'limap.{kind}'),
        filters=filters,
        project=['id', 'uuid', 'ctime', 'label', *(f'attributes.{name}' for name in names)],
        tag='node',
    )
    user = None if all_users else orm.User.collection.get_default()
    if user is not None:
        query.append(orm.User, with_node='node', filters={'email': user.email})
    if groups:
        query.append(orm.Group, with_node='node', filters={'id': {'in': [group.pk for group in groups]}})
    query.order_by({'node': [{'ctime': 'desc'}, {'id': 'desc'}]})
    # A node that is in two of the groups comes twice, so that the database cannot count for us.
    nodes: dict[int, ListedNode] = {}
    for pk, uuid, ctime, label, *values in query.iterall():
        if limit is not None and len(nodes) >= limit:
            break
        nodes.setdefault(pk, ListedNode(pk, uuid, ctime, label, dict(zip(names, values, strict=True))))
    return list(nodes.values())


def find_data(identifier: str) -> Any:
    """Return a node of one of the data classes.

    :param identifier: pk, UUID or its start, or label.
    :raises QueryError: if there is none, more than one, or it is something else.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        node = orm.load_node(int(identifier) if identifier.isdecimal() else identifier)
    except (NotExistent, ValueError, OverflowError) as error:
        raise QueryError(
            f'there is no node {identifier}; `verdi data limap list --kind KIND` shows the nodes of a class'
        ) from error
    except MultipleObjectsError as error:
        raise QueryError(f'more than one node is called {identifier!r}: name one by its pk') from error
    if kind_of(node) is None:
        named = getattr(node, 'process_label', None) or type(node).__name__
        raise QueryError(f'node {identifier} is a {named}, not a {" or ".join(KINDS)} of aiida-limap')
    return node


def kind_of(node: orm.Node) -> str | None:
    """Return which of :data:`KINDS` a node is, or None.

    :param node: any node.
    """
    from aiida.plugins import DataFactory

    for kind in KINDS:
        if isinstance(node, DataFactory(f'limap.{kind}')):
            return kind
    return None
