"""What became of an import, from the report that its dataset keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aiida_limap.data.dataset import DatasetData

__all__ = ['print_import']


def print_import(dataset: DatasetData, *, as_json: bool, most: int | None) -> None:
    """Print what became of an import: what was kept, what was refused and why, what to do, licences and citations.

    :param dataset: the dataset.
    :param as_json: as JSON.
    :param most: how many entries of each kind are named; None for all.
    """
    found = dataset.report
    if as_json:
        facts = {'pk': dataset.pk, 'uuid': dataset.uuid, 'name': dataset.name, 'number_of_structures': len(dataset)}
        click.echo(json.dumps({**facts, 'filter': dataset.filter, 'import': found}, indent=1))
        return
    click.echo(f'dataset {dataset.pk} {dataset.name!r}: {len(dataset)} structures')
    chosen = {key: value for key, value in dataset.filter.items() if value is not None}
    if chosen:
        click.echo('chosen by: ' + ', '.join(f'{key} {_plain(value)}' for key, value in chosen.items()))
    if found is None:
        click.echo('it keeps no report: no importer made it')
        return
    _print_grouped('refused', found.get('refused') or [], most)
    if found.get('refused'):
        click.echo('  next: mend what the reason names, then import again; what is there is not stored twice')
    _print_grouped('to know', found.get('notes') or [], most)
    _print_names('ordered by the import', found.get('ordered') or [], most)
    _print_names('disordered, without migration energies', found.get('disordered') or [], most)
    if found.get('disordered'):
        click.echo('  next: import again with --order, which puts ordered structures in their place')
    for words in ('databases', 'licences'):
        counts: Mapping[str, int] = found.get(words) or {}
        if counts:
            click.echo(f'{words}: ' + ', '.join(f'{name} ({count})' for name, count in counts.items()))
    for citation in found.get('citations') or []:
        click.echo(f'cite: {citation}')


def _print_grouped(title: str, entries: Sequence[Mapping[str, str]], most: int | None) -> None:
    """Print entries by their reason, the most frequent one first."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        names.setdefault(entry['reason'], []).append(entry['name'])
    for reason, named in sorted(names.items(), key=lambda group: -len(group[1])):
        click.echo(f'{title}, {len(named)}: {reason}')
        _print_shown(named, most)


def _print_names(title: str, names: Sequence[str], most: int | None) -> None:
    if names:
        click.echo(f'{title}: {len(names)}')
        _print_shown(names, most)


def _print_shown(names: Sequence[str], most: int | None) -> None:
    shown = ', '.join(names[:most])
    more = len(names) - len(names[:most])
    click.echo(f'  {shown}' + (f' and {more} more (--all names them)' if more else ''))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
