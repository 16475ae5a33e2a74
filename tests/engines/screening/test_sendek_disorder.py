"""Shared and partially occupied sites: expected values, against series by hand and crystals drawn at random."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.screening._sendek_packing import expected_volume, union_volume
from aiida_limap.engines.screening.sendek import ALL_FEATURES, sendek_features


def antifluorite(lithium, anion, a=4.62):
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(a), [lithium, anion], [[0.25] * 3, [0, 0, 0]])


def test_full_sites_are_ordered_sites():
    whole = sendek_features(antifluorite('Li', 'O'))
    parts = sendek_features(antifluorite({'Li': 1.0}, {'O': 1.0}))
    assert parts == pytest.approx(whole, nan_ok=True)


def test_half_filled_lithium_by_hand():
    # Every Li has half of the Li neighbours: LLB = 9. One of 6 sites at 2.31 Å is occupied with the chance 1 - 2^-6,
    # else one of 12 at 3.267 with 1 - 2^-12, else one of 8 at 4.001; the rest is below 1e-7.
    found = sendek_features(antifluorite({'Li': 0.5}, 'O'))
    a = 4.62
    shells = [(6, a / 2), (12, a / 2**0.5), (8, a * 3**0.5 / 2), (6, a)]
    none, expected = 1.0, 0.0
    for count, distance in shells:
        expected += none * (1 - 0.5**count) * distance
        none *= 0.5**count
    assert found['LLSD'] == pytest.approx(expected / (1 - none), abs=1e-5)
    assert found['LLB'] == pytest.approx(9)
    # Volume per atom: 4 Li and 4 O in the cell. The anions are all there.
    assert found['AAV'] == pytest.approx(a**3 / 8)
    assert (found['AFC'], found['LASD']) == (pytest.approx(12), pytest.approx(a * 3**0.5 / 4))
    # Per Li: 16 O and 9 Li; per O: 12 O and 16 Li.
    assert (found['LNC'], found['SNC']) == (pytest.approx(25), pytest.approx(28))


def test_a_shared_site_counts_by_its_parts():
    # O or S, half each: the anions are the O.
    found = sendek_features(antifluorite('Li', {'O': 0.5, 'S': 0.5}))
    a = 4.62
    assert found['VPA'] == pytest.approx(a**3 / 2)
    assert found['ENS'] == pytest.approx((3.44 + 2.58) / 2)
    # Pairs of the sublattice: O-S half of the time, ionicity 0.86.
    assert found['SBI'] == pytest.approx(0.43)
    # Bonds to Li: mean of O and S.
    assert found['LBI'] == pytest.approx(16 / 25 * (2.46 + 1.60) / 2)
    # Nearest O of a Li: one of 4 at 2.001, else one of 12 at 3.831 and so on.
    first, second = a * 3**0.5 / 4, a * 11**0.5 / 4
    assert found['LASD'] == pytest.approx(first * (1 - 1 / 16) + second * (1 / 16) * (1 - 2**-12), abs=1e-3)


def test_split_positions_are_no_neighbours_of_each_other():
    # Every Li replaced by two half-filled sites 0.4 Å apart along x.
    a = 4.62
    sites = [[x / 4 + shift / a, y / 4, z / 4] for x in (1, 3) for y in (1, 3) for z in (1, 3) for shift in (-0.2, 0.2)]
    oxygen = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    split = Structure(Lattice.cubic(a), [{'Li': 0.5}] * 16 + ['O'] * 4, sites + oxygen)
    found, whole = sendek_features(split), sendek_features(antifluorite('Li', 'O'))
    # All pairs stay well below 4 Å or, beyond, above it: the numbers are those of whole atoms.
    assert found['LLSD'] > 1.9
    assert found['AAV'] == pytest.approx(whole['AAV'])
    assert found['AFC'] == pytest.approx(whole['AFC'])
    assert found['LLB'] == pytest.approx(whole['LLB'], rel=0.2)


def test_expected_values_are_means_over_crystals_drawn_at_random():
    average = antifluorite({'Li': 0.6}, {'O': 0.75, 'Cl': 0.25})
    names = [name for name in ALL_FEATURES if name not in {'SDLC', 'RBI', 'RNC'}]
    expected = sendek_features(average, names=names)
    generator = np.random.default_rng(7)
    cells = antifluorite('Li', 'O') * (4, 4, 4)
    rows = []
    for _ in range(4):
        symbols = [
            (generator.choice(['O', 'Cl'], p=[0.75, 0.25]) if site.specie.symbol == 'O' else 'Li') for site in cells
        ]
        kept = [symbol != 'Li' or generator.random() < 0.6 for symbol in symbols]
        crystal = Structure(
            cells.lattice,
            [symbol for symbol, keep in zip(symbols, kept, strict=True) if keep],
            cells.frac_coords[kept],
        )
        rows.append(list(sendek_features(crystal, names=names).values()))
    for name, drawn in zip(names, np.mean(rows, axis=0), strict=True):
        assert expected[name] == pytest.approx(drawn, rel=0.03), name


def test_volumes_of_spheres_in_closed_form():
    # Two spheres of 1.2 and 0.8 Å, 1.5 Å apart, share a lens; one of 0.5 Å within another adds nothing.
    cell, radii, distance = np.eye(3) * 20, np.array([1.2, 0.8]), 1.5
    balls = 4 / 3 * np.pi * (radii**3).sum()
    gap = radii.sum() - distance
    lens = np.pi * gap**2 * (distance**2 + 2 * distance * radii.sum() - 3 * (radii[0] - radii[1]) ** 2) / 12 / distance
    positions = np.array([[0, 0, 0], [distance / 20, 0, 0]])
    assert union_volume(cell, positions, radii) == pytest.approx(balls - lens, rel=1e-12)
    within = union_volume(cell, np.array([[0, 0, 0], [0.03, 0, 0]]), np.array([1.2, 0.5]))
    assert within == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=1e-12)
    # Full where the spheres cover the cell.
    assert union_volume(np.eye(3) * 3, np.zeros((1, 3)), np.array([2.7])) == pytest.approx(27, rel=1e-12)


def test_species_of_one_radius_share_a_site():
    # Se and Br have 1.20 Å both.
    found = sendek_features(antifluorite('Li', {'Se': 0.5, 'Br': 0.5}, a=6.0), names=['PF', 'SPF'])
    assert found['SPF'] == pytest.approx(4 * 4 / 3 * np.pi * 1.2**3 / 6.0**3, rel=1e-3)
    assert found['SPF'] < found['PF'] < 1


def test_both_ways_to_a_volume_agree():
    generator = np.random.default_rng(2)
    cell = np.diag([6.0, 7.0, 8.0]) + generator.random((3, 3))
    grid = np.stack(np.meshgrid(*[np.arange(3) / 3] * 3), axis=-1).reshape(-1, 3)
    positions = grid + 0.05 * generator.random((27, 3))
    radii = 0.6 + generator.random(27)
    atoms = (np.arange(28), np.ones(27), radii)
    exact = union_volume(cell, positions, radii)
    assert expected_volume(cell, positions, atoms) == pytest.approx(exact, rel=2e-3)
    # Half-filled, well apart: half of the volume.
    alone = (np.array([0, 1]), np.array([0.5]), np.array([1.0]))
    assert expected_volume(np.eye(3) * 5, np.zeros((1, 3)), alone) == pytest.approx(2 / 3 * np.pi, rel=1e-3)
