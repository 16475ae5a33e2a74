"""The written report of an import of conductivities."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_limap.importers._report import WrittenReport

if TYPE_CHECKING:
    from aiida_limap.data.table import TableData
    from aiida_limap.engines.screening.labels import LabelledSet
    from aiida_limap.importers._report import ImportReport

__all__ = ['ConductivityReport']


@dataclass
class ConductivityReport(WrittenReport):
    """What an import of conductivities did.

    :param labelled: the rows, with what was left out.
    :param table: the stored table of labels.
    :param structures: the report of the structures; None where no row has one.
    """

    labelled: LabelledSet
    table: TableData
    structures: ImportReport | None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {
            'table_pk': self.table.pk,
            'table_uuid': self.table.uuid,
            'name': self.table.label,
            'n_rows': len(self.labelled),
            'n_fast': self.labelled.n_fast,
            'n_with_structure': sum(bool(uuid) for uuid in self.table.column('structure_uuid').tolist()),
            'matches': dict(Counter(self.table.column('match').tolist())),
            'left_out': [{'id': entry.id, 'reason': entry.reason} for entry in self.labelled.left_out],
            'citations': list(self.labelled.citations),
            'structures': None if self.structures is None else self.structures.as_dict(),
        }

    def summary(self) -> str:
        """Return the report in a few lines for the screen."""
        told = self.as_dict()
        lines = [
            f'{told["n_rows"]} compounds ({told["n_fast"]} fast, {told["n_rows"] - told["n_fast"]} slow, '
            f'{len(told["left_out"])} rows left out) in table {told["table_pk"]}'
        ]
        matches = [f'{count} by {match}' for match, count in told['matches'].items() if match != 'none']
        lines.append(f'{told["n_with_structure"]} have a structure{": " if matches else ""}{", ".join(matches)}')
        if self.structures is not None:
            lines.append(self.structures.summary())
        return '\n'.join(lines)

    def as_text(self) -> str:
        """Return the report as Markdown."""
        lines = [f'# Conductivities {self.table.label}', '', *(f'- {line}' for line in self.summary().splitlines()), '']
        if self.labelled.left_out:
            lines += ['## Left out', '', *(f'- {entry.id}: {entry.reason}' for entry in self.labelled.left_out), '']
        if self.labelled.citations:
            lines += ['## To cite', '', *(f'- {citation}' for citation in self.labelled.citations), '']
        return '\n'.join(lines) + ('' if self.structures is None else '\n' + self.structures.as_text())
