"""The featurizers of screening in matminer, in a layout, and in the task that AiiDA runs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition, Lattice, Structure

from aiida_limap.common.status import Status
from aiida_limap.engines.chemistry.structures import record_from_structure
from aiida_limap.engines.descriptors import composition_descriptors, load_layout, structure_descriptors
from aiida_limap.engines.descriptors.featurizers import LayoutFeaturizer
from aiida_limap.engines.descriptors.task import run
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.featurizers import ElementReductions, SendekFeatures
from aiida_limap.engines.screening.reductions import composition_features, feature_labels
from aiida_limap.engines.screening.sendek import ALL_FEATURES, SENDEK_FEATURES, sendek_features
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ResultsWriter, read_results
from aiida_limap.formats.structures import write_structures


def oxide(lithium='Li', anion='O'):
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.62), [lithium, anion], [[0.25] * 3, [0, 0, 0]])


def test_they_are_featurizers_of_matminer():
    from matminer.featurizers.base import MultipleFeaturizer

    frame = pd.DataFrame({'structure': [oxide(), oxide(anion='S')]})
    featurizer = SendekFeatures(names=['LLB', 'LASD', 'RBI'])
    featurizer.set_n_jobs(1)
    described = featurizer.featurize_dataframe(frame, 'structure', pbar=False)
    assert described['LLB'].tolist() == [18, 18]
    assert described['RBI'].isna().all()
    assert SendekFeatures().feature_labels() == list(SENDEK_FEATURES)
    both = MultipleFeaturizer([ElementReductions(), ElementReductions(reductions=['range'])])
    assert len(both.featurize(Composition('Li3PS4'))) == len(both.feature_labels()) == 45
    row = ElementReductions().featurize('Li3PS4')
    assert row == composition_features(['Li3PS4'])[0].tolist()
    for one in (SendekFeatures(), ElementReductions()):
        assert all(entry.startswith('@') for entry in one.citations()) and one.implementors()
        assert one.set_params(**one.get_params()).get_params() == one.get_params()


def test_a_ratio_that_does_not_exist_gets_the_number_that_stands_for_it():
    assert math.isnan(SendekFeatures(names=['RBI']).featurize(oxide())[0])
    assert SendekFeatures(names=['RBI'], undefined=-1).featurize(oxide()) == [-1.0]


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'names': ['LLX']}, "unknown feature 'LLX'"),
        ({'mobile_ion': 'Xy'}, 'is no element'),
        ({'undefined': float('inf')}, 'undefined is a number or nothing'),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        SendekFeatures(**options)


def test_the_layout_holds_all_features_under_their_own_names():
    layout = load_layout('screening')
    assert tuple(layout.labels('structure')) == ALL_FEATURES
    assert tuple(layout.labels('composition')) == feature_labels()
    units = {column.name: column.unit for column in layout.columns()}
    assert (units['LLSD'], units['VPA'], units['mean electron_affinity_eV'], units['max group']) == (
        'Å',
        'Å^3',
        'eV',
        '',
    )
    structures = [oxide(), oxide(anion='S')]
    rows = structure_descriptors(structures, 'screening')
    expected = [list(sendek_features(structure, names=ALL_FEATURES).values()) for structure in structures]
    assert rows == pytest.approx(np.nan_to_num(expected))
    assert (composition_descriptors(['Li2O', 'Li3PS4'], layout) == composition_features(['Li2O', 'Li3PS4'])).all()
    assert LayoutFeaturizer('screening', 'structure').featurize(oxide()) == rows[0].tolist()


def test_the_task_describes_disordered_structures_with_this_layout_only(tmp_path):
    shared = oxide(lithium={'Li': 0.9, 'Na': 0.1})
    records = [
        record_from_structure(oxide(), 'plain'),
        record_from_structure(shared, 'shared'),
        record_from_structure(oxide(lithium='Na'), 'sodium'),
    ]
    write_structures(tmp_path / 'structures.json', records)
    for layout, status in (('screening', Status.OK), ('compact', Status.DISORDERED)):
        writer = ResultsWriter(tmp_path, 'descriptors', 'test')
        run(Job('descriptors', {'layout': layout}, {'structures': 'structures.json'}), tmp_path, writer)
        writer.finish()
        results = read_results(tmp_path)
        found = {item.id: item for item in results.items}
        assert (found['plain'].status, found['shared'].status) == (Status.OK, status)
        if layout == 'screening':
            assert found['sodium'].status == Status.NO_MOBILE_ION
            assert 'holds no Li' in found['sodium'].message
            expected = np.nan_to_num(list(sendek_features(shared, names=ALL_FEATURES).values()))
            assert results.arrays['structure'][1] == pytest.approx(expected)
