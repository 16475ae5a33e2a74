"""Options of a migration energy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from aiida_limap.engines.bvff.parameters import ParameterSet, default_parameters
from aiida_limap.engines.chemistry.elements import parse_ion
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.options import check_switch, given_options

__all__ = ['CHOICES', 'BvffOptions']

#: Values of the options that are words.
CHOICES = {'radii': ('cordero', 'softbv'), 'disorder': ('refuse', 'occupancy')}
#: Beyond these the sums mean nothing: half a bond length from point to point, no second shell of ions, or a repulsion
#: that reaches past the cut-off.
_BOUNDS = {'spacing_angstrom': (0.01, 1.0), 'cutoff_angstrom': (4.0, 30.0), 'screening_factor': (0.1, 2.0)}


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
    :param radii: set of radii in the screened repulsion: ``cordero`` (covalent) or ``softbv`` (by ion).
    :param refine: find minima and saddles of the continuum from those of the grid; else the values are of the grid.
    :param symmetry: compute in the primitive cell of the immobile ions, on a grid that their symmetry maps onto itself;
        else in the cell as given, point by point.
    :param disorder: ``refuse`` structures with shared or partially occupied sites, or weight what acts by
        ``occupancy``.
    :param device: where the energies of the grid are computed: ``cpu``, or a device of torch.
    :param landscapes: write the energy grid of every structure.
    :param networks: write the sites, saddles and paths of every structure.
    :param profiles: give the energy along the path of two-dimensional migration with the barriers, as a row of numbers;
        there is none without ``refine``.
    :param max_sites: largest number of sites of a structure.
    :param max_voxels: largest number of grid points.
    :param time_limit_s: seconds for one structure; checked between the stages of the computation.
    :param parameters: the bond-valence parameters; those of the package unless given. A job names their file among its
        inputs, so they are none of its parameters.
    """

    mobile_ion: str = 'Li+'
    preset: str = 'bvff'
    spacing_angstrom: float = 0.2
    cutoff_angstrom: float = 10.0
    screening_factor: float | None = None
    energy_cap_eV: float = 10.0  # noqa: N815
    charge_scaling: bool = False
    radii: str = 'cordero'
    refine: bool = True
    symmetry: bool = True
    disorder: str = 'refuse'
    device: str = 'cpu'
    landscapes: bool = False
    networks: bool = False
    profiles: bool = True
    max_sites: int = 1000
    max_voxels: int = 10_000_000
    time_limit_s: float = math.inf
    parameters: ParameterSet = field(default_factory=default_parameters, repr=False, hash=False)

    def __post_init__(self) -> None:
        preset = self.parameters.preset(self.preset)
        self.parameters.check_mobile_ion(parse_ion(self.mobile_ion))
        if self.screening_factor is None:
            object.__setattr__(self, 'screening_factor', preset.screening_factor)
        for name in ('spacing_angstrom', 'cutoff_angstrom', 'screening_factor', 'energy_cap_eV', 'time_limit_s'):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise InputError(f'option {name} must be a positive number, not {value!r}')
            if math.isinf(value) and name != 'time_limit_s':
                raise InputError(f'option {name} must be finite')
            low, high = _BOUNDS.get(name, (0, math.inf))
            if not low <= value <= high:
                raise InputError(f'option {name} must lie between {low:g} and {high:g}, not {value:g}')
        for name in ('max_sites', 'max_voxels'):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f'option {name} must be a positive whole number, not {value!r}')
        for name in ('charge_scaling', 'refine', 'symmetry', 'landscapes', 'networks', 'profiles'):
            check_switch(name, getattr(self, name))
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f'option {name} must be {" or ".join(choices)}, not {getattr(self, name)!r}')
        if self.networks and not self.refine:
            raise InputError(
                'option networks needs the option refine: its sites and saddles are those of the continuum'
            )
        if not isinstance(self.device, str) or not self.device:
            raise InputError(f'option device must name a device such as cpu or cuda, not {self.device!r}')

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the options that are plain values: the parameters of a job."""
        return tuple(entry.name for entry in fields(cls) if entry.name != 'parameters')

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any], parameters: ParameterSet | None = None) -> BvffOptions:
        """Build options from names and values; None stands for the default.

        :param options: values by name.
        :param parameters: the bond-valence parameters; None for those of the package.
        :returns: the options.
        :raises InputError: if a name is unknown or a value unusable.
        """
        return cls(**given_options(options, cls.names()), parameters=parameters or default_parameters())

    def settings(self) -> dict[str, Any]:
        """Return the plain values that results record: all options but those that are infinite."""
        values = {name: getattr(self, name) for name in self.names()}
        return {name: value for name, value in values.items() if value != math.inf}
