"""Arrays of numbers as short texts: few bits per number, compressed, and the same for the same numbers."""

from __future__ import annotations

import base64
import gzip
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.formats._files import FormatError, check_keys

__all__ = ['compress', 'pack', 'unpack']

_DTYPES = {'u1': '<u1', 'u2': '<u2', 'i4': '<i4', 'f4': '<f4'}
#: Of the compression: higher ones take several times as long and save little.
_LEVEL = 6
#: Numbers that are converted at a time.
_CHUNK = 1 << 20
_KEYS = ('dtype', 'shape', 'scale', 'offset', 'data')
#: The byte of a gzip header that names the operating system; 255 says that it is unknown.
_SYSTEM_BYTE, _UNKNOWN_SYSTEM = 9, 255


def compress(content: bytes) -> str:
    """Return bytes as base64 of gzip, without a time or the name of a system: equal bytes give equal texts.

    :param content: the bytes.
    """
    packed = bytearray(gzip.compress(content, compresslevel=_LEVEL, mtime=0))
    packed[_SYSTEM_BYTE] = _UNKNOWN_SYSTEM
    return base64.b64encode(bytes(packed)).decode()


def pack(values: ArrayLike, dtype: str = 'u2') -> dict[str, Any]:
    """Return numbers as a document of JSON that a page can unpack.

    A value is ``offset + scale * number`` with the numbers of the given type, in row-major order and with the lowest
    byte first. Of ``u1`` and ``u2`` the largest number means that there is no value; the others are spread evenly from
    the least to the largest value, so that the error is at most half of ``scale``, and zero stays zero.

    :param values: an array of numbers of any shape; what is not finite counts as no value.
    :param dtype: ``u1`` (about 250 steps), ``u2`` (about 65 000), ``f4`` (single precision, NaN for no value) or ``i4``
        (whole numbers).
    :returns: ``dtype``, ``shape``, ``scale``, ``offset`` and ``data``, base64 of gzip.
    :raises FormatError: if the type is unknown, or ``i4`` is asked for numbers that are not whole ones of 32 bits.
    """
    if dtype not in _DTYPES:
        raise FormatError(f'numbers cannot be packed as {dtype!r}; known are {", ".join(_DTYPES)}')
    array = np.asarray(values)
    scale, offset = 1.0, 0.0
    if dtype == 'f4':
        numbers = np.where(np.isfinite(array), array, np.nan).astype(_DTYPES[dtype])
    elif dtype == 'i4':
        numbers = np.asarray(array).astype(_DTYPES[dtype])
        if not np.array_equal(numbers, array):
            raise FormatError('only whole numbers of 32 bits can be packed as i4')
    else:
        largest = int(np.iinfo(_DTYPES[dtype]).max)
        known = np.isfinite(array)
        numbers = np.full(array.shape, largest, dtype=_DTYPES[dtype])
        if known.any():
            low = float(np.min(array, where=known, initial=np.inf))
            high = float(np.max(array, where=known, initial=-np.inf))
            scale, offset = _steps(low, high, largest - 2)
            flat, of_numbers, is_known = array.reshape(-1), numbers.reshape(-1), known.reshape(-1)
            for start in range(0, array.size, _CHUNK):
                part = slice(start, start + _CHUNK)
                steps = np.rint((flat[part].astype(np.float64) - offset) / scale)
                of_numbers[part] = np.where(is_known[part], steps, largest)
    return {
        'dtype': dtype,
        'shape': list(array.shape),
        'scale': scale,
        'offset': offset,
        'data': compress(numbers.tobytes()),
    }


def _steps(low: float, high: float, count: int) -> tuple[float, float]:
    """Return a step of few binary digits and an offset that is a multiple of it, for the same numbers when repeated."""
    if high == low:
        return 1.0, low
    mantissa, exponent = math.frexp((high - low) / count)
    step = math.ldexp(math.ceil(mantissa * 256) / 256, exponent)
    return step, math.floor(low / step) * step


def unpack(document: Mapping[str, Any], name: str = 'packed numbers') -> NDArray[np.float64]:
    """Return the numbers of a document of :func:`pack`.

    :param document: the document.
    :param name: what it is, for messages.
    :returns: the array, NaN where there is no value.
    :raises FormatError: if the document is damaged.
    """
    check_keys(name, document, _KEYS)
    shape = tuple(int(length) for length in document['shape'])
    try:
        raw = gzip.decompress(base64.b64decode(document['data'], validate=True))
        numbers = np.frombuffer(raw, dtype=_DTYPES[document['dtype']])
    except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error) as error:
        raise FormatError(f'{name}: the numbers are damaged: {error}') from error
    if numbers.size != math.prod(shape):
        raise FormatError(f'{name}: {numbers.size} numbers, expected {shape}')
    values = numbers.reshape(shape).astype(np.float64)
    if numbers.dtype.kind == 'u':
        values[numbers.reshape(shape) == np.iinfo(numbers.dtype).max] = np.nan
    return float(document['offset']) + float(document['scale']) * values
