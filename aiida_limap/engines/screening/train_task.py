"""The task ``screen_train``: labels and features from files, models into files, what they say into the results."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.training import train_models
from aiida_limap.engines.screening.training_data import ScreeningData
from aiida_limap.engines.screening.training_options import TrainingOptions
from aiida_limap.formats._files import FormatError, read_json
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ItemResult, ResultsWriter
from aiida_limap.formats.screen_job import PREDICTION
from aiida_limap.formats.weights import MODELS

__all__ = ['read_data', 'run']

logger = logging.getLogger(__name__)

_ROLES = {'labels': ('ids', 'label'), 'features': ('ids', 'formula', 'composition', 'structure')}


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Train the models of a screening, and write each to ``models/NAME.safetensors``.

    :param job: the job; its inputs are ``labels`` (arrays ``ids`` and ``label``), ``features`` (arrays ``ids``,
        ``formula``, ``composition``, ``structure``) and ``columns``, which says what the columns are.
    :param directory: folder of the files.
    :param writer: takes one item per model, what the models say of each structure as arrays, and scores as summary.
    :raises InputError: if a parameter is wrong, or nothing can be learnt from the labels.
    :raises FormatError: if a file cannot be read.
    """
    options = TrainingOptions.from_parameters(job.parameters)
    writer.summary(options=options.as_dict(), models_ended=0, n_models=len({'sml', *options.models}))
    writer.flush()
    data, left_out = read_data(job, directory, options.features)
    started, ended = time.perf_counter(), []

    def note(name: str) -> None:
        ended.append(name)
        writer.summary(models_ended=len(ended))
        writer.flush()

    found = train_models(data, options, note)
    (directory / MODELS).mkdir(exist_ok=True)
    for name, model in found.models.items():
        # The header of the file tells them, so that a model says how good it is wherever it goes.
        model.metrics_ = _scores_of(name, found.metrics)
        model.save(directory / MODELS / f'{name}.safetensors')
        writer.add(ItemResult(name, Status.OK, '', model.metrics_))
    writer.array(f'{PREDICTION}ids', np.array(data.ids))
    for name, column in found.predictions.items():
        writer.array(PREDICTION + name, column)
    writer.summary(
        metrics=found.metrics,
        n_structures=len(data.ids),
        n_labelled=int(np.isfinite(data.labels).sum()),
        n_fast=int(np.nansum(data.labels)),
        n_without_features=left_out,
        wall_s=round(time.perf_counter() - started, 3),
        **found.facts,
    )


def read_data(job: Job, directory: Path, needed: Sequence[str]) -> tuple[ScreeningData, int]:
    """Read labels and features, and join them by the names of the rows.

    :param job: the job.
    :param directory: folder of the files.
    :param needed: features of structures that a row must have; others may be undefined for it.
    :returns: the rows with these features, and the number of labelled rows that have none.
    :raises InputError: if an input is missing, or no labelled row has features.
    :raises FormatError: if a file cannot be read, or lacks an array.
    """
    arrays: dict[str, dict[str, Any]] = {}
    for role, names in _ROLES.items():
        if role not in job.inputs:
            raise InputError(f'screen_train: the job names no input file for the role {role}')
        arrays[role] = read_arrays(directory / job.inputs[role])
        missing = [name for name in names if name not in arrays[role]]
        if missing:
            raise FormatError(f'{job.inputs[role]}: the array {missing[0]!r} is missing')
    if 'columns' not in job.inputs:
        raise InputError('screen_train: the job names no input file for the role columns')
    columns = read_json(directory / job.inputs['columns'])
    features, given = arrays['features'], arrays['labels']
    labels = _names(columns, 'structure', features['structure'].shape[1])
    unknown = [name for name in needed if name not in labels]
    if unknown:
        raise InputError(
            f'screen_train: there is no feature {unknown[0]!r} of structures; known are {", ".join(labels)}'
        )
    wanted = features['structure'][:, [labels.index(name) for name in needed]]
    complete = np.isfinite(features['composition']).all(axis=1) & np.isfinite(wanted).all(axis=1)
    if not complete.any():
        raise InputError(f'screen_train: no structure has all of the features {", ".join(needed)}')
    known = _by_id(given)
    ids = [str(name) for name in features['ids'][complete].tolist()]
    data = ScreeningData(
        ids=ids,
        formulas=[str(name) for name in features['formula'][complete].tolist()],
        composition=features['composition'][complete].astype(np.float64),
        structure=features['structure'][complete].astype(np.float64),
        composition_labels=_names(columns, 'composition', features['composition'].shape[1]),
        structure_labels=labels,
        labels=np.array([known.get(name, np.nan) for name in ids], dtype=np.float64),
    )
    return data, len(set(known) - set(ids))


def _by_id(given: dict[str, Any]) -> dict[str, float]:
    """Return the label of each row that has one.

    :raises InputError: if two rows of one name contradict each other.
    """
    known: dict[str, float] = {}
    for name, label in zip(given['ids'].tolist(), given['label'].tolist(), strict=True):
        if not np.isfinite(label):
            continue
        if known.setdefault(str(name), float(label)) != label:
            raise InputError(f'screen_train: the labels of {name} contradict each other; keep one of its rows')
    return known


def _names(columns: dict[str, Any], part: str, width: int) -> list[str]:
    names = columns.get(f'{part}_labels') or []
    if len(names) != width:
        raise InputError(f'screen_train: {len(names)} names for {width} {part} columns')
    return [str(name) for name in names]


def _scores_of(name: str, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the accuracy of a model by set and way of judging."""
    return {
        f'accuracy_{entry["data_set"]}_{entry["validation"].replace(" ", "_")}': entry['scores']['accuracy']['value']
        for entry in metrics
        if entry['model'] == name
    }
