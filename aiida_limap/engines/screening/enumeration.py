"""Tallies of a range of chemical systems, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.screening import _count_kernels as counting
from aiida_limap.engines.screening import _kernels as kernels
from aiida_limap.engines.screening._neutral_kernels import Room
from aiida_limap.engines.screening._range_kernels import make_nearby
from aiida_limap.engines.screening.screen_plan import BIN_EDGES, Plan, make_plan
from aiida_limap.engines.screening.systems import percent_compositions
from aiida_limap.engines.threads import available_threads

__all__ = ['Block', 'Plan', 'make_plan', 'run_range']

#: Systems that one thread takes at a time.
_PORTION = 64
#: The same where a second model sees all that passes: those are in memory at once.
_SMALL_PORTION = 4
_SUMS = ('counts', 'histogram', 'first_element', 'by_element')
_HITS = ('score', 'number', 'code', 'probability')


@dataclass(frozen=True, eq=False)
class Block:
    """What is kept of a range of systems.

    :param counts: (2, 10) compositions by kind: the fast ones among all, then those after each stage.
    :param histogram: (2, b) neutral and last compositions by score.
    :param first_element: (2, parts + 1) neutral, and neutral fast, compositions of the grid by amount of the base.
    :param by_element: (n, 3) neutral, neutral fast and last compositions that hold an element.
    :param score: (hits,) best scores, descending.
    :param number: (hits,) numbers of their systems.
    :param code: (hits,) their amounts, a byte each.
    :param probability: (hits,) what the second model says; NaN without one.
    """

    counts: NDArray[np.int64]
    histogram: NDArray[np.int64]
    first_element: NDArray[np.int64]
    by_element: NDArray[np.int64]
    score: NDArray[np.float64]
    number: NDArray[np.int64]
    code: NDArray[np.int64]
    probability: NDArray[np.float64]

    @staticmethod
    def joined(blocks: list[Block], most: int) -> Block:
        """Add up blocks and keep the best of their hits; the order of the blocks does not matter.

        :param blocks: at least one.
        :param most: number of hits to keep.
        """
        hits = {name: np.concatenate([getattr(block, name) for block in blocks]) for name in _HITS}
        best = np.lexsort((hits['code'], hits['number'], -hits['score']))[:most]
        sums = {name: np.sum([getattr(block, name) for block in blocks], axis=0) for name in _SUMS}
        return Block(**sums, **{name: values[best] for name, values in hits.items()})


def run_range(plan: Plan, first: int, last: int, done: Callable[[int], None] | None = None) -> Block:
    """Screen a range of systems with all threads.

    :param plan: what to do.
    :param first: number of the first system.
    :param last: number behind the last one.
    :param done: called with the number of systems of each portion that is finished.
    """
    threads = plan.options.threads or available_threads()
    grids = _grids(plan) if plan.options.device == 'cpu' else {}
    portion = _PORTION if plan.second is None else _SMALL_PORTION
    starts = range(first, last, portion)
    best = _block(plan, _tally(plan, 0), 0, np.zeros(0, dtype=np.int64))
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(lambda start: _portion(plan, start, min(start + portion, last), grids), starts)
        for start, part in zip(starts, parts, strict=True):
            best = Block.joined([best, part], plan.options.best_total)
            if done is not None:
                done(min(portion, last - start))
    if plan.options.device != 'cpu':
        best.counts[0, 0] += _counted_by_torch(plan, first, last)
    return best


def _grids(plan: Plan) -> dict[int, counting.Grid]:
    wanted = plan.systems.sizes if plan.options.count_all else ()
    return {size: counting.make_grid(size, plan.rules.parts) for size in wanted}


def _counted_by_torch(plan: Plan, first: int, last: int) -> int:
    """Return how many of all compositions are fast, counted on a device of torch."""
    from aiida_limap.engines.screening._torch_counts import TorchCounter

    rows = plan.systems.table(first, last)
    sizes = (rows >= 0).sum(axis=1)
    return sum(
        TorchCounter(grid, plan.options.device).count(rows[sizes == size], plan.elements, plan.rules)
        for size, grid in _grids(plan).items()
    )


def _most_codes(plan: Plan) -> int:
    """Return the largest number of compositions of one kind that a system can have."""
    return max(percent_compositions(max(plan.systems.sizes), plan.options.step_percent), plan.rules.largest**4)


def _tally(plan: Plan, systems: int) -> kernels.Tally:
    shape = (systems, plan.options.best_per_system)
    passing = 0 if plan.second is None else 2 * systems * _most_codes(plan)
    return kernels.Tally(
        counts=np.zeros((len(kernels.KINDS), kernels.N_COUNTS), dtype=np.int64),
        histogram=np.zeros((2, len(BIN_EDGES) - 1), dtype=np.int64),
        first_element=np.zeros((2, plan.rules.parts + 1), dtype=np.int64),
        by_element=np.zeros((len(plan.systems.elements), 3), dtype=np.int64),
        best_score=np.full(shape, -np.inf),
        best_code=np.zeros(shape, dtype=np.int64),
        passed_number=np.zeros(1, dtype=np.int64),
        passed_code=np.empty(passing, dtype=np.int64),
        passed_score=np.empty(passing),
        passed_row=np.empty(passing, dtype=np.int64),
    )


def _desk(plan: Plan) -> kernels.Desk:
    choices = int(np.prod(np.sort(np.maximum(plan.charges.n_states, 1))[-4:]))
    room = Room(
        choices=np.zeros((choices + 1, 4, 2), np.int64),
        gaps=np.zeros(choices + 1),
        rows=np.zeros((128, 2), np.uint64),
        codes=np.empty(_most_codes(plan), np.int32),
    )
    return kernels.Desk(
        room=room,
        parts=np.zeros((4, kernels.CHUNK)),
        pairs=np.zeros((kernels.PAIRS, kernels.CHUNK)),
        score=np.zeros(kernels.CHUNK),
        shift=np.zeros((len(plan.rules.deviation), kernels.PAIRS)),
        nearby=make_nearby(plan.rules.domain),
    )


def _portion(plan: Plan, first: int, last: int, grids: Mapping[int, counting.Grid]) -> Block:
    """Screen some systems on one thread."""
    rows = plan.systems.table(first, last)
    tally = _tally(plan, last - first)
    desk = _desk(plan)
    kernels.screen_systems(rows, plan.charges, plan.elements, plan.rules, tally, desk)
    fast = 0
    for size, grid in grids.items():
        of_size = np.ascontiguousarray(rows[(rows >= 0).sum(axis=1) == size])
        space = counting.CountDesk(np.zeros(counting.STRIP, np.float32), np.zeros_like(desk.shift))
        fast += int(counting.count_fast(of_size, plan.elements, plan.rules, grid, space))
    found = _block(plan, tally, fast, np.arange(first, last))
    return found if plan.second is None else _asked(plan, tally, found, (rows, first))


def _asked(plan: Plan, tally: kernels.Tally, block: Block, where: tuple[NDArray[np.int64], int]) -> Block:
    """Ask the second model about all compositions that passed, and keep the best of those that it confirms."""
    assert plan.second is not None
    rows, first = where
    passed = slice(0, int(tally.passed_number[0]))
    row, code, score = tally.passed_row[passed], tally.passed_code[passed], tally.passed_score[passed]
    amounts = (code[:, None] >> np.array([0, 8, 16, 24])) & 255
    said, probability = plan.second.ask(plan.second.columns(plan.systems.elements)[rows[row]], amounts)
    good = np.flatnonzero(said > 0)
    score = said if plan.alone else score
    on_grid = amounts[good].sum(axis=1) == plan.rules.parts
    counts = block.counts.copy()
    counts[:, -1] = on_grid.sum(), (~on_grid).sum()
    # By system, then score: the place within the system is the distance to its first composition.
    order = good[np.lexsort((code[good], -score[good], row[good]))]
    rank = np.arange(len(order)) - np.searchsorted(row[order], row[order])
    best = order[rank < plan.options.best_per_system]
    kept = replace(
        block,
        counts=counts,
        score=score[best],
        number=first + row[best],
        code=code[best],
        probability=probability[best],
    )
    return Block.joined([kept], plan.options.best_total)


def _block(plan: Plan, tally: kernels.Tally, fast: int, numbers: NDArray[np.int64]) -> Block:
    kinds = len(kernels.KINDS)
    counts = np.concatenate([np.array([[fast], [0]]), tally.counts, np.zeros((kinds, 1), np.int64)], axis=1)
    row, place = np.nonzero(tally.best_score > -np.inf)
    found = Block(
        counts=counts,
        histogram=tally.histogram,
        first_element=tally.first_element,
        by_element=tally.by_element,
        score=tally.best_score[row, place],
        number=numbers[row],
        code=tally.best_code[row, place],
        probability=np.full(len(row), np.nan),
    )
    return Block.joined([found], plan.options.best_total)
