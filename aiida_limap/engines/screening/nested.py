"""What a search of subsets is worth: the choice repeated without the rows that judge it, and on shuffled labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._checks import check_groups, check_labels, check_rows
from aiida_limap.engines.screening.linear_fits import fit_linear
from aiida_limap.engines.screening.selection import SearchOptions, Subset, search_subsets
from aiida_limap.engines.screening.validation import classification_scores, share_in_folds

__all__ = ['NestedSelection', 'nested_selection', 'permuted_searches']


@dataclass(frozen=True, eq=False)
class NestedSelection:
    """Predictions of rows that neither the choice of the columns nor the fit had seen.

    :param predicted: (n,) 0 or 1.
    :param folds: (n,) outer fold of each row.
    :param chosen: by outer fold the subset that was best without it.
    """

    predicted: NDArray[np.int64]
    folds: NDArray[np.int64]
    chosen: tuple[Subset, ...]

    def scores(self, labels: ArrayLike) -> dict[str, float]:
        """Return the scores of the predictions.

        :param labels: (n,) 0 or 1.
        """
        return classification_scores(labels, self.predicted)

    @property
    def promised(self) -> float:
        """Mean of the accuracies that the searches themselves reported: what the paper's way would have told."""
        return float(np.mean([subset.accuracy for subset in self.chosen]))

    def counts(self) -> Counter[str]:
        """Return how many outer folds chose each column: few if the choice is a matter of the rows at hand."""
        return Counter(label for subset in self.chosen for label in subset.features)


def nested_selection(
    rows: ArrayLike,
    labels: ArrayLike,
    features: Sequence[str],
    options: SearchOptions | None = None,
    groups: Sequence[Any] | None = None,
    *,
    n_folds: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NestedSelection:
    """Search, fit and predict with the rows of each outer fold left out of everything.

    :param rows: (n, p) features, raw.
    :param labels: (n,) 0 or 1.
    :param features: (p,) labels of the columns.
    :param options: of each search; its folds are the inner ones.
    :param groups: (n,) rows that are left out together, outside and inside.
    :param n_folds: outer folds, shared with the seed of the options; None leaves out one group at a time.
    :param progress: called with the number of outer folds done, and of all.
    :raises InputError: as :func:`~aiida_limap.engines.screening.selection.search_subsets`.
    """
    options = options or SearchOptions()
    raw = check_rows(rows, len(features))
    y = check_labels(labels, len(raw))
    member = check_groups(groups, len(y))
    folds = member if n_folds is None else share_in_folds(y, member, n_folds, options.seed)
    predicted = np.empty(len(y), dtype=np.int64)
    chosen = []
    numbers = np.unique(folds)
    for done, fold in enumerate(numbers):
        inside, held_out = folds != fold, folds == fold
        search = search_subsets(raw[inside], y[inside], features, replace(options, keep=1), member[inside].tolist())
        best = search.best
        columns = [list(features).index(label) for label in best.features]
        weights, intercept = fit_linear(
            raw[inside][:, columns], y[inside], C=options.C, class_weight=options.class_weight
        )
        predicted[held_out] = raw[held_out][:, columns] @ weights + intercept > 0
        chosen.append(best)
        if progress is not None:
            progress(done + 1, len(numbers))
    return NestedSelection(predicted, folds, tuple(chosen))


def permuted_searches(
    rows: ArrayLike,
    labels: ArrayLike,
    features: Sequence[str],
    options: SearchOptions | None = None,
    *,
    draws: int = 10,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the best accuracy that the search reports where labels have nothing to do with the rows.

    :param rows: (n, p) features, raw.
    :param labels: (n,) 0 or 1; they are shuffled among the rows.
    :param features: (p,) labels of the columns.
    :param options: of the searches.
    :param draws: number of shuffles.
    :param seed: of the shuffles.
    :returns: (draws,) accuracies of the best subset.
    :raises InputError: as :func:`~aiida_limap.engines.screening.selection.search_subsets`.
    """
    if draws < 1:
        raise InputError(f'the number of shuffles must be at least 1, not {draws}')
    options = replace(options or SearchOptions(), keep=1)
    y = check_labels(labels, len(check_rows(rows, len(features))))
    generator = np.random.default_rng(seed)
    return np.array(
        [search_subsets(rows, generator.permutation(y), features, options).best.accuracy for _ in range(draws)]
    )
