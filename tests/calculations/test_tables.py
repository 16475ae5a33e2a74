"""Tables that are joined."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from plugins_aiida import make_dataset, make_descriptors, make_energies, make_structure

from aiida_limap.calculations.tables import EXIT_TABLES_DIFFER, concatenate_tables, join, merge, merge_tables
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
        ([{'columns': {'x': [1]}}, {'columns': {'x': [2]}}], None, 'the row a stands in more than one .* values of x'),
        ([{'columns': {'x': ['v']}}, {'columns': {'x': ['w']}}], None, 'more than one table with different values'),
        ([{'blocks': {'x': [[1]]}}, {'blocks': {'x': [[2]]}}], None, 'different values of block x'),
        (
            [
                {'columns': {'x': [1]}, 'column_info': {'x': {'unit': 'eV'}}},
                {'ids': ['b'], 'columns': {'x': [1]}, 'column_info': {'x': {'unit': 'meV'}}},
            ],
            None,
            "unit 'eV' in one table and 'meV' in another",
        ),
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
    _nothing, node = concatenate_tables.run_get_node(a=make_energies(['a'], [0.1]), b=make_energies(['a'], [0.2]))
    assert node.exit_status == EXIT_TABLES_DIFFER
    assert 'more than one table with different values of barrier_2d_eV' in node.exit_message


def altered(part: str, **changes) -> TableData:
    """Return a table of descriptors whose description of one part is another one."""
    table = make_descriptors(['z'])
    info = {name: table.block_info(name) for name in table.block_names}
    info[part].update(changes)
    return TableData.from_arrays(
        table.ids,
        {name: table.column(name) for name in table.column_names},
        blocks={name: table.block(name) for name in table.block_names},
        block_info=info,
    )


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'layout_checksum': 'def', 'layout': {'name': 'mine'}}, "another layout .*layout 'mine' with checksum def"),
        ({'labels': ['e', 'f', 'x']}, 'other column names'),
        ({'units': ['Å', 'Å', 'eV']}, 'other units'),
    ],
)
def test_descriptors_of_other_layouts_are_not_joined(changes, words):
    with pytest.raises(ValueError, match=f"block 'structure' has another meaning: .*{words}"):
        join([make_descriptors(['a']), altered('structure', **changes)])


def test_a_layout_with_another_title_is_the_same_layout():
    joined = join([make_descriptors(['a']), altered('structure', layout={'name': 'recorded', 'title': 'again'})])
    assert joined.block_info('structure')['layout'] == {'name': 'recorded'}


def test_described_structures_without_the_landscape_part_do_not_become_rows_without_numbers():
    with_landscape, without = make_descriptors(['a'], landscape=True), make_descriptors(['b'])
    for tables in ([with_landscape, without], [without, with_landscape]):
        with pytest.raises(ValueError, match="no block 'landscape', which another table has; describe all structures"):
            join(tables)
    # Where no structure could be described the engine leaves no block at all.
    failed = TableData.from_arrays(['b'], {'status': ['disordered'], 'formula': ['Li2O']})
    joined = join([failed, with_landscape])
    assert np.isnan(joined.block('landscape')[0]).all()
    assert joined.block_columns('landscape') == with_landscape.block_columns('landscape')
    with pytest.raises(ValueError, match="no block 'composition'"):
        join([with_landscape, TableData.from_arrays(['b'], {'status': ['ok']})])


def test_one_table_is_joined_to_itself():
    table = make_descriptors(['a', 'b'], missing=(1,), landscape=True)
    assert join([table]).checksum == table.checksum
    # Rows that stand in both with equal values, also where there are none, are taken once.
    assert join([table, table]).checksum == table.checksum
    assert join([table, make_descriptors(['a'], landscape=True)], order=['b', 'a']).ids == ['b', 'a']


def test_two_runs_of_one_computation_differ_in_their_time_only():
    tables = [TableData.from_arrays(['a'], {'x': [1.0], 'wall_s': [time]}) for time in (0.1, 0.2)]
    assert join(tables).row('a') == {'x': 1.0, 'wall_s': 0.1}


def test_tables_of_the_same_structures_stand_side_by_side():
    energies, descriptors = make_energies(['c', 'a', 'x'], [0.3, None, 0.9]), make_descriptors(['a', 'b', 'c'])
    merged = merge({'energies': energies, 'descriptors': descriptors})
    assert merged.ids == ['c', 'a']
    row = merged.row('c')
    assert (row['barrier_2d_eV'], row['formula']) == (0.3, 'Li2O')
    assert (merged.row('a')['energies_status'], merged.row('a')['descriptors_status']) == ('not_percolating', 'ok')
    assert 'status' not in merged.column_names
    assert np.array_equal(merged.block('composition'), descriptors.block('composition')[[2, 0]])
    assert merged.block_columns('structure') == descriptors.block_columns('structure')
    assert merged.metadata['merged']['energies']['mobile_ion'] == 'Li+'
    assert merged.engine_version == '0.1.0'


def test_what_cannot_stand_side_by_side_gets_a_sentence():
    with pytest.raises(ValueError, match='no tables to merge'):
        merge({})
    _nothing, node = merge_tables.run_get_node(one=make_energies(['a'], [0.1]), two=make_descriptors(['b']))
    assert (node.exit_status, node.exit_message) == (
        EXIT_TABLES_DIFFER,
        'the tables cannot be merged: the tables one, two have no row in common',
    )
    merged, node = merge_tables.run_get_node(one=make_energies(['a'], [0.1]), two=make_descriptors(['a']))
    assert node.is_finished_ok
    assert orm.load_node(merged.pk).creator.pk == node.pk


def test_joining_lets_go_of_the_tables_that_it_has_read():
    first, second = (make_descriptors([f'{name}-{row}' for row in range(3)]) for name in 'ab')
    joined = join([first, second])
    assert first._loaded is None
    assert second._loaded is None
    assert joined.ids == first.ids + second.ids
    np.testing.assert_array_equal(joined.block('structure'), np.vstack([first.block('structure')] * 2))


def test_a_row_in_two_tables_is_compared_block_by_block():
    first = TableData.from_arrays(['a', 'b'], {}, blocks={'wide': [[1.0], [2.0]]})
    same = TableData.from_arrays(['c', 'b'], {}, blocks={'wide': [[3.0], [2.0]]})
    other = TableData.from_arrays(['b'], {}, blocks={'wide': [[4.0]]})
    joined = join([first, same], order=['c', 'b', 'a'])
    assert joined.block('wide').tolist() == [[3.0], [2.0], [1.0]]
    with pytest.raises(ValueError, match='the row b stands in more than one table with different values of block wide'):
        join([first, other])


def test_tables_without_energy_profiles_are_joined_with_those_that_have_them():
    profiles = {'profile_distance_angstrom': [[0.0, 1.0]], 'profile_energy_eV': [[0.0, 0.4]]}
    older = TableData.from_arrays(['a', 'b'], {'status': ['ok', 'ok']})
    newer = TableData.from_arrays(['b'], {'status': ['ok']}, blocks=profiles)
    joined = join([older, newer])
    assert joined.ids == ['a', 'b']
    energies = joined.block('profile_energy_eV')
    assert np.isnan(energies[0]).all()
    np.testing.assert_allclose(energies[1], [0.0, 0.4], rtol=1e-6)
    assert join([newer, older]).block('profile_energy_eV')[0].tolist() == energies[1].tolist()
