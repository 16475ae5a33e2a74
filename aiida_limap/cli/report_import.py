"""What became of an import, from the report that its dataset keeps."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aiida_limap.data.dataset import DatasetData

__all__ = ['import_report', 'print_import']

_FILE = 'import_report.json'


def import_report(dataset: DatasetData) -> dict[str, Any] | None:
    """Return the report of the import that made a dataset, or None if it keeps none.

    :param dataset: the dataset.
    """
    if _FILE not in dataset.base.repository.list_object_names():
        return None
    document = json.loads(dataset.base.repository.get_object_content(_FILE, mode='rb'))
    return document if isinstance(document, dict) else None


def print_import(dataset: DatasetData, *, as_json: bool, most: int | None) -> None:
    """Print what became of an import: what was kept, what was refused and why, licences and citations.

    :param dataset: the dataset.
    :param as_json: as JSON.
    :param most: how many refused entries of each reason are named; None for all.
    """
    found = import_report(dataset) or {}
    if as_json:
        facts = {'pk': dataset.pk, 'uuid': dataset.uuid, 'name': dataset.name, 'number_of_structures': len(dataset)}
        click.echo(json.dumps({**facts, 'filter': dataset.filter, 'import': found or None}, indent=1))
        return
    click.echo(f'dataset {dataset.pk} {dataset.name!r}: {len(dataset)} structures')
    if dataset.filter:
        click.echo('chosen by: ' + ', '.join(f'{key} {value}' for key, value in dataset.filter.items()))
    if not found:
        click.echo('it keeps no report of its import')
        return
    _print_counts(found)
    _print_refused(found.get('refused') or [], most)


def _print_counts(found: Mapping[str, Any]) -> None:
    for key, value in found.items():
        if key in {'refused', 'filter'} or value in (None, '', [], {}):
            continue
        words = key.replace('_', ' ')
        if isinstance(value, Mapping):
            click.echo(f'{words}: ' + ', '.join(f'{name} {count}' for name, count in value.items()))
        elif isinstance(value, list):
            click.echo(f'{words}: ' + ', '.join(str(entry) for entry in value))
        else:
            click.echo(f'{words}: {value}')


def _print_refused(refused: Sequence[Mapping[str, Any]], most: int | None) -> None:
    """Print what was refused, the most frequent reason first."""
    names: dict[str, list[str]] = {}
    for entry in refused:
        names.setdefault(str(entry.get('reason', '')), []).append(str(entry.get('name', '')))
    for reason, count in Counter({reason: len(entries) for reason, entries in names.items()}).most_common():
        shown = names[reason][:most]
        more = f' and {count - len(shown)} more' if count > len(shown) else ''
        click.echo(f'refused, {count} times: {reason}: {", ".join(shown)}{more}')
