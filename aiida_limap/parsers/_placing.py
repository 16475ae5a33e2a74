"""New points beside those of an older map, whose values are taken over bit by bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aiida_limap.data.map import IS_NEW, MapData

__all__ = ['with_points_of']


def with_points_of(
    parent: MapData, ids: Sequence[str], columns: Mapping[str, Sequence[Any]]
) -> tuple[list[str], dict[str, list[Any]]]:
    """Return the points of a map and after them new ones.

    :param parent: the map; a column that it lacks holds no value for its points.
    :param ids: structures of the new points, none of which is on the map.
    :param columns: one value per new point; a column of the parent that is not among them holds no value for these.
    :returns: structures and columns of all points; the last column, ``is_new``, tells them apart.
    """
    older = {name: parent.column(name) for name in parent.columns if name != IS_NEW}
    joined = {}
    for name in dict.fromkeys([*older, *columns]):
        first = older[name].tolist() if name in older else [None] * len(parent)
        joined[name] = first + (list(columns[name]) if name in columns else [None] * len(ids))
        if any(isinstance(entry, str) for entry in joined[name]):
            # Numbers without a value are NaN, words without one are empty: a column that is new to one side is either.
            joined[name] = [entry if isinstance(entry, str) else '' for entry in joined[name]]
    joined[IS_NEW] = np.repeat([0.0, 1.0], [len(parent), len(ids)]).tolist()
    return [*parent.ids, *ids], joined
