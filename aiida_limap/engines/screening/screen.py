"""Screens of chemical systems: counts stage by stage, the best compositions, and going on after a stop."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._kernels import KINDS
from aiida_limap.engines.screening.enumeration import Block, run_range
from aiida_limap.engines.screening.funnel import STAGES, ScreenOptions
from aiida_limap.engines.screening.hits import hit_columns
from aiida_limap.engines.screening.screen_files import BlockFolder
from aiida_limap.engines.screening.screen_plan import BIN_EDGES, Plan, make_plan

__all__ = ['ScreenResult', 'merge_results', 'screen']

#: Names of the counts of a block, in its order.
_COUNTED = (
    'fast', 'neutral', 'neutral_fast', 'light', 'affordable', 'first_rows', 'anions', 'stable', 'inside', 'confirmed',
)  # fmt: skip
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class ScreenResult:
    """What a screen found.

    :param counts: compositions of the grid that are left after each stage of ``STAGES``; ``fast``, ``stable``,
        ``inside`` and ``confirmed`` only where they were asked for.
    :param integer_counts: the same for formulas of small integers that the grid does not hold, from ``neutral`` on.
    :param hits: columns of the best compositions after all stages, by descending score; see
        :func:`~aiida_limap.engines.screening.hits.hit_columns`.
    :param histograms: ``score``: edges, and compositions of both kinds by score (``neutral``, and ``left`` after all
        stages), the outer bins with what lies beyond; ``base_percent``: compositions of the grid by percentage of the
        base element (``neutral``, ``neutral_fast``).
    :param elements: ``symbols``, and ``neutral``, ``neutral_fast`` and ``left``: compositions of both kinds that hold
        each.
    :param n_systems: number of chemical systems.
    :param n_compositions: number of compositions of the grid, by arithmetic.
    :param wall_s: seconds that this call took.
    :param n_resumed: systems that were read from the folder.
    :param ranges: ranges of systems, first and behind the last.
    :param message: a sentence where nothing is left, saying after which stage; else empty.
    :param plan: model and options.
    :param block: the tallies as they are kept.
    """

    counts: dict[str, int]
    integer_counts: dict[str, int]
    hits: dict[str, NDArray]
    histograms: dict[str, dict[str, NDArray]]
    elements: dict[str, NDArray]
    n_systems: int
    n_compositions: int
    wall_s: float
    n_resumed: int
    ranges: tuple[tuple[int, int], ...]
    message: str
    plan: Plan
    block: Block

    @property
    def n_passed(self) -> int:
        """Number of compositions of both kinds that passed all stages, of which ``hits`` holds the best."""
        return list(self.counts.values())[-1] + list(self.integer_counts.values())[-1]

    @property
    def note(self) -> str:
        """A sentence where the range of the model was asked for, but the model does not know it; else empty."""
        return self.plan.note

    def funnel(self) -> list[dict[str, Any]]:
        """Return the stages in order: name, label, count of the grid, count of further formulas, published count."""
        return [
            {
                'name': stage.name,
                'label': stage.label,
                'count': self.counts[stage.name],
                'integers': self.integer_counts.get(stage.name),
                'published': stage.published,
            }
            for stage in STAGES
            if stage.name in self.counts
        ]


def screen(
    model: Any,
    options: ScreenOptions | None = None,
    *,
    first: int = 0,
    last: int | None = None,
    directory: Path | str | None = None,
    progress: Progress | None = None,
    second: Any = None,
) -> ScreenResult:
    """Enumerate the compositions of chemical systems and keep the best that pass all stages.

    Neutral compositions are solved for by integer arithmetic and scored in double precision; nothing that grows with
    their number is kept. The result does not depend on threads, blocks, or stops.

    :param model: a linear model on element properties, or an estimator that has one as ``linear``; or a classifier of
        compositions alone, as for ``second``: then ``neutral_fast`` counts all that is neutral, ``confirmed`` what the
        classifier calls fast, and the hits have its scores.
    :param options: what is enumerated and let through.
    :param first: number of the first chemical system.
    :param last: number behind the last one; None for all.
    :param directory: folder to keep finished blocks in, and to take them from.
    :param progress: called with the number of systems that are done and that of all.
    :param second: a classifier of compositions, such as an ``Atom2VecClassifier``, that is asked about everything that
        passes all stages; hits are then only what it calls fast as well, counted as ``confirmed``.
    :raises InputError: if model or options are wrong, nothing can be left, the range is none, or the folder holds
        another screen.
    """
    started = time.perf_counter()
    plan = make_plan(model, options, second)
    last = len(plan.systems) if last is None else last
    if not 0 <= first < last <= len(plan.systems):
        raise InputError(
            f'systems {first} to {last} were asked for; there are {len(plan.systems)}, numbered from 0, the last one '
            f'is not counted'
        )
    folder = None if directory is None else BlockFolder(directory, plan)
    seen = 0

    def done(number: int) -> None:
        nonlocal seen
        seen += number
        if progress is not None:
            progress(seen, last - first)

    blocks: list[Block] = []
    resumed = 0
    for start, end in _cut(first, last, plan.options.block_systems):
        block = None if folder is None else folder.read(start, end)
        if block is not None:
            resumed += end - start
            done(end - start)
        else:
            block = run_range(plan, start, end, done)
            if folder is not None:
                folder.write(start, end, block)
        blocks = [Block.joined([*blocks, block], plan.options.best_total)]
    return _result(plan, blocks[0], ((first, last),), time.perf_counter() - started, resumed)


def _cut(first: int, last: int, size: int) -> list[tuple[int, int]]:
    """Cut a range at multiples of a size, so that ranges that overlap share their blocks."""
    edges = [first, *range((first // size + 1) * size, last, size), last]
    return list(itertools.pairwise(edges))


def merge_results(results: Sequence[ScreenResult]) -> ScreenResult:
    """Return the result of several ranges of one screen.

    :param results: of the same model and options; their ranges must not overlap.
    :raises InputError: if there is none, they are of different screens, or a system was screened twice.
    """
    if not results:
        raise InputError('there are no results of screens to merge')
    plan = results[0].plan
    if any(result.plan.checksum != plan.checksum for result in results):
        raise InputError('results of screens with different models or options cannot be merged')
    ranges = sorted(span for result in results for span in result.ranges)
    for (_, end), (start, _) in itertools.pairwise(ranges):
        if start < end:
            raise InputError(f'results overlap: systems {start} to {end} were screened twice')
    block = Block.joined([result.block for result in results], plan.options.best_total)
    wall_s = sum(result.wall_s for result in results)
    return _result(plan, block, tuple(ranges), wall_s, sum(result.n_resumed for result in results))


def _result(plan: Plan, block: Block, ranges: tuple[tuple[int, int], ...], wall_s: float, resumed: int) -> ScreenResult:
    n_compositions = sum(plan.systems.compositions_of(*span, plan.options.step_percent) for span in ranges)
    left_out = {'fast'} if not plan.options.count_all else set()
    left_out |= {'stable'} if plan.options.stability_gap is None else set()
    left_out |= set() if plan.asks_range else {'inside'}
    left_out |= {'confirmed'} if plan.second is None else set()
    tables = [
        {name: int(value) for name, value in zip(_COUNTED, row, strict=True) if name not in left_out}
        for row in block.counts
    ]
    counts, integers = {'all': n_compositions, **tables[KINDS.index('percent')]}, tables[KINDS.index('integers')]
    integers.pop('fast', None)
    percent = np.arange(plan.rules.parts + 1) * plan.options.step_percent
    return ScreenResult(
        counts=counts,
        integer_counts=integers,
        hits=hit_columns(plan, block),
        histograms={
            'score': {'edges': BIN_EDGES, 'neutral': block.histogram[0], 'left': block.histogram[1]},
            'base_percent': {
                'percent': percent,
                'neutral': block.first_element[0],
                'neutral_fast': block.first_element[1],
            },
        },
        elements={
            'symbols': np.array(plan.systems.elements),
            **{name: block.by_element[:, place] for place, name in enumerate(('neutral', 'neutral_fast', 'left'))},
        },
        n_systems=sum(end - start for start, end in ranges),
        n_compositions=n_compositions,
        wall_s=wall_s,
        n_resumed=resumed,
        ranges=ranges,
        message=_message(counts, integers),
        plan=plan,
        block=block,
    )


def _message(counts: dict[str, int], integers: dict[str, int]) -> str:
    for stage in STAGES:
        if stage.name in integers and not counts[stage.name] + integers[stage.name]:
            return (
                f'no composition is left after the stage "{stage.label}": loosen its limit, leave it out, or take '
                f'another model'
            )
    return ''
