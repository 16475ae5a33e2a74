"""The count of all fast compositions on any device of torch: the same numbers as the compiled kernels give."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from aiida_limap.engines.screening._count_kernels import Grid, rounding
from aiida_limap.engines.screening._kernels import PAIRS, Elements, Rules, system_rule

__all__ = ['TorchCounter']

#: Numbers in one work array: 256 MB in single precision.
_AT_ONCE = 64_000_000


class TorchCounter:
    """Counts fast compositions of systems of one size.

    :param grid: all compositions of such a system.
    :param device: a name of torch.
    """

    def __init__(self, grid: Grid, device: str) -> None:
        self._device = device
        self._fractions = torch.from_numpy(grid.fractions).to(device)
        self._pairs = torch.from_numpy(grid.pairs).to(device)

    def count(self, systems: NDArray[np.int64], elements: Elements, rules: Rules) -> int:
        """Count the compositions with a score above zero.

        Scores within the rounding of single precision from zero are computed again in double precision.

        :param systems: (n, 4) elements of each, -1 in front of a ternary one.
        :param elements: what elements bring.
        :param rules: numbers of the model.
        """
        step = max(1, _AT_ONCE // self._fractions.shape[1])
        return sum(
            self._count(systems[start : start + step], elements, rules) for start in range(0, len(systems), step)
        )

    def _count(self, systems: NDArray[np.int64], elements: Elements, rules: Rules) -> int:
        weights = np.where(systems >= 0, elements.linear[systems], 0.0)
        shifts = np.zeros((len(systems), len(rules.deviation), PAIRS))
        constants = np.array(
            [system_rule(row, elements, rules, shift) for row, shift in zip(systems, shifts, strict=True)]
        )
        doubts = np.array([rounding(*terms) for terms in zip(constants, weights, shifts, strict=True)])
        constant, weight, shift, doubt = (self._single(array) for array in (constants, weights, shifts, doubts))
        score = torch.addmm(constant[:, None], weight, self._fractions)
        signs = np.sign(rules.deviation)
        for place in np.flatnonzero(signs):
            score += float(signs[place]) * torch.sqrt(shift[:, place] @ self._pairs)
        near = torch.nonzero(score.abs() <= doubt[:, None]).cpu().numpy()
        total = int((score > doubt[:, None]).sum())
        return total + self._exact(near, rules, (constants, weights, shifts))

    def _exact(self, near: NDArray[np.int64], rules: Rules, terms: tuple[NDArray, NDArray, NDArray]) -> int:
        """Return how many of some compositions are fast in double precision."""
        constants, weights, shifts = terms
        row, place = near.T
        fractions = self._fractions[:, torch.from_numpy(place).to(self._device)].double().cpu().numpy()
        parts = (np.rint(fractions * rules.parts) / rules.parts).T
        pairs = np.stack([parts[:, one] * parts[:, two] for one in range(3) for two in range(one + 1, 4)], axis=1)
        deviations = np.sqrt(np.einsum('nk,npk->np', pairs, shifts[row]))
        scores = constants[row] + (weights[row] * parts).sum(axis=1) + deviations @ np.sign(rules.deviation)
        return int((scores > 0).sum())

    def _single(self, array: NDArray[np.float64]) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.float32)).to(self._device)
