"""The benchmark scripts run on an embedded structure and leave readable results."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ('published', 'literature', 'refinement', 'agreement', 'batch', 'peer', 'descriptors', 'worth', 'training')
needs_matminer = pytest.mark.skipif(importlib.util.find_spec('matminer') is None, reason='matminer is not installed')
needs_bvlain = pytest.mark.skipif(importlib.util.find_spec('bvlain') is None, reason='bvlain is not installed')


def benchmark(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'benchmarks', *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=1200,
    )


def results(folder: Path, part: str, *arguments: str) -> dict:
    done = benchmark(part, '--embedded', '--structures', '1', '--output', str(folder), *arguments)
    assert done.returncode == 0, done.stderr
    document = json.loads((folder / f'{part}.json').read_text())
    assert document['benchmark'] == part
    assert document['environment']['versions']['numba']
    return document


@pytest.mark.parametrize('part', [*PARTS, 'phonons', 'screening_features', 'overhead', 'scale'])
def test_every_part_has_help_with_an_example(part):
    done = benchmark(part, '--help')
    assert done.returncode == 0, done.stderr
    assert f'python -m benchmarks {part}' in done.stdout
    assert f'({part}.py)' in (ROOT / 'benchmarks' / 'README.md').read_text()


@pytest.mark.parametrize('part', ['published', 'literature', 'phonons'])
def test_a_part_that_needs_data_says_so(part, tmp_path):
    done = benchmark(part, '--embedded', '--output', str(tmp_path))
    assert done.returncode == 1
    assert '--data' in done.stderr


def test_a_data_folder_without_structures_is_refused(tmp_path):
    done = benchmark('batch', '--data', str(tmp_path))
    assert done.returncode == 2
    assert 'there is no mp_li_oxides.jsonl.gz' in done.stderr


def test_refinement_comes_closer_to_the_fine_grid(tmp_path):
    document = results(tmp_path, 'refinement', '--spacing', '0.4', '--fine', '0.1', '--no-memory')
    grid, refined = (
        next(item for item in document['summary'] if (item['values'], item['reference']) == (kind, 'fine_grid_eV'))
        for kind in ('grid_eV', 'refined_eV')
    )
    assert grid['eV']['count'] == refined['eV']['count'] == 3
    assert refined['eV']['mean'] < grid['eV']['mean']
    assert (tmp_path / 'refinement.png').stat().st_size > 0


def test_a_batch_is_timed_and_counted(tmp_path):
    document = results(tmp_path, 'batch', '--spacing', '0.4')
    assert document['status'] == {'ok': 1}
    assert document['lost'] == []
    assert document['wall_s'] > 0


@needs_bvlain
def test_barriers_agree_with_bvlain(tmp_path):
    document = results(tmp_path, 'agreement', '--resolution', '0.4')
    (row,) = document['rows']
    assert document['summary']['barriers'] == 3
    assert row['verdict'] == ['equal'] * 3


@needs_bvlain
def test_times_and_memory_of_both_are_measured(tmp_path):
    document = results(tmp_path, 'peer', '--resolution', '0.4', '--threads', '1', '--repeats', '1', '--no-compile')
    (row,) = document['rows']
    assert all(seconds > 0 for seconds in row['seconds'].values())
    assert row['peak_MB']['peer'] > 0
    assert row['ratio']['total'] > 0


@needs_matminer
def test_blocks_are_timed_beside_matminer(tmp_path):
    # On a busy machine a featurizer of matminer may take long; the limit is one of wall time.
    options = ('--layout', 'compact', '--repeats', '1', '--peer-structures', '1', '--peer-limit', '500')
    document = results(tmp_path, 'descriptors', *options)
    blocks = {row['block']: row['ms'] for row in document['summary']['compact']}
    assert {'structure: rdf', 'structure: voronoi', 'composition and structure'} <= set(blocks)
    assert all(entry['median'] > 0 for entry in blocks.values())
    *_, total = document['peers']['summary']['compact']
    assert total['peer'] == 'total'
    assert total['ratio']['count'] == 1
    # How many times as long depends on what else the machine does, and on kernels that may have to be compiled.
    assert min(total['peer_ms']['mean'], total['own_ms']['mean'], total['ratio']['mean']) > 0
    assert '| structure: rdf |' in (tmp_path / 'descriptors.md').read_text()
    for name in ('descriptors.png', 'descriptors_peers.png'):
        assert (tmp_path / name).stat().st_size > 0


@needs_matminer
def test_what_descriptors_are_worth_is_told_with_its_spread(tmp_path):
    options = ('--structures', '24', '--layout', 'compact', '--model', 'ridge, block maxima', '--model', 'mean')
    document = results(tmp_path, 'worth', *options, '--seeds', '2')
    assert document['rows'] + len(document['lost']['compact']) <= 24
    names = [item['name'] for item in document['sets']]
    assert names[0] == 'element fractions'
    assert names[1:] == [f'compact: {part}' for part in ('composition', 'structure', 'composition + structure')]
    for item in document['sets']:
        score = item['models']['mean']['log10 ME']
        assert score['r2']['seeds']['mean'] < 0.05
        assert score['mae']['folds']['sd'] > 0
    assert '| element fractions |' in (tmp_path / 'worth.md').read_text()
    # The energies are kept for the next run.
    assert len(list(tmp_path.glob('targets-*.json'))) == 1


def test_an_unknown_model_and_too_few_formulas_are_refused(tmp_path):
    done = benchmark('worth', '--embedded', '--structures', '3', '--layout', 'compact', '--output', str(tmp_path))
    assert done.returncode == 1
    assert 'need at least 10 formulas' in done.stderr
    done = benchmark('worth', '--embedded', '--model', 'oracle', '--output', str(tmp_path))
    assert done.returncode == 2
    assert "unknown model 'oracle'" in done.stderr


@pytest.mark.daemon
def test_overhead_and_scale_run_in_a_profile_of_their_own(tmp_path):
    document = results(tmp_path, 'overhead', '--batch', '1', '--workers', '1')
    assert [row['batch'] for row in document['featurizations']] == [1, 1]
    assert document['shares_ms']['1']['storing'] > 0
    done = benchmark('scale', '--embedded', '--structures', '2', '--workers', '1', '--output', str(tmp_path))
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / 'scale-2.json').read_text())
    assert document['answers'] == 2
    assert min(document['worker_peak_bytes']) > 1e7
    assert document['database_bytes'] > 0
    assert 'AiiDA processor ms per structure' in (tmp_path / 'scale-2.md').read_text()
