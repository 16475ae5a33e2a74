"""Unit cell and supercell of phonon data, from whatever file tells them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from numpy.typing import NDArray

from aiida_limap.engines.errors import DisorderedStructureError
from aiida_limap.engines.phonons.errors import PhononSourceError
from aiida_limap.engines.phonons.files import YAML_FILES, PhononFiles
from aiida_limap.engines.phonons.modes import element_of

if TYPE_CHECKING:
    from phonopy import Phonopy
    from phonopy.interface.phonopy_yaml import PhonopyYaml

__all__ = ['PARSER_ERRORS', 'Crystal', 'first_line', 'read_crystal']

#: What the parsers of phonopy raise on files that are damaged, cut off or not what their name says.
PARSER_ERRORS = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    RuntimeError,
    OSError,
    EOFError,
    UnicodeDecodeError,
    yaml.YAMLError,
    np.linalg.LinAlgError,
)


@dataclass(frozen=True, eq=False)
class Crystal:
    """A unit cell with its supercell.

    :param file: the file that told it.
    :param unitcell: ``PhonopyAtoms``.
    :param supercell_matrix: (3, 3) whole numbers; None where nothing tells it.
    :param content: what else the file holds, if it is a YAML file of phonopy.
    """

    file: str
    unitcell: Any
    supercell_matrix: NDArray[np.int64] | None
    content: PhonopyYaml | None = None

    @property
    def symbols(self) -> tuple[str, ...]:
        """Elements of the unit cell."""
        return tuple(element_of(symbol) for symbol in self.unitcell.symbols)

    @property
    def primitive_symbols(self) -> tuple[str, ...]:
        """Elements of the primitive cell that the file tells; those of the unit cell where it tells none."""
        primitive = None if self.content is None else self.content.primitive
        return self.symbols if primitive is None else tuple(element_of(symbol) for symbol in primitive.symbols)

    @property
    def has_forces(self) -> bool:
        """Whether the file holds force constants or forces."""
        return self.content is not None and (self.content.force_constants is not None or self.has_force_sets)

    @property
    def has_force_sets(self) -> bool:
        """Whether the file holds forces."""
        dataset: Any = None if self.content is None else self.content.dataset
        if dataset is None:
            return False
        if 'first_atoms' in dataset:
            return bool(dataset['first_atoms']) and all('forces' in entry for entry in dataset['first_atoms'])
        return dataset.get('forces') is not None

    def phonopy(self, name: str, symprec: float) -> Phonopy:
        """Return a ``Phonopy`` without forces.

        :param name: what was read, for messages.
        :param symprec: distance within which atoms are symmetric, Å.
        :raises PhononSourceError: if the cells do not fit, or no supercell is known.
        """
        from phonopy import Phonopy
        from phonopy.structure.cells import guess_primitive_matrix

        if self.supercell_matrix is None:
            raise PhononSourceError(f'{name}: {self.file} does not tell the supercell; add phonopy.conf with DIM')
        given = None if self.content is None else self.content.primitive_matrix
        try:
            primitive = guess_primitive_matrix(self.unitcell, symprec) if given is None else given
            with warnings.catch_warnings():
                # Said in a note in place of a warning, see lowers_symmetry.
                warnings.filterwarnings('ignore', message='Warning: Point group symmetries')
                return Phonopy(
                    self.unitcell,
                    self.supercell_matrix,
                    primitive_matrix=primitive,
                    symprec=symprec,
                    calculator=None if self.content is None else self.content.calculator,
                )
        except PARSER_ERRORS as error:
            raise PhononSourceError(
                f'{name}: no crystal with its supercell can be made of {self.file} ({first_line(error)})'
            ) from error


def read_crystal(files: PhononFiles, folder: Path) -> Crystal | None:
    """Read unit cell and supercell from the richest file that tells them.

    :param files: the files.
    :param folder: where they lie.
    :returns: the crystal, or None if no file tells one.
    :raises PhononSourceError: if the file is damaged, or two files tell different supercells.
    """
    file = next((name for name in YAML_FILES if name in files.contents), None)
    dim = _dim(files)
    if file is None:
        file = next((name for name in ('POSCAR-unitcell', 'POSCAR') if name in files.contents), None)
        return None if file is None else _checked(files, Crystal(file, _poscar(files.name, folder / file), dim))
    from phonopy.interface.phonopy_yaml import PhonopyYaml

    content = PhonopyYaml()
    try:
        content.read(folder / file)
        unitcell, matrix = content.unitcell, content.supercell_matrix
    except PARSER_ERRORS as error:
        raise PhononSourceError(f'{files.name}/{file}: it is damaged or cut off ({first_line(error)})') from error
    if unitcell is None:
        raise PhononSourceError(f'{files.name}/{file}: it holds no crystal')
    matrix = None if matrix is None else np.array(matrix, dtype=np.int64)
    if matrix is not None and dim is not None and not np.array_equal(matrix, dim):
        raise PhononSourceError(
            f'{files.name}: the supercell of {file} is {matrix.tolist()}, that of phonopy.conf {dim.tolist()}; the '
            'forces cannot belong to both'
        )
    return _checked(files, Crystal(file, unitcell, dim if matrix is None else matrix, content))


def _checked(files: PhononFiles, crystal: Crystal) -> Crystal:
    cell, positions = np.asarray(crystal.unitcell.cell), np.asarray(crystal.unitcell.scaled_positions)
    if not (np.isfinite(cell).all() and np.isfinite(positions).all() and abs(np.linalg.det(cell)) > 1e-3):
        raise PhononSourceError(f'{files.name}/{crystal.file}: its cell has no volume, or a number is missing')
    if getattr(crystal.content, 'site_mixture_scheme', None) is not None:
        raise DisorderedStructureError(f'{files.name}/{crystal.file}: sites are shared by several elements')
    return crystal


def _poscar(name: str, file: Path) -> Any:
    from phonopy.interface.vasp import read_vasp

    try:
        return read_vasp(str(file))
    except PARSER_ERRORS as error:
        raise PhononSourceError(f'{name}/{file.name}: it is no structure of VASP ({first_line(error)})') from error


def _dim(files: PhononFiles) -> NDArray[np.int64] | None:
    """Return the supercell matrix of phonopy.conf, if there is one."""
    if 'phonopy.conf' not in files.contents:
        return None
    text = files.contents['phonopy.conf'].decode('utf-8', errors='replace')
    for line in text.splitlines():
        tag, _, value = line.partition('#')[0].partition('=')
        if tag.strip().upper() == 'DIM':
            try:
                numbers = np.array([int(word) for word in value.split()], dtype=np.int64)
            except ValueError as error:
                raise PhononSourceError(f'{files.name}/phonopy.conf: DIM must be whole numbers') from error
            if numbers.size not in {3, 9}:
                raise PhononSourceError(f'{files.name}/phonopy.conf: DIM must be 3 or 9 numbers, not {numbers.size}')
            return np.diag(numbers) if numbers.size == 3 else numbers.reshape(3, 3)
    return None


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, else its class.

    :param error: the error.
    """
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
