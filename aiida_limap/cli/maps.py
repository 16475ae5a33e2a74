"""``aiida-limap map``: list, show and draw maps."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from aiida_limap.cli.base import with_profile, writable_folder
from aiida_limap.cli.figures import figures
from aiida_limap.cli.listing import list_options, refuse_both, tell_listed
from aiida_limap.cli.map_export import export
from aiida_limap.cli.map_families import families
from aiida_limap.cli.map_questions import compare, region
from aiida_limap.cli.map_report import map_report_command
from aiida_limap.cli.output_paths import OutputPage
from aiida_limap.cli.quality import NOT_LEARNT, print_quality

__all__ = ['draw_figures', 'draw_page', 'map_group', 'print_map']


@dataclass(frozen=True)
class _ListedMap:
    """What a list says of a map."""

    pk: int
    uuid: str
    created: datetime
    label: str
    n_points: int


@click.group('map')
def map_group() -> None:
    """List, show and draw maps.

    MAP is the pk of a map or of the work chain that drew it, a UUID or its start, or a label; without it the newest map
    is taken.

    \b
    Examples:
      aiida-limap map list
      aiida-limap map page 1234 --output oxides.html
    """


@map_group.command('list')
@list_options('the maps')
@with_profile
def list_command(raw: bool, as_json: bool) -> None:
    """List the maps of the profile, newest first.

    \b
    Examples:
      aiida-limap map list
      aiida-limap map list --raw
    """
    from aiida_limap.tools.query import list_maps

    refuse_both(raw, as_json)
    tell_listed(
        [_ListedMap(*row) for row in list_maps()],
        lambda facts: f'{facts.n_points:>6} points',
        'no map yet; make one with `aiida-limap launch map --group LABEL`',
        raw=raw,
        as_json=as_json,
    )


@map_group.command('show')
@click.argument('map_id', metavar='[MAP]', required=False)
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_profile
def show(map_id: str | None, as_json: bool) -> None:
    """Show what a map holds and how good it is.

    \b
    Example:
      aiida-limap map show 1234
    """
    from aiida_limap.tools.query import learns_energy, load_map

    node = load_map(map_id)
    if not as_json:
        click.echo(f'map {node.pk} ({node.uuid}) {node.label}')
        print_map(node)
        return
    document: dict[str, Any] = {
        'pk': node.pk,
        'uuid': node.uuid,
        'label': node.label,
        'points': len(node.ids),
        'target': node.target,
        'learns_migration_energy': learns_energy(node),
        'parent': node.parent_uuid,
        'new_points': node.n_new,
        'outside_domain': node.n_outside,
        'counts_by_status': dict(node.counts_by_status),
        'metrics': dict(node.metrics),
        'nodes': _nodes_behind(node),
    }
    click.echo(json.dumps(document, indent=1))


def print_map(node: Any) -> None:
    """Print what a map holds, how good it is, and the nodes behind it.

    :param node: the map.
    """
    from aiida_limap.tools.query import learns_energy

    click.echo(f'{len(node.ids)} points, migration energy: {node.target}')
    if not learns_energy(node):
        click.echo(NOT_LEARNT)
    if node.parent_uuid is not None:
        click.echo(f'{node.n_new} new points beside those of {_name_of_parent(node)}')
    if node.n_outside is not None:
        click.echo(f'{node.n_outside} points outside of what the model knows')
    click.echo('status: ' + ', '.join(f'{word} {count}' for word, count in node.counts_by_status.items()))
    print_quality(dict(node.metrics))
    for role, entry in _nodes_behind(node).items():
        click.echo(f'{role.replace("_", " "):<12} {entry["pk"]:>7}  {entry["uuid"]}')


def _nodes_behind(node: Any) -> dict[str, dict[str, Any]]:
    from aiida_limap.tools.provenance import map_provenance

    return {role: {'pk': step.pk, 'uuid': step.uuid} for role, step in map_provenance(node).shared.items()}


@map_group.command('points')
@click.argument('map_id', metavar='[MAP]', required=False)
@click.option('--json', 'as_json', is_flag=True, help='Print JSON instead of CSV.')
@with_profile
def points(map_id: str | None, as_json: bool) -> None:
    """Print all points of a map as CSV: UUID, source id, codes, energies, status.

    \b
    Example:
      aiida-limap map points > points.csv
    """
    from aiida_limap.tools.provenance import structure_facts
    from aiida_limap.tools.query import load_map

    node = load_map(map_id)
    facts = structure_facts(node.ids)
    rows = []
    for uuid in node.ids:
        source = facts.get(uuid, {}).get('source', {})
        rows.append({'structure_uuid': uuid, 'source_id': source.get('id', ''), **node.point(uuid)})
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]) if rows else ['structure_uuid'])
    writer.writeheader()
    writer.writerows(rows)


@map_group.command('page')
@click.argument('map_id', metavar='[MAP]', required=False)
@click.option(
    '-o',
    '--output',
    type=OutputPage('map.html'),
    metavar='FILE',
    default=Path('map.html'),
    show_default=True,
    help='The HTML file to write, or a folder that there is, for map.html in it.',
)
@click.option('--title', help='Heading of the page.')
@with_profile
def page(map_id: str | None, output: Path, title: str | None) -> None:
    """Write the interactive page of a map: one file, no network needed.

    \b
    Example:
      aiida-limap map page 1234 --output oxides.html
    """
    from aiida_limap.tools.bundle import map_bundle
    from aiida_limap.tools.query import load_map

    click.echo(draw_page(map_bundle(load_map(map_id), title=title), output))


map_group.add_command(export)
map_group.add_command(figures)
map_group.add_command(families)
map_group.add_command(map_report_command)
map_group.add_command(compare)
map_group.add_command(region)


def _name_of_parent(node: Any) -> str:
    from aiida_limap.tools.provenance import parent_of

    parent = parent_of(node)
    return f'map {node.parent_uuid}, which is not in this profile' if parent is None else f'map {parent.pk}'


def draw_page(bundle: Any, output: Path) -> Path:
    """Write the page of a bundle.

    :param bundle: the map bundle.
    :param output: the file to write.
    :returns: the path.
    """
    from aiida_limap.visualisation.page import write_page

    writable_folder(output.resolve().parent)
    return write_page(bundle, output)


def draw_figures(bundle: Any, folder: Path, formats: tuple[str, ...] = ('png', 'svg')) -> list[Path]:
    """Write the figures of a bundle.

    :param bundle: the map bundle.
    :param folder: the folder to write to.
    :param formats: file formats.
    :returns: the paths.
    """
    from aiida_limap.visualisation.figures import write_figures

    return write_figures(bundle, writable_folder(folder), formats=formats)
