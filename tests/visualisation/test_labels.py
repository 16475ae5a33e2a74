"""Labels beside points: no two overlap, none covers a point or leaves the axes, and none is written without room."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.transforms import Bbox

from aiida_limap.visualisation import style
from aiida_limap.visualisation._figure_zoom import zoom_window
from aiida_limap.visualisation._labels import formula_text, place_labels


def placed(places, texts):
    """Return axes, labels and their boxes (pixels) after placing."""
    figure = style.new_figure(3.0)
    axes = figure.add_subplot()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    style.settle(figure)
    labels = place_labels(axes, places, texts, places)
    renderer = figure.canvas.get_renderer()
    # The box of the words alone: that of an annotation with an offset is the same.
    boxes = [label.get_window_extent(renderer) for label in labels if label is not None]
    return axes, labels, boxes


@pytest.mark.parametrize('n_points', [5, 40, 300])
def test_labels_overlap_neither_each_other_nor_points(n_points):
    places = np.random.default_rng(4).uniform(size=(n_points, 2))
    with style.styled():
        axes, labels, boxes = placed(places, [formula_text('Li7La3Zr2O12')] * n_points)
    assert len(boxes) == sum(label is not None for label in labels) >= min(n_points, 8)
    frame = axes.get_window_extent()
    for number, box in enumerate(boxes):
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1
        assert frame.y0 <= box.y0 < box.y1 <= frame.y1
        assert not any(box.overlaps(other) for other in boxes[:number])
        assert not any(box.contains(*mark) for mark in axes.transData.transform(places))


def test_the_first_points_get_their_labels_first():
    places = np.full((80, 2), 0.5) + np.arange(80)[:, None] * 1e-3
    with style.styled():
        _axes, labels, _boxes = placed(places, ['Li5La3Nb2O12'] * 80)
    found = [label is not None for label in labels]
    assert found[0]
    assert not all(found)


def test_a_line_connects_a_label_that_stands_apart():
    with style.styled():
        axes, labels, _boxes = placed(np.full((14, 2), 0.5), ['LiTaO3'] * 14)
    apart = sum(np.hypot(*label.get_position()) > 25 for label in labels if label is not None)
    assert apart > 0
    assert len(axes.lines) > 0


@pytest.mark.parametrize(
    ('formula', 'text'),
    [
        ('Li7La3Zr2O12', 'Li$_{7}$La$_{3}$Zr$_{2}$O$_{12}$'),
        ('LiZr2(PO4)3', 'LiZr$_{2}$(PO$_{4}$)$_{3}$'),
        ('Li0.5La0.5TiO3', 'Li$_{0.5}$La$_{0.5}$TiO$_{3}$'),
        ('a $wrong{', r'a \$wrong{'),
    ],
)
def test_amounts_are_subscripts_and_other_words_stay(formula, text):
    assert formula_text(formula) == text
    with style.styled():
        _axes, (label,), _boxes = placed(np.array([[0.5, 0.5]]), [text])
    assert isinstance(label.get_window_extent(), Bbox)


def test_the_window_holds_the_best_conductors(make_bundle):
    rng = np.random.default_rng(1)
    n_points = 400
    x, y = rng.uniform(-5, 5, n_points), rng.uniform(-5, 5, n_points)
    near = np.hypot(x - 3, y + 2) < 1
    energies = np.where(near, 0.3, 2.0) + 0.001 * np.arange(n_points)
    bundle = make_bundle(n_points)
    properties = {
        name: type(bundle.properties['x_comp'])(tuple(values.tolist()), name)
        for name, values in (('x_comp', x), ('x_struc', y), ('migration_energy_eV', energies))
    }
    x0, x1, y0, y1 = zoom_window(make_bundle(n_points, properties=properties))
    assert x0 < 3 < x1
    assert y0 < -2 < y1
    inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
    assert (inside & near).sum() > 0.6 * near.sum()
    assert inside.sum() < 70
