"""``limap.table``: one row per structure, with named columns, wide blocks of numbers, and what they mean."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from aiida.common.exceptions import ValidationError
from aiida.orm import Data
from numpy.typing import ArrayLike, NDArray

from aiida_limap.common.columns import unique_names
from aiida_limap.data._blocks import as_block, describe_columns
from aiida_limap.data._columns import (
    as_column,
    as_ids,
    content_checksum,
    count_words,
    kind_of,
    plain_json,
    plain_value,
    read_node_arrays,
    verify_checksum,
    write_node_arrays,
)

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

__all__ = ['TableData']

_INFO_KEYS = ('unit', 'description')
_MIRRORED = ('task', 'engine_version')


class TableData(Data):
    """An immutable table; each row is named by an identifier, in this plugin the UUID of a structure node.

    Columns hold numbers (float64, NaN where there is none) or words. Blocks are wide arrays of numbers with one row per
    row of the table, such as descriptors. Attributes (queryable): ``n_rows``, ``columns``, ``blocks``, ``checksum``,
    and where they are known ``counts_by_status``, ``task``, ``engine_version``, ``layout`` (name of the layout of the
    blocks). Build one with :meth:`from_arrays`.
    """

    ARRAYS_FILE = 'table.npz'
    INFO_FILE = 'info.json'
    _loaded: dict[str, NDArray] | None = None
    _loaded_info: dict[str, Any] | None = None
    _positions: dict[str, int] | None = None

    @classmethod
    def from_arrays(
        cls,
        ids: Iterable[str],
        columns: Mapping[str, ArrayLike | list],
        *,
        column_info: Mapping[str, Mapping[str, str]] | None = None,
        blocks: Mapping[str, ArrayLike] | None = None,
        block_info: Mapping[str, Mapping[str, Any]] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> TableData:
        """Build an unstored table.

        :param ids: one unique word per row.
        :param columns: for each column one number, word, truth value or None per row.
        :param column_info: ``unit`` and ``description`` by column; unknown columns are refused.
        :param blocks: (n_rows, n) numbers by name; NaN where a row has none.
        :param block_info: what the numbers of a block mean, e.g. ``{'labels': [...], 'layout': {...}}``, by block.
        :param metadata: facts of the whole table; ``task`` and ``engine_version`` become attributes.
        :returns: the table, not yet stored.
        :raises ValueError: if lengths disagree, an identifier is repeated, a column mixes numbers and words, or
            something is described that is not there.
        """
        names = as_ids(ids)
        column_info, blocks, block_info = column_info or {}, blocks or {}, block_info or {}
        arrays: dict[str, NDArray] = {'ids': names}
        described = []
        for name, values in columns.items():
            column = as_column(name, values, names.size)
            arrays[f'column.{name}'] = column
            described.append({'name': name, **_described(name, column_info.get(name, {})), 'kind': kind_of(column)})
        for name, values in blocks.items():
            arrays[f'block.{name}'] = as_block(name, values, names.size)
        for given, known, what in ((column_info, columns, 'column'), (block_info, blocks, 'block')):
            unknown = sorted(set(given) - set(known))
            if unknown:
                raise ValueError(f'the {what} {unknown[0]!r} is described, but the table has no such {what}')
        info = plain_json(
            'the description of a table',
            {'blocks': {name: dict(block_info.get(name, {})) for name in blocks}, 'metadata': dict(metadata or {})},
        )
        node = cls()
        node._fill(arrays, described, info)
        return node

    def _fill(self, arrays: dict[str, NDArray], described: list[dict[str, str]], info: dict[str, Any]) -> None:
        blocks = [
            {'name': name.removeprefix('block.'), 'n_columns': int(array.shape[1])}
            for name, array in arrays.items()
            if name.startswith('block.')
        ]
        attributes: dict[str, Any] = {'n_rows': int(arrays['ids'].size), 'columns': described, 'blocks': blocks}
        for key in _MIRRORED:
            if key in info['metadata']:
                attributes[key] = info['metadata'][key]
        layout = _layout_of(info['blocks'])
        if layout is not None:
            attributes['layout'] = layout
        if 'column.status' in arrays:
            attributes['counts_by_status'] = count_words(arrays['column.status'])
        attributes['checksum'] = content_checksum(arrays, {'columns': described, **info})
        self.base.attributes.set_many(attributes)
        write_node_arrays(self, self.ARRAYS_FILE, arrays)
        self.base.repository.put_object_from_bytes(json.dumps(info, sort_keys=True).encode(), self.INFO_FILE)

    def _validate(self) -> None:
        super()._validate()
        if 'checksum' not in self.base.attributes.all:
            raise ValidationError('a TableData is built with TableData.from_arrays, which was not done')
        try:
            arrays = self._read_arrays()
            document = {'columns': self.info, **self._read_info()}
        except ValueError as error:
            raise ValidationError(str(error)) from error
        verify_checksum(self, content_checksum(arrays, document))

    def _read_arrays(self) -> dict[str, NDArray]:
        required = [
            'ids',
            *(f'column.{entry["name"]}' for entry in self.base.attributes.get('columns')),
            *(f'block.{entry["name"]}' for entry in self.base.attributes.get('blocks')),
        ]
        return read_node_arrays(self, self.ARRAYS_FILE, required)

    def _read_info(self) -> dict[str, Any]:
        try:
            return json.loads(self.base.repository.get_object_content(self.INFO_FILE, mode='rb'))
        except (FileNotFoundError, json.JSONDecodeError) as error:
            raise ValueError(f'TableData<{self.pk}>: {self.INFO_FILE} is missing or damaged: {error}') from error

    @property
    def _arrays(self) -> dict[str, NDArray]:
        if self._loaded is None:
            self._loaded = self._read_arrays()
        return self._loaded

    @property
    def _info(self) -> dict[str, Any]:
        if self._loaded_info is None:
            self._loaded_info = self._read_info()
        return self._loaded_info

    def forget(self) -> None:
        """Let go of what was read from the repository; it is read again when it is asked for."""
        self._loaded = self._loaded_info = self._positions = None

    def __len__(self) -> int:
        return int(self.base.attributes.get('n_rows'))

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self)

    @property
    def ids(self) -> list[str]:
        """Identifier of each row, in the order of the table."""
        return self._arrays['ids'].tolist()

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return [entry['name'] for entry in self.info]

    @property
    def block_names(self) -> list[str]:
        """Names of the blocks."""
        return [entry['name'] for entry in self.base.attributes.get('blocks')]

    @property
    def info(self) -> list[dict[str, str]]:
        """For each column ``name``, ``unit``, ``description`` and ``kind`` (``number`` or ``word``)."""
        return self.base.attributes.get('columns')

    @property
    def metadata(self) -> dict[str, Any]:
        """Facts of the whole table."""
        return plain_json('metadata', self._info['metadata'])

    @property
    def counts_by_status(self) -> dict[str, int]:
        """Number of rows by status word; empty for a table without the column ``status``."""
        return dict(self.base.attributes.get('counts_by_status', {}))

    @property
    def engine_version(self) -> str | None:
        """Version of the engine that computed the rows, where it is known."""
        return self.base.attributes.get('engine_version', None)

    @property
    def layout(self) -> str | None:
        """Name of the layout that the blocks follow, where they follow one."""
        return self.base.attributes.get('layout', None)

    @property
    def checksum(self) -> str:
        """SHA-256 of the content; equal for tables with equal rows, columns, blocks and metadata."""
        return str(self.base.attributes.get('checksum'))

    def column(self, name: str) -> NDArray:
        """Return a column.

        :param name: its name.
        :returns: (n_rows,) float64 with NaN where there is no value, or words.
        :raises KeyError: if there is no such column.
        """
        if name not in self.column_names:
            raise KeyError(f'the table has no column {name!r}; it has {", ".join(self.column_names) or "none"}')
        return self._arrays[f'column.{name}']

    def block(self, name: str) -> NDArray:
        """Return a block.

        :param name: its name.
        :returns: (n_rows, n_columns) numbers, NaN where a row has none.
        :raises KeyError: if there is no such block.
        """
        self._check_block(name)
        return self._arrays[f'block.{name}']

    def block_info(self, name: str) -> dict[str, Any]:
        """Return what the numbers of a block mean.

        :param name: its name.
        :returns: plain values, e.g. ``labels`` and ``layout``.
        :raises KeyError: if there is no such block.
        """
        self._check_block(name)
        return plain_json('block_info', self._info['blocks'][name])

    def block_columns(self, name: str) -> list[dict[str, str]]:
        """Return what the columns of a block are.

        :param name: its name, e.g. ``structure``.
        :returns: for each column ``name``, ``unit``, ``meaning`` and ``block`` (of the layout, e.g. ``rdf``); empty
            words where the table does not say it.
        :raises KeyError: if there is no such block.
        """
        self._check_block(name)
        return describe_columns(name, self._info['blocks'][name], self._arrays[f'block.{name}'].shape[1])

    def block_column(self, block: str, column: str) -> NDArray:
        """Return one column of a block.

        :param block: name of the block, e.g. ``structure``.
        :param column: name of the column, e.g. ``rdf_Li-O_1.95``.
        :returns: (n_rows,) numbers, NaN where a row has none.
        :raises KeyError: if there is no such block or column.
        """
        names = [entry['name'] for entry in self.block_columns(block)]
        if column not in names:
            close = get_close_matches(column, names, n=3)
            hint = f'; did you mean {" or ".join(close)}?' if close else '; block_columns lists them'
            raise KeyError(f'the block {block!r} has no column {column!r}{hint}')
        return self._arrays[f'block.{block}'][:, names.index(column)]

    def _check_block(self, name: str) -> None:
        if name not in self.block_names:
            raise KeyError(f'the table has no block {name!r}; it has {", ".join(self.block_names) or "none"}')

    def position(self, identifier: str) -> int:
        """Return the number of a row, counted from 0.

        :param identifier: identifier of the row.
        :returns: its place in :attr:`ids`.
        :raises KeyError: if there is no such row.
        """
        if self._positions is None:
            self._positions = {name: index for index, name in enumerate(self.ids)}
        if identifier not in self._positions:
            raise KeyError(f'the table has no row {identifier!r}')
        return self._positions[identifier]

    def row(self, identifier: str) -> dict[str, float | str | None]:
        """Return the columns of one row.

        :param identifier: identifier of the row.
        :returns: number, word or None by column.
        :raises KeyError: if there is no such row.
        """
        index = self.position(identifier)
        return {name: plain_value(self._arrays[f'column.{name}'][index]) for name in self.column_names}

    def to_dataframe(self, *, blocks: bool | Iterable[str] = False) -> pd.DataFrame:
        """Return the rows as a data frame, indexed by the identifiers.

        :param blocks: whether the columns of all blocks follow those of the table, or the names of the blocks that do.
            A name that occurs in several places gets its block in front, as in ``landscape.NAME``.
        :returns: one row per row of the table.
        :raises KeyError: if there is no such block.
        """
        import pandas as pd

        wanted = (self.block_names if blocks else []) if isinstance(blocks, bool) else list(blocks)
        index = pd.Index(self.ids, name='id')
        columns = {name: self._arrays[f'column.{name}'].tolist() for name in self.column_names}
        names = {name: [entry['name'] for entry in self.block_columns(name)] for name in wanted}
        # A copy, since the arrays of a node are read-only and a frame is not.
        wide = [
            pd.DataFrame(self._arrays[f'block.{name}'].copy(), index=index, columns=labels)
            for name, labels in unique_names(self.column_names, names).items()
        ]
        return pd.concat([pd.DataFrame(columns, index=index), *wide], axis=1)


def _described(name: str, info: Mapping[str, str]) -> dict[str, str]:
    unknown = sorted(set(info) - set(_INFO_KEYS))
    if unknown:
        raise ValueError(f'the column {name!r} is described by {unknown[0]!r}; known are {" and ".join(_INFO_KEYS)}')
    return {key: str(info.get(key, '')) for key in _INFO_KEYS}


def _layout_of(blocks: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the name of the layout that all blocks with one follow, or None."""
    layouts = [info.get('layout') for info in blocks.values()]
    names = {layout.get('name') if isinstance(layout, Mapping) else layout for layout in layouts} - {None}
    return str(names.pop()) if len(names) == 1 else None
