"""Import phonons of the Materials Project: densities of states with the crystals that they were computed for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiida_limap.common.phonon_sources import MATERIALS_PROJECT_PHONONS, PHONON_SOURCE_CITATIONS
from aiida_limap.importers._materials_project_client import DOWNLOAD, Listed, plain_id
from aiida_limap.importers._materials_project_filter import MaterialsProjectFilter
from aiida_limap.importers._materials_project_phonons import METHODS, PhononProject, PhononTask, task_of
from aiida_limap.importers._materials_project_session import Patience, counted
from aiida_limap.importers.base import (
    Candidate,
    ImporterError,
    Known,
    Refusal,
    check_name,
    known_structures,
    store_dataset,
    structure_md5,
)
from aiida_limap.importers.materials_project import source_of_entry
from aiida_limap.importers.phonons import PhononReport

if TYPE_CHECKING:
    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.formats.phonon_files import DosArrays

__all__ = ['DATABASE_NAME', 'METHODS', 'import_materials_project_phonons', 'materials_of']

#: Database of the crystals and densities in their sources; the crystals are not those of the entries of the materials.
DATABASE_NAME = MATERIALS_PROJECT_PHONONS
_TOTAL_ONLY = 'it has no density of states by site: band centres of one element cannot be had, and its row will say so'


@dataclass(frozen=True)
class _Stored:
    """A density of states that is in the profile.

    :param structure_uuid: its structure.
    :param version: version of the database.
    :param task: which computation it is of, and when that was updated last.
    """

    structure_uuid: str
    version: str
    task: tuple[str, str, str]


@dataclass
class _Import:
    """What an import knows and collects on its way.

    :param project: the database.
    :param method: only phonons by this method.
    :param wanted: by id the structure node that is to get the phonons, where it is the same crystal.
    :param stored: by id what is stored already.
    :param waiting: densities whose structures are on their way into the profile: UUID of the structure, or its id and
        MD5 sum; source; density.
    """

    project: PhononProject
    method: str | None
    wanted: Mapping[str, str]
    stored: Mapping[str, Sequence[_Stored]]
    waiting: list[tuple[str | tuple[str, str], dict[str, Any], DosArrays]] = field(default_factory=list)
    n_new: int = 0


def materials_of(dataset: DatasetData) -> tuple[dict[str, str], list[Refusal]]:
    """Return the materials of a dataset.

    :param dataset: structures, some of which are called as the Materials Project calls them.
    :returns: UUIDs of structures by id of the Materials Project; and refusals of those that have no such id.
    """
    found: dict[str, str] = {}
    refused = []
    for uuid, source_id in zip(dataset.structure_uuids, dataset.source_ids, strict=True):
        known = plain_id(source_id)
        if known is None:
            refused.append(Refusal(source_id, 'it is called by no id of the Materials Project, such as mp-10499'))
        else:
            found.setdefault(known, uuid)
    return found, refused


def import_materials_project_phonons(
    chosen: MaterialsProjectFilter | DatasetData,
    *,
    name: str,
    method: str | None = None,
    patience: Patience | None = None,
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> PhononReport:
    """Import phonons of the Materials Project into the profile.

    The lists tell which materials have phonons; the crystals of the computations are downloaded in batches, and the
    density of states of each by the client. What is stored from this version of the database, or was not computed anew
    since, is not downloaded again; a repeat after a failure goes on where it stopped.

    :param chosen: which materials; or a dataset, whose structures get the phonons where they are the crystals that
        these were computed for (by pymatgen's ``StructureMatcher``).
    :param name: name of the dataset that is made.
    :param method: only phonons by this method, one of :data:`METHODS`; by default the first of them there is.
    :param patience: how long to wait for the database.
    :param on_start: called with the number of materials.
    :param on_progress: called with the number of materials handled since the last call.
    :param on_wait: called with a sentence before each wait.
    :returns: the report.
    :raises ImporterError: if there is no key, the database does not answer, or it has no phonons of what was chosen.
    """
    check_name(name)
    wanted, refused, chosen, choice = _choice(chosen)
    project = PhononProject(patience, on_wait)
    listed, more = project.list_entries(chosen)
    refused += more
    if not listed and not refused:
        raise ImporterError(
            f'the Materials Project (version {project.version}) has no phonons for this filter '
            f'({chosen.as_sentence()}): loosen it'
        )
    work = _Import(project, method, wanted, _find_stored([entry.id for entry in listed]))
    with counted(len(listed) + len(refused), 'materials', on_start, on_progress) as count:

        def count_stored(steps: int) -> None:
            _store(work)
            count(steps)

        report = store_dataset(
            _entries(work, listed, refused),
            name=name,
            chosen_by={
                'importer': 'mp-phonons',
                'database_version': project.version,
                **({'method': method} if method else {}),
                **choice,
            },
            on_progress=count_stored,
            citations=PHONON_SOURCE_CITATIONS[DATABASE_NAME],
        )
    return PhononReport(report.dataset, report.group, report.tally, len(report.dataset), work.n_new)


def _choice(
    chosen: MaterialsProjectFilter | DatasetData,
) -> tuple[dict[str, str], list[Refusal], MaterialsProjectFilter, dict[str, Any]]:
    """Return structures by id, refusals, the filter, and the choice as plain values."""
    if isinstance(chosen, MaterialsProjectFilter):
        return {}, [], chosen, chosen.as_dict()
    wanted, refused = materials_of(chosen)
    if not wanted:
        raise ImporterError(
            f'no structure of the dataset {chosen.name!r} is called by an id of the Materials Project, such as mp-10499'
        )
    return wanted, refused, MaterialsProjectFilter(ids=tuple(wanted)), {'from_dataset': chosen.uuid}


def _find_stored(ids: Sequence[str]) -> dict[str, list[_Stored]]:
    """Return the densities that are stored, by id of the material."""
    from aiida import orm

    from aiida_limap.data.phonon_dos import PhononDosData

    wanted = set(ids)
    found: dict[str, list[_Stored]] = {}
    query = orm.QueryBuilder().append(
        PhononDosData,
        filters={'attributes.source.db_name': DATABASE_NAME},
        project=['attributes.structure_uuid', 'attributes.source'],
        tag='density',
    )
    query.order_by({'density': 'id'})
    for uuid, source in query.all():
        if source['id'] in wanted:
            extras = source.get('extras') or {}
            task = (str(extras.get('phonon_id')), str(extras.get('phonon_method')), str(extras.get('last_updated')))
            found.setdefault(str(source['id']), []).append(_Stored(str(uuid), str(source.get('version') or ''), task))
    return found


def _entries(
    work: _Import, listed: Sequence[Listed], refused: Sequence[Refusal]
) -> Iterator[Candidate | Known | Refusal]:
    """Yield what is listed in its order, downloading what is not known in batches."""
    yield from refused
    for start in range(0, len(listed), DOWNLOAD):
        batch = [(entry, task_of(entry, work.method)) for entry in listed[start : start + DOWNLOAD]]
        new = [
            task
            for entry, task in batch
            if isinstance(task, PhononTask) and _known(work, entry.id, task, work.project.version) is None
        ]
        documents = work.project.computations(new)
        for entry, task in batch:
            if isinstance(task, Refusal):
                yield task
                continue
            document = documents.get(task)
            updated = '' if document is None else str(document.get('last_updated') or '')
            uuid = _known(work, entry.id, task, work.project.version, updated)
            if uuid is not None:
                yield Known(uuid, entry.id)
            elif document is None:
                yield Refusal(entry.id, f'the Materials Project lists phonons ({task.id}) but did not deliver them')
            else:
                yield _download(work, entry, task, document)


def _known(work: _Import, identifier: str, task: PhononTask, version: str, updated: str = '') -> str | None:
    """Return the UUID of the structure whose density is stored and as good as a download, or None."""
    uuid = work.wanted.get(identifier)
    for stored in work.stored.get(identifier, ()):
        same_task = stored.task[:2] == (task.id, task.method)
        if not same_task or not (stored.version == version or (updated and stored.task[2] == updated)):
            continue
        if stored.structure_uuid == uuid:
            return uuid
        own = _is_own(stored.structure_uuid)
        if own is not None and (uuid is None or not _fits(uuid, own)):
            return stored.structure_uuid
    return None


def _is_own(uuid: str) -> Any:
    """Return the crystal of a structure that came with phonons, or None where it was there before."""
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    from aiida_limap.common.conversion import pymatgen_from_node

    try:
        node = orm.load_node(uuid)
    except NotExistent:
        return None
    return pymatgen_from_node(node) if (node.source or {}).get('db_name') == DATABASE_NAME else None


def _fits(uuid: str, structure: Any) -> bool:
    """Return whether a structure node is the crystal that phonons were computed for."""
    from aiida import orm
    from pymatgen.analysis.structure_matcher import StructureMatcher

    from aiida_limap.common.conversion import pymatgen_from_node

    return bool(StructureMatcher().fit(pymatgen_from_node(orm.load_node(uuid)), structure))


def _download(
    work: _Import, entry: Listed, task: PhononTask, document: Mapping[str, Any]
) -> Candidate | Known | Refusal:
    from pymatgen.core import Structure

    from aiida_limap.engines.errors import LimapError
    from aiida_limap.engines.phonons.documents import dos_from_document
    from aiida_limap.engines.phonons.task import dos_arrays

    density = work.project.density(task)
    if density is None:
        return Refusal(entry.id, f'its phonons ({task.id}, {task.method}) have no density of states')
    try:
        # Projections are by site of the crystal that comes with them, where one does.
        structure = Structure.from_dict(density.get('structure') or document.get('structure') or {})
        found = dos_from_document({**density, 'structure': None}, entry.id, structure=structure)
        arrays = dos_arrays(found.dos, 0.0)
    except LimapError as error:
        return Refusal(entry.id, str(error).removeprefix(f'{entry.id}: '))
    except Exception as error:
        # What pymatgen raises on a damaged document may be of any type; the next entry must go on.
        return Refusal(entry.id, f'its phonons cannot be read ({type(error).__name__}: {str(error)[:100]})')
    source = source_of_entry(entry.id, entry.document, work.project.version, DATABASE_NAME)
    source['extras'] = {
        'last_updated': str(document.get('last_updated') or ''),
        'phonon_id': task.id,
        'phonon_method': task.method,
        **({'code': str(document['code'])} if document.get('code') else {}),
        **source.get('extras', {}),
    }
    md5 = structure_md5(structure)
    notes = [] if found.dos.by_element else [_TOTAL_ONLY]
    uuid = work.wanted.get(entry.id)
    if uuid is not None:
        if _fits(uuid, structure):
            work.waiting.append((uuid, source, arrays))
            return Known(uuid, entry.id)
        notes.append('its phonons were computed for another crystal than that of the dataset, which is stored too')
    work.waiting.append(((entry.id, md5), source, arrays))
    label = f'{structure.composition.reduced_formula} {entry.id}'
    return Candidate(structure, {**source, 'source_md5': md5}, label, notes=tuple(notes))


def _store(work: _Import) -> None:
    """Store the densities whose structures are in the profile by now."""
    from aiida.manage import get_manager

    from aiida_limap.data.phonon_dos import PhononDosData
    from aiida_limap.formats.phonon_files import dos_bytes

    keys = [key for key, _source, _arrays in work.waiting if not isinstance(key, str)]
    known = known_structures(DATABASE_NAME, [identifier for identifier, _md5 in keys])
    uuids: dict[Any, str] = {
        (identifier, one.source_md5): one.uuid for identifier, structures in known.items() for one in structures
    }
    with get_manager().get_profile_storage().transaction():
        for key, source, arrays in work.waiting:
            uuid = key if isinstance(key, str) else uuids.get(key)
            if uuid is None:
                # The structure was refused, which the report tells.
                continue
            node = PhononDosData(arrays, structure_uuid=uuid)
            md5 = hashlib.md5(dos_bytes(arrays), usedforsecurity=False).hexdigest()
            node.source = {**source, 'source_md5': md5}
            node.label = f'phonons {source["id"]}'
            node.store()
            work.n_new += 1
    work.waiting.clear()
