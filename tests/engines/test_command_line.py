"""``limap-engine``: jobs for calculation jobs, tables for people."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from aiida_limap import __version__
from aiida_limap.common.status import Status
from aiida_limap.engines.chemistry.structures import structure_from_record
from aiida_limap.engines.command_line import main
from aiida_limap.engines.run import run_job
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.job import Job, write_job
from aiida_limap.formats.parameters import embedded_parameters
from aiida_limap.formats.results import read_results
from aiida_limap.formats.structures import StructureRecord, write_structures

ENGINE = Path(sys.executable).parent / 'limap-engine'


def lithium_oxide(identifier: str, scale: float = 1.0) -> StructureRecord:
    """Return Li2O in its primitive cell."""
    cell = 2.31 * scale * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    species = ({'Li': 1.0}, {'Li': 1.0}, {'O': 1.0})
    return StructureRecord(identifier, cell, species, [[0.25] * 3, [0.75] * 3, [0, 0, 0]])


def lithium_oxide_file(path: Path) -> None:
    structure_from_record(lithium_oxide('a')).to(filename=str(path))


def write_bvff_job(folder: Path, records: list[StructureRecord], **parameters) -> Path:
    write_structures(folder / 'structures.json', records)
    write_job(folder / 'job.json', Job('bvff', parameters, {'structures': 'structures.json'}))
    return folder / 'job.json'


def test_a_job_leaves_results_with_an_end_mark(tmp_path):
    job = write_bvff_job(tmp_path, [lithium_oxide('a'), lithium_oxide('b', 1.1)], spacing_angstrom=0.3)
    done = subprocess.run([str(ENGINE), 'bvff', str(job)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = read_results(tmp_path)
    assert (results.task, results.engine_version, results.complete) == ('bvff', __version__, True)
    assert [(item.id, item.status) for item in results.items] == [('a', Status.OK), ('b', Status.OK)]
    first, second = (item.values['barrier_2d_eV'] for item in results.items)
    assert 0.1 < first < 2
    assert first != second


def test_one_bad_structure_costs_one_row(tmp_path):
    bad = StructureRecord('bad', np.eye(3) * 4, ({'Mg': 1.0}, {'O': 1.0}), [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert run_job('bvff', write_bvff_job(tmp_path, [bad, lithium_oxide('good')], spacing_angstrom=0.3)) == 0
    assert [str(item.status) for item in read_results(tmp_path).items] == ['no_mobile_ion', 'ok']


@pytest.mark.parametrize(
    ('task', 'parameters', 'words'),
    [
        ('bvff', {'colour': 'red'}, 'colour'),
        ('bvff', {'preset': 'paint'}, 'paint'),
        ('descriptors', {}, "asks for task 'bvff', but 'descriptors' was started"),
    ],
)
def test_a_wrong_job_says_what_is_wrong(tmp_path, task, parameters, words):
    assert run_job(task, write_bvff_job(tmp_path, [lithium_oxide('a')], **parameters)) == 2
    results = read_results(tmp_path)
    assert words in results.error
    assert not results.complete


def test_an_unexpected_error_is_kept_with_its_type(tmp_path, monkeypatch):
    import aiida_limap.engines.bvff.task as task

    def broken(*_arguments):
        raise ZeroDivisionError('nothing to divide by')

    monkeypatch.setattr(task, 'run', broken)
    assert run_job('bvff', write_bvff_job(tmp_path, [lithium_oxide('a')])) == 1
    assert read_results(tmp_path).error == 'ZeroDivisionError: nothing to divide by'


def wait_for_first_row(folder: Path, process: subprocess.Popen, limit_s: float = 240) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        assert process.poll() is None, 'the job ended before it was stopped'
        try:
            if read_results(folder).items:
                return
        except FormatError:
            pass
        time.sleep(0.2)
    raise AssertionError('no row was written in time')


def test_a_job_that_is_told_to_stop_keeps_its_rows(tmp_path):
    # So much work that no machine is done before the first rows are written.
    records = [lithium_oxide(f's{index}', 1 + index * 1e-4) for index in range(2000)]
    job = write_bvff_job(tmp_path, records, spacing_angstrom=0.06)
    with subprocess.Popen([str(ENGINE), 'bvff', str(job)], stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_first_row(tmp_path, process)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=240) == 143
        finally:
            process.kill()
    results = read_results(tmp_path)
    assert 0 < len(results.items) < 2000
    assert not results.complete
    assert results.error is None


@pytest.fixture
def cif(tmp_path) -> Path:
    from pymatgen.core import Lattice, Structure

    file = tmp_path / 'Li2O.cif'
    crystal = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.62), ['Li', 'O'], [[0.25, 0.25, 0.25], [0, 0, 0]])
    crystal.to(str(file), fmt='cif')
    return file


def test_people_get_a_table(cif):
    done = CliRunner().invoke(main, ['bvff', str(cif), '--spacing', '0.3'])
    assert done.exit_code == 0, done.output
    for word in ('Li2O.cif', '2D', 'ok'):
        assert word in done.stdout


def test_scripts_get_json_and_bad_files_a_reason(cif, tmp_path):
    (tmp_path / 'broken.cif').write_text('data_\nloop_')
    files = [str(cif), str(tmp_path / 'broken.cif'), str(tmp_path / 'nowhere.cif')]
    done = CliRunner().invoke(main, ['bvff', *files, '--spacing', '0.3', '--json'])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert [row['status'] for row in rows] == ['ok', 'failed', 'failed']
    assert 'broken.cif cannot be read' in rows[1]['message']
    assert 'there is no file' in rows[2]['message']
    assert rows[0]['barrier_1d_eV'] <= rows[0]['barrier_2d_eV'] <= rows[0]['barrier_3d_eV']


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['bvff', 'nowhere.cif'], 'there is no file'),
        (['bvff', 'job.json'], 'there is no file job.json'),
        (['bvff', 'x.cif', '--mobile-ion', 'Q9'], 'Q9'),
        (['bvff', 'x.cif', '--preset', 'paint'], "'paint' is not one of"),
        (['bvff', 'x.cif', '--spacing', '0'], '--spacing'),
        (['paint'], "No such command 'paint'"),
        (['train', 'nowhere.json'], 'does not exist'),
    ],
)
def test_mistakes_are_named(arguments, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code != 0
    assert words in done.output.replace('\n', ' ')
    assert 'Traceback' not in done.output


def test_a_file_of_parameters_takes_the_place_of_our_own(tmp_path):
    lithium_oxide_file(tmp_path / 'Li2O.cif')
    own = embedded_parameters().decode()
    (tmp_path / 'softer.yaml').write_text(own.replace('morse_scale: 1.0', 'morse_scale: 0.8'))
    (tmp_path / 'wrong.yaml').write_text(own.replace('D0: eV', 'D0: kJ/mol'))
    files = ['bvff', str(tmp_path / 'Li2O.cif'), '--spacing', '0.4', '--json']
    found = []
    for options in ([], ['--parameters', str(tmp_path / 'softer.yaml')]):
        result = CliRunner().invoke(main, [*files, *options])
        assert result.exit_code == 0, result.output
        found.append(json.loads(result.stdout)[0]['barrier_2d_eV'])
    assert found[1] < 0.9 * found[0]
    for name, words in (('wrong', "D0 is given in 'kJ/mol'"), ('absent', 'cannot be read')):
        result = CliRunner().invoke(main, [*files, '--parameters', str(tmp_path / f'{name}.yaml')])
        assert result.exit_code == 2
        assert words in result.stderr
