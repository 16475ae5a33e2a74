"""``verdi data limap``: the data classes of the plugin on the command line of AiiDA."""

from __future__ import annotations

import click
from aiida.cmdline.commands.cmd_data import verdi_data
from aiida.cmdline.params import arguments, types
from aiida.cmdline.utils.decorators import with_dbenv

from aiida_limap.cli import verdi_model, verdi_table
from aiida_limap.cli.barriers import echo_barriers, table_of
from aiida_limap.cli.base import friendly
from aiida_limap.cli.verdi_landscape import landscape

__all__ = ['data_limap']


@verdi_data.group('limap')
def data_limap() -> None:
    """Datasets, tables, autoencoders, maps and energy landscapes of aiida-limap."""


data_limap.add_command(landscape)
data_limap.add_command(verdi_model.model)
data_limap.add_command(verdi_table.table)


@data_limap.command('barriers')
@click.argument('pk', type=click.IntRange(1, 2**63 - 1))
@click.option('--raw', is_flag=True, help='UUID, status and numbers only, separated by tabs.')
@click.option('--json', 'as_json', is_flag=True, help='Print all columns as JSON.')
@with_dbenv()
@friendly
def barriers(pk: int, raw: bool, as_json: bool) -> None:
    """Print the migration energies (eV) of a table, or of the work chain or job that made one.

    \b
    Example:
      verdi data limap barriers 1234
    """
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    from aiida_limap.data.table import TableData

    try:
        node = orm.load_node(pk)
    except NotExistent as error:
        raise click.ClickException(f'there is no node {pk}') from error
    table = table_of(node) if isinstance(node, orm.ProcessNode) else node
    if table is None:
        state = 'is not finished yet' if not node.is_terminated else 'left no table'
        raise click.ClickException(f'{node.process_label} {pk} {state}')
    if not isinstance(table, TableData) or 'barrier_2d_eV' not in table.column_names:
        raise click.ClickException(f'node {pk} is no table of migration energies')
    echo_barriers(table, raw=raw, as_json=as_json)


@data_limap.command('list')
@click.option(
    '--kind',
    type=click.Choice(['dataset', 'table', 'autoencoder', 'map']),
    default='map',
    show_default=True,
    help='Class.',
)
@with_dbenv()
def list_command(kind: str) -> None:
    """List nodes of one class, newest first.

    \b
    Example:
      verdi data limap list --kind table
    """
    from aiida import orm
    from aiida.plugins import DataFactory

    node_class = DataFactory(f'limap.{kind}')
    query = orm.QueryBuilder().append(node_class, project=['id', 'uuid', 'ctime', 'label'])
    query.order_by({node_class: {'ctime': 'desc'}})
    for pk, uuid, created, label in query.iterall():
        click.echo(f'{pk:>7}  {uuid}  {created:%Y-%m-%d %H:%M}  {label}')


@data_limap.command('show')
@arguments.DATUM(
    type=types.DataParamType(
        sub_classes=(
            'aiida.data:limap.dataset',
            'aiida.data:limap.table',
            'aiida.data:limap.autoencoder',
            'aiida.data:limap.map',
        )
    )
)
@with_dbenv()
def show(datum: object) -> None:
    """Print the attributes of a node.

    \b
    Example:
      verdi data limap show 1234
    """
    import json

    click.echo(json.dumps(datum.base.attributes.all, indent=1, default=str))  # type: ignore[attr-defined]
