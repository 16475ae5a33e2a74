"""Which known compounds are closest to a composition, and which points of a map to a composition code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['atomic_fractions', 'nearest_codes', 'nearest_compositions']

#: Distances in one pass: a thousand hits and a hundred thousand known compounds are many gigabytes at once.
_CHUNK = 200


def atomic_fractions(formulas: Sequence[str]) -> NDArray[np.float64]:
    """Return the atomic fractions of formulas.

    :param formulas: chemical formulas.
    :returns: (n, 118) fractions by atomic number minus one; a formula that cannot be read has no finite ones.
    """
    from pymatgen.core import Composition

    rows = np.zeros((len(formulas), 118), dtype=np.float64)
    for row, formula in zip(rows, formulas, strict=True):
        try:
            found = Composition(formula).fractional_composition
            for element, fraction in found.items():
                row[element.Z - 1] += fraction
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            row[:] = np.nan
        if not row.any():
            row[:] = np.nan
    return rows


def nearest_compositions(
    formulas: Sequence[str], known: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each formula the known one that shares the most atoms with it.

    The distance is half the sum of the differences of the atomic fractions: the part of the atoms that would have to
    be replaced, 0 for the same composition and 1 where no element is shared.

    :param formulas: (n,) formulas.
    :param known: (m,) formulas of known compounds, at least one; the first of several at one distance is taken.
    :returns: (n,) places among the known ones, -1 where a formula or no known one can be read; (n,) distances.
    """
    from scipy.spatial.distance import cdist

    rows, library = atomic_fractions(formulas), atomic_fractions(known)
    readable = np.flatnonzero(np.isfinite(library).all(axis=1))
    places = np.full(len(formulas), -1, dtype=np.int64)
    distances = np.full(len(formulas), np.nan)
    wanted = np.flatnonzero(np.isfinite(rows).all(axis=1))
    if not readable.size:
        return places, distances
    for start in range(0, wanted.size, _CHUNK):
        part = wanted[start : start + _CHUNK]
        # Rounded, so that equal distances are equal whatever the order of their sums.
        found = np.round(0.5 * cdist(rows[part], library[readable], 'cityblock'), 9)
        best = found.argmin(axis=1)
        places[part], distances[part] = readable[best], found[np.arange(part.size), best]
    return places, distances


def nearest_codes(codes: ArrayLike, known: ArrayLike, k: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each code the points of a map whose codes are the closest.

    :param codes: (n,) composition codes, NaN where there is none.
    :param known: (m,) codes of the points.
    :param k: how many points; all of them where the map has fewer.
    :returns: (n, k) places among the points, the nearest first, -1 where there is no code; (n, k) distances.
    """
    wanted, points = np.asarray(codes, dtype=np.float64), np.asarray(known, dtype=np.float64)
    k = min(k, points.size)
    places, distances = np.full((wanted.size, k), -1, dtype=np.int64), np.full((wanted.size, k), np.nan)
    for row in np.flatnonzero(np.isfinite(wanted)):
        away = np.abs(points - wanted[row])
        # Stable, so that points of one code come in the order of the map.
        places[row] = np.argsort(away, kind='stable')[:k]
        distances[row] = away[places[row]]
    return places, distances
