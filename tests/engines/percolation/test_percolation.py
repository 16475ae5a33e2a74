"""Percolation thresholds against cases whose answer is known, and against the invariances of a periodic grid."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aiida_limap.engines.bvff._flood import flood, unpack_cells
from aiida_limap.engines.bvff.graph import percolate_graph
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.percolation.thresholds import percolate, percolation_thresholds

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


def distinct(grid, seed=0):
    """Return a grid in which no two energies are equal, in the order of those of ``grid``."""
    ties = np.random.default_rng(seed).permutation(grid.size).reshape(grid.shape)
    return (grid + ties / (2.0 * grid.size)).astype(np.float64)


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


@settings(max_examples=200, deadline=None)
@given(energies, st.tuples(*[st.integers(-6, 6)] * 3), st.permutations([0, 1, 2]))
def test_component_at_the_threshold_does_not_depend_on_the_order_of_points(grid, shift, axes):
    expected = percolate(grid)
    for other in (np.roll(grid, shift, axis=(0, 1, 2)), grid.transpose(axes), grid[::-1]):
        result = percolate(other)
        assert result.network_minima == expected.network_minima
        assert result.sublattice_index == expected.sublattice_index


def lattice_index_in_supercell(basis):
    """Return the index of the translations in those of a 2x2x2 supercell that they have in common with it."""
    odd = {tuple(np.array(counts) @ basis % 2) for counts in itertools.product((0, 1), repeat=3)}
    return abs(round(np.linalg.det(basis))) * len(odd) // 8


@pytest.mark.parametrize(
    'directions',
    [
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        ((1, 1, 0), (1, -1, 0), (0, 0, 1)),
        ((0, 1, 1), (1, 0, 1), (1, 1, 0)),
        ((-1, 1, 1), (1, -1, 1), (1, 1, -1)),
        ((1, 1, 1), (1, -1, 0), (0, 1, -1)),
        ((2, 1, 0), (0, 1, 1), (1, 0, -1)),
    ],
)
def test_doubled_cell_has_the_same_thresholds_and_the_index_that_lattices_have(directions):
    # A graph of one node has exactly these translations.
    edges = np.array([[0, 0, *direction] for direction in directions])
    graph = percolate_graph(np.zeros(1), edges, np.full(3, FLOOR))
    assert graph.sublattice_index == abs(round(np.linalg.det(np.array(directions))))
    nodes = {cell: number for number, cell in enumerate(itertools.product((0, 1), repeat=3))}
    doubled = []
    for cell, number in nodes.items():
        for direction in directions:
            target = np.array(cell) + direction
            doubled.append([number, nodes[tuple(target % 2)], *(target // 2)])
    repeated = percolate_graph(np.zeros(8), np.array(doubled), np.full(len(doubled), FLOOR))
    assert repeated.thresholds == graph.thresholds == (FLOOR,) * 3
    # The copies of a net that translations of the small cell map onto each other may be nets of their own here.
    assert repeated.sublattice_index == lattice_index_in_supercell(np.array(directions))


def test_doubled_net_of_index_two_falls_into_two_nets_of_index_one():
    grid = carved(((0, 0, 0), (1, 1, 0)), ((0, 0, 6), (1, -1, 0)), ((0, 0, 0), (0, 0, 1)))
    repeated = percolate(np.tile(grid, (2, 2, 2)))
    assert repeated.thresholds == (FLOOR,) * 3
    assert repeated.sublattice_index == 1


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


def network_of(grid):
    """Return how the network of basins of a grid percolates, and the energies of the basins."""
    energy = np.ascontiguousarray(grid, dtype=np.float64).ravel()
    candidates = np.flatnonzero(energy < np.inf)
    order = candidates[np.argsort(energy[candidates], kind='stable')]
    moves = np.array([move for move in itertools.product((-1, 0, 1), repeat=3) if any(move)])
    labels = np.full(energy.size, -1, dtype=np.int64)
    basins, contacts, places, used = flood(order, energy, np.array(grid.shape), moves, labels)
    assert used == len(order)
    assert (labels >= 0).sum() == len(order)
    edges = np.column_stack([contacts[:, :2], unpack_cells(contacts[:, 2])])[places[:, 0]]
    minima = energy[basins[:, 0]]
    return percolate_graph(minima, edges, energy[places[:, 1]]), minima


blocked = st.floats(0, 0.7)


@settings(max_examples=150, deadline=None)
@given(energies, blocked, st.integers(0, 1000))
def test_network_of_basins_percolates_where_the_points_do(grid, share, seed):
    for field in (grid, distinct(grid, seed)):
        field = np.where(np.random.default_rng(seed).random(grid.shape) < share, INF, field)
        network, _ = network_of(field)
        assert network.thresholds == percolate(field).thresholds


@settings(max_examples=500, deadline=None)
@given(energies, st.integers(0, 1000))
def test_network_of_basins_has_the_component_of_the_points(grid, seed):
    field = distinct(grid, seed)
    network, minima = network_of(field)
    result = percolate(field)
    assert tuple(float(minima[node]) for node in network.deepest) == result.network_minima
    assert network.sublattice_index == result.sublattice_index
    for dimension, node in enumerate(network.deepest):
        assert network.members[dimension, node]


@pytest.mark.parametrize('shape', [(1, 1, 1), (1, 1, 4), (2, 1, 3), (2, 2, 2), (5, 4, 3)])
def test_flat_field_percolates_at_once(shape):
    network, minima = network_of(np.full(shape, FLOOR))
    assert network.thresholds == percolation_thresholds(np.full(shape, FLOOR)) == (FLOOR,) * 3
    assert (minima == FLOOR).all()


def test_network_of_a_blocked_field_has_no_edges():
    grid = np.full((4, 4, 4), INF)
    grid[1, 1, 1], grid[3, 3, 3] = 0.0, FLOOR
    network, minima = network_of(grid)
    assert minima.tolist() == [0.0, FLOOR]
    assert network.thresholds == (INF, INF, INF)
    assert network.critical == network.deepest == (-1, -1, -1)
    assert network.sublattice_index is None


def test_pass_between_more_than_twelve_basins_is_followed_in_a_single_layer():
    # Five basins meet at (0, 0, 0), each seen through three images along the thin axis.
    grid = np.full((6, 7, 1), INF)
    for (i, j), energy in {
        (-2, -2): 0.0, (-2, 2): 0.1, (2, -1): 0.15, (0, -2): 0.2, (-2, 0): 0.3, (-1, -1): 1.0, (-1, 1): 1.1,
        (-1, 0): 1.2, (0, -1): 1.3, (1, -1): 1.4, (1, 1): 1.5, (2, 1): 1.6, (3, 1): 1.65, (0, 0): 2.0,
    }.items():  # fmt: skip
        grid[i % 6, j % 7, 0] = energy
    network, _ = network_of(grid)
    assert network.thresholds == percolation_thresholds(grid) == (0.0, 2.0, INF)


unimodular = st.lists(
    st.tuples(st.sampled_from(list(itertools.permutations(range(3), 2))), st.integers(-2, 2)), max_size=4
)


@settings(max_examples=60, deadline=None)
@given(energies, unimodular, st.randoms(use_true_random=False))
def test_change_of_cell_and_order_of_nodes_do_not_matter_to_a_network(grid, shears, random):
    energy = np.ascontiguousarray(distinct(grid)).ravel()
    moves = np.array([move for move in itertools.product((-1, 0, 1), repeat=3) if any(move)])
    labels = np.full(energy.size, -1, dtype=np.int64)
    basins, contacts, places, _ = flood(np.argsort(energy), energy, np.array(grid.shape), moves, labels)
    minima, heights = energy[basins[:, 0]], energy[places[:, 1]]
    edges = np.column_stack([contacts[:, :2], unpack_cells(contacts[:, 2])])[places[:, 0]]
    expected = percolate_graph(minima, edges, heights)
    change = np.eye(3, dtype=np.int64)
    for (row, column), count in shears:
        change[row] += count * change[column]
    new = np.array(random.sample(range(len(minima)), len(minima)))
    cells = np.array([[random.randint(-3, 3) for _ in range(3)] for _ in minima])
    moved = edges.copy()
    # Nodes may be counted in other cells: the difference goes into the edges.
    moved[:, 2:] = (edges[:, 2:] + cells[edges[:, 1]] - cells[edges[:, 0]]) @ change
    moved[:, :2] = new[edges[:, :2]]
    turned = np.array([random.random() < 0.5 for _ in moved], dtype=bool)
    moved[turned] = np.column_stack([moved[:, 1], moved[:, 0], -moved[:, 2:]])[turned]
    renumbered = np.empty_like(minima)
    renumbered[new] = minima
    result = percolate_graph(renumbered, moved, heights)
    assert result.thresholds == expected.thresholds
    assert result.critical == expected.critical


def test_sheared_cell_of_a_wide_channel_has_the_same_thresholds():
    # Channels are several points wide, so that steps of either cell can follow them.
    grid = np.full((SIZE,) * 3, WALL)
    grid[3:7, :, 3:7], grid[:, 3:7, 3:7] = 0.5, FLOOR
    i, j, k = np.indices(grid.shape)
    for sheared in (grid[i, (j + i) % SIZE, k], grid[i, j, (k - j) % SIZE], grid[(i + 2 * k) % SIZE, j, k]):
        assert percolation_thresholds(sheared) == (FLOOR, 0.5, WALL)


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
