"""The figures of the publication: which are drawn, what they show and say, and what is said where one cannot be."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.visualisation.drawing import FigureInputs, FigureOptions, History, LossRuns, RebuiltPart, RebuiltRows
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.figures import FIGURES, choose_figures, write_figures, write_map_figures

N_POINTS = 12
FAMILIES = ('garnet', 'NASICON', 'unknown', None) * 3


def rows_of(path):
    """Return the rows of a table."""
    with path.open(encoding='utf-8', newline='') as handle:
        return list(csv.DictReader(handle))


@pytest.fixture
def inputs(make_bundle) -> FigureInputs:
    """Return a map that can give every figure."""
    plain = make_bundle(N_POINTS)
    properties = dict(plain.properties) | {
        'family': MapProperty(FAMILIES, 'Structure family'),
        'split': MapProperty(('train',) * 8 + ('test',) * 4, 'Split'),
    }
    bundle = make_bundle(N_POINTS, properties=properties)
    given = np.abs(np.sin(np.arange(4 * 9.0).reshape(4, 9)))
    drawn = given + np.array([0.0, 0.1, 0.2, 0.3])[:, None]
    weights = np.array([0.0, 0.1, 1.0])
    losses = {f'validation_{name}': 0.01 * (1 + weights) for name in ('composition', 'structure', 'me')}
    epochs = np.linspace(1, 0.1, 20)
    return FigureInputs(
        bundle,
        losses=LossRuns(weights, losses, ('a', 'b', 'c'), 'one grid'),
        history=History({'train_all': epochs, 'validation_all': epochs + 0.1}, 17),
        rebuilt=RebuiltRows(
            split='test',
            n_split=4,
            parts={
                'composition': RebuiltPart(given[:, :6], drawn[:, :6]),
                'structure': RebuiltPart(given[:, 6:], drawn[:, 6:]),
            },
            worst=RebuiltPart(given[:0:-1], drawn[:0:-1]),
            worst_ids=bundle.ids[:8:-1],
            columns=tuple(f'c{n}' for n in range(9)),
        ),
    )


def test_every_figure_is_written_with_numbers_and_caption(inputs, tmp_path):
    seen = []
    written = write_map_figures(inputs, tmp_path / 'new' / 'folder', on_figure=seen.append)
    assert written.left_out == {}
    assert seen == list(FIGURES) == [figure.name for figure in written.figures]
    names = {path.name for path in (tmp_path / 'new' / 'folder').iterdir()}
    assert names == {f'{name}.{kind}' for name in FIGURES for kind in ('png', 'svg', 'pdf', 'csv', 'txt')}
    for figure in written.figures:
        assert figure.caption == figure.files[-1].read_text(encoding='utf-8').strip()
        assert figure.caption.startswith('Halides')
        assert len(rows_of(figure.files[-2])) > 1
        assert figure.files[0].read_bytes().startswith(b'\x89PNG')
        assert figure.files[2].read_bytes().startswith(b'%PDF')


@pytest.mark.parametrize('name', [name for name in FIGURES if name not in {'worst'}])
def test_captions_state_counts_and_metrics(inputs, tmp_path, name):
    (figure,) = write_map_figures(inputs, tmp_path, formats=['svg'], only=[name]).figures
    assert '12 points; 1 without a migration energy; W = 0.1; predicted migration energy, test split' in figure.caption


def test_equal_inputs_give_equal_files(inputs, tmp_path):
    chosen = ['diagnostics', 'fractions', 'families', 'zoom']
    first, second = (write_map_figures(inputs, tmp_path / name, only=chosen).files for name in 'ab')
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_bundle_alone_gives_what_it_can_and_says_why_not_the_rest(make_bundle, tmp_path):
    reasons = {'losses': 'no grid', 'worst': 'no model'}
    written = write_map_figures(FigureInputs(make_bundle(), reasons=reasons), tmp_path, formats=['png'])
    assert [figure.name for figure in written.figures] == ['diagnostics', 'map', 'fractions', 'heatmap', 'zoom']
    assert written.left_out == {
        'losses': 'no grid',
        'history': 'the history of the training was not given',
        'worst': 'no model',
        'families': 'no structure family of the map is known',
    }
    assert 'Descriptors are not shown' in written.figures[0].caption


@pytest.mark.parametrize('n_points', [1, 2, 3])
def test_a_tiny_map_is_drawn_as_far_as_it_goes(make_bundle, tmp_path, n_points):
    bundle = make_bundle(n_points, missing=(0,))
    written = write_map_figures(FigureInputs(bundle), tmp_path, formats=['png'])
    drawn = {figure.name for figure in written.figures}
    assert {'map', 'heatmap', 'fractions'} <= drawn
    assert ('zoom' in drawn) == (n_points > 1)
    if n_points == 1:
        assert written.left_out['zoom'] == 'a map of 1 point has no window to enlarge'


def test_a_model_without_a_weight_predicts_nothing(inputs, tmp_path):
    bundle = replace(inputs.bundle, metadata={'options': {'me_weight': 0.0}, 'metrics': {'test': {'r2_me': -2.0}}})
    written = write_map_figures(replace(inputs, bundle=bundle), tmp_path, formats=['png'])
    assert 'trained with W = 0' in written.left_out['heatmap']
    assert all('-2.0' not in figure.caption for figure in written.figures)
    panels = {row['panel'] for row in rows_of(tmp_path / 'diagnostics.csv')}
    assert panels == {'composition', 'structure'}


def test_the_numbers_of_the_diagnostics_are_those_given(inputs, tmp_path):
    (figure,) = write_map_figures(inputs, tmp_path, formats=['png'], only=['diagnostics']).figures
    rows = rows_of(tmp_path / 'diagnostics.csv')
    assert sum(int(row['values']) for row in rows if row['panel'] == 'composition') == 4 * 6
    assert sum(int(row['values']) for row in rows if row['panel'] == 'structure') == 4 * 3
    energies = [row for row in rows if row['panel'] == 'migration_energy_eV']
    assert (len(energies), energies[-1]['given'], energies[-1]['split']) == (11, '1.35', 'test')
    part = inputs.rebuilt.parts['composition']
    r2 = 1 - np.square(part.given - part.rebuilt).sum() / np.square(part.given - part.given.mean()).sum()
    assert f'4 compounds of the test split, 6 numbers each, R² = {r2:.2f}' in figure.caption


def test_the_worst_rows_are_a_table_of_columns(inputs, tmp_path):
    (figure,) = write_map_figures(inputs, tmp_path, formats=['png'], only=['worst']).figures
    rows = rows_of(tmp_path / 'worst.csv')
    key = inputs.rebuilt.worst_ids[0]
    assert [row['part'] for row in rows] == ['composition'] * 6 + ['structure'] * 3
    assert [float(row[f'rebuilt: {key}']) for row in rows] == inputs.rebuilt.worst.rebuilt[0].tolist()
    assert f'LiI ({key})' in figure.caption


def test_formulas_of_the_worst_rows_have_subscripts(inputs, tmp_path):
    formulas = MapProperty(('Li7La3Zr2O12',) * len(inputs.bundle.ids), 'Formula')
    bundle = replace(inputs.bundle, properties=dict(inputs.bundle.properties) | {'formula': formulas})
    drawing = FIGURES['worst'].draw(replace(inputs, bundle=bundle), FigureOptions())
    titles = [axes.get_title(loc='left') for axes in drawing.figure.axes]
    assert titles[0].startswith('(d) Li$_{7}$La$_{3}$Zr$_{2}$O$_{12}$: mean squared error')
    # The names of the two kinds stand above the highest bar.
    top = drawing.figure.axes[0].get_ylim()[1]
    assert top > 1.1 * inputs.rebuilt.worst.given[0].max()


def test_fractions_are_counted_from_the_sites_where_no_property_says_them(inputs, tmp_path):
    (figure,) = write_map_figures(inputs, tmp_path, formats=['png'], only=['fractions']).figures
    rows = rows_of(tmp_path / 'fractions.csv')
    assert {row['li_fraction'] for row in rows} == {'0.5'}
    assert 'o_fraction' not in rows[0], 'no halide holds oxygen'
    assert 'Spearman' not in figure.caption, 'a fraction that does not vary has no rank'


def test_families_are_those_of_the_publication_or_the_named_ones(inputs, tmp_path):
    (figure,) = write_map_figures(inputs, tmp_path, formats=['svg'], only=['families']).figures
    assert 'garnet 3, NASICON 3 of 12 points' in figure.caption
    options = FigureOptions(families=('nasicon',))
    (figure,) = write_map_figures(inputs, tmp_path, formats=['svg'], only=['families'], options=options).figures
    assert 'W = 0.1: NASICON 3 of 12 points' in figure.caption
    wrong = FigureOptions(families=('zeolite',))
    written = write_map_figures(inputs, tmp_path, formats=['svg'], only=['families', 'map'], options=wrong)
    assert "family 'zeolite'; it has NASICON, garnet" in written.left_out['families']
    assert [figure.name for figure in written.figures] == ['map']


def test_families_of_maps_side_by_side(inputs, make_bundle, tmp_path):
    other = make_bundle(N_POINTS, metadata={'options': {'me_weight': 0.0}})
    (figure,) = write_map_figures(replace(inputs, compared=(other,)), tmp_path, only=['families']).figures
    assert 'W = 0.1: garnet 3' in figure.caption
    assert 'W = 0: garnet 3' in figure.caption, 'a map without families takes them from the other'
    rows = rows_of(tmp_path / 'families.csv')
    assert len(rows) == 2 * N_POINTS
    assert [row['family'] for row in rows[:N_POINTS]] == [row['family'] for row in rows[N_POINTS:]]


def test_the_window_is_the_one_that_was_asked_for(inputs, tmp_path):
    options = FigureOptions(zoom=(-0.5, 1.5, -0.5, 1.5))
    (figure,) = write_map_figures(inputs, tmp_path, formats=['png'], only=['zoom'], options=options).figures
    assert '4 of 12 compounds' in figure.caption
    rows = rows_of(tmp_path / 'zoom.csv')
    assert [row['id'] for row in rows] == [inputs.bundle.ids[n] for n in (0, 1, 4, 5)]
    assert all(row['labelled'] == '1' for row in rows)
    empty = write_map_figures(
        inputs, tmp_path, formats=['png'], only=['zoom'], options=FigureOptions(zoom=(8, 9, 8, 9))
    )
    assert 'no point lies in the window 8,9,8,9; the map has x_comp from 0 to 3' in empty.left_out['zoom']


def test_figures_are_chosen_by_name_or_number():
    assert choose_figures(None) == choose_figures('all') == list(FIGURES)
    assert choose_figures('zoom, fig4') == ['map', 'zoom']
    assert choose_figures('fig3') == ['diagnostics', 'worst']
    assert choose_figures('fig3d-f') == ['worst']
    with pytest.raises(VisualisationError, match=r"no figure 'fig9'; known are losses \(fig2\), history"):
        choose_figures('map,fig9')
    with pytest.raises(VisualisationError, match='no figure was named'):
        choose_figures(' , ')


def test_wrong_requests_are_refused_before_anything_is_written(inputs, make_bundle, tmp_path):
    with pytest.raises(VisualisationError, match='unknown figure format'):
        write_map_figures(inputs, tmp_path / 'a', formats=['gif'])
    with pytest.raises(VisualisationError, match='no figure'):
        write_map_figures(inputs, tmp_path / 'a', only=['fig1'])
    with pytest.raises(VisualisationError, match='holds no points'):
        write_map_figures(FigureInputs(make_bundle(0)), tmp_path / 'a')
    assert not (tmp_path / 'a').exists()
    (tmp_path / 'file').write_text('')
    with pytest.raises(VisualisationError, match='cannot be made'):
        write_map_figures(inputs, tmp_path / 'file')
    (tmp_path / 'b' / 'map.png').mkdir(parents=True)
    with pytest.raises(VisualisationError, match='cannot be written to'):
        write_map_figures(inputs, tmp_path / 'b', only=['map'])


def test_the_map_and_the_heat_map_are_as_they_were(inputs, tmp_path):
    few = write_figures(inputs.bundle, tmp_path / 'a', formats=['svg'])
    many = write_map_figures(inputs, tmp_path / 'b', formats=['svg'], only=['map', 'heatmap']).files
    assert [path.read_bytes() for path in few] == [path.read_bytes() for path in many]
