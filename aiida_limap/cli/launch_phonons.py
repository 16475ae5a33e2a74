"""``aiida-limap launch phonons``: phonon quantities of imported phonon files, and clusters of the compounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from aiida_limap.cli.base import counting_bar, load_code, require_daemon, with_profile
from aiida_limap.cli.calculating import calculator_options, calculator_overrides, note_unknown_calculator
from aiida_limap.cli.choosing import dataset_of_group, load_dataset, source_and_protocol_options, tolerance_option
from aiida_limap.cli.importing_diffusivities import check_diffusivities_of, load_diffusivities
from aiida_limap.cli.launch_screen import load_labels
from aiida_limap.cli.listing import refuse_both
from aiida_limap.cli.number_types import FiniteNumber
from aiida_limap.cli.submitting import submit_and_tell, submit_options, watch_for
from aiida_limap.common.calculators import CALCULATOR
from aiida_limap.common.phonons import CLUSTER_METHODS, DENSITIES

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder

__all__ = ['phonons_command']

_SOURCES = ('group', 'dataset', 'structures')


@click.command('phonons')
@source_and_protocol_options('balanced unless told otherwise, fast with --demo')
@calculator_options
@click.option('--demo', is_flag=True, help='Embedded phonons and conductivities; takes no group, dataset or labels.')
@click.option('-L', '--labels', metavar='TABLE', help='Measured conductivities: pk or UUID of the table.')
@click.option(
    '--diffusivities',
    metavar='TABLE',
    help='Table of diffusivities, as `aiida-limap import diffusivities` makes it: pk or UUID.',
)
@click.option(
    '--diffusivity-temperature',
    type=FiniteNumber(min=0, min_open=True),
    help='Temperature at which they tell what conducts, K; 800 unless told otherwise.',
)
@click.option(
    '--feature',
    'features',
    multiple=True,
    help='Column or block that is clustered; several times. Else mobile_band_centres_THz.',
)
@click.option(
    '--method', 'methods', type=click.Choice(CLUSTER_METHODS), multiple=True, help='Only this method; several times.'
)
@click.option('--clusters', type=click.IntRange(2), help='Number of clusters; else the one that silhouettes find best.')
@click.option('--densities', is_flag=True, help='Also keep the density of states of each compound as a node.')
@click.option('--batch-size', type=click.IntRange(1), help='Compounds per job; by default that of the protocol, 50.')
@tolerance_option
@submit_options('the clusters')
@with_profile
def phonons_command(demo: bool, wait: bool, raw: bool, as_json: bool, **chosen: Any) -> None:
    """Compute phonon quantities of compounds, and cluster the compounds by them.

    The phonons come from imported phonon files, or are computed of the structures with --calculator.

    \b
    Examples:
      aiida-limap launch phonons --demo --wait
      aiida-limap launch phonons --group phonondb --wait
      aiida-limap launch phonons --group phonondb --labels 1234 --protocol fast --wait
      aiida-limap launch phonons --group phonondb --diffusivities 2345 --diffusivity-temperature 500 --wait
      aiida-limap launch phonons --structures oxides --calculator chgnet --relax positions --wait
      aiida-limap launch phonons --dataset 440 --feature mobile_band_centre_THz --method ward --clusters 3
    """
    refuse_both(raw, as_json)
    given = [name for name in _SOURCES if chosen[name] is not None]
    if demo and (given or chosen['labels'] is not None or chosen['diffusivities'] is not None):
        raise click.UsageError(
            '--demo brings its own data; leave out --group, --dataset, --structures, --labels and --diffusivities'
        )
    if not demo and len(given) != 1:
        raise click.UsageError('name either --group or --dataset or --structures, or --demo')
    calculator = calculator_overrides(chosen)
    code = load_code(chosen['code'])
    if calculator:
        note_unknown_calculator(calculator['name'], code)
    chosen = {**chosen, CALCULATOR: calculator}
    if demo:
        require_daemon()
        dataset, labels = _demo_data(quiet=raw or as_json)
        # A demonstration is a first look.
        builder = _builder(code, dataset, {**chosen, 'protocol': chosen['protocol'] or 'fast'}, labels)
    else:
        dataset = _dataset(given[0], chosen[given[0]])
        builder = _builder(code, dataset, chosen, None if chosen['labels'] is None else load_labels(chosen['labels']))
        require_daemon()
    results = 'clusters: aiida-limap phonons show'
    chain = submit_and_tell(builder, 'work chain of phonon clusters', results, raw=raw, as_json=as_json, wait=wait)
    if wait:
        _wait(chain, quiet=raw or as_json)


def _overrides_of(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the command as overrides of the protocol, nested as the inputs are."""
    given = {
        'features': list(dict.fromkeys(chosen['features'])),
        'methods': list(dict.fromkeys(chosen['methods'])),
        'n_clusters': chosen['clusters'],
        'diffusivity_temperature_K': chosen['diffusivity_temperature'],
    }
    overrides: dict[str, Any] = {'cluster': {'parameters': {name: value for name, value in given.items() if value}}}
    phonons = {DENSITIES: chosen['densities'], CALCULATOR: chosen[CALCULATOR]}
    overrides['phonons'] = {'parameters': {name: value for name, value in phonons.items() if value}}
    of_batches = {name: chosen[name] for name in ('batch_size', 'max_failed_fraction') if chosen[name] is not None}
    return overrides | of_batches


def _dataset(source: str, name: str) -> Any:
    """Return the dataset that an option names."""
    if source == 'group':
        return dataset_of_group(name)
    if source == 'dataset' or name.isdecimal() or _is_uuid(name):
        return load_dataset(name)
    return dataset_of_group(name)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _demo_data(*, quiet: bool) -> tuple[Any, Any]:
    """Import what the package brings along; return the dataset of phonons and the table of conductivities."""
    from aiida_limap.cli.importing import print_report
    from aiida_limap.importers.conductivities import import_embedded
    from aiida_limap.importers.phonons import import_embedded_phonons

    with counting_bar('importing'):
        labels = import_embedded()
        report = import_embedded_phonons()
    if not quiet:
        print_report(report)
    return report.dataset, labels.table


def _builder(code: Any, dataset: Any, chosen: dict[str, Any], labels: Any) -> ProcessBuilder:
    """Return the inputs, checked against what the engine on this machine would take.

    :raises click.ClickException: if the protocol or an override is unknown, a node is not there, or no phonon files
        belong to the structures.
    """
    from aiida_limap.calculations._phonon_files import find_phonon_files
    from aiida_limap.workflows.phonon_clusters import PhononClustersWorkChain
    from aiida_limap.workflows.protocols.mixin import merge

    try:
        inputs = PhononClustersWorkChain.get_protocol_inputs(
            chosen['protocol'], chosen['overrides'], _overrides_of(chosen)
        )
        if CALCULATOR not in inputs['phonons']['parameters'] and not find_phonon_files(dataset.structure_uuids):
            raise click.ClickException(
                f'none of the {len(dataset)} structures of the dataset {dataset.name!r} has phonon files; `aiida-limap '
                'import phonons PATH` brings them with their structures, and --calculator computes phonons'
            )
        _check_options(inputs)
        diffusivities = None
        if chosen['diffusivities'] is not None:
            diffusivities = load_diffusivities(chosen['diffusivities'])
            check_diffusivities_of(diffusivities, dataset, inputs['cluster']['parameters'])
        return PhononClustersWorkChain.get_builder_from_protocol(
            code, dataset, chosen['protocol'], merge({}, inputs), labels=labels, diffusivities=diffusivities
        )
    except ValueError as error:
        raise click.ClickException(' '.join(str(error).split())) from error


def _check_options(inputs: dict[str, Any]) -> None:
    """Let the engine look at the options: it would refuse them as well, but only in the first job, or after the last.

    :raises LimapError: if they are wrong.
    """
    from aiida_limap.engines.phonons._cluster_job import options_of
    from aiida_limap.engines.phonons._computed import CalculatorChoice
    from aiida_limap.engines.phonons.options import PhononOptions
    from aiida_limap.formats.job import Job

    given = inputs['phonons']['parameters']
    PhononOptions.from_mapping({name: value for name, value in given.items() if name not in {DENSITIES, CALCULATOR}})
    if CALCULATOR in given:
        CalculatorChoice.from_mapping(given[CALCULATOR])
    options_of(Job('cluster_phonons', inputs['cluster']['parameters']))


def _wait(chain: Any, *, quiet: bool) -> None:
    from aiida_limap.cli.phonons import print_clusters
    from aiida_limap.tools.phonons import load_phonon_clusters

    watch_for(chain, 'phonons')
    if not quiet:
        print_clusters(load_phonon_clusters(chain.pk))
