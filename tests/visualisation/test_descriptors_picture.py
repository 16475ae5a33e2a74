"""The picture of the descriptors of one compound."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread

from aiida_limap.visualisation._panels import ColumnInfo, split_panels
from aiida_limap.visualisation.descriptors import _draw, draw_descriptors
from aiida_limap.visualisation.errors import VisualisationError

CENTRES = np.arange(20) / 2 + 0.25


def rdf(pair: str) -> list[ColumnInfo]:
    return [
        ColumnInfo(f'rdf_{pair}_{centre:.5g}', 'Å', f'{pair} radial distribution function at {centre:.5g} Å',
                   'structure', 'rdf')
        for centre in CENTRES
    ]  # fmt: skip


FACES = [
    ColumnInfo(f'voronoi_Li_{n}', '', f'share of Li sites with about {n} faces', 'structure', 'voronoi')
    for n in range(3, 29)
]
WEIGHTS = [
    ColumnInfo(f'atomic_weight_{u}.5', 'u', f'share of atoms with atomic weight near {u}.5', 'composition',
               'atomic_weight', 'composition')
    for u in range(50)
]  # fmt: skip
FRACTIONS = [
    ColumnInfo(f'fraction_E{n}', '', f'atomic fraction of E{n}', 'composition', 'element_fractions', 'composition')
    for n in range(30)
]
COLUMNS = [*WEIGHTS, *FRACTIONS, *rdf('Li-O'), *rdf('O-O'), *FACES]
VALUES = np.abs(np.sin(np.arange(len(COLUMNS))))


def test_histograms_are_told_from_named_numbers():
    values = np.concatenate([np.linspace(0, 1, 50), np.eye(30)[3]])
    weights, fractions = split_panels([*WEIGHTS, *FRACTIONS], values)
    assert weights.is_histogram
    assert weights.positions.tolist() == [u + 0.5 for u in range(50)]
    assert (weights.title, weights.x_label) == ('atomic weight', 'atomic weight (u)')
    assert weights.meaning == 'share of atoms with atomic weight'
    assert not fractions.is_histogram
    assert fractions.names == ('fraction E3',)
    assert fractions.title == 'element fractions: those of 30 that are not zero'
    assert fractions.x_label == 'atomic fraction'


def test_each_series_of_a_block_has_its_own_panel():
    panels = split_panels([*rdf('Li-O'), *rdf('O-O'), *FACES], np.arange(66.0))
    assert [panel.title for panel in panels] == ['rdf: Li-O', 'rdf: O-O', 'voronoi: Li']
    assert [panel.x_label for panel in panels] == ['distance (Å)', 'distance (Å)', 'faces']
    assert panels[1].meaning == 'O-O radial distribution function'
    assert panels[2].meaning == 'share of Li sites with about … faces'
    assert panels[1].values.tolist() == list(range(20, 40))
    np.testing.assert_allclose(panels[1].positions, CENTRES)


def test_numbers_of_several_units_are_not_drawn_on_one_axis():
    columns = [
        ColumnInfo('sites_mean', 'Å', 'mean distance', 'structure', 'sites'),
        ColumnInfo('sites_count', '', 'number of sites', 'structure', 'sites'),
        ColumnInfo('sites_spread', 'Å', 'spread of distance', 'structure', 'sites'),
    ]
    lengths, pure = split_panels(columns, np.array([1.0, 2.0, 3.0]))
    assert lengths.names == ('mean', 'spread')
    assert lengths.values.tolist() == [1.0, 3.0]
    assert lengths.x_label == 'value (Å)'
    assert pure.names == ('count',)
    assert pure.x_label == 'value'


@pytest.mark.parametrize(
    ('centres', 'spacing'),
    [((0.1, 0.2, 0.3, 0.4), 'even'), ((0.1, 0.2, 0.4, 0.8), 'geometric'), ((0.1, 0.2, 0.5, 1.0), 'uneven'),
     ((0.0, 0.2, 0.8), 'uneven'), ((-0.5, 0.0, 0.5), 'even')],
)  # fmt: skip
def test_bins_are_drawn_as_they_are_spaced(centres, spacing):
    columns = [ColumnInfo(f'depth_{centre}', 'eV', f'depth near {centre} eV', 'landscape', 'x') for centre in centres]
    (panel,) = split_panels(columns, np.ones(len(centres)))
    assert panel.spacing == spacing
    axes = _draw(columns, np.ones(len(centres)), '').axes[1]
    assert axes.get_xscale() == ('log' if spacing == 'geometric' else 'linear')
    drawn = len(axes.patches) if spacing == 'even' else axes.lines[0].get_xdata().tolist()
    assert drawn == (len(centres) if spacing == 'even' else list(centres))


def test_long_lists_are_split_evenly():
    columns = [ColumnInfo(f'site_{chr(97 + n // 8)}{n % 8}x', 'e', 'charge', 'structure', 'site') for n in range(40)]
    panels = split_panels(columns, np.ones(40))
    assert [len(panel.names) for panel in panels] == [20, 20]
    assert [name for panel in panels for name in panel.names][::20] == ['a0x', 'c4x']


def test_bins_that_do_not_ascend_are_names():
    columns = [ColumnInfo(f'shell_{n}', 'Å', f'radius of shell {n}', 'structure', 'shell') for n in (3, 1, 2)]
    (panel,) = split_panels(columns, np.ones(3))
    assert panel.names == ('3', '1', '2')


def test_every_column_is_drawn_once_at_its_index():
    figure = _draw(COLUMNS, VALUES, 'Li2O')
    row, *panels = figure.axes
    drawn = np.concatenate([np.asarray(lines.get_segments())[:, 1] for lines in row.collections])
    assert drawn[:, 0].tolist() == list(range(1, len(COLUMNS) + 1))
    # Each block is divided by its largest number; those of the composition share a scale.
    assert drawn[:80, 1].max() == drawn[80:120, 1].max() == drawn[120:, 1].max() == 1.0
    assert row.get_xlabel() == 'Index of the column'
    assert {text.get_text() for text in row.texts} == {'atomic weight', 'element fractions', 'rdf', 'voronoi'}
    assert [axes.get_title() for axes in panels] == [
        'atomic weight', 'element fractions', 'element fractions', 'rdf: Li-O', 'rdf: O-O', 'voronoi: Li',
    ]  # fmt: skip
    assert all(axes.get_xlabel() for axes in panels)
    headings = [heading for place in figure.subfigs if (heading := place.get_suptitle())]
    assert headings == ['Li2O', 'Composition: columns 1 to 80', 'Structure: columns 81 to 146']


def test_a_row_of_zeros_and_negative_numbers_can_be_drawn(tmp_path):
    assert draw_descriptors(COLUMNS, np.zeros(len(COLUMNS)), tmp_path / 'zeros.png').is_file()
    assert draw_descriptors(COLUMNS, -VALUES, tmp_path / 'negative.png').is_file()


def test_no_words_of_a_picture_overlap_or_leave_it():
    figure = _draw(COLUMNS, VALUES, 'Li2O')
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    whole = figure.bbox
    boxes = []
    for axes in figure.axes:
        labels = [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
        boxes += [label.get_window_extent(renderer) for label in labels if label.get_text()]
    assert len(boxes) > 15
    for place, box in enumerate(boxes):
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1
        assert not any(box.overlaps(other) for other in boxes[:place])


def test_pictures_are_equal_for_equal_data(tmp_path):
    for kind in ('png', 'svg', 'pdf'):
        first = draw_descriptors(COLUMNS, VALUES, tmp_path / f'a.{kind}', title='Li2O').read_bytes()
        assert draw_descriptors(COLUMNS, VALUES.tolist(), tmp_path / f'b.{kind}', title='Li2O').read_bytes() == first
    pixels = (imread(tmp_path / 'a.png')[..., :3].reshape(-1, 3) * 255).round().astype(int)
    for colour in ((42, 120, 142), (209, 73, 91)):
        assert (pixels == colour).all(axis=1).sum() > 500


@pytest.mark.parametrize(
    ('columns', 'values', 'name', 'message'),
    [
        (FACES, VALUES[:26], 'x.gif', "unknown figure format 'gif'; known are png, svg, pdf"),
        ([], [], 'x.png', 'there are no descriptors to draw'),
        (FACES, [1.0, 2.0], 'x.png', r'there are 26 columns, but values of shape \(2,\)'),
        (FACES, [np.nan] * 26, 'x.png', "the descriptor 'voronoi_Li_3' is not finite"),
        (FACES, ['many'] * 26, 'x.png', 'the descriptors must be numbers'),
        (FACES, VALUES[:26], 'nowhere/x.png', 'cannot be written to'),
    ],
)
def test_wrong_requests_are_refused(tmp_path, columns, values, name, message):
    with pytest.raises(VisualisationError, match=message):
        draw_descriptors(columns, values, tmp_path / name)
