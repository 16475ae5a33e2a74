"""``aiida-limap phonons figures`` and ``phonons page``: clusters of phonons as pictures and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_limap.cli.base import counting_bar, friendly, load_chosen_profile, writable_folder
from aiida_limap.cli.output_paths import output_folder_option
from aiida_limap.cli.report_output import (
    draw_with_bar,
    figure_options,
    report_of_file,
    source_options,
    tell_figures,
    tell_files,
)

if TYPE_CHECKING:
    from aiida_limap.formats.phonons import PhononReport

__all__ = ['phonons_figures_command', 'phonons_page_command', 'write_phonons_page']

_FILE = 'phonons.json'
_ALL = 'dendrogram, silhouettes, choice, scatter, plane, densities, conduction'


_SOURCE = source_options('clusters', _FILE, 'Heading of the page, and name of the work in captions.')


@click.command('page', short_help='Write the page of clusters of phonons, and the files behind it, into a folder.')
@_SOURCE
@output_folder_option('phonons')
@friendly
def phonons_page_command(
    clusters: str | None, source: Path | None, title: str | None, as_json: bool, output: Path
) -> None:
    """Write the page of clusters of phonons into a folder: one file that needs no network, and the files behind it.

    phonons.html holds the compounds over two quantities of choice and as a table to sort and to filter; a click on one
    shows its densities of states beside those of its cluster. compounds.csv holds the numbers,
    phonons.json all of it.

    \b
    Examples:
      aiida-limap phonons page 1234 --output page
      aiida-limap phonons page --from phonons.json --title "Lithium halides"
    """
    report = _read(clusters, source, title)
    files, left_out = write_phonons_page(report, writable_folder(output))
    tell_files(files, left_out, as_json)


@click.command('figures')
@_SOURCE
@figure_options(_ALL)
@friendly
def phonons_figures_command(
    clusters: str | None,
    source: Path | None,
    title: str | None,
    as_json: bool,
    output: Path,
    formats: tuple[str, ...],
    only: str | None,
) -> None:
    """Draw the figures of clusters of phonons, each with its numbers as CSV and its caption as text.

    \b
    dendrogram   the tree of Ward's method, with the line that cuts it into clusters
    silhouettes  silhouette of each compound, by method
    choice       measures by number of clusters, and what each of them chooses
    scatter      clusters over band centre, band centre at 298 K, and width
    plane        clusters over the principal components of what was clustered
    densities    densities of states of the clusters, mean and band
    conduction   diffusivity or conductivity against band centre, with the rank correlation

    What a report cannot give is left out, with a sentence on standard error.

    \b
    Examples:
      aiida-limap phonons figures 1234 --output figures --format pdf
      aiida-limap phonons figures --from phonons.json --only dendrogram,conduction
    """
    from aiida_limap.visualisation.phonons import choose_phonon_figures, write_phonon_figures

    names = choose_phonon_figures(only)
    report = _read(clusters, source, title)
    written = draw_with_bar(
        names,
        output,
        lambda folder, tell: write_phonon_figures(report, folder, formats=formats, only=names, on_figure=tell),
    )
    tell_figures(written, as_json)


def _read(clusters: str | None, source: Path | None, title: str | None) -> PhononReport:
    """Return what there is to tell, from a profile or from a file.

    :raises click.UsageError: if both are named.
    """
    from dataclasses import replace

    from aiida_limap.formats.phonons import read_phonon_report

    if source is None:
        load_chosen_profile()
        from aiida_limap.tools.phonon_report import phonon_clusters_report
        from aiida_limap.tools.phonons import load_phonon_clusters

        return phonon_clusters_report(load_phonon_clusters(clusters), title=title)
    report = report_of_file(source, clusters, 'clusters', read_phonon_report)
    return report if title is None else replace(report, title=title)


def write_phonons_page(report: PhononReport, folder: Path) -> tuple[list[Path], dict[str, str]]:
    """Write the page of a report of phonons: page, compounds, and everything as a file.

    :param report: the report.
    :param folder: the folder to write to.
    :returns: the files, and for figures that the report cannot give why, by name.
    :raises aiida_limap.visualisation.errors.VisualisationError: if a file cannot be written.
    """
    from aiida_limap.formats.phonons import write_phonon_report
    from aiida_limap.visualisation.phonon_page import draw_phonon_pictures, write_phonon_compounds, write_phonon_page
    from aiida_limap.visualisation.phonons import PHONON_FIGURES

    with counting_bar('Writing the page') as (total, advance):
        total(len(PHONON_FIGURES) + 1)
        pictures, left_out = draw_phonon_pictures(report, lambda _name: advance(1))
        files = [
            write_phonon_page(report, folder / 'phonons.html', pictures),
            write_phonon_compounds(report, folder / 'compounds.csv'),
        ]
        write_phonon_report(folder / _FILE, report)
        advance(1)
    return [*files, folder / _FILE], dict(left_out)
