"""How good the models of a screening are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.formats.screenparts import CurveSet, ModelScore
from aiida_limap.visualisation import style
from aiida_limap.visualisation._screening_common import OURS, PUBLISHED
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing, reason

__all__ = ['learning', 'models', 'plateau', 'subsets']

_SCORES = ('accuracy', 'f1', 'mcc')
_CURVE_INCH = 2.5
#: A whole number of dimensions or features up to this many is marked one by one.
_MOST_TICKS = 12
_DATA_SETS = ('exp', 'MP', 'DFT')
_GROUND = '#f4f5f7'
_LONG_LABEL = 22


def models(report: ScreeningReport) -> Drawing:
    """Draw the table of models (Cubuk 2019, Table I): accuracies with spread, the published ones beside them.

    :param report: the screening.
    :raises CannotDrawError: if no model was judged.
    """
    entries = [entry for entry in report.models if 'accuracy' in entry.scores or entry.published_accuracy is not None]
    if not any('accuracy' in entry.scores for entry in entries):
        raise CannotDrawError(reason(report.missing, 'models', 'no model of this screening was judged'))
    names = list(dict.fromkeys(entry.model for entry in entries))
    found = {entry.data_set for entry in entries}
    sets = [name for name in _DATA_SETS if name in found] + sorted(found - set(_DATA_SETS))
    lanes = {
        name: max(1, *(sum(e.model == name and e.data_set == one for e in entries) for one in sets)) for name in names
    }
    starts = dict(zip(names, np.cumsum([0, *lanes.values()][:-1]).tolist(), strict=True))
    total = sum(lanes.values())
    figure = style.new_figure(0.85 + 0.4 * total, style.DOUBLE_COLUMN_INCH)
    panels = figure.subplots(1, len(sets), squeeze=False, sharey=True).ravel()
    for axes, data_set in zip(panels, sets, strict=True):
        for number, name in enumerate(names):
            if number % 2 == 0:
                axes.axhspan(starts[name] - 0.5, starts[name] + lanes[name] - 0.5, color=_GROUND, linewidth=0)
            own = [entry for entry in entries if (entry.model, entry.data_set) == (name, data_set)]
            for lane, entry in enumerate(own):
                _score(axes, starts[name] + lane, entry)
        _dress(axes, data_set, total)
    panels[0].set_yticks([starts[name] + (lanes[name] - 1) / 2 for name in names], names, parse_math=False)
    figure.supxlabel('Accuracy (%)', fontsize=8)
    figure.legend(handles=_handles(entries), loc='outside upper center', ncols=3, handletextpad=0.4)
    style.settle(figure)
    return Drawing(figure, score_rows(report.models), _models_caption(report, entries))


def score_rows(entries: Sequence[ModelScore]) -> list[Sequence[object]]:
    """Return scores as a table whose first row names the columns.

    :param entries: the scores.
    """
    heads = [word for score in _SCORES for word in (score, f'{score}_standard_deviation')]
    rows: list[Sequence[object]] = [
        ('model', 'data_set', 'validation', 'n', *heads, 'chance_accuracy', 'published_accuracy', 'note')
    ]
    for entry in entries:
        cells: list[object] = []
        for score in _SCORES:
            value = entry.scores.get(score)
            cells += [None, None] if value is None else [value.value, value.spread]
        rows.append(
            (
                entry.model,
                entry.data_set,
                entry.validation,
                entry.n or None,
                *cells,
                entry.chance,
                entry.published_accuracy,
                entry.note,
            )
        )  # fmt: skip
    return rows


def _score(axes: Axes, place: int, entry: ModelScore) -> None:
    own, words = entry.scores.get('accuracy'), []
    if entry.chance is not None:
        axes.plot([100 * entry.chance] * 2, [place - 0.07, place + 0.32], color='#8a8a8a', linewidth=0.9, zorder=2)
    if own is not None:
        spread = None if own.spread is None else 100 * own.spread
        axes.errorbar(
            100 * own.value, place + 0.1, xerr=spread, fmt='o', color=OURS, markersize=4.5, elinewidth=0.9, capsize=1.8,
            zorder=4,
        )  # fmt: skip
        words.append(f'{100 * own.value:.1f}' + ('' if spread is None else f' ± {spread:.1f}'))
    if entry.published_accuracy is not None:
        axes.plot(
            100 * entry.published_accuracy, place + 0.1, marker='D', markersize=5, markerfacecolor='none',
            markeredgecolor=PUBLISHED, markeredgewidth=1.0, zorder=5,
        )  # fmt: skip
        words.append(f'({100 * entry.published_accuracy:.1f})')
    said = f', {entry.validation}' if entry.validation and own is not None else ''
    axes.text(
        2, place - 0.24, ' '.join(words) + said, fontsize=6, va='center', ha='left', zorder=6,
        color='#222222', parse_math=False,
    )  # fmt: skip


def _dress(axes: Axes, data_set: str, total: int) -> None:
    axes.set_xlim(0, 104)
    axes.set_ylim(total - 0.45, -0.55)
    axes.set_title(data_set, fontsize=8, pad=4, parse_math=False)
    axes.set_xticks(range(0, 101, 20))
    axes.tick_params(axis='y', length=0)
    axes.grid(axis='x', color='#d9dce1', linewidth=0.4, zorder=0)
    axes.set_axisbelow(True)
    for side in ('top', 'right', 'left'):
        axes.spines[side].set_visible(False)


def _handles(entries: Sequence[ModelScore]) -> list[Line2D]:
    handles = [Line2D([], [], linestyle='', marker='o', markersize=4.5, color=OURS, label='this screening')]
    if any(entry.published_accuracy is not None for entry in entries):
        handles.append(
            Line2D(
                [],
                [],
                linestyle='',
                marker='D',
                markersize=5,
                markerfacecolor='none',
                markeredgecolor=PUBLISHED,
                label='published (in brackets)',
            )
        )  # fmt: skip
    if any(entry.chance is not None for entry in entries):
        handles.append(Line2D([], [], linestyle='', marker='|', markersize=7, color='#8a8a8a', label='chance'))
    return handles


def _models_caption(report: ScreeningReport, entries: Sequence[ModelScore]) -> str:
    parts = []
    for entry in entries:
        scores = [
            f'{words} {score.value:.2f}' + ('' if score.spread is None else f' ± {score.spread:.2f}')
            for name, words in (('f1', 'F1'), ('mcc', 'MCC'))
            if (score := entry.scores.get(name)) is not None
        ]
        if scores:
            parts.append(f'{entry.model} on {entry.data_set} ({entry.n} compounds): {", ".join(scores)}')
    text = f'{report.title}: share of compounds that each model puts into the right class, with its standard deviation.'
    if any(entry.published_accuracy is not None for entry in entries):
        text += ' Diamonds: Cubuk et al., J. Chem. Phys. 150, 214701 (2019), Table I.'
    if any(entry.chance is not None for entry in entries):
        text += ' Grey lines: guessing by the frequency of the classes.'
    notes = [f'{entry.model} on {entry.data_set}: {entry.note.rstrip(".")}' for entry in entries if entry.note]
    return ' '.join([text, *(f'{part}.' for part in [*parts, *notes])])


def learning(report: ScreeningReport) -> Drawing:
    """Draw scores against the number of labels."""
    return _curves(report, 'learning', 'no learning curve was computed')


def subsets(report: ScreeningReport) -> Drawing:
    """Draw the score of the best subset of features against its size, and what nested cross-validation leaves of it."""
    return _curves(report, 'subsets', 'no search over subsets of features was done')


def plateau(report: ScreeningReport) -> Drawing:
    """Draw scores against the dimension of the element vectors."""
    return _curves(report, 'plateau', 'element vectors of one dimension only were trained')


def _curves(report: ScreeningReport, name: str, otherwise: str) -> Drawing:
    entry = report.curves.get(name)
    if entry is None or not any(not curve.is_published for curve in entry.curves):
        raise CannotDrawError(reason(report.missing, name, otherwise))
    figure = style.new_figure(_CURVE_INCH)
    axes = figure.add_subplot()
    own = 0
    for curve in entry.curves:
        if curve.is_published:
            axes.plot(
                curve.x, curve.y, marker='D', markersize=5.5, markerfacecolor='none', markeredgecolor=PUBLISHED,
                color=PUBLISHED, linewidth=0.8, linestyle=(0, (4, 2)), label=curve.label, zorder=5,
            )  # fmt: skip
            continue
        colour, marker = style.CATEGORY_COLOURS[1:][own % 7], style.CATEGORY_MARKERS[own % 8]
        own += 1
        if curve.spread:
            low, high = (np.array(curve.y) + sign * np.array(curve.spread) for sign in (-1, 1))
            axes.fill_between(curve.x, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(curve.x, curve.y, marker=marker, markersize=3.5, color=colour, linewidth=1.1, label=curve.label)
    _curve_axes(axes, entry)
    # Two long labels are wider than the figure.
    is_long = max(len(curve.label) for curve in entry.curves) > _LONG_LABEL
    figure.legend(loc='outside upper center', ncols=1 if is_long or len(entry.curves) == 1 else 2, handlelength=1.6)
    style.settle(figure)
    rows: list[Sequence[object]] = [('curve', entry.x_label, entry.y_label, 'standard_deviation', 'published')]
    for curve in entry.curves:
        spread = curve.spread or (None,) * len(curve.x)
        rows += [
            (curve.label, x, y, deviation, curve.is_published)
            for x, y, deviation in zip(curve.x, curve.y, spread, strict=True)
        ]
    bands = ' Bands: standard deviation.' if any(curve.spread for curve in entry.curves) else ''
    x_label = entry.x_label[0].lower() + entry.x_label[1:]
    return Drawing(figure, rows, f'{report.title}: {entry.y_label.lower()} against {x_label}.{bands} {entry.note}')


def _curve_axes(axes: Axes, entry: CurveSet) -> None:
    places = sorted({x for curve in entry.curves for x in curve.x})
    if places[0] > 0 and places[-1] > 30 * places[0]:
        axes.set_xscale('log')
    elif len(places) <= _MOST_TICKS and all(float(x).is_integer() for x in places) and places[-1] <= 2 * _MOST_TICKS:
        axes.set_xticks(places, [f'{x:g}' for x in places])
    axes.set_xlabel(entry.x_label, parse_math=False)
    axes.set_ylabel(entry.y_label, parse_math=False)
    axes.grid(color='#e3e6ea', linewidth=0.4)
    axes.set_axisbelow(True)
