"""Bases to train in: the columns themselves, or the principal directions of the training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ['Basis']


@dataclass(frozen=True, eq=False)
class Basis:
    """An orthonormal basis of the rows, with origin and unit of length.

    Coordinates are ``z = (x - origin) V / unit``. Since V is orthonormal, the squared error of a rebuilt row is
    ``unit^2 |z_out - z|^2`` plus the part of the row outside of the span, which no decoder can rebuild. All numbers are
    rounded to single precision, as a file holds them.

    :param origin: (d,) mean of the training rows.
    :param directions: (d, k) orthonormal columns V, or None for the columns themselves (then k = d).
    :param unit: length of one unit of a coordinate, in units of scaled columns.
    :param input_scale: (k,) factors of the coordinates that an encoder reads, or None for ones.
    """

    origin: NDArray[np.float64]
    directions: NDArray[np.float64] | None
    unit: float
    input_scale: NDArray[np.float64] | None = None

    @classmethod
    def full(cls, width: int) -> Basis:
        """Return the columns themselves.

        :param width: number of columns.
        """
        return cls(np.zeros(width), None, 1.0)

    @classmethod
    def compact(cls, rows: NDArray[np.float64], variance: float, whitening: float = 0.0) -> Basis:
        """Return the first principal directions of the rows.

        :param rows: (n, d) scaled training rows.
        :param variance: share of their variance that the directions hold at least.
        :param whitening: power p of the spread by which the coordinates that an encoder reads are divided; their root
            mean square stays one.
        """
        origin = _rounded(rows.mean(axis=0))
        _, singular, directions = np.linalg.svd(rows - origin, full_matrices=False)
        powers = singular**2
        if powers.sum() == 0:
            return cls(origin, directions[:1].T, 1.0)
        share = np.cumsum(powers) / powers.sum()
        # Directions of rounding noise would only slow the training down.
        rank = int(np.count_nonzero(singular > 1e-6 * singular[0]))
        count = min(int(np.searchsorted(share, variance)) + 1, rank)
        kept = directions[:count]
        # The sign that a singular vector comes with depends on the library: the largest entry is made positive.
        signs = np.sign(kept[np.arange(count), np.abs(kept).argmax(axis=1)])
        unit = float(np.float32(np.sqrt(powers[:count].sum() / (len(rows) * count))))
        scale = None
        if whitening > 0:
            spread = singular[:count] / (np.sqrt(len(rows)) * unit)
            scale = spread**-whitening
            scale = _rounded(scale / np.sqrt(np.mean(np.square(scale * spread))))
        return cls(origin, _rounded(np.ascontiguousarray((kept * signs[:, None]).T)), unit, scale)

    @property
    def width(self) -> int:
        """Number of coordinates."""
        return len(self.origin) if self.directions is None else self.directions.shape[1]

    def coordinates(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n, k) coordinates of rows.

        :param rows: (n, d) scaled rows.
        """
        return rows if self.directions is None else (rows - self.origin) @ self.directions / self.unit

    def residuals(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n,) the squared length of each row outside of the span.

        :param rows: (n, d) scaled rows.
        """
        if self.directions is None:
            return np.zeros(len(rows))
        centred = rows - self.origin
        outside = centred - (centred @ self.directions) @ self.directions.T
        return np.einsum('ij,ij->i', outside, outside)

    def inputs(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n, k) what an encoder reads.

        :param coordinates: (n, k) coordinates.
        """
        return coordinates if self.input_scale is None else coordinates * self.input_scale

    def rows(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n, d) scaled rows.

        :param coordinates: (n, k) coordinates.
        """
        if self.directions is None:
            return coordinates
        return self.unit * (coordinates @ self.directions.T) + self.origin

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Return the arrays that a file holds; none for the columns themselves."""
        named = {'origin': self.origin, 'directions': self.directions, 'input_scale': self.input_scale}
        if self.directions is None:
            return {}
        return {name: array.astype(np.float32) for name, array in named.items() if array is not None}

    @classmethod
    def from_tensors(cls, width: int, unit: float, tensors: Mapping[str, NDArray[np.float32]]) -> Basis:
        """Build from what a file holds.

        :param width: number of columns.
        :param unit: length of one unit of a coordinate.
        :param tensors: arrays by name.
        :raises ValueError: if shapes disagree.
        """
        if not 0 < unit < 1e12:
            raise ValueError(f'the unit of a basis must be above zero, not {unit}')
        if not tensors:
            return cls.full(width)
        for name in tensors:
            if name not in ('origin', 'directions', 'input_scale'):
                raise ValueError(f'a basis knows no array {name!r}')
        arrays = {name: array.astype(np.float64) for name, array in tensors.items()}
        origin, directions, scale = arrays['origin'], arrays['directions'], arrays.get('input_scale')
        if origin.shape != (width,) or directions.ndim != 2 or len(directions) != width or directions.shape[1] == 0:
            raise ValueError(f'a basis of shape {directions.shape} does not fit {width} columns')
        if scale is not None and scale.shape != directions.shape[1:]:
            raise ValueError(f'{len(scale)} input scales for {directions.shape[1]} directions')
        return cls(origin, directions, unit, scale)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values.astype(np.float32).astype(np.float64)
