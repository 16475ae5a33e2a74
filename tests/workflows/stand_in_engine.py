"""A stand-in for ``limap-engine``: it reads and writes the real files, but computes nothing. For tests only.

Environment: STAND_IN_STOP_AFTER=n stops jobs after n structures without an end mark, STAND_IN_CRASH=task leaves no
results of that task, STAND_IN_ERROR=task gives up with a sentence, STAND_IN_WORD=status is the word of every structure,
STAND_IN_POISON=n crashes each job with a structure whose cell edge is n Å, STAND_IN_SLOW=folder makes the first job
wait to be killed after its first structure, and leaves its mark in that folder. STAND_IN_TRAININGS=word,word,… says
what becomes of each training in turn (see TRAININGS; what comes after the last ends well), counted in the folder
STAND_IN_COUNTER. STAND_IN_WORD_OF_BVFF=status is the word of every structure in that task only, STAND_IN_LAYOUT=word
the checksum of the layout, and STAND_IN_FAR=n puts places beyond n outside of what the model knows.
STAND_IN_VERSION is the version that it claims to have. Asked for landscapes or networks, it writes flat ones.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from aiida_limap import __version__
from aiida_limap.common.status import Status
from aiida_limap.formats._files import read_json
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import Job, read_job
from aiida_limap.formats.landscape import LandscapeRecord, write_landscape
from aiida_limap.formats.results import ItemResult, ResultsWriter
from aiida_limap.formats.structures import StructureRecord, read_structures
from aiida_limap.formats.weights import CHECKPOINTS, MODELS, model_name, read_weights, write_weights

#: Results of another version than that of the plugin are never taken from the cache.
VERSION = os.environ.get('STAND_IN_VERSION') or __version__
#: Epochs that a job trains, and the options of a preset.
EPOCHS = 5
OPTIONS = {'learning_rate': 0.9, 'batch_size': 16}


def setting(name: str) -> str:
    return os.environ.get(f'STAND_IN_{name}', '')


def files(job: Job, record: StructureRecord) -> dict[str, str]:
    names = {}
    if job.parameters.get('landscapes'):
        names['landscape'] = f'landscapes/{record.id}.npz'
        Path('landscapes').mkdir(exist_ok=True)
        landscape = LandscapeRecord(
            id=record.id,
            cell=record.cell,
            energy=np.arange(24.0).reshape(2, 3, 4),
            origin=np.zeros(3),
            species=tuple(max(site, key=site.get) for site in record.species),
            positions=record.positions,
            thresholds_eV=(1.0, 2.0, np.inf),
            energy_minimum_eV=0.0,
        )
        write_landscape(Path(names['landscape']), landscape)
    if job.parameters.get('networks'):
        names['network'] = f'networks/{record.id}.json'
        Path('networks').mkdir(exist_ok=True)
        Path(names['network']).write_text(json.dumps({'id': record.id}))
    return names


def wait_to_be_killed(writer: ResultsWriter) -> None:
    mark = Path(setting('SLOW')) / 'first-job' if setting('SLOW') else None
    if mark is None or mark.exists():
        return
    writer.flush()
    mark.write_text(str(os.getpid()))
    time.sleep(600)


def describe_columns(job: Job, writer: ResultsWriter) -> None:
    labels = {'composition': ['a', 'b'], 'structure': ['c', 'd', 'e']}
    if job.parameters.get('landscape'):
        labels['landscape'] = ['f']
    ranges = {part: {'first': [0, len(names)]} for part, names in labels.items()}
    layout = job.parameters.get('layout')
    writer.summary(
        layout=layout if isinstance(layout, dict) else {'name': 'stand-in'},
        layout_checksum=setting('LAYOUT') or 'abc',
        blocks=ranges,
        scales=ranges,
        **{f'{part}_labels': names for part, names in labels.items()},
        **{f'{part}_units': [''] * len(names) for part, names in labels.items()},
        **{f'{part}_meanings': ['nothing'] * len(names) for part, names in labels.items()},
    )


def structures(job: Job, writer: ResultsWriter) -> bool:
    word = Status(setting(f'WORD_OF_{job.task.upper()}') or setting('WORD') or 'ok')
    records = read_structures(Path(job.inputs['structures']))
    limit = int(setting('STOP_AFTER') or len(records))
    if any(f'{record.cell[0, 0]:.1f}' == setting('POISON') for record in records):
        sys.exit(139)
    if job.task == 'descriptors':
        describe_columns(job, writer)
    for record in records[:limit]:
        size = float(record.cell[0, 0])
        if job.task == 'bvff':
            values = {'barrier_2d_eV': size / 10, 'grid_error_eV': 0.01} if word is Status.OK else {}
            values.update(files(job, record) if word is Status.OK else {})
            writer.add(ItemResult(record.id, word, '', values))
        else:
            rows = {'composition': np.array([1.0, size]), 'structure': np.array([size, 2.0, 3.0])}
            if job.parameters.get('landscape'):
                rows['landscape'] = np.array([size])
            charges = [] if record.oxidation_states is None else list(record.oxidation_states)
            item = ItemResult(record.id, word, '', {'formula': f'Li{size:.1f}', 'charges': charges})
            writer.add(item, rows if word is Status.OK else None)
        wait_to_be_killed(writer)
    return limit >= len(records)


def give_up(sentence: str) -> bool:
    raise RuntimeError(sentence)


def lose(writer: ResultsWriter) -> bool:
    """Train on with a loss that is not finite, until somebody stops it."""
    writer.summary(loss_train=float('nan'), loss_validation=float('nan'))
    writer.flush()
    time.sleep(600)
    return False


TRAININGS = {
    'stopped': lambda writer: False,
    'crash': lambda writer: sys.exit(139),
    'memory': lambda writer: give_up('CUDA out of memory'),
    'not-finite': lambda writer: give_up(f'the loss is not finite in epoch {EPOCHS}'),
    'no-device': lambda writer: give_up("device 'cuda' is not available here"),
    'refused': lambda writer: give_up('train: 1 rows are too few; at least 10 are needed'),
    'lost': lose,
}


def next_training() -> str:
    """Return what is to become of this training."""
    words = setting('TRAININGS').split(',') if setting('TRAININGS') else []
    if not words:
        return ''
    counter = Path(setting('COUNTER')) / 'trainings'
    number = int(counter.read_text()) if counter.exists() else 0
    counter.write_text(str(number + 1))
    return words[number] if number < len(words) else ''


def train(job: Job, writer: ResultsWriter) -> bool:
    word = next_training()
    checkpoint = Path(CHECKPOINTS) / 'model_0000.safetensors'
    start = int(checkpoint.read_text()) if checkpoint.exists() else 0
    writer.summary(started_at=start, options={**OPTIONS, **job.parameters})
    if word == 'stuck':
        return False
    checkpoint.write_text(str(start + EPOCHS))
    writer.summary(epoch=start + EPOCHS)
    writer.array('history_loss', np.array([2.0, 1.0]))
    if word:
        return TRAININGS[word](writer)
    data = read_arrays(Path(job.inputs['training']))
    n_rows = data['ids'].size
    writer.array('ids', data['ids'])
    writer.array('split', np.array(['train'] * n_rows))
    writer.array('x_comp', data['composition'][:, 1])
    writer.array('x_struc', data['structure'][:, 0])
    writer.array('migration_energy_eV', data['migration_energy_eV'])
    writer.array('migration_energy_predicted_eV', np.zeros(n_rows))
    writer.summary(metrics={'test': {'r2_me': 0.0}}, seed=job.parameters.get('seed'))
    header = {
        'kind': 'stand-in',
        'architecture': {},
        'columns': read_json(Path(job.inputs['columns'])),
        'scaling': {},
        'seed': job.parameters.get('seed'),
        'training': dict(job.parameters),
        'data_hash': 'abc',
        'engine_version': VERSION,
    }
    write_weights(Path('model.safetensors'), {'weight': np.ones(2)}, header)
    for option, values in job.parameters.get('grid', {}).items():
        Path(MODELS).mkdir(exist_ok=True)
        writer.summary(chosen=model_name(1))
        for number, value in enumerate(values):
            name = model_name(number)
            writer.add(ItemResult(name, Status.OK, '', {option: value, 'kept': number < 2}))
            write_weights(Path(MODELS) / f'{name}.safetensors', {'weight': np.ones(2)}, header)
    return True


def encode(job: Job, writer: ResultsWriter) -> bool:
    read_weights(Path(job.inputs['model']))
    data = read_arrays(Path(job.inputs['descriptors']))
    for row, identifier in enumerate(data['ids'].tolist()):
        values = {'x_comp': float(data['composition'][row, 1]), 'x_struc': float(data['structure'][row, 0])}
        errors: dict[str, Any] = {'reconstruction_mse_composition': 0.1, 'reconstruction_mse_structure': 0.2}
        if setting('FAR'):
            is_far = values['x_comp'] > float(setting('FAR'))
            errors |= {'in_domain': float(not is_far), 'domain_reason': 'far away' if is_far else ''}
        writer.add(ItemResult(identifier, Status.OK, '', {**values, **errors, 'migration_energy_predicted_eV': 0.5}))
    size = int(job.parameters.get('grid_size', 101))
    writer.array('grid_x_comp', np.linspace(0, 1, size))
    writer.array('grid_x_struc', np.linspace(0, 1, size))
    writer.array('grid_migration_energy_eV', np.zeros((size, size)))
    return True


def main() -> int:
    task, job_file = sys.argv[1:]
    job = read_job(Path(job_file))
    if setting('CRASH') == task:
        return 139
    writer = ResultsWriter(Path(), task, VERSION)
    if setting('ERROR') == task:
        writer.fail('the stand-in was told to give up')
        return 2
    run = {'bvff': structures, 'descriptors': structures, 'train': train, 'encode': encode}[task]
    try:
        has_ended = run(job, writer)
    except RuntimeError as error:
        writer.fail(str(error))
        return 2
    if has_ended:
        writer.finish()
    else:
        writer.flush()
    return 0


if __name__ == '__main__':
    sys.exit(main())
