"""Migration energies through a real daemon: with the real engine, and with jobs that are killed half way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from plugins_aiida import STAND_IN
from plugins_shell import BIN, TIMEOUT_S, Shell

pytestmark = pytest.mark.daemon

N_STRUCTURES = 4


@pytest.fixture(scope='module')
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A profile as a newcomer makes it, with a part of the library and a running daemon."""
    folder = tmp_path_factory.mktemp('profile')
    run = Shell(folder)
    try:
        run('verdi', 'presto', '--use-zeromq', '--non-interactive')
        run('aiida-limap', 'setup', 'computer', '--work-folder', str(folder / 'scratch'))
        run('aiida-limap', 'import', 'prototypes', '--limit', str(N_STRUCTURES), '--name', 'part')
        run.start_daemon(1)
        yield run
    finally:
        subprocess.run([str(BIN / 'verdi'), 'daemon', 'stop'], env=run.environment, check=False, capture_output=True)


def test_barriers_of_the_real_engine_are_printed_and_found_again(shell):
    done = shell('aiida-limap', 'launch', 'bvff', '--group', 'part', '--protocol', 'fast', '--wait', '--json')
    rows = json.loads(done.stdout)
    assert len(rows) == N_STRUCTURES
    assert {row['status'] for row in rows} <= {'ok', 'not_percolating'}
    found = [row for row in rows if row['status'] == 'ok']
    assert found
    assert all(0 < row['barrier_1d_eV'] <= row['barrier_2d_eV'] < 10 for row in found)
    # One structure by the id of its source, and what the commands say of it afterwards.
    one = shell('aiida-limap', 'launch', 'bvff', found[0]['name'], '--protocol', 'fast', '--wait')
    chain = one.stdout.split('submitted work chain ')[1].split()[0]
    assert f'{found[0]["barrier_2d_eV"]:.3f}' in one.stdout
    raw = shell('verdi', 'data', 'limap', 'barriers', chain, '--raw').stdout.split('\t')
    assert raw[0] == found[0]['structure_uuid']
    assert raw[3] == f'{found[0]["barrier_2d_eV"]:.3f}'
    assert '1 of 1 structures' in shell('aiida-limap', 'status', chain).stdout
    assert 'migration energies: 1 ok' in shell('aiida-limap', 'report', chain).stdout


def make_code(shell: Shell, folder: Path, script: Path, setting: str) -> str:
    """Return the name of a code that runs a script in place of the engine, with an environment variable."""
    executable = folder / f'engine-{uuid4().hex[:8]}'
    executable.write_text(f'#!/bin/sh\n{setting} exec {sys.executable} {script} "$@"\n')
    executable.chmod(0o755)
    shell(
        'verdi', 'code', 'create', 'core.code.installed', '--non-interactive', '--label', executable.name,
        '--computer', 'localhost', '--filepath-executable', str(executable),
    )  # fmt: skip
    return f'{executable.name}@localhost'


def test_a_real_landscape_is_fetched_exported_and_drawn(shell, tmp_path):
    rows = json.loads(shell('verdi', 'data', 'limap', 'barriers', newest_chain(shell), '--json').stdout)
    name = next(row['name'] for row in rows if row['status'] == 'ok')
    launch = ('aiida-limap', 'launch', 'bvff', name, '--protocol', 'fast', '--landscapes', '--networks', '--wait')
    (row,) = json.loads(shell(*launch, '--json').stdout)
    assert row['landscape'] == f'landscapes/{row["structure_uuid"]}.npz'
    listed = shell('verdi', 'data', 'limap', 'landscape', 'list').stdout
    assert 'remote' in listed
    assert name in listed
    document = json.loads(shell('verdi', 'data', 'limap', 'landscape', 'show', name).stdout)
    assert document['barrier_2d_eV'] == pytest.approx(row['barrier_2d_eV'], abs=1e-4)
    cube, picture = tmp_path / 'site-energy.cube', tmp_path / 'surface.png'
    shell(
        'verdi', 'data', 'limap', 'landscape', 'export', name, '--output', str(cube), '--picture', str(picture)
    )  # fmt: skip
    divisions = [int(line.split()[0]) for line in cube.read_text().splitlines()[3:6]]
    assert divisions == document['grid']
    assert picture.stat().st_size > 5000
    (job,) = jobs(shell)
    network = shell('verdi', 'calcjob', 'outputcat', str(job['pk']), row['network']).stdout
    assert json.loads(network)


def newest_chain(shell: Shell) -> str:
    """Return the pk of the newest work chain."""
    options = ('--all', '--raw', '--project', 'pk', '--process-label', 'BvffBaseWorkChain')
    listed = shell('verdi', 'process', 'list', *options)
    return max(listed.stdout.split(), key=int)


@pytest.fixture
def waiting(shell, tmp_path) -> Callable[[], tuple[subprocess.Popen[str], int]]:
    """Return a function that launches a batch whose first job waits to be killed, and gives command and process id."""

    def launch() -> tuple[subprocess.Popen[str], int]:
        mark = tmp_path / 'first-job'
        code = make_code(shell, tmp_path, STAND_IN, f'STAND_IN_SLOW={tmp_path}')
        command = shell.start('aiida-limap', 'launch', 'bvff', '--group', 'part', '--code', code, '--wait', '--json')
        deadline = time.monotonic() + TIMEOUT_S
        while not (mark.exists() and mark.read_text()):
            assert time.monotonic() < deadline
            assert command.poll() is None, command.communicate()
            time.sleep(0.2)
        return command, int(mark.read_text())

    return launch


def jobs(shell: Shell) -> list[dict]:
    """Return pk, exit status and number of structures of the jobs of the newest work chain, oldest first."""
    code = (
        'import json\n'
        'from aiida import load_profile, orm\n'
        'load_profile()\n'
        "query = orm.QueryBuilder().append(orm.WorkChainNode, project='*')\n"
        "chain = query.order_by({orm.WorkChainNode: {'id': 'desc'}}).first(flat=True)\n"
        'called = [node for node in chain.called if isinstance(node, orm.CalcJobNode)]\n'
        'print(json.dumps([(node.pk, node.exit_status, len(node.inputs.structures)) for node in called]))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        env=shell.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    names = ('pk', 'exit_status', 'n_structures')
    return sorted((dict(zip(names, row, strict=True)) for row in json.loads(done.stdout)), key=lambda job: job['pk'])


def test_a_job_that_is_killed_half_way_loses_only_what_it_had_not_finished(shell, waiting):
    command, process = waiting()
    (chain,) = json.loads(shell('aiida-limap', 'status', '--json').stdout)
    (stage,) = chain['stages']
    assert (stage['done'], stage['total'], stage['running']) == (1, N_STRUCTURES, 1)
    os.kill(process, signal.SIGKILL)
    stdout, stderr = command.communicate(timeout=TIMEOUT_S)
    assert command.returncode == 0, stderr
    rows = json.loads(stdout)
    assert len({row['structure_uuid'] for row in rows}) == N_STRUCTURES
    assert {row['status'] for row in rows} == {'ok'}
    found = [(job['exit_status'], job['n_structures']) for job in jobs(shell)]
    assert found == [(400, N_STRUCTURES), (0, N_STRUCTURES - 1)]


def test_the_real_engine_out_of_walltime_keeps_its_rows(shell, tmp_path):
    mark = tmp_path / 'first-row'
    code = make_code(shell, tmp_path, STAND_IN.with_name('engine_with_walltime.py'), f'WALLTIME_MARK={mark}')
    launch = ('aiida-limap', 'launch', 'bvff', '--group', 'part', '--protocol', 'fast', '--wait', '--json')
    rows = {row['structure_uuid']: row for row in json.loads(shell(*launch, '--code', code).stdout)}
    found = [(job['exit_status'], job['n_structures']) for job in jobs(shell)]
    assert found == [(400, N_STRUCTURES), (0, N_STRUCTURES - 1)]
    assert mark.read_text() in rows
    # The joined rows are those of a job that was never stopped.
    whole = {row['structure_uuid']: row for row in json.loads(shell(*launch).stdout)}
    names = ('status', 'barrier_1d_eV', 'barrier_2d_eV', 'barrier_3d_eV')
    assert [[rows[uuid][name] for name in names] for uuid in whole] == [
        [row[name] for name in names] for row in whole.values()
    ]


def test_a_job_that_a_person_kills_is_submitted_again_in_two(shell, waiting):
    command, _process = waiting()
    (job,) = jobs(shell)
    shell('verdi', 'process', 'kill', str(job['pk']))
    stdout, stderr = command.communicate(timeout=TIMEOUT_S)
    assert command.returncode == 0, stderr
    assert len({row['structure_uuid'] for row in json.loads(stdout)}) == N_STRUCTURES
    half = N_STRUCTURES // 2
    found = [(job['exit_status'], job['n_structures']) for job in jobs(shell)]
    assert found == [(None, N_STRUCTURES), (0, half), (0, half)]
