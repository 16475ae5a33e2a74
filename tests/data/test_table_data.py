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
