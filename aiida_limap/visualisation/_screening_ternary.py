"""Ternary diagrams of what a model predicts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.lines import Line2D
from matplotlib.tri import Triangulation
from numpy.typing import ArrayLike, NDArray

from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.formats.screenparts import Ternary
from aiida_limap.visualisation import style
from aiida_limap.visualisation._labels import formula_text, place_labels
from aiida_limap.visualisation._screening_common import SIGNED_MAP
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing, reason

__all__ = ['ternary']

_PANEL_INCH = 2.75
_ACROSS = 3
#: Steps of the colours on each side of zero.
_LEVELS = 10
#: Labelled formulas in each diagram.
_MOST_LABELS = 6
_HEIGHT = np.sqrt(3) / 2
_TICKS = (20, 40, 60, 80)
_INK = '#333333'
#: Of what lies on the colours, on dark pages too.
_BORDER = '#111111'
#: Grey dots of more compositions than these would hide what lies below them.
_MANY_NEUTRAL = 500
_FEWEST = 3


def ternary(report: ScreeningReport) -> Drawing:
    """Draw the predicted conduction of all compositions of three elements, neutral ones and hits marked.

    :param report: the screening.
    :raises CannotDrawError: if the screening holds no ternary grid.
    """
    found = [entry for entry in report.ternaries if len(entry.percent) >= _FEWEST]
    if not found:
        raise CannotDrawError(
            reason(report.missing, 'ternary', 'the screening holds no predictions of ternary systems')
        )
    across = min(len(found), _ACROSS)
    lines = -(-len(found) // across)
    width = style.SINGLE_COLUMN_INCH if across == 1 else style.DOUBLE_COLUMN_INCH
    figure = style.new_figure(0.72 + lines * min(_PANEL_INCH, width / across * 0.86), width)
    panels = figure.subplots(lines, across, squeeze=False).ravel()
    reach = max(max(map(abs, entry.scores)) for entry in found) or 1.0
    norm = TwoSlopeNorm(0.0, -reach, reach)
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    for axes, entry in zip(panels, found, strict=False):
        _draw(axes, entry, norm)
    bar = figure.colorbar(
        ScalarMappable(norm, SIGNED_MAP), ax=list(panels), orientation='horizontal', fraction=0.05, aspect=42, pad=0.02,
        shrink=0.62 if across > 1 else 0.9,
    )  # fmt: skip
    bar.outline.set_linewidth(0.4)  # type: ignore[operator]
    bar.set_label('Score (above zero: predicted fast)')
    figure.legend(handles=_handles(found), loc='outside upper center', ncols=3 if across > 1 else 2, handletextpad=0.4)
    style.settle(figure)
    for axes, entry in zip(panels, found, strict=False):
        _label_hits(axes, entry)
    rows: list[Sequence[object]] = [('system', 'first', 'second', 'third', 'score', 'neutral', 'formula')]
    for entry in found:
        system = '-'.join(entry.elements)
        rows += [
            (system, *parts, score, neutral, '')
            for parts, score, neutral in zip(entry.percent, entry.scores, entry.neutral, strict=True)
        ]
        rows += [
            (system, *parts, None, True, formula)
            for formula, parts in zip(entry.formulas, entry.hit_percent, strict=True)
        ]
    return Drawing(figure, rows, _caption(report, found))


def _caption(report: ScreeningReport, found: Sequence[Ternary]) -> str:
    parts = []
    for entry in found:
        fast = sum(score > 0 for score in entry.scores) / len(entry.scores)
        hits = f', {len(entry.formulas)} hits' if entry.formulas else ''
        parts.append(
            f'{"-".join(entry.elements)}: {fast:.0%} of {len(entry.scores)} compositions predicted fast, '
            f'{sum(entry.neutral)} neutral{hits}'
        )
    return (
        f'{report.title}: score of the model over all compositions of three elements, in per cent of the atoms; each '
        'corner is the pure element. Thick line: the border between predicted fast (red) and slow (blue); thin lines: '
        f'equal scores. Dots: compositions whose oxidation states can balance. Diamonds: hits. {"; ".join(parts)}.'
    )


def _places(percent: ArrayLike) -> NDArray[np.float64]:
    """Return where compositions lie: the first element at the top, the second left, the third right.

    :param percent: (n, 3) parts of 100.
    """
    parts = np.asarray(percent, dtype=np.float64).reshape(-1, 3) / 100
    return np.column_stack([parts[:, 2] + parts[:, 0] / 2, parts[:, 0] * _HEIGHT])


def _draw(axes: Axes, entry: Ternary, norm: Normalize) -> None:
    axes.set_axis_off()
    axes.set_aspect('equal')
    axes.set_xlim(-0.13, 1.13)
    axes.set_ylim(-0.13, _HEIGHT + 0.12)
    places, values = _places(entry.percent), np.array(entry.scores)
    mesh = Triangulation(*places.T, _triangles(np.asarray(entry.percent)))
    reach = float(norm.vmax or 1.0)
    levels = np.linspace(-reach, reach, 2 * _LEVELS + 1)
    # Numbers at the very end of the scale belong to its last colour.
    levels[0], levels[-1] = 1.0001 * levels[0], 1.0001 * levels[-1]
    axes.tricontourf(mesh, values, levels=levels, norm=norm, cmap=SIGNED_MAP)
    # Two lines a colour would be too many where a diagram covers the whole scale.
    some = levels[2:-1:2]
    axes.tricontour(mesh, values, levels=some[some != 0], colors=_BORDER, linewidths=0.3, linestyles='solid', alpha=0.6)
    if values.min() < 0 < values.max():
        axes.tricontour(mesh, values, levels=[0.0], colors=_BORDER, linewidths=1.3)
    neutral = places[np.array(entry.neutral, dtype=bool)]
    size = 2.2 if len(neutral) <= _MANY_NEUTRAL else 0.8
    axes.scatter(neutral[:, 0], neutral[:, 1], s=size, color='#1a1a1a', linewidths=0, zorder=4)
    hits = _places(entry.hit_percent)
    axes.scatter(
        hits[:, 0], hits[:, 1], s=16, marker='D', color='#ffd92f', edgecolors=_BORDER, linewidths=0.5, zorder=6
    )
    _frame(axes, entry.elements)


def _triangles(percent: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the triangles between neighbouring compositions.

    :param percent: (n, 3) compositions; on a regular grid the triangles are those of the grid.
    """
    flat = Triangulation(*_places(percent).T)
    # The outline of a triangle grid is straight but for rounding; slivers along it are no triangles.
    corners = percent[flat.triangles]
    area = np.abs(np.linalg.det(corners / 100))
    return np.asarray(flat.triangles[area > 1e-3 * np.median(area)], dtype=np.int64)


def _frame(axes: Axes, elements: Sequence[str]) -> None:
    corners = _places([[100, 0, 0], [0, 100, 0], [0, 0, 100]])
    axes.plot(*np.vstack([corners, corners[:1]]).T, color=_INK, linewidth=0.8, zorder=5, solid_joinstyle='miter')
    for corner, word, (dx, dy) in zip(corners, elements, ((0, 4), (-5, -3), (5, -3)), strict=True):
        axes.annotate(
            word, corner, (dx, dy), textcoords='offset points', fontsize=9.5, fontweight='bold',
            ha='center' if dx == 0 else 'right' if dx < 0 else 'left', va='bottom' if dy > 0 else 'top',
        )  # fmt: skip
    for part in _TICKS:
        # Each edge counts the element towards whose corner its numbers grow.
        for parts, outward, angle in (
            ((part, 100 - part, 0), (-1.0, 0.0), 0),
            ((0, part, 100 - part), (0.5, -_HEIGHT), 60),
            ((100 - part, 0, part), (0.5, _HEIGHT), -60),
        ):
            place = _places([parts])[0]
            end = place + 0.018 * np.array(outward)
            axes.plot(*np.vstack([place, end]).T, color=_INK, linewidth=0.5)
            x, y = (place + 0.052 * np.array(outward)).tolist()
            axes.text(x, y, str(part), fontsize=4.8, color='#555555', ha='center', va='center', rotation=angle)


def _label_hits(axes: Axes, entry: Ternary) -> None:
    if not entry.formulas:
        return
    places = _places(entry.hit_percent)
    _, first = np.unique(places.round(6), axis=0, return_index=True)
    chosen = sorted(first.tolist())[:_MOST_LABELS]
    texts = [formula_text(re.sub(r'\s+', '', entry.formulas[index])) for index in chosen]
    for label in place_labels(axes, places[chosen], texts, places, fontsize=6, radius=2.4):
        if label is not None:
            label.set_color(_BORDER)


def _handles(found: Sequence[Ternary]) -> list[Line2D]:
    handles = [Line2D([], [], color=_INK, linewidth=1.3, label='border of the classes')]
    if any(any(entry.neutral) for entry in found):
        handles.append(Line2D([], [], linestyle='', marker='.', markersize=3, color=_INK, label='neutral'))
    if any(entry.formulas for entry in found):
        handles.append(
            Line2D(
                [],
                [],
                linestyle='',
                marker='D',
                markersize=4,
                markerfacecolor='#ffd92f',
                markeredgecolor=_BORDER,
                markeredgewidth=0.5,
                label='hit',
            )
        )  # fmt: skip
    return handles
