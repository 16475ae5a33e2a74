"""``aiida-limap import optimade``: structures from any OPTIMADE database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from aiida_limap.cli.base import counting_bar, with_profile
from aiida_limap.cli.import_options import order_option, report_options

__all__ = ['optimade_command']


@click.command('optimade')
@click.argument('provider', required=False)
@click.option('--url', metavar='URL', help='Base URL of a database, in place of a provider.')
@click.option(
    '--filter',
    'filter_text',
    required=True,
    metavar='FILTER',
    help='OPTIMADE filter, e.g. \'elements HAS ALL "Li","O" AND nelements=3\'.',
)
@click.option('--database', metavar='ID', help='Only this database of the provider, e.g. alexandria-pbe.')
@click.option('--limit', type=click.IntRange(min=1), help='At most this many entries.')
@click.option(
    '--page-limit',
    type=click.IntRange(min=1),
    help='Entries per request; by default 100, or what the server likes if it refuses that.',
)
@click.option('--name', help='Name of the dataset; by default one made of the provider or the server.')
@order_option
@report_options
@with_profile
def optimade_command(
    provider: str | None,
    filter_text: str,
    *,
    name: str | None,
    order: bool,
    report: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Import what a filter finds in the databases of an OPTIMADE PROVIDER (mp, oqmd, alexandria …).

    Each structure keeps its database, identifier, address, date of change and licence. Structures that share or leave
    out sites are kept as disordered; entries that are no crystal are reported and left out. An import that was cut off
    goes on when the same command is given again, and nothing is stored twice.

    The filter language: https://www.optimade.org/specification

    \b
    Examples:
      aiida-limap import optimade mp --filter 'elements HAS ALL "Li","O" AND nelements=3' --limit 500
      aiida-limap import optimade alexandria --database alexandria-pbe --filter 'chemical_formula_reduced="CoLiO2"'
      aiida-limap import optimade --url https://optimade.example.org --filter 'elements HAS "Li"' --report import.md
    """
    from aiida_limap.cli.importing import print_report
    from aiida_limap.importers.base import check_name, check_report_path
    from aiida_limap.importers.optimade import OptimadeChoice, import_optimade

    choice = OptimadeChoice(filter_text, provider, **options)
    check_report_path(report)
    check_name(name or choice.default_name)
    with counting_bar('importing structures') as (on_start, on_progress):
        done = import_optimade(
            choice,
            name=name,
            order=order,
            on_start=on_start,
            on_progress=on_progress,
            on_message=lambda message: click.echo(message, err=True),
        )
    print_report(done, as_json, report)
