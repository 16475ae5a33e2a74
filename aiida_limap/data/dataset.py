"""``limap.dataset``: which structures, in which order, chosen by what."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from aiida.common.exceptions import ValidationError
from aiida.orm import Data

from aiida_limap.data._columns import plain_json, verify_checksum
from aiida_limap.formats._files import checksum

__all__ = ['DatasetData']

SCHEMA = 'limap.dataset'
SCHEMA_VERSION = 1


class DatasetData(Data):
    """An immutable, ordered list of structures, so that a work chain of 100 000 structures has one input.

    Attributes (queryable): ``name``, ``number_of_structures``, ``filter``, ``checksum``. The list itself is the file
    ``dataset.json`` in the repository of the node; beside it stands ``import_report.json`` where an importer made the
    dataset: what was refused and why, licences, what to cite.

    :param name: a short name for people, e.g. ``lithium oxides``.
    :param structures: for each structure the UUID of its node and its identifier at the source (empty if it has none).
    :param filter: what chose the structures, e.g. the query to the database; plain values.
    :param report: what the importer has to say; plain values.
    :raises ValueError: if the name is empty, a UUID is none or is repeated, or filter or report hold no plain values.
    """

    FILE = 'dataset.json'
    REPORT_FILE = 'import_report.json'
    _loaded: dict[str, Any] | None = None

    def __init__(
        self,
        name: str | None = None,
        structures: Iterable[tuple[str, str]] | None = None,
        filter: Mapping[str, Any] | None = None,
        report: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(name, str) or not name.strip():
            raise ValueError('a dataset needs a name')
        entries = _checked_entries(structures)
        chosen_by = plain_json('the filter of a dataset', dict(filter or {}))
        document = {
            'schema': SCHEMA,
            'schema_version': SCHEMA_VERSION,
            'name': name,
            'filter': chosen_by,
            'structures': [{'uuid': uuid, 'source_id': source_id} for uuid, source_id in entries],
        }
        self.base.attributes.set_many(
            {
                'name': name,
                'number_of_structures': len(entries),
                'filter': chosen_by,
                'checksum': _digest(entries),
            }
        )
        self.base.repository.put_object_from_bytes(json.dumps(document, indent=1).encode(), self.FILE)
        if report is not None:
            text = json.dumps(plain_json('the report of a dataset', dict(report)), indent=1, ensure_ascii=False)
            self.base.repository.put_object_from_bytes(text.encode(), self.REPORT_FILE)

    def _validate(self) -> None:
        super()._validate()
        try:
            entries = _checked_entries(zip(self.structure_uuids, self.source_ids, strict=True))
        except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
            raise ValidationError(f'{self.FILE} of the dataset is missing or damaged: {error}') from error
        if len(entries) != len(self):
            raise ValidationError(f'{self.FILE} lists {len(entries)} structures, the attributes say {len(self)}')
        verify_checksum(self, _digest(entries))

    def __len__(self) -> int:
        return int(self.base.attributes.get('number_of_structures'))

    def __str__(self) -> str:
        return f'{super().__str__()} "{self.name}", {len(self)} structures'

    @property
    def _document(self) -> dict[str, Any]:
        if self._loaded is None:
            self._loaded = json.loads(self.base.repository.get_object_content(self.FILE, mode='rb'))
        return self._loaded

    @property
    def name(self) -> str:
        """The name of the dataset."""
        return str(self.base.attributes.get('name'))

    @property
    def structure_uuids(self) -> list[str]:
        """UUID of each structure node, in the order of the dataset."""
        return [entry['uuid'] for entry in self._document['structures']]

    @property
    def source_ids(self) -> list[str]:
        """Identifier of each structure at its source, empty where it has none."""
        return [entry['source_id'] for entry in self._document['structures']]

    @property
    def filter(self) -> dict[str, Any]:
        """What chose the structures."""
        return dict(self.base.attributes.get('filter'))

    @property
    def report(self) -> dict[str, Any] | None:
        """What the importer had to say: refusals with reasons, licences, what to cite; None without an importer."""
        try:
            content = self.base.repository.get_object_content(self.REPORT_FILE, mode='rb')
        except FileNotFoundError:
            return None
        return dict(json.loads(content))

    @property
    def checksum(self) -> str:
        """SHA-256 of the ordered UUIDs and source identifiers."""
        return str(self.base.attributes.get('checksum'))

    def source_id(self, uuid: str) -> str:
        """Return the identifier of one structure at its source.

        :param uuid: UUID of the structure node.
        :returns: the identifier, empty if it has none.
        :raises KeyError: if the dataset does not hold the structure.
        """
        for entry in self._document['structures']:
            if entry['uuid'] == uuid:
                return str(entry['source_id'])
        raise KeyError(f'the dataset {self.name!r} does not hold the structure {uuid}')


def _checked_entries(structures: Iterable[tuple[str, str]] | None) -> list[tuple[str, str]]:
    if structures is None:
        raise ValueError('a dataset needs structures: pairs of the UUID of a node and its identifier at the source')
    entries: list[tuple[str, str]] = []
    seen: set[str] = set()
    for entry in structures:
        if isinstance(entry, str) or len(entry) != 2:
            raise ValueError(f'each structure is a pair of UUID and source identifier, not {entry!r}')
        uuid, source_id = entry
        try:
            uuid = str(UUID(uuid))
        except (ValueError, AttributeError, TypeError) as error:
            raise ValueError(f'{uuid!r} is not the UUID of a structure node') from error
        if uuid in seen:
            raise ValueError(f'the structure {uuid} stands in the dataset twice')
        seen.add(uuid)
        entries.append((uuid, '' if source_id is None else str(source_id)))
    return entries


def _digest(entries: list[tuple[str, str]]) -> str:
    return checksum(*(part.encode() for entry in entries for part in entry))
