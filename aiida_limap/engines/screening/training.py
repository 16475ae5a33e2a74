"""From measured labels of a few structures to models that need nothing but a composition: sML, eML, esML, atom2vec."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.training_data import ScreeningData, TrainedModels, at
from aiida_limap.engines.screening.training_options import TrainingOptions
from aiida_limap.engines.screening.training_scores import (
    MEASURED,
    cloned,
    compare,
    judge_measured,
    judge_transfer,
    labels_of_sml,
    note,
)

__all__ = ['ScreeningData', 'TrainedModels', 'train_models']

logger = logging.getLogger(__name__)

_LEARNING_SHARES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)


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
    judge_measured(found, 'sml', model, rows, measured, options)
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
        note(found, 'eml', MEASURED, 'nested leave-one-out', labels, nested.predicted, measured.formulas)
    shared: dict[str, Any] = {'C': options.c, 'class_weight': options.class_weight, 'seed': options.seed}
    columns = [list(data.composition_labels).index(name) for name in search.best.features]
    # Of the best subset, as it was done by those who proposed it; the nested search says what the choice is worth.
    alone = ElementModel(contradictions='majority', **shared)
    judge_measured(found, 'eml', alone, measured.composition[:, columns], measured, options)
    model = ElementModel(subset=search.best.features, contradictions='majority', **shared)
    model.fit(measured.composition, labels, features=data.composition_labels, groups=measured.formulas)
    found.models['eml'] = model
    _predict(found, 'eml', model, data.composition)
    compare(found, 'eml', 'sml', data, 'all')


def _train_esml(found: TrainedModels, data: ScreeningData, measured: ScreeningData, options: TrainingOptions) -> None:
    """Learn from compositions what the structure model says of all structures."""
    from aiida_limap.engines.screening.models import TransferModel
    from aiida_limap.engines.screening.validation import learning_curve

    labels = labels_of_sml(found)
    model = TransferModel(C=options.transfer_c, class_weight=options.class_weight, seed=options.seed)
    rows, names = data.composition, tuple(data.composition_labels)

    def fitted(chosen: NDArray) -> Any:
        return cloned(model).fit(rows[chosen], labels[chosen], features=names, groups=at(data.formulas, chosen))

    judge_transfer(found, 'esml', fitted, lambda one, chosen: one.predict(rows[chosen]), data, options)
    if options.learning_curves:
        found.facts['learning_curve'] = learning_curve(
            cloned(model), rows, labels, data.formulas, shares=_LEARNING_SHARES, repeats=1, seed=options.seed
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

    labels = labels_of_sml(found)
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
        return new().fit(at(formulas, chosen), labels[chosen])

    judge_transfer(found, 'atom2vec', fitted, lambda one, chosen: one.predict(at(formulas, chosen)), data, options)
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


def _predict(found: TrainedModels, name: str, model: Any, rows: NDArray[np.float64]) -> None:
    found.predictions[f'score_{name}'] = model.decision_function(rows)
    found.predictions[f'fast_{name}'] = model.predict(rows).astype(np.float64)
    found.predictions[f'probability_{name}'] = model.predict_proba(rows)[:, 1]
    if getattr(model, 'applicability_', None) is not None:
        found.predictions[f'inside_{name}'] = model.applicability(rows).inside.astype(np.float64)
