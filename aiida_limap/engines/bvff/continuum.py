"""The site energy as a smooth function of the position, with its stationary points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.bvff.framework import Framework
from aiida_limap.engines.bvff.landscape import images_and_terms

__all__ = ['Continuum', 'Saddles']

#: Room for neighbours of a point that has left the one around which they were collected, Å.
_MARGIN_ANGSTROM = 0.8
#: A step of this size at the range of the repulsion does not hinder the search of stationary points.
_NEGLIGIBLE_EV = 1e-11
#: A descent has at most so many points.
_TRAIL = 400


@dataclass(frozen=True, eq=False)
class Saddles:
    """Saddles of index one.

    :param positions: (k, 3) fractional coordinates.
    :param energies: (k,) energies, eV.
    :param found: (k,) whether a saddle was reached from the start, and a minimum on either side of it.
    :param ends: (k, 2, 3) fractional coordinates of the minima to which it leads.
    :param end_energies: (k, 2) their energies, eV.
    """

    positions: NDArray[np.float64]
    energies: NDArray[np.float64]
    found: NDArray[np.bool_]
    ends: NDArray[np.float64]
    end_energies: NDArray[np.float64]

    def joined(self, others: Saddles) -> Saddles:
        """Return these saddles followed by others.

        :param others: further saddles.
        :returns: all of them.
        """
        return Saddles(
            np.concatenate([self.positions, others.positions]),
            np.concatenate([self.energies, others.energies]),
            np.concatenate([self.found, others.found]),
            np.concatenate([self.ends, others.ends]),
            np.concatenate([self.end_energies, others.end_energies]),
        )


class Continuum:
    """Energies and stationary points at any position, in double precision and with analytic derivatives.

    :param framework: the immobile ions and how they act.
    """

    def __init__(self, framework: Framework) -> None:
        cell = np.ascontiguousarray(framework.cell, dtype=np.float64)
        self.cell = cell
        self._lattice = np.stack([cell, np.linalg.inv(cell)])
        images, self._terms = images_and_terms(framework, _NEGLIGIBLE_EV, _MARGIN_ANGSTROM)
        self._starts = np.cumsum([0, *(len(places) for places in images)])
        self._images = np.ascontiguousarray(np.concatenate(images))

    @property
    def _field(self) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        return self._lattice, self._images, self._starts, self._terms

    def derivatives(self, positions: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
        """Return energies with their first and second derivatives.

        :param positions: (k, 3) fractional coordinates.
        :returns: (k,) energies in eV, (k, 3) gradients in eV/Å and (k, 3, 3) Hessians in eV/Å^2, both cartesian.
        """
        from aiida_limap.engines.bvff._stationary import site_energy

        points = np.asarray(positions, dtype=np.float64).reshape(-1, 3) @ self.cell
        energies, gradients = np.zeros(len(points)), np.zeros((len(points), 3))
        hessians = np.zeros((len(points), 3, 3))
        site_energy(points, self._field, energies, gradients, hessians)
        return energies, gradients, hessians

    def minima(self, starts: ArrayLike, *, reach: float = 2.0) -> tuple[NDArray, NDArray, NDArray]:
        """Follow the energy down from each start.

        :param starts: (k, 3) fractional coordinates.
        :param reach: largest distance from the start, Å.
        :returns: (k, 3) fractional coordinates, (k,) energies in eV, and whether a minimum was reached.
        """
        from aiida_limap.engines.bvff._stationary import refine_minima

        points = np.asarray(starts, dtype=np.float64).reshape(-1, 3) @ self.cell
        energies, good = np.zeros(len(points)), np.zeros(len(points), dtype=np.bool_)
        refine_minima(points, reach, self._field, energies, good)
        return points @ self._lattice[1], energies, good

    def saddles(self, starts: ArrayLike, *, reach: float) -> Saddles:
        """Climb from each start to the saddle nearby and descend from there to both sides.

        :param starts: (k, 3) fractional coordinates.
        :param reach: largest distance from the start, Å.
        :returns: the saddles.
        """
        from aiida_limap.engines.bvff._stationary import refine_saddles

        points = np.asarray(starts, dtype=np.float64).reshape(-1, 3) @ self.cell
        energies, good = np.zeros(len(points)), np.zeros(len(points), dtype=np.bool_)
        ends, end_energies = np.zeros((len(points), 2, 3)), np.zeros((len(points), 2))
        refine_saddles(points, reach, self._field, energies, good, ends, end_energies)
        inverse = self._lattice[1]
        return Saddles(points @ inverse, energies, good, ends @ inverse, end_energies)

    def descents(self, saddle: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Trace the two ways down from a saddle.

        :param saddle: (3,) fractional coordinates.
        :returns: for each side (t, 4): fractional coordinates and energy (eV), from a point beside the saddle to the
            minimum.
        """
        from aiida_limap.engines.bvff._stationary import trace_descent

        start = np.asarray(saddle, dtype=np.float64) @ self.cell
        trail = np.zeros((2, _TRAIL, 4))
        counts = trace_descent(start, self._field, trail)
        sides = []
        for side, count in enumerate(counts):
            points = trail[side, :count].copy()
            points[:, :3] = points[:, :3] @ self._lattice[1]
            sides.append(points)
        return sides[0], sides[1]
