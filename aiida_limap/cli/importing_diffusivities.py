"""``aiida-limap import diffusivities``: diffusivities by compound and temperature, from a table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import with_profile
from aiida_limap.cli.choosing import load_named
from aiida_limap.cli.listing import refuse_both

if TYPE_CHECKING:
    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.data.table import TableData

__all__ = ['check_diffusivities_of', 'diffusivities_command', 'load_diffusivities']

#: Lines on the screen; the report in a file holds them all.
_SHOWN = 10


@click.command('diffusivities')
@click.argument('file', type=click.Path(path_type=Path))
@click.option('--name', help='Label of the table; by default the name of the file.')
@click.option('--match', 'match_with', metavar='DATASET', help='Look for the compounds in this dataset of the profile.')
@click.option('--unit', type=click.Choice(['cm2/s', 'm2/s']), help='Unit of the numbers; cm2/s if the file names none.')
@click.option('--citation', default='', help='DOI or reference of rows that name none themselves.')
@click.option('--report', type=click.Path(path_type=Path), help='Write the report to this file (.md or .json).')
@click.option('--raw', is_flag=True, help='Print only the pk of the table.')
@click.option('--json', 'as_json', is_flag=True, help='Print the report as JSON.')
@with_profile
def diffusivities_command(file: Path, report: Path | None, raw: bool, as_json: bool, **options: str | None) -> None:
    """Import diffusivities of lithium from a CSV file, for `aiida-limap launch phonons --diffusivities`.

    The first line names the columns: id (or material_id, source_id, uuid, or no name), formula, or both; citation, if
    you like; and one column per temperature, called 800 or 800K. Or temperature_K and diffusivity_cm2_per_s, with one
    line per temperature. Rows without a structure in the profile keep their id; with --match they are looked for in a
    dataset, by id and else by formula.

    \b
    Examples:
      aiida-limap import diffusivities data_kasper_full.csv --citation https://github.com/gabkrenzer/fast-ion-descriptors
      aiida-limap import diffusivities mine.csv --match phonondb --unit m2/s --report diffusivities.md
    """
    from aiida_limap.cli.importing import print_entries
    from aiida_limap.importers.base import check_report_path
    from aiida_limap.importers.diffusivities import import_diffusivities

    refuse_both(raw, as_json)
    check_report_path(report)
    done = import_diffusivities(
        file,
        name=options['name'],
        match_with=options['match_with'],
        unit=options['unit'],
        citation=options['citation'] or '',
    )
    if as_json:
        click.echo(json.dumps(done.as_dict(), indent=1))
    else:
        print_entries('left out', [(entry.name, entry.reason) for entry in done.refused], _SHOWN)
        click.echo(done.table.pk if raw else done.summary())
    if report is not None:
        done.write(report)
        click.echo(f'the report is in {report}', err=True)


def load_diffusivities(identifier: str) -> TableData:
    """Return a table of diffusivities.

    :param identifier: its pk or UUID.
    :raises click.ClickException: if there is none, or it holds something else.
    """
    from aiida_limap.calculations._phonon_tables import check_diffusivities
    from aiida_limap.data.table import TableData as Table

    node = load_named(identifier, 'table of diffusivities', '; `aiida-limap import diffusivities FILE` makes one')
    if not isinstance(node, Table):
        raise click.ClickException(f'node {identifier} is a {type(node).__name__}, not a table of diffusivities')
    message = check_diffusivities(node)
    if message is not None:
        raise click.ClickException(f'{message}; `aiida-limap import diffusivities FILE` makes such a table')
    return node


def check_diffusivities_of(table: TableData, dataset: DatasetData, parameters: Mapping[str, Any]) -> None:
    """Refuse diffusivities that tell nothing of a dataset, before its phonons are computed.

    :param table: the diffusivities.
    :param dataset: the compounds.
    :param parameters: of the clustering.
    :raises click.ClickException: if they are of other compounds, or of other temperatures than the one that counts.
    """
    if not {*dataset.structure_uuids, *dataset.source_ids} & set(table.ids):
        raise click.ClickException(
            f'table {table.pk} has a diffusivity of none of the {len(dataset)} compounds of the dataset '
            f'{dataset.name!r}; import it with --match and the name of the dataset'
        )
    from aiida_limap.engines.phonons._cluster_job import ClusterTask

    wanted = parameters.get('diffusivity_temperature_K') or ClusterTask.diffusivity_temperature_K
    known = table.block_info('diffusivity_cm2_per_s')['temperatures_K']
    if not any(math.isclose(value, wanted, rel_tol=1e-5) for value in known):
        words = ', '.join(f'{value:g}' for value in known)
        raise click.ClickException(
            f'table {table.pk} has no diffusivities at {wanted:g} K, but at {words} K; choose one of them with '
            '--diffusivity-temperature'
        )
