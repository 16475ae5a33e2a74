"""The benchmark of the screening models on the embedded set, in this process: it takes seconds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.__main__ import main

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope='module')
def result(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp('bench')
    arguments = ['screening_models', '--embedded', '--subset-size', '2', '--repeats', '2', '--draws', '2']
    done = CliRunner().invoke(main, [*arguments, '--output', str(folder)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert '| sML, paper | 90.0 | - | 90.5 |' in (folder / 'screening_models.md').read_text()
    return json.loads((folder / 'screening_models.json').read_text())


def test_help_has_an_example_and_the_readme_names_the_part():
    done = CliRunner().invoke(main, ['screening_models', '--help'])
    assert 'python -m benchmarks screening_models' in done.output
    assert '(screening_models.py)' in (ROOT / 'benchmarks' / 'README.md').read_text()


def test_the_embedded_set_is_judged_beside_chance(result):
    (entry,) = result['sets']
    assert (entry['rows'], entry['rows_with_structure']) == (85, 45)
    sml = entry['sml']['None']
    alone = sml['leave_one_out']['accuracy']
    assert alone > entry['chance']['all_slow']['accuracy'] > entry['chance']['random']['accuracy']
    low, high = sml['intervals']['accuracy']
    assert low < alone < high
    assert sml['repeated']['accuracy']['min'] <= sml['repeated']['accuracy']['max']


def test_the_search_promises_more_than_nested_folds_keep(result):
    eml = result['sets'][0]['eml']['means']
    best = max(item['accuracy'] for item in eml['search']['best'])
    assert sum(item['subsets'] for item in eml['search']['best']) == 511
    assert eml['nested']['accuracy'] < best
    assert np.shape(eml['shuffled']) == (2,)
    assert max(eml['shuffled']) < best
