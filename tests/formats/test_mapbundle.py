from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.mapbundle import Heatmap, MapBundle, MapProperty, read_bundle, write_bundle
from aiida_limap.formats.mapparts import DescriptorColumn, Descriptors, Profiles
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


def whole_bundle() -> MapBundle:
    columns = (
        DescriptorColumn('fraction_Li', '', 'share of Li', 'composition', 'element_fractions'),
        DescriptorColumn('fraction_O', '', 'share of O', 'composition', 'element_fractions'),
    )
    heatmap = bundle().heatmap
    return bundle(
        layers={'low': Heatmap(heatmap.x_comp, heatmap.x_struc, heatmap.values - 0.5, 'Lower end', 'eV')},
        descriptors={
            'composition': Descriptors(
                columns, [0.7, 0.5], [[0.25, 1.0], [np.nan, np.nan]], [0.0, 0.5, 1.0], np.arange(6.0).reshape(3, 2)
            ),
            'structure': Descriptors(columns[:1], [2.0]),
        },
        profiles=Profiles([[0.0, 1.0, 2.0], [np.nan] * 3], [[0.0, 0.4, 0.0], [np.nan] * 3], 2),
    )


def test_what_lies_behind_a_map_is_kept(tmp_path):
    original = whole_bundle()
    path = tmp_path / 'map.json.gz'
    write_bundle(path, original)
    again = read_bundle(path)
    np.testing.assert_array_equal(again.layers['low'].values, original.layers['low'].values)
    found, expected = again.descriptors['composition'], original.descriptors['composition']
    assert found.columns == expected.columns
    np.testing.assert_allclose(found.rows, expected.rows, atol=0.003)
    for name in ('factors', 'codes', 'decoded'):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert again.descriptors['structure'].rows is None
    assert again.descriptors['structure'].decoded is None
    np.testing.assert_array_equal(again.profiles.energy, original.profiles.energy)
    assert again.profiles.dimension == 2
    first = path.read_bytes()
    write_bundle(path, again)
    assert path.read_bytes() == first


def test_files_of_the_first_version_are_read(tmp_path):
    path = tmp_path / 'map.json.gz'
    write_bundle(path, bundle())
    document = json.loads(gzip.decompress(path.read_bytes()))
    older = {key: value for key, value in document.items() if key not in ('layers', 'descriptors', 'profiles')}
    path.write_bytes(gzip.compress(json.dumps({**older, 'schema_version': 1}).encode()))
    again = read_bundle(path)
    assert (again.ids, again.layers, again.descriptors, again.profiles) == (('a', 'b'), {}, {}, None)
    path.write_bytes(gzip.compress(json.dumps({**document, 'schema_version': 1}).encode()))
    with pytest.raises(FormatError, match="unknown key 'descriptors'"):
        read_bundle(path)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        (lambda: {'profiles': Profiles(np.zeros((3, 4)), np.zeros((3, 4)), 2)}, '3 energy profiles for 2 points'),
        (
            lambda: {'descriptors': {'structure': Descriptors((DescriptorColumn('a'),), [1.0], np.zeros((1, 1)))}},
            '1 structure rows for 2 points',
        ),
        (lambda: {'profiles': Profiles(np.zeros((2, 4)), np.zeros((2, 3)), 2)}, 'differ'),
        (lambda: {'descriptors': {'structure': Descriptors((DescriptorColumn('a'),), [1.0, 2.0])}}, '2 factors for 1'),
        (lambda: {'descriptors': {'x': Descriptors((DescriptorColumn('a'),), [1.0], codes=[0.0])}}, 'belong together'),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(FormatError, match=words):
        bundle(**changes())
