"""The parameters of a screening: refused with a sentence before a job is submitted, the same as the engine knows."""

from __future__ import annotations

from dataclasses import fields

import pytest

from aiida_limap.common.parameters import check_parameters
from aiida_limap.common.screening import HIT_COLUMNS, MODEL_NAMES, PLACE, RANGE, SCREEN, SCREEN_TRAIN


def test_the_lists_keep_step_with_the_engine():
    from aiida_limap.engines.placing.task import Parameters
    from aiida_limap.engines.screening.funnel import ScreenOptions
    from aiida_limap.engines.screening.training_options import RULES, TrainingOptions

    for known, options, beside in (
        (SCREEN, ScreenOptions, set(RANGE)),
        (SCREEN_TRAIN, TrainingOptions, set()),
        (PLACE, Parameters, set()),
    ):
        assert set(known) - beside == {field.name for field in fields(options)}
    assert SCREEN_TRAIN['rule'].choices == RULES
    assert check_parameters('screen', ScreenOptions().as_dict()) is None
    assert check_parameters('screen_train', TrainingOptions().as_dict()) is None


def test_all_columns_of_hits_are_described():
    assert all(entry['description'] for entry in HIT_COLUMNS.values())
    assert HIT_COLUMNS['cost_usd_per_kg']['unit'] == 'USD/kg'


@pytest.mark.parametrize(
    ('task', 'parameters', 'words'),
    [
        ('screen', {'step': 1}, "unknown parameter 'step'"),
        ('screen', {'sizes': [2]}, 'names an unknown size 2'),
        ('screen', {'sizes': []}, 'names no size; known are 3, 4'),
        ('screen', {'elements': 'Li'}, 'must be list or tuple'),
        ('screen', {'elements': ['Li', '']}, "must be a list of words, but holds ''"),
        ('screen', {'step_percent': 0}, 'must be at least 1'),
        ('screen', {'part': [2, 2]}, 'must be the number of a job, from 0, and the number of jobs, not [2, 2]'),
        ('screen', {'part': [0]}, 'must be the number of a job'),
        ('screen', {'oxidation_states': 'mine'}, 'must be common or icsd or all'),
        ('screen_train', {'models': ['sml', 'best']}, "names an unknown model 'best'"),
        ('screen_train', {'dimensions': [1, 0]}, 'whole numbers above zero, but holds 0'),
        ('screen_train', {'class_weight': 'heavy'}, "must be balanced, not 'heavy'"),
        ('place_compositions', {'grid_size': 3}, "unknown parameter 'grid_size'"),
    ],
)
def test_wrong_parameters_get_a_sentence(task, parameters, words):
    assert words in check_parameters(task, parameters)


def test_right_parameters_pass():
    given = {'elements': None, 'sizes': [3], 'part': [0, 4], 'max_period': None, 'anion_classes': []}
    assert check_parameters('screen', given) is None
    assert check_parameters('screen_train', {'models': list(MODEL_NAMES), 'class_weight': None}) is None
