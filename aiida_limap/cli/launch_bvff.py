"""``aiida-limap launch bvff``: migration energies of structures, without a map."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.barriers import echo_barriers
from aiida_limap.cli.base import load_code, require_daemon, with_profile
from aiida_limap.cli.choosing import (
    chosen_structures,
    load_usable,
    parameters_option,
    source_and_protocol_options,
    tolerance_option,
)
from aiida_limap.cli.listing import refuse_both
from aiida_limap.cli.number_types import FiniteNumber
from aiida_limap.cli.submitting import submit_checked

if TYPE_CHECKING:
    from aiida import orm
    from aiida.engine import ProcessBuilder

    from aiida_limap.data.dataset import DatasetData

__all__ = ['bvff_command']

#: Options of the command by the parameter of the engine that they set.
_PARAMETERS = {
    'preset': 'preset',
    'spacing': 'spacing_angstrom',
    'mobile_ion': 'mobile_ion',
    'landscapes': 'landscapes',
    'networks': 'networks',
}


@click.command('bvff')
@click.argument('structures', metavar='[STRUCTURE]...', nargs=-1)
@source_and_protocol_options()
@parameters_option
@click.option('--preset', type=click.Choice(['bvff', 'bvse']), help='Force field: full or half Morse depth.')
@click.option(
    '--spacing',
    type=FiniteNumber(0.01, 1),
    help='Largest distance of grid points, Å; else that of the protocol, 0.2 if balanced.',
)
@click.option('--mobile-ion', metavar='ION', help='The ion that moves, e.g. Na+; by default Li+.')
@click.option('--landscapes', is_flag=True, help='Write the energy grids; they stay on the computer.')
@click.option('--retrieve-landscapes', is_flag=True, help='Write the energy grids and bring them back.')
@click.option('--networks', is_flag=True, help='Write the migration networks and bring them back.')
@click.option(
    '--batch-size', type=click.IntRange(1), default=100, show_default=True, help='Structures per calculation job.'
)
@tolerance_option
@click.option('--wait', is_flag=True, help='Stay, show the progress and print the barriers.')
@click.option('--raw', is_flag=True, help='Print only the pk of the work chain, or bare rows with --wait.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_profile
def bvff_command(structures: tuple[str, ...], group: str | None, dataset: str | None, **chosen: Any) -> None:
    """Compute migration energies of structures, of a group or of a dataset.

    STRUCTURE is a pk, a UUID or its start, or the id of the source.

    \b
    Examples:
      aiida-limap launch bvff mp-10499 --wait
      aiida-limap launch bvff --group oxides --protocol stringent --max-failed-fraction 0.1
      aiida-limap launch bvff mp-10499 --mobile-ion Na+ --spacing 0.1 --retrieve-landscapes --wait --json
    """
    refuse_both(chosen['raw'], chosen['as_json'])
    uuids, node = chosen_structures(structures, group, dataset)
    code = load_code(chosen['code'])
    try:
        builder = _builder(code, uuids, node, chosen)
    except ValueError as error:
        raise click.ClickException(' '.join(str(error).split())) from error
    require_daemon()
    chain = submit_checked(builder)
    if chosen['wait']:
        _wait(chain, chosen)
    elif chosen['raw']:
        click.echo(chain.pk)
    elif chosen['as_json']:
        click.echo(json.dumps({'pk': chain.pk, 'uuid': chain.uuid, 'number_of_structures': len(uuids)}))
    else:
        click.echo(f'submitted work chain {chain.pk} of {len(uuids)} structures')
        click.echo(f'progress: aiida-limap status {chain.pk} --watch')
        click.echo(f'barriers, when it is finished: verdi data limap barriers {chain.pk}')


def _overrides_of(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the command as overrides of the protocol, nested as the inputs are."""
    values = {name: chosen[option] for option, name in _PARAMETERS.items()}
    # A flag that is not set leaves what the protocol or the file of overrides says.
    parameters = {name: value for name, value in values.items() if value is not None and value is not False}
    job: dict[str, Any] = {'parameters': parameters}
    if chosen['parameters'] is not None:
        job['bond_valence'] = chosen['parameters']
    if chosen['retrieve_landscapes']:
        job['parameters']['landscapes'] = job['retrieve_landscapes'] = True
    overrides: dict[str, Any] = {'bvff': job}
    if chosen['max_failed_fraction'] is not None:
        overrides['max_failed_fraction'] = chosen['max_failed_fraction']
    return overrides


def _builder(
    code: orm.AbstractCode, uuids: list[str], dataset: DatasetData | None, chosen: dict[str, Any]
) -> ProcessBuilder:
    """Return the inputs of one batch, or those of a work chain that takes many batches."""
    from aiida_limap.workflows.bvff import BvffBaseWorkChain

    inputs = BvffBaseWorkChain.get_protocol_inputs(chosen['protocol'], chosen['overrides'], _overrides_of(chosen))
    if len(uuids) <= chosen['batch_size']:
        return BvffBaseWorkChain.get_builder_from_protocol(code, load_usable(uuids), chosen['protocol'], inputs)
    return _builder_of_batches(code, _as_dataset(uuids, dataset), inputs, chosen)


def _builder_of_batches(
    code: orm.AbstractCode, dataset: DatasetData, inputs: dict[str, Any], chosen: dict[str, Any]
) -> ProcessBuilder:
    from aiida import orm

    from aiida_limap.workflows.featurize import FeaturizeWorkChain

    if inputs.get('clean_workdir'):
        raise ValueError(
            f'clean_workdir works for one batch only; raise --batch-size to {len(dataset)}, or clean the folders with '
            '`verdi calcjob cleanworkdir`'
        )
    job = dict(inputs['bvff'])
    states, options = job.pop('oxidation_states', None), job.pop('metadata')['options']
    batches = {'batch_size': chosen['batch_size'], 'bvff': job, 'options': options}
    batches |= {name: inputs[name] for name in ('max_failed_fraction', 'handler_overrides') if name in inputs}
    builder = FeaturizeWorkChain.get_builder_from_protocol(code, dataset, chosen['protocol'], batches)
    builder.with_descriptors = orm.Bool(False)
    if states is not None:
        builder.bvff.oxidation_states = orm.Dict(states)
    return builder


def _as_dataset(uuids: list[str], dataset: DatasetData | None) -> DatasetData:
    from aiida_limap.data.dataset import DatasetData as Dataset

    if dataset is not None:
        return dataset
    return Dataset(name='named on the command line', structures=[(uuid, '') for uuid in uuids]).store()


def _wait(chain: orm.WorkChainNode, chosen: dict[str, Any]) -> None:
    from aiida_limap.cli.barriers import table_of
    from aiida_limap.cli.watching import watch

    quiet = chosen['raw'] or chosen['as_json']
    if not quiet:
        click.echo(f'submitted work chain {chain.pk}')
    watch(chain)
    table = table_of(chain)
    if table is not None:
        echo_barriers(table, raw=chosen['raw'], as_json=chosen['as_json'])
    reason = str(chain.exit_message or chain.exception or 'it was stopped').rstrip('.')
    if table is None or (not chain.is_finished_ok and not set(table.counts_by_status) & {'ok', 'not_percolating'}):
        raise click.ClickException(
            f'there are no migration energies: {reason}; `aiida-limap report {chain.pk}` says more'
        )
    if not chain.is_finished_ok:
        click.echo(f'Warning: {reason}', err=True)
    if not quiet:
        click.echo(f'table {table.pk}, its rows: verdi data limap barriers {table.pk}', err=True)
