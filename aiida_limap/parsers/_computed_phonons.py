"""What a job leaves of phonons that it computed of structures: forces, relaxed crystals, and whose they are."""

from __future__ import annotations

import io
import lzma
from collections.abc import Sequence
from pathlib import Path

from aiida import orm

from aiida_limap.common.conversion import node_from_record
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.force_files import FORCES_ENDING, FORCES_FOLDER, RELAXED_ENDING
from aiida_limap.formats.results import ItemResult
from aiida_limap.formats.structures import read_structures

__all__ = ['forces_and_crystal', 'has_forces', 'source_ids']

#: UUIDs per query; databases limit the number of values in one.
_CHUNK = 500


def source_ids(uuids: Sequence[str]) -> list[str]:
    """Return the identifiers of structures at their source; empty words where there is none.

    :param uuids: UUIDs of structures.
    """
    found: dict[str, str] = {}
    for start in range(0, len(uuids), _CHUNK):
        query = orm.QueryBuilder().append(
            orm.StructureData,
            filters={'uuid': {'in': list(uuids[start : start + _CHUNK])}},
            project=['uuid', 'attributes.source'],
        )
        found.update((uuid, str((source or {}).get('id') or '')) for uuid, source in query.all())
    return [found.get(uuid, '') for uuid in uuids]


def has_forces(item: ItemResult, directory: Path) -> bool:
    """Return whether a job left the forces of a compound.

    :param item: its row.
    :param directory: folder with the retrieved files.
    """
    return (directory / FORCES_FOLDER / f'{item.id}{FORCES_ENDING}').is_file()


def forces_and_crystal(item: ItemResult, directory: Path) -> tuple[orm.SinglefileData, orm.StructureData]:
    """Return the unstored nodes of the forces and of the relaxed crystal of a compound.

    The file of the forces does not name the structure as imported phonon files do: nobody who looks for those of a
    database is to be given computed ones.

    :param item: its row.
    :param directory: folder with the retrieved files.
    :raises FormatError: if they are missing or damaged.
    """
    folder = directory / FORCES_FOLDER
    crystals = read_structures(folder / f'{item.id}{RELAXED_ENDING}')
    if [record.id for record in crystals] != [item.id]:
        raise FormatError(f'the relaxed crystal of {item.id} is that of another structure')
    try:
        content = (folder / f'{item.id}{FORCES_ENDING}').read_bytes()
        lzma.decompress(content)
    except (OSError, lzma.LZMAError) as error:
        raise FormatError(f'the forces of {item.id} are missing or damaged: {error}') from error
    file = orm.SinglefileData(io.BytesIO(content), filename=f'{item.id}{FORCES_ENDING}')
    file.base.attributes.set('computed_for', item.id)
    file.base.attributes.set('calculator', str(item.values.get('calculator', '')))
    return file, node_from_record(crystals[0])
