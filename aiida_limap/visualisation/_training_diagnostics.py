"""Figures of what a model rebuilds and predicts, and of what its axes mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from aiida_limap.visualisation import style
from aiida_limap.visualisation._training_losses import SPLIT_COLOURS

__all__ = ['axis_meaning', 'draw_predictions', 'predictions', 'r2', 'rebuilt_rows']

_GIVEN_COLOUR = '#9a9a9a'
_REBUILT_COLOUR = '#d1495b'
_AXES = {'x_comp': 'Composition code', 'x_struc': 'Structure code'}
#: Rows of a map that a training did not see, and those of a map whose split is not known.
_OTHER_SPLITS = {'not trained on': '#66557d', 'all': '#66557d'}
_AXIS_COLOURS = {'x_comp': '#2a788e', 'x_struc': '#d1495b'}
_ROW_INCH = 1.25
_BAR_INCH = 0.14
Floats = NDArray[np.float64]


def rebuilt_rows(given: Floats, rebuilt: Floats, names: Sequence[str], n_composition: int) -> Figure:
    """Draw given and rebuilt rows along the index of the columns.

    :param given: (n, d) rows.
    :param rebuilt: (n, d) rows.
    :param names: (n,) names, as text that matplotlib understands.
    :param n_composition: first of the columns of the structure.
    """
    figure = style.new_figure(0.75 + _ROW_INCH * len(given))
    figure.set_figwidth(style.DOUBLE_COLUMN_INCH)
    n_columns = given.shape[1]
    index = np.arange(1, n_columns + 1)
    panels = figure.subplots(len(given), 1, squeeze=False, sharex=True)[:, 0]
    for axes, row, drawn, name in zip(panels, given, rebuilt, names, strict=True):
        # A filled step is seen as one bin, however narrow; a line over it leaves both visible.
        axes.fill_between(index, row, step='mid', color=_GIVEN_COLOUR, linewidth=0.5, edgecolor=_GIVEN_COLOUR,
                          label='given', rasterized=n_columns > 5000)  # fmt: skip
        axes.plot(index, drawn, color=_REBUILT_COLOUR, linewidth=0.6, label='rebuilt from the two codes')
        if 0 < n_composition < n_columns:
            axes.axvline(n_composition + 0.5, color='#444444', linewidth=0.6, linestyle=(0, (4, 2)))
        axes.set_xlim(0.5, n_columns + 0.5)
        axes.set_title(name, fontsize=7.5, pad=2, loc='left')
        axes.set_ylabel('Scaled')
        axes.yaxis.set_major_locator(MaxNLocator(4))
    _name_parts(panels[0], n_composition, n_columns)
    panels[-1].set_xlabel('Index of the column')
    panels[-1].xaxis.set_major_locator(MaxNLocator(9, integer=True))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside upper center', ncols=2)
    style.settle(figure)
    return figure


def _name_parts(axes: Axes, n_composition: int, n_columns: int) -> None:
    low, high = axes.get_ylim()
    # Room for the names above the highest bar.
    axes.set_ylim(low, high + 0.12 * (high - low))
    for name, start, stop in (('composition', 0, n_composition), ('structure', n_composition, n_columns)):
        if stop > start:
            axes.annotate(
                f'{name}: {start + 1} to {stop}', ((start + stop) / 2, 1), (0, -3), xycoords=('data', 'axes fraction'),
                textcoords='offset points', ha='center', va='top', fontsize=6.5, color='#444444',
            )  # fmt: skip


def predictions(energies: Floats, predicted: Floats, split: NDArray[np.str_], logarithmic: bool) -> Figure:
    """Draw predicted against computed energies.

    :param energies: (n,) eV.
    :param predicted: (n,) eV.
    :param split: (n,) words.
    :param logarithmic: whether the axes are; all energies are then positive, and predictions below the lowest stand at
        the lower edge.
    """
    figure = style.new_figure(style.SINGLE_COLUMN_INCH)
    draw_predictions(figure.add_subplot(), energies, predicted, split, logarithmic=logarithmic)
    style.settle(figure)
    return figure


def draw_predictions(
    axes: Axes, energies: Floats, predicted: Floats, split: NDArray[np.str_], *, logarithmic: bool = False
) -> None:
    """Draw predicted against computed energies into a panel.

    :param axes: the panel.
    :param energies: (n,) eV.
    :param predicted: (n,) eV.
    :param split: (n,) words.
    :param logarithmic: as :func:`predictions`.
    """
    limits = _limits(energies, predicted, logarithmic)
    learnt = energies[split == 'train'] if (split == 'train').any() else energies
    for name, colour in {**SPLIT_COLOURS, **_OTHER_SPLITS}.items():
        chosen = split == name
        if not chosen.any():
            continue
        true, guess = energies[chosen], predicted[chosen]
        score = r2(np.log10(true), np.log10(np.maximum(guess, learnt.min()))) if logarithmic else r2(true, guess)
        symbol = 'R² of log' if logarithmic else 'R²'
        axes.scatter(
            true, np.maximum(guess, limits[0]), s=7 if name == 'train' else 9, c=colour, edgecolors='white',
            marker='o' if name == 'train' else 'D', linewidths=0.2, zorder=2 if name == 'train' else 3, clip_on=False,
            label=f'{name} ({chosen.sum()})' + ('' if score is None else f': {symbol} = {score:.2f}'),
        )  # fmt: skip
    if logarithmic:
        for axis, set_scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
            set_scale('log')
            axis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
            axis.set_minor_formatter(NullFormatter())
    axes.plot(limits, limits, color='#444444', linewidth=0.7, zorder=1)
    axes.set_xlim(limits)
    axes.set_ylim(limits)
    axes.set_aspect('equal')
    axes.set_xlabel('Computed migration energy (eV)')
    axes.set_ylabel('Predicted migration energy (eV)')
    axes.legend(loc='upper left', handletextpad=0.2, borderpad=0.3, labelspacing=0.3)


def _limits(energies: Floats, predicted: Floats, logarithmic: bool) -> tuple[float, float]:
    high = max(float(energies.max()), float(predicted.max()))
    if logarithmic:
        return float(energies.min()) / 1.6, high * 1.3
    low = min(float(energies.min()), float(predicted.min()))
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin


def r2(true: Floats, guess: Floats) -> float | None:
    """Return the coefficient of determination, or None where all true values are equal.

    :param true: numbers of any shape.
    :param guess: of the same shape.
    """
    spread = float(np.square(true - true.mean()).sum())
    return None if spread == 0 else 1 - float(np.square(true - guess).sum()) / spread


def axis_meaning(records: Sequence[Mapping[str, Any]], most: int) -> Figure:
    """Draw bars of mutual information and rank correlation for each axis.

    :param records: one per axis and quantity.
    :param most: quantities per axis.
    """
    found = {}
    for axis in dict.fromkeys(entry['axis'] for entry in records):
        own = [entry for entry in records if entry['axis'] == axis]
        found[axis] = sorted(own, key=lambda entry: -entry['mutual_information_nats'])[:most]
    order = sorted(found, key=lambda axis: list(_AXES).index(axis) if axis in _AXES else len(_AXES))
    heights = [0.55 + _BAR_INCH * len(found[axis]) for axis in order]
    figure = style.new_figure(sum(heights))
    figure.set_figwidth(style.DOUBLE_COLUMN_INCH)
    panels = figure.subplots(len(order), 2, squeeze=False, sharex='col', height_ratios=heights)
    for (left, right), axis in zip(panels, order, strict=True):
        entries = found[axis]
        places = np.arange(len(entries))
        colour = _AXIS_COLOURS.get(axis, '#66557d')
        left.barh(places, [entry['mutual_information_nats'] for entry in entries], 0.7, color=colour)
        right.barh(places, [entry['spearman'] for entry in entries], 0.7, color=colour)
        right.axvline(0, color='#444444', linewidth=0.6)
        left.set_yticks(places, [_name(entry) for entry in entries], parse_math=False)
        right.set_yticks(places, [''] * len(entries))
        for axes in (left, right):
            axes.set_ylim(len(entries) - 0.4, -0.6)
            axes.tick_params(axis='y', length=0)
        left.set_title(_AXES.get(axis, axis), fontsize=8, pad=3, loc='left', fontweight='bold', parse_math=False)
    panels[-1, 0].set_xlabel('Mutual information (nat)')
    panels[-1, 1].set_xlabel("Spearman's rank correlation")
    panels[-1, 1].set_xlim(-1, 1)
    panels[-1, 1].xaxis.set_major_locator(FixedLocator([-1, -0.5, 0, 0.5, 1]))
    panels[-1, 1].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
    style.settle(figure)
    return figure


def _name(entry: Mapping[str, Any]) -> str:
    words = str(entry['quantity']).replace('_', ' ')
    for name in ('Mendeleev', 'Voronoi'):
        words = words.replace(name.lower(), name)
    unit = str(entry.get('unit') or '')
    return words + (f' ({unit})' if unit else '')
