"""From measured labels of a few structures to models that need nothing but a composition: sML, eML, esML, atom2vec."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.training_options import TrainingOptions

__all__ = ['ScreeningData', 'TrainedModels', 'train_models']

logger = logging.getLogger(__name__)

#: Words of :data:`aiida_limap.formats.screenparts.ModelScore`: the measured set, and the structures that sML labels.
MEASURED, UNLABELLED = 'exp', 'MP'
#: Share of the unlabelled formulas that the models of compositions are judged on.
_HOLD_OUT_FOLDS = 10
_LEARNING_SHARES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
_BOOTSTRAP = {'accuracy', 'f1', 'mcc'}


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


def train_models(
    data: ScreeningData, options: TrainingOptions, on_model: Callable[[str], None] | None = None
) -> TrainedModels:
    """Train the models that are asked for, the structure model first, since the others learn its labels.

    :param data: the structures; rows without features must be left out.
    :param options: what is trained, and how.
    :param on_model: called with the name of each model that is finished.
    :returns: models, scores and predictions.
    :raises InputError: if the labels or features cannot be learnt from.
    """
    found = TrainedModels(predictions={'formula': np.array(data.formulas), 'label': data.labels})
    measured = data.rows(np.isfinite(data.labels))
    if not len(measured.ids):
        raise InputError('no labelled structure has features, so there is nothing to learn from')
    steps: dict[str, Callable[..., None]] = {
        'sml': _train_sml, 'eml': _train_eml, 'esml': _train_esml, 'atom2vec': _train_atom2vec,
    }  # fmt: skip
    for name in ('sml', *(name for name in steps if name in options.models and name != 'sml')):
        steps[name](found, data, measured, options)
        logger.info('trained %s on %d structures, %d of them measured', name, len(data.ids), len(measured.ids))
        if on_model is not None:
            on_model(name)
    return found


def _train_sml(found: TrainedModels, data: ScreeningData, measured: ScreeningData, options: TrainingOptions) -> None:
    """Learn measured labels from features of structures, and label all structures."""
    from aiida_limap.engines.screening.models import Sendek2017, StructureModel

    loss = {'svm': 'hinge', 'logistic': 'log'}.get(options.rule)
    weight = options.class_weight
    model: Any = (
        Sendek2017()
        if loss is None
        else StructureModel(C=options.c, loss=loss, class_weight=weight, contradictions='majority', seed=options.seed)
    )
    rows, labels = measured.columns(options.features), measured.labels.astype(np.int64)
    _judge_measured(found, 'sml', model, rows, measured, options)
    model.fit(rows, labels, features=tuple(options.features), groups=measured.formulas)
    found.models['sml'] = model
    _predict(found, 'sml', model, data.columns(options.features))
    named = found.predictions['fast_sml']
    found.facts['sml_fast'] = int(named.sum())
    found.facts['sml_rows'] = len(named)


def _train_eml(found: TrainedModels, data: ScreeningData, measured: ScreeningData, options: TrainingOptions) -> None:
    """Learn measured labels from compositions, with the best small subset of the features."""
    from aiida_limap.engines.screening.models import ElementModel
    from aiida_limap.engines.screening.nested import nested_selection
    from aiida_limap.engines.screening.selection import SearchOptions, search_subsets

    labels = measured.labels.astype(np.int64)
    wanted = SearchOptions(max_size=options.max_subset, C=options.c, class_weight=options.class_weight)
    search = search_subsets(measured.composition, labels, data.composition_labels, wanted, measured.formulas)
    found.facts['subset_search'] = search.as_dict()
    if options.nested:
        nested = nested_selection(
            measured.composition, labels, data.composition_labels, wanted, measured.formulas, n_folds=None
        )
        found.facts['nested_selection'] = {'promised': nested.promised, **nested.scores(labels)}
        _note(found, 'eml', MEASURED, 'nested leave-one-out', labels, nested.predicted, measured.formulas)
    shared: dict[str, Any] = {'C': options.c, 'class_weight': options.class_weight, 'seed': options.seed}
    columns = [list(data.composition_labels).index(name) for name in search.best.features]
    # Of the best subset, as it was done by those who proposed it; the nested search says what the choice is worth.
    alone = ElementModel(contradictions='majority', **shared)
    _judge_measured(found, 'eml', alone, measured.composition[:, columns], measured, options)
    model = ElementModel(subset=search.best.features, contradictions='majority', **shared)
    model.fit(measured.composition, labels, features=data.composition_labels, groups=measured.formulas)
    found.models['eml'] = model
    _predict(found, 'eml', model, data.composition)
    _compare(found, 'eml', 'sml', data, 'all')


def _train_esml(found: TrainedModels, data: ScreeningData, measured: ScreeningData, options: TrainingOptions) -> None:
    """Learn from compositions what the structure model says of all structures."""
    from aiida_limap.engines.screening.models import TransferModel
    from aiida_limap.engines.screening.validation import learning_curve

    labels = _labels_of_sml(found)
    model = TransferModel(C=options.transfer_c, class_weight=options.class_weight, seed=options.seed)
    rows, names = data.composition, tuple(data.composition_labels)

    def fitted(chosen: NDArray) -> Any:
        return _clone(model).fit(rows[chosen], labels[chosen], features=names, groups=_at(data.formulas, chosen))

    _judge_transfer(found, 'esml', fitted, lambda one, chosen: one.predict(rows[chosen]), data, options)
    if options.learning_curves:
        found.facts['learning_curve'] = learning_curve(
            _clone(model), rows, labels, data.formulas, shares=_LEARNING_SHARES, repeats=1, seed=options.seed
        )
    model.fit_from(found.models['sml'], data.columns(options.features), rows, features=names, groups=data.formulas)
    found.models['esml'] = model
    _predict(found, 'esml', model, rows)


def _train_atom2vec(
    found: TrainedModels, data: ScreeningData, measured: ScreeningData, options: TrainingOptions
) -> None:
    """Learn the same labels with vectors of the elements that are learnt too."""
    from aiida_limap.engines.screening.atom2vec import (
        Atom2VecClassifier,
        dimension_plateau,
        element_contributions,
    )

    labels = _labels_of_sml(found)
    formulas = list(data.formulas)

    def new() -> Any:
        return Atom2VecClassifier(
            dimension=options.dimension,
            epochs=options.epochs,
            members=options.members,
            class_weight=options.class_weight,
            seed=options.seed,
            device=options.device,
        )

    def fitted(chosen: NDArray) -> Any:
        return new().fit(_at(formulas, chosen), labels[chosen])

    _judge_transfer(found, 'atom2vec', fitted, lambda one, chosen: one.predict(_at(formulas, chosen)), data, options)
    model = new().fit(formulas, labels)
    found.models['atom2vec'] = model
    found.predictions['probability_atom2vec'] = model.predict_proba(formulas)[:, 1]
    found.predictions['fast_atom2vec'] = model.predict(formulas).astype(np.float64)
    shared: dict[str, Any] = {'class_weight': options.class_weight, 'device': options.device}
    if options.dimensions:
        plateau = dimension_plateau(
            formulas, labels, options.dimensions, epochs=options.epochs, seed=options.seed, **shared
        )
        found.facts['plateau'] = plateau.as_dict()
    if options.starts:
        found.facts['contributions'] = element_contributions(
            formulas, labels, starts=options.starts, dimension=options.dimension, seed=options.seed, **shared
        ).as_dict()


def _labels_of_sml(found: TrainedModels) -> NDArray[np.int64]:
    labels = found.predictions['fast_sml'].astype(np.int64)
    if len(set(labels.tolist())) < 2:
        word = 'fast' if labels[0] else 'slow'
        raise InputError(
            f'sml labels all {len(labels)} structures {word}, so no model of compositions can learn from it; give more '
            'structures, or a class_weight of balanced'
        )
    return labels


def _judge_measured(
    found: TrainedModels, name: str, model: Any, rows: NDArray, measured: ScreeningData, options: TrainingOptions
) -> None:
    """Leave each measured formula out in turn; then repeat a cross-validation, whose spread says how sure it is."""
    from aiida_limap.engines.screening.validation import leave_one_out, repeated_cross_validation, summarised

    labels, groups = measured.labels.astype(np.int64), measured.formulas
    left_out = leave_one_out(_clone(model), rows, labels, groups)
    _note(found, name, MEASURED, 'leave-one-out', labels, left_out.predicted, groups)
    rarest = min(len({group for group, label in zip(groups, labels, strict=True) if label == kind}) for kind in (0, 1))
    n_folds = min(options.folds, rarest)
    if n_folds < 2 or not options.repeats:
        return
    runs = repeated_cross_validation(
        _clone(model), rows, labels, groups, n_folds=n_folds, repeats=options.repeats, seed=options.seed
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


def _judge_transfer(
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

    labels, groups = _labels_of_sml(found), check_groups(list(data.formulas), len(data.ids))
    rarest = min(len(np.unique(groups[labels == kind])) for kind in (0, 1))
    if rarest >= 2:
        folds = share_in_folds(labels, groups, min(_HOLD_OUT_FOLDS, rarest), options.seed)
        held_out = np.flatnonzero(folds == 0)
        model = fit(np.flatnonzero(folds != 0))
        predicted = predict(model, held_out)
        _note(found, name, UNLABELLED, 'hold-out', labels[held_out], predicted, _at(data.formulas, held_out))
    measured = np.isfinite(data.labels)
    others = np.flatnonzero(~np.isin(groups, groups[measured]))
    if len(set(labels[others].tolist())) < 2:
        return
    rows = np.flatnonzero(measured)
    predicted = predict(fit(others), rows)
    _note(
        found, name, MEASURED, 'formulas not learnt from', data.labels[rows].astype(np.int64), predicted,
        _at(data.formulas, rows),
    )  # fmt: skip


def _compare(found: TrainedModels, name: str, teacher: str, data: ScreeningData, validation: str) -> None:
    """Note how far a model agrees with another one on all structures that nobody measured."""
    others = ~np.isfinite(data.labels)
    if not others.any():
        return
    expected = found.predictions[f'fast_{teacher}'][others].astype(np.int64)
    predicted = found.predictions[f'fast_{name}'][others].astype(np.int64)
    _note(found, name, UNLABELLED, validation, expected, predicted, _at(data.formulas, np.flatnonzero(others)))


def _note(
    found: TrainedModels,
    name: str,
    data_set: str,
    validation: str,
    labels: NDArray[np.int64],
    predicted: NDArray,
    groups: Sequence[str],
) -> None:
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


def _predict(found: TrainedModels, name: str, model: Any, rows: NDArray[np.float64]) -> None:
    found.predictions[f'score_{name}'] = model.decision_function(rows)
    found.predictions[f'fast_{name}'] = model.predict(rows).astype(np.float64)
    found.predictions[f'probability_{name}'] = model.predict_proba(rows)[:, 1]
    if getattr(model, 'applicability_', None) is not None:
        found.predictions[f'inside_{name}'] = model.applicability(rows).inside.astype(np.float64)


def _at(values: Sequence[str] | Mapping[str, Any], chosen: NDArray) -> list[str]:
    return [values[int(index)] for index in chosen]  # type: ignore[index]


def _clone(model: Any) -> Any:
    from sklearn.base import clone

    return clone(model)
