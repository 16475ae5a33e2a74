"""A small server on loopback that answers as the interface of the Materials Project does.

What it does was read from the client (mp-api) and from the public library below the real server: ``/heartbeat`` with
the version of the database, ``/materials/summary/`` with filters, ``_fields``, ``_limit``/``_skip`` and
``_page``/``_per_page`` (more than 1000 entries at once are refused with 400), ``/materials/phonon/`` by identifiers,
keys in the header ``x-api-key``.
Documents are built by the client's own model, so that they hold whatever it demands. Faults are dealt out one per
request.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

__all__ = ['KEY', 'Entry', 'Fault', 'MaterialsProjectServer', 'Phonons', 'misleading']

KEY = 'k0e1y2' * 5 + 'zz'
VERSION = '2026.04.13'
GNOME = 'gnome_r2scan_statics'
MAX_LIMIT = 1000
_PLAIN = {
    'deprecated',
    'theoretical',
    'material_ids',
    'elements',
    'exclude_elements',
    'chemsys',
    'formula',
    'has_props',
}
_RANGES = {'energy_above_hull_min', 'energy_above_hull_max', 'nsites_min', 'nsites_max'}
_PAGING = {'_fields', '_limit', '_skip', '_page', '_per_page', '_sort_fields', '_all_fields', 'batch_id_not_eq'}


@dataclass
class Entry:
    """An entry of the database; energies in eV per atom, the gap in eV."""

    material_id: str
    structure: Any
    energy_above_hull: float | None = 0.0
    formation_energy_per_atom: float | None = -2.0
    band_gap: float | None = 3.5
    theoretical: bool = False
    deprecated: bool = False
    license: str | None = 'BY-C'
    last_updated: str = '2025-06-01T12:00:00Z'
    #: Computations of phonons by method.
    phonon_ids: dict[str, list[str]] | None = None
    #: Replaces parts of the document, to send what the model would not let through.
    damage: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the document as JSON values, built by the client's model."""
        from emmet.core.summary import SummaryDoc

        document = SummaryDoc.from_structure(
            meta_structure=self.structure,
            material_id=self.material_id,
            energy_above_hull=self.energy_above_hull,
            formation_energy_per_atom=self.formation_energy_per_atom,
            band_gap=self.band_gap,
            is_stable=self.energy_above_hull == 0.0,
            theoretical=self.theoretical,
            deprecated=self.deprecated,
            deprecation_reasons=['E002'] if self.deprecated else None,
            last_updated=self.last_updated,
            phonon_IDs=self.phonon_ids,
            has_props={'phonon': bool(self.phonon_ids)},
            builder_meta={
                'license': self.license,
                'batch_id': GNOME if self.license == 'BY-NC' else None,
                'database_version': VERSION,
                'build_date': '2026-04-01T00:00:00Z',
            },
        ).model_dump(mode='json')
        # The model writes ids in letters; both forms are about.
        return {**document, 'material_id': self.material_id, **self.damage}


@dataclass
class Phonons:
    """A computation of phonons: what the interface tells of it, and the density that lies in the store."""

    identifier: str
    structure: Any
    density: dict[str, Any] | None
    method: str = 'dfpt'
    last_updated: str = '2025-05-01T12:00:00Z'

    def document(self) -> dict[str, Any]:
        """Return the document as JSON values, built by the client's model."""
        from emmet.core.phonon import PhononBSDOSTask

        return PhononBSDOSTask.from_structure(
            meta_structure=self.structure,
            structure=self.structure,
            identifier=self.identifier,
            phonon_method=self.method,
            last_updated=self.last_updated,
            code='abinit',
        ).model_dump(mode='json')

    def row(self) -> dict[str, Any]:
        """Return the row of the table of densities, built by the client's model."""
        from emmet.core.phonon import PhononDOS

        dos = PhononDOS(**(self.density or {})).model_dump(mode='json')
        keys = ('frequencies', 'densities', 'projected_densities')
        return {
            'identifier': _letters(self.identifier),
            'phonon_method': self.method,
            'dos': {key: dos[key] for key in keys},
        }


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request: an HTTP status, or a body that is cut off in the middle (status 0)."""

    status: int = 0
    retry_after: str | None = None
    body: str = 'Internal Server Error'


@dataclass
class Request:
    """A request that came in."""

    path: str
    parameters: dict[str, str]
    key: str | None

    @property
    def asks_for_structures(self) -> bool:
        return 'structure' in self.parameters.get('_fields', '').split(',')


class MaterialsProjectServer:
    """The server, running in a thread as long as the context lasts.

    :param entries: what the database holds.
    :param phonons: computations of phonons.
    :ivar faults: dealt out to requests for entries, first in first out.
    :ivar heartbeat_faults: dealt out to requests for the heartbeat.
    :ivar requests: what was asked for.
    :ivar hold: called with each request for structures before it is answered.
    """

    def __init__(self, entries: Sequence[Entry], phonons: Sequence[Phonons] = ()) -> None:
        self.documents = [entry.document() for entry in entries]
        self.phonons = [one.document() for one in phonons]
        self.faults: list[Fault] = []
        self.heartbeat_faults: list[Fault] = []
        self.requests: list[Request] = []
        self.version = VERSION
        self.hold: Callable[[Request], None] = lambda request: None
        self._lock = threading.Lock()

    def __enter__(self) -> MaterialsProjectServer:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            #: Longer than any test waits between two requests over a connection that is kept open.
            timeout = 600

            def do_GET(self) -> None:
                outer._answer(self)

            def log_message(self, *arguments: object) -> None:
                """Stay silent."""

        self._server = _listen(Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    @property
    def url(self) -> str:
        """The address, for ``MP_API_ENDPOINT``."""
        return f'http://127.0.0.1:{self._server.server_address[1]}/'

    def downloads(self) -> list[str]:
        """Return the ids whose structures were asked for, in the order of the requests."""
        asked = [request for request in self.requests if request.asks_for_structures]
        return [identifier for request in asked for identifier in request.parameters['material_ids'].split(',')]

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        request = Request(parts.path.rstrip('/'), dict(parse_qsl(parts.query)), handler.headers.get('x-api-key'))
        heartbeat = request.path == '/heartbeat'
        with self._lock:
            self.requests.append(request)
            faults = self.heartbeat_faults if heartbeat else self.faults
            fault = faults.pop(0) if faults else None
        if fault is not None and fault.status:
            headers = {'Retry-After': fault.retry_after} if fault.retry_after else {}
            _send(handler, fault.status, fault.body.encode(), headers)
            return
        if heartbeat:
            document = {'status': 'OK', 'version': '0.87.0', 'db_version': self.version}
            status, answer = 200, {**document, 'access_controlled_batch_ids': [GNOME]}
        elif request.key is None:
            status, answer = 401, {'message': 'No API key found in request'}
        elif request.key != KEY:
            # A gateway that repeats the key, so that tests see whether it comes through.
            status, answer = 401, {'message': f'Unauthorized {request.key}'}
        elif request.path == '/materials/summary':
            if request.asks_for_structures:
                self.hold(request)
            status, answer = self._summary(request.parameters)
        elif request.path == '/materials/phonon':
            status, answer = self._phonons(request.parameters)
        else:
            status, answer = 404, {'detail': 'Not Found'}
        body = json.dumps(answer).encode()
        if fault is not None:
            _send(handler, 200, body[: len(body) // 2], {'Content-Length': str(len(body))})
            handler.close_connection = True
            return
        _send(handler, status, body, {})

    def _summary(self, parameters: dict[str, str]) -> tuple[int, dict[str, Any]]:
        unknown = sorted(set(parameters) - _PLAIN - _RANGES - _PAGING)
        if unknown:
            return 400, {'detail': f'Request contains query parameters which cannot be used: {", ".join(unknown)}'}
        limit, skip = int(parameters.get('_limit', 100)), int(parameters.get('_skip', 0))
        if '_page' in parameters:
            limit = int(parameters.get('_per_page', 100))
            skip = (int(parameters['_page']) - 1) * limit
        if limit > MAX_LIMIT:
            return 400, {'detail': f'Requested more data per query than allowed. The max limit is {MAX_LIMIT} entries'}
        chosen = [document for document in self.documents if _matches(document, parameters)]
        if '_sort_fields' in parameters:
            chosen.sort(key=lambda document: document[parameters['_sort_fields']])
        fields = parameters.get('_fields', 'material_id').split(',')
        data = [
            document if '_all_fields' in parameters else {key: document[key] for key in fields}
            for document in chosen[skip : skip + limit]
        ]
        return 200, {'data': data, 'meta': {'api_version': '0.87.0', 'total_doc': len(chosen)}}

    def _phonons(self, parameters: dict[str, str]) -> tuple[int, dict[str, Any]]:
        unknown = sorted(set(parameters) - {'identifiers', 'phonon_method'} - _PAGING)
        if unknown:
            return 400, {'detail': f'Request contains query parameters which cannot be used: {", ".join(unknown)}'}
        wanted = {_letters(word) for word in parameters['identifiers'].split(',')}
        methods = parameters.get('phonon_method', 'dfpt,phonopy,pheasy').split(',')
        chosen = [
            document
            for document in self.phonons
            if _letters(document['identifier']) in wanted and document['phonon_method'] in methods
        ]
        data = [{key: document[key] for key in parameters['_fields'].split(',')} for document in chosen]
        limit = int(parameters.get('_limit', 100))
        return 200, {'data': data[:limit], 'meta': {'api_version': '0.87.0', 'total_doc': len(chosen)}}


def misleading(digits: str) -> bool:
    """Return whether a number in an address makes the client see a status in it that the server never sent.

    The client looks for 414 and 422 in the whole text of an error, which holds the address with port and identifiers,
    and asks once more on its own where it finds them; tests that count requests would fail by chance.

    :param digits: the number.
    """
    return '414' in digits or '422' in digits


def _listen(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    for _attempt in range(100):
        server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
        server.daemon_threads = True
        if not misleading(str(server.server_address[1])):
            return server
        server.server_close()
    raise OSError('no port on loopback whose number the client does not take for a status')


def _matches(document: dict[str, Any], parameters: dict[str, str]) -> bool:
    elements = set(document['elements'])

    def named(key: str) -> list[str]:
        return parameters[key].split(',')

    tests: dict[str, Callable[[], bool]] = {
        'theoretical': lambda: document['theoretical'] is (parameters['theoretical'].lower() == 'true'),
        'material_ids': lambda: _plain(document['material_id']) in map(_plain, named('material_ids')),
        'elements': lambda: set(named('elements')) <= elements,
        'exclude_elements': lambda: not elements & set(named('exclude_elements')),
        'chemsys': lambda: any(_in_system(elements, system) for system in named('chemsys')),
        'formula': lambda: document['formula_pretty'] in named('formula'),
        'has_props': lambda: all((document['has_props'] or {}).get(name) for name in named('has_props')),
        'batch_id_not_eq': lambda: document['builder_meta']['batch_id'] != parameters['batch_id_not_eq'],
    }
    above = (
        _number(document[key]) >= float(parameters[f'{key}_min'])
        for key in ('energy_above_hull', 'nsites')
        if f'{key}_min' in parameters
    )
    below = (
        _number(document[key]) <= float(parameters[f'{key}_max'])
        for key in ('energy_above_hull', 'nsites')
        if f'{key}_max' in parameters
    )
    # Unless it is told otherwise the server leaves out what is deprecated.
    deprecated = parameters.get('deprecated', 'false').lower() == 'true'
    plain = (test() for key, test in tests.items() if key in parameters)
    return document['deprecated'] is deprecated and all(plain) and all(above) and all(below)


def _plain(identifier: str) -> str:
    from emmet.core.mpid import AlphaID

    return str(AlphaID(identifier).string)


def _letters(identifier: str) -> str:
    from emmet.core.mpid import AlphaID

    return str(AlphaID(str(identifier).rpartition('-')[2], padlen=8))


def _number(value: float | None) -> float:
    # A value that is not there lies in no range.
    return float('nan') if value is None else float(value)


def _in_system(elements: set[str], system: str) -> bool:
    # A star stands for any one element.
    symbols = system.split('-')
    return len(symbols) == len(elements) and set(symbols) - {'*'} <= elements


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    try:
        handler.send_response(status)
        handler.send_header('Content-Type', 'application/json')
        for key, value in {'Content-Length': str(len(body)), **headers}.items():
            handler.send_header(key, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.wfile.flush()
    except (BrokenPipeError, ConnectionResetError):
        # The other side is gone: a test that kills its client.
        handler.close_connection = True
