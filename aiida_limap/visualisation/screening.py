"""Figures of a screening for print, each with its numbers and its caption beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.visualisation import style
from aiida_limap.visualisation._screening_counts import funnel, scores
from aiida_limap.visualisation._screening_elements import contribution, occurrence, price
from aiida_limap.visualisation._screening_models import learning, models, plateau, subsets
from aiida_limap.visualisation._screening_ternary import ternary
from aiida_limap.visualisation.drawing import Drawing
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.figure_files import WrittenFigures, draw_and_write

__all__ = ['SCREENING_FIGURES', 'choose_screening_figures', 'write_screening_figures']


@dataclass(frozen=True)
class ScreeningFigure:
    """A figure that a screening may give.

    :param shows: what it shows, in words.
    :param draw: draws it, or raises :class:`~aiida_limap.visualisation.drawing.CannotDrawError`.
    """

    shows: str
    draw: Callable[[ScreeningReport], Drawing]


#: Every figure by the name of its files.
SCREENING_FIGURES: dict[str, ScreeningFigure] = {
    'models': ScreeningFigure('accuracy of each model on each set', models),
    'learning': ScreeningFigure('scores against the number of labels', learning),
    'subsets': ScreeningFigure('the best subset of features by its size', subsets),
    'plateau': ScreeningFigure('scores against the dimension of the element vectors', plateau),
    'funnel': ScreeningFigure('compositions left after each stage', funnel),
    'scores': ScreeningFigure('compositions by score', scores),
    'contribution': ScreeningFigure('contribution of each element', contribution),
    'occurrence': ScreeningFigure('hits that hold each element', occurrence),
    'price': ScreeningFigure('price of each element', price),
    'ternary': ScreeningFigure('predicted conduction of ternary systems', ternary),
}


def choose_screening_figures(text: str | None) -> list[str]:
    """Return which figures a person means.

    :param text: names separated by commas; None or ``all`` for all.
    :returns: names, in the order of :data:`SCREENING_FIGURES`.
    :raises VisualisationError: if a name is unknown, or there is none.
    """
    if text is None or text.strip() == 'all':
        return list(SCREENING_FIGURES)
    wanted = {part.strip().lower() for part in text.split(',') if part.strip()}
    unknown = sorted(wanted - set(SCREENING_FIGURES))
    if unknown or not wanted:
        what = f'there is no figure {unknown[0]!r} of a screening' if unknown else 'no figure was named'
        raise VisualisationError(f'{what}; known are {", ".join(SCREENING_FIGURES)}')
    return [name for name in SCREENING_FIGURES if name in wanted]


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
