"""What the figures of phonons share."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from aiida_limap.formats.phononparts import Grouping
from aiida_limap.formats.phonons import PhononReport
from aiida_limap.visualisation.drawing import CannotDrawError, reason

__all__ = [
    'METHOD_NAMES',
    'NOISE_COLOUR',
    'axis_title',
    'cluster_colour',
    'cluster_handles',
    'cluster_marker',
    'cluster_means',
    'first_grouping',
    'probability',
    'scatter_clusters',
]

#: Names of the methods as a person reads them.
METHOD_NAMES = {'ward': 'Ward', 'kmeans': 'k-means', 'spectral': 'spectral', 'density': 'density (HDBSCAN)'}
#: From low band centres to high ones: cold to warm, and readable with every kind of colour vision.
_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7a5195', '#8c8c00')
_MARKERS = ('o', '^', 's', 'D', 'v', 'P', 'X', 'h')
_SUPERSCRIPTS = str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹')
#: Smaller probabilities are written as powers of ten.
_SMALL = 1e-3
#: Compounds that are in no cluster.
NOISE_COLOUR = '#9a9a9a'


def cluster_colour(number: int) -> str:
    """Return the colour of a cluster, grey for none.

    :param number: its number from 0, negative for none.
    """
    return NOISE_COLOUR if number < 0 else _COLOURS[number % len(_COLOURS)]


def cluster_marker(number: int) -> str:
    """Return the marker of a cluster, a cross for none.

    :param number: its number from 0, negative for none.
    """
    return 'x' if number < 0 else _MARKERS[number % len(_MARKERS)]


def probability(value: float) -> str:
    """Return a p-value as a person reads it.

    :param value: the value.
    """
    if value >= _SMALL or value == 0:
        return f'{value:.2g}'
    mantissa, exponent = f'{value:.1e}'.split('e')
    return f'{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}'


def first_grouping(report: PhononReport, name: str) -> Grouping:
    """Return the clusters that pictures show.

    :param report: the report.
    :param name: name of the figure, for the reason.
    :raises CannotDrawError: if there are none.
    """
    found = next((grouping for grouping in report.groupings if grouping.n_clusters), None)
    if found is None:
        raise CannotDrawError(reason(report.missing, name, 'no method found a cluster'))
    return found


def axis_title(report: PhononReport, column: str) -> str:
    """Return the name of an axis with its unit.

    :param report: the report.
    :param column: a column of its compounds.
    """
    entry = report.compounds[column]
    return f'{entry.label} ({entry.unit})' if entry.unit else entry.label


def cluster_means(report: PhononReport, grouping: Grouping) -> list[str]:
    """Return for each cluster what stands in a legend: its number, its size, and its mean band centre.

    :param report: the report.
    :param grouping: the clusters.
    """
    numbers = grouping.numbers
    centres = report.numbers('mobile_band_centre_THz') if 'mobile_band_centre_THz' in report.compounds else None
    found = []
    for cluster in range(grouping.n_clusters):
        inside = numbers == cluster
        text = f'cluster {cluster}: {inside.sum()} compounds'
        if centres is not None and np.isfinite(centres[inside]).any():
            text += f', {np.nanmean(centres[inside]):.1f} THz'
        found.append(text)
    return found


def scatter_clusters(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], numbers: NDArray[np.intp]) -> None:
    """Draw points, each with colour and marker of its cluster; those without a value are left out.

    :param axes: where.
    :param x: (n,) first coordinate.
    :param y: (n,) second coordinate.
    :param numbers: (n,) numbers of clusters.
    """
    for cluster in sorted(set(numbers.tolist()), key=lambda number: (number >= 0, number)):
        inside = (numbers == cluster) & np.isfinite(x) & np.isfinite(y)
        edge = {} if cluster < 0 else {'edgecolors': '#ffffff', 'linewidths': 0.25}
        axes.scatter(
            x[inside], y[inside], s=13, marker=cluster_marker(cluster), color=cluster_colour(cluster), alpha=0.85,
            zorder=2 + max(cluster, -1) / 100, **edge if edge else {'linewidths': 0.7},
        )  # fmt: skip


def cluster_handles(axes: Axes, grouping: Grouping, labels: list[str]) -> None:
    """Add empty points for a legend.

    :param axes: where.
    :param grouping: the clusters.
    :param labels: what is said of each.
    """
    for number, label in enumerate(labels):
        axes.scatter([], [], s=16, marker=cluster_marker(number), color=cluster_colour(number), label=label)
    if (grouping.numbers == -1).any():
        count = int((grouping.numbers == -1).sum())
        axes.scatter([], [], s=16, marker='x', color=NOISE_COLOUR, linewidths=0.7, label=f'in none: {count}')
