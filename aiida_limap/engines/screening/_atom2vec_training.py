"""What the classifier and the studies share: rows that count for each of many networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.screening._atom2vec_network import Schedule, Shape
from aiida_limap.engines.screening._checks import check_groups
from aiida_limap.engines.screening.validation import share_in_folds

__all__ = ['class_counts', 'folds_of', 'groups_of', 'masked', 'plan_of']


def class_counts(labels: NDArray[np.int64], class_weight: str | None) -> NDArray[np.float64]:
    """Return (n,) what each row counts; with ``balanced`` both classes count alike in sum.

    :param labels: (n,) 0 or 1.
    :param class_weight: ``balanced`` or None.
    """
    if class_weight is None:
        return np.ones(len(labels))
    return 0.5 * len(labels) / np.bincount(labels, minlength=2)[labels]


def folds_of(labels: NDArray[np.int64], groups: NDArray[np.int64], n_folds: int, seed: int) -> NDArray[np.int64] | None:
    """Return (n,) the fold of each row, whole groups together; fewer folds where a class has fewer groups.

    :param labels: (n,) 0 or 1.
    :param groups: (n,) number of the group of each row.
    :param n_folds: number of folds; below 2 there are none.
    :param seed: of the order of the groups.
    :returns: the folds; None where a class cannot be held out, or a fold would leave one class only.
    """
    possible = min(n_folds, *(len(np.unique(groups[labels == label])) for label in (0, 1)))
    if possible < 2:
        return None
    folds = share_in_folds(labels, groups, possible, seed)
    if any(len(np.unique(labels[folds != fold])) < 2 for fold in range(possible)):
        return None
    return folds


def masked(counts: NDArray[np.float64], folds: NDArray[np.int64], held_out: Sequence[int]) -> NDArray[np.float64]:
    """Return (K, n) what each row counts for networks that do not see one fold each.

    :param counts: (n,) what each row counts.
    :param folds: (n,) fold of each row.
    :param held_out: (K,) the fold that each network does not see; -1 for one that sees all.
    """
    return np.stack([np.where(folds == fold, 0.0, counts) for fold in held_out])


def groups_of(fractions: NDArray[np.float64], groups: Sequence[Any] | None) -> NDArray[np.int64]:
    """Return (n,) the number of the group of each row; without groups, rows of one composition are one.

    :param fractions: (n, n_elements) atomic fractions.
    :param groups: (n,) groups.
    :raises InputError: if they are not as many as rows.
    """
    if groups is not None:
        return check_groups(groups, len(fractions))
    return np.unique(fractions, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def plan_of(options: Mapping[str, Any], n_elements: int) -> tuple[Shape, Schedule]:
    """Return sizes of the networks and how they are trained.

    :param options: parameters of the classifier, checked.
    :param n_elements: number of element vectors.
    """
    shape = Shape(n_elements, int(options['dimension']), tuple(options['reductions']), tuple(options['hidden']))
    schedule = Schedule(
        epochs=int(options['epochs']),
        batch_size=int(options['batch_size']),
        learning_rate=float(options['learning_rate']),
        weight_decay=float(options['weight_decay']),
        order_seed=int(options['seed']),
    )
    return shape, schedule
