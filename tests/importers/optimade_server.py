"""The OPTIMADE reference server on loopback in a process of its own, and a proxy in front of it that makes faults.

Run as a script it serves the documents of a JSON file until its standard input closes, so that it also ends when the
tests are killed. It prints the addresses of the database and of an index that lists it.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LICENCE = 'CC-BY-4.0'
#: Entries per page unless asked (fixed in the server), here also the most that may be asked for.
PAGE = 20
#: Plain crystals among the documents.
N_PLAIN = 44
#: Nothing of the tests takes as long; the server ends by itself even if its input stays open.
LIFETIME_S = 3600
#: How long the server may take to start or to answer where other tests hold the processors.
PATIENCE_S = 300


METALS = ('Ti', 'V', 'Cr', 'Mn', 'Fe', 'Co', 'Ni', 'Cu', 'Zn', 'Al', 'Ga')


def entry(identifier: str, metal: str = 'Mn', edge: float = 4.2, **changes: Any) -> dict[str, Any]:
    """Return the document of a crystal of Li, a metal and two O, as the database of the server keeps it."""
    fractions = ([0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5])
    document = {
        'id': identifier,
        'type': 'structures',
        'last_modified': '2024-05-01T12:00:00Z',
        'elements': sorted(['Li', 'O', metal]),
        'nelements': 3,
        'chemical_formula_reduced': ''.join(sorted(['Li', 'O2', metal])),
        'dimension_types': [1, 1, 1],
        'nperiodic_dimensions': 3,
        'lattice_vectors': [[edge, 0, 0], [0, edge, 0], [0, 0, edge]],
        'cartesian_site_positions': [[edge * part for part in fraction] for fraction in fractions],
        'nsites': 4,
        'species': [species('Li'), species(metal), species('O')],
        'species_at_sites': ['Li', metal, 'O', 'O'],
        'structure_features': [],
        **changes,
    }
    return {key: value for key, value in document.items() if value != 'leave out'}


def species(name: str, **amounts: float) -> dict[str, Any]:
    """Return a species: one element, or a mixture."""
    mixture = amounts or {name: 1.0}
    return {'name': name, 'chemical_symbols': list(mixture), 'concentration': list(mixture.values())}


def documents() -> list[dict[str, Any]]:
    """Return plain crystals, two that are disordered or have an empty site, and last the ones that cannot be kept."""
    half = [species('Li', Li=0.5, vacancy=0.5), species('Mn', Mn=0.6, Ni=0.4), species('O')]
    emptied = [species('Li'), species('Mn', vacancy=1.0), species('O')]
    return [
        *(entry(f'p{i:02}', METALS[i % 11], 4.0 + 0.01 * i, immutable_id=f'f{i}') for i in range(N_PLAIN)),
        entry('q-shared', species=half, structure_features=['disorder']),
        # Servers do not always declare the disorder that there is.
        entry('q-empty', species=emptied),
        entry('q-undated', edge=4.9, last_modified=None),
        entry('q-own-licence', edge=4.8, license='CC0-1.0'),
        entry('r-assemblies', assemblies=[{'sites_in_groups': [[0], [1]], 'group_probabilities': [0.5, 0.5]}]),
        entry('r-attached', structure_features=['site_attachments']),
        entry('r-implicit', structure_features=['implicit_atoms']),
        entry('r-nothing', cartesian_site_positions='leave out', lattice_vectors=None),
        entry('r-overfull', species=[species('Li', Li=0.8, Na=0.7), *half[1:]]),
        entry('r-short', species_at_sites=['Li', 'Mn', 'O']),
        entry('r-slab', dimension_types=[1, 1, 0], nperiodic_dimensions=2),
        entry('r-unsaid', dimension_types=None, nperiodic_dimensions=None),
        entry('r-x', species=[species('Li', X=1.0), *half[1:]]),
    ]


@dataclass
class Servers:
    """A running database and the index that lists it."""

    url: str
    index: str


@contextmanager
def optimade_servers(folder: Path, documents: Sequence[Mapping[str, Any]]) -> Iterator[Servers]:
    """Serve documents until the block ends."""
    data = folder / 'structures.json'
    data.write_text(json.dumps(documents))
    # Nothing that the user has set up for a server of their own may count.
    environment = {key: value for key, value in os.environ.items() if not key.lower().startswith('optimade_')}
    environment['OPTIMADE_CONFIG_FILE'] = str(folder / 'settings.json')
    settings = {
        'insert_test_data': False,
        'log_dir': str(folder),
        'log_level': 'warning',
        'page_limit_max': PAGE,
        # So that entries can break the specification, as those of real servers do.
        'validate_api_response': False,
        'provider': {'prefix': 'lmt', 'name': 'Loopback materials', 'description': 'For tests', 'homepage': None},
        'provider_fields': {'structures': [{'name': 'license', 'description': 'Its licence', 'type': 'string'}]},
    }
    (folder / 'settings.json').write_text(json.dumps(settings))
    with (folder / 'server.log').open('w') as log:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    drain: threading.Thread | None = None
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    try:
        line = next((line for line in process.stdout if line.startswith('{')), None)
        assert line is not None, (folder / 'server.log').read_text()
        watchdog.cancel()
        # What the server logs must be taken away, or it would wait for ever.
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield Servers(**json.loads(line))
    finally:
        watchdog.cancel()
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if drain is not None:
            drain.join()
        process.stdout.close()


@dataclass
class Proxy:
    """What passes between client and server.

    :param upstream: address of the server behind it.
    :param url: address of the proxy.
    :param faults: what happens to the next requests for structures: a status code, or a word; None lets one pass.
    :param requests: paths with queries that were asked for.
    """

    upstream: str
    url: str = ''
    faults: deque[int | str | None] = field(default_factory=deque)
    requests: list[str] = field(default_factory=list)

    @property
    def pages(self) -> list[str]:
        """Requests for structures."""
        return [path for path in self.requests if '/structures?' in path]


@contextmanager
def proxy_to(upstream: str) -> Iterator[Proxy]:
    """Put a proxy in front of a server until the block ends."""
    proxy = Proxy(upstream)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            proxy.requests.append(self.path)
            fault = proxy.faults.popleft() if proxy.faults and '/structures?' in self.path else None
            if isinstance(fault, int):
                self.answer(fault, 'application/json', b'{}')
                return
            if fault == 'html':
                self.answer(200, 'text/html', b'<html>we are moving house</html>')
                return
            connection = http.client.HTTPConnection(urlsplit(proxy.upstream).netloc, timeout=PATIENCE_S)
            try:
                # The host stays that of the proxy, so that the links to the next pages lead through it too.
                connection.request('GET', self.path, headers={'Host': self.headers['Host']})
                answer = connection.getresponse()
                body = answer.read()
            finally:
                connection.close()
            if fault == 'loop':
                document = json.loads(body)
                document['links']['next'] = f'{proxy.url}{self.path}'
                body = json.dumps(document).encode()
            self.answer(answer.status, answer.headers['content-type'], body, cut=fault == 'cut')

        def answer(self, status: int, kind: str, body: bytes, cut: bool = False) -> None:
            self.send_response(status)
            self.send_header('content-type', kind)
            self.send_header('content-length', str(len(body)))
            if status == 429:
                self.send_header('retry-after', '0')
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        proxy.url = f'http://127.0.0.1:{server.server_address[1]}'
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def _serve(data: Path) -> None:
    import asyncio
    import socket

    import optimade.utils
    import uvicorn
    from optimade.server.config import ServerConfig
    from optimade.server.create_app import create_app

    # The index would fetch the list of providers from the network before it starts.
    optimade.utils.PROVIDER_LIST_URLS = ()
    sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(2)]
    url, index = (f'http://127.0.0.1:{server.getsockname()[1]}' for server in sockets)
    database = create_app(ServerConfig())
    # The setting itself is checked by asking for the text of the licence over the network.
    database.state.config.__dict__['license'] = f'https://spdx.org/licenses/{LICENCE}'
    database.state.entry_collections['structures'].insert(json.loads(data.read_text()))
    lists = create_app(ServerConfig(mongo_uri='mongodb://index'), index=True, logger_tag='index')
    lists.state.entry_collections['links'].insert(
        [
            _link('lmt', index, 'external'),
            _link('gone', None, 'external'),
            _link('oxides', url, 'child'),
            _link('down', 'http://127.0.0.1:9', 'child', 'no'),
            _link('draft', f'{url}/v1/', 'child', 'staging'),
        ]
    )
    servers = [uvicorn.Server(uvicorn.Config(app, log_level='warning')) for app in (database, lists)]

    def stop_with_the_tests() -> None:
        sys.stdin.read()
        for server in servers:
            server.should_exit = True

    async def serve() -> None:
        tasks = [asyncio.create_task(server.serve(sockets=[own])) for server, own in zip(servers, sockets, strict=True)]
        while not all(server.started for server in servers):
            await asyncio.sleep(0.02)
        sys.stdout.write(json.dumps({'url': url, 'index': index}) + '\n')
        sys.stdout.flush()
        await asyncio.wait_for(asyncio.gather(*tasks), LIFETIME_S)

    threading.Thread(target=stop_with_the_tests, daemon=True).start()
    asyncio.run(serve())


def _link(identifier: str, base_url: str | None, kind: str, aggregate: str = 'ok') -> dict[str, Any]:
    return {
        'id': identifier,
        'type': 'links',
        'name': identifier,
        'description': identifier,
        'base_url': base_url,
        'homepage': None,
        'link_type': kind,
        'aggregate': aggregate,
    }


if __name__ == '__main__':
    _serve(Path(sys.argv[1]))
