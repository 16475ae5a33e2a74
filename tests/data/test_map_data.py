"""Maps: points, landscape and facts."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_limap.data.map import POINT_COLUMNS, MapData
from aiida_limap.formats.mapbundle import Heatmap

IDS = ['a', 'b']
HEATMAP = Heatmap(np.linspace(0, 1, 3), np.linspace(-1, 1, 2), np.arange(6.0).reshape(2, 3), 'x', 'eV')
FACTS = {'target': 'barrier_2d_eV', 'mobile_ion': 'Li+', 'model_uuid': 'abc', 'engine_version': '1'}


def columns(**changes) -> dict:
    values = {name: [0.1, 0.2] for name in POINT_COLUMNS}
    return {**values, 'status': ['ok', ''], 'migration_energy_eV': [0.3, None], **changes}


def example(**changes) -> MapData:
    arguments = {'heatmap': HEATMAP, 'facts': FACTS, 'metrics': {'r2_me': 0.5}}
    return MapData.from_points(IDS, columns(formula=['Li2O', 'LiF']), **{**arguments, **changes})


def test_a_map_comes_back_from_the_database():
    node = orm.load_node(example().store().pk)
    assert (node.ids, len(node), node.target, node.mobile_ion) == (IDS, 2, 'barrier_2d_eV', 'Li+')
    assert (node.model_uuid, node.metrics, node.counts_by_status) == ('abc', {'r2_me': 0.5}, {'ok': 1})
    assert node.columns == [*POINT_COLUMNS, 'formula']
    assert np.isnan(node.column('migration_energy_eV')[1])
    assert node.point('b')['migration_energy_eV'] is None
    assert node.point('a')['formula'] == 'Li2O'
    heatmap = node.heatmap()
    assert np.array_equal(heatmap.values, HEATMAP.values)
    assert heatmap.unit == 'eV'
    assert list(node.to_dataframe().index) == IDS
    assert node.checksum == example().checksum
    assert node.checksum != example(metrics={}).checksum


def test_maps_are_checked():
    with pytest.raises(ValueError, match='target is required'):
        example(facts={'mobile_ion': 'Li+'})
    with pytest.raises(ValueError, match='facts of a map'):
        example(facts={**FACTS, 'colour': 'red'})
    incomplete = columns()
    del incomplete['x_struc']
    with pytest.raises(ValueError, match='x_struc'):
        MapData.from_points(IDS, incomplete, heatmap=HEATMAP, facts=FACTS)
    with pytest.raises(ValueError, match='every point'):
        MapData.from_points(IDS, columns(x_comp=[0.1, None]), heatmap=HEATMAP, facts=FACTS)
    with pytest.raises(ValidationError, match='from_points'):
        MapData().store()
    for ask in (example().column, example().point):
        with pytest.raises(KeyError, match='the map has no'):
            ask('colour')


def test_an_altered_map_cannot_be_stored():
    node = example()
    node.base.attributes.set('target', 'barrier_3d_eV')
    with pytest.raises(ValidationError, match='checksum'):
        node.store()


def test_a_clone_of_a_stored_map_can_be_stored():
    # Caching clones nodes; AiiDA rounds numbers when it stores them, so what is stored must validate again.
    node = example(metrics={'test': {'r2_me': 0.12345678901234567, 'mse': 1e-20 / 3}}).store()
    copy = node.clone().store()
    assert copy.checksum == node.checksum
    assert copy.metrics == node.metrics


def test_the_support_of_the_plane_is_kept_and_part_of_the_checksum():
    support = np.linspace(0, 1, 6).reshape(2, 3)
    heatmap = Heatmap(HEATMAP.x_comp, HEATMAP.x_struc, HEATMAP.values, 'x', 'eV', support)
    node = orm.load_node(example(heatmap=heatmap).store().pk)
    np.testing.assert_array_equal(node.heatmap().support, support)
    assert node.checksum != example().checksum
    plain = orm.load_node(example().store().pk)
    assert plain.heatmap().support is None
    assert 'has_support' not in plain.base.attributes.all
