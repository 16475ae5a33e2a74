"""A stand-in for ``limap-engine`` in a screening: real files, nothing computed. For tests only.

Descriptors are those of the other stand-in. Environment, beside what that one knows: STAND_IN_COUNTER is a folder in
which jobs are counted; STAND_IN_SCREENS=word,word,… says what becomes of each screening job in turn, and
STAND_IN_TRAINED likewise of each training (what comes after the last ends well): ``stopped`` ends without an end mark
after the first block, ``crash`` leaves nothing, ``refused`` gives up with a sentence, ``gone`` is a missing engine.
STAND_IN_HITS=0 finds nothing, STAND_IN_KINDS=word,word names the models of a training.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import stand_in_engine as other

from aiida_limap import __version__
from aiida_limap.common.status import Status
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import Job, read_job
from aiida_limap.formats.results import ItemResult, ResultsWriter
from aiida_limap.formats.screen_job import HIT, HIT_BLOCK, PREDICTION, block_name, part_of
from aiida_limap.formats.weights import MODELS, read_weights, write_weights

N_SYSTEMS = 20
BLOCK = 5


def setting(name: str) -> str:
    return os.environ.get(f'STAND_IN_{name}', '')


def next_word(name: str) -> str:
    """Return what is to become of this job; jobs that run side by side are counted one after the other."""
    words = setting(name).split(',') if setting(name) else []
    folder = Path(setting('COUNTER'))
    for number in range(1000):
        try:
            (folder / f'{name}-{number}').touch(exist_ok=False)
        except FileExistsError:
            continue
        return words[number] if number < len(words) else ''
    raise RuntimeError('too many jobs')


def train(job: Job, writer: ResultsWriter) -> bool:
    word = next_word('TRAINED')
    labels, features = (read_arrays(Path(job.inputs[role])) for role in ('labels', 'features'))
    known = dict(zip(labels['ids'].tolist(), labels['label'].tolist(), strict=True))
    kinds = (setting('KINDS') or 'sml,esml,atom2vec').split(',')
    Path(MODELS).mkdir()
    for kind in kinds:
        header = {
            'kind': f'screening-{kind}', 'architecture': {}, 'columns': {'features': ['mean group']}, 'scaling': {},
            'seed': 0, 'training': {}, 'data_hash': 'abc', 'engine_version': __version__,
        }  # fmt: skip
        write_weights(Path(MODELS) / f'{kind}.safetensors', {'weights': np.ones(1)}, header)
        writer.add(ItemResult(kind, Status.OK, '', {}))
    ids = features['ids'].tolist()
    writer.array(f'{PREDICTION}ids', features['ids'])
    writer.array(f'{PREDICTION}formula', np.array([f'Li{row + 1}S' for row in range(len(ids))]))
    writer.array(f'{PREDICTION}label', np.array([known.get(name, np.nan) for name in ids]))
    writer.summary(metrics=[], n_labelled=sum(name in known for name in ids))
    return end(word, writer)


def screen(job: Job, writer: ResultsWriter) -> bool:
    word = next_word('SCREENS')
    for role in job.inputs.values():
        read_weights(Path(role))
    given = job.parameters
    first, last = part_of(N_SYSTEMS, given['part']) if 'part' in given else (given['first'], given['last'])
    writer.summary(first=first, last=last, n_systems_in_all=N_SYSTEMS, options={'step_percent': given['step_percent']})
    if word == 'crash':
        sys.exit(139)
    numbers: list[int] = []
    for start in range(first, last, BLOCK):
        stop = min(start + BLOCK, last)
        found = [] if setting('HITS') == '0' else [number for number in range(start, stop) if number % 2]
        numbers += found
        values = {
            'first': start, 'last': stop, 'n_compositions': 10 * (stop - start), 'integer_counts': [],
            'counts': [['all', 10 * (stop - start)], ['neutral', 2 * len(found)], ['neutral_fast', len(found)]],
            'tallies': {'score': {'edges': [0, 1, 2], 'neutral': [len(found), 1]}},
        }  # fmt: skip
        writer.add(ItemResult(block_name(start, stop), Status.OK, '', values))
        if word == 'stopped':
            break
    if numbers:
        columns = {
            'formula': np.array([f'Li{number}S' for number in numbers]),
            'system': np.array(['Li-P-S'] * len(numbers)),
            'score': np.array([float(number) for number in numbers]),
            'probability': np.array([0.5] * len(numbers)),
        }
        if 'check' in job.inputs:
            columns['agrees'] = np.array([float(number % 3 == 0) for number in numbers])
        for name, column in columns.items():
            writer.array(HIT + name, column)
        writer.array(HIT_BLOCK, np.array([first + (number - first) // BLOCK * BLOCK for number in numbers]))
    return end(word, writer)


def place(job: Job, writer: ResultsWriter) -> bool:
    word = next_word('PLACED')
    for number, formula in enumerate(read_arrays(Path(job.inputs['formulas']))['formula'].tolist()):
        if number == 1:
            writer.add(ItemResult(formula, Status.FAILED, 'nobody knows it', {'x_comp': None}))
        else:
            writer.add(ItemResult(formula, Status.OK, '', {'x_comp': 0.9 + number}))
    return end(word, writer)


def end(word: str, writer: ResultsWriter) -> bool:
    """Let the job end as its word says; whether it has reached its end."""
    if word == 'crash':
        sys.exit(139)
    if word == 'gone':
        sys.stderr.write('limap-engine: command not found\n')
        Path('results.json').unlink(missing_ok=True)
        sys.exit(127)
    if word == 'refused':
        writer._document['items'] = []
        raise RuntimeError('screen: this cannot be done')
    return word != 'stopped'


def main() -> int:
    task, job_file = sys.argv[1:]
    tasks = {'screen_train': train, 'screen': screen, 'place_compositions': place}
    if task not in tasks:
        return other.main()
    writer = ResultsWriter(Path(), task, __version__)
    try:
        has_ended = tasks[task](read_job(Path(job_file)), writer)
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
