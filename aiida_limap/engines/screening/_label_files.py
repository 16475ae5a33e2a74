"""Readers of the files that the publishers of conductivities give, and of tables of one's own."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._label_merging import merge_duplicates
from aiida_limap.engines.screening._label_rows import (
    KINDS,
    ROOM_TEMPERATURE_K,
    LabelledRow,
    LabelledSet,
    LeftOut,
    label_of,
)
from aiida_limap.engines.screening._label_structures import attach_cifs, read_structure_file

__all__ = ['OWN_COLUMNS', 'read_labels', 'read_laskowski', 'read_liverpool', 'read_obelix']

#: Measurements between these temperatures (15 and 35 °C) count as taken at room temperature.
ROOM_RANGE_K = (288.15, 308.15)
_ZERO_CELSIUS_K = 273.15
#: Columns of a table of one's own; all but the first two may be missing.
OWN_COLUMNS = {
    'id': 'unique word; by default the number of the row',
    'formula': 'composition (needed)',
    'conductivity_S_per_cm': 'number, or an upper bound such as <1E-10; this or the label is needed',
    'label': '1 or fast, 0 or slow',
    'temperature_K': 'by default 298.15',
    'kind': f'{" or ".join(KINDS)}; by default the first',
    'space_group': 'number of the space group',
    'citation': 'DOI (needed)',
    'structure': 'file of the structure, relative to the table',
    'match_note': 'how this structure was found to be that of the measurement',
    'note': 'anything else',
}
_LABEL_WORDS = {'1': 1, 'fast': 1, 'yes': 1, 'true': 1, '0': 0, 'slow': 0, 'no': 0, 'false': 0}
_MINUS = str.maketrans({'\u2212': '-', '\u2013': '-', ',': '.', '\u00a0': ' '})
_NUMBER = re.compile(r'([<≤]?)\s*=?\s*(\d+(?:\.\d*)?|\.\d+)(?:\s*[eE]\s*([+-]?\d+)|\s*[x×*]\s*10\s*\^?\s*([+-]?\d+))?')
_DOI_PREFIX = re.compile(r'^\s*(https?://(dx\.)?doi\.org/|doi:\s*)', re.IGNORECASE)

#: Name and citation of each collection.
_OBELIX = ('OBELiX', 'F. Therrien et al., Digital Discovery (2026), 10.1039/d5dd00441a')
_LIVERPOOL = (
    'Liverpool Ionics Dataset',
    'C. J. Hargreaves et al., npj Comput. Mater. 9, 9 (2023), 10.1038/s41524-022-00951-z',
)
_LASKOWSKI = ('Laskowski', 'F. A. L. Laskowski et al., Energy Environ. Sci. 16, 1264 (2023), 10.1039/d2ee03499a')


@dataclass(frozen=True)
class _Line:
    """One line of a table: its id and its words by column."""

    id: str
    words: Mapping[str, str]

    def get(self, name: str) -> str:
        return self.words.get(name, '')


def read_obelix(csv_file: Path | str, cifs: Path | str | None = None, *, duplicates: str = 'merge') -> LabelledSet:
    """Read the table of OBELiX (``train.csv`` or the like), and the crystals beside it.

    Several measurements of one compound in one space group are merged by default. The crystals are taken as the
    publisher gives them: most are disordered.

    :param csv_file: the table.
    :param cifs: folder, zip or tar archive with files ``<ID>.cif``, or None.
    :param duplicates: ``merge``, ``keep`` or ``refuse``.
    :returns: the rows; temperatures are those of a room.
    :raises InputError: if a file cannot be read, a column is missing, or duplicates are refused.
    """
    path = Path(csv_file)
    needed = ('ID', 'Reduced Composition', 'Ionic conductivity (S cm-1)', 'DOI')
    lines, left_out = _numbered(path, _read_table(path, needed, 'of OBELiX'), 'obelix', 'ID')

    def row(line: _Line) -> LabelledRow:
        return _measured(
            line.id,
            line.get('Reduced Composition'),
            line.get('Ionic conductivity (S cm-1)'),
            space_group=_space_group(line.get('Space group #')),
            citation=_doi(line.get('DOI')),
            collection=_OBELIX[0],
        )

    rows, refused = _rows(lines, row)
    if cifs is not None:
        marks = {line.id: line.get('close match DOI') for line in lines if line.get('close match').lower() == 'yes'}
        rows = attach_cifs(rows, Path(cifs), marks)
    return LabelledSet(merge_duplicates(rows, duplicates), (*left_out, *refused), 'obelix', (_OBELIX[1],))


def read_liverpool(csv_file: Path | str, *, duplicates: str = 'merge') -> LabelledSet:
    """Read the Liverpool Ionics Dataset (``LiIonDatabase.csv``).

    Temperatures are in °C; only what was measured between 15 and 35 °C is taken.

    :param csv_file: the table.
    :param duplicates: ``merge``, ``keep`` or ``refuse``.
    :raises InputError: if the file cannot be read, a column is missing, or duplicates are refused.
    """
    path = Path(csv_file)
    needed = ('ID', 'composition', 'source', 'temperature', 'target')
    lines, left_out = _numbered(path, _read_table(path, needed, 'of the Liverpool dataset'), 'liverpool', 'ID')

    def row(line: _Line) -> LabelledRow:
        temperature_K = _number(line.get('temperature'), 'temperature') + _ZERO_CELSIUS_K
        if not ROOM_RANGE_K[0] <= temperature_K <= ROOM_RANGE_K[1]:
            raise InputError(f'it was measured at {line.get("temperature")} °C, not at room temperature.')
        return _measured(
            line.id,
            line.get('composition'),
            line.get('target'),
            temperature_K=temperature_K,
            citation=_doi(line.get('source')),
            collection=_LIVERPOOL[0],
        )

    rows, refused = _rows(lines, row)
    return LabelledSet(merge_duplicates(rows, duplicates), (*left_out, *refused), 'liverpool', (_LIVERPOOL[1],))


def read_laskowski(csv_file: Path | str, *, duplicates: str = 'merge') -> LabelledSet:
    """Read the collection of F. A. L. Laskowski, D. B. McHaffie and K. A. See.

    It names no source for each row, so that the citation of every row is that of the collection.

    :param csv_file: the table.
    :param duplicates: ``merge``, ``keep`` or ``refuse``.
    :raises InputError: if the file cannot be read, a column is missing, or duplicates are refused.
    """
    path = Path(csv_file)
    needed = ('Structure', 'σ(RT)(S cm-1)')
    lines, left_out = _numbered(path, _read_table(path, needed, 'of Laskowski et al.'), 'laskowski', None)

    def row(line: _Line) -> LabelledRow:
        return _measured(
            line.id,
            line.get('Structure'),
            line.get('σ(RT)(S cm-1)'),
            space_group=_space_group(line.get('space group')),
            citation=_LASKOWSKI[1].rpartition(' ')[2],
            collection=_LASKOWSKI[0],
        )

    rows, refused = _rows(lines, row)
    return LabelledSet(merge_duplicates(rows, duplicates), (*left_out, *refused), 'laskowski', (_LASKOWSKI[1],))


def read_labels(csv_file: Path | str, *, duplicates: str = 'refuse') -> LabelledSet:
    """Read a table of one's own; :data:`OWN_COLUMNS` says what its columns are.

    Unlike the collections, such a table is expected to be right: the first row that cannot be taken is an error.

    :param csv_file: the table, with a comma, semicolon or tab between the columns.
    :param duplicates: ``merge``, ``keep`` or ``refuse``.
    :raises InputError: if the file cannot be read, a column is missing or unknown, a row cannot be taken, or duplicates
        are refused.
    """
    path = Path(csv_file)
    table = _read_table(path, ('formula', 'citation'), 'of labels')
    unknown = sorted(set(table[0]) - set(OWN_COLUMNS))
    if unknown:
        raise InputError(f'{path}: unknown column {unknown[0]!r}; known are {", ".join(OWN_COLUMNS)}.')
    if not {'conductivity_S_per_cm', 'label'} & set(table[0]):
        raise InputError(f'{path}: a column conductivity_S_per_cm or label is needed.')
    rows = []
    for number, words in enumerate(table, start=1):
        identifier = words.get('id') or str(number)
        try:
            rows.append(_own_row(_Line(identifier, words), path.parent))
        except InputError as error:
            raise InputError(f'{path}: row {number} ({identifier}): {error}') from error
    return LabelledSet(merge_duplicates(rows, duplicates), (), path.stem)


def _own_row(line: _Line, folder: Path) -> LabelledRow:
    words = line.words
    citation = _doi(line.get('citation'))
    if not citation:
        raise InputError('it has no citation; every row needs one, such as a DOI.')
    label = None
    if words.get('label'):
        label = _LABEL_WORDS.get(words['label'].lower())
        if label is None:
            raise InputError(f'the label {words["label"]!r} is none of {", ".join(_LABEL_WORDS)}.')
    conductivity, bound = math.nan, ''
    if words.get('conductivity_S_per_cm'):
        conductivity, bound = _conductivity(words['conductivity_S_per_cm'])
        follows = label_of(conductivity, bound)
        if label is not None and label != follows:
            raise InputError(
                f'its label {label} contradicts its conductivity of {bound}{conductivity:g} S/cm; remove one of both.'
            )
        label = follows
    if label is None:
        raise InputError('it has neither a conductivity nor a label.')
    file = words.get('structure')
    return LabelledRow(
        id=line.id,
        composition=line.get('formula'),
        label=label,
        conductivity_S_per_cm=conductivity,
        bound=bound,
        temperature_K=_number(words['temperature_K'], 'temperature')
        if words.get('temperature_K')
        else ROOM_TEMPERATURE_K,
        kind=words.get('kind') or KINDS[0],
        space_group=_space_group(line.get('space_group')),
        citation=citation,
        collection='own table',
        structure=read_structure_file(folder / file) if file else None,
        match='file named in the table' if file else 'none',
        match_note=line.get('match_note'),
        note=line.get('note'),
    )


def _measured(identifier: str, composition: str, conductivity: str, **words: object) -> LabelledRow:
    value, bound = _conductivity(conductivity)
    return LabelledRow(
        id=identifier,
        composition=composition,
        conductivity_S_per_cm=value,
        bound=bound,
        label=label_of(value, bound),
        **words,  # type: ignore[arg-type]
    )


def _rows(lines: Iterable[_Line], make: Callable[[_Line], LabelledRow]) -> tuple[list[LabelledRow], list[LeftOut]]:
    rows, left_out = [], []
    for line in lines:
        try:
            rows.append(make(line))
        except InputError as error:
            left_out.append(LeftOut(line.id, str(error).removeprefix(f'Row {line.id}: ')))
    return rows, left_out


def _read_table(path: Path, needed: Sequence[str], what: str) -> list[dict[str, str]]:
    """Return the lines of a table as words by column.

    :raises InputError: if it cannot be read, has no lines, or lacks a column.
    """
    try:
        text = path.read_text(encoding='utf-8-sig')
    except FileNotFoundError as error:
        raise InputError(f'There is no file {path}.') from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'{path} cannot be read as a text in UTF-8; a table {what} is a CSV file.') from error
    lines = text.splitlines()
    header = lines[0] if lines else ''
    delimiter = max(',;\t', key=header.count)
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if any(word.strip() for word in row)]
    except csv.Error as error:
        raise InputError(f'{path} cannot be read as a CSV file: {error}.') from error
    names = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in needed if name not in names]
    if missing:
        raise InputError(
            f'{path} has no column {missing[0]!r}, which a table {what} needs; its columns are '
            f'{", ".join(names) or "none"}.'
        )
    if len(rows) < 2:
        raise InputError(f'{path} holds no rows below its header.')
    return [{name: word.strip() for name, word in zip(names, row, strict=False) if name} for row in rows[1:]]


def _numbered(
    path: Path, table: Sequence[Mapping[str, str]], prefix: str, column: str | None
) -> tuple[list[_Line], list[LeftOut]]:
    """Give each line an id that is unique; lines that repeat another one word by word are left out."""
    lines: dict[str, _Line] = {}
    left_out = []
    seen: set[tuple[str, ...]] = set()
    for number, words in enumerate(table, start=1):
        name = f'{prefix}:{words.get(column, "") if column else number}'
        content = (name, *words.values())
        if content in seen:
            left_out.append(LeftOut(name, f'line {number + 1} of {path.name} repeats it.'))
            continue
        seen.add(content)
        if name in lines or name.endswith(':'):
            name = f'{name}@{number + 1}'
        lines[name] = _Line(name, words)
    return list(lines.values()), left_out


def _conductivity(text: str) -> tuple[float, str]:
    """Return a conductivity in S/cm and whether it is an upper bound."""
    match = _NUMBER.fullmatch(text.translate(_MINUS).strip())
    if match is None:
        raise InputError(f'{text!r} is no conductivity.' if text else 'it has no conductivity.')
    bound, number, power, other_power = match.groups()
    value = float(f'{number}e{power or other_power or 0}')
    if value <= 0:
        raise InputError(f'a conductivity of {text} S/cm is impossible.')
    return value, '<' if bound else ''


def _number(text: str, what: str) -> float:
    try:
        return float(text.translate(_MINUS))
    except ValueError as error:
        raise InputError(f'{text!r} is no {what}.' if text else f'it has no {what}.') from error


def _space_group(text: str) -> int | None:
    if not text:
        return None
    number = _number(text, 'number of a space group')
    if number != int(number) or not 1 <= number <= 230:
        raise InputError(f'{text!r} is no number of a space group.')
    return int(number)


def _doi(text: str) -> str:
    return _DOI_PREFIX.sub('', text).strip()
