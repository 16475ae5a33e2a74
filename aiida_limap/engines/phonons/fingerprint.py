"""Densities of states as vectors of one length for all compounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from aiida_limap.engines.errors import NoMobileIonError
from aiida_limap.engines.phonons.dos import DEFAULT_SMEARING_THZ, PhononDos, trapezoid_weights
from aiida_limap.engines.phonons.modes import PhononModes

__all__ = ['FINGERPRINT_FREQUENCIES_THZ', 'dos_fingerprint']

_PITCH_THZ = 0.25
#: (180,) centres of the cells of a fingerprint, THz: from -10 up to 35 THz, four to the THz.
FINGERPRINT_FREQUENCIES_THZ = np.arange(-10.0, 35.0, _PITCH_THZ)
FINGERPRINT_FREQUENCIES_THZ.setflags(write=False)


def dos_fingerprint(
    source: PhononModes | PhononDos, element: str | None = None, *, smearing_THz: float = DEFAULT_SMEARING_THZ
) -> NDArray[np.float64]:
    """Return the mean density of states in each cell of :data:`FINGERPRINT_FREQUENCIES_THZ`, per atom.

    Cell averages keep the number of modes, which values at single points do not: the sum over the vector times
    0.25 THz is 3, less the part of the modes that lies outside of the range.

    :param source: modes, each of which becomes a Gaussian, or a density of states, which is integrated as it is.
    :param element: projected on this element; None for all atoms.
    :param smearing_THz: standard deviation of the Gaussians, THz; without effect on a density.
    :returns: (180,) densities in 1/THz per atom.
    :raises NoMobileIonError: if there is none of the element.
    :raises InputError: if a density of states has no projection on the element.
    """
    edges = np.append(FINGERPRINT_FREQUENCIES_THZ, FINGERPRINT_FREQUENCIES_THZ[-1] + _PITCH_THZ) - _PITCH_THZ / 2
    if isinstance(source, PhononModes):
        atoms = source.count(element)
        if not atoms:
            raise NoMobileIonError(f'the structure holds no {element}')
        below = _modes_below(source, element, edges, smearing_THz)
    else:
        below = _density_below(source, element, edges)
        # The norm of a density that was read is what it is; it is brought to three for each atom.
        whole = float(trapezoid_weights(source.frequencies_THz) @ source.density(element))
        if not whole > 0:
            raise NoMobileIonError(f'the density of states of {element or "the crystal"} is zero')
        below, atoms = 3.0 * below / whole, 1
    return np.diff(below) / _PITCH_THZ / atoms


def _modes_below(
    modes: PhononModes, element: str | None, edges: NDArray[np.float64], smearing: float
) -> NDArray[np.float64]:
    """Return the number of modes below each edge, each mode being a Gaussian."""
    weights = (modes.weights[:, None] * modes.shares(element)).ravel()
    lines = modes.frequencies_THz.ravel()
    order = np.argsort(lines, kind='stable')
    lines, weights = lines[order], weights[order]
    cumulative = np.concatenate([[0.0], np.cumsum(weights)])
    reach = 8.0 * smearing
    low = np.searchsorted(lines, edges - reach)
    high = np.searchsorted(lines, edges + reach)
    return np.array(
        [
            cumulative[first] + weights[first:last] @ ndtr((edge - lines[first:last]) / smearing)
            for edge, first, last in zip(edges, low, high, strict=True)
        ]
    )


def _density_below(dos: PhononDos, element: str | None, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the integral of a density, linear between its points and zero outside, below each edge."""
    frequencies, density = dos.frequencies_THz, dos.density(element)
    steps = np.diff(frequencies)
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * steps * (density[1:] + density[:-1]))])
    inside = np.clip(edges, frequencies[0], frequencies[-1])
    place = np.clip(np.searchsorted(frequencies, inside, side='right') - 1, 0, len(steps) - 1)
    part = inside - frequencies[place]
    slope = (density[place + 1] - density[place]) / steps[place]
    return cumulative[place] + density[place] * part + 0.5 * slope * part**2
