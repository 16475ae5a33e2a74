"""Compounds in planes: quantities against each other, principal components, band centre against conduction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import spearmanr

from aiida_limap.formats.phononparts import Grouping
from aiida_limap.formats.phonons import PhononReport
from aiida_limap.visualisation import style
from aiida_limap.visualisation._phonon_common import (
    METHOD_NAMES,
    axis_title,
    cluster_handles,
    cluster_means,
    first_grouping,
    probability,
    scatter_clusters,
)
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing, reason

__all__ = ['conduction', 'plane', 'scatter']

#: Axes of the panels of the scatter, for each the first column that is there.
_X = ('mobile_band_centre_THz',)
_PANELS = (('mobile_band_centre_298K_THz',), ('mobile_spread_THz', 'mobile_width_THz', 'relative_width'))
_AGAINST = ('mobile_band_centre_THz', 'mobile_band_centre_298K_THz')
_FEWEST = 4


def scatter(report: PhononReport) -> Drawing:
    """Draw the clusters over band centre, band centre at room temperature, and width.

    :param report: the report.
    :raises CannotDrawError: if there is no cluster, or no band centre.
    """
    grouping = first_grouping(report, 'scatter')
    x = _present(report, _X)
    others = [name for name in (_present(report, names) for names in _PANELS) if name is not None]
    if x is None or not others:
        raise CannotDrawError(reason(report.missing, 'scatter', 'the compounds have no band centre and width'))
    figure = style.new_figure(3.2, style.DOUBLE_COLUMN_INCH if len(others) > 1 else style.SINGLE_COLUMN_INCH)
    for axes, y in zip(figure.subplots(1, len(others), squeeze=False).ravel(), others, strict=True):
        scatter_clusters(axes, report.numbers(x), report.numbers(y), grouping.numbers)
        axes.set_xlabel(axis_title(report, x))
        axes.set_ylabel(axis_title(report, y))
    _legend(figure, report, grouping)
    style.settle(figure)
    rows = _rows(report, grouping, (x, *others))
    caption = (
        f'{report.title}: {len(rows) - 1} compounds in the {grouping.n_clusters} clusters by '
        f'{METHOD_NAMES.get(grouping.method, grouping.method)}; means of the {report.mobile} band centre in the legend.'
    )
    return Drawing(figure, rows, caption)


def _present(report: PhononReport, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in report.compounds), None)


def _legend(figure: object, report: PhononReport, grouping: Grouping) -> None:
    """Put the clusters above all panels."""
    axes = figure.axes[0]  # type: ignore[attr-defined]
    cluster_handles(axes, grouping, cluster_means(report, grouping))
    handles, labels = axes.get_legend_handles_labels()
    wide = len(figure.axes) > 1  # type: ignore[attr-defined]
    figure.legend(handles, labels, loc='outside upper center', ncols=3 if wide else 1)  # type: ignore[attr-defined]


def _rows(report: PhononReport, grouping: Grouping, columns: Sequence[str]) -> list[Sequence[object]]:
    """Return the table of a figure: compounds with numbers in all columns, with their cluster."""
    values = np.column_stack([report.numbers(name) for name in columns])
    ids, formulas = report.words('id'), report.words('formula')
    found: list[Sequence[object]] = [('id', 'formula', 'cluster', *columns)]
    for row in np.flatnonzero(np.isfinite(values).all(axis=1)).tolist():
        found.append((ids[row], formulas[row], grouping.labels[row], *values[row].tolist()))
    return found


def plane(report: PhononReport) -> Drawing:
    """Draw the clusters over the two principal components of what was clustered.

    :param report: the report.
    :raises CannotDrawError: if there is no cluster, or fewer than two components.
    """
    grouping = first_grouping(report, 'plane')
    if report.plane is None:
        raise CannotDrawError(reason(report.missing, 'plane', 'no principal components are known'))
    rows = np.array(report.plane.rows, dtype=int)
    x, y = np.array(report.plane.x), np.array(report.plane.y)
    figure = style.new_figure(3.2)
    axes = figure.add_subplot()
    scatter_clusters(axes, x, y, grouping.numbers[rows])
    shares = [f'{share:.1%}'.replace('%', ' %') for share in report.plane.variance]
    axes.set_xlabel(f'First principal component ({shares[0]})')
    axes.set_ylabel(f'Second principal component ({shares[1]})')
    _legend(figure, report, grouping)
    style.settle(figure)
    ids, formulas = report.words('id'), report.words('formula')
    table: list[Sequence[object]] = [('id', 'formula', 'cluster', 'first', 'second')]
    for place, row in enumerate(rows.tolist()):
        table.append((ids[row], formulas[row], grouping.labels[row], x[place], y[place]))
    what = ', '.join(name.removesuffix('_THz').replace('_', ' ') for name in grouping.features)
    caption = (
        f'{report.title}: {len(rows)} compounds over the principal components of {what}, with their shares of the '
        f'variance; clusters by {METHOD_NAMES.get(grouping.method, grouping.method)}.'
    )
    return Drawing(figure, table, caption)


def conduction(report: PhononReport) -> Drawing:
    """Draw how well compounds conduct against their band centres, with the rank correlation.

    :param report: the report.
    :raises CannotDrawError: if no conduction or no band centre is known.
    """
    name = report.conduction
    columns = [column for column in _AGAINST if column in report.compounds]
    if name is None or not columns:
        raise CannotDrawError(
            reason(report.missing, 'conduction', 'neither diffusivities nor conductivities of the compounds are known')
        )
    grouping = first_grouping(report, 'conduction')
    y = report.numbers(name)
    figure = style.new_figure(3.3, style.DOUBLE_COLUMN_INCH if len(columns) > 1 else style.SINGLE_COLUMN_INCH)
    said = []
    for axes, column in zip(figure.subplots(1, len(columns), squeeze=False).ravel(), columns, strict=True):
        x = report.numbers(column)
        _conduction_panel(axes, x, y, grouping)
        axes.set_xlabel(axis_title(report, column))
        axes.set_ylabel(axis_title(report, name))
        said.append(_correlation(report, column, x, y))
    _legend(figure, report, grouping)
    style.settle(figure)
    rows = _rows(report, grouping, (*columns, name))
    zeros = int((y == 0).sum())
    caption = f'{report.title}: {report.compounds[name].label} against band centres. {" ".join(said)}'
    if zeros:
        caption += f' {zeros} compounds in which nothing moved are drawn at the bottom, and count as ties.'
    return Drawing(figure, rows, caption)


def _conduction_panel(axes: Axes, x: np.ndarray, y: np.ndarray, grouping: Grouping) -> None:
    """Draw one panel on a logarithmic axis; zeros lie on a line of their own below all others."""
    positive = y[np.isfinite(y) & (y > 0)]
    if not len(positive):
        raise CannotDrawError('the conduction of all compounds is zero')
    low, high = np.floor(np.log10(positive.min())), np.log10(positive.max())
    floor = 10.0 ** (low - 0.7)
    shown = np.where(y == 0, floor, y)
    if (y == 0).any():
        # So many zeros would be one bar; each is moved a little, always by the same.
        shift = np.random.default_rng(0).uniform(-0.28, 0.28, len(y))
        shown = np.where(y == 0, floor * 10.0**shift, shown)
        axes.axhline(10.0 ** (low - 0.3), color='#9a9a9a', linewidth=0.5)
    axes.set_yscale('log')
    scatter_clusters(axes, x, shown, grouping.numbers)
    axes.set_ylim(10.0 ** (low - 1.1 if (y == 0).any() else low - 0.2), 10.0 ** (high + 0.35))
    powers = np.arange(low, np.floor(high + 0.35) + 1)
    ticks, names = list(10.0**powers), [f'$10^{{{int(power)}}}$' for power in powers]
    if (y == 0).any():
        ticks, names = [floor, *ticks], ['0', *names]
    axes.set_yticks(ticks, names)
    axes.minorticks_off()


def _correlation(report: PhononReport, column: str, x: np.ndarray, y: np.ndarray) -> str:
    """Return a sentence on the rank correlation, the one of the report where it has one."""
    label = report.compounds[column].label
    told = next((entry for entry in report.correlations if entry.feature == column and entry.rho is not None), None)
    if told is not None and told.low is not None and told.high is not None and told.p_value is not None:
        return (
            f'{label}: Spearman {_signed(told.rho or 0.0)} (95 % interval {_signed(told.low)} to {_signed(told.high)}, '
            f'p = {probability(told.p_value)}, n = {told.n}).'
        )
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < _FEWEST or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
        return f'{label}: {both.sum()} compounds, too few different ones for a rank correlation.'
    found = spearmanr(x[both], y[both])
    return f'{label}: Spearman {_signed(found.statistic)} (p = {probability(found.pvalue)}, n = {both.sum()}).'


def _signed(value: float) -> str:
    return f'{value:.2f}'.replace('-', '\u2212')
