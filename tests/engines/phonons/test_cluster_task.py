"""The task ``cluster_phonons`` from files to results."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_limap.common.status import Status
from aiida_limap.engines.run import run_job
from aiida_limap.formats.arrays import write_arrays
from aiida_limap.formats.job import Job, write_job
from aiida_limap.formats.results import read_results

QUICK = {'resamples': 4, 'gap_references': 2, 'largest_k': 4, 'restarts': 2}


@pytest.fixture
def compounds():
    """Return features of 40 compounds: a soft group, a hard one, and one without phonons."""
    rng = np.random.default_rng(2)
    centres = np.concatenate([rng.normal(6, 0.5, 15), rng.normal(12, 0.5, 24), [np.nan]])
    return {
        'ids': np.array([f'c{number}' for number in range(40)]),
        'band_centre_THz': centres,
        'band_centres_THz': centres[:, None] - np.linspace(3, 0, 5),
    }


@pytest.fixture
def results(tmp_path, compounds):
    """Return a function that runs a job and reads its results."""

    def run(parameters, labels=None, diffusivities=None, code=0, **changes):
        inputs = {'features': 'features.npz'}
        write_arrays(tmp_path / 'features.npz', {**compounds, **changes})
        for role, arrays in (('labels', labels), ('diffusivities', diffusivities)):
            if arrays is not None:
                inputs[role] = f'{role}.npz'
                write_arrays(tmp_path / f'{role}.npz', arrays)
        write_job(tmp_path / 'job.json', Job('cluster_phonons', {**QUICK, **parameters}, inputs))
        assert run_job('cluster_phonons', tmp_path / 'job.json') == code
        return read_results(tmp_path)

    return run


@pytest.fixture
def labels():
    return {'ids': np.array(['c0', 'c1', 'c2', 'c3', 'c20', 'c99']), 'conductor': np.array([1.0, 1, 1, 1, 0, 1])}


@pytest.fixture
def diffusivities(compounds):
    values = np.zeros((40, 2))
    values[:12, 1] = 1e-5 / np.arange(1, 13)
    values[30:, 1] = np.nan
    return {'ids': compounds['ids'], 'temperatures_K': np.array([300.0, 800.0]), 'diffusivity_cm2_per_s': values}


def test_every_compound_gets_its_clusters(results, labels, diffusivities):
    found = results({}, labels, diffusivities)
    assert found.complete
    assert [item.id for item in found.items] == [f'c{number}' for number in range(40)]
    last = found.items[-1]
    assert last.status is Status.FAILED
    assert last.message == "left out: 'band_centre_THz' is missing, 'band_centres_THz' is missing (5 of 5 values)"
    assert last.values['cluster_ward'] is None
    for method in ('ward', 'kmeans', 'spectral'):
        assert [item.values[f'cluster_{method}'] for item in found.items[:39]] == [0] * 15 + [1] * 24
    assert found.items[0].values['cluster_density'] in {-1, 0}
    assert found.items[0].values['silhouette_ward'] > 0.5
    listed = {item.id: item.values['candidate_rank'] for item in found.items if item.values['candidate']}
    assert set(listed) == {f'c{number}' for number in range(4, 15)}
    assert sorted(listed.values()) == list(range(1, 12))
    nearest = next(item for item in found.items if item.values['candidate_rank'] == 1)
    assert nearest.values['nearest_conductor'] in {'c0', 'c1', 'c2', 'c3'}
    assert (found.items[0].values['conductor'], found.items[20].values['conductor']) == (1.0, 0.0)
    assert found.items[5].values['conductor'] is None
    assert found.items[0].values['diffusivity_cm2_per_s'] == pytest.approx(1e-5)


def test_the_summary_tells_number_stability_and_enrichment(results, labels, diffusivities):
    summary = results({}, labels, diffusivities).summary
    ward = summary['methods']['ward']
    assert ward['choice']['chosen']['silhouette'] == ward['n_clusters'] == 2
    assert ward['sizes'] == [15, 24]
    assert ward['cophenetic_correlation'] > 0.8
    assert summary['methods']['kmeans']['cophenetic_correlation'] is None
    assert ward['stability']['n_resamples'] == 4
    assert ward['stability']['rand_mean'] > 0.9
    by_conductivity = ward['enrichment']['conductors']
    assert by_conductivity['all'][0]['p_value'] == pytest.approx(0.0166, abs=1e-4)
    assert by_conductivity['labelled'][0]['size'] == 4
    assert ward['enrichment']['diffusivities']['labelled'][0]['conductors'] == 12
    assert ward['diffusivity_difference']['p_value'] < 1e-3
    assert summary['agreement']['ward, kmeans'] == 1.0
    cold, warm = summary['correlations']
    assert (cold['temperature_K'], warm['temperature_K']) == (300, 800)
    assert 'the same in all' in cold['message']
    assert warm['rho'] < -0.4
    assert warm['n'] == 30
    assert summary['unmatched'] == {'conductors': 1, 'diffusivities': 0}
    assert (summary['n_clustered'], summary['n_left_out'], summary['n_candidates']) == (39, 1, 11)
    assert summary['scale'] == 'blocks'


def test_arrays_hold_tree_and_choice(results):
    arrays = results({'methods': ['kmeans', 'ward'], 'resamples': 0}).arrays
    assert arrays['clustered_ids'].tolist() == [f'c{number}' for number in range(39)]
    assert arrays['linkage'].shape == (38, 4)
    assert sorted(arrays['linkage_leaves'].tolist()) == list(range(39))
    assert arrays['plane'].shape == (39, 2)
    assert arrays['choice_ward_k'].tolist() == [1, 2, 3, 4]
    assert np.isfinite(arrays['choice_kmeans_gap']).all()


def test_the_same_job_gives_the_same_numbers(results, labels, diffusivities, tmp_path):
    results({}, labels, diffusivities)
    first = json.loads((tmp_path / 'results.json').read_text())
    results({}, labels, diffusivities)
    assert json.loads((tmp_path / 'results.json').read_text()) == first


def test_diffusivities_name_candidates_where_nothing_else_does(results, diffusivities):
    found = results({'methods': ['ward'], 'resamples': 0}, None, diffusivities)
    # All twelve conductors are soft; of the three others of that cluster none moves, and is known not to.
    assert found.summary['n_candidates'] == 0
    diffusivities['diffusivity_cm2_per_s'][12:15] = np.nan
    found = results({'methods': ['ward'], 'resamples': 0}, None, diffusivities)
    assert {item.id for item in found.items if item.values['candidate']} == {'c12', 'c13', 'c14'}


def test_nothing_is_enriched_where_no_conductor_is_known(results, labels):
    found = results({'resamples': 0}, {'ids': np.array(['c20']), 'conductor': np.array([0.0])})
    assert found.summary['methods']['ward']['enrichment'] == {'conductors': {'all': [], 'labelled': []}}
    assert found.summary['n_candidates'] == 0


@pytest.mark.parametrize(
    ('parameters', 'changes', 'words'),
    [
        ({'clusters': 3}, {}, "unknown parameter 'clusters'; known are alpha, background"),
        ({'method': 'ward'}, {}, "unknown parameter 'method'"),
        ({'methods': ['ward', 'dbscan']}, {}, 'methods is a list of some of ward, kmeans, spectral, density'),
        ({'methods': 'ward'}, {}, 'methods is a list'),
        ({'candidates_by': 'eye'}, {}, 'candidates_by'),
        ({'alpha': 2}, {}, 'alpha must be a number from 0 to 1'),
        ({'features': ['mass']}, {}, "there is no array 'mass'; there are band_centre_THz, band_centres_THz"),
        ({'n_clusters': 50}, {}, '50 clusters cannot be made of 39 different rows'),
        ({}, {'formula': np.array(['LiF'] * 40)}, "the feature 'formula' must be one number"),
        ({}, {'ids': np.array(['c'] * 40)}, "the id 'c' stands there twice"),
        ({}, {'ids': np.array(['c', 'd'])}, '2 ids, but features have 40 rows'),
        ({'order_by': 'band_centre_THz', 'resamples': -1}, {}, 'resamples'),
    ],
)
def test_wrong_jobs_end_with_a_sentence(results, parameters, changes, words):
    found = results(parameters, code=2, **changes)
    assert found.error is not None
    assert words in found.error


def test_wrong_files_end_with_a_sentence(results, labels, diffusivities):
    assert "labels.npz: the array 'conductor' is missing" in results({}, {'ids': labels['ids']}, code=2).error
    assert "'ids' is missing" in results({}, {'conductor': labels['conductor']}, code=2).error
    assert 'none of' not in results({'resamples': 0}, labels).summary
    words = results({'diffusivity_temperature_K': 500}, None, diffusivities, code=2).error
    assert words == 'cluster_phonons: no diffusivities at 500 K; there are those at 300, 800 K'
    labels['conductor'][0] = 7
    assert 'known conductors are 1' in results({}, labels, code=2).error


def test_clusters_are_numbered_by_another_array(results):
    rising = -np.arange(40.0)
    found = results({'order_by': 'number', 'methods': ['ward'], 'resamples': 0}, number=rising)
    assert found.items[0].values['cluster_ward'] == 1
    assert found.summary['features'] == ['band_centre_THz', 'band_centres_THz']


@pytest.mark.parametrize('rows', [4, 5, 7])
def test_a_handful_of_compounds_is_enough(results, rows):
    values = np.concatenate([np.linspace(5, 5.3, rows // 2), np.linspace(11, 11.4, rows - rows // 2)])
    few = {'ids': np.array([f'c{row}' for row in range(rows)]), 'band_centre_THz': values}
    found = results({'features': ['band_centre_THz'], 'resamples': 10}, band_centres_THz=np.ones(rows), **few)
    assert found.complete
    for method in ('ward', 'kmeans', 'spectral'):
        assert [item.values[f'cluster_{method}'] for item in found.items] == [int(value > 6) for value in values]


def test_too_few_compounds_are_told(results, compounds):
    few = {name: array[[0, 1, 39]] for name, array in compounds.items()}
    words = results({}, code=2, **few).error
    assert words.startswith('2 of 3 rows have all features; 4 are the least; the first that lacks one: row 2')
