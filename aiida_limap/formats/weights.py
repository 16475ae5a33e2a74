"""``model.safetensors``: weights of a model with a JSON header that says what they mean."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats._files import FormatError, check_keys, check_schema, checksum, write_bytes_atomic

__all__ = [
    'CHECKPOINTS',
    'HEADER_KEYS',
    'MODELS',
    'MODEL_FILE',
    'model_name',
    'read_header',
    'read_weights',
    'write_weights',
]

MODEL_FILE = 'model.safetensors'
#: Folder of the models of a grid, and of the checkpoints of a training.
MODELS = 'models'
CHECKPOINTS = 'checkpoints'
SCHEMA = 'limap.weights'
#: Files of version 1 have no checksums; they are still read.
SCHEMA_VERSION = 2
_METADATA_KEY = 'limap_header'
#: Checksums stand in the header itself: safetensors writes several entries in any order, and equal models are to give
#: equal files.
_CHECKSUMS = ('weights_sha256', 'header_sha256')
#: What every header holds: the kind of model, its layer sizes, the descriptor columns that it reads, the scaling of
#: each block, the seed, the training options, a hash of the training data and the version of the engine.
_TYPES: dict[str, type] = {
    'kind': str,
    'architecture': dict,
    'columns': dict,
    'scaling': dict,
    'seed': int,
    'training': dict,
    'data_hash': str,
    'engine_version': str,
}
HEADER_KEYS = tuple(_TYPES)
_WORDS = {str: 'text', dict: 'a mapping', int: 'a whole number'}
#: Types of numbers that arrays may have, in the words of safetensors and in those of numpy.
_NUMBERS = {'F32': 'float32', 'F64': 'float64', 'I32': 'int32', 'I64': 'int64'}


def model_name(number: int) -> str:
    """Return the name of a model of a grid: ``model_0007``.

    :param number: its place in the grid, counted from 0.
    """
    return f'model_{number:04d}'


def write_weights(path: Path, tensors: Mapping[str, NDArray], header: Mapping[str, Any]) -> None:
    """Write weights and header atomically, in the safetensors format (no pickles), with checksums of both.

    :param path: the file to write, usually ``model.safetensors``.
    :param tensors: arrays by name: floats or whole numbers of 32 or 64 bits.
    :param header: plain values for all of :data:`HEADER_KEYS`.
    :raises FormatError: if a key of the header is unknown, missing or of the wrong type, or weights are no finite
        numbers.
    """
    from safetensors.numpy import save

    check_keys('model header', header, HEADER_KEYS)
    _check_types('model header', header)
    plain = {name: np.ascontiguousarray(tensor) for name, tensor in sorted(tensors.items())}
    for name, tensor in plain.items():
        if tensor.dtype.name not in _NUMBERS.values():
            known = ', '.join(_NUMBERS.values())
            raise FormatError(f'the weight {name!r} has type {tensor.dtype}; known are {known}')
    _check_finite('model', plain)
    try:
        # What a reader will see: JSON makes lists of tuples and text of all keys.
        document = json.loads(json.dumps(dict(header), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise FormatError(f'model header: a value cannot be written as JSON: {error}') from error
    document |= {'schema': SCHEMA, 'schema_version': SCHEMA_VERSION, 'weights_sha256': _checksum(plain)}
    document['header_sha256'] = _checksum_of_header(document)
    text = json.dumps(document, sort_keys=True)
    write_bytes_atomic(Path(path), save(plain, metadata={_METADATA_KEY: text}))


def read_weights(path: Path) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Read weights and header.

    :param path: the file to read.
    :returns: arrays by name, finite, and the header.
    :raises FormatError: if the file is missing, cut short, damaged, no safetensors file, or not one of ours.
    """
    path = Path(path)
    with _opened(path) as handle:
        document = _document(path.name, handle.metadata() or {})
        tensors = {}
        for name in handle.keys():  # noqa: SIM118
            # Asked for before the tensor: numpy has no word for some types.
            kind = handle.get_slice(name).get_dtype()
            if kind not in _NUMBERS:
                raise FormatError(f'{path.name}: the weight {name!r} has type {kind}; known are {", ".join(_NUMBERS)}')
            tensors[name] = handle.get_tensor(name)
    if document['schema_version'] > 1 and document['weights_sha256'] != _checksum(tensors):
        raise FormatError(f'{path.name}: damaged: the weights do not have the checksum that they were written with')
    _check_finite(path.name, tensors)
    return tensors, {key: document[key] for key in HEADER_KEYS}


def read_header(path: Path) -> dict[str, Any]:
    """Read the header alone, which is quick; the weights are not looked at.

    :param path: the file to read.
    :returns: the header, with the keys :data:`HEADER_KEYS`.
    :raises FormatError: if the file is missing, cut short, no safetensors file, not one of ours, or its header damaged.
    """
    path = Path(path)
    with _opened(path) as handle:
        document = _document(path.name, handle.metadata() or {})
    return {key: document[key] for key in HEADER_KEYS}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FormatError(f'{path.name}: there is no such file')
    try:
        with safe_open(str(path), framework='numpy') as handle:
            yield handle
    except (SafetensorError, OSError) as error:
        raise FormatError(f'{path.name}: not a model file, or cut short: {error}') from error


def _document(name: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return what the metadata of a file say, checked."""
    if _METADATA_KEY not in metadata:
        raise FormatError(f'{name}: a safetensors file, but not one that aiida-limap wrote')
    try:
        document = json.loads(metadata[_METADATA_KEY], parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise FormatError(f'{name}: its header is damaged: {error}') from error
    if not isinstance(document, dict):
        raise FormatError(f'{name}: its header is damaged: expected a mapping, found {type(document).__name__}')
    old = document.get('schema_version') == 1
    check_schema(name, document, SCHEMA, 1 if old else SCHEMA_VERSION)
    check_keys(name, document, ('schema', 'schema_version', *HEADER_KEYS, *(() if old else _CHECKSUMS)))
    if not old and document['header_sha256'] != _checksum_of_header(document):
        raise FormatError(f'{name}: damaged: its header does not have the checksum that it was written with')
    _check_types(name, document)
    return document


def _finite(word: str) -> float:
    number = float(word)
    if not np.isfinite(number):
        raise ValueError(f'{word} is no finite number')
    return number


def _check_types(name: str, header: Mapping[str, Any]) -> None:
    for key, kind in _TYPES.items():
        if not isinstance(header[key], kind) or isinstance(header[key], bool):
            raise FormatError(f'{name}: {key} must be {_WORDS[kind]}, not {str(header[key])[:80]!r}')


def _check_finite(name: str, tensors: Mapping[str, NDArray]) -> None:
    for key, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise FormatError(f'{name}: the weight {key!r} holds a number that is not finite')


def _checksum_of_header(document: Mapping[str, Any]) -> str:
    """Return a checksum of all entries but itself; JSON written again from what was read is the same text."""
    counted = {key: value for key, value in document.items() if key != 'header_sha256'}
    return checksum(json.dumps(counted, sort_keys=True).encode())


def _checksum(tensors: Mapping[str, NDArray]) -> str:
    """Return a checksum of names, types, shapes and numbers."""
    parts: list[bytes] = []
    for name, tensor in sorted(tensors.items()):
        little = tensor.astype(tensor.dtype.newbyteorder('<'), copy=False)
        parts += [name.encode('utf-8', 'surrogatepass'), f'{little.dtype.str}{little.shape}'.encode(), little.tobytes()]
    return checksum(*parts)
