"""What tables and maps share: columns of numbers and words, keyed by row, in one array file of a node."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats._files import FormatError, checksum
from aiida_limap.formats.arrays import array_bytes, read_arrays

if TYPE_CHECKING:
    from aiida.orm import Data

__all__ = [
    'NUMBER',
    'WORD',
    'as_column',
    'as_ids',
    'content_checksum',
    'count_words',
    'kind_of',
    'plain_json',
    'plain_value',
    'read_node_arrays',
    'write_node_arrays',
]

NUMBER = 'number'
WORD = 'word'
_DAMAGED = 'does not fit its checksum: the file in the repository was altered or damaged'


def as_ids(ids: Iterable[str]) -> NDArray[np.str_]:
    """Return row identifiers as an array.

    :param ids: one word per row.
    :returns: (n_rows,) words.
    :raises ValueError: if an identifier is empty or no word, or stands for two rows.
    """
    words = list(ids)
    seen: set[str] = set()
    for word in words:
        if not isinstance(word, str) or not word:
            raise ValueError(f'every row needs an identifier that is a word, not {word!r}')
        if word in seen:
            raise ValueError(f'the identifier {word!r} stands for two rows')
        seen.add(word)
    return np.array([str(word) for word in words], dtype=np.str_)


def as_column(name: str, values: Any, n_rows: int) -> NDArray:
    """Return a column as numbers (NaN where there is none) or as words (empty where there is none).

    :param name: name of the column, for messages.
    :param values: one number, word, truth value or None per row.
    :param n_rows: the expected length.
    :returns: (n_rows,) float64 or unicode words.
    :raises ValueError: if the length is wrong, or numbers and words are mixed.
    """
    if not isinstance(name, str) or not name:
        raise ValueError(f'a column needs a name that is a word, not {name!r}')
    entries = values.tolist() if isinstance(values, np.ndarray) else list(values)
    if len(entries) != n_rows:
        raise ValueError(f'the column {name!r} has {len(entries)} values for {n_rows} rows')
    words = [isinstance(entry, str) for entry in entries]
    if not any(words):
        try:
            numbers = np.array([np.nan if entry is None else entry for entry in entries], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f'the column {name!r} holds a value that is neither a number nor a word: {error}'
            ) from None
        if numbers.shape != (n_rows,):
            raise ValueError(f'the column {name!r} needs one value per row, found an array of shape {numbers.shape}')
        return numbers
    for entry, word in zip(entries, words, strict=True):
        if not word and entry is not None:
            raise ValueError(f'the column {name!r} mixes words and numbers; {entry!r} is not a word')
    return np.array([entry or '' for entry in entries], dtype=np.str_)


def kind_of(column: NDArray) -> str:
    """Return whether a column holds numbers or words.

    :param column: what :func:`as_column` gave.
    :returns: ``number`` or ``word``.
    """
    return WORD if column.dtype.kind == 'U' else NUMBER


def plain_value(value: Any) -> float | str | None:
    """Return a cell as a plain Python value.

    :param value: one entry of a column.
    :returns: the number, the word, or None where there is no value.
    """
    if isinstance(value, str):
        return str(value) or None
    return None if np.isnan(value) else float(value)


def count_words(words: Iterable[str]) -> dict[str, int]:
    """Return how often each word occurs, the most frequent first; empty words are not counted.

    :param words: words.
    :returns: count by word.
    """
    counts = Counter(str(word) for word in words if word)
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))


def plain_json(name: str, document: Any) -> Any:
    """Return a deep copy of plain values.

    :param name: what the document is, for the message.
    :param document: mappings, lists, words, numbers, None.
    :returns: the copy.
    :raises ValueError: if it holds a value that JSON cannot express.
    """
    try:
        return json.loads(json.dumps(document, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f'{name} can only hold plain values: {error}') from error


def content_checksum(arrays: Mapping[str, NDArray], document: Mapping[str, Any]) -> str:
    """Return a checksum of content, which does not depend on how files are compressed.

    :param arrays: arrays by name.
    :param document: plain values.
    :returns: 64 hexadecimal digits.
    """
    parts: list[bytes | memoryview] = [json.dumps(document, sort_keys=True).encode()]
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        # Words are compared as words: the width of their storage depends on the longest one.
        body = '\x00'.join(array.ravel().tolist()).encode() if array.dtype.kind == 'U' else _bytes_of(array)
        kind = array.dtype.kind if array.dtype.kind == 'U' else array.dtype.str
        parts.extend([name.encode(), f'{kind}{array.shape}'.encode(), body])
    return checksum(*parts)


def _bytes_of(array: NDArray) -> bytes | memoryview:
    """Return the bytes of an array of numbers without a copy: a joined table has hundreds of megabytes."""
    return array.data.cast('B') if array.size else b''


def write_node_arrays(node: Data, file_name: str, arrays: Mapping[str, NDArray]) -> None:
    """Put arrays into the repository of an unstored node.

    :param node: the node.
    :param file_name: name of the file in its repository.
    :param arrays: arrays by name.
    :raises ValueError: if an array holds Python objects.
    """
    node.base.repository.put_object_from_bytes(array_bytes(arrays), file_name)


def read_node_arrays(node: Data, file_name: str, required: Sequence[str] = ()) -> dict[str, NDArray]:
    """Read arrays from the repository of a node; they are read-only, since nodes do not change.

    :param node: the node.
    :param file_name: name of the file in its repository.
    :param required: names of arrays that must be there.
    :returns: arrays by name.
    :raises ValueError: if the file is missing, damaged or lacks an array.
    """
    try:
        content = node.base.repository.get_object_content(file_name, mode='rb')
    except FileNotFoundError as error:
        raise ValueError(f'{type(node).__name__}<{node.pk}> has no file {file_name}') from error
    try:
        arrays = read_arrays(io.BytesIO(content))
    except FormatError as error:
        raise ValueError(f'{type(node).__name__}<{node.pk}>: {file_name}: {error}') from error
    for name in required:
        if name not in arrays:
            raise ValueError(f'{type(node).__name__}<{node.pk}>: {file_name} lacks the array {name!r}')
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def verify_checksum(node: Data, found: str) -> None:
    """Compare the checksum of the content with the one in the attributes.

    :param node: the node, with the attribute ``checksum``.
    :param found: the checksum of what was read.
    :raises aiida.common.exceptions.ValidationError: if they differ.
    """
    from aiida.common.exceptions import ValidationError

    if found != node.base.attributes.get('checksum', None):
        raise ValidationError(f'{type(node).__name__} {_DAMAGED}')
