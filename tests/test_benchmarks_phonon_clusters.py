"""The benchmark of clusters of phonons, on compounds that do not exist."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.phonon_clusters import NUMBERS, phonon_clusters


@pytest.fixture
def folders(tmp_path):
    """Return a data folder and an output folder: 24 soft or hard compounds, of which the soft ones conduct."""
    data, output = tmp_path / 'data', tmp_path / 'output'
    (data / 'phonon').mkdir(parents=True)
    output.mkdir()
    (data / 'mp_li_oxides.jsonl.gz').touch()
    rng = np.random.default_rng(0)
    centres = np.concatenate([rng.normal(7, 0.4, 10), rng.normal(12, 0.4, 14)])
    frequencies = np.arange(-10.0, 35.0, 0.25)
    rows = [
        {
            'id': f'mp-{number}',
            'status': 'ok',
            'values': {
                'formula': 'Li3N' if number == 0 else 'LiF',
                'total_imaginary_share': 0.0,
                **{name: centre + place for place, name in enumerate(NUMBERS)},
            },
            'rows': {
                'mobile_band_centres_THz': np.linspace(centre - 3, centre, 99).tolist(),
                'mobile_dos': np.exp(-((frequencies - centre) ** 2)).tolist(),
            },
        }
        for number, centre in enumerate(centres)
    ]
    rows.append({'id': 'mp-99', 'status': 'unstable', 'values': {}})
    (output / 'phonons_rows.jsonl').write_text('\n'.join(map(json.dumps, rows)) + '\n')
    tables = {
        'phonondb_li_index.csv': [
            ['material_id', 'path'],
            *([f'mp-{number}', f'x/materials-id-{number}-li3n-p6-mmm-191.tar.lzma'] for number in range(24)),
        ],
        'data_kasper_full.csv': [
            ['', '500', '800'],
            *([f'mp-{number}', '', f'{max(0, 9 - number)}e-5'] for number in range(23)),
        ],
        'data_labelled_kasper.csv': [
            ['material_id', 'fav'],
            *([f'mp-{number}', f'{centre}'] for number, centre in enumerate(centres)),
        ],
    }
    tables['li_index_mismatch.csv'] = [['material_id'], ['mp-23']]
    for name, lines in tables.items():
        with (data / 'phonon' / name).open('w', encoding='utf-8', newline='') as stream:
            csv.writer(stream).writerows(lines)
    return data, output


def run(*arguments):
    return CliRunner().invoke(phonon_clusters, [str(argument) for argument in arguments])


def test_groups_that_are_there_are_found_and_tested(folders, monkeypatch):
    monkeypatch.setattr('benchmarks.phonon_clusters.METHODS', ('ward',))
    data, output = folders
    answer = run('--data', data, '--output', output, '--resamples', 1)
    assert answer.exit_code == 0, answer.output
    found = json.loads((output / 'phonon_clusters.json').read_text())
    assert found['compounds'] == 24
    assert found['moving'] == {'known': 23, 'above_zero': 9}
    assert found['measured']['mp-0']['same_space_group'] is True
    entry = next(part for part in found['partitions'] if part['features'] == 'band centre')
    assert (entry['sizes'], entry['method']) == ([10, 14], 'ward')
    assert entry['tests']['diffusing'][0]['conductors'] == 9
    hot = next(part for part in found['correlations'] if part.get('temperature_K') == 800)
    assert hot['rho'] < -0.5
    assert {part['anion']: part['compounds'] for part in found['anions']} == {'F': 23, 'N': 1}
    text = (output / 'phonon_clusters.md').read_text()
    assert 'Rank correlation' in text
    assert '1 of 24 are mis-assigned' in text
    facts = found['facts']
    assert 8 < facts['border_THz'] < 11.5
    assert [(entry['with'], entry['without']) for entry in facts['simulations']] == [(0, 24), (23, 1)]
    assert facts['simulations'][0]['median_with_THz'] is None
    assert facts['simulations'][1]['median_with_THz'] < 12
    assert [entry['id'] for entry in facts['conductors']] == ['mp-0']
    assert (facts['same_space_group'], facts['other_space_group']) == (1, 0)
    silhouettes = facts['published']['silhouettes']
    assert silhouettes['all'][0] > 0.8
    assert silhouettes['all'] != silhouettes['without the mis-assigned']
    highest = facts['published']['highest_of_three']
    assert all(entry['published_THz'] > 11 and not entry['borate'] for entry in highest)
    assert {entry['id']: entry['misassigned'] for entry in highest}.get('mp-23', True)


def test_what_is_missing_is_told(folders, tmp_path):
    data, _ = folders
    answer = run('--data', data, '--output', tmp_path / 'empty')
    assert answer.exit_code == 1
    assert 'run the benchmark phonons first' in answer.output
