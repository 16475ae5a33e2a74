"""Options of a migration energy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from aiida_limap.engines.bvff.parameters import default_parameters
from aiida_limap.engines.chemistry.elements import parse_ion
from aiida_limap.engines.errors import InputError

__all__ = ['BvffOptions']


@dataclass(frozen=True)
class BvffOptions:
    """How a migration energy is computed; the names are those of the parameters of a job.

    :param mobile_ion: the ion that moves, e.g. ``Li+``.
    :param preset: convention of the force field, ``bvff`` or ``bvse``.
    :param spacing_angstrom: largest distance of grid points along each axis, Å.
    :param cutoff_angstrom: range of the Morse energy, which is shifted to zero there, Å.
    :param screening_factor: factor of the covalent radii in the screened repulsion; None takes that of the preset.
    :param energy_cap_eV: barriers above this energy count as not percolating, eV.
    :param charge_scaling: scale charges so that the screened charges of the cell are neutral (the Q of the literature;
        else Q = 1).
    :param max_sites: largest number of sites of a structure.
    :param max_voxels: largest number of grid points.
    :param time_limit_s: seconds for one structure; checked between the stages of the computation.
    """

    mobile_ion: str = 'Li+'
    preset: str = 'bvff'
    spacing_angstrom: float = 0.2
    cutoff_angstrom: float = 10.0
    screening_factor: float | None = None
    energy_cap_eV: float = 10.0  # noqa: N815
    charge_scaling: bool = False
    max_sites: int = 1000
    max_voxels: int = 10_000_000
    time_limit_s: float = math.inf

    def __post_init__(self) -> None:
        default_parameters().preset(self.preset)
        default_parameters().check_mobile_ion(parse_ion(self.mobile_ion))
        if self.screening_factor is None:
            object.__setattr__(self, 'screening_factor', default_parameters().preset(self.preset).screening_factor)
        for name in ('spacing_angstrom', 'cutoff_angstrom', 'screening_factor', 'energy_cap_eV', 'time_limit_s'):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise InputError(f'option {name} must be a positive number, not {value!r}')
            if math.isinf(value) and name != 'time_limit_s':
                raise InputError(f'option {name} must be finite')
        for name in ('max_sites', 'max_voxels'):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f'option {name} must be a positive whole number, not {value!r}')
        if not isinstance(self.charge_scaling, bool):
            raise InputError(f'option charge_scaling must be true or false, not {self.charge_scaling!r}')

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any]) -> BvffOptions:
        """Build options from names and values; None stands for the default.

        :param options: values by name.
        :returns: the options.
        :raises InputError: if a name is unknown or a value unusable.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise InputError(f'there is no option {unknown[0]!r}; known are {", ".join(known)}')
        return cls(**{name: value for name, value in options.items() if value is not None})
