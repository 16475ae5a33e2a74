"""From features to the matrix that is clustered: rows that are complete, features on one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.preprocessing import StandardScaler

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons._cluster_options import AUTO, ClusterOptions

__all__ = ['FEWEST_ROWS', 'MOST_ROWS', 'Prepared', 'join_features', 'prepare']

#: With fewer rows no number of clusters can be told from another.
FEWEST_ROWS = 4
#: Distances of all pairs are held at once: 1.6 GB for so many.
MOST_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class Prepared:
    """Rows that are clustered.

    :param matrix: (m, k) scaled values.
    :param rows: (m,) place of each among the given rows.
    :param left_out: sentence by place, for rows that lack a value.
    :param order: (m,) value by which clusters are numbered, the lowest mean first.
    :param features: names of the features, in order.
    :param scale: how they were scaled: ``none``, ``columns`` or ``blocks``.
    :param n_rows: number of the given rows.
    :param n_distinct: number of different rows of the matrix.
    """

    matrix: NDArray[np.float64]
    rows: NDArray[np.intp]
    left_out: dict[int, str]
    order: NDArray[np.float64]
    features: tuple[str, ...]
    scale: str
    n_rows: int
    n_distinct: int


def join_features(features: Mapping[str, ArrayLike]) -> tuple[NDArray[np.float64], list[str]]:
    """Put features side by side; the columns of a vector share its name.

    :param features: (n,) or (n, m) values by name.
    :returns: (n, k) values and the k names.
    :raises InputError: if there is none, or one is no table of numbers or has another number of rows.
    """
    columns: list[NDArray[np.float64]] = []
    labels: list[str] = []
    for name, values in features.items():
        array = np.asarray(values)
        if array.dtype.kind not in 'biuf' or array.ndim not in {1, 2} or (array.ndim == 2 and not array.shape[1]):
            raise InputError(f'the feature {name!r} must be one number or one vector of numbers per row')
        block = array.astype(float).reshape(len(array), -1)
        if columns and len(block) != len(columns[0]):
            raise InputError(f'the feature {name!r} has {len(block)} rows, {labels[0]!r} has {len(columns[0])}')
        columns.append(block)
        labels += [name] * block.shape[1]
    if not columns:
        raise InputError('there is no feature to cluster by')
    return np.hstack(columns), labels


def prepare(
    features: ArrayLike, labels: Sequence[str] | None, options: ClusterOptions, order: ArrayLike | None = None
) -> Prepared:
    """Choose features, leave out rows that lack a value, and scale.

    :param features: (n, k) values.
    :param labels: (k,) name of each column; columns of one name are one feature.
    :param options: which features, and how they are scaled.
    :param order: (n,) values by which clusters are numbered; None for the mean over the columns of the first feature.
    :returns: the rows to cluster.
    :raises InputError: if shapes do not fit, a feature is unknown or the same in all rows, or too few rows are
        complete.
    """
    table, names = _checked(features, labels)
    chosen = options.features or tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in names:
            raise InputError(f'there is no feature {name!r}; known are {", ".join(dict.fromkeys(names))}')
    places = {name: [column for column, label in enumerate(names) if label == name] for name in chosen}
    left_out = _incomplete(table, places)
    rows = np.array([row for row in range(len(table)) if row not in left_out], dtype=np.intp)
    if len(rows) < FEWEST_ROWS:
        more = f'; the first that lacks one: row {min(left_out)}, {left_out[min(left_out)]}' if left_out else ''
        raise InputError(f'{len(rows)} of {len(table)} rows have all features; {FEWEST_ROWS} are the least{more}')
    if len(rows) > MOST_ROWS:
        raise InputError(f'{len(rows)} rows are too many; {MOST_ROWS} at most can be clustered at once')
    blocks = [table[rows][:, columns] for columns in places.values()]
    for name, block in zip(chosen, blocks, strict=True):
        if not np.ptp(block, axis=0).any():
            raise InputError(f'the feature {name!r} is the same for all {len(rows)} rows; leave it out')
    scale = options.scale if options.scale != AUTO else ('blocks' if len(blocks) > 1 else 'none')
    matrix = np.hstack([_scaled(block, scale) for block in blocks])
    return Prepared(
        matrix=matrix,
        rows=rows,
        left_out=left_out,
        order=_order(order, blocks[0], rows, len(table)),
        features=tuple(chosen),
        scale=scale,
        n_rows=len(table),
        n_distinct=len(np.unique(matrix, axis=0)),
    )


def _checked(features: ArrayLike, labels: Sequence[str] | None) -> tuple[NDArray[np.float64], list[str]]:
    try:
        table = np.asarray(features, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f'features must be numbers: {error}') from error
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or not table.shape[1]:
        raise InputError(f'features must have one row per compound and at least one column, not shape {table.shape}')
    names = [f'feature_{column}' for column in range(table.shape[1])] if labels is None else [str(x) for x in labels]
    if len(names) != table.shape[1]:
        raise InputError(f'there are {len(names)} names for {table.shape[1]} columns of features')
    return table, names


def _incomplete(table: NDArray[np.float64], places: Mapping[str, list[int]]) -> dict[int, str]:
    """Return a sentence for each row that lacks a value."""
    reasons: dict[int, list[str]] = {}
    for name, columns in places.items():
        missing = (~np.isfinite(table[:, columns])).sum(axis=1)
        for row in np.flatnonzero(missing).tolist():
            many = f' ({missing[row]} of {len(columns)} values)' if len(columns) > 1 else ''
            reasons.setdefault(row, []).append(f'{name!r} is missing{many}')
    return {row: 'left out: ' + ', '.join(found) for row, found in sorted(reasons.items())}


def _scaled(block: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == 'none':
        return block
    if scale == 'columns':
        return np.asarray(StandardScaler().fit_transform(block))
    return np.asarray(StandardScaler(with_std=False).fit_transform(block)) / np.sqrt(block.var(axis=0).sum())


def _order(
    order: ArrayLike | None, first: NDArray[np.float64], rows: NDArray[np.intp], n_rows: int
) -> NDArray[np.float64]:
    if order is None:
        return np.asarray(first.mean(axis=1))
    values = np.asarray(order, dtype=float)
    if values.shape != (n_rows,):
        raise InputError(f'order must hold one value for each of the {n_rows} rows, not shape {values.shape}')
    return np.asarray(values[rows])
