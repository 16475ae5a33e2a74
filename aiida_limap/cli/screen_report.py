"""``aiida-limap screen report`` and ``screen figures``: what a screening found, as a page and as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import counting_bar, friendly, load_chosen_profile, writable_folder
from aiida_limap.cli.report_output import (
    document_options,
    draw_with_bar,
    figure_options,
    report_formats,
    report_of_file,
    source_options,
    tell_figures,
    tell_files,
    write_documents,
)

if TYPE_CHECKING:
    from aiida_limap.formats.screening import ScreeningReport

__all__ = ['screen_figures_command', 'screen_report_command', 'write_screen_report']

_FILE = 'screening.json'
_ALL = 'models, learning, subsets, plateau, funnel, scores, contribution, occurrence, price, ternary'


_SOURCE = source_options(
    'screening', _FILE, 'Heading of the report, and name of the screening in captions.',
    click.option('--ternary', 'systems', metavar='A-B-C', multiple=True, help='Ternary system to draw, e.g. Li-P-S.'),
)  # fmt: skip


@click.command('report')
@_SOURCE
@document_options()
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
    chosen = report_formats(formats, browser)
    report = _read(screening, source, systems, title)
    files, left_out = write_screen_report(report, writable_folder(output), chosen, browser=browser)
    tell_files(files, left_out, as_json)


@click.command('figures')
@_SOURCE
@figure_options(_ALL)
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
    written = draw_with_bar(
        names,
        output,
        lambda folder, tell: write_screening_figures(report, folder, formats=formats, only=names, on_figure=tell),
    )
    tell_figures(written, as_json)


def _read(screening: str | None, source: Path | None, systems: tuple[str, ...], title: str | None) -> ScreeningReport:
    """Return what there is to tell, from a profile or from a file.

    :raises click.UsageError: if both are named, or a file is to give other diagrams than it holds.
    """
    if source is not None:
        return _of_file(source, screening, systems, title)
    load_chosen_profile()
    from aiida_limap.tools.hits import load_hits
    from aiida_limap.tools.screening import read_systems, screening_report

    wanted = read_systems(systems)
    return screening_report(load_hits(screening), title=title, systems=wanted)


def _of_file(source: Path, screening: str | None, systems: tuple[str, ...], title: str | None) -> ScreeningReport:
    from dataclasses import replace

    from aiida_limap.formats.screening import read_screening

    report = report_of_file(source, screening, 'a screening', read_screening)
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
    from aiida_limap.formats.screening import write_screening
    from aiida_limap.visualisation.screening_report import (
        write_screening_citations,
        write_screening_hits,
        write_screening_report,
    )

    files = write_documents(lambda path: write_screening_report(report, path, pictures), folder, formats, browser)
    files.append(write_screening_hits(report, folder / 'hits.csv'))
    write_screening(folder / _FILE, report)
    return [*files, folder / _FILE, write_screening_citations(report, folder / 'citations.bib')]
