"""Tables that are joined."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from plugins_aiida import make_dataset, make_descriptors, make_structure

from aiida_limap.calculations.tables import EXIT_TABLES_DIFFER, concatenate_tables, join
from aiida_limap.data.table import TableData


def test_joined_tables_keep_rows_columns_and_blocks():
    first, second = make_descriptors(['a', 'b']), make_descriptors(['c'])
    joined = join([first, second], order=['c', 'z', 'b', 'a'])
    assert joined.ids == ['c', 'b', 'a']
    assert np.array_equal(joined.block('composition')[2], first.block('composition')[0])
    assert joined.block_info('structure') == first.block_info('structure')
    assert joined.metadata == first.metadata
    assert joined.counts_by_status == {'ok': 3}


def test_missing_columns_and_blocks_get_no_value():
    first = TableData.from_arrays(['a'], {'x': [1.0], 'note': ['n']}, blocks={'block': [[1, 2]]})
    second = TableData.from_arrays(['b'], {'note': [None], 'y': ['w']})
    joined = join([first, second])
    assert joined.row('a') == {'x': 1.0, 'note': 'n', 'y': None}
    assert joined.row('b') == {'x': None, 'note': None, 'y': 'w'}
    assert np.array_equal(joined.block('block'), [[1, 2], [np.nan, np.nan]], equal_nan=True)


def test_versions_of_several_engines_are_all_named():
    tables = [
        TableData.from_arrays([name], {}, metadata={'task': 'bvff', 'engine_version': version})
        for name, version in (('a', '0.1'), ('b', '0.2'), ('c', '0.1'))
    ]
    assert join(tables).metadata == {'task': 'bvff', 'engine_version': '0.1, 0.2'}


@pytest.mark.parametrize(
    ('tables', 'order', 'words'),
    [
        ([], None, 'no tables'),
        ([{'ids': ['a']}, {'ids': ['a']}], None, 'more than one table'),
        ([{'ids': ['a']}], ['b'], 'no structure of the dataset'),
        ([{'columns': {'x': [1]}}, {'ids': ['b'], 'columns': {'x': ['w']}}], None, 'numbers in one table'),
        ([{'blocks': {'x': [[1]]}}, {'ids': ['b'], 'blocks': {'x': [[1, 2]]}}], None, '1 and 2 columns'),
        (
            [
                {'blocks': {'x': [[1]]}, 'block_info': {'x': {'layout': 'one'}}},
                {'ids': ['b'], 'blocks': {'x': [[1]]}, 'block_info': {'x': {'layout': 'two'}}},
            ],
            None,
            'another meaning',
        ),
    ],
)
def test_tables_that_do_not_fit_are_refused(tables, order, words):
    nodes = [TableData.from_arrays(**{'ids': ['a'], 'columns': {}, **table}) for table in tables]
    with pytest.raises(ValueError, match=words):
        join(nodes, order)


def test_the_calculation_function_keeps_provenance_and_order():
    structures = [make_structure() for _ in range(3)]
    dataset = make_dataset(structures)
    first = make_descriptors([structures[2].uuid]).store()
    second = make_descriptors([structures[1].uuid, structures[0].uuid]).store()
    joined, node = concatenate_tables.run_get_node(dataset=dataset, table_0=first, table_1=second)
    assert joined.ids == dataset.structure_uuids
    assert orm.load_node(joined.pk).creator.pk == node.pk
    assert {link.node.pk for link in node.base.links.get_incoming()} == {dataset.pk, first.pk, second.pk}


def test_the_calculation_function_ends_with_a_sentence():
    _nothing, node = concatenate_tables.run_get_node(a=make_descriptors(['a']), b=make_descriptors(['a']))
    assert node.exit_status == EXIT_TABLES_DIFFER
    assert 'more than one table' in node.exit_message
