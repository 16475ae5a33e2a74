"""A small store of files on loopback that answers as S3 does, for the client's tables of the Materials Project.

It runs in a process of its own: the client holds the lock of the interpreter while it waits. What it serves is the
folder it is given, with ``ListObjectsV2`` and ranges of objects. Faults are lines of a file beside that folder, one per
request for an object of the data: a status, or ``cut`` for a body that ends in the middle.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ['PHONON_TABLE', 'FileStore', 'serve']

#: Where the client looks for densities of states.
PHONON_TABLE = 'materialsproject-parsed/phonon/electronic-structure/dos'


class FileStore:
    """The store, as tests see it.

    :param folder: holds ``root``, what is served, ``faults`` and ``requests``.
    :ivar url: its address, for ``AWS_ENDPOINT_URL``.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def fail(self, faults: Sequence[str]) -> None:
        """Deal out these faults to the next requests for data."""
        (self.folder / 'faults').write_text('\n'.join(faults))

    def requests(self) -> int:
        """Return how many times data were asked for."""
        path = self.folder / 'requests'
        return len(path.read_text().splitlines()) if path.exists() else 0

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write the table of densities of states."""
        import pyarrow
        from deltalake import write_deltalake

        numbers = pyarrow.list_(pyarrow.float64())
        dos = [('frequencies', numbers), ('densities', numbers), ('projected_densities', pyarrow.list_(numbers))]
        text = pyarrow.string()
        schema = pyarrow.schema([('identifier', text), ('phonon_method', text), ('dos', pyarrow.struct(dos))])
        path = self.folder / 'root' / PHONON_TABLE
        path.mkdir(parents=True, exist_ok=True)
        write_deltalake(str(path), pyarrow.Table.from_pylist(list(rows), schema=schema), mode='overwrite')


@contextmanager
def serve(folder: Path) -> Iterator[FileStore]:
    """Serve a folder as long as the context lasts."""
    (folder / 'root').mkdir(parents=True)
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield FileStore(folder, f'http://127.0.0.1:{int(process.stdout.readline())}')
        finally:
            process.terminate()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    folder: Path
    #: The client asks for several ranges at once, and each takes a fault of its own.
    lock = threading.Lock()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip('/').partition('/')
        query = parse_qs(parts.query)
        root = self.folder / 'root' / bucket
        if 'list-type' in query:
            self._list(root, query.get('prefix', [''])[0], query.get('start-after', [''])[0])
            return
        fault = self._fault() if key.endswith('.parquet') else ''
        if fault.isdigit():
            self._send(int(fault), b'<Error><Code>InternalError</Code></Error>', {})
            return
        path = root / key
        if not path.is_file():
            self._send(404, b'<Error><Code>NoSuchKey</Code></Error>', {})
            return
        data = path.read_bytes()
        headers = {'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT', 'ETag': '"1"'}
        status, body = 200, data
        if 'Range' in self.headers:
            first, _, last = self.headers['Range'].removeprefix('bytes=').partition('-')
            begin = int(first) if first else len(data) - int(last)
            end = min(int(last) + 1, len(data)) if first and last else len(data)
            status, body = 206, data[begin:end]
            headers['Content-Range'] = f'bytes {begin}-{end - 1}/{len(data)}'
        self._send(status, body, headers, cut=fault == 'cut')

    def _fault(self) -> str:
        with self.lock:
            with (self.folder / 'requests').open('a') as file:
                file.write(f'{self.path}\n')
            path = self.folder / 'faults'
            faults = path.read_text().split() if path.exists() else []
            path.write_text('\n'.join(faults[1:]))
        return faults[0] if faults else ''

    def _list(self, root: Path, prefix: str, after: str) -> None:
        keys = sorted(str(path.relative_to(root)) for path in root.rglob('*') if path.is_file())
        entries = ''.join(
            f'<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"1"</ETag>'
            f'<Size>{(root / key).stat().st_size}</Size></Contents>'
            for key in keys
            if key.startswith(prefix) and key > after
        )
        body = f'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>'
        self._send(200, body.encode(), {'Content-Type': 'application/xml'})

    def _send(self, status: int, body: bytes, headers: dict[str, str], cut: bool = False) -> None:
        self.send_response(status)
        for key, value in {**headers, 'Content-Length': str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        """Stay silent."""


if __name__ == '__main__':
    _Handler.folder = Path(sys.argv[1])
    server = ThreadingHTTPServer(('127.0.0.1', 0), _Handler)
    sys.stdout.write(f'{server.server_address[1]}\n')
    sys.stdout.flush()
    server.serve_forever()
