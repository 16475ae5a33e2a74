"""``verdi data limap table`` and ``aiida-limap layouts``."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable

import pytest
from aiida import orm
from click.testing import CliRunner, Result
from plugins_aiida import PARTS, make_descriptors, make_energies

from aiida_limap.cli.verdi_data import data_limap


@pytest.fixture
def verdi(tmp_path, monkeypatch, aiida_profile) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(data_limap, ['table', *(str(argument) for argument in arguments)])


def test_columns_of_a_table_are_printed_with_unit_and_meaning(verdi):
    table = make_descriptors(['a', 'b'], landscape=True).store()
    document = json.loads(verdi('columns', table.pk, '--json').stdout)
    assert [entry['part'] for entry in document] == [
        *(['columns'] * 2),
        *(['composition'] * 4),
        *(['structure'] * 3),
        *(['landscape'] * 2),
    ]
    assert document[-1] == {
        'part': 'landscape',
        'block': 'second',
        'name': 'e',
        'unit': 'eV',
        'meaning': 'another energy',
    }
    lines = verdi('columns', table.pk, '--block', 'structure').stdout.splitlines()
    assert lines[0].split() == ['in', 'block', 'column', 'unit', 'meaning']
    assert [line.split()[2] for line in lines[1:]] == PARTS['structure']['labels']
    assert lines[3].endswith('degree  an angle')
    rows = [line.split('\t') for line in verdi('columns', table.pk, '-b', 'composition', '--raw').stdout.splitlines()]
    assert [row[3] for row in rows] == PARTS['composition']['units']
    energies = make_energies(['a'], [0.5]).store()
    assert 'barrier_2d_eV' in verdi('columns', energies.pk).stdout


def test_a_table_becomes_a_file(verdi, tmp_path):
    table = make_descriptors(['a', 'b'], missing=(1,), landscape=True).store()
    done = verdi('export', table.pk, '--output', 'out/table.csv')
    assert done.exit_code == 0, done.output
    with (tmp_path / 'out' / 'table.csv').open(newline='') as stream:
        rows = list(csv.DictReader(stream))
    assert [row['id'] for row in rows] == ['a', 'b']
    # The column e stands in two parts.
    assert (rows[0]['structure.e'], rows[0]['landscape.e'], rows[0]['f']) == ('1.0', '2.0', '1.0')
    assert (rows[1]['status'], rows[1]['f']) == ('failed', '')
    assert verdi('export', table.pk, '-b', 'landscape', '-o', 'landscape.csv').exit_code == 0
    done = verdi('export', table.pk, '-o', f'{"a" * 300}.csv')
    assert isinstance(done.exception, SystemExit)
    assert 'cannot be written: File name too long' in done.stderr
    assert (tmp_path / 'landscape.csv').read_text().splitlines()[0] == 'id,status,formula,h,e'


def test_what_is_no_table_is_named(verdi):
    table = make_descriptors(['a']).store()
    for arguments, words in (
        (('columns', 99999999), 'there is no node 99999999'),
        (('columns', orm.Int(1).store().pk), 'is a Int, not a table; `verdi data limap list --kind table`'),
        (
            ('columns', table.pk, '--block', 'landscape'),
            f"table {table.pk} has no block 'landscape'; it has composition",
        ),
        (('export', table.pk, '--block', 'colour', '-o', 'x.csv'), "no block 'colour'"),
    ):
        done = verdi(*arguments)
        assert done.exit_code == 1
        assert words in ' '.join(done.stderr.split())


def test_layouts_speak_of_the_program_that_prints_them(run, fails):
    assert 'yamaguchi2023' in run('layouts', 'list').stdout
    for arguments in (('layouts',), ('layouts', 'list'), ('layouts', 'columns')):
        text = run(*arguments, '--help').stdout
        assert 'aiida-limap layouts' in text
        assert 'limap-engine' not in text
    assert "layout 'nothing': neither a file nor one of" in fails('layouts', 'columns', 'nothing')
