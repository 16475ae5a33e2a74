"""atom2vec-esML: a small network that learns a vector for each element along with the rule that reads them.

After Cubuk, Sendek & Reed, J. Chem. Phys. 150, 214701 (2019). The rows ``c_e v_e`` of a composition are reduced column
by column (see :func:`~aiida_limap.engines.screening._atom2vec_network.reduce_rows`) and pass two hidden layers. The
widths of the layers, the learning rate and the number of epochs are not published; those here are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from aiida_limap import __version__
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._atom2vec_network import REDUCTIONS, Networks, train_networks
from aiida_limap.engines.screening._atom2vec_options import check_options, seeds_of
from aiida_limap.engines.screening._atom2vec_range import CompositionRange
from aiida_limap.engines.screening._atom2vec_rows import SparseRows, check_elements, read_fractions
from aiida_limap.engines.screening._atom2vec_studies import (
    ElementContributions,
    Plateau,
    dimension_plateau,
    element_contributions,
)
from aiida_limap.engines.screening._atom2vec_training import class_counts, folds_of, groups_of, masked, plan_of
from aiida_limap.engines.screening._checks import check_labels, data_hash, settled
from aiida_limap.engines.screening.applicability import ApplicabilityScores
from aiida_limap.engines.screening.linear import sigmoid
from aiida_limap.engines.screening.linear_fits import fit_sigmoid
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.weights import read_weights, write_weights

if TYPE_CHECKING:
    from typing_extensions import Self

    from aiida_limap.engines.screening.atom2vec_scoring import CompositionScorer

__all__ = ['Atom2VecClassifier', 'ElementContributions', 'Plateau', 'dimension_plateau', 'element_contributions']


@dataclass(eq=False, repr=False)
class Atom2VecClassifier(ClassifierMixin, BaseEstimator):
    """Classifies compositions by vectors of the elements that it learns itself; meant for thousands of labels.

    A composition is called fast where its score is above zero. The probability comes from a sigmoid that is fitted to
    scores of compositions that were held out (Platt, 1999). Compositions may be given as formulas, pymatgen
    compositions or amounts by symbol, or as a matrix with one column per element.

    After ``fit`` there are ``elements`` (those that the training holds), ``element_vectors``, ``columns_`` (symbols of
    the columns of fractions), ``classes_`` (0, 1), ``calibration_``, ``range_`` (the compositions of the training),
    ``data_hash_``, ``n_rows_`` and ``n_fast_``.

    :param dimension: length D of the element vectors.
    :param reductions: what is kept of each column of the rows ``c_e v_e``: any of mean, std, min, max.
    :param hidden: widths of the hidden layers.
    :param epochs: passes over the rows.
    :param learning_rate: largest rate of the stochastic gradient descent.
    :param batch_size: rows of a step.
    :param weight_decay: L2 penalty on weights and vectors.
    :param class_weight: ``balanced``, so that both classes count alike, or None.
    :param members: networks from different random starts, whose mean score counts.
    :param contradictions: equal compositions with different labels, such as polymorphs: ``keep`` them, give all the
        label of the ``majority``, or ``refuse``.
    :param calibration_folds: folds of the scores that the sigmoid is fitted to; below 2 there are no probabilities.
    :param seed: of weights, order of rows and folds.
    :param device: a name of torch, such as ``cpu`` or ``cuda``.
    """

    kind: ClassVar[str] = 'screening-atom2vec'

    dimension: int = 3
    reductions: tuple[str, ...] = REDUCTIONS
    hidden: tuple[int, ...] = (32, 32)
    epochs: int = 80
    learning_rate: float = 0.2
    batch_size: int = 128
    weight_decay: float = 2e-4
    class_weight: str | None = None
    members: int = 1
    contradictions: str = 'keep'
    calibration_folds: int = 5
    seed: int = 0
    device: str = 'cpu'

    def fit(
        self, X: Any, y: ArrayLike, elements: Sequence[str] | None = None, groups: Sequence[Any] | None = None
    ) -> Self:
        """Learn from labelled compositions.

        :param X: (n,) compositions, or (n, n_elements) fractions or amounts.
        :param y: (n,) labels, 1 for fast and 0 for not.
        :param elements: symbols of the columns; without, all from hydrogen to nobelium.
        :param groups: (n,) rows that calibration never parts; without, rows of one composition.
        :returns: the model.
        :raises InputError: if an option is wrong, there is one class only, or a row is no composition.
        :raises ElementDataError: if a formula cannot be read.
        """
        options = self.get_params()
        check_options(options)
        fractions, self.columns_ = read_fractions(X, elements)
        labels = check_labels(y, len(fractions))
        _, targets = settled(fractions, labels, self.contradictions)
        rows = SparseRows.from_fractions(fractions)
        folds = folds_of(targets, groups_of(fractions, groups), self.calibration_folds, self.seed)
        held_out = [-1, *range(0 if folds is None else int(folds.max()) + 1)]
        shares = np.zeros(len(targets), dtype=np.int64) if folds is None else folds
        counts = masked(class_counts(targets, self.class_weight), shares, held_out)
        shape, schedule = plan_of(options, len(self.columns_))
        # All members of a fold start from the weights of the members that see all rows.
        seeds = seeds_of(self.seed, self.members) * len(held_out)
        counts = np.repeat(counts, self.members, axis=0)
        found = train_networks(rows, targets, counts, shape, schedule, seeds, self.device)
        tensors = found.tensors(slice(0, self.members))
        self.networks_ = Networks.from_tensors(shape, tensors, self.device)
        self.calibration_ = None
        if folds is not None:
            scores = found.scores(rows)[self.members :].reshape(len(held_out) - 1, self.members, -1).mean(axis=1)
            self.calibration_ = fit_sigmoid(scores[folds, np.arange(len(folds))], targets)
        self.range_ = CompositionRange.fit(fractions)
        self.classes_ = np.array([0, 1])
        self.data_hash_ = data_hash(fractions, labels)
        self.n_rows_, self.n_fast_ = len(labels), int(labels.sum())
        self.metrics_: dict[str, Any] | None = None
        return self

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the elements that the training holds: only of these a vector was learnt."""
        check_is_fitted(self, 'networks_')
        return tuple(np.array(self.columns_)[self._seen].tolist())

    @property
    def element_vectors(self) -> NDArray[np.float32]:
        """(n_elements, D) vectors of ``elements`` in the first member."""
        return self.member_vectors[0]

    @property
    def member_vectors(self) -> NDArray[np.float32]:
        """(members, n_elements, D) vectors of all members."""
        check_is_fitted(self, 'networks_')
        return self.networks_.tensors(slice(None))['vectors'][:, self._seen]

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the score of compositions, above zero where they are called fast.

        Elements that the training does not hold count as vectors of zeros, so that their share of the atoms says
        nothing; :meth:`applicability` tells which rows hold some.

        :param X: (n,) compositions, or (n, n_elements) fractions or amounts in the columns of ``fit``.
        :returns: (n,) scores, the mean over the members.
        :raises InputError: if a row is no composition, or holds an element without a column.
        :raises ElementDataError: if a formula cannot be read.
        """
        return self.networks_.scores(SparseRows.from_fractions(self._fractions(X))).mean(axis=0)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return 1 for compositions that are called fast, else 0.

        :param X: as for :meth:`decision_function`.
        :returns: (n,) classes.
        :raises InputError: as :meth:`decision_function`.
        """
        return (self.decision_function(X) > 0).astype(np.int64)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the calibrated probabilities of the two classes.

        :param X: as for :meth:`decision_function`.
        :returns: (n, 2) probabilities of slow and fast.
        :raises InputError: as :meth:`decision_function`, or if the model is not calibrated.
        """
        fast = self.probability_of_score(self.decision_function(X))
        return np.stack([1 - fast, fast], axis=1)

    def probability_of_score(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return the calibrated probability that belongs to scores.

        :param scores: scores of :meth:`decision_function` or of the scorer, of any shape.
        :raises InputError: if the model is not calibrated.
        """
        check_is_fitted(self, 'networks_')
        if self.calibration_ is None:
            raise InputError(
                'the model is not calibrated: that takes calibration_folds of at least 2, and two compositions of each '
                'class'
            )
        slope, offset = self.calibration_
        return sigmoid(-(slope * np.asarray(scores, dtype=np.float64) + offset))

    def applicability(self, X: Any) -> ApplicabilityScores:
        """Return how far compositions are from those of the training, and which hold elements that it does not.

        :param X: as for :meth:`decision_function`.
        :raises InputError: as :meth:`decision_function`.
        """
        return self.range_.scores(self._fractions(X), self.columns_)

    def scorer(self) -> CompositionScorer:
        """Return what scores hundreds of millions of compositions, compiled, in single precision."""
        from aiida_limap.engines.screening.atom2vec_scoring import CompositionScorer

        check_is_fitted(self, 'networks_')
        tensors = self.networks_.tensors(slice(None)) | {'vectors': self.member_vectors}
        return CompositionScorer(self.elements, tuple(self.reductions), tensors)

    def save(self, path: Path | str) -> None:
        """Write the model in the safetensors format, with a header that says what the weights mean.

        :param path: the file to write.
        :raises FormatError: if the file cannot hold a number.
        """
        check_is_fitted(self, 'networks_')
        known = SparseRows.from_fractions(self.range_.fractions.astype(np.float64))
        tensors: dict[str, NDArray] = dict(self.networks_.tensors(slice(None)))
        tensors |= {'range.places': known.places.astype(np.int32), 'range.amounts': known.amounts}
        parameters = {
            name: list(value) if isinstance(value, tuple) else value for name, value in self.get_params().items()
        }
        header = {
            'kind': self.kind,
            'architecture': {'model': 'atom2vec', 'elements': list(self.columns_)},
            'columns': {'features': []},
            'scaling': {
                'calibration': None if self.calibration_ is None else list(self.calibration_),
                'range_limit': self.range_.limit,
            },
            'seed': int(self.seed),
            'training': {
                'parameters': parameters,
                'rows': self.n_rows_,
                'fast': self.n_fast_,
                'metrics': self.metrics_,
            },
            'data_hash': self.data_hash_,
            'engine_version': __version__,
        }
        write_weights(Path(path), tensors, header)

    @classmethod
    def load(cls, path: Path | str, device: str = 'cpu') -> Self:
        """Read a model that :meth:`save` wrote; it gives the same scores.

        :param path: the file.
        :param device: where to compute, whatever the device of the training was.
        :raises FormatError: if the file is missing, damaged, or holds another kind of model.
        """
        path = Path(path)
        tensors, header = read_weights(path)
        if header['kind'] != cls.kind:
            raise FormatError(f'{path.name}: holds {header["kind"]!r}, not {cls.kind!r}')
        try:
            return cls._restored(tensors, header, device)
        except (KeyError, TypeError, ValueError, IndexError, InputError) as error:
            raise FormatError(f'{path.name}: the parts of the model do not fit each other: {error}') from error

    @classmethod
    def _restored(cls, tensors: dict[str, NDArray], header: dict[str, Any], device: str) -> Self:
        training, scaling = header['training'], header['scaling']
        parameters: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in training['parameters'].items()
        }
        model = cls(**parameters | {'device': device})
        check_options(model.get_params())
        model.columns_ = check_elements(header['architecture']['elements'])
        shape, _ = plan_of(model.get_params(), len(model.columns_))
        model.networks_ = Networks.from_tensors(shape, tensors, device)
        places, amounts = tensors['range.places'].astype(np.int64), tensors['range.amounts']
        known = np.zeros((len(places), shape.n_elements), dtype=np.float32)
        np.add.at(known, (np.arange(len(places))[:, None], places), amounts)
        model.range_ = CompositionRange(known, float(scaling['range_limit']))
        slope_and_offset = scaling['calibration']
        model.calibration_ = None if slope_and_offset is None else (slope_and_offset[0], slope_and_offset[1])
        model.classes_ = np.array([0, 1])
        model.data_hash_ = header['data_hash']
        model.n_rows_, model.n_fast_ = int(training['rows']), int(training['fast'])
        model.metrics_ = training['metrics']
        return model

    def _fractions(self, X: Any) -> NDArray[np.float64]:
        check_is_fitted(self, 'networks_')
        return read_fractions(X, self.columns_)[0]

    @property
    def _seen(self) -> NDArray[np.bool_]:
        """(n_columns,) whether the training holds the element of a column."""
        return np.asarray((self.range_.fractions > 0).any(axis=0))
