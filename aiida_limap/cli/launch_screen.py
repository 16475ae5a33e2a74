"""``aiida-limap launch screen``: models from measured conductivities, and compositions worth making."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import counting_bar, load_code, require_daemon, with_profile
from aiida_limap.cli.choosing import (
    code_and_protocol_options,
    dataset_of_group,
    load_dataset,
    load_named,
    tolerance_option,
)
from aiida_limap.cli.listing import refuse_both
from aiida_limap.cli.number_types import FiniteNumber
from aiida_limap.cli.submitting import submit_and_tell, submit_options, watch_for
from aiida_limap.common.screening import MODEL_NAMES

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder

    from aiida_limap.data.table import TableData

__all__ = ['DEMO_ELEMENTS', 'load_labels', 'screen_command']

#: Elements, step and unlabelled structures of the demonstration: a minute on two cores.
DEMO_ELEMENTS = ('Li', 'O', 'S', 'P', 'Cl', 'Si', 'Ge')
_DEMO_STEP = 5
_DEMO_STRUCTURES = 150
#: Options of the command by the parameter of the engine that they set.
_SCREEN = {
    'elements': 'elements',
    'step': 'step_percent',
    'sizes': 'sizes',
    'anions': 'anion_classes',
    'max_mass': 'max_mean_mass_g_per_mol',
    'max_cost': 'max_cost_usd_per_kg',
    'max_period': 'max_period',
}
_NO_LIMITS: dict[str, Any] = {
    'anion_classes': [],
    'max_mean_mass_g_per_mol': None,
    'max_cost_usd_per_kg': None,
    'max_period': None,
}


def _symbols(_context: click.Context, _option: click.Parameter, value: str | None) -> list[str] | None:
    """Return the chemical symbols of a list with commas or blanks."""
    return None if value is None else [word for word in value.replace(',', ' ').split() if word]


@click.command('screen')
@click.option('-L', '--labels', metavar='TABLE', help='Measured conductivities: pk or UUID of the table.')
@click.option(
    '-G', '--group', metavar='LABEL', help='Group of structures without a label, as `aiida-limap import` names it.'
)
@click.option(
    '-D',
    '--dataset',
    metavar='DATASET',
    help='Dataset of structures without a label, by pk or UUID, instead of a group.',
)
@click.option('--models', metavar='SCREENING', help='Screen with the models of an earlier screening; train nothing.')
@click.option('--demo', is_flag=True, help='Embedded conductivities and structures, few elements, coarse steps.')
@click.option('-M', '--map', 'map_id', metavar='MAP', help='Place the hits on this map: nearest points by composition.')
@click.option('--elements', callback=_symbols, metavar='SYMBOLS', help='Elements to combine, as "Li,P,S,O"; else all.')
@click.option(
    '--step',
    type=click.IntRange(1, 25),
    help='Step of the compositions, %; a divisor of 100. Else that of the protocol: 1, or 5 if fast.',
)
@click.option(
    '--size', 'sizes', type=click.Choice(['3', '4']), multiple=True, help='Elements of a system; else 3 and 4.'
)
@click.option('--model', 'kinds', type=click.Choice(MODEL_NAMES), multiple=True, help='Train only these models.')
@click.option(
    '--anions', multiple=True, help='Class of anions that is wanted, e.g. sulfide or halide; several times. Else oxide.'
)
@click.option('--max-mass', type=FiniteNumber(0, min_open=True), help='Greatest mass of a mole of atoms, g; else 30.')
@click.option(
    '--max-cost', type=FiniteNumber(0, min_open=True), help='Greatest cost of the elements, USD/kg; else 100.'
)
@click.option('--max-period', type=click.IntRange(1, 7), help='Last row of the periodic table; else 4.')
@click.option('--no-limits', is_flag=True, help='No limits on mass, cost, rows and anions, but those that are given.')
@click.option('--no-applicability', is_flag=True, help='Keep compositions far from what the model learnt from, too.')
@click.option(
    '--jobs', type=click.IntRange(1), help='Jobs that the chemical systems are shared among; else 2, or 4 if stringent.'
)
@click.option('--max-hits', type=click.IntRange(1), help='Hits that are kept, the best; else 1000.')
@code_and_protocol_options('balanced unless told otherwise, fast with --demo')
@tolerance_option
@submit_options('the best hits')
@with_profile
def screen_command(demo: bool, wait: bool, raw: bool, as_json: bool, **chosen: Any) -> None:
    """Screen compositions with models that learn from measured conductivities.

    A model of structures learns the labels of TABLE and names the structures of a group or dataset fast or slow; models
    of compositions learn these names, and are asked about all compositions of the elements.

    \b
    Examples:
      aiida-limap launch screen --demo --wait
      aiida-limap launch screen --labels 1234 --group oxides --anions sulfide --wait
      aiida-limap launch screen --labels 1234 --group oxides --elements "Li,P,S,O,Cl" --step 2 --map 5678
      aiida-limap launch screen --models 2345 --anions halide --jobs 4
    """
    refuse_both(raw, as_json)
    _check_sources(demo, chosen)
    code = load_code(chosen['code'])
    if not demo:
        builder = _builder(code, chosen)
        require_daemon()
    else:
        require_daemon()
        builder = _demo_builder(code, chosen, quiet=raw or as_json)
    results = 'hits: aiida-limap screen hits'
    chain = submit_and_tell(builder, 'screening work chain', results, raw=raw, as_json=as_json, wait=wait)
    if wait:
        _wait(chain, quiet=raw or as_json)


def _check_sources(demo: bool, chosen: dict[str, Any]) -> None:
    """Refuse what contradicts itself before anything is looked up."""
    given = [name for name, value in (('--labels', chosen['labels']), ('--models', chosen['models'])) if value]
    if demo and (given or chosen['group'] or chosen['dataset']):
        raise click.UsageError('--demo brings its own data; leave out --labels, --models, --group and --dataset')
    if not demo and len(given) != 1:
        raise click.UsageError('name either --labels to train models, or --models of an earlier screening, or --demo')
    if chosen['group'] is not None and chosen['dataset'] is not None:
        raise click.UsageError('name --group or --dataset, not both')
    trained = (chosen['group'], chosen['dataset'], chosen['kinds'], chosen['max_failed_fraction'] is not None)
    if chosen['models'] and any(trained):
        raise click.UsageError(
            'with --models nothing is trained; leave out --group, --dataset, --model and --max-failed-fraction'
        )


def _overrides_of(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the command as overrides of the protocol, nested as the inputs are."""
    parameters: dict[str, Any] = dict(_NO_LIMITS) if chosen['no_limits'] else {}
    for option, name in _SCREEN.items():
        value = chosen[option]
        if value is not None and value != ():
            parameters[name] = list(value) if isinstance(value, tuple) else value
    if chosen['sizes']:
        parameters['sizes'] = sorted({int(size) for size in chosen['sizes']})
    if chosen['no_applicability']:
        parameters['applicability'] = False
    overrides: dict[str, Any] = {'screen': {'parameters': parameters}}
    if chosen['kinds']:
        overrides['train'] = {'parameters': {'models': list(dict.fromkeys(chosen['kinds']))}}
    overrides.update({name: chosen[name] for name in ('jobs', 'max_hits') if chosen[name] is not None})
    if chosen['max_failed_fraction'] is not None:
        overrides['featurize'] = {'max_failed_fraction': chosen['max_failed_fraction']}
    return overrides


def _builder(code: Any, chosen: dict[str, Any], **nodes: Any) -> ProcessBuilder:
    """Return the inputs, checked against what the engine on this machine would screen.

    :raises click.ClickException: if the protocol or an override is unknown, or a node is not there.
    """
    from aiida_limap.tools.query import load_map
    from aiida_limap.workflows.protocols.mixin import merge
    from aiida_limap.workflows.screen import ScreenWorkChain

    if not nodes and chosen['models'] is not None:
        nodes['models'] = _models_of(chosen['models'])
    elif not nodes:
        nodes['labels'] = load_labels(chosen['labels'])
        if chosen['group'] is not None:
            nodes['dataset'] = dataset_of_group(chosen['group'])
        elif chosen['dataset'] is not None:
            nodes['dataset'] = load_dataset(chosen['dataset'])
    if chosen['map_id'] is not None:
        nodes['parent_map'] = load_map(chosen['map_id'])
    try:
        inputs = ScreenWorkChain.get_protocol_inputs(chosen['protocol'], chosen['overrides'], _overrides_of(chosen))
        _check_options(inputs['screen']['parameters'])
        return ScreenWorkChain.get_builder_from_protocol(
            code, protocol=chosen['protocol'], overrides=merge({}, inputs), **nodes
        )
    except ValueError as error:
        raise click.ClickException(' '.join(str(error).split())) from error


def _check_options(parameters: dict[str, Any]) -> None:
    """Let the engine look at the options: it would refuse them as well, but only after the training.

    :raises LimapError: if they are wrong.
    """
    from aiida_limap.common.screening import RANGE
    from aiida_limap.engines.screening.funnel import ScreenOptions

    options = ScreenOptions.from_dict({name: value for name, value in parameters.items() if name not in RANGE})
    if options.elements is not None:
        combined = sorted({*options.elements, *([] if options.base is None else [options.base])})
        if len(combined) < min(options.sizes):
            raise click.ClickException(
                f'{len(combined)} elements ({", ".join(combined)}) make no system of {min(options.sizes)}; name more '
                'with --elements, such as Li,P,S'
            )


def load_labels(identifier: str) -> TableData:
    """Return a table of measured conductivities.

    :param identifier: its pk or UUID.
    :raises click.ClickException: if there is none, or models cannot learn from it.
    """
    from aiida_limap.calculations._labels import check_labels
    from aiida_limap.data.table import TableData as Table

    node = load_named(identifier, 'table of labels', '; `aiida-limap import conductivities embedded` makes one')
    if not isinstance(node, Table):
        raise click.ClickException(f'node {identifier} is a {type(node).__name__}, not a table of conductivities')
    message = check_labels(node)
    if message is not None:
        raise click.ClickException(message)
    return node


def _models_of(identifier: str) -> dict[str, Any]:
    """Return the models of an earlier screening.

    :raises click.ClickException: if the profile does not hold them.
    """
    from aiida_limap.tools.hits import load_hits, models_of

    models = models_of(load_hits(identifier))
    if not models:
        raise click.ClickException(f'the models of the screening {identifier} are not in this profile')
    return models


def _demo_builder(code: Any, chosen: dict[str, Any], *, quiet: bool) -> ProcessBuilder:
    """Import what the package brings along, and return a small screening of it."""
    from aiida_limap.cli.importing import print_report
    from aiida_limap.importers.conductivities import import_embedded
    from aiida_limap.importers.prototypes import import_prototypes

    with counting_bar('importing') as (on_start, on_progress):
        labels = import_embedded()
        structures = import_prototypes(
            name='prototypes-demo', limit=_DEMO_STRUCTURES, on_start=on_start, on_progress=on_progress
        )
    if not quiet:
        print_report(structures)
    small = {'elements': list(DEMO_ELEMENTS), 'step': _DEMO_STEP, 'protocol': 'fast'}
    wanted = {**chosen, **{name: value for name, value in small.items() if chosen[name] is None}}
    return _builder(code, wanted, labels=labels.table, dataset=structures.dataset)


def _wait(chain: Any, *, quiet: bool) -> None:
    from aiida_limap.cli.screen import print_hits

    watch_for(chain, 'hits')
    if quiet:
        return
    table = chain.outputs.hits
    print_hits([table.row(name) for name in table.ids[:10]])
    click.echo(f'{len(table)} hits: aiida-limap screen hits {chain.pk}')
