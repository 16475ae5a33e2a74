"""Descriptors of structure files, for people at a command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.common.columns import unique_names
from aiida_limap.engines.chemistry.files import read_structure_file
from aiida_limap.engines.descriptors.task import describe_items
from aiida_limap.engines.errors import InputError
from aiida_limap.formats.arrays import write_arrays
from aiida_limap.formats.results import ItemResult

if TYPE_CHECKING:
    from aiida_limap.engines.descriptors.layout import Layout

__all__ = ['ENDINGS', 'DescribedFiles', 'describe_files', 'write_described']

#: Formats of :func:`write_described`.
ENDINGS = ('.csv', '.npz')


@dataclass(frozen=True, eq=False)
class DescribedFiles:
    """Descriptors of structure files.

    :param layout: the layout.
    :param items: what became of each file; the id is its path.
    :param blocks: (n_files, n_columns) numbers by part of the layout, NaN in the rows of files without descriptors.
    """

    layout: Layout
    items: Sequence[ItemResult]
    blocks: dict[str, NDArray[np.float64]]

    def labels(self) -> dict[str, list[str]]:
        """Return the names of the columns of each part."""
        return {part: self.layout.labels(part) for part in self.blocks}

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values; numbers that are not there are None."""
        rows = []
        for index, item in enumerate(self.items):
            row = {'file': item.id, 'status': str(item.status), 'message': item.message, **item.values}
            for part, block in self.blocks.items():
                row[part] = block[index].tolist() if np.isfinite(block[index]).all() else None
            rows.append(row)
        return {
            'layout': self.layout.name,
            'layout_checksum': self.layout.checksum,
            'columns': self.labels(),
            'rows': rows,
        }


def describe_files(
    paths: Iterable[Path | str],
    layout: Layout,
    parts: Sequence[str],
    on_result: Callable[[ItemResult], None] | None = None,
) -> DescribedFiles:
    """Describe the structure of every file.

    :param paths: structure files.
    :param layout: the layout.
    :param parts: parts of the layout that are computed.
    :param on_result: called with what became of each file as soon as it is there.
    :returns: one row per file, in the order of the files.
    """
    # Loaded before the clock of the first structure starts.
    import pymatgen.io.cif  # noqa: F401

    loaders = [(str(path), lambda path=path: read_structure_file(Path(path))) for path in paths]
    items = []
    blocks = {part: np.full((len(loaders), len(layout.columns(part))), np.nan) for part in parts}
    for index, (item, rows) in enumerate(describe_items(loaders, layout, parts)):
        items.append(item)
        for part, block in blocks.items():
            block[index] = np.nan if rows is None else rows[part]
        if on_result is not None:
            on_result(item)
    return DescribedFiles(layout, tuple(items), blocks)


def write_described(path: Path, described: DescribedFiles) -> None:
    """Write descriptors to a file.

    A ``csv`` file has one line per structure file: file, status, message, formula and all numbers, under their names;
    a name that stands in two parts gets its part in front (``landscape.NAME``). An ``npz`` file has the arrays ``ids``,
    ``status``, ``formula``, one array of numbers by part, their names and units (``structure_labels``,
    ``structure_units``), and the layout as JSON text.

    :param path: the file; its ending is the format.
    :param described: the descriptors.
    :raises InputError: if the format is unknown, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise InputError(f'{path.name}: descriptors are written as {" or ".join(ENDINGS)}, not as {path.suffix!r}')
    try:
        if path.suffix == '.csv':
            _write_csv(path, described)
        else:
            write_arrays(path, _arrays(described))
    except OSError as error:
        raise InputError(f'{path} cannot be written: {error.strerror}') from error


def _formula(item: ItemResult) -> str:
    return str(item.values.get('formula') or '')


def _write_csv(path: Path, described: DescribedFiles) -> None:
    head = ['file', 'status', 'message', 'formula']
    names = unique_names(head, described.labels())
    with path.open('w', newline='', encoding='utf-8') as stream:
        writer = csv.writer(stream)
        writer.writerow([*head, *(name for part in names.values() for name in part)])
        for index, item in enumerate(described.items):
            numbers = np.concatenate([block[index] for block in described.blocks.values()])
            cells = ['' if np.isnan(number) else repr(number) for number in numbers.tolist()]
            writer.writerow([item.id, str(item.status), item.message, _formula(item), *cells])


def _arrays(described: DescribedFiles) -> dict[str, NDArray]:
    columns = {part: described.layout.columns(part) for part in described.blocks}
    return {
        'ids': np.array([item.id for item in described.items]),
        'status': np.array([str(item.status) for item in described.items]),
        'formula': np.array([_formula(item) for item in described.items]),
        **described.blocks,
        **{f'{part}_labels': np.array([column.name for column in found]) for part, found in columns.items()},
        **{f'{part}_units': np.array([column.unit for column in found]) for part, found in columns.items()},
        'layout': np.array(json.dumps(described.layout.as_dict())),
    }
