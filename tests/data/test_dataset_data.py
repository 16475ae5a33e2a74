"""Datasets: ordered, unique, immutable."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from aiida import orm
from aiida.common.exceptions import ModificationNotAllowed, ValidationError

from aiida_limap.data.dataset import DatasetData

UUIDS = [str(uuid4()) for _ in range(3)]
ENTRIES = [(UUIDS[2], 'mp-3'), (UUIDS[0], ''), (UUIDS[1], None)]


def test_a_dataset_comes_back_from_the_database():
    node = DatasetData(name='oxides', structures=ENTRIES, filter={'elements': ['Li', 'O']}).store()
    loaded = orm.load_node(node.pk)
    assert loaded.structure_uuids == [UUIDS[2], UUIDS[0], UUIDS[1]]
    assert loaded.source_ids == ['mp-3', '', '']
    assert (loaded.name, len(loaded), loaded.filter) == ('oxides', 3, {'elements': ['Li', 'O']})
    assert loaded.source_id(UUIDS[2]) == 'mp-3'
    assert 'oxides' in str(loaded)
    with pytest.raises(KeyError, match='does not hold'):
        loaded.source_id(str(uuid4()))


def test_the_checksum_depends_on_structures_and_order_only():
    node = DatasetData(name='a', structures=ENTRIES)
    assert DatasetData(name='b', structures=ENTRIES, filter={'x': 1}).checksum == node.checksum
    assert DatasetData(name='a', structures=ENTRIES[::-1]).checksum != node.checksum
    assert DatasetData(name='a', structures=[(uuid, 'x') for uuid in UUIDS]).checksum != node.checksum


def test_a_dataset_can_be_found_by_its_attributes():
    node = DatasetData(name='findable', structures=ENTRIES).store()
    query = orm.QueryBuilder().append(
        DatasetData,
        filters={'attributes.name': 'findable', 'attributes.number_of_structures': {'>': 2}},
        project='uuid',
    )
    assert query.all(flat=True) == [node.uuid]


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'name': '', 'structures': []}, 'needs a name'),
        ({'name': 'a'}, 'needs structures'),
        ({'name': 'a', 'structures': [('mp-1', 'mp-1')]}, 'not the UUID'),
        ({'name': 'a', 'structures': UUIDS}, 'pair'),
        ({'name': 'a', 'structures': [(UUIDS[0], ''), (UUIDS[0], '')]}, 'twice'),
        ({'name': 'a', 'structures': [], 'filter': {'x': object()}}, 'plain values'),
    ],
)
def test_wrong_datasets_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        DatasetData(**arguments)


def test_a_stored_dataset_cannot_change():
    node = DatasetData(name='fixed', structures=ENTRIES).store()
    with pytest.raises(ModificationNotAllowed):
        node.base.attributes.set('name', 'other')


def test_a_dataset_that_was_tampered_with_cannot_be_stored():
    node = DatasetData(name='tampered', structures=ENTRIES)
    document = json.loads(node.base.repository.get_object_content(node.FILE))
    document['structures'][0]['source_id'] = 'mp-4'
    node.base.repository.put_object_from_bytes(json.dumps(document).encode(), node.FILE)
    with pytest.raises(ValidationError, match='checksum'):
        node.store()


def test_an_empty_dataset_is_a_dataset():
    assert len(DatasetData(name='empty', structures=[]).store()) == 0
