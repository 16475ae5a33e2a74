from __future__ import annotations

import numpy as np
import pytest

from aiida_limap.common.status import Status
from aiida_limap.engines.descriptors import composition_descriptors, load_layout
from aiida_limap.engines.descriptors.task import run
from aiida_limap.engines.errors import InputError
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ResultsWriter, read_results
from aiida_limap.formats.structures import StructureRecord, write_structures

#: Of each kind of element that a layout lacks: hydrogen and its isotopes, noble gases, actinides and beyond.
LACKING = ('H', 'D', 'T', 'He', 'Ar', 'Kr', 'Xe', 'Rn', 'Cm', 'Cf', 'No', 'Lr')
ANTIFLUORITE = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def record(identifier, species, cell=4.6):
    positions = [[0.25, 0.25, 0.25], [0.75, 0.75, 0.75], [0, 0, 0]]
    return StructureRecord(identifier, ANTIFLUORITE * cell, tuple(species), positions)


def run_task(tmp_path, records, parameters=None):
    write_structures(tmp_path / 'structures.json', records)
    writer = ResultsWriter(tmp_path, 'descriptors', '0')
    run(Job('descriptors', parameters or {}, {'structures': 'structures.json'}), tmp_path, writer)
    writer.finish()
    return read_results(tmp_path)


def test_rows_and_reasons(tmp_path):
    oxide = [{'Li': 1.0}, {'Li': 1.0}, {'O': 1.0}]
    results = run_task(
        tmp_path,
        [
            record('good', oxide),
            record('shared', [{'Li': 0.5, 'Mg': 0.5}, {'Li': 1.0}, {'O': 1.0}]),
            record('close', oxide, cell=0.6),
            record('bismuth', [{'Li': 1.0}, {'Li': 1.0}, {'Bi': 1.0}]),
            record('again', oxide, cell=5.0),
        ],
    )
    words = {item.id: item.status for item in results.items}
    assert words == {
        'good': Status.OK,
        'shared': Status.DISORDERED,
        'close': Status.OVERLAPPING_SITES,
        'bismuth': Status.UNKNOWN_ELEMENT,
        'again': Status.OK,
    }
    messages = {item.id: item.message for item in results.items}
    assert messages['bismuth'] == (
        'the atomic number of Bi, 83, is outside of the range 3 to 73 of the layout; '
        'the layouts all_elements, compact, modern and screening hold all elements of the composition'
    )
    assert results.items[0].values['formula'] == 'Li2O'
    assert results.items[0].values['wall_s'] >= 0
    assert list(results.arrays['row_ids']) == ['good', 'again']
    composition = results.arrays['composition']
    assert (composition[0] == composition[1]).all()
    np.testing.assert_array_equal(composition[0], composition_descriptors(['Li2O'])[0])
    assert results.arrays['structure'].shape == (2, 858)
    assert not np.allclose(*results.arrays['structure'])


# pymatgen sorts the symbols of a formula by electronegativity, and warns of noble gases.
@pytest.mark.filterwarnings('ignore:No Pauling electronegativity:UserWarning')
@pytest.mark.parametrize('layout', ['yamaguchi2023', 'modern'])
def test_elements_without_tabulated_values_have_a_status_of_their_own(tmp_path, layout):
    """Hydrogen and its isotopes, noble gases and actinides are no fault of the package: nothing calls them failed."""
    records = [record(symbol, [{'Li': 1.0}, {'Li': 1.0}, {symbol: 1.0}], cell=6.0) for symbol in LACKING]
    results = run_task(tmp_path, records, {'layout': layout})
    assert {item.id: str(item.status) for item in results.items} == dict.fromkeys(LACKING, 'unknown_element')
    messages = {item.id: item.message for item in results.items}
    for symbol, message in messages.items():
        assert f' {"H" if symbol in {"D", "T"} else symbol}' in message.replace("'", ' ')
    assert messages['H'].endswith('; the layout screening holds all elements of the composition')
    assert messages['D'] == messages['T'] == messages['H']
    assert messages['Cm'].endswith('no layout of the package holds all elements of the composition: leave it out')
    if layout == 'modern':
        assert messages['H'].startswith('no mean ionic radius is tabulated for H;')
        assert messages['Cm'].startswith('no atomic radius is tabulated for Cm;')
    results = run_task(tmp_path, [record('U', [{'Li': 1.0}, {'Li': 1.0}, {'U': 1.0}])], {'layout': layout})
    expected = {'yamaguchi2023': 'unknown_element', 'modern': 'no_oxidation_states'}
    assert str(results.items[0].status) == expected[layout]


def test_summary_describes_the_columns(tmp_path):
    results = run_task(tmp_path, [record('a', [{'Li': 1.0}, {'Li': 1.0}, {'O': 1.0}])], {'layout': 'all_elements'})
    layout = load_layout('all_elements')
    assert results.summary['layout_checksum'] == layout.checksum
    assert load_layout(results.summary['layout']).checksum == layout.checksum
    assert results.summary['composition_labels'] == layout.labels('composition')
    assert results.summary['structure_labels'] == layout.labels('structure')
    parts = ('composition', 'structure')
    assert results.summary['blocks'] == {part: layout.blocks(part) for part in parts}
    assert results.summary['scales'] == {part: layout.scales(part) for part in parts}
    columns = layout.columns('structure')
    assert results.summary['structure_units'] == [column.unit for column in columns]
    assert results.summary['structure_meanings'] == [column.meaning for column in columns]


def test_layout_as_a_mapping(tmp_path):
    document = load_layout('yamaguchi2023').as_dict()
    document['structure'][1]['bins'] = 60
    results = run_task(tmp_path, [record('a', [{'Li': 1.0}, {'Li': 1.0}, {'O': 1.0}])], {'layout': document})
    assert results.arrays['structure'].shape == (1, 738)


def test_wrong_jobs(tmp_path):
    records = [record('a', [{'Li': 1.0}, {'Li': 1.0}, {'O': 1.0}])]
    with pytest.raises(InputError, match="unknown parameter 'colour'; known are layout"):
        run_task(tmp_path, records, {'colour': 1})
    with pytest.raises(InputError, match="landscape is true or false, not 'yes'"):
        run_task(tmp_path, records, {'landscape': 'yes'})
    with pytest.raises(InputError, match='yamaguchi2023 has no landscape part'):
        run_task(tmp_path, records, {'landscape': True})
    with pytest.raises(InputError, match='neither a file nor one of'):
        run_task(tmp_path, records, {'layout': 'nothing'})
    with pytest.raises(InputError, match='role structures'):
        run(Job('descriptors'), tmp_path, ResultsWriter(tmp_path, 'descriptors', '0'))
