"""Trainings with the real engine: a grid, and inputs that are not as they should be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from plugins_aiida import make_descriptors, make_energies

from aiida_limap.calculations.train import TrainCalculation
from aiida_limap.data.table import TableData
from aiida_limap.engines.run import run_job

N_ROWS = 20
#: A network that is trained in a moment.
SMALL = {'hidden_widths': [6], 'head_widths': [4], 'max_epochs': 4, 'batch_size': 8}
IDS = [f's{number}' for number in range(N_ROWS)]


Change = Callable[[dict[str, np.ndarray], list], None]


def training_inputs(change: Change | None = None, n_rows: int = N_ROWS, **parameters: Any) -> dict[str, orm.Data]:
    """Return the inputs of a training on rows that can be changed before."""
    generator = np.random.default_rng(0)
    blocks = {'composition': generator.uniform(size=(n_rows, 5)), 'structure': generator.uniform(size=(n_rows, 7))}
    energies = generator.uniform(0.1, 2, size=n_rows).tolist()
    if change is not None:
        change(blocks, energies)
    columns = {'status': ['ok'] * n_rows, 'formula': [f'Li{number}O' for number in range(n_rows)]}
    return {
        'descriptors': TableData.from_arrays(IDS[:n_rows], columns, blocks=blocks),
        'migration_energies': make_energies(IDS[:n_rows], energies),
        'parameters': orm.Dict({**SMALL, **parameters}),
    }


@pytest.fixture
def train(prepare, parse) -> Callable[..., SimpleNamespace]:
    """Return a function that writes the files of a job, runs the engine on them in this process, and parses them.

    A process of its own needs seconds to load torch; nothing else would differ.
    """

    def run(change: Change | None = None, n_rows: int = N_ROWS, **parameters: Any) -> SimpleNamespace:
        inputs = training_inputs(change, n_rows, **parameters)
        folder = prepare('limap.train', **inputs).folder
        run_job('train', folder / 'job.json')
        return parse('train', str(folder), inputs)

    return run


@pytest.fixture
def train_in_a_job(aiida_code_installed) -> Callable[..., SimpleNamespace]:
    """Return a function that trains in a job of its own, as on a computer."""
    executable = Path(sys.executable).with_name('limap-engine')

    def run(**parameters: Any) -> SimpleNamespace:
        code = aiida_code_installed(label=f'engine-{uuid4().hex}', filepath_executable=str(executable))
        outputs, node = run_get_node(TrainCalculation, code=code, **training_inputs(**parameters))
        return SimpleNamespace(outputs=outputs, status=node.exit_status, message=node.exit_message)

    return run


def test_a_grid_is_trained_in_one_job(train_in_a_job):
    grid = {'me_weight': [0, 0.1], 'split.seed': [0, 1]}
    done = train_in_a_job(grid=grid, keep_models=3, select='loss')
    assert done.status == 0, done.message
    table = done.outputs['grid']
    assert table.ids == [f'model_{number:04d}' for number in range(4)]
    assert table.column('me_weight').tolist() == [0, 0, 0.1, 0.1]
    assert table.column('split.seed').tolist() == [0, 1, 0, 1]
    assert all(entry['description'] for entry in table.info)
    losses = table.column('loss_validation_all')
    best = table.ids[int(np.argmin(losses))]
    assert done.outputs['output_parameters']['chosen'] == best
    kept = done.outputs['models']
    assert sorted(kept) == sorted(table.ids[row] for row in np.argsort(losses)[:3])
    assert kept[best].header['training']['split'] == done.outputs['model'].header['training']['split']
    assert all(
        np.array_equal(array, done.outputs['model'].weights()[name]) for name, array in kept[best].weights().items()
    )
    # Alone, a model of the grid gets the same numbers.
    row = table.row(best)
    alone = train_in_a_job(me_weight=row['me_weight'], split={'seed': int(row['split.seed'])})
    assert all(
        np.array_equal(array, done.outputs['model'].weights()[name])
        for name, array in alone.outputs['model'].weights().items()
    )
    assert 'grid' not in alone.outputs


def test_a_row_with_a_missing_descriptor_is_left_out(train):
    def change(blocks, _energies):
        blocks['structure'][3, 2] = np.nan

    done = train(change)
    assert done.status == 0, done.message
    assert done.outputs['training'].ids == [name for name in IDS if name != 's3']


def test_columns_without_information_do_no_harm(train):
    def change(blocks, _energies):
        blocks['composition'][:, 1] = 0
        blocks['structure'][:, 0] = 3.5
        blocks['structure'][:, 1] = -1e-9

    for basis in ('full', 'compact'):
        done = train(change, basis=basis)
        assert done.status == 0, done.message
        training = done.outputs['training']
        assert all(np.isfinite(training.column(name)).all() for name in ('x_comp', 'x_struc'))
        assert np.isfinite(training.column('migration_energy_predicted_eV')).all()


def test_structures_without_an_energy_train_the_reconstruction(train):
    def change(_blocks, energies):
        energies[2] = energies[5] = None

    done = train(change)
    assert done.status == 0, done.message
    training = done.outputs['training']
    assert len(training) == N_ROWS
    assert np.flatnonzero(np.isnan(training.column('migration_energy_eV'))).tolist() == [2, 5]
    assert np.isfinite(training.column('migration_energy_predicted_eV')).all()


def equal_energies(_blocks: dict, energies: list) -> None:
    energies[:] = [0.4] * len(energies)


def no_energies(_blocks: dict, energies: list) -> None:
    energies[1:] = [None] * (len(energies) - 1)


@pytest.mark.parametrize(
    ('change', 'n_rows', 'parameters', 'status', 'words'),
    [
        (None, 1, {}, 330, '1 rows are too few; at least 10 are needed'),
        (equal_energies, N_ROWS, {}, 330, 'all migration energies are equal'),
        (no_energies, N_ROWS, {}, 330, 'fewer than two rows have a migration energy'),
        (None, N_ROWS, {'learning_rate': 1e30}, 430, 'lower the learning rate'),
        (None, N_ROWS, {'device': 'no-such-device'}, 433, "'no-such-device'"),
    ],
)
def test_what_cannot_be_trained_gets_a_sentence(train, change, n_rows, parameters, status, words):
    done = train(change, n_rows, **parameters)
    assert done.status == status, done.message
    assert words in done.message
    assert 'model' not in done.outputs


def test_a_training_that_diverged_tells_its_options(train):
    done = train(learning_rate=1e30)
    options = done.outputs['output_parameters']['options']
    assert (options['learning_rate'], options['batch_size']) == (1e30, 8)


def test_checkpoints_come_from_an_earlier_job_or_from_a_folder(prepare, aiida_localhost, tmp_path):
    inputs = {'descriptors': make_descriptors(['a']), 'migration_energies': make_energies(['a'], [0.1])}
    done = prepare('limap.train', **inputs)
    assert (done.folder / 'checkpoints').is_dir()
    assert not done.calcinfo.remote_copy_list
    remote = orm.RemoteData(remote_path='/scratch/job', computer=aiida_localhost).store()
    calcinfo = prepare('limap.train', **inputs, checkpoints=remote).calcinfo
    assert calcinfo.remote_copy_list == [(aiida_localhost.uuid, '/scratch/job/checkpoints', 'checkpoints')]
    for place in ('', 'checkpoints'):
        folder = tmp_path / f'folder-{place}'
        (folder / place).mkdir(parents=True)
        (folder / place / 'model_0000.safetensors').write_bytes(b'x')
        node = orm.FolderData(tree=str(folder)).store()
        done = prepare('limap.train', **inputs, checkpoints=node)
        assert done.calcinfo.local_copy_list == [(node.uuid, place or '.', 'checkpoints')]
        assert not (done.folder / 'checkpoints').exists()


def test_checkpoints_that_cannot_be_used_get_a_sentence(prepare, aiida_localhost, aiida_computer_local, tmp_path):
    inputs = {'descriptors': make_descriptors(['a']), 'migration_energies': make_energies(['a'], [0.1])}
    with pytest.raises(ValueError, match='the folder holds no checkpoint files'):
        prepare('limap.train', **inputs, checkpoints=orm.FolderData().store())
    other = orm.RemoteData(remote_path='/scratch/job', computer=aiida_computer_local(label='elsewhere')).store()
    with pytest.raises(ValueError, match="the folder is on the computer 'elsewhere', but the code is on"):
        prepare('limap.train', **inputs, checkpoints=other)
    cleaned = orm.RemoteData(remote_path=str(tmp_path), computer=aiida_localhost).store()
    cleaned.base.extras.set(cleaned.KEY_EXTRA_CLEANED, True)
    with pytest.raises(ValueError, match='the folder was cleaned, so there is nothing to go on from'):
        prepare('limap.train', **inputs, checkpoints=cleaned)


def test_tables_of_other_structures_are_refused(prepare):
    with pytest.raises(ValueError, match='have no structure in common; give tables of the same structures'):
        prepare('limap.train', descriptors=make_descriptors(['a', 'b']), migration_energies=make_energies(['c'], [0.1]))
    with pytest.raises(ValueError, match="an unknown option 'weight'"):
        prepare(
            'limap.train',
            descriptors=make_descriptors(['a']),
            migration_energies=make_energies(['a'], [0.1]),
            parameters={'grid': {'weight': [1]}},
        )
