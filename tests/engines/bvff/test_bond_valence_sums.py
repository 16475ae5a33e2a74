"""Bond-valence sums against sums by hand, invariances and another program."""

from __future__ import annotations

import gzip
import itertools
import json
import math

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.bvff.bond_valence_sums import bond_valence_sums, global_instability_index
from aiida_limap.engines.errors import DisorderedStructureError, InputError

FACES = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
#: Li3PO4, Pnma, and two garnets.
REAL = ('mp-2878', 'mp-559776', 'mp-942733')


def rock_salt(cation='Li', anion='F', edge=4.03):
    shifted = [(x + 0.5, y, z) for x, y, z in FACES]
    return Structure(Lattice.cubic(edge), [cation] * 4 + [anion] * 4, FACES + shifted)


def test_rock_salt_by_hand():
    """All sites have the same surroundings, so cation and anion have the same sum and the index is its deviation."""
    points = np.array(list(itertools.product(range(-5, 6), repeat=3)))
    odd = points[points.sum(axis=1) % 2 == 1]
    distances = np.linalg.norm(odd, axis=1) * 4.03 / 2
    expected = np.exp((1.08674 - distances[distances < 8]) / 0.508).sum()
    sums = bond_valence_sums(rock_salt(), [1] * 4 + [-1] * 4)
    assert sums.values == pytest.approx(np.full(8, expected))
    assert sums.deviations == pytest.approx(np.full(8, expected - 1))
    assert sums.by_ion == pytest.approx({'F-': expected, 'Li+': expected})
    assert global_instability_index(sums) == pytest.approx(abs(expected - 1))
    assert sums.message == ''


def test_shorter_range_leaves_out_bonds():
    """The first shell alone, six bonds of half the edge."""
    sums = bond_valence_sums(rock_salt(), [1] * 4 + [-1] * 4, cutoff=2.5)
    assert sums.values == pytest.approx(np.full(8, 6 * math.exp((1.08674 - 2.015) / 0.508)))


def distorted():
    structure = Structure(
        Lattice.from_parameters(4.1, 5.2, 6.3, 75, 95, 110),
        ['Li', 'Fe', 'P', 'O', 'O', 'O', 'O'],
        [
            [0, 0, 0],
            [0.45, 0.5, 0.1],
            [0.5, 0.1, 0.6],
            [0.2, 0.3, 0.9],
            [0.7, 0.7, 0.3],
            [0.1, 0.6, 0.5],
            [0.8, 0.2, 0.1],
        ],
    )
    return structure, np.array([1, 2, 5, -2, -2, -2, -2])


def test_sums_do_not_depend_on_cell_origin_and_order():
    structure, states = distorted()
    sums = bond_valence_sums(structure, states)
    moved = Structure(structure.lattice, structure.species, structure.frac_coords + np.array([0.31, -0.77, 1.4]))
    assert bond_valence_sums(moved, states).values == pytest.approx(sums.values)
    order = [3, 1, 6, 0, 2, 5, 4]
    permuted = Structure.from_sites([structure[index] for index in order])
    assert bond_valence_sums(permuted, states[order]).values == pytest.approx(sums.values[order])
    larger = structure.copy()
    larger.make_supercell([[1, 1, 0], [0, 1, 0], [0, 0, 2]])
    assert bond_valence_sums(larger, np.repeat(states, 2)).values == pytest.approx(np.repeat(sums.values, 2))


def test_missing_pairs_are_named_and_cost_their_sites_only():
    structure = rock_salt()
    structure.replace(0, 'Fe')
    structure.replace(4, 'N')
    states = [6, 1, 1, 1, -3, -1, -1, -1]
    sums = bond_valence_sums(structure, states, cutoff=2.5)
    assert sums.missing == ('Fe6+ and F-', 'Fe6+ and N3-')
    assert 'Fe6+ and F-, Fe6+ and N3-' in sums.message
    assert global_instability_index(sums) is None
    near_iron = [structure.get_distance(0, index) < 2.5 for index in range(8)]
    assert list(np.isnan(sums.values)) == near_iron
    assert math.isnan(sums.by_ion['F-'])
    assert sums.by_ion['Li+'] > 0


def test_mean_charges_use_the_nearest_row():
    assert bond_valence_sums(rock_salt('Fe', 'O'), [1.9] * 4 + [-1.9] * 4).values == pytest.approx(
        bond_valence_sums(rock_salt('Fe', 'O'), [2] * 4 + [-2] * 4).values
    )


def test_sites_without_charge_have_no_sum_and_do_not_count():
    structure = rock_salt()
    structure.append('Xe', [0.25, 0.25, 0.25])
    sums = bond_valence_sums(structure, [1] * 4 + [-1] * 4 + [0])
    without = bond_valence_sums(rock_salt(), [1] * 4 + [-1] * 4)
    assert np.isnan(sums.values[-1])
    assert global_instability_index(sums) == pytest.approx(global_instability_index(without))


def test_metal_has_no_bonds_and_no_index():
    lithium = Structure(Lattice.cubic(3.5), ['Li'], [[0, 0, 0]])
    assert bond_valence_sums(lithium, [1]).values == pytest.approx([0.0])
    assert global_instability_index(bond_valence_sums(lithium, [0])) is None


def test_unusable_input_is_refused():
    with pytest.raises(InputError, match='one charge per site: 8, not 2'):
        bond_valence_sums(rock_salt(), [1, -1])
    shared = rock_salt()
    shared.replace(0, {'Li': 0.5, 'Na': 0.5})
    with pytest.raises(DisorderedStructureError, match='ordered'):
        bond_valence_sums(shared, [1] * 4 + [-1] * 4)


@pytest.fixture(scope='module')
def real(shared_data):
    found = {}
    with gzip.open(shared_data / 'mp_li_oxides.jsonl.gz', 'rt') as handle:
        for line in handle:
            entry = json.loads(line)
            if entry['id'] in REAL:
                document = entry['structure']
                found[entry['id']] = Structure.from_dict(
                    json.loads(document) if isinstance(document, str) else document
                )
    assert set(found) == set(REAL)
    return found


CHARGES = {'Li': 1, 'P': 5, 'La': 3, 'Ta': 5, 'Zr': 4, 'O': -2}


@pytest.mark.parametrize('identifier', REAL)
def test_sums_are_those_of_bvlain(real, identifier):
    pytest.importorskip('bvlain', reason='bvlain, whose sums are compared, is not installed')
    from bvlain import Lain

    structure = real[identifier]
    states = [CHARGES[site.specie.symbol] for site in structure]
    sums = bond_valence_sums(structure, states)
    peer = Lain(verbose=False)
    peer.read_structure(structure.copy().add_oxidation_state_by_element(CHARGES), oxi_check=False)
    assert sums.values == pytest.approx(peer.mismatch(r_cut=8.0)['bvs'].to_numpy(float), abs=2e-6)


def test_lithium_phosphate_is_well_bonded(real):
    structure = real['mp-2878']
    sums = bond_valence_sums(structure, [CHARGES[site.specie.symbol] for site in structure])
    assert sums.by_ion == pytest.approx({'Li+': 1.051, 'O2-': 2.016, 'P5+': 4.911}, abs=1e-3)
    assert global_instability_index(sums) == pytest.approx(0.0497, abs=1e-4)
