"""Figures of invented phonons."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from plugins_invented_phonons import invented_phonon_report

from aiida_limap.formats.phonons import PhononReport
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.phonons import PHONON_FIGURES, choose_phonon_figures, write_phonon_figures


@pytest.fixture(scope='module')
def report():
    return invented_phonon_report()


@pytest.fixture(scope='module')
def written(report, tmp_path_factory):
    return write_phonon_figures(report, tmp_path_factory.mktemp('figures'), formats=('svg',))


def table(written, name):
    figure = next(entry for entry in written.figures if entry.name == name)
    with figure.files[-2].open(newline='') as handle:
        return figure.caption, list(csv.DictReader(handle))


def test_every_figure_is_drawn_with_table_and_caption(written):
    assert [figure.name for figure in written.figures] == list(PHONON_FIGURES)
    assert not written.left_out
    for figure in written.figures:
        assert [path.suffix for path in figure.files] == ['.svg', '.csv', '.txt']
        assert figure.caption.startswith('Invented phonons: ')
        assert figure.caption.endswith(' Invented data.')


def test_equal_reports_give_equal_files(report, written, tmp_path):
    again = write_phonon_figures(report, tmp_path, formats=('svg',), only=['dendrogram', 'conduction'])
    assert [figure.name for figure in again.figures] == ['dendrogram', 'conduction']
    for path in again.files:
        assert path.read_bytes() == (written.figures[0].files[0].parent / path.name).read_bytes()


def test_tables_hold_the_numbers_of_the_report(report, written):
    caption, rows = table(written, 'dendrogram')
    assert len(rows) == 29
    assert float(rows[-1]['distance']) == report.tree.linkage[-1][2]
    assert 'cuts it into 2 clusters. Cophenetic correlation 0.9' in caption
    caption, rows = table(written, 'silhouettes')
    assert sum(row['method'] == 'ward' for row in rows) == 30
    assert 'Ward 0.9' in caption
    caption, rows = table(written, 'conduction')
    assert len(rows) == 24
    assert 'n = 24' in caption
    assert 'Li band centre: Spearman −0.9' in caption
    assert 'compounds in which nothing moved' in caption
    _caption, rows = table(written, 'densities')
    mean = [float(row['mean_per_THz']) for row in rows if (row['cluster'], row['atoms']) == ('0', 'Li')]
    assert sum(mean) * 0.25 == pytest.approx(3.0, abs=0.02)
    caption, rows = table(written, 'choice')
    assert {row['k'] for row in rows} == {'1', '2', '3', '4'}
    assert 'Ward 2 by silhouette' in caption
    caption, rows = table(written, 'plane')
    assert len(rows) == 30


def test_large_trees_are_cut_to_branches(tmp_path):
    import numpy as np
    from scipy.cluster.hierarchy import linkage

    from aiida_limap.formats.mapbundle import MapProperty
    from aiida_limap.formats.phononparts import Grouping, Tree

    values = np.sort(np.random.default_rng(0).random(300)) + np.where(np.arange(300) < 100, 0.0, 5.0)
    compounds = {
        'id': MapProperty(tuple(map(str, range(300))), 'Id'),
        'formula': MapProperty(('LiF',) * 300, 'Formula'),
    }
    labels = tuple(int(value > 3) for value in values)
    merges = tuple(map(tuple, linkage(values[:, None], 'ward').tolist()))
    report = PhononReport(
        'Many', 'Li', compounds, (Grouping('ward', ('x',), 'none', labels, (None,) * 300),),
        Tree(tuple(range(300)), merges),
    )  # fmt: skip
    written = write_phonon_figures(report, tmp_path, formats=('svg',), only=['dendrogram'])
    text = written.files[0].read_text()
    assert text.count('<!-- ') < 150
    assert 'The last 56 branches are shown' in written.figures[0].caption
    assert len(table(written, 'dendrogram')[1]) == 299


def test_what_is_not_known_is_left_out_with_a_reason(report, tmp_path):
    bare = replace(report, groupings=(), tree=None, densities=None, missing={'plane': 'Nothing was clustered.'})
    written = write_phonon_figures(bare, tmp_path, formats=('svg',))
    assert written.figures == ()
    assert set(written.left_out) == set(PHONON_FIGURES)
    assert written.left_out['plane'] == 'Nothing was clustered'
    still = {name: column for name, column in report.compounds.items() if name != 'diffusivity_cm2_per_s'}
    written = write_phonon_figures(replace(report, compounds=still), tmp_path, formats=('svg',), only=['conduction'])
    assert 'neither diffusivities nor conductivities' in written.left_out['conduction']


@pytest.mark.parametrize(('text', 'message'), [('map', "no figure 'map' of phonons"), (' , ', 'no figure was named')])
def test_wrong_names_are_refused(text, message):
    with pytest.raises(VisualisationError, match=message):
        choose_phonon_figures(text)
