"""Fixtures of the tests of the tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from plugins_graph import graph

if TYPE_CHECKING:
    from aiida_limap.data.map import MapData

__all__ = ['bare_map', 'graph']


@pytest.fixture
def bare_map() -> MapData:
    """Return a stored map that no calculation made, without formulas."""
    from aiida import orm

    from aiida_limap.data.map import POINT_COLUMNS, MapData
    from aiida_limap.formats.mapbundle import Heatmap

    values = {name: [0.5] for name in POINT_COLUMNS} | {'status': ['ok']}
    heatmap = Heatmap(np.arange(2.0), np.arange(2.0), np.zeros((2, 2)), 'Predicted', 'eV')
    structure = orm.StructureData(cell=np.eye(3).tolist())
    structure.append_atom(position=[0, 0, 0], symbols='Li')
    node = MapData.from_points([structure.store().uuid], values, heatmap=heatmap, facts={'target': 'barrier_2d_eV'})
    return node.store()
