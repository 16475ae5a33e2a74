"""Intervals of a predicted migration energy that hold the calculated one as often as they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.autoencoder.energies import EnergyScale
from aiida_limap.engines.errors import InputError

__all__ = ['KINDS', 'LEVELS', 'Calibration', 'conformal_quantile', 'coverage', 'group_weights']

#: Shares of the materials whose calculated energy the intervals are to hold.
LEVELS = (0.8, 0.9, 0.95)
#: Whether the half width of an interval is one number, or follows a difficulty of the row.
KINDS = ('constant', 'local')
#: Sums of weights are compared with a level up to rounding.
_ROUNDING = 1e-9


def conformal_quantile(scores: ArrayLike, level: float, groups: Sequence[Any] | None = None) -> float | None:
    """Return the split-conformal quantile of scores, exact for a finite number of them.

    Without groups it is the score of rank ``ceil((n + 1) level)``: a new score of the same distribution is not above it
    with a probability of at least ``level`` (Vovk et al., Algorithmic Learning in a Random World, 2005; Lei et al.,
    J. Am. Stat. Assoc. 113, 1094 (2018)). Rows of one group, such as polymorphs of one formula, are not independent:
    with groups, K groups weigh alike and share their weight among their rows, ``1 / ((K + 1) size)`` each, and the new
    row brings ``1 / (K + 1)`` at infinity; the guarantee is then that of a row of a new group (Lee, Barber & Willett,
    arXiv:2306.06342 (2023)). Groups of one row each give the rank above.

    :param scores: (n,) scores of the calibration rows, e.g. absolute residuals.
    :param level: the probability.
    :param groups: (n,) group of each row.
    :returns: the quantile; None, for infinity, where there are too few rows or groups: ``K + 1 < 1 / (1 - level)``.
    :raises InputError: if the level is not between 0 and 1, or scores and groups differ in length.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not 0 < level < 1:
        raise InputError(f'the level of an interval must be between 0 and 1, not {level!r}')
    if values.size == 0:
        return None
    weights = group_weights(range(values.size) if groups is None else groups)
    if weights.shape != values.shape:
        raise InputError(f'{values.size} scores, but {weights.size} groups')
    n_groups = weights.sum()
    order = np.argsort(values, kind='stable')
    reached = np.cumsum(weights[order]) >= level * (n_groups + 1) - _ROUNDING
    return float(values[order][np.argmax(reached)]) if reached.any() else None


def group_weights(groups: Sequence[Any]) -> NDArray[np.float64]:
    """Return the weight of each row: one over the rows of its group, so that the weights sum to the groups.

    :param groups: (n,) group of each row.
    :returns: (n,) weights.
    """
    _, member, counts = np.unique(np.asarray(list(groups)), return_inverse=True, return_counts=True)
    return 1.0 / counts[member.reshape(-1)]


def coverage(low: ArrayLike, high: ArrayLike, observed: ArrayLike, groups: Sequence[Any] | None = None) -> float | None:
    """Return the share of rows whose value lies in their interval.

    :param low: (n,) lower ends.
    :param high: (n,) upper ends, infinite where there is no end.
    :param observed: (n,) values, NaN where unknown: such rows do not count.
    :param groups: (n,) groups that weigh alike; without, rows do.
    :returns: the share, None where no value is known.
    """
    value = np.asarray(observed, dtype=np.float64)
    known = ~np.isnan(value)
    if not known.any():
        return None
    inside = (np.asarray(low) <= value) & (value <= np.asarray(high))
    weights = None if groups is None else group_weights(np.asarray(list(groups))[known].tolist())
    return float(np.average(inside[known], weights=weights))


@dataclass(frozen=True)
class Calibration:
    """What turns a predicted migration energy into an interval.

    Scores are absolute residuals on the scale that the heads learn (see
    :class:`~aiida_limap.engines.autoencoder.energies.EnergyScale`), so that an interval of a model of sqrt or log
    energies widens with the energy. ``constant`` intervals have one half width on this scale, ``local`` ones a half
    width that is proportional to a difficulty of the row plus its median, so that no row is taken for certain.

    :param n_rows: rows of the calibration.
    :param n_groups: their groups.
    :param source: what the rows are, e.g. ``validation``.
    :param quantiles: by kind (``constant``, ``local``) and level (as text) the quantile of the scores, None for
        infinity.
    :param median_difficulty: of the calibration rows, None where no difficulty was given.
    :param floor_eV: energies below this do not exist, None where there is no such limit.
    """

    n_rows: int
    n_groups: int
    source: str
    quantiles: Mapping[str, Mapping[str, float | None]]
    median_difficulty: float | None = None
    floor_eV: float | None = None  # noqa: N815

    @classmethod
    def fit(
        cls,
        predicted_eV: ArrayLike,
        observed_eV: ArrayLike,
        groups: Sequence[Any],
        *,
        scale: EnergyScale,
        difficulty: ArrayLike | None = None,
        source: str = 'validation',
    ) -> Calibration:
        """Take the quantiles from rows that the model was not trained on and that no result is reported for.

        :param predicted_eV: (n,) predicted energies.
        :param observed_eV: (n,) calculated energies, NaN where missing: such rows do not count.
        :param groups: (n,) group (reduced formula) of each row.
        :param scale: of the energies, of the model.
        :param difficulty: (n,) how hard each row is to predict, zero or more: the spread of an ensemble, or
            :meth:`~aiida_limap.engines.autoencoder.domain.Domain.local_error`.
        :param source: what the rows are.
        :raises InputError: if a difficulty is negative or not finite.
        """
        observed = np.asarray(observed_eV, dtype=np.float64)
        known = ~np.isnan(observed)
        families = [group for group, used in zip(groups, known, strict=True) if used]
        observed = observed[known]
        scores = np.abs(_forward(scale, observed) - _forward(scale, np.asarray(predicted_eV)[known]))
        quantiles = {'constant': _quantiles(scores, families)}
        median = None
        if difficulty is not None and known.any():
            hard = _difficulty(difficulty)[known]
            median = float(np.median(hard))
            if median > 0:
                quantiles['local'] = _quantiles(scores / (hard + median), families)
        floor = 0.0 if observed.size and observed.min() >= 0 else None
        return cls(observed.size, len(set(families)), source, quantiles, median, floor)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of intervals that there are: ``constant``, and ``local`` where a difficulty was given."""
        return tuple(self.quantiles)

    def interval(
        self,
        predicted_eV: ArrayLike,
        level: float,
        *,
        scale: EnergyScale,
        difficulty: ArrayLike | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the interval of each prediction.

        :param predicted_eV: (n,) predicted energies.
        :param level: one of :data:`LEVELS`.
        :param scale: of the energies, of the model.
        :param difficulty: (n,) the same measure as in the fit, for ``local`` intervals; None for ``constant`` ones.
        :returns: (n,) lower and upper ends, eV; infinite where there were too few rows to know.
        :raises InputError: if there are no intervals of this level or kind.
        """
        kind = 'constant' if difficulty is None else 'local'
        if level not in LEVELS:
            known = ', '.join(f'{entry:g}' for entry in LEVELS)
            raise InputError(f'the level of an interval is one of {known}, not {level!r}')
        if kind not in self.quantiles:
            raise InputError(f'the model has no {kind} intervals; known are {", ".join(self.quantiles)}')
        quantile = self.quantiles[kind][_key(level)]
        centre = _forward(scale, np.asarray(predicted_eV, dtype=np.float64))
        if quantile is None:
            low, high = np.full(centre.shape, -np.inf), np.full(centre.shape, np.inf)
        else:
            width = quantile * (
                np.ones(centre.shape) if difficulty is None else _difficulty(difficulty) + (self.median_difficulty or 0)
            )
            low, high = scale.backward(centre - width), scale.backward(centre + width)
        if self.floor_eV is not None:
            low, high = np.maximum(low, self.floor_eV), np.maximum(high, self.floor_eV)
        return low, high

    def as_dict(self) -> dict[str, Any]:
        """Return the calibration as plain values."""
        return {
            'n_rows': self.n_rows,
            'n_groups': self.n_groups,
            'source': self.source,
            'quantiles': {kind: dict(entries) for kind, entries in self.quantiles.items()},
            'median_difficulty': self.median_difficulty,
            'floor_eV': self.floor_eV,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Calibration:
        """Build from plain values.

        :param document: what :meth:`as_dict` gives.
        :raises ValueError: if kinds or levels are not the known ones.
        """
        quantiles: dict[str, dict[str, float | None]] = {}
        for kind, entries in document['quantiles'].items():
            if kind not in KINDS or sorted(entries) != sorted(map(_key, LEVELS)):
                raise ValueError(f'the quantiles {kind!r} of the calibration are not those of {LEVELS}')
            quantiles[kind] = {key: None if value is None else float(value) for key, value in entries.items()}
        optional = {
            name: None if document[name] is None else float(document[name])
            for name in ('median_difficulty', 'floor_eV')
        }
        return cls(int(document['n_rows']), int(document['n_groups']), str(document['source']), quantiles, **optional)


def _key(level: float) -> str:
    return f'{level:g}'


def _quantiles(scores: NDArray[np.float64], groups: Sequence[Any]) -> dict[str, float | None]:
    return {_key(level): conformal_quantile(scores, level, groups) for level in LEVELS}


def _forward(scale: EnergyScale, energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scaled energies; what a head predicts below zero stays where it is only without a transform."""
    return scale.forward(energies_eV if scale.transform == 'none' else np.maximum(energies_eV, 0.0))


def _difficulty(values: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(values, dtype=np.float64)
    if not np.isfinite(given).all() or (given < 0).any():
        raise InputError('a difficulty must be a finite number of at least zero')
    return given
