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


@pytest.fixture
def training_that_began(graph):
    """Return the node of a work chain that trains a grid, and a function that says what its job has written."""
    from aiida.common import LinkType

    chain = orm.WorkChainNode()
    chain.set_process_label('TrainBaseWorkChain')
    chain.set_process_state('waiting')
    parameters = orm.Dict({'grid': {'seed': [0, 1, 2]}}).store()
    chain.base.links.add_incoming(parameters, LinkType.INPUT_WORK, 'train__parameters')
    chain.store()
    job = orm.CalcJobNode(computer=graph.code.computer, process_type='aiida.calculations:limap.train')
    job.set_process_label('TrainCalculation')
    job.set_process_state('waiting')
    job.base.links.add_incoming(chain, LinkType.CALL_CALC, 'iteration_01')
    job.store()
    yield chain
    for node in (job, chain):
        node.set_process_state('killed')


@pytest.mark.parametrize(
    ('summary', 'done', 'words'),
    [
        ({}, 0, ''),
        (
            {'epoch': 12, 'loss_train': 0.5, 'loss_validation': 0.25, 'n_models': 3, 'models_ended': 1},
            1,
            'epoch 12, loss 0.5, validation loss 0.25',
        ),
        ({'epoch': 3, 'loss_train': None, 'loss_validation': None}, 0, 'epoch 3, loss not finite, validation loss not'),
    ],
)
def test_a_running_training_tells_epoch_and_losses(training_that_began, monkeypatch, summary, done, words):
    monkeypatch.setattr('aiida_limap.tools.progress._running_results', lambda _node: {'summary': summary})
    assert training_that_began in running_chains()
    (stage,) = stages_of(training_that_began)
    assert (stage.name, stage.done, stage.total, stage.unit) == ('training', done, 3, 'models')
    assert stage.detail.startswith(words)
    assert bool(stage.detail) == bool(words)
