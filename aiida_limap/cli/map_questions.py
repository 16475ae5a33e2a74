"""``aiida-limap map compare`` and ``map region``: what two maps share, and which points lie in a region."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from aiida_limap.cli.base import with_profile

__all__ = ['compare', 'print_rows', 'region']

#: Columns of a short table, where the map has them.
_SHOWN = (
    'source_id',
    'formula',
    'distance',
    'x_comp',
    'x_struc',
    'migration_energy_eV',
    'migration_energy_predicted_eV',
    'status',
)


@click.command('compare')
@click.argument('map_a', metavar='MAP_A')
@click.argument('map_b', metavar='MAP_B')
@click.option(
    '--match',
    type=click.Choice(['uuid', 'source']),
    default='uuid',
    show_default=True,
    help='What makes two points the same: the structure node, or database and id of its source.',
)
@click.option('--points', type=click.Path(path_type=Path), help='Write the points in both, with their shifts, as CSV.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_profile
def compare(map_a: str, map_b: str, match: str, points: Path | None, as_json: bool) -> None:
    """Compare two maps: points in both, shifts on axes brought together, and what differs in data and options.

    Each axis of MAP_B is brought onto that of MAP_A by a monotone map, since another training may stretch it or turn it
    round.

    \b
    Examples:
      aiida-limap map compare 912 1026
      aiida-limap map compare 912 1026 --points shifts.csv --json
    """
    from aiida_limap.tools.query import Map
    from aiida_limap.tools.query import compare as ask

    found = ask(Map(map_a), Map(map_b), match)
    if points is not None:
        try:
            found.points.to_csv(points)
        except OSError as error:
            raise click.ClickException(f'the file {points} cannot be written: {error.strerror or error}') from error
    click.echo(json.dumps(found.summary(), indent=1) if as_json else found.text())


@click.command('region')
@click.argument('map_id', metavar='[MAP]', required=False)
@click.option('--x', 'x_comp', type=float, nargs=2, metavar='LOW HIGH', help='Range of the composition code.')
@click.option('--y', 'x_struc', type=float, nargs=2, metavar='LOW HIGH', help='Range of the structure code.')
@click.option('--energy', type=float, nargs=2, metavar='LOW HIGH', help='Range of the migration energy, eV.')
@click.option(
    '--range',
    'ranges',
    type=(str, float, float),
    multiple=True,
    metavar='COLUMN LOW HIGH',
    help='Range of any other column; may be given again.',
)
@click.option('--polygon', metavar='"X,Y X,Y X,Y …"', help='Corners of a polygon in the plane.')
@click.option('--uuids', is_flag=True, help='Only the UUIDs of the structures, one a line.')
@click.option('--csv', 'as_csv', is_flag=True, help='Print all columns as CSV.')
@click.option('--json', 'as_json', is_flag=True, help='Print all columns as JSON.')
@with_profile
def region(map_id: str | None, polygon: str | None, **options: Any) -> None:
    """List the points of a map in a region: those that every condition allows.

    Both ends of a range are included; `inf` and `-inf` leave a side open.

    \b
    Examples:
      aiida-limap map region 1026 --x -1 0 --y 0 2 --energy 0 0.3
      aiida-limap map region --polygon "0,0 1,0 0,1" --uuids
      aiida-limap map region --range grid_error_eV 0 0.05 --csv
    """
    from aiida_limap.tools.query import Map

    ranges = {name: (low, high) for name, low, high in options['ranges']}
    given = {'x_comp': options['x_comp'], 'x_struc': options['x_struc'], 'migration_energy_eV': options['energy']}
    ranges.update({name: ends for name, ends in given.items() if ends is not None})
    corners = None if polygon is None else [_corner(word) for word in polygon.split()]
    asked = Map(map_id)
    frame = asked.in_region(polygon=corners, **ranges)
    if options['uuids']:
        for uuid in frame.index:
            click.echo(uuid)
    elif options['as_csv']:
        click.echo(frame.to_csv(), nl=False)
    elif options['as_json']:
        click.echo(frame.reset_index().to_json(orient='records', indent=1))
    else:
        print_rows(frame)
        click.echo(f'{len(frame)} of {len(asked)} points', err=True)


def _corner(word: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in word.split(','))
    except ValueError as error:
        raise click.BadParameter(
            f'a corner is two numbers, as in 0.5,-1, not {word!r}', param_hint='--polygon'
        ) from error
    return x, y


def print_rows(frame: Any) -> None:
    """Print points as a short table, with a heading if there are any.

    :param frame: points with their sources, as :class:`aiida_limap.tools.query.Map` returns them.
    """
    names = [name for name in _SHOWN if name in frame.columns]
    rows = [[uuid[:8], *map(_word, row)] for uuid, row in zip(frame.index, frame[names].to_numpy(object), strict=True)]
    if not rows:
        return
    lines = [['uuid', *names], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo('  '.join(f'{word:<{width}}' for word, width in zip(line, widths, strict=True)).rstrip())


def _word(value: Any) -> str:
    if isinstance(value, float):
        return 'none' if value != value else f'{value:.4g}'
    return str(value)
