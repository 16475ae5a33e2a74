"""The features of Sendek et al. against numbers worked out by hand, brute force, and their invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.common.status import Status
from aiida_limap.engines.descriptors.elements import ElementDataError
from aiida_limap.engines.errors import InputError, LimapError, NoMobileIonError, OverlappingSitesError
from aiida_limap.engines.screening.sendek import (
    ALL_FEATURES,
    FIVE_FEATURES,
    PUBLISHED_FIVE,
    SENDEK_FEATURES,
    sendek_feature_matrix,
    sendek_features,
)

#: Pauling electronegativities.
X_LI, X_O, X_CO = 0.98, 3.44, 1.88
#: Covalent radii, Å (Cordero et al. 2008).
R_LI, R_O = 1.28, 0.66


def lithium_oxide(a=4.62):
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(a), ['Li', 'O'], [[0.25] * 3, [0, 0, 0]])


def lithium_cobalt_oxide(a=2.816, c=14.05, z=0.26):
    sites = [[0, 0, 0.5], [0, 0, 0], [0, 0, z]]
    return Structure.from_spacegroup('R-3m', Lattice.hexagonal(a, c), ['Li', 'Co', 'O'], sites)


def garnet(a=12.3):
    sites = [[0.375, 0, 0.25], [0.125, 0, 0.25], [0, 0, 0], [0.28, 0.105, 0.196]]
    return Structure.from_spacegroup('Ia-3d', Lattice.cubic(a), ['Li', 'La', 'Te', 'O'], sites)


def close(value):
    return pytest.approx(value, abs=1e-9)


def test_lithium_oxide_by_hand():
    # Antifluorite, a = 4.62 Å: Li on a simple cubic lattice of length a/2, O on a face-centred one.
    # Li: 6 Li at a/2 = 2.31, 12 Li at a/sqrt 2 = 3.267, then 8 at a sqrt(3)/2 = 4.001 (just beyond 4 Å);
    #     4 O at a sqrt(3)/4 = 2.001, 12 O at a sqrt(11)/4 = 3.831. So LLB = 18, LNC = 18 + 16 = 34.
    # O:  12 O at 3.267; Li: 8 at 2.001 and 24 at 3.831. So SNC = 12 + 32 = 44.
    # All bonds within the sublattice are O-O: SBI = 0. Anions: 12 at 3.267, next at a = 4.62 > 4.267: AFC = 12.
    # Bonds of Li, per Li: 16 Li-O of 2.46, 18/2 = 9 Li-Li of 0: LBI = 16 * 2.46 / 25,
    #     its standard deviation 2.46 sqrt(16/25 * 9/25) = 2.46 * 0.48.
    # Bonds of the sublattice atoms, per O: 32 to Li, 12 to O (each met from both ends): SBIL = 32 * 2.46 / 44.
    # Path: from (1, 1, 1) a/4 to (3, 1, 1) a/4 past O at (2, 0, 2) a/4: distance a sqrt(2)/4 = 1.6334, less 0.66.
    a = 4.62
    found = sendek_features(lithium_oxide(a), names=ALL_FEATURES)
    ionicity = X_O - X_LI
    expected = {
        'LLB': 18,
        'SBI': 0,
        'AFC': 12,
        'LASD': a * 3**0.5 / 4,
        'LLSD': a / 2,
        'AAV': a**3 / 12,
        'SDLC': 0,
        'SDLI': 0.48 * ionicity,
        'LBI': 16 / 25 * ionicity,
        'LNC': 34,
        'SNC': 44,
        'AASD': a / 2**0.5,
        'VPA': a**3 / 4,
        'ENS': X_O,
        'SPF': 4 * 4 / 3 * math.pi * R_O**3 / a**3,
        'SLPW': a * 2**0.5 / 4 - R_O,
        'SLPE': X_O,
        'RNC': 34 / 44,
        'SBIL': 32 / 44 * ionicity,
    }
    for name, value in expected.items():
        assert found[name] == close(value), name
    assert math.isnan(found['RBI'])
    # Spheres of Li overlap in lenses at 2.31 < 2.56 Å, three of them per Li; those of Li and O do not, 2.001 > 1.94.
    ball, lens = (
        4 / 3 * math.pi * R_LI**3,
        math.pi * (2 * R_LI - a / 2) ** 2 * (a / 2 + 4 * R_LI) * (a / 2) / 12 / (a / 2),
    )
    oxygen = 4 / 3 * math.pi * R_O**3
    # No three spheres of Li share a point: the middle of a square of neighbours is a sqrt(2)/4 = 1.633 > 1.28 away.
    assert found['PF'] == close((8 * ball + 4 * oxygen - 24 * lens) / a**3)


def test_lithium_cobalt_oxide_by_hand():
    # Layers, with h = z c - c/6 ... all heights from the Co layer at 0: O at +-(1/3 - 0.26) c = 1.0303 Å from Co,
    # O at +-(0.26 - 1/6) c = 1.3113 Å from Li; lateral distances a/sqrt 3 = 1.6258, a = 2.816, 2a/sqrt 3 = 3.2516.
    # Li: 6 Li at 2.816 (next layer 4.96). Co at c/6 = 2.3417: 6 at 2.851, next 4.007. O: 6 at 2.0887, 6 at 3.506, and
    #     2 straight above and below at 0.24 c = 3.372. So LLB = 6, LNC = 6 + 6 + 14 = 26.
    # Co: 6 Co at 2.816, 6 Li, O: 6 at 1.9248, 6 at 3.411, 2 at 0.26 c = 3.653: 26 neighbours.
    # O: 6 O at 2.816, across Co (2.0607 high) 3 at 2.625 and 3 at 3.850, across Li (2.6226 high) 3 at 3.086, next
    #     4.18: 15 O; 7 Co and 7 Li: 29 neighbours. So SNC = (26 + 2 * 29) / 3 = 28.
    # AFC: nearest at 2.625, up to 3.625: 3 + 6 + 3 = 12.
    # SBI, per Co: 14 Co-O of 1.56, 6/2 Co-Co, 2 * 15/2 O-O: 14 * 1.56 / 32.
    # LBI, per Li: 14 Li-O of 2.46, 6 Li-Co of 0.90, 6/2 Li-Li: (14 * 2.46 + 6 * 0.90) / 23.
    # SBIL, all ends in the sublattice: 2 * (14, 3, 15) within, 14 + 6 to Li: (28 * 1.56 + 14 * 2.46 + 6 * 0.90) / 84.
    # Path along the edge of a triangle of Li: O above its middle, a/(2 sqrt 3) aside and 1.3113 above.
    a, c = 2.816, 14.05
    found = sendek_features(lithium_cobalt_oxide(), names=ALL_FEATURES)
    volume = a * a * 3**0.5 / 2 * c / 3
    above_li, above_co = (0.26 - 1 / 6) * c, (1 / 3 - 0.26) * c
    expected = {
        'LLB': 6,
        'SBI': 14 * (X_O - X_CO) / 32,
        'AFC': 12,
        'LASD': math.hypot(a / 3**0.5, above_li),
        'LLSD': a,
        'AAV': volume / 4,
        'SDLC': 0,
        'LBI': (14 * (X_O - X_LI) + 6 * (X_CO - X_LI)) / 23,
        'LNC': 26,
        'SNC': 28,
        'AASD': math.hypot(a / 3**0.5, 2 * above_co),
        'VPA': volume / 2,
        'ENS': (X_CO + 2 * X_O) / 3,
        'SLPW': math.hypot(a / 12**0.5, above_li) - R_O,
        'SLPE': X_O,
        'RBI': (14 * (X_O - X_LI) + 6 * (X_CO - X_LI)) / 23 / (14 * (X_O - X_CO) / 32),
        'RNC': 26 / 28,
        'SBIL': (28 * (X_O - X_CO) + 14 * (X_O - X_LI) + 6 * (X_CO - X_LI)) / 84,
    }
    for name, value in expected.items():
        assert found[name] == close(value), name
    mean = expected['LBI']
    squares = 14 * (X_O - X_LI - mean) ** 2 + 6 * (X_CO - X_LI - mean) ** 2 + 3 * mean**2
    assert found['SDLI'] == close(math.sqrt(squares / 23))


def test_garnet_by_hand():
    # Li3La3Te2O12, Ia-3d, a = 12.3 Å, Li on all 24d sites: each has 4 others at a sqrt(6)/8 = 3.766 Å, next at a/2.
    # O is (-0.095, 0.105, -0.054) a from the Li at (3/8, 0, 1/4). The line from (3, 0, 2) a/8 to (4, 2, 3) a/8 is
    # bounded most tightly by an O of the first tetrahedron or by La at (5/8, 1/4, ...): brute force below.
    a = 12.3
    structure = garnet(a)
    assert structure.composition.reduced_formula == 'Li3La3(TeO6)2'
    found = sendek_features(structure)
    assert found['LLB'] == 4
    assert found['LLSD'] == close(a * 6**0.5 / 8)
    assert found['LASD'] == close(a * math.sqrt(0.095**2 + 0.105**2 + 0.054**2))
    # 160 atoms in the cell, 96 of them anions.
    assert found['AAV'] == close(a**3 / 160)
    assert found['VPA'] == close(a**3 / 96)
    # La 1.10, Te 2.10, O 3.44: (24 * 1.10 + 16 * 2.10 + 96 * 3.44) / 136.
    assert found['ENS'] == close((24 * 1.10 + 16 * 2.10 + 96 * 3.44) / 136)


@pytest.mark.parametrize('make', [lithium_oxide, lithium_cobalt_oxide, garnet])
def test_counts_are_those_of_a_second_program(make):
    structure = make()
    found = sendek_features(structure, names=ALL_FEATURES)
    symbols = [site.specie.symbol for site in structure]
    lists = structure.get_all_neighbors(7.0)
    counts, inner, outer, shells = {}, [], [], []
    for symbol, others in zip(symbols, lists, strict=True):
        near = [other for other in others if other.nn_distance < 4.0]
        counts.setdefault(symbol == 'Li', []).append(len(near))
        if symbol != 'Li':
            x = structure[0].specie.__class__(symbol).X
            outer += [abs(x - other.specie.X) for other in near]
            inner += [abs(x - other.specie.X) for other in near if other.specie.symbol != 'Li']
        if symbol == 'O':
            distances = np.array([other.nn_distance for other in others if other.specie.symbol == 'O'])
            shells.append((distances <= distances.min() + 1 + 1e-6).sum())
    assert found['LNC'] == close(np.mean(counts[True]))
    assert found['SNC'] == close(np.mean(counts[False]))
    assert found['SBI'] == close(np.mean(inner))
    assert found['SBIL'] == close(np.mean(outer))
    assert found['AFC'] == close(np.mean(shells))


def changed(structure):
    order = np.random.default_rng(0).permutation(len(structure))
    yield Structure.from_sites([structure[int(index)] for index in order])
    yield structure.copy().translate_sites(list(range(len(structure))), [0.1, 0.2, 0.37])
    yield structure.copy().make_supercell([[2, 1, 0], [0, 1, 0], [1, 0, 1]])
    yield structure.copy().make_supercell([[1, 1, 0], [0, 1, 0], [2, 0, 1]])


def disordered():
    structure = lithium_cobalt_oxide()
    structure.replace_species({'Li': {'Li': 0.6}, 'Co': {'Co': 0.7, 'Al': 0.3}})
    return structure


@pytest.mark.parametrize('make', [lithium_oxide, lithium_cobalt_oxide, disordered])
def test_the_choice_of_cell_origin_and_order_changes_nothing(make):
    structure = make()
    row = sendek_feature_matrix([structure], ALL_FEATURES)[0]
    for other in changed(structure):
        np.testing.assert_allclose(sendek_feature_matrix([other], ALL_FEATURES)[0], row, rtol=1e-8, atol=1e-8)


def test_a_cell_of_one_mobile_ion_has_neighbours_in_other_cells():
    # CsCl-like cell of 5.2 Å: Li-Li and Cl-Cl at 5.2 Å, each seen only through its images.
    structure = Structure(Lattice.cubic(5.2), ['Li', 'Cl'], [[0, 0, 0], [0.5] * 3])
    found = sendek_features(structure)
    assert (found['LLB'], found['AFC'], found['SBI'], found['LNC']) == (0, 6, 0, 0)
    assert math.isnan(found['RNC'])
    assert found['LLSD'] == close(5.2)
    assert found['LASD'] == close(5.2 * 3**0.5 / 2)
    # Far apart, the nearest other Li is in the next cell of a long one.
    sparse = Structure(Lattice.orthorhombic(13, 14, 15), ['Li', 'Cl'], [[0, 0, 0], [0.2, 0, 0]])
    assert sendek_features(sparse, names=['LLSD'])['LLSD'] == close(13)


def test_names_choose_columns():
    structures = [lithium_oxide(), lithium_cobalt_oxide()]
    rows = sendek_feature_matrix(structures, ['LLSD', 'LLB'])
    assert rows == pytest.approx(np.array([[2.31, 18], [2.816, 6]]))
    assert sendek_feature_matrix(structures).shape == (2, 5)
    assert sendek_feature_matrix([], SENDEK_FEATURES).shape == (0, 20)
    assert len(SENDEK_FEATURES) == len(set(SENDEK_FEATURES)) == 20
    assert SENDEK_FEATURES[:5] == FIVE_FEATURES and set(PUBLISHED_FIVE) - set(FIVE_FEATURES) == {'SBIL'}
    assert tuple(sendek_features(structures[0])) == SENDEK_FEATURES


def test_oxidation_states_change_nothing_and_another_ion_may_move():
    plain, charged = lithium_cobalt_oxide(), lithium_cobalt_oxide()
    charged.add_oxidation_state_by_element({'Li': 1, 'Co': 3, 'O': -2})
    assert sendek_features(charged, mobile_ion='Li+') == sendek_features(plain)
    sodium = plain.copy()
    sodium.replace_species({'Li': 'Na'})
    assert sendek_features(sodium, mobile_ion='Na')['LLB'] == 6
    assert sendek_features(plain, bond_length=3.0)['LNC'] == 6 + 6 + 6


@pytest.mark.parametrize(
    ('change', 'error', 'words'),
    [
        (lambda crystal: crystal.replace_species({'Li': 'Na'}), NoMobileIonError, 'holds no Li'),
        (lambda crystal: crystal.replace_species({'O': 'Na', 'Co': 'Na'}), LimapError, 'no anion'),
        (lambda crystal: crystal.replace_species({'O': 'Li', 'Co': 'Li'}), LimapError, 'nothing but Li'),
        (lambda crystal: crystal.append('O', [0, 0, 0.501]), OverlappingSitesError, 'closer than any bond'),
        (lambda crystal: crystal.replace_species({'Co': 'Cm'}), ElementDataError, 'beyond the table'),
    ],
)
def test_structures_without_features_say_why(change, error, words):
    crystal = lithium_cobalt_oxide()
    change(crystal)
    with pytest.raises(error, match=words) as caught:
        sendek_features(crystal)
    assert caught.value.status in set(Status)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'mobile_ion': 'lithium'}, "'lithium' is no element"),
        ({'bond_length': -1}, 'between 0.5 and 20'),
        ({'bond_length': float('nan')}, 'between 0.5 and 20'),
        ({'names': ['LLB', 'LBL']}, "unknown feature 'LBL'; known are LLB"),
        ({'names': ['LLB', 'LLB']}, 'twice'),
        ({'names': 'LLB'}, 'a list'),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        sendek_features(lithium_oxide(), **arguments)
