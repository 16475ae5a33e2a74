"""What became of an import, from the report that its dataset keeps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from aiida_limap.tools.import_words import chosen_by, import_lines

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
    chosen = chosen_by(dataset)
    if chosen:
        click.echo('chosen by: ' + ', '.join(f'{key} {value}' for key, value in chosen.items()))
    for line in import_lines(dataset, most, ' (--all names them)'):
        click.echo(line)
