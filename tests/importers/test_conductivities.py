"""Conductivities become a table of labels whose rows are named by structures, with a dataset and a group."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from aiida import orm
from pymatgen.core import Lattice, Structure

from aiida_limap.data.table import TableData
from aiida_limap.engines.screening import labels as labels_module
from aiida_limap.engines.screening.labels import LabelledRow, LabelledSet, embedded_conductivities
from aiida_limap.groups.dataset import DatasetGroup
from aiida_limap.importers.base import Candidate, ImporterError, store_dataset, structure_md5
from aiida_limap.importers.conductivities import (
    ConductivityOptions,
    import_collection,
    import_conductivities,
    import_embedded,
)
from aiida_limap.importers.prototypes import DATABASE_NAME

pytestmark = pytest.mark.filterwarnings('ignore:Set OLD_ERROR_HANDLING to false:DeprecationWarning')

EDGES = itertools.count(4.0, 0.001)


@pytest.fixture
def name(aiida_profile) -> str:
    """Return a name that no other dataset of the profile has."""
    return f'conductivities {uuid4().hex}'


def crystal(edge: float, cation: object = 'Li') -> Structure:
    return Structure(Lattice.cubic(edge), [cation, 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture
def table(tmp_path) -> Path:
    """Return a table with two structures, one of them disordered, and a row without one."""
    crystal(next(EDGES)).to(str(tmp_path / 'fast.cif'))
    crystal(next(EDGES), {'Li': 0.5, 'Al': 0.5}).to(str(tmp_path / 'slow.cif'))
    path = tmp_path / 'mine.csv'
    path.write_text(
        'id,formula,conductivity_S_per_cm,citation,structure,space_group\n'
        'a,LiO,1e-3,10.1/a,fast.cif,221\n'
        'b,LiAlO2,<1E-9,10.1/b,slow.cif,\n'
        'c,Li3N,1e-6,10.1/c,,\n'
    )
    return path


def test_a_table_becomes_labels_named_by_structures(table, name):
    counts: list[int] = []
    report = import_collection(
        'csv', table, ConductivityOptions(name=name), on_start=counts.append, on_progress=counts.append
    )
    labels = report.table
    assert labels.is_stored
    assert (labels.label, labels.base.attributes.get('task')) == (name, 'labels')
    uuids = report.structures.dataset.structure_uuids
    assert labels.ids == [*uuids, 'c']
    assert labels.column('structure_uuid').tolist() == [*uuids, '']
    assert labels.column('source_id').tolist() == ['a', 'b', 'c']
    assert labels.column('label').tolist() == [1.0, 0.0, 0.0]
    assert labels.column('bound').tolist() == ['', '<', '']
    assert labels.column('conductivity_S_per_cm') == pytest.approx([1e-3, 1e-9, 1e-6])
    assert labels.column('citation').tolist() == ['10.1/a', '10.1/b', '10.1/c']
    assert labels.column('match').tolist() == ['file named in the table'] * 2 + ['none']
    assert np.isnan(labels.column('space_group')).tolist() == [False, True, True]
    units = {entry['name']: entry['unit'] for entry in labels.info}
    assert (units['conductivity_S_per_cm'], units['temperature_K']) == ('S/cm', 'K')
    assert labels.metadata['dataset_uuid'] == report.structures.dataset.uuid
    assert labels.metadata['chosen_by']['file'] == 'mine.csv'
    assert DatasetGroup.collection.get(label=f'limap/{name}').dataset.uuid == report.structures.dataset.uuid
    source = orm.load_node(uuids[0]).source
    assert (source['id'], source['uri'], source['extras']['doi']) == ('a', 'https://doi.org/10.1/a', '10.1/a')
    assert counts == [2, 2]


def test_the_same_import_again_stores_nothing(table, name):
    first, second = (import_collection('csv', table, ConductivityOptions(name=name)) for _ in range(2))
    assert second.table.uuid == first.table.uuid
    assert second.structures.n_new == 0
    assert second.structures.dataset.uuid == first.structures.dataset.uuid


def test_ordered_structures_take_the_place_of_disordered_ones(table, name):
    report = import_collection('csv', table, ConductivityOptions(name=name, order=True))
    assert report.structures.tally.ordered == ['b']
    uuid = report.table.column('structure_uuid')[1]
    kinds = orm.load_node(uuid).base.attributes.get('kinds')
    assert all(len(kind['symbols']) == 1 for kind in kinds)
    assert report.table.ids[1] == uuid
    assert report.table.column('match_note').tolist() == ['', 'one ordered arrangement of the disordered crystal', '']


def test_rows_without_structures_make_a_table_alone(tmp_path, name):
    path = tmp_path / 'alone.csv'
    path.write_text('formula,label,citation\nLi2O,0,10.1/a\nLi3N,1,10.1/b\n')
    report = import_collection('csv', path, ConductivityOptions(name=name))
    assert report.structures is None
    assert report.table.ids == ['1', '2']
    assert report.as_dict()['n_with_structure'] == 0
    assert not orm.QueryBuilder().append(orm.Group, filters={'label': f'limap/{name}'}).count()


def test_structures_are_looked_for_in_a_dataset_and_the_most_stable_one_is_taken(tmp_path, name):
    crystals = [crystal(next(EDGES)) for _ in range(3)]
    hulls = [0.2, 0.0, None]
    store_dataset(
        [
            Candidate(
                structure,
                {
                    'db_name': 'somewhere',
                    'id': f'{name}-{number}',
                    'source_md5': structure_md5(structure),
                    'extras': {} if hull is None else {'energy_above_hull_eV_per_atom': hull},
                },
                'LiO',
            )
            for number, (structure, hull) in enumerate(zip(crystals, hulls, strict=True))
        ],
        name=f'{name} structures',
        chosen_by={},
    )
    path = tmp_path / 'matched.csv'
    path.write_text('formula,label,citation,space_group\nLi2O2,1,10.1/a,\nLi3N,0,10.1/b,\nLiO,0,10.1/c,62\n')
    options = ConductivityOptions(name=name, match_with=f'{name} structures', duplicates='keep')
    report = import_collection('csv', path, options)
    assert report.structures.n_new == 0
    assert report.structures.dataset.source_ids == [f'{name}-1']
    assert report.table.column('match').tolist() == ['formula', 'none', 'none']
    assert report.table.column('match_note')[0] == f'{name}-1, the first of 3 that fit'
    assert report.table.metadata['chosen_by']['match_with'] == f'{name} structures'
    with pytest.raises(ImporterError, match="there is no dataset 'nothing'"):
        import_collection('csv', path, ConductivityOptions(name=name, match_with='nothing', duplicates='keep'))


def test_two_rows_of_one_structure_keep_names_of_their_own(name):
    structure = crystal(next(EDGES))
    rows = tuple(
        LabelledRow(
            id=identifier, composition='LiO', label=1, structure=structure, match='formula', match_note='the same'
        )
        for identifier in 'ab'
    )
    report = import_conductivities(LabelledSet(rows), chosen_by={}, options=ConductivityOptions(name=name))
    (uuid, second) = report.table.column('structure_uuid').tolist()
    assert uuid == second
    assert report.table.ids == [uuid, 'b']
    assert report.table.metadata['n_shared_structures'] == 1


def test_a_set_without_rows_is_refused(name):
    with pytest.raises(ImporterError, match='no row could be taken'):
        import_conductivities(LabelledSet(()), chosen_by={}, options=ConductivityOptions(name=name))


@pytest.fixture
def few(monkeypatch) -> LabelledSet:
    """Put the first rows of the embedded set in its place."""
    whole = embedded_conductivities()
    part = LabelledSet((*whole[:2].rows, *whole[-2:].rows), (), whole.name, whole.citations)
    monkeypatch.setattr(labels_module, 'embedded_conductivities', lambda: part)
    return part


def test_the_embedded_set_brings_its_crystals_with_their_citations(few, name):
    report = import_embedded(name=name)
    assert len(report.table) == 4
    dataset = report.structures.dataset
    assert dataset.source_ids == ['limap-conductor-Li3N-alpha', 'limap-conductor-Li3N-beta']
    source = orm.load_node(dataset.structure_uuids[0]).source
    assert (source['db_name'], source['extras']['citation_status']) == (DATABASE_NAME, 'confirmed')
    assert source['uri'] == 'https://doi.org/10.1021/cm010718t'
    assert report.table.column('label').tolist() == [1.0, 1.0, 0.0, 0.0]
    assert 'to cite' in report.as_text().lower()


def test_the_report_is_written_as_markdown_or_json(table, name, tmp_path):
    report = import_collection('csv', table, ConductivityOptions(name=name))
    report.write(tmp_path / 'report.json')
    document = json.loads((tmp_path / 'report.json').read_text())
    assert (document['n_rows'], document['n_fast'], document['n_with_structure']) == (3, 1, 2)
    assert document['structures']['group'] == f'limap/{name}'
    assert isinstance(orm.load_node(document['table_uuid']), TableData)
    report.write(tmp_path / 'report.md')
    text = (tmp_path / 'report.md').read_text()
    assert text.startswith(f'# Conductivities {name}\n')
    assert '3 compounds (1 fast, 2 slow, 0 rows left out)' in text
    with pytest.raises(ImporterError, match=r'must end in \.md or \.json'):
        report.write(tmp_path / 'report.txt')
