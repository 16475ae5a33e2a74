"""``job.json``: what an engine is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from aiida_limap.formats._files import FormatError, check_keys, check_schema, read_json, write_json

__all__ = ['JOB_FILE', 'TASKS', 'Job', 'read_job', 'write_job']

JOB_FILE = 'job.json'
SCHEMA = 'limap.job'
SCHEMA_VERSION = 1
TASKS = (
    'bvff',
    'descriptors',
    'train',
    'encode',
    'screen_train',
    'screen',
    'place_compositions',
    'phonons',
    'cluster_phonons',
)


@dataclass(frozen=True)
class Job:
    """One task with its parameters and the files it reads.

    :param task: the name of an engine task, one of :data:`TASKS`.
    :param parameters: options of the task; the engine refuses unknown ones.
    :param inputs: file name by role, relative to the folder of the job file.
    """

    task: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise FormatError(f'job: unknown task {self.task!r}; known are {", ".join(TASKS)}')
        for role, name in self.inputs.items():
            path = PurePosixPath(name)
            if path.is_absolute() or '..' in path.parts or not name:
                raise FormatError(f'job: the input {role!r} must name a file in the folder of the job, not {name!r}')


def write_job(path: Path, job: Job) -> None:
    """Write a job file atomically.

    :param path: the file to write, usually ``job.json``.
    :param job: the job.
    :raises FormatError: if a parameter cannot be written as JSON.
    """
    write_json(
        Path(path),
        {
            'schema': SCHEMA,
            'schema_version': SCHEMA_VERSION,
            'task': job.task,
            'parameters': dict(job.parameters),
            'inputs': dict(job.inputs),
        },
    )


def read_job(path: Path) -> Job:
    """Read a job file.

    :param path: the file to read.
    :returns: the job.
    :raises FormatError: if the file is missing, damaged, of another schema or holds an unknown key.
    """
    path = Path(path)
    document = read_json(path)
    check_schema(path.name, document, SCHEMA, SCHEMA_VERSION)
    check_keys(path.name, document, ('schema', 'schema_version', 'task', 'parameters', 'inputs'))
    for key in ('parameters', 'inputs'):
        if not isinstance(document[key], dict):
            raise FormatError(f'{path.name}: {key!r} must be an object')
    if not all(isinstance(name, str) for name in document['inputs'].values()):
        raise FormatError(f'{path.name}: every input must be a file name')
    return Job(document['task'], document['parameters'], document['inputs'])
