"""Ranges of chemical systems: what one job gets, and what is left of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from aiida_limap.workflows._rules import MEMORY, REFUSED, STOP

__all__ = ['Part', 'first_parts', 'parameters_of', 'retries_of']

_RANGE = ('first', 'last', 'part')
_BLOCK = 'block_systems'
_HITS = 'best_total'
#: Systems of a block after a job that ran out of memory.
_SMALL_BLOCK = 50


class Part(TypedDict):
    """What one job gets.

    ``range`` holds the parameters that name its systems. ``attempts`` counts the jobs in a row that did not get further
    with them, ``small`` says that the engine is to save memory.
    """

    range: dict[str, Any]
    attempts: int
    small: bool


def first_parts(parameters: Mapping[str, Any], n_jobs: int) -> list[Part]:
    """Return what the first jobs get.

    :param parameters: the parameters of all of them; a range that they name is left to one job.
    :param n_jobs: number of jobs.
    """
    given = {name: parameters[name] for name in _RANGE if name in parameters}
    ranges = [given] if given else [{'part': [number, n_jobs]} for number in range(n_jobs)]
    return [{'range': entry, 'attempts': 0, 'small': False} for entry in ranges]


def parameters_of(part: Part, parameters: Mapping[str, Any], max_hits: int) -> dict[str, Any]:
    """Return the parameters of the job that gets a part.

    :param part: the part.
    :param parameters: the parameters of all jobs.
    :param max_hits: hits that are kept in the end: a job that keeps as many loses none of them.
    """
    shared = {name: value for name, value in parameters.items() if name not in _RANGE}
    shared[_HITS] = max(int(shared.get(_HITS, 1)), max_hits)
    if part['small']:
        shared[_BLOCK] = min(_SMALL_BLOCK, int(shared.get(_BLOCK, _SMALL_BLOCK)))
    return {**shared, **part['range']}


def retries_of(
    part: Part, unfinished: Sequence[Sequence[int]] | None, rule: str, max_attempts: int
) -> tuple[list[Part], str]:
    """Return what the next jobs get of a part that one left unfinished.

    :param part: the part.
    :param unfinished: pairs of the first system and the one after the last; None where the job left nothing.
    :param rule: why it ended, see :mod:`aiida_limap.workflows._rules`.
    :param max_attempts: jobs in a row that may end without getting further.
    :returns: the parts and what becomes of them, as a sentence; none where they are given up.
    """
    if rule in {STOP, REFUSED}:
        return [], 'This would happen again, so they are given up'
    small = part['small'] or rule == MEMORY
    if unfinished is not None:
        left: list[Part] = [
            {'range': {'first': int(first), 'last': int(last)}, 'attempts': 0, 'small': small}
            for first, last in unfinished
        ]
        return left, 'Another job goes on with them'
    attempts = part['attempts'] + 1
    if attempts >= max_attempts:
        return [], f'They are given up after {attempts} jobs that finished none of them'
    return [{**part, 'attempts': attempts, 'small': small}], 'They get another job'
