from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.mapbundle import Heatmap, MapBundle, MapProperty, read_bundle, write_bundle
from aiida_limap.formats.structures import StructureRecord


def bundle(**changes) -> MapBundle:
    record = {'cell': np.eye(3) * 4.0, 'species': ({'Li': 1.0},), 'positions': [[0, 0, 0]]}
    values = {
        'title': 'Two points',
        'ids': ('a', 'b'),
        'properties': {
            'x_comp': MapProperty((0.0, 1.0), 'Composition code'),
            'x_struc': MapProperty((0.5, -1.0), 'Structure code'),
            'migration_energy_eV': MapProperty((0.3, None), 'Migration energy', 'eV', 'A barrier.'),
            'formula': MapProperty(('Li', 'Li'), 'Formula'),
        },
        'structures': (StructureRecord('a', **record), StructureRecord('b', **record)),
        'provenance': ({'structure': 'a'}, {'structure': 'b'}),
        'sources': ({'id': 'mp-1'}, {}),
        'heatmap': Heatmap(np.arange(3.0), np.arange(2.0), np.ones((2, 3)), 'Predicted migration energy', 'eV'),
        'metadata': {'metrics': {'test': {'r2_me': 0.5}}},
        **changes,
    }
    return MapBundle(**values)


@pytest.mark.parametrize('changes', [{}, {'heatmap': None}])
def test_round_trip(tmp_path, changes):
    original = bundle(**changes)
    path = tmp_path / 'map.json.gz'
    write_bundle(path, original)
    again = read_bundle(path)
    assert (again.title, again.ids, again.metadata) == (original.title, original.ids, original.metadata)
    assert again.properties == original.properties
    assert again.provenance == original.provenance
    assert again.sources == original.sources
    assert [entry.as_dict() for entry in again.structures] == [entry.as_dict() for entry in original.structures]
    if original.heatmap is None:
        assert again.heatmap is None
    else:
        np.testing.assert_array_equal(again.heatmap.values, original.heatmap.values)
    first = path.read_bytes()
    write_bundle(path, again)
    assert path.read_bytes() == first


def test_numbers_and_words_are_told_apart():
    properties = bundle().properties
    np.testing.assert_array_equal(properties['migration_energy_eV'].numbers(), [0.3, np.nan])
    with pytest.raises(FormatError, match="'Formula' holds words"):
        properties['formula'].numbers()


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'ids': ('a', 'a')}, 'two points share an id'),
        ({'sources': ()}, '0 sources for 2 points'),
        ({'properties': {'x_comp': MapProperty((0.0, 1.0), 'x')}}, "'x_struc' is missing"),
    ],
)
def test_parts_that_disagree_are_refused(changes, words):
    with pytest.raises(FormatError, match=words):
        bundle(**changes)


def test_a_heat_map_of_the_wrong_shape_is_refused():
    with pytest.raises(FormatError, match=r'shape \(3, 2\), expected \(2, 3\)'):
        Heatmap(np.arange(3.0), np.arange(2.0), np.ones((3, 2)), 'x', 'eV')


def test_damaged_and_newer_files_are_refused(tmp_path):
    path = tmp_path / 'map.json.gz'
    write_bundle(path, bundle())
    document = json.loads(gzip.decompress(path.read_bytes()))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FormatError, match='not a map bundle, or cut short'):
        read_bundle(path)
    path.write_bytes(gzip.compress(json.dumps({**document, 'schema_version': 3}).encode()))
    with pytest.raises(FormatError, match='schema version 3 is not version 2'):
        read_bundle(path)
    path.write_bytes(gzip.compress(json.dumps({**document, 'colour': 1}).encode()))
    with pytest.raises(FormatError, match="unknown key 'colour'"):
        read_bundle(path)


def test_the_support_of_a_heat_map_is_kept(tmp_path):
    support = np.array([[0.0, 0.4, 0.5], [1.0, 0.25, 0.75]])
    heatmap = Heatmap(np.arange(3.0), np.arange(2.0), np.ones((2, 3)), 'x', 'eV', support)
    assert heatmap.unknown.tolist() == [[True, True, False], [False, True, False]]
    original = bundle(heatmap=heatmap)
    write_bundle(tmp_path / 'map.json.gz', original)
    np.testing.assert_array_equal(read_bundle(tmp_path / 'map.json.gz').heatmap.support, support)
    assert not Heatmap(np.arange(3.0), np.arange(2.0), np.ones((2, 3)), 'x', 'eV').unknown.any()
    with pytest.raises(FormatError, match='support have shape'):
        Heatmap(np.arange(3.0), np.arange(2.0), np.ones((2, 3)), 'x', 'eV', support.T)
