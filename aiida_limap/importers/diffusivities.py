"""Import diffusivities: a table by compound and temperature, matched to structures, that tells where it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_limap import __version__
from aiida_limap.importers._diffusivity_file import UNITS, DiffusivityFile, DiffusivityRow, read_diffusivities
from aiida_limap.importers._entries import ImporterError, Refusal
from aiida_limap.importers._parsing import md5_of
from aiida_limap.importers._report import WrittenReport

if TYPE_CHECKING:
    from aiida_limap.data.table import TableData

__all__ = ['TASK', 'UNITS', 'DiffusivityReport', 'import_diffusivities']

TASK = 'diffusivities'
_BLOCK = 'diffusivity_cm2_per_s'
_INFO = {
    'source_id': 'identifier in the file',
    'formula': 'formula in the file, else that of the structure',
    'structure_uuid': 'UUID of the structure; empty where none was looked for',
    'match': 'how the structure was found: by uuid, id or formula, or not at all (none)',
    'citation': 'where the numbers come from',
}
_MOST_NAMED = 3


@dataclass(frozen=True)
class _Match:
    """A row of a file, and the structure that it belongs to."""

    row: DiffusivityRow
    uuid: str = ''
    how: str = 'none'
    formula: str = ''


@dataclass(frozen=True)
class DiffusivityReport(WrittenReport):
    """What an import of diffusivities did.

    :param table: the stored table.
    :param refused: rows that were left out, with the reason.
    """

    table: TableData
    refused: tuple[Refusal, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        facts = self.table.metadata
        return {
            'table_pk': self.table.pk,
            'table_uuid': self.table.uuid,
            'name': self.table.label,
            'n_rows': len(self.table),
            'temperatures_K': self.table.block_info(_BLOCK)['temperatures_K'],
            'unit': facts['unit'],
            'unit_is_told': facts['unit_is_told'],
            'matches': dict(Counter(self.table.column('match').tolist())),
            'refused': [{'name': entry.name, 'reason': entry.reason} for entry in self.refused],
            'citations': facts['citations'],
        }

    def summary(self) -> str:
        """Return the report in a few lines for the screen."""
        told = self.as_dict()
        kelvin = told['temperatures_K']
        span = (
            f'{kelvin[0]:g} K' if len(kelvin) == 1 else f'{len(kelvin)} temperatures, {kelvin[0]:g} to {kelvin[-1]:g} K'
        )
        lines = [
            f'{told["n_rows"]} compounds at {span} ({len(self.refused)} rows left out) in table {told["table_pk"]}'
        ]
        matches = {how: count for how, count in told['matches'].items() if how != 'none'}
        if matches:
            words = ', '.join(f'{count} by {how}' for how, count in matches.items())
            lines.append(
                f'{sum(matches.values())} belong to structures of {self.table.metadata["match_with"]}: {words}'
            )
        if told['matches'].get('none'):
            lines.append(f'{told["matches"]["none"]} keep the id of the file, by which they find their compounds later')
        if not told['unit_is_told']:
            lines.append('the file names no unit; its numbers were taken as cm²/s (--unit says otherwise)')
        return '\n'.join(lines)

    def as_text(self) -> str:
        """Return the report as Markdown."""
        lines = [f'# Diffusivities {self.table.label}', '', *(f'- {line}' for line in self.summary().splitlines()), '']
        if self.refused:
            lines += ['## Left out', '', *(f'- {entry.name}: {entry.reason}' for entry in self.refused), '']
        if self.table.metadata['citations']:
            lines += ['## To cite', '', *(f'- {citation}' for citation in self.table.metadata['citations']), '']
        return '\n'.join(lines)


def import_diffusivities(
    path: Path,
    *,
    name: str | None = None,
    match_with: str | None = None,
    unit: str | None = None,
    citation: str = '',
) -> DiffusivityReport:
    """Store a table of diffusivities.

    Without a dataset to match with, rows keep the identifier of the file, by which the clustering of phonons finds
    their compounds; rows with nothing but a formula are refused then.

    :param path: the file, see :func:`~aiida_limap.importers._diffusivity_file.read_diffusivities`.
    :param name: label of the table; that of the file by default.
    :param match_with: name of a dataset of the profile whose structures the rows belong to: by their UUID, by the id of
        their source, or else by the formula where a single structure has it.
    :param unit: one of :data:`UNITS`, in place of that of the file.
    :param citation: where rows come from that do not say it themselves.
    :returns: the report, with the stored table.
    :raises ImporterError: if the file is wrong, there is no such dataset, or no row is left.
    """
    if unit is not None and unit not in UNITS:
        raise ImporterError(f'the unit {unit!r} is none of {", ".join(UNITS)}')
    told = read_diffusivities(path, unit)
    refused = list(told.refused)
    matches = _with_ids(told, refused) if match_with is None else _matched(told, match_with, refused)
    if not matches:
        raise ImporterError(f'{path.name}: no row can be taken; the first one, {refused[0].name}: {refused[0].reason}')
    chosen_by = {'importer': TASK, 'file': path.name, 'source_md5': md5_of(path.read_bytes()), 'match_with': match_with}
    table = _stored(_table(told, matches, citation, chosen_by, len(refused)), name or path.stem)
    return DiffusivityReport(table, tuple(refused))


def _with_ids(told: DiffusivityFile, refused: list[Refusal]) -> list[_Match]:
    """Return rows under the identifiers of the file."""
    reason = 'it has a formula only; name the dataset whose structures it belongs to (--match)'
    refused += [Refusal(row.name, reason) for row in told.rows if not row.id]
    return [_Match(row, formula=row.formula) for row in told.rows if row.id]


def _matched(told: DiffusivityFile, name: str, refused: list[Refusal]) -> list[_Match]:
    """Return rows with the structures of a dataset that they belong to."""
    from pymatgen.core import Composition

    from aiida_limap.engines.screening.labels import composition_key
    from aiida_limap.importers._conductivity_matching import compositions_of, dataset_uuids

    by_name: dict[str, tuple[str, str]] = {}
    by_formula: dict[Any, list[tuple[str, str]]] = {}
    formulas: dict[str, str] = {}
    for uuid, source, composition in compositions_of(dataset_uuids(name)):
        identifier = str(source.get('id') or '')
        formulas[uuid] = composition.reduced_formula
        by_name[uuid] = (uuid, 'uuid')
        if identifier:
            by_name.setdefault(identifier, (uuid, 'id'))
        by_formula.setdefault(composition_key(composition), []).append((uuid, identifier or uuid))
    found: dict[str, _Match] = {}
    for row in told.rows:
        uuid, how = by_name.get(row.id, ('', ''))
        if not uuid and row.formula:
            try:
                fitting = by_formula.get(composition_key(Composition(row.formula)), [])
            except ValueError:
                refused.append(Refusal(row.name, f'{row.formula!r} is no formula'))
                continue
            if len(fitting) > 1:
                ids = ', '.join(identifier for _, identifier in fitting[:_MOST_NAMED])
                reason = f'{len(fitting)} structures of {name} have its formula ({ids}); name one of them as its id'
                refused.append(Refusal(row.name, reason))
                continue
            uuid, how = (fitting[0][0], 'formula') if fitting else ('', '')
        if not uuid:
            refused.append(
                Refusal(row.name, f'no structure of {name} has its id{" or formula" if row.formula else ""}')
            )
        elif uuid in found:
            refused.append(Refusal(row.name, f'its structure belongs to the row {found[uuid].row.name} already'))
        else:
            found[uuid] = _Match(row, uuid, how, row.formula or formulas[uuid])
    return list(found.values())


def _table(
    told: DiffusivityFile, matches: list[_Match], citation: str, chosen_by: Mapping[str, Any], n_refused: int
) -> TableData:
    from aiida_limap.data.table import TableData

    citations = [match.row.citation or citation for match in matches]
    columns = {
        'source_id': [match.row.id for match in matches],
        'formula': [match.formula for match in matches],
        'structure_uuid': [match.uuid for match in matches],
        'match': [match.how for match in matches],
        'citation': citations,
    }
    block = np.array([[match.row.values.get(kelvin, np.nan) for kelvin in told.temperatures_K] for match in matches])
    return TableData.from_arrays(
        [match.uuid or match.row.id for match in matches],
        columns,
        column_info={column: {'description': text} for column, text in _INFO.items()},
        blocks={_BLOCK: block},
        block_info={
            _BLOCK: {
                'labels': [f'{_BLOCK}_{kelvin:g}_K' for kelvin in told.temperatures_K],
                'units': ['cm²/s'] * len(told.temperatures_K),
                'meanings': [f'diffusivity at {kelvin:g} K' for kelvin in told.temperatures_K],
                'temperatures_K': list(told.temperatures_K),
            }
        },
        metadata={
            'task': TASK,
            'engine_version': __version__,
            'chosen_by': dict(chosen_by),
            'match_with': chosen_by['match_with'],
            'unit': told.unit,
            'unit_is_told': told.unit_is_told,
            'n_left_out': n_refused,
            'citations': sorted({word for word in citations if word}),
        },
    )


def _stored(table: TableData, name: str) -> TableData:
    """Return the stored table, an existing one where it is the same."""
    from aiida import orm

    query = orm.QueryBuilder().append(type(table), filters={'attributes.checksum': table.checksum}, project='*')
    existing = query.first(flat=True)
    if existing is not None:
        return existing
    table.label = name[:255]
    table.description = f'Diffusivities of {len(table)} compounds'
    return table.store()
