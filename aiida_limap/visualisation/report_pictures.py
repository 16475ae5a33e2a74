"""The figures of a map as pictures inside of its report."""

from __future__ import annotations

import re
import struct
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from aiida_limap.visualisation.drawing import FigureInputs
from aiida_limap.visualisation.figure_files import WrittenFigures
from aiida_limap.visualisation.figures import FIGURES, write_map_figures
from aiida_limap.visualisation.report_document import Picture
from aiida_limap.visualisation.style import DPI

__all__ = ['REPORT_FIGURES', 'draw_pictures', 'drawn_files', 'is_wide', 'picture_width_inch']

#: Figures that a report holds, in its order.
REPORT_FIGURES = ('map', 'heatmap', 'families', 'history', 'zoom', 'fractions', 'diagnostics')
#: With more points an SVG is larger than a PNG, and slow to show.
_MOST_POINTS = 2000
#: Wider figures take a row of their own; narrower ones are made for one of two columns.
_NARROW_INCH = 4.0
_SVG_WIDTH = re.compile(rb'<svg[^>]*? width="([0-9.]+)pt"')


def draw_pictures(
    inputs: FigureInputs, on_figure: Callable[[str], None] | None = None
) -> tuple[list[Picture], Mapping[str, str]]:
    """Draw the figures of a report, the same ones as ``aiida-limap map figures`` draws.

    :param inputs: the map and what is known of its model.
    :param on_figure: told the name of each figure after it was drawn or left out.
    :returns: the pictures, and for figures that the map cannot give why, by what they show.
    """
    kind = 'svg' if len(inputs.bundle.ids) <= _MOST_POINTS else 'png'
    drawn, left_out = drawn_files(
        lambda folder: write_map_figures(inputs, folder, formats=(kind,), only=REPORT_FIGURES, on_figure=on_figure)
    )
    pictures = [
        Picture(kind, content, FIGURES[name].shows, caption, is_wide=is_wide(content))
        for name, (content, caption) in sorted(drawn.items(), key=lambda entry: REPORT_FIGURES.index(entry[0]))
    ]
    return pictures, {FIGURES[name].shows: reason for name, reason in left_out.items()}


def drawn_files(write: Callable[[Path], WrittenFigures]) -> tuple[dict[str, tuple[bytes, str]], Mapping[str, str]]:
    """Draw figures into a folder that does not stay.

    :param write: writes them into a folder, each in one format.
    :returns: file and caption by name, and for figures that were left out why.
    """
    with tempfile.TemporaryDirectory(prefix='limap-report-') as folder:
        written = write(Path(folder))
        drawn = {figure.name: (figure.files[0].read_bytes(), figure.caption) for figure in written.figures}
    return drawn, written.left_out


def is_wide(content: bytes) -> bool:
    """Return whether a figure takes a row of its own.

    :param content: the SVG or PNG file.
    """
    return picture_width_inch(content) > _NARROW_INCH


def picture_width_inch(content: bytes) -> float:
    """Return the width of a figure as it was saved, inches.

    :param content: the SVG or PNG file.
    """
    match = _SVG_WIDTH.search(content)
    if match is not None:
        return float(match[1]) / 72
    return struct.unpack('>I', content[16:20])[0] / DPI
