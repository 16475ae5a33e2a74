"""The monitor of a training: what it reads, and when it stops a job."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from aiida.transports.plugins.local import LocalTransport

from aiida_limap.common.losses import why_lost
from aiida_limap.tools.monitors import loss_not_finite, running_summary


@pytest.mark.parametrize(
    ('summary', 'reason'),
    [
        ({}, None),
        ({'options': {'seed': 1}}, None),
        ({'epoch': 3, 'loss_train': 0.5, 'loss_validation': 0.4}, None),
        ({'epoch': 3}, None),
        ({'epoch': 3, 'loss_train': None, 'loss_validation': 0.4}, 'the train loss is not finite in epoch 3'),
        ({'epoch': 3, 'loss_train': 0.5, 'loss_validation': None}, 'the validation loss is not finite in epoch 3'),
        # One model of a grid is no reason to stop the others.
        ({'epoch': 3, 'loss_train': None, 'loss_validation': None, 'n_models': 4, 'models_not_finite': 3}, None),
        ({'epoch': 3, 'loss_train': None, 'loss_validation': None, 'n_models': 4}, None),
        ({'epoch': 3, 'n_models': 4, 'models_not_finite': 4}, 'the losses of all 4 models are not finite'),
    ],
)
def test_a_training_is_lost_when_no_model_can_come_to_a_good_end(summary, reason):
    assert why_lost(summary) == reason


def node_in(folder):
    return SimpleNamespace(get_remote_workdir=lambda: None if folder is None else str(folder))


@pytest.mark.parametrize('content', [None, '', '{"summ', '[]', '{"summary": 3}', '{"summary": {}}'])
def test_a_job_that_says_nothing_yet_is_left_alone(tmp_path, content):
    if content is not None:
        (tmp_path / 'results.json').write_text(content)
    with LocalTransport() as transport:
        assert running_summary(node_in(tmp_path), transport) == {}
        assert loss_not_finite(node_in(tmp_path), transport) is None
        assert running_summary(node_in(None), transport) == {}


def test_a_lost_job_is_stopped_and_its_parser_says_why(tmp_path):
    summary = {'epoch': 7, 'loss_train': None, 'loss_validation': 0.1}
    (tmp_path / 'results.json').write_text(json.dumps({'summary': summary}))
    with LocalTransport() as transport:
        result = loss_not_finite(node_in(tmp_path), transport)
    assert result.message == 'the train loss is not finite in epoch 7'
    assert result.parse
    assert not result.override_exit_code
