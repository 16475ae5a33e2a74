"""Requests to an OPTIMADE server that outlast its bad moments, and end in an OPTIMADE answer or in one sentence."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, ClassVar

import requests

__all__ = ['AnswerError', 'PatientSession', 'RefusedError', 'patient_session']

#: How often a request is tried, and the first of the waits between (each is twice the one before).
ATTEMPTS = 6
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
#: A server that has not answered once is more likely a wrong address than one in trouble.
_ATTEMPTS_AT_FIRST = 3
_BUSY = {429: 'asks to wait', 500: 'has an error', 502: 'is not there', 503: 'is overloaded', 504: 'is not there'}


class AnswerError(requests.exceptions.ConnectionError):
    """A request did not end in an OPTIMADE answer; the message is a sentence that names the address.

    It is a connection error of ``requests``, since the helpers of the client expect these where a server is away.
    """


class RefusedError(AnswerError):
    """The server answers, but not with what it was asked for: asking again would change nothing."""


class _PassingError(Exception):
    """Something that may pass: the request is worth another try.

    :param reason: what is wrong, to follow the address in a sentence.
    :param wait_s: how long the server asks to wait.
    :param answered: whether there is a server at all.
    """

    def __init__(self, reason: str, *, wait_s: float = 0.0, answered: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s
        self.answered = answered


class PatientSession(requests.Session):
    """A session whose ``get`` returns an answer with an OPTIMADE document or raises :class:`AnswerError`.

    The client makes a new session for each request: what must be remembered between them stands in the class.
    """

    #: Called with a sentence before each wait.
    on_message: ClassVar[Callable[[str], None] | None] = None
    #: Whether the server was ever reached.
    reached: ClassVar[bool] = False
    #: Why the last request failed; the client keeps no more of an error than its text.
    failure: ClassVar[AnswerError | None] = None

    def get(self, url: str | bytes, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """Get a document.

        :param url: its address.
        :param kwargs: as for ``requests``.
        :raises AnswerError: if there is none after all tries.
        """
        kind = type(self)
        kind.failure = None
        try:
            return self._get_patiently(str(url), kwargs)
        except AnswerError as error:
            kind.failure = error
            raise

    def _get_patiently(self, url: str, kwargs: dict[str, Any]) -> requests.Response:
        kind = type(self)
        attempt = 0
        while True:
            attempt += 1
            try:
                response = _ask(super().get, url, kwargs)
                kind.reached = True
                return response
            except _PassingError as trouble:
                kind.reached = kind.reached or trouble.answered
                if attempt >= (ATTEMPTS if kind.reached else _ATTEMPTS_AT_FIRST):
                    raise AnswerError(f'{_short(url)} {trouble.reason} (after {attempt} tries)') from trouble
                wait_s = min(max(FIRST_WAIT_S * 2 ** (attempt - 1), trouble.wait_s), LONGEST_WAIT_S)
                if kind.on_message is not None:
                    kind.on_message(f'{_short(url)} {trouble.reason}; trying again in {wait_s:g} s')
                time.sleep(wait_s)


def patient_session(on_message: Callable[[str], None] | None = None) -> type[PatientSession]:
    """Return a class of sessions for the client that tries again after 429, errors of the server and cut connections.

    The client itself would ask for ever after an answer 429, and give up at the first cut connection; the retries of
    urllib3 do not reach a body that ends early.

    :param on_message: called with a sentence before each wait.
    :returns: the class, one for each server.
    """
    words = {'on_message': None if on_message is None else staticmethod(on_message)}
    return type('PatientSession', (PatientSession,), words)


def _ask(get: Callable[..., requests.Response], url: str, kwargs: dict[str, Any]) -> requests.Response:
    where = _short(url)
    try:
        response = get(url, **kwargs)
    except requests.exceptions.SSLError as error:
        raise AnswerError(f'{where} has no certificate that this machine trusts') from error
    except requests.exceptions.Timeout as error:
        raise _PassingError('does not answer in time') from error
    except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise _PassingError(_what_broke(error)) from error
    except requests.exceptions.RequestException as error:
        raise AnswerError(f'{where} cannot be asked: {error}') from error
    if response.status_code in _BUSY:
        reason = f'{_BUSY[response.status_code]} (answer {response.status_code})'
        raise _PassingError(reason, wait_s=_retry_after_s(response), answered=True)
    _check(response, where)
    return response


def _check(response: requests.Response, where: str) -> None:
    """Refuse what is no OPTIMADE document; the client would trip over it with an error that explains nothing.

    :raises AnswerError: with a sentence.
    """
    try:
        document = response.json()
    except requests.exceptions.JSONDecodeError:
        document = None
    if response.status_code != 200:
        raise RefusedError(f'{where} refuses the request (answer {response.status_code}): {_details(document)}')
    if document is None:
        kind = response.headers.get('content-type', '').partition(';')[0] or 'something else'
        raise RefusedError(f'{where} answers with {kind} instead of OPTIMADE JSON')
    if not isinstance(document, dict) or not isinstance(document.get('meta'), dict) or document.get('data') is None:
        raise RefusedError(f'{where} answers with JSON that is no OPTIMADE document (it has no "meta" and "data")')


def _details(document: Any) -> str:
    errors = document.get('errors') if isinstance(document, dict) else None
    texts = [str(error.get('detail') or error.get('title')) for error in errors or [] if isinstance(error, dict)]
    return '; '.join(' '.join(text.split()) for text in texts)[:500] or 'it gives no reason'


def _what_broke(error: Exception) -> str:
    text = str(error)
    if 'NameResolution' in text or 'resolve' in text:
        return 'cannot be found: no server has that name, or this machine has no network'
    if 'refused' in text:
        return 'cannot be reached: nothing listens there'
    if 'IncompleteRead' in text or 'aborted' in text or 'reset' in text:
        return 'cut the connection'
    return 'cannot be reached'


def _retry_after_s(response: requests.Response) -> float:
    """Return the seconds of the header ``Retry-After``, which holds a number or a date; 0 where there is none."""
    value = response.headers.get('retry-after', '').strip()
    if value.replace('.', '', 1).isdigit():
        return float(value)
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(value) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _short(url: str) -> str:
    """Return an address without its query, which may be long."""
    return url.partition('?')[0]
