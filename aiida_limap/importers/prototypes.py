"""Import the embedded library of literature prototypes and their ionic substitutions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap import __version__
from aiida_limap.formats._files import checksum
from aiida_limap.importers.base import Candidate, ImportReport, find_dataset, store_dataset, structure_md5

if TYPE_CHECKING:
    from aiida_limap.engines.chemistry.prototypes import LibraryEntry

__all__ = ['DATABASE_NAME', 'import_prototypes', 'source_of_entry']

DATABASE_NAME = 'aiida-limap prototypes'
_MATERIALS_PROJECT = 'https://next-gen.materialsproject.org/materials/'


def import_prototypes(
    *,
    name: str = 'prototypes',
    limit: int | None = None,
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Import the prototype library into the profile.

    :param name: name of the dataset.
    :param limit: take only this many entries, spread evenly over the library; None takes all.
    :param on_start: called with the number of entries.
    :param on_progress: called with the number of entries handled since the last call.
    :returns: the report.
    """
    from aiida_limap.engines.chemistry.prototypes import build_library

    chosen_by = {'importer': 'prototypes', 'library': _library_checksum(), 'limit': limit}
    known = find_dataset(name, chosen_by)
    if known is not None:
        return known
    library = build_library()
    if limit is not None and limit < len(library):
        library = [library[index * len(library) // limit] for index in range(limit)]
    if on_start is not None:
        on_start(len(library))
    return store_dataset(_candidates(library), name=name, chosen_by=chosen_by, on_progress=on_progress)


def _library_checksum() -> str:
    """Return a checksum of the data and the code that make the library: where it is the same, so are the crystals."""
    import aiida_limap.engines.chemistry as chemistry

    folder = Path(chemistry.__path__[0])
    files = sorted(path for path in folder.rglob('*') if path.suffix in {'.py', '.yaml'})
    parts = [part for path in files for part in (path.name.encode(), path.read_bytes())]
    return checksum(*parts)


def _candidates(library: list[LibraryEntry]) -> Iterator[Candidate]:
    for entry in library:
        yield Candidate(entry.structure, source_of_entry(entry), f'{entry.formula} {entry.id}')


def source_of_entry(entry: LibraryEntry) -> dict[str, Any]:
    """Return where a crystal of the library came from, as keys of ``aiida.orm.Data.source``.

    :param entry: the crystal.
    """
    extras: dict[str, Any] = {
        'origin': entry.origin,
        'family': entry.family,
        'prototype': entry.prototype,
        'substitutions': dict(entry.substitutions),
        'citation_status': entry.citation_status,
    }
    if entry.materials_project_counterpart:
        extras['counterpart'] = entry.materials_project_counterpart
        extras['counterpart_uri'] = _MATERIALS_PROJECT + entry.materials_project_counterpart
    source: dict[str, Any] = {
        'db_name': DATABASE_NAME,
        'id': entry.id,
        'version': __version__,
        'license': 'MIT',
        'description': entry.citation,
        'extras': extras,
        'source_md5': structure_md5(entry.structure),
    }
    if entry.doi:
        source['uri'] = f'https://doi.org/{entry.doi}'
    return source
