"""``aiida-limap install``: what calculations refer to, such as sets of bond-valence parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import with_profile
from aiida_limap.cli.listing import refuse_both

if TYPE_CHECKING:
    from aiida_limap.data.bond_valence import BondValenceData

__all__ = ['install']

#: So many ions are listed before the line is cut.
_MAX_LISTED = 12


@click.group('install')
def install() -> None:
    """Install what calculations refer to.

    \b
    Examples:
      aiida-limap install parameters
      aiida-limap install parameters my_parameters.yaml --name mine
    """


@install.command('parameters')
@click.argument('file', metavar='[FILE]', required=False, type=click.Path(path_type=Path))
@click.option('--default', 'is_default', is_flag=True, help='Install the set that comes with the package.')
@click.option('--name', help='Short name, in place of that in the file.')
@click.option('--set-version', 'version', help='Version of the set, in place of that in the file.')
@click.option('--citation', help='Where the numbers were published, in place of what the file says.')
@click.option('--licence', '--license', 'licence', help='Licence of the numbers, in place of what the file says.')
@click.option('--raw', is_flag=True, help='Print only the pk.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_profile
def parameters_command(file: Path | None, is_default: bool, raw: bool, as_json: bool, **words: str | None) -> None:
    """Store a set of bond-valence parameters as a node; without FILE the set that comes with the package.

    FILE is YAML in the format that docs/topics/parameters.md describes. It is checked before anything is stored. A file
    that is stored already is found again, and not stored twice.

    \b
    Examples:
      aiida-limap install parameters
      aiida-limap install parameters my_parameters.yaml --name mine --citation 'A. Author, J. Somewhere 1, 2 (2020)'
      aiida-limap launch map --group oxides --parameters mine
    """
    refuse_both(raw, as_json)
    if is_default and file is not None:
        raise click.UsageError('name a FILE or give --default')
    from aiida_limap.data.bond_valence import BondValenceData

    try:
        node = BondValenceData.get_or_create(file, **words)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    is_new = not node.is_stored
    if is_new:
        _check_name(node)
        node.store()
    if raw:
        click.echo(node.pk)
    elif as_json:
        click.echo(json.dumps(_facts(node, is_new), indent=1))
    else:
        _print(node, is_new)


def _check_name(node: BondValenceData) -> None:
    """Refuse a name that another set has, which could not be told from this one."""
    from aiida.orm import QueryBuilder

    from aiida_limap.data.bond_valence import BondValenceData

    for other in QueryBuilder().append(BondValenceData, filters={'attributes.name': node.name}).all(flat=True):
        if other.title == node.title and other.checksum != node.checksum:
            raise click.ClickException(
                f'another set is called {node.title!r} already (pk {other.pk}); choose another --name or --set-version'
            )


def _facts(node: BondValenceData, is_new: bool) -> dict[str, Any]:
    names = ('pk', 'uuid', 'name', 'version', 'citation', 'licence', 'checksum', 'md5', 'number_of_pairs')
    lists = ('presets', 'cations', 'anions')
    return {'new': is_new, **{name: getattr(node, name) for name in (*names, *lists)}}


def _print(node: BondValenceData, is_new: bool) -> None:
    click.echo(f'{"installed" if is_new else "already installed"}: {node.title}, pk {node.pk}')
    rows = {
        'pairs': str(node.number_of_pairs),
        'cations': _listed(node.cations),
        'anions': _listed(node.anions),
        'presets': ', '.join(node.presets),
        'citation': node.citation,
        'licence': node.licence or 'not stated',
        'sha256': node.checksum,
    }
    for key, words in rows.items():
        click.echo(f'  {key:<10}{words}')
    click.echo(f'use it: aiida-limap launch map --group GROUP --parameters {node.pk}')


def _listed(ions: list[str]) -> str:
    more = f' and {len(ions) - _MAX_LISTED} more' if len(ions) > _MAX_LISTED else ''
    return ', '.join(ions[:_MAX_LISTED]) + more
