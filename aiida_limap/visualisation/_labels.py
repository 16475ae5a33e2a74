"""Labels of points that overlap neither each other nor the points.

Own code and no library: those that push labels apart by forces start from random places, so that equal maps would give
different figures, and leave overlaps where there is no room. Here a label that finds no room is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

__all__ = ['formula_text', 'place_labels']

_FORMULA = re.compile(r'(?:[A-Z][a-z]?|[()])(?:[A-Za-z0-9.()]*)')
_AMOUNT = re.compile(r'(\d+(?:\.\d+)?)')
#: Directions in which a label may stand, in the order in which they are tried: right, left, above, below, corners.
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1), (2, 1), (-2, 1), (2, -1), (-2, -1))
#: Distances between point and label, points (1/72 inch); beyond the first a line connects the two.
_DISTANCES = (3.5, 9.0, 15.0, 22.0, 30.0)
_GAP = 0.8
_LEADER_STEPS = 16
#: Lines between labels and points keep this far from each other, points.
_CLEARANCE = 2.5
_NEAR = 6.0
Floats = NDArray[np.float64]


def formula_text(formula: str) -> str:
    """Return a formula with its amounts as subscripts, as text that matplotlib understands.

    :param formula: such as ``Li7La3Zr2O12``; anything else is returned so that it stays as it is.
    """
    if not _FORMULA.fullmatch(formula):
        return formula.replace('$', r'\$')
    return _AMOUNT.sub(r'$_{\1}$', formula)


def place_labels(
    axes: Axes, places: Floats, texts: Sequence[str], obstacles: Floats, *, fontsize: float = 6, radius: float = 2.0
) -> list[Annotation | None]:
    """Write labels beside points, the first ones first; one that finds no room is left out.

    The figure must have its final layout. Labels keep clear of each other, of all points, of the lines between labels
    and points, and of the edge of the axes.

    :param axes: where to write.
    :param places: (n, 2) the points, in data units.
    :param texts: (n,) their labels.
    :param obstacles: (m, 2) all points that no label may cover, in data units.
    :param fontsize: of the labels, points.
    :param radius: of the marks of the points, points.
    :returns: (n,) the labels, None for those without room.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    unit = figure.dpi / 72
    frame = axes.get_window_extent(renderer)
    marks = axes.transData.transform(obstacles)
    spread = (radius + _GAP) * unit
    taken = np.column_stack([marks - spread, marks + spread])
    lines = np.zeros((0, 2))
    done: list[Annotation | None] = []
    for place, text in zip(places, texts, strict=True):
        label = axes.annotate(
            text, place, (0, 0), textcoords='offset points', fontsize=fontsize, ha='center', va='center',
            path_effects=[withStroke(linewidth=1.2, foreground='white')], zorder=8,
        )  # fmt: skip
        extent = label.get_window_extent(renderer)
        half = np.array([extent.width, extent.height]) / 2 + _GAP * unit
        point = axes.transData.transform(place)
        found = _free_place(point, half, unit, frame, (taken, lines))
        if found is None:
            label.remove()
            done.append(None)
            continue
        centre, leader = found
        label.set_position(tuple(np.round((centre - point) / unit, 2).tolist()))
        taken = np.vstack([taken, [*(centre - half), *(centre + half)]])
        if leader is not None:
            lines = np.vstack([lines, leader])
            ends = axes.transData.inverted().transform(leader[[0, -1]])
            axes.plot(ends[:, 0], ends[:, 1], color='#555555', linewidth=0.35, zorder=7)
        done.append(label)
    return done


def _free_place(
    point: Floats, half: Floats, unit: float, frame: Bbox, obstacles: tuple[Floats, Floats]
) -> tuple[Floats, Floats | None] | None:
    """Return the centre of a label near a point (pixels) and the line to it, or None where there is no room."""
    taken, lines = obstacles
    for distance in _DISTANCES:
        for direction in _DIRECTIONS:
            towards = np.array(direction, dtype=np.float64)
            towards /= np.abs(towards).max()
            centre = point + towards * (half + distance * unit)
            low, high = centre - half, centre + half
            if low[0] < frame.x0 or low[1] < frame.y0 or high[0] > frame.x1 or high[1] > frame.y1:
                continue
            if _meets(low, high, taken) or ((lines > low) & (lines < high)).all(axis=1).any():
                continue
            if distance == _DISTANCES[0]:
                return centre, None
            # From the edge of the mark to the edge of the text.
            end = np.clip(point, low, high)
            leader = point + np.linspace(0, 1, _LEADER_STEPS)[:, None] * (end - point)
            if _close(_apart(leader, point, unit), _apart(lines, point, unit), _CLEARANCE * unit):
                continue
            if not any(_meets(step, step, taken[_others(point, taken)]) for step in leader):
                return centre, leader
    return None


def _meets(low: Floats, high: Floats, taken: Floats) -> bool:
    return bool(
        ((taken[:, 0] < high[0]) & (taken[:, 2] > low[0]) & (taken[:, 1] < high[1]) & (taken[:, 3] > low[1])).any()
    )


def _apart(steps: Floats, point: Floats, unit: float) -> Floats:
    """Return the steps of lines that are not at a point itself, where the lines of points at one place meet."""
    return steps[np.hypot(*(steps - point).T) > _NEAR * unit]


def _close(leader: Floats, lines: Floats, distance: float) -> bool:
    """Return whether a line comes near to another one, as crossing lines do."""
    gaps = leader[:, None] - lines[None]
    return bool((np.hypot(gaps[..., 0], gaps[..., 1]) < distance).any())


def _others(point: Floats, taken: Floats) -> NDArray[np.bool_]:
    """Return which boxes do not hold the point itself: its line begins in its own mark."""
    inside = (
        (taken[:, 0] <= point[0]) & (taken[:, 2] >= point[0]) & (taken[:, 1] <= point[1]) & (taken[:, 3] >= point[1])
    )
    return ~inside
