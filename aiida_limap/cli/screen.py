"""``aiida-limap screen``: list, show, report and draw screenings, and their hits."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import with_profile
from aiida_limap.cli.listing import list_options, refuse_both, tell_listed
from aiida_limap.cli.screen_report import screen_figures_command, screen_report_command

if TYPE_CHECKING:
    from aiida_limap.data.table import TableData
    from aiida_limap.tools.hits import ScreeningFacts

__all__ = ['print_hits', 'print_screening', 'screen_group']

#: Columns that people are shown, with their headings and how their numbers are written.
_SHOWN = (
    ('formula', 'formula', ''),
    ('score', 'score', '.2f'),
    ('probability', 'P(fast)', '.2f'),
    ('agrees', 'agrees', ''),
    ('training_distance', 'distance', '.2f'),
    ('inside', 'inside', ''),
    ('anion_class', 'class', ''),
    ('molar_mass_g_per_mol', 'g/mol', '.1f'),
    ('cost_usd_per_kg', 'USD/kg', '.3g'),
    ('nearest_formula', 'nearest known', ''),
    ('nearest_distance', 'differs by', '.2f'),
    ('map_nearest_formula', 'nearest on map', ''),
)
_METRICS = ('accuracy', 'f1', 'mcc')


@click.group('screen')
def screen_group() -> None:
    """List, show, report and draw screenings, and their hits.

    SCREENING is the pk of a work chain or of its hits, a UUID or its start; without it the newest is taken.

    \b
    Examples:
      aiida-limap screen list
      aiida-limap screen show 1234
      aiida-limap screen hits --limit 20
      aiida-limap screen report --output report
    """


@screen_group.command('list')
@list_options('the hits')
@with_profile
def list_command(raw: bool, as_json: bool) -> None:
    """List the screenings of the profile, newest first.

    \b
    Example:
      aiida-limap screen list
    """
    from aiida_limap.tools.hits import list_screenings

    refuse_both(raw, as_json)
    none = 'no screening yet; make one with `aiida-limap launch screen --demo`'
    tell_listed(list_screenings(), _words, none, raw=raw, as_json=as_json)


def _words(facts: ScreeningFacts) -> str:
    chain = '' if facts.chain is None else f'work chain {facts.chain}'
    return f'{facts.n_hits:>6} hits  {chain}'


@screen_group.command('show')
@click.argument('screening', metavar='[SCREENING]', required=False)
@click.option('--hit', 'formula', metavar='FORMULA', help='Show one hit and the way back to labels and structures.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_profile
def show(screening: str | None, formula: str | None, as_json: bool) -> None:
    """Show what a screening went through, how good its models are, and the nodes behind it or behind one hit.

    \b
    Examples:
      aiida-limap screen show 1234
      aiida-limap screen show --hit Li3PS4
    """
    from aiida_limap.tools.hits import chain_of, hit, load_hits

    table = load_hits(screening)
    if formula is not None:
        answer = hit(formula, table)
        if as_json:
            click.echo(json.dumps(asdict(answer), indent=1))
        else:
            _print_hit(answer)
        return
    chain = chain_of(table)
    document = {
        'pk': table.pk,
        'uuid': table.uuid,
        'chain': None if chain is None else chain.pk,
        'hits': len(table),
        'screen': table.metadata,
        'metrics': _metrics(chain),
        'nodes': _nodes_behind(table),
    }
    if as_json:
        click.echo(json.dumps(document, indent=1))
    else:
        print_screening(document)


@screen_group.command('hits')
@click.argument('screening', metavar='[SCREENING]', required=False)
@click.option('--limit', type=click.IntRange(1), help='Only so many, the best first.')
@click.option('--agreed', is_flag=True, help='Only hits that the second model calls fast too.')
@click.option('--csv', 'as_csv', is_flag=True, help='Print all columns as CSV.')
@click.option('--json', 'as_json', is_flag=True, help='Print all columns as JSON.')
@click.option('--raw', is_flag=True, help='Only the formulas, one a line.')
@with_profile
def hits(screening: str | None, limit: int | None, agreed: bool, as_csv: bool, as_json: bool, raw: bool) -> None:
    """Print the hits of a screening, the best first.

    \b
    Examples:
      aiida-limap screen hits --limit 20
      aiida-limap screen hits 1234 --agreed --csv > hits.csv
    """
    from aiida_limap.tools.hits import load_hits

    if as_csv + as_json + raw > 1:
        raise click.UsageError('choose one of --csv, --json and --raw')
    table = load_hits(screening)
    if agreed and 'agrees' not in table.column_names:
        raise click.ClickException(
            f'the hits of screening {table.pk} were shown to one model only; screen with the model atom2vec too'
        )
    rows = [table.row(name) for name in table.ids]
    rows = [row for row in rows if not agreed or row['agrees'] == 1][:limit]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    elif raw:
        for row in rows:
            click.echo(row['formula'])
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, fieldnames=table.column_names)
        writer.writeheader()
        writer.writerows(rows)
    else:
        print_hits(rows)


def print_screening(document: dict[str, Any]) -> None:
    """Print what a screening went through.

    :param document: what ``screen show --json`` prints.
    """
    facts = document['screen']
    click.echo(f'screening {document["pk"]} ({document["uuid"]})')
    n_systems, n_compositions = facts.get('n_systems') or 0, facts.get('n_compositions') or 0
    kept = document['hits']
    passed = sum(facts[key][-1][1] for key in ('counts', 'integer_counts') if facts.get(key))
    which = f'{passed:,} hits (the best {kept:,} are kept)' if passed > kept else f'{kept:,} hits'
    click.echo(f'{which} of {n_compositions:,} compositions in {n_systems:,} systems'.replace(',', ' '))
    for stage, count in facts.get('counts') or ():
        click.echo(f'  {stage:<24} {count:>16,}'.replace(',', ' '))
    for note in facts.get('notes') or ():
        click.echo(f'note: {note}')
    for entry in document['metrics']:
        scores = ', '.join(
            f'{name} {entry["scores"][name]["value"]:.3f}' for name in _METRICS if name in entry['scores']
        )
        click.echo(f'  {entry["model"]:<9} {entry["data_set"]:<4} {entry["validation"]:<26} {scores} (n {entry["n"]})')
    for role, node in document['nodes'].items():
        click.echo(f'{role:<14} {node["pk"]:>7}  {node["uuid"]}')


def print_hits(rows: list[dict[str, Any]]) -> None:
    """Print hits as a table, with the columns that they have.

    :param rows: value by column, one mapping per hit.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    shown = [entry for entry in _SHOWN if any(entry[0] in row for row in rows)]
    for _name, heading, style in shown:
        table.add_column(heading, justify='right' if style else 'left', no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(name, row.get(name), style) for name, _heading, style in shown))
    if rows:
        Console(width=None if sys.stdout.isatty() else 160).print(table)
    else:
        click.echo('no hits')


def _cell(name: str, value: Any, style: str) -> str:
    if value is None:
        return ''
    if name in {'agrees', 'inside'}:
        return 'yes' if value == 1 else 'no'
    return format(value, style) if style else str(value)


def _print_hit(answer: Any) -> None:
    click.echo(answer.formula)
    for name, value in answer.values.items():
        if value is not None:
            click.echo(f'  {name:<32} {value:.6g}' if isinstance(value, float) else f'  {name:<32} {value}')
    click.echo(f'learnt from {len(answer.labelled_structures)} labelled structures')
    for step in answer.steps:
        click.echo(f'  {step.role:<26} {step.kind:<26} {step.pk:>7}  {step.uuid}')


def _metrics(chain: Any) -> list[dict[str, Any]]:
    if chain is None or 'output_parameters' not in chain.outputs:
        return []
    return (chain.outputs.output_parameters.get_dict().get('train') or {}).get('metrics') or []


def _nodes_behind(table: TableData) -> dict[str, dict[str, Any]]:
    from aiida_limap.tools.hits import chain_of, models_of

    nodes: dict[str, Any] = {'hits': table, **models_of(table)}
    chain = chain_of(table)
    if chain is not None:
        nodes['work chain'] = chain
        for label in ('labels', 'dataset', 'map'):
            if label in chain.inputs:
                nodes[label] = chain.inputs[label]
    return {role: {'pk': node.pk, 'uuid': node.uuid} for role, node in nodes.items()}


screen_group.add_command(screen_report_command)
screen_group.add_command(screen_figures_command)
