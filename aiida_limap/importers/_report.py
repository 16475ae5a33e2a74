"""The written report of an import: what came in, what was refused and why, under which licences, what to cite."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap.importers._entries import ImporterError, Refusal

if TYPE_CHECKING:
    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.groups.dataset import DatasetGroup

__all__ = ['ImportReport', 'Tally', 'WrittenReport', 'check_report_path']

_SUFFIXES = ('.md', '.json')
#: Lists of names in a text are cut after this many; the JSON holds them all.
_SHOWN = 20


class WrittenReport:
    """A report that can be written to a file."""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        raise NotImplementedError

    def as_text(self) -> str:
        """Return the report as Markdown."""
        raise NotImplementedError

    def write(self, path: Path) -> None:
        """Write the report to a file, as Markdown or JSON by its suffix.

        :param path: a file that ends in ``.md`` or ``.json``.
        :raises ImporterError: if the suffix is another one, or the file cannot be written.
        """
        check_report_path(path)
        if path.suffix.lower() == '.json':
            text = json.dumps(self.as_dict(), indent=1, ensure_ascii=False) + '\n'
        else:
            text = self.as_text()
        try:
            path.write_text(text, encoding='utf-8')
        except OSError as error:
            raise ImporterError(f'the report cannot be written to {path}: {error.strerror}') from error


@dataclass
class Tally:
    """What an import counts as it goes, without the nodes that come of it.

    :param n_new: structures that were stored now.
    :param n_known: structures that were already there.
    :param refused: entries that were refused, with reasons.
    :param notes: entries that were taken, with something to know about them.
    :param disordered: names of the structures of the dataset that are disordered; they get no migration energy.
    :param ordered: names of the structures that were disordered and stand in the dataset as ordered ones.
    :param databases: number of structures by name of the database.
    :param licences: number of structures by licence; those without one count under ``not stated``.
    :param citations: what to cite, each once, in order.
    """

    n_new: int = 0
    n_known: int = 0
    refused: list[Refusal] = field(default_factory=list)
    notes: list[Refusal] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    ordered: list[str] = field(default_factory=list)
    databases: dict[str, int] = field(default_factory=dict)
    licences: dict[str, int] = field(default_factory=dict)
    citations: dict[str, None] = field(default_factory=dict)

    @classmethod
    def remembered(cls, report: Mapping[str, Any], n_known: int) -> Tally:
        """Return the refusals and citations of an import that was done before; nothing is new in it.

        :param report: what :meth:`as_dict` gave then.
        :param n_known: number of structures of its dataset.
        """
        refused = [Refusal(entry['name'], entry['reason']) for entry in report.get('refused', [])]
        ordered = list(report.get('ordered', []))
        return cls(
            n_known=n_known, refused=refused, ordered=ordered, citations=dict.fromkeys(report.get('citations', []))
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the tally as plain values."""
        return {
            'n_new': self.n_new,
            'n_known': self.n_known,
            'disordered': self.disordered,
            'ordered': self.ordered,
            'refused': _pairs(self.refused),
            'notes': _pairs(self.notes),
            'databases': self.databases,
            'licences': self.licences,
            'citations': list(self.citations),
        }


@dataclass
class ImportReport(WrittenReport):
    """What an import did.

    :param dataset: the dataset node.
    :param group: the group of structures.
    :param tally: the counts, the refusals and what to cite.
    """

    dataset: DatasetData
    group: DatasetGroup
    tally: Tally

    @property
    def n_new(self) -> int:
        """Number of structures that were stored now; ordered children count too."""
        return self.tally.n_new

    @property
    def n_known(self) -> int:
        """Number of structures of the dataset that were already there."""
        return self.tally.n_known

    @property
    def refused(self) -> list[Refusal]:
        """Entries that were refused, with reasons."""
        return self.tally.refused

    @property
    def notes(self) -> list[Refusal]:
        """Entries that were taken, with something to know about them."""
        return self.tally.notes

    @property
    def disordered(self) -> int:
        """Number of structures of the dataset that are disordered."""
        return len(self.tally.disordered)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {
            'dataset_pk': self.dataset.pk,
            'dataset_uuid': self.dataset.uuid,
            'group': self.group.label,
            'filter': self.dataset.filter,
            'n_structures': len(self.dataset),
            **self.tally.as_dict(),
        }

    def as_text(self) -> str:
        """Return the report as Markdown."""
        tally = self.tally
        lines = [
            f'# Import of {self.dataset.name}',
            '',
            f'- dataset: {self.dataset.pk} ({self.dataset.uuid})',
            f'- group: {self.group.label}',
            f'- structures: {len(self.dataset)} ({tally.n_new} new, {tally.n_known} already known)',
            f'- refused: {len(tally.refused)}',
            f'- disordered: {len(tally.disordered)}; ordered by this import: {len(tally.ordered)}',
            *(f'- database {name}: {count} structures' for name, count in tally.databases.items()),
            *(f'- licence {name}: {count} structures' for name, count in tally.licences.items()),
            '',
            '## Chosen by',
            '',
            *(f'- {key}: {json.dumps(value, ensure_ascii=False)}' for key, value in self.dataset.filter.items()),
        ]
        lines += _section('Refused', [f'{entry.name}: {entry.reason}' for entry in tally.refused])
        lines += _section('To know', [f'{entry.name}: {entry.reason}' for entry in tally.notes])
        lines += _section('Disordered structures', tally.disordered)
        lines += _section('Structures that were ordered', tally.ordered)
        lines += _section('To cite', list(tally.citations))
        return '\n'.join(lines) + '\n'

    def summary(self) -> str:
        """Return the report in a few lines for the screen."""
        tally = self.tally
        lines = [
            f'{len(self.dataset)} structures ({tally.n_new} new, {tally.n_known} already known, '
            f'{len(tally.refused)} left out) in dataset {self.dataset.pk} and group {self.group.label}'
        ]
        if tally.ordered:
            lines.append(f'{len(tally.ordered)} disordered structures stand in it as ordered ones')
        if tally.disordered:
            hint = '' if self.dataset.filter.get('ordered') else '; `--order` makes ordered structures of them'
            lines.append(
                f'{len(tally.disordered)} are disordered and will get no migration energy: '
                f'{_some(tally.disordered)}{hint}'
            )
        stated = {name: count for name, count in tally.licences.items() if name != 'not stated'}
        if stated:
            lines.append('licences: ' + ', '.join(f'{name} ({count})' for name, count in stated.items()))
        return '\n'.join(lines)


def check_report_path(path: Path | None) -> None:
    """Refuse a file name for the report before the import starts rather than after it.

    :param path: the file; None where no report is asked for.
    :raises ImporterError: if the suffix is not one of a report, there is no such folder, or nothing may be written
        there.
    """
    if path is None:
        return
    if path.suffix.lower() not in _SUFFIXES:
        raise ImporterError(f'the report {path} must end in {" or ".join(_SUFFIXES)}')
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ImporterError(f'the report cannot be written: there is no folder {folder}')
    try:
        is_folder, place = path.is_dir(), path if path.exists() else folder
    except OSError as error:
        raise ImporterError(f'the report cannot be written to {path}: {error.strerror}') from error
    if is_folder:
        raise ImporterError(f'the report cannot be written: {path} is a folder')
    if not os.access(place, os.W_OK):
        raise ImporterError(f'the report cannot be written: you may not write to {place}')


def _pairs(entries: Sequence[Refusal]) -> list[dict[str, str]]:
    return [{'name': entry.name, 'reason': entry.reason} for entry in entries]


def _section(title: str, entries: Sequence[str]) -> list[str]:
    return ['', f'## {title}', '', *(f'- {entry}' for entry in entries)] if entries else []


def _some(names: Sequence[str]) -> str:
    shown = ', '.join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f'{shown} and {len(names) - _SHOWN} more'
