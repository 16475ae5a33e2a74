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


def placed(parent: str | None = 'a-map', is_new: list | None = None) -> MapData:
    more = {} if is_new is None else {'is_new': is_new}
    return MapData.from_points(IDS, columns(**more), heatmap=HEATMAP, facts={**FACTS, 'parent': parent})


def test_a_map_with_new_structures_names_its_parent_in_attributes_that_can_be_asked_for():
    parent = example().store()
    node = orm.load_node(placed(parent.uuid, [0, 1]).store().pk)
    assert (node.parent_uuid, node.n_new, node.schema_version) == (parent.uuid, 1, 2)
    assert node.column('is_new').tolist() == [0, 1]
    assert node.point('b')['is_new'] == 1
    query = orm.QueryBuilder().append(MapData, filters={'attributes.parent': parent.uuid}, project='uuid')
    assert query.all(flat=True) == [node.uuid]
    copy = node.clone().store()
    assert (copy.checksum, copy.parent_uuid) == (node.checksum, parent.uuid)


def test_a_map_without_parent_is_the_map_that_it_always_was():
    node = example()
    assert (node.parent_uuid, node.n_new, node.schema_version, node.n_outside) == (None, 0, 1, None)
    assert not {'parent', 'n_new', 'schema_version'} & set(node.base.attributes.all)


@pytest.mark.parametrize(
    ('parent', 'is_new', 'words'),
    [
        (None, [0, 1], 'a map with a parent needs the column'),
        ('a-map', None, 'a map with a parent needs the column'),
        ('a-map', [0, 2], 'holds 0 or 1 for every point'),
        ('a-map', [0, None], 'holds 0 or 1 for every point'),
        ('a-map', ['old', 'new'], 'holds 0 or 1 for every point'),
    ],
)
def test_parent_and_new_points_belong_together(parent, is_new, words):
    with pytest.raises(ValueError, match=words):
        placed(parent, is_new)


def test_a_map_of_a_newer_release_is_refused_by_its_version():
    node = placed('a-map', [0, 1])
    node.base.attributes.set('schema_version', 3)
    with pytest.raises(ValidationError, match='schema version 3, but this release knows up to 2'):
        node.store()
