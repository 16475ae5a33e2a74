"""Migration energies as the heads of a network see them: transformed, and scaled to 0..1 over the training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.errors import InputError

__all__ = ['TRANSFORMS', 'EnergyScale']

#: Transforms of a migration energy E with the offset c: E itself, sqrt(E + c) - sqrt(c), and ln(1 + E / c).
TRANSFORMS = ('none', 'sqrt', 'log')


@dataclass(frozen=True)
class EnergyScale:
    """A monotone map from migration energies to what a head learns.

    Barriers of oxides span three orders of magnitude: a mean squared error of the energy itself is decided by the
    blocked compounds, that of its logarithm by the fast ones.

    :param transform: one of :data:`TRANSFORMS`.
    :param offset_eV: the energy c below which a transform is about linear.
    :param largest_eV: the largest absolute energy of the training rows, which becomes 1.
    """

    transform: str
    offset_eV: float  # noqa: N815
    largest_eV: float  # noqa: N815

    @classmethod
    def fit(cls, energies_eV: ArrayLike, transform: str, offset_eV: float) -> EnergyScale:
        """Take the scale from training rows.

        :param energies_eV: (n,) energies, NaN where missing.
        :param transform: one of :data:`TRANSFORMS`.
        :param offset_eV: the energy c.
        :raises InputError: if no energy is other than zero.
        """
        energies = np.abs(np.asarray(energies_eV, dtype=np.float64))
        known = energies[~np.isnan(energies)]
        if not known.any():
            raise InputError('train: no training row has a migration energy other than zero; use another split seed')
        return cls(transform, offset_eV, float(known.max()))

    def forward(self, energies_eV: ArrayLike) -> NDArray[np.float64]:
        """Return scaled values; NaN stays NaN.

        :param energies_eV: (n,) energies.
        :raises InputError: if an energy is negative, and the transform does not know negative energies.
        """
        energies = np.asarray(energies_eV, dtype=np.float64)
        if self.transform != 'none' and (energies < 0).any():
            raise InputError(
                f'train: the target holds the negative value {np.nanmin(energies):g}, which energy_transform '
                f"{self.transform!r} cannot take; use energy_transform 'none'"
            )
        return self.transformed(energies) / self.transformed(np.float64(self.largest_eV))

    def backward(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return the energies (eV) of scaled values; with a transform they are never negative.

        :param values: (n,) scaled values.
        """
        scaled = np.asarray(values, dtype=np.float64) * self.transformed(np.float64(self.largest_eV))
        if self.transform == 'none':
            return scaled
        positive = np.maximum(scaled, 0.0)
        if self.transform == 'sqrt':
            return np.square(positive + np.sqrt(self.offset_eV)) - self.offset_eV
        # Far outside of the training rows a head may overshoot: beyond ten times the scale there is nothing to know.
        return self.offset_eV * np.expm1(np.minimum(positive, 10 * self.transformed(np.float64(self.largest_eV))))

    def transformed(self, energies_eV: Any) -> Any:
        """Return transformed energies before they are scaled.

        :param energies_eV: a number or (n,) energies.
        """
        if self.transform == 'none':
            return energies_eV
        if self.transform == 'sqrt':
            return np.sqrt(energies_eV + self.offset_eV) - np.sqrt(self.offset_eV)
        return np.log1p(energies_eV / self.offset_eV)

    def as_dict(self) -> dict[str, Any]:
        """Return the scale as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> EnergyScale:
        """Build from plain values.

        :param document: what :meth:`as_dict` gives.
        :raises ValueError: if the transform is unknown, or a number is not above zero.
        """
        if document['transform'] not in TRANSFORMS:
            raise ValueError(f'unknown transform {document["transform"]!r}')
        offset, largest = float(document['offset_eV']), float(document['largest_eV'])
        if not (0 < offset < 1e12 and 0 < largest < 1e12):
            raise ValueError(f'offset {offset} eV and largest energy {largest} eV must be above zero')
        return cls(str(document['transform']), offset, largest)
