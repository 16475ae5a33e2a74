"""Percolation thresholds against cases whose answer is known, and against the invariances of a periodic grid."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aiida_limap.engines.bvff.percolation import percolate, percolation_thresholds
from aiida_limap.engines.errors import InputError

WALL, FLOOR = 5.0, 0.3
SIZE = 12
INF = math.inf


def carved(*paths, size=SIZE, background=math.inf):
    """Return a grid of ``background`` with straight channels of energy FLOOR: start and direction, one step a voxel."""
    grid = np.full((size,) * 3, background)
    for start, direction in paths:
        for step in range(size):
            grid[tuple((np.array(start) + step * np.array(direction)) % size)] = FLOOR
    return grid


@pytest.mark.parametrize('axis', [0, 1, 2])
def test_straight_channel_percolates_in_one_dimension_only(axis):
    direction = [0, 0, 0]
    direction[axis] = 1
    assert percolation_thresholds(carved(((3, 4, 5), direction))) == (FLOOR, INF, INF)


def test_diagonal_channel_percolates_in_one_dimension_only():
    assert percolation_thresholds(carved(((0, 0, 0), (1, 1, 0)))) == (FLOOR, INF, INF)
    assert percolation_thresholds(carved(((0, 0, 0), (1, 1, 1)))) == (FLOOR, INF, INF)


def test_joined_diagonals_percolate_in_two_dimensions():
    """Their translations (110) and (1-10) span an even sublattice, which counting modulo 2 takes for one dimension."""
    # Within one plane the two diagonals would also cross half way: hence two planes and one link.
    grid = carved(((0, 0, 0), (1, 1, 0)), ((0, 0, 6), (1, -1, 0)))
    assert percolation_thresholds(grid) == (FLOOR, INF, INF)
    grid[0, 0, 1:6] = 0.5
    assert percolation_thresholds(grid) == (FLOOR, 0.5, INF)


def test_joined_diagonals_give_a_three_dimensional_net_of_index_two():
    grid = carved(((0, 0, 0), (1, 1, 0)), ((0, 0, 6), (1, -1, 0)), ((0, 0, 0), (0, 0, 1)))
    result = percolate(grid)
    assert result.thresholds == (FLOOR, FLOOR, FLOOR)
    assert result.sublattice_index == 2


def test_diagonals_that_cross_twice_give_index_one():
    grid = carved(((0, 0, 0), (1, 1, 0)), ((0, 0, 0), (1, -1, 0)), ((0, 0, 0), (0, 0, 1)))
    assert percolate(grid).sublattice_index == 1


def test_orthogonal_channels_that_never_touch_percolate_in_one_dimension():
    grid = carved(((0, 2, 2), (1, 0, 0)), ((6, 0, 6), (0, 1, 0)), ((10, 10, 0), (0, 0, 1)))
    assert percolation_thresholds(grid) == (FLOOR, INF, INF)


def test_joined_axes_give_index_one():
    grid = carved(*(((0, 0, 0), direction) for direction in ((1, 0, 0), (0, 1, 0), (0, 0, 1))))
    result = percolate(grid)
    assert result.thresholds == (FLOOR, FLOOR, FLOOR)
    assert result.sublattice_index == 1


def test_ring_across_the_border_does_not_percolate():
    grid = np.full((SIZE,) * 3, INF)
    for i, j in itertools.product((-2, -1, 0, 1, 2), repeat=2):
        if max(abs(i), abs(j)) == 2:
            grid[i % SIZE, j % SIZE, 0] = FLOOR
    assert percolation_thresholds(grid) == (INF, INF, INF)


def test_helix_repeats_along_one_oblique_translation():
    # One turn along the first axis is two along the third: the translation is (1, 0, 2).
    grid = np.full((8, 4, 4), INF)
    for step in range(8):
        grid[step, 0, step % 4] = FLOOR
    assert percolation_thresholds(grid) == (FLOOR, INF, INF)
    grid[0, 0, 1:4] = 0.5
    assert percolation_thresholds(grid) == (FLOOR, 0.5, INF)


def test_isolated_deep_pocket_changes_the_global_barrier_but_not_that_of_the_network():
    grid = carved(((0, 0, 0), (1, 0, 0)), background=WALL)
    grid[3, 0, 0] = 0.0
    before = percolate(grid)
    grid[6, 6, 6] = -1.0
    after = percolate(grid)
    assert before.barriers[0] == pytest.approx(0.3)
    assert after.barriers[0] == pytest.approx(1.3)
    assert after.network_barriers[0] == before.network_barriers[0] == pytest.approx(0.3)


def test_connectivity_decides_about_diagonal_steps():
    grid = carved(((0, 0, 0), (1, 1, 0)), background=WALL)
    assert percolation_thresholds(grid)[0] == FLOOR
    assert percolation_thresholds(grid, connectivity=6)[0] == WALL


def test_maximum_hides_what_lies_above():
    grid = carved(((0, 0, 0), (1, 0, 0)), background=WALL)
    assert percolation_thresholds(grid) == (FLOOR, WALL, WALL)
    assert percolation_thresholds(grid, maximum=1.0) == (FLOOR, INF, INF)
    assert percolation_thresholds(grid, maximum=0.1) == (INF, INF, INF)


@pytest.mark.parametrize('shape', list(itertools.product((1, 2, 3), repeat=3)))
@pytest.mark.parametrize('connectivity', [6, 26])
def test_thin_grids_touch_their_own_images(shape, connectivity):
    grid = np.arange(np.prod(shape), dtype=float).reshape(shape)
    result = percolate(grid, connectivity=connectivity)
    # All axes repeat once every point is in; an axis of length 1 does so with the very first point.
    assert result.thresholds[2] <= grid.max()
    assert sum(value == 0.0 for value in result.thresholds) == shape.count(1)
    assert result.network_minima == (0.0, 0.0, 0.0)


def brute_force_thresholds(grid):
    """Flood a 5x5x5 supercell below each energy and look which copies of a point are connected: slow and literal."""
    from scipy.ndimage import label

    copies = 5
    results = [INF, INF, INF]
    for threshold in np.unique(grid):
        below = np.tile(grid <= threshold, (copies,) * 3)
        labels, count = label(below, structure=np.ones((3, 3, 3)))
        rank = 0
        middle = labels.reshape(copies, grid.shape[0], copies, grid.shape[1], copies, grid.shape[2])
        for component in range(1, count + 1):
            cells = np.argwhere((middle == component).transpose(1, 3, 5, 0, 2, 4))
            for point in np.unique(cells[:, :3], axis=0):
                images = cells[(cells[:, :3] == point).all(axis=1)][:, 3:]
                rank = max(rank, int(np.linalg.matrix_rank(images - images[0])))
        for dimension in range(rank):
            results[dimension] = min(results[dimension], float(threshold))
    return tuple(results)


@pytest.mark.parametrize('seed', range(4))
def test_agrees_with_flooding_a_supercell(seed):
    grid = np.random.default_rng(seed).permutation(27).reshape(3, 3, 3).astype(float)
    assert percolation_thresholds(grid) == brute_force_thresholds(grid)


energies = arrays(
    np.float64,
    st.tuples(*[st.integers(1, 5)] * 3),
    elements=st.integers(-4, 12).map(float),
)


@settings(max_examples=60, deadline=None)
@given(energies, st.tuples(*[st.integers(-6, 6)] * 3), st.permutations([0, 1, 2]))
@pytest.mark.parametrize('connectivity', [6, 26])
def test_origin_axis_order_and_mirrors_do_not_matter(connectivity, grid, shift, axes):
    expected = percolation_thresholds(grid, connectivity=connectivity)
    for other in (np.roll(grid, shift, axis=(0, 1, 2)), grid.transpose(axes), grid[::-1], grid.astype(np.float32)):
        assert percolation_thresholds(other, connectivity=connectivity) == expected


@settings(max_examples=40, deadline=None)
@given(energies, st.tuples(*[st.integers(1, 3)] * 3))
def test_supercells_do_not_matter(grid, copies):
    result, repeated = percolate(grid), percolate(np.tile(grid, copies))
    assert repeated.thresholds == result.thresholds
    assert repeated.energy_minimum == result.energy_minimum


@settings(max_examples=40, deadline=None)
@given(energies)
def test_monotone_maps_move_the_thresholds_along(grid):
    def stretch(values):
        return np.exp(np.asarray(values) / 4) - 3

    assert percolation_thresholds(stretch(grid)) == pytest.approx(tuple(stretch(percolation_thresholds(grid))))


@settings(max_examples=40, deadline=None)
@given(energies)
def test_thresholds_are_ordered_and_six_neighbours_never_help(grid):
    faces, all_neighbours = percolate(grid, connectivity=6), percolate(grid)
    assert list(all_neighbours.thresholds) == sorted(all_neighbours.thresholds)
    assert all(six >= more for six, more in zip(faces.thresholds, all_neighbours.thresholds, strict=True))
    assert all(m <= t for m, t in zip(all_neighbours.network_minima, all_neighbours.thresholds, strict=True))


@pytest.mark.parametrize(
    ('grid', 'words'),
    [
        (np.zeros((3, 3)), 'three-dimensional'),
        (np.zeros((3, 0, 3)), 'three-dimensional'),
        (np.full((2, 2, 2), np.nan), 'NaN'),
    ],
)
def test_unusable_arrays_are_refused(grid, words):
    with pytest.raises(InputError, match=words):
        percolation_thresholds(grid)


def test_unknown_connectivity_is_refused():
    with pytest.raises(InputError, match='18'):
        percolation_thresholds(np.zeros((2, 2, 2)), connectivity=18)
