"""A table beside the files that says where each of them came from."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from aiida_limap.importers._archives import stem_of
from aiida_limap.importers._entries import ImporterError

__all__ = ['Metadata', 'read_metadata']

#: Columns that are keys of ``aiida.orm.Data.source``.
_SOURCE = ('db_name', 'db_uri', 'uri', 'version', 'license', 'description')
_OTHER_NAMES = {'licence': 'license', 'filename': 'file', 'file_name': 'file'}
_INTEGER = re.compile(r'-?(0|[1-9]\d{0,17})')
_NUMBER = re.compile(r'-?\d+(\.\d*)?([eE][+-]?\d+)?')


@dataclass
class Metadata:
    """Rows by the file or the id that they speak of.

    :param name: file name of the table.
    :param rows: rows by ``file`` where there is such a column, else by ``id``.
    :param by_file: whether ``file`` is that column.
    :param used: keys of the rows for which there was a file.
    """

    name: str
    rows: dict[str, dict[str, Any]]
    by_file: bool
    used: set[str] = field(default_factory=set)

    def row(self, path: PurePosixPath, identifier: str) -> dict[str, Any] | None:
        """Return the row of a file, or None.

        :param path: path of the file below the folder or archive.
        :param identifier: the id that its name gives.
        """
        keys = (str(path), path.name, stem_of(path.name)) if self.by_file else (identifier, stem_of(path.name))
        for key in keys:
            if key in self.rows:
                self.used.add(key)
                return self.rows[key]
        return None

    def unused(self) -> list[str]:
        """Return the keys of the rows for which there was no file."""
        return [key for key in self.rows if key not in self.used]


def source_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row says, as keys of ``aiida.orm.Data.source``.

    :param row: a row of the table.
    :returns: ``id`` and the other keys of a source that are given; a DOI becomes the address where no other is given;
        every other column stands in ``extras``.
    """
    source: dict[str, Any] = {key: str(row[key]) for key in ('id', *_SOURCE) if key in row}
    extras = {key: value for key, value in row.items() if key not in {'id', 'file', *_SOURCE}}
    if 'doi' in extras:
        extras['doi'] = re.sub(r'^(https?://(dx\.)?doi\.org/|doi:\s*)', '', str(extras['doi']).strip(), flags=re.I)
        source.setdefault('uri', f'https://doi.org/{extras["doi"]}')
    if extras:
        source['extras'] = extras
    return source


def read_metadata(path: Path) -> Metadata:
    """Read a table of metadata.

    :param path: a CSV, TSV or JSON file with one row for each structure file. JSON is a list of objects, or an object
        of objects by id.
    :returns: the rows.
    :raises ImporterError: if the file cannot be read, has neither a column ``id`` nor ``file``, or names one twice.
    """
    try:
        text = path.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        raise ImporterError(f'the metadata table {path} cannot be read: {error}') from error
    suffix = path.suffix.lower()
    if suffix == '.json':
        rows = _json_rows(path, text)
    elif suffix in {'.csv', '.tsv'}:
        rows = _text_rows(path, text, '\t' if suffix == '.tsv' else ',')
    else:
        raise ImporterError(f'the metadata table {path} must end in .csv, .tsv or .json')
    rows = [_named(row) for row in rows]
    by_file = any('file' in row for row in rows)
    key = 'file' if by_file else 'id'
    found: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows, start=1):
        if key not in row:
            raise ImporterError(
                f'{path.name}: row {number} has no value in a column {key!r}; each row needs an id (or the name of a '
                'file) to tell which structure it speaks of'
            )
        if str(row[key]) in found:
            raise ImporterError(f'{path.name}: {row[key]!r} stands in two rows')
        found[str(row[key])] = row
    return Metadata(path.name, found, by_file)


def _json_rows(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ImporterError(f'the metadata table {path} is no valid JSON: {error}') from error
    if isinstance(document, dict) and all(isinstance(row, dict) for row in document.values()):
        document = [{'id': key, **row} for key, row in document.items()]
    if not isinstance(document, list) or not document or not all(isinstance(row, dict) for row in document):
        raise ImporterError(f'the metadata table {path} must be a list of objects, or an object of objects by id')
    return document


def _text_rows(path: Path, text: str, delimiter: str) -> list[dict[str, Any]]:
    try:
        lines = list(csv.reader(text.splitlines(), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ImporterError(f'the metadata table {path} cannot be read: {error}') from error
    lines = [line for line in lines if any(word.strip() for word in line)]
    if len(lines) < 2:
        raise ImporterError(f'the metadata table {path} holds no rows below its header')
    header, *body = lines
    rows = []
    for number, line in enumerate(body, start=1):
        if len(line) > len(header):
            raise ImporterError(f'{path.name}: row {number} has {len(line)} values for {len(header)} columns')
        rows.append({name.strip(): _value(word.strip()) for name, word in zip(header, line, strict=False)})
    return rows


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are given, with the names of columns that mean something in one spelling."""
    known = {'id', 'file', 'doi', *_SOURCE}
    named = {}
    for name, value in row.items():
        plain = _OTHER_NAMES.get(name.lower(), name.lower())
        if value is not None and value != '' and name:
            named[plain if plain in known else name] = str(value) if plain in known else value
    return named


def _value(word: str) -> str | int | float:
    """Return a number where the text is one; numbers with leading zeros are names."""
    if _INTEGER.fullmatch(word):
        return int(word)
    if _NUMBER.fullmatch(word) and not re.match(r'-?0\d', word):
        return float(word)
    return word
