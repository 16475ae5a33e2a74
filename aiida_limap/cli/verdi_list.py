"""``verdi data limap list``: the nodes of each data class."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import click
from aiida.cmdline.params import options
from aiida.cmdline.utils.decorators import with_dbenv

from aiida_limap.cli.base import friendly
from aiida_limap.cli.progress_lines import duration_words
from aiida_limap.tools.data_nodes import KINDS, ListedNode, list_nodes

__all__ = ['list_command', 'print_list']

#: How to get the first node of a class.
_FIRST = {
    'dataset': '`aiida-limap import prototypes` makes one',
    'table': '`aiida-limap launch bvff --group LABEL` makes one',
    'bond_valence': '`aiida-limap install parameters FILE` makes one',
    'autoencoder': '`aiida-limap launch map --group LABEL` trains one',
    'map': '`aiida-limap launch map --group LABEL` makes one',
    'screening_model': '`aiida-limap launch screen --demo` trains some',
    'phonon_dos': '`aiida-limap launch phonons --group LABEL --densities` makes some',
}


@click.command('list')
@click.option(
    '--kind', type=click.Choice(list(KINDS)), default='map', show_default=True, help='Which data class is listed.'
)
@options.GROUPS(help='Only members of these groups, by pk, UUID or label.')
@options.PAST_DAYS()
@options.ALL_USERS()
@options.LIMIT(type=click.IntRange(1), help='Only this many, the newest.')
@options.RAW(help='Without a heading, separated by tabs.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_dbenv()
@friendly
def list_command(kind: str, **chosen: Any) -> None:
    """List the nodes of one data class, newest first.

    \b
    Examples:
      verdi data limap list
      verdi data limap list --kind table --past-days 7
      verdi data limap list --kind dataset --json
    """
    raw, as_json = chosen.pop('raw'), chosen.pop('as_json')
    nodes = list_nodes(
        kind,
        groups=chosen['groups'] or (),
        past_days=chosen['past_days'],
        all_users=chosen['all_users'],
        limit=chosen['limit'],
    )
    print_list(kind, nodes, raw=raw, as_json=as_json)


def print_list(kind: str, nodes: list[ListedNode], *, raw: bool = False, as_json: bool = False) -> None:
    """Print nodes of one class.

    :param kind: the class.
    :param nodes: the nodes.
    :param raw: without a heading, separated by tabs, with whole UUIDs and times.
    :param as_json: as JSON.
    """
    from aiida_limap.engines.layouts_command import echo_aligned

    if not nodes:
        click.echo(f'no {kind.replace("_", "-")} fits; {_FIRST[kind]}', err=True)
    if as_json:
        documents = [
            {'pk': node.pk, 'uuid': node.uuid, 'ctime': node.ctime.isoformat(), 'label': node.label, **node.attributes}
            for node in nodes
        ]
        click.echo(json.dumps(documents, indent=1))
        return
    cells = [[column.shown(node.attributes[column.attribute]) for column in KINDS[kind]] for node in nodes]
    if raw:
        for node, row in zip(nodes, cells, strict=True):
            click.echo('\t'.join([str(node.pk), node.uuid, f'{node.ctime:%Y-%m-%dT%H:%M:%S}', *row, node.label]))
    elif nodes:
        heading = ('pk', 'uuid', 'made', *(column.heading for column in KINDS[kind]), 'label')
        rows = [
            (str(node.pk), node.uuid[:8], _age(node.ctime), *row, node.label)
            for node, row in zip(nodes, cells, strict=True)
        ]
        echo_aligned([heading, *rows])


def _age(ctime: datetime) -> str:
    words = duration_words((datetime.now(timezone.utc) - ctime).total_seconds()).split()
    return ' '.join([*words[:2], 'ago'])
