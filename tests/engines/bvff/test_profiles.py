"""The energy along the limiting path, as a row of numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.bvff import BvffOptions, migration_network
from aiida_limap.engines.bvff.profiles import DISTANCE, ENERGY, POINTS, limiting_profile, thin_out
from aiida_limap.engines.bvff.solve import solve
from aiida_limap.engines.bvff.task import compute_item
from aiida_limap.engines.chemistry.prototypes import load_prototypes


def lithium_oxide() -> Structure:
    lithium = list(itertools.product((0.25, 0.75), repeat=3))
    oxygen = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    return Structure(Lattice.cubic(4.62), ['Li'] * 8 + ['O'] * 4, lithium + oxygen)


def test_a_profile_climbs_to_the_barrier_and_comes_back():
    structures = [lithium_oxide(), *(prototype.structure() for prototype in load_prototypes()[:6])]
    tops = 0
    for structure in structures:
        item = compute_item('a', lambda structure=structure: structure, BvffOptions())
        distance, energy = item.rows[DISTANCE], item.rows[ENERGY]
        assert distance.shape == energy.shape == (POINTS,)
        barrier = item.values['barrier_2d_eV']
        if barrier is None or np.isnan(energy).any():
            assert np.isnan(energy).all()
            continue
        tops += 1
        assert distance[0] == 0
        assert (np.diff(distance) >= 0).all()
        assert energy.max() == pytest.approx(barrier, abs=2e-3)
        # It leads from a site to an image of it.
        assert energy[0] == pytest.approx(energy[-1], abs=2e-3)
        assert energy.min() > -1e-4
    assert tops >= 5


def test_a_profile_is_that_of_the_migration_network():
    structure = lithium_oxide()
    row = limiting_profile(solve(structure, BvffOptions()))
    path = next(path for path in migration_network(structure).paths if path.dimension == 2)
    assert row[DISTANCE][-1] == pytest.approx(path.distance_angstrom[-1], abs=0.02)
    along = np.interp(row[DISTANCE], path.distance_angstrom, path.energy_eV)
    np.testing.assert_allclose(row[ENERGY], along, atol=0.02)


def test_saddles_of_the_grid_lie_between_their_sites():
    structure = load_prototypes()[0].structure()
    cell = structure.lattice.matrix
    for prototype in load_prototypes()[:8]:
        structure = prototype.structure()
        cell = structure.lattice.matrix
        network = migration_network(structure)
        for edge in network.edges:
            if edge.refined:
                continue
            source = np.array(network.sites[edge.source].position)
            target = np.array(network.sites[edge.target].position) + edge.offset
            direct = np.linalg.norm((target - source) @ cell)
            around = sum(np.linalg.norm((np.array(edge.saddle_position) - end) @ cell) for end in (source, target))
            assert around < direct + 4.0


def test_there_is_no_profile_without_the_continuum_or_where_it_is_not_wanted():
    load = lithium_oxide
    item = compute_item('a', load, BvffOptions(refine=False, spacing_angstrom=0.4))
    assert np.isnan(item.rows[ENERGY]).all()
    assert compute_item('a', load, BvffOptions(profiles=False, spacing_angstrom=0.4)).rows == {}


def test_a_thinned_curve_keeps_ends_and_top():
    x = np.linspace(0, 10, 301)
    y = np.sin(x) ** 2 * np.exp(-((x - 4.7) ** 2))
    places, values = thin_out(x, y, 25)
    assert len(places) == 25
    assert (places[0], places[-1], values.max()) == (0, 10, y.max())
    assert np.abs(np.interp(x, places, values) - y).max() < 0.01
    # Fewer points than wanted: further ones lie on its lines.
    places, values = thin_out(np.array([0.0, 1.0, 1.0, 4.0]), np.array([0.0, 1.0, 1.0, 0.0]), 9)
    assert len(places) == 9
    assert (np.diff(places) > 0).all()
    np.testing.assert_allclose(values, np.interp(places, [0, 1, 4], [0, 1, 0]))


@pytest.mark.parametrize('name', ['LiLa2SbO6', 'LiGaO2-beta'])
def test_a_path_whose_descent_stops_on_the_way_still_leads_to_an_image_of_its_site(name):
    (prototype,) = (prototype for prototype in load_prototypes() if prototype.name == name)
    row = limiting_profile(solve(prototype.structure(), BvffOptions()))
    assert row[ENERGY][0] == pytest.approx(row[ENERGY][-1], abs=2e-3)


def test_a_pass_that_decides_no_barrier_is_drawn_over_its_true_saddle():
    (prototype,) = (prototype for prototype in load_prototypes() if prototype.name == 'LiTiOPO4')
    item = compute_item('a', prototype.structure, BvffOptions())
    assert item.rows[ENERGY].max() == pytest.approx(item.values['barrier_2d_eV'], abs=2e-3)
