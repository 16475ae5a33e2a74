"""Features of the landscape: equal for every description of a crystal, right for landscapes that are known."""

from __future__ import annotations

import functools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from sklearn.base import clone

from aiida_limap.engines.bvff import migration_energy
from aiida_limap.engines.bvff.canonical_grid import canonical_grid
from aiida_limap.engines.bvff.featurizers import BondValenceLandscape
from aiida_limap.engines.bvff.framework import build_framework
from aiida_limap.engines.bvff.landscape import reference_landscape
from aiida_limap.engines.bvff.landscape_features import (
    Landscape,
    effective_energies,
    landscape_of,
    network_densities,
    pocket_counts,
    volume_fractions,
)
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.engines.errors import (
    DisorderedStructureError,
    InputError,
    NoMobileIonError,
    ParametersMissingError,
    StructureTooLargeError,
)

#: What makes them awkward: cubic and centred, polar, chiral axes, rhombohedral, a long body-centred cell, monoclinic.
CASES = ('Li2O', 'LiGaO2-beta', 'LiAlO2-gamma', 'LiTaO3', 'Li2SrNb2O7', 'Li2CO3', 'LiGaO2-alpha')
COARSE = 0.45


@functools.cache
def prototype(name):
    return next(entry for entry in load_prototypes() if entry.name == name).structure()


@functools.cache
def featurizer():
    return BondValenceLandscape(thresholds=True, spacing=COARSE)


@functools.cache
def row_of(name):
    return np.array(featurizer().featurize(prototype(name)))


def row(structure):
    return np.array(featurizer().featurize(structure))


def low_symmetry():
    """Return a triclinic structure without any symmetry."""
    rng = np.random.default_rng(5)
    structure = prototype('Li2SiO3').copy()
    structure = Structure(
        structure.lattice.matrix @ (np.eye(3) + 0.02 * rng.normal(size=(3, 3))),
        structure.species,
        structure.frac_coords,
    )
    structure.perturb(0.05, seed=3)
    return structure


def assert_same(one, two, tolerance=1e-8):
    labels = np.array(featurizer().feature_labels())
    differences = np.abs(one - two)
    assert differences.max() < tolerance, (labels[differences.argmax()], differences.max())


@pytest.mark.parametrize('name', CASES)
@given(shift=st.tuples(*(st.floats(-1, 1),) * 3), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=3, deadline=None)
def test_origin_orientation_and_order_of_sites_do_not_matter(name, shift, seed):
    structure, rng = prototype(name), np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    order = rng.permutation(len(structure))
    moved = Structure(
        structure.lattice.matrix @ turn,
        [structure[index].species for index in order],
        structure.frac_coords[order] + np.array(shift),
    )
    assert_same(row(moved), row_of(name))


@pytest.mark.parametrize('name', CASES)
@pytest.mark.parametrize(
    'matrix',
    [[[1, 1, 0], [0, 1, 0], [0, 0, 1]], [[1, 1, 0], [0, 1, -1], [-1, 1, 1]], [[0, 1, 0], [0, 0, 1], [1, 0, 0]]],
    ids=['oblique', 'threefold', 'axes'],
)
def test_choice_of_cell_does_not_matter(name, matrix):
    assert_same(row(prototype(name).copy().make_supercell(matrix, in_place=False)), row_of(name))


@pytest.mark.parametrize('matrix', [[[2, 0, 0], [0, 1, 0], [0, 0, 2]], [[1, 1, 0], [-1, 1, 0], [0, 1, 1]]])
def test_choice_of_cell_does_not_matter_without_symmetry(matrix):
    structure = low_symmetry()
    moved = structure.copy()
    moved.translate_sites(range(len(moved)), [0.31, 0.17, 0.77])
    assert_same(row(moved.make_supercell(matrix, in_place=False)), row(structure))


@pytest.mark.parametrize('name', CASES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=3, deadline=None)
def test_a_tiny_strain_moves_the_row_by_little(name, seed):
    structure = prototype(name)
    strain = np.eye(3) + 1e-6 * np.random.default_rng(seed).uniform(-1, 1, size=(3, 3))
    strained = Structure(structure.lattice.matrix @ strain, structure.species, structure.frac_coords)
    assert_same(row(strained), row_of(name), 1e-3)


def test_rows_are_equal_bit_by_bit_when_computed_again():
    structure = low_symmetry()
    assert row(structure).tolist() == row(structure).tolist()


@pytest.mark.parametrize('name', ['Li2O', 'LiTaO3'])
def test_energies_of_the_grid_are_those_of_the_literal_sum(name):
    structure = prototype(name)
    framework = build_framework(structure, [site.specie.oxi_state for site in structure], BvffOptions())
    grid = canonical_grid(framework, 0.8)
    wanted = reference_landscape(grid.framework, grid.shape)
    np.testing.assert_allclose(grid.energies(), wanted, rtol=1e-6, atol=1e-5)


def test_copies_in_a_large_cell_are_averaged():
    """Noise below the tolerance of the search for copies does not make the cell larger."""
    large = prototype('Li2O').copy().make_supercell([2, 1, 1], in_place=False)
    large.perturb(1e-5, seed=1)
    framework = build_framework(large, [site.specie.oxi_state for site in large], BvffOptions())
    grid = canonical_grid(framework, COARSE)
    assert [len(places) for places in grid.framework.positions] == [1]
    assert_same(row(large), row_of('Li2O'), 1e-2)


@functools.cache
def frame():
    structure = prototype('Li2O')
    framework = build_framework(structure, [site.specie.oxi_state for site in structure], BvffOptions())
    return canonical_grid(framework, 1.0)


class _Known(Landscape):
    """A landscape whose energies are given, and whose minimum is that of the grid."""

    minimum = 0.0


def known(energy, cap=10.0):
    """Return a landscape of cell 1 Å^3 with one mobile ion, whose 26 neighbours are those of the axes."""
    grid = frame()
    grid = type(grid)(
        type(grid.framework)(
            np.eye(3), grid.framework.terms, grid.framework.positions, grid.framework.mobile_positions
        ),
        energy.shape,
        np.array([move for move in np.ndindex(3, 3, 3) if move != (1, 1, 1)]) - 1,
    )
    return _Known(grid, np.asarray(energy, dtype=np.float64), 1.0, cap)


def test_fractions_of_volume_of_a_known_landscape():
    energy = np.full((4, 4, 4), 9.0)
    energy[0, 0, 0], energy[2, 2, :] = 0.0, 1.0
    landscape = known(energy)
    # Far from a step the smearing does nothing, at a step it takes half.
    found = volume_fractions(landscape, [0.4, 1.0, 4.0])
    np.testing.assert_allclose(found, [1 / 64, 3 / 64, 5 / 64], atol=1e-6)
    quantiles, free = effective_energies(landscape, [0.0, 0.03, 0.9], [0.05])
    np.testing.assert_allclose(quantiles, [0.0, 1.0, 9.0], atol=1e-9)
    assert free[0] == pytest.approx(0.05 * math.log(64), abs=1e-6)


def test_pockets_of_a_known_landscape():
    energy = np.full((7, 7, 7), 10.0)
    energy[1, 1, 1], energy[2, 1, 1], energy[3, 1, 1] = 0.0, 1.3, 0.5
    floors, depths, exits = pocket_counts(
        known(energy), [-10.0, -5.0, 0.0, 5.0, 10.0], [1.25e-4, 0.01, 0.8, 64.0, 5120.0], [1e-6, 1e-3, 1.0, 1e3, 1e6]
    )
    # Both pockets are deep; nothing else is a pocket, since the plateau is one with the pocket at the cap.
    shares = 1 - math.exp(-0.8 / 0.1)
    assert floors.sum() == pytest.approx(1 + shares, abs=0.1)
    assert depths.sum() == pytest.approx(2.0, abs=0.1)
    assert exits.sum() == pytest.approx(1 + shares, abs=0.1)
    assert floors.argmax() == 2
    assert depths.argmax() == 2


def test_shallow_pockets_count_little():
    energy = np.full((7, 7, 7), 10.0)
    energy[1, 1, 1], energy[2, 1, 1], energy[3, 1, 1] = 0.0, 0.5 + 1e-6, 0.5
    with_it = np.concatenate(pocket_counts(known(energy), [0.0, 0.5], [0.05, 0.1, 0.2], [0.1, 0.2, 0.4]))
    energy[3, 1, 1] = 0.5 + 1e-6
    without = np.concatenate(pocket_counts(known(energy), [0.0, 0.5], [0.05, 0.1, 0.2], [0.1, 0.2, 0.4]))
    np.testing.assert_allclose(with_it, without, atol=2e-5)


def test_networks_of_a_known_landscape():
    energy = np.full((6, 6, 6), 9.0)
    energy[0, :, 3] = 3.0
    energy[:, 0, 0] = energy[:, 3, 3] = 0.0
    found = network_densities(known(energy), [1.0, 2.0, 6.0])
    np.testing.assert_allclose(found, [[2, 2, 1], [0, 0, 1], [0, 0, 0]], atol=1e-5)


@pytest.mark.parametrize('name', ['Li2O', 'LiTaO3', 'Li2CO3'])
def test_thresholds_are_the_migration_energies_within_the_error_of_the_grid(name):
    structure = prototype(name)
    labels = BondValenceLandscape(thresholds=True).feature_labels()
    values = dict(zip(labels, BondValenceLandscape(thresholds=True, spacing=0.2).featurize(structure), strict=True))
    result = migration_energy(structure)
    for dimension in (1, 2, 3):
        barrier = getattr(result, f'barrier_{dimension}d')
        wanted = 10.0 if barrier is None else barrier
        assert values[f'threshold_{dimension}d'] == pytest.approx(wanted, abs=0.15, rel=0.06)


def test_the_minimum_is_that_of_the_continuum():
    structure = prototype('Li3PO4-gamma')
    landscape = landscape_of(structure, BvffOptions(spacing_angstrom=0.3))
    assert landscape.minimum <= landscape.energy.min()
    assert landscape.minimum == pytest.approx(migration_energy(structure).energy_minimum, abs=2e-3)


def test_columns_have_labels_units_meanings_and_scales():
    for thresholds in (False, True):
        described = BondValenceLandscape(thresholds=thresholds)
        columns = described.columns()
        labels = [column[0] for column in columns]
        assert labels == described.feature_labels()
        assert len(set(labels)) == len(labels)
        assert all(isinstance(word, str) for column in columns for word in column)
        assert all(meaning and scale for _, _, meaning, scale in columns)
        assert len(described.featurize(prototype('Li2O'))) == len(labels)
        assert any(scale.startswith('percolation_') for *_, scale in columns) == thresholds
        # All numbers that share a scale have one unit.
        units = {}
        for _, unit, _, scale in columns:
            assert units.setdefault(scale, unit) == unit
    assert described.citations()
    assert described.implementors()


def test_columns_follow_the_options():
    bins = {'floors': [0.0, 1.0, 3], 'depths': [0.1, 3, 2], 'exits': [0.2, 2, 2], 'temperatures': [0.3]}
    short = BondValenceLandscape(levels=[0.5], bins={**bins, 'volume_parts': [0.2]}, spacing=COARSE)
    assert len(short.featurize(prototype('Li2O'))) == len(short.feature_labels()) == 1 + 1 + 1 + 1 + 12 + 3 + 2 + 2


def test_options_survive_cloning():
    one = BondValenceLandscape(preset='bvse', spacing=COARSE, levels=[0.5, 1.0])
    two = clone(one)
    assert two.get_params() == one.get_params()
    assert two.featurize(prototype('Li2O')) == one.featurize(prototype('Li2O'))
    assert one.featurize(prototype('Li2O')) != BondValenceLandscape(spacing=COARSE, levels=[0.5, 1.0]).featurize(
        prototype('Li2O')
    )


def salt(*symbols, length=5.0):
    positions = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0.5]]
    return Structure(Lattice.cubic(length), symbols, positions[: len(symbols)])


@pytest.mark.parametrize(
    ('structure', 'error'),
    [
        (salt('Na', 'Cl'), NoMobileIonError),
        (
            Structure(
                Lattice.cubic(5), ['Li', 'Li', 'Li', 'P'], np.array([[0, 0, 0.5], [0, 0.5, 0], [0.5, 0, 0], [0.5] * 3])
            ),
            ParametersMissingError,
        ),
        (Structure(Lattice.cubic(5), [{'Li': 0.5}, 'F'], [[0, 0, 0], [0.5, 0.5, 0.5]]), DisorderedStructureError),
    ],
)
def test_structures_without_a_landscape_are_refused(structure, error):
    with pytest.raises(error):
        featurizer().featurize(structure)


def test_a_grid_with_too_many_points_is_refused():
    structure = prototype('Li2O')
    with pytest.raises(StructureTooLargeError, match='take a wider spacing'):
        landscape_of(structure, BvffOptions(spacing_angstrom=0.2, max_voxels=100))


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'preset': 'unknown'}, 'unknown'),
        ({'spacing': -1.0}, 'spacing'),
        ({'thresholds': 'yes'}, 'true or false'),
        ({'levels': []}, 'levels'),
        ({'levels': [1.0, 1.0]}, 'different numbers'),
        ({'levels': 'abc'}, 'levels'),
        ({'bins': [1.0]}, 'option bins'),
        ({'bins': {'depth': [1.0]}}, "there is no 'depth'"),
        ({'bins': {'volume_parts': [2.0]}}, 'at most 1'),
        ({'bins': {'depths': [0.1, 2.0]}}, 'ratio and number'),
        ({'bins': {'depths': [0.1, 1.0, 5]}}, 'ascend'),
        ({'bins': {'floors': [0.0, 0.0, 5]}}, 'ascend'),
        ({'bins': {'floors': [0.0, 1.0, 2.5]}}, 'step and number'),
    ],
)
def test_wrong_options_are_refused_with_a_sentence(options, words):
    with pytest.raises(InputError, match=words):
        BondValenceLandscape(**options)


def test_a_bad_structure_does_not_spoil_a_table():
    table = pd.DataFrame({'structure': [prototype('Li2O'), salt('Na', 'Cl'), prototype('LiTaO3')]})
    worker = BondValenceLandscape(thresholds=True, spacing=COARSE)
    worker.set_n_jobs(1)
    result = worker.featurize_dataframe(table, 'structure', ignore_errors=True, pbar=False)
    values = result[worker.feature_labels()].to_numpy(dtype=float)
    assert values[0].tolist() == row_of('Li2O').tolist()
    assert values[2].tolist() == row_of('LiTaO3').tolist()
    assert np.isnan(values[1]).all()
