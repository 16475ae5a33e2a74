"""The parameters of jobs of phonons: refused with a sentence before submission, the same as the engine knows."""

from __future__ import annotations

from dataclasses import fields

import pytest

from aiida_limap.common.calculators import CALCULATOR, CALCULATOR_OPTIONS, keeps_forces
from aiida_limap.common.parameters import check_parameters
from aiida_limap.common.phonons import (
    BLOCKS,
    CLUSTER_METHODS,
    DENSITIES,
    PHONONS,
    phonon_block_info,
    phonon_column_info,
)


def test_the_list_keeps_step_with_the_engine():
    from aiida_limap.engines.phonons.options import PhononOptions

    assert set(PHONONS) - {DENSITIES, CALCULATOR} == {field.name for field in fields(PhononOptions)}
    assert check_parameters('phonons', {**PhononOptions().settings(), DENSITIES: True}) is None


def test_the_options_of_a_calculator_keep_step_with_the_engine():
    from aiida_limap.engines.phonons._computed import CalculatorChoice

    settings = CalculatorChoice('chgnet').settings()
    assert set(CALCULATOR_OPTIONS) == set(settings)
    assert check_parameters('phonons', {CALCULATOR: settings}) is None
    assert keeps_forces({CALCULATOR: {'name': 'chgnet'}}) is settings['keep_forces'] is True
    assert not keeps_forces({})


@pytest.mark.parametrize(
    ('task', 'parameters', 'words'),
    [
        ('phonons', {'mesh': 30}, "unknown parameter 'mesh'"),
        ('phonons', {'temperatures_K': [300, 0]}, 'temperatures above zero, K, but holds 0'),
        ('phonons', {'mesh_length_angstrom': 0.5}, 'must be at least 1'),
        ('phonons', {'densities': 1}, 'must be bool'),
        ('phonons', {'calculator': 'chgnet'}, 'must be dict'),
        ('phonons', {'calculator': {'relax': 'cell'}}, "must name one, e.g. {'name': 'chgnet'}"),
        (
            'phonons',
            {'calculator': {'name': 'chgnet', 'relaxes': 'cell'}},
            "unknown key 'relaxes' (did you",
        ),
        ('phonons', {'calculator': {'name': 'chgnet', 'relax': 'all'}}, "its key 'relax' must be cell or positions"),
        ('phonons', {'calculator': {'name': 'chgnet', 'max_steps': 0}}, "its key 'max_steps' must be at least 1"),
        ('cluster_phonons', {'methods': []}, f'names no method of clustering; known are {", ".join(CLUSTER_METHODS)}'),
        ('cluster_phonons', {'methods': ['wards']}, "did you mean 'ward'"),
        ('cluster_phonons', {'n_clusters': 1}, "must be 2 or more, or 'auto', not 1"),
        ('cluster_phonons', {'features': ['a', 3]}, 'must be a list of words, but holds 3'),
        ('cluster_phonons', {'background': 'none'}, 'must be all or labelled'),
    ],
)
def test_wrong_parameters_get_a_sentence(task, parameters, words):
    assert words in check_parameters(task, parameters)


def test_columns_and_blocks_say_what_they_are():
    info = phonon_column_info(['mobile_band_centre_298K_THz', 'relative_width', 'total_norm', 'wall_s'])
    assert info['mobile_band_centre_298K_THz'] == {
        'unit': 'THz',
        'description': 'mean frequency of the mobile element at 298 K, by occupation',
    }
    assert all(entry['description'] for entry in info.values())
    blocks = phonon_block_info({'temperatures_K': [10.0, 20.0], 'frequencies_THz': [-0.25, 0.0]})
    assert set(blocks) == set(BLOCKS)
    assert blocks['mobile_band_centres_THz']['labels'] == [
        'mobile_band_centres_THz_10_K',
        'mobile_band_centres_THz_20_K',
    ]
    assert blocks['total_dos']['units'] == ['1/THz'] * 2
