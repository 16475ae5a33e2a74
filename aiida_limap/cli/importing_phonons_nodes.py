"""``aiida-limap import phonons nodes``: phonons that other plugins computed."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_limap.cli.base import counting_bar, with_profile
from aiida_limap.cli.import_options import report_options

__all__ = ['node_phonons']


@click.command('nodes', short_help='Import phonons from nodes of aiida-phonopy and aiida-vibroscopy.')
@click.argument('nodes', metavar='[NODE]...', nargs=-1)
@click.option('--group', '-G', help='Take the nodes of this group too.')
@click.option('--name', help='Name of the dataset; by default that of the group.')
@report_options
@with_profile
def node_phonons(
    nodes: tuple[str, ...], group: str | None, name: str | None, report: Path | None, as_json: bool
) -> None:
    """Import phonons from nodes of aiida-phonopy and aiida-vibroscopy: forces or force constants, with Born charges.

    NODE is a pk or UUID of a PhonopyData, ForceConstantsData, VibrationalFrozenPhononData or VibrationalData, or of the
    work chain that gave it. Phonon files are made of each by a calculation function, so that every result leads back to
    the node. The plugins need not be installed.

    \b
    Examples:
      aiida-limap import phonons nodes 1234 1250 --name mine
      aiida-limap import phonons nodes --group harmonic
    """
    from aiida_limap.cli.importing import print_report
    from aiida_limap.importers.base import ImporterError, check_report_path
    from aiida_limap.importers.phonon_nodes import import_phonon_nodes, phonon_nodes

    check_report_path(report)
    if not nodes and group is None:
        raise click.UsageError('name nodes, or their --group')
    label = name or group
    if label is None:
        raise ImporterError('the dataset needs a name: give --name')
    found = phonon_nodes(nodes, group)
    with counting_bar('importing phonons') as (on_start, on_progress):
        done = import_phonon_nodes(found, name=label, on_start=on_start, on_progress=on_progress)
    print_report(done, as_json, report)
