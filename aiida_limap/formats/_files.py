"""What all formats share: atomic writes, strict keys, schema versions and checksums."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ['FormatError', 'check_keys', 'check_schema', 'checksum', 'read_json', 'write_bytes_atomic', 'write_json']


class FormatError(ValueError):
    """A file does not follow its format; the message names the file, what is wrong with it and what was expected."""


def write_bytes_atomic(path: Path, content: bytes) -> None:
    """Write ``content`` so that a reader sees the old file or the whole new one, never half of it.

    :param path: the file to write; its folder must exist.
    :param content: the bytes.
    """
    path = Path(path)
    descriptor, name = tempfile.mkstemp(prefix=f'.{path.name}.', dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, 'wb') as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        # mkstemp creates private files; job files are read by other accounts on a cluster.
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document atomically.

    :param path: the file to write.
    :param document: plain Python values; NaN and infinity are refused, since JSON has none.
    :raises FormatError: if the document holds a value that JSON cannot express.
    """
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1)
    except (TypeError, ValueError) as error:
        raise FormatError(f'{Path(path).name}: a value cannot be written as JSON: {error}') from error
    write_bytes_atomic(Path(path), text.encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON document whose top level is an object.

    :param path: the file to read.
    :returns: the document.
    :raises FormatError: if the file is missing, cannot be read, is not JSON or holds no object.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise FormatError(f'{path.name}: there is no such file in {path.parent}') from error
    except OSError as error:
        raise FormatError(f'{path} cannot be read: {error.strerror or error}') from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f'{path.name}: not a JSON file, or cut short: {error}') from error
    if not isinstance(document, dict):
        raise FormatError(f'{path.name}: expected a JSON object at the top, found {type(document).__name__}')
    return document


def check_keys(name: str, document: Mapping[str, Any], required: Iterable[str], optional: Iterable[str] = ()) -> None:
    """Refuse unknown keys and name missing ones.

    :param name: what the document is, for the message.
    :param document: the mapping to check.
    :param required: keys that must be there.
    :param optional: keys that may be there.
    :raises FormatError: if a key is unknown or missing.
    """
    required = set(required)
    known = required | set(optional)
    unknown = sorted(set(document) - known, key=str)
    if unknown:
        raise FormatError(f'{name}: unknown key {unknown[0]!r}; known are {", ".join(sorted(known))}')
    missing = sorted(required - set(document))
    if missing:
        raise FormatError(f'{name}: the key {missing[0]!r} is missing')


def check_schema(name: str, document: Mapping[str, Any], schema: str, version: int) -> None:
    """Refuse a document of another kind or of a newer version.

    :param name: what the document is, for the message.
    :param document: the document, with the keys ``schema`` and ``schema_version``.
    :param schema: the expected kind.
    :param version: the version that this reader knows.
    :raises FormatError: if kind or version differ.
    """
    found = document.get('schema')
    if found != schema:
        raise FormatError(f'{name}: expected a file of schema {schema!r}, found {found!r}')
    if document.get('schema_version') != version:
        raise FormatError(
            f'{name}: schema version {document.get("schema_version")!r} is not version {version}, which this release '
            'of aiida-limap reads; write and read with the same release'
        )


def checksum(*parts: bytes | memoryview) -> str:
    """Return the SHA-256 of the parts, each preceded by its length so that their borders count.

    :param parts: byte strings, or views of bytes.
    :returns: 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(str(len(part)).encode() + b':')
        digest.update(part)
    return digest.hexdigest()
