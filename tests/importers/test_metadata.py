"""Tables that say where structure files came from."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest

from aiida_limap.importers._metadata import read_metadata, source_of
from aiida_limap.importers.base import ImporterError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_known_columns_become_the_source_and_others_its_extras(tmp_path):
    text = (
        'ID,db_name,License,DOI,version,conductivity,note,ICSD\n'
        'a,My set,CC0,https://doi.org/10.1/x,3,1.5e-4,,007\n'
        '\n'
        'b,,,,,2,"one, two",7\n'
    )
    metadata = read_metadata(write(tmp_path / 'table.csv', text))
    row = metadata.row(PurePosixPath('deep/a.cif'), 'a')
    assert source_of(row) == {
        'id': 'a', 'db_name': 'My set', 'license': 'CC0', 'version': '3', 'uri': 'https://doi.org/10.1/x',
        'extras': {'doi': '10.1/x', 'conductivity': 1.5e-4, 'ICSD': '007'},
    }  # fmt: skip
    assert metadata.unused() == ['b']
    assert source_of(metadata.row(PurePosixPath('b.cif'), 'b')) == {
        'id': 'b', 'extras': {'conductivity': 2, 'note': 'one, two', 'ICSD': 7}
    }  # fmt: skip
    assert metadata.unused() == []
    assert metadata.row(PurePosixPath('c.cif'), 'c') is None


def test_a_column_of_files_tells_ids_apart_from_names(tmp_path):
    table = write(tmp_path / 'table.tsv', 'file\tid\turi\tdoi\nx/one.cif\tmp-1\thttp://a/1\t10.1/y\ntwo\tmp-2\t\t\n')
    metadata = read_metadata(table)
    one = source_of(metadata.row(PurePosixPath('x/one.cif'), 'one'))
    assert (one['id'], one['uri']) == ('mp-1', 'http://a/1')
    assert metadata.row(PurePosixPath('two.cif'), 'two')['id'] == 'mp-2'
    assert metadata.row(PurePosixPath('y/one.cif'), 'one') is None


@pytest.mark.parametrize(
    'document', [[{'id': 'a', 'licence': 'MIT', 'n': [1, 2]}], {'a': {'licence': 'MIT', 'n': [1, 2]}}]
)
def test_json_is_a_list_of_rows_or_rows_by_id(tmp_path, document):
    metadata = read_metadata(write(tmp_path / 'table.json', json.dumps(document)))
    assert source_of(metadata.row(PurePosixPath('a.cif'), 'a')) == {
        'id': 'a',
        'license': 'MIT',
        'extras': {'n': [1, 2]},
    }


@pytest.mark.parametrize(
    ('name', 'text', 'reason'),
    [
        ('table.csv', 'name,doi\na,b\n', "row 1 has no value in a column 'id'"),
        ('table.csv', 'id,doi\na,b\n,c\n', "row 2 has no value in a column 'id'"),
        ('table.csv', 'id\na\na\n', "'a' stands in two rows"),
        ('table.csv', 'id\na,b\n', 'row 1 has 2 values for 1 columns'),
        ('table.csv', 'id,doi\n', 'holds no rows below its header'),
        ('table.csv', 'id\n"a\n', 'cannot be read'),
        ('table.json', '{', 'is no valid JSON'),
        ('table.json', '[1]', 'must be a list of objects'),
        ('table.json', '3', 'must be a list of objects'),
        ('table.txt', 'id\na\n', r'must end in \.csv, \.tsv or \.json'),
    ],
)
def test_a_bad_table_is_refused_with_the_row(tmp_path, name, text, reason):
    with pytest.raises(ImporterError, match=reason):
        read_metadata(write(tmp_path / name, text))


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ImporterError, match=r'nowhere\.csv cannot be read'):
        read_metadata(tmp_path / 'nowhere.csv')
    (tmp_path / 'binary.csv').write_bytes(b'\xff\xfe\x00\x81')
    with pytest.raises(ImporterError, match='cannot be read'):
        read_metadata(tmp_path / 'binary.csv')
