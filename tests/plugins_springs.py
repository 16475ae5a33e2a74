"""Crystals of isotropic springs between neighbours, whose modes are known in closed form."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from phonopy import Phonopy
from phonopy.file_IO import write_BORN, write_FORCE_CONSTANTS, write_force_constants_to_hdf5, write_FORCE_SETS
from phonopy.interface.vasp import write_vasp
from phonopy.structure.atoms import PhonopyAtoms
from scipy.constants import angstrom, atomic_mass, e, h, k

#: THz of the square root of 1 eV / (Å^2 u), and kelvin of a THz.
THZ = math.sqrt(e / angstrom**2 / atomic_mass) / (2 * math.pi) / 1e12
KELVIN = h * 1e12 / k


@dataclass
class Springs:
    """Rock salt of fluorine and lithium, fluorine first, with springs between nearest neighbours.

    Each spring pulls alike in all directions, so that the three directions do not mix, and the dynamical matrix of a
    direction at q is ``[[6 K / m1, -2 K s / sqrt(m1 m2)], [.., 6 K / m2]]`` with s the sum of three cosines.
    """

    spring: float = 2.0
    lattice: float = 4.0
    symbols: tuple[str, str] = ('F', 'Li')
    supercell: tuple[int, int, int] = (2, 2, 2)
    conventional: bool = False
    masses: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
        cell = np.eye(3) if self.conventional else fcc[1:]
        positions = fcc if self.conventional else fcc[:1]
        self.unitcell = PhonopyAtoms(
            symbols=np.repeat(self.symbols, len(positions)).tolist(),
            cell=cell * self.lattice,
            scaled_positions=np.concatenate([positions, positions + 0.5]) % 1.0,
        )
        self.masses = (self.unitcell.masses[0], self.unitcell.masses[-1])

    def phonopy(self, sign: float = 1.0) -> Phonopy:
        phonopy = self.empty()
        phonopy.force_constants = sign * self.constants(phonopy.supercell)
        return phonopy

    def empty(self) -> Phonopy:
        primitive = 'F' if self.conventional else 'P'
        with warnings.catch_warnings():
            # Some of the supercells are to have fewer symmetries than the crystal.
            warnings.filterwarnings('ignore', message='Warning: Point group symmetries')
            return Phonopy(self.unitcell, np.diag(self.supercell), primitive_matrix=primitive)

    def constants(self, supercell: PhonopyAtoms) -> np.ndarray:
        positions = supercell.scaled_positions
        images = np.array(list(np.ndindex(3, 3, 3))) - 1
        apart = positions[:, None, None] - positions[None, :, None] + images
        near = (np.abs(np.linalg.norm(apart @ supercell.cell, axis=-1) - self.lattice / 2) < 1e-3).sum(axis=-1)
        assert (near.sum(axis=1) == 6).all()
        return np.einsum('ij,xy->ijxy', self.spring * (6.0 * np.eye(len(positions)) - near), np.eye(3))

    def with_forces(self) -> Phonopy:
        """Return displacements with the forces of the springs."""
        phonopy = self.empty()
        phonopy.generate_displacements(distance=0.01)
        constants = self.constants(phonopy.supercell)
        for entry in phonopy.dataset['first_atoms']:
            entry['forces'] = -constants[:, entry['number']] @ np.array(entry['displacement'])
        return phonopy

    def modes(self, mesh: int) -> tuple[np.ndarray, np.ndarray]:
        """Return frequencies (q, 2) in THz and the share of lithium (q, 2) for every q-point of a full mesh."""
        grid = np.stack(np.meshgrid(*[np.arange(mesh) / mesh] * 3, indexing='ij'), axis=-1).reshape(-1, 3)
        # Reduced coordinates of the primitive fcc lattice, in units of 1 / lattice.
        q = grid @ np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
        cosines = np.cos(np.pi * q).sum(axis=1)
        one, two = (6 * self.spring / mass for mass in self.masses)
        mixed = -2 * self.spring * cosines / math.sqrt(math.prod(self.masses))
        root = np.sqrt((one - two) ** 2 / 4 + mixed**2)
        squares = (one + two) / 2 + np.array([-root, root])
        # The share of the second of two orthogonal modes follows from the trace: (square - other diagonal) / split.
        share = np.array([squares[1] - two, two - squares[0]]) / (2 * root)
        return THZ * np.sqrt(np.maximum(squares, 0)).T, share.T


class Folder:
    """A folder of files of phonopy for one crystal."""

    def __init__(self, path: Path, springs: Springs) -> None:
        self.path = path
        self.springs = springs
        path.mkdir(exist_ok=True)

    def params(self, name: str = 'phonopy_params.yaml', *, constants: bool = False) -> Folder:
        phonopy = self.springs.phonopy() if constants else self.springs.with_forces()
        phonopy.save(self.path / name, settings={'force_constants': constants, 'force_sets': not constants})
        return self

    def displacements(self) -> Folder:
        phonopy = self.springs.empty()
        phonopy.generate_displacements(distance=0.01)
        phonopy.save(self.path / 'phonopy_disp.yaml')
        return self

    def force_sets(self) -> Folder:
        write_FORCE_SETS(self.springs.with_forces().dataset, filename=self.path / 'FORCE_SETS')
        return self

    def poscar(self) -> Folder:
        write_vasp(self.path / 'POSCAR-unitcell', self.springs.unitcell)
        (self.path / 'phonopy.conf').write_text(f'DIM = {" ".join(map(str, self.springs.supercell))}\n')
        return self

    def constants(self, *, compact: bool, hdf5: bool) -> Folder:
        phonopy = self.springs.phonopy()
        values, places = phonopy.force_constants, None
        if compact:
            places = phonopy.primitive.p2s_map
            values = values[places]
        if hdf5:
            write_force_constants_to_hdf5(values, filename=self.path / 'force_constants.hdf5', p2s_map=places)
        else:
            write_FORCE_CONSTANTS(values, filename=self.path / 'FORCE_CONSTANTS', p2s_map=places)
        return self

    def born(self, born: dict) -> Folder:
        write_BORN(self.springs.empty().primitive, born['born'], born['dielectric'], filename=self.path / 'BORN')
        return self
