"""Which files of phonopy a folder, an archive or a single file holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons._archives import (
    COMPRESSED_SUFFIXES,
    DEFAULT_MAX_BYTES,
    decompressed,
    is_archive,
    members,
)
from aiida_limap.engines.phonons.errors import PhononSourceError
from aiida_limap.formats.phonon_files import DOS_FILE

__all__ = ['DOS_FILES', 'FILES', 'YAML_FILES', 'PhononFiles', 'collect_files', 'known_name']

#: Files that hold a crystal and its supercell, and perhaps forces, the richest first.
YAML_FILES = ('phonopy_params.yaml', 'phonopy.yaml', 'phonopy_disp.yaml', 'phonon.yaml')
DOS_FILES = (DOS_FILE, 'projected_dos.dat', 'partial_dos.dat', 'total_dos.dat')
#: All files that are read; anything else in a folder or archive is passed over.
FILES = (
    *YAML_FILES,
    'FORCE_SETS',
    'FORCE_CONSTANTS',
    'force_constants.hdf5',
    'BORN',
    'phonopy.conf',
    'POSCAR-unitcell',
    'POSCAR',
    *DOS_FILES,
)
_PHONONDB_FOLDER = re.compile(r'(?P<id>(?:mp|mvc)-\d+)-(?P<release>\d{8})$')


@dataclass(frozen=True, eq=False)
class PhononFiles:
    """The files of one compound.

    :param name: what was named, for messages.
    :param identifier: the identifier that the data give themselves (folders of PhononDB), else the name of the file.
    :param contents: the bytes, decompressed, by the name that phonopy gives such a file.
    :param release: release of PhononDB that the folder names, e.g. ``20180417``; empty for other data.
    """

    name: str
    identifier: str
    contents: Mapping[str, bytes]
    release: str = ''


def collect_files(path: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> PhononFiles:
    """Read the files of one compound into memory.

    :param path: a folder, an archive (tar or zip, compressed or not, under any name), or a single file of phonopy,
        which may be compressed too.
    :param max_bytes: the most that may come out of it in all.
    :returns: the files.
    :raises InputError: if there is no such file or folder.
    :raises PhononSourceError: if it is damaged, unsafe or too large, or holds no or several sets of files of phonopy.
    """
    path = Path(path)
    if path.is_dir():
        return _from_folder(path, max_bytes)
    if not path.is_file():
        raise InputError(f'{path}: there is no such file or folder')
    try:
        if path.stat().st_size > max_bytes:
            raise PhononSourceError(f'{path}: it is larger than {max_bytes / 1024**2:.0f} MiB; raise max_bytes')
        data = decompressed(str(path), path.read_bytes(), max_bytes)
    except OSError as error:
        raise PhononSourceError(f'{path}: it cannot be read ({error.strerror})') from error
    if not is_archive(data):
        return PhononFiles(str(path), _stem(path.name), {_single(path.name, data): data})
    found = members(str(path), data, lambda name: known_name(name) is not None, max_bytes)
    if not found:
        raise PhononSourceError(f'{path}: the archive holds no file of phonopy, such as {_examples()}')
    folder = _folder(path, {entry.parent for entry in found})
    chosen = {entry.name: content for entry, content in found.items() if entry.parent == folder}
    match = _PHONONDB_FOLDER.match(folder.name)
    return _named(str(path), match, _stem(path.name), chosen, max_bytes)


def _from_folder(path: Path, max_bytes: int) -> PhononFiles:
    try:
        files = sorted(entry for entry in path.iterdir() if known_name(entry.name) is not None and entry.is_file())
        if sum(entry.stat().st_size for entry in files) > max_bytes:
            raise PhononSourceError(f'{path}: its files exceed {max_bytes / 1024**2:.0f} MiB; raise max_bytes')
        contents = {entry.name: entry.read_bytes() for entry in files}
    except OSError as error:
        raise PhononSourceError(f'{path}: it cannot be read ({error.strerror})') from error
    if not contents:
        raise PhononSourceError(f'{path}: the folder holds no file of phonopy, such as {_examples()}')
    match = _PHONONDB_FOLDER.match(path.name)
    return _named(str(path), match, path.resolve().name, contents, max_bytes)


def _named(
    name: str, match: re.Match[str] | None, stem: str, contents: Mapping[str, bytes], max_bytes: int
) -> PhononFiles:
    """Give the files the names of phonopy, and decompress them."""
    found: dict[str, bytes] = {}
    left = max_bytes
    for given, data in sorted(contents.items()):
        known = str(known_name(given))
        if known in found:
            raise PhononSourceError(f'{name}: it holds more than one {known}; leave one of them')
        found[known] = decompressed(f'{name}/{given}', data, left)
        left -= len(found[known])
    return PhononFiles(name, match['id'] if match else stem, found, match['release'] if match else '')


def _folder(path: Path, folders: set[PurePosixPath]) -> PurePosixPath:
    """Return the folder of an archive that holds the compound: the only one, or the outermost one."""
    ordered = sorted(folders, key=lambda folder: (len(folder.parts), str(folder)))
    if len(ordered) > 1 and len(ordered[1].parts) == len(ordered[0].parts):
        raise PhononSourceError(
            f'{path}: it holds several compounds, in {ordered[0]}, {ordered[1]} ...; unpack it and name one folder'
        )
    return ordered[0]


def known_name(name: str) -> str | None:
    """Return the name that phonopy gives a file, also where it is compressed or has a prefix that ends in a dot.

    :param name: name of the file.
    :returns: one of :data:`FILES`, or None for any other file.
    """
    for suffix in COMPRESSED_SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return next((known for known in FILES if name == known or name.endswith(f'.{known}')), None)


def _single(name: str, data: bytes) -> str:
    """Return what a single file is, by its name, else by its content."""
    known = known_name(name)
    if known is not None:
        return known
    head = data[:100_000].decode('utf-8', errors='replace')
    if re.search(r'^(unit_cell|primitive_cell|lattice|phonopy):', head, re.MULTILINE):
        return 'phonopy.yaml'
    raise PhononSourceError(f'{name}: it is no file of phonopy that is known, such as {_examples()}')


def _stem(name: str) -> str:
    for suffix in (*COMPRESSED_SUFFIXES, '.tar', '.tgz', '.txz', '.zip'):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
    # Li2O.phonopy_params.yaml is Li2O, and phonopy_params.yaml has no other name.
    for suffix in (*(f'.{known}' for known in FILES), '.yaml', '.dat', '.npz'):
        if name.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def _examples() -> str:
    return 'phonopy_params.yaml, FORCE_SETS with phonopy_disp.yaml, or total_dos.dat'
