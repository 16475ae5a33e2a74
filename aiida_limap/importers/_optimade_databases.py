"""OPTIMADE databases: found by the name of their provider or by address, asked through the OPTIMADE client."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from aiida_limap.importers._entries import ImporterError
from aiida_limap.importers._optimade_pages import Connection
from aiida_limap.importers._optimade_session import AnswerError, RefusedError, patient_session

__all__ = ['Database', 'base_urls_of_provider', 'check_filter', 'normal_base_url', 'open_database']

_OWN_LICENCE = re.compile(r'_[a-z0-9]+_licen[cs]e(_id|_url)?')
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
    """

    base_url: str
    name: str
    provider: str
    api_version: str
    licence: str = ''
    licence_fields: tuple[str, ...] = ()


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
        reason = (
            error.__cause__ if isinstance(error.__cause__, AnswerError) else f'{index} does not list them as it must'
        )
        raise ImporterError(f'the databases of the provider {provider} cannot be listed: {reason}') from error
    urls = {str(link.id): normal_base_url(_link(link.attributes.base_url)) for link in links}
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


def open_database(connection: Connection) -> Database:
    """Ask a server who it is.

    :param connection: a way to it.
    :raises ImporterError: if no OPTIMADE database of structures answers there.
    """
    url = connection.base_url
    try:
        info = connection.get('info')
        attributes = _mapping(_mapping(info.data).get('attributes'))
        if attributes.get('is_index'):
            raise ImporterError(
                f'{url} is an index of databases and holds no structures itself: give the base URL of one of them '
                f'({_children(connection)})'
            )
        own_fields = _licence_fields(connection)
    except AnswerError as error:
        hint = '; give its base URL, the part of the address before /v1' if isinstance(error, RefusedError) else ''
        raise ImporterError(f'no OPTIMADE database can be read at {url}: {error}{hint}') from error
    provider = _mapping(info.meta.get('provider'))
    database = _mapping(info.meta.get('database'))
    names = [str(about['name']) for about in (provider, database) if about.get('name')]
    return Database(
        base_url=url,
        name=', '.join(dict.fromkeys(names)) or urlsplit(url).netloc,
        provider=str(provider.get('prefix') or ''),
        api_version=str(attributes.get('api_version') or info.meta.get('api_version') or ''),
        licence=_licence(attributes),
        licence_fields=own_fields,
    )


def _licence(attributes: Mapping[str, Any]) -> str:
    """Return the licence of the entries from the attributes of the endpoint ``info``."""
    choices = [
        str(identifier)
        for key in ('available_licenses', 'available_licenses_for_entries')
        for identifier in attributes.get(key) or []
    ]
    if choices:
        # Several of them are for the user to choose from, as in an SPDX expression.
        return ' OR '.join(dict.fromkeys(choices))
    return _address(attributes.get('license'))


def _licence_fields(connection: Connection) -> tuple[str, ...]:
    """Return the fields of the provider that hold the licence of a single structure."""
    try:
        data = _mapping(connection.get('info/structures').data)
    except RefusedError:
        # Some servers lack this endpoint, although it is mandatory; they can still be asked for structures.
        return ()
    properties = _mapping(data.get('properties') or _mapping(data.get('attributes')).get('properties'))
    return tuple(sorted(name for name in properties if _OWN_LICENCE.fullmatch(str(name))))


def _children(connection: Connection) -> str:
    try:
        data = connection.get('links').data
    except AnswerError:
        data = []
    links = [_mapping(_mapping(entry).get('attributes')) for entry in data]
    urls = [_address(link.get('base_url')) for link in links if link.get('link_type') == 'child']
    return ', '.join(dict.fromkeys(normal_base_url(url) for url in urls if url)) or 'it does not name any'


def _link(link: Any) -> str:
    """Return the address of a link as the models of the client hold it."""
    return str(getattr(link, 'href', link))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _address(link: Any) -> str:
    """Return the address of a link of JSON API: a text, or an object with ``href``."""
    return str(_mapping(link).get('href') or '') if isinstance(link, Mapping) else str(link or '')
