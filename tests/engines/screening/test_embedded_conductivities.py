"""The embedded conductivities: each number and DOI stands so in a collection, and they are enough to learn from."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml
from pymatgen.core import Composition
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from aiida_limap.engines.screening import _embedded
from aiida_limap.engines.screening.labels import (
    composition_key,
    embedded_conductivities,
    embedded_structures,
    load_conductors,
    merge_duplicates,
)
from aiida_limap.engines.screening.sendek import sendek_feature_matrix

pytestmark = pytest.mark.filterwarnings('ignore:Set OLD_ERROR_HANDLING to false:DeprecationWarning')

ROWS = yaml.safe_load(_embedded._TABLE.read_text(encoding='utf-8'))
ZERO_CELSIUS_K = 273.15


@pytest.fixture(scope='module')
def labelled():
    return embedded_conductivities()


def test_there_are_enough_compounds_fast_and_slow_with_and_without_structure(labelled):
    assert len(labelled) >= 60
    with_structure = labelled.with_structures(ordered=True)
    assert len(with_structure) >= 40
    assert with_structure.n_fast >= 11
    # The share of fast ones is about that of the forty compounds of Cubuk et al. (11 of 40).
    assert 0.2 < labelled.n_fast / len(labelled) < 0.35
    assert 0.2 < with_structure.n_fast / len(with_structure) < 0.35
    assert all(row.citation.startswith('10.') for row in labelled)
    assert all(row.match_note for row in with_structure)


def test_no_compound_stands_in_the_table_twice(labelled):
    assert merge_duplicates(labelled, 'refuse') == labelled.rows


def test_each_structure_is_that_of_its_row(labelled):
    entries = embedded_structures()
    assert set(entries) == {row.id for row in labelled if row.structure is not None}
    for row in labelled.with_structures():
        assert composition_key(row.structure.composition) == composition_key(row.pymatgen_composition)
        assert entries[row.id].structure == row.structure
        assert entries[row.id].id.startswith(('limap-proto-', 'limap-conductor-'))
        assert row.match in {'formula, structure type and space group', 'formula and structure type'}


def test_a_structure_in_another_space_group_says_why(labelled):
    for row in labelled.with_structures():
        if row.match == 'formula and structure type':
            assert 'ordered choice' in row.match_note or 'names no phase' in row.match_note


def test_the_table_can_be_had_without_building_structures(labelled):
    bare = embedded_conductivities(structures=False)
    assert bare.ids == labelled.ids
    assert not len(bare.with_structures())


def test_a_linear_model_of_the_five_features_learns_from_it(labelled):
    chosen = labelled.with_structures(ordered=True)
    features, labels = sendek_feature_matrix(chosen.structures), chosen.labels
    model = make_pipeline(StandardScaler(), SVC(kernel='linear', C=10.0))
    predicted = cross_val_predict(model, features, labels, cv=LeaveOneOut())
    # Calling all of them slow is right for three quarters.
    assert np.mean(predicted == labels) > 0.85
    assert np.mean(predicted[labels == 1] == 1) > 0.6


def read(path: Path, key: str) -> dict[str, dict[str, str]]:
    with path.open(encoding='utf-8-sig', newline='') as lines:
        return {row[key]: row for row in csv.DictReader(lines)}


@pytest.fixture(scope='module')
def collections(shared_data: Path) -> dict[str, dict[str, dict[str, str]]]:
    return {
        'OBELiX': read(shared_data / 'obelix_train.csv', 'ID'),
        'Liverpool': read(shared_data / 'liverpool_LiIonDatabase.csv', 'ID'),
    }


@pytest.mark.parametrize('row', ROWS, ids=[row['id'] for row in ROWS])
def test_value_doi_and_compound_stand_in_the_collection(row, collections):
    name, _, identifier = row['confirmed_by'].partition(' ')
    published = collections[name][identifier]
    columns = {
        'OBELiX': ('Reduced Composition', 'Ionic conductivity (S cm-1)', 'DOI'),
        'Liverpool': ('composition', 'target', 'source'),
    }
    composition, conductivity, doi = (published[column] for column in columns[name])
    assert row['doi'].lower() == doi.lower()
    assert composition_key(Composition(row['formula'])) == composition_key(Composition(composition))
    given = str(row['conductivity'])
    assert given.startswith('<') == conductivity.startswith('<')
    assert float(given.lstrip('<')) == pytest.approx(float(conductivity.lstrip('<')), rel=1e-5)
    if name == 'Liverpool':
        assert row['temperature_K'] == pytest.approx(float(published['temperature']) + ZERO_CELSIUS_K, abs=0.01)
        assert 15 <= float(published['temperature']) <= 35
        assert 'space_group' not in row
    else:
        assert row['space_group'] == int(published['Space group #'])


def test_the_notes_on_other_values_hold(collections):
    obelix, liverpool = collections['OBELiX'], collections['Liverpool']
    assert (obelix['nhq']['DOI'], float(obelix['nhq']['Ionic conductivity (S cm-1)'])) == ('10.1021/ja3110895', 8.93e-7)
    assert obelix['nhq']['Space group'] == 'Pnma'
    assert (liverpool['673']['source'], float(liverpool['673']['target'])) == ('10.1021/ja407393y', 4e-3)


def test_help_and_documents_tell_the_right_numbers(labelled):
    import aiida_limap
    from aiida_limap.cli.importing_conductivities import embedded

    page = (Path(aiida_limap.__file__).parents[1] / 'docs' / 'howto' / 'labelled_sets.md').read_text(encoding='utf-8')
    chosen = labelled.with_structures()
    assert f'{len(labelled)} compounds of the literature, {len(chosen)} of them with a crystal' in (embedded.help or '')
    assert f'{len(labelled)} compounds of the literature that come with the package, {len(chosen)} of them' in page
    assert f'{len(labelled)} compounds ({labelled.n_fast} fast, {len(labelled) - labelled.n_fast} slow' in page
    assert f'{chosen.n_fast} of the {len(chosen)} compounds with a crystal are fast' in page
    assert f'and {len(load_conductors())} others that stand beside it' in page
    assert f'({len(chosen)},) numbers' in page
