"""Phonon densities of states: smooth ones from modes, and those that are all an input has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons.modes import PhononModes

__all__ = ['DEFAULT_SMEARING_THZ', 'PhononDos', 'density_of_states', 'gaussian_density', 'trapezoid_weights']

#: Standard deviation of the Gaussian in densities of states, THz.
DEFAULT_SMEARING_THZ = 0.1
#: Grid points per standard deviation; a sum over such points is the integral of a Gaussian to all digits.
_POINTS_PER_SMEARING = 2.5
#: Standard deviations beyond which a Gaussian counts as zero (2e-9 of it lie outside).
_REACH = 6.0
#: Numbers that are held at a time while Gaussians are summed.
_CHUNK = 2_000_000


@dataclass(frozen=True, eq=False)
class PhononDos:
    """A phonon density of states of a primitive cell.

    :param frequencies_THz: (n,) increasing frequencies, THz; imaginary ones are negative. The pitch may vary.
    :param total: (n,) density of all modes, per THz; its integral is 3 for each atom.
    :param by_element: (n,) density projected on the atoms of each element; empty where it is not known.
    :param counts: number of atoms in the cell by element; empty where it is not known.
    :raises InputError: if shapes disagree, a number is not finite, or frequencies do not increase.
    """

    frequencies_THz: NDArray[np.float64]  # noqa: N815
    total: NDArray[np.float64]
    by_element: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'frequencies_THz', _column('frequencies', self.frequencies_THz, None))
        size = len(self.frequencies_THz)
        if size < 2 or not (np.diff(self.frequencies_THz) > 0).all():
            raise InputError('the frequencies of a density of states must increase, and be two at least')
        object.__setattr__(self, 'total', _column('total density', self.total, size))
        columns = {name: _column(f'density of {name}', column, size) for name, column in self.by_element.items()}
        object.__setattr__(self, 'by_element', columns)
        if self.counts and set(columns) - set(self.counts):
            raise InputError(f'numbers of atoms are given for {sorted(self.counts)}, densities for {sorted(columns)}')

    def density(self, element: str | None = None) -> NDArray[np.float64]:
        """Return a density.

        :param element: projected on this element; None for the total.
        :raises InputError: if there is no projection on it.
        """
        if element is None:
            return self.total
        if element not in self.by_element:
            raise InputError(f'the density of states has no projection on {element}')
        return self.by_element[element]

    def count(self, element: str | None = None) -> int | None:
        """Return the number of atoms in the cell, or None if it is not known.

        :param element: only of this element.
        """
        if not self.counts:
            return None
        return sum(self.counts.values()) if element is None else self.counts.get(element, 0)


def _column(name: str, values: ArrayLike, size: int | None) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1 or (size is not None and len(array) != size):
        raise InputError(f'the {name} must be a row of {size or "numbers"} numbers, not of shape {array.shape}')
    if not np.isfinite(array).all():
        raise InputError(f'the {name} holds a number that is not finite')
    array.setflags(write=False)
    return array


def density_of_states(
    modes: PhononModes, *, smearing_THz: float = DEFAULT_SMEARING_THZ, frequencies_THz: ArrayLike | None = None
) -> PhononDos:
    """Return the density of states of modes, each a Gaussian; no mode is moved to a grid first.

    :param modes: the modes.
    :param smearing_THz: standard deviation of the Gaussian, THz.
    :param frequencies_THz: where the density is wanted, increasing; by default evenly from below the lowest to above
        the highest mode, so that integrals over it keep the number of modes.
    :returns: the total density and that of each element.
    :raises InputError: if the smearing is not positive, or the frequencies do not increase.
    """
    if not smearing_THz > 0:
        raise InputError(f'the smearing must be above zero, not {smearing_THz!r}')
    if frequencies_THz is None:
        pitch = smearing_THz / _POINTS_PER_SMEARING
        least = np.floor((modes.frequencies_THz.min() - _REACH * smearing_THz) / pitch)
        most = np.ceil((modes.frequencies_THz.max() + _REACH * smearing_THz) / pitch)
        grid = np.arange(least, most + 1) * pitch
    else:
        grid = np.asarray(frequencies_THz, dtype=np.float64)
    weights = [modes.weights[:, None] * modes.shares(element) for element in (None, *modes.elements)]
    columns = gaussian_density(modes.frequencies_THz, np.array(weights), grid, smearing_THz)
    counts = {element: modes.count(element) for element in modes.elements}
    return PhononDos(grid, columns[0], dict(zip(modes.elements, columns[1:], strict=True)), counts)


def gaussian_density(
    lines: NDArray[np.float64], weights: NDArray[np.float64], grid: NDArray[np.float64], smearing: float
) -> NDArray[np.float64]:
    """Return sums of Gaussians of unit area.

    :param lines: their centres, of any shape.
    :param weights: (k, *shape of lines) weights of k sums.
    :param grid: (n,) increasing points.
    :param smearing: standard deviation.
    :returns: (k, n) sums.
    """
    flat = lines.ravel()
    order = np.argsort(flat, kind='stable')
    flat = flat[order]
    sorted_weights = weights.reshape(len(weights), -1)[:, order]
    result = np.zeros((len(weights), len(grid)))
    start = 0
    while start < len(grid):
        # A block of points needs the lines within its reach only.
        stop = start + 1
        low = np.searchsorted(flat, grid[start] - _REACH * smearing)
        high = np.searchsorted(flat, grid[start] + _REACH * smearing)
        while stop < len(grid) and stop - start < 16:
            further = np.searchsorted(flat, grid[stop] + _REACH * smearing)
            if (further - low) * (stop + 1 - start) > _CHUNK:
                break
            high, stop = further, stop + 1
        distances = (flat[None, low:high] - grid[start:stop, None]) / smearing
        kernel = np.exp(-0.5 * distances**2)
        kernel[np.abs(distances) > _REACH] = 0.0
        result[:, start:stop] = sorted_weights[:, low:high] @ kernel.T
        start = stop
    return result / (smearing * np.sqrt(2.0 * np.pi))


def trapezoid_weights(frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each point counts in an integral by the trapezoidal rule; the pitch may vary.

    :param frequencies: (n,) increasing points.
    :returns: (n,) weights.
    """
    steps = np.diff(frequencies)
    return 0.5 * (np.concatenate([steps, [0.0]]) + np.concatenate([[0.0], steps]))
