"""From items and clusters to a report."""

from __future__ import annotations

import numpy as np
import pytest
from plugins_invented_phonons import SETTINGS, invented_items, invented_phonon_report

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons.report import cluster_items, phonon_report


@pytest.fixture(scope='module')
def report():
    return invented_phonon_report()


def test_the_report_holds_what_was_computed(report):
    items = invented_items()
    assert report.n_compounds == 30
    assert report.facts['Without numbers'] == '1'
    centres = [item.values['mobile_band_centre_THz'] for item in items[:-1]]
    assert report.numbers('mobile_band_centre_THz').tolist() == centres
    assert report.compounds['mobile_band_centre_THz'].label == 'Li band centre'
    assert report.compounds['structure_uuid'].values[7].endswith('7')
    drawn = report.densities.matrix('mobile')[4]
    assert np.abs(drawn - items[4].rows['mobile_dos']).max() < 0.001


def test_the_two_groups_are_the_clusters_of_every_method(report):
    high = report.numbers('mobile_band_centre_THz') > 9
    assert [grouping.method for grouping in report.groupings] == ['ward', 'kmeans', 'spectral', 'density']
    for grouping in report.groupings:
        inside = grouping.numbers >= 0
        assert inside.sum() > 20
        assert ((grouping.numbers == 1) == high)[inside].all()
    assert report.groupings[0].choice.chosen['silhouette'] == 2
    assert len(report.tree.linkage) == 29
    assert report.groupings[0].cophenetic_correlation > 0.9


def test_conduction_is_correlated_and_counted(report):
    told = {entry.feature: entry for entry in report.correlations}
    assert told['mobile_band_centre_THz'].n == 24
    assert told['mobile_band_centre_THz'].rho < -0.9
    assert told['mobile_band_centre_THz'].temperature_K == 800.0
    assert 'the same in all' in told['relative_width'].message
    assert report.conduction == 'diffusivity_cm2_per_s'
    assert report.compounds['diffusivity_cm2_per_s'].label == 'Li diffusivity at 800 K'
    enriched = {entry.cluster: entry for entry in report.groupings[0].enrichment}
    assert enriched[0].conductors == 16
    assert enriched[0].p_adjusted < 0.01 < enriched[1].p_adjusted


def test_one_number_gives_no_plane():
    items = invented_items(12)
    settings = {**SETTINGS, 'features': ['mobile_band_centre_THz'], 'methods': ['kmeans'], 'resamples': 0}
    found = phonon_report(items, cluster_items(items, settings), title='One')
    assert found.plane is None
    assert found.tree is None
    assert 'a single number was clustered' in found.missing['plane']
    assert found.conduction is None


def test_unknown_features_and_nothing_to_report_are_said():
    items = invented_items(8)
    with pytest.raises(InputError, match=r"none of the 8 compounds has 'colour'"):
        cluster_items(items, {'features': ['colour']})
    found = cluster_items(items, {**SETTINGS, 'methods': ['kmeans'], 'resamples': 0})
    with pytest.raises(InputError, match='none of the compounds has phonons'):
        phonon_report(items[-1:], found, title='None')
