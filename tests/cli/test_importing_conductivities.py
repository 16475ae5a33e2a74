"""``aiida-limap import conductivities``."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest
from aiida import orm

pytestmark = pytest.mark.filterwarnings('ignore:Set OLD_ERROR_HANDLING to false:DeprecationWarning')

OBELIX = """\
ID,Reduced Composition,Ionic conductivity (S cm-1),Space group #,DOI
aa1,LiO,3e-4,225,10.1/one
bb2,Li2O,<1E-10,225,10.1/two
cc3,LiO,a lot,225,10.1/three
"""


@pytest.fixture
def name() -> str:
    return f'labels {uuid4().hex}'


@pytest.fixture
def obelix(cif, tmp_path) -> Path:
    """Return a table beside a folder with the crystal of one of its rows."""
    cif.rename(cif.parent / 'aa1.cif')
    path = tmp_path / 'train.csv'
    path.write_text(OBELIX)
    return path


def test_a_collection_is_imported_and_what_was_left_out_is_named(run, obelix, name):
    done = run('import', 'conductivities', 'obelix', obelix, '--cifs', obelix.parent / 'crystals', '--name', name)
    assert '2 compounds (1 fast, 1 slow, 1 rows left out) in table' in done.stdout
    assert '1 have a structure: 1 by cif of the publisher' in done.stdout
    assert f'group limap/{name}' in done.stdout
    assert "left out obelix:cc3: 'a lot' is no conductivity." in done.stderr


def test_the_report_as_json_stands_alone_on_standard_output(run, obelix, name, tmp_path):
    done = run('import', 'conductivities', 'obelix', obelix, '--name', name, '--json', '--report', 'report.md')
    document = json.loads(done.stdout)
    assert (document['n_rows'], document['n_with_structure'], document['structures']) == (2, 0, None)
    assert document['left_out'] == [{'id': 'obelix:cc3', 'reason': "'a lot' is no conductivity."}]
    assert orm.load_node(document['table_uuid']).ids == ['obelix:aa1', 'obelix:bb2']
    assert (tmp_path / 'report.md').is_file()


def test_files_of_the_other_collections_and_ones_own(run, tmp_path, name):
    (tmp_path / 'liverpool.csv').write_text('ID,composition,source,temperature,target\n1,Li2O,10.1/a,25,1e-5\n')
    (tmp_path / 'laskowski.csv').write_text('Structure,σ(RT)(S cm-1)\nLi2O,1e−3\n')
    (tmp_path / 'mine.csv').write_text('formula,label,citation\nLi2O,fast,10.1/a\n')
    for kind, file, fast in (
        ('liverpool', 'liverpool.csv', 0),
        ('laskowski', 'laskowski.csv', 1),
        ('csv', 'mine.csv', 1),
    ):
        done = run('import', 'conductivities', kind, file, '--name', f'{name} {kind}', '--json')
        document = json.loads(done.stdout)
        assert (document['n_rows'], document['n_fast']) == (1, fast)


def test_the_embedded_set_is_imported(run, name):
    done = run('import', 'conductivities', 'embedded', '--name', name, '--json')
    document = json.loads(done.stdout)
    assert document['n_rows'] >= 60
    assert document['n_with_structure'] == document['structures']['n_structures'] >= 40
    table = orm.load_node(document['table_uuid'])
    assert sum(table.column('label')) == document['n_fast']


def test_what_cannot_be_imported_is_refused_in_one_sentence(fails, obelix, tmp_path):
    assert 'There is no file' in fails('import', 'conductivities', 'obelix', 'nowhere.csv')
    assert "has no column 'Structure'" in fails('import', 'conductivities', 'laskowski', obelix)
    assert 'There is no file or folder' in fails('import', 'conductivities', 'obelix', obelix, '--cifs', 'nowhere')
    assert 'must end in' in fails('import', 'conductivities', 'obelix', obelix, '--report', 'report.txt')
    assert 'there is no dataset' in fails('import', 'conductivities', 'obelix', obelix, '--match', 'nothing')
    (tmp_path / 'glass.csv').write_text('Structure,σ(RT)(S cm-1)\nglass,1\n')
    assert 'no row could be taken' in fails('import', 'conductivities', 'laskowski', 'glass.csv')
