"""Layouts and blocks in pipelines of matminer and scikit-learn."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from matminer.featurizers.base import BaseFeaturizer, MultipleFeaturizer
from pymatgen.core import Composition, Lattice, Structure
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from aiida_limap.engines.descriptors import (
    composition_descriptors,
    featurizers,
    load_layout,
    structure_descriptors,
)
from aiida_limap.engines.descriptors.blocks import KINDS, CompositionBlock, block_class
from aiida_limap.engines.descriptors.featurizers import (
    AngularDistributionFeaturizer,
    BlockFeaturizer,
    ElementFractionFeaturizer,
    ElementHistogramFeaturizer,
    ElementStatisticsFeaturizer,
    LayoutFeaturizer,
    RadialDistributionFeaturizer,
    VoronoiFaceFeaturizer,
)
from aiida_limap.engines.errors import DisorderedStructureError, InputError

OF_COMPOSITIONS = (ElementHistogramFeaturizer, ElementFractionFeaturizer, ElementStatisticsFeaturizer)
OF_STRUCTURES = (RadialDistributionFeaturizer, AngularDistributionFeaturizer, VoronoiFaceFeaturizer)
CLASSES = [getattr(featurizers, name) for name in featurizers.__all__]
NAMED = [kind for kind in CLASSES if hasattr(kind, 'block_kind')]
# Python 3.12 and later say so whenever a pool of matminer forks.
FORKS = pytest.mark.filterwarnings('ignore:This process .* is multi-threaded:DeprecationWarning')


@pytest.fixture(scope='module')
def structures():
    sites = [[0.25, 0.25, 0.25], [0, 0, 0]]
    antifluorite = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.62), ['Li', 'O'], sites)
    rock_salt = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.2), ['Mg', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return [antifluorite.get_primitive_structure(), rock_salt.get_primitive_structure(), rock_salt]


@pytest.fixture(scope='module')
def frame(structures):
    return pd.DataFrame(
        {'structure': structures, 'composition': [entry.composition for entry in structures]}, index=['a', 'b', 'c']
    )


@pytest.mark.parametrize('part', ['composition', 'structure'])
def test_layouts_give_the_rows_of_the_engine(frame, structures, part):
    featurizer = LayoutFeaturizer('compact', part)
    rows = {
        'composition': composition_descriptors([entry.composition for entry in structures], 'compact'),
        'structure': structure_descriptors(structures, 'compact'),
    }[part]
    described = featurizer.featurize_dataframe(frame, part, pbar=False)
    assert featurizer.feature_labels() == load_layout('compact').labels(part)
    assert list(described.columns) == [*frame.columns, *featurizer.feature_labels()]
    assert np.array_equal(described[featurizer.feature_labels()].to_numpy(), rows)


def test_default_blocks_are_those_of_the_layout(structures):
    labels, values, citations = [], [], []
    for kind in OF_STRUCTURES:
        labels += kind().feature_labels()
        values += kind().featurize(structures[0])
        citations += kind().citations()
    whole = LayoutFeaturizer('yamaguchi2023', 'structure')
    assert labels == whole.feature_labels()
    assert values == whole.featurize(structures[0])
    assert set(citations) == set(whole.citations())


@pytest.mark.parametrize('kind', sorted(set(KINDS) - {'featurizer'}))
def test_every_kind_of_block_is_a_featurizer(kind, structures):
    featurizer = BlockFeaturizer(kind)
    assert isinstance(featurizer, BaseFeaturizer)
    of_compositions = issubclass(block_class(kind), CompositionBlock)
    row = featurizer.featurize(structures[0].composition if of_compositions else structures[0])
    assert len(row) == len(featurizer.feature_labels())
    assert np.isfinite(row).all()
    assert clone(featurizer).feature_labels() == featurizer.feature_labels()


def test_histograms_of_twelve_properties_have_bins_that_hold_all_elements():
    layout = load_layout('all_elements')
    for block in layout.parts['composition'][:12]:
        featurizer = ElementHistogramFeaturizer(quantity=block.quantity)
        assert featurizer.feature_labels() == [column.name for column in block.columns(layout.classes)]
    with pytest.raises(InputError, match="element_histogram: the key 'minimum' is missing"):
        ElementHistogramFeaturizer(quantity='group').feature_labels()
    of_groups = ElementHistogramFeaturizer(quantity='group', minimum=0.5, maximum=18.5, bins=18, sigma=0)
    assert np.flatnonzero(of_groups.featurize('Li2O')).tolist() == [0, 15]


@pytest.mark.parametrize('kind', NAMED, ids=lambda kind: kind.__name__)
def test_contract_of_matminer_and_scikit_learn(kind, structures):
    featurizer = kind()
    entry = structures[0].composition if kind in OF_COMPOSITIONS else structures[0]
    row = featurizer.featurize(entry)
    assert isinstance(row, list)
    assert all(type(value) is float for value in row)
    assert len(row) == len(featurizer.feature_labels()) == len(featurizer.describe())
    assert len(set(featurizer.feature_labels())) == len(row)
    assert all(entry.startswith('@') and entry.endswith('}') for entry in featurizer.citations())
    assert len(featurizer.citations()) >= 2
    assert featurizer.implementors()
    assert inspect.getdoc(kind)
    # matminer appends to the list that it gets.
    featurizer.feature_labels().append('error')
    assert len(featurizer.feature_labels()) == len(row)

    twin = clone(featurizer)
    assert twin is not featurizer
    assert twin.get_params() == featurizer.get_params()
    assert twin.featurize(entry) == row
    assert pickle.loads(pickle.dumps(featurizer)).featurize(entry) == row
    assert set(inspect.signature(kind).parameters) == set(featurizer.get_params(deep=False))


def test_parameters_can_be_given_and_set(structures):
    featurizer = RadialDistributionFeaturizer(bins=20, pairs=[['Li', 'O']])
    assert len(featurizer.featurize(structures[0])) == 20
    assert featurizer.describe()[0].meaning == 'Li-O radial distribution function at 0.25 Å'
    featurizer.set_params(bins=10)
    assert len(featurizer.featurize(structures[0])) == len(featurizer.feature_labels()) == 10
    classes = {'named': [{'name': 'metal', 'elements': ['Li', 'Mg']}], 'rest': 'other'}
    resolved = RadialDistributionFeaturizer(pairs=[['metal', 'other']], bins=10, classes=classes)
    assert resolved.featurize(structures[0]) == featurizer.featurize(structures[0])
    assert resolved.featurize(structures[1]) != featurizer.featurize(structures[1])
    with pytest.raises(TypeError, match="RadialDistributionFeaturizer has no parameter 'colour'; it has pairs"):
        RadialDistributionFeaturizer(colour=1)
    with pytest.raises(InputError, match='rdf: needs maximum > 0'):
        RadialDistributionFeaturizer(bins=0).feature_labels()
    layout = LayoutFeaturizer('yamaguchi2023', 'composition')
    before = len(layout.feature_labels())
    assert len(layout.set_params(layout='compact').feature_labels()) < before


def test_layouts_may_be_mappings(structures):
    document = load_layout('compact').as_dict()
    document['structure'] = [{'kind': 'adf', 'bins': 9, 'sigma': 5.0, 'inner_ratio': 1.2, 'outer_ratio': 1.4}]
    featurizer = clone(LayoutFeaturizer(document))
    assert len(featurizer.featurize(structures[0])) == 9
    with pytest.raises(InputError, match="has no part 'landscape'; it has composition, structure"):
        LayoutFeaturizer(document, 'landscape').feature_labels()


def test_featurizers_of_matminer_need_no_wrapper():
    with pytest.raises(InputError, match='is a featurizer of matminer already'):
        BlockFeaturizer('featurizer', {'featurizer': 'Stoichiometry'}).feature_labels()


def test_citations_follow_what_is_read():
    for quantity, cited in (('covalent_radius', True), ('atomic_number', False)):
        entries = ElementHistogramFeaturizer(quantity=quantity).citations()
        assert any('cordero2008' in entry for entry in entries) == cited
    document = load_layout('compact').as_dict()
    document['composition'] = [{'kind': 'featurizer', 'featurizer': 'ElementProperty', 'preset': 'magpie'}]
    assert any('wolverton' in entry for entry in LayoutFeaturizer(document, 'composition').citations())


@FORKS
def test_as_many_processes_as_asked_for(frame):
    featurizer = LayoutFeaturizer('compact', 'structure')
    assert featurizer.n_jobs == 1
    alone = featurizer.featurize_dataframe(frame, 'structure', pbar=False)
    featurizer.set_n_jobs(2)
    pd.testing.assert_frame_equal(featurizer.featurize_dataframe(frame, 'structure', pbar=False), alone)


@FORKS
@pytest.mark.parametrize('n_jobs', [1, 2])
def test_a_bad_structure_in_a_dataframe(frame, n_jobs):
    disordered = Structure(Lattice.cubic(4), [{'Li': 0.5, 'Na': 0.5}], [[0, 0, 0]])
    bad = pd.concat([frame, pd.DataFrame({'structure': [disordered]}, index=['d'])])
    featurizer = AngularDistributionFeaturizer()
    featurizer.set_n_jobs(n_jobs)
    with pytest.raises(DisorderedStructureError, match='is disordered; choose an ordered model of it'):
        featurizer.featurize_dataframe(bad, 'structure', pbar=False)
    described = featurizer.featurize_dataframe(bad, 'structure', ignore_errors=True, return_errors=True, pbar=False)
    values = described[featurizer.feature_labels()].to_numpy()
    assert np.isfinite(values[:3]).all()
    assert np.isnan(values[3]).all()
    assert 'is disordered' in described.loc['d', 'AngularDistributionFeaturizer Exceptions']


def test_together_with_others_of_matminer(frame):
    from matminer.featurizers.structure import DensityFeatures

    both = MultipleFeaturizer([LayoutFeaturizer('compact', 'structure'), DensityFeatures()])
    both.set_n_jobs(1)
    described = both.featurize_dataframe(frame, 'structure', pbar=False)
    assert 'density' in described
    assert described.shape[1] == 2 + len(load_layout('compact').columns('structure')) + 3


def test_in_a_pipeline_of_scikit_learn(structures):
    pipeline = make_pipeline(ElementStatisticsFeaturizer(statistics=['mean', 'std']), Ridge(alpha=1e-6))
    compositions = [Composition(formula) for formula in ('Li2O', 'MgO', 'Li3PO4', 'LiAlO2', 'ZrO2')]
    target = [float(entry.get_atomic_fraction('O')) for entry in compositions]
    found = pipeline.fit(compositions, target).predict(compositions)
    assert found == pytest.approx(target, abs=0.05)
    assert clone(pipeline).get_params()['elementstatisticsfeaturizer__statistics'] == ['mean', 'std']
    pipeline.set_params(elementstatisticsfeaturizer__statistics=['mean'])
    assert len(pipeline[0].feature_labels()) == len(pipeline[0].quantities)
