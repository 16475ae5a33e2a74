"""The bond-valence parameters and the options."""

from __future__ import annotations

import math

import pytest
import yaml

from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.parameters import default_parameters, read_parameters
from aiida_limap.engines.chemistry.elements import Ion, period
from aiida_limap.engines.errors import InputError, ParametersMissingError

LITHIUM = Ion('Li', 1)


def test_lithium_has_its_nine_rows():
    anions = {str(row.anion) for row in default_parameters().rows if row.cation == LITHIUM}
    assert anions == {'O2-', 'S2-', 'Se2-', 'Te2-', 'F-', 'Cl-', 'Br-', 'I-', 'N3-'}


@pytest.mark.parametrize('row', default_parameters().rows, ids=lambda row: f'{row.cation}{row.anion}')
def test_depth_follows_from_the_other_numbers(row):
    """D0 = 14.4 c (c |V_A V_X|)^(1/c) b^2 / (2 R_min sqrt(n_A n_X)) with c = 1 for cations of the s block."""
    charges = abs(row.cation.charge * row.anion.charge)
    periods = math.sqrt(period(row.cation.symbol) * period(row.anion.symbol))
    assert pytest.approx(14.4 * charges * row.b**2 / (2 * row.R_min * periods), rel=1e-3) == row.D0


@pytest.mark.parametrize('row', default_parameters().rows, ids=lambda row: f'{row.cation}{row.anion}')
def test_minimum_follows_from_bond_valence_and_a_softness_difference(row):
    """(R_min + b ln(V / N_c)) / R0 = 0.9185 + 0.2285 |softness difference|, which lies between 0 and 1 eV^-1."""
    ratio = (row.R_min + row.b * math.log(row.cation.charge / row.preferred_coordination)) / row.R0
    assert 0.9185 <= ratio < 0.9185 + 0.2285


def test_pair_without_parameters_is_named():
    with pytest.raises(ParametersMissingError, match=r'Li\+ and P3-'):
        default_parameters().row(LITHIUM, Ion('P', -3))
    with pytest.raises(ParametersMissingError, match=r'Li\+ and O-'):
        default_parameters().row(LITHIUM, Ion('O', -1))


def test_mean_charges_near_the_closed_shell_use_its_row():
    assert default_parameters().row(LITHIUM, Ion('O', -1.77)).anion == Ion('O', -2)
    with pytest.raises(ParametersMissingError):
        default_parameters().row(LITHIUM, Ion('O', -1.7))


def edited(**changes):
    pair = {
        'cation': 'Li+',
        'anion': 'O2-',
        'R0': 1.17,
        'b': 0.5,
        'alpha': 2.0,
        'D0': 0.99,
        'R_min': 1.94,
        'preferred_coordination': 5.0,
    }
    pair.update(changes)
    pair = {name: value for name, value in pair.items() if value is not None}
    return yaml.safe_dump({'citation': 'none', 'presets': {}, 'pairs': [pair]})


def test_edited_file_is_read_and_has_another_checksum():
    parameters = read_parameters(edited())
    assert parameters.rows[0].R_min == 1.94
    assert parameters.checksum != default_parameters().checksum == default_parameters().checksum


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'alpha': -2.0}, 'alpha of the pair Li. and O2- is -2.0'),
        ({'b': 0.0}, 'must be positive'),
        ({'D0': -1.0}, 'must be positive'),
        ({'alpha': 1.5}, 'not the inverse'),
        ({'R_min': None}, 'lacks R_min'),
    ],
)
def test_unusable_rows_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        read_parameters(edited(**changes))


def test_repeated_rows_are_refused():
    document = yaml.safe_load(edited())
    document['pairs'] *= 2
    with pytest.raises(InputError, match='twice'):
        read_parameters(yaml.safe_dump(document))


def test_presets_differ_in_the_morse_scale():
    presets = default_parameters().presets
    assert {name: preset.morse_scale for name, preset in presets.items()} == {'bvff': 1.0, 'bvse': 0.5}
    assert BvffOptions().screening_factor == 0.74


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'spacing': 0.1}, "no option 'spacing'; known are mobile_ion"),
        ({'preset': 'softbv'}, 'known are bvff, bvse'),
        ({'mobile_ion': 'Cs+'}, r'Cs\+ as the mobile ion; known are Li\+'),
        ({'mobile_ion': 'lithium'}, 'not an ion'),
        ({'spacing_angstrom': 0}, 'positive number'),
        ({'spacing_angstrom': float('nan')}, 'positive number'),
        ({'cutoff_angstrom': float('inf')}, 'finite'),
        ({'energy_cap_eV': '10'}, 'positive number'),
        ({'max_sites': 1.5}, 'whole number'),
        ({'charge_scaling': 1}, 'true or false'),
    ],
)
def test_unusable_options_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        BvffOptions.from_mapping(options)


def test_none_stands_for_the_default():
    assert BvffOptions.from_mapping({'time_limit_s': None, 'screening_factor': None}) == BvffOptions()
