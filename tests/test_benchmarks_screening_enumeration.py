"""The benchmark of the enumeration runs on few elements and leaves readable results."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def benchmark(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'benchmarks', 'screening_enumeration', *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=1200,
    )


def test_a_screen_of_few_elements_is_measured(tmp_path):
    pytest.importorskip('matminer')
    cases = ('one state', 'one state, count all', 'one state, any range')
    options = ['--partners', '8', *(word for case in cases for word in ('--case', case)), '--peer-compositions', '5']
    done = benchmark('--embedded', '--output', str(tmp_path), *options)
    assert done.returncode == 0, done.stderr
    assert '(screening_enumeration.py)' in (ROOT / 'benchmarks' / 'README.md').read_text()
    document = json.loads((tmp_path / 'screening_enumeration.json').read_text())
    runs = {name: repeated[0] for name, repeated in document['runs'].items()}
    assert {run['compositions'] for run in runs.values()} == {56 * 156_849 + 28 * 4851}
    assert 0 < runs['one state, count all']['counts']['fast'] < 56 * 156_849 + 28 * 4851
    assert runs['one state']['counts'].items() <= runs['one state, count all']['counts'].items()
    assert runs['one state, any range']['counts'].items() < runs['one state']['counts'].items()
    assert set(runs['one state']['hits']['inside']) == {1}
    assert document['peer']['seconds'] > 0
    assert 'LiNaMg3O5' in (tmp_path / 'screening_enumeration.md').read_text()
