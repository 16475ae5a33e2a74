"""How long the jobs of a stage will still take, from those that ended."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

__all__ = ['seconds_left']

#: A job that takes longer than the others is not said to be ready at once.
_LEAST_SHARE = 0.1


def seconds_left(durations: Sequence[float], running: Sequence[float], n_waiting: int, at_once: int) -> float | None:
    """Return an estimate of the time until the last job of a stage ends.

    The median of what ended is taken for all, so that a job that waited for a daemon which was stopped over night does
    not count for more than one.

    :param durations: how long jobs that ended well took, s.
    :param running: how long the running jobs have been running for, s.
    :param n_waiting: jobs that have not been submitted.
    :param at_once: how many jobs run at a time.
    :returns: seconds; None while no job has ended.
    """
    if not durations:
        return None
    typical = median(durations)
    if typical <= 0:
        return 0.0
    shares = [max(_LEAST_SHARE, 1 - elapsed / typical) for elapsed in running]
    in_flight = max(shares, default=0.0)
    # What waits goes in waves behind what runs.
    waves = -(-n_waiting // max(1, at_once))
    return typical * (in_flight + waves)
