"""Site energies: the fast kernel against the literal sum, and against the symmetries of a crystal."""

from __future__ import annotations

import dataclasses
import gzip
import json
import math

import numba
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba.core import caching
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.bvff.framework import CoulombTerm, MorseTerm, build_framework
from aiida_limap.engines.bvff.landscape import (
    CLIP_EV,
    coulomb_range,
    reference_landscape,
    site_energy_landscape,
)
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.compiled import compiled
from aiida_limap.engines.errors import (
    InputError,
    NoMobileIonError,
    OxidationStatesError,
    ParametersMissingError,
    StructureTooLargeError,
)
from aiida_limap.engines.percolation.grids import grid_shape, perpendicular_widths

STATES = {'Li': 1, 'O': -2, 'S': -2, 'Cl': -1, 'I': -1, 'P': 5, 'Zr': 4, 'La': 3}


def random_structure(seed: int, lattice: Lattice, symbols: list[str]) -> Structure:
    return Structure(lattice, symbols, np.random.default_rng(seed).random((len(symbols), 3)))


def framework_of(structure: Structure, **options):
    states = [STATES[site.specie.symbol] for site in structure]
    return build_framework(structure, states, BvffOptions(**options))


CELLS = {
    'cubic': Lattice.cubic(5.0),
    'flat': Lattice.orthorhombic(2.1, 9.0, 6.0),
    'oblique': Lattice.from_parameters(6.0, 7.0, 5.0, 35, 40, 50),
    'left-handed': Lattice([[0, 5, 0.5], [4, 0, 1], [1, 2, 6]]),
}


@pytest.mark.parametrize('cell', CELLS)
@pytest.mark.parametrize('preset', ['bvff', 'bvse'])
def test_fast_kernel_equals_the_literal_sum(cell, preset):
    structure = random_structure(1, CELLS[cell], ['Li', 'O', 'S', 'P', 'Zr'])
    framework = framework_of(structure, preset=preset)
    # Sizes that are no multiple of the block, and one axis of a single point.
    shape = (7, 1, 13)
    literal = reference_landscape(framework, shape)
    fast = site_energy_landscape(framework, shape)
    assert fast.dtype == np.float32
    np.testing.assert_allclose(fast, literal, rtol=1e-5, atol=1e-4)
    assert np.ptp(literal) > 1


def test_fast_kernel_equals_the_literal_sum_for_soft_anions_and_a_short_cutoff():
    structure = random_structure(3, Lattice.cubic(7.0), ['Li', 'I', 'I', 'Cl', 'Zr'])
    framework = framework_of(structure, cutoff_angstrom=6.0, screening_factor=1.2)
    np.testing.assert_allclose(
        site_energy_landscape(framework, (9, 8, 7)), reference_landscape(framework, (9, 8, 7)), rtol=1e-5, atol=1e-4
    )


def test_one_anion_and_one_cation_by_hand():
    """A cell so large that a point feels each ion once."""
    structure = Structure(Lattice.cubic(40), ['Li', 'O', 'P'], [[0.5, 0.5, 0.5], [0, 0, 0], [0.25, 0, 0]])
    energy = site_energy_landscape(framework_of(structure), (40, 40, 40))

    def morse(r):
        return 0.98816 * ((math.exp(1.937984 * (1.940013 - r)) - 1) ** 2 - 1)

    def coulomb(r):
        return 14.39964548 * 5 / math.sqrt(2 * 3) / r * math.erfc(r / (0.74 * (1.28 + 1.07)))

    assert energy[2, 0, 0] == pytest.approx(morse(2) - morse(10), abs=1e-5)
    assert energy[0, 1, 1] == pytest.approx(morse(2**0.5) - morse(10), abs=1e-4)
    assert energy[7, 0, 0] == pytest.approx(morse(7) - morse(10) + coulomb(3), abs=1e-5)
    assert energy[12, 0, 0] == pytest.approx(coulomb(2), abs=1e-5)
    assert energy[20, 20, 20] == 0.0
    assert energy[0, 0, 0] == energy[10, 0, 0] == CLIP_EV


def test_moving_the_origin_rolls_the_grid():
    structure = random_structure(5, CELLS['oblique'], ['Li', 'O', 'O', 'P'])
    moved = structure.copy()
    moved.translate_sites(range(len(moved)), [3 / 12, -2 / 10, 5 / 14])
    shape = (12, 10, 14)
    np.testing.assert_allclose(
        site_energy_landscape(framework_of(moved), shape),
        np.roll(site_energy_landscape(framework_of(structure), shape), (3, -2, 5), axis=(0, 1, 2)),
        rtol=1e-5,
        atol=1e-4,
    )


def test_a_mask_leaves_points_out_and_an_origin_moves_them():
    framework = framework_of(random_structure(5, CELLS['oblique'], ['Li', 'O', 'O', 'P']))
    shape, origin = (13, 8, 9), (0.3, -0.71, 1.42)
    literal = reference_landscape(framework, shape, origin=origin)
    mask = np.random.default_rng(0).random(shape) < 0.1
    mask[:7, :7] = False
    energy = site_energy_landscape(framework, shape, origin=origin, mask=mask)
    np.testing.assert_array_equal(np.isnan(energy), ~mask)
    np.testing.assert_allclose(energy[mask], literal[mask], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(
        literal[2, 3, 5],
        reference_landscape(framework, (1, 1, 1), origin=(0.3 + 2 / 13, -0.71 + 3 / 8, 1.42 + 5 / 9))[0, 0, 0],
    )
    with pytest.raises(InputError, match='mask has shape'):
        site_energy_landscape(framework, shape, mask=mask[1:])


@pytest.mark.parametrize('share', [1.0, 0.05])
def test_threads_do_not_change_the_result(share):
    framework = framework_of(random_structure(5, CELLS['left-handed'], ['Li', 'O', 'O', 'P', 'Zr']))
    shape = (21, 41, 35)
    mask = None if share == 1 else np.random.default_rng(1).random(shape) < share
    one = site_energy_landscape(framework, shape, mask=mask)
    for threads in (2, 5):
        np.testing.assert_array_equal(site_energy_landscape(framework, shape, mask=mask, threads=threads), one)


def test_nothing_wanted_and_no_ions():
    framework = framework_of(random_structure(5, CELLS['cubic'], ['Li', 'O', 'P']))
    assert np.isnan(site_energy_landscape(framework, (9, 9, 9), mask=np.zeros((9, 9, 9), dtype=bool), threads=2)).all()
    with pytest.raises(InputError, match='holds no ions'):
        site_energy_landscape(dataclasses.replace(framework, terms=(), positions=()), (2, 2, 2))


@settings(deadline=None, max_examples=15, derandomize=True)
@given(
    matrix=arrays(np.float64, (3, 3), elements=st.floats(-7, 7)),
    anion=st.sampled_from(['O', 'S', 'Cl', 'I']),
    cutoff=st.sampled_from([5.0, 8.0, 10.0]),
    seed=st.integers(0, 99),
)
def test_fast_kernel_equals_the_literal_sum_in_any_cell(matrix, anion, cutoff, seed):
    """Oblique, left-handed and flat cells, most of them smaller than the cut-off."""
    assume(abs(np.linalg.det(matrix)) > 5)
    assume(perpendicular_widths(matrix).min() > 1.2)
    framework = framework_of(random_structure(seed, Lattice(matrix), ['Li', anion, 'O', 'P']), cutoff_angstrom=cutoff)
    origin = tuple(np.random.default_rng(seed).normal(size=3))
    shape = tuple(int(n) for n in np.random.default_rng(seed).integers(1, 11, 3))
    np.testing.assert_allclose(
        site_energy_landscape(framework, shape, origin=origin),
        reference_landscape(framework, shape, origin=origin),
        rtol=1e-5,
        atol=1e-4,
    )


@pytest.mark.parametrize('spacing', [0.4, 0.2, 0.1])
def test_blocks_do_not_show_at_any_spacing(spacing):
    """Tails are taken as linear within a block: points of a fine grid, among them the corners of blocks, literally."""
    structure = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.62), ['Li', 'O'], [[0.25] * 3, [0, 0, 0]])
    framework = framework_of(structure)
    shape = grid_shape(framework.cell, spacing)
    energy = site_energy_landscape(framework, shape)
    for point in np.random.default_rng(0).integers(0, shape, (20, 3)):
        literal = reference_landscape(framework, (1, 1, 1), origin=tuple(point / shape))[0, 0, 0]
        assert energy[tuple(point)] == pytest.approx(literal, rel=1e-5, abs=5e-5)


def test_a_slab_with_vacuum_has_no_shifted_energies():
    """Whatever stands for the far ions must not take the crystal for homogeneous."""
    rng = np.random.default_rng(3)
    structure = Structure(
        Lattice.orthorhombic(4, 4, 30), ['Li'] + ['O'] * 12 + ['P'] * 4, rng.random((17, 3)) * [1, 1, 0.4]
    )
    framework = framework_of(structure)
    fast = site_energy_landscape(framework, (20, 20, 150))
    for point in rng.integers(0, fast.shape, (20, 3)):
        literal = reference_landscape(framework, (1, 1, 1), origin=tuple(point / fast.shape))[0, 0, 0]
        assert fast[tuple(point)] == pytest.approx(literal, rel=1e-5, abs=1e-4)


def test_a_garnet_equals_the_literal_sum(shared_data):
    with gzip.open(shared_data / 'mp_li_oxides.jsonl.gz', 'rt', encoding='utf-8') as lines:
        structure = next(
            Structure.from_dict(row['structure']) for row in map(json.loads, lines) if row['id'] == 'mp-942733'
        )
    framework = framework_of(structure)
    fast = site_energy_landscape(framework, grid_shape(framework.cell, 0.2))
    for point in np.random.default_rng(0).integers(0, fast.shape, (8, 3)):
        literal = reference_landscape(framework, (1, 1, 1), origin=tuple(point / fast.shape))[0, 0, 0]
        assert fast[tuple(point)] == pytest.approx(literal, rel=1e-5, abs=5e-5)


def test_range_of_a_repulsion():
    assert coulomb_range(12.0, 2.5, 1e-5) == pytest.approx(7.9, abs=0.2)
    assert coulomb_range(12.0, 100.0) == math.inf


def test_order_of_sites_and_supercells_do_not_matter():
    structure = random_structure(6, CELLS['left-handed'], ['Li', 'O', 'O', 'P', 'Zr'])
    energy = site_energy_landscape(framework_of(structure), (8, 6, 9))
    turned = Structure.from_sites(list(structure)[::-1])
    np.testing.assert_allclose(site_energy_landscape(framework_of(turned), (8, 6, 9)), energy, rtol=1e-5, atol=1e-4)
    doubled = structure * (1, 2, 1)
    np.testing.assert_allclose(
        site_energy_landscape(framework_of(doubled), (8, 12, 9)), np.tile(energy, (1, 2, 1)), rtol=1e-5, atol=1e-4
    )


def test_another_choice_of_the_cell_gives_the_same_points():
    """Cell vectors (a, b, c + 2 a): the grid of n points along each axis contains the same points, in sheared order."""
    structure = random_structure(7, CELLS['cubic'], ['Li', 'O', 'O', 'P'])
    matrix = structure.lattice.matrix
    sheared = Structure(
        Lattice([matrix[0], matrix[1], matrix[2] + 2 * matrix[0]]),
        structure.species,
        structure.cart_coords,
        coords_are_cartesian=True,
    )
    n = 10
    energy = site_energy_landscape(framework_of(structure), (n, n, n))
    other = site_energy_landscape(framework_of(sheared), (n, n, n))
    i, j, k = np.meshgrid(*[np.arange(n)] * 3, indexing='ij')
    np.testing.assert_allclose(other, energy[(i + 2 * k) % n, j, k], rtol=1e-5, atol=1e-4)


def test_equivalent_points_of_a_crystal_have_one_energy():
    structure = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.62), ['Li', 'O'], [[0.25] * 3, [0, 0, 0]])
    energy = site_energy_landscape(framework_of(structure), (12, 12, 12))
    np.testing.assert_allclose(energy, energy.transpose(2, 0, 1), atol=1e-4, rtol=1e-5)
    np.testing.assert_allclose(energy, np.roll(energy, (6, 6, 0), axis=(0, 1, 2)), atol=1e-4, rtol=1e-5)
    assert energy[3, 3, 3] == pytest.approx(energy[9, 3, 3], abs=1e-4)
    assert energy[3, 3, 3] < energy[3, 3, 4]


def test_mobile_ions_do_not_act():
    sparse = Structure(Lattice.cubic(6), ['Li', 'O'], [[0.5, 0.5, 0.5], [0, 0, 0]])
    crowded = sparse.copy()
    for place in ([0.5, 0, 0], [0, 0.5, 0]):
        crowded.append('Li', place)
    one, two = framework_of(sparse), framework_of(crowded)
    np.testing.assert_array_equal(site_energy_landscape(one, (6, 6, 6)), site_energy_landscape(two, (6, 6, 6)))
    assert len(two.mobile_positions) == 3


def test_terms_of_a_framework():
    structure = random_structure(2, CELLS['cubic'], ['Li', 'O', 'Cl', 'P'])
    framework = framework_of(structure, preset='bvse')
    kinds = {str(term.ion): type(term) for term in framework.terms}
    assert kinds == {'Cl-': MorseTerm, 'O2-': MorseTerm, 'P5+': CoulombTerm}
    assert next(term for term in framework.terms if term.ion.symbol == 'O').depth_eV == pytest.approx(0.98816 / 2)


@pytest.mark.parametrize(
    ('formula', 'expected'),
    [(['Li'] * 3 + ['P'] + ['O'] * 4, 1.13), (['Li'] + ['Zr'] * 2 + ['P'] * 3 + ['O'] * 12, 1.31)],
)
def test_charge_scaling_makes_the_cell_neutral(formula, expected):
    structure = random_structure(2, CELLS['cubic'], formula)
    plain, scaled = framework_of(structure), framework_of(structure, charge_scaling=True)
    ratio = scaled.terms[-1].strength_eV_angstrom / plain.terms[-1].strength_eV_angstrom
    assert ratio == pytest.approx(expected, abs=0.006)


def test_frameworks_that_cannot_bind_the_mobile_ion_are_refused():
    structure = random_structure(2, CELLS['cubic'], ['Li', 'Zr', 'P'])
    with pytest.raises(ParametersMissingError, match='no ion of opposite charge'):
        framework_of(structure)
    with pytest.raises(NoMobileIonError):
        framework_of(random_structure(2, CELLS['cubic'], ['Zr', 'O']))
    with pytest.raises(OxidationStatesError, match=r'holds Li-'):
        build_framework(random_structure(2, CELLS['cubic'], ['Li', 'O']), [-1.0, 1.0], BvffOptions())
    with pytest.raises(ParametersMissingError, match=r'Li\+ and P3-'):
        build_framework(random_structure(2, CELLS['cubic'], ['Li'] * 3 + ['P']), [1, 1, 1, -3], BvffOptions())


def test_grid_has_the_fewest_points_within_the_spacing():
    assert grid_shape(np.diag([10.0, 10.01, 0.1]), 0.2) == (50, 51, 1)
    with pytest.raises(StructureTooLargeError, match='50 x 50 x 50 points'):
        grid_shape(np.eye(3) * 10, 0.2, max_voxels=124_999)


def test_kernels_compile_where_no_cache_can_be_written(monkeypatch):
    """An installation that cannot be written, for a user without a home: slower to start, but it works."""
    monkeypatch.setattr(caching.CacheImpl, '_locator_classes', [])

    def double(number):
        return 2 * number

    with pytest.raises(RuntimeError, match='no locator'):
        numba.njit(cache=True)(double)
    assert compiled()(double)(21) == 42
