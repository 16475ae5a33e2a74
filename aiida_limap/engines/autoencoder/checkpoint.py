"""Checkpoints: how far the training of one model has come, in a file that says whose it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from aiida_limap.engines.autoencoder.plan import State
from aiida_limap.formats._files import FormatError, check_keys, check_schema, write_bytes_atomic

__all__ = ['read_checkpoint', 'write_checkpoint']

SCHEMA = 'limap.checkpoint'
SCHEMA_VERSION = 1
_METADATA_KEY = 'limap_checkpoint'
_ARRAYS = ('parameters', 'first_moment', 'second_moment', 'best_parameters')
_NUMBERS = ('best_loss', 'best_epoch', 'epoch', 'step', 'history', 'ended')


def write_checkpoint(path: Path, program_key: str, state: State) -> None:
    """Write a state atomically, in the safetensors format (no pickles).

    A file that is being replaced stays whole until the new one is. Of a training that has ended only its best weights
    are kept: a grid would fill a disk otherwise.

    :param path: the file to write.
    :param program_key: what the state belongs to: a hash of rows and options.
    :param state: the state.
    """
    from safetensors.numpy import save

    document: dict[str, Any] = {'schema': SCHEMA, 'schema_version': SCHEMA_VERSION, 'program_key': program_key}
    for name in _NUMBERS:
        document[name] = getattr(state, name)
    # JSON has no infinity: the loss before the first epoch, and losses of a model that diverged.
    text = json.dumps(_spelled(document), sort_keys=True, allow_nan=False)
    arrays = {name: getattr(state, name) for name in _arrays(state.ended)}
    write_bytes_atomic(Path(path), save(arrays, {_METADATA_KEY: text}))


def read_checkpoint(path: Path, program_key: str) -> State:
    """Read a state.

    :param path: the file to read.
    :param program_key: what the state must belong to.
    :returns: the state.
    :raises FormatError: if the file is missing, cut short, of another kind, or belongs to another training.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FormatError(f'{path.name}: there is no such file')
    try:
        with safe_open(str(path), framework='numpy') as handle:
            metadata = handle.metadata() or {}
            arrays = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, AttributeError, TypeError) as error:
        # The last two are what safetensors raises for kinds of numbers that numpy does not have.
        raise FormatError(f'{path.name}: not a checkpoint, or cut short: {error}') from error
    try:
        document = dict(json.loads(metadata[_METADATA_KEY]))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f'{path.name}: not a checkpoint that aiida-limap wrote') from error
    check_schema(path.name, document, SCHEMA, SCHEMA_VERSION)
    check_keys(path.name, document, ('schema', 'schema_version', 'program_key', *_NUMBERS))
    if document['program_key'] != program_key:
        raise FormatError(
            f'{path.name}: the checkpoint of another training; its rows or options differ. Remove it, or give the '
            'options that it was written with'
        )
    shapes = {array.shape for array in arrays.values()}
    kinds = {array.dtype for array in arrays.values()}
    if len(shapes) != 1 or kinds != {np.dtype(np.float32)} or set(arrays) != set(_arrays(document['ended'])):
        raise FormatError(f'{path.name}: the arrays of the checkpoint do not fit together')
    if not all(np.isfinite(array).all() for array in arrays.values()) and document['ended'] != 'not_finite':
        raise FormatError(f'{path.name}: the checkpoint holds numbers that are not finite')
    _check_numbers(path.name, document)
    numbers = {name: _read(document[name]) for name in _NUMBERS}
    best = np.ascontiguousarray(arrays['best_parameters'])
    if document['ended']:
        nothing = np.zeros(0, dtype=np.float32)
        return State(best, nothing, nothing, best, **numbers)
    parameters, first, second = (np.ascontiguousarray(arrays[name]) for name in _ARRAYS[:3])
    return State(parameters, first, second, best, **numbers)


def _arrays(ended: str) -> tuple[str, ...]:
    return ('best_parameters',) if ended else _ARRAYS


def _check_numbers(name: str, document: dict[str, Any]) -> None:
    whole = [document[key] for key in ('best_epoch', 'epoch', 'step')]
    history = document['history']
    good = all(isinstance(value, int) and not isinstance(value, bool) and value >= 0 for value in whole)
    good = good and isinstance(_read(document['best_loss']), float) and isinstance(document['ended'], str)
    good = good and isinstance(history, dict)
    good = good and all(isinstance(losses, list) and len(losses) == whole[1] for losses in history.values())
    if not good:
        raise FormatError(f'{name}: the numbers of the checkpoint do not fit together')


def _spelled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _spelled(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_spelled(entry) for entry in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _read(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_read(entry) for entry in value]
    return float(value) if value in ('inf', '-inf', 'nan') else value
