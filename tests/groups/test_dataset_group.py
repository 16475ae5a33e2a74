"""Groups of structures with their dataset."""

from __future__ import annotations

from uuid import uuid4

import pytest
from aiida import orm
from plugins_aiida import make_dataset, make_structure

from aiida_limap.groups.dataset import DatasetGroup


@pytest.fixture
def group() -> DatasetGroup:
    return DatasetGroup(label=f'limap/{uuid4().hex}').store()


def test_a_group_holds_structures_and_their_dataset(group):
    structures = [make_structure(), make_structure(1.1)]
    group.add_nodes(structures)
    assert group.dataset is None
    dataset = make_dataset(structures)
    group.dataset = dataset
    loaded = orm.load_group(group.label)
    assert isinstance(loaded, DatasetGroup)
    assert loaded.type_string == 'limap.dataset'
    assert loaded.dataset.uuid == dataset.uuid
    assert {node.uuid for node in loaded.nodes} == {dataset.uuid, *(node.uuid for node in structures)}


def test_another_dataset_takes_the_place_of_the_first(group):
    group.dataset = make_dataset([], 'first')
    second = make_dataset([], 'second')
    group.dataset = second
    assert [node.uuid for node in group.nodes] == [second.uuid]
    assert group.dataset.name == 'second'


def test_other_nodes_are_refused_and_nothing_is_added(group):
    with pytest.raises(TypeError, match='structures only, not Int'):
        group.add_nodes([make_structure(), orm.Int(1).store()])
    with pytest.raises(TypeError, match=r'group\.dataset = node'):
        group.add_nodes(make_dataset([]))
    with pytest.raises(TypeError, match='not StructureData'):
        group.dataset = make_structure()
    assert group.count() == 0
