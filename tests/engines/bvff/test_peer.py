"""Comparison with bvlain, another implementation of bond-valence site energies (preset ``bvse``)."""

from __future__ import annotations

import gzip
import importlib
import json
import math
import warnings

import numpy as np
import pytest
from pymatgen.core import Structure

from aiida_limap.engines.bvff.framework import build_framework
from aiida_limap.engines.bvff.landscape import site_energy_landscape
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.chemistry.oxidation import assign_oxidation_states
from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.engines.percolation.thresholds import percolate

#: Width of the bracket at which its bisection from 10 eV stops; it returns the upper end.
BRACKET_EV = 10 / 2**10
TOLERANCE_EV = 0.02
SIZE = 12
PROTOTYPES = ('Li2O', 'Li3PO4-gamma', 'LiTi2P3O12', 'LiMgPO4', 'LiAlO2-gamma', 'Li2SiO3')
#: Materials Project structures between 2 and 100 sites: perovskites, garnets, phosphates, spinels, layers.
MATERIALS = ('mp-1222361', 'mp-1235944', 'mp-37207', 'mp-772521', 'mp-757569', 'mp-10499')


@pytest.fixture(scope='module')
def lain():
    """Return the class of bvlain, or skip: it is a peer to compare with, not needed for anything else."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            return importlib.import_module('bvlain').Lain
        except ImportError:
            pytest.skip('bvlain is not installed')


def run_peer(lain, structure, *, resolution=0.3, neighbours=100):
    """Return the energies of bvlain without the doubled end points, and its barriers."""
    with warnings.catch_warnings(), np.errstate(all='ignore'):
        warnings.simplefilter('ignore')
        peer = lain(verbose=False)
        peer.read_structure(structure, oxi_check=False)
        energies = peer.bvse_distribution(mobile_ion='Li1+', r_cut=10, resolution=resolution, k=neighbours)
        barriers = peer.percolation_barriers(encut=10.0)
    return np.asarray(energies)[:-1, :-1, :-1], [barriers[f'E_{dimension}D'] for dimension in (1, 2, 3)]


def peer_barriers(lain, energies):
    """Return the barriers that bvlain finds in a grid of ours; it wants both end points of each axis."""
    peer = lain(verbose=False)
    peer.data = np.pad(energies, [(0, 1)] * 3, mode='wrap')
    peer.size = peer.data.shape
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        found = peer.percolation_barriers(encut=10.0)
    return [float(found[f'E_{dimension}D']) for dimension in (1, 2, 3)]


def own_energies(structure, shape):
    states = [site.specie.oxi_state for site in structure]
    return site_energy_landscape(build_framework(structure, states, BvffOptions(preset='bvse')), shape)


def prototype(name):
    return next(entry for entry in load_prototypes() if entry.name == name).structure()


def check_agreement(lain, structure):
    theirs, barriers = run_peer(lain, structure)
    ours = own_energies(structure, theirs.shape)
    result = percolate(ours, maximum=float(ours.min()) + 10.0)
    # Its supercell counts translations modulo two: these structures have an odd index, so that it counts right.
    assert result.sublattice_index is None or result.sublattice_index % 2 == 1
    expected = [math.inf if value is None else value for value in result.barriers]
    assert barriers == pytest.approx(expected, abs=TOLERANCE_EV)


@pytest.mark.parametrize('name', PROTOTYPES)
def test_barriers_of_prototypes_agree(lain, name):
    check_agreement(lain, prototype(name))


@pytest.mark.parametrize('identifier', MATERIALS)
def test_barriers_of_the_materials_project_agree(lain, shared_data, identifier):
    with gzip.open(shared_data / 'mp_li_oxides.jsonl.gz', 'rt', encoding='utf-8') as lines:
        row = next(row for row in map(json.loads, lines) if row['id'] == identifier)
    structure = Structure.from_dict(row['structure'])
    structure.add_oxidation_state_by_site(list(assign_oxidation_states(structure).values))
    check_agreement(lain, structure)


@pytest.mark.parametrize('name', ['Li2O', 'LiMgPO4'])
def test_energies_agree_where_its_sphere_is_whole(lain, name):
    structure = prototype(name)
    theirs, _ = run_peer(lain, structure, resolution=0.5, neighbours=700)
    ours = own_energies(structure, theirs.shape)
    low = theirs < theirs.min() + 3.0
    difference = (ours - theirs)[low]
    # The Morse energy of ours is shifted to zero at the cut-off, which is the same for all points but for the few
    # atoms that enter the sphere; 14.4 against 14.39965 eV Å.
    assert np.ptp(difference) < 2e-3
    assert abs(difference.mean()) < 2e-2


def test_a_hundred_neighbours_cut_its_sphere(lain):
    structure = prototype('LiMgPO4')
    cut, _ = run_peer(lain, structure, resolution=0.5)
    whole, _ = run_peer(lain, structure, resolution=0.5, neighbours=700)
    ours = own_energies(structure, cut.shape)
    low = cut < cut.min() + 3.0
    assert np.ptp((ours - whole)[low]) < np.ptp((ours - cut)[low])


def test_its_barriers_are_the_upper_ends_of_brackets(lain):
    structure = prototype('Li3PO4-gamma')
    theirs, barriers = run_peer(lain, structure)
    exact = percolate(theirs).barriers
    for value, truth in zip(barriers, exact, strict=True):
        assert truth - 1e-4 <= value <= truth + BRACKET_EV + 1e-4


def carved(*paths, background=20.0):
    """Return a grid of ``background`` with straight channels of energy 0.3 and one point of energy 0."""
    grid = np.full((SIZE,) * 3, background)
    for start, direction in paths:
        for step in range(SIZE):
            grid[tuple((np.array(start) + step * np.array(direction)) % SIZE)] = 0.3
    grid[paths[0][0]] = 0.0
    return grid


@pytest.mark.parametrize(
    'directions', [[(1, 0, 0)], [(1, 1, 0)], [(1, 0, 0), (0, 1, 0), (0, 0, 1)]], ids=['100', '110', 'axes']
)
def test_networks_of_odd_index_are_counted_right_by_both(lain, directions):
    grid = carved(*(((0, 0, 0), direction) for direction in directions))
    ours = [math.inf if value is None else value for value in percolate(grid, maximum=10.0).barriers]
    assert peer_barriers(lain, grid) == pytest.approx(ours, abs=TOLERANCE_EV)


def test_a_network_of_index_two_is_three_dimensional_although_it_says_one(lain):
    grid = carved(((0, 0, 0), (1, 1, 0)), ((0, 0, 6), (1, -1, 0)), ((0, 0, 0), (0, 0, 1)))
    result = percolate(grid, maximum=10.0)
    assert result.barriers == pytest.approx((0.3, 0.3, 0.3))
    assert result.sublattice_index == 2
    one, two, three = peer_barriers(lain, grid)
    assert one == pytest.approx(0.3, abs=TOLERANCE_EV)
    # The translations (110) and (1-10) are one modulo two, and (001) is the second.
    assert two == pytest.approx(0.3, abs=TOLERANCE_EV)
    assert three == math.inf


def test_joined_diagonals_are_two_dimensional_although_it_says_one(lain):
    grid = carved(((0, 0, 0), (1, 1, 0)), ((0, 0, 6), (1, -1, 0)))
    grid[0, 0, 1:6] = 0.3
    assert percolate(grid, maximum=10.0).barriers == (pytest.approx(0.3), pytest.approx(0.3), None)
    one, two, three = peer_barriers(lain, grid)
    assert one == pytest.approx(0.3, abs=TOLERANCE_EV)
    assert two == three == math.inf


def test_an_isolated_deep_pocket_raises_its_barrier_but_not_that_of_the_network(lain):
    grid = carved(((0, 0, 0), (1, 0, 0)))
    grid[6, 6, 6] = -1.0
    result = percolate(grid, maximum=10.0)
    assert result.network_barriers[0] == pytest.approx(0.3)
    assert peer_barriers(lain, grid)[0] == pytest.approx(1.3, abs=TOLERANCE_EV)
