"""All lithium ternaries and quaternaries at one per cent: time, memory, the funnel, and the published formulas."""

from __future__ import annotations

import importlib.metadata
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import LimapError
from aiida_limap.engines.screening.element_properties import complete_elements
from aiida_limap.engines.screening.explanation import explain, published_formulas
from aiida_limap.engines.screening.funnel import ScreenOptions
from aiida_limap.engines.screening.labels import embedded_conductivities
from aiida_limap.engines.screening.linear import LinearModel
from aiida_limap.engines.screening.models import StructureModel, TransferModel, load_model
from aiida_limap.engines.screening.reductions import composition_features, feature_labels
from aiida_limap.engines.screening.sendek import FIVE_FEATURES, sendek_features
from aiida_limap.engines.screening.systems import ChemicalSystems
from benchmarks.common import Entry, load_entries, print_table, shared_options, write_markdown, write_result
from benchmarks.screening_run import measure_screen

__all__ = ['screening_enumeration']

FILES = ('mp_li_oxides.jsonl.gz', 'mp_li_other.jsonl.gz')
#: What is screened, by name: options beside the defaults.
CASES: dict[str, dict[str, Any]] = {
    'one state': {},
    'one state, any range': {'applicability': False},
    'one state, count all': {'count_all': True},
    'mixed valence': {'mixed_valence': True},
    'all states': {'oxidation_states': 'all'},
    'ordered': {'electronegativity_order': True},
}
#: Hits that are shown of each screen.
BEST = 12
#: Features of matminer that are the nine properties.
MAGPIE = (
    'Number',
    'Column',
    'Row',
    'Electronegativity',
    'ElectronAffinity',
    'BoilingT',
    'MeltingT',
    'Density',
    'FirstIonizationEnergy',
)
STATISTICS = ('mean', 'std_dev', 'minimum', 'maximum')
Table = tuple[str, Sequence[str], Sequence[Sequence[Any]]]


@click.command('screening_enumeration')
@shared_options
@click.option('--partners', default=92, show_default=True, help='Number of elements beside lithium, from hydrogen on.')
@click.option('--threads', default=2, show_default=True)
@click.option('--repeats', default=1, show_default=True, help='Runs of each case; the median counts.')
@click.option('--case', 'cases', multiple=True, type=click.Choice(list(CASES)), help='What is screened  [default: all]')
@click.option('--model', 'path', type=click.Path(path_type=Path, exists=True), help='A saved model  [default: an esML]')
@click.option('--peer-compositions', default=400, show_default=True, help='Compositions for matminer; 0 for none.')
def screening_enumeration(data: Path | None, output: Path, **settings: Any) -> None:
    """Screen all compositions of lithium and two or three others, with matminer's featurizer in the same run.

    \b
    Examples:
      python -m benchmarks screening_enumeration
      python -m benchmarks screening_enumeration --partners 30 --case 'one state'
    """
    model, origin = (load_model(settings['path']), settings['path'].name) if settings['path'] else trained(data)
    linear: LinearModel = model.linear
    symbols = ('Li', *[symbol for symbol in complete_elements() if symbol != 'Li'][: settings['partners']])
    systems = ChemicalSystems(symbols)
    click.echo(f'{origin}; {len(systems)} systems, {systems.n_compositions():,} compositions')
    runs = {}
    output.mkdir(parents=True, exist_ok=True)
    file = output / 'screening_enumeration.safetensors'
    model.save(file)
    for name in settings['cases'] or CASES:
        task = {'model': str(file.resolve()), 'options': {**CASES[name], 'elements': list(symbols)}}
        runs[name] = [measure_screen(task, settings['threads']) for _ in range(settings['repeats'])]
        click.echo(f'{name}: {[round(run["wall_s"], 1) for run in runs[name]]} s')
    peer = _peer(symbols, linear, settings['peer_compositions'])
    tables = [_speed(runs), *([_peer_table(peer, runs)] if peer else []), _funnel(runs), *_published(model)]
    tables += [_best(name, repeated[0]) for name, repeated in runs.items()]
    for title, headings, rows in tables:
        print_table(title, headings, rows)
    write_markdown(output / 'screening_enumeration.md', tables)
    write_result(
        output,
        'screening_enumeration',
        {'model': linear.as_dict(), 'origin': origin, 'threads': settings['threads'], 'runs': runs, 'peer': peer},
    )


def trained(data: Path | None) -> tuple[TransferModel, str]:
    """Train an esML: what a model of the embedded conductivities says of thousands of structures, by composition.

    :param data: folder of structures; without it the embedded ones.
    :returns: the model, and what it was trained on.
    """
    labelled = embedded_conductivities().with_structures(ordered=True)
    teacher = StructureModel(class_weight='balanced')
    rows = np.array([_five(row.structure) for row in labelled])
    teacher.fit(rows, np.array(labelled.labels), features=FIVE_FEATURES, groups=[row.formula for row in labelled])
    entries = load_entries(None) if data is None else [entry for file in FILES for entry in load_entries(data, file)]
    kept: list[Entry] = []
    features = []
    for entry in entries:
        try:
            row = _five(entry.structure)
        except LimapError:
            continue
        if np.isfinite(row).all():
            kept.append(entry)
            features.append(row)
    compositions = composition_features([entry.structure.composition for entry in kept])
    groups = [entry.formula for entry in kept]
    model = TransferModel().fit_from(teacher, np.array(features), compositions, feature_labels(), groups)
    return model, f'esML of {len(kept)} structures, labelled by an sML of {len(labelled)} conductivities'


def _five(structure: Any) -> list[float]:
    values = sendek_features(structure, names=FIVE_FEATURES)
    return [values[name] for name in FIVE_FEATURES]


def _peer(symbols: tuple[str, ...], linear: LinearModel, number: int) -> dict[str, Any] | None:
    """Time one composition after another: by matminer's featurizer, and by the features of this package."""
    if not number:
        return None
    try:
        version = importlib.metadata.version('matminer')
    except importlib.metadata.PackageNotFoundError:
        click.echo("matminer is not installed, so nothing is compared with it: pip install 'aiida-limap[bench]'")
        return None
    from matminer.featurizers.composition import ElementProperty
    from pymatgen.core import Composition

    drawn = np.random.default_rng(0)
    chosen = [['Li', *drawn.choice(np.array(symbols[1:]), 3, replace=False).tolist()] for _ in range(number)]
    amounts = [drawn.multinomial(96, [0.25] * 4) + 1 for _ in range(number)]
    formulas = [
        Composition(dict(zip(system, map(int, some), strict=True)))
        for system, some in zip(chosen, amounts, strict=True)
    ]
    featurizer = ElementProperty('magpie', list(MAGPIE), list(STATISTICS), impute_nan=True)

    def by_matminer() -> NDArray:
        rows = np.array([featurizer.featurize(formula) for formula in formulas])
        return rows @ np.ones(rows.shape[1])

    weights = linear.spread(feature_labels())
    own: Callable[[], NDArray] = lambda: composition_features(formulas) @ weights + linear.intercept  # noqa: E731
    return {'matminer': version, 'compositions': number, 'seconds': _median(by_matminer), 'own_features': _median(own)}


def _median(function: Callable[[], Any]) -> float:
    function()
    seconds = []
    for _ in range(3):
        # Processor time, as for the screens, so that other work on the machine does not count.
        began = time.process_time()
        function()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


def _middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return sorted(runs, key=lambda run: run['wall_s'])[len(runs) // 2]


def _speed(runs: dict[str, list[dict[str, Any]]]) -> Table:
    headings = ['screen', 'wall s', 'cpu s', 'million/s', 'neutral, million', 'million neutral/cpu s', 'MB', 'MB more']
    rows = []
    for name, repeated in runs.items():
        run = _middle(repeated)
        neutral = (run['counts']['neutral'] + run['integer_counts']['neutral']) / 1e6
        speeds = run['compositions'] / run['wall_s'] / 1e6, neutral, neutral / run['cpu_s']
        rows.append(
            [name, run['wall_s'], run['cpu_s'], *speeds, run['peak_MB'], run['peak_MB'] - run['peak_MB_before']]
        )
    return 'Time and memory (MB more: above what Python and the compiled code take)', headings, rows


def _peer_table(peer: dict[str, Any], runs: dict[str, list[dict[str, Any]]]) -> Table:
    one = peer['compositions'] / peer['seconds']
    rows: list[list[Any]] = [
        [f'matminer {peer["matminer"]} ElementProperty, one core', f'{one:.0f}', 1.0],
        ['features of this package by numpy, one core', f'{peer["compositions"] / peer["own_features"]:.0f}', None],
    ]
    rows[1][2] = peer['seconds'] / peer['own_features']
    for name, repeated in runs.items():
        run = _middle(repeated)
        rate = run['compositions'] / run['cpu_s']
        rows.append([f'{name}: all compositions per cpu s', f'{rate:.3g}', rate / one])
        if 'fast' not in run['counts']:
            scored = (run['counts']['neutral'] + run['integer_counts']['neutral']) / run['cpu_s']
            rows.append([f'{name}: compositions that are scored per cpu s', f'{scored:.3g}', scored / one])
    return 'Compositions per second', ['', 'per second', 'times matminer'], rows


def _funnel(runs: dict[str, list[dict[str, Any]]]) -> Table:
    known = [stage for repeated in runs.values() for stage in repeated[0]['funnel']]
    order = list(dict.fromkeys(['all', 'fast', *(stage['name'] for stage in known)]))
    by_name = {stage['name']: stage for stage in known}
    rows = []
    for name in (name for name in order if name in by_name):
        published = by_name[name]['published']
        counts = [repeated[0]['counts'].get(name) for repeated in runs.values()]
        formulas = next(iter(runs.values()))[0]['integer_counts'].get(name)
        cells = ['-' if count is None else f'{count:,}' for count in (*counts, formulas)]
        rows.append([by_name[name]['label'], '-' if published is None else f'{published:.2g}', *cells])
    return 'Funnel', ['compositions', 'published', *runs, f'formulas, {next(iter(runs))}'], rows


def _best(name: str, run: dict[str, Any]) -> Table:
    hits = run['hits']
    rows = []
    for place, formula in enumerate(run['formulas'][:BEST]):
        cells = [f'{hits[column][place]:.2f}' for column in ('score', 'probability', 'training_distance')]
        rows.append([formula, *cells, _yes(hits['inside'][place] == 1), hits['oxidation_states'][place]])
    return f'Best: {name}', ['formula', 'score', 'probability', 'distance', 'inside', 'states'], rows


def _published(model: TransferModel) -> list[Table]:
    rows = []
    for formula in published_formulas():
        found = explain(formula, model, ScreenOptions())
        parts = ', '.join(f'{symbol} {part}' for symbol, part in found.fractions.items())
        verdicts = {verdict.stage: verdict for verdict in found.verdicts}
        limits = [stage for stage in ('light', 'affordable', 'first_rows', 'anions') if not verdicts[stage].passed]
        mixed = explain(formula, model, ScreenOptions(oxidation_states='all', mixed_valence=True))
        neutral = {verdict.stage: verdict.passed for verdict in mixed.verdicts}['neutral']
        cells = [_yes(verdicts['neutral'].passed), verdicts['neutral'].reason, _yes(neutral)]
        cells += [f'{found.score:+.3f}', ', '.join(limits) or 'within', verdicts['inside'].reason]
        rows.append([formula, parts, *cells, _yes(found.passes)])
    headings = [
        'formula',
        'per cent',
        'neutral',
        'states',
        'with all states, mixed',
        'score',
        'limits',
        'range',
        'passes',
    ]
    return [('The published oxides', headings, rows)]


def _yes(value: bool) -> str:
    return 'yes' if value else 'no'
