"""Largest spheres between hard spheres: packings whose windows are known, and invariances."""

from __future__ import annotations

import gzip
import itertools
import json
import math

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.bvff.bottleneck import (
    _surface_distances,
    bottleneck_radii,
    coordination_numbers,
    passing_radii,
    shannon_radius,
)
from aiida_limap.engines.chemistry.elements import Ion
from aiida_limap.engines.errors import (
    DisorderedStructureError,
    InputError,
    NoMobileIonError,
    ParametersMissingError,
)

EDGE, RADIUS = 4.0, 1.3
SIMPLE_CUBIC = EDGE * np.eye(3)
BODY_CENTRED = EDGE / 2 * np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
FACE_CENTRED = EDGE / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
FACES = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]


def circumradius(a, b, c):
    half = (a + b + c) / 2
    return a * b * c / (4 * math.sqrt(half * (half - a) * (half - b) * (half - c)))


#: Cell, radius of the narrowest circle on the way from void to void, and of the sphere in the largest void.
PACKINGS = {
    'simple cubic': (SIMPLE_CUBIC, EDGE / math.sqrt(2), EDGE * math.sqrt(3) / 2),
    'body-centred': (
        BODY_CENTRED,
        circumradius(EDGE, EDGE * math.sqrt(0.75), EDGE * math.sqrt(0.75)),
        EDGE * math.sqrt(5) / 4,
    ),
    'face-centred': (FACE_CENTRED, EDGE / math.sqrt(2) / math.sqrt(3), EDGE / 2),
}


@pytest.mark.parametrize('spacing', [0.2, 0.37])
@pytest.mark.parametrize('origin', [(0, 0, 0), (0.13, 0.27, 0.41)])
@pytest.mark.parametrize('name', PACKINGS)
def test_windows_of_packings(name, origin, spacing):
    cell, window, void = PACKINGS[name]
    passing, largest = passing_radii(cell, np.array([origin]), np.array([RADIUS]), spacing=spacing)
    assert passing == pytest.approx([window - RADIUS] * 3, abs=1e-6)
    assert largest == pytest.approx(void - RADIUS, abs=1e-6)


def test_layers_pass_in_two_dimensions_and_columns_in_one():
    """Spheres on a tetragonal lattice: the windows are squares a x a and rectangles a x c."""
    a, c = 2.6, 7.0
    square, rectangle = a / math.sqrt(2), math.hypot(a, c) / 2
    passing, _ = passing_radii(np.diag([a, a, c]), np.zeros((1, 3)), np.array([1.0]))
    assert passing == pytest.approx((rectangle - 1, rectangle - 1, square - 1), abs=1e-6)
    a, c = 6.0, 2.8
    square, rectangle = a / math.sqrt(2), math.hypot(a, c) / 2
    passing, _ = passing_radii(np.diag([c, a, a]), np.zeros((1, 3)), np.array([1.0]))
    assert passing == pytest.approx((square - 1, rectangle - 1, rectangle - 1), abs=1e-6)


def test_overlapping_spheres_leave_a_negative_radius():
    passing, _ = passing_radii(SIMPLE_CUBIC, np.zeros((1, 3)), np.array([3.0]))
    assert passing == pytest.approx([EDGE / math.sqrt(2) - 3.0] * 3, abs=1e-6)


def test_unlike_spheres_meet_where_the_surfaces_are_equally_far():
    """Caesium chloride: the window lies between two large spheres and a small one, on the axis of symmetry."""
    positions, radii = np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), np.array([1.6, 0.4])
    # In the plane of (0, 0, 0), (0, 0, a) and the centre, at height a / 2 and distance x from the edge.
    apart = EDGE / math.sqrt(2)
    x = np.linspace(0, apart, 2_000_001)
    gap = np.minimum(np.hypot(x, EDGE / 2) - radii[0], apart - x - radii[1])
    passing, _ = passing_radii(SIMPLE_CUBIC, positions, radii)
    assert passing == pytest.approx([gap.max()] * 3, abs=1e-5)


@pytest.fixture
def oblique():
    generator = np.random.default_rng(5)
    cell = Lattice.from_parameters(4.1, 6.2, 7.3, 62, 78, 113).matrix
    return cell, generator.random((6, 3)), generator.uniform(0.2, 1.4, 6)


def test_distances_are_those_of_all_images(oblique):
    cell, positions, radii = oblique
    field, _, _ = _surface_distances(cell, positions, radii, (7, 11, 13))
    points = np.stack(np.meshgrid(*(np.arange(n) / n for n in field.shape), indexing='ij'), axis=-1).reshape(-1, 3)
    expected = np.full(len(points), np.inf)
    for shift in itertools.product(range(-3, 4), repeat=3):
        for position, radius in zip(positions, radii, strict=True):
            distance = np.linalg.norm((points - position - shift) @ cell, axis=1) - radius
            expected = np.minimum(expected, distance)
    assert field.ravel() == pytest.approx(expected, abs=1e-12)


def test_wide_voids_get_enough_images():
    """One small ion in a cell much wider than the first guess of how far images matter."""
    field, _, _ = _surface_distances(30.0 * np.eye(3), np.zeros((1, 3)), np.array([0.5]), (10, 10, 10))
    assert field.max() == pytest.approx(15 * math.sqrt(3) - 0.5)


def test_radii_do_not_depend_on_origin_order_and_cell(oblique):
    cell, positions, radii = oblique
    passing, largest = passing_radii(cell, positions, radii, spacing=0.1)
    assert passing[0] >= passing[1] >= passing[2]
    order = [4, 2, 0, 5, 1, 3]
    assert passing_radii(cell, positions[order], radii[order], spacing=0.1) == (passing, largest)
    moved = passing_radii(cell, positions + np.array([0.37, -1.21, 0.55]), radii, spacing=0.1)
    assert (*moved[0], moved[1]) == pytest.approx((*passing, largest), abs=0.02)
    matrix = np.array([[2, 0, 0], [0, 1, 0], [0, 0, 1]])
    doubled = np.concatenate([positions, positions + np.array([1, 0, 0])]) @ np.linalg.inv(matrix)
    twice = passing_radii(matrix @ cell, doubled, np.tile(radii, 2), spacing=0.1)
    assert (*twice[0], twice[1]) == pytest.approx((*passing, largest), abs=1e-9)


def rock_salt(anion='F', edge=4.03):
    shifted = [(x + 0.5, y, z) for x, y, z in FACES]
    return Structure(Lattice.cubic(edge), ['Li'] * 4 + [anion] * 4, FACES + shifted)


def test_lithium_fluoride_passes_through_triangles_of_fluoride():
    found = bottleneck_radii(rock_salt(), [1] * 4 + [-1] * 4)
    window = 4.03 / math.sqrt(2) / math.sqrt(3) - 1.33
    assert (found.radius_1d, found.radius_2d, found.radius_3d) == pytest.approx([window] * 3, abs=1e-6)
    assert found.largest_sphere == pytest.approx(4.03 / 2 - 1.33, abs=1e-6)
    assert found.ionic_radii == {'F- (6)': 1.33}


def test_coordination_numbers():
    assert list(coordination_numbers(rock_salt(), [1] * 4 + [-1] * 4)) == [6] * 8
    halides = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    perovskite = Structure(Lattice.cubic(3.905), ['Sr', 'Ti', 'O', 'O', 'O'], halides)
    assert list(coordination_numbers(perovskite, [2, 4, -2, -2, -2])) == [12, 6, 6, 6, 6]
    eighths = list(itertools.product((0.25, 0.75), repeat=3))
    antifluorite = Structure(Lattice.cubic(4.62), ['Li'] * 8 + ['O'] * 4, eighths + FACES)
    assert list(coordination_numbers(antifluorite, [1] * 8 + [-2] * 4)) == [4] * 8 + [8] * 4
    assert list(coordination_numbers(antifluorite * (2, 1, 1), [1] * 16 + [-2] * 8)) == [4] * 16 + [8] * 8


def test_unlike_anions_in_one_shell_count_together():
    """Planes of O2- at 2.0 Å and Cl- at 2.5 Å around the same cation: six neighbours, not four."""
    places = [(0, 0, 0), (0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5)]
    structure = Structure(Lattice.tetragonal(4.0, 5.0), ['Fe', 'O', 'O', 'Cl'], places)
    assert coordination_numbers(structure, [3, -1, -1, -1])[0] == 6


@pytest.mark.parametrize(
    ('ion', 'coordination', 'radius'),
    [
        (Ion('O', -2), 4, 1.38),
        (Ion('O', -2), 5, 1.38),
        (Ion('O', -2), 12, 1.42),
        (Ion('O', -1), 4, 1.38),
        (Ion('P', 5), 4, 0.17),
        (Ion('Fe', 3), 6, 0.645),
        (Ion('Fe', 8 / 3), 6, 0.645),
        (Ion('Fe', 2.5), 6, 0.78),
        (Ion('Cu', 2), 4, 0.57),
        (Ion('S', -2), 4, 1.84),
    ],
)
def test_shannon_radii_and_what_stands_in_for_them(ion, coordination, radius):
    assert shannon_radius(ion, coordination) == radius


def test_ions_without_radius_are_named():
    with pytest.raises(ParametersMissingError, match='no Shannon radius of P3-'):
        shannon_radius(Ion('P', -3), 4)
    with pytest.raises(ParametersMissingError, match=r'no Shannon radius of Xe0\+'):
        shannon_radius(Ion('Xe', 0), 4)


def test_unusable_structures_are_refused():
    with pytest.raises(NoMobileIonError, match=r'LiF holds no Na\+'):
        bottleneck_radii(rock_salt(), [1] * 4 + [-1] * 4, mobile_ion='Na+')
    with pytest.raises(InputError, match='one charge per site: 8, not 1'):
        bottleneck_radii(rock_salt(), [1])
    with pytest.raises(ParametersMissingError, match='none stays'):
        bottleneck_radii(Structure(Lattice.cubic(3.5), ['Li'], [[0, 0, 0]]), [1])
    shared = rock_salt()
    shared.replace(0, {'Li': 0.5, 'Na': 0.5})
    with pytest.raises(DisorderedStructureError, match='ordered'):
        bottleneck_radii(shared, [1] * 4 + [-1] * 4)


def test_lithium_phosphate_converges_with_the_grid(shared_data):
    """A grid four times as fine moves no radius by more than the width of a voxel."""
    with gzip.open(shared_data / 'mp_li_oxides.jsonl.gz', 'rt') as handle:
        entry = next(entry for entry in map(json.loads, handle) if entry['id'] == 'mp-2878')
    document = entry['structure']
    structure = Structure.from_dict(json.loads(document) if isinstance(document, str) else document)
    states = [{'Li': 1, 'P': 5, 'O': -2}[site.specie.symbol] for site in structure]
    coarse = bottleneck_radii(structure, states)
    fine = bottleneck_radii(structure, states, spacing=0.1)
    assert coarse.ionic_radii == fine.ionic_radii == {'O2- (4)': 1.38, 'P5+ (4)': 0.17}
    for name in ('radius_1d', 'radius_2d', 'radius_3d', 'largest_sphere'):
        assert getattr(coarse, name) == pytest.approx(getattr(fine, name), abs=0.03)
    assert 0.4 < fine.radius_3d <= fine.radius_1d < 0.5
