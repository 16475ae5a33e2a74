"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ['aiida.tools.pytest_fixtures']


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Return the folder of real reference data beside the checkout, or skip: it is not part of the project."""
    folder = Path(__file__).resolve().parents[2] / 'shared' / 'data'
    if not (folder / 'mp_li_oxides.jsonl.gz').is_file():
        pytest.skip('the reference data folder is not beside this checkout')
    return folder
