"""Places on the plane of a map: which points are near one, and which lie in a region."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['inside_polygon', 'nearest_points', 'within_ranges']


def nearest_points(codes: NDArray, place: Sequence[float], k: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the points nearest to a place.

    :param codes: (n, 2) composition and structure code of each point.
    :param place: (2,) the place, in codes.
    :param k: how many; all of them where there are fewer.
    :returns: (k,) rows and (k,) distances in the plane, the nearest first; of points at one distance the earlier row.
    :raises ValueError: if the place is not finite or the number is below 1.
    """
    target = np.array([_number('a place on a map', value) for value in place], dtype=np.float64)
    if not np.isfinite(target).all():
        raise ValueError(f'a place on a map is two finite codes, not ({target[0]:g}, {target[1]:g})')
    if not (_number('the number of nearest points', k) >= 1 and int(k) == k):
        raise ValueError(f'the number of nearest points must be 1 or more, not {k}')
    distances = np.hypot(*(codes - target).T)
    count = min(int(k), len(distances))
    if count == 0:
        return np.zeros(0, dtype=np.intp), distances
    # All points as near as the last one are sorted, so that the choice among equals is that of their order.
    candidates = np.flatnonzero(distances <= np.partition(distances, count - 1)[count - 1])
    chosen = candidates[np.argsort(distances[candidates], kind='stable')][:count]
    return chosen, distances[chosen]


def inside_polygon(codes: NDArray, corners: ArrayLike) -> NDArray[np.bool_]:
    """Return which points lie in a polygon, by the rule of even and odd crossings.

    :param codes: (n, 2) composition and structure code of each point.
    :param corners: (m, 2) corners in order, three or more; the last is joined to the first.
    :returns: (n,) true inside; a point on an edge may count to either side.
    :raises ValueError: if there are fewer than three corners, or they are no pairs of finite numbers.
    """
    try:
        polygon = np.array(corners, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f'the corners of a polygon are pairs of codes: {error}') from error
    if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3 or not np.isfinite(polygon).all():
        raise ValueError(
            f'a polygon needs three or more corners, each a pair of finite codes, not an array of shape {polygon.shape}'
        )
    x, y = codes[:, 0], codes[:, 1]
    inside = np.zeros(len(codes), dtype=np.bool_)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        crosses = (y1 > y) != (y2 > y)
        inside ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return inside


def within_ranges(columns: Mapping[str, NDArray], ranges: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return which points lie in all ranges.

    :param columns: (n,) numbers by name, one for each range.
    :param ranges: lowest and highest value by name, both included; None leaves a side open.
    :returns: (n,) true inside; a point without a value is outside.
    :raises ValueError: if a column holds words, or a range is not two numbers, the lower one first.
    """
    masks = []
    for name, given in ranges.items():
        values = columns[name]
        if values.dtype.kind != 'f':
            raise ValueError(f'the column {name!r} holds words, so it has no range')
        low, high = _range_of(name, given)
        masks.append((values >= low) & (values <= high))
    return np.logical_and.reduce(masks)


def _range_of(name: str, given: Any) -> tuple[float, float]:
    try:
        low, high = given
    except (TypeError, ValueError) as error:
        raise ValueError(f'the range of {name!r} is two numbers, as in (0, 0.5), not {given!r}') from error
    bounds = (
        -math.inf if low is None else _number(f'the range of {name!r}', low),
        math.inf if high is None else _number(f'the range of {name!r}', high),
    )
    if math.isnan(bounds[0]) or math.isnan(bounds[1]) or bounds[0] > bounds[1]:
        raise ValueError(f'the range of {name!r} must begin with the lower number, not {low} to {high}')
    return bounds


def _number(what: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f'{what} is given by numbers, not by {value!r}') from error
