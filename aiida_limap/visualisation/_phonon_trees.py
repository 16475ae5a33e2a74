"""Dendrogram, silhouettes and choice of the number of clusters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from scipy.cluster.hierarchy import dendrogram as scipy_dendrogram

from aiida_limap.formats.phononparts import Choice, Grouping
from aiida_limap.formats.phonons import PhononReport
from aiida_limap.visualisation import style
from aiida_limap.visualisation._phonon_common import (
    METHOD_NAMES,
    cluster_colour,
    cluster_handles,
    cluster_means,
    first_grouping,
)
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing, reason

__all__ = ['choice', 'dendrogram', 'silhouettes']

#: More leaves than these cannot be read: branches are drawn as one leaf, with the number of their compounds.
_MOST_LEAVES = 56
_MIXED = '#555555'
_METHOD_COLOURS = {'ward': '#0072b2', 'kmeans': '#d55e00', 'spectral': '#009e73', 'density': '#cc79a7'}
_MEASURES = (
    ('silhouette', 'Silhouette'),
    ('calinski_harabasz', 'Calinski–Harabasz'),
    ('within_ss', 'Sum of squares within'),
    ('gap', 'Gap statistic'),
)


def dendrogram(report: PhononReport) -> Drawing:
    """Draw the tree of Ward's method, its branches in the colours of the clusters.

    :param report: the report.
    :raises CannotDrawError: if there is no tree.
    """
    grouping = next((entry for entry in report.groupings if entry.method == 'ward'), None)
    if report.tree is None or grouping is None:
        raise CannotDrawError(reason(report.missing, 'dendrogram', "the compounds were not clustered by Ward's method"))
    merges = np.array(report.tree.linkage, dtype=float)
    leaves = len(merges) + 1
    node_cluster = _clusters_of_nodes(merges, [grouping.numbers[row] for row in report.tree.rows])
    drawn = scipy_dendrogram(
        merges, no_plot=True, truncate_mode='lastp' if leaves > _MOST_LEAVES else None, p=_MOST_LEAVES,
        link_color_func=lambda node: _MIXED if node_cluster[node] is None else cluster_colour(node_cluster[node] or 0),
    )  # fmt: skip
    figure = style.new_figure(3.5, style.DOUBLE_COLUMN_INCH)
    axes = figure.add_subplot()
    for x, y, colour in zip(drawn['icoord'], drawn['dcoord'], drawn['color_list'], strict=True):
        axes.plot(x, y, color=colour, linewidth=0.9, solid_joinstyle='miter')
    heights = np.sort(merges[:, 2])[::-1]
    cut = None
    if 1 < grouping.n_clusters <= len(heights):
        cut = float((heights[grouping.n_clusters - 2] + heights[grouping.n_clusters - 1]) / 2)
        axes.axhline(cut, color=_MIXED, linewidth=0.7, linestyle=(0, (4, 3)))
    formulas = report.words('formula')
    counts = [int(merges[node - leaves, 3]) if node >= leaves else 1 for node in drawn['leaves']]
    names = [
        f'{count}' if node >= leaves else formulas[report.tree.rows[node]]
        for node, count in zip(drawn['leaves'], counts, strict=True)
    ]
    ticks = 5.0 + 10.0 * np.arange(len(names))
    axes.set_xticks(ticks, names, rotation=90, fontsize=5.0 if len(names) > 30 else 6.5, parse_math=False)
    for tick, node in zip(axes.get_xticklabels(), drawn['leaves'], strict=True):
        tick.set_color(cluster_colour(node_cluster[node] if node_cluster[node] is not None else -1))
    axes.tick_params(axis='x', length=0)
    axes.set_xlim(0, ticks[-1] + 5)
    axes.set_ylim(0, heights[0] * 1.04)
    if leaves > _MOST_LEAVES:
        axes.set_xlabel('Compounds of each branch')
    axes.set_ylabel(f'Ward distance ({_distance_unit(grouping)})')
    for side in ('top', 'right', 'bottom'):
        axes.spines[side].set_visible(False)
    cluster_handles(axes, grouping, cluster_means(report, grouping))
    axes.legend(loc='upper right')
    style.settle(figure)
    rows: list[Sequence[object]] = [('left', 'right', 'distance', 'compounds')]
    rows += [(int(merge[0]), int(merge[1]), merge[2], int(merge[3])) for merge in merges.tolist()]
    return Drawing(figure, rows, _tree_caption(report, grouping, leaves, cut))


def _clusters_of_nodes(merges: np.ndarray, labels: Sequence[int]) -> list[int | None]:
    """Return the cluster of each node of the tree, None where a branch holds several."""
    found: list[int | None] = [int(label) for label in labels]
    for left, right in merges[:, :2].astype(int).tolist():
        found.append(found[left] if found[left] == found[right] else None)
    return found


def _distance_unit(grouping: Grouping) -> str:
    if grouping.scale == 'none' and all(name.endswith('_THz') for name in grouping.features):
        return 'THz'
    return 'scaled units'


def _tree_caption(report: PhononReport, grouping: Grouping, leaves: int, cut: float | None) -> str:
    text = f"{report.title}: tree of {leaves} compounds by Ward's method, from {_features(grouping)}."
    if leaves > _MOST_LEAVES:
        text += (
            f' The last {_MOST_LEAVES} branches are shown, each with the number of its compounds, or the formula of '
            'the only one.'
        )
    if cut is not None:
        text += f' The dashed line cuts it into {grouping.n_clusters} clusters.'
    if grouping.cophenetic_correlation is not None:
        text += f' Cophenetic correlation {grouping.cophenetic_correlation:.3f}.'
    return text


def _features(grouping: Grouping) -> str:
    return ', '.join(name.removesuffix('_THz').replace('_', ' ') for name in grouping.features)


def silhouettes(report: PhononReport) -> Drawing:
    """Draw the silhouette of each compound, cluster by cluster, one panel per method.

    :param report: the report.
    :raises CannotDrawError: if no compound has a silhouette.
    """
    found = [entry for entry in report.groupings if any(value is not None for value in entry.silhouettes)]
    if not found:
        raise CannotDrawError(
            reason(report.missing, 'silhouettes', 'no method found two clusters, so there is no silhouette')
        )
    wide = len(found) > 1
    lines = (len(found) + 1) // 2
    figure = style.new_figure(0.3 + 2.2 * lines, style.DOUBLE_COLUMN_INCH if wide else style.SINGLE_COLUMN_INCH)
    panels = figure.subplots(lines, 2 if wide else 1, squeeze=False, sharex=True).ravel()
    ids, formulas = report.words('id'), report.words('formula')
    rows: list[Sequence[object]] = [('method', 'cluster', 'id', 'formula', 'silhouette')]
    lowest = min(value for entry in found for value in entry.silhouettes if value is not None)
    panels[0].set_xlim(min(-0.3, lowest - 0.18), 1.0)
    for axes, grouping in zip(panels, found, strict=False):
        for cluster, row, value in _silhouette_panel(axes, grouping):
            rows.append((grouping.method, cluster, ids[row], formulas[row], value))
    for axes in panels[len(found) :]:
        axes.remove()
    for axes in panels[max(0, len(found) - (2 if wide else 1)) : len(found)]:
        axes.set_xlabel('Silhouette')
        axes.tick_params(labelbottom=True)
    style.settle(figure)
    means = '; '.join(
        f'{METHOD_NAMES.get(entry.method, entry.method)} {entry.silhouette:.3f} ({entry.n_clusters} clusters)'
        for entry in found
        if entry.silhouette is not None
    )
    below = '; '.join(
        f'{METHOD_NAMES.get(entry.method, entry.method)} {sum((value or 0) < 0 for value in entry.silhouettes)}'
        for entry in found
    )
    caption = (
        f'{report.title}: silhouette of each compound; dashed the mean: {means}. Below zero, nearer to another cluster '
        f'than to its own: {below}.'
    )
    return Drawing(figure, rows, caption)


def _silhouette_panel(axes: Axes, grouping: Grouping) -> list[tuple[int, int, float]]:
    """Draw one method; return cluster, row and value of each bar, from the bottom."""
    values = np.array([np.nan if value is None else value for value in grouping.silhouettes])
    bottom, entries = 0, []
    shown = int(np.isfinite(values).sum())
    for cluster in range(grouping.n_clusters):
        rows = np.flatnonzero((grouping.numbers == cluster) & np.isfinite(values))
        rows = rows[np.argsort(values[rows], kind='stable')]
        if not len(rows):
            continue
        places = np.arange(bottom, bottom + len(rows) + 1)
        axes.stairs(values[rows], places, orientation='horizontal', fill=True, color=cluster_colour(cluster))
        axes.annotate(
            f'{cluster}: {len(rows)}', (0.0, bottom + len(rows) / 2), (-4, 0), textcoords='offset points', ha='right',
            va='center', fontsize=6.5, color=cluster_colour(cluster),
        )  # fmt: skip
        entries += [(cluster, int(row), float(values[row])) for row in rows]
        bottom += len(rows) + max(2, round(0.015 * shown))
    if grouping.silhouette is not None:
        axes.axvline(grouping.silhouette, color=_MIXED, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.axvline(0.0, color='#000000', linewidth=0.6)
    axes.set_ylim(0, bottom)
    axes.set_yticks([])
    axes.set_title(METHOD_NAMES.get(grouping.method, grouping.method), fontsize=8, loc='left')
    for side in ('top', 'right', 'left'):
        axes.spines[side].set_visible(False)
    return entries


def choice(report: PhononReport) -> Drawing:
    """Draw measures of the number of clusters, one panel per measure and one line per method.

    :param report: the report.
    :raises CannotDrawError: if nothing was measured.
    """
    found = [(entry.method, entry.choice) for entry in report.groupings if entry.choice is not None]
    if not found:
        raise CannotDrawError(reason(report.missing, 'choice', 'no measure of the number of clusters is known'))
    first_grouping(report, 'choice')
    figure = style.new_figure(4.1, style.DOUBLE_COLUMN_INCH)
    panels = figure.subplots(2, 2, sharex=True).ravel()
    for axes, (name, label) in zip(panels, _MEASURES, strict=True):
        for method, entry in found:
            _measure(axes, name, method, entry)
        axes.set_ylabel(label)
        axes.set_xticks(found[0][1].k)
        if name == 'within_ss':
            axes.set_ylim(bottom=0)
    for axes in panels[2:]:
        axes.set_xlabel('Number of clusters')
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside upper center', ncols=len(found))
    style.settle(figure)
    rows: list[Sequence[object]] = [('method', 'k', 'silhouette', 'calinski_harabasz', 'within_ss', 'gap', 'gap_error')]
    for method, entry in found:
        columns = (entry.k, entry.silhouette, entry.calinski_harabasz, entry.within_ss, entry.gap, entry.gap_error)
        rows += [(method, *values) for values in zip(*columns, strict=True)]
    said = '; '.join(
        f'{METHOD_NAMES.get(method, method)} ' + ', '.join(f'{k} by {_short(name)}' for name, k in entry.chosen.items())
        for method, entry in found
        if entry.chosen
    )
    caption = f'{report.title}: measures by number of clusters. Large points are what a measure chooses: {said}.'
    return Drawing(figure, rows, caption)


def _short(name: str) -> str:
    return {'calinski_harabasz': 'Calinski–Harabasz', 'within_ss': 'the bend of the sum of squares'}.get(name, name)


def _measure(axes: Axes, name: str, method: str, entry: Choice) -> None:
    values = np.array([np.nan if value is None else value for value in getattr(entry, name)], dtype=float)
    if not np.isfinite(values).any():
        return
    colour = _METHOD_COLOURS.get(method, _MIXED)
    errors = None
    if name == 'gap':
        errors = np.array([np.nan if value is None else value for value in entry.gap_error], dtype=float)
    axes.errorbar(
        entry.k, values, yerr=errors, color=colour, linewidth=0.9, marker='o', markersize=2.6, elinewidth=0.6,
        capsize=1.5, label=METHOD_NAMES.get(method, method),
    )  # fmt: skip
    chosen = entry.chosen.get(name)
    if chosen is not None and chosen in entry.k:
        axes.plot([chosen], [values[entry.k.index(chosen)]], marker='o', markersize=6.5, color=colour, alpha=0.75)
