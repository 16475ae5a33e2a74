"""What every classifier asks of its rows and labels, with a sentence for each thing that is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.errors import InputError

__all__ = [
    'CLASS_WEIGHTS',
    'CONTRADICTIONS',
    'check_chosen',
    'check_class_weight',
    'check_groups',
    'check_labels',
    'check_rows',
    'data_hash',
    'settled',
]

#: Names of class weights: errors of the rarer class count as much in sum as those of the other, or all alike.
CLASS_WEIGHTS = ('balanced', None)
#: What becomes of equal rows with different labels.
CONTRADICTIONS = ('refuse', 'majority', 'keep')


def check_chosen(
    what: str, kind: str, names: Sequence[str], known: Sequence[str], *, called: str = 'name', twice: str = 'name'
) -> None:
    """Refuse a list of names that is empty, or holds one that is unknown or stands twice.

    :param what: what is chosen, as a plural; messages begin with it.
    :param kind: what a single one is.
    :param names: the names.
    :param known: all that there are.
    :param called: what an entry of the list is called where there is no list.
    :param twice: what it is called where it stands twice.
    :raises InputError: if there are none, one is unknown or stands twice.
    """
    if isinstance(names, str) or not names:
        raise InputError(f'{what}: give a list of {called}s out of {", ".join(known)}')
    for name in names:
        if name not in known:
            raise InputError(f'{what}: unknown {kind} {name!r}; known are {", ".join(known)}')
    if len(set(names)) != len(names):
        raise InputError(f'{what}: a {twice} stands twice in the list')


def check_rows(rows: ArrayLike, width: int | None = None) -> NDArray[np.float64]:
    """Return rows of features as an array of finite numbers.

    :param rows: (n, k) features.
    :param width: the number of columns that is expected.
    :raises InputError: if it is no table of finite numbers, is empty, or has another number of columns.
    """
    try:
        array = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f'the features must be a table of numbers: {error}') from error
    if array.ndim != 2 or not array.shape[0] or not array.shape[1]:
        raise InputError(f'the features must be a table with rows and columns, not an array of shape {array.shape}')
    if width is not None and array.shape[1] != width:
        raise InputError(f'the rows have {array.shape[1]} columns, but the model reads {width} features')
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, column = bad[0]
        raise InputError(
            f'{len(bad)} features are no finite numbers, the first in row {row}, column {column} (counted from 0); '
            'leave out rows whose features could not be computed'
        )
    return array


def check_labels(labels: ArrayLike, n_rows: int) -> NDArray[np.int64]:
    """Return labels as whole numbers, 1 for fast and 0 for not.

    :param labels: (n,) labels.
    :param n_rows: number of rows of features.
    :raises InputError: if they are not as many as rows, are anything but 0 and 1, or all alike.
    """
    try:
        array = np.asarray(labels, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f'labels must be 0 or 1: {error}') from error
    if array.shape != (n_rows,):
        raise InputError(f'{n_rows} rows of features need as many labels, not an array of shape {array.shape}')
    if np.isnan(array).any():
        raise InputError(f'{int(np.isnan(array).sum())} labels are NaN; leave out rows without a label')
    if not np.isin(array, (0.0, 1.0)).all():
        other = array[~np.isin(array, (0.0, 1.0))][0]
        raise InputError(f'labels must be 0 (not fast) or 1 (fast), not {other:g}')
    if len(set(array.tolist())) < 2:
        only = 'fast (1)' if array[0] == 1 else 'not fast (0)'
        raise InputError(f'all {n_rows} labels are {only}; a classifier needs rows of both classes')
    return array.astype(np.int64)


def check_groups(groups: Sequence[Any] | NDArray | None, n_rows: int) -> NDArray[np.int64]:
    """Return the number of the group of each row, by first appearance; every row its own where none are given.

    :param groups: (n,) groups, e.g. reduced formulas.
    :param n_rows: number of rows.
    :raises InputError: if they are not as many as rows.
    """
    if groups is None:
        return np.arange(n_rows)
    names = [str(name) for name in groups]
    if len(names) != n_rows:
        raise InputError(f'{n_rows} rows need as many groups, not {len(names)}')
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def check_class_weight(class_weight: str | None) -> None:
    """Refuse other words than those of :data:`CLASS_WEIGHTS`.

    :raises InputError: naming the known ones.
    """
    if class_weight not in CLASS_WEIGHTS:
        raise InputError(f"class_weight must be 'balanced' or None, not {class_weight!r}")


def settled(
    rows: NDArray[np.float64], labels: NDArray[np.int64], contradictions: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Deal with equal rows whose labels differ, such as polymorphs among rows that describe the composition only.

    :param rows: (n, k) features.
    :param labels: (n,) labels.
    :param contradictions: ``refuse`` them, give all copies the label of the ``majority`` (that of the fast ones in a
        tie), or ``keep`` them as they are.
    :returns: rows and labels, as many as before.
    :raises InputError: if there are some and they are refused.
    """
    if contradictions not in CONTRADICTIONS:
        raise InputError(f'contradictions must be one of {", ".join(CONTRADICTIONS)}, not {contradictions!r}')
    if contradictions == 'keep':
        return rows, labels
    _, member, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    member = member.reshape(-1)
    share = np.bincount(member, weights=labels) / counts
    torn = (share > 0) & (share < 1)
    if torn.any() and contradictions == 'refuse':
        copies = np.flatnonzero(member == member[np.flatnonzero(torn[member])[0]])
        other = copies[labels[copies] != labels[copies[0]]][0]
        raise InputError(
            f'rows {copies[0]} and {other} (counted from 0) have equal features but different labels, and so have '
            f'{int(torn.sum()) - 1} further sets of rows; merge duplicates first, or say how to settle them '
            "(contradictions='majority' or 'keep')"
        )
    return rows, (share[member] >= 0.5).astype(np.int64)


def data_hash(rows: NDArray[np.float64], labels: NDArray[np.int64]) -> str:
    """Return a SHA-256 of the training data, in the order given."""
    digest = hashlib.sha256()
    for array, kind in ((rows, '<f8'), (labels, '<i8')):
        digest.update(f'{kind}{array.shape}'.encode())
        digest.update(np.ascontiguousarray(array, dtype=kind).tobytes())
    return digest.hexdigest()
