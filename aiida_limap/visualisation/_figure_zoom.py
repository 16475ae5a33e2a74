"""A window of the map, enlarged, with the formulas of its compounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import AXES, MapBundle
from aiida_limap.visualisation import style
from aiida_limap.visualisation._labels import formula_text, place_labels
from aiida_limap.visualisation._points import colour_bar, draw_points, label_axes, largest, scale_text
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing, FigureInputs, FigureOptions
from aiida_limap.visualisation.facts import MIGRATION_ENERGY, colour_scale, formulas, map_facts, numbers

__all__ = ['zoom', 'zoom_window']

Window = tuple[float, float, float, float]
#: Sizes of the window that are tried, as shares of the range of each code.
_SHARES = (0.4, 0.3, 0.22, 0.16, 0.12, 0.09, 0.06, 0.04)
#: More points than these cannot all have a legible label.
_MOST = 60
#: Which share of the energies counts as low.
_LOW = 0.1
_MARGIN = 0.06
_LEAST = 2
#: More points than these are pixels, also in an SVG.
_MANY = 5000


def zoom(inputs: FigureInputs, options: FigureOptions) -> Drawing:
    """Draw a window of the map with formulas beside the points (Yamaguchi 2023, Fig. 8).

    :param inputs: the map.
    :param options: the window; one is found where none is given.
    :raises CannotDrawError: if no point lies in the window, or the map has too few points for one.
    """
    bundle = inputs.bundle
    x, y, energies = (numbers(bundle, name) for name in (*AXES, MIGRATION_ENERGY))
    window = options.zoom or zoom_window(bundle)
    inside = (x >= window[0]) & (x <= window[1]) & (y >= window[2]) & (y <= window[3])
    if not inside.any():
        given = ','.join(f'{edge:g}' for edge in window)
        limits = ' and '.join(
            f'{name} from {np.nanmin(code):.3g} to {np.nanmax(code):.3g}'
            for name, code in zip(AXES, (x, y), strict=True)
        )
        raise CannotDrawError(f'no point lies in the window {given}; the map has {limits}')
    # Its own colours: those of the whole map hardly differ within a window of good conductors.
    scale = colour_scale(np.where(inside, energies, np.nan))
    figure = style.new_figure(4.6, style.DOUBLE_COLUMN_INCH)
    axes, overview = figure.subplots(1, 2, width_ratios=(3.6, 1))
    axes.set_xlim(window[0], window[1])
    axes.set_ylim(window[2], window[3])
    draw_points(axes, bundle, scale, size=16, shown=inside)
    for mark in axes.collections:
        mark.set_clip_on(False)
    label_axes(axes, bundle)
    if scale is not None:
        colour_bar(figure, axes, scale, 'Migration energy (eV)', top=largest(energies[inside]))
    _draw_overview(overview, bundle, window)
    style.settle(figure)
    # The best conductors get their labels first.
    rows_inside = np.flatnonzero(inside)
    order = rows_inside[np.argsort(np.nan_to_num(energies[rows_inside], nan=np.inf), kind='stable')]
    names = formulas(bundle)
    places = np.column_stack([x, y])
    labels = place_labels(axes, places[order], [formula_text(names[row]) for row in order], places[order])
    labelled = {int(row) for row, label in zip(order, labels, strict=True) if label is not None}
    caption = (
        f'{bundle.title}: the window of {AXES[0]} from {window[0]:.3g} to {window[1]:.3g} and {AXES[1]} from '
        f'{window[2]:.3g} to {window[3]:.3g}, {inside.sum()} of {len(bundle.ids)} compounds. '
    )
    if options.zoom is None:
        caption += 'It holds the most compounds of low migration energy that a window of its size can hold. '
    if len(labelled) < inside.sum():
        caption += (
            f'{len(labelled)} compounds have a label, those of low migration energy first; for the others there is no '
            'room. '
        )
    caption += f'{"; ".join(map_facts(bundle).summary())}.'
    if scale is not None:
        caption += f' Colour: calculated migration energy.{scale_text(scale)}'
    rows: list[Sequence[object]] = [('id', 'formula', *AXES, MIGRATION_ENERGY, 'labelled')]
    rows += [
        (bundle.ids[row], names[row], float(x[row]), float(y[row]),
         None if np.isnan(energies[row]) else float(energies[row]), int(row in labelled))
        for row in order.tolist()
    ]  # fmt: skip
    return Drawing(figure, rows, caption)


def zoom_window(bundle: MapBundle) -> Window:
    """Find the window with the most compounds of low migration energy.

    Windows of several sizes, the largest first, are centred on each compound of the lowest tenth of the energies (on
    each compound where no energy is known); the largest size counts whose best window holds no more compounds than can
    be labelled.

    :param bundle: the map.
    :returns: lowest and highest composition code, lowest and highest structure code.
    :raises CannotDrawError: if the map has too few points.
    """
    x, y, energies = (numbers(bundle, name) for name in (*AXES, MIGRATION_ENERGY))
    drawn = np.isfinite(x) & np.isfinite(y)
    x, y, energies = x[drawn], y[drawn], energies[drawn]
    if len(x) < _LEAST:
        raise CannotDrawError(f'a map of {len(x)} point has no window to enlarge')
    known = energies[np.isfinite(energies)]
    good = energies <= np.quantile(known, _LOW) if known.size else np.ones(len(x), dtype=np.bool_)
    best = np.ones(len(x), dtype=np.bool_)
    if len(x) <= _MOST // 4:
        return _around(x, y, best)
    spans = np.array([np.ptp(x), np.ptp(y)])
    for share in _SHARES:
        half = spans * share / 2
        most = -1
        for row in np.flatnonzero(good):
            near = (np.abs(x - x[row]) <= half[0]) & (np.abs(y - y[row]) <= half[1])
            count = int((near & good).sum())
            if count > most:
                most, best = count, near
        if best.sum() <= _MOST:
            break
    return _around(x, y, best)


def _around(x: NDArray[np.float64], y: NDArray[np.float64], chosen: NDArray[np.bool_]) -> Window:
    """Return a window around the chosen points, with a margin that ends before the next point beyond it."""
    edges: list[float] = []
    for code in (x, y):
        low, high = float(code[chosen].min()), float(code[chosen].max())
        margin = _MARGIN * (high - low) or 0.5
        before, after = low - code[code < low], code[code > high] - high
        edges.append(low - min(margin, float(before.min(initial=np.inf)) / 2))
        edges.append(high + min(margin, float(after.min(initial=np.inf)) / 2))
    return (edges[0], edges[1], edges[2], edges[3])


def _draw_overview(axes: Axes, bundle: MapBundle, window: Window) -> None:
    """Draw where the window lies on the whole map."""
    x, y = (numbers(bundle, axis) for axis in AXES)
    axes.scatter(x, y, s=1.5, c=style.MISSING_COLOUR, linewidths=0, rasterized=len(x) > _MANY)
    axes.add_patch(
        Rectangle(
            (window[0], window[2]), window[1] - window[0], window[3] - window[2], fill=False, linewidth=0.9,
            edgecolor=style.NEW_COLOUR,
        )
    )  # fmt: skip
    axes.set_box_aspect(1)
    axes.set_anchor('N')
    axes.set_title('Whole map', fontsize=7, pad=3)
    axes.tick_params(labelsize=6)
