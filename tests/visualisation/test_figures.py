"""Figures for print and the tables beside them."""

from __future__ import annotations

import csv

import pytest
from matplotlib.image import imread

from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.figures import write_figures


def _rows(path):
    with path.open(encoding='utf-8', newline='') as handle:
        return list(csv.DictReader(handle))


def _colours(path):
    pixels = imread(path)[..., :3].reshape(-1, 3)
    return {tuple(pixel) for pixel in (pixels * 255).round().astype(int).tolist()}


def test_all_files_are_written_and_named(make_bundle, tmp_path):
    written = write_figures(make_bundle(), tmp_path / 'figures')
    assert {path.name for path in written} == {
        f'{stem}.{kind}' for stem in ('map', 'heatmap') for kind in ('png', 'svg', 'csv', 'txt')
    }
    assert all(path.is_file() for path in written)


def test_map_is_drawn_in_colour_with_grey_for_missing_values(make_bundle, tmp_path):
    write_figures(make_bundle(), tmp_path, formats=['png'])
    colours = _colours(tmp_path / 'map.png')
    assert (68, 1, 84) in colours, 'the lowest energy has the first colour of viridis'
    assert (180, 180, 180) in colours, 'a point without an energy is grey'
    assert len(_colours(tmp_path / 'heatmap.png')) > 10


def test_tables_hold_every_point_and_every_node_of_the_grid(make_bundle, tmp_path):
    bundle = make_bundle()
    write_figures(bundle, tmp_path, formats=['png'])
    rows = _rows(tmp_path / 'map.csv')
    assert [row['id'] for row in rows] == list(bundle.ids)
    assert [row['formula'] for row in rows[:2]] == ['LiF', 'LiCl']
    assert rows[3]['migration_energy_eV'] == ''
    assert float(rows[5]['migration_energy_eV']) == 0.75
    grid = _rows(tmp_path / 'heatmap.csv')
    assert len(grid) == 12
    # Row i of the grid belongs to x_struc[i].
    assert grid[5] == {'x_comp': '1.0', 'x_struc': '1.0', 'Predicted migration energy (eV)': '5.0'}


def test_caption_states_counts_and_metrics(make_bundle, tmp_path):
    write_figures(make_bundle(), tmp_path, formats=['svg'])
    caption = (tmp_path / 'map.txt').read_text(encoding='utf-8')
    assert '12 points; 1 without a migration energy; W = 0.1' in caption
    assert 'test split: R² = 0.71' in caption
    assert 'Grey squares' in caption


def test_clipped_scale_is_stated(make_bundle, tmp_path):
    bundle = make_bundle(40, missing=())
    energies = bundle.properties['migration_energy_eV']
    values = (9.0, 8.0, *energies.values[2:10], *(0.5 + 0.001 * i for i in range(30)))
    properties = dict(bundle.properties) | {'migration_energy_eV': type(energies)(values, 'Migration energy', 'eV')}
    write_figures(make_bundle(40, properties=properties), tmp_path, formats=['png'])
    assert 'above it have the last colour' in (tmp_path / 'map.txt').read_text(encoding='utf-8')


def test_equal_bundles_give_equal_files(make_bundle, tmp_path):
    first = write_figures(make_bundle(), tmp_path / 'a', formats=['png', 'svg', 'pdf'])
    second = write_figures(make_bundle(), tmp_path / 'b', formats=['png', 'svg', 'pdf'])
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize('n_points', [1, 3])
@pytest.mark.parametrize('missing', [(), (0, 1, 2)])
def test_small_and_empty_maps_are_drawn(make_bundle, tmp_path, n_points, missing):
    written = write_figures(make_bundle(n_points, missing=missing), tmp_path)
    assert len(written) == 8
    assert len(_rows(tmp_path / 'map.csv')) == n_points
    no_scale = 'no colour scale' in (tmp_path / 'map.txt').read_text(encoding='utf-8')
    assert no_scale == bool(missing), 'one value takes its colour from the scale of the heat map'
    assert len(_colours(tmp_path / 'map.png')) > 2


def test_without_a_heat_map_only_the_map_is_written(make_bundle, tmp_path):
    written = write_figures(make_bundle(heatmap=False), tmp_path, formats=['png'])
    assert [path.name for path in written] == ['map.png', 'map.csv', 'map.txt']


def test_caller_keeps_its_matplotlib_settings(make_bundle, tmp_path):
    import matplotlib

    with matplotlib.rc_context({'font.size': 23}):
        write_figures(make_bundle(), tmp_path, formats=['png'])
        assert matplotlib.rcParams['font.size'] == 23


def test_dollars_in_labels_stay_text(make_bundle, tmp_path):
    bundle = make_bundle()
    entry = bundle.properties['x_comp']
    properties = dict(bundle.properties) | {'x_comp': type(entry)(entry.values, r'$\wrong{$', '')}
    write_figures(make_bundle(properties=properties), tmp_path, formats=['png'])
    assert len(_colours(tmp_path / 'map.png')) > 2


def test_wrong_requests_are_refused_with_a_sentence(make_bundle, tmp_path):
    with pytest.raises(VisualisationError, match="unknown figure format 'gif'; known are png, svg, pdf"):
        write_figures(make_bundle(), tmp_path, formats=['png', 'gif'])
    with pytest.raises(VisualisationError, match='no figure format'):
        write_figures(make_bundle(), tmp_path, formats=[])
    blocked = tmp_path / 'file'
    blocked.write_text('not a folder')
    with pytest.raises(VisualisationError, match='cannot be made'):
        write_figures(make_bundle(), blocked)
    with pytest.raises(VisualisationError, match='holds no points'):
        write_figures(make_bundle(0), tmp_path)


def test_what_is_not_known_is_hatched_and_said(uncertain_bundle, make_bundle, tmp_path):
    write_figures(uncertain_bundle, tmp_path, formats=['png', 'svg'])
    assert '#a8a8a8' in (tmp_path / 'heatmap.svg').read_text(encoding='utf-8')
    assert 'Hatched: nothing known here' in (tmp_path / 'heatmap.txt').read_text(encoding='utf-8')
    assert 'Rings: structures outside' in (tmp_path / 'map.txt').read_text(encoding='utf-8')
    assert [row['support'] for row in _rows(tmp_path / 'heatmap.csv')[:4]] == ['1.0', '1.0', '0.2', '0.0']
    rows = _rows(tmp_path / 'map.csv')
    assert [row['in_domain'] for row in rows[4:7]] == ['1.0', '0.0', '1.0']
    assert rows[5]['domain_reason'] == 'the structure is unlike those of the training'
    assert (rows[0]['migration_energy_low_eV'], rows[0]['migration_energy_high_eV']) == ('0.41', '')
    write_figures(make_bundle(), tmp_path / 'plain', formats=['svg'])
    assert '#a8a8a8' not in (tmp_path / 'plain' / 'heatmap.svg').read_text(encoding='utf-8')
    assert 'Hatched' not in (tmp_path / 'plain' / 'heatmap.txt').read_text(encoding='utf-8')


def test_a_point_outside_of_the_domain_is_a_ring(uncertain_bundle, make_bundle, tmp_path):
    write_figures(uncertain_bundle, tmp_path / 'a', formats=['svg'])
    write_figures(make_bundle(), tmp_path / 'b', formats=['svg'])
    rings = [(tmp_path / name / 'map.svg').read_text(encoding='utf-8').count('fill: #ffffff') for name in 'ab']
    assert rings[0] > rings[1]
