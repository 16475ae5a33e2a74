"""How many threads the engines use."""

from __future__ import annotations

import os

__all__ = ['available_threads']


def available_threads() -> int:
    """Return how many threads to use: ``OMP_NUM_THREADS`` where it is set, else the processors of this process."""
    wanted = os.environ.get('OMP_NUM_THREADS', '')
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
