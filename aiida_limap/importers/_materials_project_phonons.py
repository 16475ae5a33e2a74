"""Phonons of the Materials Project by its client: which materials have them, their crystals, densities of states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida_limap.importers._entries import ImporterError, Refusal
from aiida_limap.importers._materials_project_client import Listed, MaterialsProject

__all__ = ['METHODS', 'PhononProject', 'PhononTask', 'task_of']

#: Methods by which the phonons of the database were computed, those of the published set first.
METHODS = ('dfpt', 'phonopy', 'pheasy')
#: Where the client reads densities of states: files of the public store, not the interface.
_STORE = 'the store s3://materialsproject-parsed/phonon'
_FIELDS = ('identifier', 'phonon_method', 'structure', 'last_updated', 'code')
#: What the client says where the store holds no such density.
_NOTHING = 'No phonon dos data found'


@dataclass(frozen=True)
class PhononTask:
    """A computation of phonons.

    :param id: its identifier, in the form in which the store holds it.
    :param method: one of :data:`METHODS`.
    """

    id: str
    method: str


def task_of(entry: Listed, method: str | None = None) -> PhononTask | Refusal:
    """Return the computation whose phonons are taken: the first of the first method that the material has.

    :param entry: a material of the list.
    :param method: only this method.
    """
    known = entry.document.get('phonon_IDs') or {}
    by_method = {str(getattr(name, 'value', name)): list(ids or []) for name, ids in known.items()}
    for name in METHODS if method is None else (method,):
        if by_method.get(name):
            return PhononTask(_plain(by_method[name][0]), name)
    others = ', '.join(sorted(name for name, ids in by_method.items() if ids))
    if others:
        return Refusal(
            entry.id, f'the Materials Project has its phonons by {others}, not by {method or ", ".join(METHODS)}'
        )
    return Refusal(entry.id, 'the Materials Project has no phonons of it')


def _plain(identifier: object) -> str:
    """Return the identifier of a computation in letters; it is written as a number too, and with a prefix."""
    from emmet.core.mpid import AlphaID

    return str(AlphaID(str(identifier).rpartition('-')[2], padlen=8))


class PhononProject(MaterialsProject):
    """The phonons of the database behind mp-api; lists tell the computations of each material."""

    FURTHER = ('phonon_IDs', 'builder_meta')
    NARROWED = {'has_props': ['phonon']}  # noqa: RUF012
    _made: Any = None

    @property
    def _phonons(self) -> Any:
        """The part of the client for phonons; it asks for the heartbeat as it is made."""
        if self._made is None:
            self._made = self._requests.ask(lambda: self.client.materials.phonon)
            if not hasattr(self._made, 'get_dos_from_phonon_id'):
                raise ImporterError(
                    'phonons of the Materials Project need mp-api 0.46 or newer, which needs Python 3.11 or newer: '
                    'pip install -U mp-api'
                )
        return self._made

    def computations(self, tasks: Sequence[PhononTask]) -> dict[PhononTask, Mapping[str, Any]]:
        """Return the documents of computations, with their crystals; what is not delivered is missing.

        :param tasks: as many as an address holds, about a hundred.
        :raises DatabaseError: if the database does not answer.
        """
        if not tasks:
            return {}
        # The search of the client takes one method; the answers tell theirs.
        ids = list(dict.fromkeys(task.id for task in tasks))
        search = self._phonons.search
        size = len(ids) * len(METHODS)
        documents = self._requests.ask(
            lambda: search(identifiers=ids, fields=list(_FIELDS), chunk_size=size, num_chunks=1)
        )
        found = {}
        for document in documents:
            method = document.get('phonon_method')
            found[PhononTask(_plain(document['identifier']), str(getattr(method, 'value', method)))] = document
        return {task: found[task] for task in tasks if task in found}

    def density(self, task: PhononTask) -> Mapping[str, Any] | None:
        """Return the density of states of a computation as a mapping, or None where there is none.

        :param task: the computation.
        :raises DatabaseError: if the store does not answer.
        """
        from mp_api.client.core.exceptions import MPRestError

        get = self._phonons.get_dos_from_phonon_id

        def ask() -> Mapping[str, Any] | None:
            try:
                return dict(get(task.id, task.method))
            except MPRestError as error:
                if _NOTHING in str(error):
                    return None
                raise

        return self._requests.ask(ask, store=_STORE)
