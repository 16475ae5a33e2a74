"""Files of the jobs of a screening: what the engine and those who read its results agree on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
    'CHECK_MODEL_FILE',
    'FEATURES_FILE',
    'FORMULAS_FILE',
    'HIT',
    'HIT_BLOCK',
    'LABELS_FILE',
    'PREDICTION',
    'TALLY_AXES',
    'block_name',
    'merged_ranges',
    'part_of',
    'remaining_ranges',
    'sum_counts',
    'sum_tallies',
]

LABELS_FILE = 'labels.npz'
FEATURES_FILE = 'features.npz'
FORMULAS_FILE = 'formulas.npz'
CHECK_MODEL_FILE = 'check.safetensors'
#: How the names of the arrays of hits begin, one array per column; that of the number of the block of each hit.
HIT = 'hit_'
HIT_BLOCK = 'hit_block'
#: How the names of the arrays begin that say what the models make of the structures of a training.
PREDICTION = 'prediction_'

#: What the numbers of a tally are counted by; equal in all blocks of a screen.
TALLY_AXES = ('edges', 'percent', 'symbols')

Range = tuple[int, int]
Tallies = Mapping[str, Mapping[str, Sequence[Any]]]


def block_name(first: int, last: int) -> str:
    """Return the name of a block of chemical systems: ``00000000-00000500``.

    :param first: number of the first system of the block.
    :param last: number after that of its last one.
    """
    return f'{first:08d}-{last:08d}'


def part_of(n_systems: int, part: Sequence[int]) -> Range:
    """Return the systems that one of several jobs takes.

    :param n_systems: number of all systems.
    :param part: number of the job, from 0, and number of jobs.
    :returns: first system, and the one after the last.
    :raises ValueError: if there is no such part.
    """
    number, parts = part
    if not 0 <= number < parts:
        raise ValueError(f'there is no part {number} of {parts}; parts are counted from 0')
    return n_systems * number // parts, n_systems * (number + 1) // parts


def merged_ranges(ranges: Iterable[Sequence[int]]) -> list[Range]:
    """Return ranges in their order, those that touch as one.

    :param ranges: pairs of the first number and the one after the last.
    :raises ValueError: if two of them overlap.
    """
    merged: list[Range] = []
    for first, last in sorted((int(first), int(last)) for first, last in ranges):
        if first >= last:
            continue
        if merged and first < merged[-1][1]:
            raise ValueError(f'the systems {first} to {min(last, merged[-1][1])} are counted twice')
        if merged and first == merged[-1][1]:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return merged


def remaining_ranges(whole: Sequence[int], done: Iterable[Sequence[int]]) -> list[Range]:
    """Return what of a range is not done.

    :param whole: first number and the one after the last.
    :param done: ranges within it.
    :returns: the gaps, in their order.
    """
    gaps, start = [], int(whole[0])
    for first, last in merged_ranges(done):
        if first > start:
            gaps.append((start, first))
        start = last
    if start < whole[1]:
        gaps.append((start, int(whole[1])))
    return gaps


def sum_counts(counts: Iterable[Sequence[Sequence[Any]]]) -> list[list[Any]]:
    """Return the sum of counts by stage.

    :param counts: for each block pairs of stage and number, in the order of the stages.
    """
    total: dict[str, int] = {}
    for entry in counts:
        for stage, count in entry:
            total[str(stage)] = total.get(str(stage), 0) + int(count)
    return [[stage, count] for stage, count in total.items()]


def sum_tallies(tallies: Iterable[Tallies]) -> dict[str, dict[str, list[Any]]]:
    """Return the sum of tallies: numbers by score, by percentage of an element, or by element.

    :param tallies: for each block by name an axis, one of :data:`TALLY_AXES`, and counts along it by name.
    :raises ValueError: if two blocks do not share an axis.
    """
    total: dict[str, dict[str, list[Any]]] = {}
    for entry in tallies:
        for name, found in entry.items():
            known = total.setdefault(
                name, {key: list(values) if key in TALLY_AXES else [0] * len(values) for key, values in found.items()}
            )
            for key, values in found.items():
                if key not in TALLY_AXES:
                    known[key] = [int(one) + int(other) for one, other in zip(known[key], values, strict=True)]
                elif list(known[key]) != list(values):
                    raise ValueError(f'the tally {name!r} is counted by other {key} in one of the blocks')
    return total
