"""``aiida-limap import phonons mp``: phonons of the Materials Project."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import counting_bar, with_profile
from aiida_limap.cli.choosing import dataset_of_group, load_dataset
from aiida_limap.cli.import_options import report_options
from aiida_limap.cli.importing_mp import chosen_materials, filter_options, print_with_terms

if TYPE_CHECKING:
    from aiida_limap.data.dataset import DatasetData

__all__ = ['mp_phonons']


@click.command('mp')
@click.option('--name', required=True, help='Name of the dataset.')
@filter_options
@click.option(
    '--from-dataset',
    metavar='DATASET',
    help='The materials of this dataset: the name of its group, its pk or UUID. Its structures get the phonons where '
    'they are the same crystals.',
)
@click.option('--method', type=click.Choice(['dfpt', 'phonopy', 'pheasy']), help='Only phonons by this method.')
@report_options
@with_profile
def mp_phonons(
    name: str,
    *,
    from_dataset: str | None,
    method: str | None,
    report: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Import phonon densities of states of the Materials Project, with the crystals that they were computed for.

    The database gives densities and no modes, so band centres are those of a density. Where it has no density by site,
    that of one element cannot be had, and its row says so. The options that choose, the key, and what happens after a
    failure are those of `aiida-limap import mp`; densities come from the public files of the database on S3.

    \b
    Examples:
      aiida-limap import phonons mp --name chlorides --elements Li,Cl --report chlorides.md
      aiida-limap import phonons mp --name two --ids mp-1138,mp-22905 --method dfpt
      aiida-limap import phonons mp --name points --from-dataset oxides
    """
    from aiida_limap.importers.base import ImporterError, check_report_path
    from aiida_limap.importers.materials_project_phonons import import_materials_project_phonons

    check_report_path(report)
    if from_dataset is not None and any(options.values()):
        raise ImporterError('--from-dataset names the materials already: leave out the options that choose others')
    chosen = chosen_materials(options) if from_dataset is None else _dataset(from_dataset)
    with counting_bar('importing phonons') as (on_start, on_progress):
        done = import_materials_project_phonons(
            chosen,
            name=name,
            method=method,
            on_start=on_start,
            on_progress=on_progress,
            on_wait=lambda sentence: click.echo(sentence, err=True),
        )
    print_with_terms(done, as_json, report)


def _dataset(text: str) -> DatasetData:
    """Return the dataset that is called by its pk or UUID, or the one of a group."""
    if re.fullmatch(r'\d+|[0-9a-f]{8}-[0-9a-f-]{27}', text):
        return load_dataset(text)
    return dataset_of_group(text)
