"""Other readings of the five features of Sendek et al., those of public programs with their faults among them.

Written anew from the definitions, with neighbour lists of pymatgen, so that they check the fast code as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['PUBLISHED_MEANS', 'PUBLISHED_PROBABILITIES', 'all_images', 'nearest_images', 'probability']

BOND_LENGTH = 4.0
#: Probabilities of fast conduction that Sendek et al., Energy Environ. Sci. 10, 306 (2017), doi:10.1039/C6EE02697D,
#: publish for candidates, by Materials Project id (as other authors quote them).
PUBLISHED_PROBABILITIES: Mapping[str, float] = {
    'mp-554076': 0.589,
    'mp-532413': 0.897,
    'mp-569782': 1.0,
    'mp-558219': 0.518,
    'mp-15797': 0.543,
    'mp-29410': 0.994,
    'mp-676361': 0.655,
    'mp-643069': 0.652,
    'mp-19896': 0.604,
    'mp-7744': 1.0,
    'mp-22905': 0.837,
    'mp-34477': 0.89,
    'mp-676109': 0.656,
    'mp-559238': 0.812,
    'mp-866665': 1.0,
    'mp-8751': 0.775,
    'mp-15789': 0.901,
    'mp-15790': 0.899,
    'mp-15791': 0.899,
    'mp-561095': 0.984,
    'mp-8430': 0.76,
}
#: Mean and standard deviation of each feature over the 40 compounds of that paper, its Table 2 (as other authors quote
#: it).
PUBLISHED_MEANS: Mapping[str, tuple[float, float]] = {
    'AAV': (13.342, 4.582),
    'SDLC': (1.766, 1.430),
    'SDLI': (0.858, 0.274),
    'LBI': (1.403, 0.372),
    'LNC': (21.359, 6.393),
    'LLB': (6.218, 4.432),
    'SBI': (0.978, 0.330),
    'SNC': (20.660, 7.087),
    'AFC': (10.073, 2.202),
    'AASD': (3.395, 0.708),
    'VPA': (36.614, 35.131),
    'LASD': (2.072, 0.288),
    'LLSD': (2.730, 0.746),
    'ENS': (2.780, 0.306),
    'PF': (0.465, 0.173),
    'SPF': (0.234, 0.186),
    'SLPW': (0.852, 0.247),
    'SLPE': (2.535, 0.707),
    'RBI': (1.611, 0.719),
    'RNC': (1.057, 0.152),
}
_SLOPES = {'LLB': 0.184, 'SBI': -4.009, 'AFC': -0.467, 'LASD': 8.699, 'LLSD': -2.170}
_INTERCEPT = -6.564


def probability(features: Mapping[str, float]) -> float:
    """Return the probability of fast conduction by the model of Sendek et al. (2017).

    :param features: the five features by name.
    """
    score = _INTERCEPT + sum(slope * features[name] for name, slope in _SLOPES.items())
    return float(1 / (1 + np.exp(-score)))


def all_images(structure: Structure) -> dict[str, float]:
    """Return the five features over all images; ``SBI`` over bonds without Li, ``SBIL`` over all of the sublattice.

    :param structure: an ordered structure.
    """
    values = np.array([site.specie.X for site in structure])
    lithium = np.array([site.specie.symbol == 'Li' for site in structure])
    anions = values == values.max()
    reach = 6.0
    while True:
        first, second, _, distances = structure.get_neighbor_list(reach)
        found = _features(first, second, distances, (values, lithium, anions), reach)
        if found is not None:
            return found
        reach *= 1.5


def _features(
    first: np.ndarray, second: np.ndarray, distances: np.ndarray, atoms: tuple[np.ndarray, ...], reach: float
) -> dict[str, float] | None:
    values, lithium, anions = atoms
    n_atoms = len(values)

    def shortest(centres: np.ndarray, others: np.ndarray) -> np.ndarray:
        result = np.full(n_atoms, np.inf)
        kept = centres[first] & others[second]
        np.minimum.at(result, first[kept], distances[kept])
        return result

    nearest_li, nearest_anion = shortest(lithium, lithium), shortest(lithium, anions)
    own_anion = shortest(anions, anions)
    needed = (nearest_li[lithium].max(), nearest_anion[lithium].max(), own_anion[anions].max() + 1)
    if max(needed) > reach:
        return None
    bonded = distances < BOND_LENGTH
    ionicity = np.abs(values[first] - values[second])
    within = bonded & ~lithium[first] & ~lithium[second]
    ending = bonded & ~lithium[first]
    shell = anions[first] & anions[second] & (distances <= own_anion[first] + 1)
    return {
        'LLB': float((bonded & lithium[first] & lithium[second]).sum() / lithium.sum()),
        'SBI': float(ionicity[within].mean()) if within.any() else 0.0,
        'SBIL': float(ionicity[ending].mean()) if ending.any() else 0.0,
        'AFC': float(shell.sum() / anions.sum()),
        'LASD': float(nearest_anion[lithium].mean()),
        'LLSD': float(nearest_li[lithium].mean()),
    }


def nearest_images(structure: Structure) -> dict[str, float]:
    """Return the five features as a program gives them that knows only the nearest image of each pair of sites.

    An atom then has no bond to its own images, and one bond at most to any other atom; the bonds of ``SBI`` include
    those to Li, each pair once. What is undefined is infinite.

    :param structure: an ordered structure.
    """
    values = np.array([site.specie.X for site in structure])
    lithium = np.array([site.specie.symbol == 'Li' for site in structure])
    anions = values == values.max()
    distances = np.array(structure.distance_matrix)
    np.fill_diagonal(distances, np.inf)
    bonded = distances < BOND_LENGTH
    upper = np.triu(bonded, 1) & ~(lithium[:, None] & lithium[None])
    ionicity = np.abs(values[:, None] - values[None])
    own = distances[np.ix_(anions, anions)]
    nearest = own.min(axis=1, keepdims=True)
    with np.errstate(invalid='ignore'):
        shell = (own >= nearest) & (own <= nearest + 1) & np.isfinite(own)
    return {
        'LLB': float(bonded[np.ix_(lithium, lithium)].sum() / lithium.sum()),
        'SBI': float(ionicity[upper].mean()) if upper.any() else 0.0,
        'AFC': float(shell.sum() / anions.sum()),
        'LASD': float(distances[np.ix_(lithium, anions)].min(axis=1).mean()),
        'LLSD': float(distances[np.ix_(lithium, lithium)].min(axis=1).mean()),
    }
