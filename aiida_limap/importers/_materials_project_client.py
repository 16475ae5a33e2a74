"""What the Materials Project has: lists of entries, and their structures in batches, by its client mp-api."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiida_limap.importers._entries import Refusal
from aiida_limap.importers._materials_project_filter import MaterialsProjectFilter
from aiida_limap.importers._materials_project_session import Patience, Requests

__all__ = ['DOWNLOAD', 'Listed', 'MaterialsProject', 'plain_id']

#: The largest page that the server gives.
_PAGE = 1000
#: Entries per download: their ids must fit into an address, and an answer (1 MB) into the timeout.
DOWNLOAD = 100
_FIELDS = (
    'material_id',
    'structure',
    'last_updated',
    'builder_meta',
    'energy_above_hull',
    'formation_energy_per_atom',
    'band_gap',
    'is_stable',
    'theoretical',
)


@dataclass(frozen=True)
class Listed:
    """An entry of the database without its structure.

    :param id: its id in the common form.
    :param asked_as: its id as the server wrote it.
    :param last_updated: when it was computed last.
    :param document: the other fields that were asked for.
    """

    id: str
    asked_as: str
    last_updated: str
    document: Mapping[str, Any] = field(default_factory=dict)


def plain_id(text: str) -> str | None:
    """Return an id in the form that people know (``mp-149``), or None where the text is no id of a material.

    The database goes over to ids in letters, of which each number has one: ``mp-149`` may be written ``mp-aaaaaaft``.

    :param text: an id.
    """
    from emmet.core.mpid import AlphaID

    if not re.fullmatch(r'[a-z]+-([0-9]+|[a-z]+)', text):
        return None
    return str(AlphaID(text).string)


class MaterialsProject:
    """The database behind mp-api.

    :param patience: how long to wait for answers.
    :param on_wait: called with a sentence before each wait.
    :raises ImporterError: if there is no key, or the database does not answer.
    """

    #: Further fields of the entries of a list.
    FURTHER: tuple[str, ...] = ()
    #: What must hold of the entries of a list beyond the filter, as arguments of the search; not where ids are named.
    NARROWED: Mapping[str, Any] = {}

    def __init__(self, patience: Patience | None = None, on_wait: Callable[[str], None] | None = None) -> None:
        self._requests = Requests(patience or Patience(), on_wait)
        #: Version of the database, e.g. ``2025.09.25``.
        self.version = self._requests.heartbeat()
        self.client = self._requests.make_client()
        self._search = self._requests.ask(lambda: self.client.materials.summary.search)

    def list_entries(self, chosen: MaterialsProjectFilter) -> tuple[list[Listed], list[Refusal]]:
        """Return what there is for a filter, without structures.

        :param chosen: the filter.
        :returns: the entries by id, or in the order of the ids that were asked for; and refusals of ids.
        :raises DatabaseError: if the database does not answer.
        """
        if chosen.ids:
            return self._list_ids(chosen)
        found: dict[str, Listed] = {}
        # A page is asked for at a time, so that a failure late in a long list does not begin it again.
        for page in self._pages(chosen):
            found.update((entry.id, entry) for entry in page)
            if chosen.limit is not None and len(found) >= chosen.limit:
                break
        return list(found.values())[: chosen.limit], []

    def download(self, entries: Sequence[Listed]) -> dict[str, dict[str, Any]]:
        """Return the documents of entries with their structures, by id; what is not delivered is missing.

        :param entries: at most :data:`DOWNLOAD` of them.
        :raises DatabaseError: if the database does not answer.
        """
        if not entries:
            return {}
        asked = [entry.asked_as for entry in entries]
        documents = self._requests.ask(
            lambda: self._search(
                material_ids=asked, deprecated=False, fields=list(_FIELDS), chunk_size=len(asked), num_chunks=1
            )
        )
        return {_id_of(document): document for document in documents}

    def _pages(self, chosen: MaterialsProjectFilter) -> Iterator[list[Listed]]:
        size = min(_PAGE, chosen.limit or _PAGE)
        number = 0
        while True:
            number += 1
            documents = self._requests.ask(
                partial(
                    self._search,
                    **chosen.criteria(),
                    **self.NARROWED,
                    deprecated=False,
                    fields=['material_id', 'last_updated', *self.FURTHER],
                    chunk_size=size,
                    num_chunks=1,
                    _page=number,
                    _sort_fields='material_id',
                )
            )
            yield [_listed(document) for document in documents]
            if len(documents) < size:
                return

    def _list_ids(self, chosen: MaterialsProjectFilter) -> tuple[list[Listed], list[Refusal]]:
        plain = {identifier: plain_id(identifier) for identifier in chosen.ids}
        refused = [
            Refusal(identifier, 'it is no id of the Materials Project; they look like mp-10499')
            for identifier, known in plain.items()
            if known is None
        ]
        wanted = list(dict.fromkeys(known for known in plain.values() if known is not None))[: chosen.limit]
        found: dict[str, Listed] = {}
        for batch in _batches(wanted):
            for document in self._search_ids(batch, **chosen.criteria(), deprecated=False):
                found[_id_of(document)] = _listed(document)
        refused += self._refuse_ids([known for known in wanted if known not in found], chosen.narrows)
        return [found[known] for known in wanted if known in found], refused

    def _refuse_ids(self, missing: list[str], narrowed: bool) -> Iterator[Refusal]:
        deprecated = {}
        for batch in _batches(missing):
            for document in self._search_ids(batch, deprecated=True):
                deprecated[_id_of(document)] = ', '.join(map(str, document.get('deprecation_reasons') or []))
        for known in missing:
            if known in deprecated:
                reasons = f' ({deprecated[known]})' if deprecated[known] else ''
                yield Refusal(known, f'the Materials Project has deprecated it{reasons}')
            else:
                also = ', or it does not fit the rest of the filter' if narrowed else ''
                yield Refusal(known, f'the Materials Project has no such material{also}')

    def _search_ids(self, ids: Sequence[str], **criteria: Any) -> list[dict[str, Any]]:
        fields = ['material_id', 'last_updated', 'deprecation_reasons', *self.FURTHER]
        return self._requests.ask(
            lambda: self._search(material_ids=list(ids), **criteria, fields=fields, chunk_size=len(ids), num_chunks=1)
        )


def _id_of(document: dict[str, Any]) -> str:
    identifier = str(document['material_id'])
    return plain_id(identifier) or identifier


def _listed(document: dict[str, Any]) -> Listed:
    return Listed(_id_of(document), str(document['material_id']), str(document.get('last_updated') or ''), document)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), DOWNLOAD):
        yield ids[start : start + DOWNLOAD]
