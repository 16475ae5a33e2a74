"""Files of a job of phonons: which compounds it reads, and the densities of states that it leaves of them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats._files import FormatError, check_keys, check_schema, read_json, write_json
from aiida_limap.formats.arrays import array_bytes, read_arrays

__all__ = [
    'DENSITIES_FOLDER',
    'DOS_FILE',
    'PHONONS_FILE',
    'DosArrays',
    'PhononEntry',
    'dos_bytes',
    'read_dos',
    'read_phonon_files',
    'write_phonon_files',
]

PHONONS_FILE = 'phonon_files.json'
#: Folder of a job in which the engine writes one density of states per compound, if it is asked to.
DENSITIES_FOLDER = 'densities'
#: A density of states among the phonon files of a compound.
DOS_FILE = 'phonon_dos.npz'
SCHEMA = 'limap.phonon_files'
SCHEMA_VERSION = 1
_ARRAYS = ('frequencies_THz', 'total', 'elements', 'by_element', 'counts')


@dataclass(frozen=True)
class PhononEntry:
    """One compound of a job.

    :param id: identifier of its row.
    :param path: its file or folder, relative to the folder of the job.
    :param name: its identifier at the source; empty where the files may tell it.
    """

    id: str
    path: str
    name: str = ''


def write_phonon_files(path: Path, entries: Sequence[PhononEntry]) -> None:
    """Write the list of compounds.

    :param path: the file to write, usually ``phonon_files.json``.
    :param entries: the compounds.
    :raises FormatError: if an identifier stands twice, or a path leads out of the folder of the job.
    """
    _check(Path(path).name, entries)
    write_json(
        Path(path),
        {
            'schema': SCHEMA,
            'schema_version': SCHEMA_VERSION,
            'compounds': [
                {'id': entry.id, 'path': entry.path, **({'name': entry.name} if entry.name else {})}
                for entry in entries
            ],
        },
    )


def read_phonon_files(path: Path) -> list[PhononEntry]:
    """Read the list of compounds.

    :param path: the file.
    :returns: the compounds.
    :raises FormatError: if it is missing, damaged, of another schema, or names a path out of the folder of the job.
    """
    name = Path(path).name
    document = read_json(Path(path))
    check_schema(name, document, SCHEMA, SCHEMA_VERSION)
    check_keys(name, document, ('schema', 'schema_version', 'compounds'))
    entries = []
    for entry in document['compounds']:
        check_keys(f'{name}: compound', entry, ('id', 'path'), ('name',))
        entries.append(PhononEntry(str(entry['id']), str(entry['path']), str(entry.get('name', ''))))
    _check(name, entries)
    return entries


def _check(name: str, entries: Sequence[PhononEntry]) -> None:
    seen: set[str] = set()
    for entry in entries:
        if not entry.id or entry.id in seen:
            raise FormatError(f'{name}: every compound needs an id of its own, not {entry.id!r}')
        seen.add(entry.id)
        path = PurePosixPath(entry.path)
        if path.is_absolute() or '..' in path.parts or not path.parts:
            raise FormatError(f'{name}: {entry.id}: the path must lie in the folder of the job, not be {entry.path!r}')


@dataclass(frozen=True, eq=False)
class DosArrays:
    """A phonon density of states, total and by element.

    :param frequencies_THz: (n,) increasing frequencies, THz; imaginary ones are negative.
    :param total: (n,) density of all modes of the primitive cell, 1/THz.
    :param elements: (k,) symbols of elements.
    :param by_element: (k, n) densities projected on them, 1/THz.
    :param counts: (k,) number of atoms of each in the cell; 0 where it is not known.
    :raises FormatError: if shapes disagree, a number is not finite, or frequencies do not increase.
    """

    frequencies_THz: NDArray[np.float64]  # noqa: N815
    total: NDArray[np.float64]
    elements: tuple[str, ...]
    by_element: NDArray[np.float64]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        size, n_elements = len(self.frequencies_THz), len(self.elements)
        if self.frequencies_THz.ndim != 1 or size < 2 or not (np.diff(self.frequencies_THz) > 0).all():
            raise FormatError('the frequencies of a density of states must increase, and be two at least')
        if self.total.shape != (size,) or self.by_element.shape != (n_elements, size):
            raise FormatError(
                f'densities of shapes {self.total.shape} and {self.by_element.shape} do not fit {size} frequencies and '
                f'{n_elements} elements'
            )
        if not all(np.isfinite(array).all() for array in (self.frequencies_THz, self.total, self.by_element)):
            raise FormatError('a density of states holds a number that is not finite')
        if len(set(self.elements)) < n_elements or not all(self.elements):
            raise FormatError(f'the elements of a density of states must differ, not be {", ".join(self.elements)}')
        if len(self.counts) != n_elements or min(self.counts, default=0) < 0:
            raise FormatError(f'there must be a number of atoms for each of {", ".join(self.elements)}')

    def arrays(self) -> dict[str, NDArray]:
        """Return what a file holds, by name."""
        return {
            'frequencies_THz': self.frequencies_THz,
            'total': self.total,
            'elements': np.array(self.elements, dtype=np.str_),
            'by_element': self.by_element,
            'counts': np.array(self.counts, dtype=np.int64),
        }


def dos_bytes(dos: DosArrays) -> bytes:
    """Return the bytes of a file of a density of states.

    :param dos: the density.
    """
    return array_bytes(dos.arrays())


def read_dos(path: Path | io.BytesIO) -> DosArrays:
    """Read a file of a density of states.

    :param path: the file, or a binary stream.
    :returns: the density.
    :raises FormatError: if it is missing, damaged, or holds no density of states.
    """
    arrays = read_arrays(path)
    for name in _ARRAYS:
        if name not in arrays:
            raise FormatError(f'the file of a density of states lacks the array {name!r}')
    numbers = {name: arrays[name] for name in ('frequencies_THz', 'total', 'by_element')}
    for name, array in numbers.items():
        if array.dtype.kind not in 'iuf':
            raise FormatError(f'the array {name!r} of a density of states must hold numbers')
    return DosArrays(
        **{name: array.astype(np.float64) for name, array in numbers.items()},
        elements=tuple(str(symbol) for symbol in arrays['elements'].tolist()),
        counts=tuple(int(count) for count in arrays['counts'].tolist()),
    )
