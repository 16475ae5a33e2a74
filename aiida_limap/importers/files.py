"""Import structure files: CIF, POSCAR, extended XYZ and what else pymatgen reads, from files, folders and archives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from aiida_limap.importers._archives import COMPRESSED, DEFAULT_MAX_BYTES, Blob, is_archive, read_blobs, stem_of
from aiida_limap.importers._metadata import Metadata, read_metadata, source_of
from aiida_limap.importers._parsing import NAMES, SUFFIXES, Part, is_structure_name, md5_of, parse
from aiida_limap.importers.base import Candidate, ImporterError, ImportReport, Refusal, store_dataset

__all__ = ['DATABASES', 'FileOptions', 'find_files', 'import_files', 'read_candidates']

#: Databases whose ids may serve as file names: name, address of the database, address of an entry, licence.
DATABASES: dict[str, dict[str, str]] = {
    'materials-project': {
        'db_name': 'Materials Project',
        'db_uri': 'https://materialsproject.org',
        'uri': 'https://next-gen.materialsproject.org/materials/{id}',
        'license': 'CC-BY-4.0',
    },
}


@dataclass(frozen=True)
class FileOptions:
    """How files are read.

    :param ids_of: a key of :data:`DATABASES` when the file names are ids of that database, else None.
    :param metadata: a CSV, TSV or JSON table that says where each file came from, or None.
    :param order: put ordered structures in the place of disordered ones.
    :param max_bytes: bytes that may come out of one file or archive.
    """

    ids_of: str | None = None
    metadata: Path | None = None
    order: bool = False
    max_bytes: int = DEFAULT_MAX_BYTES


def find_files(paths: Sequence[Path]) -> list[tuple[Path, PurePosixPath]]:
    """Return the structure files and archives among ``paths`` and below the folders among them, in sorted order.

    :param paths: files and folders; a file that is named is taken whatever its suffix.
    :returns: the files, each once, with their path below what was named.
    :raises ImporterError: if a path does not exist or no structure file is found.
    """
    found: dict[Path, PurePosixPath] = {}
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob('*')):
                if file.is_file() and not file.name.startswith('.') and _is_wanted(file.name):
                    found.setdefault(file, PurePosixPath(file.relative_to(path)))
        elif path.is_file():
            found.setdefault(path, PurePosixPath(path.name))
        else:
            raise ImporterError(f'there is no file or folder {path}')
    if not found:
        places = ', '.join(str(path) for path in paths)
        raise ImporterError(
            f'no structure file in {places}: expected files that end in {", ".join(sorted(SUFFIXES))} or start with '
            f'{" or ".join(NAMES)}, also compressed ({", ".join(COMPRESSED)}) or in archives (.zip, .tar, .tar.gz …)'
        )
    return list(found.items())


def read_candidates(
    files: Sequence[tuple[Path, PurePosixPath]], options: FileOptions | None = None
) -> Iterator[Candidate | Refusal]:
    """Read structure files one by one; what cannot be read becomes a refusal and the rest goes on.

    :param files: files and archives, as :func:`find_files` gives them.
    :param options: how they are read.
    :returns: candidates and refusals.
    :raises ImporterError: if the table of metadata cannot be read.
    """
    options = options or FileOptions()
    metadata = None if options.metadata is None else read_metadata(options.metadata)
    for file, path in files:
        number = 0
        for blob in read_blobs(file, path, is_structure_name, options.max_bytes):
            number += 1
            if isinstance(blob, Refusal):
                yield blob
            else:
                for part in parse(blob):
                    yield _candidate(blob, part, options.ids_of, metadata)
        if not number:
            yield Refusal(str(file), f'the archive holds no structure file ({", ".join(SUFFIXES)}, {", ".join(NAMES)})')
    if metadata is not None:
        for key in metadata.unused():
            yield Refusal(key, f'there is no file for this row of {metadata.name}')


def import_files(
    paths: Sequence[Path],
    *,
    name: str,
    options: FileOptions | None = None,
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Import structure files into the profile.

    :param paths: files, folders and archives.
    :param name: name of the dataset.
    :param options: how they are read.
    :param on_start: called with the number of files, unless archives hold an unknown number of them.
    :param on_progress: called with the number of structures handled since the last call.
    :returns: the report.
    :raises ImporterError: if there is no structure file, not one of them can be read, or the table of metadata is bad.
    """
    options = options or FileOptions()
    metadata = None if options.metadata is None else options.metadata.resolve()
    files = [(file, path) for file, path in find_files(paths) if file.resolve() != metadata]
    if on_start is not None and not any(is_archive(file.name) for file, _ in files):
        on_start(len(files))
    chosen_by: dict[str, Any] = {'importer': 'files', 'n_files': len(files), 'ids_of': options.ids_of}
    if options.metadata is not None:
        table = read_metadata(options.metadata)
        chosen_by['metadata'] = {'name': table.name, 'md5': md5_of(options.metadata.read_bytes())}
    return store_dataset(
        read_candidates(files, options), name=name, chosen_by=chosen_by, order=options.order, on_progress=on_progress
    )


def _is_wanted(name: str) -> bool:
    return is_structure_name(name) or is_archive(name)


def _candidate(blob: Blob, part: Part, ids_of: str | None, metadata: Metadata | None) -> Candidate | Refusal:
    structure = part.structure
    if isinstance(structure, str):
        return Refusal(f'{blob.name}:{part.name}' if part.name else blob.name, structure)
    identifier = _identifier(blob.path)
    if part.name:
        identifier = f'{identifier}:{part.name}'
    source: dict[str, Any] = {'db_name': 'files', 'id': identifier, 'uri': blob.uri}
    if ids_of is not None:
        database = DATABASES[ids_of]
        source.update(database, uri=database['uri'].format(id=identifier))
    notes = []
    if any(getattr(ion, 'name', '') in {'D', 'T'} for site in structure for ion in site.species):
        notes.append('its deuterium or tritium is kept as hydrogen')
    if metadata is not None:
        row = metadata.row(blob.path, identifier)
        if row is None:
            notes.append(f'no row of {metadata.name} speaks of it')
        else:
            source.update(source_of(row))
            if part.name and 'id' in row and row['id'] != identifier:
                source['id'] = f'{row["id"]}:{part.name}'
    source['source_md5'] = part.md5
    label = f'{structure.composition.reduced_formula} {source["id"]}'
    return Candidate(structure, source, label, notes=tuple(notes))


def _identifier(path: PurePosixPath) -> str:
    """Return the id that a file name gives; where all files are called POSCAR, their folders tell them apart."""
    name = path.name
    if name.startswith(NAMES):
        plain = name if not name.lower().endswith(('.vasp', '.poscar', '.contcar', *COMPRESSED)) else stem_of(name)
        return str(path.parent) if plain in NAMES and path.parent.parts else plain
    return stem_of(name)
