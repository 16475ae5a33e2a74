"""``aiida-limap import``: structures with their origin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_limap.cli.base import counting_bar, with_profile

if TYPE_CHECKING:
    from aiida_limap.importers.base import ImportReport

__all__ = ['import_group', 'print_report']


@click.group('import')
def import_group() -> None:
    """Bring structures into the profile, each with its origin, as a dataset and a group.

    \b
    Example:
      aiida-limap import files my-cifs/ --name oxides
    """


@import_group.command('files')
@click.argument('paths', metavar='PATH...', nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option('--name', help='Name of the dataset; by default the name of the first folder or file.')
@click.option(
    '--ids-of',
    type=click.Choice(['materials-project']),
    help='The file names are ids of this database (mp-10499.cif): points will link to it.',
)
@click.option('--json', 'as_json', is_flag=True, help='Print the report as JSON.')
@with_profile
def files(paths: tuple[Path, ...], name: str | None, ids_of: str | None, as_json: bool) -> None:
    """Import structure files (CIF, POSCAR …) and all such files below folders.

    A file that cannot be read is reported and left out; the rest is imported. Files that were imported before are found
    again and not stored twice.

    \b
    Examples:
      aiida-limap import files my-cifs/ --name oxides
      aiida-limap import files mp-10499.cif mp-559776.cif --name two --ids-of materials-project
    """
    from aiida_limap.importers.files import import_files

    label = name or paths[0].resolve().stem
    with counting_bar('importing files') as (on_start, on_progress):
        report = import_files(paths, name=label, ids_of=ids_of, on_start=on_start, on_progress=on_progress)
    print_report(report, as_json)


@import_group.command('prototypes')
@click.option('--name', default='prototypes', show_default=True, help='Name of the dataset.')
@click.option('--limit', type=click.IntRange(min=1), help='Take only this many, spread evenly over the library.')
@click.option('--json', 'as_json', is_flag=True, help='Print the report as JSON.')
@with_profile
def prototypes(name: str, limit: int | None, as_json: bool) -> None:
    """Import the embedded library: literature prototypes and their ionic substitutions.

    \b
    Example:
      aiida-limap import prototypes
    """
    from aiida_limap.importers.prototypes import import_prototypes

    with counting_bar('importing prototypes') as (on_start, on_progress):
        report = import_prototypes(name=name, limit=limit, on_start=on_start, on_progress=on_progress)
    print_report(report, as_json)


def print_report(report: ImportReport, as_json: bool = False) -> None:
    """Print what an import did.

    :param report: the report.
    :param as_json: as JSON instead of sentences.
    """
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=1))
        return
    for refusal in report.refused:
        click.echo(f'left out {refusal.name}: {refusal.reason}', err=True)
    for note in report.notes:
        click.echo(f'note: {note.name}: {note.reason}', err=True)
    click.echo(report.summary())
