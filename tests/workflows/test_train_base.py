"""The work chain of a training, run for real on a stand-in of the engine that fails as it is told to."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from aiida.engine import run_get_node
from plugins_aiida import make_descriptors, make_energies

from aiida_limap.workflows.train import TrainBaseWorkChain

IDS = ['a', 'b', 'c']


@pytest.fixture
def code(stand_in_code, tmp_path) -> Callable[..., orm.Code]:
    """Return a function that gives a code whose trainings end as they are told to, one after the other."""

    def make(*words: str) -> orm.Code:
        counter = tmp_path / uuid4().hex
        counter.mkdir()
        return stand_in_code(trainings=','.join(words), counter=counter)

    return make


def build(code: orm.Code, overrides: dict | None = None) -> Any:
    return TrainBaseWorkChain.get_builder_from_protocol(
        code, make_descriptors(IDS), make_energies(IDS, [0.1, 0.2, 0.3]), 'fast', overrides
    )


def launch(builder: Any) -> tuple[dict, orm.WorkChainNode, list[orm.CalcJobNode]]:
    outputs, node = run_get_node(builder)
    links = node.base.links.get_outgoing(node_class=orm.CalcJobNode).all()
    return outputs, node, [link.node for link in sorted(links, key=lambda link: link.link_label)]


def test_a_training_that_ends_well_needs_one_job(code):
    outputs, node, (job,) = launch(build(code()))
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    for name in ('model', 'training', 'history', 'output_parameters', 'remote_folder', 'retrieved'):
        assert outputs[name].uuid == job.outputs[name].uuid
    assert job.inputs.parameters.get_dict() == {
        'target': 'barrier_2d_eV',
        'seed': 0,
        'preset': 'quick',
        'max_epochs': 60,
        'patience': 20,
    }
    assert outputs['output_parameters']['started_at'] == 0
    assert 'checkpoints' not in job.inputs


def test_a_grid_hands_on_its_table_and_models(code):
    outputs, node, _jobs = launch(build(code(), {'train': {'parameters': {'grid': {'me_weight': [0, 0.1, 1]}}}}))
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert outputs['grid'].column('me_weight').tolist() == [0, 0.1, 1]
    assert sorted(outputs['models']) == ['model_0000', 'model_0001']
    assert sorted(node.outputs.models) == ['model_0000', 'model_0001']


@pytest.mark.parametrize(
    ('words', 'statuses', 'epochs'),
    [
        (['stopped', 'stopped'], [400, 400, 0], 15),
        (['crash'], [303, 0], 10),
        # A job that does nothing hands on the checkpoints of the job before.
        (['stopped', 'stuck'], [400, 400, 0], 10),
    ],
)
def test_a_stopped_training_goes_on_from_its_checkpoints(code, words, statuses, epochs):
    outputs, node, jobs = launch(build(code(*words)))
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert [job.exit_status for job in jobs] == statuses
    assert outputs['output_parameters']['epoch'] == epochs
    for before, after in itertools.pairwise(jobs):
        assert after.inputs.checkpoints.uuid == before.outputs.remote_folder.uuid
    assert 'Another goes on from there' in get_workchain_report(node, 'REPORT')
    # What an earlier job wrote stays as it was.
    assert 'model_0000.safetensors' in jobs[0].outputs.remote_folder.listdir('checkpoints')


@pytest.mark.parametrize('place', ['', 'checkpoints/'])
def test_a_training_goes_on_from_files_of_the_database(code, place):
    folder = orm.FolderData()
    folder.base.repository.put_object_from_filelike(io.BytesIO(b'40'), f'{place}model_0000.safetensors')
    builder = build(code())
    builder.train.checkpoints = folder
    outputs, node, _jobs = launch(builder)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert (outputs['output_parameters']['started_at'], outputs['output_parameters']['epoch']) == (40, 45)


def test_jobs_that_get_no_further_are_not_repeated_for_ever(code):
    outputs, node, jobs = launch(build(code('stopped', 'stuck', 'stuck')))
    assert (node.exit_status, len(jobs)) == (412, 3)
    assert '2 jobs in a row were stopped without getting further than epoch 5; give them more time' in node.exit_message
    assert outputs['remote_folder'].uuid == jobs[-1].outputs.remote_folder.uuid
    # The next one can go on by hand.
    builder = build(code())
    builder.train.checkpoints = outputs['remote_folder']
    outputs, node, _jobs = launch(builder)
    assert (node.exit_status, outputs['output_parameters']['epoch']) == (0, 10)


def test_the_number_of_jobs_is_bounded(code):
    outputs, node, jobs = launch(build(code(*['stopped'] * 5), {'max_iterations': 2}))
    assert (node.exit_status, len(jobs)) == (401, 2)
    assert outputs['output_parameters']['epoch'] == 10
    with pytest.raises(ValueError, match='must be 1 or more'):
        launch(build(code(), {'max_iterations': 0}))


def test_a_loss_that_is_not_finite_lowers_the_rate_and_starts_anew(code):
    outputs, node, jobs = launch(build(code('not-finite', 'not-finite')))
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert [job.exit_status for job in jobs] == [430, 430, 0]
    rates = [job.inputs.parameters.get_dict().get('learning_rate') for job in jobs]
    # The first rate is that of the preset, which the engine tells.
    assert rates == [None, pytest.approx(0.3), pytest.approx(0.1)]
    assert not any('checkpoints' in job.inputs for job in jobs)
    assert outputs['output_parameters']['started_at'] == 0
    assert 'with the learning rate divided by 3' in get_workchain_report(node, 'REPORT')


def test_a_rate_is_lowered_twice_and_no_more(code):
    outputs, node, jobs = launch(build(code(*['not-finite'] * 4)))
    assert (node.exit_status, len(jobs)) == (430, 3)
    assert 'also after the learning rate was lowered 2 times' in node.exit_message
    assert set(outputs) == {'history', 'output_parameters', 'remote_folder', 'retrieved'}


def test_a_lost_training_is_stopped_by_its_monitor(code):
    builder = build(code('lost'))
    builder.train.monitors = {'loss': orm.Dict({'entry_point': 'limap.loss_not_finite'})}
    _outputs, node, jobs = launch(builder)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert [job.exit_status for job in jobs] == [430, 0]
    assert 'the train loss is not finite in epoch 5' in jobs[0].exit_message
    assert jobs[1].inputs.parameters['learning_rate'] == pytest.approx(0.3)


def test_a_grid_that_needs_too_much_memory_goes_on_in_smaller_groups(code):
    parameters = {'grid': {'seed': [0, 1, 2, 3, 4]}}
    outputs, node, jobs = launch(build(code('memory', 'memory'), {'train': {'parameters': parameters}}))
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert [job.exit_status for job in jobs] == [432, 432, 0]
    assert [job.inputs.parameters.get_dict().get('models_at_once') for job in jobs] == [None, 3, 2]
    # Nothing that was trained is lost.
    assert outputs['output_parameters']['epoch'] == 15
    assert 'goes on with 2 models side by side' in get_workchain_report(node, 'REPORT')


def test_a_single_model_that_needs_too_much_memory_gets_smaller_batches_only_if_allowed(code):
    _outputs, node, jobs = launch(build(code('memory')))
    assert (node.exit_status, len(jobs)) == (432, 1)
    assert 'use a larger device, a compact basis, or allow_smaller_batches' in node.exit_message
    outputs, node, jobs = launch(build(code('memory'), {'allow_smaller_batches': True}))
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert [job.inputs.parameters.get_dict().get('batch_size') for job in jobs] == [None, 8]
    assert outputs['output_parameters']['started_at'] == 0


@pytest.mark.parametrize(
    ('word', 'status', 'words'),
    [
        ('no-device', 433, 'ask the scheduler for a GPU (queue_name, custom_scheduler_commands), or use the parameter'),
        ('refused', 340, 'at least 10 are needed'),
    ],
)
def test_what_would_come_again_is_not_repeated(code, word, status, words):
    _outputs, node, jobs = launch(build(code(word)))
    assert (node.exit_status, len(jobs)) == (status, 1)
    assert words in node.exit_message


def test_handlers_can_be_switched_off(code):
    builder = build(code('stopped'))
    builder.handler_overrides = {'go_on_from_checkpoint': {'enabled': False}}
    _outputs, node, jobs = launch(builder)
    assert (node.exit_status, len(jobs)) == (402, 1)


def test_folders_are_cleaned_on_request(code):
    _outputs, node, jobs = launch(build(code('stopped'), {'clean_workdir': True}))
    assert node.exit_status == 0
    assert all(job.outputs.remote_folder.is_cleaned for job in jobs)


def test_exit_codes_of_the_base_class_are_left_alone():
    from aiida.engine import BaseRestartWorkChain

    taken = {code.status: code.message for code in BaseRestartWorkChain.spec().exit_codes.values()}
    own = {code.status: code.message for code in TrainBaseWorkChain.spec().exit_codes.values()}
    assert {status: own[status] for status in taken} == taken
