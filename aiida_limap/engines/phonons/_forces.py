"""Force constants and Born charges: read or made of forces, and checked against the crystal."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.phonons._crystals import PARSER_ERRORS, Crystal, first_line
from aiida_limap.engines.phonons.errors import PhononSourceError
from aiida_limap.engines.phonons.files import PhononFiles

__all__ = ['MAX_ASYMMETRY', 'add_born_charges', 'add_force_constants', 'produce_force_constants']

#: Force constants between different atoms that must change by more than this part of their norm to have the symmetry of
#: the crystal belong to another crystal or supercell. Those of archives of PhononDB change by 0.03 at most.
MAX_ASYMMETRY = 0.15
_SYMFC_RECURSION = 100_000


def add_force_constants(
    phonopy: Any, crystal: Crystal, files: PhononFiles, folder: Path
) -> tuple[str, float | None, tuple[str, ...]]:
    """Give a ``Phonopy`` its force constants.

    Made of forces, they are projected on the space group, translations and permutations at once, as ``phonopy.load``
    does; force constants that were read are taken as they are.

    :param phonopy: the ``Phonopy``.
    :param crystal: its crystal, whose file may hold forces.
    :param files: all files.
    :param folder: where they lie.
    :returns: the file that gave them, the part of their norm that symmetry changed, and notes.
    :raises PhononSourceError: if they are damaged, cut off, or do not fit the crystal.
    """
    content = crystal.content
    if content is not None and content.force_constants is not None:
        _set_force_constants(phonopy, files.name, crystal.file, content.force_constants)
        return crystal.file, None, ()
    notes: tuple[str, ...] = ()
    if crystal.has_force_sets and content is not None:
        source, dataset = crystal.file, cast('Mapping[str, Any]', content.dataset)
    elif 'FORCE_CONSTANTS' in files.contents or 'force_constants.hdf5' in files.contents:
        source = 'FORCE_CONSTANTS' if 'FORCE_CONSTANTS' in files.contents else 'force_constants.hdf5'
        _set_force_constants(phonopy, files.name, source, _read_force_constants(phonopy, files.name, folder / source))
        return source, None, ()
    else:
        source = 'FORCE_SETS'
        dataset = _read_force_sets(files.name, folder / source, len(phonopy.supercell))
        notes = _compared(dataset, None if content is None else content.dataset, crystal.file)
    _check_dataset(files.name, source, dataset, len(phonopy.supercell))
    return source, produce_force_constants(phonopy, files.name, source, dataset), notes


def add_born_charges(phonopy: Any, crystal: Crystal, files: PhononFiles, folder: Path) -> str:
    """Give a ``Phonopy`` the Born charges and dielectric constant, if there are any.

    :param phonopy: the ``Phonopy``.
    :param crystal: its crystal, whose file may hold them.
    :param files: all files.
    :param folder: where they lie.
    :returns: the file that gave them, or nothing.
    :raises PhononSourceError: if they are damaged or do not fit the crystal.
    """
    from phonopy.file_IO import parse_BORN
    from phonopy.physical_units import get_calculator_physical_units

    source = 'BORN' if 'BORN' in files.contents else crystal.file
    hint = 'correct it, or leave the correction out with nac=False'
    try:
        if source == 'BORN':
            found = dict(parse_BORN(phonopy.primitive, filename=str(folder / 'BORN')))
        elif crystal.content is not None and crystal.content.nac_params is not None:
            found = dict(crystal.content.nac_params)
        else:
            return ''
        if found.get('factor') is None:
            found['factor'] = get_calculator_physical_units(phonopy.calculator).nac_factor
        charges, dielectric = np.asarray(found['born']), np.asarray(found['dielectric'])
    except PARSER_ERRORS as error:
        raise PhononSourceError(
            f'{files.name}/{source}: its Born charges are damaged or do not fit the crystal '
            f'({first_line(error)}); {hint}'
        ) from error
    if charges.shape != (len(phonopy.primitive), 3, 3) or dielectric.shape != (3, 3):
        raise PhononSourceError(
            f'{files.name}/{source}: it has Born charges of {len(charges)} atoms, the primitive cell has '
            f'{len(phonopy.primitive)}; {hint}'
        )
    if not (np.isfinite(charges).all() and np.isfinite(dielectric).all() and np.linalg.det(dielectric) > 0):
        raise PhononSourceError(f'{files.name}/{source}: its dielectric constant or Born charges are none; {hint}')
    phonopy.nac_params = found
    return source


def _read_force_constants(phonopy: Any, name: str, file: Path) -> Any:
    from phonopy.cui.load_helper import read_force_constants_from_hdf5
    from phonopy.file_IO import parse_FORCE_CONSTANTS

    try:
        if file.suffix == '.hdf5':
            return read_force_constants_from_hdf5(
                filename=str(file), p2s_map=phonopy.primitive.p2s_map, calculator=phonopy.calculator
            )
        return parse_FORCE_CONSTANTS(filename=str(file), p2s_map=phonopy.primitive.p2s_map)
    except PARSER_ERRORS as error:
        raise PhononSourceError(
            f'{name}/{file.name}: it is damaged, cut off, or of another primitive cell ({first_line(error)})'
        ) from error


def _set_force_constants(phonopy: Any, name: str, source: str, values: Any) -> None:
    atoms, cell = len(phonopy.supercell), len(phonopy.primitive)
    values = np.asarray(values, dtype=np.float64)
    if values.shape not in {(atoms, atoms, 3, 3), (cell, atoms, 3, 3)}:
        raise PhononSourceError(
            f'{name}/{source}: wrong supercell: it holds force constants of {" x ".join(map(str, values.shape[:2]))} '
            f'atoms, but the supercell has {atoms} and the primitive cell {cell}'
        )
    if not np.isfinite(values).all() or not values.any():
        raise PhononSourceError(f'{name}/{source}: the force constants are zero, or one of them is no number')
    phonopy.force_constants = values


def _read_force_sets(name: str, file: Path, atoms: int) -> Any:
    from phonopy.file_IO import parse_FORCE_SETS

    try:
        words = file.read_text(encoding='utf-8').split(maxsplit=1)[0]
        first = file.read_text(encoding='utf-8').lstrip().splitlines()[0].split()
        if len(first) == 1 and int(words) != atoms:
            raise PhononSourceError(
                f'{name}/{file.name}: wrong supercell: it holds forces on {words} atoms, but the supercell has {atoms}'
            )
        if len(first) == 1:
            return parse_FORCE_SETS(filename=str(file))
        return parse_FORCE_SETS(natom=atoms, filename=str(file))
    except (*PARSER_ERRORS, RecursionError) as error:
        # At the end of the file the parser looks for further lines until the stack is full.
        what = 'it ends too early' if isinstance(error, RecursionError) else first_line(error)
        raise PhononSourceError(f'{name}/{file.name}: it is damaged or cut off ({what})') from error


def _check_dataset(name: str, source: str, dataset: Mapping[str, Any], atoms: int) -> None:
    """Refuse displacements and forces that cannot be those of the supercell."""
    if 'first_atoms' in dataset:
        sets = dataset['first_atoms']
        numbers = [entry['number'] for entry in sets]
        shapes = {np.shape(entry['forces']) for entry in sets}
        values = [np.ravel(entry[key]) for entry in sets for key in ('forces', 'displacement')]
        if shapes and shapes != {(atoms, 3)}:
            raise PhononSourceError(
                f'{name}/{source}: wrong supercell, or cut off: forces of shape {sorted(shapes)[0]} for {atoms} atoms'
            )
        if any(not 0 <= number < atoms for number in numbers):
            raise PhononSourceError(f'{name}/{source}: wrong supercell: it displaces an atom beyond the last, {atoms}')
    else:
        if np.shape(dataset['forces'])[1:] != (atoms, 3) or np.shape(dataset['displacements'])[1:] != (atoms, 3):
            raise PhononSourceError(f'{name}/{source}: wrong supercell: its forces are not those of {atoms} atoms')
        values = [np.ravel(dataset['forces']), np.ravel(dataset['displacements'])]
    if not values or not all(np.isfinite(row).all() for row in values):
        raise PhononSourceError(f'{name}/{source}: it holds no forces, or one of them is no number')


def _compared(dataset: Mapping[str, Any], planned: Mapping[str, Any] | None, file: str) -> tuple[str, ...]:
    """Return a note if forces are of other displacements than those that the file of the crystal plans."""
    if planned is None or 'first_atoms' not in planned or 'first_atoms' not in dataset:
        return ()
    one, two = planned['first_atoms'], dataset['first_atoms']
    same = len(one) == len(two) and all(
        first['number'] == second['number'] and np.allclose(first['displacement'], second['displacement'], atol=1e-4)
        for first, second in zip(one, two, strict=True)
    )
    return () if same else (f'the displacements of FORCE_SETS are not those of {file}; those of FORCE_SETS count',)


def produce_force_constants(
    phonopy: Any, name: str, source: str, dataset: Any, *, max_asymmetry: float = MAX_ASYMMETRY
) -> float:
    """Make force constants of forces.

    :param phonopy: the ``Phonopy``, which gets them.
    :param name: of the compound, for messages.
    :param source: what gave the forces, for messages.
    :param dataset: displacements and forces as phonopy holds them.
    :param max_asymmetry: where symmetry changes more than this part, the forces are not those of the supercell.
    :returns: the part of the norm of the force constants between different atoms that symmetry changed.
    :raises PhononSourceError: if the displacements are too few, or the forces do not fit the crystal.
    """
    try:
        phonopy.dataset = dataset
        with warnings.catch_warnings(), _deep_recursion():
            # Displacements of all atoms at once need the fit of symfc, which phonopy announces.
            warnings.simplefilter('ignore')
            at_once = 'displacements' in dataset
            phonopy.produce_force_constants(
                calculate_full_force_constants=False, fc_calculator='symfc' if at_once else None
            )
            raw = np.array(phonopy.force_constants)
            if not at_once and np.isfinite(raw).all():
                phonopy.symmetrize_force_constants(show_drift=False, use_symfc_projector=True)
    except (*PARSER_ERRORS, AssertionError) as error:
        raise PhononSourceError(
            f'{name}/{source}: no force constants can be made of it; its displacements are too few for the '
            f'symmetry, or of another supercell ({first_line(error)})'
        ) from error
    _set_force_constants(phonopy, name, source, phonopy.force_constants)
    asymmetry = _asymmetry(phonopy, raw)
    if asymmetry > max_asymmetry:
        raise PhononSourceError(
            f'{name}/{source}: wrong supercell: symmetry changes the force constants between atoms by '
            f'{asymmetry:.0%}, so that the forces belong to another crystal, supercell, or order of atoms'
        )
    return asymmetry


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    """Allow the recursion that symfc asks for while it is used, and no longer.

    It raises the limit of the whole process when it is imported, where a damaged file with JSON that is nested without
    end would then exhaust the stack instead of being refused.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _SYMFC_RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _asymmetry(phonopy: Any, raw: NDArray[np.float64]) -> float:
    """Return the change of the force constants between different atoms, relative to their norm."""
    between = np.ones(raw.shape[:2], dtype=bool)
    # The force on the atom that moves is the largest, and is right whatever the supercell.
    between[np.arange(len(raw)), phonopy.primitive.p2s_map] = False
    change = np.linalg.norm((phonopy.force_constants - raw)[between])
    return float(change / max(np.linalg.norm(raw[between]), np.finfo(float).tiny))
