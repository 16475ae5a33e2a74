"""``aiida-limap point``: a point, its structure and its graph."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from aiida_limap.cli.base import with_profile

if TYPE_CHECKING:
    from aiida_limap.data.bond_valence import BondValenceData
    from aiida_limap.tools.query import MapPoint

__all__ = ['point_group']


@click.group('point')
def point_group() -> None:
    """Show a point of a map and the way back to its structure.

    \b
    Example:
      aiida-limap point show mp-10499
    """


@point_group.command('show')
@click.argument('identifier', metavar='ID')
@click.option('--map', 'map_id', metavar='MAP', help='The map: pk, UUID or label; by default the newest.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_profile
def show(identifier: str, map_id: str | None, as_json: bool) -> None:
    """Print structure, source, migration energy and the chain of calculations of a point.

    ID is the id of the structure in its source (mp-10499), a UUID or its start, or a formula.

    \b
    Examples:
      aiida-limap point show mp-10499
      aiida-limap point show Li3PO4 --map 1234 --json
    """
    from aiida_limap.tools.query import load_map, point

    answer = point(identifier, load_map(map_id))
    if as_json:
        parameters = _parameter_set(answer)
        document = {
            'structure_uuid': answer.structure_uuid,
            'label': answer.label,
            'source': answer.source,
            'values': answer.values,
            'steps': [asdict(step) for step in answer.steps],
            'parameters': None
            if parameters is None
            else {'name': parameters.title, 'uuid': parameters.uuid, 'checksum': parameters.checksum},
        }
        click.echo(json.dumps(document, indent=1))
    else:
        _print(answer)


def _parameter_set(answer: MapPoint) -> BondValenceData | None:
    """Return the bond-valence parameters of the migration energy, where they are linked to its job."""
    from aiida import orm

    for step in answer.steps:
        if step.role == 'migration energy':
            job = orm.load_node(step.uuid)
            link = job.base.links.get_incoming(link_label_filter='bond_valence').first()
            return None if link is None else link.node
    return None


def _print(answer: MapPoint) -> None:
    structure = answer.structure
    lengths = ' × '.join(f'{length:.3f}' for length in structure.cell_lengths)
    angles = ', '.join(f'{angle:.1f}' for angle in structure.cell_angles)
    # The formula of the map is that of chemists; the one of the node sorts its elements by the alphabet.
    formula = answer.values.get('formula') or structure.get_formula()
    click.echo(f'{formula}  {len(structure.sites)} sites, {lengths} Å, {angles}°')
    click.echo('\nsource')
    for key, value in answer.source.items():
        if isinstance(value, dict):
            for inner, entry in value.items():
                if entry:
                    text = ', '.join(f'{a} → {b}' for a, b in entry.items()) if isinstance(entry, dict) else entry
                    click.echo(f'  {inner:<34} {text}')
        elif value:
            click.echo(f'  {key:<34} {value}')
    click.echo('\nvalues')
    for key, value in answer.values.items():
        text = 'none' if value is None else f'{value:.4g}' if isinstance(value, float) else value
        click.echo(f'  {key:<34} {text}')
    click.echo('\nprovenance, from the dataset to the map')
    for step in answer.steps:
        click.echo(f'  {step.role:<26} {step.kind:<24} {step.pk:>7}  {step.uuid}')
    parameters = _parameter_set(answer)
    if parameters is not None:
        click.echo(f'\nparameters: {parameters.title}, pk {parameters.pk}, sha256 {parameters.checksum}')
    click.echo(f'\nmore: verdi node show {answer.structure_uuid}')
    click.echo(f'graph: verdi node graph generate {answer.steps[-1].pk}')
