"""Figures on disk: pictures, each with its numbers and its caption beside it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from aiida_limap.visualisation import style
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing
from aiida_limap.visualisation.errors import VisualisationError

__all__ = ['ReportFigure', 'ReportFigures', 'WrittenFigure', 'WrittenFigures', 'draw_and_write']

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


@dataclass(frozen=True)
class ReportFigures(Generic[ReportT]):
    """All figures that reports of one kind may give.

    :param kinds: the figures by the name of their files.
    :param of: what they are of, for messages, such as ``of a screening``.
    :param after: what is said after each caption.
    """

    kinds: Mapping[str, ReportFigure[ReportT]]
    of: str
    after: Callable[[ReportT], str] = lambda _report: ''

    def choose(self, text: str | None) -> list[str]:
        """Return which figures a person means.

        :param text: names separated by commas; None or ``all`` for all.
        :returns: names, in the order of all figures.
        :raises VisualisationError: if a name is unknown, or there is none.
        """
        if text is None or text.strip() == 'all':
            return list(self.kinds)
        wanted = {part.strip().lower() for part in text.split(',') if part.strip()}
        unknown = sorted(wanted - set(self.kinds))
        if unknown or not wanted:
            what = f'there is no figure {unknown[0]!r} {self.of}' if unknown else 'no figure was named'
            raise VisualisationError(f'{what}; known are {", ".join(self.kinds)}')
        return [name for name in self.kinds if name in wanted]

    def write(
        self,
        report: ReportT,
        folder: Path | str,
        *,
        formats: Sequence[str] = style.FORMATS,
        only: Sequence[str] | None = None,
        on_figure: Callable[[str], None] | None = None,
    ) -> WrittenFigures:
        """Draw the figures of a report.

        Each comes with ``.csv`` (its numbers) and ``.txt`` (its caption) beside the pictures. What a report cannot give
        is left out with a reason, and the others are drawn. Equal reports give equal files; files of an earlier run are
        replaced.

        :param report: the report.
        :param folder: where to write; made if it does not exist.
        :param formats: endings of the pictures: ``png``, ``svg``, ``pdf``.
        :param only: names of figures; all unless given.
        :param on_figure: told the name of each figure after it was drawn or left out.
        :returns: what was written, and what was left out for which reason.
        :raises VisualisationError: if a format or name is unknown, or the folder cannot be written.
        """
        names = list(self.kinds) if only is None else self.choose(','.join(only))
        drawings = {name: partial(self._drawing, name, report) for name in names}
        return draw_and_write(drawings, Path(folder), formats, on_figure)

    def _drawing(self, name: str, report: ReportT) -> Drawing:
        drawing = self.kinds[name].draw(report)
        return replace(drawing, caption=f'{drawing.caption}{self.after(report)}')


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
