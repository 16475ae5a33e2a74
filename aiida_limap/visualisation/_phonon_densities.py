"""Densities of states of the clusters: mean and band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_limap.formats.phonons import PhononReport
from aiida_limap.visualisation import style
from aiida_limap.visualisation._phonon_common import METHOD_NAMES, cluster_colour, first_grouping
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing, reason

__all__ = ['BAND_PERCENT', 'cluster_bands', 'densities', 'shown_range']

#: The band holds the densities between these percentiles.
BAND_PERCENT = (10.0, 90.0)
#: Frequencies beyond hold less than this part of the modes, and are left out of pictures.
_NEGLIGIBLE = 2e-3


def cluster_bands(matrix: np.ndarray, numbers: np.ndarray, cluster: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return mean (size,) and band (2, size) of the densities of a cluster, None where it has none.

    :param matrix: (n, size) densities, NaN in rows without.
    :param numbers: (n,) numbers of clusters.
    :param cluster: the cluster.
    """
    inside = matrix[(numbers == cluster) & np.isfinite(matrix).all(axis=1)]
    if not len(inside):
        return None
    return inside.mean(axis=0), np.percentile(inside, BAND_PERCENT, axis=0)


def shown_range(frequencies: np.ndarray, matrices: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the frequencies between which nearly all modes lie.

    :param frequencies: (size,) grid, THz.
    :param matrices: (n, size) densities, NaN in rows without.
    """
    known = [matrix[np.isfinite(matrix).all(axis=1)] for matrix in matrices]
    whole = np.sum([matrix.sum(axis=0) for matrix in known], axis=0)
    cumulative = np.cumsum(whole) / max(whole.sum(), 1e-12)
    low = frequencies[np.searchsorted(cumulative, _NEGLIGIBLE)]
    high = frequencies[min(int(np.searchsorted(cumulative, 1 - _NEGLIGIBLE)), len(frequencies) - 1)]
    return min(0.0, float(np.floor(low))), float(np.ceil(high)) + 1.0


def densities(report: PhononReport) -> Drawing:
    """Draw the densities of states of the clusters, of the mobile element and of all atoms, mean and band.

    :param report: the report.
    :raises CannotDrawError: if densities or clusters are not known.
    """
    grouping = first_grouping(report, 'densities')
    if report.densities is None:
        raise CannotDrawError(reason(report.missing, 'densities', 'the report holds no densities of states'))
    grid = report.densities.frequencies_THz
    kinds = [('mobile', report.mobile), ('total', 'all atoms')]
    matrices = {kind: report.densities.matrix(kind) for kind, _label in kinds}
    lines = grouping.n_clusters
    figure = style.new_figure(0.55 + 1.25 * lines, style.DOUBLE_COLUMN_INCH)
    panels = figure.subplots(lines, 2, squeeze=False, sharex=True, sharey='col')
    low, high = shown_range(grid, list(matrices.values()))
    rows: list[Sequence[object]] = [
        ('cluster', 'atoms', 'frequency_THz', 'mean_per_THz', 'low_per_THz', 'high_per_THz')
    ]
    sizes = []
    for cluster in range(lines):
        for axes, (kind, label) in zip(panels[cluster], kinds, strict=True):
            found = cluster_bands(matrices[kind], grouping.numbers, cluster)
            if cluster == 0:
                axes.set_title(label, fontsize=8)
            if found is None:
                continue
            mean, band = found
            colour = cluster_colour(cluster)
            axes.fill_between(grid, band[0], band[1], color=colour, alpha=0.2, linewidth=0)
            axes.plot(grid, mean, color=colour, linewidth=1.1)
            centre = float((grid * mean).sum() / mean.sum())
            axes.axvline(centre, color=colour, linewidth=0.8, linestyle=(0, (4, 3)))
            rows += [(cluster, label, *values) for values in zip(grid, mean, band[0], band[1], strict=True)]
        size = int((grouping.numbers == cluster).sum())
        sizes.append(f'cluster {cluster}: {size}')
        panels[cluster, 1].annotate(
            f'cluster {cluster}: {size} compounds', (0.98, 0.92), xycoords='axes fraction', ha='right', va='top',
            fontsize=7, color=cluster_colour(cluster),
        )  # fmt: skip
    for axes in panels.ravel():
        axes.set_xlim(low, high)
        axes.set_ylim(bottom=0)
    for axes in panels[-1]:
        axes.set_xlabel('Frequency (THz)')
    figure.supylabel('Density of states per atom (1/THz)', fontsize=8)
    style.settle(figure)
    caption = (
        f'{report.title}: densities of states of {report.mobile} and of all atoms in the clusters by '
        f'{METHOD_NAMES.get(grouping.method, grouping.method)} ({"; ".join(sizes)}): mean, band from the '
        f'{BAND_PERCENT[0]:g}th to the {BAND_PERCENT[1]:g}th percentile at each frequency, and dashed the band centre '
        'of the mean. Each density integrates to three per atom.'
    )
    return Drawing(figure, rows, caption)
