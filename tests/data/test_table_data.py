"""Tables: columns, blocks and what they mean."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_limap.data.table import TableData

IDS = ['a', 'b', 'c']


def example(**changes) -> TableData:
    arguments = {
        'columns': {'status': ['ok', 'failed', 'ok'], 'barrier_2d_eV': [0.5, None, np.nan], 'note': ['x', None, 'ä']},
        'column_info': {'barrier_2d_eV': {'unit': 'eV', 'description': 'a barrier'}},
        'blocks': {'composition': [[1, 2], [3, 4], [5, np.nan]]},
        'block_info': {'composition': {'labels': ['p', 'q']}},
        'metadata': {'task': 'bvff', 'engine_version': '1.2', 'other': [1, None]},
    }
    return TableData.from_arrays(IDS, **{**arguments, **changes})


def test_a_table_comes_back_from_the_database():
    table = orm.load_node(example().store().pk)
    assert table.ids == IDS
    assert (len(table), table.n_rows, table.column_names) == (3, 3, ['status', 'barrier_2d_eV', 'note'])
    assert np.array_equal(table.column('barrier_2d_eV'), [0.5, np.nan, np.nan], equal_nan=True)
    assert table.column('note').tolist() == ['x', '', 'ä']
    assert np.array_equal(table.block('composition'), [[1, 2], [3, 4], [5, np.nan]], equal_nan=True)
    assert table.block_info('composition') == {'labels': ['p', 'q']}
    assert table.metadata == {'task': 'bvff', 'engine_version': '1.2', 'other': [1, None]}
    assert table.info[1] == {'name': 'barrier_2d_eV', 'unit': 'eV', 'description': 'a barrier', 'kind': 'number'}
    assert table.row('b') == {'status': 'failed', 'barrier_2d_eV': None, 'note': None}
    assert table.counts_by_status == {'ok': 2, 'failed': 1}
    assert table.base.attributes.get('task') == 'bvff'
    assert table.base.attributes.get('blocks') == [{'name': 'composition', 'n_columns': 2}]
    assert table.checksum == example().checksum


def test_a_table_becomes_a_data_frame():
    frame = example().to_dataframe()
    assert list(frame.index) == IDS
    assert frame.loc['a', 'barrier_2d_eV'] == 0.5
    assert frame.loc['c', 'note'] == 'ä'


DESCRIBED = {
    'labels': ['p', 'q'],
    'units': ['Å', ''],
    'meanings': ['a length', 'a number'],
    'blocks': {'second': [1, 2], 'first': [0, 1]},
}


def test_the_columns_of_a_block_are_described_and_found_by_name():
    table = orm.load_node(example(block_info={'composition': DESCRIBED}).store().pk)
    assert table.block_columns('composition') == [
        {'name': 'p', 'unit': 'Å', 'meaning': 'a length', 'block': 'first'},
        {'name': 'q', 'unit': '', 'meaning': 'a number', 'block': 'second'},
    ]
    assert table.block_column('composition', 'p').tolist() == [1, 3, 5]
    with pytest.raises(KeyError, match="no column 'pp'; did you mean p"):
        table.block_column('composition', 'pp')
    with pytest.raises(KeyError, match="no column 'colour'; block_columns lists them"):
        table.block_column('composition', 'colour')
    for ask in (lambda: table.block_columns('colour'), lambda: table.block_column('colour', 'p')):
        with pytest.raises(KeyError, match='it has composition'):
            ask()


@pytest.mark.parametrize('info', [{}, {'labels': None, 'blocks': None}, {'labels': ['only one']}])
def test_columns_of_a_block_without_names_are_numbered(info):
    table = example(block_info={'composition': info})
    assert table.block_columns('composition') == [
        {'name': f'composition_{number}', 'unit': '', 'meaning': '', 'block': ''} for number in range(2)
    ]
    assert table.block_column('composition', 'composition_1')[0] == 2


def test_a_data_frame_holds_the_blocks_when_asked():
    blocks = {'composition': [[1, 2], [3, 4], [5, np.nan]], 'structure': [[7], [8], [9]], 'other': [[0], [0], [0]]}
    info = {'composition': DESCRIBED, 'structure': {'labels': ['q']}, 'other': {'labels': ['note']}}
    table = example(blocks=blocks, block_info=info)
    own = ['status', 'barrier_2d_eV', 'note']
    assert list(table.to_dataframe().columns) == own
    frame = table.to_dataframe(blocks=True)
    assert list(frame.columns) == [*own, 'p', 'composition.q', 'structure.q', 'other.note']
    assert frame.loc['b', 'composition.q'] == 4
    assert np.isnan(frame.loc['c', 'composition.q'])
    assert list(table.to_dataframe(blocks=['structure']).columns) == [*own, 'q']
    frame.loc['b', 'p'] = 0.0
    assert table.block_column('composition', 'p')[1] == 3
    with pytest.raises(KeyError, match="no block 'colour'"):
        table.to_dataframe(blocks=['colour'])


def test_arrays_of_a_table_cannot_be_changed():
    with pytest.raises(ValueError, match='read-only'):
        example().column('barrier_2d_eV')[0] = 1.0


def test_unknown_names_are_answered_with_the_known_ones():
    table = example()
    for ask, words in (
        (table.column, 'barrier_2d_eV'),
        (table.block, 'composition'),
        (table.block_info, 'composition'),
    ):
        with pytest.raises(KeyError, match=words):
            ask('colour')
    with pytest.raises(KeyError, match='no row'):
        table.row('z')


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'columns': {'x': [1, 2]}, 'column_info': {}}, '2 values for 3 rows'),
        ({'columns': {'x': [1, 'a', 2]}, 'column_info': {}}, 'mixes words and numbers'),
        ({'columns': {'x': [1, [2], 3]}, 'column_info': {}}, 'neither a number nor a word'),
        ({'columns': {'x': np.ones((3, 2))}, 'column_info': {}}, 'one value per row'),
        ({'columns': {'': [1, 2, 3]}, 'column_info': {}}, 'needs a name'),
        ({'column_info': {'colour': {'unit': 'eV'}}}, 'no such column'),
        ({'column_info': {'note': {'units': 'eV'}}}, "by 'units'"),
        ({'blocks': {'x': [1, 2, 3]}, 'block_info': {}}, 'has shape'),
        ({'blocks': {'x': [['a'], ['b'], ['c']]}, 'block_info': {}}, 'not numbers'),
        ({'block_info': {'x': {}}}, 'no such block'),
        ({'metadata': {'x': np.nan}}, 'plain values'),
    ],
)
def test_wrong_tables_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        example(**changes)


@pytest.mark.parametrize(
    ('ids', 'words'), [(['a', 'a'], 'two rows'), (['a', ''], 'identifier'), (['a', 1], 'identifier')]
)
def test_wrong_identifiers_are_refused(ids, words):
    with pytest.raises(ValueError, match=words):
        TableData.from_arrays(ids, {})


def test_a_table_without_content_or_with_altered_content_cannot_be_stored():
    with pytest.raises(ValidationError, match='from_arrays'):
        TableData().store()
    table = example()
    other = example(columns={'status': ['ok', 'ok', 'ok'], 'barrier_2d_eV': [1, 2, 3], 'note': ['', 'a', '']})
    content = other.base.repository.get_object_content(TableData.ARRAYS_FILE, mode='rb')
    table.base.repository.put_object_from_bytes(content, TableData.ARRAYS_FILE)
    with pytest.raises(ValidationError, match='checksum'):
        table.store()
    table.base.repository.put_object_from_bytes(content[:100], TableData.ARRAYS_FILE)
    with pytest.raises(ValidationError, match='cut short'):
        table.store()


def test_a_copy_is_equal():
    table = example().store()
    copy = table.clone().store()
    assert copy.checksum == table.checksum
    assert copy.base.caching.get_hash() == table.base.caching.get_hash()


def test_a_table_without_rows_is_a_table():
    table = TableData.from_arrays([], {'x': []}, blocks={'y': np.empty((0, 4))}).store()
    assert (len(table), table.ids, table.block('y').shape) == (0, [], (0, 4))


_CELLS = st.none() | st.floats(allow_infinity=False) | st.integers(-1000, 1000)
_WORDS = st.text(alphabet=st.characters(exclude_characters='\x00', exclude_categories=('Cs',)), max_size=8)


@settings(max_examples=30, deadline=None)
@given(numbers=st.lists(_CELLS, min_size=1, max_size=6), words=st.lists(_WORDS, min_size=6, max_size=6))
def test_any_cells_come_back(numbers, words):
    ids = [f'row {number}' for number in range(len(numbers))]
    table = TableData.from_arrays(ids, {'numbers': numbers, 'words': words[: len(ids)]})
    for identifier, number, word in zip(ids, numbers, words, strict=False):
        row = table.row(identifier)
        expected = None if number is None or np.isnan(number) else float(number)
        assert row['numbers'] == expected
        assert row['words'] == (word or None)
