"""Surroundings of Li and packing: ideal polyhedra in closed form, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.coordination import Packing, SiteCoordination
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.errors import InputError, LimapError, NoMobileIonError

CLASSES = ClassSpec([{'name': 'Li', 'elements': ['Li']}, {'name': 'anion', 'role': 'anion'}], 'cation')
A = 4.6


def described(structure, block=None):
    block = block or SiteCoordination()
    row = block.row(Geometry(structure, CLASSES, 8.0))
    names = [column.name.removeprefix(f'{block.kind}_') for column in block.columns(CLASSES)]
    return dict(zip(names, row, strict=True))


def antifluorite(a=A):
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(a), ['O', 'Li'], [[0, 0, 0], [0.25] * 3])


def rock_salt(a=A):
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(a), ['Li', 'F'], [[0.5] * 3, [0, 0, 0]])


def test_a_tetrahedral_site():
    found = described(antifluorite())
    distance = A * np.sqrt(3) / 4
    assert found['anions_mean'] == pytest.approx(4, abs=1e-3)
    assert found['distance_mean'] == pytest.approx(distance, abs=1e-4)
    assert found['distance_nearest_mean'] == pytest.approx(distance)
    # For a tetrahedron: no Q1 and Q2, Q3^2 = 5/9, Q4^2 = 7/27.
    orders = [found[f'order_{order}_mean'] for order in (1, 2, 3, 4)]
    np.testing.assert_allclose(orders, [0, 0, 5 / 9, 7 / 27], atol=1e-3)
    assert found['apart_mobile_mean'] == pytest.approx(A / 2)


def test_an_octahedral_site():
    found = described(rock_salt())
    assert found['anions_mean'] == pytest.approx(6, abs=0.01)
    orders = [found[f'order_{order}_mean'] for order in (1, 2, 3, 4, 6)]
    np.testing.assert_allclose(orders, [0, 0, 0, 7 / 12, 1 / 8], atol=2e-3)
    # No cation but Li: none near, and the distance ends where the search does.
    assert found['repulsion_cations_mean'] == 0
    assert found['apart_cation_mean'] == 6


def test_equal_sites_have_no_spread():
    found = described(antifluorite())
    spreads = [value for name, value in found.items() if name.endswith('_spread')]
    np.testing.assert_allclose(spreads, 0, atol=1e-12)
    for name, value in found.items():
        if name.endswith('_mean'):
            stem = name.removesuffix('_mean')
            assert found[f'{stem}_minimum'] == pytest.approx(value, abs=1e-12)
            assert found[f'{stem}_maximum'] == pytest.approx(value, abs=1e-12)


def test_unequal_sites_have_a_mean_between_the_extremes():
    structure = antifluorite()
    structure.translate_sites([4], [0.02, 0.01, 0.0])
    found = described(structure)
    assert found['distance_nearest_minimum'] < found['distance_nearest_mean'] < found['distance_nearest_maximum']
    assert found['distance_spread'] > 0
    assert found['spread_maximum'] > found['spread_minimum']
    assert found['order_1_maximum'] > 1e-6


def test_cations_near_a_site_count_with_their_charge():
    structure = Structure(Lattice.cubic(4.0), ['Li', 'Al', 'O', 'O'], [[0, 0, 0], [0.5, 0, 0], [0.5] * 3, [0, 0.5, 0]])
    structure.add_oxidation_state_by_element({'Li': 1, 'Al': 3, 'O': -2})
    found = described(structure)
    assert found['repulsion_cations_mean'] == pytest.approx(2, abs=0.01)
    assert found['repulsion_charge_mean'] == pytest.approx(6, abs=0.02)
    assert found['apart_cation_mean'] == pytest.approx(2)
    # Six other Li at 4 Å fade to (1 - cos(pi / 4)) / 2.
    assert found['repulsion_mobile_mean'] == pytest.approx(6 * (1 + np.cos(0.75 * np.pi)) / 2)


def test_packing_of_a_crystal_without_other_cations():
    found = described(antifluorite(), Packing())
    assert found['volume_atom'] == pytest.approx(A**3 / 12)
    assert found['volume_anion'] == pytest.approx(A**3 / 4)
    assert found['density_mobile'] == pytest.approx(8 / A**3)
    assert found['contacts_anion'] == pytest.approx(A / np.sqrt(2), abs=0.02)
    assert found['contacts_anion_nearest'] == pytest.approx(A / np.sqrt(2))
    assert [found[name] for name in ('charge_density', 'anions_cation', 'ionicity', 'contacts_bond')] == [0, 0, 0, 0]


def test_packing_of_a_crystal_with_other_cations():
    structure = Structure.from_spacegroup('Fm-3m', Lattice.cubic(A), ['Mg', 'O'], [[0.5] * 3, [0, 0, 0]])
    found = described(structure, Packing())
    assert found['density_mobile'] == 0
    assert found['charge_density'] == pytest.approx(8 / A**3)
    assert found['anions_cation'] == pytest.approx(6, abs=0.01)
    assert found['ionicity'] == pytest.approx(3.44 - 1.31)
    assert found['contacts_bond'] == pytest.approx(A / 2, abs=1e-3)


def test_a_crystal_without_the_mobile_class_is_refused():
    structure = Structure.from_spacegroup('Fm-3m', Lattice.cubic(A), ['Mg', 'O'], [[0.5] * 3, [0, 0, 0]])
    with pytest.raises(NoMobileIonError, match='MgO has no site of the class Li'):
        described(structure)


def test_a_site_far_from_all_anions_is_refused():
    structure = Structure(Lattice.cubic(14.0), ['Li', 'F'], [[0, 0, 0], [0.5] * 3])
    with pytest.raises(LimapError, match=r'site 0 \(Li\) has no anion within 6 Å'):
        described(structure)


def test_a_crystal_without_anions_is_refused():
    structure = Structure(Lattice.cubic(3.0), ['Li', 'Mg'], [[0, 0, 0], [0.5] * 3])
    structure.add_oxidation_state_by_element({'Li': 0, 'Mg': 0})
    with pytest.raises(LimapError, match='no element is an anion'):
        described(structure, Packing())


def test_missing_electronegativity_is_told():
    structure = Structure(Lattice.cubic(5.0), ['Li', 'F', 'He'], [[0, 0, 0], [0.5] * 3, [0.5, 0, 0]])
    structure.add_oxidation_state_by_element({'Li': 1, 'F': -1, 'He': 0})
    with pytest.raises(LimapError, match='He'):
        described(structure, Packing())


def test_an_unknown_class_is_refused():
    with pytest.raises(InputError, match="unknown class 'Na'"):
        SiteCoordination(mobile='Na').columns(CLASSES)
