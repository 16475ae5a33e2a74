"""Figures of phonons and their clusters for print, each with its numbers and its caption beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from aiida_limap.formats.phonons import PhononReport
from aiida_limap.visualisation import style
from aiida_limap.visualisation._phonon_densities import densities
from aiida_limap.visualisation._phonon_planes import conduction, plane, scatter
from aiida_limap.visualisation._phonon_trees import choice, dendrogram, silhouettes
from aiida_limap.visualisation.drawing import Drawing
from aiida_limap.visualisation.figure_files import ReportFigure, WrittenFigures, chosen_figures, draw_and_write

__all__ = ['PHONON_FIGURES', 'choose_phonon_figures', 'write_phonon_figures']


#: Every figure by the name of its files.
PHONON_FIGURES: dict[str, ReportFigure[PhononReport]] = {
    'dendrogram': ReportFigure("the tree of Ward's method", dendrogram),
    'silhouettes': ReportFigure('silhouettes of the clusters', silhouettes),
    'choice': ReportFigure('measures by number of clusters', choice),
    'scatter': ReportFigure('clusters over band centre and width', scatter),
    'plane': ReportFigure('clusters over principal components', plane),
    'densities': ReportFigure('densities of states of the clusters', densities),
    'conduction': ReportFigure('conduction against band centre', conduction),
}


def choose_phonon_figures(text: str | None) -> list[str]:
    """Return which figures a person means.

    :param text: names separated by commas; None or ``all`` for all.
    :returns: names, in the order of :data:`PHONON_FIGURES`.
    :raises VisualisationError: if a name is unknown, or there is none.
    """
    return chosen_figures(text, PHONON_FIGURES, 'of phonons')


def write_phonon_figures(
    report: PhononReport,
    folder: Path | str,
    *,
    formats: Sequence[str] = style.FORMATS,
    only: Sequence[str] | None = None,
    on_figure: Callable[[str], None] | None = None,
) -> WrittenFigures:
    """Draw the figures of a report of phonons.

    Each comes with ``.csv`` (its numbers) and ``.txt`` (its caption) beside the pictures; captions end with whose data
    are shown. What a report cannot give is left out with a reason, and the others are drawn. Equal reports give equal
    files; files of an earlier run are replaced.

    :param report: the report.
    :param folder: where to write; made if it does not exist.
    :param formats: endings of the pictures: ``png``, ``svg``, ``pdf``.
    :param only: names out of :data:`PHONON_FIGURES`; all unless given.
    :param on_figure: told the name of each figure after it was drawn or left out.
    :returns: what was written, and what was left out for which reason.
    :raises VisualisationError: if a format or name is unknown, or the folder cannot be written.
    """
    names = list(PHONON_FIGURES) if only is None else choose_phonon_figures(','.join(only))
    drawings = {name: partial(_with_sources, report, PHONON_FIGURES[name].draw) for name in names}
    return draw_and_write(drawings, Path(folder), formats, on_figure)


def _with_sources(report: PhononReport, draw: Callable[[PhononReport], Drawing]) -> Drawing:
    drawing = draw(report)
    caption = ' '.join([drawing.caption, *(f'{source.rstrip(".")}.' for source in report.sources)])
    return Drawing(drawing.figure, drawing.rows, caption)
