"""Places and regions on the plane of a map, and the names of its points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_limap.data._plane import inside_polygon, nearest_points, within_ranges
from aiida_limap.data.map import POINT_COLUMNS, MapData
from aiida_limap.formats.mapbundle import Heatmap

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5, 0.5]])


@pytest.fixture
def node() -> MapData:
    """Return a map of five points: the corners of a square and its middle, the last without an energy."""
    columns = {name: np.linspace(0.1, 0.5, 5) for name in POINT_COLUMNS}
    columns |= {'x_comp': CORNERS[:, 0], 'x_struc': CORNERS[:, 1], 'status': ['ok'] * 5}
    columns |= {'migration_energy_eV': [0.1, 0.2, 0.3, 0.4, None], 'formula': ['Li2O', 'LiF', 'LiF', 'LiCl', 'LiBr']}
    heatmap = Heatmap(np.arange(2.0), np.arange(2.0), np.zeros((2, 2)), 'Predicted', 'eV')
    return MapData.from_points(list('abcde'), columns, heatmap=heatmap, facts={'target': 'barrier_2d_eV'}).store()


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), max_size=12),
    st.tuples(st.integers(-3, 3), st.integers(-3, 3)),
    st.integers(1, 15),
)
def test_the_nearest_are_those_of_a_stable_sort_of_all_distances(points, place, k):
    codes = np.array(points, dtype=float).reshape(-1, 2)
    distances = np.hypot(codes[:, 0] - place[0], codes[:, 1] - place[1])
    rows, found = nearest_points(codes, place, k)
    assert rows.tolist() == np.argsort(distances, kind='stable')[:k].tolist()
    assert np.array_equal(found, distances[rows])


@pytest.mark.parametrize('place', [(np.nan, 0), (0, np.inf), ('a', 0), (None, 0)])
def test_a_place_is_two_finite_numbers(place):
    with pytest.raises(ValueError, match='a place on a map is'):
        nearest_points(CORNERS, place, 1)


@pytest.mark.parametrize('k', [0, -1, 1.5, np.nan, 'many'])
def test_the_number_of_nearest_points_is_one_or_more(k):
    with pytest.raises(ValueError, match='the number of nearest points'):
        nearest_points(CORNERS, (0, 0), k)


def test_a_polygon_may_be_concave_and_go_round_either_way():
    # An L: the upper right quarter of a square of side 2 is missing.
    shape = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
    codes = np.array([(0.5, 0.5), (1.5, 0.5), (0.5, 1.5), (1.5, 1.5), (-0.5, 0.5), (0.5, 2.5)])
    for corners in (shape, shape[::-1]):
        assert inside_polygon(codes, corners).tolist() == [True, True, True, False, False, False]


@given(st.floats(0, 6.3), st.integers(3, 9))
def test_a_convex_polygon_holds_what_lies_on_the_inner_side_of_all_its_edges(turn, n_corners):
    angles = turn + np.linspace(0, 2 * np.pi, n_corners, endpoint=False)
    corners = np.column_stack([np.cos(angles), np.sin(angles)])
    codes = np.random.default_rng(3).uniform(-1.2, 1.2, size=(60, 2))
    edges = np.roll(corners, -1, axis=0) - corners
    sides = np.array([edge[0] * (codes - corner)[:, 1] - edge[1] * (codes - corner)[:, 0]
                      for corner, edge in zip(corners, edges, strict=True)])  # fmt: skip
    clear = (np.abs(sides) > 1e-9).all(axis=0)
    assert np.array_equal(inside_polygon(codes, corners)[clear], (sides > 0).all(axis=0)[clear])


@pytest.mark.parametrize(
    'corners', [[(0, 0), (1, 1)], [(0, 0, 0)] * 3, [(0, 0), (1, 0), (0, np.nan)], 3, [(0, 0), (1,)]]
)
def test_what_is_no_polygon_is_refused(corners):
    with pytest.raises(ValueError, match='polygon'):
        inside_polygon(CORNERS, corners)


def test_ranges_hold_their_ends_and_no_missing_values():
    columns = {'a': np.array([1.0, 2.0, 3.0, np.nan])}
    assert within_ranges(columns, {'a': (1, 2)}).tolist() == [True, True, False, False]
    assert within_ranges(columns, {'a': (None, 2)}).tolist() == [True, True, False, False]
    assert within_ranges(columns, {'a': (2, None)}).tolist() == [False, True, True, False]
    assert within_ranges(columns, {'a': (None, None)}).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ('given_range', 'words'),
    [(3, 'two numbers'), ((1, 2, 3), 'two numbers'), ((2, 1), 'lower number'), ((np.nan, 1), 'lower number'),
     (('a', 1), 'given by numbers')],
)  # fmt: skip
def test_what_is_no_range_is_refused(given_range, words):
    with pytest.raises(ValueError, match=words):
        within_ranges({'a': np.zeros(2)}, {'a': given_range})


def test_a_map_lists_the_points_near_a_place_with_units(node):
    frame = node.nearest(0.9, 0.1, k=2)
    assert frame.index.tolist() == ['b', 'e']
    assert frame['distance'].tolist() == pytest.approx([np.hypot(0.1, 0.1), np.hypot(0.4, 0.4)])
    assert (frame.attrs['units']['migration_energy_eV'], frame.attrs['units']['distance']) == ('eV', '')
    assert frame.attrs['map'] == node.uuid
    assert len(node.nearest(0, 0, k=100)) == 5


def test_a_map_lists_the_points_in_a_region(node):
    assert node.in_region(x_comp=(0, 0.5)).index.tolist() == ['a', 'd', 'e']
    assert node.in_region(migration_energy_eV=(0.2, None)).index.tolist() == ['b', 'c', 'd']
    triangle = [(-1, -1), (2, -1), (-1, 2)]
    assert node.in_region(polygon=triangle).index.tolist() == ['a']
    assert node.in_region(polygon=[(-1, -1), (3, -1), (-1, 3)], x_comp=(0.2, 2)).index.tolist() == ['b', 'e']
    assert node.in_region(x_comp=(7, 8)).empty


def test_a_wrong_region_is_refused(node):
    with pytest.raises(ValueError, match='a region needs a polygon'):
        node.in_region()
    with pytest.raises(KeyError, match="no column 'colour'; it has x_comp"):
        node.in_region(colour=(0, 1))
    with pytest.raises(ValueError, match="'status' holds words"):
        node.in_region(status=(0, 1))


def test_a_point_is_called_by_its_uuid_or_by_another_name_of_one_point(node):
    assert node.find('LiF') == ['b', 'c']
    assert node.point('ClLi')['migration_energy_eV'] == pytest.approx(0.4)
    assert 'a' in node
    assert 'z' not in node
    with pytest.raises(KeyError, match="has 2 points that are called 'LiF'"):
        node.point('LiF')
