"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ['aiida.tools.pytest_fixtures']

# Threads of libraries that wait for each other in a loop take the processors from the other processes of a test run.
# Their number stays as it is but in OpenBLAS, where small matrices gain nothing by more than one. Both are read when a
# library is loaded, so they stand here, before the plugins above load numpy.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Return the folder of real reference data beside the checkout, or skip: it is not part of the project."""
    folder = Path(__file__).resolve().parents[2] / 'shared' / 'data'
    if not (folder / 'mp_li_oxides.jsonl.gz').is_file():
        pytest.skip('the reference data folder is not beside this checkout')
    return folder
