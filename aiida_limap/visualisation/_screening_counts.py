"""The funnel of a screening, and how often scores occur."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.formats.screenparts import Stage
from aiida_limap.visualisation import style
from aiida_limap.visualisation._screening_common import OURS, PUBLISHED, big_number
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing, reason

__all__ = ['funnel', 'scores']

_STAGE_INCH = 0.46
_MARGIN_INCH = 0.62
#: Height and colour of the bars of a stage, whose lines lie one apart.
_LABELS = {
    'this screening': (0.36, OURS),
    'further formulas of small integers': (0.16, '#009e73'),
    'published': (0.16, PUBLISHED),
}
_GAP = 0.05


def funnel(report: ScreeningReport) -> Drawing:
    """Draw how many compositions are left after each stage, the published counts beside them.

    :param report: the screening.
    :raises CannotDrawError: if no stage was counted.
    """
    stages = [stage for stage in report.funnel if stage.count is not None or stage.published is not None]
    if not any(stage.count for stage in stages):
        raise CannotDrawError(reason(report.missing, 'funnel', 'the screening counted no stage'))
    figure = style.new_figure(_MARGIN_INCH + _STAGE_INCH * len(stages), style.DOUBLE_COLUMN_INCH)
    axes = figure.add_subplot()
    places = np.arange(len(stages))
    highest = max(max(stage.count or 0, stage.published or 0, stage.integers or 0) for stage in stages)
    for place, stage in zip(places.tolist(), stages, strict=True):
        _bars(axes, place, stage)
    axes.set_xscale('log')
    axes.set_xlim(0.5, 10 ** (math.log10(highest) * 1.16 + 0.6))
    axes.set_xticks(10.0 ** np.arange(0, math.ceil(math.log10(highest)) + 1, 2 if highest > 1e6 else 1))
    axes.set_yticks(places, [stage.label for stage in stages], parse_math=False)
    axes.set_ylim(len(stages) - 0.45, -0.55)
    axes.tick_params(axis='y', length=0)
    axes.tick_params(axis='x', which='minor', length=0)
    for side in ('top', 'right', 'left'):
        axes.spines[side].set_visible(False)
    axes.set_xlabel('Compositions left')
    labels = {label: colour for stage in stages for label, _value, _height, colour in _found(stage)}
    if len(labels) > 1:
        for label in sorted(labels, key=list(_LABELS).index):
            axes.barh([np.nan], [np.nan], color=labels[label], label=label)
        axes.legend(loc='lower right')
    style.settle(figure)
    rows: list[Sequence[object]] = [('stage', 'left', 'count', 'share', 'integers', 'published', 'note')]
    rows += [
        (stage.name, stage.label, stage.count, share, stage.integers, stage.published, stage.note)
        for stage, share in zip(stages, shares(stages), strict=True)
    ]
    return Drawing(figure, rows, _funnel_caption(report, stages))


def _found(stage: Stage) -> list[tuple[str, int, float, str]]:
    """Return the numbers of a stage: what each is, the number, the height of its bar and its colour."""
    values = (stage.count, stage.integers, stage.published)
    return [
        (label, value, height, colour)
        for (label, (height, colour)), value in zip(_LABELS.items(), values, strict=True)
        if value is not None
    ]


def _bars(axes: Axes, place: float, stage: Stage) -> None:
    entries = _found(stage)
    top = place - (sum(height for _label, _value, height, _colour in entries) + _GAP * (len(entries) - 1)) / 2
    for _label, value, height, colour in entries:
        middle, top = top + height / 2, top + height + _GAP
        # On a logarithmic axis a bar begins below one, so that one composition still has some length.
        axes.barh(middle, max(value, 0.5) - 0.5, height, left=0.5, color=colour, linewidth=0)
        is_main = colour == OURS
        axes.annotate(
            big_number(value), (max(value, 0.5), middle), (3, 0), textcoords='offset points', va='center',
            fontsize=7 if is_main else 5.5, color='#222222' if is_main else colour,
        )  # fmt: skip


def shares(stages: Sequence[Stage]) -> list[float | None]:
    """Return which part of the stage before it, or of the one that it names, each stage leaves.

    :param stages: the stages.
    :returns: from 0 to 1, None where there is nothing to divide by.
    """
    found: list[float | None] = []
    counts: dict[str, int] = {}
    last = ''
    for stage in stages:
        whole = counts.get(stage.part_of or last, 0)
        found.append(stage.count / whole if whole and stage.count is not None else None)
        if stage.count is not None:
            counts[stage.name], last = stage.count, stage.name
    return found


def _funnel_caption(report: ScreeningReport, stages: Sequence[Stage]) -> str:
    counted = [stage for stage in stages if stage.count is not None]
    text = (
        f'{report.title}: what is left of {big_number(counted[0].count or 0)} compositions after each stage, on a '
        f'logarithmic axis; {big_number(counted[-1].count or 0)} at the end.'
    )
    if any(stage.published is not None for stage in stages):
        text += ' Published: the counts of Cubuk et al., J. Chem. Phys. 150, 214701 (2019), where it gives them.'
    notes = [f'{stage.label[0].upper()}{stage.label[1:]}: {stage.note.rstrip(".")}.' for stage in stages if stage.note]
    return ' '.join([text, *notes])


def scores(report: ScreeningReport) -> Drawing:
    """Draw how often scores occur, on a logarithmic axis.

    :param report: the screening.
    :raises CannotDrawError: if no score was counted.
    """
    found = [entry for entry in report.histograms if any(entry.counts)]
    if not found:
        raise CannotDrawError(reason(report.missing, 'scores', 'the screening holds no histogram of scores'))
    figure = style.new_figure(2.5)
    axes = figure.add_subplot()
    rows: list[Sequence[object]] = [('compositions', 'score_from', 'score_to', 'count')]
    for number, entry in enumerate(found):
        colour = style.CATEGORY_COLOURS[(1, 0, 2, 3)[number % 4]]
        axes.stairs(entry.counts, entry.edges, fill=True, color=colour, alpha=0.16)
        axes.stairs(entry.counts, entry.edges, color=colour, linewidth=1.0, label=entry.label)
        rows += zip([entry.label] * len(entry.counts), entry.edges, entry.edges[1:], entry.counts, strict=False)
    axes.set_yscale('log')
    low, high = min(entry.edges[0] for entry in found), max(entry.edges[-1] for entry in found)
    axes.set_xlim(low, high)
    axes.set_ylim(0.7, 6 * max(max(entry.counts) for entry in found))
    if low < 0 < high:
        axes.axvline(0.0, color='#555555', linewidth=0.7, linestyle=(0, (4, 3)))
    axes.set_xlabel('Score (above zero: predicted fast)')
    axes.set_ylabel('Compositions')
    axes.tick_params(which='minor', length=0)
    figure.legend(loc='outside upper center', ncols=2, handlelength=1.4)
    style.settle(figure)
    sums = '; '.join(f'{entry.label} {big_number(sum(entry.counts))}' for entry in found)
    return Drawing(figure, rows, f'{report.title}: compositions by score, {sums}. Both ends hold what lies beyond.')
