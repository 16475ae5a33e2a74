"""A map of 300 structures, ten of them broken, through a real daemon; the engine of one batch is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugins_shell import BIN, TIMEOUT_S, Shell

pytestmark = pytest.mark.daemon

N_GOOD, BATCH_SIZE = 290, 50
ENGINE = Path(__file__).with_name('engine_to_be_killed.py')
#: Why the broken structures are expected to end without a row on the map.
BROKEN = {'disordered': 5, 'overlapping_sites': 5}
QUESTIONS = """
import json, sys
from collections import Counter
from aiida import load_profile, orm
load_profile()
chain = orm.load_node(int(sys.argv[1]))
jobs = {'BvffCalculation': [], 'DescriptorsCalculation': []}
for node in chain.called_descendants:
    if node.process_label in jobs:
        rows = node.outputs.table.ids if 'table' in node.outputs else []
        given = [structure.uuid for structure in node.inputs.structures.values()]
        jobs[node.process_label].append((node.exit_status, given, rows))
energies, descriptors = chain.outputs.migration_energies, chain.outputs.descriptors
reasons = {
    uuid: (str(word), str(text))
    for uuid, word, text in zip(energies.ids, energies.column('status'), energies.column('message'))
}
print(json.dumps({
    'state': [chain.process_state.value, chain.exit_status],
    'jobs': jobs,
    'reasons': reasons,
    'points': chain.outputs.map.ids,
    'map': chain.outputs.map.pk,
}))
"""


@pytest.fixture(scope='module')
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A profile with 300 structures and a running daemon."""
    folder = tmp_path_factory.mktemp('live')
    run = Shell(folder)
    try:
        run('verdi', 'presto', '--use-zeromq', '--non-interactive')
        run('aiida-limap', 'setup', 'computer', '--work-folder', str(folder / 'scratch'))
        write_structures(folder / 'structures')
        run('aiida-limap', 'import', 'files', 'structures', '--name', 'all')
        run.start_daemon(2)
        yield run
    finally:
        subprocess.run([str(BIN / 'verdi'), 'daemon', 'stop'], env=run.environment, check=False, capture_output=True)


def write_structures(folder: Path) -> None:
    from pymatgen.core import Lattice, Structure

    from aiida_limap.engines.chemistry.prototypes import build_library

    folder.mkdir()
    library = build_library()
    structures = {}
    for number in range(N_GOOD):
        entry = library[number * len(library) // N_GOOD]
        structures[f'good-{entry.id}'] = entry.structure.copy().remove_oxidation_states()
    for number in range(5):
        lattice, centre = Lattice.cubic(4.2 + 0.01 * number), [0.5, 0.5, 0.5]
        structures[f'disordered-{number}'] = Structure(lattice, [{'Li': 0.5, 'Sc': 0.5}, 'O'], [[0, 0, 0], centre])
        structures[f'overlap-{number}'] = Structure(lattice, ['Li', 'F', 'O'], [[0, 0, 0], centre, [0.5, 0.5, 0.51]])
    for name, structure in structures.items():
        with warnings.catch_warnings():
            # The labels of the sites are renamed in the file, which is all the same here.
            warnings.simplefilter('ignore')
            structure.to(str(folder / f'{name}.cif'), fmt='cif')


@pytest.fixture(scope='module')
def answers(shell) -> dict:
    """The map work chain ran to its end; the engine of one batch was killed half way."""
    mark = shell.folder / 'waiting'
    executable = shell.folder / 'engine'
    executable.write_text(f'#!/bin/sh\nKILL_MARK={mark} exec {sys.executable} {ENGINE} "$@"\n')
    executable.chmod(0o755)
    shell(
        'verdi', 'code', 'create', 'core.code.installed', '--non-interactive', '--label', 'engine',
        '--computer', 'localhost', '--filepath-executable', str(executable),
    )  # fmt: skip
    overrides = shell.folder / 'overrides.yaml'
    overrides.write_text(f'featurize:\n  batch_size: {BATCH_SIZE}\n')
    done = shell(
        'aiida-limap', 'launch', 'map', '--group', 'all', '--protocol', 'fast', '--code', 'engine@localhost',
        '--overrides', str(overrides),
    )  # fmt: skip
    chain = done.stdout.split('submitted map work chain ')[1].split()[0]
    deadline = time.monotonic() + TIMEOUT_S
    while not (mark.exists() and mark.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.kill(int(mark.read_text()), signal.SIGKILL)
    shell('aiida-limap', 'status', chain, '--watch')
    return json.loads(shell.python(QUESTIONS, chain)) | {'chain': chain}


def test_everything_ends_with_a_map_of_the_good_structures(answers):
    assert answers['state'] == ['finished', 0]
    assert len(answers['points']) == N_GOOD


def test_ten_rows_say_why_they_are_not_on_the_map(answers, shell):
    points = set(answers['points'])
    lost = {uuid: reason for uuid, reason in answers['reasons'].items() if uuid not in points}
    assert Counter(word for word, _text in lost.values()) == BROKEN
    assert all(text for _word, text in lost.values())
    words = shell('aiida-limap', 'report', answers['chain']).stdout
    for word, count in BROKEN.items():
        assert f'{count} {word}' in words


def test_no_batch_was_computed_twice_but_for_the_rest_of_the_killed_one(answers):
    n_batches = -(-300 // BATCH_SIZE)
    for label, n_killed in (('BvffCalculation', 1), ('DescriptorsCalculation', 0)):
        jobs = answers['jobs'][label]
        assert len(jobs) == n_batches + n_killed
        assert sum(status == 400 for status, _given, _rows in jobs) == n_killed
        rows = Counter(uuid for _status, _given, finished in jobs for uuid in finished)
        assert len(rows) == 300
        assert set(rows.values()) == {1}
    killed = next(job for job in answers['jobs']['BvffCalculation'] if job[0] == 400)
    again = [job for job in answers['jobs']['BvffCalculation'] if set(job[1]) & set(killed[1]) and job is not killed]
    assert len(killed[1]) == BATCH_SIZE
    assert killed[2]
    assert [sorted(given) for _status, given, _rows in again] == [sorted(set(killed[1]) - set(killed[2]))]


def test_every_point_leads_back_to_the_jobs_that_computed_it(answers, shell):
    for uuid in (answers['points'][0], answers['points'][-1]):
        answer = json.loads(shell('aiida-limap', 'point', 'show', uuid, '--json').stdout)
        assert [step['kind'] for step in answer['steps']][:4] == [
            'DatasetData', 'StructureData', 'BvffCalculation', 'DescriptorsCalculation',
        ]  # fmt: skip
