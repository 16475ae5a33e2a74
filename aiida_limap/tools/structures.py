"""Which structure node a person means: by number, by UUID, or by the id of its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_limap.tools.query import QueryError

if TYPE_CHECKING:
    from aiida import orm

__all__ = ['find_structure', 'name_of']

_MOST_NAMED = 5


def find_structure(identifier: str) -> orm.StructureData:
    """Return a structure node.

    :param identifier: pk, UUID or its start, the id in the source database, or that of the counterpart there.
    :returns: the node; of several with one id the only one, since importing twice stores nothing twice.
    :raises QueryError: if there is none, more than one, or the node is something else.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    text = identifier.strip()
    node, reason = None, 'nothing fits'
    try:
        node = orm.load_node(int(text) if text.isdecimal() else text)
    except MultipleObjectsError:
        reason = 'more than one UUID begins like this'
    except (NotExistent, ValueError, OverflowError):
        # It may still be the id of a source.
        pass
    if isinstance(node, orm.StructureData):
        return node
    for key in ('attributes.source.id', 'attributes.source.extras.counterpart'):
        found = orm.QueryBuilder().append(orm.StructureData, filters={key: text}).all(flat=True)
        if len(found) > 1:
            names = ', '.join(str(entry.pk) for entry in found[:_MOST_NAMED])
            more = '' if len(found) <= _MOST_NAMED else f' and {len(found) - _MOST_NAMED} more'
            raise QueryError(f'{len(found)} structures come from {text!r}: name one by its pk ({names}{more})')
        if found:
            return found[0]
    if node is not None:
        kind = getattr(node, 'process_label', None) or type(node).__name__
        raise QueryError(f'node {identifier} is a {kind}, not a structure')
    raise QueryError(f'no structure {identifier!r}: {reason}; give its pk, its UUID or the id of its source')


def name_of(uuid: str, facts: dict) -> str:
    """Return a name of a structure for people.

    :param uuid: its UUID.
    :param facts: what :func:`aiida_limap.tools.provenance.structure_facts` says of it; may be empty.
    :returns: the id of its source, its label, or its UUID.
    """
    return str((facts.get('source') or {}).get('id') or facts.get('label') or uuid)
