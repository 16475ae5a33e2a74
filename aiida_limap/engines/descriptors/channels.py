"""Channels: how far paths through the crystal can stay away from anions and cations at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors import framework as frameworks
from aiida_limap.engines.descriptors.blocks import StructureBlock, require
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.columns import Column
from aiida_limap.engines.descriptors.framework import Framework
from aiida_limap.engines.descriptors.geometry import Geometry

__all__ = ['Channels']

_MEANINGS = {
    '1d': 'the best path along one dimension',
    '2d': 'the best paths along two dimensions',
    '3d': 'the best paths along three dimensions',
    'void': 'the roomiest void',
    'site_least': 'the narrowest {mobile} site',
    'site_mean': 'a {mobile} site on average',
    'site_most': 'the roomiest {mobile} site',
}
#: Below this distance (Å) a square root would be too steep; there the numbers go on along its tangent.
_TANGENT_FROM = 0.5
#: Further cations than those that are known would cut off cells, Å2.
_LARGEST_OFFSET = 100.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Channels(StructureBlock):
    """Largest distance from anions that paths, voids and sites keep, while cations keep off further.

    For each field with the cation offset k (Å2): a point counts with the largest a such that no anion is nearer than a
    and no cation nearer than ``sqrt(a^2 + k)``. For k = 0 all ions are alike, and a is the radius of the sphere, the
    centres of the ions being points, that passes. Paths are found exactly, by percolation on the edges of a power
    diagram; nothing depends on a grid. Where a would be small or imaginary (a^2 < 0.25 Å2) the tangent of the square
    root goes on, down to negative numbers: there ions block every path.

    Only positions and formal charges enter, no energies and no parameters of bonds.

    :param fields: for each field two numbers: the offset k of a cation is the first plus the second times its formal
        charge, Å2.
    :param mobile: class of the sites that move; they are taken out.
    """

    kind = 'channels'

    fields: Sequence[Sequence[float]]
    mobile: str = 'Li'

    def __post_init__(self) -> None:
        fits = bool(self.fields) and all(len(field) == 2 for field in self.fields)
        require(fits, self.kind, 'each field needs two numbers: offset of cations, and offset per formal charge, Å2')
        fits = all(abs(number) <= _LARGEST_OFFSET for field in self.fields for number in field)
        require(fits, self.kind, f'offsets of cations are at most {_LARGEST_OFFSET:g} Å2')
        once = len({tuple(map(float, field)) for field in self.fields}) == len(self.fields)
        require(once, self.kind, 'a field stands twice')

    @property
    def reach(self) -> float:
        """Neighbours that close the cells of all but very open frameworks, Å."""
        return frameworks.REACH

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return seven columns per field: paths in one, two and three dimensions, the roomiest void, and the sites."""
        mobile = classes.names[classes.index(self.mobile, self.kind)]
        columns = []
        for offset, per_charge in self.fields:
            off = f'{offset:g}' + (f' + {per_charge:g} per charge' if per_charge else '')
            for key, where in _MEANINGS.items():
                place = where.format(mobile=mobile)
                meaning = f'distance that {place} keeps from anions, with {off} Å2 more for cations in the square'
                columns.append(Column(f'{self.label}_{offset:g}_{per_charge:g}_{key}', 'Å', meaning))
        return columns

    def row(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return the distances, Å.

        :raises LimapError: if nothing stays without the mobile class.
        :raises NoMobileIonError: if no site belongs to it.
        :raises OxidationStatesError: if no formal charges are found.
        """
        framework = Framework(geometry, self.mobile)
        framework.require_mobile()
        charges = np.maximum(framework.charges, 0.0)
        sites = _SiteDistances(framework)
        numbers = []
        for offset, per_charge in self.fields:
            weights = np.where(charges > 0, offset, 0.0) + per_charge * charges
            passages = framework.diagram(weights).passages()
            at_sites = sites.values(weights)
            numbers += [*passages.thresholds, passages.largest, at_sites.min(), at_sites.mean(), at_sites.max()]
        return _distance(np.array(numbers))


class _SiteDistances:
    """Distances from the sites that move to the ions that stay."""

    def __init__(self, framework: Framework) -> None:
        geometry = framework.geometry
        found = geometry.neighbours
        places = np.full(len(geometry.symbols), -1, dtype=np.int64)
        places[framework.sites] = np.arange(len(framework.sites))
        spans = [np.arange(found.offsets[site], found.offsets[site + 1]) for site in framework.mobile_sites]
        pairs = np.concatenate(spans)
        others = places[found.indices[pairs]]
        stays = others >= 0
        self._count = len(spans)
        self._owners = np.repeat(np.arange(len(spans)), [len(span) for span in spans])[stays]
        self._others, self._squares = others[stays], found.distances[pairs][stays] ** 2

    def values(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the field at each site, Å2."""
        # A site without any ion near it counts as that far off.
        values = np.full(self._count, frameworks.REACH**2)
        np.minimum.at(values, self._owners, self._squares - weights[self._others])
        return values


def _distance(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return square roots, and below :data:`_TANGENT_FROM` their tangent."""
    tangent = _TANGENT_FROM + (squares - _TANGENT_FROM**2) / (2 * _TANGENT_FROM)
    return np.where(squares > _TANGENT_FROM**2, np.sqrt(np.maximum(squares, 0)), tangent)
