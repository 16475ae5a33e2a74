"""Every data class goes through an archive of AiiDA and comes back the same."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.manage import get_manager
from aiida.tools.archive import create_archive, import_archive
from plugins_graph import graph

from aiida_limap.data.bond_valence import BondValenceData

__all__ = ['graph']


@pytest.fixture
def archive(graph, tmp_path):
    """Return an archive of a map with all behind it, and what its nodes say: attributes and files by UUID."""
    parameters = BondValenceData.get_or_create().store()
    nodes = [graph.dataset, graph.map, *graph.chain.called_descendants, parameters]
    for process in graph.chain.called_descendants:
        nodes += process.base.links.get_outgoing().all_nodes()
    told = {node.uuid: contents(node) for node in nodes if type(node).__module__.startswith('aiida_limap.')}
    assert {kind for kind, *_ in told.values()} == {
        'DatasetData', 'TableData', 'AutoencoderData', 'MapData', 'BondValenceData'
    }  # fmt: skip
    path = tmp_path / 'map.aiida'
    create_archive([graph.chain, graph.map, graph.dataset, parameters], filename=path, compression=0)
    return path, told, graph.map.uuid, list(graph.map.column('x_comp'))


def contents(node):
    repository = node.base.repository
    files = {name: repository.get_object_content(name, mode='rb') for name in repository.list_object_names()}
    return type(node).__name__, node.base.attributes.all, files


def test_what_is_imported_is_what_was_exported_and_valid(archive, aiida_config_tmp, aiida_profile_factory):
    path, told, map_uuid, codes = archive
    here = get_manager().get_profile()
    with aiida_profile_factory(aiida_config_tmp):
        assert get_manager().get_profile().uuid != here.uuid
        import_archive(path)
        for uuid, expected in told.items():
            node = orm.load_node(uuid)
            assert contents(node) == expected
            # AiiDA lets its files be validated before they are stored only.
            node.clone()._validate()
        found = orm.load_node(map_uuid)
        np.testing.assert_array_equal(found.column('x_comp'), codes)
        # What made it came along: the map knows its model, the model its training.
        assert found.creator.inputs.model.uuid == found.model_uuid
        assert found.creator.inputs.model.creator.process_label == 'TrainCalculation'
