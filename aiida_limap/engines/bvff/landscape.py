"""The site energy of the mobile ion on a periodic grid."""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from aiida_limap.engines.bvff.framework import Framework, MorseTerm
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.percolation.grids import perpendicular_widths

__all__ = [
    'CLIP_EV',
    'MIN_DISTANCE_ANGSTROM',
    'coulomb_range',
    'images_and_terms',
    'periodic_images',
    'reference_landscape',
    'site_energy_landscape',
]

#: Energies above this value are cut: on top of an ion they are huge, and no path goes there.
CLIP_EV = 100.0
#: Shorter distances count as this one: the energy there is far above any cap, and 1/R stays finite.
MIN_DISTANCE_ANGSTROM = 0.1
#: A screened repulsion below this energy is left out by the fast kernel.
_NEGLIGIBLE_EV = 2e-6
#: A block of grid points shares a list of neighbours: its edge.
_BLOCK_EDGE_ANGSTROM = 0.8
#: Tails of Morse curves below this energy are taken as linear within a block whose corners are at most this far from
#: its centre: found by comparison with the literal sum.
_FAR_EV = 2e-5
_FAR_RADIUS_ANGSTROM = 0.55
#: A range is shortened by at least this length or not at all.
_LEAST_SAVING_ANGSTROM = 1.5


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
    :param threads: number of threads of the device ``cpu``; it does not change the result.
    :param device: ``cpu`` for the kernel compiled by numba, else a device of torch such as ``cuda``, ``cuda:1`` or
        ``mps``; ``torch:cpu`` is the processor by torch.
    :returns: (n1, n2, n3) energies in eV, at most :data:`CLIP_EV`, NaN where not wanted; single precision, within
        1e-4 eV of the literal sum.
    :raises InputError: if there is nothing that acts, the mask has another shape than the grid, or the device cannot
        be used.
    """
    if mask is not None and mask.shape != tuple(shape):
        raise InputError(f'the mask has shape {mask.shape}, but the grid has shape {tuple(shape)}')
    if not framework.terms:
        raise InputError('the framework holds no ions')
    if device != 'cpu':
        from aiida_limap.engines.bvff.torch_kernel import torch_landscape

        return torch_landscape(framework, shape, origin=origin, mask=mask, device=device)
    from aiida_limap.engines.bvff.kernels import BLOCKS_PER_GROUP, fill_site_energies

    steps = framework.cell / np.array(shape)[:, None]
    block = _block(steps, shape)
    radii = _radius(steps, block * BLOCKS_PER_GROUP), _radius(steps, block)
    ions = _ions(framework, origin, radii)
    wanted = np.empty((0, 0, 0), dtype=bool) if mask is None else np.ascontiguousarray(mask, dtype=bool)
    groups = _groups(shape, block * BLOCKS_PER_GROUP, mask)
    energy = np.full(shape, np.nan, dtype=np.float32)

    def fill(part: NDArray[np.int64]) -> None:
        fill_site_energies(energy, wanted, part, (steps, (int(block[0]), int(block[1]), int(block[2]))), ions)

    parts = np.array_split(groups, min(len(groups), 4 * threads)) if threads > 1 and len(groups) > 1 else [groups]
    if len(parts) == 1:
        fill(groups)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, parts))
    return np.minimum(energy, np.float32(CLIP_EV), out=energy)


def _block(steps: NDArray[np.float64], shape: tuple[int, int, int]) -> NDArray[np.int64]:
    """Return the (3,) grid points along each edge of a block: some 0.8 Å, or a few points of a coarse grid.

    All blocks along an axis get nearly the same size.
    """
    lengths = np.linalg.norm(steps, axis=1)
    few_points = min(2.5 * float(np.prod(lengths)) ** (1 / 3), 1.5 * _BLOCK_EDGE_ANGSTROM)
    edge = max(_BLOCK_EDGE_ANGSTROM, few_points)
    counts = np.maximum(1, np.rint(lengths * np.array(shape) / edge))
    return np.clip(np.ceil(np.array(shape) / counts), 1, 8).astype(np.int64)


def _radius(steps: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """Return half the longest diagonal of a box of ``counts`` grid points along each axis, Å."""
    edges = steps * (0.5 * (counts - 1))[:, None]
    corners = np.array([(1, s2, s3) for s2 in (-1, 1) for s3 in (-1, 1)]) @ edges
    return float(np.max(np.linalg.norm(corners, axis=1)))


def _groups(shape: tuple[int, int, int], size: NDArray[np.int64], mask: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Return the (g, 3) groups of blocks that hold wanted points."""
    counts = [math.ceil(n / edge) for n, edge in zip(shape, size, strict=True)]
    if mask is None:
        return np.stack(np.meshgrid(*map(np.arange, counts), indexing='ij'), axis=-1).reshape(-1, 3)
    flags = mask
    for axis, edge in enumerate(size):
        flags = np.logical_or.reduceat(flags, np.arange(0, shape[axis], edge), axis=axis)
    return np.argwhere(flags)


def _ions(framework: Framework, origin: tuple[float, float, float], radii: tuple[float, float]) -> tuple:
    """Return what acts as the kernel wants it; ``radii`` are those of a group and of a block, Å."""
    tolerance = _FAR_EV * min(1.0, (_FAR_RADIUS_ANGSTROM / max(radii[1], 1e-9)) ** 2)
    images, borders, whole, part = [], [0], [], []
    for term, positions in zip(framework.terms, framework.positions, strict=True):
        if isinstance(term, MorseTerm):
            cutoff = term.cutoff
            whole.append(_morse_kind(term, term.cutoff))
            part.append(_morse_kind(term, _morse_range(term, tolerance)))
        else:
            reach = coulomb_range(term.strength_eV_angstrom, term.screening_length, _NEGLIGIBLE_EV)
            cutoff = min(term.cutoff, reach)
            whole.append((term.strength_eV_angstrom, 1 / term.screening_length, 0.0, 0.0, 0.0, 0.0, cutoff**2))
            part.append(whole[-1])
        images.append(periodic_images(framework.cell, positions - np.array(origin), cutoff))
        borders.append(borders[-1] + len(images[-1]))
    kinds = np.array([whole, part], dtype=np.float32)
    return (
        np.ascontiguousarray(np.concatenate(images).T),
        np.array(borders, dtype=np.int64),
        kinds,
        np.sqrt(kinds[:, :, 6].astype(np.float64)) + np.array(radii)[:, None] + 1e-4,
        sum(isinstance(term, MorseTerm) for term in framework.terms),
    )


def _morse_kind(term: MorseTerm, reach: float) -> tuple[float, ...]:
    """Return the parameters of a Morse curve for the kernel, whole or with a shortened range.

    The curve is D ((X - 1)^2 - 1) = depth x (x - offset) with X = exp(alpha (r_min - r)) = x 2^lift and x below 1, as
    the kernel's 2^y needs. A shortened one goes to zero at its end together with its slope: it is lessened by
    a + bend r^2.
    """
    rise = term.alpha * term.r_min / math.log(2)
    lift = max(0, math.ceil(rise))
    depth, offset = term.depth_eV * 4.0**lift, 2.0 ** (1 - lift)
    fall = term.alpha / math.log(2)
    if reach >= term.cutoff:
        return depth, fall, rise - lift, offset, term.shift_eV, 0.0, term.cutoff**2
    x = math.exp(term.alpha * (term.r_min - reach))
    energy = term.depth_eV * x * (x - 2)
    bend = -term.depth_eV * term.alpha * x * (x - 1) / reach
    return depth, fall, rise - lift, offset, energy - bend * reach**2, bend, reach**2


def _morse_range(term: MorseTerm, tolerance: float) -> float:
    """Return the distance from which a Morse curve is shallower than a tolerance, Å; its cut-off if that is near.

    Soft ions still have a slope at the cut-off. It ends there at once, which is not linear within a block.
    """
    share = (tolerance - term.shift_eV) / term.depth_eV
    if not 0 < share < 1:
        return term.cutoff
    reach = term.r_min - math.log(1 - math.sqrt(1 - share)) / term.alpha
    return reach if reach < term.cutoff - _LEAST_SAVING_ANGSTROM else term.cutoff


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


def images_and_terms(
    framework: Framework, negligible_eV: float, margin: float = 0.0
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the ions within reach of a point of the cell, and how each kind of them acts, for compiled loops.

    :param framework: the immobile ions and how they act.
    :param negligible_eV: a Coulomb term ends where it falls below this energy.
    :param margin: how far a point may lie outside of the cell, Å.
    :returns: for each term the (m, 3) positions of its ions, Å; and the (t, 6) terms: 1 for Morse, depth (eV), inverse
        range (1/Å), R_min (Å), shift (eV), cut-off (Å), or 0 for Coulomb, strength (eV Å), inverse screening length
        (1/Å), 0, 0, cut-off (Å).
    """
    images, terms = [], []
    for term, positions in zip(framework.terms, framework.positions, strict=True):
        if isinstance(term, MorseTerm):
            cutoff = term.cutoff
            terms.append((1.0, term.depth_eV, term.alpha, term.r_min, term.shift_eV, cutoff))
        else:
            reach = coulomb_range(term.strength_eV_angstrom, term.screening_length, negligible_eV)
            cutoff = min(term.cutoff, reach)
            terms.append((0.0, term.strength_eV_angstrom, 1 / term.screening_length, 0.0, 0.0, cutoff))
        images.append(periodic_images(framework.cell, positions, cutoff + margin))
    return images, np.array(terms, dtype=np.float64)


def coulomb_range(strength: float, screening_length: float, negligible_eV: float = 1e-7) -> float:
    """Return the distance beyond which a screened repulsion is negligible, Å; infinity if it is so nowhere."""
    distances = np.arange(1.0, 40.0, 0.05)
    below = strength / distances * erfc(distances / screening_length) < negligible_eV
    return float(distances[np.argmax(below)]) if below.any() else math.inf


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
