"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ['aiida.tools.pytest_fixtures']

# Threads of libraries that wait for each other in a loop take the processors from the other processes of a test run.
# Their number stays as it is but in OpenBLAS, where small matrices gain nothing by more than one. Both are read when a
# library is loaded, so they stand here, before the plugins above load numpy.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')


#: Folder in memory for temporary files, and what must be free in it: a run of all tests writes a quarter of that.
MEMORY, NEEDED_BYTES = Path('/dev/shm'), 2 * 1024**3


def pytest_configure() -> None:
    """Keep temporary folders in memory where there is room: databases of profiles wait for the disk at every commit."""
    if 'PYTEST_DEBUG_TEMPROOT' in os.environ or not os.access(MEMORY, os.W_OK):
        return
    # Tests run scripts from their folders, which many containers forbid there.
    if not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC and shutil.disk_usage(MEMORY).free > NEEDED_BYTES:
        os.environ['PYTEST_DEBUG_TEMPROOT'] = str(MEMORY)


@pytest.fixture
def aiida_localhost(aiida_computer_local: Any) -> Any:
    """Return this computer as ``aiida-limap setup computer`` makes it: no login shell, whose profile may be slow."""
    computer = aiida_computer_local(label='localhost', configure=False)
    if not computer.is_configured:
        computer.configure(use_login_shell=False)
        # Without an interval jobs are looked for without a pause, which keeps a processor busy.
        computer.set_minimum_job_poll_interval(0.1)
    return computer


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Return the folder of real reference data beside the checkout, or skip: it is not part of the project."""
    folder = Path(__file__).resolve().parents[2] / 'shared' / 'data'
    if not (folder / 'mp_li_oxides.jsonl.gz').is_file():
        pytest.skip('the reference data folder is not beside this checkout')
    return folder
