"""One screen in a process of its own: reads a task as JSON from standard input, prints one line of JSON."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ['measure_screen', 'peak_megabytes']

#: Columns of the hits that tell what they are.
_SHOWN = ('score', 'probability', 'oxidation_states', 'training_distance', 'inside')
ROOT = Path(__file__).resolve().parents[1]


def peak_megabytes() -> float:
    """Return the peak memory of this process so far, MB, without what the process that started it had."""
    status = Path('/proc/self/status')
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith('VmHWM'))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def measure_screen(task: dict[str, Any], threads: int) -> dict[str, Any]:
    """Run a screen in a new process.

    :param task: ``model``, the path of its file, and ``options`` as plain values.
    :param threads: number of processors that it may use.
    :returns: seconds, processor seconds, peak memory before and after, counts, hits.
    :raises RuntimeError: if the process failed, with what it said last.
    """
    done = subprocess.run(
        [sys.executable, '-m', 'benchmarks.screening_run'],
        input=json.dumps(task),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, 'OMP_NUM_THREADS': str(threads)},
    )
    if done.returncode != 0:
        raise RuntimeError(f'a screen failed with code {done.returncode}; what it said stands above')
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Run the task of standard input; the kernels are compiled before anything is timed."""
    from aiida_limap.engines.screening.funnel import ScreenOptions
    from aiida_limap.engines.screening.models import load_model
    from aiida_limap.engines.screening.screen import screen

    task = json.load(sys.stdin)
    model, options = load_model(task['model']), ScreenOptions.from_dict(task['options'])
    began = time.perf_counter()
    screen(model, options, last=1)
    compiling_s, before = time.perf_counter() - began, peak_megabytes()
    cpu = time.process_time()
    found = screen(model, options)
    cpu_s = time.process_time() - cpu
    result = {
        'wall_s': found.wall_s,
        'cpu_s': cpu_s,
        'first_system_s': compiling_s,
        'peak_MB_before': before,
        'peak_MB': peak_megabytes(),
        'systems': found.n_systems,
        'compositions': found.n_compositions,
        'counts': found.counts,
        'integer_counts': found.integer_counts,
        'funnel': found.funnel(),
        'formulas': found.hits['formula'].tolist(),
        'hits': {name: found.hits[name].tolist() for name in _SHOWN if name in found.hits},
        'load': os.getloadavg()[0],
    }
    sys.stdout.write(json.dumps(result) + '\n')


if __name__ == '__main__':
    main()
