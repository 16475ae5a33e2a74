"""Bond-valence sums of all sites and the global instability index.

Sums follow one convention only, that of softBV: its R0 and b, fitted to all neighbours within 8 Å rather than to a
first shell of bonded ones. Parameters of the other convention (bvparm, O'Keeffe and Brese) give other sums and are
never mixed in: a pair that softBV does not tabulate has no sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.bvff.parameters import ParameterSet, default_parameters
from aiida_limap.engines.chemistry.elements import Ion
from aiida_limap.engines.errors import DisorderedStructureError, InputError, ParametersMissingError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['CUTOFF_ANGSTROM', 'BondValenceSums', 'bond_valence_sums', 'global_instability_index']

#: Range to which the parameters were fitted, Å.
CUTOFF_ANGSTROM = 8.0


@dataclass(frozen=True, eq=False)
class BondValenceSums:
    """Bond-valence sums of one structure, in units of e.

    :param ions: the ion on each site.
    :param values: (n,) sum of the bond valences of each site; NaN where a pair has no parameters, and on sites without
        charge.
    :param missing: the pairs without parameters, as in ``Fe4+ and N3-``.
    """

    ions: tuple[Ion, ...]
    values: NDArray[np.float64]
    missing: tuple[str, ...]

    @property
    def deviations(self) -> NDArray[np.float64]:
        """(n,) sums minus the sizes of the formal charges; positive where an ion is overbonded."""
        return self.values - np.abs([ion.charge for ion in self.ions])

    @property
    def by_ion(self) -> dict[str, float]:
        """Mean sum by ion such as ``Li+``; NaN if one of its sites has none."""
        names = np.array([str(ion) for ion in self.ions])
        return {str(name): float(self.values[names == name].mean()) for name in np.unique(names)}

    @property
    def message(self) -> str:
        """One sentence that names the pairs without parameters, or nothing."""
        if not self.missing:
            return ''
        return f'no bond-valence sums for want of parameters for {", ".join(self.missing)}'


def bond_valence_sums(
    structure: Structure,
    states: Sequence[float],
    *,
    cutoff: float = CUTOFF_ANGSTROM,
    parameters: ParameterSet | None = None,
) -> BondValenceSums:
    """Sum the bond valences exp((R0 - R) / b) of each site with all ions of opposite charge.

    Formula and parameters: Chen and Adams, IUCrJ 4, 614 (2017).

    :param structure: an ordered structure.
    :param states: formal charge of each site, in units of e.
    :param cutoff: longest bond, Å. The parameters were fitted to 8 Å; other values are for tests of convergence.
    :param parameters: the bond-valence parameters; None for those of the package.
    :returns: the sums; pairs without parameters are named in them, and only the sites that they touch have none.
    :raises DisorderedStructureError: if a site is shared or partially occupied.
    :raises InputError: if there is not one charge per site.
    """
    if not structure.is_ordered:
        raise DisorderedStructureError(
            f'{structure.composition.reduced_formula}: bond-valence sums need an ordered structure'
        )
    if len(states) != len(structure):
        raise InputError(f'bond-valence sums need one charge per site: {len(structure)}, not {len(states)}')
    ions = tuple(Ion(site.specie.symbol, float(state)) for site, state in zip(structure, states, strict=True))
    kinds = sorted(set(ions), key=lambda ion: (ion.symbol, ion.charge))
    kind = np.array([kinds.index(ion) for ion in ions])
    r0, b, named = _tables(kinds, parameters or default_parameters())
    centres, neighbours, _, distances = structure.get_neighbor_list(cutoff)
    charges = np.array([ion.charge for ion in ions])
    bonded = charges[centres] * charges[neighbours] < 0
    centres, distances = centres[bonded], distances[bonded]
    pairs = kind[centres], kind[neighbours[bonded]]
    values = np.zeros(len(ions))
    np.add.at(values, centres, np.exp((r0[pairs] - distances) / b[pairs]))
    values[charges == 0] = math.nan
    present = {tuple(pair) for pair in np.unique(np.stack(pairs), axis=1).T.tolist()}
    missing = tuple(sorted({named[pair] for pair in present if pair in named}))
    return BondValenceSums(ions=ions, values=values, missing=missing)


def global_instability_index(sums: BondValenceSums) -> float | None:
    """Return the root mean square deviation of the sums from the formal charges, over all charged sites.

    Source: Salinas-Sanchez et al., J. Solid State Chem. 100, 201 (1992). Values above about 0.2 e tell of strain or of
    wrong oxidation states.

    :param sums: the sums of all sites.
    :returns: the index in units of e, or None where a site has no sum: ``sums.message`` then says which parameters are
        missing.
    """
    charged = np.array([ion.charge != 0 for ion in sums.ions], dtype=bool)
    deviations = sums.deviations[charged]
    if not len(deviations) or np.isnan(deviations).any():
        return None
    return float(np.sqrt(np.mean(deviations**2)))


def _tables(
    kinds: Sequence[Ion], parameters: ParameterSet
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[tuple[int, int], str]]:
    """Return R0 and b for each pair of kinds, NaN where there are none, and the names of the pairs that lack them."""
    r0, b = np.full((2, len(kinds), len(kinds)), math.nan)
    named: dict[tuple[int, int], str] = {}
    for i, cation in enumerate(kinds):
        for j, anion in enumerate(kinds):
            if cation.charge <= 0 or anion.charge >= 0:
                continue
            try:
                row = parameters.valence_row(cation, anion)
            except ParametersMissingError:
                named[i, j] = named[j, i] = f'{cation} and {anion}'
            else:
                r0[i, j] = r0[j, i] = row.R0
                b[i, j] = b[j, i] = row.b
    return r0, b, named
