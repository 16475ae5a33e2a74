"""Export of an energy landscape to the files that programs for crystal structures show."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.formats.landscape import LandscapeRecord

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['FILE_FORMATS', 'export_landscape']

#: Ending of a file name by the name of its format.
FILE_FORMATS = {'cube': '.cube', 'grd': '.grd', 'vasp': '.vasp'}
#: A shift below this part of the cell is a rounding error.
_NO_SHIFT = 1e-6


def export_landscape(
    record: LandscapeRecord, path: Path | str, file_format: str | None = None, *, maximum_eV: float | None = 10.0
) -> Path:
    """Write an energy landscape for VESTA and other viewers.

    Every value is in eV above the lowest site energy, so the isosurface at the barrier of d dimensions is the surface
    that just percolates in d dimensions. The first lines of a file say so and give the barriers. There are no doubled
    end points: VESTA repeats the faces of these periodic grids itself.

    ``cube``
        Gaussian cube: cell and atoms in Bohr, which every reader takes for granted; the format has no unit for the
        values, and a viewer shows them unchanged.
    ``grd``
        The grid that VESTA reads beside a structure: title, cell lengths in Å and angles in degrees, divisions, then
        one value per line, the third index fastest. It holds no atoms: load it over the structure.
    ``vasp``
        VASP's LOCPOT, lengths in Å, the first index fastest, values unscaled. A CHGCAR of the same shape holds density
        times volume, and viewers tell the two by the file name: let it begin with ``LOCPOT``, or VESTA divides the
        values by the volume of the cell in cubic Bohr.

    None of them knows a shifted grid that agrees between programs: the grid is rolled to the cell by whole steps, and
    what remains, less than one step, is taken off the atoms; the first lines then name the shift.

    :param record: the landscape.
    :param path: the file to write; replaced if it exists.
    :param file_format: ``cube``, ``grd`` or ``vasp``; None takes it from the name: an ending, or ``LOCPOT`` at its
        beginning.
    :param maximum_eV: higher values are cut to this one, eV above the lowest site energy: the walls around the ions
        would spoil the interpolation of a picture. None keeps them.
    :returns: the path.
    :raises InputError: if the format is unknown, the maximum is not positive, a species is no element, or the file
        cannot be written.
    """
    path = Path(path)
    writer = _WRITERS[_format_of(path, file_format)]
    if maximum_eV is not None and not (math.isfinite(maximum_eV) and maximum_eV > 0):
        raise InputError(f'maximum_eV must be a positive energy or None, not {maximum_eV!r}')
    energy = record.energy.astype(np.float64) - record.energy_minimum_eV
    if maximum_eV is not None:
        energy = np.minimum(energy, maximum_eV)
    steps = np.rint(record.origin * energy.shape).astype(int)
    shift = record.origin - steps / energy.shape
    if np.abs(shift).max() < _NO_SHIFT:
        shift = np.zeros(3)
    energy = np.roll(energy, tuple(steps), axis=(0, 1, 2))
    structure = _structure(record, shift)
    try:
        writer(path, structure, energy, _comment(record, maximum_eV, shift))
    except OSError as error:
        raise InputError(
            f'{path} cannot be written: {error.strerror or error}; choose a folder that you may write to'
        ) from error
    return path


def _format_of(path: Path, file_format: str | None) -> str:
    known = ', '.join(FILE_FORMATS)
    if file_format is not None:
        if file_format not in FILE_FORMATS:
            raise InputError(f'unknown format {file_format!r} of a landscape; known are {known}')
        return file_format
    if path.name.upper().startswith('LOCPOT'):
        return 'vasp'
    for name, ending in FILE_FORMATS.items():
        if path.suffix.lower() == ending:
            return name
    raise InputError(f'the format of {path.name} does not show in its name; choose one of {known}')


def _structure(record: LandscapeRecord, shift: NDArray[np.float64]) -> Structure:
    from pymatgen.core import Element, Structure

    strange = [symbol for symbol in record.species if not Element.is_valid_symbol(symbol)]
    if strange:
        raise InputError(f'landscape {record.id}: {strange[0]!r} is no element symbol, and the file needs one')
    positions = record.positions - shift
    positions = positions - np.floor(positions)
    # Some viewers draw the atoms of a file where they stand: none may lie on the far face, its image is inside.
    positions[positions > 1 - 1e-9] = 0.0
    return Structure(record.cell, list(record.species), positions)


def _comment(record: LandscapeRecord, maximum_eV: float | None, shift: NDArray[np.float64]) -> str:
    """Return one line of plain letters: readers take some of them for their own."""
    barriers = (record.barrier_eV(dimension) for dimension in (1, 2, 3))
    text = ', '.join('none' if barrier is None else f'{barrier:.4f}' for barrier in barriers)
    identifier = record.id.encode('ascii', 'replace').decode().replace('\n', ' ')
    parts = [
        f'{identifier}: site energy in eV above the lowest, {record.energy_minimum_eV:.4f} eV',
        f'barriers in 1, 2, 3 dimensions {text}',
    ]
    if maximum_eV is not None:
        parts.append(f'cut at {maximum_eV:g}')
    if shift.any():
        parts.append('all shifted by the fractions ' + ' '.join(f'{-part:.6f}' for part in shift))
    return '; '.join(parts)


def _write_cube(path: Path, structure: Structure, energy: NDArray[np.float64], comment: str) -> None:
    from pymatgen.io.common import VolumetricData

    VolumetricData(structure, {'total': energy}).to_cube(path, comment=comment)


def _write_grd(path: Path, structure: Structure, energy: NDArray[np.float64], comment: str) -> None:
    cell = ' '.join(f'{value:.6f}' for value in structure.lattice.parameters)
    with path.open('w', encoding='ascii') as handle:
        handle.write(f'{comment}\n{cell}\n{" ".join(map(str, energy.shape))}\n')
        np.savetxt(handle, energy.ravel(), fmt='%.6f')


def _write_vasp(path: Path, structure: Structure, energy: NDArray[np.float64], comment: str) -> None:
    from pymatgen.io.vasp import Locpot, Poscar

    volume = Locpot(Poscar(structure, sort_structure=True), {'total': energy})
    volume.name = comment
    volume.write_file(path)


_WRITERS: dict[str, Callable[[Path, Structure, NDArray[np.float64], str], None]] = {
    'cube': _write_cube,
    'grd': _write_grd,
    'vasp': _write_vasp,
}
