"""``aiida-limap import phonons``: phonons from files, the Materials Project, and nodes, with their structures."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_limap.cli.base import counting_bar, with_profile
from aiida_limap.cli.import_options import max_unpacked_option, report_options
from aiida_limap.cli.importing_phonons_mp import mp_phonons
from aiida_limap.cli.importing_phonons_nodes import node_phonons

__all__ = ['phonons_group']

#: What may come out of the files of one compound, MiB.
_MAX_UNPACKED = 512


class _PhononsGroup(click.Group):
    """A group in which whatever is no command is the path of a file."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in self.get_help_option_names(ctx):
            args = ['files', *args]
        return super().parse_args(ctx, args)


@click.group('phonons', cls=_PhononsGroup)
def phonons_group() -> None:
    """Import phonons with the structures that they belong to.

    From files (`files` may be left out; a path that is called like a command is written ./mp), the Materials Project,
    or nodes of the plugins aiida-phonopy and aiida-vibroscopy.

    \b
    Examples:
      aiida-limap import phonons phonondb/ --name phonondb
      aiida-limap import phonons mp --name chlorides --elements Li,Cl
      aiida-limap import phonons nodes 1234 1250 --name mine
    """


@phonons_group.command('files')
@click.argument('paths', metavar='PATH...', nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option('--name', help='Name of the dataset; by default the name of the first folder or file.')
@click.option(
    '--license', '--licence', 'licence', default='', help='Licence of data that are not of PhononDB, e.g. CC-BY-4.0.'
)
@click.option('--database', default='phonon files', show_default=True, help='Where such data come from.')
@max_unpacked_option(_MAX_UNPACKED, 'the files of one compound')
@report_options
@with_profile
def phonon_files(
    paths: tuple[Path, ...],
    name: str | None,
    licence: str,
    database: str,
    max_unpacked: int,
    report: Path | None,
    as_json: bool,
) -> None:
    """Import phonon files: archives of PhononDB, and files or folders of phonopy; one compound each.

    Stored are the files as they are, and the crystal that they tell, with their origin; archives of PhononDB carry
    their identifier and licence. What is damaged, unsafe or holds no phonons is reported and left out.

    \b
    Examples:
      aiida-limap import phonons phonondb/ --name phonondb
      aiida-limap import phonons li3n/ mine.phonopy_params.yaml --name mine --license CC-BY-4.0
    """
    from aiida_limap.cli.importing import print_report
    from aiida_limap.importers._archives import stem_of
    from aiida_limap.importers.base import check_name, check_report_path
    from aiida_limap.importers.phonons import PhononOptions, import_phonons

    check_report_path(report)
    label = stem_of(paths[0].resolve().name) if name is None else name
    check_name(label)
    options = PhononOptions(license=licence, database=database, max_bytes=max_unpacked * 1024**2)
    with counting_bar('importing phonons') as (on_start, on_progress):
        done = import_phonons(paths, name=label, options=options, on_start=on_start, on_progress=on_progress)
    print_report(done, as_json, report)


phonons_group.add_command(mp_phonons)
phonons_group.add_command(node_phonons)
