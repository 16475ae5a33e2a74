from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneGroupOut, LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.nested import nested_selection, permuted_searches
from aiida_limap.engines.screening.selection import SearchOptions, _unrank, count_subsets, search_subsets

LABELS = tuple(f'column {place}' for place in range(6))


def problem(n: int = 30, p: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n, p)) * 10.0 ** np.arange(-2, p - 2) + 1.0
    noise = 0.7 * generator.normal(size=n)
    score = (rows[:, 0] - 1.0) * 100 + (rows[:, 1] - 1.0) * 10 + noise
    return rows, (score > 0.8).astype(np.int64)


@pytest.mark.parametrize('class_weight', [None, 'balanced'])
def test_every_subset_is_judged_as_scikit_learn_would(class_weight):
    rows, labels = problem()
    options = SearchOptions(max_size=3, class_weight=class_weight, keep=20)
    found = search_subsets(rows, labels, LABELS, options)
    assert {size: len(items) for size, items in found.by_size.items()} == {1: 6, 2: 15, 3: 20}
    machine = make_pipeline(StandardScaler(), SVC(kernel='linear', class_weight=class_weight, tol=1e-5))
    judged = 0
    for item in itertools.chain(*found.by_size.values()):
        if not {'column 0', 'column 1'} & set(item.features):
            # Columns that say nothing: multipliers may all be on their bounds, and the intercept not determined.
            continue
        judged += 1
        columns = [LABELS.index(label) for label in item.features]
        score = cross_val_predict(machine, rows[:, columns], labels, cv=LeaveOneOut(), method='decision_function')
        assert item.errors == ((score > 0) != labels).sum(), item.features
        assert item.accuracy == pytest.approx(((score > 0) == labels).mean())
        assert item.hinge_loss == pytest.approx(np.maximum(0, 1 - (2 * labels - 1) * score).mean(), abs=5e-3)
    assert judged > 20
    assert found.n_unfinished == 0


def test_leaving_subsets_early_changes_nothing():
    rows, labels = problem(24, 12, seed=3)
    names = tuple(f'f{place}' for place in range(12))
    whole = search_subsets(rows, labels, names, SearchOptions(min_size=4, max_size=4, keep=495))
    short = search_subsets(rows, labels, names, SearchOptions(min_size=4, max_size=4, keep=3))
    assert [item.features for item in short.by_size[4]] == [item.features for item in whole.by_size[4][:3]]
    assert short.n_ties == whole.n_ties == {4: sum(item.errors == whole.best.errors for item in whole.by_size[4])}
    assert short.n_fits < whole.n_fits == 495 * 24


def test_threads_change_nothing(monkeypatch):
    rows, labels = problem(24, 12, seed=3)
    names = tuple(f'f{place}' for place in range(12))
    found = []
    for threads in ('1', '2'):
        monkeypatch.setenv('OMP_NUM_THREADS', threads)
        found.append(search_subsets(rows, labels, names, SearchOptions(max_size=4, keep=5)).by_size)
    assert found[0] == found[1]


def test_groups_are_left_out_whole():
    rows, labels = problem(40)
    groups = np.repeat(np.arange(20), 2)
    found = search_subsets(rows, labels, LABELS, SearchOptions(max_size=1), groups.tolist())
    machine = make_pipeline(StandardScaler(), SVC(kernel='linear', tol=1e-5))
    for item in found.by_size[1]:
        column = rows[:, [LABELS.index(item.features[0])]]
        predicted = cross_val_predict(machine, column, labels, groups=groups, cv=LeaveOneGroupOut())
        assert item.errors == (predicted != labels).sum()


def test_ranks_count_the_subsets_in_lexicographic_order():
    expected = list(itertools.combinations(range(7), 3))
    assert [tuple(_unrank(rank, 7, 3)) for rank in range(math.comb(7, 3))] == expected
    assert count_subsets(36, SearchOptions(max_size=7)) == 10_739_175


def test_the_search_finds_the_columns_that_decide_and_reports_progress():
    rows, labels = problem(60)
    calls: list[tuple[int, int]] = []
    found = search_subsets(
        rows, labels, LABELS, SearchOptions(max_size=2), progress=lambda done, total: calls.append((done, total))
    )
    assert found.best.features == ('column 0', 'column 1')
    assert calls[-1] == (21, 21)
    assert found.as_dict()['best'][1]['features'] == ('column 0', 'column 1')


def test_what_the_search_promises_of_noise_is_not_kept_by_nested_folds():
    generator = np.random.default_rng(1)
    rows, labels = generator.normal(size=(30, 12)), np.array([0, 1] * 15)
    names = tuple(f'f{place}' for place in range(12))
    options = SearchOptions(max_size=3)
    nested = nested_selection(rows, labels, names, options, n_folds=5)
    promised = search_subsets(rows, labels, names, options).best.accuracy
    assert promised > 0.7 and nested.promised > 0.7
    assert nested.scores(labels)['accuracy'] < 0.65
    assert len(nested.chosen) == 5 and sum(nested.counts().values()) == sum(
        len(item.features) for item in nested.chosen
    )
    shuffled = permuted_searches(rows, labels, names, options, draws=3)
    assert shuffled.shape == (3,) and shuffled.min() > 0.6
    assert np.array_equal(shuffled, permuted_searches(rows, labels, names, options, draws=3))


def test_nested_folds_keep_what_is_there():
    rows, labels = problem(60)
    nested = nested_selection(rows, labels, LABELS, SearchOptions(max_size=2, n_folds=4), n_folds=5)
    assert nested.scores(labels)['accuracy'] > 0.75
    assert nested.counts()['column 0'] == 5


def test_impossible_searches_are_refused():
    rows, labels = problem()
    with pytest.raises(InputError, match='subsets of 7 columns among 6'):
        search_subsets(rows, labels, LABELS, SearchOptions(max_size=7))
    with pytest.raises(InputError, match='do not exist'):
        SearchOptions(min_size=3, max_size=2)
    with pytest.raises(InputError, match='C must be above zero'):
        SearchOptions(C=0)
    with pytest.raises(InputError, match='balanced'):
        SearchOptions(class_weight='even')
    single = np.array([1] + [0] * 29)
    with pytest.raises(InputError, match='one class'):
        search_subsets(rows, single, LABELS, SearchOptions(max_size=1))
    with pytest.raises(InputError, match='shuffles'):
        permuted_searches(rows, labels, LABELS, draws=0)
