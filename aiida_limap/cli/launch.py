"""``aiida-limap launch``: submit work to the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import load_code, require_daemon, with_profile
from aiida_limap.cli.choosing import (
    dataset_of_group,
    layout_options,
    layout_overrides,
    load_dataset,
    load_phonons,
    parameters_option,
    phonons_option,
    source_and_protocol_options,
    tolerance_option,
)
from aiida_limap.cli.launch_bvff import bvff_command
from aiida_limap.cli.launch_encode import encode_command
from aiida_limap.cli.launch_phonons import phonons_command
from aiida_limap.cli.launch_screen import screen_command
from aiida_limap.cli.listing import refuse_both
from aiida_limap.cli.submitting import submit_and_tell, submit_checked, submit_options

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder

__all__ = ['launch', 'submit_map', 'why_unfinished']

#: Fewer structures cannot be shared out between training, validation and test.
_FEWEST_STRUCTURES = 10
_PAGE = 'page: aiida-limap map page'


@click.group('launch')
def launch() -> None:
    """Submit work to the daemon.

    \b
    Examples:
      aiida-limap launch map --group oxides --wait
      aiida-limap launch bvff mp-10499 --wait
      aiida-limap launch encode --map 1234 --group sulfides --wait
      aiida-limap launch screen --demo --wait
      aiida-limap launch phonons --demo --wait
    """


launch.add_command(bvff_command)
launch.add_command(encode_command)
launch.add_command(screen_command)
launch.add_command(phonons_command)


@launch.command('map')
@source_and_protocol_options()
@layout_options
@parameters_option
@phonons_option
@click.option(
    '--phonon-columns',
    metavar='NAME',
    multiple=True,
    help='With --phonons: column or block of them that is read; several times. By default band centres, width, first '
    'peak, thermal band centres and the density of states of the mobile ion.',
)
@tolerance_option
@submit_options('which map it is')
@with_profile
def map_command(group: str | None, dataset: str | None, code: str, **chosen: Any) -> None:
    """Draw a map: migration energies, descriptors, training, and the codes of every structure.

    \b
    Examples:
      aiida-limap launch map --group oxides --wait
      aiida-limap launch map --dataset 1234 --protocol fast --overrides my.yaml
      aiida-limap launch map --group oxides --max-failed-fraction 0.2 --raw
      aiida-limap launch map --group oxides --preset modern --wait
      aiida-limap launch map --group oxides --layout modern --wait
      aiida-limap launch map --group oxides --layout modern --landscape --wait
      aiida-limap launch map --group oxides --parameters mine --wait
      aiida-limap launch map --group phonondb --phonons 1234 --wait
      aiida-limap launch map --group phonondb --phonons 1234 --phonon-columns mobile_band_centres_THz
    """
    how = {name: chosen[name] for name in ('raw', 'as_json', 'wait')}
    refuse_both(how['raw'], how['as_json'])
    if (group is None) == (dataset is None):
        raise click.UsageError('name either --group or --dataset')
    node = dataset_of_group(group) if group is not None else load_dataset(str(dataset))
    if len(node) < _FEWEST_STRUCTURES:
        raise click.ClickException(
            f'the dataset holds {len(node)} structures; a map needs {_FEWEST_STRUCTURES} or more to train on'
        )
    engine = load_code(code)
    last = layout_overrides(
        chosen['layout'], chosen['landscape'], chosen['preset'], has_overrides=chosen['overrides'] is not None
    )
    if chosen['parameters'] is not None:
        last.setdefault('featurize', {})['bvff'] = {'bond_valence': chosen['parameters']}
    if chosen['max_failed_fraction'] is not None:
        last.setdefault('featurize', {})['max_failed_fraction'] = chosen['max_failed_fraction']
    phonons = _phonons(node, chosen['phonons'], chosen['phonon_columns'])
    require_daemon()
    builder = _builder(node, engine, chosen['protocol'], chosen['overrides'], last, **phonons)
    chain = submit_and_tell(builder, 'map work chain', _PAGE, **how, subject=f'of {len(node)} structures')
    if how['wait']:
        _wait(chain, quiet=how['raw'] or how['as_json'])


def _wait(chain: Any, *, quiet: bool) -> None:
    from aiida_limap.cli.watching import watch_map

    if not watch_map(chain):
        raise click.ClickException(
            f'the map was not finished: {why_unfinished(chain)}; `aiida-limap report {chain.pk}` says more'
        )
    if not quiet:
        click.echo(f'map {chain.outputs.map.pk} is ready: aiida-limap map page {chain.outputs.map.pk}')


def why_unfinished(chain: Any) -> str:
    """Return the reason why a work chain ended without a map, as the first half of a sentence.

    :param chain: the process node.
    """
    return str(chain.exit_message or chain.exception or 'it was stopped').rstrip('.')


def _phonons(dataset: Any, identifier: str | None, names: Sequence[str]) -> dict[str, Any]:
    """Return the inputs that bring phonons, and say how many structures have none.

    :raises click.ClickException: if columns of no table are named, or too few structures have phonons.
    """
    if identifier is None:
        if names:
            raise click.UsageError('--phonon-columns names columns of phonons; name their table with --phonons')
        return {}
    from aiida_limap.calculations._phonon_block import (
        DEFAULT_PHONON_COLUMNS,
        check_phonon_columns,
        rows_with_phonons,
    )

    table, columns = load_phonons(identifier), list(dict.fromkeys(names)) or list(DEFAULT_PHONON_COLUMNS)
    message = check_phonon_columns(table, columns)
    if message is not None:
        raise click.ClickException(message)
    reasons = rows_with_phonons(table, columns)
    n_known = sum(reasons.get(uuid) == '' for uuid in dataset.structure_uuids)
    if n_known < _FEWEST_STRUCTURES:
        raise click.ClickException(
            f'{n_known} of the {len(dataset)} structures of the dataset have complete phonons in table {table.pk}; a '
            f'map needs {_FEWEST_STRUCTURES} or more. Phonons are joined by the structure: name the group or the '
            'dataset that they were computed for'
        )
    if n_known < len(dataset):
        click.echo(
            f'{len(dataset) - n_known} of {len(dataset)} structures have no phonons and are left out of the map',
            err=True,
        )
    return {'phonons': table, 'phonon_columns': columns if names else None}


def submit_map(
    dataset: Any,
    code: Any,
    protocol: str | None,
    overrides: Any = None,
    last: dict[str, Any] | None = None,
    **further: Any,
) -> Any:
    """Submit a map work chain.

    :param dataset: the dataset node.
    :param code: the code of the engines.
    :param protocol: name of the protocol, None for the default.
    :param overrides: changes of the protocol, as a mapping or the path of a YAML file.
    :param last: changes that come after ``overrides``.
    :param further: ``phonons`` and ``phonon_columns`` of the builder.
    :returns: the process node.
    :raises click.ClickException: if the protocol or an override is unknown.
    :raises LimapError: if the layout of the descriptors is wrong, or has no landscape part where that is wanted.
    """
    return submit_checked(_builder(dataset, code, protocol, overrides, last, **further))


def _builder(
    dataset: Any,
    code: Any,
    protocol: str | None,
    overrides: Any = None,
    last: dict[str, Any] | None = None,
    **further: Any,
) -> ProcessBuilder:
    """Return the inputs that :func:`submit_map` submits."""
    from aiida_limap.engines.descriptors import load_layout
    from aiida_limap.engines.descriptors.task import parts_of
    from aiida_limap.workflows.map import MapWorkChain

    try:
        inputs = MapWorkChain.get_protocol_inputs(protocol, overrides, last)
        builder = MapWorkChain.get_builder_from_protocol(code, dataset, protocol=protocol, overrides=inputs, **further)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    described = builder.featurize.descriptors.parameters.get_dict()
    # The engine would refuse the job as well, but only after the migration energies were submitted beside it.
    parts_of(load_layout(described['layout']), described.get('landscape', False))
    return builder
