"""``verdi data limap table``: tables of numbers by structure, and what their columns are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from aiida.cmdline.utils.decorators import with_dbenv

from aiida_limap.cli.base import friendly, writable_folder

if TYPE_CHECKING:
    from aiida_limap.data.table import TableData

__all__ = ['table']

_PK = click.argument('pk', type=click.IntRange(1, 2**63 - 1))
_BLOCK = click.option('-b', '--block', metavar='NAME', help='Only this block of the table, e.g. structure.')
_KEYS = ('part', 'block', 'name', 'unit', 'meaning')


@click.group('table')
def table() -> None:
    """Tables: one row per structure, with columns and wide blocks of numbers such as descriptors.

    \b
    Example:
      verdi data limap table columns 1234 --block structure
    """


@table.command('columns')
@_PK
@_BLOCK
@click.option('--raw', is_flag=True, help='Without a heading, separated by tabs.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_dbenv()
@friendly
def columns(pk: int, block: str | None, raw: bool, as_json: bool) -> None:
    """Print name, unit and meaning of every column of a table, block by block, in the order of the numbers.

    \b
    Examples:
      verdi data limap table columns 1234
      verdi data limap table columns 1234 --block structure --json
    """
    from aiida_limap.engines.layouts_command import echo_aligned

    rows = _described(_load(pk), block)
    if as_json:
        click.echo(json.dumps([dict(zip(_KEYS, row, strict=True)) for row in rows], indent=1))
    elif raw:
        click.echo('\n'.join('\t'.join(row) for row in rows))
    else:
        echo_aligned([('in', 'block', 'column', 'unit', 'meaning'), *rows])


@table.command('export')
@_PK
@_BLOCK
@click.option(
    '-o',
    '--output',
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help='The csv file to write.',
)
@with_dbenv()
@friendly
def export(pk: int, block: str | None, output: Path) -> None:
    """Write columns and blocks of a table to a csv file, one line per structure, named by its UUID.

    \b
    Example:
      verdi data limap table export 1234 --block structure --output structure.csv
    """
    node = _load(pk)
    if block is not None:
        _check_block(node, block)
    writable_folder(output.resolve().parent)
    frame = node.to_dataframe(blocks=True if block is None else [block])
    try:
        frame.to_csv(output)
    except OSError as error:
        raise click.ClickException(f'the file {output} cannot be written: {error.strerror or error}') from error
    click.echo(f'{output}: {len(frame)} rows, {len(frame.columns)} columns')


def _load(pk: int) -> TableData:
    """Return a table.

    :raises click.ClickException: if there is none of this number.
    """
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    from aiida_limap.data.table import TableData as Table

    try:
        node: Any = orm.load_node(pk)
    except NotExistent as error:
        raise click.ClickException(f'there is no node {pk}') from error
    if not isinstance(node, Table):
        kind = getattr(node, 'process_label', None) or type(node).__name__
        raise click.ClickException(
            f'node {pk} is a {kind}, not a table; `verdi data limap list --kind table` lists them'
        )
    return node


def _described(node: TableData, block: str | None) -> list[tuple[str, ...]]:
    """Return the words of each column: where it stands, block of the layout, name, unit and meaning."""
    rows: list[tuple[str, ...]] = []
    if block is not None:
        _check_block(node, block)
    else:
        rows += [('columns', '', entry['name'], entry['unit'], entry['description']) for entry in node.info]
    for name in node.block_names if block is None else [block]:
        rows += [
            (name, entry['block'], entry['name'], entry['unit'], entry['meaning']) for entry in node.block_columns(name)
        ]
    return rows


def _check_block(node: TableData, block: str) -> None:
    if block not in node.block_names:
        raise click.ClickException(
            f'table {node.pk} has no block {block!r}; it has {", ".join(node.block_names) or "none"}'
        )
