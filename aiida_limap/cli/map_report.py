"""``aiida-limap map report``: what a map was made from, how good it is and where to look next, as one file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import counting_bar, with_profile, writable_folder
from aiida_limap.cli.report_output import document_options, report_formats, write_documents

if TYPE_CHECKING:
    from aiida_limap.visualisation.report_parts import MapReport

__all__ = ['map_protocols', 'map_report_command', 'write_map_report']

#: Reading the map, collecting what is said of it, and writing.
_STEPS_BESIDE_FIGURES = 3


@click.command('report')
@click.argument('map_id', metavar='[MAP]', required=False)
@document_options()
@click.option('--title', help='Heading of the report.')
@click.option('--json', 'as_json', is_flag=True, help='Print the files, and what could not be said, as JSON.')
@with_profile
def map_report_command(
    map_id: str | None, output: Path, formats: str, browser: str | None, title: str | None, as_json: bool
) -> None:
    """Write the report of a map into a folder: one file that needs no network, and what to cite as BibTeX.

    It tells which structures the map was made from and what was lost, how good the map is, what its axes mean, where to
    look next, the best known compounds, all parameters, the identifiers of all nodes and what to cite. The PDF is
    printed by a browser that is installed.

    \b
    Examples:
      aiida-limap map report 1234 --output report
      aiida-limap map report 1234 --output report --format html,pdf
    """
    from aiida_limap.tools.query import load_map

    chosen = report_formats(formats, browser)
    node = load_map(map_id)
    files, report = write_map_report(node, writable_folder(output), chosen, title=title, browser=browser)
    unsaid = {**report.missing, **report.not_drawn}
    if as_json:
        click.echo(json.dumps({'files': [str(path) for path in files], 'not_said': unsaid}, indent=1))
        return
    for path in files:
        click.echo(path)
    for name, reason in unsaid.items():
        click.echo(f'left out: {name.replace("_", " ")}: {reason}', err=True)


def write_map_report(
    node: Any,
    folder: Path,
    formats: tuple[str, ...] = ('html',),
    *,
    title: str | None = None,
    browser: str | None = None,
) -> tuple[list[Path], MapReport]:
    """Write the report of a map: ``report.html``, ``report.pdf`` and ``citations.bib``.

    :param node: the stored map.
    :param folder: the folder to write to.
    :param formats: ``html``, ``pdf`` or both.
    :param title: heading; None makes one from the label or the number of points.
    :param browser: the browser that prints the PDF; None looks for one.
    :returns: the files, and what the report says.
    :raises aiida_limap.visualisation.errors.VisualisationError: if the map has no points, a file cannot be written, or
        no PDF can be made.
    """
    from aiida_limap.visualisation.report_pictures import REPORT_FIGURES

    with counting_bar('Writing the report') as (total, advance):
        total(len(REPORT_FIGURES) + _STEPS_BESIDE_FIGURES)
        report = _collect(node, title, lambda: advance(1))
        files = _write(report, folder, formats, browser)
        advance(1)
    return files, report


def map_protocols() -> dict[str, dict[str, Any]]:
    """Return the inputs of each protocol of a map by its name, which reports compare with."""
    from aiida_limap.workflows.map import MapWorkChain

    return {name: MapWorkChain.get_protocol_inputs(name) for name in MapWorkChain.get_available_protocols()}


def _collect(node: Any, title: str | None, step: Callable[[], None]) -> MapReport:
    from aiida_limap.tools.figure_data import figure_inputs
    from aiida_limap.tools.report_data import drawn_map_report
    from aiida_limap.visualisation.report_pictures import REPORT_FIGURES

    inputs = figure_inputs(node, only=REPORT_FIGURES, title=title)
    step()
    report = drawn_map_report(node, inputs, map_protocols(), lambda _name: step())
    step()
    return report


def _write(report: MapReport, folder: Path, formats: tuple[str, ...], browser: str | None) -> list[Path]:
    from aiida_limap.visualisation.report import write_citations, write_report

    files = write_documents(lambda path: write_report(report, path), folder, formats, browser)
    return [*files, write_citations(report, folder / 'citations.bib')]
