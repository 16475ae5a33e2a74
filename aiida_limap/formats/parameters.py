"""Files of bond-valence parameters: Morse rows of pairs of ions, radii and presets, in YAML, each with its source.

Whoever takes a file in reads it here first, so that a wrong one is refused with a sentence before anything is computed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida_limap.formats._files import FormatError, check_keys
from aiida_limap.formats._parameter_rows import PairRow, Shells, derived_rows, pair_rows, parse_ion_text
from aiida_limap.formats._plain_yaml import read_plain_yaml

__all__ = [
    'COLUMNS',
    'PARAMETERS_FILE',
    'PARAMETERS_ROLE',
    'PARAMETER_FACTS',
    'PRESETS',
    'UNITS',
    'ParameterDocument',
    'embedded_parameters',
    'parse_parameters',
    'read_parameters_file',
]

#: Name of the file in the folder of a job, and its role among the inputs of the job.
PARAMETERS_FILE = 'bond_valence.yaml'
PARAMETERS_ROLE = 'bond_valence'
#: What results say of the set that was used.
PARAMETER_FACTS = ('parameters_name', 'parameters_citation', 'parameters_checksum')
#: Conventions of the force field, the words of the option ``preset``.
PRESETS = ('bvff', 'bvse')
#: The numbers of a row with the unit that the file must state; the coordination number is a pure number.
UNITS = {'R0': 'angstrom', 'b': 'angstrom', 'alpha': '1/angstrom', 'D0': 'eV', 'R_min': 'angstrom'}
COLUMNS = ('cation', 'anion', *UNITS, 'preferred_coordination')
_REQUIRED = ('citation', 'units', 'columns', 'pairs', 'principal_quantum_numbers', 'd_and_f_block', 'presets')
_OPTIONAL = ('name', 'version', 'licence', 'source', 'derived', 'radii')
_PRESET_KEYS = ('description', 'morse_scale', 'screening_factor')


@dataclass(frozen=True)
class ParameterDocument:
    """The content of one file, checked.

    :param name: short name of the set, or None where the file gives none.
    :param version: its version, or None.
    :param citation: where the numbers were published.
    :param licence: under which licence they are passed on, or None.
    :param source: how they came into the file, or None.
    :param rows: the rows, published ones first.
    :param presets: ``description``, ``morse_scale`` and ``screening_factor`` (pure numbers) by name.
    :param radii: softBV radii by ion, Å.
    :param checksum: SHA-256 of the file, as ``sha256sum`` prints it.
    """

    name: str | None
    version: str | None
    citation: str
    licence: str | None
    source: str | None
    rows: tuple[PairRow[str], ...]
    presets: Mapping[str, Mapping[str, Any]]
    radii: Mapping[str, float]
    checksum: str

    @property
    def published(self) -> tuple[PairRow[str], ...]:
        """The rows that were published, not derived from others."""
        return tuple(row for row in self.rows if row.derived is None)

    @property
    def cations(self) -> tuple[str, ...]:
        """Cations with a published row, in the order of the file; each may be the mobile ion."""
        return tuple(dict.fromkeys(row.cation for row in self.published))

    @property
    def anions(self) -> tuple[str, ...]:
        """Anions with a published row, in the order of the file; each may be the mobile ion."""
        return tuple(dict.fromkeys(row.anion for row in self.published))


def read_parameters_file(path: Path) -> ParameterDocument:
    """Read and check a parameter file.

    :param path: the file.
    :returns: its content.
    :raises FormatError: as :func:`parse_parameters`, and if there is no such file.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FormatError(f'the parameter file {path} cannot be read: {error.strerror}') from error
    return parse_parameters(content, path.name)


def parse_parameters(content: bytes, name: str = 'bond-valence parameters') -> ParameterDocument:
    """Check the content of a parameter file.

    :param content: YAML in UTF-8.
    :param name: what the file is called in messages.
    :returns: the content.
    :raises FormatError: if it is not YAML, a key is missing, unknown or repeated, a unit is another one, an element is
        unknown, a row is incomplete or repeated, if its alpha, b, D0 or R_min is not positive (such rows stand in some
        tables as placeholders for pairs that were never fitted), if alpha is not 1 / b, or if D0 is not what
        :func:`~aiida_limap.formats._parameter_rows.morse_depth_eV` gives.
    """
    document, first_lines = read_plain_yaml(content, name)
    check_keys(name, document, _REQUIRED, _OPTIONAL)
    _check_texts(name, document)
    _check_units(name, document['units'])
    columns = _checked_columns(name, document['columns'])
    shells = Shells.from_document(name, document['principal_quantum_numbers'], document['d_and_f_block'])
    if not isinstance(document['pairs'], str):
        raise FormatError(f'{name}: pairs must be text with one row per line, after `pairs: |`')
    rows = pair_rows(name, columns, document['pairs'], shells, first_lines.get('pairs'))
    rows += derived_rows(name, document.get('derived') or (), rows, shells)
    _check_unique(name, rows)
    return ParameterDocument(
        name=document.get('name'),
        version=None if document.get('version') is None else str(document['version']),
        citation=document['citation'].strip(),
        licence=document.get('licence'),
        source=document.get('source'),
        rows=tuple(rows),
        presets=_checked_presets(name, document['presets']),
        radii=_checked_radii(name, document.get('radii') or {}),
        checksum=hashlib.sha256(content).hexdigest(),
    )


def embedded_parameters() -> bytes:
    """Return the parameter file that comes with the package."""
    # By its path: the file stands beside the engine that reads it, which is not imported here.
    path = Path(__file__).resolve().parents[1] / 'engines' / 'bvff' / 'parameters.yaml'
    return path.read_bytes()


def _check_texts(name: str, document: Mapping[str, Any]) -> None:
    for key in ('citation', 'name', 'licence', 'source'):
        value = document.get(key)
        if key in document and (not isinstance(value, str) or not value.strip()):
            raise FormatError(f'{name}: {key} must be a line of text, not {value!r}')


def _check_units(name: str, units: Any) -> None:
    if not isinstance(units, Mapping):
        raise FormatError(f'{name}: units must name the unit of each column, as in D0: eV')
    check_keys(f'{name}: units', units, UNITS)
    for column, unit in UNITS.items():
        if units[column] != unit:
            raise FormatError(
                f'{name}: units: {column} is given in {units[column]!r}, but must be in {unit}; convert the numbers'
            )


def _checked_columns(name: str, columns: Any) -> list[str]:
    if not isinstance(columns, list) or sorted(map(str, columns)) != sorted(COLUMNS):
        raise FormatError(f'{name}: columns must be {", ".join(COLUMNS)}, in the order of the rows, not {columns!r}')
    return columns


def _check_unique(name: str, rows: list[PairRow[str]]) -> None:
    places: dict[tuple[str, str], str] = {}
    for row in rows:
        pair = row.cation, row.anion
        if pair in places:
            first = places[pair].removesuffix(': ')
            raise FormatError(f'{name}: {row.place}the pair {pair[0]} and {pair[1]} stands twice, first in {first}')
        places[pair] = row.place


def _checked_presets(name: str, presets: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(presets, Mapping) or not presets:
        raise FormatError(f'{name}: presets must hold at least one of {" and ".join(PRESETS)}')
    for word, entry in presets.items():
        if word not in PRESETS:
            raise FormatError(f'{name}: presets: unknown preset {word!r}; known are {" and ".join(PRESETS)}')
        if not isinstance(entry, Mapping):
            raise FormatError(f'{name}: presets: {word} must hold {", ".join(_PRESET_KEYS)}')
        check_keys(f'{name}: presets: {word}', entry, _PRESET_KEYS)
        for key in ('morse_scale', 'screening_factor'):
            _positive(f'{name}: presets: {key} of {word}', entry[key])
    return {word: dict(entry) for word, entry in presets.items()}


def _checked_radii(name: str, radii: Any) -> dict[str, float]:
    if not isinstance(radii, Mapping):
        raise FormatError(f'{name}: radii must hold sets of radii by name')
    check_keys(f'{name}: radii', radii, (), ('softbv',))
    if not radii:
        return {}
    entry = radii['softbv']
    if not isinstance(entry, Mapping):
        raise FormatError(f'{name}: radii: softbv must hold citation and angstrom')
    check_keys(f'{name}: radii: softbv', entry, ('angstrom',), ('citation',))
    if not isinstance(entry['angstrom'], Mapping):
        raise FormatError(f'{name}: radii: softbv: angstrom must hold a radius by ion')
    for ion, radius in entry['angstrom'].items():
        parse_ion_text(f'{name}: radii: softbv', ion)
        _positive(f'{name}: radii: softbv: the radius of {ion}', radius)
    return {ion: float(radius) for ion, radius in entry['angstrom'].items()}


def _positive(what: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise FormatError(f'{what} must be a positive number, not {value!r}')
