"""Fixtures of the phonon tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plugins_springs import Folder, Springs


@pytest.fixture
def springs() -> Springs:
    return Springs()


@pytest.fixture
def born() -> dict:
    charges = np.array([-np.eye(3), np.eye(3)])
    return {'born': charges, 'dielectric': 2.0 * np.eye(3), 'factor': 14.399652}


@pytest.fixture
def folder(tmp_path: Path, springs: Springs) -> Folder:
    return Folder(tmp_path / 'LiF', springs)
