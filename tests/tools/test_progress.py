"""The stages of a map, read from the states of its processes."""

from __future__ import annotations

import json

import pytest
from aiida import orm

from aiida_limap.tools.progress import Stage, progress_of, running_chains, stages_of
from aiida_limap.tools.running import RunningResults
from aiida_limap.tools.time_left import seconds_left


def test_a_finished_map_has_finished_stages(graph):
    # The last batch holds the structure without lithium alone: its job says that nothing could be computed.
    assert stages_of(graph.chain) == [
        Stage('migration energies', 3, 3, failed=1, unit='batches', rows={'ok': 4, 'no_mobile_ion': 1}),
        Stage('descriptors', 3, 3, unit='batches', rows={'ok': 5}),
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
        Stage('migration energies', 0, 3, unit='batches'),
        Stage('descriptors', 0, 3, unit='batches'),
        Stage('training', 0, 1),
        Stage('encoding', 0, 1),
    ]


def test_only_maps_that_have_not_ended_are_running(graph, chain_that_began):
    running = {facts.uuid for facts in running_chains()}
    assert chain_that_began.uuid in running
    assert graph.chain.uuid not in running
    chain_that_began.set_process_state('killed')
    assert chain_that_began.uuid not in {facts.uuid for facts in running_chains()}


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
    (job,) = training_that_began.called
    monkeypatch.setattr(RunningResults, 'of', lambda *_, **__: {job.pk: {'summary': summary}})
    assert training_that_began.pk in {facts.pk for facts in running_chains()}
    (stage,) = stages_of(training_that_began)
    assert (stage.name, stage.done, stage.total, stage.unit) == ('training', done, 3, 'models')
    assert stage.detail.startswith(words)
    assert bool(stage.detail) == bool(words)


@pytest.fixture
def large_map(graph, tmp_path):
    """Return a map work chain with hundreds of batches, of which the last two are running on this machine."""
    from aiida.common import LinkType

    from aiida_limap.data.table import TableData

    chain = add_process(orm.WorkChainNode(), 'MapWorkChain', 'waiting', None)
    inner = orm.WorkChainNode()
    for label, node in {'dataset': graph.dataset, 'batch_size': orm.Int(2).store()}.items():
        inner.base.links.add_incoming(node, LinkType.INPUT_WORK, label)
    add_process(inner, 'FeaturizeWorkChain', 'waiting', chain, 'featurize')
    jobs = []
    for number in range(N_JOBS):
        job = orm.CalcJobNode(computer=graph.code.computer, process_type='aiida.calculations:limap.bvff')
        jobs.append(add_process(job, 'BvffCalculation', 'finished', inner, f'bvff_{number:04d}'))
        if number < N_JOBS - 2:
            job.set_exit_status(0)
            table = TableData.from_arrays([f'{number}'], {'status': ['ok']})
            table.base.links.add_incoming(job, LinkType.CREATE, 'table')
            table.store()
        else:
            job.set_process_state('waiting')
            job.set_remote_workdir(str(tmp_path))
    yield inner, jobs
    for node in (*jobs[-2:], inner, chain):
        node.set_process_state('killed')


N_JOBS = 120


def add_process(node, label, state, caller, link=''):
    from aiida.common import LinkType

    node.set_process_label(label)
    node.set_process_state(state)
    if caller is not None:
        kind = LinkType.CALL_CALC if isinstance(node, orm.CalcJobNode) else LinkType.CALL_WORK
        node.base.links.add_incoming(caller, kind, link)
    return node.store()


def test_many_batches_are_counted_in_few_queries_and_without_loading_nodes(large_map, tmp_path):
    from sqlalchemy import event

    inner, _jobs = large_map
    (tmp_path / 'results.json').write_text(json.dumps({'items': [{'id': 'a', 'status': 'no_parameters'}]}))
    statements, loaded = [], []
    session = inner.backend.get_session()

    def count(_connection, _cursor, statement, *_):
        statements.append(statement)

    def note(_session, instance):
        loaded.append(instance)

    event.listen(session.get_bind(), 'before_cursor_execute', count)
    event.listen(session, 'loaded_as_persistent', note)
    try:
        progress = progress_of(inner.pk)
    finally:
        event.remove(session.get_bind(), 'before_cursor_execute', count)
        event.remove(session, 'loaded_as_persistent', note)
    stage = progress.stages[0]
    assert (stage.done, stage.total, stage.running) == (N_JOBS - 2, N_JOBS, 2)
    # Both running jobs have the same folder here.
    assert stage.rows == {'ok': N_JOBS - 2, 'no_parameters': 2}
    assert not [instance for instance in loaded if type(instance).__name__ == 'DbNode']
    assert len([text for text in statements if text.startswith('SELECT')]) < 12


def test_a_paused_job_is_told(large_map):
    inner, jobs = large_map
    jobs[-1].pause()
    jobs[-1].set_process_status('Pausing after failed transport task')
    (paused,) = progress_of(inner.pk).paused
    assert (paused.pk, paused.process_status) == (jobs[-1].pk, 'Pausing after failed transport task')


def test_the_time_left_is_that_of_waves_of_the_typical_job():
    assert seconds_left([], [5.0], 10, 2) is None
    assert seconds_left([10.0, 10.0, 3600.0], [], 0, 2) == 0
    # Half of what runs is done, and three waves of two wait behind it.
    assert seconds_left([10.0, 10.0, 3600.0], [5.0, 5.0], 6, 2) == pytest.approx(35)
    assert seconds_left([10.0], [100.0], 0, 1) == pytest.approx(1)


def test_a_file_that_is_just_being_written_is_no_answer(large_map, tmp_path):
    from aiida_limap.tools.processes import facts_of

    _inner, jobs = large_map
    facts = list(facts_of([jobs[-1].pk]).values())
    assert RunningResults().of(facts) == {}
    (tmp_path / 'results.json').write_text('{"items": [')
    assert RunningResults().of(facts) == {}
    (tmp_path / 'results.json').write_text('{"items": []}')
    assert RunningResults().of(facts) == {jobs[-1].pk: {'items': []}}


def test_another_computer_is_looked_at_once_a_minute(large_map, monkeypatch):
    from aiida_limap.tools import running
    from aiida_limap.tools.processes import facts_of

    _inner, jobs = large_map
    looks = []
    monkeypatch.setattr(running, 'local_computers', lambda _pks: set())
    monkeypatch.setattr(running, '_fetch', lambda pk: looks.append(pk) or {'summary': {'epoch': 1}})
    facts = list(facts_of([jobs[-1].pk]).values())
    results = RunningResults()
    assert results.of(facts) == {}
    assert results.of(facts, remote=True) == results.of(facts, remote=True) == {jobs[-1].pk: {'summary': {'epoch': 1}}}
    assert looks == [jobs[-1].pk]
