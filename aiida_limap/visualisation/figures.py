"""Figures of a map for print, each with its numbers and its caption beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiida_limap.formats.mapbundle import MapBundle
from aiida_limap.visualisation import style
from aiida_limap.visualisation._figure_families import families
from aiida_limap.visualisation._figure_fractions import fractions
from aiida_limap.visualisation._figure_model import diagnostics, history, losses, worst
from aiida_limap.visualisation._figure_planes import heatmap, map_
from aiida_limap.visualisation._figure_zoom import zoom
from aiida_limap.visualisation.drawing import Drawing, FigureInputs, FigureOptions
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.facts import check_bundle
from aiida_limap.visualisation.figure_files import WrittenFigure, WrittenFigures, draw_and_write

__all__ = ['FIGURES', 'WrittenFigure', 'WrittenFigures', 'choose_figures', 'write_figures', 'write_map_figures']


@dataclass(frozen=True)
class FigureKind:
    """A figure that a map may give.

    :param shows: what it shows, in words.
    :param published: number of the figure of Yamaguchi et al., Sci. Rep. 13, 16799 (2023); empty for one that is not
        there.
    :param draw: draws it, or raises :class:`~aiida_limap.visualisation.drawing.CannotDrawError`.
    """

    shows: str
    published: str
    draw: Callable[[FigureInputs, FigureOptions], Drawing]


#: Every figure by the name of its files, in the order of the publication.
FIGURES: dict[str, FigureKind] = {
    'losses': FigureKind('losses against the weight W', '2', losses),
    'history': FigureKind('losses by epoch', '', history),
    'diagnostics': FigureKind('rebuilt descriptors and predicted energies', '3a-c', diagnostics),
    'worst': FigureKind('the compounds that are rebuilt worst', '3d-f', worst),
    'map': FigureKind('the map', '4', map_),
    'fractions': FigureKind('Li and O fraction against each axis', '5', fractions),
    'families': FigureKind('structure families', '6', families),
    'heatmap': FigureKind('predicted migration energy over the plane', '7', heatmap),
    'zoom': FigureKind('an enlarged window with formulas', '8', zoom),
}


def choose_figures(text: str | None) -> list[str]:
    """Return which figures a person means.

    :param text: names, or numbers of the publication as in ``fig4``, separated by commas; None or ``all`` for all.
    :returns: names, in the order of :data:`FIGURES`.
    :raises VisualisationError: if a name is unknown, or there is none.
    """
    if text is None or text.strip() == 'all':
        return list(FIGURES)
    wanted = [part.strip().lower() for part in text.split(',') if part.strip()]
    chosen: set[str] = set()
    for part in wanted:
        found = {name for name, kind in FIGURES.items() if name == part or _is_number(part, kind.published)}
        if not found:
            known = ', '.join(
                f'{name} (fig{kind.published})' if kind.published else name for name, kind in FIGURES.items()
            )
            raise VisualisationError(f'there is no figure {part!r}; known are {known}')
        chosen |= found
    if not chosen:
        raise VisualisationError(f'no figure was named; known are {", ".join(FIGURES)}')
    return [name for name in FIGURES if name in chosen]


def _is_number(part: str, published: str) -> bool:
    """Return whether a word such as ``fig3`` or ``fig3a-c`` means a figure."""
    number = published.rstrip('abcdef-')
    return bool(published) and part in {f'fig{published}', f'fig{number}'}


def write_map_figures(
    inputs: FigureInputs,
    folder: Path | str,
    *,
    formats: Sequence[str] = style.FORMATS,
    only: Sequence[str] | None = None,
    options: FigureOptions | None = None,
    on_figure: Callable[[str], None] | None = None,
) -> WrittenFigures:
    """Draw the figures of Yamaguchi et al., Sci. Rep. 13, 16799 (2023), of a map.

    Each figure comes with ``.csv`` (its numbers) and ``.txt`` (its caption) beside the pictures. What a map cannot give
    is left out with a reason, and the others are drawn. Equal inputs give equal files; files of an earlier run are
    replaced.

    :param inputs: the map and what is known of its model.
    :param folder: where to write; made if it does not exist.
    :param formats: endings of the pictures: ``png``, ``svg``, ``pdf``.
    :param only: names out of :data:`FIGURES`; all unless given.
    :param options: what is enlarged and highlighted.
    :param on_figure: told the name of each figure after it was drawn or left out.
    :returns: what was written, and what was left out for which reason.
    :raises VisualisationError: if a format or name is unknown, no point can be drawn, or the folder cannot be written.
    """
    names = list(FIGURES) if only is None else choose_figures(','.join(only))
    check_bundle(inputs.bundle)
    chosen = options or FigureOptions()
    drawings = {name: partial(FIGURES[name].draw, inputs, chosen) for name in names}
    return draw_and_write(drawings, Path(folder), formats, on_figure)


def write_figures(bundle: MapBundle, folder: Path | str, formats: Sequence[str] = ('png', 'svg')) -> list[Path]:
    """Draw the map and, where the bundle has one, the heat map; write their data and captions beside them.

    ``map`` is the figure of Yamaguchi 2023, Fig. 4: points at their two codes, coloured by the calculated migration
    energy; points without one are grey. ``heatmap`` is its Fig. 7: the predicted migration energy over the plane, with
    the points in the same colours on top. Each comes with ``.csv`` (the numbers) and ``.txt`` (the caption).
    Equal bundles give equal files. Files of an earlier run are replaced; a bundle without a heat map writes none.

    :param bundle: the map.
    :param folder: where to write; made if it does not exist.
    :param formats: endings of the figures: ``png``, ``svg``, ``pdf``.
    :returns: the written files.
    :raises VisualisationError: if a format is unknown, no point can be drawn, or the folder cannot be written to.
    """
    return write_map_figures(FigureInputs(bundle), folder, formats=formats, only=('map', 'heatmap')).files
