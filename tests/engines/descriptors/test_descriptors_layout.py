from __future__ import annotations

import copy
import json
import warnings

import pytest
import yaml

from aiida_limap.engines.descriptors import load_layout
from aiida_limap.engines.descriptors.elements import PROPERTIES, SYMBOLS, ElementDataError, element_property
from aiida_limap.engines.descriptors.layout import layout_names
from aiida_limap.engines.errors import InputError


def test_published_totals():
    layout = load_layout('yamaguchi2023')
    assert layout.reconstruction
    assert len(layout.columns('composition')) == 1782
    assert len(layout.columns('structure')) == 858
    assert len(layout.columns()) == 1782 + 858
    assert len({column.name for column in layout.columns()}) == 1782 + 858
    assert layout.blocks['structure'] == {'rdf': [0, 600], 'adf': [600, 780], 'voronoi': [780, 858]}
    assert layout.blocks['composition']['element_fractions'] == [1680, 1782]
    assert len(layout.histograms) == 12


@pytest.mark.parametrize('name', layout_names())
def test_round_trip_through_plain_values(name):
    layout = load_layout(name)
    assert layout.name == name
    again = load_layout(layout.as_dict())
    assert again.checksum == layout.checksum
    assert again.columns() == layout.columns()


def test_checksum_follows_the_numbers_only():
    document = load_layout('yamaguchi2023').as_dict()
    document['title'] = 'another title'
    assert load_layout(document).checksum == load_layout('yamaguchi2023').checksum
    document['structure']['rdf']['sigma'] = 0.2
    assert load_layout(document).checksum != load_layout('yamaguchi2023').checksum


def test_order_of_keys_does_not_matter():
    # Databases store mappings with their keys in another order.
    document = json.loads(json.dumps(load_layout('yamaguchi2023').as_dict(), sort_keys=True))
    assert load_layout(document).columns() == load_layout('yamaguchi2023').columns()
    assert load_layout(document).checksum == load_layout('yamaguchi2023').checksum


def test_from_a_file(tmp_path):
    document = load_layout('yamaguchi2023').as_dict()
    document['name'] = 'mine'
    document['structure']['adf']['bins'] = 90
    path = tmp_path / 'mine.yaml'
    path.write_text(yaml.safe_dump(document))
    assert len(load_layout(path).columns('structure')) == 858 - 90


def _edit(path, value):
    document = copy.deepcopy(load_layout('yamaguchi2023').as_dict())
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ('path', 'value', 'words'),
    [
        (('colour',), 1, "unknown key 'colour'"),
        (('structure', 'rdf', 'cutoff'), 1, "unknown key 'cutoff'"),
        (('structure', 'rdf', 'normalisation'), 'h', 'normalisation'),
        (('structure', 'rdf', 'pairs'), [['Li', 'X']], "unknown class 'X'"),
        (('structure', 'rdf', 'bins'), 'many', 'rdf'),
        (('structure', 'adf', 'outer_ratio'), 1.0, 'outer_ratio'),
        (('structure', 'voronoi', 'small_face_ratio'), 2, 'small_face_ratio'),
        (('structure', 'classes', 'named'), [{'name': 'Li', 'elements': ['Qq']}], "'Qq'"),
        (('structure', 'classes', 'named'), [{'name': 'M', 'elements': ['Li']}], 'stands twice'),
        (('composition', 'histograms', 0, 'quantity'), 'beauty', "'beauty'"),
        (('composition', 'histograms', 0, 'maximum'), -1, 'maximum > minimum'),
        (('composition', 'element_fractions', 'last'), 120, 'element_fractions'),
        (('composition',), None, 'expected keys'),
    ],
)
def test_wrong_content_is_refused(path, value, words):
    with pytest.raises(InputError, match=words):
        load_layout(_edit(path, value))


def test_missing_key_and_missing_file(tmp_path):
    document = load_layout('yamaguchi2023').as_dict()
    del document['structure']['adf']
    with pytest.raises(InputError, match="'adf' is missing"):
        load_layout(document)
    with pytest.raises(InputError, match='yamaguchi2023'):
        load_layout('no_such_layout')
    (tmp_path / 'bad.yaml').write_text('a: [1')
    with pytest.raises(InputError, match='not a YAML file'):
        load_layout(tmp_path / 'bad.yaml')


def test_element_values_against_the_literature():
    expected = {
        ('Li', 'electronegativity'): 0.98,
        ('O', 'electronegativity'): 3.44,
        ('Li', 'covalent_radius'): 1.28,
        ('Zr', 'atomic_weight'): 91.224,
        ('Ba', 's_electrons'): 12,
        ('Ba', 'p_electrons'): 24,
        ('Ta', 'd_electrons'): 23,
        ('Hf', 'f_electrons'): 14,
        ('O', 'mendeleev_number'): 101,
    }
    for (symbol, name), value in expected.items():
        assert element_property(symbol, name) == pytest.approx(value, rel=1e-3)
    assert SYMBOLS.index('No') == 101


@pytest.mark.parametrize(
    ('symbol', 'name'), [('He', 'electronegativity'), ('H', 'ionic_radius'), ('Kr', 'atomic_radius')]
)
def test_missing_element_value_is_named(symbol, name):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        with pytest.raises(ElementDataError, match=f'{PROPERTIES[name].meaning}.*{symbol}'):
            element_property(symbol, name)
