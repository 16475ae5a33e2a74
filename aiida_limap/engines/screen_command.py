"""``limap-engine screen``: compositions that a saved model calls fast, for people, and job files."""

from __future__ import annotations

import csv
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.engines.layouts_command import sentences

if TYPE_CHECKING:
    from aiida_limap.engines.screening.screen import ScreenResult

__all__ = ['screen_command']

_SHOWN = {
    'formula': '',
    'score': '.2f',
    'probability': '.2f',
    'probability_atom2vec': '.2f',
    'training_distance': '.2f',
    'anion_class': '',
    'oxidation_states': '',
    'molar_mass_g_per_mol': '.1f',
    'cost_usd_per_kg': '.3g',
}
#: Options of the command by the option of the screen that they set.
_OPTIONS = {
    'step': 'step_percent',
    'max_mass': 'max_mean_mass_g_per_mol',
    'max_cost': 'max_cost_usd_per_kg',
    'max_period': 'max_period',
    'states': 'oxidation_states',
}


@click.command('screen', short_help='Screen compositions with a saved model, or run a job file.')
@click.argument('file', metavar='MODEL|JOB.JSON', type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option('--elements', metavar='SYMBOLS', help='Elements to combine, as "Li,P,S,Cl"; else all.')
@click.option('--step', type=click.IntRange(1, 25), help='Step of the compositions, %; a divisor of 100.')
@click.option('--size', 'sizes', type=click.Choice(['3', '4']), multiple=True, help='Elements of a system, 3 or 4.')
@click.option('--anions', multiple=True, help='Class of anions that is wanted, e.g. sulfide or halide; several times.')
@click.option('--max-mass', type=click.FloatRange(0, min_open=True), help='Greatest molar mass of a mole of atoms, g.')
@click.option('--max-cost', type=click.FloatRange(0, min_open=True), help='Greatest cost of the elements, USD/kg.')
@click.option('--max-period', type=click.IntRange(1, 7), help='Last row of the periodic table.')
@click.option('--no-limits', is_flag=True, help='No limits on mass, cost, rows and anions, but those that are given.')
@click.option('--no-applicability', is_flag=True, help='Keep compositions far from what the model learnt from, too.')
@click.option('--states', type=click.Choice(['common', 'icsd', 'all']), help='List of oxidation states.')
@click.option('--check', type=click.Path(exists=True, dir_okay=False, path_type=Path), help='A model of atom2vec.')
@click.option('--limit', type=click.IntRange(1), default=20, show_default=True, help='Hits that are printed.')
@click.option('--keep', type=click.Path(file_okay=False, path_type=Path), help='Folder to go on from after a stop.')
@click.option('-o', '--output', type=click.Path(dir_okay=False, path_type=Path), help='CSV file for all hits.')
@click.option('--json', 'as_json', is_flag=True, help='Print counts and hits as JSON.')
@sentences
def screen_command(file: Path, as_json: bool, output: Path | None, **chosen: Any) -> None:
    """Print compositions that a model calls fast, or run a job file.

    MODEL is a file of a model of compositions (esml or eml); a file job.json is run as a job. The limits are those of
    the published screening, oxides of the first four rows, unless others are given. Compositions far from what the
    model learnt from are left out; training_distance of a hit is 1 at that limit.

    \b
    Examples:
      limap-engine screen esml.safetensors --elements "Li,P,S,Cl,O" --step 5
      limap-engine screen esml.safetensors --anions sulfide --anions halide --keep blocks --output hits.csv
      limap-engine screen esml.safetensors --elements "Li,P,S" --no-limits --check atom2vec.safetensors --json
      limap-engine screen job.json
    """
    if file.name == 'job.json':
        from aiida_limap.engines.run import run_job

        raise SystemExit(run_job('screen', file))
    if output is not None and not output.resolve().parent.is_dir():
        raise click.UsageError(f'--output {output}: there is no folder {output.parent}')
    logging.getLogger().setLevel(logging.WARNING)
    found, columns = _screen(file, chosen)
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if output is not None:
        with output.open('w', newline='', encoding='utf-8') as handle:
            writer = csv.DictWriter(handle, fieldnames=list(columns))
            writer.writeheader()
            writer.writerows(rows)
    if found.note:
        click.echo(f'Warning: {found.note}', err=True)
    if as_json:
        document = {'counts': found.counts, 'integer_counts': found.integer_counts, 'n_systems': found.n_systems}
        click.echo(json.dumps({**document, 'hits': rows[: chosen['limit']]}, indent=1))
    else:
        _print(found, rows[: chosen['limit']], len(rows), output)
    if found.message:
        click.echo(found.message, err=True)
        raise SystemExit(1)


def _screen(file: Path, chosen: dict[str, Any]) -> tuple[ScreenResult, dict[str, list[Any]]]:
    """Return the result and the columns of its hits as plain values."""
    from rich.console import Console
    from rich.progress import Progress

    from aiida_limap.engines.screening.funnel import ScreenOptions
    from aiida_limap.engines.screening.models import load_model
    from aiida_limap.engines.screening.screen import screen
    from aiida_limap.engines.screening.screen_task import load_check, second_opinion
    from aiida_limap.formats._files import FormatError

    try:
        model = load_model(file)
        check = None if chosen['check'] is None else load_check(chosen['check'])
    except FormatError as error:
        raise click.UsageError(str(error)) from error
    options = ScreenOptions.from_dict(_options_of(chosen))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task('chemical systems', total=None)
        found = screen(
            model,
            options,
            directory=chosen['keep'],
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    hits = {name: values for name, values in found.hits.items() if name not in {'code', 'system_number'}}
    if check is not None:
        hits |= second_opinion(check, hits['formula'].tolist())
    return found, {name: [_plain(value) for value in values.tolist()] for name, values in hits.items()}


def _options_of(chosen: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if chosen['no_limits']:
        values = {'anion_classes': [], 'max_mean_mass_g_per_mol': None, 'max_cost_usd_per_kg': None, 'max_period': None}
    if chosen['no_applicability']:
        values['applicability'] = False
    if chosen['elements'] is not None:
        values['elements'] = [word for word in chosen['elements'].replace(',', ' ').split() if word]
    if chosen['sizes']:
        values['sizes'] = sorted({int(size) for size in chosen['sizes']})
    if chosen['anions']:
        values['anion_classes'] = list(chosen['anions'])
    return {**values, **{name: chosen[option] for option, name in _OPTIONS.items() if chosen[option] is not None}}


def _plain(value: Any) -> Any:
    """Return a value that JSON can express: numbers that are none become None."""
    return None if isinstance(value, float) and value != value else value


def _print(found: ScreenResult, rows: list[dict[str, Any]], n_hits: int, output: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    for stage in found.funnel():
        click.echo(f'{stage["label"]:<46} {stage["count"]:>16,}'.replace(',', ' '))
    table = Table(box=None, pad_edge=False)
    shown = [name for name in _SHOWN if rows and name in rows[0]]
    for name in shown:
        table.add_column(name, justify='right' if _SHOWN[name] else 'left', no_wrap=True)
    for row in rows:
        cells = ('' if row[name] is None else format(row[name], _SHOWN[name]) for name in shown)
        table.add_row(*cells)
    Console(width=None if sys.stdout.isatty() else 180).print(table)
    where = '' if output is None else f', written to {output}'
    click.echo(f'{len(rows)} of {n_hits} hits of {found.n_systems} systems in {found.wall_s:.1f} s{where}')
