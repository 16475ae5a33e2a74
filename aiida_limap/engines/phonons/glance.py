"""What phonon files say before anything is computed: which compound, and whether its phonons can be had of them."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons._archives import COMPRESSED_SUFFIXES, DEFAULT_MAX_BYTES
from aiida_limap.engines.phonons._crystals import read_crystal
from aiida_limap.engines.phonons.errors import PhononSourceError
from aiida_limap.engines.phonons.files import DOS_FILES, collect_files, known_name

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['Glance', 'find_compounds', 'glance', 'member_files']

_FORCES = {'FORCE_SETS', 'FORCE_CONSTANTS', 'force_constants.hdf5'}
_ARCHIVES = ('.tar', '.zip', '.tgz', '.txz', '.tbz2')


@dataclass(frozen=True, eq=False)
class Glance:
    """A compound by its phonon files.

    :param identifier: the identifier that the data give themselves, else the name of the file or folder.
    :param release: release of PhononDB, e.g. ``20180417``; empty for other data.
    :param structure: its unit cell, without magnetic moments.
    :param md5: MD5 sum of the file, or of the files of a folder with their names.
    """

    identifier: str
    release: str
    structure: Structure
    md5: str


def find_compounds(paths: Sequence[Path]) -> list[Path]:
    """Return the compounds among ``paths`` and below the folders among them, in sorted order, each once.

    A file that is named is a compound whatever its name. A folder is one if it holds files of phonopy; where it holds
    several of one kind, such as ``a.phonopy_params.yaml`` and ``b.phonopy_params.yaml``, each of them is one. In other
    folders archives and further folders are looked for.

    :param paths: files and folders.
    :returns: files and folders, one per compound.
    :raises InputError: if a path does not exist, or nothing is found.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(_below(path)))
        elif path.is_file():
            found[path] = None
        else:
            raise InputError(f'{path}: there is no such file or folder')
    if not found:
        places = ', '.join(str(path) for path in paths)
        raise InputError(
            f'{places}: no phonon files were found; expected are archives (.tar.xz, .tar.lzma, .zip ...), or folders '
            'with phonopy_params.yaml, FORCE_SETS, FORCE_CONSTANTS and the like'
        )
    return list(found)


def _below(folder: Path) -> list[Path]:
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith('.'))
    known = [entry for entry in entries if entry.is_file() and known_name(entry.name) is not None]
    if known:
        counts = Counter(known_name(entry.name) for entry in known)
        return known if max(counts.values()) > 1 else [folder]
    found = []
    for entry in entries:
        if entry.is_dir():
            found += _below(entry)
        elif entry.is_file() and _is_archive_name(entry.name.lower()):
            found.append(entry)
    return found


def _is_archive_name(name: str) -> bool:
    stem = next((name[: -len(suffix)] for suffix in COMPRESSED_SUFFIXES if name.endswith(suffix)), name)
    return stem.endswith(_ARCHIVES)


def member_files(path: Path) -> list[Path]:
    """Return the files of a compound that are read: all that phonopy knows in a folder, or the file itself.

    :param path: the file or folder.
    """
    if not path.is_dir():
        return [path]
    return sorted(entry for entry in path.iterdir() if known_name(entry.name) is not None and entry.is_file())


def glance(path: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> Glance:
    """Read which compound phonon files belong to; forces are not read, and may still turn out to be damaged.

    :param path: a folder, an archive, or a single file, as :func:`~.sources.read_phonons` takes it.
    :param max_bytes: the most that may come out of it.
    :returns: the compound.
    :raises InputError: if there is no such file or folder.
    :raises PhononSourceError: if it is damaged, unsafe or too large, tells no crystal, or holds no phonons.
    """
    from pymatgen.core import Lattice, Structure

    files = collect_files(Path(path), max_bytes)
    with tempfile.TemporaryDirectory(prefix='limap-phonons-') as folder:
        for name, data in files.contents.items():
            Path(folder, name).write_bytes(data)
        crystal = read_crystal(files, Path(folder))
    names = set(files.contents)
    if crystal is None:
        raise PhononSourceError(f'{files.name}: no file tells the crystal; add phonopy.yaml or POSCAR-unitcell')
    if not (crystal.has_forces or names & (_FORCES | set(DOS_FILES))):
        raise PhononSourceError(f'{files.name}: it holds neither forces, nor force constants, nor a density of states')
    cell = crystal.unitcell
    structure = Structure(Lattice(cell.cell), list(crystal.symbols), cell.scaled_positions)
    return Glance(files.identifier, files.release, structure, _md5(Path(path)))


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for file in member_files(path):
        if path.is_dir():
            digest.update(file.name.encode() + b'\0')
        digest.update(file.read_bytes())
    return digest.hexdigest()
