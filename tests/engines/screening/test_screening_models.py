from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.linear_fits import fit_sigmoid
from aiida_limap.engines.screening.models import (
    SENDEK_2017,
    ElementModel,
    Sendek2017,
    StructureModel,
    TransferModel,
    load_model,
)
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.weights import read_weights, write_weights

LABELS = ('mean a', 'std a', 'mean b', 'std b', 'mean c')


def problem(n: int = 120, noise: float = 0.5, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rows on scales that differ by thousands, and labels that the first two columns decide up to noise."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n, 5)) * [1.0, 1000.0, 0.01, 5.0, 1.0] + [3.0, 500.0, 0.0, 0.0, 1.0]
    score = (rows[:, 0] - 3.0) - (rows[:, 1] - 500.0) / 1000.0 - 0.4 + noise * generator.normal(size=n)
    return rows, (score > 0).astype(np.int64)


def test_scores_are_those_of_scikit_learn_on_standardised_rows():
    rows, labels = problem()
    reference = make_pipeline(StandardScaler(), SVC(kernel='linear', C=0.5, class_weight='balanced', tol=1e-4))
    reference.fit(rows, labels)
    model = StructureModel(C=0.5, class_weight='balanced').fit(rows, labels)
    assert model.decision_function(rows) == pytest.approx(reference.decision_function(rows), abs=1e-6)
    assert model.predict(rows).tolist() == reference.predict(rows).tolist()
    assert model.linear.features == ('LLB', 'SBI', 'AFC', 'LASD', 'LLSD')
    assert model.linear.score(rows) == pytest.approx(model.decision_function(rows), abs=0)


@pytest.mark.parametrize('loss', ['hinge', 'squared_hinge', 'log'])
def test_every_loss_finds_the_two_columns_that_count(loss):
    rows, labels = problem(400, noise=0.1)
    model = StructureModel(loss=loss).fit(rows, labels)
    assert (model.predict(rows) == labels).mean() > 0.93
    strength = np.abs(model.linear.weights) * rows.std(axis=0)
    assert set(np.argsort(strength)[-2:].tolist()) == {0, 1}


def test_probabilities_are_calibrated_on_new_rows():
    rows, labels = problem(2000, noise=1.0)
    model = StructureModel(loss='squared_hinge', class_weight='balanced').fit(rows, labels)
    new, truth = problem(4000, noise=1.0, seed=1)
    probability = model.predict_proba(new)
    assert probability.sum(axis=1) == pytest.approx(1.0)
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (probability[:, 1] >= low) & (probability[:, 1] < low + 0.2)
        assert inside.sum() > 100
        assert truth[inside].mean() == pytest.approx(probability[inside, 1].mean(), abs=0.06)


def test_the_sigmoid_never_falls():
    labels = np.array([0, 1] * 20)
    slope, offset = fit_sigmoid(-1.0 * labels + np.linspace(0, 0.1, 40), labels)
    assert slope == 0
    # Without use of the score what is left is the share of fast rows.
    assert 1 / (1 + np.exp(offset)) == pytest.approx(0.5, abs=0.01)


def test_balanced_weights_find_more_of_the_rare_class():
    rows, labels = problem(300, noise=1.0)
    rare = (labels == 0) | (np.arange(300) % 8 == 0)
    rows, labels = rows[rare], labels[rare]
    plain, balanced = (StructureModel(class_weight=weight).fit(rows, labels) for weight in (None, 'balanced'))
    assert balanced.predict(rows).sum() > plain.predict(rows).sum()


def test_units_do_not_matter():
    rows, labels = problem()
    factors = np.array([10.0, 1e-3, 7.0, 1.0, 100.0])
    one, two = StructureModel().fit(rows, labels), StructureModel().fit(rows * factors, labels)
    assert two.decision_function(rows * factors) == pytest.approx(one.decision_function(rows), abs=1e-3)


def test_a_subset_reads_the_columns_of_its_training_only():
    rows, labels = problem()
    model = ElementModel(subset=('std a', 'mean a')).fit(rows, labels, features=LABELS)
    assert model.linear.features == ('std a', 'mean a')
    assert model.decision_function(rows) == pytest.approx(model.linear.score(rows[:, [1, 0]]), abs=1e-12)
    changed = rows.copy()
    changed[:, 2:] += 100.0
    assert np.array_equal(model.decision_function(changed), model.decision_function(rows))
    with pytest.raises(InputError, match='mean d'):
        ElementModel(subset=('mean d',)).fit(rows, labels, features=LABELS)


def test_the_preset_is_marked_and_its_formula_is_that_of_the_notes():
    preset = Sendek2017()
    assert not preset.verified
    row = [[2.0, 0.5, 8.0, 2.4, 3.0]]
    t = 0.184 * 2.0 - 4.009 * 0.5 - 0.467 * 8.0 + 8.699 * 2.4 - 2.170 * 3.0 - 6.564
    assert preset.decision_function(row) == pytest.approx([t])
    assert preset.predict_proba(row)[0, 1] == pytest.approx(1 / (1 + np.exp(-t)))
    assert clone(preset).fit(*problem(20)).linear is SENDEK_2017
    with pytest.raises(InputError, match='range is not known'):
        preset.applicability(row)
    rows, labels = problem()
    refitted = Sendek2017.refit(rows, labels)
    assert refitted.verified and refitted.loss == 'log'
    assert (refitted.predict(rows) == labels).mean() > 0.8


def test_rows_far_from_the_training_are_told_with_a_reason():
    rows, labels = problem()
    model = StructureModel().fit(rows, labels, groups=[f'g{place // 2}' for place in range(len(rows))])
    known = model.applicability(problem(400, seed=2)[0])
    assert known.inside.mean() > 0.75
    far = rows[:1] + np.array([[0.0, 0.0, 5.0, 0.0, 0.0]])
    found = model.applicability(far)
    assert not found.inside[0] and found.ratios[0] > 1
    assert 'AFC out of the range' in found.reasons[0] and 'SBI' not in found.reasons[0]


def test_labels_of_a_teacher_are_learnt_and_polymorphs_kept():
    structure, labels = problem(400, noise=0.2)
    teacher = StructureModel().fit(structure, labels)
    # Each composition comes twice, once with the structure of another row: some twins differ in their label.
    composition = np.repeat(structure[::2], 2, axis=0)
    student = TransferModel().fit_from(teacher, structure, composition, features=LABELS)
    assert student.teacher_ == {'kind': 'screening-sml', 'data_hash': teacher.data_hash_, 'verified': True}
    with pytest.raises(InputError, match='equal features but different labels'):
        TransferModel(contradictions='refuse').fit(composition, teacher.predict(structure))
    settled = TransferModel(contradictions='majority').fit(composition, teacher.predict(structure))
    assert settled.n_rows_ == 400


@pytest.mark.parametrize(
    'model',
    [
        StructureModel(C=0.3, class_weight='balanced', seed=3),
        ElementModel(subset=('mean a', 'std a'), C=2.0),
        TransferModel(C=0.1),
        Sendek2017(),
    ],
)
def test_a_file_gives_back_the_same_model(model, tmp_path):
    rows, labels = problem()
    model.fit(rows, labels, features=None if isinstance(model, Sendek2017) else LABELS)
    model.save(tmp_path / 'model.safetensors')
    back = load_model(tmp_path / 'model.safetensors')
    assert type(back) is type(model)
    assert back.get_params() == model.get_params()
    assert np.array_equal(back.decision_function(rows), model.decision_function(rows))
    assert np.array_equal(back.predict_proba(rows), model.predict_proba(rows))
    assert (back.features_, back.data_hash_, back.n_rows_) == (model.features_, model.data_hash_, model.n_rows_)
    if not isinstance(model, Sendek2017):
        assert np.array_equal(back.applicability(rows).ratios, model.applicability(rows).ratios)
    back.save(tmp_path / 'again.safetensors')
    assert (tmp_path / 'again.safetensors').read_bytes() == (tmp_path / 'model.safetensors').read_bytes()


def test_a_file_of_another_model_is_refused(tmp_path):
    path = tmp_path / 'model.safetensors'
    rows, labels = problem(40)
    StructureModel().fit(rows, labels).save(path)
    tensors, header = read_weights(path)
    write_weights(path, tensors, {**header, 'kind': 'two_branch_autoencoder'})
    with pytest.raises(FormatError, match='two_branch_autoencoder'):
        load_model(path)
    write_weights(path, {**tensors, 'weights': tensors['weights'][:2]}, header)
    with pytest.raises(FormatError, match='do not fit'):
        load_model(path)
    with pytest.raises(FormatError, match='no such file'):
        load_model(tmp_path / 'missing.safetensors')


def _bad(kind: str) -> tuple[NDArray[np.float64], NDArray]:
    rows, labels = problem(30)
    values: NDArray = labels.astype(float)
    if kind == 'one class':
        values[:] = 0
    elif kind == 'nan label':
        values[3] = np.nan
    elif kind == 'nan feature':
        rows[4, 1] = np.nan
    elif kind == 'other label':
        values[2] = 2
    elif kind == 'twins':
        rows[7] = rows[5]
        values[[5, 7]] = [0, 1]
    elif kind == 'lengths':
        values = values[:-1]
    return rows, values


@pytest.mark.parametrize(
    ('kind', 'words'),
    [
        ('one class', 'all 30 labels are not fast'),
        ('nan label', '1 labels are NaN'),
        ('nan feature', 'row 4, column 1'),
        ('other label', 'not 2'),
        ('twins', 'rows 5 and 7'),
        ('lengths', 'as many labels'),
    ],
)
def test_bad_training_data_is_refused_with_a_sentence(kind, words):
    with pytest.raises(InputError, match=words):
        StructureModel().fit(*_bad(kind))


def test_other_mistakes_are_refused_with_a_sentence():
    rows, labels = problem(30)
    with pytest.raises(InputError, match='5 columns, but there are 2 labels'):
        StructureModel().fit(rows, labels, features=('a', 'b'))
    with pytest.raises(InputError, match='unknown loss'):
        StructureModel(loss='hing').fit(rows, labels)
    with pytest.raises(InputError, match='class_weight'):
        StructureModel(class_weight='even').fit(rows, labels)
    with pytest.raises(InputError, match='C must be above zero'):
        StructureModel(C=0.0).fit(rows, labels)
    with pytest.raises(InputError, match='contradictions'):
        StructureModel(contradictions='drop').fit(rows, labels)
    model = StructureModel().fit(rows, labels)
    with pytest.raises(InputError, match='3 columns'):
        model.predict(rows[:, :3])
    single = np.array([1] + [0] * 29)
    with pytest.raises(InputError, match='not calibrated'):
        StructureModel().fit(rows, single).predict_proba(rows)
