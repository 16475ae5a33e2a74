"""Codes of models from other seeds, brought onto the axes of one of them.

A code is defined up to a monotone map: another seed may stretch an axis, or turn it round, and describe the same order
of the materials. So codes of two models are compared after a monotone map that is fitted to rows that both encoded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.errors import InputError

__all__ = ['Alignment', 'align']

#: More knots follow the noise of single rows.
_MOST_KNOTS = 64
#: A range below this share of the largest absolute value is rounding: the code is constant.
_CONSTANT = 1e-6


@dataclass(frozen=True, eq=False)
class Alignment:
    """A monotone map from the code of one model to that of another.

    :param sign: 1, or -1 where the axis is turned round; 0 where the code is constant.
    :param knots: (m,) strictly increasing codes, after the sign.
    :param values: (m,) strictly increasing codes of the reference model.
    :param slope: of both ends, outside of the knots.
    :param rank_correlation: absolute value of Spearman's rank correlation of the two codes over the rows of the fit, 0
        to 1; None where one of them is constant.
    """

    sign: int
    knots: NDArray[np.float64]
    values: NDArray[np.float64]
    slope: float
    rank_correlation: float | None

    def apply(self, codes: ArrayLike) -> NDArray[np.float64]:
        """Return codes on the axis of the reference model.

        A constant code says nothing about a place on the axis: all its rows become NaN. Where the code of the reference
        is the constant one, all rows get this constant.

        :param codes: (n,) codes of the model that was aligned.
        :returns: (n,) codes of the reference model.
        """
        from scipy.interpolate import PchipInterpolator

        given = np.asarray(codes, dtype=np.float64)
        if self.sign == 0:
            return np.full(given.shape, np.nan)
        turned = self.sign * given
        low, high = self.knots[0], self.knots[-1]
        inside = np.clip(turned, low, high)
        between = PchipInterpolator(self.knots, self.values)(inside) if len(self.knots) > 1 else self.values[0]
        return between + self.slope * (turned - inside)

    def as_dict(self) -> dict[str, Any]:
        """Return the map as plain values."""
        return {
            'sign': self.sign,
            'knots': self.knots.tolist(),
            'values': self.values.tolist(),
            'slope': self.slope,
            'rank_correlation': self.rank_correlation,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Alignment:
        """Build from plain values.

        :param document: what :meth:`as_dict` gives.
        :raises ValueError: if knots and values are not equally long, or do not increase.
        """
        knots, values = (np.array(document[name], dtype=np.float64) for name in ('knots', 'values'))
        if (
            knots.shape != values.shape
            or knots.ndim != 1
            or (np.diff(knots) <= 0).any()
            or (np.diff(values) <= 0).any()
        ):
            raise ValueError('knots and values of an alignment must be equally long and increase')
        rank = document['rank_correlation']
        return cls(
            int(document['sign']), knots, values, float(document['slope']), None if rank is None else float(rank)
        )


def align(reference: ArrayLike, codes: ArrayLike) -> Alignment:
    """Fit the monotone map from one code to another.

    The sign is that of Spearman's rank correlation. Isotonic regression (least squares under the order, pool adjacent
    violators) of the reference on the code gives blocks of increasing values; the map runs through the means of the
    blocks by monotone cubic interpolation (Fritsch & Carlson, SIAM J. Numer. Anal. 17, 238 (1980)), and is linear
    outside of them, with the mean slope of the fit. Where the order says nothing, so that one block is left, it is a
    straight line with the slope of the linear regression of ranks, ``rank correlation * ratio of the spreads``.

    :param reference: (n,) codes of the reference model.
    :param codes: (n,) codes of the same rows by the other model.
    :returns: the map.
    :raises InputError: if there are fewer than two rows, the lengths differ, or a code is not finite.
    """
    from scipy.stats import spearmanr

    target, given = (np.asarray(values, dtype=np.float64) for values in (reference, codes))
    if target.shape != given.shape or target.ndim != 1 or len(target) < 2:
        raise InputError(
            f'codes can be aligned over two or more rows that both models encoded, not shapes {target.shape} and '
            f'{given.shape}'
        )
    if not (np.isfinite(target).all() and np.isfinite(given).all()):
        raise InputError('codes that are to be aligned must not hold NaN or infinity')
    nothing = np.zeros(0)
    if _is_constant(target):
        return Alignment(1, np.zeros(1), np.array([target.mean()]), 0.0, None)
    if _is_constant(given):
        return Alignment(0, nothing, nothing, 0.0, None)
    correlation = float(spearmanr(given, target).statistic)
    sign = -1 if correlation < 0 else 1
    knots, values = _blocks(sign * given, target)
    if len(knots) == 1:
        slope = abs(correlation) * float(target.std() / given.std())
    else:
        slope = float((values[-1] - values[0]) / (knots[-1] - knots[0]))
    return Alignment(sign, knots, values, slope, min(abs(correlation), 1.0))


def _is_constant(values: NDArray[np.float64]) -> bool:
    return bool(np.ptp(values) <= _CONSTANT * max(float(np.abs(values).max()), 1e-300))


def _blocks(given: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means of code and reference in the blocks of the isotonic regression."""
    from sklearn.isotonic import IsotonicRegression

    # Polymorphs share a composition code: each place on the axis counts by its rows.
    places, member = np.unique(given, return_inverse=True)
    member = member.reshape(-1)
    counts = np.bincount(member)
    means = np.bincount(member, target) / counts
    # Neighbouring places are joined first, so that each knot stands for several rows.
    edge = math.ceil(len(places) / _MOST_KNOTS)
    bins = np.arange(len(places)) // edge
    weights = np.bincount(bins, counts)
    x = np.bincount(bins, places * counts) / weights
    y = np.bincount(bins, means * counts) / weights
    fitted = IsotonicRegression().fit_transform(x, y, sample_weight=weights)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(fitted) > _CONSTANT * np.ptp(y)]))
    block = np.zeros(len(x), dtype=np.int64)
    block[starts[1:]] = 1
    block = np.cumsum(block)
    mass = np.bincount(block, weights)
    knots, values = np.bincount(block, x * weights) / mass, np.bincount(block, fitted * weights) / mass
    rising = np.concatenate([[True], np.diff(knots) > 0])
    return knots[rising], values[rising]
