"""Points that were placed on an older map: seen in figures, on pages and in words."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from aiida_limap.formats.mapbundle import MapBundle, MapProperty
from aiida_limap.visualisation import style
from aiida_limap.visualisation.dataset import page_data
from aiida_limap.visualisation.facts import covering_plane, map_facts, new_points
from aiida_limap.visualisation.figures import write_figures

N_NEW = 3


@pytest.fixture
def placed_bundle(make_bundle) -> MapBundle:
    """Return a bundle whose last three points are new; the last of them lies far beyond the plane."""
    plain = make_bundle()
    codes = list(plain.properties['x_comp'].values)
    codes[-1] = 9.0
    properties = dict(plain.properties) | {
        'x_comp': MapProperty(tuple(codes), 'Composition code'),
        'is_new': MapProperty((0.0,) * (12 - N_NEW) + (1.0,) * N_NEW, 'New'),
    }
    return make_bundle(properties=properties)


def pixels(path, colour: str) -> int:
    """Return the number of pixels of a colour."""
    from matplotlib.image import imread

    picture = imread(path)[..., :3]
    return int((np.abs(picture - np.array(to_rgb(colour))).max(axis=2) < 0.08).sum())


def test_what_lies_beyond_the_plane_is_not_known(placed_bundle, uncertain_bundle):
    x, y, support = covering_plane(placed_bundle, placed_bundle.heatmap)
    assert support is None
    # The plane is that of the heat map, and goes on in its steps beyond the last point.
    assert np.allclose(np.diff(x), 1)
    assert x[:4].tolist() == placed_bundle.heatmap.x_comp.tolist()
    assert 9 < x[-1] <= 11
    assert y[:3].tolist() == placed_bundle.heatmap.x_struc.tolist()
    properties = dict(uncertain_bundle.properties) | {'x_comp': placed_bundle.properties['x_comp']}
    beyond = replace(uncertain_bundle, properties=properties)
    x, _y, support = covering_plane(beyond, beyond.heatmap)
    assert support.shape[1] == x.size > 4
    assert np.array_equal(support[:3, :4], beyond.heatmap.support)
    assert not support[:, 4:].any()
    shade = page_data(beyond)['support']
    assert shade['x'] == [0, x[-1]]


def test_new_points_are_counted(placed_bundle, make_bundle):
    assert new_points(placed_bundle).tolist() == [False] * 9 + [True] * 3
    assert '3 new on an older map' in map_facts(placed_bundle).summary()
    assert map_facts(make_bundle()).n_new == 0


def test_figures_draw_halos_and_say_what_they_are(placed_bundle, make_bundle, tmp_path):
    write_figures(placed_bundle, tmp_path / 'placed', ['png'])
    write_figures(make_bundle(), tmp_path / 'plain', ['png'])
    for name in ('map.png', 'heatmap.png'):
        assert pixels(tmp_path / 'placed' / name, style.NEW_COLOUR) > 100
        assert pixels(tmp_path / 'plain' / name, style.NEW_COLOUR) == 0
    assert 'Halos: structures that were placed on an older map' in (tmp_path / 'placed' / 'map.txt').read_text()
    assert 'Halos' not in (tmp_path / 'plain' / 'map.txt').read_text()
    rows = list(csv.DictReader((tmp_path / 'placed' / 'map.csv').read_text().splitlines()))
    assert [float(row['is_new']) for row in rows] == [0] * 9 + [1] * 3


def test_a_page_gives_new_points_symbols_and_a_legend(placed_bundle, make_bundle):
    data = page_data(placed_bundle)
    words = data['dataset']['properties']['Energy']['values']
    assert words[3] == 'no energy'
    assert words[-N_NEW:] == ['new, calculated'] * N_NEW
    assert data['dataset']['settings']['map']['symbol'] == 'Energy'
    assert '3 placed on an older map, whose points have not moved' in data['legend']
    assert 'new' not in page_data(make_bundle())['legend']
