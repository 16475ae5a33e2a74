"""What running jobs have written so far, looked at as seldom as their computer demands."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiida_limap.tools.processes import ProcessFacts, local_computers

__all__ = ['RunningResults']

_RESULTS_FILE = 'results.json'
#: Looking at a file of another computer opens a connection, which costs its users something too.
_REMOTE_INTERVAL_S = 60.0


class RunningResults:
    """The results files of running jobs; what was read from another computer is remembered for a minute."""

    def __init__(self) -> None:
        self._remote: dict[int, tuple[float, dict[str, Any]]] = {}

    def of(self, jobs: Sequence[ProcessFacts], *, remote: bool = False) -> dict[int, dict[str, Any]]:
        """Return the results files of running jobs.

        :param jobs: jobs that have not ended.
        :param remote: whether jobs of other computers are looked at too.
        :returns: documents by primary key; a job that has not written any is left out.
        """
        local = local_computers([job.pk for job in jobs if job.workdir])
        found = {}
        for job in jobs:
            if job.pk in local:
                document = _read(Path(str(job.workdir)) / _RESULTS_FILE)
            elif remote and job.workdir:
                document = self._look(job)
            else:
                continue
            if document:
                found[job.pk] = document
        return found

    def _look(self, job: ProcessFacts) -> dict[str, Any]:
        looked_at, document = self._remote.get(job.pk, (float('-inf'), {}))
        if time.monotonic() - looked_at >= _REMOTE_INTERVAL_S:
            document = _fetch(job.pk)
            self._remote[job.pk] = (time.monotonic(), document)
        return document


def _fetch(pk: int) -> dict[str, Any]:
    """Return the results file of a job on another computer; empty if there is none yet, or no way to it now."""
    from aiida import orm
    from aiida.common.exceptions import AiidaException

    node = orm.load_node(pk)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / _RESULTS_FILE
        try:
            node.outputs.remote_folder.getfile(_RESULTS_FILE, str(target))
        except (AttributeError, OSError, AiidaException):
            return {}
        return _read(target)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        # The job has not started, has not written its first results yet, or is just writing them.
        return {}
    return document if isinstance(document, dict) else {}
