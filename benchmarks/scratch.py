"""A profile of its own with a daemon, thrown away afterwards: what a benchmark of AiiDA runs in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.common import Entry

if TYPE_CHECKING:
    from aiida.orm import InstalledCode, WorkChainNode

    from aiida_limap.data.dataset import DatasetData

__all__ = ['Daemon', 'folder_bytes', 'scratch_profile', 'stand_in_code', 'stored_dataset', 'wait_for']

_BIN = Path(sys.executable).parent
#: Structures that are stored in one transaction.
_CHUNK = 500
_POLL_S = 1.0
#: AiiDA gives a daemon two seconds to start unless it is told otherwise.
_START_S = 120


@dataclass(frozen=True)
class Daemon:
    """The workers of a daemon.

    :param pid: process id of the daemon, the parent of its workers.
    """

    pid: int

    def cpu_s(self) -> float:
        """Return the processor seconds of all workers so far; jobs are no children of theirs and do not count."""
        return sum(sum(worker.cpu_times()[:2]) for worker in self._workers())

    def peak_bytes(self) -> list[int]:
        """Return the largest resident memory of each worker so far."""
        return [_peak(worker.pid) for worker in self._workers()]

    def _workers(self) -> list[Any]:
        import psutil

        found = []
        for process in psutil.Process(self.pid).children(recursive=True):
            # A worker runs short commands, which may have ended since they were listed.
            with suppress(psutil.NoSuchProcess):
                if 'worker' in process.cmdline():
                    found.append(process)
        return found


def _peak(pid: int) -> int:
    for line in Path(f'/proc/{pid}/status').read_text(encoding='utf-8').splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) * 1024
    raise click.ClickException('this system does not tell the largest memory of a process; use Linux')


@contextmanager
def scratch_profile(workers: int) -> Iterator[tuple[Daemon, Path]]:
    """Make a profile (SQLite, ZeroMQ) with a running daemon, load it, and remove it at the end.

    A process can do so once: AiiDA reads where its profiles are when it is imported.

    :param workers: number of daemon workers.
    """
    if 'aiida' in sys.modules:
        raise click.ClickException('AiiDA is loaded already with another profile; run this benchmark by itself')
    folder = Path(tempfile.mkdtemp(prefix='limap-scratch-'))
    os.environ.update(AIIDA_PATH=str(folder), PATH=f'{_BIN}{os.pathsep}{os.environ.get("PATH", "")}')
    try:
        _run('verdi', 'presto', '--use-zeromq', '--non-interactive')
        _run('aiida-limap', 'setup', 'computer', '--work-folder', str(folder / 'jobs'))
        _run('verdi', 'daemon', 'start', str(workers), '--timeout', str(_START_S))
        from aiida import load_profile
        from aiida.engine.daemon.client import get_daemon_client

        load_profile()
        pid = get_daemon_client().get_daemon_pid()
        if pid is None:
            raise click.ClickException('the daemon did not start')
        yield Daemon(pid), folder
    finally:
        subprocess.run([str(_BIN / 'verdi'), 'daemon', 'stop'], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str) -> None:
    done = subprocess.run([str(_BIN / command[0]), *command[1:]], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise click.ClickException(f'{" ".join(command)} failed: {done.stderr.strip() or done.stdout.strip()}')


def stored_dataset(entries: Sequence[Entry], count: int) -> DatasetData:
    """Store structures, each with a tiny strain of its own, and a dataset of them.

    :param entries: structures, repeated as often as needed.
    :param count: how many.
    :returns: the dataset; no two of its structures are equal.
    """
    from aiida.manage import get_manager

    from aiida_limap.common.conversion import node_from_pymatgen
    from aiida_limap.data.dataset import DatasetData

    stored: list[tuple[str, str]] = []
    for start in range(0, count, _CHUNK):
        with get_manager().get_profile_storage().transaction():
            for number in range(start, min(start + _CHUNK, count)):
                entry = entries[number % len(entries)]
                structure = entry.structure.copy()
                structure.apply_strain(1e-5 * (1 + number // len(entries)))
                node = node_from_pymatgen(structure).store()
                stored.append((node.uuid, f'{entry.id}-{number}'))
    return DatasetData(name=f'{count} strained structures', structures=stored).store()


def stand_in_code(folder: Path) -> InstalledCode:
    """Return a code that runs the engine which answers at once.

    :param folder: where its script is put.
    """
    from aiida import orm

    script = folder / 'stand-in'
    path = Path(__file__).with_name('stand_in.py')
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {path} "$@"\n', encoding='utf-8')
    script.chmod(0o755)
    computer = orm.load_computer('localhost')
    return orm.InstalledCode(label='stand-in', computer=computer, filepath_executable=str(script)).store()


def wait_for(chain: WorkChainNode, on_wait: Callable[[float], None] | None = None) -> float:
    """Wait for a work chain and return the seconds that it took.

    :param chain: a work chain that was just submitted.
    :param on_wait: called with the seconds so far.
    """
    started = time.perf_counter()
    while not chain.is_terminated:
        time.sleep(_POLL_S)
        if on_wait is not None:
            on_wait(time.perf_counter() - started)
    return time.perf_counter() - started


def folder_bytes(folder: Path) -> int:
    """Return the size of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file())
