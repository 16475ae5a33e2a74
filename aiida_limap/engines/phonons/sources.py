"""Phonon data of one compound, from all files that phonopy writes and from archives of PhononDB."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons._archives import DEFAULT_MAX_BYTES
from aiida_limap.engines.phonons._crystals import Crystal, read_crystal
from aiida_limap.engines.phonons._forces import add_born_charges, add_force_constants
from aiida_limap.engines.phonons.dos import PhononDos
from aiida_limap.engines.phonons.errors import PhononSourceError
from aiida_limap.engines.phonons.files import DOS_FILES, PhononFiles, collect_files
from aiida_limap.engines.phonons.modes import element_of, lowers_symmetry
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.phonon_files import DOS_FILE, read_dos

__all__ = ['DosInput', 'PhononInput', 'read_phonons']


@dataclass(frozen=True, eq=False)
class PhononInput:
    """A compound whose force constants are known, so that its modes can be computed.

    :param identifier: the identifier that the data give themselves, else the name of the file or folder.
    :param phonopy: a ``phonopy.Phonopy`` with force constants, and with Born charges if ``nac``.
    :param files: which file gave the ``structure``, the ``forces`` and the ``born`` charges.
    :param nac: whether the non-analytical correction will be applied.
    :param asymmetry: how much the force constants between different atoms had to be changed to have the symmetry of the
        crystal: norm of the change over their norm; None where force constants were read.
    :param notes: sentences about what is doubtful.
    :param facts: plain values of how the forces were computed, for the row of the compound; empty where they were read.
    """

    identifier: str
    phonopy: Any
    files: Mapping[str, str]
    nac: bool
    asymmetry: float | None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DosInput:
    """A compound of which only densities of states are known.

    :param identifier: the name of the file or folder.
    :param dos: the densities, per primitive cell.
    :param files: which file gave the ``dos`` and, if any, the ``structure``.
    :param notes: sentences about what is doubtful.
    """

    identifier: str
    dos: PhononDos
    files: Mapping[str, str]
    notes: tuple[str, ...] = ()


def read_phonons(
    path: Path | str,
    *,
    nac: bool = True,
    symprec_angstrom: float = 1e-5,
    elements: Sequence[str] | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> PhononInput | DosInput:
    """Read the phonon data of one compound.

    Where several files could give the forces, the first of these is taken: force constants or forces in a YAML file of
    phonopy, FORCE_CONSTANTS, force_constants.hdf5, FORCE_SETS. Densities of states are read only where there is none of
    them. Nothing is looked for outside of what was named.

    :param path: a folder, an archive (tar or zip, compressed by xz, lzma, gzip or bzip2, under any name), or a single
        file; see :data:`~aiida_limap.engines.phonons.files.FILES` for the names that count.
    :param nac: take Born charges for the non-analytical correction where there are any.
    :param symprec_angstrom: distance within which atoms are symmetric, Å.
    :param elements: element of each column of projected_dos.dat, where no structure file tells it.
    :param max_bytes: the most that may come out of the file, folder or archive.
    :returns: force constants, or densities of states where that is all there is.
    :raises InputError: if there is no such file or folder.
    :raises PhononSourceError: if files are damaged, incomplete, unsafe, or contradict each other.
    """
    files = collect_files(Path(path), max_bytes)
    with tempfile.TemporaryDirectory(prefix='limap-phonons-') as folder:
        # The parsers of phonopy read files by name; these names are ours, never those of an archive.
        for name, data in files.contents.items():
            Path(folder, name).write_bytes(data)
        crystal = read_crystal(files, Path(folder))
        has_forces = {'FORCE_SETS', 'FORCE_CONSTANTS', 'force_constants.hdf5'} & set(files.contents)
        if crystal is not None and (crystal.has_forces or has_forces):
            return _force_input(files, crystal, Path(folder), nac, symprec_angstrom)
        if has_forces:
            raise PhononSourceError(
                f'{files.name}: {min(has_forces)} comes without its crystal and supercell; add phonopy_disp.yaml or '
                'phonopy.yaml, or POSCAR-unitcell with phonopy.conf'
            )
        if not set(DOS_FILES) & set(files.contents):
            raise PhononSourceError(
                f'{files.name}: it holds neither forces, nor force constants, nor a density of states'
            )
        return _dos_input(files, crystal, Path(folder), elements)


def _force_input(files: PhononFiles, crystal: Crystal, folder: Path, nac: bool, symprec: float) -> PhononInput:
    phonopy = crystal.phonopy(files.name, symprec)
    source, asymmetry, notes = add_force_constants(phonopy, crystal, files, folder)
    used = {'structure': crystal.file, 'forces': source}
    if lowers_symmetry(phonopy):
        notes = (*notes, 'the supercell has fewer symmetries than the crystal, and so have the force constants')
    if nac:
        born = add_born_charges(phonopy, crystal, files, folder)
        if born:
            used['born'] = born
    return PhononInput(files.identifier, phonopy, used, 'born' in used, asymmetry, notes)


def _dos_input(files: PhononFiles, crystal: Crystal | None, folder: Path, elements: Sequence[str] | None) -> DosInput:
    name = next(name for name in DOS_FILES if name in files.contents)
    if name == DOS_FILE:
        return DosInput(files.identifier, _stored_dos(f'{files.name}/{name}', folder / name), {'dos': name})
    table = _table(f'{files.name}/{name}', folder / name)
    used = {'dos': name}
    if name == 'total_dos.dat':
        if table.shape[1] != 2:
            raise PhononSourceError(
                f'{files.name}/{name}: it has {table.shape[1]} columns in place of 2, frequency and density'
            )
        counts: dict[str, int] = {}
        projections: dict[str, NDArray[np.float64]] = {}
        total = table[:, 1]
    else:
        symbols = _column_elements(f'{files.name}/{name}', table.shape[1] - 1, crystal, elements)
        if crystal is not None and elements is None:
            used['structure'] = crystal.file
        counts = {symbol: symbols.count(symbol) for symbol in dict.fromkeys(symbols)}
        projections = {symbol: table[:, 1:][:, [entry == symbol for entry in symbols]].sum(axis=1) for symbol in counts}
        total = table[:, 1:].sum(axis=1)
    try:
        dos = PhononDos(table[:, 0], total, projections, counts)
    except InputError as error:
        raise PhononSourceError(f'{files.name}/{name}: {error}') from error
    return DosInput(files.identifier, dos, used)


def _stored_dos(name: str, file: Path) -> PhononDos:
    try:
        stored = read_dos(file)
        # Zero stands for a number that is not known.
        counts = dict(zip(stored.elements, stored.counts, strict=True)) if all(stored.counts) else {}
        projections = dict(zip(stored.elements, stored.by_element, strict=True))
        return PhononDos(stored.frequencies_THz, stored.total, projections, counts)
    except (FormatError, InputError) as error:
        raise PhononSourceError(f'{name}: {error}') from error


def _table(name: str, file: Path) -> NDArray[np.float64]:
    try:
        rows = [line.split() for line in file.read_text(encoding='utf-8').splitlines()]
        table = np.array([[float(word) for word in row] for row in rows if row and not row[0].startswith('#')])
    except ValueError as error:
        raise PhononSourceError(f'{name}: it is no table of numbers, or was cut off ({error})') from error
    if table.ndim != 2 or table.shape[1] < 2 or len(table) < 2:
        raise PhononSourceError(f'{name}: it is no table of frequencies and densities')
    return table


def _column_elements(name: str, columns: int, crystal: Crystal | None, elements: Sequence[str] | None) -> list[str]:
    """Return the element of each column of a projected density."""
    if elements is not None:
        if len(elements) != columns:
            raise InputError(f'{name}: it has {columns} columns of densities, but {len(elements)} elements were named')
        return [element_of(symbol) for symbol in elements]
    if crystal is None:
        raise PhononSourceError(
            f'{name}: nothing tells whose densities its columns are; add phonopy.yaml or POSCAR, or name the elements'
        )
    for symbols in (crystal.primitive_symbols, crystal.symbols):
        if len(symbols) == columns:
            return list(symbols)
    raise PhononSourceError(
        f'{name}: it has {columns} columns of densities, but the cell of {crystal.file} has '
        f'{len(crystal.symbols)} atoms'
    )
