"""Voids and free volume: close packings in closed form, sums that are one, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from scipy.spatial import Delaunay, cKDTree
from scipy.spatial.transform import Rotation

from aiida_limap.engines.descriptors.blocks import read_block
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.descriptors.voids import FreeVolume, VoidCoordination, VoidSizes
from aiida_limap.engines.errors import InputError, LimapError

CLASSES = ClassSpec([{'name': 'Li', 'elements': ['Li']}, {'name': 'anion', 'role': 'anion'}], 'cation')
#: Distance of touching anions, Å.
TOUCH = 2.8
SIZES = VoidSizes(minimum=1.2, maximum=2.4, bins=120, sigma=0.01)


def geometry_of(structure):
    return Geometry(structure, CLASSES, 9.0)


def cubic_close_packing():
    return Structure.from_spacegroup(
        'Fm-3m', Lattice.cubic(TOUCH * np.sqrt(2)), ['O', 'Li'], [[0, 0, 0], [0.25, 0.25, 0.25]]
    )


def hexagonal_close_packing():
    lattice = Lattice.hexagonal(TOUCH, TOUCH * np.sqrt(8 / 3))
    places = [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75], [0, 0, 0], [0, 0, 0.5]]
    return Structure(lattice, ['F', 'F', 'Li', 'Li'], places)


def without_charges(structure):
    return Geometry(structure, ClassSpec([{'name': 'Li', 'elements': ['Li']}], 'other'), 9.0)


def random_crystal(seed):
    """Fluoride ions 1.6 Å or more apart in an oblique cell, and one lithium ion."""
    rng = np.random.default_rng(seed)
    cell = 6 * np.eye(3) + rng.uniform(-2, 2, (3, 3))
    structure = Structure(Lattice(cell), ['Li'], [[0, 0, 0]])
    while len(structure) < 7:
        place = rng.uniform(0, 1, 3)
        if structure.lattice.get_all_distances(place, structure.frac_coords).min() > 1.6:
            structure.append('F', place)
    return structure


def fluorides(structure, reach=4):
    """Return the fluoride ions of all cells around, Å."""
    cells = np.array(np.meshgrid(*(np.arange(-reach, reach + 1),) * 3)).reshape(3, -1).T
    return ((structure.frac_coords[1:] + cells[:, None]) @ structure.lattice.matrix).reshape(-1, 3)


@pytest.mark.parametrize('seed', range(4))
def test_void_sizes_are_those_of_the_simplices_of_qhull(seed):
    structure = random_crystal(seed)
    points = fluorides(structure)
    corners = points[Delaunay(points).simplices]
    edges = corners[:, 1:] - corners[:, :1]
    volumes = np.abs(np.linalg.det(edges)) / 6
    solid = volumes > 1e-9
    edges, corners, volumes = edges[solid], corners[solid], volumes[solid]
    centres = np.linalg.solve(edges, (edges**2).sum(axis=2)[..., None] / 2)[..., 0]
    places = structure.lattice.get_fractional_coords(corners[:, 0] + centres)
    # Each sphere once: the one whose centre lies in the cell at the origin.
    own = ((places >= 0) & (places < 1)).all(axis=1)
    assert volumes[own].sum() == pytest.approx(structure.volume, rel=1e-9)
    block = VoidSizes(minimum=1.0, maximum=5.0, bins=40, sigma=0.1)
    radii = np.linalg.norm(centres[own], axis=1).clip(block.centres[0], block.centres[-1])
    weights = np.exp(-((block.centres - radii[:, None]) ** 2) / (2 * block.sigma**2))
    expected = volumes[own] / structure.volume @ (weights / weights.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(block.row(without_charges(structure)), expected, atol=1e-9)


@pytest.mark.parametrize('seed', range(4))
def test_free_volume_is_that_of_points_thrown_into_the_cell(seed):
    structure = random_crystal(seed)
    block = FreeVolume(minimum=0.5, maximum=3.5, count=13)
    count = 200_000
    points = np.random.default_rng(seed).uniform(0, 1, (count, 3)) @ structure.lattice.matrix
    nearest = cKDTree(fluorides(structure)).query(points)[0]
    expected = (nearest[:, None] > block.distances).mean(axis=0)
    # Five standard deviations of a share.
    np.testing.assert_allclose(block.row(without_charges(structure)), expected, rtol=0, atol=5 * 0.5 / count**0.5)


@pytest.mark.parametrize(
    'block',
    [SIZES, VoidCoordination(maximum=8, width=0.1, sigma=0.7), FreeVolume(minimum=1.0, maximum=3.2, count=23)],
    ids=lambda block: block.kind,
)
def test_right_angles_between_ions_cost_no_digits(block):
    # Rock salt with layers of lithium: the lines through its voids meet the middles of the distances of opposite ions.
    ordered = Structure(
        Lattice.tetragonal(2.93, 4.17), ['Li', 'Ti', 'O', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0, 0, 0.5]]
    )
    row = block.row(geometry_of(ordered))
    for seed in range(8):
        matrix = ordered.lattice.matrix @ Rotation.random(random_state=seed).as_matrix().T
        turned = Structure(Lattice(matrix), ordered.species, ordered.frac_coords + 0.1 * seed)
        np.testing.assert_allclose(block.row(geometry_of(turned)), row, rtol=0, atol=1e-11)


@pytest.mark.parametrize('structure', [cubic_close_packing(), hexagonal_close_packing()])
def test_close_packings_have_a_third_of_the_volume_in_tetrahedra(structure):
    row = SIZES.row(geometry_of(structure))
    assert row.sum() == pytest.approx(1, rel=1e-9)
    tetrahedral, octahedral = TOUCH * np.sqrt(6) / 4, TOUCH / np.sqrt(2)
    near = [np.abs(SIZES.centres - radius) < 0.05 for radius in (tetrahedral, octahedral)]
    np.testing.assert_allclose([row[part].sum() for part in near], [1 / 3, 2 / 3], rtol=1e-5)
    assert row[near[0]] @ SIZES.centres[near[0]] / row[near[0]].sum() == pytest.approx(tetrahedral, abs=0.002)


def test_voids_of_a_close_packing_lie_between_four_and_six_anions():
    block = VoidCoordination(maximum=8, width=0.05, sigma=0.2)
    anions, cations = block.row(geometry_of(cubic_close_packing())).reshape(2, 9)
    np.testing.assert_allclose(anions[[4, 6]], [1 / 3, 2 / 3], atol=1e-4)
    assert cations[0] == pytest.approx(1, abs=1e-4)


def test_voids_tell_anions_from_cations():
    structure = Structure.from_spacegroup(
        'Pm-3m', Lattice.cubic(4.0), ['Cs', 'Cl', 'Li'], [[0.5] * 3, [0, 0, 0], [0, 0, 0.4]]
    )
    structure.add_oxidation_state_by_element({'Cs': 1, 'Cl': -1, 'Li': 0})
    anions, cations = VoidCoordination(maximum=6, width=0.05, sigma=0.2).row(geometry_of(structure)).reshape(2, 7)
    # All voids of this packing lie between two ions of each kind.
    np.testing.assert_allclose([anions[2], cations[2]], 1, atol=1e-4)


def test_wide_voids_see_all_ions_around_them():
    structure = Structure(Lattice.cubic(9.0), ['O', 'Li', 'Li'], [[0, 0, 0], [0.2, 0, 0], [0, 0.2, 0]])
    block = VoidCoordination(maximum=12, width=0.1)
    rows = [block.row(Geometry(structure, CLASSES, reach)) for reach in (8.0, 20.0)]
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-9)
    assert rows[0][:13].argmax() == 8


def test_voids_beyond_the_bins_count_in_the_last_one():
    block = VoidSizes(minimum=1.0, maximum=1.5, bins=5, sigma=0.01)
    row = block.row(geometry_of(cubic_close_packing()))
    assert row[-1] == pytest.approx(1, abs=1e-6)


def test_free_volume_outside_of_spheres_that_do_not_overlap():
    structure = cubic_close_packing()
    block = FreeVolume(minimum=0.4, maximum=TOUCH / 2, count=6)
    shares = block.row(geometry_of(structure))
    np.testing.assert_allclose(
        shares, 1 - 4 * 4 / 3 * np.pi * block.distances**3 / structure.volume, rtol=1e-9, atol=1e-12
    )


def test_free_volume_outside_of_overlapping_spheres():
    rng = np.random.default_rng(3)
    structure = Structure(Lattice([[5, 0, 0], [1, 4.5, 0], [-1.5, 0.7, 4]]), ['O', 'O', 'Mg', 'Li'], rng.random((4, 3)))
    block = FreeVolume(minimum=1.5, maximum=3.5, count=5)
    points = rng.random((40000, 3))
    away = structure.lattice.get_all_distances(points, structure.frac_coords[:3]).min(axis=1)
    expected = [(away > distance).mean() for distance in block.distances]
    np.testing.assert_allclose(block.row(geometry_of(structure)), expected, atol=0.012)


def test_no_room_is_left_beyond_the_largest_void():
    block = FreeVolume(minimum=1.0, maximum=2.5, count=4)
    assert block.row(geometry_of(hexagonal_close_packing()))[-1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize('block', [SIZES, VoidCoordination(maximum=4), FreeVolume(minimum=1, maximum=2, count=3)])
def test_names_are_unique_and_fit_the_row(block):
    row = block.row(geometry_of(cubic_close_packing()))
    assert len({column.name for column in block.columns(CLASSES)}) == len(row)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'kind': 'void_sizes', 'minimum': 2, 'maximum': 1, 'bins': 3, 'sigma': 0.1}, 'minimum < maximum'),
        ({'kind': 'void_coordination', 'maximum': 0}, 'maximum >= 1'),
        ({'kind': 'free_volume', 'minimum': 0, 'maximum': 1, 'count': 3}, '0 < minimum'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        read_block('structure', options)


def test_lithium_alone_has_no_voids():
    with pytest.raises(LimapError, match='all sites are of the class Li'):
        SIZES.row(Geometry(Structure(Lattice.cubic(3), ['Li'], [[0, 0, 0]]), ClassSpec(CLASSES.named[:1], 'M'), 9.0))
