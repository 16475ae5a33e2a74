"""``aiida-limap map export``: a map with everything behind it, as a folder to give away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_limap.cli.base import OUTPUT_FORMATS, with_profile
from aiida_limap.cli.map_report import map_protocols
from aiida_limap.cli.output_paths import output_folder_option

if TYPE_CHECKING:
    from aiida_limap.tools.export import Exported

__all__ = ['export']

_UNITS = ('bytes', 'kB', 'MB', 'GB', 'TB')
_STEP = 1000


@click.command('export')
@click.argument('map_id', metavar='[MAP]', required=False)
@output_folder_option('map-export')
@click.option('--no-archive', is_flag=True, help='Without the archive of AiiDA.')
@click.option('--no-page', is_flag=True, help='Without the interactive page.')
@click.option('--no-report', is_flag=True, help='Without the report and what to cite.')
@click.option('--no-descriptors', is_flag=True, help='Without the tables of descriptors, the largest of all.')
@click.option(
    '--figures', type=click.Choice(OUTPUT_FORMATS), multiple=True, help='With the figures in this format; repeatable.'
)
@click.option('-f', '--force', is_flag=True, help='Replace the files of an earlier export in that folder.')
@click.option('--json', 'as_json', is_flag=True, help='Print folder, sizes, warnings and notes as JSON.')
@with_profile
def export(  # noqa: PLR0913
    map_id: str | None,
    output: Path,
    no_archive: bool,
    no_page: bool,
    no_report: bool,
    no_descriptors: bool,
    figures: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Write a map and everything behind it to a folder: to publish, to keep, or to open elsewhere.

    \b
    README.txt    what each file and each column is
    map.aiida     archive of AiiDA: `verdi archive import map.aiida` in another profile gives the map with its points,
                  calculations and structures, and the same answers
    map.html      the interactive page
    report.html   quality, meaning of the axes, best compounds, parameters
    CITATION.cff  what to cite, also as BibTeX
    map.json.gz   points and structures for programs, without AiiDA
    tables/       CSV: descriptors, codes, calculated and predicted migration energies, how each was obtained, licences

    Licences of the sources go along; a warning says where one forbids to pass on or to use commercially.

    \b
    Examples:
      aiida-limap map export 1234 --output oxides
      aiida-limap map export --output oxides --figures pdf --force
      aiida-limap map export --no-archive --no-descriptors --output tables-only
    """
    from aiida_limap.tools.export import Parts, export_map
    from aiida_limap.tools.query import load_map

    parts = Parts(
        archive=not no_archive,
        page=not no_page,
        report=not no_report,
        descriptors=not no_descriptors,
        figures=figures,
    )
    node = load_map(map_id)
    with _bars() as tell:
        done = export_map(node, output, parts=parts, replace=force, protocols=map_protocols(), progress=tell)
    _tell(done, as_json=as_json)


def _tell(done: Exported, *, as_json: bool) -> None:
    if as_json:
        document = {
            'folder': str(done.folder),
            'sizes': dict(done.sizes),
            'warnings': list(done.warnings),
            'notes': list(done.notes),
        }
        click.echo(json.dumps(document, indent=1, ensure_ascii=False))
        return
    for name, size in done.sizes.items():
        click.echo(f'{readable_size(size):>10}  {done.folder / name}')
    click.echo(f'{readable_size(sum(done.sizes.values())):>10}  in all')
    for sentence in done.notes:
        click.echo(f'left out: {sentence}', err=True)
    for sentence in done.warnings:
        click.echo(f'warning: {sentence}', err=True)


def readable_size(size: float) -> str:
    """Return a size in words.

    :param size: bytes.
    :returns: a number below 1000 with its unit.
    """
    for unit in _UNITS:
        if size < _STEP or unit == _UNITS[-1]:
            break
        size /= _STEP
    return f'{size:.0f} {unit}' if unit == _UNITS[0] else f'{size:.1f} {unit}'


@contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show one progress bar for each thing that is written, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn('{task.description:<22}'), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, int] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)  # type: ignore[arg-type]

        yield tell
