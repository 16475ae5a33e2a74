"""Ordered structures in place of disordered ones, each made only once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiida_limap import __version__
from aiida_limap.importers._known import QUERY_SIZE

__all__ = ['Ordering', 'order_structures']

#: Kept as a word: a name of the process that holds whether or not its entry point is installed.
_PROCESS = 'order_structure'


@dataclass
class Ordering:
    """What came of disordered structures.

    :param children: UUID of the ordered structure by that of the disordered one.
    :param new: UUIDs of the ordered structures that were made now.
    :param reasons: why a structure could not be ordered, by UUID.
    """

    children: dict[str, str] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)


def order_structures(uuids: Sequence[str]) -> Ordering:
    """Order disordered structures; what was ordered before is found, and what failed before is not tried again.

    :param uuids: UUIDs of disordered structures.
    :returns: what came of them.
    """
    done = Ordering(children=dict(_finished(uuids, {'attributes.exit_status': 0}, _with_child)))
    failed = {'attributes.exit_status': {'>': 0}, 'attributes.version.plugin': __version__}
    done.reasons = {
        parent: reason for parent, reason in _finished(uuids, failed, _with_reason) if parent not in done.children
    }
    for uuid in uuids:
        if uuid not in done.children and uuid not in done.reasons:
            child, reason = _order(uuid)
            if child:
                done.children[uuid] = child
                done.new.append(child)
            else:
                done.reasons[uuid] = reason
    return done


def _finished(
    uuids: Sequence[str], filters: dict[str, Any], project: Callable[[Any, dict[str, Any]], None]
) -> Iterator[tuple[str, str]]:
    from aiida import orm

    for start in range(0, len(uuids), QUERY_SIZE):
        query = orm.QueryBuilder()
        chunk = list(uuids[start : start + QUERY_SIZE])
        query.append(orm.StructureData, filters={'uuid': {'in': chunk}}, tag='parent', project='uuid')
        project(query, {'attributes.process_label': _PROCESS, **filters})
        query.order_by({'run': 'id'})
        for parent, what in query.all():
            yield parent, str(what)


def _with_child(query: Any, filters: dict[str, Any]) -> None:
    from aiida import orm

    query.append(orm.CalcFunctionNode, filters=filters, with_incoming='parent', tag='run')
    query.append(orm.StructureData, with_incoming='run', project='uuid')


def _with_reason(query: Any, filters: dict[str, Any]) -> None:
    from aiida import orm

    query.append(
        orm.CalcFunctionNode, filters=filters, with_incoming='parent', tag='run', project='attributes.exit_message'
    )


def _order(uuid: str) -> tuple[str, str]:
    """Order one structure; return the UUID of what came of it, or else an empty word and the reason."""
    from aiida import orm

    from aiida_limap.calculations.ordering import OrderingError, order_structure, plan_cell
    from aiida_limap.common.conversion import pymatgen_from_node
    from aiida_limap.engines.chemistry.oxidation import assign_oxidation_states
    from aiida_limap.engines.errors import LimapError

    node = orm.load_node(uuid)
    try:
        structure = pymatgen_from_node(node)
        states = assign_oxidation_states(structure, disordered=True).by_element(structure)
        repetitions = plan_cell(structure, states)
    except (LimapError, OrderingError) as error:
        return '', f'it cannot be ordered: {error}'
    parameters = orm.Dict({'oxidation_states': states, 'repetitions': list(repetitions)})
    child, run = order_structure.run_get_node(structure=node, parameters=parameters)
    if not run.is_finished_ok:
        return '', str(run.exit_message)
    return child.uuid, ''
