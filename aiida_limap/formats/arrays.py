"""Named arrays in one ``.npz`` file: no pickles, strings as fixed-width unicode, written atomically."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats._files import FormatError, write_bytes_atomic

__all__ = ['array_bytes', 'read_arrays', 'write_arrays']

_KINDS = 'biufU'


def array_bytes(arrays: Mapping[str, NDArray]) -> bytes:
    """Return the bytes of an ``.npz`` file; equal arrays give equal bytes.

    :param arrays: array by name; numbers, booleans and fixed-width strings only.
    :returns: the content of the file.
    :raises FormatError: if an array holds Python objects or another type that would need a pickle.
    """
    plain = {name: np.asarray(array) for name, array in sorted(arrays.items())}
    for name, array in plain.items():
        if array.dtype.kind not in _KINDS:
            raise FormatError(
                f'the array {name!r} has type {array.dtype}; only numbers, booleans and strings are stored'
            )
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **plain)  # type: ignore[arg-type]
    return buffer.getvalue()


def write_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write named arrays atomically.

    :param path: the ``.npz`` file to write.
    :param arrays: array by name.
    :raises FormatError: if an array holds Python objects.
    """
    write_bytes_atomic(Path(path), array_bytes(arrays))


def read_arrays(path: Path | io.BufferedIOBase | io.BytesIO) -> dict[str, NDArray]:
    """Read all arrays of an ``.npz`` file.

    :param path: the file, or a binary stream.
    :returns: array by name.
    :raises FormatError: if the file is missing, damaged or holds pickled objects.
    """
    name = Path(path).name if isinstance(path, (str, Path)) else 'arrays'
    try:
        # numpy leaves a damaged file open when it is given the path, so the bytes are read here.
        stream = io.BytesIO(Path(path).read_bytes()) if isinstance(path, (str, Path)) else path
        with np.load(stream, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except FileNotFoundError as error:
        raise FormatError(f'{name}: there is no such file') from error
    except (ValueError, OSError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise FormatError(f'{name}: not an array file, or cut short: {error}') from error
