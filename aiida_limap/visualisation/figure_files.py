"""Figures on disk: pictures, each with its numbers and its caption beside it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from aiida_limap.visualisation import style
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing
from aiida_limap.visualisation.errors import VisualisationError

__all__ = ['ReportFigure', 'WrittenFigure', 'WrittenFigures', 'chosen_figures', 'draw_and_write']

ReportT = TypeVar('ReportT')


@dataclass(frozen=True)
class ReportFigure(Generic[ReportT]):
    """A figure that a report may give.

    :param shows: what it shows, in words.
    :param draw: draws it, or raises :class:`~aiida_limap.visualisation.drawing.CannotDrawError`.
    """

    shows: str
    draw: Callable[[ReportT], Drawing]


@dataclass(frozen=True)
class WrittenFigure:
    """A figure on disk.

    :param name: the name of its files.
    :param caption: what stands below it.
    :param files: pictures, then the table, then the caption.
    """

    name: str
    caption: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class WrittenFigures:
    """What became of the figures that were asked for.

    :param figures: those that were drawn.
    :param left_out: for the others why, by name.
    """

    figures: tuple[WrittenFigure, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """All written files."""
        return [path for figure in self.figures for path in figure.files]


def chosen_figures(text: str | None, figures: Mapping[str, ReportFigure[Any]], of: str) -> list[str]:
    """Return which figures of a report a person means.

    :param text: names separated by commas; None or ``all`` for all.
    :param figures: all figures by name.
    :param of: what they are of, for the message, such as ``of a screening``.
    :returns: names, in the order of ``figures``.
    :raises VisualisationError: if a name is unknown, or there is none.
    """
    if text is None or text.strip() == 'all':
        return list(figures)
    wanted = {part.strip().lower() for part in text.split(',') if part.strip()}
    unknown = sorted(wanted - set(figures))
    if unknown or not wanted:
        what = f'there is no figure {unknown[0]!r} {of}' if unknown else 'no figure was named'
        raise VisualisationError(f'{what}; known are {", ".join(figures)}')
    return [name for name in figures if name in wanted]


def draw_and_write(
    drawings: Mapping[str, Callable[[], Drawing]],
    folder: Path,
    formats: Sequence[str],
    on_figure: Callable[[str], None] | None = None,
) -> WrittenFigures:
    """Draw figures and write them; what cannot be drawn is left out with a reason.

    Each figure comes with ``.csv`` (its numbers) and ``.txt`` (its caption) beside the pictures. Files of an earlier
    run are replaced.

    :param drawings: by name of the files what draws the figure, or raises
        :class:`~aiida_limap.visualisation.drawing.CannotDrawError`.
    :param folder: where to write; made if it does not exist.
    :param formats: endings of the pictures: ``png``, ``svg``, ``pdf``.
    :param on_figure: told the name of each figure after it was drawn or left out.
    :returns: what was written, and what was left out for which reason.
    :raises VisualisationError: if a format is unknown, or the folder cannot be written.
    """
    _check_formats(formats)
    _make_folder(folder)
    written: list[WrittenFigure] = []
    left_out: dict[str, str] = {}
    for name, draw in drawings.items():
        with style.styled():
            try:
                drawing = draw()
            except CannotDrawError as error:
                left_out[name] = str(error)
            else:
                files = _write(drawing, folder / name, formats)
                written.append(WrittenFigure(name, drawing.caption.strip(), tuple(files)))
        if on_figure is not None:
            on_figure(name)
    return WrittenFigures(tuple(written), left_out)


def _check_formats(formats: Sequence[str]) -> None:
    unknown = [kind for kind in formats if kind not in style.FORMATS]
    if unknown:
        raise VisualisationError(f'unknown figure format {unknown[0]!r}; known are {", ".join(style.FORMATS)}')
    if not formats:
        raise VisualisationError(f'no figure format was given; choose from {", ".join(style.FORMATS)}')


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VisualisationError(
            f'the folder {folder} for the figures cannot be made: {error.strerror or error}; choose another folder'
        ) from error


def _write(drawing: Drawing, stem: Path, formats: Iterable[str]) -> list[Path]:
    paths = [stem.with_suffix(f'.{kind}') for kind in formats]
    for path in paths:
        style.save_figure(drawing.figure, path)
    table = io.StringIO()
    csv.writer(table, lineterminator='\n').writerows(drawing.rows)
    for path, text in (
        (stem.with_suffix('.csv'), table.getvalue()),
        (stem.with_suffix('.txt'), drawing.caption.strip() + '\n'),
    ):
        try:
            path.write_text(text, encoding='utf-8')
        except OSError as error:
            raise VisualisationError(
                f'{path} cannot be written: {error.strerror or error}; choose a folder that you may write to'
            ) from error
        paths.append(path)
    return paths
