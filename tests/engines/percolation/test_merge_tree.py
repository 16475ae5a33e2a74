"""The periodic merge tree against known bars, a literal construction, and other cells of the same crystal."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.percolation.merge_tree import merge_tree
from aiida_limap.engines.percolation.thresholds import neighbour_moves, percolate

INF = math.inf
FLOOR = 0.3


def grids(largest=4, levels=8):
    """Return a strategy for small grids with many equal energies."""
    return st.tuples(*(st.integers(1, largest),) * 3).flatmap(
        lambda shape: arrays(np.float64, shape, elements=st.integers(0, levels).map(float))
    )


def as_table(tree):
    """Return the summed density of all bars of one dimension, start and end."""
    table = {}
    for dimension, start, end, density in zip(tree.dimensions, tree.starts, tree.ends, tree.densities, strict=True):
        key = (int(dimension), float(start), float(end))
        table[key] = table.get(key, 0.0) + float(density)
    return table


def same_table(one, two, tolerance=1e-9):
    assert set(one) == set(two)
    for key, density in one.items():
        assert density == pytest.approx(two[key], abs=tolerance)


def same_pockets(one, two, copies=1):
    """Compare births, ends and openings of pockets, each so many times."""

    def rows(tree):
        pockets = tree.of_dimension(0)
        return np.column_stack([pockets.starts, pockets.ends, pockets.openings])

    first, second = np.repeat(rows(one), copies, axis=0), rows(two)
    assert first.shape == second.shape
    np.testing.assert_array_equal(first[np.lexsort(first.T)], second[np.lexsort(second.T)])


def basis_of(vectors):
    """Return a basis in echelon form of the lattice that whole vectors generate, by exact elimination."""
    rows, basis = [list(map(int, vector)) for vector in vectors], []
    for column in range(3):
        rest = [row for row in rows if row[column]]
        rows = [row for row in rows if not row[column]]
        while len(rest) > 1:
            rest.sort(key=lambda row: abs(row[column]))
            for row in rest[1:]:
                factor = row[column] // rest[0][column]
                row[:] = [a - factor * b for a, b in zip(row, rest[0], strict=True)]
            rows += [row for row in rest[1:] if not row[column]]
            rest = [row for row in rest if row[column]]
        basis += rest
    return basis


def covolume(basis, cell):
    """Return what a basis spans: its Gram determinant, exact for whole cells."""
    vectors = [
        [sum(Fraction(int(n)) * Fraction(c[k]) for n, c in zip(row, cell, strict=True)) for k in range(3)]
        for row in basis
    ]
    gram = [[float(sum(a * b for a, b in zip(one, two, strict=True))) for two in vectors] for one in vectors]
    return math.sqrt(np.linalg.det(np.array(gram))) if basis else 1.0


def components_below(grid, level, moves):
    """Return for each component of the points up to a level its points and a basis of its translations."""
    shape, seen, found = np.array(grid.shape), {}, []
    for start in map(tuple, np.argwhere(grid <= level)):
        if start in seen:
            continue
        seen[start] = np.zeros(3, dtype=int)
        queue, members, vectors = [start], {start}, []
        while queue:
            point = queue.pop()
            for move in moves:
                target = np.array(point) + move
                cell = np.floor_divide(target, shape)
                target = tuple(target - cell * shape)
                if grid[target] > level:
                    continue
                reached = seen[point] + cell
                if target in members:
                    vectors.append(reached - seen[target])
                else:
                    seen[target] = reached
                    members.add(target)
                    queue.append(target)
        found.append((members, basis_of([vector for vector in vectors if vector.any()])))
    return found


def literal_bars(grid, cell, moves):
    """Return the bars as :func:`as_table` does, level by level from scratch, as the definition says."""
    volume = abs(np.linalg.det(np.array(cell, dtype=float)))
    table, before = {}, []

    def note(dimension, start, end, density):
        if density > 1e-9:
            table[dimension, start, end] = table.get((dimension, start, end), 0.0) + density

    for level in np.unique(grid):
        now = []
        for members, basis in components_below(grid, level, moves):
            parts = [part for part in before if part[0] <= members]
            rank, span = len(basis), covolume(basis, cell)
            alike = sorted((part for part in parts if part[1] == rank), key=lambda part: part[3])
            for part in parts:
                left = span if alike and part is alike[0] else 0.0
                note(part[1], part[3], level, (part[2] - left) / volume)
            now.append((members, rank, span, alike[0][3] if alike else level))
        before = now
    for _, rank, span, start in before:
        note(rank, start, INF, span / volume)
    return table


def supercell(grid, counts):
    return np.tile(grid, counts)


def sheared(grid, steps):
    """Return the grid in a cell whose second axis leans by ``steps`` points, larger where needed, and its moves."""
    n1, n2, _ = grid.shape
    repeats = n1 // math.gcd(n1, n2 * steps) if steps else 1
    larger = np.tile(grid, (1, repeats, 1))
    j = np.arange(n2 * repeats)
    result = np.stack([np.roll(larger[:, row], -int(steps * row), axis=0) for row in j], axis=1)
    moves = neighbour_moves(26)
    # The step (a, b, c) of the old axes is (a - steps b, b, c) of the new ones.
    return result, moves - np.outer(moves[:, 1], [steps, 0, 0]), repeats


@given(grid=grids(3, 5), connectivity=st.sampled_from([6, 26]))
@settings(max_examples=60, deadline=None)
def test_bars_are_those_of_the_definition(grid, connectivity):
    cell = [[2, 0, 0], [1, 3, 0], [0, -1, 2]]
    tree = merge_tree(grid, cell=cell, connectivity=connectivity)
    same_table(as_table(tree), literal_bars(grid, cell, neighbour_moves(connectivity)))


@given(grid=grids(5, 40), connectivity=st.sampled_from([6, 26]))
@settings(max_examples=60, deadline=None)
def test_thresholds_are_those_of_percolation(grid, connectivity):
    tree, wanted = merge_tree(grid, connectivity=connectivity), percolate(grid, connectivity=connectivity)
    assert tree.thresholds == wanted.thresholds
    assert tree.network_minima == wanted.network_minima
    assert tree.energy_minimum == wanted.energy_minimum
    deepest = tree.of_dimension(0).openings
    if len(deepest):
        assert (deepest >= np.array(tree.thresholds)).all()


@given(grid=grids(3, 6), counts=st.tuples(*(st.integers(1, 3),) * 3), connectivity=st.sampled_from([6, 26]))
@settings(max_examples=60, deadline=None)
def test_supercells_have_the_same_densities(grid, counts, connectivity):
    one = merge_tree(grid, cell=np.eye(3), connectivity=connectivity)
    larger = merge_tree(supercell(grid, counts), cell=np.diag(counts).astype(float), connectivity=connectivity)
    same_table(as_table(one), as_table(larger))
    same_pockets(one, larger, math.prod(counts))
    assert one.thresholds == larger.thresholds


@given(grid=grids(4, 6), steps=st.integers(-2, 3))
@settings(max_examples=40, deadline=None)
def test_oblique_cells_have_the_same_densities(grid, steps):
    cell = np.array([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 1.0, 2.5]])
    leaning, moves, repeats = sheared(grid, steps)
    axes = cell / np.array(grid.shape)[:, None]
    new_axes = np.array([axes[0], axes[1] + steps * axes[0], axes[2]])
    new_cell = new_axes * np.array(leaning.shape)[:, None]
    same_table(as_table(merge_tree(grid, cell=cell)), as_table(merge_tree(leaning, cell=new_cell, moves=moves)))
    same_pockets(merge_tree(grid, cell=cell), merge_tree(leaning, cell=new_cell, moves=moves), repeats)


@given(grid=grids(5, 12), shift=st.tuples(*(st.integers(-3, 3),) * 3), axes=st.permutations([0, 1, 2]))
@settings(max_examples=40, deadline=None)
def test_origin_and_order_of_axes_do_not_matter(grid, shift, axes):
    moved = np.transpose(np.roll(grid, shift, axis=(0, 1, 2)), axes)
    same_table(as_table(merge_tree(grid)), as_table(merge_tree(moved)))
    same_pockets(merge_tree(grid), merge_tree(moved))


@given(grid=grids(5, 30))
@settings(max_examples=40, deadline=None)
def test_monotone_maps_of_the_energy_move_the_bars(grid):
    tree, mapped = merge_tree(grid), merge_tree(np.exp(grid / 8))
    np.testing.assert_array_equal(np.exp(tree.starts / 8), mapped.starts)
    np.testing.assert_array_equal(np.exp(tree.ends / 8), mapped.ends)
    np.testing.assert_allclose(tree.densities, mapped.densities, rtol=1e-12)


@given(grid=grids(5, 10), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_small_changes_of_the_energies_move_the_densities_by_as_little(grid, seed):
    """Bars that noise adds are short, so that the integral of the density over all energies hardly changes."""
    noise = 1e-7 * np.random.default_rng(seed).random(grid.shape)
    maximum = 11.0

    def totals(tree):
        lengths = np.minimum(tree.ends, maximum) - tree.starts
        return np.array([(tree.densities * lengths)[tree.dimensions == d].sum() for d in range(4)])

    np.testing.assert_allclose(totals(merge_tree(grid)), totals(merge_tree(grid + noise)), rtol=0, atol=1e-3)


def channel(direction, size=8, background=INF):
    grid = np.full((size,) * 3, background)
    for step in range(size):
        grid[tuple((np.array((1, 2, 3)) + step * np.array(direction)) % size)] = FLOOR
    return grid


@pytest.mark.parametrize(('direction', 'length'), [((1, 0, 0), 2.0), ((0, 1, 0), 3.0), ((1, 1, 0), math.sqrt(13))])
def test_straight_channel_is_one_bar_of_dimension_one(direction, length):
    tree = merge_tree(channel(direction), cell=np.diag([2.0, 3.0, 5.0]))
    assert tree.dimensions.tolist() == [1]
    assert tree.starts.tolist() == [FLOOR]
    assert tree.ends.tolist() == [INF]
    # So many channels cross an area of 1 Å^2 perpendicular to them.
    assert tree.densities[0] == pytest.approx(length / 30)


def test_two_pockets_with_a_known_barrier():
    grid = np.full((9, 9, 9), INF)
    grid[2, 4, 4], grid[3, 4, 4], grid[4, 4, 4] = 0.0, 0.9, 0.25
    tree = merge_tree(grid, cell=np.eye(3) * 2)
    assert tree.dimensions.tolist() == [0, 0]
    assert tree.starts.tolist() == [0.0, 0.25]
    assert tree.ends.tolist() == [INF, 0.9]
    np.testing.assert_allclose(tree.densities, 1 / 8)
    assert (tree.openings == INF).all()
    assert tree.points.tolist() == [int(np.ravel_multi_index(p, grid.shape)) for p in ((2, 4, 4), (4, 4, 4))]


def test_pockets_along_a_channel_open_where_the_channel_does():
    grid = channel((1, 0, 0))
    grid[1, 2, 3], grid[5, 2, 3], grid[3, 2, 3], grid[7, 2, 3] = 0.0, 0.1, 0.5, 0.7
    grid[5, 2, 5], grid[5, 2, 4] = 0.2, 1.0
    tree = merge_tree(grid)
    pockets = tree.of_dimension(0)
    assert pockets.starts.tolist() == [0.0, 0.1, 0.2]
    # The first two join at 0.5, the channel opens at 0.7, the side pocket joins it at 1.
    assert pockets.ends.tolist() == [0.7, 0.5, 1.0]
    assert pockets.openings[:, 0].tolist() == [0.7, 0.7, 1.0]
    assert (pockets.openings[:, 1:] == INF).all()
    channels = tree.of_dimension(1)
    assert (channels.starts.tolist(), channels.ends.tolist(), channels.minima.tolist()) == ([0.7], [INF], [0.0])
    assert tree.network_minima == (0.0, INF, INF)


def test_crossing_channels_become_a_layer_and_lose_their_own_density():
    grid = np.full((8, 8, 8), INF)
    grid[:, 0, 0], grid[0, :, 4] = 0.1, 0.2
    grid[0, 0, 1:4] = 0.6
    tree = merge_tree(grid, cell=np.diag([2.0, 3.0, 5.0]))
    table = as_table(tree)
    same_table(table, {(1, 0.1, 0.6): 2 / 30, (1, 0.2, 0.6): 3 / 30, (2, 0.6, INF): 6 / 30})


def test_interpenetrating_networks_are_counted_until_they_join():
    """Two primitive nets, shifted by half a diagonal, in one cell; then one net that two copies of the cell hold."""
    grid = np.full((8, 8, 8), INF)
    for origin, floor in ((0, 0.1), (4, 0.2)):
        for axis in range(3):
            line = [origin] * 3
            line[axis] = slice(None)
            grid[tuple(line)] = floor
    apart = merge_tree(grid)
    assert apart.density(3, [0.05, 0.15, 0.3]).tolist() == pytest.approx([0.0, 1.0, 2.0])
    grid[0, 0, 2], grid[1, 1, 2], grid[2, 2, 2], grid[3, 3, 3] = 0.1, 0.8, 0.8, 0.8
    joined = merge_tree(grid)
    assert joined.density(3, [0.3, 0.9]).tolist() == pytest.approx([2.0, 1.0])
    same_table(as_table(joined.of_dimension(3)), {(3, 0.1, INF): 1.0, (3, 0.2, 0.8): 1.0})


def test_a_net_of_index_two_counts_twice():
    grid = np.full((12,) * 3, INF)
    for step in range(12):
        grid[step, step, 0] = grid[step, -step % 12, 6] = grid[0, 0, step] = FLOOR
    tree = merge_tree(grid)
    assert percolate(grid).sublattice_index == 2
    assert tree.dimensions.tolist() == [3]
    assert tree.densities[0] == pytest.approx(2.0)
    # A line along one axis leads from each net to its copy in the next cell.
    grid[:3, 3, 0] = grid[4:, 3, 0] = 0.9
    same_table(as_table(merge_tree(grid)), {(3, FLOOR, INF): 1.0, (3, FLOOR, 0.9): 1.0})


def test_densities_count_points_of_the_level_itself():
    grid = np.array([0.0, 1.0, 0.5, 1.0]).reshape(4, 1, 1)
    tree = merge_tree(grid, cell=np.diag([4.0, 1.0, 1.0]))
    # One point thick: each point repeats along the other two axes from the first.
    assert tree.density(2, [-0.1, 0.0, 0.4, 0.5, 0.9, 1.0]).tolist() == [0.0, 0.25, 0.25, 0.5, 0.5, 0.0]
    assert tree.density(3, [0.9, 1.0]).tolist() == pytest.approx([0.0, 1.0])


def test_maximum_hides_what_lies_above():
    grid = channel((1, 0, 0), background=2.0)
    grid[1, 2, 3] = 0.0
    full, low = merge_tree(grid), merge_tree(grid, maximum=1.0)
    assert full.thresholds == (FLOOR, 2.0, 2.0)
    assert low.thresholds == (FLOOR, INF, INF)
    assert len(merge_tree(grid, maximum=-1.0).starts) == 0


def test_every_kind_of_grid_of_one_point():
    for shape in itertools.product((1, 2), repeat=3):
        tree = merge_tree(np.zeros(shape))
        same_table(as_table(tree), {(3, 0.0, INF): 1.0})


@pytest.mark.parametrize(
    ('energy', 'options', 'words'),
    [
        (np.zeros((3, 3)), {}, 'three-dimensional'),
        (np.zeros((0, 3, 3)), {}, 'three-dimensional'),
        (np.full((2, 2, 2), np.nan), {}, 'NaN'),
        (np.zeros((2, 2, 2)), {'cell': np.zeros((3, 3))}, 'span a volume'),
        (np.zeros((2, 2, 2)), {'cell': np.eye(2)}, 'span a volume'),
        (np.zeros((2, 2, 2)), {'connectivity': 18}, 'connectivity 18'),
        (np.zeros((2, 2, 2)), {'moves': [[1, 0, 0]]}, 'opposite'),
        (np.zeros((2, 2, 2)), {'moves': [[0.5, 0, 0]]}, 'whole numbers'),
    ],
)
def test_wrong_input_is_refused_with_a_sentence(energy, options, words):
    with pytest.raises(InputError, match=words):
        merge_tree(energy, **options)
