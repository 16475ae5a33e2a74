"""Points of a map in a figure: their colours, marks, legend and colour bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import AXES, KNOWN_SUPPORT, MapBundle
from aiida_limap.visualisation import style
from aiida_limap.visualisation.facts import (
    MIGRATION_ENERGY,
    NOTHING_KNOWN,
    ColourScale,
    colour_scale,
    new_points,
    numbers,
    outside_domain,
)

__all__ = [
    'axis_label',
    'colour_bar',
    'common_scale',
    'draw_points',
    'draw_unknown',
    'label_axes',
    'largest',
    'marker_area',
    'norm',
    'scale_text',
    'smallest',
]


def common_scale(bundle: MapBundle) -> ColourScale | None:
    """Return one scale for all figures, so that colours can be compared: of the points, or of the heat map without any.

    :param bundle: the map.
    """
    energies = numbers(bundle, MIGRATION_ENERGY)
    scale = colour_scale(energies)
    if scale is None and bundle.heatmap is not None:
        scale = colour_scale(bundle.heatmap.values.ravel())
        if scale is not None:
            scale = replace(scale, n_above=int((energies > scale.upper).sum()))
    return scale


def draw_unknown(
    axes: Axes, x_comp: NDArray[np.float64], x_struc: NDArray[np.float64], support: NDArray[np.float64] | None
) -> list[Artist]:
    """Cover the places without training data near; return the mark of the legend.

    :param axes: where to draw.
    :param x_comp: (m,) composition codes.
    :param x_struc: (n,) structure codes.
    :param support: (n, m) from 0 to 1, or None where it is not known.
    """
    if support is None or not (support < KNOWN_SUPPORT).any():
        return []
    look: dict[str, Any] = {'hatch': '/////', 'linewidth': 0}
    axes.contourf(
        x_comp,
        x_struc,
        support,
        levels=[-1.0, KNOWN_SUPPORT],
        colors=[style.UNKNOWN_COLOUR],
        hatches=[look['hatch']],
    )
    return [Patch(facecolor=style.UNKNOWN_COLOUR, edgecolor=style.HATCH_COLOUR, label=NOTHING_KNOWN, **look)]


def draw_points(
    axes: Axes,
    bundle: MapBundle,
    scale: ColourScale | None,
    *,
    size: float,
    edge: str = style.POINT_EDGE,
    marks: Sequence[Artist] = (),
    shown: NDArray[np.bool_] | None = None,
) -> None:
    """Draw all points and the legend of their marks.

    :param axes: where to draw.
    :param bundle: the map.
    :param scale: the colours.
    :param size: area of a marker, points².
    :param edge: colour of its edge.
    :param marks: further marks of the legend.
    :param shown: (n_points,) which points are drawn; all unless given.
    """
    x, y, energies = numbers(bundle, AXES[0]), numbers(bundle, AXES[1]), numbers(bundle, MIGRATION_ENERGY)
    drawn = np.isfinite(x) & np.isfinite(y)
    if shown is not None:
        drawn &= shown
    missing = drawn & np.isnan(energies)
    # High energies first: a good conductor is never hidden below a bad one.
    order = np.flatnonzero(drawn & ~np.isnan(energies))
    order = order[np.argsort(-energies[order], kind='stable')]
    outside = outside_domain(bundle)
    known, far = order[~outside[order]], order[outside[order]]
    common: dict[str, Any] = {'s': size, 'edgecolors': edge, 'linewidths': 0.25 if size < 12 else 0.35}
    axes.scatter(x[missing], y[missing], marker='s', c=style.MISSING_COLOUR, **common)
    rings = matplotlib.colormaps[style.COLOUR_MAP](norm(scale)(energies[far]))
    # A ring of the full width would grow the mark: it is drawn smaller by its line.
    ring: dict[str, Any] = {'s': size * 0.7, 'facecolors': 'white', 'linewidths': 0.5 if size < 12 else 0.9}
    axes.scatter(x[far], y[far], edgecolors=rings, **ring)
    axes.scatter(x[known], y[known], c=energies[known], norm=norm(scale), cmap=style.COLOUR_MAP, **common)
    new = drawn & new_points(bundle)
    axes.scatter(x[new], y[new], s=size * 2.4, facecolors='none', edgecolors=style.NEW_COLOUR, linewidths=0.7)
    _legend(axes, (int(known.size), int(far.size), int(missing.sum()), int(new.sum())), marks)


def _legend(axes: Axes, counts: tuple[int, int, int, int], more: Sequence[Artist]) -> None:
    """Say which mark is what and how many there are, in rows above the axes."""
    colour_of_marks = matplotlib.colormaps[style.COLOUR_MAP](0.4)
    marks = (
        (counts[0], 'calculated', 'o', colour_of_marks, style.POINT_EDGE, 0.35),
        (counts[1], 'outside the domain', 'o', 'white', colour_of_marks, 0.9),
        (counts[2], 'no migration energy', 's', style.MISSING_COLOUR, style.POINT_EDGE, 0.35),
        (counts[3], 'new', 'o', 'none', style.NEW_COLOUR, 0.7),
    )
    handles = [
        Line2D(
            [], [], linestyle='', marker=marker, markersize=3.5, markeredgewidth=width, markeredgecolor=edge,
            markerfacecolor=colour, label=f'{text} ({count})',
        )
        for count, text, marker, colour, edge, width in marks
        if count
    ]  # fmt: skip
    axes.legend(
        handles=[*handles, *more], loc='lower center', bbox_to_anchor=(0.5, 1.0), ncols=2, handletextpad=0.2,
        columnspacing=1.4, borderpad=0.2,
    )  # fmt: skip


def norm(scale: ColourScale | None) -> Normalize:
    """Return the colours of a scale as matplotlib wants them.

    :param scale: the scale, or None for a map without colours.
    """
    return Normalize(0, 1) if scale is None else Normalize(scale.lower, scale.upper)


def largest(values: NDArray[np.float64]) -> float:
    """Return the largest of the finite values, or minus infinity.

    :param values: (n,) numbers.
    """
    return float(np.max(values, initial=-np.inf, where=np.isfinite(values)))


def smallest(values: NDArray[np.float64]) -> float:
    """Return the smallest of the finite values, or infinity.

    :param values: (n,) numbers.
    """
    return float(np.min(values, initial=np.inf, where=np.isfinite(values)))


def marker_area(n_points: int) -> float:
    """Return the area of a marker, points², smaller where there are more of them.

    :param n_points: how many there are.
    """
    return float(np.clip(4000 / max(n_points, 1), 5, 28))


def colour_bar(
    figure: Figure, axes: Axes | Sequence[Axes], scale: ColourScale, label: str, *, top: float, bottom: float = np.inf
) -> None:
    """Draw the colour bar, with an arrow where values lie beyond it.

    :param figure: the figure.
    :param axes: the panels that it belongs to.
    :param scale: the colours.
    :param label: name and unit.
    :param top: the largest value.
    :param bottom: the smallest value.
    """
    above, below = top > scale.upper, bottom < scale.lower
    extend = 'both' if above and below else 'max' if above else 'min' if below else 'neither'
    mappable = ScalarMappable(norm=norm(scale), cmap=style.COLOUR_MAP)
    bar = figure.colorbar(mappable, ax=axes, extend=extend, pad=0.02, fraction=0.06, aspect=24)
    bar.set_label(label)
    bar.outline.set_linewidth(0.6)


def label_axes(axes: Axes, bundle: MapBundle) -> None:
    """Name the two codes at the axes.

    :param axes: the axes.
    :param bundle: the map.
    """
    axes.set_xlabel(axis_label(bundle, AXES[0]), parse_math=False)
    axes.set_ylabel(axis_label(bundle, AXES[1]), parse_math=False)


def axis_label(bundle: MapBundle, name: str) -> str:
    """Return name and unit of a property.

    :param bundle: the map.
    :param name: name of the property.
    """
    entry = bundle.properties[name]
    return (entry.label or name) + (f' ({entry.unit})' if entry.unit else '')


def scale_text(scale: ColourScale) -> str:
    """Return the sentence of a caption about the colours.

    :param scale: the colours.
    """
    if not scale.n_above:
        return f' The colour scale runs from {scale.lower:g} to {scale.upper:g} eV.'
    return (
        f' The colour scale runs from {scale.lower:g} to {scale.upper:g} eV, the 95th percentile or twice the median, '
        f'whichever is lower; {scale.n_above} values above it have the last colour.'
    )
