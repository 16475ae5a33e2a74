"""``verdi data limap``: the data classes of the plugin on the command line of AiiDA."""

from __future__ import annotations

import click
from aiida.cmdline.commands.cmd_data import verdi_data
from aiida.cmdline.utils.decorators import with_dbenv

from aiida_limap.cli import verdi_model, verdi_table
from aiida_limap.cli.barriers import echo_barriers, table_of
from aiida_limap.cli.base import friendly
from aiida_limap.cli.verdi_export import export_command
from aiida_limap.cli.verdi_landscape import landscape
from aiida_limap.cli.verdi_list import list_command
from aiida_limap.cli.verdi_show import show_command

__all__ = ['data_limap']


@verdi_data.group('limap')
def data_limap() -> None:
    """Datasets, tables, parameters, models, maps, energy landscapes and phonon densities of states of aiida-limap.

    \b
    Examples:
      verdi data limap list --kind table
      verdi data limap show 1234
      verdi data limap export 1234 --format csv
    """


data_limap.add_command(list_command)
data_limap.add_command(show_command)
data_limap.add_command(export_command)
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
