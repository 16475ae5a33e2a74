"""The sum over neighbours at every grid point on a device of torch, such as a graphics card."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.bvff.framework import CoulombTerm, Framework, MorseTerm
from aiida_limap.engines.bvff.landscape import CLIP_EV, MIN_DISTANCE_ANGSTROM, coulomb_range, periodic_images
from aiida_limap.engines.errors import InputError

if TYPE_CHECKING:
    import torch

__all__ = ['torch_device', 'torch_landscape']

#: Pairs of a point and an ion that are held at once, in some five arrays of single precision.
_MAX_PAIRS = 2**22
#: Points are taken in blocks of this edge, which share the ions within reach, with at most so many points along it.
_BLOCK_EDGE_ANGSTROM = 4.0
_MAX_BLOCK_POINTS = 32
#: Prefix of the devices that torch serves though the kernel for SIMD could: for tests.
_PREFIX = 'torch:'


def torch_device(name: str) -> torch.device:
    """Return the device of torch that an option names, after trying it out.

    :param name: a device as torch names it (``cuda``, ``cuda:1``, ``mps``), or ``torch:`` and such a name;
        ``torch:cpu`` is the processor by torch, where ``cpu`` alone means the kernel for SIMD.
    :returns: the device.
    :raises InputError: if torch is not installed, knows no such device or cannot use it here.
    """
    try:
        import torch
    except ImportError as error:
        raise InputError(f'device {name!r} needs the package torch; install it or take the device cpu') from error
    try:
        device = torch.device(name.removeprefix(_PREFIX))
        if device.type == 'meta':
            raise RuntimeError('it holds no numbers')
        torch.zeros(1, device=device).add(1).item()
    # torch built without a device's support says so by an AssertionError.
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip('.')
        raise InputError(f'device {name!r} cannot be used here ({reason}); take the device cpu') from error
    return device


def torch_landscape(
    framework: Framework,
    shape: tuple[int, int, int],
    *,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    mask: NDArray[np.bool_] | None = None,
    device: str = 'torch:cpu',
) -> NDArray[np.float32]:
    """Compute what :func:`~aiida_limap.engines.bvff.landscape.site_energy_landscape` does on a device of torch.

    The grid is cut into blocks; each point is compared with all ions within reach of its block. Memory on the device
    does not depend on the size of the grid.

    :param framework: the immobile ions and how they act.
    :param shape: grid divisions (n1, n2, n3).
    :param origin: fractional coordinates of grid point (0, 0, 0).
    :param mask: (n1, n2, n3) true where the energy is wanted; None for everywhere.
    :param device: see :func:`torch_device`.
    :returns: (n1, n2, n3) energies in eV, cut at the same energy; NaN where not wanted.
    :raises InputError: if the device cannot be used.
    """
    place = torch_device(device)
    import torch

    energy = np.full(int(np.prod(shape)), np.nan, dtype=np.float32)
    images = []
    for term, positions in zip(framework.terms, framework.positions, strict=True):
        reach = term.cutoff
        if not isinstance(term, MorseTerm):
            reach = min(reach, coulomb_range(term.strength_eV_angstrom, term.screening_length))
        images.append((term, reach, periodic_images(framework.cell, positions - np.array(origin), reach)))
    for points in _blocks(framework.cell, shape, mask):
        corners = np.stack(np.unravel_index(points, shape), axis=1) / np.array(shape) @ framework.cell
        centre = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
        radius = float(np.linalg.norm(corners - centre, axis=1).max())
        total = torch.zeros(len(points), dtype=torch.float32, device=place)
        here = torch.tensor(corners - centre, dtype=torch.float32, device=place)
        for term, reach, ions in images:
            away = ions - centre
            near = away[np.einsum('ij,ij->i', away, away) < (reach + radius + 1e-4) ** 2]
            for part in np.array_split(near, max(1, math.ceil(len(near) * len(points) / _MAX_PAIRS))):
                total += _pair_sum(term, here, torch.tensor(part, dtype=torch.float32, device=place))
        energy[points] = total.clamp(max=CLIP_EV).cpu().numpy()
    return energy.reshape(shape)


def _blocks(
    cell: NDArray[np.float64], shape: tuple[int, int, int], mask: NDArray[np.bool_] | None
) -> list[NDArray[np.int64]]:
    """Return the flat indices of the wanted points, block by block."""
    wanted = np.arange(int(np.prod(shape))) if mask is None else np.flatnonzero(mask)
    if len(wanted) == 0:
        return []
    steps = np.linalg.norm(cell, axis=1) / np.array(shape)
    size = np.clip(np.rint(_BLOCK_EDGE_ANGSTROM / steps), 1, _MAX_BLOCK_POINTS).astype(int)
    counts = tuple(-(-np.array(shape) // size))
    block = np.ravel_multi_index(tuple(np.stack(np.unravel_index(wanted, shape)) // size[:, None]), counts)
    order = np.argsort(block, kind='stable')
    return np.split(wanted[order], np.flatnonzero(np.diff(block[order])) + 1)


def _pair_sum(term: MorseTerm | CoulombTerm, points: torch.Tensor, ions: torch.Tensor) -> torch.Tensor:
    """Return for each point the energy of all ions within the cut-off of a term, eV."""
    import torch

    square = torch.zeros((len(points), len(ions)), dtype=torch.float32, device=points.device)
    for axis in range(3):
        square += (points[:, axis, None] - ions[None, :, axis]).square_()
    r = square.clamp_(min=MIN_DISTANCE_ANGSTROM**2).sqrt_()
    if isinstance(term, MorseTerm):
        x = torch.exp(term.alpha * (term.r_min - r))
        energy = (x * (x - 2)).mul_(term.depth_eV).sub_(term.shift_eV)
    else:
        # As good as erfc to an absolute 1e-7, and to be had on every device.
        energy = (1 - torch.erf(r / term.screening_length)).mul_(term.strength_eV_angstrom).div_(r)
    return torch.where(r < term.cutoff, energy, 0.0).sum(dim=1)
