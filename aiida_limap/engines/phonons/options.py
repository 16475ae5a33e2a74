"""Options of phonon quantities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.options import check_between, check_switch, given_options

__all__ = ['PhononOptions']

_BOUNDS = {
    'mesh_length_angstrom': (1.0, 1000.0),
    'smearing_THz': (0.01, 2.0),
    'max_imaginary_share': (0.0, 1.0),
    'symprec_angstrom': (1e-8, 0.5),
}


@dataclass(frozen=True)
class PhononOptions:
    """How phonon quantities are computed; the names are those of the parameters of a job.

    :param mobile: symbol of the mobile element.
    :param nac: apply the non-analytical correction where the input has Born charges.
    :param mesh_length_angstrom: density of the mesh of q-points: along each reciprocal vector the number of points is
        this length over the distance of the lattice planes, rounded, and one at least.
    :param refinements: how often the cell of the mesh around Γ is divided into 3 x 3 x 3.
    :param temperatures_K: temperatures of which band centres get names of their own, K.
    :param smearing_THz: standard deviation of the Gaussian in densities of states, THz.
    :param max_imaginary_share: compounds with a larger share of imaginary modes get no quantities.
    :param symprec_angstrom: distance within which atoms are symmetric, Å.
    :raises InputError: if a value is unusable.
    """

    mobile: str = 'Li'
    nac: bool = True
    mesh_length_angstrom: float = 50.0
    refinements: int = 2
    temperatures_K: tuple[float, ...] = (298.0,)  # noqa: N815
    smearing_THz: float = 0.1  # noqa: N815
    max_imaginary_share: float = 0.25
    symprec_angstrom: float = 1e-5

    def __post_init__(self) -> None:
        if not isinstance(self.mobile, str) or not self.mobile.isalpha():
            raise InputError(f'option mobile must be the symbol of an element such as Li, not {self.mobile!r}')
        check_switch('nac', self.nac)
        for name, (least, most) in _BOUNDS.items():
            check_between(name, getattr(self, name), least, most)
        if isinstance(self.refinements, bool) or not isinstance(self.refinements, int):
            raise InputError(f'option refinements must be a whole number, not {self.refinements!r}')
        if not 0 <= self.refinements <= 6:
            raise InputError(f'option refinements must be between 0 and 6, not {self.refinements}')
        try:
            temperatures = tuple(float(value) for value in self.temperatures_K)
        except (TypeError, ValueError) as error:
            raise InputError(f'option temperatures_K must be a list of numbers: {error}') from error
        if not all(math.isfinite(value) and value > 0 for value in temperatures):
            raise InputError(f'option temperatures_K must hold temperatures above zero, not {list(temperatures)}')
        object.__setattr__(self, 'temperatures_K', temperatures)

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any]) -> PhononOptions:
        """Build options from names and values; None stands for the default.

        :param options: values by name.
        :returns: the options.
        :raises InputError: if a name is unknown or a value unusable.
        """
        return cls(**given_options(options, (entry.name for entry in fields(cls))))

    def settings(self) -> dict[str, Any]:
        """Return the options as plain values, for results to record."""
        return {**asdict(self), 'temperatures_K': list(self.temperatures_K)}
