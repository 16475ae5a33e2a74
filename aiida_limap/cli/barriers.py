"""Tables of migration energies on the screen, for people and for scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.table import TableData

__all__ = ['echo_barriers', 'table_of']

_BARRIERS = ('barrier_1d_eV', 'barrier_2d_eV', 'barrier_3d_eV')
_NUMBERS = (*_BARRIERS, 'grid_error_eV')
_OUTPUTS = ('table', 'migration_energies')


def table_of(node: orm.ProcessNode) -> TableData | None:
    """Return the table of migration energies that a process gave, or None.

    :param node: a work chain or a calculation job.
    """
    for label in _OUTPUTS:
        link = node.base.links.get_outgoing(link_label_filter=label).first()
        if link is not None:
            return link.node
    return None


def echo_barriers(table: TableData, *, raw: bool = False, as_json: bool = False) -> None:
    """Print one line per structure: barriers in eV along one, two and three directions, error of the grid, status.

    :param table: the table.
    :param raw: UUID, status and the four numbers, separated by tabs, without a heading; empty where there is none.
    :param as_json: all columns as JSON.
    """
    from aiida_limap.tools.provenance import structure_facts
    from aiida_limap.tools.structures import name_of

    facts = structure_facts(table.ids)
    names = {uuid: name_of(uuid, facts.get(uuid, {})) for uuid in table.ids}
    rows = {uuid: table.row(uuid) for uuid in table.ids}
    if as_json:
        document = [
            {'structure_uuid': uuid, 'name': names[uuid], **{key: _decoded(value) for key, value in row.items()}}
            for uuid, row in rows.items()
        ]
        click.echo(json.dumps(document, indent=1))
    elif raw:
        for uuid, row in rows.items():
            click.echo('\t'.join([uuid, str(row['status']), *(_number(row.get(name), '') for name in _NUMBERS)]))
    else:
        _echo_for_people(rows, names)


def _echo_for_people(rows: dict[str, dict[str, Any]], names: dict[str, str]) -> None:
    width = max(len('structure'), *(len(name) for name in names.values()))
    click.echo(f'{"structure":<{width}}  {"1D / eV":>9}{"2D / eV":>9}{"3D / eV":>9}  {"grid error / eV":>15}  status')
    for uuid, row in rows.items():
        numbers = ''.join(f'{_number(row.get(name), "-"):>9}' for name in _BARRIERS)
        reason = f' ({row["message"]})' if row.get('message') else ''
        click.echo(
            f'{names[uuid]:<{width}}  {numbers}  {_number(row.get("grid_error_eV"), "-"):>15}  {row["status"]}{reason}'
        )


def _number(value: Any, none: str) -> str:
    return none if value is None else f'{value:.3f}'


def _decoded(value: Any) -> Any:
    """Return a list or mapping that stands as text in a cell."""
    if not isinstance(value, str) or value[:1] not in {'[', '{'}:
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
