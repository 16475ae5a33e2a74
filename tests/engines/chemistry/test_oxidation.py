"""Oxidation states: where they come from, and what must not be guessed."""

from __future__ import annotations

import itertools

import pytest
from pymatgen.core import Composition, Lattice, Structure

from aiida_limap.engines.chemistry import oxidation_ways
from aiida_limap.engines.chemistry.bond_valence_states import site_bonds
from aiida_limap.engines.chemistry.elements import Ion, covalent_radius, highest_oxidation_states, parse_ion, period
from aiida_limap.engines.chemistry.oxidation import assign_oxidation_states
from aiida_limap.engines.chemistry.oxidation_ways import Crystal
from aiida_limap.engines.errors import (
    DisorderedStructureError,
    InputError,
    OutOfTimeError,
    OxidationStatesError,
    ParametersMissingError,
)


def lithium_oxide() -> Structure:
    lithium = list(itertools.product((0.25, 0.75), repeat=3))
    oxygen = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    return Structure(Lattice.cubic(4.62), ['Li'] * 8 + ['O'] * 4, lithium + oxygen)


def scattered(formula: str, edge: float = 4.0) -> Structure:
    """Return atoms of a formula on a coarse cubic mesh: a composition without bonds to speak of."""
    symbols = [element.symbol for element, amount in Composition(formula).items() for _ in range(int(amount))]
    side = next(n for n in range(1, 20) if n**3 >= len(symbols))
    places = [[i / side, j / side, k / side] for i in range(side) for j in range(side) for k in range(side)]
    return Structure(Lattice.cubic(edge * side), symbols, places[: len(symbols)])


def spinel() -> Structure:
    """LiMn2O4: manganese of mean valence 3.5 on one kind of site."""
    return Structure.from_spacegroup(
        'Fd-3m', Lattice.cubic(8.245), ['Li', 'Mn', 'O'], [[0, 0, 0], [5 / 8] * 3, [0.3882] * 3]
    )


def test_given_states_come_first():
    structure = lithium_oxide()
    structure.add_oxidation_state_by_element({'Li': 1, 'O': -2})
    given = assign_oxidation_states(structure, given={'Li': 0.5, 'O': -1.0, 'Zr': 4})
    assert given.method == 'given'
    assert given.by_element(structure) == {'Li': 0.5, 'O': -1.0}
    listed = assign_oxidation_states(structure, given=[1.0] * 8 + [-2.0] * 4)
    assert listed.values == (1.0,) * 8 + (-2.0,) * 4


def test_decoration_comes_second():
    structure = lithium_oxide()
    structure.add_oxidation_state_by_element({'Li': 1, 'O': -2})
    assert assign_oxidation_states(structure).method == 'structure'


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ({'Li': 1}, 'lack O'),
        ({'Li': 1, 'O': -1}, r'sum to \+4'),
        ([1.0, -1.0], '2 oxidation states for 12 sites'),
        ({'Li': float('nan'), 'O': -2}, 'finite'),
    ],
)
def test_unusable_given_states_are_refused(given, words):
    with pytest.raises(OxidationStatesError, match=words):
        assign_oxidation_states(lithium_oxide(), given=given)


@pytest.mark.parametrize(
    ('formula', 'expected'),
    [
        ('Li7La3Zr2O12', {'Li': 1, 'La': 3, 'Zr': 4, 'O': -2}),
        ('Li2SO4', {'Li': 1, 'S': 6, 'O': -2}),
        ('Li3PO4', {'Li': 1, 'P': 5, 'O': -2}),
        ('Li6PS5Cl', {'Li': 1, 'P': 5, 'S': -2, 'Cl': -1}),
        ('LiClO4', {'Li': 1, 'Cl': 7, 'O': -2}),
        ('Li3N', {'Li': 1, 'N': -3}),
    ],
)
def test_only_possible_assignment_needs_no_bonds(formula, expected):
    structure = scattered(formula)
    states = assign_oxidation_states(structure)
    assert states.method == 'composition'
    assert states.by_element(structure) == expected


@pytest.mark.parametrize(
    'formula', ['Li2SO3', 'LiMn2O4', 'LiSbO2', 'Li3Sb3O8', 'LiFePO4', 'LiSn2O3', 'Li2O2', 'LiHfMg6O7']
)
def test_ambiguous_compositions_are_not_settled_by_the_highest_states(formula):
    assert oxidation_ways._only_assignment(Crystal.of(site_bonds(scattered(formula)))) is None


def test_lower_states_are_found_from_the_bonds():
    """MnO: the bonds, not the highest state of manganese, decide."""
    rock_salt = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.2), ['Mg', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    rock_salt.replace_species({'Mg': 'Mn'})
    states = assign_oxidation_states(rock_salt)
    assert states.method == 'bond_valence'
    assert states.by_element(rock_salt) == {'Mn': 2.0, 'O': -2.0}


def test_equal_sites_share_a_mean_state():
    structure = spinel()
    states = assign_oxidation_states(structure)
    assert states.method == 'bond_valence_mean'
    assert states.by_element(structure) == pytest.approx({'Li': 1.0, 'Mn': 3.5, 'O': -2.0})


def test_few_holes_are_shared_and_recorded():
    structure = scattered('Li17La12Zr8O48')
    states = assign_oxidation_states(structure)
    assert states.method == 'composition_mean'
    assert states.by_element(structure) == pytest.approx({'Li': 1, 'La': 3, 'Zr': 4, 'O': -85 / 48})


def test_few_surplus_electrons_are_shared_by_cations_of_higher_charge():
    structure = scattered('LiAl4Zn2O8')
    states = assign_oxidation_states(structure)
    assert states.method == 'composition_mean'
    by_element = states.by_element(structure)
    assert by_element['Li'] == 1
    assert by_element['O'] == -2
    assert by_element['Al'] / 3 == pytest.approx(by_element['Zn'] / 2) == pytest.approx(15 / 16)


def peroxide() -> Structure:
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0, 0.5 + 1.5 / 6]]
    return Structure(Lattice.tetragonal(4, 6), ['Li', 'Li', 'O', 'O'], places)


def test_peroxides_share_the_charge_of_their_group():
    states = assign_oxidation_states(peroxide())
    assert states.method == 'anion_groups'
    assert states.values == (1.0, 1.0, -1.0, -1.0)


@pytest.mark.parametrize('formula', ['LiAl', 'Li9Mg', 'LiMg14SiO9', 'LiC6', 'Li3HfO', 'Li2Mg3Si2'])
def test_no_neutral_assignment_is_an_error(formula):
    with pytest.raises(OxidationStatesError, match='give the'):
        assign_oxidation_states(scattered(formula))


def test_time_limit():
    with pytest.raises(OutOfTimeError, match='LiMg14SiO9'):
        assign_oxidation_states(scattered('LiMg14SiO9'), time_limit_s=0.0)


def test_disorder_is_refused():
    structure = lithium_oxide()
    structure[0] = {'Li': 0.5}
    with pytest.raises(DisorderedStructureError):
        assign_oxidation_states(structure)


def test_the_structure_is_left_as_it_was():
    structure = spinel()
    before = structure.copy()
    assign_oxidation_states(structure)
    assert structure == before


def test_covalent_radii_are_those_of_cordero():
    data = pytest.importorskip('ase.data')
    for number in range(1, 97):
        assert covalent_radius(data.chemical_symbols[number]) == pytest.approx(float(data.covalent_radii[number]))
    with pytest.raises(ParametersMissingError, match='Og'):
        covalent_radius('Og')


def test_highest_states_are_elements_with_positive_charge():
    assert all(1 <= state <= 7 for state in highest_oxidation_states().values())
    assert highest_oxidation_states()['Y'] == 3
    assert [period(symbol) for symbol in ('H', 'Li', 'O', 'P', 'Zr', 'La', 'Lu', 'Hf', 'U')] == [
        1,
        2,
        2,
        3,
        5,
        6,
        6,
        6,
        7,
    ]


@pytest.mark.parametrize(('text', 'ion'), [('Li+', Ion('Li', 1)), ('Mg2+', Ion('Mg', 2)), ('O2-', Ion('O', -2))])
def test_ions_are_read_and_written(text, ion):
    assert parse_ion(text) == ion
    assert str(ion) == text


@pytest.mark.parametrize('text', ['Li', 'li+', 'Li+1', '+', 'Li0+', '', None])
def test_what_is_no_ion_is_refused(text):
    with pytest.raises(InputError, match='not an ion'):
        parse_ion(text)
