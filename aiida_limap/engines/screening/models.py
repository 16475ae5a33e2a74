"""Models of fast lithium conduction that learn from few measurements.

After Sendek et al., Energy Environ. Sci. 10, 306 (2017), and Cubuk, Sendek & Reed, J. Chem. Phys. 150, 214701 (2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._checks import check_rows
from aiida_limap.engines.screening.applicability import Applicability
from aiida_limap.engines.screening.classifier import LinearClassifier
from aiida_limap.engines.screening.linear import LinearModel
from aiida_limap.engines.screening.sendek import FIVE_FEATURES, PUBLISHED_FIVE
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.weights import read_header, read_weights

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    'MODEL_KINDS',
    'SENDEK_2017',
    'ElementModel',
    'Sendek2017',
    'StructureModel',
    'TransferModel',
    'load_model',
]

#: Logistic regression of Sendek et al. (2017) on five features of a structure, distances in Å: recalled, not read from
#: the paper, and so to be verified. With bonds of the sublattice to Li counted (``SBIL``) it gives the probabilities
#: that they publish, with ``SBI`` it does not.
SENDEK_2017 = LinearModel(
    PUBLISHED_FIVE, np.array([0.184, -4.009, -0.467, 8.699, -2.170]), -6.564, calibration=(-1.0, 0.0)
)


class StructureModel(LinearClassifier):
    """sML: a linear support-vector machine on features of the structure, by default the five of Sendek et al.

    Cubuk et al. report that it names 90 % of 40 materials right when each is left out in turn. Parameters are those of
    :class:`~aiida_limap.engines.screening.classifier.LinearClassifier`.
    """

    kind: ClassVar[str] = 'screening-sml'

    def _default_labels(self, width: int) -> tuple[str, ...]:
        return FIVE_FEATURES if width == len(FIVE_FEATURES) else super()._default_labels(width)


class Sendek2017(LinearClassifier):
    """The logistic regression of Sendek et al. (2017) on their five features, as a preset: TO BE VERIFIED.

    Its six numbers are recalled, not read from the paper; ``verified`` is False until they have been compared with it.
    It reads :data:`~aiida_limap.engines.screening.sendek.PUBLISHED_FIVE`, with which it meets published probabilities.
    It learns nothing, so that a cross-validation judges the preset as it is, and it has no training rows, hence no
    range of applicability. :meth:`refit` gives a model of the same form that learnt from data.
    """

    kind: ClassVar[str] = 'screening-sendek-2017'
    verified: ClassVar[bool] = False
    seed = 0

    def __init__(self) -> None:
        # No parameters; the numbers are there without a fit.
        self.fit()

    def fit(
        self,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        features: Sequence[str] | None = None,
        groups: Sequence[Any] | None = None,
    ) -> Self:
        """Take the numbers of the preset, whatever the data.

        :param X: looked at for its width only.
        :param y: not looked at.
        :param features: labels of the columns, which must be those of the preset.
        :param groups: not looked at.
        :raises InputError: if the columns are not those of the preset.
        """
        if X is not None:
            check_rows(X, len(PUBLISHED_FIVE))
        if features is not None and tuple(features) != PUBLISHED_FIVE:
            raise InputError(f'the preset reads {", ".join(PUBLISHED_FIVE)} in this order, not {", ".join(features)}')
        self.classes_ = np.array([0, 1])
        self.features_ = PUBLISHED_FIVE
        self.linear_ = SENDEK_2017
        self.applicability_ = None
        self.data_hash_ = ''
        self.n_rows_, self.n_fast_ = 0, 0
        return self

    @staticmethod
    def refit(X: ArrayLike, y: ArrayLike, groups: Sequence[Any] | None = None, C: float = 1.0) -> StructureModel:
        """Return a logistic regression on the same features that learnt from data.

        :param X: (n, 5) features, raw.
        :param y: (n,) labels.
        :param groups: (n,) rows that belong together.
        :param C: how much an error counts against small weights.
        :raises InputError: as :meth:`LinearClassifier.fit`.
        """
        return StructureModel(C=C, loss='log').fit(X, y, features=PUBLISHED_FIVE, groups=groups)


class ElementModel(LinearClassifier):
    """eML: a linear support-vector machine on some reductions of element properties.

    :param subset: labels of the columns that count, e.g. found by
        :func:`~aiida_limap.engines.screening.selection.search_subsets`; all without.
    :param C: how much an error counts against small weights.
    :param class_weight: ``balanced`` or None.
    :param contradictions: equal compositions with different labels: ``refuse``, ``majority`` or ``keep``.
    :param seed: of the folds of the calibration.
    """

    kind: ClassVar[str] = 'screening-eml'
    loss = 'hinge'
    calibration_folds = 5

    def __init__(
        self,
        subset: tuple[str, ...] | None = None,
        C: float = 1.0,
        class_weight: str | None = None,
        contradictions: str = 'refuse',
        seed: int = 0,
    ) -> None:
        self.subset = subset
        self.C = C
        self.class_weight = class_weight
        self.contradictions = contradictions
        self.seed = seed

    def _chosen(self, features: tuple[str, ...]) -> tuple[str, ...]:
        if self.subset is None:
            return features
        missing = [label for label in self.subset if label not in features]
        if missing or not self.subset:
            raise InputError(
                f'the subset names {", ".join(missing) or "no feature"}; the columns are {", ".join(features)}'
            )
        return tuple(self.subset)


class TransferModel(LinearClassifier):
    """esML: the rows describe compositions, the labels come from a model that looked at thousands of structures.

    Polymorphs have equal rows and may have different labels; both are kept unless told otherwise.

    :param C: how much an error counts against small weights.
    :param class_weight: ``balanced`` or None.
    :param loss: as of :class:`~aiida_limap.engines.screening.classifier.LinearClassifier`.
    :param contradictions: ``keep``, ``majority`` or ``refuse``.
    :param calibration_folds: folds of the scores that the sigmoid is fitted to.
    :param seed: of these folds.
    """

    kind: ClassVar[str] = 'screening-esml'
    #: Kind and hash of the training data of the model that gave the labels, where it is known.
    teacher_: dict[str, Any] | None = None

    def __init__(
        self,
        C: float = 1.0,
        class_weight: str | None = None,
        loss: str = 'squared_hinge',
        contradictions: str = 'keep',
        calibration_folds: int = 5,
        seed: int = 0,
    ) -> None:
        super().__init__(C, class_weight, loss, contradictions, calibration_folds, seed)

    def fit_from(
        self,
        teacher: LinearClassifier,
        structure_rows: ArrayLike,
        X: ArrayLike,
        features: Sequence[str] | None = None,
        groups: Sequence[Any] | None = None,
    ) -> Self:
        """Learn what another model says of structures, from their compositions.

        :param teacher: the model that gives the labels, such as a :class:`StructureModel`.
        :param structure_rows: (n, k) rows that the teacher reads.
        :param X: (n, m) rows of the same materials that this model reads.
        :param features: (m,) labels of the columns of ``X``.
        :param groups: (n,) rows that belong together.
        :returns: the model.
        :raises InputError: as :meth:`fit`; also if the teacher calls all structures alike.
        """
        self.fit(X, teacher.predict(structure_rows), features=features, groups=groups)
        self.teacher_ = {'kind': teacher.kind, 'data_hash': teacher.data_hash_, 'verified': teacher.verified}
        return self

    def _facts(self) -> dict[str, Any]:
        return {'teacher': self.teacher_}

    def _restore_facts(self, training: dict[str, Any]) -> None:
        self.teacher_ = training['teacher']


#: Linear models by the word that stands in a file; the network has its own reader, and needs torch.
MODEL_KINDS: dict[str, type[LinearClassifier]] = {
    model.kind: model for model in (StructureModel, Sendek2017, ElementModel, TransferModel)
}

_NETWORK = 'screening-atom2vec'


def load_model(path: Path | str) -> Any:
    """Read a model of this package, of whatever kind: linear, or the network on learnt element vectors.

    :param path: the file.
    :returns: the model, fitted, of the class that wrote it.
    :raises FormatError: if the file is missing, damaged, or holds another kind of model.
    """
    path = Path(path)
    header = read_header(path)
    if header['kind'] == _NETWORK:
        return import_module('aiida_limap.engines.screening.atom2vec').Atom2VecClassifier.load(path)
    if header['kind'] not in MODEL_KINDS:
        known = ', '.join((*MODEL_KINDS, _NETWORK))
        raise FormatError(f'{path.name}: holds {header["kind"]!r}, not a model of the kinds {known}')
    return _load_linear(path)


def _load_linear(path: Path) -> LinearClassifier:
    tensors, header = read_weights(path)
    try:
        training = header['training']
        parameters: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in training['parameters'].items()
        }
        model = MODEL_KINDS[header['kind']](**parameters)
        calibration = tensors.get('calibration')
        model.classes_ = np.array([0, 1])
        model.features_ = tuple(header['columns']['features'])
        model.linear_ = LinearModel(
            tuple(header['architecture']['features']),
            tensors['weights'],
            float(tensors['intercept'][0]),
            calibration=None if calibration is None else (float(calibration[0]), float(calibration[1])),
        )
        model.linear_.columns(model.features_)
        limit = header['scaling']['applicability_limit']
        model.applicability_ = None if limit is None else Applicability.from_tensors(tensors, float(limit))
        model.data_hash_ = header['data_hash']
        model.n_rows_, model.n_fast_ = int(training['rows']), int(training['fast'])
        model.metrics_ = training['metrics']
        model._restore_facts(training)
    except (KeyError, TypeError, ValueError, IndexError, InputError) as error:
        raise FormatError(f'{path.name}: the parts of the model do not fit each other: {error}') from error
    return model
