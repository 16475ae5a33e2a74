"""The stages of a map, read from the states of its processes."""

from __future__ import annotations

import pytest
from aiida import orm

from aiida_limap.tools.progress import Stage, running_chains, stages_of


def test_a_finished_map_has_finished_stages(graph):
    # The last batch holds the structure without lithium alone: its job says that nothing could be computed.
    assert stages_of(graph.chain) == [
        Stage('migration energies', 3, 3, failed=1),
        Stage('descriptors', 3, 3),
        Stage('training', 1, 1),
        Stage('encoding', 1, 1),
    ]


@pytest.fixture
def chain_that_began(graph):
    """Return the node of a map work chain that is waiting and has submitted nothing yet."""
    from aiida.common import LinkType

    node = orm.WorkChainNode()
    node.set_process_label('MapWorkChain')
    node.set_process_state('waiting')
    node.base.links.add_incoming(graph.dataset, LinkType.INPUT_WORK, 'dataset')
    node.base.links.add_incoming(orm.Int(2).store(), LinkType.INPUT_WORK, 'featurize__batch_size')
    node.store()
    yield node
    node.set_process_state('killed')


def test_a_map_that_began_knows_the_number_of_its_batches(chain_that_began):
    assert stages_of(chain_that_began) == [
        Stage('migration energies', 0, 3),
        Stage('descriptors', 0, 3),
        Stage('training', 0, 1),
        Stage('encoding', 0, 1),
    ]


def test_only_maps_that_have_not_ended_are_running(graph, chain_that_began):
    running = {node.uuid for node in running_chains()}
    assert chain_that_began.uuid in running
    assert graph.chain.uuid not in running
    chain_that_began.set_process_state('killed')
    assert chain_that_began.uuid not in {node.uuid for node in running_chains()}
