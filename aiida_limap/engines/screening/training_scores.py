"""How good the models of a screening are, on measured compounds and on what the structure model says of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.training_data import ScreeningData, TrainedModels, at
from aiida_limap.engines.screening.training_options import TrainingOptions

__all__ = ['MEASURED', 'cloned', 'compare', 'judge_measured', 'judge_transfer', 'labels_of_sml', 'note']

#: Words of :data:`aiida_limap.formats.screenparts.ModelScore`: the measured set, and the structures that sML labels.
MEASURED, UNLABELLED = 'exp', 'MP'
#: Share of the unlabelled formulas that the models of compositions are judged on.
_HOLD_OUT_FOLDS = 10
_BOOTSTRAP = {'accuracy', 'f1', 'mcc'}


def labels_of_sml(found: TrainedModels) -> NDArray[np.int64]:
    """Return what the structure model calls all structures.

    :param found: what was trained so far.
    :returns: (n,) 1 fast, 0 slow.
    :raises InputError: if all are of one class.
    """
    labels = found.predictions['fast_sml'].astype(np.int64)
    if len(set(labels.tolist())) < 2:
        word = 'fast' if labels[0] else 'slow'
        raise InputError(
            f'sml labels all {len(labels)} structures {word}, so no model of compositions can learn from it; give more '
            'structures, or a class_weight of balanced'
        )
    return labels


def judge_measured(
    found: TrainedModels, name: str, model: Any, rows: NDArray, measured: ScreeningData, options: TrainingOptions
) -> None:
    """Leave each measured formula out in turn; then repeat a cross-validation, whose spread says how sure it is."""
    from aiida_limap.engines.screening.validation import leave_one_out, repeated_cross_validation, summarised

    labels, groups = measured.labels.astype(np.int64), measured.formulas
    left_out = leave_one_out(cloned(model), rows, labels, groups)
    note(found, name, MEASURED, 'leave-one-out', labels, left_out.predicted, groups)
    rarest = min(len({group for group, label in zip(groups, labels, strict=True) if label == kind}) for kind in (0, 1))
    n_folds = min(options.folds, rarest)
    if n_folds < 2 or not options.repeats:
        return
    runs = repeated_cross_validation(
        cloned(model), rows, labels, groups, n_folds=n_folds, repeats=options.repeats, seed=options.seed
    )
    scores = summarised([run.scores(labels) for run in runs])
    found.metrics.append(
        {
            'model': name,
            'data_set': MEASURED,
            'validation': f'{n_folds}-fold, {options.repeats} times',
            'n': len(labels),
            'scores': {key: {'value': scores[key]['mean'], 'spread': scores[key]['sd']} for key in sorted(_BOOTSTRAP)},
            'chance': _chance(labels),
        }
    )


def judge_transfer(
    found: TrainedModels,
    name: str,
    fit: Callable[[NDArray], Any],
    predict: Callable[[Any, NDArray], NDArray],
    data: ScreeningData,
    options: TrainingOptions,
) -> None:
    """Compare with sML on formulas that were held out, and with measurements of formulas that were."""
    from aiida_limap.engines.screening._checks import check_groups
    from aiida_limap.engines.screening.validation import share_in_folds

    labels, groups = labels_of_sml(found), check_groups(list(data.formulas), len(data.ids))
    rarest = min(len(np.unique(groups[labels == kind])) for kind in (0, 1))
    if rarest >= 2:
        folds = share_in_folds(labels, groups, min(_HOLD_OUT_FOLDS, rarest), options.seed)
        held_out = np.flatnonzero(folds == 0)
        model = fit(np.flatnonzero(folds != 0))
        predicted = predict(model, held_out)
        note(found, name, UNLABELLED, 'hold-out', labels[held_out], predicted, at(data.formulas, held_out))
    measured = np.isfinite(data.labels)
    others = np.flatnonzero(~np.isin(groups, groups[measured]))
    if len(set(labels[others].tolist())) < 2:
        return
    rows = np.flatnonzero(measured)
    predicted = predict(fit(others), rows)
    note(
        found, name, MEASURED, 'formulas not learnt from', data.labels[rows].astype(np.int64), predicted,
        at(data.formulas, rows),
    )  # fmt: skip


def compare(found: TrainedModels, name: str, teacher: str, data: ScreeningData, validation: str) -> None:
    """Note how far a model agrees with another one on all structures that nobody measured."""
    others = ~np.isfinite(data.labels)
    if not others.any():
        return
    expected = found.predictions[f'fast_{teacher}'][others].astype(np.int64)
    predicted = found.predictions[f'fast_{name}'][others].astype(np.int64)
    note(found, name, UNLABELLED, validation, expected, predicted, at(data.formulas, np.flatnonzero(others)))


def note(
    found: TrainedModels,
    name: str,
    data_set: str,
    validation: str,
    labels: NDArray[np.int64],
    predicted: NDArray,
    groups: Sequence[str],
) -> None:
    """Take down how good predictions are.

    :param found: gets the scores.
    :param name: name of the model.
    :param data_set: name of the set that it is judged on.
    :param validation: how, in words.
    :param labels: (n,) what is right.
    :param predicted: (n,) what the model says.
    :param groups: (n,) formulas, which the bootstrap draws whole.
    """
    from aiida_limap.engines.screening.validation import bootstrap_intervals, classification_scores

    scores = classification_scores(labels, predicted)
    intervals = bootstrap_intervals(labels, predicted, groups, level=0.6827)
    found.metrics.append(
        {
            'model': name,
            'data_set': data_set,
            'validation': validation,
            'n': len(labels),
            # Half of the interval that holds as much as one standard deviation to both sides.
            'scores': {
                key: {'value': scores[key], 'spread': 0.5 * (intervals[key][1] - intervals[key][0])}
                for key in sorted(_BOOTSTRAP)
            },
            'chance': _chance(labels),
        }
    )


def _chance(labels: NDArray[np.int64]) -> float:
    from aiida_limap.engines.screening.validation import chance_levels

    return chance_levels(labels)['random']['accuracy']


def cloned(model: Any) -> Any:
    """Return a model with the same options that has learnt nothing."""
    from sklearn.base import clone

    return clone(model)
