"""Requests to the Materials Project: the key, which is told to nobody else, and patience."""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from aiida_limap import __version__
from aiida_limap.importers._entries import ImporterError

__all__ = ['DatabaseError', 'Patience', 'Requests', 'counted', 'find_key']

R = TypeVar('R')

_WHERE_A_KEY_IS = 'https://next-gen.materialsproject.org/api shows yours once you are logged in'
_KEY_LENGTH = 32
_TIMEOUT_S = 20
_REFUSED, _TOO_MANY, _SERVER_ERROR = (401, 403), 429, 500


class DatabaseError(ImporterError):
    """The database does not give what was asked for; the message says why."""


@dataclass(frozen=True)
class Patience:
    """How often and how long to wait for an answer.

    :param attempts: requests until one is given up.
    :param first_wait_s: wait after the first failure, doubled after each further one (s).
    :param longest_wait_s: the longest that is waited, also where the server asks for more (s).
    """

    attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 300.0


@contextmanager
def counted(
    total: int, what: str, on_start: Callable[[int], None] | None, on_progress: Callable[[int], None] | None
) -> Iterator[Callable[[int], None]]:
    """Count what an import has handled, so that a lost connection can tell how far it came.

    :param total: number of all.
    :param what: what they are, for the message.
    :param on_start: called with that number.
    :param on_progress: called with the number handled since the last call.
    :returns: the function to call with that number.
    :raises ImporterError: if the database gives up in between.
    """
    handled = 0
    if on_start is not None:
        on_start(total)

    def count(steps: int) -> None:
        nonlocal handled
        handled += steps
        if on_progress is not None:
            on_progress(steps)

    try:
        yield count
    except DatabaseError as error:
        raise ImporterError(
            f'{error}; {handled} of {total} {what} were done until then, and the same command goes on from there'
        ) from error


def find_key() -> str:
    """Return the key of the user, found where mp-api looks for it.

    :raises ImporterError: if there is none, or it cannot be one.
    """
    from pymatgen.core import SETTINGS

    key = os.environ.get('MP_API_KEY') or SETTINGS.get('PMG_MAPI_KEY')
    if not key:
        raise ImporterError(
            f'the Materials Project wants a key: {_WHERE_A_KEY_IS}; set it with `export MP_API_KEY=...`, or keep it '
            'with `pmg config --add PMG_MAPI_KEY ...`'
        )
    if len(str(key)) != _KEY_LENGTH:
        raise ImporterError(
            f'the key of the Materials Project has {len(str(key))} characters where it should have {_KEY_LENGTH}: '
            f'{_WHERE_A_KEY_IS}'
        )
    return str(key)


def _faults(store: str) -> tuple[type[Exception], ...]:
    """Return what else the client raises where it reads from a store of files."""
    if not store:
        return ()
    from deltalake.exceptions import DeltaError

    return DeltaError, OSError


class Requests:
    """Requests with the key of the user, each tried again as long as that may help.

    The address is that of mp-api, which the variable ``MP_API_ENDPOINT`` replaces.

    :param patience: how long to wait for answers.
    :param on_wait: called with a sentence before each wait.
    :raises ImporterError: if there is no key.
    """

    def __init__(self, patience: Patience, on_wait: Callable[[str], None] | None = None) -> None:
        self._key = find_key()
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            from mp_api.client.core.utils import validate_endpoint
        # The client reads the variable when it is imported, which may be long ago.
        self._endpoint = validate_endpoint(os.environ.get('MP_API_ENDPOINT'))
        self._patience = patience
        self._on_wait = on_wait or (lambda sentence: None)
        self._answer: Any = None
        self.session = self._make_session()

    def make_client(self) -> Any:
        """Return the client, an ``mp_api.client.MPRester``.

        :raises DatabaseError: if the database does not answer.
        """

        # Documents are taken as they come: the client's models keep, of all documents of an answer, only the fields
        # that the first one has (a licence may be lost by that), and one damaged document would cost the whole answer.
        def make() -> Any:
            from mp_api.client import MPRester

            return MPRester(
                api_key=self._key,
                endpoint=self._endpoint,
                session=self.session,
                use_document_model=False,
                mute_progress_bars=True,
            )

        return self.ask(make)

    def _make_session(self) -> Any:
        """Return a session that tries nothing again by itself.

        The client's own session tries again thrice within a second, not at all after HTTP 500 or a body that breaks
        off, and sleeps for hours without a word where the server asks for it.
        """
        import requests

        session = requests.Session()
        session.headers.update({'x-api-key': self._key, 'user-agent': f'aiida-limap/{__version__} (mp-api)'})
        session.hooks['response'].append(self._keep)
        return session

    def _keep(self, response: Any, *arguments: Any, **options: Any) -> None:
        self._answer = response

    def heartbeat(self) -> str:
        """Return the version of the database, e.g. ``2025.09.25``.

        :raises DatabaseError: if the database does not answer.
        """
        return self.ask(self._heartbeat)

    def _heartbeat(self) -> str:
        # The client asks for it too, but waits for ever.
        response = self.session.get(f'{self._endpoint}heartbeat', timeout=_TIMEOUT_S)
        response.raise_for_status()
        document = response.json()
        if document.get('error'):
            raise DatabaseError(f'the Materials Project cannot be used now: {self._plain(document["error"])}')
        return str(document['db_version'])

    def ask(self, request: Callable[[], R], store: str = '') -> R:
        """Return the answer to a request, trying again as long as that may help.

        :param request: makes the request, by the client or the session.
        :param store: what the client reads files from, where it asks no server of the database; it needs no key, and
            its errors tell no more than their text.
        :raises DatabaseError: if there is none in the end, or another attempt is of no use.
        """
        from mp_api.client.core.exceptions import MPRestError
        from requests import RequestException

        attempt = 0
        while True:
            attempt += 1
            self._answer = None
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter('ignore')
                    return request()
            except (MPRestError, RequestException, KeyError, ValueError) as error:
                # Key and value errors: an answer that broke off without the connection noticing.
                failure = f'nothing from {store}: {self._short(error)}' if store else self._describe(error)
            except _faults(store) as error:
                failure = f'nothing from {store}: {self._short(error)}'
            if attempt >= self._patience.attempts:
                raise DatabaseError(
                    f'the Materials Project gave no answer after {attempt} attempts ({failure}); '
                    'https://status.materialsproject.org tells how it is'
                )
            self._wait(attempt, failure)

    def _describe(self, error: Exception) -> str:
        """Return in words what went wrong with a request, or raise where trying again is of no use."""
        detail = self._plain(error)
        if self._answer is None:
            if 'timed out' in detail.lower():
                return f'no answer from {self._endpoint} within {_TIMEOUT_S} s'
            cause = re.search(r"\[Errno -?\d+\] ([^'\"\])]+)", str(error))
            return f'no connection to {self._endpoint}: {cause.group(1).strip() if cause else detail}'
        status = self._answer.status_code
        if status in _REFUSED:
            raise DatabaseError(
                f'the Materials Project refuses the key (HTTP {status}): see whether MP_API_KEY or PMG_MAPI_KEY holds '
                f'it in full; {_WHERE_A_KEY_IS}'
            )
        if status == _TOO_MANY:
            return 'it asks for fewer requests, HTTP 429'
        if status >= _SERVER_ERROR:
            return f'HTTP {status}'
        if status >= 400:
            raise DatabaseError(
                f'the Materials Project does not take this query (HTTP {status}: {self._reason()}); a newer '
                'mp-api may be needed'
            )
        return 'its answer broke off'

    def _wait(self, attempt: int, failure: str) -> None:
        longest = self._patience.longest_wait_s
        asked = self._asked_wait()
        if asked is not None and asked > longest:
            raise DatabaseError(
                f'the Materials Project asks to come back in {asked:.0f} s ({failure}): repeat the command then'
            )
        seconds = min(self._patience.first_wait_s * 2 ** (attempt - 1), longest) if asked is None else asked
        self._on_wait(
            f'the Materials Project did not answer ({failure}): attempt {attempt + 1} of {self._patience.attempts} in '
            f'{seconds:g} s'
        )
        time.sleep(seconds)

    def _asked_wait(self) -> float | None:
        from urllib3.exceptions import InvalidHeader
        from urllib3.util.retry import Retry

        text = None if self._answer is None else self._answer.headers.get('Retry-After')
        if text is None:
            return None
        try:
            return float(Retry(retry_after_max=10**9).parse_retry_after(text))
        except InvalidHeader:
            return None

    def _reason(self) -> str:
        """Return what the server says of a refusal; the client keeps it to itself."""
        try:
            document = self._answer.json()
        except ValueError:
            document = None
        stated = document.get('detail') or document.get('message') if isinstance(document, dict) else None
        return self._plain(stated or self._answer.text)

    def _plain(self, error: object) -> str:
        """Return an error in one short line that cannot hold the key."""
        return self._short(str(error).rpartition('with message:\n')[2] or type(error).__name__)

    def _short(self, text: object) -> str:
        return re.sub(r'\s+', ' ', str(text).replace(self._key, '(key)'))[:200]
