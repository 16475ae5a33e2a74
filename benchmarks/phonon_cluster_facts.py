"""What else the benchmark of clusters of phonons tells: borders, published values, simulations, measured conductors."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Composition

from aiida_limap.engines.phonons.clustering import Clustering, ClusterOptions, cluster
from benchmarks.phonon_labels import Measured

__all__ = ['border', 'cluster_facts', 'fact_tables', 'published_centres']

PUBLISHED_FILE = 'phonon/data_labelled_kasper.csv'
MISMATCH_FILE = 'phonon/li_index_mismatch.csv'
#: Conductivity from which a compound is named, S/cm.
CONDUCTS = 1e-4
_NAMED = 8
_NUMBERS = range(2, 7)
Table = tuple[str, list[str], list[list[Any]]]


def published_centres(data: Path, ids: Sequence[str]) -> np.ndarray:
    """Return the published band centres of Li, THz; NaN where there is none.

    :param data: folder of the files.
    :param ids: the compounds.
    """
    with (data / PUBLISHED_FILE).open(encoding='utf-8') as stream:
        known = {row['material_id']: float(row['fav']) for row in csv.DictReader(stream) if row['fav']}
    return np.array([known.get(key, np.nan) for key in ids])


def border(centres: np.ndarray) -> float:
    """Return the number half-way between the two clusters that k-means makes of numbers.

    :param centres: (n,) numbers.
    """
    labels = _clusters(centres, 2).labels
    return float((centres[labels == 0].max() + centres[labels == 1].min()) / 2)


def _clusters(values: np.ndarray, number: int) -> Clustering:
    return cluster(values, ['values'], ClusterOptions(method='kmeans', n_clusters=number))


def cluster_facts(
    data: Path,
    compounds: Mapping[str, str],
    centres: np.ndarray,
    runs: tuple[np.ndarray, np.ndarray],
    known: Mapping[str, Measured],
) -> dict[str, Any]:
    """Return what single numbers tell.

    :param data: folder of the files.
    :param compounds: formula by id.
    :param centres: (n,) band centres of Li, THz, in the order of ``compounds``.
    :param runs: temperatures (t,) in K, and diffusivities (n, t), NaN where there is no run.
    :param known: measured conductivities by id.
    """
    ids = list(compounds)
    place = {key: row for row, key in enumerate(ids)}
    temperatures, diffusivity = runs
    conductors = [(key, entry) for key, entry in known.items() if entry.conductivity_S_per_cm >= CONDUCTS]
    spaces = [entry.same_space_group for entry in known.values()]
    return {
        'border_THz': border(centres),
        'published': _published(data, compounds, centres),
        'simulations': [
            {
                'temperature_K': temperature,
                'with': int(has.sum()),
                'median_with_THz': _median(centres[has]),
                'without': int((~has).sum()),
                'median_without_THz': _median(centres[~has]),
            }
            for temperature, has in zip(temperatures, np.isfinite(diffusivity).T, strict=True)
        ],
        'same_space_group': sum(same is True for same in spaces),
        'other_space_group': sum(same is False for same in spaces),
        'conductors': [
            {
                'id': key,
                'formula': entry.formula,
                'conductivity_S_per_cm': entry.conductivity_S_per_cm,
                'band_centre_THz': float(centres[place[key]]),
            }
            for key, entry in sorted(conductors, key=lambda pair: -pair[1].conductivity_S_per_cm)
        ],
    }


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None


def _published(data: Path, compounds: Mapping[str, str], centres: np.ndarray) -> dict[str, Any]:
    """Return what the published band centres become without the compounds in which other atoms were taken for Li."""
    ids = list(compounds)
    published = published_centres(data, ids)
    with (data / MISMATCH_FILE).open(encoding='utf-8') as stream:
        wrong = {row['material_id'] for row in csv.DictReader(stream)}
    is_wrong = np.array([key in wrong for key in ids])
    told = np.isfinite(published)
    labels = np.full(len(ids), -1)
    labels[told] = _clusters(published[told], 3).labels
    highest = np.flatnonzero(labels == 2)
    return {
        'compounds': int(told.sum()),
        'misassigned': int((told & is_wrong).sum()),
        'silhouettes': {
            name: [_clusters(published[rows], number).silhouette for number in _NUMBERS]
            for name, rows in (('all', told), ('without the mis-assigned', told & ~is_wrong))
        },
        'highest_of_three': [
            {
                'id': ids[row],
                'formula': compounds[ids[row]],
                'published_THz': float(published[row]),
                'band_centre_THz': float(centres[row]),
                'misassigned': bool(is_wrong[row]),
                'borate': {'B', 'O'} <= {str(element) for element in Composition(compounds[ids[row]]).elements},
            }
            for row in highest[np.argsort(-published[highest])]
        ],
    }


def fact_tables(result: Mapping[str, Any]) -> list[Table]:
    """Return the facts as tables: title, headings, cells.

    :param result: what the benchmark found; ``facts`` are those of :func:`cluster_facts`.
    """
    facts, published = result['facts'], result['facts']['published']
    three = [
        [
            *(entry['features'], entry['method'], ' + '.join(map(str, entry['three']['sizes']))),
            ', '.join(f'{value:.1f}' for value in entry['three']['mean_band_centres_THz']),
        ]
        for entry in result['partitions']
        if 'three' in entry
    ]
    yes = {True: 'yes', False: 'no'}
    highest = [
        [
            *(entry['id'], entry['formula'], entry['published_THz'], entry['band_centre_THz']),
            *(yes[entry['misassigned']], yes[entry['borate']]),
        ]
        for entry in published['highest_of_three']
    ]
    without = f'{published["misassigned"]} of {published["compounds"]} are mis-assigned'
    return [
        (
            f'Three clusters; two are divided at {facts["border_THz"]:.1f} THz (k-means of the band centre)',
            ['features', 'method', 'sizes', 'mean band centres (THz)'],
            three,
        ),
        (
            f'Mean silhouette of k-means of the published band centre; {without}',
            ['compounds', *map(str, _NUMBERS)],
            [[name, *values] for name, values in published['silhouettes'].items()],
        ),
        (
            'The highest of three clusters of the published band centre',
            ['id', 'formula', 'published (THz)', 'ours (THz)', 'mis-assigned', 'borate'],
            highest,
        ),
        (
            'Band centre of compounds with and without a simulation',
            ['T (K)', 'with', 'median (THz)', 'without', 'median (THz)'],
            [list(entry.values()) for entry in facts['simulations']],
        ),
        *_conduction_tables(result),
    ]


def _conduction_tables(result: Mapping[str, Any]) -> list[Table]:
    facts, known = result['facts'], result['measured']
    correlations = [
        [entry['number'], entry['n'], f'{entry["rho"]:.2f} [{entry["low"]:.2f}, {entry["high"]:.2f}]']
        for entry in result['correlations']
        if entry['with'] == 'conductivity' and 'rho' in entry
    ]
    listed = result['candidates']
    spaces = f'{facts["same_space_group"]} of the same space group, {facts["other_space_group"]} of another'
    return [
        (
            f'Known conductors of {len(known)} compounds with a measured conductivity ({spaces})',
            ['id', 'formula', 'conductivity (S/cm)', 'band centre (THz)'],
            [
                [entry['id'], entry['formula'], f'{entry["conductivity_S_per_cm"]:.1g}', entry['band_centre_THz']]
                for entry in facts['conductors']
            ],
        ),
        (
            'Rank correlation with the measured conductivity, and interval of 95 %',
            ['number', 'compounds', 'rho'],
            correlations,
        ),
        (
            f'First of {len(listed)} candidates by diffusivity (Ward, band centre)',
            ['id', 'formula', 'band centre (THz)', 'nearest', 'distance (THz)'],
            [list(entry.values()) for entry in listed[:_NAMED]],
        ),
    ]
