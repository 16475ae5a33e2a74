"""Import structure files: CIF, POSCAR and whatever else pymatgen reads, from files and folders."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap.importers.base import Candidate, ImporterError, ImportReport, Refusal, store_dataset

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['DATABASES', 'find_files', 'import_files', 'read_candidates']

_SUFFIXES = {'.cif', '.vasp', '.poscar', '.contcar', '.cssr', '.xsf', '.mcif'}
_NAMES = ('POSCAR', 'CONTCAR')

#: Databases whose ids may serve as file names: name, address of the database, address of an entry, licence.
DATABASES: dict[str, dict[str, str]] = {
    'materials-project': {
        'db_name': 'Materials Project',
        'db_uri': 'https://materialsproject.org',
        'uri': 'https://next-gen.materialsproject.org/materials/{id}',
        'license': 'CC-BY-4.0',
    },
}


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Return the structure files among ``paths`` and below the folders among them, in sorted order.

    :param paths: files and folders; a file that is named is taken whatever its suffix.
    :returns: the files, each once.
    :raises ImporterError: if a path does not exist or no structure file is found.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob('*')):
                if file.is_file() and (file.suffix.lower() in _SUFFIXES or file.name.startswith(_NAMES)):
                    found[file] = None
        elif path.is_file():
            found[path] = None
        else:
            raise ImporterError(f'there is no file or folder {path}')
    if not found:
        places = ', '.join(str(path) for path in paths)
        raise ImporterError(
            f'no structure file in {places}: expected files that end in {", ".join(sorted(_SUFFIXES))} or start with '
            f'{" or ".join(_NAMES)}'
        )
    return list(found)


def read_candidates(files: Sequence[Path], ids_of: str | None = None) -> Iterator[Candidate | Refusal]:
    """Read structure files one by one; a file that cannot be read becomes a refusal and the rest goes on.

    :param files: the files.
    :param ids_of: a key of :data:`DATABASES` when the file names are ids of that database, else None.
    :returns: a candidate or a refusal for each file.
    """
    for file in files:
        try:
            structure = _read_structure(file)
        except Exception as error:
            # The parsers of pymatgen raise nearly any type of error on a damaged file; the next file must go on.
            detail = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            yield Refusal(str(file), f'it does not parse as a structure ({detail})')
            continue
        identifier = file.stem if ids_of or file.suffix else file.name
        yield Candidate(
            structure, _source(file, identifier, ids_of), f'{structure.composition.reduced_formula} {identifier}'
        )


def import_files(
    paths: Sequence[Path],
    *,
    name: str,
    ids_of: str | None = None,
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Import structure files into the profile.

    :param paths: files and folders.
    :param name: name of the dataset.
    :param ids_of: a key of :data:`DATABASES` when the file names are ids of that database.
    :param on_start: called with the number of files.
    :param on_progress: called with the number of files handled since the last call.
    :returns: the report.
    :raises ImporterError: if there is no structure file, or not one of them can be read.
    """
    files = find_files(paths)
    if on_start is not None:
        on_start(len(files))
    chosen_by: dict[str, Any] = {'importer': 'files', 'n_files': len(files), 'ids_of': ids_of}
    return store_dataset(read_candidates(files, ids_of), name=name, chosen_by=chosen_by, on_progress=on_progress)


def _read_structure(file: Path) -> Structure:
    from pymatgen.core import Structure

    with warnings.catch_warnings():
        # What pymatgen mends in a CIF (rounded coordinates, labels) is no news for a batch of thousands.
        warnings.simplefilter('ignore')
        structure = Structure.from_file(str(file), **({'occupancy_tolerance': 1.05} if file.suffix == '.cif' else {}))
    if not isinstance(structure, Structure) or len(structure) == 0:
        raise ValueError('the file holds no structure')
    return structure


def _source(file: Path, identifier: str, ids_of: str | None) -> dict[str, Any]:
    digest = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    if ids_of is None:
        return {'db_name': 'files', 'id': identifier, 'uri': file.resolve().as_uri(), 'source_md5': digest}
    database = DATABASES[ids_of]
    return {
        'db_name': database['db_name'],
        'db_uri': database['db_uri'],
        'id': identifier,
        'uri': database['uri'].format(id=identifier),
        'license': database['license'],
        'source_md5': digest,
    }
