"""Nodes that hold the phonon files of compounds, as inputs of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from aiida import orm

from aiida_limap.common.keys import uuid_of_key
from aiida_limap.data.phonon_dos import PhononDosData
from aiida_limap.formats.phonon_files import PhononEntry

__all__ = ['STRUCTURE_UUID', 'PhononFile', 'copies_of', 'find_phonon_files', 'validate_phonon_files']

#: Attribute of a node of phonon files: the structure that it belongs to.
STRUCTURE_UUID = 'structure_uuid'
_FILES = (orm.SinglefileData, orm.FolderData)
#: What may hold the phonons of a compound: one file or archive, a folder of files, or a density of states.
PhononFile = (*_FILES, PhononDosData)
#: Folder of a job that holds the files of its compounds.
_FOLDER = 'phonons'
#: UUIDs per query; databases limit the number of values in one.
_CHUNK = 500


def validate_phonon_files(value: Mapping[str, Any], port: Any) -> str | None:
    """Return what is wrong with a namespace of phonon files, or None.

    :param value: nodes by key.
    :param port: the namespace.
    """
    if not value:
        return 'the phonon files of at least one compound are needed' if port.required else None
    for key, node in value.items():
        try:
            uuid = uuid_of_key(key)
        except ValueError as error:
            return str(error)
        named = node.base.attributes.get(STRUCTURE_UUID, '') or uuid
        if uuid != named:
            return f'the key {key!r} does not belong to the phonon files {node.uuid}, which are those of {named}'
        if isinstance(node, orm.FolderData) and not node.base.repository.list_object_names():
            return f'the folder {node.uuid} of phonon files is empty'
    return None


def copies_of(nodes: Mapping[str, Any]) -> tuple[list[PhononEntry], list[tuple[str, str, str]]]:
    """Return what a job has to know of phonon files.

    :param nodes: nodes by key.
    :returns: the compounds with their paths, and for AiiDA what is copied where: UUID, name in the node, path.
    """
    entries, copies = [], []
    for key, node in sorted(nodes.items()):
        uuid = uuid_of_key(key)
        if isinstance(node, orm.SinglefileData):
            # The name tells what a single file is, and is not trusted to be one word.
            name, target = node.filename, f'{_FOLDER}/{uuid}/{PurePosixPath(node.filename).name}'
        else:
            name, target = '.', f'{_FOLDER}/{uuid}'
        entries.append(PhononEntry(uuid, target, str((node.source or {}).get('id') or '')))
        copies.append((node.uuid, name, target))
    return entries, copies


def find_phonon_files(uuids: Sequence[str]) -> dict[str, int]:
    """Return the primary keys of the phonon files of structures.

    Densities of states count where they were imported, and there are no files; those that jobs made do not.

    :param uuids: UUIDs of structures.
    :returns: by UUID the node that holds their files, the oldest where there are several; others are left out.
    """
    found: dict[str, int] = {}
    for kinds, more in ((list(_FILES), {}), ([PhononDosData], {'attributes': {'has_key': 'source'}})):
        for start in range(0, len(uuids), _CHUNK):
            query = orm.QueryBuilder().append(
                kinds,
                filters={f'attributes.{STRUCTURE_UUID}': {'in': list(uuids[start : start + _CHUNK])}, **more},
                project=['id', f'attributes.{STRUCTURE_UUID}'],
                tag='file',
            )
            query.order_by({'file': 'id'})
            for pk, uuid in query.all():
                found.setdefault(str(uuid), int(pk))
    return found
