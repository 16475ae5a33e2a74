"""Bases to train in: the columns themselves, or the principal directions of the training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from aiida_limap.engines.autoencoder.network import Branch

__all__ = ['Basis']


@dataclass(frozen=True, eq=False)
class Basis:
    """An orthonormal basis of the rows, with origin and unit of length.

    Coordinates are ``z = (x - origin) V / unit``. Since V is orthonormal, the squared error of a rebuilt row is
    ``unit^2 |z_out - z|^2`` plus the part of the row outside of the span, which no decoder can rebuild.

    :param origin: (d,) mean of the training rows.
    :param directions: (d, k) orthonormal columns V, or None for the columns themselves (then k = d).
    :param unit: length of one unit of a coordinate, in units of scaled columns.
    """

    origin: NDArray[np.float64]
    directions: NDArray[np.float64] | None
    unit: float

    @classmethod
    def full(cls, width: int) -> Basis:
        """Return the columns themselves.

        :param width: number of columns.
        """
        return cls(np.zeros(width), None, 1.0)

    @classmethod
    def compact(cls, rows: NDArray[np.float64], variance: float) -> Basis:
        """Return the first principal directions of the rows.

        :param rows: (n, d) scaled training rows.
        :param variance: share of their variance that the directions hold at least.
        """
        origin = rows.mean(axis=0)
        _, singular, directions = np.linalg.svd(rows - origin, full_matrices=False)
        powers = singular**2
        if powers.sum() == 0:
            return cls(origin, directions[:1].T, 1.0)
        share = np.cumsum(powers) / powers.sum()
        # Directions of rounding noise would only slow the training down.
        rank = int(np.count_nonzero(singular > 1e-7 * singular[0]))
        count = min(int(np.searchsorted(share, variance)) + 1, rank)
        kept = directions[:count]
        # The sign that a singular vector comes with depends on the library: the largest entry is made positive.
        signs = np.sign(kept[np.arange(count), np.abs(kept).argmax(axis=1)])
        unit = float(np.sqrt(powers[:count].sum() / (len(rows) * count)))
        return cls(origin, np.ascontiguousarray((kept * signs[:, None]).T), unit)

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

    def fold(self, branch: Branch, hidden: tuple[int, ...]) -> Branch:
        """Return the branch that does on columns what ``branch`` does on coordinates.

        :param branch: a branch trained on coordinates.
        :param hidden: its widths between coordinates and code.
        :returns: an equal branch in double precision whose first and last layer hold the basis.
        """
        if self.directions is None:
            return branch.double()
        folded = Branch(len(self.origin), hidden).double()
        state = {name: tensor.double() for name, tensor in branch.state_dict().items()}
        directions = torch.from_numpy(self.directions)
        origin = torch.from_numpy(self.origin)
        last = f'decoder.{_last_linear(branch.decoder)}'
        first = state['encoder.0.weight'] @ directions.T / self.unit
        state['encoder.0.bias'] = state['encoder.0.bias'] - first @ origin
        state['encoder.0.weight'] = first
        state[f'{last}.weight'] = self.unit * directions @ state[f'{last}.weight']
        state[f'{last}.bias'] = self.unit * directions @ state[f'{last}.bias'] + origin
        folded.load_state_dict(state)
        return folded


def _last_linear(sequence: nn.Sequential) -> int:
    return max(index for index, module in enumerate(sequence) if isinstance(module, nn.Linear))
