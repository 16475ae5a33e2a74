"""``aiida-limap launch encode``: new structures on an old map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import load_code, require_daemon, with_profile
from aiida_limap.cli.choosing import (
    dataset_of_group,
    load_dataset,
    load_phonons,
    phonons_option,
    source_and_protocol_options,
    tolerance_option,
)
from aiida_limap.cli.listing import refuse_both
from aiida_limap.cli.submitting import submit_and_tell, submit_options

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder

    from aiida_limap.data.map import MapData

__all__ = ['encode_command']


@click.command('encode')
@click.option(
    '-M', '--map', 'map_id', metavar='MAP', required=True, help='The old map: pk, UUID or its start, or label.'
)
@source_and_protocol_options('without it the force field is that of the map')
@click.option('--no-energies', is_flag=True, help='Predict only: compute no migration energies of the new structures.')
@phonons_option
@tolerance_option
@submit_options('which map it is')
@with_profile
def encode_command(map_id: str, group: str | None, dataset: str | None, **chosen: Any) -> None:
    """Place new structures on an old map, as a new map: the old points stay where they are.

    Each new point says whether it lies inside of what the model knows. Structures that the map holds already are taken
    over. Descriptors and force field are those of the map, unless --protocol names another force field. A map that was
    drawn with phonons needs those of the new structures.

    \b
    Examples:
      aiida-limap launch encode --map 1234 --group sulfides --wait
      aiida-limap launch encode --map 1234 --group candidates --no-energies
      aiida-limap launch encode --map 1234 --group phonondb --phonons 2345 --wait
    """
    from aiida_limap.tools.query import load_map

    how = {name: chosen[name] for name in ('raw', 'as_json', 'wait')}
    refuse_both(how['raw'], how['as_json'])
    if (group is None) == (dataset is None):
        raise click.UsageError('name either --group or --dataset')
    parent = load_map(map_id)
    node = dataset_of_group(group) if group is not None else load_dataset(str(dataset))
    n_new = _number_of_new(node, parent)
    code = load_code(chosen['code'])
    builder = _builder(code, node, parent, chosen)
    require_daemon()
    subject = f'of {n_new} new structures on map {parent.pk}'
    chain = submit_and_tell(builder, 'work chain', 'page: aiida-limap map page', **how, subject=subject)
    if how['wait']:
        _wait(chain, parent, quiet=how['raw'] or how['as_json'])


def _number_of_new(dataset: Any, parent: MapData) -> int:
    """Return how many structures are not on a map yet.

    :raises click.ClickException: if there are none.
    """
    if not len(dataset):
        raise click.ClickException(f'the dataset {dataset.name!r} holds no structures')
    n_new = len(set(dataset.structure_uuids) - set(parent.ids))
    if not n_new:
        raise click.ClickException(
            f'all {len(dataset)} structures of the dataset {dataset.name!r} are points of map {parent.pk} already; '
            f'`aiida-limap map points {parent.pk}` lists them'
        )
    return n_new


def _builder(code: Any, dataset: Any, parent: MapData, chosen: dict[str, Any]) -> ProcessBuilder:
    """Return the inputs, checked against what the engines on this machine would compute.

    :raises click.ClickException: if the protocol or an override is unknown, the model of the map is not there, or the
        layout of that name has other columns here.
    """
    from aiida import orm

    from aiida_limap.calculations._parents import model_of
    from aiida_limap.engines.descriptors import load_layout
    from aiida_limap.engines.descriptors.task import parts_of
    from aiida_limap.workflows._phonon_block import check_model_phonons
    from aiida_limap.workflows.encode import EncodeWorkChain

    phonons = None if chosen['phonons'] is None else load_phonons(chosen['phonons'])
    message = check_model_phonons(model_of(parent), phonons, dataset)
    if message is not None:
        raise click.ClickException(message)
    try:
        builder = EncodeWorkChain.get_builder_from_protocol(
            code,
            dataset,
            parent,
            protocol=chosen['protocol'],
            overrides=chosen['overrides'],
            with_energies=False if chosen['no_energies'] else None,
            phonons=phonons,
        )
    except ValueError as error:
        raise click.ClickException(' '.join(str(error).split())) from error
    if chosen['max_failed_fraction'] is not None:
        builder.featurize.max_failed_fraction = orm.Float(chosen['max_failed_fraction'])
    described = builder.featurize.descriptors.parameters.get_dict()
    layout = load_layout(described['layout'])
    parts_of(layout, described.get('landscape', False))
    expected = builder.encode.model.header['columns'].get('layout_checksum')
    if expected is not None and layout.checksum != expected:
        raise click.ClickException(
            f'the layout {layout.name!r} of this release has other columns than the model of map {parent.pk} reads '
            f'(checksum {layout.checksum[:8]}, expected {expected[:8]}); use the release that drew the map'
        )
    return builder


def _wait(chain: Any, parent: MapData, *, quiet: bool) -> None:
    from aiida_limap.cli.launch import why_unfinished
    from aiida_limap.cli.watching import watch_map

    if not watch_map(chain):
        raise click.ClickException(
            f'the structures were not placed: {why_unfinished(chain)}; `aiida-limap report {chain.pk}` says more'
        )
    if quiet:
        return
    points = chain.outputs.map
    outside = chain.outputs.output_parameters['n_new_outside'] if chain.is_finished else None
    words = '' if outside is None else f' ({outside} outside of what its model knows)'
    click.echo(f'{points.n_new} new points{words} beside the {len(parent)} of map {parent.pk}')
    click.echo(f'map {points.pk} is ready: aiida-limap map page {points.pk}')
