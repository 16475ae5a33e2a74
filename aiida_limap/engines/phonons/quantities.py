"""Numbers of a phonon spectrum: band centres, their dependence on temperature, first peak, widths, imaginary share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.constants import h, k
from scipy.signal import find_peaks

from aiida_limap.engines.errors import InputError, NoMobileIonError
from aiida_limap.engines.phonons.dos import DEFAULT_SMEARING_THZ, PhononDos, density_of_states, trapezoid_weights
from aiida_limap.engines.phonons.modes import PhononModes

__all__ = [
    'DOS_CUT_THZ',
    'KELVIN_PER_THZ',
    'MODES_CUT_THZ',
    'TEMPERATURES_K',
    'BandQuantities',
    'band_quantities',
    'occupation_weights',
    'thermal_band_centres',
]

#: (99,) temperatures of the vector of band centres, K.
TEMPERATURES_K = np.arange(10.0, 1000.0, 10.0)
TEMPERATURES_K.setflags(write=False)
#: Modes below count as acoustic ones at Γ, whose frequency is zero but for the precision of forces, THz.
MODES_CUT_THZ = 0.05
#: Below, the density of an input that holds no modes is smearing, on which occupation numbers diverge, THz.
DOS_CUT_THZ = 0.3
#: Kelvin per THz: h / k.
KELVIN_PER_THZ = h * 1e12 / k
#: A peak is a maximum of at least this part of the highest one.
PEAK_HEIGHT = 0.5
#: A spectrum is as wide as the frequencies at which it exceeds this part of its maximum.
WIDTH_LEVEL = 0.01
#: The onset is the frequency below which this part of the real modes lies.
ONSET_SHARE = 0.01
#: Larger deviations of the norm of a density of states from three for each atom are told.
NORM_TOLERANCE = 0.05
#: A larger share of imaginary modes is told, of all atoms or of the element.
IMAGINARY_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class BandQuantities:
    """Numbers of the spectrum of one element and of the whole crystal; frequencies in THz.

    :param mobile: symbol of the element.
    :param source: ``modes`` or ``dos``.
    :param mobile_part: numbers of the element by name, without unit in the name where there is none.
    :param total_part: the same of all atoms.
    :param temperatures_K: temperatures of the thermal band centres, K.
    :param notes: sentences about what is doubtful.
    """

    mobile: str
    source: str
    mobile_part: dict[str, Any]
    total_part: dict[str, Any]
    temperatures_K: tuple[float, ...]  # noqa: N815
    notes: tuple[str, ...] = ()

    @property
    def band_centre_THz(self) -> float:  # noqa: N802
        """Band centre of the element, THz."""
        return float(self.mobile_part['band_centre_THz'])

    @property
    def total_band_centre_THz(self) -> float:  # noqa: N802
        """Band centre of all atoms, THz."""
        return float(self.total_part['band_centre_THz'])

    @property
    def thermal_band_centres_THz(self) -> NDArray[np.float64]:  # noqa: N802
        """(temperatures,) thermal band centres of the element, THz; NaN where no mode is real."""
        return np.asarray(self.mobile_part['thermal_band_centres_THz'])

    @property
    def total_thermal_band_centres_THz(self) -> NDArray[np.float64]:  # noqa: N802
        """(temperatures,) thermal band centres of all atoms, THz; NaN where no mode is real."""
        return np.asarray(self.total_part['thermal_band_centres_THz'])

    @property
    def imaginary_share(self) -> float:
        """Share of all modes that is imaginary."""
        return float(self.total_part['imaginary_share'])

    def values(self) -> dict[str, Any]:
        """Return all numbers by name: those of the element under ``mobile_``, those of all atoms under ``total_``.

        The thermal band centres are named by their temperature. ``relative_width`` and ``relative_spread`` are those of
        the element over those of all atoms.
        """
        found: dict[str, Any] = {'mobile': self.mobile, 'source': self.source}
        for prefix, part in (('mobile', self.mobile_part), ('total', self.total_part)):
            for name, value in part.items():
                if name != 'thermal_band_centres_THz':
                    found[f'{prefix}_{name}'] = value
            for temperature, value in zip(self.temperatures_K, part['thermal_band_centres_THz'], strict=True):
                found[f'{prefix}_band_centre_{temperature:g}K_THz'] = None if np.isnan(value) else float(value)
        for name in ('width', 'spread'):
            whole = self.total_part[f'{name}_THz']
            found[f'relative_{name}'] = self.mobile_part[f'{name}_THz'] / whole if whole else None
        return found


@dataclass(frozen=True, eq=False)
class _Lines:
    """A spectrum as lines: modes, or points of a density with their share of its integral."""

    frequencies: NDArray[np.float64]
    weights: NDArray[np.float64]


def band_quantities(
    source: PhononModes | PhononDos,
    *,
    mobile: str = 'Li',
    temperatures_K: Sequence[float] = (298.0,),
    smearing_THz: float = DEFAULT_SMEARING_THZ,
) -> BandQuantities:
    """Compute all numbers of a spectrum.

    With modes, band centres are sums over them: ``sum w p f / sum w p`` with the weights w of the q-points, the
    frequencies f and the shares p of the element; imaginary modes count with their negative frequency. The thermal band
    centre is ``sum w p f n / sum w p n`` over real modes above 0.05 THz with ``n = 1 / (exp(h f / k T) - 1)``. A
    density of states is integrated in place of the sums, thermally from 0.3 THz on. Only the first peak and the width
    need a smooth density, which is made of modes by Gaussians.

    :param source: the modes, or a density of states where that is all there is.
    :param mobile: symbol of the element.
    :param temperatures_K: temperatures of the thermal band centres, K.
    :param smearing_THz: standard deviation of the Gaussians, THz.
    :returns: the numbers.
    :raises NoMobileIonError: if there is none of the element.
    :raises InputError: if a temperature is not positive, or a density of states has no projection on the element.
    """
    temperatures = tuple(float(value) for value in temperatures_K)
    if not all(value > 0 and np.isfinite(value) for value in temperatures):
        raise InputError(f'temperatures must be above zero, not {list(temperatures)}')
    modes = isinstance(source, PhononModes)
    dos = density_of_states(source, smearing_THz=smearing_THz) if isinstance(source, PhononModes) else source
    notes: list[str] = []
    parts = []
    for element in (mobile, None):
        if source.count(element) == 0:
            raise NoMobileIonError(f'the structure holds no {element}')
        if isinstance(source, PhononModes):
            weights = source.weights[:, None] * source.shares(element)
            lines = _Lines(source.frequencies_THz.ravel(), weights.ravel())
        else:
            lines = _Lines(source.frequencies_THz, trapezoid_weights(source.frequencies_THz) * source.density(element))
        name = element or 'all atoms'
        part = _numbers(name, lines, temperatures, MODES_CUT_THZ if modes else DOS_CUT_THZ)
        part |= _shape(dos, element)
        parts.append(part | _norm(name, part['norm'], source.count(element), notes))
    own, whole = (part['imaginary_share'] for part in parts)
    if max(own, whole) > IMAGINARY_TOLERANCE:
        notes.append(
            f'{whole:.1%} of the modes, and {own:.1%} of the motion of {mobile} in them, are imaginary (down to '
            f'{parts[1]["lowest_THz"]:.1f} THz): they count as negative in band centres, and not at all in thermal ones'
        )
    return BandQuantities(mobile, 'modes' if modes else 'dos', parts[0], parts[1], temperatures, tuple(notes))


def occupation_weights(frequencies_THz: NDArray[np.float64], temperature_K: float) -> NDArray[np.float64]:
    """Return occupation numbers ``1 / (exp(h f / k T) - 1)``, all divided by one number so that the largest is about 1.

    The division leaves averages as they are and numbers representable: at 1 K and 30 THz the plain ones are 1e-625.

    :param frequencies_THz: positive frequencies, THz.
    :param temperature_K: temperature, K.
    """
    reduced = KELVIN_PER_THZ * frequencies_THz / temperature_K
    least = reduced.min(initial=np.inf)
    return np.exp(least - reduced) * np.expm1(-least) / np.expm1(-reduced) if len(reduced) else reduced


def thermal_band_centres(
    frequencies_THz: NDArray[np.float64], weights: NDArray[np.float64], temperatures_K: Sequence[float]
) -> NDArray[np.float64]:
    """Return averages of frequencies by weight and occupation number.

    :param frequencies_THz: (n,) positive frequencies, THz.
    :param weights: (n,) weights.
    :param temperatures_K: temperatures, K.
    :returns: (temperatures,) averages, THz; NaN where nothing is left to average.
    """
    found = np.full(len(temperatures_K), np.nan)
    for place, temperature in enumerate(temperatures_K):
        occupied = weights * occupation_weights(frequencies_THz, temperature)
        norm = occupied.sum()
        if norm > 0:
            found[place] = (occupied @ frequencies_THz) / norm
    return found


def _numbers(name: str, lines: _Lines, temperatures: tuple[float, ...], cut: float) -> dict[str, Any]:
    """Return what is a sum over lines."""
    frequencies, weights = lines.frequencies, lines.weights
    norm = float(weights.sum())
    if not norm > 0:
        raise NoMobileIonError(f'the density of states of {name} is zero')
    real, imaginary = frequencies > cut, frequencies < -cut
    centre = float(weights @ frequencies) / norm
    real_norm = float(weights[real].sum())
    real_centre = float(weights[real] @ frequencies[real]) / real_norm if real_norm > 0 else None
    order = np.argsort(frequencies[real], kind='stable')
    below = np.cumsum(weights[real][order])
    place = int(np.searchsorted(below, ONSET_SHARE * real_norm)) if real_norm > 0 else 0
    occupied = weights > 1e-6 * weights.max()
    return {
        'band_centre_THz': centre,
        'real_band_centre_THz': real_centre,
        'thermal_band_centres_THz': thermal_band_centres(frequencies[real], weights[real], temperatures),
        'onset_THz': float(frequencies[real][order][place]) if real_norm > 0 else None,
        'spread_THz': math.sqrt(max(0.0, float(weights @ (frequencies - centre) ** 2) / norm)),
        'imaginary_share': float(weights[imaginary].sum()) / norm,
        'lowest_THz': float(frequencies[occupied].min()),
        'highest_THz': float(frequencies[occupied].max()),
        'norm': norm,
    }


def _shape(dos: PhononDos, element: str | None) -> dict[str, Any]:
    """Return what needs a smooth density: the first peak and the width."""
    frequencies, density = dos.frequencies_THz, dos.density(element)
    highest = density.max()
    peaks, _ = find_peaks(np.concatenate([[0.0], density, [0.0]]), height=PEAK_HEIGHT * highest)
    positive = frequencies[peaks - 1][frequencies[peaks - 1] > 0]
    wide = trapezoid_weights(frequencies)[density > WIDTH_LEVEL * highest].sum()
    return {'first_peak_THz': float(positive[0]) if len(positive) else None, 'width_THz': float(wide)}


def _norm(name: str, norm: float, atoms: int | None, notes: list[str]) -> dict[str, Any]:
    """Return number of atoms and deviation of the norm; a large one goes to the notes."""
    if atoms is None:
        return {'atoms': None, 'norm_deviation': None}
    deviation = norm / (3.0 * atoms) - 1.0
    if abs(deviation) > NORM_TOLERANCE:
        notes.append(
            f'the density of {name} integrates to {norm:.2f} in place of {3 * atoms} modes ({deviation:+.0%}); it was '
            'brought to that number'
        )
    return {'atoms': atoms, 'norm_deviation': deviation}
