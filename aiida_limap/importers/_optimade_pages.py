"""Pages of an OPTIMADE answer, one at a time, through the OPTIMADE client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from aiida_limap.importers._optimade_session import AnswerError, RefusedError, patient_session

if TYPE_CHECKING:
    from optimade.client.utils import QueryResults

__all__ = ['Connection', 'Page']

#: Entries per page; many servers give 10 or 20 unless asked.
PAGE_LIMIT = 100
_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Page:
    """One page of an answer.

    :param entries: the entries.
    :param total: number of entries of the whole answer, or None where the server does not say.
    :param next_url: address of the next page, or None.
    :param again: function that asks for the same page with other fields.
    """

    entries: Sequence[Mapping[str, Any]]
    total: int | None
    next_url: str | None
    again: Callable[[Sequence[str]], Page]


class Connection:
    """A way to one server through the OPTIMADE client, page by page.

    Structures can be stored while the next ones are on their way, and memory does not grow with their number: left to
    itself the client returns when it has all pages, and drops them all when the last one fails.

    :param base_url: base URL of the server, without the version.
    :param on_message: called with a sentence when something has to be tried again.
    """

    def __init__(self, base_url: str, on_message: Callable[[str], None] | None = None) -> None:
        from optimade.client import OptimadeClient

        self.base_url = base_url
        self._session = patient_session(on_message)
        self._client = OptimadeClient(
            base_urls=[base_url], use_async=False, silent=True, http_client=self._session, http_timeout=_TIMEOUT_S
        )
        # Being silent stops the bars of the client, but it goes on to print errors.
        self._client._progress.console.quiet = True

    def get(self, endpoint: str, **words: Any) -> QueryResults:
        """Return one answer.

        :param endpoint: e.g. ``info``.
        :param words: further arguments of ``OptimadeClient.get_one``.
        :raises AnswerError: if there is none.
        """
        words.setdefault('filter', '')
        results = self._client.get_one(endpoint, base_url=self.base_url, paginate=False, **words)[self.base_url]
        # Errors are among the results, as texts.
        if self._session.failure is not None:
            raise self._session.failure
        if not results.meta:
            reasons = '; '.join(str(error) for error in results.errors)[:300]
            raise AnswerError(
                f'{self.base_url} gives an answer that the OPTIMADE client does not understand: {reasons}'
            )
        return results

    def pages(self, filter_text: str, fields: Sequence[str], page_limit: int | None = None) -> Iterator[Page]:
        """Ask for structures page by page.

        :param filter_text: the filter.
        :param fields: the fields that are asked for.
        :param page_limit: entries per page; None for :data:`PAGE_LIMIT`, or what the server likes if it refuses that.
        :raises AnswerError: if a page cannot be had, or the links between them run in a circle.
        """
        page = self._first_page(filter_text, fields, page_limit)
        seen: set[str] = set()
        while True:
            yield page
            if page.next_url is None or not page.entries:
                return
            if page.next_url in seen:
                raise AnswerError(f'{self.base_url} links from a page back to one before: it never comes to an end')
            seen.add(page.next_url)
            page = self._page_at(page.next_url)

    def _first_page(self, filter_text: str, fields: Sequence[str], page_limit: int | None) -> Page:
        try:
            return self._first_page_of(filter_text, fields, page_limit or PAGE_LIMIT)
        except RefusedError:
            # A server refuses a page that is longer than it likes; whatever else may be wrong shows again.
            if page_limit is not None:
                raise
            return self._first_page_of(filter_text, fields, None)

    def _first_page_of(self, filter_text: str, fields: Sequence[str], page_limit: int | None) -> Page:
        results = self.get(
            'structures',
            # The client writes the filter into the address as it is, so that & or + in it would end it.
            filter=quote(filter_text, safe=''),
            response_fields=list(fields),
            page_limit=page_limit,
        )
        return _page(results, lambda others: self._first_page_of(filter_text, others, page_limit))

    def _page_at(self, url: str) -> Page:
        def again(others: Sequence[str]) -> Page:
            parts = urlsplit(url)
            query = {**dict(parse_qsl(parts.query)), 'response_fields': ','.join(others)}
            return self._page_at(urlunsplit(parts._replace(query=urlencode(query))))

        return _page(self.get('structures', override_url=url), again)


def _page(results: QueryResults, again: Callable[[Sequence[str]], Page]) -> Page:
    link = results.links.get('next')
    if isinstance(link, dict):
        link = link.get('href')
    total = results.meta.get('data_returned')
    entries = [entry for entry in results.data if isinstance(entry, dict) and entry.get('id') is not None]
    return Page(entries, total if isinstance(total, int) else None, str(link) if link else None, again)
