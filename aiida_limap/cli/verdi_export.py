"""``verdi data limap export``: a node of a data class as a file that other programs read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
from aiida.cmdline.utils.decorators import with_dbenv

from aiida_limap.cli.base import friendly, writable_folder

__all__ = ['export_command']

#: Every format of any class; which of them a class has stands in :data:`aiida_limap.tools.node_files.FORMATS`.
_FORMATS = ('csv', 'json', 'cif', 'extxyz', 'npz', 'yaml', 'safetensors', 'bundle', 'page')


@click.command('export')
@click.argument('identifier', metavar='ID')
@click.option(
    '-F',
    '--format',
    'file_format',
    type=click.Choice(_FORMATS),
    help='By default what the ending of the file says, else the first of the class: dataset csv, json, cif, extxyz; '
    'table csv, json, npz; bond_valence yaml; autoencoder, screening_model safetensors; map csv, json, bundle, page; '
    'phonon_dos csv, json, npz.',
)
@click.option(
    '-o',
    '--output',
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help='The file to write, - for the screen; by default a name with the pk, here.',
)
@with_dbenv()
@friendly
def export_command(identifier: str, file_format: str | None, output: Path | None) -> None:
    """Write a dataset, table, set of parameters, model, map or density of states to a file.

    ID is a pk, a UUID or its start, or a label. A dataset is written as a list of UUIDs and source ids (csv, json) or
    as its structures (cif, extxyz). The bundle of a map is everything behind its page; the page is one HTML file. A
    density of states has frequencies in THz, and densities in 1/THz per primitive cell.

    \b
    Examples:
      verdi data limap export 1234 --output points.csv
      verdi data limap export 1234 --format extxyz
      verdi data limap export oxides --output oxides.cif
    """
    from aiida_limap.tools.data_nodes import find_data, kind_of
    from aiida_limap.tools.node_files import FORMATS, export_node

    node = find_data(identifier)
    kind = str(kind_of(node))
    known = FORMATS[kind]
    chosen = file_format or _format_of(output, FORMATS) or next(iter(known))
    if chosen not in known:
        raise click.ClickException(f'a {kind} cannot be written as {chosen}; choose {" or ".join(known)}')
    target = output or Path(f'{kind}-{node.pk}{known[chosen]}')
    content, notes = export_node(node, kind, chosen)
    for note in notes:
        click.echo(note, err=True)
    if str(target) == '-':
        click.get_binary_stream('stdout').write(content)
        return
    writable_folder(target.resolve().parent)
    try:
        target.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f'the file {target} cannot be written: {error.strerror}') from error
    click.echo(target)


def _format_of(output: Path | None, formats: Mapping[str, Mapping[str, str]]) -> str | None:
    """Return the format that the name of a file tells; None where it tells none.

    :param output: the file.
    :param formats: for each data class its formats with the ending of the file.
    """
    if output is None:
        return None
    endings = {ending: name for known in formats.values() for name, ending in known.items()}
    endings |= {'.extxyz': 'extxyz', '.yml': 'yaml'}
    return next((name for ending, name in endings.items() if output.name.lower().endswith(ending)), None)
