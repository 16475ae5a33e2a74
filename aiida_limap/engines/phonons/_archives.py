"""Archives and compressed files by their content, whatever their name; nothing is unpacked to a path of the archive."""

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
from functools import partial
from pathlib import PurePosixPath
from typing import IO, Any

from aiida_limap.engines.phonons.errors import PhononSourceError

__all__ = ['COMPRESSED_SUFFIXES', 'DEFAULT_MAX_BYTES', 'decompressed', 'is_archive', 'members']

#: Bytes that may come out of one file or archive in all. The largest force sets of PhononDB are far below.
DEFAULT_MAX_BYTES = 512 * 1024**2
#: Archives with more members than this are refused before their memory is.
MAX_MEMBERS = 100_000
#: Endings of compressed files; only the content decides how they are read.
COMPRESSED_SUFFIXES = ('.xz', '.lzma', '.gz', '.bz2')
_BLOCK = 1 << 20
_MAGIC: tuple[tuple[bytes, Callable[[io.BytesIO], Any]], ...] = (
    (b'\xfd7zXZ\x00', lzma.LZMAFile),
    # The older format of lzma has no magic number; this is what its common properties and dictionary sizes begin with.
    (b'\x5d\x00\x00', lzma.LZMAFile),
    (b'\x1f\x8b', lambda stream: gzip.GzipFile(fileobj=stream)),
    (b'BZh', bz2.BZ2File),
)
#: What the readers of the standard library raise on damaged files.
_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, NotImplementedError)
_Entry = tuple[str, int, str, Callable[[], IO[bytes] | None]]


def decompressed(name: str, data: bytes, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
    """Return the content of a file that may be compressed by xz, lzma, gzip or bzip2.

    :param name: the file, for messages.
    :param data: its bytes.
    :param max_bytes: the most that may come out.
    :returns: the bytes, decompressed once if they were compressed.
    :raises PhononSourceError: if the file is damaged or too much comes out of it.
    """
    for magic, opener in _MAGIC:
        if data.startswith(magic):
            try:
                with opener(io.BytesIO(data)) as stream:
                    return _bounded(name, stream, max_bytes)
            except _DAMAGE as error:
                raise PhononSourceError(f'{name}: it is damaged or cut off ({_reason(error)})') from error
    if len(data) > max_bytes:
        raise _too_much(name)
    return data


def is_archive(data: bytes) -> bool:
    """Return whether bytes, once decompressed, are a tar or zip archive.

    :param data: the bytes.
    """
    if data.startswith(b'PK\x03\x04'):
        return True
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode='r:') as tar:
            # A text never passes the check sum of a first header, but nothing, or zeros, would be an empty archive.
            return next(iter(tar), None) is not None
    except tarfile.TarError:
        return False


def members(
    name: str, data: bytes, wanted: Callable[[str], bool], max_bytes: int = DEFAULT_MAX_BYTES
) -> dict[PurePosixPath, bytes]:
    """Read the wanted members of an archive into memory.

    An archive with a single path that leads out of it is refused as a whole: whoever made it meant no good, or it is
    damaged. Links are never followed.

    :param name: the archive, for messages.
    :param data: its bytes, decompressed.
    :param wanted: tells by the file name whether a member is to be read.
    :param max_bytes: the most that may come out in all.
    :returns: the bytes of each wanted member by its path.
    :raises PhononSourceError: if the archive is damaged or unsafe, or too much comes out of it.
    """
    found: dict[PurePosixPath, bytes] = {}
    left = max_bytes
    try:
        for number, (member, size, kind, opener) in enumerate(_entries(data)):
            path = PurePosixPath(member.replace('\\', '/'))
            if path.is_absolute() or '..' in path.parts or (path.parts and path.parts[0].endswith(':')):
                raise PhononSourceError(
                    f'{name}: the path of its member {member!r} leads out of the archive; nothing was read from it'
                )
            if number >= MAX_MEMBERS:
                raise PhononSourceError(f'{name}: it has more than {MAX_MEMBERS} members; take those of one compound')
            if not wanted(path.name) or path.name.startswith('._') or kind == 'folder':
                continue
            if kind:
                raise PhononSourceError(f'{name}: its member {member!r} is {kind}, which is not followed; put the file')
            if size > left:
                raise _too_much(name)
            stream = opener()
            if stream is not None:
                with stream:
                    found[path] = _bounded(name, stream, left)
                left -= len(found[path])
    except _DAMAGE as error:
        raise PhononSourceError(f'{name}: the archive is damaged or cut off ({_reason(error)})') from error
    except RuntimeError as error:
        # This is how zipfile tells encryption, for which there is no class of its own.
        raise PhononSourceError(f'{name}: it cannot be unpacked ({_reason(error)})') from error
    return found


def _entries(data: bytes) -> Iterator[_Entry]:
    """Yield name, size, kind (empty for a plain file) and opener of every member."""
    if data.startswith(b'PK\x03\x04'):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                linked = stat.S_ISLNK(info.external_attr >> 16)
                kind = 'folder' if info.is_dir() else 'a link' if linked else ''
                yield info.filename, info.file_size, kind, partial(archive.open, info)
        return
    with tarfile.open(fileobj=io.BytesIO(data), mode='r:') as tar:
        for item in tar:
            linked = item.issym() or item.islnk()
            kind = 'folder' if item.isdir() else 'a link' if linked else '' if item.isreg() else 'no plain file'
            yield item.name, item.size, kind, partial(tar.extractfile, item)


def _bounded(name: str, stream: IO[bytes], max_bytes: int) -> bytes:
    """Read to the end, but never much more than allowed: sizes in headers may lie."""
    parts, left = [], max_bytes
    while block := stream.read(min(_BLOCK, left + 1)):
        left -= len(block)
        if left < 0:
            raise _too_much(name)
        parts.append(block)
    return b''.join(parts)


def _too_much(name: str) -> PhononSourceError:
    return PhononSourceError(f'{name}: more bytes come out of it than the limit, max_bytes; if that is right, raise it')


def _reason(error: BaseException) -> str:
    text = (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).strip()
    return text.splitlines()[0] if text else type(error).__name__
