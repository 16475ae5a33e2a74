"""The descriptors of one compound: the whole row, and every histogram in it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from aiida_limap.visualisation import style
from aiida_limap.visualisation._panels import ColumnInfo, Panel, part_ranges, split_panels
from aiida_limap.visualisation.errors import VisualisationError

__all__ = ['ColumnInfo', 'draw_descriptors']

#: 178 mm, the width of two columns of most journals.
WIDTH_INCH = 7.0
ROW_INCH = 2.3
PANEL_INCH = 1.2
BAR_INCH = 0.115
HEADING_INCH = 0.3
#: Readable with every kind of colour vision, and as greys.
_COLOURS = {'composition': '#2a788e', 'structure': '#d1495b', 'landscape': '#b07a10'}
_OTHER_COLOUR = '#66557d'
_SMALL = 5.5
#: Histograms with more bins are drawn as lines.
_MOST_BARS = 40


def draw_descriptors(columns: Sequence[ColumnInfo], values: ArrayLike, path: Path | str, *, title: str = '') -> Path:
    """Draw the descriptors of one compound, after Yamaguchi et al., Sci. Rep. 13, 16799 (2023), Fig. 3d-f.

    At the top stand all numbers one after the other, as a model reads them, each divided by the largest of those that
    it shares a scale with; below it every histogram over its own axis, in its own unit. What the numbers are is taken
    from the columns alone, so any layout can be drawn.

    :param columns: what each number is; a :class:`ColumnInfo`, or whatever else has its attributes.
    :param values: (n_columns,) numbers, as they are, not scaled.
    :param path: the file to write; its ending chooses the format: ``png``, ``svg``, ``pdf``.
    :param title: name of the compound.
    :returns: the path.
    :raises VisualisationError: if there is nothing to draw, numbers of values and columns differ, a value is not
        finite, the format is unknown, or the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lstrip('.')
    if kind not in style.FORMATS:
        raise VisualisationError(f'unknown figure format {kind!r}; known are {", ".join(style.FORMATS)}')
    numbers = _checked(columns, values)
    with style.styled():
        style.save_figure(_draw(columns, numbers, title), path)
    return path


def _checked(columns: Sequence[ColumnInfo], values: ArrayLike) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise VisualisationError(f'the descriptors must be numbers: {error}') from error
    if not len(columns):
        raise VisualisationError('there are no descriptors to draw; give at least one column')
    if numbers.shape != (len(columns),):
        raise VisualisationError(
            f'there are {len(columns)} columns, but values of shape {numbers.shape}; give one number per column'
        )
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if wrong.size:
        raise VisualisationError(f'the descriptor {columns[wrong[0]].name!r} is not finite; leave out such compounds')
    return numbers


def _draw(columns: Sequence[ColumnInfo], values: NDArray[np.float64], title: str) -> Figure:
    parts = part_ranges(columns)
    panels = {
        part: _flow(split_panels(columns[start:stop], values[start:stop])) for part, (start, stop) in parts.items()
    }
    lines = [(part, line) for part, found in panels.items() for line in found]
    # The first line of a part carries its heading.
    heights = [ROW_INCH] + [
        _line_height(line) + (HEADING_INCH if line is panels[part][0] else 0.0) for part, line in lines
    ]
    figure = style.new_figure(sum(heights))
    figure.set_figwidth(WIDTH_INCH)
    places = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    _draw_row(places[0], columns, values, title)
    for place, (part, line) in zip(places[1:], lines, strict=True):
        if line is panels[part][0]:
            start, stop = parts[part]
            name = part[:1].upper() + part[1:] if part else 'Descriptors'
            place.suptitle(f'{name}: columns {start + 1} to {stop}', fontsize=8, fontweight='bold', x=0.01, ha='left')
        _draw_line(place, line, _COLOURS.get(part, _OTHER_COLOUR))
    _settle(figure)
    return figure


def _settle(figure: Figure) -> None:
    """Fix the places that the layout engine found; their last digits differ from run to run."""
    figure.draw_without_rendering()
    figure.set_layout_engine('none')
    for place in figure.subfigs:
        place.bbox_relative.set_points(place.bbox_relative.get_points().round(6))
    for axes in figure.axes:
        left, bottom, width, height = (round(float(edge), 6) for edge in axes.get_position().bounds)
        axes.set_position((left, bottom, width, height))


def _flow(panels: Sequence[Panel]) -> list[list[Panel]]:
    """Share panels among lines: histograms first, then lists of names, which need other widths and heights."""
    lines: list[list[Panel]] = []
    for is_histogram in (True, False):
        chosen = [panel for panel in panels if panel.is_histogram == is_histogram]
        count = _across(is_histogram=is_histogram)
        lines += [chosen[start : start + count] for start in range(0, len(chosen), count)]
    return lines


def _across(*, is_histogram: bool) -> int:
    """Return how many panels stand side by side; names need room."""
    return 4 if is_histogram else 3


def _longest(line: Sequence[Panel]) -> int:
    return max(len(panel.names) for panel in line)


def _line_height(line: Sequence[Panel]) -> float:
    """Return the height of a line, inch: that of its longest list of names."""
    return PANEL_INCH if line[0].is_histogram else 0.5 + BAR_INCH * _longest(line)


def _draw_line(place: SubFigure, line: Sequence[Panel], colour: str) -> None:
    grid = place.add_gridspec(1, _across(is_histogram=line[0].is_histogram))
    for number, panel in enumerate(line):
        axes = place.add_subplot(grid[0, number])
        if panel.is_histogram:
            _draw_histogram(axes, panel, colour)
        else:
            _draw_names(axes, panel, colour, _longest(line))
        axes.set_title(panel.title, fontsize=6.5, pad=2, parse_math=False)
        axes.tick_params(labelsize=_SMALL, length=2)


def _draw_histogram(axes: Axes, panel: Panel, colour: str) -> None:
    x, heights = panel.positions, panel.values
    width = float(np.diff(x).mean())
    if panel.spacing != 'even':
        axes.plot(x, heights, color=colour, linewidth=0.8, marker='o', markersize=2, clip_on=False)
    elif len(x) <= _MOST_BARS:
        axes.bar(x, heights, width=0.9 * width, color=colour, linewidth=0)
    else:
        axes.fill_between(x, heights, color=colour, alpha=0.3, linewidth=0)
        axes.plot(x, heights, color=colour, linewidth=0.8)
    if panel.spacing == 'geometric':
        axes.set_xscale('log')
        axes.xaxis.set_major_locator(LogLocator(numticks=5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    margin = width / 2 if panel.spacing == 'even' else 0.0
    axes.set_xlim(x[0] - margin, x[-1] + margin)
    low, high = min(0.0, float(heights.min())), max(0.0, float(heights.max()))
    axes.set_ylim(1.06 * low, 1.06 * high if high > low else 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.set_xlabel(panel.x_label, fontsize=6, labelpad=1, parse_math=False)
    axes.set_ylabel(fill(panel.meaning, 24), fontsize=_SMALL, labelpad=2, parse_math=False)


def _draw_names(axes: Axes, panel: Panel, colour: str, longest: int) -> None:
    rows = np.arange(len(panel.values))
    axes.barh(rows, panel.values, height=0.75, color=colour, linewidth=0)
    axes.axvline(0, color='0.3', linewidth=0.5)
    axes.set_yticks(rows, panel.names, fontsize=_SMALL, parse_math=False)
    # All lists of a line have bars of one height.
    axes.set_ylim(longest - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel(panel.x_label, fontsize=6, labelpad=1, parse_math=False)


def _draw_row(place: SubFigure, columns: Sequence[ColumnInfo], values: NDArray[np.float64], title: str) -> None:
    axes = place.add_subplot()
    scaled = _scaled(columns, values)
    index = np.arange(1, len(values) + 1)
    for part, (start, stop) in part_ranges(columns).items():
        colour = _COLOURS.get(part, _OTHER_COLOUR)
        axes.vlines(index[start:stop], 0, scaled[start:stop], color=colour, linewidth=_line_width(len(values)))
    _mark_blocks(axes, columns)
    axes.set_xlim(0.5, len(values) + 0.5)
    axes.set_ylim(min(0.0, 1.05 * float(scaled.min())), 1.05)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    axes.set_xlabel('Index of the column', labelpad=1, fontsize=7)
    axes.set_ylabel('Value / largest\nof its scale', fontsize=7)
    axes.tick_params(labelsize=6)
    if title:
        place.suptitle(title, fontsize=9, x=0.01, ha='left', parse_math=False)


def _line_width(count: int) -> float:
    """Return the width of a line, points, such that neighbours touch."""
    return min(2.0, max(0.25, 72 * 0.85 * WIDTH_INCH / count))


def _scaled(columns: Sequence[ColumnInfo], values: NDArray[np.float64]) -> NDArray[np.float64]:
    words = [(column.part, getattr(column, 'scale', '') or column.block) for column in columns]
    largest: dict[tuple[str, str], float] = {}
    for word, value in zip(words, np.abs(values).tolist(), strict=True):
        largest[word] = max(largest.get(word, 0.0), value)
    return values / np.array([largest[word] or 1.0 for word in words])


def _mark_blocks(axes: Axes, columns: Sequence[ColumnInfo]) -> None:
    """Shade every second block, and write the names of those that are wide enough above the axes."""
    blocks = [(column.part, column.block) for column in columns]
    edges = [0, *(place for place in range(1, len(blocks)) if blocks[place] != blocks[place - 1]), len(blocks)]
    for number, (start, stop) in enumerate(pairwise(edges)):
        if number % 2:
            axes.axvspan(start + 0.5, stop + 0.5, color='0.93', linewidth=0, zorder=0)
        if (stop - start) / len(blocks) > 0.014:
            axes.annotate(
                blocks[start][1].replace('_', ' '), ((start + stop + 1) / 2, 1), xycoords=('data', 'axes fraction'),
                xytext=(0, 2), textcoords='offset points', rotation=90, ha='center', va='bottom', fontsize=_SMALL,
                parse_math=False,
            )  # fmt: skip
