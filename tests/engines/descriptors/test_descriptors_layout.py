from __future__ import annotations

import copy
import json
import warnings

import numpy as np
import pytest
import yaml
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.descriptors import load_layout
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.elements import PROPERTIES, SYMBOLS, ElementDataError, element_property
from aiida_limap.engines.descriptors.layout import layout_names
from aiida_limap.engines.descriptors.structure import structure_row
from aiida_limap.engines.errors import InputError


def test_published_totals():
    layout = load_layout('yamaguchi2023')
    assert layout.reconstruction
    assert len(layout.columns('composition')) == 1782
    assert len(layout.columns('structure')) == 858
    assert len(layout.columns()) == 1782 + 858
    assert len({column.name for column in layout.columns()}) == 1782 + 858
    assert layout.blocks('structure') == {'rdf': [0, 600], 'adf': [600, 780], 'voronoi': [780, 858]}
    assert layout.blocks('composition')['element_fractions'] == [1680, 1782]
    assert [block.kind for block in layout.parts['composition']] == [*['element_histogram'] * 12, 'element_fractions']
    assert layout.scales('composition') == {'composition': [0, 1782]}
    assert layout.scales('structure') == layout.blocks('structure')
    assert layout.columns('landscape') == ()


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
    document['structure'][0]['sigma'] = 0.2
    assert load_layout(document).checksum != load_layout('yamaguchi2023').checksum


def test_order_of_keys_does_not_matter():
    # Databases store mappings with their keys in another order.
    document = json.loads(json.dumps(load_layout('yamaguchi2023').as_dict(), sort_keys=True))
    assert load_layout(document).columns() == load_layout('yamaguchi2023').columns()
    assert load_layout(document).checksum == load_layout('yamaguchi2023').checksum


def test_whole_numbers_may_be_written_as_floats():
    document = load_layout('yamaguchi2023').as_dict()
    document['structure'][0]['maximum'] = 10
    assert load_layout(document).checksum == load_layout('yamaguchi2023').checksum


def test_a_block_may_stand_twice_under_two_names(tmp_path):
    document = load_layout('yamaguchi2023').as_dict()
    document['structure'].append({**document['structure'][1], 'name': 'adf_coarse', 'bins': 18})
    layout = load_layout(document)
    assert layout.blocks('structure')['adf_coarse'] == [858, 876]
    assert {column.block for column in layout.columns('structure')} == {'rdf', 'adf', 'voronoi', 'adf_coarse'}


def test_classes_by_role_go_by_the_sign_of_the_charge():
    classes = ClassSpec([{'name': 'Li', 'elements': ['Li']}, {'name': 'anion', 'role': 'anion'}], 'cation')
    assert classes.need_charges
    symbols, is_anion = ['Li', 'S', 'O', 'Li'], np.array([False, False, True, True])
    assert [classes.names[index] for index in classes.assign(symbols, is_anion)] == ['Li', 'cation', 'anion', 'Li']


def test_from_a_file(tmp_path):
    document = load_layout('yamaguchi2023').as_dict()
    document['name'] = 'mine'
    document['structure'][1]['bins'] = 90
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
        (('structure', 0, 'cutoff'), 1, "rdf: unknown key 'cutoff'"),
        (('structure', 0, 'kind'), 'rdff', "unknown kind of block 'rdff'; known are element_histogram"),
        (('structure', 0, 'normalisation'), 'h', 'normalisation'),
        (('structure', 0, 'pairs'), [['Li', 'X']], "unknown class 'X'"),
        (('structure', 0, 'pairs'), [['Li', 'O'], ['O', 'Li']], 'stands once'),
        (('structure', 0, 'bins'), 'many', "rdf: bins is a whole number, not 'many'"),
        (('structure', 0, 'bins'), 10**9, 'rdf: bins is at most 100000'),
        (('structure', 0, 'bins'), 10.0, 'rdf: bins is a whole number'),
        (('structure', 0, 'sigma'), float('nan'), 'rdf: sigma is a number'),
        (('structure', 0, 'sigma'), True, 'rdf: sigma is a number'),
        (('structure', 0, 'scale'), {'a': 1}, 'rdf: scale is a word'),
        (('structure', 0), 'rdf', "each block needs a 'kind', found 'rdf'"),
        (('structure', 1), {'kind': 'element_fractions'}, "'element_fractions' cannot stand in the part 'structure'"),
        (('structure', 1, 'outer_ratio'), 1.0, 'outer_ratio'),
        (('structure', 2, 'name'), 'adf', "two blocks are called 'adf'"),
        (('structure', 2, 'scale'), 'rdf', "scale 'rdf' do not stand side by side"),
        (('structure',), {'rdf': 1}, 'expected a list of blocks, found dict'),
        (('structure',), [], 'at least one block'),
        (('classes', 'named'), [{'name': 'Li', 'elements': ['Qq']}], "'Qq'"),
        (('classes', 'named'), [{'name': 'M', 'elements': ['Li']}], 'stands twice'),
        (('classes', 'named'), [{'name': 'Li', 'role': 'metal'}], 'anion, cation'),
        (('classes', 'named'), [{'name': 'Li'}], "'elements' or 'role'"),
        (('composition', 0, 'quantity'), 'beauty', "'beauty'"),
        (('composition', 0, 'maximum'), -1, 'maximum > minimum'),
        (('composition', 12, 'last'), 120, 'element_fractions'),
        (('composition',), None, 'expected a list'),
        (('name',), 5, 'name is a word or a line of words, not 5'),
        (('name',), ' ', 'name is a word'),
        (('title',), None, 'title is a word or a line of words, not None'),
        (('reconstruction',), 'no', "reconstruction is true or false, not 'no'"),
        (('structure', 0, 'pairs'), 3, 'rdf: pairs is a list of lists of words, not 3'),
        (('structure', 0, 'pairs'), ['Li', 'O'], 'rdf: pairs is a list of lists of words'),
        (('structure', 0, 'pairs'), [[['Li'], 'O']], 'rdf: pairs is a list of lists of words'),
        (('structure', 0, 'pairs'), [], 'at least one pair'),
        (('structure', 0, 'maximum'), 200, 'rdf: maximum and 7 sigma together are at most 40 Å'),
        (('structure', 1, 'triplets'), [1, 2], 'adf: triplets is a list of lists of words'),
        (('structure', 1, 'triplets'), [[1, 'Li', 'O']], 'adf: triplets is a list of lists of words'),
        (('structure', 0), {'kind': 'channels', 'fields': [[None, 0]]}, 'fields is a list of lists of numbers'),
        (('structure', 0), {'kind': 'channels', 'fields': [[float('inf'), 0]]}, 'fields is a list of lists of numbers'),
        (('structure', 0), {'kind': 'channels', 'fields': [[1e6, 0]]}, 'offsets of cations are at most 100 Å2'),
        (
            ('structure', 0),
            {'kind': 'void_sizes', 'minimum': 1, 'maximum': 3, 'bins': 9, 'sigma': 1e-9},
            'void_sizes: sigma is a hundredth to a hundred times',
        ),
        (('structure', 0), {'kind': 'void_coordination', 'maximum': 9, 'sigma': 1e-9}, 'sigma is a hundredth'),
        (('structure', 1), {'kind': 'adf', 'bins': 90_000, 'sigma': 0.01, 'inner_ratio': 1, 'outer_ratio': 2}, 'fewer'),
    ],
)
def test_wrong_content_is_refused(path, value, words):
    with pytest.raises(InputError, match=words):
        load_layout(_edit(path, value))


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', 'expected keys with values, found NoneType'),
        ('a: 1\n---\nb: 2', 'not a YAML file: expected a single document'),
        ('!!python/object/apply:os.getcwd []', 'not a YAML file: could not determine a constructor'),
        ('name: one\ntitle: two\nname: three', "not a YAML file: the key 'name' stands twice"),
        ('[' * 3000, 'too many others inside each other'),
        ('structure: [{kind: rdf, pairs: &loop [*loop]}]', "the key 'classes' is missing"),
    ],
)
def test_files_that_are_no_layout_get_a_sentence(tmp_path, text, words):
    (tmp_path / 'bad.yaml').write_text(text)
    with pytest.raises(InputError, match=words):
        load_layout(tmp_path / 'bad.yaml')


def test_a_list_that_holds_itself(tmp_path):
    text = json.dumps(_edit(('structure', 0, 'pairs'), 'LOOP')).replace('"LOOP"', '&loop [*loop]')
    (tmp_path / 'loop.yaml').write_text(text)
    with pytest.raises(InputError, match='holds itself'):
        load_layout(tmp_path / 'loop.yaml')


def test_blocks_of_the_landscape_part_get_all_their_neighbours():
    far = {**load_layout('yamaguchi2023').as_dict()['structure'][0], 'maximum': 14}
    layout = load_layout(_edit(('landscape',), [far]))
    assert layout.reach == layout.parts['landscape'][0].reach > load_layout('yamaguchi2023').reach
    oxide = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.6), ['Li', 'O'], [[0.25] * 3, [0] * 3])
    alone = load_layout(_edit(('structure', 0), far))
    row = structure_row(oxide, layout, 'landscape')
    np.testing.assert_allclose(row, structure_row(oxide, alone)[: len(row)], rtol=1e-9)


def test_missing_key_and_missing_file(tmp_path):
    document = load_layout('yamaguchi2023').as_dict()
    del document['structure'][1]['bins']
    with pytest.raises(InputError, match="adf: the key 'bins' is missing"):
        load_layout(document)
    del document['structure']
    with pytest.raises(InputError, match="'structure' is missing"):
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
