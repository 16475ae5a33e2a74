"""What the jobs of a screening send to the computer, what they refuse, and how hits are put together."""

from __future__ import annotations

import numpy as np
import pytest
from plugins_aiida import FIXTURES, make_descriptors, make_structure
from plugins_screening import known_map, make_labels

from aiida_limap.calculations._neighbours import nearest_codes, nearest_compositions
from aiida_limap.calculations.screening import gather_hits, nearest_on_map, screening_structures
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.screening_model import ScreeningModelData
from aiida_limap.data.table import TableData
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import read_job

__all__ = ['known_map']

MODELS = FIXTURES / 'screen_train' / 'ok' / 'models'


def model(kind: str) -> ScreeningModelData:
    return ScreeningModelData(MODELS / f'{kind}.safetensors')


def test_labels_and_features_are_written_for_a_training(prepare):
    first, second = make_structure(), make_structure()
    labels = make_labels([first, 'no-structure', second], [1, 0, 0])
    descriptors = make_descriptors([second.uuid, first.uuid], missing=(0,))
    done = prepare('limap.screen_train', labels=labels, descriptors=descriptors, parameters={'models': ['esml']})
    job = read_job(done.folder / 'job.json')
    assert (job.task, dict(job.parameters)) == ('screen_train', {'models': ['esml']})
    assert dict(job.inputs) == {'labels': 'labels.npz', 'features': 'features.npz', 'columns': 'columns.json'}
    arrays = read_arrays(done.folder / 'labels.npz')
    assert arrays['ids'].tolist() == [first.uuid, 'no-structure', second.uuid]
    assert arrays['label'].tolist() == [1, 0, 0]
    features = read_arrays(done.folder / 'features.npz')
    assert features['ids'].tolist() == descriptors.ids
    # The engine leaves out what has no features, and says how many.
    assert np.isnan(features['composition'][0]).all()
    assert done.calcinfo.retrieve_temporary_list == ['arrays.npz', 'models']


@pytest.mark.parametrize(
    ('labels', 'words'),
    [
        ([1, 1], 'labels: all 2 labelled rows are fast; a model needs fast and slow compounds'),
        ([None, None], 'labels: no row of the table has a label'),
        ([0.5, 1], 'labels: a label is 1 .fast. or 0 .slow., not 0.5'),
    ],
)
def test_labels_that_say_nothing_are_refused(prepare, labels, words):
    nodes = [make_structure(), make_structure()]
    descriptors = make_descriptors([node.uuid for node in nodes])
    with pytest.raises(ValueError, match=words):
        prepare('limap.screen_train', labels=make_labels(nodes, labels), descriptors=descriptors)


def test_tables_that_do_not_fit_are_refused(prepare):
    nodes = [make_structure(), make_structure()]
    labels = make_labels(nodes, [1, 0])
    with pytest.raises(ValueError, match='none of the labelled structures is among the described ones'):
        prepare('limap.screen_train', labels=labels, descriptors=make_descriptors(['a', 'b']))
    with pytest.raises(ValueError, match=r"no block 'composition'; give the table of a limap\.descriptors"):
        prepare('limap.screen_train', labels=labels, descriptors=labels)
    with pytest.raises(ValueError, match="no column of numbers 'label'"):
        prepare('limap.screen_train', labels=make_descriptors(['a']), descriptors=make_descriptors(['a']))


def test_models_are_written_for_a_screen(prepare):
    done = prepare('limap.screen', model=model('esml'), check=model('atom2vec'), parameters={'part': [0, 2]})
    job = read_job(done.folder / 'job.json')
    assert dict(job.inputs) == {'model': 'model.safetensors', 'check': 'check.safetensors'}
    assert dict(job.parameters) == {'part': [0, 2]}
    assert (done.folder / 'check.safetensors').read_bytes() == (MODELS / 'atom2vec.safetensors').read_bytes()
    for inputs, words in (
        ({'model': model('sml')}, 'model: sml cannot be asked about compositions alone'),
        ({'model': model('esml'), 'check': model('esml')}, 'check: hits are checked by a model of kind atom2vec'),
        ({'model': model('esml'), 'parameters': {'first': 3, 'last': 3}}, 'there are no systems from 3 to 3'),
        ({'model': model('esml'), 'parameters': {'part': [0, 2], 'first': 1}}, 'not by both'),
    ):
        with pytest.raises(ValueError, match=words):
            prepare('limap.screen', **inputs)


def test_formulas_are_written_once_for_a_placing(prepare):
    hits = TableData.from_arrays(['a', 'b', 'c'], {'formula': ['Li2S', 'Li2O', 'Li2S']})
    map_model = AutoencoderData(FIXTURES / 'train' / 'ok' / 'model.safetensors')
    done = prepare('limap.place_compositions', model=map_model, hits=hits)
    assert read_arrays(done.folder / 'formulas.npz')['formula'].tolist() == ['Li2S', 'Li2O']
    with pytest.raises(ValueError, match='no column of formulas'):
        prepare('limap.place_compositions', model=map_model, hits=TableData.from_arrays(['a'], {'score': [1]}))


def test_exit_codes_have_sentences_and_stay_out_of_the_cache():
    from aiida.plugins import CalculationFactory

    for task in ('screen', 'screen_train', 'place_compositions'):
        codes = {code.status: code for code in CalculationFactory(f'limap.{task}').exit_codes.values()}
        assert {303, 304, 305, 312, 320, 321, 330, 350} <= set(codes)
        assert all(len(code.message.split()) > 3 for status, code in codes.items() if status >= 200)
        assert all(codes[status].invalidates_cache for status in (303, 304, 305, 312, 320, 321, 330, 350))
    assert codes[330].invalidates_cache


def test_structures_of_labels_and_dataset_stand_in_one_dataset_once(aiida_profile):
    from aiida_limap.data.dataset import DatasetData

    first, second, third = make_structure(), make_structure(), make_structure()
    labels = make_labels([first, second, 'bare'], [1, None, 0])
    dataset = DatasetData(name='x', structures=[(first.uuid, 'id-1'), (third.uuid, 'id-3')]).store()
    chosen = screening_structures(labels, dataset)
    assert chosen.structure_uuids == [first.uuid, third.uuid]
    assert chosen.source_ids == ['id-1', 'id-3']
    assert (chosen.filter['labelled'], chosen.filter['dataset']) == (1, dataset.uuid)
    assert screening_structures(labels).structure_uuids == [first.uuid]


def hits(formulas: list[str], scores: list[float], first: int, **facts) -> TableData:
    metadata = {
        'task': 'screen', 'engine_version': '0.1.0', 'options': {'step_percent': 5},
        'counts': [['all', 10], ['fast', 2]], 'integer_counts': [['fast', 1]],
        'tallies': {'score': {'edges': [0, 1], 'left': [2]}},
        'n_compositions': 10, 'n_systems_in_all': 20, 'done': [[first, first + 5]], **facts,
    }  # fmt: skip
    columns = {'formula': formulas, 'system': ['Li-O-S'] * len(formulas), 'score': scores}
    return TableData.from_arrays(formulas, columns if formulas else {}, metadata=metadata).store()


def test_hits_of_all_jobs_are_sorted_and_stand_beside_what_is_known(aiida_profile):
    known = TableData.from_arrays(['u1', 'u2'], {'formula': ['Li2S', 'LiCl'], 'label': [1, None]})
    tables = {'table_0': hits(['Li2S', 'LiO'], [1, 3], 0), 'table_1': hits(['LiCl2', 'Li2S'], [2, 1], 5)}
    table = gather_hits({'max_hits': 2}, known=known, **tables, table_2=hits([], [], 10))
    assert table.ids == ['LiO', 'LiCl2']
    assert table.row('LiCl2') == {
        'formula': 'LiCl2', 'system': 'Li-O-S', 'score': 2, 'nearest_formula': 'LiCl', 'nearest_uuid': 'u2',
        'nearest_label': None, 'nearest_distance': pytest.approx(1 / 6, abs=1e-5),
    }  # fmt: skip
    facts = table.metadata
    assert (facts['n_hits'], facts['n_kept'], facts['n_systems'], facts['n_compositions']) == (3, 2, 15, 30)
    assert facts['counts'] == [['all', 30], ['fast', 6]]
    assert facts['tallies'] == {'score': {'edges': [0, 1], 'left': [6]}}
    assert facts['done'] == [[0, 15]]
    assert all(entry['description'] for entry in table.info)


def test_hits_of_other_screens_or_of_the_same_systems_are_not_put_together(aiida_profile):
    one = hits(['Li2S'], [1], 0)
    for other, words in (
        (hits(['LiO'], [1], 3), 'the systems 3 to 5 are counted twice'),
        (hits(['LiO'], [1], 5, options={'step_percent': 1}), 'the jobs were given different options'),
    ):
        _result, node = gather_hits.run_get_node(options={'max_hits': 2}, table_0=one, table_1=other)
        assert node.exit_status == 420
        assert words in node.exit_message


def test_nothing_found_is_a_table_without_rows(aiida_profile):
    table = gather_hits({'max_hits': 2}, table_0=hits([], [], 0, notes=['so it is']))
    assert len(table) == 0
    assert table.metadata['notes'] == ['so it is']
    assert table.metadata['counts'] == [['all', 10], ['fast', 2]]


def test_distances_are_the_part_of_the_atoms_that_differ():
    places, distances = nearest_compositions(
        ['Li2S', 'NaCl', 'Li3PS4', 'no formula!'], ['Li2O', 'Li4S2', '?', 'Li3PO4']
    )
    assert places.tolist() == [1, 0, 1, -1]
    assert distances[:3].tolist() == [0, 1, pytest.approx(7 / 24)]
    assert np.isnan(distances[3])
    assert nearest_compositions(['Li2S'], ['?'])[0].tolist() == [-1]


def test_the_nearest_codes_come_first():
    places, distances = nearest_codes([0.4, np.nan], [0.0, 1.0, 0.5, 0.5], k=3)
    assert places.tolist() == [[2, 3, 0], [-1, -1, -1]]
    assert distances[0].round(6).tolist() == [0.1, 0.1, 0.4]
    assert nearest_codes([0.4], [1.0], k=3)[0].shape == (1, 1)


def test_hits_get_the_nearest_points_of_a_map(known_map):
    codes = TableData.from_arrays(['Li2S', 'LiO'], {'x_comp': [1.9, None]}).store()
    table = nearest_on_map(hits(['Li2S', 'LiO'], [1, 3], 0), codes, known_map)
    row = table.row('Li2S')
    assert (row['map_nearest_formula'], row['map_nearest_migration_energy_eV']) == ('LiCl', None)
    assert row['map_neighbours'] == 'LiCl Li3PS4 Li2O'
    assert table.row('LiO')['map_nearest_uuid'] is None
    assert table.metadata['map'] == known_map.uuid
