"""Surroundings of the sites that move, and of the ions that stay: coordination, distances, order and packing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled
from aiida_limap.engines.descriptors.blocks import StructureBlock
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.columns import Column
from aiida_limap.engines.descriptors.elements import element_property
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.errors import LimapError, NoMobileIonError

__all__ = ['Packing', 'SiteCoordination']

#: Neighbours are looked at within this distance, Å.
REACH = 6.0
#: Ions that repel a site count fully up to the first of these distances, fading to none at the second, Å.
_FADE = (2.5, 4.5)
_ORDERS = (1, 2, 3, 4, 6)
#: Name, unit and meaning of what is known of each site; the first word of a name is its scale.
_SITE_NUMBERS = (
    ('anions', '', 'effective number of anions around'),
    ('distance', 'Å', 'mean distance of the anions around'),
    ('distance_nearest', 'Å', 'distance of the nearest anion to'),
    ('spread', 'Å', 'standard deviation of the distances of the anions around'),
    *((f'order_{order}', '', f'square of the bond-order parameter Q{order} of the anions around') for order in _ORDERS),
    ('repulsion_cations', '', 'number of cations near'),
    ('repulsion_charge', 'e', 'charge of the cations near'),
    ('repulsion_mobile', '', 'number of other mobile sites near'),
    ('apart_cation', 'Å', 'distance of the nearest cation to'),
    ('apart_mobile', 'Å', 'distance of the nearest other mobile site to'),
)
_STATISTICS = ('mean', 'spread', 'minimum', 'maximum')
_WORDS = {'mean': 'mean of', 'spread': 'standard deviation of', 'minimum': 'smallest', 'maximum': 'largest'}


@dataclass(frozen=True, kw_only=True, eq=False)
class SiteCoordination(StructureBlock):
    """Mean, spread, minimum and maximum over the mobile sites of what surrounds them.

    Anions count with the weight ``exp(1 - (d / m)^6)``, m being the mean distance with these weights: R. Hoppe, Z.
    Kristallogr. 150, 23 (1979); their sum is the effective coordination number. Bond-order parameters are those of
    P. J. Steinhardt et al., Phys. Rev. B 28, 784 (1983), with the same weights: the square of Q3 is 5/9 for a
    tetrahedron and 0 for an octahedron, that of Q4 7/27 and 7/12. Cations and other mobile sites count fully up to
    2.5 Å and fade to none at 4.5 Å. Nearest distances go no further than 6 Å.

    :param mobile: class of the mobile sites.
    """

    kind = 'site_coordination'

    mobile: str = 'Li'

    @property
    def reach(self) -> float:
        """Neighbours within this distance count, Å."""
        return REACH

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return one column per number and statistic."""
        mobile = classes.names[classes.index(self.mobile, self.kind)]
        return [
            Column(
                f'{self.label}_{name}_{statistic}',
                unit,
                f'{_WORDS[statistic]} {meaning} {mobile}',
                scale=name.split('_')[0],
            )
            for name, unit, meaning in _SITE_NUMBERS
            for statistic in _STATISTICS
        ]

    def row(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return the statistics.

        :raises NoMobileIonError: if no site belongs to the mobile class.
        :raises LimapError: if a mobile site has no anion within 6 Å.
        :raises OxidationStatesError: if no formal charges are found.
        """
        mobile = geometry.class_indices == geometry.classes.index(self.mobile, self.kind)
        if not mobile.any():
            formula = geometry.structure.composition.reduced_formula
            raise NoMobileIonError(f'{formula} has no site of the class {self.mobile}')
        found = geometry.neighbours.within(REACH)
        sites = np.flatnonzero(mobile)
        numbers = np.zeros((len(sites), len(_SITE_NUMBERS)))
        kinds = np.where(mobile, 2, np.where(geometry.charges > 0, 1, 0))
        pairs = (found.offsets, found.indices, found.vectors, found.distances)
        lonely = _describe_sites(pairs, sites, kinds, geometry.charges, np.array(_ORDERS), numbers)
        if lonely >= 0:
            raise LimapError(f'site {lonely} ({geometry.symbols[lonely]}) has no anion within {REACH:g} Å')
        mean = numbers.mean(axis=0)
        spread = np.sqrt(((numbers - mean) ** 2).mean(axis=0))
        return np.stack([mean, spread, numbers.min(axis=0), numbers.max(axis=0)], axis=1).ravel()


@dataclass(frozen=True, kw_only=True, eq=False)
class Packing(StructureBlock):
    """How the crystal is packed: volumes, and the bonds and anion contacts of the ions that stay.

    Means over sites of distances and effective coordination numbers as in :class:`SiteCoordination`. The ionicity is
    the mean difference of Pauling electronegativities over the bonds of the cations that stay, as the SBI of A. D.
    Sendek et al., Energy Environ. Sci. 10, 306 (2017), with bonds weighted by distance.

    :param mobile: class of the mobile sites.
    """

    kind = 'packing'

    mobile: str = 'Li'

    @property
    def reach(self) -> float:
        """Neighbours within this distance count, Å."""
        return REACH

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return the columns."""
        mobile = classes.names[classes.index(self.mobile, self.kind)]
        entries = (
            ('volume_atom', 'Å3', 'volume per atom'),
            ('volume_anion', 'Å3', 'volume per anion'),
            ('density_mobile', '1/Å3', f'number of {mobile} per volume'),
            ('charge_density', 'e/Å3', f'charge of the cations other than {mobile} per volume'),
            ('anions_cation', '', f'mean effective number of anions around cations other than {mobile}'),
            ('ionicity', '', f'mean difference of electronegativity over the bonds of cations other than {mobile}'),
            ('contacts_bond', 'Å', f'mean distance of the anions around cations other than {mobile}'),
            ('contacts_anion', 'Å', 'mean distance of the anions around anions'),
            ('contacts_anion_nearest', 'Å', 'mean distance of the nearest anion to anions'),
        )
        return [
            Column(f'{self.label}_{name}', unit, meaning, scale=name.split('_')[0]) for name, unit, meaning in entries
        ]

    def row(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return the numbers; those of cations are zero where none stays.

        :raises LimapError: if there is no anion, or an ion has none within 6 Å.
        :raises ElementDataError: if an element has no electronegativity.
        :raises OxidationStatesError: if no formal charges are found.
        """
        mobile = geometry.class_indices == geometry.classes.index(self.mobile, self.kind)
        charges = geometry.charges
        anions, cations = np.flatnonzero(charges < 0), np.flatnonzero((charges >= 0) & ~mobile)
        if not len(anions):
            raise LimapError(f'{geometry.structure.composition.reduced_formula} has no anion')
        found = geometry.neighbours.within(REACH)
        values = {symbol: element_property(symbol, 'electronegativity') for symbol in set(geometry.symbols)}
        pauling = np.array([values[symbol] for symbol in geometry.symbols])
        pairs = (found.offsets, found.indices, found.vectors, found.distances)
        bonds = _shells(pairs, cations, charges < 0, pauling, geometry)
        contacts = _shells(pairs, anions, charges < 0, pauling, geometry)
        volume = geometry.volume
        density = [mobile.sum() / volume, charges[cations].sum() / volume]
        sizes = [volume / len(charges), volume / len(anions)]
        return np.array([*sizes, *density, bonds[0], bonds[3], bonds[1], contacts[1], contacts[2]])


def _shells(
    pairs: tuple, sites: NDArray[np.int64], wanted: NDArray[np.bool_], values: NDArray[np.float64], geometry: Geometry
) -> NDArray[np.float64]:
    """Return means over sites: number of neighbours, mean and nearest distance, difference of the values."""
    totals = np.zeros(4)
    lonely = _sum_shells(pairs, sites, wanted, values, totals)
    if lonely >= 0:
        raise LimapError(f'site {lonely} ({geometry.symbols[lonely]}) has no anion within {REACH:g} Å')
    return totals / max(1, len(sites))


@compiled()
def _hoppe(distances: NDArray, weights: NDArray) -> float:
    """Fill in the weights of neighbours (Hoppe 1979); return the mean distance with these weights."""
    mean = distances.min()
    for _ in range(100):
        total, moment = 0.0, 0.0
        for index in range(distances.shape[0]):
            weights[index] = np.exp(1 - (distances[index] / mean) ** 6)
            total += weights[index]
            moment += weights[index] * distances[index]
        change = moment / total - mean
        mean += change
        if abs(change) < 1e-13 * mean:
            break
    return mean


@compiled()
def _sum_shells(
    pairs: tuple[NDArray, NDArray, NDArray, NDArray],
    sites: NDArray,
    wanted: NDArray,
    values: NDArray,
    totals: NDArray,
) -> int:
    """Add up the shells of sites; return a site without neighbours, or -1."""
    offsets, indices, _, distances = pairs
    for site in sites:
        span = np.arange(offsets[site], offsets[site + 1])
        near = span[wanted[indices[offsets[site] : offsets[site + 1]]]]
        if near.shape[0] == 0:
            return site
        weights = np.empty(near.shape[0])
        mean = _hoppe(distances[near], weights)
        total, difference = 0.0, 0.0
        for index in range(near.shape[0]):
            total += weights[index]
            difference += weights[index] * abs(values[site] - values[indices[near[index]]])
        totals[0] += total
        totals[1] += mean
        totals[2] += distances[near[0]]
        totals[3] += difference / total
    return -1


@compiled()
def _fade(distance: float) -> float:
    if distance <= _FADE[0]:
        return 1.0
    if distance >= _FADE[1]:
        return 0.0
    return 0.5 + 0.5 * np.cos(np.pi * (distance - _FADE[0]) / (_FADE[1] - _FADE[0]))


@compiled()
def _legendre(order: int, x: float) -> float:
    before, value = 1.0, x
    for n in range(1, order):
        before, value = value, ((2 * n + 1) * x * value - n * before) / (n + 1)
    return value


@compiled()
def _describe_sites(
    pairs: tuple[NDArray, NDArray, NDArray, NDArray],
    sites: NDArray,
    kinds: NDArray,
    charges: NDArray,
    orders: NDArray,
    numbers: NDArray,
) -> int:
    """Fill in the numbers of each site; return a site without anions, or -1. Kinds: 0 anion, 1 cation, 2 mobile."""
    offsets, indices, vectors, distances = pairs
    n_orders = orders.shape[0]
    for row in range(sites.shape[0]):
        site = sites[row]
        span = np.arange(offsets[site], offsets[site + 1])
        near = span[kinds[indices[offsets[site] : offsets[site + 1]]] == 0]
        if near.shape[0] == 0:
            return site
        weights = np.empty(near.shape[0])
        mean = _hoppe(distances[near], weights)
        total = weights.sum()
        variance = 0.0
        for index in range(near.shape[0]):
            variance += weights[index] / total * (distances[near[index]] - mean) ** 2
        numbers[row, 0], numbers[row, 1], numbers[row, 2] = total, mean, distances[near[0]]
        numbers[row, 3] = np.sqrt(variance)
        # Q_l^2 = sum_jk w_j w_k P_l(cos jk), by the addition theorem of spherical harmonics.
        for one in range(near.shape[0]):
            if weights[one] < 1e-12:
                continue
            for other in range(near.shape[0]):
                if weights[other] < 1e-12:
                    continue
                cosine = (vectors[near[one]] * vectors[near[other]]).sum()
                cosine /= distances[near[one]] * distances[near[other]]
                weight = weights[one] * weights[other] / total**2
                for place in range(n_orders):
                    numbers[row, 4 + place] += weight * _legendre(orders[place], cosine)
        rest = 4 + n_orders
        numbers[row, rest + 3] = numbers[row, rest + 4] = REACH
        for pair in span:
            kind = kinds[indices[pair]]
            if kind == 0:
                continue
            fade = _fade(distances[pair])
            nearest = rest + 3 + (kind - 1)
            numbers[row, nearest] = min(numbers[row, nearest], distances[pair])
            if kind == 1:
                numbers[row, rest] += fade
                numbers[row, rest + 1] += fade * charges[indices[pair]]
            else:
                numbers[row, rest + 2] += fade
    return -1
