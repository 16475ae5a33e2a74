"""What became of an import, in words, from the report that its dataset keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida_limap.data.dataset import DatasetData

__all__ = ['chosen_by', 'import_lines']


def chosen_by(dataset: DatasetData) -> dict[str, str]:
    """Return what chose the structures of a dataset, as names and values.

    :param dataset: the dataset.
    """
    return {key: _plain(value) for key, value in dataset.filter.items() if value is not None}


def import_lines(dataset: DatasetData, most: int | None, hint: str = '') -> list[str]:
    """Return what became of an import: what was refused and why, what to do, licences and citations.

    :param dataset: the dataset.
    :param most: how many entries of each kind are named; None for all.
    :param hint: said where some are not named.
    :returns: lines; those that belong to the line before begin with two spaces.
    """
    found = dataset.report
    if found is None:
        return [f'it keeps no report: {_why_no_report(dataset)}']
    lines = _grouped('refused', found.get('refused') or [], most, hint)
    if found.get('refused'):
        lines.append('  next: mend what the reason names, then import again; what is there is not stored twice')
    lines += _grouped('to know', found.get('notes') or [], most, hint)
    lines += _named('ordered by the import', found.get('ordered') or [], most, hint)
    lines += _named('disordered, without migration energies', found.get('disordered') or [], most, hint)
    if found.get('disordered'):
        lines.append('  next: import again with --order, which puts ordered structures in their place')
    for words in ('databases', 'licences'):
        counts: Mapping[str, int] = found.get(words) or {}
        if counts:
            lines.append(f'{words}: ' + ', '.join(f'{name} ({count})' for name, count in counts.items()))
    return [*lines, *(f'cite: {citation}' for citation in found.get('citations') or [])]


def _why_no_report(dataset: DatasetData) -> str:
    creator = dataset.creator
    if creator is not None:
        given = creator.inputs.dataset if 'dataset' in creator.inputs else None
        source = 'other data' if given is None else f'the dataset {given.name!r}, whose report tells of the import'
        return f'{creator.process_label} made it from {source}'
    importer = dataset.filter.get('importer')
    if importer is not None:
        return f'it was imported ({_plain(importer)}) by a release that wrote none'
    return 'no importer made it'


def _grouped(title: str, entries: Sequence[Mapping[str, str]], most: int | None, hint: str) -> list[str]:
    """Return entries by their reason, the most frequent one first."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        names.setdefault(entry['reason'], []).append(entry['name'])
    lines = []
    for reason, named in sorted(names.items(), key=lambda group: -len(group[1])):
        lines += [f'{title}, {len(named)}: {reason}', _shown(named, most, hint)]
    return lines


def _named(title: str, names: Sequence[str], most: int | None, hint: str) -> list[str]:
    return [f'{title}: {len(names)}', _shown(names, most, hint)] if names else []


def _shown(names: Sequence[str], most: int | None, hint: str) -> str:
    more = len(names) - len(names[:most])
    return f'  {", ".join(names[:most])}' + (f' and {more} more{hint}' if more else '')


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
