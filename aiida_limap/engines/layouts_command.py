"""``layouts``: which descriptor layouts there are, what is in them, and what is wrong with one of your own."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

__all__ = ['layouts', 'renamed', 'sentences']

P = ParamSpec('P')
R = TypeVar('R')

_PARTS = ('composition', 'structure', 'landscape')
_LAYOUT = click.argument('layout', metavar='LAYOUT')
_JSON = click.option('--json', 'as_json', is_flag=True, help='Print JSON.')


def sentences(function: Callable[P, R]) -> Callable[P, R]:
    """Turn the errors of an engine into one sentence and exit status 1, without a traceback.

    :param function: the command.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        from aiida_limap.engines.errors import LimapError

        try:
            return function(*args, **kwargs)
        except LimapError as error:
            raise click.ClickException(' '.join(str(error).split())) from error

    return wrapper


@click.group('layouts')
def layouts() -> None:
    """Descriptor layouts: what the numbers of a descriptor row are.

    LAYOUT is the name of a layout that comes with aiida-limap, or a YAML file of your own.

    \b
    Examples:
      limap-engine layouts list
      limap-engine layouts columns yamaguchi2023 --block rdf
      limap-engine layouts show compact > mine.yaml
      limap-engine layouts check mine.yaml
    """


@layouts.command('list')
@click.option('--raw', is_flag=True, help='Only the names.')
@_JSON
@sentences
def list_command(raw: bool, as_json: bool) -> None:
    """List the layouts that come with aiida-limap, with the number of columns of each part.

    \b
    Example:
      limap-engine layouts list
    """
    from aiida_limap.engines.descriptors import layout_names, load_layout

    found = [load_layout(name) for name in layout_names()]
    if raw:
        click.echo('\n'.join(layout.name for layout in found))
    elif as_json:
        click.echo(json.dumps([_facts(layout) for layout in found], indent=1))
    else:
        width = max(len(layout.name) for layout in found)
        click.echo(f'{"layout":<{width}}  ' + '  '.join(f'{part:>11}' for part in _PARTS) + '  title')
        for layout in found:
            counts = '  '.join(f'{len(layout.columns(part)):>11}' for part in _PARTS)
            click.echo(f'{layout.name:<{width}}  {counts}  {layout.title}')


@layouts.command('show')
@_LAYOUT
@click.option('--json', 'as_json', is_flag=True, help='Print JSON, with every option written out.')
@sentences
def show(layout: str, as_json: bool) -> None:
    """Print a layout as its YAML file, to read or as the beginning of your own.

    \b
    Example:
      limap-engine layouts show compact > mine.yaml
    """
    from aiida_limap.engines.descriptors import layout_names, load_layout

    found = load_layout(layout)
    if as_json:
        click.echo(json.dumps({**found.as_dict(), 'checksum': found.checksum}, indent=1))
        return
    # The file as it was written, since its comments say why.
    shipped = resources.files('aiida_limap.engines.descriptors') / 'layouts' / f'{layout}.yaml'
    text = shipped if layout in layout_names() else Path(layout)
    click.echo(text.read_text(encoding='utf-8').rstrip('\n'))


@layouts.command('columns')
@_LAYOUT
@click.option('--part', type=click.Choice(_PARTS), help='Only the columns of this part.')
@click.option('--block', metavar='NAME', help='Only the columns of this block, e.g. rdf.')
@click.option('--raw', is_flag=True, help='Part, block, name, unit and meaning, separated by tabs, without a heading.')
@_JSON
@sentences
def columns(layout: str, part: str | None, block: str | None, raw: bool, as_json: bool) -> None:
    """Print name, unit and meaning of every column, part by part, in the order of the numbers.

    \b
    Examples:
      limap-engine layouts columns yamaguchi2023 --part structure --block adf
      limap-engine layouts columns mine.yaml --json
    """
    from aiida_limap.engines.descriptors import load_layout

    found = load_layout(layout)
    blocks = dict.fromkeys(name for known in _PARTS if part in {None, known} for name in found.blocks(known))
    if block is not None and block not in blocks:
        where = found.name if part is None else f'the {part} part of {found.name}'
        raise click.UsageError(f'there is no block {block!r} in {where}; there are: {", ".join(blocks) or "none"}')
    chosen = [column for column in found.columns(part) if block in {None, column.block}]
    rows = [(column.part, column.block, column.name, column.unit, column.meaning) for column in chosen]
    if as_json:
        keys = ('part', 'block', 'name', 'unit', 'meaning')
        document = [
            {**dict(zip(keys, row, strict=True)), 'scale': column.scale}
            for row, column in zip(rows, chosen, strict=True)
        ]
        click.echo(json.dumps(document, indent=1))
    elif raw:
        click.echo('\n'.join('\t'.join(row) for row in rows))
    else:
        echo_aligned([('part', 'block', 'column', 'unit', 'meaning'), *rows])


@layouts.command('check')
@click.argument('file', metavar='FILE', type=click.Path(exists=True, dir_okay=False, path_type=Path))
@sentences
def check(file: Path) -> None:
    """Say whether a YAML file is a layout, and if not, what is wrong with it.

    \b
    Example:
      limap-engine layouts check mine.yaml
    """
    from aiida_limap.engines.descriptors import load_layout

    # The full path, since a file that is called like a layout of the package is still a file.
    found = load_layout(file.resolve())
    counts = ', '.join(f'{part} {len(found.columns(part))}' for part in _PARTS)
    click.echo(f'{file}: the layout {found.name!r} is fine; columns: {counts}; checksum {found.checksum[:12]}')


def renamed(command: click.Command, program: str) -> click.Command:
    """Return the same command with the examples of its help for another program.

    :param command: a command of ``limap-engine``, or a group of them.
    :param program: name of the program that it becomes a command of.
    """
    other = copy.copy(command)
    other.help = (command.help or '').replace('limap-engine', program)
    if isinstance(other, click.Group):
        other.commands = {name: renamed(entry, program) for name, entry in other.commands.items()}
    return other


def _facts(layout: Any) -> dict[str, Any]:
    return {
        'name': layout.name,
        'title': layout.title,
        'reference': layout.reference,
        'reconstruction': layout.reconstruction,
        'checksum': layout.checksum,
        'columns': {part: len(layout.columns(part)) for part in _PARTS},
        'blocks': {part: list(layout.blocks(part)) for part in _PARTS},
    }


def echo_aligned(rows: list[tuple[str, ...]]) -> None:
    """Print rows of words in columns as wide as their longest word.

    :param rows: the heading and the rows, equally long.
    """
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        click.echo('  '.join(f'{word:<{width}}' for word, width in zip(row, widths, strict=True)).rstrip())
