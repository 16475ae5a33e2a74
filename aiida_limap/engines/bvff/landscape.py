"""The site energy of the mobile ion on a periodic grid."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from aiida_limap.engines.bvff.framework import Framework, MorseTerm
from aiida_limap.engines.errors import InputError, StructureTooLargeError

__all__ = ['CLIP_EV', 'grid_shape', 'perpendicular_widths', 'reference_landscape', 'site_energy_landscape']

#: Energies above this value are cut: on top of an ion they are huge, and no path goes there.
CLIP_EV = 100.0
#: A screened repulsion below this energy is left out by the fast kernel.
_NEGLIGIBLE_EV = 1e-7


def grid_shape(cell: NDArray[np.float64], spacing: float, *, max_voxels: int | None = None) -> tuple[int, int, int]:
    """Return the grid divisions: the fewest with a distance of at most ``spacing`` along each axis.

    :param cell: (3, 3) lattice vectors as rows, Å.
    :param spacing: largest distance of neighbouring points, Å.
    :param max_voxels: largest number of points, or None.
    :returns: divisions along the three axes; there are no doubled end points.
    :raises StructureTooLargeError: if there are more than ``max_voxels`` points.
    """
    # The margin keeps an exact multiple of the spacing from gaining a point by rounding.
    n1, n2, n3 = (max(1, math.ceil(length / spacing - 1e-6)) for length in np.linalg.norm(cell, axis=1))
    if max_voxels is not None and n1 * n2 * n3 > max_voxels:
        raise StructureTooLargeError(
            f'a grid of {n1} x {n2} x {n3} points at {spacing:g} Å exceeds the limit of {max_voxels}; '
            'take a wider spacing'
        )
    return n1, n2, n3


def perpendicular_widths(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (3,) distances of opposite faces of a cell, Å.

    :param cell: (3, 3) lattice vectors as rows, Å.
    """
    normals = np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]])
    return abs(np.linalg.det(cell)) / np.linalg.norm(normals, axis=1)


def site_energy_landscape(
    framework: Framework,
    shape: tuple[int, int, int],
    *,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    mask: NDArray[np.bool_] | None = None,
    threads: int = 1,
    device: str = 'cpu',
) -> NDArray[np.float32]:
    """Compute the site energy of the mobile ion at every grid point.

    Point (i, j, k) lies at fractional coordinates origin + (i / n1, j / n2, k / n3).

    :param framework: the immobile ions and how they act.
    :param shape: grid divisions (n1, n2, n3).
    :param origin: fractional coordinates of grid point (0, 0, 0).
    :param mask: (n1, n2, n3) true where the energy is wanted; None for everywhere.
    :param threads: number of threads; it does not change the result.
    :param device: ``cpu``.
    :returns: (n1, n2, n3) energies in eV, at most :data:`CLIP_EV`, NaN where not wanted; single precision, within
        1e-4 eV of the literal sum.
    :raises InputError: if there is nothing that acts, or the mask has another shape than the grid.
    """
    from aiida_limap.engines.bvff.kernels import fill_site_energies

    if mask is not None and mask.shape != tuple(shape):
        raise InputError(f'the mask has shape {mask.shape}, but the grid has shape {tuple(shape)}')
    if not framework.terms:
        raise InputError('the framework holds no ions')
    images, starts, kinds = [], [0], []
    for term, positions in zip(framework.terms, framework.positions, strict=True):
        if isinstance(term, MorseTerm):
            cutoff = term.cutoff
            kinds.append((term.depth_eV, term.alpha, term.r_min, term.shift_eV, cutoff**2))
        else:
            cutoff = min(term.cutoff, coulomb_range(term.strength_eV_angstrom, term.screening_length))
            kinds.append((term.strength_eV_angstrom, 1 / term.screening_length, 0.0, 0.0, cutoff**2))
        images.append(periodic_images(framework.cell, positions - np.array(origin), cutoff))
        starts.append(starts[-1] + len(images[-1]))
    energy = np.full(shape, np.nan, dtype=np.float32)
    fill_site_energies(
        energy,
        np.empty((0, 0, 0), dtype=bool) if mask is None else np.ascontiguousarray(mask, dtype=bool),
        framework.cell / np.array(shape)[:, None],
        np.ascontiguousarray(np.concatenate(images).T),
        np.array(starts, dtype=np.int64),
        np.array(kinds, dtype=np.float32),
        sum(isinstance(term, MorseTerm) for term in framework.terms),
    )
    return np.minimum(energy, np.float32(CLIP_EV), out=energy)


def periodic_images(cell: NDArray[np.float64], positions: NDArray[np.float64], cutoff: float) -> NDArray[np.float64]:
    """Return the (m, 3) cartesian positions of all images within ``cutoff`` of some point of the cell.

    Distances along an axis are measured perpendicular to the faces, which is right for any oblique cell.
    """
    margins = cutoff / perpendicular_widths(cell)
    wrapped = positions - np.floor(positions)
    ranges = [np.arange(-math.ceil(margin), math.ceil(margin) + 1) for margin in margins]
    shifts = np.stack(np.meshgrid(*ranges, indexing='ij'), axis=-1).reshape(-1, 3)
    places = (shifts[:, None, :] + wrapped[None, :, :]).reshape(-1, 3)
    inside = np.all((places > -margins - 1e-9) & (places < 1 + margins + 1e-9), axis=1)
    return places[inside] @ cell


def coulomb_range(strength: float, screening_length: float) -> float:
    """Return the distance beyond which a screened repulsion is negligible, Å."""
    distances = np.arange(1.0, 40.0, 0.05)
    energies = strength / distances * erfc(distances / screening_length)
    return float(distances[np.argmax(energies < _NEGLIGIBLE_EV)])


def reference_landscape(
    framework: Framework, shape: tuple[int, int, int], *, origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> NDArray[np.float64]:
    """Compute the same energies as :func:`site_energy_landscape` by the literal sum in double precision: slow, for
    tests.

    :param framework: the immobile ions and how they act.
    :param shape: grid divisions (n1, n2, n3).
    :param origin: fractional coordinates of grid point (0, 0, 0).
    :returns: (n1, n2, n3) energies in eV, at most :data:`CLIP_EV`.
    """
    from aiida_limap.engines.bvff.kernels import MIN_DISTANCE_ANGSTROM

    fractions = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing='ij'), axis=-1).reshape(-1, 3)
    points = fractions @ framework.cell
    energy = np.zeros(len(points))
    for term, positions in zip(framework.terms, framework.positions, strict=True):
        counts = np.ceil(term.cutoff / perpendicular_widths(framework.cell)).astype(int) + 1
        wrapped = positions - np.array(origin)
        wrapped -= np.floor(wrapped)
        for shift in itertools.product(*(range(-count, count + 1) for count in counts)):
            for position in wrapped:
                distance = np.linalg.norm(points - (position + np.array(shift)) @ framework.cell, axis=1)
                near = distance < term.cutoff
                r = np.maximum(distance[near], MIN_DISTANCE_ANGSTROM)
                if isinstance(term, MorseTerm):
                    x = np.exp(term.alpha * (term.r_min - r))
                    energy[near] += term.depth_eV * ((x - 1) ** 2 - 1) - term.shift_eV
                else:
                    energy[near] += term.strength_eV_angstrom / r * erfc(r / term.screening_length)
    return np.minimum(energy, CLIP_EV).reshape(shape)
