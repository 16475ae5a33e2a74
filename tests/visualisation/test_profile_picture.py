"""The picture of an energy profile."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread

from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.profile import Profile, _draw, draw_profile

X = np.linspace(0, 8, 81)
ENERGY = 0.4 * (1 - np.cos(np.pi * X / 2))
POINTS = ((0.0, 0.0, 'Li1'), (2.0, 0.8, '0.80 eV'), (4.0, 0.0, 'Li2'), (6.0, 0.8, ''), (8.0, 0.0, 'Li1'))


def test_curves_points_and_barriers_are_named():
    other = Profile(X, ENERGY + 0.1, ((0.0, 0.05, 'Li1'), (4.0, 0.5, 'Li2')), '2D, 3D')
    axes = _draw([Profile(X, ENERGY, POINTS, '1D'), other]).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ['1D: 0.80 eV', '2D, 3D: 0.90 eV']
    assert axes.get_xlabel() == 'Distance along the path (Å)'
    assert axes.get_ylabel() == 'Energy above the lowest site (eV)'
    written = [(text.get_text(), *text.xy) for text in axes.texts]
    # The second path begins at the site of the first, whose name is there already.
    assert written == [
        ('Li1', 0.0, 0.0), ('0.80 eV', 2.0, 0.8), ('Li2', 4.0, 0.0), ('', 6.0, 0.8), ('Li1', 8.0, 0.0),
        ('Li2', 4.0, 0.5),
    ]  # fmt: skip


def test_a_barrier_counts_stationary_points_beside_the_curve():
    assert Profile([0, 1], [0.1, 0.5], ((0.5, 0.75, ''),)).barrier_eV == 0.75


@pytest.mark.parametrize('sign', [1, -1])
def test_saddles_and_minima_have_different_marks(sign):
    marks = {}
    for line in _draw([Profile(X, sign * ENERGY, tuple((x, sign * e, '') for x, e, _ in POINTS))]).axes[0].lines[1:]:
        marks[line.get_xdata()[0]] = line.get_marker()
    high, low = '^o' if sign == 1 else 'o^'
    assert marks == {0.0: low, 2.0: high, 4.0: low, 6.0: high, 8.0: low}


def test_pictures_are_drawn_in_colour_and_equal_for_equal_data(tmp_path):
    profile = Profile(X, ENERGY, POINTS)
    for kind in ('png', 'pdf', 'svg'):
        first = draw_profile(profile, tmp_path / f'a.{kind}').read_bytes()
        assert draw_profile([profile], tmp_path / f'b.{kind}').read_bytes() == first
    pixels = (imread(tmp_path / 'a.png')[..., :3].reshape(-1, 3) * 255).round().astype(int)
    assert (pixels == (42, 120, 142)).all(axis=1).sum() > 500


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (([0, 1], [0, 1, 2]), r'two columns of equal length of at least 2, not of shapes \(2,\) and \(3,\)'),
        (([0], [0]), 'of at least 2'),
        (([0, 2, 1], [0, 1, 0]), "profile '1D': the distance along the path descends"),
        (([0, 1], [0, np.nan]), "profile '1D': energy holds a number that is not finite"),
        (([0, 1], [0, 1], ((0.5, np.inf, 'saddle'),)), "the stationary point 'saddle' holds a number"),
        (([0, 1], ['low', 'high']), 'energy must be numbers'),
    ],
)
def test_wrong_profiles_are_refused(arguments, message):
    with pytest.raises(VisualisationError, match=message):
        Profile(*arguments, label='1D')


def test_wrong_requests_are_refused(tmp_path):
    profile = Profile(X, ENERGY)
    with pytest.raises(VisualisationError, match="unknown figure format 'gif'; known are png, svg, pdf"):
        draw_profile(profile, tmp_path / 'x.gif')
    with pytest.raises(VisualisationError, match='there is no profile to draw'):
        draw_profile([], tmp_path / 'x.png')
    with pytest.raises(VisualisationError, match='cannot be written to'):
        draw_profile(profile, tmp_path / 'nowhere' / 'x.png')
