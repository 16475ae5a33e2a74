"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ['aiida.tools.pytest_fixtures']

# Threads of libraries that wait for each other in a loop take the processors from the other processes of a test run.
# Their number stays as it is but in OpenBLAS, where small matrices gain nothing by more than one. Both are read when a
# library is loaded, so they stand here, before the plugins above load numpy.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

# The same examples in every run, and none refused for the time that it takes to draw them on a busy machine. Others
# are drawn with `--hypothesis-profile=default`, and `--hypothesis-seed` repeats those.
settings.register_profile(
    'repeatable', derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile('repeatable')


TESTS = Path(__file__).parent
#: Files in the order in which they start, the others follow: first what compiles the kernels that the engines of others
#: load, then the longest, so that none of them is left to the end. Those with a daemon wait often and alternate with
#: those that keep a processor busy.
FIRST = (
    'engines/bvff/test_bad_input.py',
    'engines/descriptors/test_descriptors_task.py',
    'workflows/test_encode_work_chain.py',
    'test_end_to_end.py',
    'workflows/test_caching.py',
    'test_live_map.py',
    'workflows/test_map_work_chain.py',
    'test_bvff_daemon.py',
    'test_benchmarks.py',
    'workflows/test_screen_real_engine.py',
    'workflows/test_handlers.py',
    'test_train_daemon.py',
    'workflows/test_featurize.py',
    'workflows/test_phonon_clusters.py',
    'calculations/test_training.py',
    'workflows/test_bvff_base.py',
    'test_examples.py',
    'test_data_docs.py',
    'visualisation/test_browser.py',
    'visualisation/test_browser_explore.py',
    'engines/autoencoder/test_batched.py',
    'engines/screening/test_atom2vec.py',
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest files first, and last those that empty the profile: others draw their map in it once.

    Within a file nothing changes.
    """
    places = {TESTS / name: place for place, name in enumerate(FIRST)}
    missing = [path.name for path in places if not path.is_file()]
    if missing:
        raise pytest.UsageError(f'tests/conftest.py names files that are no more: {", ".join(missing)}')
    emptying = {item.path for item in items if 'aiida_profile_clean' in getattr(item, 'fixturenames', ())}
    items.sort(key=lambda item: places.get(item.path, len(FIRST) + (item.path in emptying)))


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
        # Each look takes a twentieth of a second of a processor, and without an interval one follows upon the other.
        computer.set_minimum_job_poll_interval(0.3)
    return computer


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Return the folder of real reference data beside the checkout, or skip: it is not part of the project."""
    folder = Path(__file__).resolve().parents[2] / 'shared' / 'data'
    if not (folder / 'mp_li_oxides.jsonl.gz').is_file():
        pytest.skip('the reference data folder is not beside this checkout')
    return folder
