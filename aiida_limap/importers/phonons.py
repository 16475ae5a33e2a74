"""Import phonon files: archives of PhononDB, folders and files of phonopy, with the structures they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_limap.engines.errors import InputError, LimapError
from aiida_limap.engines.phonons._archives import DEFAULT_MAX_BYTES
from aiida_limap.engines.phonons.glance import Glance, find_compounds, glance, member_files
from aiida_limap.importers._report import ImportReport
from aiida_limap.importers.base import Candidate, ImporterError, Refusal, known_structures, store_dataset

__all__ = [
    'PHONONDB',
    'PhononOptions',
    'PhononReport',
    'import_embedded_phonons',
    'import_phonons',
    'store_phonon_files',
]

#: What is written into the source of structures that come from an archive of PhononDB.
PHONONDB = {
    'db_name': 'PhononDB',
    'db_uri': 'https://github.com/atztogo/phonondb',
    'license': 'CC-BY-4.0',
}
_OTHER = {'db_name': 'phonon files'}
_CITATION = 'A. Togo, PhononDB, https://github.com/atztogo/phonondb'
#: Nodes are stored in transactions of this many: one commit per node would cost twice the time.
_TRANSACTION_SIZE = 50


@dataclass(frozen=True)
class PhononOptions:
    """How phonon files are imported.

    :param license: licence of the data that are not of PhononDB; empty where it is not known.
    :param database: name of the database that they come from.
    :param max_bytes: the most that may come out of the files of one compound.
    """

    license: str = ''
    database: str = _OTHER['db_name']
    max_bytes: int = DEFAULT_MAX_BYTES


@dataclass
class PhononReport(ImportReport):
    """What an import of phonon files did.

    :param n_files: compounds of the dataset whose phonon files are in the profile.
    :param n_new_files: those that were stored now.
    """

    n_files: int = 0
    n_new_files: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {**super().as_dict(), 'n_files': self.n_files, 'n_new_files': self.n_new_files}

    def summary(self) -> str:
        """Return the report in a few lines for the screen."""
        known = self.n_files - self.n_new_files
        return f'{super().summary()}\nphonon files of {self.n_files} compounds ({self.n_new_files} new, {known} known)'


@dataclass
class _Found:
    """What the candidates of an import were made of, by database, identifier and MD5 sum of their source."""

    paths: dict[tuple[str, str, str], Path] = field(default_factory=dict)
    sources: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)


def import_phonons(
    paths: Sequence[Path],
    *,
    name: str,
    options: PhononOptions | None = None,
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> PhononReport:
    """Store phonon files with the structures that they belong to, as a dataset and a group.

    Files that cannot be read are refused one by one. Whether the forces are sound is found out by the job that computes
    with them. What is stored already is not stored again.

    :param paths: archives, files and folders; see :func:`~aiida_limap.engines.phonons.glance.find_compounds`.
    :param name: name of the dataset.
    :param options: how they are imported.
    :param on_start: called with the number of compounds.
    :param on_progress: called with the number of compounds handled since the last call.
    :returns: the report.
    :raises ImporterError: if there are no phonon files, or not one of them can be read.
    """
    options = options or PhononOptions()
    try:
        compounds = find_compounds(paths)
    except InputError as error:
        raise ImporterError(str(error)) from error
    if on_start is not None:
        on_start(len(compounds))
    found = _Found()
    report = store_dataset(
        _candidates(compounds, options, found),
        name=name,
        chosen_by={'importer': 'phonons', 'n_files': len(compounds), 'database': options.database},
        on_progress=on_progress,
    )
    uuids = _structures_of(found)
    n_new = store_phonon_files([(uuid, found.paths[key], found.sources[key]) for key, uuid in uuids.items()])
    return PhononReport(report.dataset, report.group, report.tally, len(set(uuids.values())), n_new)


def import_embedded_phonons(*, name: str = 'phonons-demo') -> PhononReport:
    """Import the phonons that come with the package, which were computed for it.

    :param name: name of the dataset.
    :returns: the report.
    """
    from aiida_limap.engines.phonons._embedded import embedded_phonons

    paths = [entry.path for entry in embedded_phonons()]
    return import_phonons(paths, name=name, options=PhononOptions(license='MIT', database='aiida-limap'))


def store_phonon_files(files: Sequence[tuple[str, Path, Mapping[str, Any]]]) -> int:
    """Store the phonon files of structures, unless theirs are stored already.

    :param files: UUID of the structure, file or folder, and the source of the data, for each structure.
    :returns: how many nodes were stored.
    """
    from aiida.manage import get_manager

    from aiida_limap.calculations._phonon_files import find_phonon_files

    known = set(find_phonon_files([uuid for uuid, _path, _source in files]))
    new = []
    for entry in files:
        if entry[0] not in known:
            known.add(entry[0])
            new.append(entry)
    for start in range(0, len(new), _TRANSACTION_SIZE):
        with get_manager().get_profile_storage().transaction():
            for uuid, path, source in new[start : start + _TRANSACTION_SIZE]:
                _store(uuid, path, source)
    return len(new)


def _store(uuid: str, path: Path, source: Mapping[str, Any]) -> None:
    from aiida import orm

    from aiida_limap.calculations._phonon_files import STRUCTURE_UUID

    if path.is_dir():
        node = orm.FolderData()
        for file in member_files(path):
            node.base.repository.put_object_from_file(str(file.resolve()), file.name)
    else:
        node = orm.SinglefileData(path.resolve(), filename=path.name)
    node.source = dict(source)
    node.label = f'phonons {source["id"]}'[:255]
    node.base.attributes.set(STRUCTURE_UUID, uuid)
    node.store()


def _candidates(compounds: Sequence[Path], options: PhononOptions, found: _Found) -> Iterator[Candidate | Refusal]:
    for path in compounds:
        try:
            seen = glance(path, options.max_bytes)
        except LimapError as error:
            # Messages begin with the path, which is the name of the refusal already.
            yield Refusal(str(path), str(error).removeprefix(f'{path}: '))
            continue
        except OSError as error:
            yield Refusal(str(path), f'it cannot be read ({error.strerror})')
            continue
        source = _source(seen, path, options)
        key = (source['db_name'], source['id'], source['source_md5'])
        found.paths.setdefault(key, path)
        found.sources.setdefault(key, source)
        yield Candidate(seen.structure, source, f'{seen.structure.composition.reduced_formula} {seen.identifier}')


def _source(seen: Glance, path: Path, options: PhononOptions) -> dict[str, Any]:
    source: dict[str, Any] = {'id': seen.identifier, 'uri': path.resolve().as_uri(), 'source_md5': seen.md5}
    if seen.release:
        date = f'{seen.release[:4]}-{seen.release[4:6]}-{seen.release[6:]}'
        return {**PHONONDB, **source, 'version': date, 'extras': {'citation': f'{_CITATION} ({date})'}}
    source['db_name'] = options.database
    return {**source, **({'license': options.license} if options.license else {})}


def _structures_of(found: _Found) -> dict[tuple[str, str, str], str]:
    """Return the UUID of the stored structure of each candidate that became one."""
    uuids: dict[tuple[str, str, str], str] = {}
    for database in {key[0] for key in found.paths}:
        keys = [key for key in found.paths if key[0] == database]
        known = known_structures(database, [key[1] for key in keys])
        for key in keys:
            for structure in known.get(key[1], ()):
                if structure.source_md5 == key[2]:
                    uuids.setdefault(key, structure.uuid)
    return uuids
