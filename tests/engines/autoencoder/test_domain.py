from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_limap.engines.autoencoder import TrainConfig, load_model, train
from aiida_limap.engines.autoencoder.cloud import Cloud
from aiida_limap.engines.autoencoder.domain import Domain

OPTIONS = {'hidden_widths': [16, 8], 'head_widths': [8], 'max_epochs': 30, 'patience': 30, 'learning_rate': 5e-3}


@pytest.fixture(scope='module')
def rows(synthetic):
    """Rows whose columns name two elements; every group holds Li, some hold O."""
    data = synthetic(40)
    composition = data.composition.copy()
    composition[:, 0] = 0.0
    columns = {**data.columns, 'composition_labels': ['fraction_Xe', *data.columns['composition_labels'][1:]]}
    return type(data)(data.ids, composition, data.structure, data.migration_energy_eV, data.groups, columns)


@pytest.fixture(scope='module', params=['full', 'compact'])
def model(request, rows):
    return train(rows, TrainConfig.from_parameters({**OPTIONS, 'basis': request.param}))


def test_a_ratio_is_the_mean_distance_to_five_over_the_95th_percentile():
    line = np.arange(100.0)[:, None]
    cloud = Cloud.fit(line, range(100))
    # Inside the line the five nearest others are 1, 1, 2, 2, 3 away; the three points at each end have more.
    inner = [np.mean(np.sort(np.abs(line[:, 0] - place))[1:6]) for place in range(100)]
    assert cloud.limit == pytest.approx(np.percentile(inner, 95))
    assert cloud.ratios(np.array([[-10.0]]))[0] == pytest.approx(12.0 / cloud.limit)


def test_points_of_one_group_are_no_neighbours():
    pairs = np.repeat(10.0 * np.arange(20.0), 6)[:, None]
    groups = np.repeat(np.arange(20), 6)
    singly, grouped = Cloud.fit(pairs, range(120)), Cloud.fit(pairs, groups.tolist())
    assert singly.limit == pytest.approx(1e-6)
    assert grouped.limit == pytest.approx(10.0)


def test_a_distance_out_of_the_space_counts():
    cloud = Cloud.fit(np.random.default_rng(0).normal(size=(50, 2)), range(50))
    point = np.zeros((1, 2))
    assert cloud.ratios(point, np.array([100.0]))[0] > 9 / cloud.limit > cloud.ratios(point)[0]


@pytest.mark.parametrize('count', [1, 2, 4])
def test_few_points_still_have_finite_ratios(count):
    cloud = Cloud.fit(np.arange(float(count))[:, None], range(count))
    assert np.isfinite(cloud.ratios(np.array([[7.0]]))).all()


def test_known_rows_are_inside_and_foreign_ones_outside(model, rows):
    known = model.domain.scores(model, rows.composition, rows.structure)
    assert known.inside[model.split == 0].mean() > 0.8
    assert all((reason == '') == inside for reason, inside in zip(known.reasons, known.inside, strict=True))
    foreign = model.domain.scores(model, rows.composition[:4], 3.0 - rows.structure[:4])
    assert not foreign.inside.any()
    assert (foreign.ratios['distance_structure'] > 1).all()
    assert 'the structure is unlike those of the training' in foreign.reasons[0]
    np.testing.assert_allclose(foreign.ratios['distance_composition'], known.ratios['distance_composition'][:4])


def test_an_element_that_was_never_seen_is_named(model, rows):
    composition = rows.composition[:2].copy()
    composition[1, 0] = 1.0
    found = model.domain.scores(model, composition, rows.structure[:2])
    assert 'no training row holds Xe' in found.reasons[1]
    assert 'Xe' not in found.reasons[0]
    assert not found.inside[1]
    # The column never varied: it lies outside of every principal direction, and still counts.
    assert found.ratios['distance_composition'][1] > found.ratios['distance_composition'][0] + 0.1


def test_columns_without_elements_name_none(rows, changed):
    plain = changed(rows, columns={})
    model = train(plain, TrainConfig.from_parameters(OPTIONS))
    assert model.domain.elements is None
    assert model.domain.scores(model, rows.composition, rows.structure).inside.any()


def test_without_held_out_rows_there_are_no_limits_of_the_reconstruction(rows):
    split = {'train': 0.8, 'validation': 0.0, 'test': 0.2}
    model = train(rows, TrainConfig.from_parameters({**OPTIONS, 'split': split}))
    found = model.domain.scores(model, rows.composition, rows.structure)
    assert set(found.ratios) == {'distance_composition', 'distance_structure'}
    assert model.calibration.n_rows == 0
    interval = model.calibration.interval([1.0], 0.9, scale=model.scaling.energy)
    assert np.isinf(interval[1]).all()
    assert model.facts['uncertainty']['intervals']['constant']['0.9']['median_width_eV'] is None


def test_support_is_one_at_training_rows_and_zero_far_away(model, rows):
    learn = model.split == 0
    codes = model.encode(rows.composition[learn], rows.structure[learn])
    at_rows = model.domain.support(*codes)
    assert np.median(at_rows) == 1
    assert (at_rows > 0.5).mean() > 0.9
    assert model.domain.support([1e3], [0.0])[0] == 0


def test_places_of_rows_without_an_energy_are_not_known(rows, changed):
    energies = rows.migration_energy_eV.copy()
    far = rows.structure.copy()
    # A region of structures of its own, none of which has an energy.
    far[:30] = 30 + 5 * far[:30]
    energies[:30] = np.nan
    data = changed(rows, structure=far, migration_energy_eV=energies)
    model = train(data, TrainConfig.from_parameters(OPTIONS))
    codes = model.encode(data.composition, data.structure)
    support = model.domain.support(*codes)
    with_energy = (model.split == 0) & np.isfinite(energies)
    assert len(model.domain.codes.points) == with_energy.sum() < (model.split == 0).sum()
    assert support[:30].mean() < 0.5 < support[with_energy].mean()


def test_a_file_holds_the_whole_domain(model, rows, tmp_path):
    model.save(tmp_path / 'model.safetensors')
    again = load_model(tmp_path / 'model.safetensors')
    first = model.domain.scores(model, rows.composition, rows.structure)
    second = again.domain.scores(again, rows.composition, rows.structure)
    for name, ratio in first.ratios.items():
        np.testing.assert_allclose(second.ratios[name], ratio, rtol=1e-5, atol=1e-6)
    assert first.reasons == second.reasons
    assert again.calibration == model.calibration
    np.testing.assert_allclose(
        again.domain.local_error(again, rows.composition, rows.structure),
        model.domain.local_error(model, rows.composition, rows.structure),
        rtol=1e-5,
    )


def test_the_rows_that_are_held_can_be_given_back(model, rows):
    composition, structure = model.domain.known_rows(model)
    learn = model.split == 0
    assert composition.shape == rows.composition[learn].shape
    held = model.encode(composition, structure)
    for code, expected in zip(held, model.encode(rows.composition[learn], rows.structure[learn]), strict=True):
        assert np.corrcoef(code, expected)[0, 1] > 0.99


def test_local_errors_follow_the_errors_of_training_rows_nearby(model, rows):
    found = model.domain.local_error(model, rows.composition, rows.structure)
    known = model.domain.errors
    assert (found >= known.min()).all() and (found <= known.max()).all()


@pytest.mark.parametrize(
    'damage',
    [
        lambda tensors, header: tensors.pop('domain.place'),
        lambda tensors, header: tensors.update({'domain.structure': tensors['domain.structure'][:, :2]}),
        lambda tensors, header: tensors.update({'domain.errors': tensors['domain.errors'][:2]}),
        lambda tensors, header: tensors.update({'domain.place': tensors['domain.place'] + 10000}),
        lambda tensors, header: header.pop('limits'),
    ],
)
def test_a_damaged_domain_is_refused(model, damage):
    tensors, header = model.domain.tensors(), json.loads(json.dumps(model.domain.header()))
    Domain.from_tensors(tensors, header, model.bases)
    damage(tensors, header)
    with pytest.raises((ValueError, KeyError)):
        Domain.from_tensors(tensors, header, model.bases)


def test_what_is_said_of_intervals_is_measured_on_test_rows(model, rows):
    facts = model.facts['uncertainty']
    low, high = model.calibration.interval(
        model.predict_rows(rows.composition, rows.structure), 0.9, scale=model.scaling.energy
    )
    test = model.split == 2
    inside = (low <= rows.migration_energy_eV) & (rows.migration_energy_eV <= high)
    assert facts['intervals']['constant']['0.9']['coverage'] == pytest.approx(inside[test].mean())
    assert facts['n_calibration_rows'] == (model.split == 1).sum()
    assert set(facts['inside']) == {'train', 'validation', 'test'}
