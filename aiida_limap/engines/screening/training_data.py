"""Structures that models of a screening learn from, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError

__all__ = ['ScreeningData', 'TrainedModels', 'at']


@dataclass(frozen=True, eq=False)
class ScreeningData:
    """Structures with features; some of them are measured.

    :param ids: (n,) names of the rows.
    :param formulas: (n,) reduced formulas; rows of one formula are never parted between learning and judging.
    :param composition: (n, p) reductions of element properties.
    :param structure: (n, q) features of the structure.
    :param composition_labels: (p,) labels of the columns.
    :param structure_labels: (q,) labels of the columns.
    :param labels: (n,) 1 fast, 0 slow, NaN where nobody measured.
    """

    ids: Sequence[str]
    formulas: Sequence[str]
    composition: NDArray[np.float64]
    structure: NDArray[np.float64]
    composition_labels: Sequence[str]
    structure_labels: Sequence[str]
    labels: NDArray[np.float64]

    def rows(self, chosen: NDArray) -> ScreeningData:
        """Return some of the rows.

        :param chosen: (m,) row numbers, or (n,) truth values.
        """
        return ScreeningData(
            np.asarray(self.ids)[chosen].tolist(),
            np.asarray(self.formulas)[chosen].tolist(),
            self.composition[chosen],
            self.structure[chosen],
            self.composition_labels,
            self.structure_labels,
            self.labels[chosen],
        )

    def columns(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return some columns of the structure features.

        :param names: their labels.
        :raises InputError: if there is no such column.
        """
        known = list(self.structure_labels)
        missing = [name for name in names if name not in known]
        if missing:
            raise InputError(f'there is no feature {missing[0]!r} of structures; known are {", ".join(known)}')
        return self.structure[:, [known.index(name) for name in names]]


@dataclass(eq=False)
class TrainedModels:
    """What came of a training.

    :param models: by name: ``sml``, ``eml``, ``esml``, ``atom2vec``.
    :param metrics: scores, one entry per model, set and way of judging.
    :param predictions: columns of the table of predictions, one value per row.
    :param facts: learning curves, searches over subsets, contributions of elements; plain values.
    """

    models: dict[str, Any] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    predictions: dict[str, NDArray] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def at(values: Sequence[str], chosen: NDArray) -> list[str]:
    """Return some entries of a list.

    :param values: the list.
    :param chosen: (m,) places.
    """
    return [values[int(index)] for index in chosen]
