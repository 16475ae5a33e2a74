"""``aiida-limap screen report`` and ``screen figures``: what a screening found, as a page and as pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import OUTPUT_FORMATS, counting_bar, friendly, load_profile, writable_folder
from aiida_limap.cli.map_report import report_formats

if TYPE_CHECKING:
    from aiida_limap.formats.screening import ScreeningReport

__all__ = ['screen_figures_command', 'screen_report_command', 'write_screen_report']

_FILE = 'screening.json'
_ALL = 'models, learning, subsets, plateau, funnel, scores, contribution, occurrence, price, ternary'


def _shared(function: Callable[..., None]) -> Callable[..., None]:
    """Add what both commands take: the screening, or a file, and what is drawn of it."""
    options = (
        click.argument('screening', metavar='[SCREENING]', required=False),
        click.option('--from', 'source', type=click.Path(path_type=Path), help=f'Read a {_FILE} and no profile.'),
        click.option(
            '--ternary', 'systems', metavar='A-B-C', multiple=True, help='Ternary system to draw, e.g. Li-P-S.'
        ),
        click.option('--title', help='Heading of the report, and name of the screening in captions.'),
        click.option('--json', 'as_json', is_flag=True, help='Print the files, and what was left out, as JSON.'),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command('report')
@_shared
@click.option('-o', '--output', type=click.Path(path_type=Path), default=Path('report'), show_default=True)
@click.option('--format', 'formats', metavar='NAMES', default='html', show_default=True, help='html, pdf or html,pdf.')
@click.option('--browser', metavar='NAME', help='Chromium, Chrome or Edge that prints the PDF; else one is looked for.')
@friendly
def screen_report_command(  # noqa: PLR0913
    screening: str | None,
    source: Path | None,
    systems: tuple[str, ...],
    title: str | None,
    as_json: bool,
    output: Path,
    formats: str,
    browser: str | None,
) -> None:
    """Write the report of a screening into a folder: one page that needs no network, and the files behind it.

    report.html holds the funnel beside the published counts, the hits as a table to sort and to filter by elements, how
    good the models are, figures, and the identifiers of all nodes. hits.csv holds the hits, screening.json all of it,
    citations.bib what to cite.

    \b
    Examples:
      aiida-limap screen report 1234 --output report
      aiida-limap screen report 1234 --ternary Li-P-S --ternary Li-Y-Cl
      aiida-limap screen report --from report/screening.json --format html,pdf
    """
    from aiida_limap.visualisation.report_pdf import find_browser

    chosen = report_formats(formats)
    if 'pdf' in chosen:
        # Told before the work, not after it.
        find_browser(browser)
    report = _read(screening, source, systems, title)
    files, left_out = write_screen_report(report, writable_folder(output), chosen, browser=browser)
    if as_json:
        click.echo(json.dumps({'files': [str(path) for path in files], 'left_out': left_out}, indent=1))
        return
    for path in files:
        click.echo(path)
    for name, reason in left_out.items():
        click.echo(f'{name} is left out: {reason}', err=True)


@click.command('figures')
@_shared
@click.option('-o', '--output', type=click.Path(path_type=Path), default=Path('figures'), show_default=True)
@click.option(
    '--format', 'formats', type=click.Choice(OUTPUT_FORMATS), multiple=True, default=OUTPUT_FORMATS, show_default=True
)
@click.option('--only', metavar='NAMES', help=f'Only these, separated by commas: {_ALL}.')
@friendly
def screen_figures_command(  # noqa: PLR0913
    screening: str | None,
    source: Path | None,
    systems: tuple[str, ...],
    title: str | None,
    as_json: bool,
    output: Path,
    formats: tuple[str, ...],
    only: str | None,
) -> None:
    """Draw the figures of a screening, each with its numbers as CSV and its caption as text.

    \b
    models        accuracy of each model on each set, beside Table I of the publication
    learning      scores against the number of labels
    subsets       best subset of features by its size, and what is left without the optimism of the search
    plateau       scores against the dimension of the element vectors
    funnel        compositions left after each stage, beside the published counts
    scores        compositions by score
    contribution  what each element adds to a prediction, as a periodic table
    occurrence    hits that hold each element, as a periodic table
    price         prices of the elements, as a periodic table
    ternary       predicted conduction of ternary systems

    The publication is Cubuk et al., J. Chem. Phys. 150, 214701 (2019). What a screening cannot give is left out, with a
    sentence on standard error.

    \b
    Examples:
      aiida-limap screen figures 1234 --output figures --format pdf
      aiida-limap screen figures 1234 --only ternary --ternary Li-P-S --ternary Li-P-O
      aiida-limap screen figures --from report/screening.json --only models,funnel
    """
    from aiida_limap.visualisation.screening import choose_screening_figures, write_screening_figures

    names = choose_screening_figures(only)
    report = _read(screening, source, systems, title)
    folder = writable_folder(output)
    with counting_bar('drawing') as (total, advance):
        total(len(names))
        written = write_screening_figures(
            report, folder, formats=formats, only=names, on_figure=lambda _name: advance(1)
        )
    if not written.figures:
        name, reason = next(iter(written.left_out.items()))
        raise click.ClickException(f'no figure was drawn; {name}: {reason}')
    if as_json:
        found = [
            {'name': figure.name, 'caption': figure.caption, 'files': [str(path) for path in figure.files]}
            for figure in written.figures
        ]
        click.echo(json.dumps({'figures': found, 'left_out': dict(written.left_out)}, indent=1, ensure_ascii=False))
        return
    for path in written.files:
        click.echo(path)
    for name, reason in written.left_out.items():
        click.echo(f'{name} is left out: {reason}', err=True)


def _read(screening: str | None, source: Path | None, systems: tuple[str, ...], title: str | None) -> ScreeningReport:
    """Return what there is to tell, from a profile or from a file.

    :raises click.UsageError: if both are named, or a file is to give other diagrams than it holds.
    """
    if source is not None:
        return _of_file(source, screening, systems, title)
    load_profile((click.get_current_context().find_root().obj or {}).get('profile'))
    from aiida_limap.tools.hits import load_hits
    from aiida_limap.tools.screening import read_systems, screening_report

    wanted = read_systems(systems)
    return screening_report(load_hits(screening), title=title, systems=wanted)


def _of_file(source: Path, screening: str | None, systems: tuple[str, ...], title: str | None) -> ScreeningReport:
    from dataclasses import replace

    from aiida_limap.formats.screening import read_screening

    if screening is not None:
        raise click.UsageError('name a screening of the profile, or a file with --from, not both')
    report = read_screening(source)
    if systems:
        known = {'-'.join(entry.elements): entry for entry in report.ternaries}
        missing = [word for word in systems if word not in known]
        if missing:
            held = ', '.join(known) or 'none'
            raise click.ClickException(
                f'{source} holds no diagram {missing[0]}, only {held}; name the screening itself, so that its model '
                'can be asked'
            )
        report = replace(report, ternaries=tuple(known[word] for word in systems))
    return report if title is None else replace(report, title=title)


def write_screen_report(
    report: ScreeningReport, folder: Path, formats: tuple[str, ...] = ('html',), *, browser: str | None = None
) -> tuple[list[Path], dict[str, str]]:
    """Write the report of a screening: page, hits, everything as a file, and what to cite.

    :param report: the screening.
    :param folder: the folder to write to.
    :param formats: ``html``, ``pdf`` or both.
    :param browser: the browser that prints the PDF; None looks for one.
    :returns: the files, and for figures that the screening cannot give why, by name.
    :raises aiida_limap.visualisation.errors.VisualisationError: if a file cannot be written, or no PDF can be made.
    """
    from aiida_limap.visualisation.screening import SCREENING_FIGURES
    from aiida_limap.visualisation.screening_report import draw_screening_pictures

    with counting_bar('Writing the report') as (total, advance):
        total(len(SCREENING_FIGURES) + 1)
        pictures, left_out = draw_screening_pictures(report, lambda _name: advance(1))
        files = _write(report, folder, pictures, formats, browser)
        advance(1)
    return files, dict(left_out)


def _write(
    report: ScreeningReport, folder: Path, pictures: Any, formats: tuple[str, ...], browser: str | None
) -> list[Path]:
    import tempfile

    from aiida_limap.formats.screening import write_screening
    from aiida_limap.visualisation.report_pdf import print_pdf
    from aiida_limap.visualisation.screening_report import (
        write_screening_citations,
        write_screening_hits,
        write_screening_report,
    )

    files = []
    with tempfile.TemporaryDirectory(prefix='limap-report-') as scratch:
        page = write_screening_report(
            report, (folder if 'html' in formats else Path(scratch)) / 'report.html', pictures
        )
        if 'html' in formats:
            files.append(page)
        if 'pdf' in formats:
            files.append(print_pdf(page, folder / 'report.pdf', browser))
    files.append(write_screening_hits(report, folder / 'hits.csv'))
    write_screening(folder / _FILE, report)
    return [*files, folder / _FILE, write_screening_citations(report, folder / 'citations.bib')]
