"""``aiida-limap import mp``: structures of the Materials Project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aiida_limap.cli.base import counting_bar, with_profile
from aiida_limap.cli.import_options import order_option, report_options
from aiida_limap.cli.number_types import FiniteNumber

if TYPE_CHECKING:
    from aiida_limap.importers.base import ImportReport
    from aiida_limap.importers.materials_project import MaterialsProjectFilter

__all__ = ['chosen_materials', 'filter_options', 'mp_command', 'print_with_terms']


def _words(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Return what stands between commas."""
    return tuple(word.strip() for word in (value or '').split(',') if word.strip())


Command = TypeVar('Command', bound=Callable[..., Any])

#: Options that choose materials, by the names of what `MaterialsProjectFilter` takes.
_FILTER = (
    click.option('--elements', metavar='LIST', callback=_words, help='Elements that must all be there, e.g. Li,O.'),
    click.option('--exclude-elements', metavar='LIST', callback=_words, help='Elements that must not be there.'),
    click.option(
        '--chemsys',
        metavar='LIST',
        callback=_words,
        help='Chemical systems, any of them, e.g. Li-O,Li-P-S; in quotes, * stands for one element.',
    ),
    click.option('--formula', metavar='LIST', callback=_words, help='Formulas, any of them, e.g. Li3PS4,Li7P3S11.'),
    click.option(
        '--max-hull-eV',
        'max_hull_ev',
        type=FiniteNumber(min=0),
        help='Largest energy above the convex hull (eV per atom).',
    ),
    click.option('--max-sites', type=click.IntRange(min=1), help='Largest number of sites of the primitive cell.'),
    click.option('--observed', is_flag=True, help='Only crystals that were observed in experiment.'),
    click.option('--no-gnome', is_flag=True, help='Without the entries of GNoME, which forbid commercial use.'),
    click.option('--ids', metavar='IDS', help='Only these: mp-10499,mp-559776 or a file of ids.'),
    click.option('--limit', type=click.IntRange(min=1), help='Take only this many, the first by id.'),
)


def filter_options(command: Command) -> Command:
    """Give a command the options that choose materials.

    :param command: the function; what it gets of them goes to :func:`chosen_materials`.
    :returns: the function with its options.
    """
    for option in reversed(_FILTER):
        command = option(command)
    return command


def chosen_materials(options: dict[str, Any]) -> MaterialsProjectFilter:
    """Return what the options choose.

    :param options: values of the options of :func:`filter_options`.
    :raises ImporterError: if nothing is named, or something named cannot be.
    """
    from aiida_limap.importers.materials_project import MaterialsProjectFilter, read_ids

    named = dict(options)
    ids, no_gnome, hull = (named.pop(key) for key in ('ids', 'no_gnome', 'max_hull_ev'))
    return MaterialsProjectFilter(
        ids=() if ids is None else read_ids(ids), gnome=not no_gnome, max_hull_eV_per_atom=hull, **named
    )


def print_with_terms(done: ImportReport, as_json: bool, path: Path | None) -> None:
    """Print what an import did, and what the licences ask for.

    :param done: the report.
    :param as_json: as JSON instead of sentences.
    :param path: file to which the whole report is written as well.
    :raises ImporterError: if the file cannot be written.
    """
    from aiida_limap.cli.importing import print_report
    from aiida_limap.importers.materials_project import LICENCE_TERMS

    print_report(done, as_json)
    for licence in sorted(set(done.tally.licences) & set(LICENCE_TERMS)):
        click.echo(f'{licence}: {LICENCE_TERMS[licence]}', err=True)
    if path is not None:
        done.write(path)


@click.command('mp')
@click.option('--name', required=True, help='Name of the dataset.')
@filter_options
@order_option
@report_options
@with_profile
def mp_command(name: str, *, order: bool, report: Path | None, as_json: bool, **options: Any) -> None:
    """Import structures of the Materials Project, with their origin, version and licence.

    All options that choose must hold together. The key is read from MP_API_KEY, or from the configuration of pymatgen
    (PMG_MAPI_KEY), and kept nowhere. Structures are stored as they come; what is stored already is not downloaded
    again, so that the same command goes on after a failure. Deprecated entries are never taken.

    \b
    Examples:
      aiida-limap import mp --name oxides --elements Li,O --max-hull-eV 0.05 --max-sites 60
      aiida-limap import mp --name thiophosphates --chemsys Li-P-S --observed --report thiophosphates.md
      aiida-limap import mp --name two --ids mp-10499,mp-559776
    """
    from aiida_limap.importers.base import check_report_path
    from aiida_limap.importers.materials_project import import_materials_project

    check_report_path(report)
    chosen = chosen_materials(options)
    with counting_bar('importing structures') as (on_start, on_progress):
        done = import_materials_project(
            chosen,
            name=name,
            order=order,
            on_start=on_start,
            on_progress=on_progress,
            on_wait=lambda sentence: click.echo(sentence, err=True),
        )
    print_with_terms(done, as_json, report)
