"""Figures of trainings: losses, what is rebuilt and predicted, what the axes mean."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from aiida_limap.visualisation import _training_diagnostics as diagnostics
from aiida_limap.visualisation import _training_losses as losses_
from aiida_limap.visualisation import style
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.training import (
    draw_axis_meaning,
    draw_history,
    draw_predictions,
    draw_rebuilt,
    draw_tradeoff,
)

WEIGHTS = np.repeat([0.0, 0.01, 0.1, 1.0], 3)
LOSSES = {
    f'{split}_{loss}': (
        1e-3 * (1 + slope * WEIGHTS + 0.05 * np.tile([0, 1, 2], 4)) if loss != 'me' else 0.1 / (1 + 99 * WEIGHTS)
    )
    for split in ('train', 'validation')
    for loss, slope in (('composition', 0.3), ('structure', 40.0), ('me', 0.0))
}
EPOCHS = np.arange(1, 41)
HISTORY = {
    f'{split}_{loss}': 0.01 * np.exp(-EPOCHS / 8) + 0.002 + shift * (EPOCHS - 25.0) ** 2
    for split, shift in (('train', 0.0), ('validation', 1e-6))
    for loss in ('composition', 'structure', 'me', 'all')
}
ROWS = np.abs(np.sin(np.arange(90.0)).reshape(3, 30))
ENERGIES = np.array([0.1, 0.5, 1.0, 2.0, 4.0, np.nan, 0.3, 3.0])
PREDICTED = np.array([0.15, 0.4, 1.3, -0.2, 4.1, 1.0, 0.2, 2.5])
SPLIT = ['train'] * 4 + ['test'] * 4
RECORDS = [
    {'axis': axis, 'quantity': f'fraction_E{n}', 'unit': 'Å' if n == 1 else '', 'mutual_information_nats': 1 / n,
     'spearman': (-1) ** n / n}
    for axis in ('x_struc', 'x_comp') for n in range(1, 16)
]  # fmt: skip


def words(figure):
    """Return the texts of a figure with their boxes."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    found = [figure._supxlabel] if figure._supxlabel else []
    for axes in figure.axes:
        found += [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            found += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    for legend in figure.legends:
        found += legend.get_texts()
    found = [text for text in found if text.get_text() and text.get_visible()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in found]


def drawn(draw, *arguments):
    with style.styled():
        return draw(*arguments)


def test_the_tradeoff_is_drawn_with_mean_and_spread():
    figure = drawn(losses_.tradeoff, WEIGHTS, LOSSES)
    assert [axes.get_title() for axes in figure.axes] == ['Composition', 'Structure', 'Migration energy']
    for axes, loss in zip(figure.axes, ('composition', 'structure', 'me'), strict=True):
        dots, line = axes.lines[:2]
        assert dots.get_ydata().tolist() == LOSSES[f'train_{loss}'].tolist()
        assert line.get_xdata().tolist() == [0, 0.01, 0.1, 1]
        np.testing.assert_allclose(line.get_ydata(), LOSSES[f'train_{loss}'].reshape(4, 3).mean(axis=1))
        band = axes.collections[0].get_paths()[0].vertices[:, 1]
        assert band.max() == LOSSES[f'train_{loss}'].max()
        assert axes.get_xscale() == 'symlog'
        assert axes.get_yscale() == 'log'
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ['0', '0.01', '0.1', '1']
        assert len([tick for tick in axes.get_yticklabels() if tick.get_text()]) >= 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ['train', 'validation']


@pytest.mark.parametrize('weights', [[0.1, 0.1], [0.0, 0.0], [0.1, 1.0], [0.0, 0.1]])
def test_a_tradeoff_of_few_runs(tmp_path, weights):
    path = draw_tradeoff(weights, {'validation_me': [0.2, 0.0], 'history': [1, 2]}, tmp_path / 'few.png')
    assert path.stat().st_size > 1000


def test_the_course_of_the_losses_marks_the_best_epoch():
    figure = drawn(losses_.history, HISTORY, 23)
    assert [axes.get_title() for axes in figure.axes] == [
        'Sum with weights', 'Composition', 'Structure', 'Migration energy',
    ]  # fmt: skip
    for axes in figure.axes:
        train, validation, mark = axes.lines
        assert train.get_xdata().tolist() == EPOCHS.tolist()
        assert to_hex(validation.get_color()) == losses_.SPLIT_COLOURS['validation']
        assert list(mark.get_xdata()) == [23, 23]
    assert 'best epoch: 23' in [text.get_text() for text in figure.legends[0].get_texts()]
    wide = drawn(losses_.history, {**HISTORY, 'train_wide': EPOCHS / 9.0, 'validation_wide': EPOCHS / 9.0}, None)
    assert wide.axes[4].get_title() == 'Migration energy (wide head)'
    assert not wide.axes[5].axison


def test_the_best_epoch_is_that_of_the_lowest_validation_loss(tmp_path, monkeypatch):
    seen = []
    draw = losses_.history
    monkeypatch.setattr(losses_, 'history', lambda found, best: seen.append((sorted(found), best)) or draw(found, best))
    padded = {name: np.append(values, [np.nan, np.nan]) for name, values in HISTORY.items()}
    draw_history({**padded, 'seconds': EPOCHS, 'test_wide': [np.nan]}, tmp_path / 'a.svg')
    draw_history(HISTORY, tmp_path / 'b.svg', best_epoch=3)
    best = int(np.argmin(HISTORY['validation_all'])) + 1
    assert seen == [(sorted(HISTORY), best), (sorted(HISTORY), 3)]


def test_given_and_rebuilt_rows_share_an_index():
    figure = drawn(diagnostics.rebuilt_rows, ROWS, 0.9 * ROWS, ['Li2O', 'LiTaO3', 'Li$'], 20)
    assert [axes._left_title.get_text() for axes in figure.axes] == ['Li2O', 'LiTaO3', 'Li$']
    for axes, row in zip(figure.axes, ROWS, strict=True):
        assert axes.lines[0].get_xdata().tolist() == list(range(1, 31))
        np.testing.assert_allclose(axes.lines[0].get_ydata(), 0.9 * row)
        assert axes.collections[0].get_paths()[0].vertices[:, 1].max() == row.max()
        assert list(axes.lines[1].get_xdata()) == [20.5, 20.5]
    assert [text.get_text() for text in figure.axes[0].texts] == ['composition: 1 to 20', 'structure: 21 to 30']
    alone = drawn(diagnostics.rebuilt_rows, ROWS, ROWS, list('abc'), 0)
    assert [text.get_text() for text in alone.axes[0].texts] == ['structure: 1 to 30']


def test_predictions_carry_the_score_of_their_split():
    known = np.isfinite(ENERGIES)
    figure = drawn(diagnostics.predictions, ENERGIES[known], PREDICTED[known], np.array(SPLIT)[known], False)
    axes = figure.axes[0]
    train = 1 - np.square(ENERGIES[:4] - PREDICTED[:4]).sum() / np.square(ENERGIES[:4] - ENERGIES[:4].mean()).sum()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[0] == f'train (4): R² = {train:.2f}'
    assert labels[1].startswith('test (3): R² = ')
    points = axes.collections[0].get_offsets()
    np.testing.assert_allclose(points, np.stack([ENERGIES[:4], PREDICTED[:4]], axis=1))
    assert axes.get_xlim() == axes.get_ylim()


def test_predictions_on_logarithmic_axes_are_all_shown():
    known = np.isfinite(ENERGIES)
    figure = drawn(diagnostics.predictions, ENERGIES[known], PREDICTED[known], np.array(SPLIT)[known], True)
    axes = figure.axes[0]
    # The prediction below zero stands at the edge and counts as the lowest training energy.
    assert axes.collections[0].get_offsets()[3].tolist() == [2.0, axes.get_ylim()[0]]
    true, guess = np.log10(ENERGIES[:4]), np.log10([0.15, 0.4, 1.3, 0.1])
    score = 1 - np.square(true - guess).sum() / np.square(true - true.mean()).sum()
    assert axes.get_legend().get_texts()[0].get_text() == f'train (4): R² of log = {score:.2f}'


def test_equal_energies_have_no_score(tmp_path):
    figure = drawn(diagnostics.predictions, np.ones(3), np.ones(3), np.array(['test'] * 3), False)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ['test (3)']
    for logarithmic in (False, True):
        draw_predictions([1.0], [1.0], ['train'], tmp_path / 'one.png', logarithmic=logarithmic)


def test_the_strongest_quantities_of_each_axis_stand_on_top():
    figure = drawn(diagnostics.axis_meaning, RECORDS, 5)
    assert [axes._left_title.get_text() for axes in figure.axes] == ['Composition code', '', 'Structure code', '']
    left, right = figure.axes[:2]
    assert [text.get_text() for text in left.get_yticklabels()] == [
        'fraction E1 (Å)',
        *(f'fraction E{n}' for n in range(2, 6)),
    ]
    np.testing.assert_allclose([bar.get_width() for bar in left.patches], [1 / n for n in range(1, 6)])
    np.testing.assert_allclose([bar.get_width() for bar in right.patches], [(-1) ** n / n for n in range(1, 6)])
    assert left.get_ylim()[0] > left.get_ylim()[1]
    assert diagnostics._name({'quantity': 'voronoi_faces_Li', 'unit': ''}) == 'Voronoi faces Li'
    assert right.get_xlim() == (-1, 1)


@pytest.mark.parametrize('name', ['tradeoff', 'history', 'rebuilt', 'predictions', 'logarithmic', 'meaning'])
def test_no_words_overlap_or_leave_the_figure(name):
    known = np.isfinite(ENERGIES)
    numbers = ENERGIES[known], PREDICTED[known], np.array(SPLIT)[known]
    figure = {
        'tradeoff': lambda: drawn(losses_.tradeoff, WEIGHTS, LOSSES),
        'history': lambda: drawn(losses_.history, HISTORY, 23),
        'rebuilt': lambda: drawn(diagnostics.rebuilt_rows, ROWS, ROWS, ['Li2O', 'LiTaO3', 'Li3PO4'], 20),
        'predictions': lambda: drawn(diagnostics.predictions, *numbers, False),
        'logarithmic': lambda: drawn(diagnostics.predictions, *numbers, True),
        'meaning': lambda: drawn(diagnostics.axis_meaning, RECORDS, 12),
    }[name]()
    boxes = words(figure)
    assert len(boxes) > 5
    for place, (text, box) in enumerate(boxes):
        assert figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1, text
        assert figure.bbox.y0 - 1 <= box.y0 and box.y1 <= figure.bbox.y1 + 1, text
        for other, second in boxes[:place]:
            assert not box.overlaps(second), (text, other)


@pytest.mark.parametrize('kind', ['png', 'svg', 'pdf'])
def test_figures_are_equal_for_equal_data(tmp_path, kind):
    first, second = (draw_tradeoff(WEIGHTS, LOSSES, tmp_path / f'{place}.{kind}').read_bytes() for place in ('a', 'b'))
    assert first == second


@pytest.mark.parametrize(
    ('draw', 'arguments', 'options'),
    [
        (draw_history, (HISTORY,), {}),
        (draw_rebuilt, (ROWS, ROWS, list('abc')), {'n_composition': 10}),
        (draw_predictions, (ENERGIES, PREDICTED, SPLIT), {'logarithmic': True}),
        (draw_axis_meaning, (RECORDS,), {}),
    ],
)
def test_every_figure_is_equal_for_equal_data(tmp_path, draw, arguments, options):
    first, second = (draw(*arguments, tmp_path / f'{place}.svg', **options).read_bytes() for place in ('a', 'b'))
    assert first == second
    assert len(first) > 3000


@pytest.mark.parametrize(
    ('draw', 'message'),
    [
        (lambda path: draw_tradeoff(WEIGHTS, {}, path), 'there are no losses to draw'),
        (lambda path: draw_tradeoff(WEIGHTS, {'train_me': [1.0]}, path), r'train_me has shape \(1,\); expected a list'),
        (lambda path: draw_tradeoff([-1.0], {'train_me': [1.0]}, path), 'weights holds a number below zero'),
        (lambda path: draw_tradeoff([1.0], {'train_me': [np.nan]}, path), 'train_me holds NaN or infinity'),
        (lambda path: draw_history({'seconds': [1.0]}, path), 'there are no losses to draw'),
        (lambda path: draw_history({'train_all': ['many']}, path), 'train_all must be numbers'),
        (lambda path: draw_rebuilt(ROWS, ROWS[:2], list('abc'), path, n_composition=3), r'\(3, 30\) and \(2, 30\)'),
        (lambda path: draw_rebuilt(ROWS, ROWS, list('ab'), path, n_composition=3), 'with 2 names'),
        (lambda path: draw_rebuilt(ROWS, ROWS, list('abc'), path, n_composition=31), 'is 31, but a row has 30'),
        (lambda path: draw_predictions(ENERGIES, PREDICTED, ['exam'] * 8, path), "unknown split 'exam'"),
        (lambda path: draw_predictions(ENERGIES, PREDICTED, SPLIT[:3], path), '8 energies, but 3 words'),
        (lambda path: draw_predictions([np.nan], [1.0], ['test'], path), 'no compound has both'),
        (lambda path: draw_predictions([-1.0], [1.0], ['test'], path, logarithmic=True), 'no compound has both'),
        (lambda path: draw_axis_meaning([], path), 'there are no quantities to draw'),
        (lambda path: draw_axis_meaning([{'axis': 'x_comp'}], path), "lacks 'quantity'"),
        (lambda path: draw_history(HISTORY, path.with_suffix('.gif')), "unknown figure format 'gif'"),
        (lambda path: draw_history(HISTORY, path.parent / 'nowhere' / 'x.png'), 'cannot be written to'),
    ],
)  # fmt: skip
def test_wrong_requests_are_refused(tmp_path, draw, message):
    with pytest.raises(VisualisationError, match=message):
        draw(tmp_path / 'x.png')
