"""OPTIMADE databases: found by the name of their provider or by address, asked through the OPTIMADE client."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from aiida_limap.importers._entries import ImporterError
from aiida_limap.importers._optimade_session import AnswerError, RefusedError, patient_session

__all__ = ['Database', 'base_urls_of_provider', 'check_filter', 'normal_base_url', 'open_database', 'pages']

#: Many servers give 10 or 20 entries to a page unless asked.
PAGE_LIMIT = 100
_READ_TIMEOUT_S = 120.0
_OWN_LICENCE = re.compile(r'_[a-z0-9]+_licen[cs]e(_id|_url)?')
_FIELDS = (
    'immutable_id',
    'last_modified',
    'chemical_formula_reduced',
    'dimension_types',
    'nperiodic_dimensions',
    'lattice_vectors',
    'cartesian_site_positions',
    'nsites',
    'species',
    'species_at_sites',
    'assemblies',
    'structure_features',
)

OnMessage = Callable[[str], None] | None


@dataclass(frozen=True)
class Database:
    """An OPTIMADE database.

    :param base_url: its address, without the version.
    :param name: name of the provider, and of the database where the provider has several and names this one.
    :param provider: short name (prefix) of the provider.
    :param api_version: version of OPTIMADE that it speaks.
    :param licence: licence of its entries: SPDX identifiers or the address of a text; empty where it states none.
    :param licence_fields: names of its own fields that hold the licence of a single entry.
    :param on_message: called with a sentence when something has to be tried again.
    """

    base_url: str
    name: str
    provider: str
    api_version: str
    licence: str = ''
    licence_fields: tuple[str, ...] = ()
    on_message: OnMessage = field(default=None, compare=False)

    @property
    def fields(self) -> list[str]:
        """The fields of an entry that are asked for."""
        return [*_FIELDS, *self.licence_fields]


@dataclass(frozen=True)
class Page:
    """One page of an answer.

    :param entries: the entries.
    :param total: number of entries of the whole answer, or None where the server does not say.
    :param next_url: address of the next page, or None.
    """

    entries: Sequence[Mapping[str, Any]]
    total: int | None
    next_url: str | None


def check_filter(text: str) -> None:
    """Refuse a filter that is no OPTIMADE, before any server is asked.

    :param text: the filter.
    :raises ImporterError: if it does not parse, with the place where it goes wrong.
    """
    from optimade.exceptions import BadRequest
    from optimade.filterparser import LarkParser, ParserError

    if not text.strip():
        raise ImporterError('the filter is empty: give one such as \'elements HAS ALL "Li","O" AND nelements=3\'')
    try:
        LarkParser().parse(text)
    except (BadRequest, ParserError) as error:
        column = re.search(r'at line \d+,? col(?:umn)? (\d+)', str(error))
        place = int(column.group(1)) - 1 if column else len(text.rstrip())
        rest = text[place:].strip()
        where = f'from {rest!r} on' if rest else 'at its end'
        raise ImporterError(
            f'the filter {text!r} is not OPTIMADE {where}; a filter reads like '
            '\'elements HAS ALL "Li","O" AND nelements=3\', with words in double quotes'
        ) from error


def normal_base_url(url: str) -> str:
    """Return the base URL that the client wants: without version, endpoint, query and slash at the end.

    :param url: an address as people copy it, e.g. with ``/v1/structures`` at its end.
    :raises ImporterError: if it is no address of a server.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in {'http', 'https'} or not parts.netloc:
        raise ImporterError(
            f'{url!r} is not the address of an OPTIMADE server: it must start with https:// or http://, e.g. '
            'https://optimade.materialsproject.org'
        )
    path = re.sub(r'/v\d+(\.\d+)*(/(structures|info|links|references).*)?/*$', '', parts.path.rstrip('/'))
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip('/'), '', ''))


def base_urls_of_provider(provider: str, database: str | None = None, on_message: OnMessage = None) -> list[str]:
    """Return the base URLs of the databases of a provider, from the list that the OPTIMADE consortium keeps.

    :param provider: its short name, e.g. ``mp``, ``oqmd``, ``alexandria``.
    :param database: identifier of one of its databases; None for all that let themselves be asked together.
    :param on_message: called with a sentence when something has to be tried again.
    :raises ImporterError: if the list cannot be reached, or has no such provider or database.
    """
    from optimade.utils import get_child_database_links, get_providers

    session = patient_session(on_message)()
    try:
        providers = {entry['id']: entry for entry in get_providers(session=session)}
    except ImportError:
        # Where no list can be reached, the client looks for a copy in parts of the package that need not be there.
        providers = {}
    if not providers:
        raise ImporterError(
            'the list of OPTIMADE providers cannot be reached: try again when there is a network, or name the base URL '
            'of the database with --url'
        )
    if provider not in providers or not providers[provider].get('base_url'):
        raise ImporterError(_no_provider(provider, providers))
    index = str(providers[provider]['base_url'])
    try:
        links = get_child_database_links(dict(providers[provider]), obey_aggregate=database is None, session=session)
    except (RuntimeError, AnswerError) as error:
        reason = error.__cause__ if isinstance(error.__cause__, AnswerError) else f'{index} does not list them as it must'
        raise ImporterError(f'the databases of the provider {provider} cannot be listed: {reason}') from error
    urls = {str(link.id): normal_base_url(str(link.attributes.base_url)) for link in links}
    if not urls:
        raise ImporterError(f'the provider {provider} lists no database of structures at the moment ({index})')
    if database is None:
        return list(dict.fromkeys(urls.values()))
    if database not in urls:
        raise ImporterError(f'the provider {provider} has no database {database!r}; it has {", ".join(sorted(urls))}')
    return [urls[database]]


def _no_provider(provider: str, providers: Mapping[str, Mapping[str, Any]]) -> str:
    served = sorted(name for name, entry in providers.items() if entry.get('base_url'))
    if provider in providers:
        return f'the provider {provider} serves no database at the moment; those that do: {", ".join(served)}'
    close = difflib.get_close_matches(provider.lower(), served, n=1)
    hint = f' (did you mean {close[0]}?)' if close else ''
    return f'no OPTIMADE provider is called {provider!r}{hint}; there are {", ".join(served)}'


def open_database(base_url: str, on_message: OnMessage = None) -> Database:
    """Ask a server who it is.

    :param base_url: its base URL.
    :param on_message: called with a sentence when something has to be tried again.
    :raises ImporterError: if no OPTIMADE database of structures answers there.
    """
    unknown = Database(base_url, base_url, '', '', on_message=on_message)
    try:
        info = _get(unknown, 'info')
    except AnswerError as error:
        raise ImporterError(f'no OPTIMADE database answers at {base_url}: {error}') from error
    attributes = _mapping(_mapping(info.data).get('attributes'))
    if attributes.get('is_index'):
        raise ImporterError(
            f'{base_url} is an index of databases and holds no structures itself; give the base URL of one of them: '
            f'{_children(unknown)}'
        )
    about = _mapping(info.meta.get('provider'))
    database = _mapping(info.meta.get('database'))
    names = [str(name) for name in (about.get('name'), database.get('name')) if name]
    return Database(
        base_url=base_url,
        name=', '.join(dict.fromkeys(names)) or urlsplit(base_url).netloc,
        provider=str(about.get('prefix') or ''),
        api_version=str(attributes.get('api_version') or info.meta.get('api_version') or ''),
        licence=_licence(attributes),
        licence_fields=_licence_fields(unknown),
        on_message=on_message,
    )


def pages(database: Database, filter_text: str, *, fields: Sequence[str], page_limit: int | None) -> Iterator[Page]:
    """Ask for structures page by page.

    :param database: the database.
    :param filter_text: the filter.
    :param fields: the fields that are asked for.
    :param page_limit: entries per page; None lets the server choose where it refuses :data:`PAGE_LIMIT`.
    :raises AnswerError: if a page cannot be had, or the links between them run in a circle.
    """
    page = _first_page(database, filter_text, fields, page_limit)
    seen: set[str] = set()
    while True:
        yield page
        if page.next_url is None or not page.entries:
            return
        if page.next_url in seen:
            raise AnswerError(f'{database.base_url} links from a page back to one before: it never comes to an end')
        seen.add(page.next_url)
        page = page_at(database, page.next_url)


def page_at(database: Database, url: str, fields: Sequence[str] | None = None) -> Page:
    """Return one page by its address.

    :param database: the database.
    :param url: the address, as the page before gave it.
    :param fields: other fields to ask for than those in the address.
    :raises AnswerError: if it cannot be had.
    """
    if fields is not None:
        parts = urlsplit(url)
        query = {**dict(parse_qsl(parts.query)), 'response_fields': ','.join(fields)}
        url = urlunsplit(parts._replace(query=urlencode(query)))
    return _page(_get(database, 'structures', override_url=url))


def _first_page(database: Database, filter_text: str, fields: Sequence[str], page_limit: int | None) -> Page:
    # The client writes the filter into the address as it is, so that & or + in it would end it.
    words: dict[str, Any] = {'filter': quote(filter_text, safe=''), 'response_fields': list(fields)}
    try:
        return _page(_get(database, 'structures', page_limit=page_limit or PAGE_LIMIT, **words))
    except RefusedError:
        # A server must refuse a page that is longer than it likes, whatever is wrong otherwise shows again.
        if page_limit is not None:
            raise
        return _page(_get(database, 'structures', **words))


def _page(results: Any) -> Page:
    link = results.links.get('next')
    if isinstance(link, dict):
        link = link.get('href')
    total = results.meta.get('data_returned')
    entries = [entry for entry in results.data if isinstance(entry, dict) and entry.get('id') is not None]
    return Page(entries, total if isinstance(total, int) else None, str(link) if link else None)


def _get(database: Database, endpoint: str, *, filter: str = '', **words: Any) -> Any:
    """Return one answer as the ``QueryResults`` of the client.

    One page at a time, so that structures can be stored while the next ones are on their way, and memory does not grow:
    left to itself the client returns when it has all pages, and drops them all when the last one fails.

    :raises AnswerError: if there is no answer.
    """
    from optimade.client import OptimadeClient

    failures: list[AnswerError] = []

    class Session(patient_session(database.on_message)):  # type: ignore[misc]
        # The client turns every error into a text among its results; the error itself says more.
        def get(self, url: str, **kwargs: Any) -> Any:
            try:
                return super().get(url, **kwargs)
            except AnswerError as error:
                failures.append(error)
                raise

    client = OptimadeClient(base_urls=[database.base_url], use_async=False, silent=True, http_client=Session)
    client.http_timeout = _timeout()
    results = client.get_one(endpoint, filter, database.base_url, paginate=False, **words)[database.base_url]
    if failures:
        raise failures[0]
    if not results.meta:
        raise AnswerError(f'{database.base_url} gave an answer that the OPTIMADE client does not understand: {results.errors}')
    return results
