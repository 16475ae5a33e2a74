"""Reports of phonons as files, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.formats.phononparts import Densities, Grouping, Plane, Tree
from aiida_limap.formats.phonons import PhononReport, read_phonon_report, write_phonon_report
from aiida_limap.formats.screenparts import NodeReference

COMPOUNDS = {
    'id': MapProperty(('a', 'b', 'c'), 'Id'),
    'formula': MapProperty(('LiF', 'Li2O', 'LiCl'), 'Formula'),
    'mobile_band_centre_THz': MapProperty((9.5, None, 7.0), 'Li band centre', 'THz'),
}


def small_report() -> PhononReport:
    rng = np.random.default_rng(0)
    return PhononReport(
        'Three salts',
        'Li',
        COMPOUNDS,
        groupings=(Grouping('ward', ('mobile_band_centre_THz',), 'none', (1, None, 0), (0.5, None, 0.4), 0.45, 0.8),),
        tree=Tree((0, 2), ((0.0, 1.0, 2.5, 2.0),)),
        plane=Plane((0, 2), (1.0, -1.0), (0.0, 0.0), (0.9, 0.1)),
        densities=Densities.from_arrays(-10.0, 0.25, [rng.random(180), None, np.zeros(180)], [rng.random(180)] * 3),
        nodes=(NodeReference('quantities', 'TableData', 'u', 'verdi node show u'),),
        sources=('Own data',),
    )


def test_a_report_comes_back_as_it_was_written(tmp_path):
    report = small_report()
    write_phonon_report(tmp_path / 'phonons.json', report)
    again = read_phonon_report(tmp_path / 'phonons.json')
    assert again.groupings == report.groupings
    assert (again.tree, again.plane, again.nodes) == (report.tree, report.plane, report.nodes)
    assert again.compounds['formula'] == report.compounds['formula']
    assert np.isnan(again.numbers('mobile_band_centre_THz')[1])
    np.testing.assert_array_equal(again.densities.matrix('total'), report.densities.matrix('total'))
    write_phonon_report(tmp_path / 'again.json', again)
    assert (tmp_path / 'again.json').read_bytes() == (tmp_path / 'phonons.json').read_bytes()


def test_densities_are_kept_to_a_thousandth():
    rng = np.random.default_rng(1)
    values = np.where(np.arange(180) < 90, 0.0, rng.random(180))
    found = Densities.from_arrays(-10.0, 0.25, [values, None], [values, values])
    assert found.mobile[0][0] == 90
    assert np.abs(found.matrix('mobile')[0] - values).max() <= 0.0005 + 1e-12
    assert np.isnan(found.matrix('mobile')[1]).all()
    assert found.frequencies_THz[[0, 40]].tolist() == [-10.0, 0.0]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'compounds': {'id': COMPOUNDS['id']}}, "no column 'formula'"),
        ({'compounds': {**COMPOUNDS, 'id': MapProperty(('a', 'a', 'c'), 'Id')}}, 'each of them once'),
        ({'compounds': {**COMPOUNDS, 'more': MapProperty((1.0,), 'More')}}, r"column 'more' has 1 values for 3"),
        ({'compounds': {**COMPOUNDS, 'conductor': MapProperty(('y', 'n', 'y'), 'C')}}, 'holds words'),
        ({'tree': Tree((0, 7), ((0.0, 1.0, 2.5, 2.0),))}, 'tree names rows beyond the 3 compounds'),
        ({'groupings': small_report().groupings * 2}, 'the same method'),
    ],
)
def test_parts_that_disagree_are_refused(change, message):
    with pytest.raises(FormatError, match=message):
        replace(small_report(), **change)


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: Grouping('ward', (), 'none', (0, 2), (None, None)), 'a number of a cluster is left out'),
        (lambda: Grouping('ward', (), 'none', (0,), (1.5,)), 'lies outside of -1 to 1'),
        (lambda: Tree((0, 1, 2), ((0.0, 1.0, 2.5, 2.0),)), '3 leaves need 2 merges'),
        (lambda: Densities.from_arrays(0.0, 0.25, [[0.1, -0.2]], [[0.1, 0.2]]), 'negative or no number'),
        (lambda: Densities(0.0, 0.25, 2, ((1, (5, 5)),), ((0, (1,)),)), 'longer than the grid'),
        (lambda: Plane((0, 1), (1.0,), (0.0, 0.0), (1.0, 0.0)), 'differ in length'),
    ],
)
def test_damaged_parts_are_refused(build, message):
    with pytest.raises(FormatError, match=message):
        build()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'schema_version': 99}, 'schema version 99'),
        ({'schema': 'limap.screening'}, "expected a file of schema 'limap.phonon_report'"),
        ({'surprise': 1}, "unknown key 'surprise'"),
        ({'groupings': [{'method': 'ward'}]}, r'phonons.json: groupings: the key'),
        ({'densities': 7}, 'expected an object'),
        ({'tree': {'rows': 3, 'linkage': []}}, 'not of the kind that it should be'),
    ],
)
def test_damaged_files_are_refused(tmp_path, change, message):
    path = tmp_path / 'phonons.json'
    write_phonon_report(path, small_report())
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(FormatError, match=message):
        read_phonon_report(path)
