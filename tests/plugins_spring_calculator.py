"""A calculator of ASE whose forces are those of springs."""

from __future__ import annotations

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from plugins_springs import Springs


class SpringCalculator(Calculator):
    """Forces of the springs of rock salt around its ideal places, and those of a constant push beside."""

    implemented_properties = ('energy', 'forces')

    def __init__(self, springs: Springs, push: float = 0.0) -> None:
        super().__init__()
        self.springs = springs
        self.push = push

    def calculate(self, atoms=None, properties=('forces',), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        pitch = self.springs.lattice / 2
        ideal = np.rint(atoms.positions / pitch) * pitch
        fractions = np.linalg.solve(atoms.cell[:].T, ideal.T).T
        cell = type('Cell', (), {'scaled_positions': fractions, 'cell': atoms.cell[:]})
        constants = self.springs.constants(cell)
        moved = atoms.positions - ideal
        forces = -np.einsum('ijxy,jy->ix', constants, moved)
        self.results = {'energy': float(-0.5 * (forces * moved).sum()), 'forces': forces + self.push}
