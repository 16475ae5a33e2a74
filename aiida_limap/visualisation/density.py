"""How densely known compounds fill the plane of a map: dense is explored, sparse is an opportunity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ['SHARES', 'Contour', 'Density', 'density_contours', 'point_density']

#: Parts of the points that the contours enclose.
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
#: With fewer points a density says more than is known.
LEAST_POINTS = 10
#: Cells of the counting grid per width of the kernel: the error of counting stays below one part in a hundred.
_CELLS_PER_WIDTH = 4.0
_LARGEST_GRID = 2048
#: The kernel is cut off at so many widths.
_REACH = 4.0
#: The interquartile range of a normal distribution in units of its standard deviation.
_NORMAL_RANGE = 1.349
#: Contours are simplified by at most this part of a step of the grid.
_SIMPLIFIED = 0.05


@dataclass(frozen=True, eq=False)
class Density:
    """Number of points per unit area of the plane.

    :param x: (m,) evenly spaced places along the horizontal axis.
    :param y: (n,) evenly spaced places along the vertical axis.
    :param values: (n, m) points per unit area.
    :param at_points: (k,) the same at the points that it was made from.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    values: NDArray[np.float64]
    at_points: NDArray[np.float64]


@dataclass(frozen=True)
class Contour:
    """A line of equal density.

    :param level: the density, points per unit area.
    :param share: part of the points that lie where it is at least as dense.
    :param count: their number.
    :param lines: (k, 2) corners of each piece, x and y.
    """

    level: float
    share: float
    count: int
    lines: tuple[NDArray[np.float64], ...]


def point_density(points: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> Density | None:
    """Estimate the density of points by a Gaussian kernel.

    The width along each axis is that of Scott, ``s n^(-1/6)`` (Multivariate Density Estimation, 1992), with s the
    smaller of the standard deviation and that of a normal distribution of the same interquartile range, so that a few
    points far out do not blur the others. Points are counted on a fine grid that reaches beyond them by the whole
    kernel, so that nothing is lost at the borders, and the counts are convolved: a hundred thousand points take no
    longer than a hundred.

    :param points: (k, 2) places of the points; those that are not finite do not count.
    :param x: (m,) evenly spaced places at which the density is wanted.
    :param y: (n,) likewise.
    :returns: the density, or None where there are fewer than ten points, or all lie on one line along an axis.
    """
    from scipy.ndimage import gaussian_filter, map_coordinates

    known = points[np.isfinite(points).all(axis=1)]
    if len(known) < LEAST_POINTS or (np.ptp(known, axis=0) <= 0).any():
        return None
    widths = np.array([_width(column) for column in known.T])
    low, high = known.min(axis=0) - _REACH * widths, known.max(axis=0) + _REACH * widths
    sizes = np.clip(np.ceil((high - low) / widths * _CELLS_PER_WIDTH), 16, _LARGEST_GRID).astype(int)
    step = (high - low) / sizes
    counts, _, _ = np.histogram2d(known[:, 0], known[:, 1], bins=sizes, range=np.column_stack([low, high]))
    smooth = gaussian_filter(counts, widths / step, mode='constant', truncate=_REACH) / step.prod()

    def at(places: NDArray[np.float64]) -> NDArray[np.float64]:
        found = map_coordinates(smooth, ((places - low) / step - 0.5).T, order=1, mode='constant', cval=0.0)
        return np.asarray(found, dtype=np.float64)

    plane = np.stack(np.meshgrid(x, y), axis=-1)
    return Density(x, y, at(plane.reshape(-1, 2)).reshape(len(y), len(x)), at(known))


def density_contours(density: Density, shares: Sequence[float] = SHARES) -> tuple[Contour, ...]:
    """Draw the lines within which given parts of the points lie, the densest places first.

    :param density: the density.
    :param shares: parts of the points, between 0 and 1.
    :returns: the lines, from the innermost; those without a piece within the grid are left out.
    """
    from skimage.measure import approximate_polygon, find_contours

    found = []
    step = np.array([density.x[1] - density.x[0], density.y[1] - density.y[0]])
    for share in sorted(shares):
        level = float(np.quantile(density.at_points, 1.0 - share, method='lower'))
        # Beyond the plane it counts as empty, so that lines are closed along its border.
        pieces = find_contours(np.pad(density.values, 1), level)
        lines = tuple(
            np.array([density.x[0], density.y[0]]) + (np.clip(piece[:, ::-1] - 1, 0, None)) * step
            for piece in (approximate_polygon(piece, _SIMPLIFIED) for piece in pieces)
            if len(piece) > 3
        )
        count = int((density.at_points >= level).sum())
        if lines:
            found.append(Contour(level, count / len(density.at_points), count, lines))
    return tuple(found)


def _width(values: NDArray[np.float64]) -> float:
    """Return the width of the kernel along one axis; one step of a tiny spread where half of the points coincide."""
    deviation = float(values.std(ddof=1))
    quartiles = np.quantile(values, [0.25, 0.75])
    robust = float(quartiles[1] - quartiles[0]) / _NORMAL_RANGE
    spread = min(deviation, robust) if robust > 0 else deviation
    return spread * len(values) ** (-1 / 6)
