"""What a finished model knows about its own limits: domain, intervals, and whether they hold on test rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder.conformal import LEVELS, Calibration, coverage
from aiida_limap.engines.autoencoder.domain import Domain

if TYPE_CHECKING:
    from aiida_limap.engines.autoencoder.data import TrainingData
    from aiida_limap.engines.autoencoder.model import TrainedModel

__all__ = ['with_uncertainty']

_VALIDATION, _TEST = 1, 2


def with_uncertainty(model: TrainedModel, data: TrainingData) -> TrainedModel:
    """Return a model that knows where it may be asked, and how far off its migration energies are.

    Intervals are calibrated on the validation rows. These decided when the training stopped, and maybe which model of a
    grid was kept, so their errors are a little smaller than those of new rows; the share of the test rows that the
    intervals hold is reported beside. Without validation rows the test rows decided the same, and there are neither
    intervals nor limits of the reconstruction error.

    :param model: a model that was trained on these rows in this session.
    :param data: the rows.
    :returns: the same model with ``domain`` and ``calibration``, and with the fact ``uncertainty``: row numbers of the
        calibration; by kind and level of the interval ``coverage`` (test rows weigh alike), ``coverage_by_group``
        (groups of test rows weigh alike, which is what is promised) and ``median_width_eV``; and ``inside``, the share
        of the rows of each split that lies in the domain.
    """
    domain = Domain.fit(model, data, model.split)
    energy = model.scaling.energy
    predicted = model.predict_rows(data.composition, data.structure)
    difficulty = domain.local_error(model, data.composition, data.structure)
    held_out = model.split == _VALIDATION
    groups = np.asarray(data.groups)
    calibration = Calibration.fit(
        predicted[held_out],
        data.migration_energy_eV[held_out],
        groups[held_out].tolist(),
        scale=energy,
        difficulty=difficulty[held_out],
    )
    inside = domain.scores(model, data.composition, data.structure).inside
    facts = {
        'n_calibration_rows': calibration.n_rows,
        'n_calibration_groups': calibration.n_groups,
        'intervals': {
            kind: {
                f'{level:g}': _interval_facts(
                    calibration.interval(
                        predicted, level, scale=energy, difficulty=difficulty if kind == 'local' else None
                    ),
                    data,
                    model.split == _TEST,
                )
                for level in LEVELS
            }
            for kind in calibration.kinds
        },
        'inside': {
            name: float(inside[model.split == index].mean())
            for index, name in enumerate(('train', 'validation', 'test'))
            if (model.split == index).any()
        },
    }
    return replace(model, domain=domain, calibration=calibration, facts={**model.facts, 'uncertainty': facts})


def _interval_facts(
    interval: tuple[NDArray[np.float64], NDArray[np.float64]], data: TrainingData, rows: NDArray[np.bool_]
) -> dict[str, Any]:
    low, high = (ends[rows] for ends in interval)
    observed = data.migration_energy_eV[rows]
    width = float(np.median(high - low)) if rows.any() else np.inf
    return {
        'coverage': coverage(low, high, observed),
        'coverage_by_group': coverage(low, high, observed, np.asarray(data.groups)[rows].tolist()),
        'median_width_eV': width if np.isfinite(width) else None,
    }
