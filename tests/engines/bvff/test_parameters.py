"""The bond-valence parameters and the options."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import yaml

from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.parameters import default_parameters, morse_depth, read_parameters
from aiida_limap.engines.chemistry.elements import Ion, covalent_radius, parse_ion, period
from aiida_limap.engines.errors import InputError, ParametersMissingError

LITHIUM = Ion('Li', 1)
OXIDE = Ion('O', -2)
PUBLISHED = [row for row in default_parameters().rows if row.derived is None]
DERIVED = [row for row in default_parameters().rows if row.derived is not None]
HEADER = {
    'citation': 'none',
    'columns': ['cation', 'anion', 'R0', 'b', 'alpha', 'D0', 'R_min', 'preferred_coordination'],
    'principal_quantum_numbers': {2: ['Li', 'O']},
    'd_and_f_block': [],
    'units': {'R0': 'angstrom', 'b': 'angstrom', 'alpha': '1/angstrom', 'D0': 'eV', 'R_min': 'angstrom'},
    'presets': {'bvff': {'description': 'none', 'morse_scale': 1.0, 'screening_factor': 0.74}},
}


def softness_difference(row):
    """R_min = R0 (0.9185 + 0.2285 |sigma_A - sigma_X|) - b ln(V_A / N_c), solved for |sigma_A - sigma_X| in 1/eV."""
    ratio = (row.R_min + row.b * math.log(row.cation.charge / row.preferred_coordination)) / row.R0
    return (ratio - 0.9185) / 0.2285


def test_table_holds_all_usable_softbv_rows():
    anions = Counter(str(row.anion) for row in PUBLISHED)
    assert anions == {
        'O2-': 144, 'F-': 93, 'Cl-': 83, 'S2-': 81, 'Se2-': 46, 'Br-': 41, 'Te2-': 31, 'I-': 30, 'N3-': 8,
    }  # fmt: skip


@pytest.mark.parametrize(
    ('cation', 'anions'),
    [
        ('Li+', 9), ('Na+', 8), ('K+', 8), ('Mg2+', 6), ('Ca2+', 5), ('Zn2+', 8), ('Al3+', 8), ('Ag+', 8), ('Cu+', 7),
        ('Cu2+', 5),
    ],
)  # fmt: skip
def test_mobile_cations_have_their_rows(cation, anions):
    rows = [row for row in PUBLISHED if row.cation == parse_ion(cation)]
    default_parameters().check_mobile_ion(parse_ion(cation))
    assert len({row.anion for row in rows}) == len(rows) == anions


def test_lithium_rows_have_their_published_values():
    row = default_parameters().row(LITHIUM, OXIDE)
    assert (row.R0, row.b, row.alpha, row.D0, row.R_min) == (1.17096, 0.516, 1.937984, 0.98816, 1.940013)
    row = default_parameters().row(LITHIUM, Ion('S', -2))
    assert (row.R0, row.b, row.D0, row.R_min, row.preferred_coordination) == (1.46652, 0.653, 1.04027, 2.40971, 4.604)


def test_depths_follow_from_the_other_numbers():
    """c = 1 for cations of the s and p block and 2 for the others, told from the periodic table of another library."""
    from pymatgen.core import Element

    for row in default_parameters().rows:
        periods = (period(row.cation.symbol), period(row.anion.symbol))
        transition = Element(row.cation.symbol).block in 'df'
        assert morse_depth(row, periods=periods, transition=transition) == pytest.approx(row.D0, rel=1e-3), row


def test_depth_by_hand():
    row = default_parameters().row(LITHIUM, OXIDE)
    assert morse_depth(row, periods=(2, 2), transition=False) == pytest.approx(14.4 * 2 * 0.516**2 / (4 * 1.940013))
    row = default_parameters().row(Ion('Zn', 2), OXIDE)
    by_hand = 14.4 * 2 * math.sqrt(8) * 0.403**2 / (2 * 1.885568 * math.sqrt(8))
    assert morse_depth(row, periods=(4, 2), transition=True) == pytest.approx(by_hand)


def test_minima_follow_from_bond_valences_and_softness_differences():
    """The softness differences are positive and those of one element the difference of two numbers per ion."""
    differences = {(row.cation, row.anion): softness_difference(row) for row in PUBLISHED}
    assert all(0 <= difference < 1 for difference in differences.values())
    fluoride, chloride = Ion('F', -1), Ion('Cl', -1)
    steps = [
        differences[cation, chloride] - differences[cation, fluoride]
        for cation in {row.cation for row in PUBLISHED}
        if (cation, chloride) in differences and (cation, fluoride) in differences
    ]
    middle = sorted(steps)[len(steps) // 2]
    assert len(steps) > 50
    assert max(abs(step - middle) for step in steps) < 0.15
    assert sum(abs(step - middle) for step in steps) / len(steps) < 0.01


def test_softbv_radii_are_those_of_bvlain():
    pytest.importorskip('bvlain', reason='bvlain, whose radii are compared, is not installed')
    from bvlain.data.covalent_radii import covalent_radii_softbv
    from pymatgen.core import Element

    charged = {
        Ion(Element.from_Z(z).symbol, charge): radius
        for z, radii in covalent_radii_softbv.items()
        for charge, radius in radii.items()
        if charge
    }
    assert default_parameters().radii == charged


def test_placeholders_are_left_out():
    for cation, anion in (('Mg2+', 'Se2-'), ('Ca2+', 'Br-'), ('Be2+', 'S2-')):
        with pytest.raises(ParametersMissingError, match='no bond-valence parameters'):
            default_parameters().row(parse_ion(cation), parse_ion(anion))


def test_peroxide_rows_are_marked_and_half_as_deep():
    """Only the charge of the anion differs, to which the depth is proportional for cations of the s block."""
    peroxide = default_parameters().row(LITHIUM, Ion('O', -1))
    oxide = default_parameters().row(LITHIUM, OXIDE)
    assert (peroxide.R0, peroxide.b, peroxide.R_min) == (oxide.R0, oxide.b, oxide.R_min)
    assert pytest.approx(oxide.D0 / 2, rel=1e-3) == peroxide.D0
    assert 'peroxide' in peroxide.derived
    assert oxide.derived is None
    assert {str(row.anion) for row in DERIVED} == {'O-'}
    with pytest.raises(InputError, match='of O there are O2-'):
        default_parameters().check_mobile_ion(Ion('O', -1))


def test_pair_without_parameters_is_named_with_what_there_is():
    with pytest.raises(ParametersMissingError, match=r'the pair Li\+ and P3-; Li\+ has them with Br-, Cl-, F-'):
        default_parameters().row(LITHIUM, Ion('P', -3))
    with pytest.raises(ParametersMissingError, match=r'the pair O2- and Ti\+; O2- has them with Ti3\+, Ti4\+'):
        default_parameters().row(OXIDE, Ion('Ti', 1))
    with pytest.raises(ParametersMissingError, match=r'the pair Li\+ and Na\+'):
        default_parameters().row(LITHIUM, Ion('Na', 1))


def test_mean_charges_near_a_tabulated_one_use_its_row():
    assert default_parameters().row(LITHIUM, Ion('O', -1.77)).anion == OXIDE
    assert default_parameters().valence_row(Ion('Fe', 8 / 3), Ion('O', -1.9)).cation == Ion('Fe', 3)
    with pytest.raises(ParametersMissingError, match=r'Li\+ and O1.7-'):
        default_parameters().row(LITHIUM, Ion('O', -1.7))
    with pytest.raises(ParametersMissingError, match=r'Li0.9\+ and O2-'):
        default_parameters().row(Ion('Li', 0.9), OXIDE)
    with pytest.raises(ParametersMissingError, match=r'Fe2.5\+ and O2-'):
        default_parameters().valence_row(Ion('Fe', 2.5), OXIDE)


def test_mobile_anions_swap_the_roles():
    default_parameters().check_mobile_ion(Ion('F', -1))
    assert default_parameters().row(Ion('F', -1), Ion('Pb', 2)) == default_parameters().row(Ion('Pb', 2), Ion('F', -1))
    with pytest.raises(InputError, match=r'P3- as the mobile ion; of P there are P3\+, P5\+'):
        default_parameters().check_mobile_ion(Ion('P', -3))
    with pytest.raises(InputError, match='no ion of He at all'):
        default_parameters().check_mobile_ion(Ion('He', 1))


def test_radii_of_both_sets():
    parameters = default_parameters()
    assert parameters.radius(Ion('P', 5)) == covalent_radius('P')
    expected = {'Li+': 1.31, 'P5+': 1.10, 'La3+': 1.81, 'Zr4+': 1.41, 'O2-': 1.33, 'S2-': 1.84}
    assert {ion: parameters.radius(parse_ion(ion), 'softbv') for ion in expected} == expected
    assert parameters.radius(Ion('Fe', 8 / 3), 'softbv') == 1.26
    with pytest.raises(ParametersMissingError, match=r'no radius of Fe6\+; it holds Fe2\+, Fe3\+, Fe4\+'):
        parameters.radius(Ion('Fe', 6), 'softbv')
    with pytest.raises(ParametersMissingError, match=r'no radius of Ac3\+$'):
        parameters.radius(Ion('Ac', 3), 'softbv')
    with pytest.raises(InputError, match='known are cordero and softbv'):
        parameters.radius(Ion('Fe', 3), 'shannon')


def edited(*lines, **changes):
    row = {
        'cation': 'Li+', 'anion': 'O2-', 'R0': 1.17, 'b': 0.5, 'alpha': 2.0, 'D0': 0.9278, 'R_min': 1.94,
        'preferred_coordination': 5.0,
    }  # fmt: skip
    row.update(changes)
    line = ' '.join(str(value) for value in row.values() if value is not None)
    return yaml.safe_dump({**HEADER, 'pairs': '\n'.join((line, *lines))})


def test_edited_file_is_read_and_has_another_checksum():
    parameters = read_parameters(edited())
    assert parameters.rows[0].R_min == 1.94
    assert parameters.checksum != default_parameters().checksum == default_parameters().checksum


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'alpha': -2.0}, 'alpha of the pair Li. and O2- is -2, but must be positive; rows with such numbers are'),
        ({'alpha': 0.0}, 'must be positive'),
        ({'b': 0.0}, 'must be positive'),
        ({'D0': -1.0}, 'must be positive'),
        ({'D0': 'nan'}, 'must be positive'),
        ({'R_min': 'inf'}, 'must be positive'),
        ({'R0': 'x'}, "R0 of the pair Li. and O2- is 'x', not a number"),
        ({'alpha': 1.5}, 'not the inverse'),
        ({'D0': 0.93}, 'is 0.93 eV, but its other numbers give 0.9278 eV'),
        ({'R_min': None}, 'has 7 entries, not 8'),
        ({'anion': 'S2-'}, 'needs the principal quantum number of S'),
    ],
)
def test_unusable_rows_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        read_parameters(edited(**changes))


def test_repeated_rows_are_refused():
    with pytest.raises(InputError, match=r'the pair Li\+ and O2- stands twice'):
        read_parameters(edited('Li+ O2- 1.17 0.5 2.0 0.9278 1.94 5.0'))


def test_derived_rows_need_the_row_they_are_like():
    document = yaml.safe_load(edited())
    document['derived'] = [{'anion': 'O-', 'like': 'O2-', 'cations': ['Na+'], 'reason': 'none'}]
    with pytest.raises(InputError, match=r'O- with Na\+ needs the row of O2- with Na\+'):
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
        ({'mobile_ion': 'Li2+'}, r'Li2\+ as the mobile ion; of Li there are Li\+'),
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
