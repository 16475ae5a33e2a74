"""Tables of diffusivities: read as people write them, matched to structures, and refused row by row."""

from __future__ import annotations

import itertools
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.calculations._phonon_tables import check_diffusivities, diffusivity_rows
from aiida_limap.data.table import TableData
from aiida_limap.importers._diffusivity_file import read_diffusivities
from aiida_limap.importers.base import Candidate, ImporterError, store_dataset, structure_md5
from aiida_limap.importers.diffusivities import import_diffusivities

EDGES = itertools.count(4.0, 0.001)
WIDE = 'id,formula,citation,500,800K\na,LiF,10.1/a,0,1e-6\nb,Li2O,,,2e-5\n'


def write(folder: Path, text: str, name: str = 'mine.csv') -> Path:
    path = folder / name
    path.write_text(text, encoding='utf-8')
    return path


@pytest.fixture
def dataset(aiida_profile) -> tuple[str, dict[str, str]]:
    """Return the name of a dataset with LiF, Li2O and two polymorphs of LiCl, and UUIDs by id."""
    name = f'compounds-{uuid4().hex}'
    candidates = []
    for identifier, species in (
        ('mp-1', ['Li', 'F']),
        ('mp-2', ['Li', 'Li', 'O']),
        ('mp-3', ['Li', 'Cl']),
        ('mp-4', ['Li', 'Cl']),
    ):
        places = [[place / len(species)] * 3 for place in range(len(species))]
        crystal = Structure(Lattice.cubic(next(EDGES)), species, places)
        source = {'db_name': 'made for tests', 'id': identifier, 'source_md5': structure_md5(crystal)}
        candidates.append(Candidate(crystal, source, identifier))
    made = store_dataset(candidates, name=name, chosen_by={'importer': 'tests'}).dataset
    return name, dict(zip(made.source_ids, made.structure_uuids, strict=True))


@pytest.mark.parametrize(
    'text',
    [
        '\ufeff' + WIDE,
        WIDE.replace(',', '\t'),
        WIDE.replace(',', ';'),
        WIDE.replace(',', ';').replace('1e-6', '1,0e-6'),
    ],
)
def test_tables_of_spreadsheets_are_read_as_they_are(tmp_path, text):
    assert read_diffusivities(write(tmp_path, text)).rows == read_diffusivities(write(tmp_path, WIDE, 'plain.csv')).rows


def test_both_ways_to_write_a_table_say_the_same(tmp_path):
    wide = read_diffusivities(write(tmp_path, WIDE))
    long = read_diffusivities(
        write(
            tmp_path,
            'Formula,material_id,citation,temperature_K,diffusivity_m2_per_s\n'
            'LiF,a,10.1/a,500,0\nLi2O,b,,800,2e-9\nLiF,a,10.1/a,800,1e-10\n',
        )
    )
    assert wide.temperatures_K == long.temperatures_K == (500.0, 800.0)
    assert [row.values for row in wide.rows] == [{500.0: 0.0, 800.0: 1e-6}, {800.0: 2e-5}]
    for one, other in zip(wide.rows, long.rows, strict=True):
        assert (one.id, one.formula, one.citation) == (other.id, other.formula, other.citation)
        assert one.values == pytest.approx(other.values)
    assert (wide.unit, wide.unit_is_told, long.unit, long.unit_is_told) == ('cm2/s', False, 'm2/s', True)
    assert read_diffusivities(write(tmp_path, WIDE.replace('1e-6', '1e-10')), 'm2/s').rows[0].values[800.0] == 1e-6


def test_a_bad_row_is_left_out_with_its_reason(tmp_path):
    told = read_diffusivities(
        write(
            tmp_path,
            'id,800,900\ngood,1e-6,nan\n\nword,fast,\nminus,-1e-6,\nhuge,12,\nendless,inf,\nempty,,\ngood,2e-6,\n,1e-6,\n'
            'short,1e-6\n',
        )
    )
    assert [(row.id, row.values) for row in told.rows] == [('good', {800.0: 1e-6})]
    reasons = {entry.name: entry.reason for entry in told.refused}
    assert reasons == {
        'word': "its diffusivity at 800 K, 'fast', is no number",
        'minus': 'its diffusivity at 800 K, -1e-6, is negative',
        'huge': 'its diffusivity at 800 K, 12, is more than 1 cm²/s: is the unit right?',
        'endless': 'its diffusivity at 800 K is infinite',
        'good': 'it stands in the file twice; the first row was taken',
        'line 10': 'it has neither an id nor a formula',
        'short': 'it has 2 fields, but there are 3 columns',
        'empty': 'it has no diffusivity at any temperature',
    }


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        ('', 'at least one more are needed'),
        ('id,800\n', 'at least one more are needed'),
        (
            'id,fav,800\na,1,2\n',
            "the column 'fav' is neither a temperature nor known; leave it out. Known are id",
        ),
        ('id,formula\na,LiF\n', 'which numbers are diffusivities cannot be told'),
        ('id,temperature_K\na,800\n', 'which numbers are diffusivities cannot be told'),
        ('id,temperature_K,diffusivity_cm2_per_s,800\na,800,1,1\n', 'which numbers are diffusivities cannot be told'),
        ('800,900\n1,2\n', 'no column says which compound a row is; add id or formula'),
        (',material_id,800\na,b,0\n', "the columns '' and 'material_id' both tell the id; leave one"),
        ('id,800,800K\na,0,0\n', 'a temperature has two columns'),
        ('id,800\na,x\n', "no row can be taken; the first one, a: its diffusivity at 800 K, 'x', is no number"),
        ('id,800\na,"1,234"\n', "its diffusivity at 800 K, '1,234', is no number"),
        ('id,temperature_K,diffusivity_cm2_per_s\na,hot,0\n', "its temperature, 'hot', is no number"),
        ('id,temperature_K,diffusivity_cm2_per_s\na,-3,0\n', "'-3' is no temperature in K"),
        ('id,"800\na,0\n', 'is no table of text with commas'),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, text, sentence):
    with pytest.raises(ImporterError) as caught:
        read_diffusivities(write(tmp_path, text))
    assert sentence in str(caught.value)


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(ImporterError, match='cannot be read: No such file'):
        read_diffusivities(tmp_path / 'nothing.csv')
    (tmp_path / 'binary.csv').write_bytes(b'\xff\xfe\x00\x81')
    with pytest.raises(ImporterError, match='is no table of text'):
        read_diffusivities(tmp_path / 'binary.csv')
    long = 'id,temperature_K,diffusivity_m2_per_s\na,800,0\n'
    with pytest.raises(ImporterError, match='its numbers are in m2/s by the name of their column, not in cm2/s'):
        read_diffusivities(write(tmp_path, long), 'cm2/s')


def test_rows_keep_their_ids_and_find_their_compounds_later(aiida_profile, tmp_path):
    text = WIDE + 'c,LiI,,1e-7,\n,LiH,,1e-7,\n'
    report = import_diffusivities(write(tmp_path, text), citation='10.1/file')
    table = report.table
    assert table.is_stored
    assert (table.label, table.ids) == ('mine', ['a', 'b', 'c'])
    assert check_diffusivities(table) is None
    assert table.column('citation').tolist() == ['10.1/a', '10.1/file', '10.1/file']
    assert table.metadata['citations'] == ['10.1/a', '10.1/file']
    assert table.metadata['task'] == 'diffusivities'
    assert [(entry.name, entry.reason) for entry in report.refused] == [
        ('LiH', 'it has a formula only; name the dataset whose structures it belongs to (--match)')
    ]
    assert 'the file names no unit; its numbers were taken as cm²/s' in report.summary()
    phonons = TableData.from_arrays(['u1', 'u2'], {'source_id': ['b', 'x']})
    arrays = diffusivity_rows(phonons, table)
    assert arrays['ids'].tolist() == ['u1']
    assert np.array_equal(arrays['diffusivity_cm2_per_s'], [[np.nan, 2e-5]], equal_nan=True)
    assert arrays['temperatures_K'].tolist() == [500.0, 800.0]
    # Importing the same again stores nothing.
    assert import_diffusivities(write(tmp_path, text), citation='10.1/file').table.pk == table.pk


def test_rows_are_matched_by_uuid_id_and_formula_and_say_how(dataset, tmp_path):
    name, uuids = dataset
    text = (
        'id,formula,800\n'
        f'{uuids["mp-1"]},,1e-6\n'
        'mp-3,LiCl,2e-6\n'
        'mine,Li4O2,3e-6\n'
        'other,LiCl,4e-6\n'
        'far,NaCl,5e-6\n'
        'odd,Li(F,6e-6\n'
        'nothing,,7e-6\n'
        'again,LiF,8e-6\n'
    )
    report = import_diffusivities(write(tmp_path, text), match_with=name, unit='cm2/s')
    table = report.table
    assert table.ids == [uuids['mp-1'], uuids['mp-3'], uuids['mp-2']]
    assert table.column('match').tolist() == ['uuid', 'id', 'formula']
    assert table.column('formula').tolist() == ['LiF', 'LiCl', 'Li4O2']
    assert table.column('structure_uuid').tolist() == table.ids
    assert table.block('diffusivity_cm2_per_s')[:, 0].tolist() == [1e-6, 2e-6, 3e-6]
    assert {entry.name: entry.reason for entry in report.refused} == {
        'other': f'2 structures of {name} have its formula (mp-3, mp-4); name one of them as its id',
        'far': f'no structure of {name} has its id or formula',
        'odd': "'Li(F' is no formula",
        'nothing': f'no structure of {name} has its id',
        'again': f'its structure belongs to the row {uuids["mp-1"]} already',
    }
    assert '3 belong to structures of' in report.summary()
    assert '1 by uuid, 1 by id, 1 by formula' in report.summary()
    report.write(tmp_path / 'report.md')
    assert 'far: no structure of' in (tmp_path / 'report.md').read_text()


def test_a_dataset_that_is_not_there_is_told(aiida_profile, tmp_path):
    with pytest.raises(ImporterError, match="there is no dataset 'nowhere'"):
        import_diffusivities(write(tmp_path, WIDE), match_with='nowhere')
    with pytest.raises(ImporterError, match="the unit 'A2/ps' is none of cm2/s, m2/s"):
        import_diffusivities(write(tmp_path, WIDE), unit='A2/ps')


def test_a_dataset_without_any_of_the_compounds_is_told(dataset, tmp_path):
    with pytest.raises(ImporterError, match='no row can be taken; the first one, x: no structure of'):
        import_diffusivities(write(tmp_path, 'id,800\nx,0\n'), match_with=dataset[0])


def test_the_published_table_is_read_as_it_comes(shared_data):
    told = read_diffusivities(shared_data / 'phonon' / 'data_kasper_full.csv')
    assert (len(told.rows), len(told.refused)) == (809, 0)
    assert told.temperatures_K == tuple(range(200, 2301, 100))
    assert not told.unit_is_told
    values = {row.id: row.values for row in told.rows}
    assert values['mp-10182'][700.0] == 2.151e-05
    # The table of features beside it has columns that look like temperatures and are none.
    with pytest.raises(ImporterError, match="the columns '' and 'material_id' both tell the id"):
        read_diffusivities(shared_data / 'phonon' / 'data_labelled_kasper.csv')
