from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from scipy.spatial import ConvexHull, Voronoi

from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.engines.descriptors.neighbours import search_neighbours
from aiida_limap.engines.descriptors.voronoi import OpenCellError, voronoi_cells

#: Sites of the cubic cell of edge 1; the faces of one cell as (number, distance in edges).
CRYSTALS = {
    'sc': ([[0, 0, 0]], [(6, 1.0)]),
    'bcc': ([[0, 0, 0], [0.5, 0.5, 0.5]], [(8, 0.75**0.5), (6, 1.0)]),
    'fcc': ([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], [(12, 0.5**0.5)]),
}


def cells_of(structure):
    return voronoi_cells(structure.lattice.matrix, structure.frac_coords)


def check_sums(cells, volume):
    np.testing.assert_allclose(np.add.reduceat(cells.solid_angles, cells.offsets[:-1]), 4 * np.pi, rtol=1e-9)
    # Pyramids over the faces fill the cell.
    pyramids = np.add.reduceat(cells.areas * cells.distances / 6, cells.offsets[:-1])
    np.testing.assert_allclose(pyramids, cells.volumes, rtol=1e-9)
    assert cells.volumes.sum() == pytest.approx(volume, rel=1e-9)
    np.testing.assert_allclose(np.linalg.norm(cells.vectors, axis=1), cells.distances, rtol=1e-12)


@pytest.mark.parametrize('name', CRYSTALS)
def test_cubic_cells(name):
    positions, expected = CRYSTALS[name]
    cells = voronoi_cells(3.7 * np.eye(3), np.array(positions))
    check_sums(cells, 3.7**3)
    np.testing.assert_allclose(cells.volumes, 3.7**3 / len(positions), rtol=1e-9)
    for start, stop in zip(cells.offsets, cells.offsets[1:], strict=False):
        assert stop - start == sum(number for number, _ in expected)
        for number, distance in expected:
            same = np.isclose(cells.distances[start:stop], 3.7 * distance)
            assert same.sum() == number
            np.testing.assert_allclose(cells.areas[start:stop][same], cells.areas[start:stop][same][0], rtol=1e-9)


def test_truncated_octahedron():
    # Eight hexagons and six squares of one edge length a sqrt(2) / 4: areas 3 sqrt(3) / 2 and 1 in its square.
    cells = voronoi_cells(3.0 * np.eye(3), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))
    edge = 3.0 * 2**0.5 / 4
    first = cells.areas[: cells.offsets[1]]
    np.testing.assert_allclose(np.sort(first), edge**2 * np.repeat([1, 1.5 * 3**0.5], [6, 8]), rtol=1e-9)


def test_hexagonal_close_packing_and_diamond():
    lattice = Lattice.hexagonal(3.2, 3.2 * (8 / 3) ** 0.5)
    packed = cells_of(Structure(lattice, ['Mg', 'Mg'], [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]))
    check_sums(packed, lattice.volume)
    assert np.diff(packed.offsets).tolist() == [12, 12]
    np.testing.assert_allclose(packed.solid_angles, np.pi / 3, rtol=1e-9)
    diamond = cells_of(Structure.from_spacegroup('Fd-3m', Lattice.cubic(3.57), ['C'], [[0, 0, 0]]))
    check_sums(diamond, 3.57**3)
    for start, stop in zip(diamond.offsets, diamond.offsets[1:], strict=False):
        near = diamond.distances[start:stop] < 2
        assert (near.sum(), (~near).sum()) == (4, 12)
        assert diamond.solid_angles[start:stop][near].min() > 10 * diamond.solid_angles[start:stop][~near].max()


def test_solid_angles_of_a_box():
    sides = np.array([2.0, 2.4, 3.0])
    cells = voronoi_cells(np.diag(sides), np.zeros((1, 3)))
    a, b, c = sides / 2
    for axis, (height, one, other) in enumerate([(a, b, c), (b, c, a), (c, a, b)]):
        expected = 4 * np.arctan(one * other / (height * np.sqrt(a * a + b * b + c * c)))
        own = np.isclose(np.abs(cells.vectors[:, axis]), sides[axis])
        np.testing.assert_allclose(cells.solid_angles[own], [expected, expected], rtol=1e-9)
        np.testing.assert_allclose(cells.areas[own], 4 * one * other, rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_the_same_cells_as_qhull(seed, n_sites):
    rng = np.random.default_rng(seed)
    cell = 3 * np.eye(3) * n_sites ** (1 / 3) + rng.uniform(-1, 1, (3, 3))
    # Sites on a jittered grid are never closer than 0.5 Å.
    grid = np.array(np.unravel_index(rng.permutation(8)[:n_sites], (2, 2, 2))).T / 2
    positions = grid + rng.uniform(-0.08, 0.08, (n_sites, 3))
    cells = voronoi_cells(cell, positions)
    check_sums(cells, abs(np.linalg.det(cell)))
    images = np.array(np.unravel_index(np.arange(7**3), (7, 7, 7))).T - 3
    points = ((positions[None] + images[:, None]) @ cell).reshape(-1, 3)
    diagram = Voronoi(points)
    for site in range(n_sites):
        own = int(np.flatnonzero((images == 0).all(axis=1))[0]) * n_sites + site
        corners = diagram.vertices[diagram.regions[diagram.point_region[own]]]
        assert cells.volumes[site] == pytest.approx(ConvexHull(corners).volume, rel=1e-9)
        faces = diagram.ridge_points[(diagram.ridge_points == own).any(axis=1)]
        expected = np.sort(np.linalg.norm(np.diff(points[faces], axis=1)[:, 0], axis=1))
        mine = slice(cells.offsets[site], cells.offsets[site + 1])
        large = cells.solid_angles[mine] > 1e-6
        assert np.isin(np.round(cells.distances[mine][large], 6), np.round(expected, 6)).all()
        assert set(cells.indices[mine]) <= set(range(n_sites))


def test_neighbours_see_each_other_through_equal_faces():
    structure = next(entry for entry in load_prototypes() if entry.formula == 'Li3PO4').structure()
    cells = cells_of(structure)
    check_sums(cells, structure.volume)
    large = cells.areas > 1e-3
    centres = np.repeat(np.arange(len(structure)), np.diff(cells.offsets))
    forth = np.column_stack([centres, cells.indices, cells.vectors, cells.areas])[large]
    back = np.column_stack([cells.indices, centres, -cells.vectors, cells.areas])[large]
    for rows in (forth, back):
        rows[:] = rows[np.lexsort(np.round(rows, 5).T)]
    np.testing.assert_allclose(forth, back, atol=1e-8)


def test_too_few_neighbours_are_completed():
    cell, positions = np.diag([3.0, 4.0, 12.0]), np.array([[0, 0, 0], [0.5, 0.5, 0.1]])
    full = voronoi_cells(cell, positions)
    check_sums(full, 144)
    for cutoff in (1.0, 3.5, 6.0, 30.0):
        other = voronoi_cells(cell, positions, search_neighbours(cell, positions, cutoff))
        np.testing.assert_allclose(other.volumes, full.volumes, rtol=1e-12)
        assert other.offsets.tolist() == full.offsets.tolist()


def test_open_structures():
    check_sums(voronoi_cells(14 * np.eye(3), np.zeros((1, 3))), 14**3)
    with pytest.raises(OpenCellError, match='site 0 is not closed by the sites within 40 Å'):
        voronoi_cells(np.diag([3.0, 3.0, 60.0]), np.zeros((1, 3)))
