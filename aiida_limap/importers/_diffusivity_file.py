"""Tables of diffusivities as people write them: one column per temperature, or one row per temperature."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aiida_limap.importers._entries import ImporterError, Refusal

__all__ = ['UNITS', 'DiffusivityFile', 'DiffusivityRow', 'read_diffusivities']

#: Factor to cm²/s, by unit.
UNITS = {'cm2/s': 1.0, 'm2/s': 1e4}
_IDS = ('', 'id', 'material_id', 'source_id', 'uuid')
_FORMULA, _CITATION, _TEMPERATURE = 'formula', 'citation', 'temperature_k'
_LONG = {'diffusivity_cm2_per_s': 'cm2/s', 'diffusivity_m2_per_s': 'm2/s'}
_DECIMAL_COMMA = re.compile(r'^(\s*[+-]?\d*),(\d+(?:[eE][+-]?\d+)?\s*)$')
_COLUMN = re.compile(r'(\d+(?:\.\d+)?)\s*K?')
#: Lithium in a melt moves with some 1e-4 cm²/s.
_MOST_CM2_PER_S = 1.0
_HIGHEST_K = 10_000.0
_KNOWN = (
    'id, formula, citation, and either temperatures such as 800 or 800K, or temperature_K with diffusivity_cm2_per_s'
)


@dataclass(frozen=True)
class DiffusivityRow:
    """The diffusivities of a compound.

    :param id: its identifier at the source, or the UUID of a structure; empty where the file gives none.
    :param formula: its formula; empty where the file gives none.
    :param citation: where the numbers come from.
    :param values: cm²/s by temperature in K; temperatures without a number are missing.
    """

    id: str
    formula: str
    citation: str
    values: dict[float, float]

    @property
    def name(self) -> str:
        """What the row is called in messages."""
        return self.id or self.formula


@dataclass(frozen=True)
class DiffusivityFile:
    """What a file tells.

    :param rows: the compounds, in the order of the file.
    :param temperatures_K: ascending.
    :param unit: unit of the numbers in the file.
    :param unit_is_told: whether the file or the caller names the unit; else it was taken to be cm²/s.
    :param refused: rows that were left out, with the reason.
    """

    rows: tuple[DiffusivityRow, ...]
    temperatures_K: tuple[float, ...]  # noqa: N815
    unit: str
    unit_is_told: bool
    refused: tuple[Refusal, ...]


@dataclass(frozen=True)
class _Head:
    """Where the columns of a file are: places of words by name, and of temperatures."""

    words: dict[str, int]
    temperatures: dict[int, float]
    unit: str | None


def read_diffusivities(path: Path, unit: str | None = None) -> DiffusivityFile:
    """Read a table of diffusivities.

    The first line names the columns: an identifier (``id``, ``material_id``, ``source_id``, ``uuid``, or no name), a
    ``formula``, or both; optionally ``citation``; and either one column per temperature, called by it in K (``800``,
    ``800K``), or the columns ``temperature_K`` and ``diffusivity_cm2_per_s`` (or ``diffusivity_m2_per_s``) with one
    line per temperature. Empty fields are temperatures without a number; zero is a simulation in which nothing moved.

    :param path: a CSV file in UTF-8.
    :param unit: ``cm2/s`` or ``m2/s``; None for that of the column, else cm²/s.
    :returns: what it tells.
    :raises ImporterError: if it cannot be read, has other columns, or not a single row can be taken.
    """
    lines = _lines(path)
    head = _head(path.name, [word.strip() for word in lines[0]])
    if unit is not None and head.unit not in {None, unit}:
        raise ImporterError(f'{path.name}: its numbers are in {head.unit} by the name of their column, not in {unit}')
    told = unit or head.unit
    refused: list[Refusal] = []
    found: dict[str, DiffusivityRow] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not any(field.strip() for field in line):
            continue
        try:
            row = _row(line, len(lines[0]), head, UNITS[told or 'cm2/s'])
            _take(row, found, is_long='temperature' in head.words)
        except ValueError as error:
            name = line[head.words['id']].strip() if 'id' in head.words and line else ''
            refused.append(Refusal(name or f'line {number}', str(error)))
    rows = [row for row in found.values() if row.values]
    refused += [
        Refusal(row.name, 'it has no diffusivity at any temperature') for row in found.values() if not row.values
    ]
    if not rows:
        first = f'; the first one, {refused[0].name}: {refused[0].reason}' if refused else ''
        raise ImporterError(f'{path.name}: no row can be taken{first}')
    temperatures = {*head.temperatures.values(), *(value for row in rows for value in row.values)}
    return DiffusivityFile(tuple(rows), tuple(sorted(temperatures)), told or 'cm2/s', told is not None, tuple(refused))


def _lines(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding='utf-8-sig', newline='') as stream:
            header = stream.readline()
            stream.seek(0)
            delimiter = max(',;\t', key=header.count)
            lines = list(csv.reader(stream, delimiter=delimiter, strict=True))
    except OSError as error:
        raise ImporterError(f'the diffusivities {path} cannot be read: {error.strerror}') from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ImporterError(f'{path.name} is no table of text with commas, semicolons or tabs: {error}') from error
    if delimiter != ',':
        # Programs that divide columns otherwise may write decimal commas; between commas one could be of thousands.
        lines = [[_DECIMAL_COMMA.sub(r'\1.\2', field) for field in line] for line in lines]
    if len(lines) < 2:
        raise ImporterError(f'{path.name}: a line with the names of the columns and at least one more are needed')
    return lines


def _head(file: str, names: Sequence[str]) -> _Head:
    words: dict[str, int] = {}
    temperatures: dict[int, float] = {}
    unit, unknown = None, []
    for place, name in enumerate(names):
        low = name.lower()
        if low in _IDS:
            role = 'id'
        elif low in {_FORMULA, _CITATION}:
            role = low
        elif low == _TEMPERATURE:
            role = 'temperature'
        elif low in _LONG:
            role, unit = 'diffusivity', _LONG[low]
        elif (match := _COLUMN.fullmatch(name)) is not None and 0 < float(match[1]) <= _HIGHEST_K:
            temperatures[place] = float(match[1])
            continue
        else:
            unknown.append(name)
            continue
        if role in words:
            raise ImporterError(
                f'{file}: the columns {names[words[role]]!r} and {name!r} both tell the {role}; leave one'
            )
        words[role] = place
    if unknown:
        raise ImporterError(
            f'{file}: the column {unknown[0]!r} is neither a temperature nor known; leave it out. Known are {_KNOWN}'
        )
    is_long = {'temperature', 'diffusivity'} <= set(words)
    if is_long == bool(temperatures) or ({'temperature', 'diffusivity'} & set(words) and not is_long):
        raise ImporterError(f'{file}: which numbers are diffusivities cannot be told; known columns are {_KNOWN}')
    if not {'id', 'formula'} & set(words):
        raise ImporterError(f'{file}: no column says which compound a row is; add id or formula')
    if len(set(temperatures.values())) < len(temperatures):
        raise ImporterError(f'{file}: a temperature has two columns; leave one')
    return _Head(words, temperatures, unit)


def _row(line: Sequence[str], n_columns: int, head: _Head, factor: float) -> DiffusivityRow:
    """Return what a line tells.

    :raises ValueError: if it tells nothing, or something that is no diffusivity.
    """
    if len(line) != n_columns:
        raise ValueError(f'it has {len(line)} fields, but there are {n_columns} columns')

    def word(role: str) -> str:
        return line[head.words[role]].strip() if role in head.words else ''

    if not word('id') and not word('formula'):
        raise ValueError('it has neither an id nor a formula')
    if 'temperature' in head.words:
        temperature = _number(word('temperature'), 'temperature')
        if temperature is None or not 0 < temperature <= _HIGHEST_K:
            raise ValueError(f'{word("temperature")!r} is no temperature in K')
        fields = {temperature: word('diffusivity')}
    else:
        fields = {temperature: line[place].strip() for place, temperature in head.temperatures.items()}
    values = {}
    for temperature, field in fields.items():
        value = _number(field, f'diffusivity at {temperature:g} K')
        if value is None:
            continue
        if not 0 <= value * factor <= _MOST_CM2_PER_S:
            why = 'is negative' if value < 0 else f'is more than {_MOST_CM2_PER_S:g} cm²/s: is the unit right?'
            raise ValueError(f'its diffusivity at {temperature:g} K, {field}, {why}')
        values[temperature] = value * factor
    return DiffusivityRow(word('id'), word('formula'), word('citation'), values)


def _number(text: str, what: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f'its {what}, {text!r}, is no number') from None
    if not math.isfinite(value):
        # What programs write where they have no number.
        if math.isnan(value):
            return None
        raise ValueError(f'its {what} is infinite')
    return value


def _take(row: DiffusivityRow, found: dict[str, DiffusivityRow], *, is_long: bool) -> None:
    """Add a row; lines of one compound are one row where each line tells one temperature.

    :raises ValueError: if it contradicts what was found before.
    """
    known = found.get(row.name)
    if known is None:
        found[row.name] = row
        return
    if not is_long:
        raise ValueError('it stands in the file twice; the first row was taken')
    if set(known.values) & set(row.values):
        raise ValueError(f'it has two diffusivities at {next(iter(row.values)):g} K; the first one was taken')
    known.values.update(row.values)
