"""From a task name to its function: reads the job, runs it, and always leaves results behind, also of a partial run."""

from __future__ import annotations

import importlib
import logging
import signal
from pathlib import Path
from types import FrameType
from typing import NoReturn

from aiida_limap import __version__
from aiida_limap.engines.errors import LimapError
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.job import JOB_FILE, read_job
from aiida_limap.formats.results import ResultsWriter

__all__ = ['TASK_MODULES', 'run_job']

logger = logging.getLogger(__name__)

#: Module of each task; its function ``run(job, directory, writer)`` does the work. Imported only when asked for.
TASK_MODULES = {
    'bvff': 'aiida_limap.engines.bvff.task',
    'descriptors': 'aiida_limap.engines.descriptors.task',
    'train': 'aiida_limap.engines.autoencoder.train_task',
    'encode': 'aiida_limap.engines.autoencoder.encode_task',
    'screen_train': 'aiida_limap.engines.screening.train_task',
    'screen': 'aiida_limap.engines.screening.screen_task',
    'place_compositions': 'aiida_limap.engines.placing.task',
    'phonons': 'aiida_limap.engines.phonons.task',
    'cluster_phonons': 'aiida_limap.engines.phonons.cluster_task',
}


class Terminated(BaseException):
    """The scheduler asked the job to stop; not an Exception, so that no per-structure handler swallows it."""


def run_job(task: str, job_file: Path) -> int:
    """Run one job file and write ``results.json`` and ``arrays.npz`` beside it.

    :param task: the task that the caller expects; must be the one in the file.
    :param job_file: path of the job file, usually ``job.json``.
    :returns: 0 when the job reached its end (also with failed rows), 1 when the engine met an unexpected error,
        2 when the job itself is wrong, 143 when it was told to stop.
    """
    directory = Path(job_file).resolve().parent
    writer = ResultsWriter(directory, task, __version__)
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        job = read_job(Path(job_file))
        if job.task != task:
            raise FormatError(f'{JOB_FILE}: it asks for task {job.task!r}, but {task!r} was started')
        importlib.import_module(TASK_MODULES[task]).run(job, directory, writer)
        writer.finish()
    except Terminated:
        logger.error('stopped by a signal; the results so far are kept')
        writer.flush()
        return 143
    except (LimapError, FormatError) as error:
        logger.error('%s', error)
        writer.fail(str(error))
        return 2
    except Exception as error:
        logger.exception('unexpected error')
        writer.fail(f'{type(error).__name__}: {error}')
        return 1
    finally:
        signal.signal(signal.SIGTERM, previous)
    return 0


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated
