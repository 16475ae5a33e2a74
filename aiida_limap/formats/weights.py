"""``model.safetensors``: weights of a model with a JSON header that says what they mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats._files import FormatError, check_keys, check_schema, write_bytes_atomic

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
SCHEMA_VERSION = 1
_METADATA_KEY = 'limap_header'
#: What every header holds: the kind of model, its layer sizes, the descriptor columns that it reads, the scaling of
#: each block, the seed, the training options, a hash of the training data and the version of the engine.
HEADER_KEYS = ('kind', 'architecture', 'columns', 'scaling', 'seed', 'training', 'data_hash', 'engine_version')


def model_name(number: int) -> str:
    """Return the name of a model of a grid: ``model_0007``.

    :param number: its place in the grid, counted from 0.
    """
    return f'model_{number:04d}'


def write_weights(path: Path, tensors: Mapping[str, NDArray], header: Mapping[str, Any]) -> None:
    """Write weights and header atomically, in the safetensors format (no pickles).

    :param path: the file to write, usually ``model.safetensors``.
    :param tensors: weight arrays by name.
    :param header: plain values for all of :data:`HEADER_KEYS`.
    :raises FormatError: if a key of the header is unknown or missing, or a weight is not finite.
    """
    from safetensors.numpy import save

    check_keys('model header', header, HEADER_KEYS)
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise FormatError(f'the weight {name!r} holds a number that is not finite')
    document = {'schema': SCHEMA, 'schema_version': SCHEMA_VERSION, **header}
    text = json.dumps(document, sort_keys=True, allow_nan=False)
    plain = {name: np.ascontiguousarray(tensor) for name, tensor in sorted(tensors.items())}
    write_bytes_atomic(Path(path), save(plain, metadata={_METADATA_KEY: text}))


def read_weights(path: Path) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Read weights and header.

    :param path: the file to read.
    :returns: weight arrays by name, and the header.
    :raises FormatError: if the file is missing, cut short, no safetensors file, or not one of ours.
    """
    from safetensors import SafetensorError, safe_open

    header = read_header(path)
    try:
        with safe_open(str(path), framework='numpy') as handle:
            return {name: handle.get_tensor(name) for name in handle.keys()}, header  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise FormatError(f'{Path(path).name}: not a model file, or cut short: {error}') from error


def read_header(path: Path) -> dict[str, Any]:
    """Read the header alone.

    :param path: the file to read.
    :returns: the header, with the keys :data:`HEADER_KEYS`.
    :raises FormatError: as :func:`read_weights`.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FormatError(f'{path.name}: there is no such file')
    try:
        with safe_open(str(path), framework='numpy') as handle:
            metadata = handle.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise FormatError(f'{path.name}: not a model file, or cut short: {error}') from error
    if _METADATA_KEY not in metadata:
        raise FormatError(f'{path.name}: a safetensors file, but not one that aiida-limap wrote')
    try:
        document = json.loads(metadata[_METADATA_KEY])
    except json.JSONDecodeError as error:
        raise FormatError(f'{path.name}: its header is damaged: {error}') from error
    check_schema(path.name, document, SCHEMA, SCHEMA_VERSION)
    check_keys(path.name, document, ('schema', 'schema_version', *HEADER_KEYS))
    return {key: document[key] for key in HEADER_KEYS}
