"""The sums behind the features of Sendek et al., feature by feature; what they mean stands in ``sendek``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.neighbours import Neighbours
from aiida_limap.engines.screening._sendek_kernels import bond_sums, expected_nearest
from aiida_limap.engines.screening._sendek_packing import expected_volume, union_volume
from aiida_limap.engines.screening._sendek_paths import straight_paths
from aiida_limap.engines.screening._sendek_sites import Sites

__all__ = ['SendekValues']

#: Anions up to this much further than the nearest one coordinate an anion, Å.
_ANION_SHELL = 1.0


@dataclass(frozen=True)
class _Bonds:
    """Means over bonds: number, mean ionicity and its standard deviation."""

    number: float
    mean: float
    deviation: float

    @classmethod
    def from_sums(cls, weight: float, total: float, squares: float) -> _Bonds:
        if weight == 0:
            return cls(0.0, 0.0, 0.0)
        mean = total / weight
        return cls(weight, mean, math.sqrt(max(0.0, squares / weight - mean**2)))


class SendekValues:
    """The features of one structure, each computed when it is first asked for.

    :param sites: the sites.
    :param bond_length: atoms closer than this are bonded, Å.
    """

    def __init__(self, sites: Sites, bond_length: float) -> None:
        self.sites = sites
        self.bond_length = bond_length
        self.mobile = sites.share(sites.is_mobile)
        self.anions = sites.share(sites.is_anion)
        self.host = sites.share(~sites.is_mobile)

    def value(self, name: str) -> float:
        """Return one feature.

        :param name: its name.
        """
        return float(getattr(self, name.lower()))

    @cached_property
    def _bonded(self) -> tuple[NDArray[np.float64], _Bonds, _Bonds]:
        sites = self.sites
        atoms = (sites.firsts, sites.weights, sites.values, sites.is_mobile)
        counts, sums = bond_sums(sites.pairs, self.bond_length, sites.occupancies, sites.bond_radii, atoms)
        return counts, _Bonds.from_sums(*sums[0]), _Bonds.from_sums(*sums[1])

    def _nearest(
        self, centres: NDArray[np.float64], targets: NDArray[np.float64], width: float = 0.0
    ) -> tuple[float, float]:
        """Return mean distance (Å) of the nearest target, and mean number of targets up to ``width`` further."""

        def compute(
            neighbours: Neighbours, reach: float, chosen: NDArray[np.bool_]
        ) -> tuple[tuple[float, float], float]:
            pairs = (neighbours.offsets, neighbours.indices, neighbours.distances)
            arrays = (self.sites.occupancies[chosen], self.sites.bond_radii[chosen])
            distance, number, none = expected_nearest(pairs, reach, width, centres[chosen], targets[chosen], arrays)
            return (distance, number), none

        return self.sites.widen((centres > 0) | (targets > 0), compute)

    @cached_property
    def _anion_shell(self) -> tuple[float, float]:
        return self._nearest(self.anions, self.anions, _ANION_SHELL)

    @cached_property
    def _paths(self) -> tuple[float, float]:
        sites = self.sites

        def compute(neighbours: Neighbours, reach: float, _: NDArray[np.bool_]) -> tuple[tuple[float, float], float]:
            pairs = (neighbours.offsets, neighbours.indices, neighbours.vectors, neighbours.distances)
            atoms = (sites.firsts, sites.weights, sites.radii, sites.values)
            width, value, none = straight_paths(pairs, reach, self.mobile, (sites.occupancies, sites.bond_radii), atoms)
            return (width, value), none

        return sites.widen(np.ones(len(self.mobile), dtype=bool), compute)

    def _packing(self, kept: NDArray[np.bool_]) -> float:
        """Return the part of the volume within the spheres of some atoms."""
        sites = self.sites
        if sites.is_ordered:
            volume = union_volume(sites.cell, sites.positions[kept], sites.radii[kept])
        else:
            chosen = sites.share(kept) > 0
            counts = np.add.reduceat(kept.astype(np.int64), sites.firsts[:-1])[chosen]
            firsts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            atoms = (firsts, sites.weights[kept], sites.radii[kept])
            volume = expected_volume(sites.cell, sites.positions[chosen], atoms)
        return volume / sites.volume

    @property
    def llb(self) -> float:
        """Mobile neighbours per mobile ion."""
        return float(np.average(self._bonded[0][:, 1], weights=self.mobile))

    @property
    def sbi(self) -> float:
        """Mean ionicity of the bonds within the sublattice."""
        return self._bonded[2].mean

    @property
    def sbil(self) -> float:
        """Mean ionicity of all bonds of the sublattice atoms."""
        counts, of_mobile, within = self._bonded
        # Bonds between mobile atoms have no ionicity, but were counted.
        mixed = of_mobile.number - 0.5 * float(self.mobile @ counts[:, 1])
        number = mixed + 2 * within.number
        total = of_mobile.number * of_mobile.mean + 2 * within.number * within.mean
        return total / number if number > 0 else 0.0

    @property
    def afc(self) -> float:
        """Anions around an anion."""
        return self._anion_shell[1]

    @cached_property
    def lasd(self) -> float:
        """Shortest distance from mobile ion to anion, Å."""
        return self._nearest(self.mobile, self.anions)[0]

    @cached_property
    def llsd(self) -> float:
        """Shortest distance between mobile ions, Å."""
        return self._nearest(self.mobile, self.mobile)[0]

    @property
    def aav(self) -> float:
        """Volume per atom, Å3."""
        return self.sites.volume / float(self.sites.occupancies.sum())

    @property
    def sdlc(self) -> float:
        """Standard deviation of the neighbours of mobile ions."""
        squares = (self._bonded[0][:, 0] - self.lnc) ** 2
        return float(np.sqrt(np.average(squares, weights=self.mobile)))

    @property
    def sdli(self) -> float:
        """Standard deviation of the ionicity of bonds of mobile ions."""
        return self._bonded[1].deviation

    @property
    def lbi(self) -> float:
        """Mean ionicity of the bonds of mobile ions."""
        return self._bonded[1].mean

    @property
    def lnc(self) -> float:
        """Neighbours per mobile ion."""
        return float(np.average(self._bonded[0][:, 0], weights=self.mobile))

    @property
    def snc(self) -> float:
        """Neighbours per sublattice atom."""
        return float(np.average(self._bonded[0][:, 0], weights=self.host))

    @property
    def aasd(self) -> float:
        """Shortest distance between anions, Å."""
        return self._anion_shell[0]

    @property
    def vpa(self) -> float:
        """Volume per anion, Å3."""
        return self.sites.volume / float(self.anions.sum())

    @property
    def ens(self) -> float:
        """Mean electronegativity of the sublattice."""
        weights = np.where(self.sites.is_mobile, 0.0, self.sites.weights)
        return float(np.average(self.sites.values, weights=weights))

    @cached_property
    def pf(self) -> float:
        """Packing fraction."""
        return self._packing(np.ones_like(self.sites.is_mobile))

    @cached_property
    def spf(self) -> float:
        """Packing fraction of the sublattice."""
        return self._packing(~self.sites.is_mobile)

    @property
    def slpw(self) -> float:
        """Width of straight paths, Å."""
        return self._paths[0]

    @property
    def slpe(self) -> float:
        """Electronegativity of what bounds straight paths."""
        return self._paths[1]

    @property
    def rbi(self) -> float:
        """Ratio of ionicities; NaN if there is none."""
        return self.lbi / self.sbi if self.sbi > 0 else math.nan

    @property
    def rnc(self) -> float:
        """Ratio of numbers of neighbours; NaN if there is none."""
        return self.lnc / self.snc if self.snc > 0 else math.nan
