"""Files, folders and archives as one stream of named bytes; nothing is unpacked to disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from aiida_limap.importers._entries import Refusal

__all__ = ['COMPRESSED', 'DEFAULT_MAX_BYTES', 'Blob', 'is_archive', 'read_blobs', 'stem_of']

#: Bytes that one file or archive may hold once it is unpacked, unless told otherwise.
DEFAULT_MAX_BYTES = 2 * 1024**3
#: Compression of single files by suffix.
COMPRESSED: dict[str, Callable[[Path], Any]] = {'.gz': gzip.GzipFile, '.bz2': bz2.BZ2File, '.xz': lzma.LZMAFile}
#: Compression of tar archives by suffix, the longest suffix first.
_TAR = {
    '.tar.bz2': '.bz2',
    '.tar.gz': '.gz',
    '.tar.xz': '.xz',
    '.tbz2': '.bz2',
    '.tgz': '.gz',
    '.txz': '.xz',
    '.tar': '',
}
#: What the readers of the standard library raise on damaged files.
_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, NotImplementedError)
_BLOCK = 1 << 20


class _TooMuchError(Exception):
    """More bytes come out of a file than allowed."""


@dataclass(frozen=True)
class Blob:
    """The bytes of one file.

    :param name: the path, for people; members of an archive follow its path.
    :param path: the path relative to the folder or archive that was named.
    :param uri: address of the file; a member of an archive is the fragment.
    :param data: the bytes, unpacked.
    :param file: the file on disk, if the bytes are exactly those of a file.
    """

    name: str
    path: PurePosixPath
    uri: str
    data: bytes
    file: Path | None = None


def is_archive(name: str) -> bool:
    """Return whether a file name is that of a zip or tar archive.

    :param name: the file name.
    """
    return name.lower().endswith(('.zip', *_TAR))


def stem_of(name: str) -> str:
    """Return a file name without the endings of archives and compression, and then without its own.

    :param name: the file name, e.g. ``oxides.tar.gz`` or ``one.cif.gz``.
    """
    for suffix in sorted((*_TAR, *COMPRESSED, '.zip'), key=len, reverse=True):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
            if suffix not in COMPRESSED:
                return name
            break
    return PurePosixPath(name).stem


def read_blobs(
    file: Path, path: PurePosixPath, wanted: Callable[[str], bool], max_bytes: int
) -> Iterator[Blob | Refusal]:
    """Read a file, or the members of an archive one after the other.

    :param file: the file on disk.
    :param path: its path relative to the folder that was named.
    :param wanted: tells by its name whether a member of an archive is a structure file; others are passed over.
    :param max_bytes: bytes that may come out of the file in all; what comes after them is refused.
    :returns: bytes, and refusals for what is damaged, too large, a link, or has a path that leads out of the archive.
    """
    name = file.name.lower()
    try:
        if name.endswith('.zip'):
            yield from _zip_members(file, wanted, max_bytes)
        elif is_archive(name):
            yield from _tar_members(file, wanted, max_bytes)
        elif file.suffix.lower() in COMPRESSED:
            with COMPRESSED[file.suffix.lower()](file) as stream:
                yield Blob(str(file), path.with_suffix(''), file.resolve().as_uri(), _read(stream, max_bytes))
        else:
            with file.open('rb') as stream:
                yield Blob(str(file), path, file.resolve().as_uri(), _read(stream, max_bytes), file)
    except _TooMuchError:
        yield Refusal(
            str(file),
            f'more than {max_bytes / 1024**2:.0f} MiB come out of it; the rest is left out. If that is right, allow '
            'more with --max-unpacked',
        )
    except _DAMAGE as error:
        what = 'the archive is damaged' if is_archive(name) else 'it cannot be read'
        yield Refusal(str(file), f'{what} ({_reason(error)})')


def _read(stream: IO[bytes], left: int) -> bytes:
    """Read to the end, but never much more than allowed: sizes in headers may lie."""
    parts = []
    while block := stream.read(min(_BLOCK, left + 1)):
        left -= len(block)
        if left < 0:
            raise _TooMuchError
        parts.append(block)
    return b''.join(parts)


def _zip_members(file: Path, wanted: Callable[[str], bool], left: int) -> Iterator[Blob | Refusal]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            mode = info.external_attr >> 16
            linked = stat.S_ISLNK(mode)
            checked = _checked(file, info.filename, 'a link' if linked else '', wanted)
            if isinstance(checked, Refusal):
                yield checked
            if not isinstance(checked, PurePosixPath):
                continue
            try:
                with archive.open(info) as stream:
                    data = _read(stream, left)
            except RuntimeError as error:
                # This is how encryption is told, for which there is no class of its own.
                yield Refusal(f'{file}/{checked}', f'it cannot be unpacked ({_reason(error)})')
                continue
            left -= len(data)
            yield _member(file, checked, data)


def _tar_members(file: Path, wanted: Callable[[str], bool], left: int) -> Iterator[Blob | Refusal]:
    compression = next(value for suffix, value in _TAR.items() if file.name.lower().endswith(suffix))
    stream = COMPRESSED[compression](file) if compression else file.open('rb')
    with closing(stream), tarfile.open(fileobj=_Bounded(stream, left), mode='r|') as archive:
        for info in archive:
            if info.isdir():
                continue
            kind = '' if info.isreg() else 'a link' if info.issym() or info.islnk() else 'no plain file'
            checked = _checked(file, info.name, kind, wanted)
            if isinstance(checked, Refusal):
                yield checked
            if not isinstance(checked, PurePosixPath):
                continue
            content = archive.extractfile(info)
            if content is not None:
                with content:
                    # A sparse member can be larger than what the archive holds of it.
                    yield _member(file, checked, _read(content, left))


class _Bounded(io.RawIOBase):
    """A stream that ends with an error once more than so many bytes have come out of it."""

    def __init__(self, stream: IO[bytes], left: int) -> None:
        self._stream = stream
        self._left = left

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size if 0 <= size <= self._left else self._left + 1)
        self._left -= len(block)
        if self._left < 0:
            raise _TooMuchError
        return block


def _checked(file: Path, member: str, kind: str, wanted: Callable[[str], bool]) -> PurePosixPath | Refusal | None:
    """Return the path of a member that is to be read, a refusal, or None for a member that is passed over."""
    path = PurePosixPath(member.replace('\\', '/'))
    name = f'{file}/{path}'
    if path.name.startswith('._') or '__MACOSX' in path.parts:
        return None
    if path.is_absolute() or '..' in path.parts or (path.parts and path.parts[0].endswith(':')):
        return Refusal(name, 'its path leads out of the archive')
    if kind:
        return Refusal(name, f'it is {kind} in an archive, which is not followed')
    if is_archive(path.name):
        return Refusal(name, 'it is an archive in an archive; unpack the outer one first')
    return path if wanted(path.name) else None


def _member(file: Path, path: PurePosixPath, data: bytes) -> Blob:
    return Blob(f'{file}/{path}', path, f'{file.resolve().as_uri()}#{path}', data)


def _reason(error: Any) -> str:
    text = (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).strip()
    return text.splitlines()[0] if text else type(error).__name__
