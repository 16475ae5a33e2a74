"""``aiida-limap import``, the group of all commands, and ``verdi data limap``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import click
import pytest
from aiida import orm
from click.testing import CliRunner

from aiida_limap import __version__
from aiida_limap.cli import main


def test_a_folder_is_imported_and_what_was_left_out_is_named(run, cif):
    (cif.parent / 'broken.cif').write_text('data_\nloop_\n_atom_site')
    name = f'oxides {uuid4().hex}'
    done = run('import', 'files', cif.parent, '--name', name)
    assert '1 structures (1 new, 0 already known, 1 left out)' in done.stdout
    assert done.stdout.rstrip().endswith(f'group limap/{name}')
    assert 'broken.cif: it does not parse as a structure' in done.stderr.replace('\n', ' ')
    again = run('import', 'files', cif.parent, '--name', name)
    assert '1 structures (0 new, 1 already known, 1 left out)' in again.stdout


def test_the_report_of_an_import_as_json_stands_alone_on_standard_output(run, cif):
    done = run('import', 'files', cif, '--ids-of', 'materials-project', '--json')
    document = json.loads(done.stdout)
    # The name is that of the file unless another is given.
    assert document['group'] == 'limap/mp-1'
    assert (document['n_structures'], document['refused']) == (1, [])
    dataset = orm.load_node(document['dataset_uuid'])
    assert (dataset.pk, dataset.name, dataset.source_ids) == (document['dataset_pk'], 'mp-1', ['mp-1'])
    assert orm.load_node(dataset.structure_uuids[0]).source['db_name'] == 'Materials Project'


def test_the_name_of_a_dataset_is_that_of_the_first_folder(run, cif):
    assert json.loads(run('import', 'files', 'crystals', '--json').stdout)['group'] == 'limap/crystals'


def test_the_library_is_imported_in_part(run, library):
    name = f'part {uuid4().hex}'
    document = json.loads(run('import', 'prototypes', '--limit', '3', '--name', name, '--json').stdout)
    assert (document['n_structures'], document['group']) == (3, f'limap/{name}')
    dataset = orm.load_node(document['dataset_uuid'])
    assert dataset.source_ids == [library[index].id for index in (0, 4, 8)]
    again = json.loads(run('import', 'prototypes', '--limit', '3', '--name', name, '--json').stdout)
    assert (again['n_new'], again['n_known'], again['dataset_pk']) == (0, 3, document['dataset_pk'])


def test_an_import_that_cannot_be_is_refused_in_one_sentence(fails, cif, tmp_path):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'broken.cif').write_text('data_\nloop_\n_atom_site')
    assert 'no structure file in empty' in fails('import', 'files', 'empty')
    assert 'there is no file or folder nowhere' in fails('import', 'files', 'nowhere')
    assert 'broken.cif: it does not parse' in fails('import', 'files', 'broken.cif')
    fails('import', 'files')
    fails('import', 'files', cif, '--ids-of', 'my-own')
    fails('import', 'prototypes', '--limit', '0')
    assert 'unknown' in fails('--profile', 'unknown', 'map', 'list')


def test_an_archive_with_a_table_is_imported_and_the_report_is_written(run, cif, tmp_path):
    shutil.make_archive(str(tmp_path / 'set'), 'gztar', cif.parent)
    (tmp_path / 'table.csv').write_text(f'id,db_name,license,doi\nmp-1,{uuid4().hex},CC0,10.1/x\nmp-2,,CC0,\n')
    done = run('import', 'files', 'set.tar.gz', '--metadata', 'table.csv', '--report', 'report.md', '--order')
    # The name is that of the archive without its endings.
    assert 'group limap/set' in done.stdout
    assert 'licences: CC0 (1)' in done.stdout
    assert 'left out mp-2: there is no file for this row of table.csv' in done.stderr
    assert 'the report is in report.md' in done.stderr
    text = (tmp_path / 'report.md').read_text()
    assert text.startswith('# Import of set\n')
    assert '- 10.1/x' in text
    assert 'mp-2: there is no file for this row' in text
    document = json.loads(
        run('import', 'files', 'set.tar.gz', '--metadata', 'table.csv', '--report', 'report.json', '--json').stdout
    )
    assert json.loads((tmp_path / 'report.json').read_text()) == document
    assert (document['n_known'], document['group']) == (1, 'limap/set')
    # Another choice makes another dataset, and the group follows it.
    assert any('it held dataset' in note['reason'] for note in document['notes'])


def test_disordered_structures_are_named_and_ordered_on_request(run, cif):
    from pymatgen.core import Lattice, Structure

    cif.unlink()
    sites = [[0, 0, 0], [0.5, 0.5, 0.5]]
    Structure(Lattice.cubic(3.3), [{'Li': 0.5, 'Na': 0.5}, 'Cl'], sites).to(str(cif.parent / 'mixed.cif'))
    name = f'mixed {uuid4().hex}'
    done = run('import', 'files', cif.parent, '--name', name)
    assert '1 are disordered and will get no migration energy: mixed; `--order` makes ordered' in done.stdout
    ordered = run('import', 'files', cif.parent, '--name', name, '--order')
    assert '1 disordered structures stand in it as ordered ones' in ordered.stdout
    assert 'are disordered' not in ordered.stdout
    document = json.loads(run('import', 'files', cif.parent, '--name', name, '--order', '--json').stdout)
    assert (document['n_new'], document['n_known'], document['ordered'], document['disordered']) == (
        0,
        1,
        ['mixed'],
        [],
    )


def test_a_long_list_is_cut_on_the_screen_but_not_in_the_report(run, cif, tmp_path):
    for number in range(40):
        (cif.parent / f'broken-{number}.cif').write_text('data_')
    done = run('import', 'files', cif.parent, '--report', 'report.json')
    lines = [line for line in done.stderr.splitlines() if line.startswith('left out')]
    assert len(lines) == 31
    assert lines[-1] == 'left out 10 more, which --report FILE or --json list'
    assert len(json.loads((tmp_path / 'report.json').read_text())['refused']) == 40


def test_bad_options_of_an_import_are_refused_before_anything_is_stored(fails, cif, tmp_path):
    before = orm.QueryBuilder().append(orm.Node).count()
    assert 'must end in .md or .json' in fails('import', 'files', cif, '--report', 'report.txt')
    assert 'there is no folder' in fails('import', 'files', cif, '--report', 'nowhere/report.md')
    (tmp_path / 'folder.md').mkdir()
    assert 'folder.md is a folder' in fails('import', 'files', cif, '--report', 'folder.md')
    assert 'nowhere.csv cannot be read' in fails('import', 'files', cif, '--metadata', 'nowhere.csv')
    assert "'a' stands in two rows" in fails('import', 'files', cif, '--metadata', _table(tmp_path, 'id\na\na\n'))
    assert 'is no name for a dataset' in fails('import', 'files', cif, '--name', ' ')
    assert 'is no name for a dataset' in fails('import', 'prototypes', '--name', '')
    taken = f'taken {uuid4().hex}'
    orm.Group(label=f'limap/{taken}').store()
    assert 'is no group of a dataset' in fails('import', 'files', cif, '--name', taken)
    (tmp_path / 'damaged.zip').write_bytes(b'PK not a zip')
    assert 'damaged.zip: the archive is damaged (' in fails('import', 'files', 'damaged.zip')
    (tmp_path / 'water.xyz').write_text('1\nwater\nO 0 0 0\n')
    assert 'it is an XYZ file without a cell' in fails('import', 'files', 'water.xyz')
    fails('import', 'files', cif, '--max-unpacked', '0')
    assert orm.QueryBuilder().append(orm.Node).count() == before


def _table(folder: Path, text: str) -> Path:
    (folder / 'table.csv').write_text(text)
    return folder / 'table.csv'


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found: list[tuple[tuple[str, ...], click.Command]] = [(path, group)]
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            found.extend(commands(command, (*path, name)))
        else:
            found.append(((*path, name), command))
    return found


COMMANDS = commands(main)


@pytest.mark.parametrize(('path', 'command'), COMMANDS, ids=['-'.join(path) or 'main' for path, _ in COMMANDS])
def test_every_command_has_a_help_with_an_example(path, command):
    done = CliRunner().invoke(main, [*path, '--help'])
    assert done.exit_code == 0
    assert 'Example' in done.output
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help or parameter.show_default, parameter.name


def test_an_unknown_command_is_refused(fails):
    assert "No such command 'paint'" in fails('paint')


def test_the_version_is_that_of_the_package(run):
    assert __version__ in run('--version').stdout


def test_help_does_not_load_what_takes_time():
    code = (
        'import sys\n'
        'from click.testing import CliRunner\n'
        'from aiida_limap.cli import main\n'
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print([name for name in ('torch', 'pymatgen', 'numba', 'aiida.orm', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
