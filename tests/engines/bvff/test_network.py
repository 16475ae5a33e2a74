"""Sites, passes and limiting paths of the migration network."""

from __future__ import annotations

import itertools
import json

import networkx as nx
import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.bvff import BvffOptions, migration_energy, migration_network, read_network
from aiida_limap.engines.bvff.continuum import Continuum
from aiida_limap.engines.bvff.framework import build_framework
from aiida_limap.engines.bvff.graph import percolate_graph
from aiida_limap.engines.bvff.network import site_letters
from aiida_limap.engines.bvff.sites import build_network
from aiida_limap.engines.bvff.solve import solve
from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.engines.errors import InputError
from aiida_limap.formats._files import FormatError


def lithium_oxide() -> Structure:
    lithium = list(itertools.product((0.25, 0.75), repeat=3))
    oxygen = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    return Structure(Lattice.cubic(4.62), ['Li'] * 8 + ['O'] * 4, lithium + oxygen)


def oblique_oxide() -> Structure:
    structure = lithium_oxide().get_primitive_structure()
    # A cell of three primitive ones, sheared: the immobile ions repeat within it.
    structure.make_supercell([[3, 1, 0], [0, 1, 0], [1, 0, 1]])
    return structure


@pytest.fixture(scope='module')
def prototypes():
    return [prototype.structure() for prototype in load_prototypes()]


@pytest.fixture(scope='module')
def networks():
    return {name: migration_network(make()) for name, make in (('cubic', lithium_oxide), ('oblique', oblique_oxide))}


@pytest.mark.parametrize('name', ['cubic', 'oblique'])
def test_the_network_percolates_where_the_structure_does(networks, name):
    network = networks[name]
    edges = np.array([[edge.source, edge.target, *edge.offset] for edge in network.edges])
    result = percolate_graph(
        np.array([site.energy_eV for site in network.sites]),
        edges,
        np.array([edge.saddle_eV for edge in network.edges]),
    )
    assert result.thresholds == pytest.approx(network.barriers_eV)


def test_the_choice_of_cell_does_not_matter(networks):
    cubic, oblique = networks['cubic'], networks['oblique']
    assert oblique.barriers_eV == pytest.approx(cubic.barriers_eV, abs=1e-6)
    # Four formula units in the cube, three in the other cell.
    assert len(oblique.sites) * 4 == len(cubic.sites) * 3
    assert len(oblique.edges) * 4 == len(cubic.edges) * 3
    kinds = [
        sorted({(site.kind, round(site.energy_eV, 6), site.site_symmetry) for site in network.sites})
        for network in (cubic, oblique)
    ]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize('name', ['cubic', 'oblique'])
def test_saddles_lie_between_their_sites(networks, name):
    network = networks[name]
    structure = lithium_oxide() if name == 'cubic' else oblique_oxide()
    continuum = Continuum(
        build_framework(structure, [1.0 if s.specie.symbol == 'Li' else -2.0 for s in structure], BvffOptions())
    )
    energies, gradients, hessians = continuum.derivatives([edge.saddle_position for edge in network.edges])
    for edge, energy, gradient, hessian in zip(network.edges, energies, gradients, hessians, strict=True):
        assert edge.refined
        assert edge.saddle_eV == pytest.approx(energy - network.energy_minimum_eV, abs=1e-6)
        assert edge.saddle_eV >= max(network.sites[edge.source].energy_eV, network.sites[edge.target].energy_eV)
        assert np.linalg.norm(gradient) < 1e-4
        assert (np.linalg.eigvalsh(hessian) < 0).sum() == 1
    positions = np.array([site.position for site in network.sites])
    assert ((positions >= 0) & (positions < 1)).all()
    energies, gradients, hessians = continuum.derivatives(positions)
    assert [site.energy_eV for site in network.sites] == pytest.approx(energies - network.energy_minimum_eV, abs=1e-6)
    assert np.abs(gradients).max() < 1e-4
    assert np.linalg.eigvalsh(hessians).min() > 0


@pytest.mark.parametrize('name', ['cubic', 'oblique'])
@pytest.mark.parametrize('dimension', [1, 2, 3])
def test_a_limiting_path_leads_to_an_image_over_its_barrier(networks, name, dimension):
    network = networks[name]
    path = network.path(dimension)
    assert path.barrier_eV == pytest.approx(network.barriers_eV[dimension - 1])
    assert path.sites[0] == path.sites[-1]
    assert path.cells[0] == (0, 0, 0)
    assert path.cells[-1] == path.translation != (0, 0, 0)
    profile = np.array(path.energy_eV)
    assert profile.max() == pytest.approx(path.barrier_eV, abs=1e-6)
    assert profile.min() >= -1e-6
    positions = np.array(path.positions)
    assert np.linalg.norm((positions[-1] - positions[0] - path.translation) @ network.cell) < 0.02
    steps = np.linalg.norm(np.diff(positions, axis=0) @ network.cell, axis=1)
    assert steps.max() < 0.15
    assert path.length_angstrom == pytest.approx(steps.sum())
    # Between the stationary points the energy rises to each saddle and falls from it.
    for (begin, low, _), (end, high, _) in itertools.pairwise(path.stationary):
        inside = (np.array(path.distance_angstrom) >= begin - 1e-9) & (np.array(path.distance_angstrom) <= end + 1e-9)
        slopes = np.diff(profile[inside])
        assert (slopes * np.sign(high - low) > -1e-4).all()


def test_the_way_along_a_channel_is_known(prototypes):
    olivine = next(s for s in prototypes if s.composition.reduced_formula == 'LiMgPO4')
    network = migration_network(olivine)
    path = network.path(1)
    # In olivines (Pnma) lithium moves in a wavy line along b, through tetrahedra between its octahedral sites.
    assert [abs(entry) for entry in path.translation] == [0, 1, 0]
    assert network.directions[0] == ((0.0, 1.0, 0.0),)
    assert 1.1 < path.length_angstrom / np.linalg.norm(network.cell[1]) < 1.3
    labels = [network.sites[index] for index in path.sites]
    assert [site.site_symmetry for site in labels] == ['-1', 'm', '-1', 'm', '-1']
    assert [site.nearest_mobile_distance_angstrom < 0.01 for site in labels] == [True, False, True, False, True]


def test_json_and_networkx_say_the_same(networks, tmp_path):
    network = networks['oblique']
    network.write(tmp_path / 'network.json')
    again = read_network(tmp_path / 'network.json')
    assert again.to_dict() == network.to_dict()
    assert again.sites == network.sites
    assert again.paths == network.paths
    graph = network.to_networkx()
    assert graph.number_of_nodes() == len(network.sites)
    assert graph.number_of_edges() == len(network.edges)
    assert nx.is_connected(graph)
    assert graph.nodes[0]['label'] == network.sites[0].label
    edges = sorted(data['saddle_eV'] for *_, data in graph.edges(data=True))
    assert edges == sorted(edge.saddle_eV for edge in network.edges)


def test_files_that_are_no_network_are_refused(tmp_path):
    path = tmp_path / 'network.json'
    for text, words in (('{', 'cannot be read'), ('[]', 'holds no network'), ('{"schema": "x"}', "not 'x'")):
        path.write_text(text)
        with pytest.raises(FormatError, match=words):
            read_network(path)
    path.write_text(json.dumps({'schema': 'limap.network/1', 'formula': 'Li2O'}))
    with pytest.raises(FormatError, match='incomplete'):
        read_network(path)


def test_a_grid_without_refinement_has_no_network():
    with pytest.raises(InputError, match='needs the option refine'):
        BvffOptions(networks=True, refine=False)
    with pytest.raises(InputError, match='needs the option refine'):
        build_network(solve(lithium_oxide(), BvffOptions(refine=False, spacing_angstrom=0.4)))


def test_a_dimension_without_a_path_is_named():
    network = migration_network(lithium_oxide(), energy_cap_eV=0.3)
    assert network.barriers_eV == (None, None, None)
    assert network.directions == ((), (), ())
    with pytest.raises(InputError, match='Li2O: nothing percolates in 2 dimensions'):
        network.path(2)


def test_barriers_are_those_of_the_migration_energy(networks):
    energy = migration_energy(lithium_oxide())
    assert networks['cubic'].barriers_eV == pytest.approx((energy.barrier_1d, energy.barrier_2d, energy.barrier_3d))


def test_kinds_of_sites_are_lettered_like_columns():
    assert [site_letters(number) for number in (0, 25, 26, 27, 52, 701, 702)] == [
        'A',
        'Z',
        'AA',
        'AB',
        'BA',
        'ZZ',
        'AAA',
    ]
