"""The jobs of a screening as the engine runs them: a training, a screen that is stopped and goes on, and bad input."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from aiida_limap.common.screening import HIT_COLUMNS
from aiida_limap.engines.command_line import main
from aiida_limap.engines.run import run_job
from aiida_limap.engines.screening.models import StructureModel, TransferModel, load_model
from aiida_limap.engines.screening.reductions import composition_features, feature_labels
from aiida_limap.formats._files import write_json
from aiida_limap.formats.arrays import write_arrays
from aiida_limap.formats.job import Job, write_job
from aiida_limap.formats.results import ResultsWriter, read_results
from aiida_limap.formats.screen_job import HIT, HIT_BLOCK, PREDICTION

FORMULAS = (
    'Li3PS4', 'Li2S', 'Li4GeS4', 'Li4SiS4', 'Li7PS6', 'Li3P', 'Li6PS5Cl', 'LiCl',
    'Li2O', 'Li4SiO4', 'Li3PO4', 'Li2SiO3', 'Li4GeO4', 'Li2SO4', 'LiPO3', 'Li2GeO3',
)  # fmt: skip
ELEMENTS = ['Li', 'O', 'S', 'P', 'Cl']
FIVE = ('LLB', 'SBI', 'AFC', 'LASD', 'LLSD')
OPTIONS = {'elements': ELEMENTS, 'step_percent': 10, 'anion_classes': [], 'block_systems': 4, 'threads': 1}


def is_fast(formula: str) -> int:
    """Return 1 for compounds without oxygen: what the models of these tests are to learn."""
    return int('O' not in formula)


def write_training(folder: Path, labels: np.ndarray, **parameters: Any) -> Path:
    """Write a training whose structure features tell the classes apart, two polymorphs of each formula."""
    formulas = np.array([formula for formula in FORMULAS for _copy in range(2)])
    truth = np.array([is_fast(formula) for formula in formulas])
    generator = np.random.default_rng(0)
    structure = generator.normal(size=(len(formulas), 6))
    structure[:, 3] += 4 * truth
    structure[:, 5] = np.nan
    ids = np.array([f'id-{row}' for row in range(len(formulas))])
    composition = composition_features(list(formulas))
    write_arrays(folder / 'labels.npz', {'ids': ids[: labels.size], 'label': labels})
    arrays = {'ids': ids, 'formula': formulas, 'composition': composition, 'structure': structure}
    write_arrays(folder / 'features.npz', arrays)
    write_json(
        folder / 'columns.json',
        {'composition_labels': list(feature_labels()), 'structure_labels': [*FIVE, 'RBI']},
    )
    files = {'labels': 'labels.npz', 'features': 'features.npz', 'columns': 'columns.json'}
    write_job(folder / 'job.json', Job('screen_train', parameters, files))
    return folder / 'job.json'


LABELS = np.array([float(is_fast(formula)) for formula in FORMULAS for _copy in range(2)])


def test_a_training_passes_measured_labels_on_to_compositions(tmp_path):
    labels = np.where(np.arange(LABELS.size) % 3 == 0, np.nan, LABELS)
    quick = {'models': ['esml', 'eml', 'atom2vec'], 'max_subset': 1, 'repeats': 2, 'epochs': 3, 'starts': 2}
    assert run_job('screen_train', write_training(tmp_path, labels, **quick)) == 0
    results = read_results(tmp_path)
    assert results.complete
    assert [item.id for item in results.items] == ['sml', 'eml', 'esml', 'atom2vec']
    arrays = {name.removeprefix(PREDICTION): array for name, array in results.arrays.items()}
    assert arrays['ids'].tolist() == [f'id-{row}' for row in range(LABELS.size)]
    assert np.array_equal(arrays['label'], labels, equal_nan=True)
    assert (arrays['fast_sml'] == LABELS).mean() > 0.9
    assert (arrays['fast_esml'] == arrays['fast_sml']).mean() > 0.9
    assert all((arrays[f'probability_{name}'] >= 0).all() for name in ('sml', 'eml', 'esml', 'atom2vec'))
    found = {(entry['model'], entry['data_set'], entry['validation']) for entry in results.summary['metrics']}
    assert found >= {
        ('sml', 'exp', 'leave-one-out'), ('eml', 'exp', 'leave-one-out'), ('esml', 'MP', 'hold-out'),
        ('atom2vec', 'MP', 'hold-out'), ('eml', 'MP', 'all'),
    }  # fmt: skip
    assert set(results.summary['contributions']) >= {'Li', 'O', 'S'}
    assert results.summary['subset_search']['rows'] == int(np.isfinite(labels).sum())
    assert (results.summary['n_structures'], results.summary['options']['epochs']) == (LABELS.size, 3)
    # The files give the same answers.
    model = load_model(tmp_path / 'models' / 'esml.safetensors')
    rows = composition_features([formula for formula in FORMULAS for _copy in range(2)])
    assert np.array_equal(model.predict(rows), arrays['fast_esml'])
    assert 'accuracy_MP_hold-out' in model.metrics_


@pytest.mark.parametrize(
    ('labels', 'parameters', 'words'),
    [
        (np.ones(32), {}, 'a classifier needs rows of both classes'),
        (np.full(32, np.nan), {}, 'no labelled structure has features'),
        (LABELS, {'models': ['best']}, "unknown model 'best'"),
        (LABELS, {'features': ['LLB', 'RBI']}, 'no structure has all of the features LLB, RBI'),
        (LABELS, {'features': ['XYZ']}, "there is no feature 'XYZ' of structures"),
        (LABELS, {'rule': 'sendek2017'}, "there is no feature 'SBIL' of structures"),
        (LABELS, {'colour': 'red'}, "unknown parameter 'colour'"),
        (LABELS, {'c': 0}, 'c must be a number above 0, not 0'),
    ],
)
def test_what_cannot_be_learnt_from_gets_a_sentence(tmp_path, labels, parameters, words):
    assert run_job('screen_train', write_training(tmp_path, labels, **parameters)) == 2
    assert words in read_results(tmp_path).error


def test_labels_that_contradict_each_other_are_refused(tmp_path):
    path = write_training(tmp_path, LABELS)
    write_arrays(tmp_path / 'labels.npz', {'ids': np.array(['id-1', 'id-1']), 'label': np.array([1.0, 0.0])})
    assert run_job('screen_train', path) == 2
    assert 'the labels of id-1 contradict each other' in read_results(tmp_path).error


@pytest.fixture(scope='module')
def model(tmp_path_factory) -> Path:
    """Return the file of a model that calls compositions without oxygen fast."""
    path = tmp_path_factory.mktemp('model') / 'esml.safetensors'
    rows, labels = composition_features(list(FORMULAS)), [is_fast(formula) for formula in FORMULAS]
    TransferModel().fit(rows, labels, features=feature_labels()).save(path)
    return path


def screen(folder: Path, model: Path, **parameters: Any) -> SimpleNamespace:
    folder.mkdir(exist_ok=True)
    (folder / 'model.safetensors').write_bytes(model.read_bytes())
    write_job(folder / 'job.json', Job('screen', {**OPTIONS, **parameters}, {'model': 'model.safetensors'}))
    status = run_job('screen', folder / 'job.json')
    results = read_results(folder)
    formulas = results.arrays[f'{HIT}formula'].tolist() if f'{HIT}formula' in results.arrays else []
    return SimpleNamespace(status=status, results=results, formulas=formulas, summary=results.summary)


def test_a_screen_that_is_stopped_and_goes_on_finds_the_same(tmp_path, model, monkeypatch):
    whole = screen(tmp_path / 'whole', model)
    assert whole.status == 0
    assert (whole.summary['first'], whole.summary['last'], whole.summary['n_systems_in_all']) == (0, 10, 10)
    assert [(item.values['first'], item.values['last']) for item in whole.results.items] == [(0, 4), (4, 8), (8, 10)]
    assert {name.removeprefix(HIT) for name in whole.results.arrays} - {HIT_BLOCK.removeprefix(HIT)} <= set(HIT_COLUMNS)
    assert len(whole.formulas) > 20
    add = ResultsWriter.add

    def add_until_walltime(writer: ResultsWriter, item: Any, rows: Any = None) -> None:
        add(writer, item, rows)
        if len(writer.items) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(ResultsWriter, 'add', add_until_walltime)
        stopped = screen(tmp_path / 'stopped', model)
    assert stopped.status == 143
    assert [item.values['last'] for item in stopped.results.items] == [4, 8]
    rest = screen(tmp_path / 'rest', model, first=8, last=10)
    assert sorted(stopped.formulas + rest.formulas) == sorted(whole.formulas)
    for stage in range(len(whole.results.items[0].values['counts'])):
        total = sum(item.values['counts'][stage][1] for item in whole.results.items)
        parts = [*stopped.results.items, *rest.results.items]
        assert total == sum(item.values['counts'][stage][1] for item in parts)


@pytest.fixture(scope='module')
def without_range(tmp_path_factory, model) -> Path:
    """Return the file of the same model as it was before models knew their training rows."""
    path = tmp_path_factory.mktemp('older') / 'esml.safetensors'
    older = load_model(model)
    older.applicability_ = None
    older.save(path)
    return path


def test_hits_say_how_far_they_are_from_the_training(tmp_path, model, without_range):
    inside = screen(tmp_path / 'inside', model)
    everything = screen(tmp_path / 'everything', model, applicability=False)
    counts = dict(inside.results.items[0].values['counts'])
    assert 0 < counts['inside'] < counts['anions']
    assert 'notes' not in inside.summary
    distances = dict(zip(everything.formulas, everything.results.arrays[f'{HIT}training_distance'], strict=True))
    within = everything.results.arrays[f'{HIT}inside']
    near = [formula for formula, found in zip(everything.formulas, within, strict=True) if found == 1]
    assert set(near) <= set(inside.formulas)
    rows = composition_features(everything.formulas)
    assert list(distances.values()) == pytest.approx(load_model(model).applicability(rows).ratios)
    assert np.array_equal(load_model(model).applicability(rows).inside, within == 1)
    older = screen(tmp_path / 'older', without_range)
    assert older.status == 0
    assert 'its range is not known' in older.summary['notes'][0]
    assert 'inside' not in dict(older.results.items[0].values['counts'])
    assert older.formulas == everything.formulas
    assert f'{HIT}inside' not in older.results.arrays


def test_parts_of_a_screen_are_the_whole(tmp_path, model):
    found = [screen(tmp_path / str(number), model, part=[number, 3]) for number in range(3)]
    assert [(entry.summary['first'], entry.summary['last']) for entry in found] == [(0, 3), (3, 6), (6, 10)]
    assert all(entry.status == 0 for entry in found)


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        ({'elements': ['Li', 'P', 'Xx']}, 'Xx, which no chemical element is called'),
        ({'elements': ['Li', 'Na', 'K', 'Mg']}, 'no composition can be neutral: none of Li, Na, K, Mg has a negative'),
        ({'anion_classes': ['fluoride']}, 'nothing can be left: fluoride are wanted'),
        ({'first': 5, 'last': 99}, 'there are no systems from 5 to 99; there are 10 in all'),
        ({'part': [3, 3]}, 'there is no part 3 of 3'),
        ({'part': [0, 2], 'first': 1}, 'not by both'),
        ({'step_percent': 3}, 'step_percent must divide 100'),
    ],
)
def test_what_cannot_be_screened_gets_a_sentence(tmp_path, model, parameters, words):
    found = screen(tmp_path, model, **parameters)
    assert found.status == 2
    assert words in found.results.error


def test_a_model_of_structures_cannot_be_asked_about_compositions(tmp_path):
    generator = np.random.default_rng(0)
    path = tmp_path / 'sml.safetensors'
    StructureModel().fit(generator.normal(size=(10, 5)), [0, 1] * 5).save(path)
    found = screen(tmp_path / 'job', path)
    assert found.status == 2
    assert 'which no composition tells' in found.results.error


def run(*arguments: object) -> Any:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_people_get_a_table_of_hits(tmp_path, model):
    limits = ('--elements', 'Li, P,S O', '--step', 10, '--no-limits')
    done = run('screen', model, *limits, '--output', tmp_path / 'hits.csv', '--limit', 3)
    assert done.exit_code == 0, done.output
    assert 'charge neutral' in done.stdout
    assert f'written to {tmp_path / "hits.csv"}' in done.stdout.replace('\n', '')
    rows = (tmp_path / 'hits.csv').read_text().splitlines()
    assert rows[0].startswith('formula,system,kind,score')
    document = json.loads(run('screen', model, *limits, '--json', '--limit', 2).stdout)
    assert len(document['hits']) == 2
    assert document['hits'][0]['formula'] == rows[1].split(',')[0]
    assert document['n_systems'] == 4
    assert document['hits'][0]['inside'] == 1 >= document['hits'][0]['training_distance'] > 0
    open_ended = json.loads(run('screen', model, *limits, '--json', '--limit', 2, '--no-applicability').stdout)
    assert 'inside' not in open_ended['counts']
    assert open_ended['counts']['anions'] == document['counts']['anions'] > document['counts']['inside']


def test_people_are_told_that_a_model_does_not_know_its_range(without_range):
    limits = ('--elements', 'Li,P,S', '--step', 10, '--no-limits')
    done = run('screen', without_range, *limits)
    assert done.exit_code == 0
    assert 'Warning: the model does not say what it learnt from' in done.stderr
    assert 'and within the range of the model' not in done.stdout
    assert 'Warning' not in run('screen', without_range, *limits, '--no-applicability').stderr


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (('--elements', 'Li,P'), 'too few for systems'),
        (('--elements', 'Li,P,S', '--anions', 'stone'), "anion_classes holds 'stone'"),
        (('--elements', 'Li,P,S', '--output', 'no/where.csv'), 'there is no folder no'),
    ],
)
def test_people_who_are_wrong_get_a_sentence(model, options, words):
    done = run('screen', model, *options)
    assert done.exit_code in {1, 2}
    assert isinstance(done.exception, SystemExit)
    assert words in done.stderr


def test_a_file_that_is_no_model_gets_a_sentence(tmp_path, model):
    (tmp_path / 'text.safetensors').write_text('no model')
    done = run('screen', tmp_path / 'text.safetensors')
    assert isinstance(done.exception, SystemExit)
    assert 'not a model file' in done.stderr
    done = run('screen', model, '--check', model, '--elements', 'Li,P,S')
    assert isinstance(done.exception, SystemExit)
    assert 'hits are checked by a model of atom2vec' in done.stderr
