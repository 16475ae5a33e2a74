"""A training through a real daemon: an engine that is killed half way, and the same training without that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from plugins_aiida import TESTS
from plugins_shell import BIN, TIMEOUT_S, Shell

from aiida_limap.formats.weights import read_weights

pytestmark = pytest.mark.daemon

ENGINE = TESTS / 'workflows' / 'engine_waiting_to_be_killed.py'
EVERY, EPOCHS = 4, 30
SUBMIT = f"""
import sys
import numpy as np
from aiida import load_profile, orm
from aiida.engine import submit
load_profile()
from aiida_limap.data.table import TableData
from aiida_limap.workflows.train import TrainBaseWorkChain
generator = np.random.default_rng(0)
ids = [f's{{number}}' for number in range(40)]
blocks = {{'composition': generator.uniform(size=(40, 12)), 'structure': generator.uniform(size=(40, 9))}}
descriptors = TableData.from_arrays(ids, {{'status': ['ok'] * 40, 'formula': ids}}, blocks=blocks)
energies = TableData.from_arrays(ids, {{'barrier_2d_eV': generator.uniform(size=40)}})
parameters = {{
    'max_epochs': {EPOCHS}, 'patience': {EPOCHS}, 'checkpoint_every': {EVERY}, 'batch_size': 8,
    'hidden_widths': [16, 8], 'head_widths': [8],
}}
builder = TrainBaseWorkChain.get_builder_from_protocol(
    orm.load_code(sys.argv[1]), descriptors, energies, 'fast', {{'train': {{'parameters': parameters}}}}
)
print(submit(builder).pk)
"""
OUTCOME = """
import json, sys
from aiida import load_profile, orm
load_profile()
chain = orm.load_node(int(sys.argv[1]))
jobs = sorted((job.pk, job.exit_status) for job in chain.called if isinstance(job, orm.CalcJobNode))
history = chain.outputs.history
losses = {name: history.get_array(name).tolist() for name in history.get_arraynames()}
print(json.dumps({'status': chain.exit_status, 'jobs': [status for _pk, status in jobs], 'losses': losses}))
"""


@pytest.fixture(scope='module')
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A profile as a newcomer makes it, with a running daemon."""
    folder = tmp_path_factory.mktemp('profile')
    run = Shell(folder)
    try:
        run('verdi', 'presto', '--use-zeromq', '--non-interactive')
        run('aiida-limap', 'setup', 'computer', '--work-folder', str(folder / 'scratch'))
        run.start_daemon(1)
        yield run
    finally:
        subprocess.run([str(BIN / 'verdi'), 'daemon', 'stop'], env=run.environment, check=False, capture_output=True)


def finish(shell: Shell, pk: str, model: Path) -> dict:
    """Wait for a training; return its outcome, and export its model."""
    shell('aiida-limap', 'status', pk, '--watch')
    shell('verdi', 'data', 'limap', 'model', 'export', pk, '--output', str(model))
    return json.loads(shell.python(OUTCOME, pk))


def test_a_training_that_is_killed_ends_as_if_nobody_had_killed_it(shell, tmp_path):
    mark, executable = tmp_path / 'mark', tmp_path / 'engine-to-be-killed'
    executable.write_text(f'#!/bin/sh\nKILL_MARK={mark} exec {sys.executable} {ENGINE} "$@"\n')
    executable.chmod(0o755)
    shell(
        'verdi', 'code', 'create', 'core.code.installed', '--non-interactive', '--label', executable.name,
        '--computer', 'localhost', '--filepath-executable', str(executable),
    )  # fmt: skip
    killed = shell.python(SUBMIT, f'{executable.name}@localhost').strip()
    deadline = time.monotonic() + TIMEOUT_S
    while not (mark.exists() and mark.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    (chain,) = json.loads(shell('aiida-limap', 'status', '--json').stdout)
    (stage,) = chain['stages']
    assert (chain['pk'], stage['name'], stage['done'], stage['total']) == (int(killed), 'training', 0, 1)
    assert stage['detail'].startswith('epoch ')
    assert 'validation loss' in stage['detail']
    os.kill(int(mark.read_text()), signal.SIGKILL)
    outcome = finish(shell, killed, tmp_path / 'killed.safetensors')
    assert (outcome['status'], outcome['jobs']) == (0, [400, 0])
    # After epochs 4, 8 and 12 came the kill: the second job wrote only those of 16, 20, 24, 28 and 30.
    assert (tmp_path / 'written').read_text() == '5'

    whole = shell.python(SUBMIT, 'limap@localhost').strip()
    undisturbed = finish(shell, whole, tmp_path / 'whole.safetensors')
    assert (undisturbed['status'], undisturbed['jobs']) == (0, [0])
    # Weights and losses agree to the last bit.
    assert outcome['losses'] == undisturbed['losses']
    assert len(outcome['losses']['train_all']) == EPOCHS
    (first, header), (second, other) = (read_weights(tmp_path / f'{name}.safetensors') for name in ('killed', 'whole'))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert header == other
