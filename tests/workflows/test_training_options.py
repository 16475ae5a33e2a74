"""Options that a training gets after a failure."""

from __future__ import annotations

import pytest

from aiida_limap.workflows._options import lower_rate, smaller_batch, smaller_group

USED = {'learning_rate': 0.9, 'batch_size': 16}


@pytest.mark.parametrize(
    ('parameters', 'used', 'changed'),
    [
        ({'seed': 1}, USED, {'seed': 1, 'learning_rate': 0.3}),
        ({'learning_rate': 0.09}, USED, {'learning_rate': 0.03}),
        (
            {'grid': {'learning_rate': [0.9, 0.3], 'seed': [1]}},
            USED,
            {'grid': {'learning_rate': [0.3, 0.1], 'seed': [1]}},
        ),
        ({'grid': {'seed': [1]}}, USED, {'grid': {'seed': [1]}, 'learning_rate': 0.3}),
        ({}, {}, None),
    ],
)
def test_the_rate_is_divided_by_three(parameters, used, changed):
    found = lower_rate(parameters, used)
    if changed is None:
        assert found is None
        return
    assert found.get('learning_rate') == pytest.approx(changed.get('learning_rate'))
    if 'grid' in changed:
        assert found['grid']['seed'] == [1]
        assert found['grid'].get('learning_rate', []) == pytest.approx(changed['grid'].get('learning_rate', []))


@pytest.mark.parametrize(
    ('parameters', 'used', 'changed'),
    [
        ({}, USED, {'batch_size': 8}),
        ({'batch_size': 5}, USED, {'batch_size': 2}),
        ({'batch_size': 1}, USED, None),
        ({'grid': {'batch_size': [1, 2, 16]}}, USED, {'grid': {'batch_size': [1, 8]}}),
        ({'grid': {'batch_size': [1]}}, USED, None),
        ({}, {}, None),
    ],
)
def test_batches_are_halved(parameters, used, changed):
    assert smaller_batch(parameters, used) == changed


@pytest.mark.parametrize(
    ('parameters', 'groups'),
    [
        ({}, []),
        ({'grid': {'seed': [0, 1, 2, 3, 4]}}, [3, 2, 1]),
        ({'grid': {'seed': [0, 1, 2]}, 'models_at_once': 2}, [1]),
        ({'grid': {'seed': [0, 1]}, 'models_at_once': 64}, [1]),
    ],
)
def test_groups_are_halved_down_to_one_model(parameters, groups):
    found = []
    while (changed := smaller_group(parameters)) is not None:
        assert changed['threads'] == 1
        assert changed['grid'] == parameters['grid']
        found.append(changed['models_at_once'])
        parameters = changed
    assert found == groups
