"""Import from the Materials Project: what is new is downloaded in batches, and stored as it comes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida_limap.importers._materials_project_client import (
    DOWNLOAD,
    Listed,
    MaterialsProject,
)
from aiida_limap.importers._materials_project_filter import MaterialsProjectFilter, read_ids
from aiida_limap.importers._materials_project_session import Patience, counted
from aiida_limap.importers.base import (
    Candidate,
    ImporterError,
    ImportReport,
    Known,
    Refusal,
    check_name,
    known_structures,
    store_dataset,
    structure_md5,
)

__all__ = [
    'DATABASE_NAME',
    'LICENCE_TERMS',
    'MaterialsProjectFilter',
    'Patience',
    'import_materials_project',
    'read_ids',
    'source_of_entry',
]

#: Name of the database in the source of its structures.
DATABASE_NAME = 'Materials Project'
_ADDRESS = 'https://materialsproject.org'
_ENTRY = 'https://next-gen.materialsproject.org/materials/{id}'
#: The words of the entries (``builder_meta.license``), and the licences that they mean.
_LICENCES = {'BY-C': 'CC-BY-4.0', 'BY-NC': 'CC-BY-NC-4.0'}
#: What the licences demand of those who use the structures.
LICENCE_TERMS = {
    'CC-BY-4.0': 'name the Materials Project as the source wherever the structures or results from them are shown',
    'CC-BY-NC-4.0': 'name the source, and no commercial use; `--no-gnome` leaves such entries out',
}
_CITATION = 'Materials Project: A. Jain et al., APL Materials 1, 011002 (2013), https://doi.org/10.1063/1.4812323'
_GNOME_CITATION = (
    'GNoME entries of the Materials Project (CC-BY-NC-4.0: no commercial use): A. Merchant et al., Nature 624, 80 '
    '(2023), https://doi.org/10.1038/s41586-023-06735-9'
)
#: Extra of a node: the last version of the database in which its entry had the same structure.
_LAST_VERSION = 'limap_materials_project_version'
_QUERY_SIZE = 500
#: Numbers of an entry by their names there and in the extras of the source.
_NUMBERS = {
    'energy_above_hull': 'energy_above_hull_eV_per_atom',
    'formation_energy_per_atom': 'formation_energy_eV_per_atom',
    'band_gap': 'band_gap_eV',
}


def import_materials_project(
    chosen: MaterialsProjectFilter,
    *,
    name: str,
    order: bool = False,
    patience: Patience | None = None,
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> ImportReport:
    """Import structures of the Materials Project into the profile.

    Ids and dates are listed first; an entry that is stored already from this version of the database, or has not
    changed since, is not downloaded again. A repeat after a failure therefore goes on where it stopped.

    :param chosen: what to take.
    :param name: name of the dataset.
    :param order: put ordered structures in the place of disordered ones.
    :param patience: how long to wait for the database.
    :param on_start: called with the number of entries.
    :param on_progress: called with the number of entries handled since the last call.
    :param on_wait: called with a sentence before each wait for the database.
    :returns: the report.
    :raises ImporterError: if there is no key, the database does not answer, or it has nothing for the filter.
    """
    check_name(name)
    project = MaterialsProject(patience, on_wait)
    listed, refused = project.list_entries(chosen)
    if not listed and not refused:
        raise ImporterError(
            f'the Materials Project (version {project.version}) has no entry for this filter ({chosen.as_sentence()}): '
            'loosen it'
        )
    stored = _find_stored(listed, project.version)
    with counted(len(listed) + len(refused), 'entries', on_start, on_progress) as count:
        return store_dataset(
            _entries(project, listed, refused, stored),
            name=name,
            chosen_by={'importer': 'mp', 'database_version': project.version, **chosen.as_dict()},
            order=order,
            on_progress=count,
            citations=[_CITATION],
        )


@dataclass(frozen=True)
class _Stored:
    """What is stored of the entries that are listed.

    :param good: by id the UUID of a structure that is as good as a download: same version, or not changed since.
    :param older: by id and MD5 sum the UUIDs of older structures; a download may turn out to be one of them.
    """

    good: Mapping[str, str]
    older: Mapping[str, Mapping[str, str]]


def _find_stored(listed: Sequence[Listed], version: str) -> _Stored:
    stored = known_structures(DATABASE_NAME, (entry.id for entry in listed))
    dates = {entry.id: entry.last_updated for entry in listed}
    good: dict[str, str] = {}
    older: dict[str, dict[str, str]] = {}
    for identifier, structures in stored.items():
        for structure in structures:
            if structure.version == version:
                good[identifier] = structure.uuid
        if identifier not in good:
            # One that came from files, as their names say, has no version, and nothing of what the entry tells.
            older[identifier] = {one.source_md5: one.uuid for one in structures if one.version}
    seen = _seen([uuid for uuids in older.values() for uuid in uuids.values()])
    for identifier, uuids in older.items():
        for uuid in uuids.values():
            date, last_version = seen[uuid]
            if last_version == version or (date and date == dates[identifier]):
                good[identifier] = uuid
    return _Stored(good, older)


def _seen(uuids: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
    """Return by UUID the date of a stored entry, and the last version of the database in which it was the same."""
    from aiida import orm

    found: dict[str, tuple[str | None, str | None]] = {}
    for start in range(0, len(uuids), _QUERY_SIZE):
        query = orm.QueryBuilder().append(
            orm.StructureData,
            filters={'uuid': {'in': uuids[start : start + _QUERY_SIZE]}},
            project=['uuid', 'attributes.source.extras.last_updated', f'extras.{_LAST_VERSION}'],
        )
        found.update((uuid, (date, version)) for uuid, date, version in query.all())
    return found


def _entries(
    project: MaterialsProject, listed: Sequence[Listed], refused: Sequence[Refusal], stored: _Stored
) -> Iterator[Candidate | Known | Refusal]:
    """Yield what is listed in its order, downloading what is not known in batches."""
    yield from refused
    batch: list[Listed] = []
    n_wanted = 0
    for entry in listed:
        batch.append(entry)
        n_wanted += entry.id not in stored.good
        if n_wanted == DOWNLOAD:
            yield from _batch(project, batch, stored)
            batch, n_wanted = [], 0
    yield from _batch(project, batch, stored)


def _batch(
    project: MaterialsProject, batch: Sequence[Listed], stored: _Stored
) -> Iterator[Candidate | Known | Refusal]:
    documents = project.download([entry for entry in batch if entry.id not in stored.good])
    for entry in batch:
        if entry.id in stored.good:
            yield Known(stored.good[entry.id], entry.id)
        elif entry.id not in documents:
            yield Refusal(entry.id, 'the Materials Project lists it but did not deliver it')
        else:
            candidate = _candidate(entry.id, documents[entry.id], project.version)
            older = stored.older.get(entry.id, {})
            if isinstance(candidate, Candidate) and candidate.source['source_md5'] in older:
                uuid = older[candidate.source['source_md5']]
                _remember(uuid, project.version)
                yield Known(uuid, entry.id)
            else:
                yield candidate


def _remember(uuid: str, version: str) -> None:
    """Note that a structure is still the same, so that it is not downloaded for nothing again and again."""
    from aiida import orm

    orm.load_node(uuid).base.extras.set(_LAST_VERSION, version)


def _candidate(identifier: str, document: Mapping[str, Any], version: str) -> Candidate | Refusal:
    from pymatgen.core import Structure

    if not document.get('structure'):
        return Refusal(identifier, 'the entry has no structure')
    try:
        structure = Structure.from_dict(document['structure'])
    except Exception as error:
        # What pymatgen raises on a damaged document may be of any type; the next entry must go on.
        return Refusal(identifier, f'its structure cannot be read ({type(error).__name__}: {str(error)[:100]})')
    source = source_of_entry(identifier, document, version)
    source['source_md5'] = structure_md5(structure)
    source['extras'] = {**_extras(document), **source.get('extras', {})}
    return Candidate(structure, source, f'{structure.composition.reduced_formula} {identifier}')


def source_of_entry(
    identifier: str, document: Mapping[str, Any], version: str, database: str = DATABASE_NAME
) -> dict[str, Any]:
    """Return where something of an entry came from, with its licence.

    :param identifier: id of the entry.
    :param document: its document, of which ``builder_meta`` counts.
    :param version: version of the database.
    :param database: name of the database or of the part of it.
    :returns: keys of ``aiida.orm.Data.source``; without an MD5 sum.
    """
    meta = document.get('builder_meta') or {}
    source: dict[str, Any] = {
        'db_name': database,
        'db_uri': _ADDRESS,
        'id': identifier,
        'uri': _ENTRY.format(id=identifier),
        'version': version,
    }
    # An entry of a GNoME batch is under its licence whether it repeats that or not.
    word = meta.get('license') or ('BY-NC' if str(meta.get('batch_id') or '').startswith('gnome') else '')
    if word:
        source['license'] = _LICENCES.get(word, word)
    if word == 'BY-NC':
        source['extras'] = {'citation': _GNOME_CITATION}
    return source


def _extras(document: Mapping[str, Any]) -> dict[str, Any]:
    extras: dict[str, Any] = {'last_updated': str(document.get('last_updated') or '')}
    for key, name in _NUMBERS.items():
        value = document.get(key)
        if isinstance(value, (int, float)) and math.isfinite(value):
            extras[name] = float(value)
    for key in ('is_stable', 'theoretical'):
        if isinstance(document.get(key), bool):
            extras[key] = document[key]
    return extras
