"""``results.json`` and ``arrays.npz``: what an engine found, also when it was stopped half way."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.common.status import Status
from aiida_limap.formats._files import FormatError, check_keys, check_schema, read_json, write_json
from aiida_limap.formats.arrays import read_arrays, write_arrays

__all__ = ['ARRAYS_FILE', 'RESULTS_FILE', 'ItemResult', 'Results', 'ResultsWriter', 'read_results']

RESULTS_FILE = 'results.json'
ARRAYS_FILE = 'arrays.npz'
ROW_IDS = 'row_ids'
SCHEMA = 'limap.results'
SCHEMA_VERSION = 1
_KEYS = ('schema', 'schema_version', 'task', 'engine_version', 'items', 'summary', 'error', 'has_arrays', 'complete')
_FLUSH_INTERVAL_S = 5.0


@dataclass(frozen=True)
class ItemResult:
    """What became of one item, usually one structure.

    :param id: identifier of the item.
    :param status: its status word.
    :param message: why, where the word is not ``ok``.
    :param values: plain numbers and words by name, with the unit in the name; None where there is no value.
    :param rows: longer (n,) rows of numbers by name, which are written to the arrays; empty for what was read.
    """

    id: str
    status: Status
    message: str = ''
    values: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, NDArray] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Results:
    """The content of a results folder.

    :param task: the engine task.
    :param engine_version: version of the engine that computed.
    :param items: one entry per item, in the order of computation.
    :param summary: values that belong to the whole job.
    :param arrays: arrays by name; arrays with one row per finished item come with ``row_ids``.
    :param error: the sentence that says why the whole job failed, or None.
    :param complete: whether the engine reached its end; False for a job that was stopped half way.
    """

    task: str
    engine_version: str
    items: list[ItemResult]
    summary: dict[str, Any]
    arrays: dict[str, NDArray]
    error: str | None
    complete: bool


class ResultsWriter:
    """Collect results and keep the files on disk up to date, so that a killed job loses a few seconds at most.

    :param directory: folder of ``results.json`` and ``arrays.npz``.
    :param task: the engine task.
    :param engine_version: version of the engine.
    """

    def __init__(self, directory: Path, task: str, engine_version: str) -> None:
        self._directory = Path(directory)
        self._document: dict[str, Any] = {
            'schema': SCHEMA,
            'schema_version': SCHEMA_VERSION,
            'task': task,
            'engine_version': engine_version,
            'items': [],
            'summary': {},
            'error': None,
            'has_arrays': False,
            'complete': False,
        }
        self._rows: dict[str, list[NDArray]] = {}
        self._row_ids: list[str] = []
        self._arrays: dict[str, NDArray] = {}
        self._flushed_at = time.monotonic()

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items so far, as they stand in the file."""
        return self._document['items']

    def add(self, item: ItemResult, rows: Mapping[str, NDArray] | None = None) -> None:
        """Add one item.

        :param item: its status, message and values.
        :param rows: for each row-wise array its (n_columns,) row of this item, by default those of the item; the names
            must be the same for all items that bring rows.
        :raises FormatError: if the row names differ from those of earlier items.
        """
        rows = rows or item.rows
        if rows:
            if self._row_ids and set(rows) != set(self._rows):
                raise FormatError(f'item {item.id}: rows {sorted(rows)} differ from earlier ones {sorted(self._rows)}')
            for name, row in rows.items():
                self._rows.setdefault(name, []).append(np.asarray(row))
            self._row_ids.append(item.id)
        self._document['items'].append(
            {
                'id': item.id,
                'status': str(item.status),
                'message': item.message,
                'values': {name: _plain(value) for name, value in item.values.items()},
            }
        )
        if time.monotonic() - self._flushed_at > _FLUSH_INTERVAL_S:
            self.flush()

    def summary(self, **values: Any) -> None:
        """Set values that belong to the whole job.

        :param values: plain values by name.
        """
        self._document['summary'].update({name: _plain(value) for name, value in values.items()})

    def array(self, name: str, array: NDArray) -> None:
        """Set a named array that belongs to the whole job.

        :param name: its name.
        :param array: the array.
        """
        self._arrays[name] = np.asarray(array)

    def flush(self) -> None:
        """Write what there is; arrays first, so that the items on disk never name rows that are not there."""
        arrays = dict(self._arrays)
        if self._row_ids:
            arrays[ROW_IDS] = np.array(self._row_ids)
            arrays.update({name: np.stack(rows) for name, rows in self._rows.items()})
        if arrays:
            write_arrays(self._directory / ARRAYS_FILE, arrays)
        self._document['has_arrays'] = bool(arrays)
        write_json(self._directory / RESULTS_FILE, self._document)
        self._flushed_at = time.monotonic()

    def finish(self) -> None:
        """Write the files with the end mark."""
        self._document['complete'] = True
        self.flush()

    def fail(self, message: str) -> None:
        """Write the files with the reason why the whole job failed; items so far are kept.

        :param message: one sentence.
        """
        self._document['error'] = message
        self.flush()


def read_results(directory: Path) -> Results:
    """Read the results of an engine.

    :param directory: the folder that holds ``results.json`` and, if the results have arrays, ``arrays.npz``.
    :returns: the results; ``complete`` tells whether the engine reached its end.
    :raises FormatError: if a file is missing, damaged or of another schema.
    """
    directory = Path(directory)
    document = read_json(directory / RESULTS_FILE)
    check_schema(RESULTS_FILE, document, SCHEMA, SCHEMA_VERSION)
    check_keys(RESULTS_FILE, document, _KEYS)
    items = []
    for entry in document['items']:
        check_keys(f'{RESULTS_FILE}: item', entry, ('id', 'status', 'message', 'values'))
        try:
            status = Status(entry['status'])
        except ValueError as error:
            raise FormatError(f'{RESULTS_FILE}: item {entry["id"]}: unknown status {entry["status"]!r}') from error
        items.append(ItemResult(entry['id'], status, entry['message'], entry['values']))
    arrays = read_arrays(directory / ARRAYS_FILE) if document['has_arrays'] else {}
    return Results(
        document['task'],
        document['engine_version'],
        items,
        document['summary'],
        arrays,
        document['error'],
        document['complete'],
    )


def _plain(value: Any) -> Any:
    """Return numpy values as Python ones; numbers that are not finite become None, since JSON has none."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
