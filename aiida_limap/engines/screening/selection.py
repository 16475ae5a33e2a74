"""Which few of many columns a linear classifier should read: every subset tried, and what the choice is worth.

Cubuk, Sendek & Reed, J. Chem. Phys. 150, 214701 (2019), tried every subset of their descriptors and kept the one with
the best leave-one-out accuracy (97.5 % of 40 rows, seven descriptors). The best of thousands of noisy numbers is better
than what it stands for; :func:`nested_selection` repeats the choice without the row that is judged, and
:func:`permuted_searches` shows what the search finds where there is nothing to find.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._checks import check_class_weight, check_groups, check_labels, check_rows
from aiida_limap.engines.screening._subset_kernels import search_block
from aiida_limap.engines.screening.validation import share_in_folds
from aiida_limap.engines.threads import available_threads

__all__ = ['SearchOptions', 'Subset', 'SubsetSearch', 'count_subsets', 'search_subsets']

#: Subsets of one piece of work.
_BLOCK = 512
#: Blocks that know the same best subsets; not the number of threads, so that this changes nothing.
_BATCH = 16


@dataclass(frozen=True)
class SearchOptions:
    """How subsets are searched and judged.

    :param max_size: largest number of columns of a subset.
    :param min_size: smallest one.
    :param C: how much an error of the support-vector machine counts against small weights on standardised columns.
    :param class_weight: ``balanced`` or None.
    :param n_folds: folds that judge a subset; None leaves out one group (row) at a time, the paper's way.
    :param keep: how many of the best subsets of each size are told.
    :param seed: of the folds, if any.
    :raises InputError: if a value is out of range.
    """

    max_size: int = 7
    min_size: int = 1
    C: float = 1.0
    class_weight: str | None = None
    n_folds: int | None = None
    keep: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        check_class_weight(self.class_weight)
        if not 1 <= self.min_size <= self.max_size:
            raise InputError(f'subsets from {self.min_size} to {self.max_size} columns do not exist')
        if not math.isfinite(self.C) or self.C <= 0 or self.keep < 1:
            raise InputError(f'C must be above zero and keep at least 1, not {self.C!r} and {self.keep!r}')


@dataclass(frozen=True)
class Subset:
    """A subset of the columns.

    :param features: labels, in the order of the columns.
    :param errors: held-out rows that are called wrong.
    :param accuracy: share of the held-out rows that are called right.
    :param hinge_loss: mean of ``max(0, 1 - sign * score)`` over held-out rows; it decides among equal accuracies.
    """

    features: tuple[str, ...]
    errors: int
    accuracy: float
    hinge_loss: float


@dataclass(frozen=True)
class SubsetSearch:
    """What a search found.

    :param by_size: the best subsets of each size, the best first: least errors, then least hinge loss, then the order
        of the columns.
    :param n_subsets: by size, how many subsets there are; all were tried.
    :param n_ties: by size, how many subsets have as few errors as the best of that size.
    :param n_rows: rows that they were judged on.
    :param n_fits: support-vector machines that were fitted; a subset is left as soon as it has more errors than the
        worst that would be told.
    :param n_unfinished: fits that were stopped short of the tolerance.
    :param wall_s: time that it took.
    """

    by_size: dict[int, tuple[Subset, ...]]
    n_subsets: dict[int, int]
    n_ties: dict[int, int]
    n_rows: int
    n_fits: int
    n_unfinished: int
    wall_s: float

    @property
    def best(self) -> Subset:
        """The subset with the least errors; of several the smallest, then the one with the least hinge loss."""
        return min((found[0] for found in self.by_size.values()), key=lambda item: (item.errors, len(item.features)))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            'best': [
                {'size': size, 'subsets': self.n_subsets[size], 'ties': self.n_ties[size], **vars(found[0])}
                for size, found in self.by_size.items()
            ],
            'rows': self.n_rows,
            'fits': self.n_fits,
            'unfinished_fits': self.n_unfinished,
            'wall_s': self.wall_s,
        }


def count_subsets(n_features: int, options: SearchOptions) -> int:
    """Return how many subsets a search tries.

    :param n_features: number of columns.
    :param options: sizes.
    """
    return sum(math.comb(n_features, size) for size in range(options.min_size, options.max_size + 1))


def search_subsets(
    rows: ArrayLike,
    labels: ArrayLike,
    features: Sequence[str],
    options: SearchOptions | None = None,
    groups: Sequence[Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SubsetSearch:
    """Fit a linear support-vector machine to every subset of the columns, and judge each by held-out rows.

    Nothing is approximated: for each subset the machine is fitted anew for each fold, on columns that are standardised
    by the rows that it learns from. Fits start from the solution of the fold before; a subset is left when it can no
    longer be among those that are told.

    :param rows: (n, p) features, raw.
    :param labels: (n,) 0 or 1.
    :param features: (p,) labels of the columns.
    :param options: sizes, machine and folds.
    :param groups: (n,) rows that are left out together.
    :param progress: called with the number of subsets done, and of all, now and then.
    :returns: the best of each size.
    :raises InputError: if rows and labels are not fit for training, or there are fewer columns than a subset has.
    """
    options = options or SearchOptions()
    task = _Task(rows, labels, features, options, groups)
    started = time.perf_counter()
    total, done = count_subsets(task.rows.shape[1], options), 0
    by_size: dict[int, tuple[Subset, ...]] = {}
    subsets, ties = {}, {}
    fits = unfinished = 0
    with ThreadPoolExecutor(available_threads()) as pool:
        for size in range(options.min_size, options.max_size + 1):
            best = _Best(size, options.keep, len(task.signs))
            for blocks in _batches(task.rows.shape[1], size, _BATCH):
                most = best.most
                for found in pool.map(lambda block, most=most: task.block(block[0], block[1], most), blocks):
                    best.add(*found[:4])
                    fits, unfinished = fits + int(found[4][0]), unfinished + int(found[4][1])
                done += sum(count for _, count in blocks)
                if progress is not None:
                    progress(done, total)
            by_size[size] = best.subsets(task.features)
            subsets[size] = math.comb(task.rows.shape[1], size)
            ties[size] = int(best.by_errors[by_size[size][0].errors])
    wall = time.perf_counter() - started
    return SubsetSearch(by_size, subsets, ties, len(task.signs), fits, unfinished, wall)


class _Task:
    """Rows, folds and bounds, as the kernels want them."""

    def __init__(
        self,
        rows: ArrayLike,
        labels: ArrayLike,
        features: Sequence[str],
        options: SearchOptions,
        groups: Sequence[Any] | None,
    ) -> None:
        raw = check_rows(rows, len(features))
        y = check_labels(labels, len(raw))
        if options.max_size > raw.shape[1]:
            raise InputError(f'there are no subsets of {options.max_size} columns among {raw.shape[1]}')
        member = check_groups(groups, len(y))
        folds = member if options.n_folds is None else share_in_folds(y, member, options.n_folds, options.seed)
        self.features = tuple(features)
        self.keep = options.keep
        self.folds = np.ascontiguousarray(folds)
        self.signs = np.where(y == 1, 1.0, -1.0)
        spread = _spread(raw)
        self.rows = np.ascontiguousarray((raw - raw.mean(axis=0)) / spread)
        n_folds = int(self.folds.max()) + 1
        self.scales, self.upper = np.empty((n_folds, raw.shape[1])), np.zeros((n_folds, len(y)))
        for fold in range(n_folds):
            inside = self.folds != fold
            if len(set(y[inside].tolist())) < 2:
                raise InputError(f'without fold {fold} all rows are of one class; ask for other folds or groups')
            self.scales[fold] = 1 / _spread(self.rows[inside])
            for label in (0, 1):
                which = inside & (y == label)
                weight = inside.sum() / (2 * which.sum()) if options.class_weight == 'balanced' else 1.0
                self.upper[fold, which] = options.C * weight
        self.order = np.arange(n_folds)
        self.order = self._hardest_first()

    def block(self, first: NDArray[np.int64], count: int, most: int) -> tuple[NDArray, ...]:
        """Judge a block of subsets."""
        return search_block(
            self.rows,
            self.signs,
            self.folds,
            self.order,
            self.upper,
            self.scales,
            first,
            count,
            self.keep,
            most,
        )

    def _hardest_first(self) -> NDArray[np.int64]:
        """Return the folds by how much classes overlap around their rows, so that bad subsets are left early."""
        centres = [self.rows[self.signs == sign].mean(axis=0) for sign in (-1.0, 1.0)]
        toward = (self.rows - (centres[0] + centres[1]) / 2) @ (centres[1] - centres[0])
        ease = np.zeros(len(self.order))
        np.add.at(ease, self.folds, self.signs * toward / np.bincount(self.folds)[self.folds])
        return np.argsort(ease, kind='stable')


class _Best:
    """The best subsets of one size so far."""

    def __init__(self, size: int, keep: int, n_rows: int) -> None:
        self.keep, self.n_rows = keep, n_rows
        self.items: list[tuple[int, float, tuple[int, ...]]] = []
        self.by_errors = np.zeros(n_rows + 1, dtype=np.int64)

    @property
    def most(self) -> int:
        """Errors that a subset may have to be told."""
        return self.items[-1][0] if len(self.items) == self.keep else self.n_rows

    def add(self, found: NDArray, errors: NDArray, losses: NDArray, by_errors: NDArray) -> None:
        """Take in the best of a block."""
        self.by_errors += by_errors
        for subset, wrong, loss in zip(found, errors, losses, strict=True):
            if wrong <= self.n_rows:
                self.items.append((int(wrong), float(loss), tuple(int(column) for column in subset)))
        self.items = sorted(self.items)[: self.keep]

    def subsets(self, features: tuple[str, ...]) -> tuple[Subset, ...]:
        """Return them with their labels."""
        return tuple(
            Subset(
                features=tuple(features[column] for column in columns),
                errors=wrong,
                accuracy=1 - wrong / self.n_rows,
                hinge_loss=loss / self.n_rows,
            )
            for wrong, loss, columns in self.items
        )


def _spread(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = rows.std(axis=0)
    # A column that never varies has the spread of its rounding errors.
    return np.where(spread > 1e-12 * np.maximum(np.abs(rows).max(axis=0), 1.0), spread, 1.0)


def _batches(n: int, size: int, blocks: int) -> Iterator[list[tuple[NDArray[np.int64], int]]]:
    """Yield lists of blocks, each by its first subset and the number of subsets."""
    total = math.comb(n, size)
    starts = range(0, total, _BLOCK)
    for batch in itertools.zip_longest(*[iter(starts)] * blocks):
        yield [(_unrank(rank, n, size), min(_BLOCK, total - rank)) for rank in batch if rank is not None]


def _unrank(rank: int, n: int, size: int) -> NDArray[np.int64]:
    """Return the subset of a rank in lexicographic order."""
    subset, column = [], 0
    for left in range(size, 0, -1):
        while rank >= (following := math.comb(n - column - 1, left - 1)):
            rank -= following
            column += 1
        subset.append(column)
        column += 1
    return np.array(subset, dtype=np.int64)
