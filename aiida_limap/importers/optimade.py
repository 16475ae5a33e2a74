"""Import structures from any OPTIMADE database, with any filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiida_limap.importers._known import ORDERED
from aiida_limap.importers._optimade_databases import (
    Database,
    base_urls_of_provider,
    check_filter,
    normal_base_url,
    open_database,
)
from aiida_limap.importers._optimade_entries import candidate, fields_of, last_modified
from aiida_limap.importers._optimade_pages import PAGE_LIMIT, Connection, Page
from aiida_limap.importers._optimade_session import AnswerError
from aiida_limap.importers.base import Candidate, ImporterError, ImportReport, Known, Refusal, store_dataset

__all__ = ['OptimadeChoice', 'import_optimade']

_CITATION = 'Andersen et al., OPTIMADE, an API for exchanging materials data, Sci. Data 8, 217 (2021)'


@dataclass(frozen=True)
class OptimadeChoice:
    """Which structures to import.

    :param filter: an OPTIMADE filter, e.g. ``elements HAS ALL "Li","O" AND nelements=3``.
    :param provider: short name of a provider in the list of OPTIMADE, e.g. ``mp``; or give ``url``.
    :param url: base URL of a database; or give ``provider``.
    :param database: identifier of one database of the provider; None for all.
    :param limit: at most this many entries.
    :param page_limit: entries per request; None for 100, or what the server likes if it refuses that.
    """

    filter: str
    provider: str | None = None
    url: str | None = None
    database: str | None = None
    limit: int | None = None
    page_limit: int | None = None

    def __post_init__(self) -> None:
        """Refuse a choice without exactly one place to ask, or with a filter that is no OPTIMADE.

        :raises ImporterError: with a sentence.
        """
        if (self.provider is None) == (self.url is None):
            raise ImporterError(
                'name either a provider (mp, oqmd, alexandria …) or the base URL of a database with --url'
            )
        if self.database is not None and self.provider is None:
            raise ImporterError('a database is one of a provider: give its base URL alone, or the provider too')
        check_filter(self.filter)

    @property
    def place(self) -> str:
        """The provider or address, for sentences and names."""
        return self.provider or str(self.url)

    @property
    def default_name(self) -> str:
        """Name of a dataset of these structures."""
        return f'optimade-{self.provider or urlsplit(str(self.url)).netloc.replace(":", "-") or "database"}'


def import_optimade(
    choice: OptimadeChoice,
    *,
    name: str | None = None,
    order: bool = False,
    on_start: Callable[[int], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> ImportReport:
    """Import what a filter finds in the databases of a provider, or in one database.

    Structures are stored while further pages are on their way, so that an import that was cut off goes on where it was
    when it is started again: what is stored with the same date of change is not downloaded again.

    :param choice: which structures.
    :param name: name of the dataset; None for one made of the provider or the server.
    :param order: put ordered structures in the place of disordered ones.
    :param on_start: called with the number of entries as soon as it is known, and again when it grows.
    :param on_progress: called with the number of entries handled since the last call.
    :param on_message: called with a sentence when a server makes the import wait.
    :returns: the report.
    :raises ImporterError: if nothing answers, or nothing matches.
    """
    if choice.url is not None:
        urls = [normal_base_url(choice.url)]
    else:
        urls = base_urls_of_provider(str(choice.provider), choice.database, on_message)
    chosen_by = {
        'importer': 'optimade',
        'provider': choice.provider,
        'databases': urls,
        'filter': choice.filter,
        'limit': choice.limit,
    }
    harvest = _Harvest(choice, urls, on_start, on_progress, on_message)
    return store_dataset(
        harvest.entries(),
        name=name or choice.default_name,
        chosen_by=chosen_by,
        order=order,
        citations=[_CITATION],
    )


@dataclass
class _Harvest:
    """The entries of all databases of a choice, one after the other."""

    choice: OptimadeChoice
    urls: list[str]
    on_start: Callable[[int], None] | None
    on_progress: Callable[[int], None] | None
    on_message: Callable[[str], None] | None
    _taken: int = field(default=0, init=False)
    _expected: int = field(default=0, init=False)

    def entries(self) -> Iterator[Candidate | Known | Refusal]:
        """Yield what the filter finds.

        :raises ImporterError: if the only database fails, all of them do, or nothing matches.
        """
        failures: list[Refusal] = []
        for url in self.urls:
            if self._left() == 0:
                break
            before = self._taken
            try:
                yield from self._of_database(url)
            except (AnswerError, ImporterError) as error:
                stopped = self._taken - before
                reason = str(error)
                if stopped:
                    reason += (
                        f'; it stopped after {stopped} entries: what was stored stays, and the same command goes on'
                    )
                if len(self.urls) == 1:
                    raise ImporterError(reason) from error
                failures.append(Refusal(url, reason))
        if not self._taken:
            reasons = '; '.join(failure.reason for failure in failures)
            raise ImporterError(
                reasons or f'no structure of {self.choice.place} matches the filter {self.choice.filter!r}'
            )
        yield from failures

    def _of_database(self, url: str) -> Iterator[Candidate | Known | Refusal]:
        connection = Connection(url, self.on_message)
        database = open_database(connection)
        stored = _stored_versions(url)
        # OPTIMADE has no list of what changed. Where nothing of this database is stored yet, the pages come whole; else
        # their identifiers and dates come first, and the whole page only where one of its entries is new.
        fields = ['last_modified'] if stored else fields_of(database)
        expected = self._expected
        for page in connection.pages(self.choice.filter, fields, self._page_limit()):
            if page.total is not None:
                self._expect(expected + page.total)
            handled = 0
            for entry in self._of_page(page, database, stored):
                handled += 1
                yield entry
            self._taken += handled
            if self.on_progress is not None:
                self.on_progress(handled)
            if self._left() == 0:
                return

    def _of_page(
        self, page: Page, database: Database, stored: dict[str, dict[str, str]]
    ) -> Iterator[Candidate | Known | Refusal]:
        entries = page.entries[: self._left()]
        known = {str(entry['id']): stored.get(str(entry['id']), {}).get(last_modified(entry)) for entry in entries}
        whole = {str(entry['id']): entry for entry in entries}
        if stored and not all(known.values()):
            whole = {str(entry['id']): entry for entry in page.again(fields_of(database)).entries}
        for identifier, uuid in known.items():
            if uuid is not None:
                yield Known(uuid, identifier)
            elif identifier in whole:
                yield candidate(whole[identifier], database)
            else:
                yield Refusal(identifier, 'the server listed it, but did not give it')

    def _left(self) -> int | None:
        return None if self.choice.limit is None else self.choice.limit - self._taken

    def _page_limit(self) -> int | None:
        if self.choice.page_limit is None and self.choice.limit is not None:
            return min(self.choice.limit, PAGE_LIMIT)
        return self.choice.page_limit

    def _expect(self, total: int) -> None:
        self._expected = total
        if self.on_start is not None:
            self.on_start(total if self.choice.limit is None else min(total, self.choice.limit))


def _stored_versions(base_url: str) -> dict[str, dict[str, str]]:
    """Return the UUIDs of the stored structures of a database by identifier and version.

    By its address, since databases of one provider may give the same identifier to different structures.
    """
    from aiida import orm

    query = orm.QueryBuilder().append(
        orm.StructureData, filters={'attributes.source.db_uri': base_url}, project=['uuid', 'attributes.source']
    )
    found: dict[str, dict[str, str]] = {}
    for uuid, source in query.all():
        if not (source.get('extras') or {}).get(ORDERED):
            found.setdefault(str(source['id']), {})[str(source.get('version') or '')] = uuid
    return found
