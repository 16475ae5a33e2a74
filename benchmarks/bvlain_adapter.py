"""bvlain (https://github.com/dembart/BVlain), the peer: its site energies and percolation barriers."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
import os
import warnings
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = [
    'BRACKET_EV',
    'BYTES_PER_VOXEL',
    'ENERGY_CAP_EV',
    'Peer',
    'available_bytes',
    'peer_shape',
    'predicted_bytes',
    'require_peer',
]

#: Its bisection between zero and the cap stops below 0.01 eV and returns the upper end.
ENERGY_CAP_EV = 10.0
BRACKET_EV = ENERGY_CAP_EV / 2**10
#: Memory that its arrays of 100 neighbours per grid point need, measured.
BYTES_PER_VOXEL = 8500


def require_peer() -> str:
    """Return the version of bvlain.

    :raises click.ClickException: if it is not installed.
    """
    if importlib.util.find_spec('bvlain') is None:
        raise click.ClickException('bvlain is not installed; install it with: pip install "bvlain==0.25.1"')
    return importlib.metadata.version('bvlain')


def available_bytes() -> int:
    """Return the free memory of this machine, or a large number where it cannot be told."""
    try:
        return os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    except (ValueError, OSError):
        return 2**62


def peer_shape(structure: Structure, resolution: float) -> tuple[int, int, int]:
    """Return the grid points of bvlain along each axis; the first and the last are the same point of the crystal.

    :param structure: the structure.
    :param resolution: its resolution, Å: it takes the whole part of length / resolution.
    """
    n1, n2, n3 = (int(length // resolution) for length in structure.lattice.abc)
    return n1, n2, n3


class Peer:
    """One structure in bvlain, with the oxidation states that decorate it.

    :param structure: a structure with oxidation states.
    """

    def __init__(self, structure: Structure) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            from bvlain import Lain

            self._lain: Any = Lain(verbose=False)
            self._lain.read_structure(structure, oxi_check=False)

    def energies(self, resolution: float, *, neighbours: int = 100, cutoff: float = 10.0) -> NDArray[np.float64]:
        """Compute site energies of Li+.

        :param resolution: bvlain's resolution, Å.
        :param neighbours: most neighbours of a point.
        :param cutoff: range of neighbours, Å.
        :returns: (n1, n2, n3) energies, eV; both ends of each axis are there.
        """
        with warnings.catch_warnings(), np.errstate(all='ignore'):
            warnings.simplefilter('ignore')
            energies = self._lain.bvse_distribution(
                mobile_ion='Li1+', r_cut=cutoff, resolution=resolution, k=neighbours
            )
        return np.asarray(energies)

    def barriers(self, *, jobs: int = 1) -> tuple[float, float, float]:
        """Return its barriers in one, two and three dimensions from the energies computed last, eV; or infinity.

        :param jobs: number of threads of its percolation.
        """
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            found = self._lain.percolation_barriers(encut=ENERGY_CAP_EV, n_jobs=jobs)
        one, two, three = (float(found[f'E_{dimension}D']) for dimension in (1, 2, 3))
        return one, two, three


def predicted_bytes(structure: Structure, resolution: float) -> int:
    """Return the memory that bvlain will need.

    :param structure: the structure.
    :param resolution: its resolution, Å.
    """
    return math.prod(peer_shape(structure, resolution)) * BYTES_PER_VOXEL
