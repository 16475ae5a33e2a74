"""Alloys on the sites of fcc, whose phonons a cheap calculator of the tests computes in a blink."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pymatgen.core import Lattice, Structure

__all__ = ['CALCULATOR', 'CALCULATORS', 'QUICK', 'alloy', 'path_with_calculators']

#: Folder of a package with an entry point for a calculator.
CALCULATORS = Path(__file__).parent / 'fixtures' / 'calculators'
CALCULATOR: dict[str, Any] = {
    'name': 'invented',
    'supercell_length_angstrom': 5.0,
    'force_limit_eV_per_angstrom': 1e-3,
}
#: Parameters of a job that computes such an alloy.
QUICK: dict[str, Any] = {'mesh_length_angstrom': 12.0, 'refinements': 0, 'calculator': CALCULATOR}


def alloy(other: str = 'Al', lattice: float = 4.1, share: int = 3) -> Structure:
    """Return Li3X, or LiX3 for a share of one, on the sites of fcc."""
    sites = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    minor, major = ('Li', other) if share == 1 else (other, 'Li')
    return Structure(Lattice.cubic(lattice), [minor, *[major] * 3], sites)


def path_with_calculators() -> str:
    """Return a PYTHONPATH with the package of calculators."""
    return os.pathsep.join(filter(None, (str(CALCULATORS), os.environ.get('PYTHONPATH', ''))))
