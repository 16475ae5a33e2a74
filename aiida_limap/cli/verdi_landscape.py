"""``verdi data limap landscape``: energy landscapes of single structures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from aiida.cmdline.params import options, types
from aiida.cmdline.utils.decorators import with_dbenv

from aiida_limap.cli.base import friendly, writable_folder
from aiida_limap.cli.listing import refuse_both

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.tools.landscapes import StoredLandscape

__all__ = ['landscape']

_JOB = click.option(
    '-j',
    '--job',
    type=types.CalculationParamType(),
    help='Job that wrote it; by default the newest one with a landscape of the structure.',
)


@click.group('landscape')
def landscape() -> None:
    """Energy landscapes: the site energy of the mobile ion on a grid over the cell of a structure.

    ID is a structure (pk, UUID, or the id of its source, e.g. mp-10499), or a job that wrote a single landscape.

    \b
    Example:
      verdi data limap landscape export mp-10499 --output Li3PO4.cube
    """


@landscape.command('list')
@click.argument('job', type=types.CalculationParamType(), required=False)
@options.RAW(help='Only job, UUID of the structure and place, separated by tabs.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_dbenv()
@friendly
def list_command(job: orm.CalcJobNode | None, raw: bool, as_json: bool) -> None:
    """List the landscapes of a JOB, or of all jobs, the newest job first, and where they lie.

    \b
    Example:
      verdi data limap landscape list 1234
    """
    from aiida_limap.tools.landscapes import list_landscapes
    from aiida_limap.tools.provenance import structure_facts
    from aiida_limap.tools.structures import name_of

    refuse_both(raw, as_json)
    entries = list_landscapes(job)
    if not entries:
        click.echo('no landscapes; `aiida-limap launch bvff --landscapes` makes some', err=True)
    if as_json:
        names = ('job_pk', 'structure_uuid', 'place')
        click.echo(json.dumps([{name: getattr(entry, name) for name in names} for entry in entries], indent=1))
        return
    facts = structure_facts(entry.structure_uuid for entry in entries)
    for entry in entries:
        if raw:
            click.echo(f'{entry.job_pk}\t{entry.structure_uuid}\t{entry.place}')
        else:
            name = name_of(entry.structure_uuid, facts.get(entry.structure_uuid, {}))
            click.echo(f'{entry.job_pk:>7}  {entry.structure_uuid}  {entry.place:<9}  {name}')


@landscape.command('show')
@click.argument('identifier', metavar='ID')
@_JOB
@with_dbenv()
@friendly
def show(identifier: str, job: orm.CalcJobNode | None) -> None:
    """Print grid, lowest energy and percolation thresholds (eV) of a landscape as JSON.

    \b
    Example:
      verdi data limap landscape show mp-10499
    """
    from aiida_limap.tools.landscapes import find_landscape, load_landscape

    entry = find_landscape(identifier, job)
    record = load_landscape(entry)
    document: dict[str, Any] = {
        'structure_uuid': entry.structure_uuid,
        'job_pk': entry.job_pk,
        'place': entry.place,
        'grid': list(record.energy.shape),
        'energy_minimum_eV': record.energy_minimum_eV,
        **{f'barrier_{dimension}d_eV': record.barrier_eV(dimension) for dimension in (1, 2, 3)},
    }
    click.echo(json.dumps(document, indent=1))


@landscape.command('export')
@click.argument('identifier', metavar='ID')
@_JOB
@click.option(
    '-o',
    '--output',
    type=click.Path(dir_okay=False, path_type=Path),
    help='File to write; its ending is the format. By default ID.cube here, unless only a picture is wanted.',
)
@click.option(
    '-F',
    '--format',
    'file_format',
    type=click.Choice(['cube', 'grd', 'vasp']),
    help='cube (Gaussian), grd (VESTA) or vasp (like LOCPOT), whatever the ending is.',
)
@click.option(
    '-P',
    '--picture',
    type=click.Path(dir_okay=False, path_type=Path),
    help='Also draw the surface at the threshold: png, svg, pdf, or html to turn it.',
)
@click.option(
    '-d',
    '--dimension',
    type=click.IntRange(1, 3),
    default=2,
    show_default=True,
    help='Whose percolation threshold the picture shows.',
)
@with_dbenv()
@friendly
def export(identifier: str, job: orm.CalcJobNode | None, **chosen: Any) -> None:
    """Write a landscape to a file for VESTA and other viewers, and draw it.

    The values are in eV above the lowest site energy, so that the isosurface at a barrier is the surface that just
    percolates. A landscape that stayed on its computer is fetched from there.

    \b
    Examples:
      verdi data limap landscape export mp-10499 --output Li3PO4.cube
      verdi data limap landscape export 1234 --picture landscape.png --dimension 3
    """
    from aiida_limap.engines.bvff.volumes import export_landscape
    from aiida_limap.tools.landscapes import find_landscape, load_landscape

    output, file_format, picture = chosen['output'], chosen['file_format'], chosen['picture']
    entry = find_landscape(identifier, job)
    record = load_landscape(entry)
    if output is None and (picture is None or file_format is not None):
        output = Path(f'{identifier}.{file_format or "cube"}')
    if output is not None:
        writable_folder(output.resolve().parent)
        click.echo(export_landscape(record, output, file_format))
    if picture is not None:
        click.echo(_draw(entry, record, picture, chosen['dimension']))


def _draw(entry: StoredLandscape, record: Any, picture: Path, dimension: int) -> Path:
    from aiida_limap.tools.landscapes import mobile_element
    from aiida_limap.visualisation.landscape import draw_landscape

    writable_folder(picture.resolve().parent)
    return draw_landscape(record, picture, dimension=dimension, mobile=mobile_element(entry))
