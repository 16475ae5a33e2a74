"""Clusters of the lithium compounds of PhononDB: how many, how stable, and what they have to do with conduction."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from pymatgen.core import Composition

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons.clustering import (
    METHODS,
    NOISE,
    ClusterOptions,
    candidates,
    choose_k,
    cluster,
    conductors_from_diffusivity,
    enrichment,
    group_difference,
    join_features,
    rank_correlation,
    stability,
)
from aiida_limap.engines.phonons.quantities import KELVIN_PER_THZ
from benchmarks.common import print_table, shared_options, write_markdown, write_result
from benchmarks.phonon_cluster_facts import cluster_facts, fact_tables, published_centres
from benchmarks.phonon_labels import diffusivities, measured
from benchmarks.phonons import ROWS_FILE

__all__ = ['phonon_clusters']

#: Silhouettes for k = 2 to 6 in the example of the published code: k-means of the band centres at 99 temperatures.
PUBLISHED_SILHOUETTES = (0.533, 0.585, 0.500, 0.502, 0.488)
#: Conductivities from which a compound counts as a conductor, S/cm.
THRESHOLDS = (1e-4, 1e-6)
LABEL_TEMPERATURE_K = 800.0
CENTRE = 'band centre'
#: Numbers that are correlated with diffusivities.
NUMBERS = (
    'mobile_band_centre_THz',
    'mobile_band_centre_298K_THz',
    'mobile_first_peak_THz',
    'mobile_onset_THz',
    'total_band_centre_THz',
    'relative_spread',
)
#: Which diffusivities: all, those of compounds that move, those of compounds without imaginary modes, and of oxides.
KINDS = ('diffusivity', 'diffusivity above zero', 'diffusivity, stable', 'diffusivity, oxides')
Arrays = dict[str, np.ndarray]


@click.command('phonon_clusters')
@shared_options
@click.option('--resamples', default=50, show_default=True, help='Bootstrap resamples for the stability of clusters.')
def phonon_clusters(data: Path | None, output: Path, resamples: int) -> None:
    """Cluster the compounds whose band centres the benchmark phonons left in the output folder.

    Known conductors come from the embedded conductivities and from OBELiX, diffusivities from the table of the data.

    \b
    Example:
      python -m benchmarks phonons --data my-data-folder && python -m benchmarks phonon_clusters --data my-data-folder
    """
    if data is None or not (data / 'phonon').is_dir():
        raise click.ClickException('diffusivities are not embedded; name a folder that holds phonon with --data')
    if not (output / ROWS_FILE).is_file():
        raise click.ClickException(f'there is no {ROWS_FILE} in {output}; run the benchmark phonons first')
    rows = [json.loads(line) for line in (output / ROWS_FILE).read_text(encoding='utf-8').splitlines()]
    rows = [row for row in rows if row['status'] == 'ok']
    ids = [row['id'] for row in rows]
    formulas = {row['id']: row['values']['formula'] for row in rows}
    temperatures, diffusivity = diffusivities(data, ids)
    known = measured(data, formulas)
    sigma = np.array([known[key].conductivity_S_per_cm if key in known else np.nan for key in ids])
    sets = _sets(rows, data)
    centres = sets[CENTRE]['mobile_band_centre_THz']
    moving = diffusivity[:, np.flatnonzero(temperatures == LABEL_TEMPERATURE_K)[0]]
    partitions = []
    for name, features in sets.items():
        for method in METHODS:
            entry = _partition(name, features, method, centres, resamples)
            entry['tests'] = _tests(entry.pop('found'), sigma, moving)
            partitions.append(entry)
            click.echo(f'{name}, {method}: {entry["n_clusters"]} clusters, {entry["wall_s"]:.0f} s')
    result = {
        'compounds': len(ids),
        'measured': {key: vars(value) for key, value in known.items()},
        'moving': {'known': int(np.isfinite(moving).sum()), 'above_zero': int((moving > 0).sum())},
        'partitions': partitions,
        'correlations': _correlations(rows, sigma, temperatures, diffusivity),
        'anions': _by_anion([formulas[key] for key in ids], centres, temperatures, diffusivity),
        'candidates': _candidates(centres, moving, ids, formulas),
        'facts': cluster_facts(data, formulas, centres, (temperatures, diffusivity), known),
    }
    tables = [*_tables(result), *fact_tables(result)]
    for title, headings, cells in tables:
        print_table(title, headings, cells)
    write_markdown(output / 'phonon_clusters.md', tables)
    write_result(output, 'phonon_clusters', result)


def _sets(rows: list[dict[str, Any]], data: Path) -> dict[str, Arrays]:
    """Return sets of features by name."""

    def number(name: str) -> np.ndarray:
        return np.array([row['values'][name] for row in rows], dtype=float)

    def vector(name: str) -> np.ndarray:
        return np.array([row['rows'][name] for row in rows], dtype=float)

    centres = number('mobile_band_centre_THz')
    # What the measures make of numbers that have no groups at all.
    lump = np.random.default_rng(0).normal(centres.mean(), centres.std(), len(centres))
    combined = ('mobile_band_centre_THz', 'total_band_centre_THz', 'mobile_first_peak_THz', 'relative_spread')
    return {
        CENTRE: {'mobile_band_centre_THz': centres},
        'normal distribution': {'lump': lump},
        'at 298 K': {'mobile_band_centre_298K_THz': number('mobile_band_centre_298K_THz')},
        '99 temperatures': {'mobile_band_centres_THz': vector('mobile_band_centres_THz')},
        'density of Li': {'mobile_dos': vector('mobile_dos')},
        'four numbers': {name: number(name) for name in combined},
        '99 temperatures, ħf': {'centres': _with_small_quanta(vector('mobile_dos'))},
        'published band centre': {'fav': published_centres(data, [row['id'] for row in rows])},
    }


def _with_small_quanta(density: np.ndarray) -> np.ndarray:
    """Return band centres at 99 temperatures with quanta of ħf in place of hf, as the published code has them."""
    frequencies = np.arange(-10.0, 35.0, 0.25)
    real = frequencies > 0
    quanta = KELVIN_PER_THZ * frequencies[real] / (2 * np.pi)
    occupied = density[:, None, real] / np.expm1(quanta / np.arange(10.0, 1000.0, 10.0)[:, None])
    return np.asarray((occupied @ frequencies[real]) / occupied.sum(axis=2))


def _partition(name: str, features: Arrays, method: str, centres: np.ndarray, resamples: int) -> dict[str, Any]:
    """Return what there is to say about one set of features and one method."""
    started = time.perf_counter()
    table, labels = join_features(features)
    options = ClusterOptions(method=method)
    found = cluster(table, labels, options, order=centres)
    entry: dict[str, Any] = {
        'features': name,
        'method': method,
        'found': found,
        'rows': len(found.rows),
        'n_clusters': found.n_clusters,
        'sizes': found.sizes,
        'noise': int((found.labels == NOISE).sum()),
        'mean_band_centres_THz': found.means,
        'silhouette': found.silhouette,
        'cophenetic': found.cophenetic_correlation,
    }
    if method != 'density':
        entry['choice'] = choose_k(table, labels, options).as_dict()
        three = cluster(table, labels, ClusterOptions(method=method, n_clusters=3), order=centres)
        entry['three'] = {'sizes': three.sizes, 'mean_band_centres_THz': three.means}
    if found.n_clusters:
        entry['stability'] = stability(table, found.labels, labels, options, resamples=resamples).as_dict()
    return {**entry, 'wall_s': time.perf_counter() - started}


def _tests(found: Any, sigma: np.ndarray, moving: np.ndarray) -> dict[str, Any]:
    """Return tests of conductors in clusters."""
    if found.n_clusters < 2:
        return {}
    tests: dict[str, Any] = {}
    for threshold in THRESHOLDS:
        known = np.where(np.isfinite(sigma), sigma >= threshold, np.nan)
        for background in ('all', 'labelled'):
            try:
                tests[f'{threshold:g} S/cm, {background}'] = [
                    entry.as_dict() for entry in enrichment(found.labels, known, background=background)
                ]
            except InputError:
                # The few conductors may all be among the rows that the method puts into no cluster.
                tests[f'{threshold:g} S/cm, {background}'] = []
    labels = conductors_from_diffusivity(moving)
    tests['diffusing'] = [entry.as_dict() for entry in enrichment(found.labels, labels, background='labelled')]
    tests['difference'] = group_difference(found.labels, moving).as_dict()
    return tests


def _correlations(
    rows: list[dict[str, Any]], sigma: np.ndarray, temperatures: np.ndarray, diffusivity: np.ndarray
) -> list[dict[str, Any]]:
    """Return rank correlations of numbers with conductivities, and with diffusivities at each temperature."""
    stable = np.array([row['values']['total_imaginary_share'] < 0.01 for row in rows])
    oxides = np.array([_anion(row['values']['formula']) == 'O' for row in rows])
    found = []
    for name in NUMBERS:
        values = np.array([row['values'][name] for row in rows], dtype=float)
        found.append({'number': name, 'with': 'conductivity', **_correlation(values, sigma)})
        for column, temperature in enumerate(temperatures):
            moving = diffusivity[:, column]
            for kind, chosen in zip(KINDS, (moving >= 0, moving > 0, stable, oxides), strict=True):
                entry = {'number': name, 'with': kind, 'temperature_K': temperature}
                found.append({**entry, **_correlation(values, np.where(chosen, moving, np.nan))})
    return found


def _anion(formula: str) -> str:
    """Return the symbol of the most electronegative element."""
    return str(max(Composition(formula).elements, key=lambda element: element.X).symbol)


def _by_anion(
    formulas: list[str], centres: np.ndarray, temperatures: np.ndarray, diffusivity: np.ndarray
) -> list[dict[str, Any]]:
    """Return band centres and motion of compounds of each anion: what of a correlation is one of chemistry."""
    anions = np.array([_anion(formula) for formula in formulas])
    low = cluster(centres, ['mobile_band_centre_THz'], ClusterOptions(method='kmeans', n_clusters=2)).labels == 0
    moving = diffusivity[:, np.flatnonzero(temperatures == LABEL_TEMPERATURE_K)[0]]
    found = []
    for anion in np.unique(anions):
        here = anions == anion
        known = moving[here & np.isfinite(moving)]
        found.append(
            {
                'anion': anion,
                'compounds': int(here.sum()),
                'median_band_centre_THz': float(np.median(centres[here])),
                'low': int(low[here].sum()),
                'diffusing': int((known > 0).sum()),
                'simulated': len(known),
                'correlation': _correlation(centres[here], moving[here]),
            }
        )
    return sorted(found, key=lambda entry: -entry['compounds'])


def _correlation(one: np.ndarray, two: np.ndarray) -> dict[str, Any]:
    try:
        return rank_correlation(one, two).as_dict()
    except InputError as error:
        return {'n': int((np.isfinite(one) & np.isfinite(two)).sum()), 'message': str(error)}


def _candidates(
    centres: np.ndarray, moving: np.ndarray, ids: list[str], formulas: dict[str, str]
) -> list[dict[str, Any]]:
    """Return compounds without a run, in clusters by band centre with more diffusing ones than chance puts there."""
    found = cluster(centres, ['mobile_band_centre_THz'], ClusterOptions(method='ward'))
    labels = conductors_from_diffusivity(moving)
    listed = candidates(found, enrichment(found.labels, labels, background='labelled'), labels)
    return [
        {
            'id': ids[entry.row],
            'formula': formulas[ids[entry.row]],
            'band_centre_THz': centres[entry.row],
            'nearest': ids[entry.nearest],
            'distance_THz': entry.distance,
        }
        for entry in listed
    ]


def _tables(result: dict[str, Any]) -> list[tuple[str, list[str], list[list[Any]]]]:
    tables = [_number_table(result), _silhouette_table(result), _stability_table(result), _test_table(result)]
    return [*tables, *(_correlation_table(result, kind) for kind in KINDS), _anion_table(result)]


def _number_table(result: dict[str, Any]) -> tuple[str, list[str], list[list[Any]]]:
    headings = ['features', 'method', 'clusters', 'sizes', 'mean band centres (THz)', 'silhouette', 'cophenetic']
    headings += ['by Calinski-Harabasz', 'by gap', 'by within-SS']
    cells = []
    for entry in result['partitions']:
        chosen = entry.get('choice', {}).get('chosen', {})
        sizes = ' + '.join(map(str, entry['sizes'])) + (f', none {entry["noise"]}' if entry['noise'] else '')
        means = ', '.join(f'{value:.1f}' for value in entry['mean_band_centres_THz'])
        cells.append(
            [
                *(entry['features'], entry['method'], entry['n_clusters'], sizes, means),
                *(entry['silhouette'], entry['cophenetic']),
                *(chosen.get(name) for name in ('calinski_harabasz', 'gap', 'within_ss')),
            ]
        )
    return f'Clusters of {result["compounds"]} compounds, their number chosen by silhouette', headings, cells


def _silhouette_table(result: dict[str, Any]) -> tuple[str, list[str], list[list[Any]]]:
    cells: list[list[Any]] = [
        [f'{entry["features"]}, {entry["method"]}', *entry['choice']['silhouette'][1:6]]
        for entry in result['partitions']
        if 'choice' in entry
    ]
    cells.append(['published example, 99 temperatures, kmeans', *PUBLISHED_SILHOUETTES])
    return 'Mean silhouette by number of clusters', ['features and method', *'23456'], cells


def _stability_table(result: dict[str, Any]) -> tuple[str, list[str], list[list[Any]]]:
    cells = []
    for entry in result['partitions']:
        if 'stability' in entry:
            found = entry['stability']
            numbers = ', '.join(f'{k}: {count}' for k, count in found['chosen_k'].items())
            overlaps = ', '.join(f'{value:.2f}' for value in found['jaccard'])
            cells.append(
                [
                    entry['features'],
                    entry['method'],
                    found['rand_mean'],
                    found['rand_5th_percentile'],
                    overlaps,
                    numbers,
                ]
            )
    headings = [
        'features',
        'method',
        'Rand index, mean',
        '5th percentile',
        'overlap by cluster',
        'number chosen: times',
    ]
    return 'Bootstrap resamples', headings, cells


def _test_table(result: dict[str, Any]) -> tuple[str, list[str], list[list[Any]]]:
    headings = ['features', 'method', 'cluster', 'conductors of compounds', 'expected', 'p', 'adjusted p']
    cells = []
    for entry in result['partitions']:
        for kind in ('diffusing', *(name for name in entry['tests'] if 'S/cm' in name)):
            for test in entry['tests'].get(kind, []):
                if entry['features'] == CENTRE or test['p_adjusted'] < 0.05:
                    share = f'{test["conductors"]} of {test["size"]}'
                    numbers = [test['expected'], f'{test["p_value"]:.2g}', f'{test["p_adjusted"]:.2g}']
                    cells.append([f'{entry["features"]}: {kind}', entry['method'], test['cluster'], share, *numbers])
    return 'Conductors by cluster: all tests by band centre, and significant ones elsewhere', headings, cells


def _correlation_table(result: dict[str, Any], kind: str) -> tuple[str, list[str], list[list[Any]]]:
    found = {
        (entry['temperature_K'], entry['number']): entry for entry in result['correlations'] if entry['with'] == kind
    }
    cells = []
    for temperature in sorted({temperature for temperature, _ in found}):
        line: list[Any] = [f'{temperature:g}', found[temperature, NUMBERS[0]]['n']]
        for name in NUMBERS:
            entry = found[temperature, name]
            line.append(f'{entry["rho"]:.2f} [{entry["low"]:.2f}, {entry["high"]:.2f}]' if 'rho' in entry else None)
        cells.append(line)
    return f'Rank correlation with the {kind}, and interval of 95 %', ['T (K)', 'compounds', *NUMBERS], cells


def _anion_table(result: dict[str, Any]) -> tuple[str, list[str], list[list[Any]]]:
    headings = ['most electronegative', 'compounds', 'median band centre (THz)', 'in the lower of two clusters']
    headings += [f'Li moves at {LABEL_TEMPERATURE_K:g} K', 'rank correlation there']
    cells = []
    for entry in result['anions']:
        found = entry['correlation']
        rho = f'{found["rho"]:.2f} [{found["low"]:.2f}, {found["high"]:.2f}]' if 'rho' in found else None
        moving = f'{entry["diffusing"]} of {entry["simulated"]}'
        cells.append([entry['anion'], entry['compounds'], entry['median_band_centre_THz'], entry['low'], moving, rho])
    return 'By anion', headings, cells
