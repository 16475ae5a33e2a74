"""The grid that symmetry maps onto itself: operations, energies, and barriers that do not depend on the cell."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure

from aiida_limap.engines.bvff import migration_energy
from aiida_limap.engines.bvff import solve as solve_module
from aiida_limap.engines.bvff import symmetry as symmetry_module
from aiida_limap.engines.bvff.continuum import Continuum
from aiida_limap.engines.bvff.framework import build_framework
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.solve import grid_energies
from aiida_limap.engines.bvff.symmetry import plain_grid, symmetric_grid
from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.engines.errors import StructureTooLargeError

#: Prototypes with what makes each of them awkward, and how many operations the grid of their framework has.
CASES = {
    'Li2O': 48,  # face centring
    'Li3PO4-gamma': 8,  # glide planes
    'LiAlO2-gamma': 8,  # fourfold screw axes, no centre
    'LiAlSiO4-beta': 12,  # sixfold screw axes
    'LiTi2P3O12': 12,  # rhombohedral
    'LiInO2': 16,  # body centring and fourfold screw axes
    'Li3NbO4': 24,  # body centring, no centre
    'LiAl5O8': 24,  # cubic with fourfold screw axes
    'Li2CaSiO4': 8,  # inversion axes
    'Li2CO3': 4,  # monoclinic, base centred
    'LiGaO2-beta': 4,  # polar
    'Li5La3Ta2O12': 48,  # large
}
BARRIERS = tuple(f'{kind}_{dimension}d' for kind in ('barrier', 'network_barrier') for dimension in (1, 2, 3))


@pytest.fixture(scope='module', autouse=True)
def symmetry_of_small_grids():
    """Use symmetry also where a grid is so small that it does not pay."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solve_module, '_SMALL_GRID', 0, raising=False)
        yield


@functools.cache
def prototype(name):
    return next(entry for entry in load_prototypes() if entry.name == name).structure()


def framework_of(structure):
    return build_framework(structure, [site.specie.oxi_state for site in structure], BvffOptions())


def thresholds_of(structure, **options):
    result = migration_energy(structure, **options)
    assert result.unresolved_saddles == 0
    values = [getattr(result, name) for name in BARRIERS]
    return np.array([np.nan if value is None else value for value in values])


def same(one, two, tolerance=1e-3):
    np.testing.assert_allclose(one, two, rtol=0, atol=tolerance)


@pytest.mark.parametrize('name', CASES)
def test_grid_is_mapped_onto_itself(name):
    grid = symmetric_grid(framework_of(prototype(name)), 0.3)
    assert len(grid.rotations) == CASES[name]
    assert (grid.rotations[0] == np.eye(3)).all()
    assert (grid.index_translations[0] == 0).all()
    points = np.arange(0, grid.n_points, max(1, grid.n_points // 500))
    indices = np.stack(np.unravel_index(points, grid.shape), axis=-1)
    for operation in range(len(grid.rotations)):
        images = indices @ grid.index_rotations[operation].T + grid.index_translations[operation]
        wanted = grid.fractional(points) @ grid.rotations[operation].T + grid.translations[operation]
        found = grid.origin + images / np.array(grid.shape)
        # Exact operations and those of the atoms, which lie where they do within the tolerance of the search.
        assert np.abs((found - wanted) @ grid.framework.cell).max() < 5e-3
        every = np.stack(np.unravel_index(np.arange(grid.n_points), grid.shape), axis=-1)
        turned = (every @ grid.index_rotations[operation].T + grid.index_translations[operation]) % grid.shape
        flat = np.ravel_multi_index(tuple(turned.T), grid.shape)
        assert len(np.unique(flat)) == grid.n_points


@pytest.mark.parametrize('name', CASES)
def test_operations_map_the_ions_onto_ions_of_their_kind(name):
    grid = symmetric_grid(framework_of(prototype(name)), 0.4)
    for positions in grid.framework.positions:
        for rotation, translation in zip(grid.rotations, grid.translations, strict=True):
            moved = positions @ rotation.T + translation
            apart = moved[:, None] - positions[None]
            apart -= np.rint(apart)
            distances = np.linalg.norm(apart @ grid.framework.cell, axis=-1)
            assert distances.min(axis=1).max() < 5e-3


@pytest.mark.parametrize('name', ['LiAlO2-gamma', 'LiTi2P3O12', 'LiAl5O8', 'Li2CO3', 'LiInO2'])
def test_energies_of_equivalent_points_are_those_of_direct_evaluation_in_the_cell_as_given(name):
    structure = prototype(name) * (1, 2, 1)
    framework = framework_of(structure)
    grid = symmetric_grid(framework, 0.35)
    energy = grid_energies(grid).ravel()
    points = np.random.default_rng(3).choice(grid.n_points, size=300, replace=False)
    # The cell of the structure is transformation @ reduced cell: fractional coordinates transform the other way.
    cartesian = grid.fractional(points) @ grid.framework.cell
    direct = Continuum(framework).derivatives(cartesian @ np.linalg.inv(framework.cell))[0]
    below = direct < 20
    assert below.sum() > 50
    same(energy[points][below], direct[below], 2e-3)
    np.testing.assert_allclose(grid.transformation @ grid.framework.cell, framework.cell, atol=1e-9)
    assert round(abs(np.linalg.det(grid.transformation))) == 2 * round(
        abs(np.linalg.det(symmetric_grid(framework_of(prototype(name)), 0.35).transformation))
    )


@pytest.mark.parametrize('name', ['Li2O', 'LiAlSiO4-beta', 'Li3NbO4'])
def test_representatives_and_the_operations_that_lead_away_from_them(name):
    grid = symmetric_grid(framework_of(prototype(name)), 0.4)
    representatives = grid.representatives()
    assert (representatives <= np.arange(grid.n_points)).all()
    assert (representatives[representatives] == representatives).all()
    orbits = len(np.unique(representatives))
    assert grid.n_points / len(grid.rotations) <= orbits < grid.n_points / 2
    points = np.arange(0, grid.n_points, 7)
    places, operations, cells = grid.operations_to(points, representatives[points])
    assert (np.diff(places) >= 0).all()
    assert (np.unique(places) == np.arange(len(points))).all()
    # As many operations lead to a point as there are points fewer in its orbit than operations.
    counts = np.bincount(places)
    sizes = np.bincount(representatives, minlength=grid.n_points)[representatives[points]]
    assert (counts * sizes == len(grid.rotations)).all()
    mapped = grid.map_positions(grid.fractional(representatives[points])[places], operations, cells)
    apart = (mapped - grid.fractional(points)[places]) @ grid.framework.cell
    assert np.abs(apart).max() < 5e-3


@pytest.mark.parametrize('name', CASES)
def test_symmetry_does_not_change_refined_barriers(name):
    structure = prototype(name)
    same(thresholds_of(structure), thresholds_of(structure, symmetry=False))


@pytest.mark.parametrize('name', ['Li3PO4-gamma', 'LiTi2P3O12', 'Li2CO3'])
def test_supercell_and_oblique_cell_have_the_grid_of_the_primitive_cell(name):
    structure = prototype(name)
    expected = symmetric_grid(framework_of(structure), 0.25)
    repeated = symmetric_grid(framework_of(structure * (2, 1, 2)), 0.25)
    assert sorted(repeated.shape) == sorted(expected.shape)
    assert len(repeated.rotations) == len(expected.rotations)
    same(thresholds_of(structure * (2, 1, 2)), thresholds_of(structure))


def sheared(structure, matrix):
    """Return the same crystal in the cell ``matrix @ cell``, of the same volume."""
    cell = np.array(matrix) @ structure.lattice.matrix
    return Structure(cell, structure.species, structure.cart_coords, coords_are_cartesian=True, to_unit_cell=True)


@pytest.mark.parametrize('name', ['Li3PO4-gamma', 'LiInO2', 'Li2CO3'])
@pytest.mark.parametrize(
    'matrix',
    [((1, 0, 0), (2, 1, 0), (0, -1, 1)), ((1, 3, 0), (0, 1, 0), (2, 6, 1)), ((0, 1, 0), (1, 0, 0), (0, 0, -1))],
)
def test_very_oblique_cell_gives_the_same_barriers(name, matrix):
    structure = prototype(name)
    same(thresholds_of(sheared(structure, matrix)), thresholds_of(structure))
    if np.abs(matrix).max() < 3:
        same(thresholds_of(sheared(structure, matrix), symmetry=False), thresholds_of(structure))


steps = st.lists(st.tuples(st.sampled_from(list(itertools.permutations(range(3), 2))), st.integers(-1, 1)), max_size=2)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(['Li2SiO3', 'Li3PO4-beta', 'LiBO2-gamma', 'LiTiOPO4', 'Li4GeO4', 'LiScO2']),
    origin=st.tuples(*[st.floats(0, 1)] * 3),
    axes=st.permutations([0, 1, 2]),
    shears=steps,
    copies=st.sampled_from([(1, 1, 1), (2, 1, 1), (1, 1, 2)]),
    random=st.randoms(use_true_random=False),
    symmetry=st.booleans(),
)
def test_description_of_the_crystal_does_not_matter(name, origin, axes, shears, copies, random, symmetry):
    structure = prototype(name)
    expected = thresholds_of(structure)
    change = np.eye(3, dtype=int)[list(axes)]
    for (row, column), count in shears:
        change[row] += count * change[column]
    other = sheared(structure, change) * copies
    other.translate_sites(range(len(other)), origin)
    order = random.sample(range(len(other)), len(other))
    same(thresholds_of(Structure.from_sites([other[index] for index in order]), symmetry=symmetry), expected)


def test_rotated_crystal_gives_the_same_barriers():
    structure = prototype('Li2SiO3')
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    turned = Structure(structure.lattice.matrix @ turn, structure.species, structure.frac_coords)
    same(thresholds_of(turned), thresholds_of(structure))


def test_slight_noise_does_not_matter_and_strong_noise_lowers_the_symmetry():
    structure = prototype('LiAlO2-gamma')
    expected = migration_energy(structure)
    for amplitude, operations, tolerance in ((1e-4, 8, 1e-3), (2e-2, 1, 0.3)):
        other = structure.copy()
        other.perturb(amplitude, seed=3)
        result = migration_energy(other)
        assert result.symmetry_operations == operations
        same(result.barrier_2d, expected.barrier_2d, tolerance)
        same(result.barrier_2d, migration_energy(other, symmetry=False).barrier_2d)


def test_mobile_ions_do_not_lower_the_symmetry():
    structure = prototype('Li2O').copy()
    full = migration_energy(structure)
    # A Li off its place leaves the immobile ions as they are.
    index = structure.indices_from_symbol('Li')[0]
    structure.translate_sites([index], [0.03, 0.01, 0.02])
    other = migration_energy(structure)
    assert other.symmetry_operations == 48
    assert other.barrier_3d == pytest.approx(full.barrier_3d, abs=1e-9)


def test_plain_grid_takes_over_where_no_symmetry_is_found(monkeypatch):
    framework = framework_of(prototype('Li2SiO3'))
    monkeypatch.setattr(symmetry_module, '_dataset', lambda *_: None)
    grid, plain = symmetric_grid(framework, 0.4), plain_grid(framework, 0.4)
    assert grid.shape == plain.shape
    assert len(grid.rotations) == 1
    assert (grid.representatives() == np.arange(grid.n_points)).all()
    assert grid.framework is framework


@pytest.mark.parametrize('make', [plain_grid, symmetric_grid])
def test_limit_on_points(make):
    with pytest.raises(StructureTooLargeError, match='wider spacing'):
        make(framework_of(prototype('Li2SiO3')), 0.1, max_voxels=1000)


def test_more_points_for_symmetry_than_allowed_leave_the_operations_out():
    framework = framework_of(prototype('LiAlO2-alpha'))
    rich = symmetric_grid(framework, 0.3)
    least = np.prod(plain_grid(rich.framework, 0.3).shape)
    assert least < rich.n_points
    poor = symmetric_grid(framework, 0.3, max_voxels=int(least))
    assert poor.n_points == least
    assert 1 <= len(poor.rotations) < len(rich.rotations)
