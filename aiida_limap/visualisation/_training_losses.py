"""Figures of the losses of trainings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from aiida_limap.visualisation import style

__all__ = ['SPLIT_COLOURS', 'history', 'loss_of', 'tradeoff']

#: Readable with every kind of colour vision, and as greys.
SPLIT_COLOURS = {'train': '#2a788e', 'validation': '#b07a10', 'test': '#d1495b'}
_MARKERS = {'train': 'o', 'validation': 's', 'test': '^'}
_TITLES = {
    'composition': 'Composition',
    'structure': 'Structure',
    'me': 'Migration energy',
    'wide': 'Migration energy (wide head)',
    'all': 'Sum with weights',
}
#: Losses within this factor get plain numbers, others powers of ten.
_DECADE = 15.0
Floats = NDArray[np.float64]


def loss_of(name: str) -> str:
    """Return the loss that a name such as ``validation_me`` belongs to, empty if none.

    :param name: split and loss.
    """
    split, _, loss = name.partition('_')
    return loss if split in SPLIT_COLOURS and loss in _TITLES else ''


def tradeoff(weights: Floats, losses: Mapping[str, Floats]) -> Figure:
    """Draw losses against the weight.

    :param weights: (n,) weights.
    :param losses: (n,) by name.
    """
    figure = style.new_figure(2.3)
    figure.set_figwidth(style.DOUBLE_COLUMN_INCH)
    names = [loss for loss in _TITLES if any(loss_of(name) == loss for name in losses)]
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    places = np.unique(weights)
    for axes, loss in zip(panels, names, strict=True):
        for split, colour in SPLIT_COLOURS.items():
            if f'{split}_{loss}' in losses:
                _draw_runs(axes, weights, losses[f'{split}_{loss}'], split, colour)
        axes.set_title(_TITLES[loss], fontsize=8, pad=3)
        _scale_weights(axes, places)
        _scale_losses(axes)
    panels[0].set_ylabel('Loss (scaled)')
    figure.supxlabel('Weight $W$ of the migration energy', fontsize=8)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside upper center', ncols=len(labels))
    style.settle(figure)
    return figure


def _draw_runs(axes: Axes, weights: Floats, values: Floats, split: str, colour: str) -> None:
    places = np.unique(weights)
    runs = [values[weights == place] for place in places]
    means = [run.mean() for run in runs]
    axes.fill_between(
        places, [run.min() for run in runs], [run.max() for run in runs], color=colour, alpha=0.18, linewidth=0
    )
    axes.plot(weights, values, linestyle='', marker='.', markersize=2, color=colour, alpha=0.6)
    axes.plot(places, means, color=colour, linewidth=1, marker=_MARKERS[split], markersize=3.5, label=split)


def _scale_weights(axes: Axes, places: Floats) -> None:
    """Give the weights a logarithmic axis on which zero has its place too."""
    positive = places[places > 0]
    if positive.size and len(places) > 1:
        axes.set_xscale('symlog', linthresh=float(positive.min()), linscale=0.6)
        if places[0] > 0:
            axes.set_xlim(places[0] / 1.5, places[-1] * 1.5)
        else:
            axes.set_xlim(-0.15 * float(positive.min()), float(places[-1]) * 1.6)
    axes.xaxis.set_major_locator(FixedLocator(places.tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))


def _scale_losses(axes: Axes) -> None:
    """Give the losses a logarithmic axis with numbers on it, however narrow their range."""
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=np.float64) for line in axes.lines])
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size or drawn.min() <= 0:
        return
    axes.set_yscale('log')
    axes.yaxis.set_minor_formatter(NullFormatter())
    if drawn.max() < _DECADE * drawn.min():
        # Powers of ten alone would leave one number or none.
        low, high = axes.get_ylim()
        ticks = [tick for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
        power = int(np.floor(np.log10(high)))
        axes.yaxis.set_major_locator(FixedLocator(ticks))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value / 10.0**power:g}'))
        axes.annotate(
            f'$\\times 10^{{{power}}}$', (0, 1), (-2, 3), xycoords='axes fraction', textcoords='offset points',
            ha='right', va='bottom', fontsize=7,
        )  # fmt: skip


def history(losses: Mapping[str, Floats], best_epoch: int | None) -> Figure:
    """Draw losses by epoch.

    :param losses: (epochs,) by name.
    :param best_epoch: epoch to mark, counted from 1.
    """
    names = [loss for loss in ('all', 'composition', 'structure', 'me', 'wide') if _has(losses, loss)]
    columns = min(len(names), 2 if len(names) < 5 else 3)
    lines = -(-len(names) // columns)
    figure = style.new_figure(0.4 + 1.9 * lines)
    figure.set_figwidth(style.DOUBLE_COLUMN_INCH)
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True)
    for place in range(len(names), panels.size):
        panels.ravel()[place].set_axis_off()
        above = panels.ravel()[place - columns]
        above.tick_params(labelbottom=True)
        above.set_xlabel('Epoch')
    for axes, loss in zip(panels.ravel(), names, strict=False):
        for split, colour in SPLIT_COLOURS.items():
            values = losses.get(f'{split}_{loss}')
            if values is not None:
                axes.plot(np.arange(1, len(values) + 1), values, color=colour, linewidth=0.9, label=split)
        _scale_losses(axes)
        if best_epoch is not None:
            axes.axvline(best_epoch, color='#444444', linewidth=0.7, linestyle=(0, (4, 2)))
        axes.set_title(_TITLES[loss], fontsize=8, pad=3)
    for axes in panels[-1]:
        axes.set_xlabel('Epoch')
    for place, axes in enumerate(panels.ravel()[: len(names)]):
        if place % columns == 0:
            axes.set_ylabel('Loss (scaled)')
    handles, labels = panels[0, 0].get_legend_handles_labels()
    if best_epoch is not None:
        handles.append(panels[0, 0].lines[-1])
        labels.append(f'best epoch: {best_epoch}')
    figure.legend(handles, labels, loc='outside upper center', ncols=len(labels))
    style.settle(figure)
    return figure


def _has(losses: Mapping[str, Floats], loss: str) -> bool:
    return any(loss_of(name) == loss for name in losses)
