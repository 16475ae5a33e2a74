"""``aiida-limap point``: a point, its structure and its graph."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_limap.cli.base import with_profile
from aiida_limap.cli.map_questions import print_rows
from aiida_limap.cli.quality import NOT_LEARNT

if TYPE_CHECKING:
    from aiida_limap.data.bond_valence import BondValenceData
    from aiida_limap.tools.query import MapPoint

__all__ = ['point_group']


@click.group('point')
def point_group() -> None:
    """Show points of a map and the way back to their structures.

    \b
    Examples:
      aiida-limap point show mp-10499
      aiida-limap point nearest -0.5 1.2 -k 5
    """


@point_group.command('show')
@click.argument('identifier', metavar='ID')
@click.option('-M', '--map', 'map_id', metavar='MAP', help='The map: pk, UUID or label; by default the newest.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@click.option(
    '--graph',
    type=click.Path(path_type=Path),
    metavar='FILE',
    help='Draw everything behind the point: FILE.svg, .png or .pdf (these need the program dot of Graphviz), or .dot.',
)
@with_profile
def show(identifier: str, map_id: str | None, as_json: bool, graph: Path | None) -> None:
    """Print structure, source, migration energy and the chain of calculations of a point.

    ID is the id of the structure in its source (mp-10499), a UUID or its start, or a formula.

    \b
    Examples:
      aiida-limap point show mp-10499
      aiida-limap point show Li3PO4 --map 1234 --json
      aiida-limap point show mp-10499 --graph mp-10499.svg
    """
    from aiida_limap.tools.query import Map, learns_energy

    asked = Map(map_id)
    answer = asked.point(identifier)
    if graph is not None:
        asked.provenance(answer).write_graph(graph)
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
        return
    _print(answer, learns_energy(asked.node))
    if graph is not None:
        click.echo(f'drawn: {graph}')


# A code below zero would else be taken for an option.
@point_group.command('nearest', context_settings={'ignore_unknown_options': True})
@click.argument('x', type=float)
@click.argument('y', type=float)
@click.option('-k', 'number', type=click.IntRange(min=1), default=10, show_default=True, help='How many points.')
@click.option('-M', '--map', 'map_id', metavar='MAP', help='The map: pk, UUID or label; by default the newest.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON with all columns.')
@with_profile
def nearest(x: float, y: float, number: int, map_id: str | None, as_json: bool) -> None:
    """List the points nearest to a place of the map, X its composition code and Y its structure code.

    The distance is that in the plane, in codes.

    \b
    Examples:
      aiida-limap point nearest -0.5 1.2
      aiida-limap point nearest -0.5 1.2 -k 3 --map 1234 --json
    """
    from aiida_limap.tools.query import Map

    frame = Map(map_id).nearest(x, y, number)
    if as_json:
        click.echo(frame.reset_index().to_json(orient='records', indent=1))
    else:
        print_rows(frame)


def _parameter_set(answer: MapPoint) -> BondValenceData | None:
    """Return the bond-valence parameters of the migration energy, where they are linked to its job."""
    from aiida import orm

    for step in answer.steps:
        if step.role == 'migration energy':
            job = orm.load_node(step.uuid)
            link = job.base.links.get_incoming(link_label_filter='bond_valence').first()
            return None if link is None else link.node
    return None


def _print(answer: MapPoint, learns_energies: bool) -> None:
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
    if not learns_energies:
        click.echo(f'  {NOT_LEARNT}')
    click.echo('\nprovenance, from the dataset to the map')
    for step in answer.steps:
        click.echo(f'  {step.role:<26} {step.kind:<24} {step.pk:>7}  {step.uuid}')
    parameters = _parameter_set(answer)
    if parameters is not None:
        click.echo(f'\nparameters: {parameters.title}, pk {parameters.pk}, sha256 {parameters.checksum}')
    click.echo(f'\nmore: verdi node show {answer.structure_uuid}')
    click.echo(f'graph: aiida-limap point show {answer.structure_uuid} --graph point.svg')
    click.echo(f'all of it: verdi node graph generate {answer.steps[-1].pk}')
