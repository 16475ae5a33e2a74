"""``verdi data limap show``: a node of a data class in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from aiida.cmdline.utils.decorators import with_dbenv

from aiida_limap.cli.base import friendly

if TYPE_CHECKING:
    from aiida_limap.data.autoencoder import AutoencoderData
    from aiida_limap.data.bond_valence import BondValenceData
    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.data.map import MapData
    from aiida_limap.data.phonon_dos import PhononDosData
    from aiida_limap.data.screening_model import ScreeningModelData
    from aiida_limap.data.table import TableData

__all__ = ['show_command']

_MOST_NAMED = 12


@click.command('show')
@click.argument('identifier', metavar='ID')
@click.option('--json', 'as_json', is_flag=True, help='Print all attributes as JSON.')
@with_dbenv()
@friendly
def show_command(identifier: str, as_json: bool) -> None:
    """Show what a dataset, table, set of parameters, model, map or density of states holds, and what made it.

    ID is a pk, a UUID or its start, or a label.

    \b
    Examples:
      verdi data limap show 1234
      verdi data limap show 1234 --json
    """
    from aiida_limap.tools.data_nodes import find_data, kind_of

    node = find_data(identifier)
    kind = str(kind_of(node))
    if as_json:
        facts = {'pk': node.pk, 'uuid': node.uuid, 'kind': kind, 'label': node.label, 'ctime': node.ctime.isoformat()}
        click.echo(json.dumps({**facts, 'attributes': node.base.attributes.all}, indent=1, default=str))
        return
    click.echo(f'{kind.replace("_", "-")} {node.pk} ({node.uuid}) {node.label}'.rstrip())
    _SHOWN[kind](node)
    creator = node.creator
    made = '' if creator is None else f' by {creator.process_label} {creator.pk}'
    click.echo(f'made {node.ctime.astimezone():%Y-%m-%d %H:%M}{made}')


def _show_dataset(node: DatasetData) -> None:
    from aiida import orm

    from aiida_limap.groups.dataset import DatasetGroup

    click.echo(f'{len(node)} structures, named {node.name!r}')
    for key, value in ((key, value) for key, value in node.filter.items() if value is not None):
        click.echo(f'  {key:<12} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}')
    query = orm.QueryBuilder().append(type(node), filters={'id': node.pk}, tag='dataset')
    labels = query.append(DatasetGroup, with_node='dataset', project='label').all(flat=True)
    if labels:
        click.echo(f'in the group{"" if len(labels) == 1 else "s"} {", ".join(labels)}')
    if node.report is not None:
        refused = len(node.report.get('refused') or [])
        click.echo(f'{refused} entries were refused by the import: aiida-limap report {node.pk}')


def _show_table(node: TableData) -> None:
    version = f', aiida-limap {node.engine_version}' if node.engine_version else ''
    task = node.base.attributes.get('task', None)
    click.echo(f'{len(node)} rows' + (f' of the task {task}{version}' if task else version))
    if node.counts_by_status:
        click.echo('status: ' + ', '.join(f'{count} {word}' for word, count in node.counts_by_status.items()))
    units = [f'{entry["name"]}' + (f' ({entry["unit"]})' if entry['unit'] else '') for entry in node.info]
    more = f' and {len(units) - _MOST_NAMED} more' if len(units) > _MOST_NAMED else ''
    click.echo(f'{len(units)} columns: {", ".join(units[:_MOST_NAMED])}{more}')
    for entry in node.base.attributes.get('blocks'):
        layout = node.block_info(entry['name']).get('layout') or {}
        name = layout.get('name') if isinstance(layout, dict) else layout
        click.echo(f'block {entry["name"]}: {entry["n_columns"]} columns' + (f', layout {name}' if name else ''))
    click.echo(f'what each column is: verdi data limap table columns {node.pk}')


def _show_bond_valence(node: BondValenceData) -> None:
    click.echo(f'{node.title}: {node.number_of_pairs} pairs of ions, presets {", ".join(node.presets)}')
    click.echo(f'mobile ions: {", ".join([*node.cations, *node.anions])}')
    click.echo(f'cite: {node.citation}')
    click.echo(f'licence: {node.licence or "not stated"}')
    click.echo(f'SHA-256: {node.checksum}')


def _show_autoencoder(node: AutoencoderData) -> None:
    from aiida_limap.cli.verdi_model import print_model

    print_model(node)


def _show_map(node: MapData) -> None:
    from aiida_limap.cli.maps import print_map

    print_map(node)


def _show_screening_model(node: ScreeningModelData) -> None:
    reads = ', '.join(node.features[:_MOST_NAMED]) or 'atomic fractions'
    more = f' and {len(node.features) - _MOST_NAMED} more' if len(node.features) > _MOST_NAMED else ''
    click.echo(f'{node.kind}, trained by aiida-limap {node.engine_version}')
    click.echo(f'reads {reads}{more}')
    for name, value in node.metrics.items():
        click.echo(f'  {name:<34} {value:.3f}' if isinstance(value, float) else f'  {name:<34} {value}')


def _show_phonon_dos(node: PhononDosData) -> None:
    lowest, highest = (node.base.attributes.get(name) for name in ('lowest_THz', 'highest_THz'))
    click.echo(f'{len(node.frequencies_THz)} frequencies from {lowest:.3f} to {highest:.3f} THz')
    # A count of zero means that it is not known.
    atoms = [f'{symbol} ({count} in the cell)' if count else symbol for symbol, count in node.counts.items()]
    click.echo(f'total, and by element: {", ".join(atoms) or "none"}')
    click.echo(f'structure: {node.structure_uuid or "not known"}')


_SHOWN: dict[str, Callable[[Any], None]] = {
    'dataset': _show_dataset,
    'table': _show_table,
    'bond_valence': _show_bond_valence,
    'autoencoder': _show_autoencoder,
    'map': _show_map,
    'screening_model': _show_screening_model,
    'phonon_dos': _show_phonon_dos,
}
