"""Phonon quantities as a block of descriptors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plugins_aiida import FIXTURES, make_descriptors, make_energies

from aiida_limap.calculations._phonon_block import check_phonon_columns, other_phonons, rows_with_phonons, with_phonons
from aiida_limap.calculations.phonon_tables import EXIT_NO_PHONONS, join_phonons
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.table import TableData
from aiida_limap.formats._files import read_json
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.weights import read_weights, write_weights

MEANING = 'density of states of the mobile element, per atom (1/THz) at 1 THz'
COLUMNS = ['mobile_band_centre_THz', 'mobile_dos']


def make_phonons(ids: list[str], *, smearing: float = 0.1, **changes: Any) -> TableData:
    """Return an unstored table of phonon quantities; of the last compound there are no numbers."""
    centres = [5.0 + row for row in range(len(ids) - 1)] + [None]
    dos = np.arange(2.0 * len(ids)).reshape(-1, 2)
    dos[-1] = np.nan
    columns: dict[str, Any] = {
        'status': ['ok'] * (len(ids) - 1) + ['unstable'],
        'message': [''] * (len(ids) - 1) + ['half of the modes are imaginary'],
        'mobile_band_centre_THz': centres,
        'mobile_first_peak_THz': [None, *centres[1:]],
    }
    return TableData.from_arrays(
        ids,
        {**columns, **changes},
        column_info={'mobile_band_centre_THz': {'unit': 'THz', 'description': 'mean frequency'}},
        blocks={'mobile_dos': dos},
        block_info={
            'mobile_dos': {
                'labels': ['mobile_dos_1_THz', 'mobile_dos_2_THz'],
                'units': ['1/THz', '1/THz'],
                'meanings': ['density at 1 THz', 'density at 2 THz'],
                'frequencies_THz': [1.0, 2.0],
            }
        },
        metadata={'task': 'phonons', 'options': {'mobile': 'Li', 'smearing_THz': smearing, 'nac': True}},
    )


def model_of(columns: dict[str, Any], path: Any) -> AutoencoderData:
    tensors, header = read_weights(FIXTURES / 'train' / 'ok' / 'model.safetensors')
    write_weights(path, tensors, {**header, 'columns': columns})
    return AutoencoderData(path)


def test_rows_are_joined_by_the_structure_and_none_is_filled_up():
    descriptors = make_descriptors(['a', 'b', 'c', 'd', 'e'], missing=(1,))
    table = with_phonons(descriptors, make_phonons(['d', 'b', 'a', 'x', 'c']), COLUMNS)
    assert table.ids == descriptors.ids
    assert table.column('status').tolist() == ['ok', 'failed', 'no_phonons', 'ok', 'no_phonons']
    assert table.counts_by_status == {'ok': 2, 'failed': 1, 'no_phonons': 2}
    assert table.column('message').tolist() == [
        '',
        '',
        'its phonons have the status unstable: half of the modes are imaginary',
        '',
        'the table of phonons has no row of it',
    ]
    block = table.block('phonons')
    assert block[0].tolist() == [7.0, 4.0, 5.0]
    assert block[3].tolist() == [5.0, 0.0, 1.0]
    assert np.isnan(block[[2, 4]]).all()
    assert np.array_equal(table.block('structure'), descriptors.block('structure'), equal_nan=True)
    assert table.block_columns('phonons')[:2] == [
        {
            'name': 'mobile_band_centre_THz',
            'unit': 'THz',
            'meaning': 'mean frequency',
            'block': 'mobile_band_centre_THz',
        },
        {'name': 'mobile_dos_1', 'unit': 'THz', 'meaning': MEANING, 'block': 'mobile_dos'},
    ]
    counts = table.metadata['phonons']
    assert (counts['n_used'], counts['n_left_out'], counts['columns']) == (2, 2, COLUMNS)


def test_a_compound_without_one_of_the_numbers_says_which():
    phonons = make_phonons(['a', 'b', 'c'])
    assert rows_with_phonons(phonons, ['mobile_first_peak_THz', 'mobile_dos']) == {
        'a': 'its phonons have no mobile_first_peak_THz',
        'b': '',
        'c': 'its phonons have the status unstable: half of the modes are imaginary',
    }


def test_the_checksum_is_that_of_the_meaning():
    def checksum(names: list[str] = COLUMNS, **options: Any) -> str:
        table = with_phonons(make_descriptors(['a', 'b']), make_phonons(['a', 'b'], **options), names)
        return table.block_info('phonons')['checksum']

    assert checksum() == checksum(mobile_band_centre_THz=[9.0, None])
    assert len({checksum(), checksum(COLUMNS[::-1]), checksum(COLUMNS[:1]), checksum(smearing=0.2)}) == 4


def test_what_cannot_be_joined_is_told():
    phonons = make_phonons(['a', 'b'])
    assert check_phonon_columns(phonons, COLUMNS) is None
    assert 'the list is empty' in str(check_phonon_columns(phonons, []))
    assert "no column of numbers 'status'" in str(check_phonon_columns(phonons, ['status']))
    assert "no column of numbers or block 'width'" in str(check_phonon_columns(phonons, ['width']))
    with pytest.raises(ValueError, match='none of the 2 structures has both descriptors and phonons; phonons are'):
        with_phonons(make_descriptors(['x', 'b']), phonons, COLUMNS)


def test_the_graph_knows_where_the_block_comes_from(aiida_profile):
    from aiida import orm

    nodes = {'descriptors': make_descriptors(['a', 'b']), 'phonons': make_phonons(['a', 'b'])}
    table, node = join_phonons.run_get_node(**nodes, columns=orm.List(COLUMNS))
    assert node.is_finished_ok
    assert table.creator.inputs.phonons.uuid == nodes['phonons'].uuid
    strangers = {**nodes, 'phonons': make_phonons(['x', 'y'])}
    _, node = join_phonons.run_get_node(**strangers, columns=orm.List(COLUMNS))
    assert node.exit_status == EXIT_NO_PHONONS
    assert 'none of the 2 structures' in node.exit_message


def test_a_training_reads_the_block_where_there_is_one(prepare):
    descriptors = with_phonons(
        make_descriptors(['a', 'b', 'c'], landscape=True), make_phonons(['a', 'b', 'c']), COLUMNS
    )
    inputs = {'descriptors': descriptors, 'migration_energies': make_energies(['a', 'b'], [0.1, 0.2])}
    done = prepare('limap.train', **inputs, parameters={'landscape': True})
    arrays, columns = read_arrays(done.folder / 'training.npz'), read_json(done.folder / 'columns.json')
    assert arrays['ids'].tolist() == ['a', 'b']
    assert arrays['structure'].shape == (2, 8)
    assert arrays['structure'][:, -3:].tolist() == [[5.0, 0.0, 1.0], [6.0, 2.0, 3.0]]
    assert columns['scales']['structure']['phonons.mobile_dos'] == [6, 8]
    assert columns['structure_labels'][-2:] == ['mobile_dos_1', 'mobile_dos_2']
    assert columns['phonons']['units'] == ['THz', 'THz', 'THz']
    assert columns['phonons']['options'] == {'mobile': 'Li', 'smearing_THz': 0.1}


def test_a_model_of_phonons_is_given_the_same_phonons(prepare, tmp_path):
    descriptors = with_phonons(make_descriptors(['a', 'b']), make_phonons(['a', 'b']), COLUMNS)
    info = descriptors.block_info('phonons')
    model = model_of({'phonons': {key: info[key] for key in ('columns', 'checksum', 'options')}}, tmp_path / 'm')
    assert (model.reads_phonons, model.further_parts) == (True, ('phonons',))
    assert model.base.attributes.get('phonons') is True
    done = prepare('limap.encode', model=model, descriptors=descriptors)
    assert read_arrays(done.folder / 'descriptors.npz')['structure'].shape == (1, 6)
    with pytest.raises(ValueError, match="no block 'phonons', which the model reads"):
        prepare('limap.encode', model=model, descriptors=make_descriptors(['a', 'b']))
    other = with_phonons(make_descriptors(['a', 'b']), make_phonons(['a', 'b'], smearing=0.3), COLUMNS)
    assert 'these have' in str(other_phonons(make_phonons(['a', 'b'], smearing=0.3), info))
    assert other_phonons(make_phonons(['c', 'd']), info) is None
    with pytest.raises(ValueError, match='other numbers than those of the model, which reads mobile_band_centre_THz'):
        prepare('limap.encode', model=model, descriptors=other)


def test_a_model_without_phonons_is_what_it_was(prepare):
    plain = AutoencoderData(FIXTURES / 'train' / 'ok' / 'model.safetensors')
    # Its attributes are part of its hash: a new one would make every cached result unknown.
    assert 'phonons' not in plain.base.attributes.all
    descriptors = with_phonons(make_descriptors(['a', 'b']), make_phonons(['a', 'b']), COLUMNS)
    done = prepare('limap.encode', model=plain, descriptors=descriptors)
    assert read_arrays(done.folder / 'descriptors.npz')['structure'].shape == (2, 3)
    assert 'phonons' not in read_json(done.folder / 'columns.json')
