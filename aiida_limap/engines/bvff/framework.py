"""The immobile ions of a structure and how each kind of them acts on the mobile ion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.parameters import default_parameters
from aiida_limap.engines.chemistry.elements import Ion, covalent_radius, parse_ion, period
from aiida_limap.engines.errors import NoMobileIonError, OxidationStatesError, ParametersMissingError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['COULOMB_EV_ANGSTROM', 'CoulombTerm', 'Framework', 'MorseTerm', 'build_framework']

#: e^2 / (4 pi epsilon_0).
COULOMB_EV_ANGSTROM = 14.39964548


@dataclass(frozen=True)
class MorseTerm:
    """Attraction and short-range repulsion by a counter-ion.

    :param ion: the counter-ion.
    :param depth_eV: depth of the Morse curve, scaled by the preset.
    :param alpha: its inverse range, 1/Å.
    :param r_min: its minimum, Å.
    :param cutoff: distance from which it is zero, Å; it is shifted to reach zero there.
    """

    ion: Ion
    depth_eV: float  # noqa: N815
    alpha: float
    r_min: float
    cutoff: float

    @property
    def shift_eV(self) -> float:  # noqa: N802
        """Energy of the unshifted curve at the cut-off."""
        return self.depth_eV * ((math.exp(self.alpha * (self.r_min - self.cutoff)) - 1) ** 2 - 1)


@dataclass(frozen=True)
class CoulombTerm:
    """Screened repulsion by an ion of the same sign of charge.

    :param ion: the repelling ion.
    :param strength_eV_angstrom: energy times distance without screening.
    :param screening_length: distance that divides the argument of erfc, Å.
    :param cutoff: distance from which it is zero, Å.
    """

    ion: Ion
    strength_eV_angstrom: float  # noqa: N815
    screening_length: float
    cutoff: float


@dataclass(frozen=True, eq=False)
class Framework:
    """What acts on the mobile ion.

    :param cell: (3, 3) lattice vectors as rows, Å.
    :param terms: one per kind of ion, Morse terms first.
    :param positions: for each term the (n, 3) fractional coordinates of its ions.
    :param mobile_positions: (m, 3) fractional coordinates of the mobile ions, which do not act on each other.
    """

    cell: NDArray[np.float64]
    terms: tuple[MorseTerm | CoulombTerm, ...]
    positions: tuple[NDArray[np.float64], ...]
    mobile_positions: NDArray[np.float64]


def build_framework(structure: Structure, states: Sequence[float], options: BvffOptions) -> Framework:
    """Take the mobile ions out of a structure and describe what remains.

    The energy is E_M = P D0 {[exp(alpha (R_min - R)) - 1]^2 - 1} for counter-ions and
    E_C = Q 14.4 |V_i V_k| / sqrt(n_i n_k) erfc(R / (f (r_i + r_k))) / R for ions of the same sign: Adams and Rao,
    Phys. Status Solidi A 208, 1746 (2011).

    :param structure: an ordered structure.
    :param states: oxidation state of each site.
    :param options: preset, screening, cut-off and charge scaling.
    :returns: the framework.
    :raises NoMobileIonError: if no site holds the mobile ion.
    :raises OxidationStatesError: if a site of the mobile element has another charge than the mobile ion.
    :raises ParametersMissingError: if there is no counter-ion at all, or one without parameters.
    """
    parameters = default_parameters()
    mobile = parse_ion(options.mobile_ion)
    preset = parameters.preset(options.preset)
    name = structure.composition.element_composition.reduced_formula
    by_ion: dict[Ion, list[int]] = {}
    for index, (site, state) in enumerate(zip(structure, states, strict=True)):
        by_ion.setdefault(Ion(site.specie.symbol, float(state)), []).append(index)
    others = [ion for ion in by_ion if ion.symbol == mobile.symbol and ion != mobile]
    if others:
        raise OxidationStatesError(f'{name}: a site holds {others[0]}, but the mobile ion is {mobile}')
    if mobile not in by_ion:
        raise NoMobileIonError(f'{name} holds no {mobile}')
    scale = _charge_scale(by_ion) if options.charge_scaling else 1.0
    coordinates = structure.frac_coords
    morse: list[tuple[MorseTerm, NDArray[np.float64]]] = []
    coulomb: list[tuple[CoulombTerm, NDArray[np.float64]]] = []
    for ion in sorted(by_ion, key=lambda ion: (ion.symbol, ion.charge)):
        places = coordinates[by_ion[ion]]
        if ion == mobile or ion.charge == 0:
            continue
        if ion.charge * mobile.charge < 0:
            row = parameters.row(mobile, ion)
            morse.append(
                (MorseTerm(ion, preset.morse_scale * row.D0, row.alpha, row.R_min, options.cutoff_angstrom), places)
            )
        else:
            coulomb.append((_coulomb_term(mobile, ion, scale, options), places))
    if not morse:
        raise ParametersMissingError(f'{name}: there is no ion of opposite charge that could bind {mobile}')
    return Framework(
        cell=np.array(structure.lattice.matrix, dtype=np.float64),
        terms=(*(term for term, _ in morse), *(term for term, _ in coulomb)),
        positions=(*(places for _, places in morse), *(places for _, places in coulomb)),
        mobile_positions=coordinates[by_ion[mobile]],
    )


def _coulomb_term(mobile: Ion, ion: Ion, scale: float, options: BvffOptions) -> CoulombTerm:
    charges = abs(mobile.charge * ion.charge) / math.sqrt(period(mobile.symbol) * period(ion.symbol))
    screening = options.screening_factor or default_parameters().preset(options.preset).screening_factor
    return CoulombTerm(
        ion=ion,
        strength_eV_angstrom=scale * COULOMB_EV_ANGSTROM * charges,
        screening_length=screening * (covalent_radius(mobile.symbol) + covalent_radius(ion.symbol)),
        cutoff=options.cutoff_angstrom,
    )


def _charge_scale(by_ion: dict[Ion, list[int]]) -> float:
    """Return Q = S_A / S_C, the sums of |V| / sqrt(n) over anions and over cations of the cell."""
    sums = {True: 0.0, False: 0.0}
    for ion, sites in by_ion.items():
        sums[ion.charge < 0] += len(sites) * abs(ion.charge) / math.sqrt(period(ion.symbol))
    return sums[True] / sums[False] if sums[False] else 1.0
