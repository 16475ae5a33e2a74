"""Numbers of elements as a periodic table."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LogNorm, Normalize, TwoSlopeNorm, to_rgb
from matplotlib.patches import Rectangle

from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.formats.screenparts import ElementValues
from aiida_limap.visualisation import style
from aiida_limap.visualisation._screening_common import SIGNED_MAP
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing, reason
from aiida_limap.visualisation.periodic_table import COLUMNS, LINES, NUMBERS, PLACES

__all__ = ['contribution', 'occurrence', 'price']

_HEIGHT_INCH = 3.95
#: The two lines below the table begin this much higher than a whole line down.
_GAP = 0.55
_LAST_LINE = 7
#: Colours darker than this luminance carry white letters.
_DARK = 0.45
_NO_VALUE = '#f1f1f1'
_UNUSED_INK = '#9a9a9a'
#: Not quite white, which is the ground of figures and no colour on dark pages.
_LIGHT_INK = '#fdfdfd'


def contribution(report: ScreeningReport) -> Drawing:
    """Draw what each element contributes to a prediction of fast conduction (Cubuk 2019)."""
    return _table(report, 'contribution')


def occurrence(report: ScreeningReport) -> Drawing:
    """Draw in how many of the hits each element occurs."""
    return _table(report, 'occurrence')


def price(report: ScreeningReport) -> Drawing:
    """Draw the prices that the funnel reckons with."""
    return _table(report, 'price')


def _table(report: ScreeningReport, name: str) -> Drawing:
    """Draw numbers of elements.

    :param report: the screening.
    :param name: which numbers.
    :raises CannotDrawError: if there are none.
    """
    entry = report.elements.get(name)
    known = {} if entry is None else {key: value for key, value in entry.values.items() if key in PLACES}
    if entry is None or not known:
        raise CannotDrawError(reason(report.missing, name, 'the screening holds no such number of any element'))
    figure = style.new_figure(_HEIGHT_INCH, style.DOUBLE_COLUMN_INCH)
    figure.set_layout_engine('none')
    axes = figure.add_axes((0.005, 0.005, 0.99, 0.99))
    norm, colours = _norm(entry, list(known.values())), _colours(entry)
    for symbol, (line, column) in PLACES.items():
        _cell(axes, symbol, (line, column), known.get(symbol), (norm, colours))
    axes.set_xlim(-0.05, COLUMNS + 0.05)
    axes.set_ylim(LINES - _GAP + 0.02, -0.02)
    axes.set_axis_off()
    inset = axes.inset_axes((3.0, 0.62, 8.4, 0.3), transform=axes.transData)
    bar = figure.colorbar(ScalarMappable(norm, colours), cax=inset, orientation='horizontal')
    bar.outline.set_linewidth(0.4)  # type: ignore[operator]
    bar.ax.tick_params(labelsize=6.5, width=0.4, length=2)
    unit = f' ({entry.unit})' if entry.unit else ''
    inset.set_title(f'{entry.label}{unit}', fontsize=8, pad=3, parse_math=False)
    ranked = sorted(known, key=lambda symbol: (-known[symbol], symbol))
    rows: list[Sequence[object]] = [('element', 'atomic_number', f'{entry.label}{unit}', 'standard_deviation')]
    rows += [(symbol, NUMBERS[symbol], known[symbol], entry.spread.get(symbol)) for symbol in ranked]
    return Drawing(figure, rows, _caption(report, entry, ranked))


def _caption(report: ScreeningReport, entry: ElementValues, ranked: Sequence[str]) -> str:
    unit = f' {entry.unit}' if entry.unit else ''
    named = ', '.join(f'{symbol} {_text(entry.values[symbol])}' for symbol in ranked[:5])
    text = f'{report.title}: {entry.label[0].lower()}{entry.label[1:]}, {len(ranked)} elements; highest: {named}{unit}.'
    return f'{text} {entry.note}'.strip()


def _cell(
    axes: Axes, symbol: str, place: tuple[int, int], value: float | None, colour: tuple[Normalize, Colormap]
) -> None:
    line, column = place
    top = line - _GAP if line > _LAST_LINE else float(line)
    ground = _NO_VALUE if value is None else colour[1](colour[0](value))
    axes.add_patch(Rectangle((column + 0.03, top + 0.03), 0.94, 0.94, facecolor=ground, edgecolor='none'))
    ink = _UNUSED_INK if value is None else _LIGHT_INK if _luminance(to_rgb(ground)) < _DARK else '#1a1a1a'
    axes.text(column + 0.09, top + 0.24, str(NUMBERS[symbol]), fontsize=4, color=ink, va='center', ha='left')
    middle = 0.5 if value is None else 0.48
    axes.text(
        column + 0.5, top + middle, symbol, fontsize=8, color=ink, va='center', ha='center',
        fontweight='normal' if value is None else 'bold',
    )  # fmt: skip
    if value is not None:
        axes.text(column + 0.5, top + 0.81, _text(value), fontsize=4.6, color=ink, va='center', ha='center')


def _text(value: float) -> str:
    """Return a number in the few letters that a cell has room for."""
    size = abs(value)
    if size >= 1e6:
        return f'{value / 1e6:.3g}M'
    if size >= 1e4:
        return f'{value / 1e3:.3g}k'
    if float(value).is_integer() or size >= 100:
        return f'{value:.0f}'.replace('-', '\u2212')
    return f'{value:.3g}'.replace('-', '\u2212')


def _luminance(colour: tuple[float, float, float]) -> float:
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    # As the eye sees it: the root of the relative luminance of sRGB.
    return float(np.sqrt(0.2126 * red + 0.7152 * green + 0.0722 * blue))


def _norm(entry: ElementValues, values: Sequence[float]) -> Normalize:
    low, high = min(values), max(values)
    if entry.is_signed:
        reach = max(abs(low), abs(high)) or 1.0
        return TwoSlopeNorm(0.0, -reach, reach)
    if low == high:
        low, high = (low / 2, high * 2) if entry.is_logarithmic else (low - 0.5, high + 0.5)
    return LogNorm(low, high) if entry.is_logarithmic else Normalize(low, high)


def _colours(entry: ElementValues) -> Colormap:
    return matplotlib.colormaps[SIGNED_MAP if entry.is_signed else style.COLOUR_MAP]
