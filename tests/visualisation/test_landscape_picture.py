"""The picture of a landscape: what is in it, and what is refused."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
from matplotlib.image import imread

from aiida_limap.formats.landscape import LandscapeRecord
from aiida_limap.visualisation._scene import build_scene
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.landscape import draw_landscape

CELL = np.array([[5.0, 0.0, 0.0], [1.2, 6.0, 0.0], [-0.8, 0.9, 7.0]])
SHAPE = (20, 24, 28)


def record(origin=(0.0, 0.0, 0.0), **changes):
    """Return a landscape with one tunnel along the first axis through (y, z) = (0.25, 0.5): open at 0.5 eV."""
    x, y, z = (
        axis + shift for axis, shift in zip(np.meshgrid(*(np.arange(n) / n for n in SHAPE), indexing='ij'), origin,
                                            strict=True)
    )  # fmt: skip
    across = 2 - np.cos(2 * np.pi * (y - 0.25)) - np.cos(2 * np.pi * (z - 0.5))
    energy = 0.25 * (1 - np.cos(2 * np.pi * x)) + 3 * across - 4
    values = {
        'id': 'mp-1',
        'cell': CELL,
        'energy': energy,
        'origin': origin,
        'species': ('Li', 'O', 'P'),
        'positions': [[0.0, 0.25, 0.5], [0.5, 0.0, 0.0], [0.3, 0.8, 0.1]],
        'thresholds_eV': (-3.5, math.inf, math.inf),
        'energy_minimum_eV': -4.0,
    }
    return LandscapeRecord(**(values | changes))


def scene_of(landscape, level=None, dimension=1):
    return build_scene(landscape, dimension=dimension, level_eV=level, mobile='Li')


def fractions(scene):
    return np.linalg.solve(CELL.T, scene.vertices.T).T


def test_the_surface_lies_at_the_level_in_an_oblique_cell():
    x, y, z = fractions(scene_of(record(), level=0.8)).T
    inner = (x > 0.02) & (x < 0.98)
    across = 2 - np.cos(2 * np.pi * (y - 0.25)) - np.cos(2 * np.pi * (z - 0.5))
    energy = 0.25 * (1 - np.cos(2 * np.pi * x)) + 3 * across
    assert inner.sum() > 1000
    np.testing.assert_allclose(energy[inner], 0.8, atol=0.02)


def volume(scene):
    corners = scene.vertices[scene.triangles]
    return abs(np.einsum('ij,ij->i', corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6)


def test_the_body_is_closed_on_the_faces_of_the_cell():
    scene = scene_of(record(), level=0.8)
    sides = np.sort(np.concatenate([scene.triangles[:, pair] for pair in ((0, 1), (1, 2), (2, 0))]), axis=1)
    # Corners that were moved onto a face may coincide, but each side of a triangle is still shared by two.
    counts = np.unique(sides, axis=0, return_counts=True)[1]
    assert (counts == 2).all()
    cut = fractions(scene)[scene.triangles[scene.is_cut]][..., 0]
    assert scene.is_cut.any()
    assert (np.minimum(cut, 1 - cut) < 1e-9).all(), 'only the two ends of the tunnel are cut'
    assert {float(value) for value in np.rint(cut).ravel()} == {0.0, 1.0}
    fine = np.meshgrid(*[np.linspace(0, 1, 120, endpoint=False)] * 3, indexing='ij')
    across = 2 - np.cos(2 * np.pi * (fine[1] - 0.25)) - np.cos(2 * np.pi * (fine[2] - 0.5))
    share = (0.25 * (1 - np.cos(2 * np.pi * fine[0])) + 3 * across < 0.8).mean()
    assert volume(scene) == pytest.approx(share * np.linalg.det(CELL), rel=0.02)


def test_both_ends_of_a_period_show_the_same_cut():
    scene = scene_of(record(), level=0.8)
    cut = fractions(scene)[scene.triangles[scene.is_cut]]
    near, far = (cut[np.rint(cut[:, 0, 0]) == side][:, :, 1:].reshape(-1, 2) for side in (0, 1))
    near, far = (np.unique(np.round(points, 4), axis=0) for points in (near, far))
    assert all(np.abs(far - point).max(axis=1).min() < 2e-3 for point in near)


@pytest.mark.parametrize('origin', [(0.25, -0.5, 1.75), (0.0125, 0.02, -0.01)])
def test_a_shifted_grid_gives_the_same_surface(origin):
    plain, shifted = scene_of(record(), level=0.8), scene_of(record(origin), level=0.8)
    assert volume(shifted) == pytest.approx(volume(plain), rel=2e-3)
    for scene in (plain, shifted):
        inside = fractions(scene)
        assert inside[:, 1].mean() == pytest.approx(0.25, abs=0.01)
        assert inside[:, 2].mean() == pytest.approx(0.5, abs=0.01)


def test_the_threshold_is_the_level_and_the_words_say_so():
    scene = scene_of(record())
    assert (scene.title, scene.subtitle) == ('LiPO', 'paths open in one dimension 0.50 eV above the lowest site energy')
    assert scene.surface_label == 'surface at 0.50 eV'
    other = scene_of(record(species=('Li', 'O', 'O')), level=0.8)
    assert (other.title, other.subtitle) == ('LiO₂', 'sites up to 0.80 eV above the lowest site energy')


def test_atoms_on_the_border_are_drawn_at_every_image():
    atoms = scene_of(record(), level=0.8).atoms
    found = {symbol: np.array([atom.position for atom in atoms if atom.symbol == symbol]) for symbol in 'OP'}
    assert len(found['P']) == 1
    expected = np.array([(0.5, y, z) for y, z in itertools.product((0, 1), repeat=2)]) @ CELL
    assert sorted(map(tuple, found['O'].round(6))) == sorted(map(tuple, expected.round(6)))
    lithium = [atom for atom in atoms if atom.is_mobile]
    assert {atom.symbol for atom in lithium} == {'Li'}
    assert len(lithium) == 2
    assert len({atom.colour for atom in atoms}) == 3


def test_the_cell_has_its_twelve_edges():
    edges = scene_of(record(), level=0.8).edges
    lengths = sorted(np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1))
    assert lengths == pytest.approx(sorted(list(np.linalg.norm(CELL, axis=1)) * 4))


def test_pictures_show_surface_and_atoms_and_are_equal_for_equal_data(tmp_path):
    for kind in ('png', 'html'):
        first = draw_landscape(record(), tmp_path / f'a.{kind}', dimension=1).read_bytes()
        assert draw_landscape(record(), tmp_path / f'b.{kind}', dimension=1).read_bytes() == first
    pixels = imread(tmp_path / 'a.png')[..., :3].reshape(-1, 3)
    red, green, blue = pixels.T
    greenish = (green > red + 0.15) & (green > blue)
    assert greenish.mean() > 0.01, 'the surface'
    assert ((red > green + 0.3) & (red > blue + 0.3)).mean() > 0.001, 'oxygen'
    text = draw_landscape(record(), tmp_path / 'a.svg', dimension=1).read_text(encoding='utf-8')
    found = re.findall(r'<!-- (.*?) -->', text)
    for expected in ('surface at 0.50 eV', 'Li sites', 'O', 'P', 'a', 'b', 'c'):
        assert expected in found


def test_a_page_is_self_contained(tmp_path):
    page = draw_landscape(record(), tmp_path / 'x.html', dimension=1).read_text(encoding='utf-8')
    assert '<title>LiPO</title>' in page
    assert 'surface at 0.50 eV' in page
    assert not re.search(r'<(?:script|link|img)[^>]*(?:src|href)=["\']?(?:https?:)?//', page)


def test_the_mobile_ion_may_be_another(tmp_path):
    scene = build_scene(record(species=('Na', 'O', 'P')), dimension=1, level_eV=None, mobile='Na')
    assert {atom.symbol for atom in scene.atoms if atom.is_mobile} == {'Na'}
    draw_landscape(record(species=('Na', 'O', 'P')), tmp_path / 'x.svg', dimension=1, mobile='Na')
    assert '<!-- Na sites -->' in (tmp_path / 'x.svg').read_text()


@pytest.mark.parametrize(
    ('name', 'options', 'message'),
    [
        ('x.gif', {}, "unknown picture format 'gif'; known are png, svg, pdf, html"),
        ('x.png', {}, r'does not percolate in two dimensions.*it percolates in 1D at 0\.50 eV; choose another'),
        ('x.png', {'dimension': 4}, 'is 1, 2 or 3, not 4'),
        ('x.png', {'level_eV': 90.0}, r'has no surface at 90 eV: its energies lie between 0 and 12\.5 eV'),
        ('x.png', {'level_eV': -1.0}, 'must be a positive energy above the lowest, not -1.0 eV'),
        ('x.png', {'level_eV': math.nan}, 'must be a positive energy'),
        ('x.png', {'dimension': 1, 'mobile': 'Qq'}, "'Qq' is no element symbol"),
        ('nowhere/x.png', {'dimension': 1}, 'cannot be written to'),
        ('nowhere/x.html', {'dimension': 1}, 'cannot be written to'),
    ],
)
def test_wrong_requests_are_refused(tmp_path, name, options, message):
    with pytest.raises(VisualisationError, match=message):
        draw_landscape(record(), tmp_path / name, **options)


def test_a_landscape_without_any_path_says_so(tmp_path):
    landscape = record(thresholds_eV=(math.inf,) * 3)
    with pytest.raises(VisualisationError, match='it percolates in none; choose another dimension, or a level'):
        draw_landscape(landscape, tmp_path / 'x.png', dimension=1)
