"""The plots of the benchmarks, in the look of the figures of the package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from aiida_limap.visualisation.style import new_figure, save_figure, styled
from benchmarks.common import filled

__all__ = ['bars', 'curves', 'scatter']

#: Colours that are told apart with every kind of colour vision (Okabe and Ito), and shapes for print in grey.
COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7')
MARKERS = ('o', 's', '^', 'D')
Points = tuple[str, Sequence[float | None], Sequence[float | None]]


def scatter(path: Path, groups: Sequence[Points], *, labels: tuple[str, str], logarithmic: bool = False) -> None:
    """Draw one set of values over another, with the line of equal values.

    :param path: the file.
    :param groups: name, values along x and values along y of each group; pairs with a missing value are left out.
    :param labels: of the two axes, with units.
    :param logarithmic: whether both axes are.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with styled():
        figure = new_figure(3.1)
        axes = figure.add_subplot()
        low, high = np.inf, -np.inf
        for place, (name, first, second) in enumerate(groups):
            x, y = filled(first, second)
            axes.plot(
                x, y, MARKERS[place], color=COLOURS[place], markersize=3.5, alpha=0.8, label=name, markeredgewidth=0
            )
            for values in (x, y):
                positive = values[values > 0] if logarithmic else values
                if len(positive):
                    low, high = min(low, positive.min()), max(high, positive.max())
        if low < high:
            low, high = (0.8 * low, 1.25 * high) if logarithmic else (0.0, 1.05 * high)
            axes.plot([low, high], [low, high], color='0.6', linewidth=0.7, zorder=0)
            axes.set(xlim=(low, high), ylim=(low, high))
        if logarithmic:
            axes.set(xscale='log', yscale='log')
        axes.set(xlabel=labels[0], ylabel=labels[1])
        if logarithmic:
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
                axis.set_minor_formatter(NullFormatter())
        if len(groups) > 1:
            axes.legend()
        save_figure(figure, path)


def curves(path: Path, lines: Sequence[Points], *, labels: tuple[str, str]) -> None:
    """Draw lines with points over logarithmic axes.

    :param path: the file.
    :param lines: name, values along x and values along y of each line.
    :param labels: of the two axes, with units.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with styled():
        figure = new_figure(2.6)
        axes = figure.add_subplot()
        for place, (name, first, second) in enumerate(lines):
            x, y = filled(first, second)
            axes.plot(
                x, y, color=COLOURS[place // 2 % len(COLOURS)], marker=MARKERS[place // 2 % len(MARKERS)],
                linestyle='-' if place % 2 == 0 else '--', markersize=3, linewidth=0.9, label=name,
            )  # fmt: skip
        axes.set(xscale='log', yscale='log', xlabel=labels[0], ylabel=labels[1])
        ticks = sorted({value for _, first, _ in lines for value in first if value is not None})
        axes.set_xticks(ticks, [f'{value:g}' for value in ticks])
        axes.minorticks_off()
        axes.legend(loc='upper center', bbox_to_anchor=(0.5, -0.2), ncols=2)
        save_figure(figure, path)


def bars(
    path: Path,
    panels: Sequence[tuple[str, Sequence[tuple[str, dict[str, Any]]]]],
    *,
    label: str,
    colour_of: Callable[[str], int] | None = None,
) -> None:
    """Draw medians as bars along a logarithmic axis, with a line from the median to the 90th percentile.

    :param path: the file.
    :param panels: title and bars of each panel; a bar is a name and what :func:`benchmarks.common.spread` gives.
    :param label: of the common axis, with unit.
    :param colour_of: number of the colour of a bar by its name; all alike without it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = [len(entries) for _, entries in panels]
    with styled():
        figure = new_figure(0.55 + sum(0.16 * count + 0.28 for count in counts))
        # Names of bars are long; figures of this kind are for pages, not for columns.
        figure.set_figwidth(1.7 * figure.get_figwidth())
        grid = figure.subplots(len(panels), squeeze=False, sharex=True, height_ratios=[count + 1 for count in counts])
        for (title, entries), axes in zip(panels, grid[:, 0], strict=True):
            names = [name for name, _ in entries]
            colours = [COLOURS[0] if colour_of is None else COLOURS[colour_of(name)] for name in names]
            rows = np.arange(len(entries))
            medians = np.array([entry['median'] for _, entry in entries], dtype=float)
            axes.barh(rows, medians, height=0.7, color=colours, alpha=0.75)
            axes.hlines(rows, medians, [entry['p90'] for _, entry in entries], color='#222222', linewidth=0.8)
            axes.set_yticks(rows, names)
            axes.set_ylim(len(entries) - 0.4, -0.6)
            axes.set_xscale('log')
            axes.set_title(title, fontsize=8, loc='left', pad=2)
            axes.tick_params(axis='y', length=0)
            axes.grid(axis='x', color='0.85', linewidth=0.5)
            axes.set_axisbelow(True)
        grid[-1, 0].set_xlabel(label)
        grid[-1, 0].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
        save_figure(figure, path)
