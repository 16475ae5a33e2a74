"""``aiida-limap import``: structures with their origin."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_limap.cli.base import counting_bar, with_profile
from aiida_limap.cli.import_options import max_unpacked_option, order_option, report_options

if TYPE_CHECKING:
    from aiida_limap.importers.base import ImportReport

__all__ = ['import_group', 'print_entries', 'print_report']

#: Module and attribute of the commands that stand in modules of their own.
_COMMANDS = {
    'conductivities': ('importing_conductivities', 'conductivities_group'),
    'diffusivities': ('importing_diffusivities', 'diffusivities_command'),
    'mp': ('importing_mp', 'mp_command'),
    'optimade': ('importing_optimade', 'optimade_command'),
    'phonons': ('importing_phonons', 'phonons_group'),
}
#: Lines on the screen; the report in a file holds them all.
_SHOWN = 30
#: Size of a file or archive after unpacking, MiB.
_MAX_UNPACKED = 2048


class _ImportGroup(click.Group):
    """A group some of whose commands are imported only when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, attribute = _COMMANDS[cmd_name]
        return getattr(importlib.import_module(f'aiida_limap.cli.{module}'), attribute)


@click.group('import', cls=_ImportGroup)
def import_group() -> None:
    """Bring structures into the profile, each with its origin, as a dataset and a group.

    What is stored already is found again and never stored twice.

    \b
    Examples:
      aiida-limap import files my-cifs/ --name oxides
      aiida-limap import files published.tar.gz --metadata table.csv --order --report import.md
      aiida-limap import prototypes
      aiida-limap import phonons phonondb/ --name phonondb
    """


@import_group.command('files')
@click.argument('paths', metavar='PATH...', nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option('--name', help='Name of the dataset; by default the name of the first folder or file.')
@click.option(
    '--ids-of',
    type=click.Choice(['materials-project']),
    help='The file names are ids of this database (mp-10499.cif): points will link to it.',
)
@click.option(
    '--metadata',
    type=click.Path(path_type=Path),
    help='Table (.csv, .tsv, .json) with one row per file: id or file, and db_name, uri, version, license, doi …',
)
@order_option
@max_unpacked_option(_MAX_UNPACKED, 'one file or archive')
@report_options
@with_profile
def files(
    paths: tuple[Path, ...],
    name: str | None,
    *,
    order: bool,
    max_unpacked: int,
    report: Path | None,
    as_json: bool,
    **options: str | Path | None,
) -> None:
    """Import structure files (CIF, POSCAR, extended XYZ …), and all such files in folders and archives.

    A CIF with several data blocks gives several structures. Files may be compressed (.gz, .bz2, .xz), archives are zip
    or tar; nothing is unpacked to disk. A file that cannot be read is reported and left out; the rest is imported.
    Files that were imported before are found again and not stored twice.

    Disordered structures are kept, and get no migration energy; --order puts one ordered arrangement in the place of
    each, linked to it.

    \b
    Examples:
      aiida-limap import files my-cifs/ --name oxides
      aiida-limap import files mp-10499.cif mp-559776.cif --name two --ids-of materials-project
      aiida-limap import files published.tar.gz --metadata table.csv --order --report import.md
    """
    from aiida_limap.importers._archives import stem_of
    from aiida_limap.importers.base import check_name, check_report_path
    from aiida_limap.importers.files import FileOptions, import_files

    check_report_path(report)
    label = stem_of(paths[0].resolve().name) if name is None else name
    check_name(label)
    chosen = FileOptions(order=order, max_bytes=max_unpacked * 1024**2, **options)  # type: ignore[arg-type]
    with counting_bar('importing files') as (on_start, on_progress):
        done = import_files(paths, name=label, options=chosen, on_start=on_start, on_progress=on_progress)
    print_report(done, as_json, report)


@import_group.command('prototypes')
@click.option('--name', default='prototypes', show_default=True, help='Name of the dataset.')
@click.option('--limit', type=click.IntRange(min=1), help='Take only this many, spread evenly over the library.')
@report_options
@with_profile
def prototypes(name: str, limit: int | None, report: Path | None, as_json: bool) -> None:
    """Import the embedded library: literature prototypes and their ionic substitutions.

    \b
    Example:
      aiida-limap import prototypes
    """
    from aiida_limap.importers.base import check_name, check_report_path
    from aiida_limap.importers.prototypes import import_prototypes

    check_report_path(report)
    check_name(name)
    with counting_bar('importing prototypes') as (on_start, on_progress):
        done = import_prototypes(name=name, limit=limit, on_start=on_start, on_progress=on_progress)
    print_report(done, as_json, report)


def print_report(report: ImportReport, as_json: bool = False, path: Path | None = None) -> None:
    """Print what an import did: the sum of it on standard output, what was left out on standard error.

    :param report: the report.
    :param as_json: as JSON instead of sentences.
    :param path: file to which the whole report is written as well.
    :raises ImporterError: if the file cannot be written.
    """
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=1))
    else:
        print_entries('left out', [(entry.name, entry.reason) for entry in report.refused])
        print_entries('note:', [(entry.name, entry.reason) for entry in report.notes])
        click.echo(report.summary())
    if path is not None:
        report.write(path)
        click.echo(f'the report is in {path}', err=True)


def print_entries(word: str, entries: Sequence[tuple[str, str]], shown: int = _SHOWN) -> None:
    """Print on standard error what became of some entries, and how many are not named.

    :param word: what became of them.
    :param entries: name and reason of each.
    :param shown: how many are named.
    """
    for name, reason in entries[:shown]:
        click.echo(f'{word} {name}: {reason}', err=True)
    if len(entries) > shown:
        click.echo(f'{word} {len(entries) - shown} more, which --report FILE or --json list', err=True)
