"""The immobile ions of a structure and how each kind of them acts on the mobile ion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.chemistry.elements import Ion, parse_ion, period
from aiida_limap.engines.chemistry.oxidation import OxidationStates
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
    :param notes: what a user should know of the parameters, as sentences without a full stop.
    """

    cell: NDArray[np.float64]
    terms: tuple[MorseTerm | CoulombTerm, ...]
    positions: tuple[NDArray[np.float64], ...]
    mobile_positions: NDArray[np.float64]
    notes: tuple[str, ...] = ()


def build_framework(structure: Structure, states: OxidationStates | Sequence[float], options: BvffOptions) -> Framework:
    """Take the mobile ions out of a structure and describe what remains.

    The energy is E_M = P D0 {[exp(alpha (R_min - R)) - 1]^2 - 1} for counter-ions and
    E_C = Q 14.4 |V_i V_k| / sqrt(n_i n_k) erfc(R / (f (r_i + r_k))) / R for ions of the same sign: Adams and Rao,
    Phys. Status Solidi A 208, 1746 (2011). Ions on shared or partially occupied sites act by their occupancy.

    :param structure: the structure.
    :param states: its oxidation states, or one number for each site of an ordered structure.
    :param options: preset, screening, radii, cut-off and charge scaling.
    :returns: the framework.
    :raises NoMobileIonError: if no site holds the mobile ion.
    :raises OxidationStatesError: if a site of the mobile element has another charge than the mobile ion.
    :raises ParametersMissingError: if there is no counter-ion at all, or one without parameters.
    """
    mobile = parse_ion(options.mobile_ion)
    name = structure.composition.element_composition.reduced_formula
    sites = _ions_by_site(structure, states)
    places: dict[tuple[Ion, float], list[int]] = {}
    for index, ions in enumerate(sites):
        for ion, occupancy in ions:
            places.setdefault((ion, occupancy), []).append(index)
    others = [ion for ion, _ in places if ion.symbol == mobile.symbol and ion != mobile]
    if others:
        raise OxidationStatesError(f'{name}: a site holds {others[0]}, but the mobile ion is {mobile}')
    if not any(ion == mobile for ion, _ in places):
        raise NoMobileIonError(f'{name} holds no {mobile}')
    scale = _charge_scale(sites) if options.charge_scaling else 1.0
    terms: list[tuple[MorseTerm | CoulombTerm, NDArray[np.float64]]] = []
    notes: dict[str, None] = {}
    coordinates = structure.frac_coords
    for ion, occupancy in sorted(places, key=lambda key: (key[0].symbol, key[0].charge, key[1])):
        if ion == mobile or ion.charge == 0:
            continue
        term: MorseTerm | CoulombTerm
        if ion.charge * mobile.charge < 0:
            term, note = _morse_term(mobile, ion, occupancy, options)
            if note:
                notes[note] = None
        else:
            term = _coulomb_term(mobile, ion, occupancy * scale, options)
        terms.append((term, coordinates[places[ion, occupancy]]))
    terms.sort(key=lambda entry: isinstance(entry[0], CoulombTerm))
    if not any(isinstance(term, MorseTerm) for term, _ in terms):
        raise ParametersMissingError(f'{name}: there is no ion of opposite charge that could bind {mobile}')
    mobile_sites = sorted({index for (ion, _), indices in places.items() if ion == mobile for index in indices})
    return Framework(
        cell=np.array(structure.lattice.matrix, dtype=np.float64),
        terms=tuple(term for term, _ in terms),
        positions=tuple(positions for _, positions in terms),
        mobile_positions=coordinates[mobile_sites],
        notes=tuple(notes),
    )


def _ions_by_site(structure: Structure, states: OxidationStates | Sequence[float]) -> list[list[tuple[Ion, float]]]:
    """Return the ions of each site with their occupancies."""
    if isinstance(states, OxidationStates):
        return [[(Ion(symbol, charge), part) for symbol, charge, part in site] for site in states.species]
    return [[(Ion(site.specie.symbol, float(state)), 1.0)] for site, state in zip(structure, states, strict=True)]


def _morse_term(mobile: Ion, ion: Ion, occupancy: float, options: BvffOptions) -> tuple[MorseTerm, str | None]:
    parameters = options.parameters
    row = parameters.row(mobile, ion)
    depth = occupancy * parameters.preset(options.preset).morse_scale * row.D0
    note = None if row.derived is None else f'the parameters of {mobile} and {ion} are derived ({row.derived})'
    return MorseTerm(ion, depth, row.alpha, row.R_min, options.cutoff_angstrom), note


def _coulomb_term(mobile: Ion, ion: Ion, scale: float, options: BvffOptions) -> CoulombTerm:
    parameters = options.parameters
    charges = abs(mobile.charge * ion.charge) / math.sqrt(period(mobile.symbol) * period(ion.symbol))
    screening = options.screening_factor or parameters.preset(options.preset).screening_factor
    return CoulombTerm(
        ion=ion,
        strength_eV_angstrom=scale * COULOMB_EV_ANGSTROM * charges,
        screening_length=screening * (parameters.radius(mobile, options.radii) + parameters.radius(ion, options.radii)),
        cutoff=options.cutoff_angstrom,
    )


def _charge_scale(sites: Sequence[Sequence[tuple[Ion, float]]]) -> float:
    """Return Q = S_A / S_C, the sums of |V| / sqrt(n) over anions and over cations of the cell."""
    sums = {True: 0.0, False: 0.0}
    for ions in sites:
        for ion, occupancy in ions:
            sums[ion.charge < 0] += occupancy * abs(ion.charge) / math.sqrt(period(ion.symbol))
    return sums[True] / sums[False] if sums[False] else 1.0
