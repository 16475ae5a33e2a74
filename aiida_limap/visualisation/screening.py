"""Figures of a screening for print, each with its numbers and its caption beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.visualisation import style
from aiida_limap.visualisation._screening_counts import funnel, scores
from aiida_limap.visualisation._screening_elements import contribution, occurrence, price
from aiida_limap.visualisation._screening_models import learning, models, plateau, subsets
from aiida_limap.visualisation._screening_ternary import ternary
from aiida_limap.visualisation.figure_files import ReportFigure, WrittenFigures, chosen_figures, draw_and_write

__all__ = ['SCREENING_FIGURES', 'choose_screening_figures', 'write_screening_figures']


#: Every figure by the name of its files.
SCREENING_FIGURES: dict[str, ReportFigure[ScreeningReport]] = {
    'models': ReportFigure('accuracy of each model on each set', models),
    'learning': ReportFigure('scores against the number of labels', learning),
    'subsets': ReportFigure('the best subset of features by its size', subsets),
    'plateau': ReportFigure('scores against the dimension of the element vectors', plateau),
    'funnel': ReportFigure('compositions left after each stage', funnel),
    'scores': ReportFigure('compositions by score', scores),
    'contribution': ReportFigure('contribution of each element', contribution),
    'occurrence': ReportFigure('hits that hold each element', occurrence),
    'price': ReportFigure('price of each element', price),
    'ternary': ReportFigure('predicted conduction of ternary systems', ternary),
}


def choose_screening_figures(text: str | None) -> list[str]:
    """Return which figures a person means.

    :param text: names separated by commas; None or ``all`` for all.
    :returns: names, in the order of :data:`SCREENING_FIGURES`.
    :raises VisualisationError: if a name is unknown, or there is none.
    """
    return chosen_figures(text, SCREENING_FIGURES, 'of a screening')


def write_screening_figures(
    report: ScreeningReport,
    folder: Path | str,
    *,
    formats: Sequence[str] = style.FORMATS,
    only: Sequence[str] | None = None,
    on_figure: Callable[[str], None] | None = None,
) -> WrittenFigures:
    """Draw the figures of a screening.

    Each comes with ``.csv`` (its numbers) and ``.txt`` (its caption) beside the pictures. What a screening cannot give
    is left out with a reason, and the others are drawn. Equal reports give equal files; files of an earlier run are
    replaced.

    :param report: the screening.
    :param folder: where to write; made if it does not exist.
    :param formats: endings of the pictures: ``png``, ``svg``, ``pdf``.
    :param only: names out of :data:`SCREENING_FIGURES`; all unless given.
    :param on_figure: told the name of each figure after it was drawn or left out.
    :returns: what was written, and what was left out for which reason.
    :raises VisualisationError: if a format or name is unknown, or the folder cannot be written.
    """
    names = list(SCREENING_FIGURES) if only is None else choose_screening_figures(','.join(only))
    drawings = {name: partial(SCREENING_FIGURES[name].draw, report) for name in names}
    return draw_and_write(drawings, Path(folder), formats, on_figure)
