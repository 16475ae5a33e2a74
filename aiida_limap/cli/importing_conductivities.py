"""``aiida-limap import conductivities``: measured conductivities as labels, with the structures that go with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import counting_bar, with_profile
from aiida_limap.cli.import_options import order_option, report_options

if TYPE_CHECKING:
    from aiida_limap.importers.conductivities import ConductivityReport

__all__ = ['conductivities_group']

_Function = Callable[..., Any]
#: Lines on the screen; the report in a file holds them all.
_SHOWN = 10
_DUPLICATES = click.Choice(['merge', 'keep', 'refuse'])


@click.group('conductivities')
def conductivities_group() -> None:
    """Bring measured conductivities into the profile: a table of labels with a citation per row.

    A label is 1 for fast conductors (at least 1e-4 S/cm at room temperature) and 0 for others. Structures come in too,
    as a dataset and a group, and the table tells how each was matched to its conductivity.

    \b
    Examples:
      aiida-limap import conductivities embedded
      aiida-limap import conductivities obelix train.csv --cifs train_cifs.tar.gz --order
      aiida-limap import conductivities liverpool LiIonDatabase.csv --match oxides
    """


def _collection(name: str, *more: _Function, duplicates: str = 'merge') -> Callable[[_Function], click.Command]:
    """Return a decorator that makes the command of a collection, with the options of all files.

    :param name: name of the command.
    :param more: decorators of further options.
    :param duplicates: what becomes of several rows of a compound unless something else is asked for.
    """
    options: list[_Function] = [
        click.argument('file', type=click.Path(path_type=Path)),
        click.option('--name', help='Name of the dataset and the table.'),
        order_option,
        click.option(
            '--match', 'match_with', metavar='DATASET', help='Look for structures in this dataset of the profile.'
        ),
        report_options,
        *more,
        click.option(
            '--duplicates',
            type=_DUPLICATES,
            default=duplicates,
            show_default=True,
            help='Several rows of a compound.',
        ),
        with_profile,
    ]

    def decorate(function: _Function) -> click.Command:
        for option in reversed(options):
            function = option(function)
        return conductivities_group.command(name)(function)

    return decorate


@conductivities_group.command('embedded')
@click.option('--name', default='conductivities', show_default=True, help='Name of the dataset and the table.')
@report_options
@with_profile
def embedded(name: str, report: Path | None, as_json: bool) -> None:
    """Import the embedded conductivities: 85 compounds of the literature, 45 of them with a crystal.

    \b
    Example:
      aiida-limap import conductivities embedded
    """
    from aiida_limap.importers.base import check_report_path
    from aiida_limap.importers.conductivities import import_embedded

    check_report_path(report)
    with counting_bar('importing structures') as (on_start, on_progress):
        done = import_embedded(name=name, on_start=on_start, on_progress=on_progress)
    _print(done, as_json, report)


@_collection(
    'obelix',
    click.option('--cifs', type=click.Path(path_type=Path), help='Folder, zip or tar archive of files <ID>.cif.'),
)
def obelix(**options: Any) -> None:
    """Import OBELiX: its table (train.csv or all.csv) and, with --cifs, its crystals.

    Most of the crystals are disordered; --order puts one ordered arrangement in the place of each.

    \b
    Example:
      aiida-limap import conductivities obelix train.csv --cifs train_cifs.tar.gz --order
    """
    _import('obelix', **options)


@_collection('liverpool')
def liverpool(**options: Any) -> None:
    """Import the Liverpool Ionics Dataset (LiIonDatabase.csv).

    Taken is what was measured between 15 and 35 °C. The file holds no structures; --match looks for them in a dataset
    of the profile.

    \b
    Example:
      aiida-limap import conductivities liverpool LiIonDatabase.csv --match oxides
    """
    _import('liverpool', **options)


@_collection('laskowski')
def laskowski(**options: Any) -> None:
    """Import the collection of Laskowski, McHaffie and See.

    It holds no structures; --match looks for them in a dataset of the profile.

    \b
    Example:
      aiida-limap import conductivities laskowski conductivities.csv --match oxides
    """
    _import('laskowski', **options)


@_collection('csv', duplicates='refuse')
def own_table(**options: Any) -> None:
    """Import a table of your own, with the columns formula, citation, and conductivity_S_per_cm or label.

    Further columns are id, temperature_K, kind, space_group, structure (a file), match_note and note.

    \b
    Example:
      aiida-limap import conductivities csv mine.csv --name mine
    """
    _import('csv', **options)


def _import(kind: str, *, file: Path, as_json: bool, report: Path | None, **options: Any) -> None:
    from aiida_limap.importers.base import check_report_path
    from aiida_limap.importers.conductivities import ConductivityOptions, import_collection

    check_report_path(report)
    with counting_bar('importing structures') as (on_start, on_progress):
        done = import_collection(kind, file, ConductivityOptions(**options), on_start=on_start, on_progress=on_progress)
    _print(done, as_json, report)


def _print(done: ConductivityReport, as_json: bool, path: Path | None) -> None:
    from aiida_limap.cli.importing import print_entries

    if as_json:
        click.echo(json.dumps(done.as_dict(), indent=1))
    else:
        print_entries('left out', [(entry.id, entry.reason) for entry in done.labelled.left_out], _SHOWN)
        click.echo(done.summary())
    if path is not None:
        done.write(path)
        click.echo(f'the report is in {path}', err=True)
