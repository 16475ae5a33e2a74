"""``limap-engine descriptors`` and ``limap-engine layouts``, for people."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from pymatgen.core import Structure

from aiida_limap.common.status import Status
from aiida_limap.engines.command_line import main
from aiida_limap.engines.descriptors import layout_names, load_layout, structure_descriptors
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import Job, write_job
from aiida_limap.formats.results import read_results
from aiida_limap.formats.structures import StructureRecord, write_structures


@pytest.fixture
def cif(tmp_path) -> Path:
    from pymatgen.core import Lattice, Structure

    file = tmp_path / 'Li2O.cif'
    crystal = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.62), ['Li', 'O'], [[0.25, 0.25, 0.25], [0, 0, 0]])
    crystal.to(str(file), fmt='cif')
    return file


def write_descriptors_job(folder: Path) -> Path:
    cell = 2.31 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    species = ({'Li': 1.0}, {'Li': 1.0}, {'O': 1.0})
    record = StructureRecord('a', cell, species, [[0.25] * 3, [0.75] * 3, [0, 0, 0]])
    write_structures(folder / 'structures.json', [record])
    write_job(folder / 'job.json', Job('descriptors', {'layout': 'compact'}, {'structures': 'structures.json'}))
    return folder / 'job.json'


def test_a_job_of_descriptors_is_run_as_a_job(tmp_path):
    done = CliRunner().invoke(main, ['descriptors', str(write_descriptors_job(tmp_path))])
    assert done.exit_code == 0, done.output
    results = read_results(tmp_path)
    assert (results.task, results.complete, results.items[0].status) == ('descriptors', True, Status.OK)


def test_people_get_descriptors_in_a_file_and_bad_files_cost_a_row(cif, tmp_path):
    (tmp_path / 'broken.cif').write_text('data_\nloop_')
    files = [str(cif), str(tmp_path / 'broken.cif'), str(tmp_path / 'nowhere.cif')]
    table, arrays = tmp_path / 'table.csv', tmp_path / 'table.npz'
    done = CliRunner().invoke(main, ['descriptors', *files, '--layout', 'compact', '--output', str(table)])
    assert done.exit_code == 0, done.output
    for words in (
        'Li2O.cif',
        'broken.cif cannot be read',
        'there is no file',
        'columns: composition 294, structure 306',
    ):
        assert words in ' '.join(done.stdout.split())
    with table.open(newline='') as stream:
        rows = list(csv.DictReader(stream))
    assert [row['status'] for row in rows] == ['ok', 'failed', 'failed']
    layout = load_layout('compact')
    names = layout.labels('composition') + layout.labels('structure')
    assert list(rows[0]) == ['file', 'status', 'message', 'formula', *names]
    expected = structure_descriptors([Structure.from_file(cif)], 'compact')[0]
    assert [float(rows[0][name]) for name in layout.labels('structure')] == expected.tolist()
    assert {rows[1][name] for name in names} == {''}
    done = CliRunner().invoke(
        main, ['descriptors', *files, '--layout', 'compact', '--part', 'structure', '--output', str(arrays), '--json']
    )
    document = json.loads(done.stdout)
    assert (document['layout'], document['columns']) == ('compact', {'structure': layout.labels('structure')})
    assert document['rows'][0]['structure'] == expected.tolist()
    assert document['rows'][0]['formula'] == 'Li2O'
    assert document['rows'][1]['structure'] is None
    found = read_arrays(arrays)
    assert 'composition' not in found
    assert found['structure'][0].tolist() == expected.tolist()
    assert np.isnan(found['structure'][1:]).all()
    assert found['structure_labels'].tolist() == layout.labels('structure')
    assert found['ids'].tolist() == files
    assert load_layout(json.loads(str(found['layout']))).checksum == layout.checksum


def own_layout(folder: Path, **changes) -> Path:
    """Write a layout with a landscape part, whose column has the name of one of the structure part."""
    document = load_layout('compact').as_dict()
    block = {'kind': 'voronoi', 'minimum_faces': 3, 'maximum_faces': 20, 'small_face_ratio': 0.02, 'sigma': 1.0}
    path = folder / 'mine.yaml'
    path.write_text(yaml.safe_dump({**document, 'name': 'mine', 'landscape': [block], **changes}))
    return path


def test_the_landscape_part_is_computed_on_request(cif, tmp_path):
    layout = str(own_layout(tmp_path))
    table = tmp_path / 'table.csv'
    arguments = ['descriptors', str(cif), '--layout', layout, '--output', str(table)]
    for options, starts in (
        ([], {'voronoi_Li_3'}),
        (['--landscape'], {'structure.voronoi_Li_3', 'landscape.voronoi_Li_3'}),
        (['--part', 'landscape'], {'voronoi_Li_3'}),
    ):
        done = CliRunner().invoke(main, [*arguments, *options])
        assert done.exit_code == 0, done.output
        head = table.read_text().splitlines()[0].split(',')
        assert {name for name in head if name.endswith('voronoi_Li_3')} == starts
    assert head[4:] == load_layout(layout).labels('landscape')


def test_layouts_are_listed_shown_and_checked(tmp_path):
    def run(*arguments: object):
        done = CliRunner().invoke(main, ['layouts', *(str(argument) for argument in arguments)])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert run('list', '--raw').split() == layout_names()
    facts = {entry['name']: entry for entry in json.loads(run('list', '--json'))}
    assert facts['yamaguchi2023']['columns'] == {'composition': 1782, 'structure': 858, 'landscape': 0}
    assert facts['yamaguchi2023']['reconstruction'] is True
    (line,) = (line for line in run('list').splitlines() if line.startswith('yamaguchi2023'))
    assert line.split()[1:4] == ['1782', '858', '0']
    (tmp_path / 'copy.yaml').write_text(run('show', 'compact'))
    assert load_layout(tmp_path / 'copy.yaml').checksum == load_layout('compact').checksum
    assert '# ' in run('show', 'compact')
    document = json.loads(run('show', 'compact', '--json'))
    assert document['checksum'] == load_layout('compact').checksum
    mine = own_layout(tmp_path)
    assert run('check', mine).startswith(f"{mine}: the layout 'mine' is fine; columns: composition 294, structure 306,")
    assert run('show', mine) == mine.read_text()


def test_columns_are_printed_with_unit_and_meaning():
    def run(*arguments: str):
        done = CliRunner().invoke(main, ['layouts', 'columns', 'yamaguchi2023', *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    columns = load_layout('yamaguchi2023').columns()
    document = json.loads(run('--json'))
    assert len(document) == 1782 + 858
    assert document == [
        {key: getattr(column, key) for key in ('part', 'block', 'name', 'unit', 'meaning', 'scale')}
        for column in columns
    ]
    assert all(entry['meaning'] for entry in document)
    rows = [line.split('\t') for line in run('--part', 'structure', '--block', 'rdf', '--raw').splitlines()]
    assert len(rows) == 600
    assert {(row[0], row[1], row[3]) for row in rows} == {('structure', 'rdf', 'Å')}
    lines = run('--block', 'adf').splitlines()
    assert lines[0].split() == ['part', 'block', 'column', 'unit', 'meaning']
    assert len(lines) == 181
    assert 'degree' in lines[1]


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'classes': {'named': 3, 'rest': 'M'}}, "'named' must be a list of classes"),
        ({'classes': {'named': [{'name': 'Li', 'elements': 3}], 'rest': 'M'}}, 'elements are a list of symbols, not 3'),
        ({'structure': [{'kind': 'paint'}]}, "unknown kind of block 'paint'"),
        ({'structure': [{'kind': 'element_fractions', 'first': 1, 'last': 3}]}, "cannot stand in the part 'structure'"),
        ({'composition': []}, 'needs at least one block'),
        ({'colour': 'red'}, "unknown key 'colour'"),
    ],
)
def test_a_wrong_layout_gets_one_sentence(tmp_path, changes, words):
    done = CliRunner().invoke(main, ['layouts', 'check', str(own_layout(tmp_path, **changes))])
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith('Error: ')
    assert words in line


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'\xf1\x00\xff', 'layout mine.yaml: cannot be read as text'),
        (b'name: [', 'layout mine.yaml: not a YAML file'),
        (b'- name', 'expected keys with values, found list'),
        (b'3: 4\nname: x', 'unknown key 3'),
        (b'', 'expected keys with values, found NoneType'),
    ],
)
def test_what_is_no_mapping_is_no_layout(tmp_path, content, words):
    (tmp_path / 'mine.yaml').write_bytes(content)
    done = CliRunner().invoke(main, ['layouts', 'check', str(tmp_path / 'mine.yaml')])
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert words in done.stderr


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['descriptors', 'nowhere.cif'], 'there is no file'),
        (['descriptors', 'job.json'], 'there is no file job.json'),
        (['descriptors', 'x.cif', '--layout', 'nothing'], "layout 'nothing': neither a file nor one of"),
        (['descriptors', 'x.cif', '--landscape'], 'yamaguchi2023 has no landscape part'),
        (['descriptors', 'x.cif', '--output', 'table.txt'], 'the ending must be .csv or .npz'),
        (['descriptors', 'x.cif', '--output', 'nowhere/table.csv'], 'there is no folder nowhere'),
        (['layouts', 'show', 'nothing'], "layout 'nothing': neither a file nor one of"),
        (['layouts', 'check', 'nowhere.yaml'], 'does not exist'),
        (['layouts', 'columns', 'compact', '--block', 'paint'], "there is no block 'paint' in compact; there are: "),
        (['layouts', 'columns', 'compact', '--part', 'landscape', '--block', 'rdf'], 'there are: none'),
    ],
)
def test_mistakes_are_named(arguments, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code != 0
    assert words in ' '.join(done.output.split())
    assert 'Traceback' not in done.output
