"""What is said of a finished model: scores by block, quality of its map, meaning of its axes, baselines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder.baselines import baseline_scores
from aiida_limap.engines.autoencoder.data import TrainingData
from aiida_limap.engines.autoencoder.metrics import Evaluation, model_metrics
from aiida_limap.engines.autoencoder.model import TrainedModel
from aiida_limap.engines.autoencoder.uncertainty import with_uncertainty

__all__ = ['assess', 'evaluation']


def evaluation(model: TrainedModel, data: TrainingData, split: NDArray[np.int64]) -> Evaluation:
    """Return a model beside the rows that it was trained, stopped and tested on.

    :param model: the model.
    :param data: all rows.
    :param split: (n,) split of each row.
    """
    divisors = [model.scaling.divisors(part) for part in ('composition', 'structure')]
    codes = model.encode(data.composition, data.structure)
    rebuilt = model.decode(*codes)
    wide = model.predict_rows(data.composition, data.structure) if model.config.wide_head_widths else None
    return Evaluation(
        data=data,
        split=split,
        scaled=(data.composition / divisors[0], data.structure / divisors[1]),
        rebuilt=(rebuilt[0] / divisors[0], rebuilt[1] / divisors[1]),
        codes=codes,
        energies_eV=model.predict(*codes),
        wide_eV=wide,
    )


def assess(model: TrainedModel, data: TrainingData) -> TrainedModel:
    """Return a model with everything that is said of it.

    :param model: a model that was trained on these rows in this session.
    :param data: the rows.
    :returns: the same model; its facts also hold ``blocks``, ``map_quality``, ``axis_meaning``, ``uncertainty``
        and, if its options ask for them, ``baselines``; and it knows its domain and its calibration.
    """
    judged = evaluation(model, data, model.split)
    baselines = None
    if model.config.baselines:
        baselines = baseline_scores(
            data, judged.scaled, model.split, baselines=model.config.baselines, seed=model.config.seed
        )
    found = model_metrics(judged, seed=model.config.seed, baselines=baselines)
    return with_uncertainty(replace(model, facts={**model.facts, **found}), data)
