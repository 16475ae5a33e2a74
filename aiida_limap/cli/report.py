"""``aiida-limap report``: in words what failed, and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import with_profile

if TYPE_CHECKING:
    from aiida_limap.tools.diagnosis import Diagnosis, Rows

__all__ = ['report']

_MOST_NAMED = 5


@click.command('report')
@click.argument('identifier', metavar='ID')
@click.option(
    '--all', 'everything', is_flag=True, help='Name every structure and job, not only the first of each kind.'
)
@click.option('--json', 'as_json', is_flag=True, help='Print JSON, which names all of them.')
@with_profile
def report(identifier: str, everything: bool, as_json: bool) -> None:
    """Say in words what failed, why, and what to do.

    ID is a work chain or job of this plugin, a table or a dataset (pk or UUID), or the label of a group of imported
    structures. Of a dataset or group it tells what became of the import.

    \b
    Examples:
      aiida-limap report 1234
      aiida-limap report 1234 --all
      aiida-limap report oxides
    """
    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.data.table import TableData
    from aiida_limap.tools.diagnosis import diagnose, rows_of
    from aiida_limap.tools.processes import facts_of

    node = _load(identifier)
    if isinstance(node, DatasetData):
        from aiida_limap.cli.report_import import print_import

        print_import(node, as_json=as_json, most=None if everything else _MOST_NAMED)
    elif isinstance(node, TableData):
        _print_table(node, rows_of([node]), everything=everything, as_json=as_json)
    else:
        found = diagnose(facts_of([node.pk])[node.pk])
        if as_json:
            click.echo(json.dumps(_as_document(found), indent=1))
        else:
            _print(found, None if everything else _MOST_NAMED)


def _load(identifier: str) -> Any:
    """Return a process of this plugin, a table or a dataset.

    :raises click.ClickException: if there is nothing of this name, or it is something else.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    from aiida_limap.cli.choosing import dataset_of_group
    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.data.table import TableData

    try:
        node = orm.load_node(int(identifier) if identifier.isdecimal() else identifier)
    except (NotExistent, ValueError, OverflowError, MultipleObjectsError) as error:
        if not identifier.isdecimal() and _is_group(identifier):
            return dataset_of_group(identifier)
        raise click.ClickException(
            f'there is no node {identifier} and no group of that name; `verdi process list -a` shows the work chains'
        ) from error
    if isinstance(node, (DatasetData, TableData)):
        return node
    if isinstance(node, orm.ProcessNode) and ':limap.' in (node.process_type or ''):
        return node
    if isinstance(node, orm.ProcessNode) and (node.process_label or '') in _known_labels():
        return node
    kind = getattr(node, 'process_label', None) or type(node).__name__
    raise click.ClickException(
        f'node {identifier} is a {kind}, not a work chain or job of aiida-limap, a table or a dataset'
    )


def _known_labels() -> set[str]:
    from aiida_limap.tools.processes import CHAINS
    from aiida_limap.tools.progress import JOB_LABELS

    return {*CHAINS, *JOB_LABELS}


def _is_group(label: str) -> bool:
    from aiida import orm

    from aiida_limap.groups.dataset import DatasetGroup

    names = [label, f'limap/{label}']
    return orm.QueryBuilder().append(DatasetGroup, filters={'label': {'in': names}}).count() > 0


def _kind(label: str) -> str:
    from aiida_limap.tools.processes import CHAINS

    return CHAINS.get(label, label)


def _print(found: Diagnosis, most: int | None) -> None:
    click.echo(f'{_kind(found.process.label)} {found.process.pk}: {found.outcome}')
    if found.next_step:
        click.echo(f'  next: {found.next_step}')
    for pk, advice in found.paused.items():
        click.echo(f'  {pk} is paused; next: {advice}')
    for group in found.failed:
        count = f'{len(group.pks)} × ' if len(group.pks) > 1 else ''
        click.echo(f'  {count}{group.label} {_some(group.pks, most)}: {group.outcome}')
        if group.next_step and group.next_step != found.next_step:
            click.echo(f'    next: {group.next_step}')
    for title, rows in found.tables.items():
        _print_rows(title, rows, most)
    if found.unfinished:
        from aiida_limap.tools.advice import unfinished_advice

        names = list(_names(found.unfinished[:most]).values())
        named = _some(names, most, len(found.unfinished))
        click.echo(f'\n{len(found.unfinished)} structures were finished by no job: {named}')
        click.echo(f'  next: {unfinished_advice()}')


def _print_rows(title: str, rows: Rows, most: int | None) -> None:
    click.echo(f'\n{title}: ' + ', '.join(f'{count} {word}' for word, count in rows.counts.items()))
    for group in rows.failed:
        n = len(group.messages)
        if group.reason_count == n:
            often = ''
        elif group.reason_count == 1:
            often = 'for example '
        else:
            often = f'most often ({group.reason_count} of {n}) '
        click.echo(f'  {group.status}: {n} structure{"" if n == 1 else "s"}: {often}{group.reason}')
        if group.next_step:
            click.echo(f'    next: {group.next_step}')
        uuids = list(group.messages)[:most]
        for uuid, name in _names(uuids).items():
            message = group.messages[uuid]
            differs = f': {message}' if message and not message.endswith(group.reason) else ''
            click.echo(f'    {name}{differs}')
        if n > len(uuids):
            click.echo(f'    and {n - len(uuids)} more (--all names them)')


def _print_table(table: Any, rows: Rows, *, everything: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({'pk': table.pk, 'uuid': table.uuid, **_rows_document(rows)}, indent=1))
    else:
        _print_rows(f'table {table.pk}', rows, None if everything else _MOST_NAMED)


def _some(entries: Any, most: int | None, total: int | None = None) -> str:
    entries = list(entries)
    total = len(entries) if total is None else total
    shown = entries[:most]
    more = f' and {total - len(shown)} more' if total > len(shown) else ''
    return ', '.join(str(entry) for entry in shown) + more


def _names(uuids: Any) -> dict[str, str]:
    """Return label and source id of structures by UUID."""
    from aiida_limap.tools.provenance import structure_facts

    facts = structure_facts(uuids)
    return {uuid: facts.get(uuid, {}).get('label') or uuid for uuid in uuids}


def _as_document(found: Diagnosis) -> dict[str, Any]:
    process = found.process
    return {
        'pk': process.pk,
        'uuid': process.uuid,
        'kind': _kind(process.label),
        'state': process.state,
        'exit_status': process.exit_status,
        'outcome': found.outcome,
        'next_step': found.next_step,
        'paused': [{'pk': pk, 'next_step': advice} for pk, advice in found.paused.items()],
        'failed_processes': [
            {'label': group.label, 'outcome': group.outcome, 'next_step': group.next_step, 'pks': list(group.pks)}
            for group in found.failed
        ],
        'tables': {title: _rows_document(rows) for title, rows in found.tables.items()},
        'unfinished': list(found.unfinished),
    }


def _rows_document(rows: Rows) -> dict[str, Any]:
    names: Mapping[str, str] = _names([uuid for group in rows.failed for uuid in group.messages])
    return {
        'counts_by_status': dict(rows.counts),
        'failed': [
            {
                'status': group.status,
                'count': len(group.messages),
                'reason': group.reason,
                'reason_count': group.reason_count,
                'next_step': group.next_step,
                'structures': [
                    {'uuid': uuid, 'name': names[uuid], 'message': message} for uuid, message in group.messages.items()
                ],
            }
            for group in rows.failed
        ],
    }
