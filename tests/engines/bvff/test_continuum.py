"""The continuous site energy: derivatives, stationary points and the ways down from saddles."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.bvff.continuum import Continuum
from aiida_limap.engines.bvff.framework import build_framework
from aiida_limap.engines.bvff.landscape import reference_landscape
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.chemistry.prototypes import load_prototypes

NAMES = ('Li3PO4-gamma', 'LiAlO2-gamma', 'Li2CO3', 'LiLaTi2O6')


@functools.cache
def framework(name, **options):
    structure = next(entry for entry in load_prototypes() if entry.name == name).structure()
    return build_framework(structure, [site.specie.oxi_state for site in structure], BvffOptions(**options))


def open_points(field, count, seed=0, below=5.0):
    """Return random fractional positions at which the energy is not that of a collision."""
    points = np.random.default_rng(seed).random((20 * count, 3))
    return points[field.derivatives(points)[0] < below][:count]


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('preset', ['bvff', 'bvse'])
def test_derivatives_agree_with_finite_differences(name, preset):
    field = Continuum(framework(name, preset=preset))
    points = open_points(field, 12, below=2.0)
    assert len(points) == 12
    _, gradients, hessians = field.derivatives(points)
    # Where the repulsion ends, the energy still jumps by 1e-7 eV: shorter steps would see that as a force.
    step = 1e-3
    for axis in range(3):
        shift = np.zeros(3)
        shift[axis] = step
        moves = shift @ np.linalg.inv(field.cell)
        above, below = field.derivatives(points + moves), field.derivatives(points - moves)
        np.testing.assert_allclose(gradients[:, axis], (above[0] - below[0]) / (2 * step), rtol=1e-4, atol=2e-3)
        np.testing.assert_allclose(hessians[:, axis], (above[1] - below[1]) / (2 * step), rtol=1e-4, atol=2e-3)
    np.testing.assert_allclose(hessians, hessians.transpose(0, 2, 1))


@pytest.mark.parametrize('name', NAMES)
def test_energies_are_those_of_the_literal_sum(name):
    shape, origin = (4, 5, 3), (0.13, 0.41, 0.27)
    reference = reference_landscape(framework(name), shape, origin=origin)
    indices = np.stack(np.meshgrid(*map(np.arange, shape), indexing='ij'), axis=-1).reshape(-1, 3)
    energies = Continuum(framework(name)).derivatives(np.array(origin) + indices / np.array(shape))[0]
    low = reference.ravel() < 50
    assert low.sum() > 20
    np.testing.assert_allclose(energies[low], reference.ravel()[low], rtol=0, atol=2e-6)


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.integers(-4, 4)] * 3), st.sampled_from(NAMES))
def test_energies_repeat_with_the_lattice(cell, name):
    field = Continuum(framework(name))
    points = open_points(field, 5, seed=4)
    for one, other in zip(field.derivatives(points), field.derivatives(points + np.array(cell)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_on_top_of_an_ion_the_energy_is_high_and_finite():
    acting = framework('Li2CO3')
    for places in acting.positions:
        energy, gradient, hessian = Continuum(acting).derivatives(places[0])
        assert energy[0] > 20
        assert np.isfinite(gradient).all()
        assert np.isfinite(hessian).all()


@pytest.mark.parametrize('name', NAMES)
def test_minima_have_no_force_and_positive_curvatures(name):
    field = Continuum(framework(name))
    starts = open_points(field, 30, seed=1, below=2.0)
    positions, energies, found = field.minima(starts)
    assert found.sum() > 10
    value, gradients, hessians = field.derivatives(positions[found])
    np.testing.assert_allclose(value, energies[found], rtol=0, atol=1e-9)
    assert np.abs(gradients).max() < 1e-5
    assert np.linalg.eigvalsh(hessians).min() > 0
    assert (energies[found] <= field.derivatives(starts)[0][found] + 1e-9).all()
    assert np.linalg.norm((positions - starts)[found] @ field.cell, axis=1).max() <= 2.0 + 0.1
    # A minimum is where it is, from wherever nearby one starts.
    nudge = np.random.default_rng(2).normal(scale=0.01, size=(found.sum(), 3)) @ np.linalg.inv(field.cell)
    again = field.minima(positions[found] + nudge)[0]
    assert np.abs((again - positions[found]) @ field.cell).max() < 1e-4


@pytest.mark.parametrize('name', NAMES)
def test_saddles_have_one_negative_curvature_and_lead_to_two_minima(name):
    field = Continuum(framework(name))
    starts = open_points(field, 40, seed=5, below=1.0)
    saddles = field.saddles(starts, reach=1.5)
    assert saddles.found.sum() >= 5
    positions, ends = saddles.positions[saddles.found], saddles.ends[saddles.found]
    energies, gradients, hessians = field.derivatives(positions)
    np.testing.assert_allclose(energies, saddles.energies[saddles.found], rtol=0, atol=1e-9)
    assert np.abs(gradients).max() < 1e-5
    assert ((np.linalg.eigvalsh(hessians) < 0).sum(axis=1) == 1).all()
    assert np.linalg.norm((saddles.positions - starts)[saddles.found] @ field.cell, axis=1).max() <= 1.5 + 0.1
    for side in (0, 1):
        low, gradients, hessians = field.derivatives(ends[:, side])
        assert (low < energies).all()
        assert np.abs(gradients).max() < 1e-5
        assert np.linalg.eigvalsh(hessians).min() > 0


@pytest.mark.parametrize('name', NAMES)
def test_descents_end_in_the_minima_that_the_saddle_names(name):
    field = Continuum(framework(name))
    saddles = field.saddles(open_points(field, 40, seed=5, below=1.0), reach=1.5)
    for place in np.flatnonzero(saddles.found)[:8]:
        for side, way in enumerate(field.descents(saddles.positions[place])):
            energies = way[:, 3]
            assert (np.diff(energies) <= 1e-9).all()
            assert saddles.energies[place] - 0.05 < energies[0] <= saddles.energies[place]
            np.testing.assert_allclose(energies, field.derivatives(way[:, :3])[0], rtol=0, atol=1e-9)
            assert np.linalg.norm(np.diff(way[:, :3], axis=0) @ field.cell, axis=1).max() < 0.15
            apart = np.linalg.norm((way[-1, :3] - saddles.ends[place]) @ field.cell, axis=1)
            assert apart.min() < 1e-3
            assert apart[side] < 1e-3


def test_search_that_leaves_its_reach_is_not_found():
    field = Continuum(framework('Li3PO4-gamma'))
    starts = open_points(field, 20, seed=8, below=2.0)
    _, _, found = field.minima(starts)
    assert found.any()
    assert not field.minima(starts, reach=1e-3)[2].any()
    assert not field.saddles(starts, reach=1e-3).found.any()


def test_empty_lists_of_starts_are_fine():
    field = Continuum(framework('Li2CO3'))
    assert len(field.minima(np.empty((0, 3)))[0]) == 0
    saddles = field.saddles(np.empty((0, 3)), reach=1.0)
    joined = saddles.joined(field.saddles([[0.1, 0.2, 0.3]], reach=1.0))
    assert joined.ends.shape == (1, 2, 3)


def test_flat_region_holds_no_stationary_points():
    structure = Structure(Lattice.cubic(40.0), ['Li+', 'Cl-'], [[0, 0, 0], [0.06, 0, 0]])
    field = Continuum(build_framework(structure, [1, -1], BvffOptions()))
    energies, gradients, _ = field.derivatives([[0.5, 0.5, 0.5]])
    assert energies[0] == 0
    assert (gradients == 0).all()
    assert not field.minima([[0.5, 0.5, 0.5]])[2].any()
    assert not field.saddles([[0.5, 0.5, 0.5]], reach=2.0).found.any()
