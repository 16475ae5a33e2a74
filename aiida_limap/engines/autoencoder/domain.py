"""Where a model knows something: near the rows that it learnt from, and where it rebuilds what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.autoencoder.basis import Basis
from aiida_limap.engines.autoencoder.cloud import PERCENTILE, Cloud
from aiida_limap.engines.errors import InputError

if TYPE_CHECKING:
    from aiida_limap.engines.autoencoder.data import TrainingData
    from aiida_limap.engines.autoencoder.model import TrainedModel

__all__ = ['Domain', 'DomainScores']

_PARTS = ('composition', 'structure')
_FRACTION = 'fraction_'
#: Training rows that are kept; of more a sample.
_MOST_ROWS = 5000
#: Variance of the training rows that distances see in detail where the model itself works on all columns.
_VARIANCE = 0.999
#: Training rows that a local error is the mean of.
_LOCAL_ROWS = 10
_CHUNK = 512
_WORDS = {
    'distance_composition': 'the composition is unlike those of the training',
    'distance_structure': 'the structure is unlike those of the training',
    'reconstruction_ratio_composition': 'the model cannot rebuild the composition',
    'reconstruction_ratio_structure': 'the model cannot rebuild the structure',
}


@dataclass(frozen=True, eq=False)
class DomainScores:
    """How far rows are from what a model knows; each ratio is at most 1 for 95 % of known rows.

    :param ratios: (n,) each: ``distance_composition``, ``distance_structure``, ``reconstruction_ratio_composition``,
        ``reconstruction_ratio_structure``; the last two are missing where the model has no held-out rows.
    :param inside: (n,) whether no ratio is above 1 and all elements are known.
    :param reasons: for each row what takes it out of the domain, empty inside.
    """

    ratios: Mapping[str, NDArray[np.float64]]
    inside: NDArray[np.bool_]
    reasons: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Domain:
    """The rows that a model learnt from, as far as a file can hold them.

    :param bases: spaces in which distances of composition and structure are taken.
    :param own: whether these are kept with the domain; else they are those of the model.
    :param clouds: training rows of composition (each once) and structure in these spaces.
    :param place: (m,) the composition of each structure, an index into the first cloud.
    :param codes: the training rows with a migration energy in the plane of the codes.
    :param code_scale: (2,) spread of the two codes, by which the plane is divided.
    :param errors: (m,) absolute error of the migration energy of each training row on the scale that the heads learn,
        NaN where it has none.
    :param error_limits: 95th percentile of the reconstruction error over held-out rows, by part; None without such.
    :param elements: symbols that the training rows hold; None where the columns do not name them.
    """

    bases: tuple[Basis, Basis]
    own: bool
    clouds: tuple[Cloud, Cloud]
    place: NDArray[np.int64]
    codes: Cloud
    code_scale: tuple[float, float]
    errors: NDArray[np.float64]
    error_limits: tuple[float | None, float | None]
    elements: tuple[str, ...] | None

    @classmethod
    def fit(cls, model: TrainedModel, data: TrainingData, split: NDArray[np.int64]) -> Domain:
        """Measure the training rows of a model.

        Distances are those of the scaled columns: within the basis of the model plus what lies outside of it, so that a
        column that never varied in training counts where it does now. A model on all columns gets a compact basis for
        this. No row is compared with one of its own group.

        :param model: the model.
        :param data: all rows.
        :param split: (n,) split of each row: 0 trained on, 1 held out; without held-out rows there are no limits of the
            reconstruction error.
        """
        learn = np.flatnonzero(split == 0)
        if len(learn) > _MOST_ROWS:
            learn = np.sort(np.random.default_rng(0).choice(learn, _MOST_ROWS, replace=False))
        scaled = [getattr(data, part)[learn] / model.scaling.divisors(part) for part in _PARTS]
        own = all(basis.directions is None for basis in model.bases)
        found = [Basis.compact(rows, _VARIANCE) for rows in scaled] if own else list(model.bases)
        groups = np.asarray(data.groups)[learn]
        distinct, first, place = np.unique(scaled[0], axis=0, return_index=True, return_inverse=True)
        composition = Cloud.fit(found[0].coordinates(distinct), groups[first].tolist(), _outside(found[0], distinct))
        structure = Cloud.fit(found[1].coordinates(scaled[1]), groups.tolist(), _outside(found[1], scaled[1]))
        codes = np.stack(model.encode(data.composition[learn], data.structure[learn]), axis=1)
        # The plane is coloured by migration energies: rows without one say nothing about them.
        codes = codes[np.isfinite(data.migration_energy_eV[learn])]
        spread = [float(np.float32(value)) or 1.0 for value in codes.std(axis=0)]
        return cls(
            bases=(found[0], found[1]),
            own=own,
            clouds=(composition, structure),
            place=place.reshape(-1),
            codes=Cloud.fit(codes / spread, range(len(codes))),
            code_scale=(spread[0], spread[1]),
            errors=_errors(model, data, learn),
            error_limits=_error_limits(model, data, split),
            elements=_elements(data.columns, data.composition[split == 0]),
        )

    def scores(self, model: TrainedModel, composition: ArrayLike, structure: ArrayLike) -> DomainScores:
        """Return how far rows are from what the model knows.

        :param model: the model of this domain.
        :param composition: (n, p) composition rows.
        :param structure: (n, q) structure rows.
        :raises InputError: as :meth:`TrainedModel.encode`.
        """
        given = (np.asarray(composition, dtype=np.float64), np.asarray(structure, dtype=np.float64))
        rebuilt = model.reconstruction_errors(*given)
        ratios: dict[str, NDArray[np.float64]] = {}
        for part, rows, basis, cloud in zip(_PARTS, given, self.bases, self.clouds, strict=True):
            scaled = rows / model.scaling.divisors(part)
            ratios[f'distance_{part}'] = cloud.ratios(basis.coordinates(scaled), _outside(basis, scaled))
        for part, error, limit in zip(_PARTS, rebuilt, self.error_limits, strict=True):
            if limit is not None:
                ratios[f'reconstruction_ratio_{part}'] = error / limit
        unseen = self._unseen(model.columns, given[0])
        reasons = tuple(
            '; '.join([*words, *(_WORDS[name] for name, ratio in ratios.items() if ratio[row] > 1)])
            for row, words in enumerate(unseen)
        )
        return DomainScores(ratios, np.array([not reason for reason in reasons]), reasons)

    def local_error(self, model: TrainedModel, composition: ArrayLike, structure: ArrayLike) -> NDArray[np.float64]:
        """Return the mean absolute error of the migration energy over the ten nearest training rows.

        Training errors are smaller than those of new rows, but larger where the energy is hard to tell, so they serve
        as a difficulty and not as an error.

        :param model: the model of this domain.
        :param composition: (n, p) composition rows.
        :param structure: (n, q) structure rows.
        :returns: (n,) errors, on the scale that the heads learn.
        """
        given = (np.asarray(composition, dtype=np.float64), np.asarray(structure, dtype=np.float64))
        scaled = [rows / model.scaling.divisors(part) for part, rows in zip(_PARTS, given, strict=True)]
        known = np.flatnonzero(np.isfinite(self.errors))
        count = min(_LOCAL_ROWS, len(known))
        found = np.empty(len(scaled[0]))
        for start in range(0, len(found), _CHUNK):
            part = slice(start, start + _CHUNK)
            near = [
                cloud.nearest(basis.coordinates(rows[part]), _outside(basis, rows[part]))
                for cloud, basis, rows in zip(self.clouds, self.bases, scaled, strict=True)
            ]
            squares = np.square(near[0])[:, self.place[known]] + np.square(near[1])[:, known]
            chosen = np.argpartition(squares, count - 1, axis=1)[:, :count]
            found[part] = self.errors[known][chosen].mean(axis=1)
        return found

    def support(self, x_comp: ArrayLike, x_struc: ArrayLike) -> NDArray[np.float64]:
        """Return whether there is training data near places of the map.

        Places are compared in the plane of the codes, each divided by its spread. The mean distance d to the five
        nearest training points that have a migration energy is compared with the 95th percentile s of the same distance
        among these: ``min(max(2 - d / s, 0), 1)``, so 1 up to s and 0 from 2 s.

        :param x_comp: (n,) composition codes.
        :param x_struc: (n,) structure codes.
        :returns: (n,) numbers from 0, nothing is known here, to 1.
        """
        points = np.stack([np.asarray(x_comp, dtype=np.float64), np.asarray(x_struc, dtype=np.float64)], axis=1)
        return np.clip(2.0 - self.codes.ratios(points / self.code_scale), 0.0, 1.0)

    def known_rows(self, model: TrainedModel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the training rows as far as the basis holds them, to compare models that do not share their data.

        :param model: the model of this domain.
        :returns: (m, p) composition and (m, q) structure rows.
        """
        composition, structure = (
            basis.rows(cloud.points.astype(np.float64)) * model.scaling.divisors(part)
            for part, basis, cloud in zip(_PARTS, self.bases, self.clouds, strict=True)
        )
        return composition[self.place], structure

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that a file holds; their names start with ``domain.``."""
        arrays: dict[str, NDArray[Any]] = {
            'domain.composition': self.clouds[0].points,
            'domain.structure': self.clouds[1].points,
            'domain.codes': self.codes.points,
            # A file of weights holds numbers of one kind; single precision counts to 16 million exactly.
            'domain.place': self.place.astype(np.float32),
            # A file of weights holds finite numbers only: -1 stands for a row without a migration energy.
            'domain.errors': np.where(np.isfinite(self.errors), self.errors, -1.0).astype(np.float32),
        }
        if self.own:
            for part, basis in zip(_PARTS, self.bases, strict=True):
                arrays |= {f'domain.basis.{part}.{name}': array for name, array in basis.tensors().items()}
        return arrays

    def header(self) -> dict[str, Any]:
        """Return the rest as plain values."""
        return {
            'limits': [self.clouds[0].limit, self.clouds[1].limit, self.codes.limit],
            'code_scale': list(self.code_scale),
            'error_limits': list(self.error_limits),
            'elements': None if self.elements is None else list(self.elements),
            'units': [basis.unit for basis in self.bases] if self.own else None,
        }

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, NDArray[Any]], header: Mapping[str, Any], bases: tuple[Basis, Basis]
    ) -> Domain:
        """Build from what a file holds.

        :param tensors: what :meth:`tensors` gives.
        :param header: what :meth:`header` gives.
        :param bases: of the model.
        :raises ValueError: if the parts do not fit each other.
        :raises KeyError: if one is missing.
        """
        own = header['units'] is not None
        found = list(bases)
        if own:
            for index, (part, unit) in enumerate(zip(_PARTS, header['units'], strict=True)):
                prefix = f'domain.basis.{part}.'
                arrays = {key[len(prefix) :]: array for key, array in tensors.items() if key.startswith(prefix)}
                found[index] = Basis.from_tensors(bases[index].width, float(unit), arrays)
        limits = [float(limit) for limit in header['limits']]
        points = [tensors[f'domain.{name}'] for name in ('composition', 'structure', 'codes')]
        place, errors = tensors['domain.place'].astype(np.int64), tensors['domain.errors'].astype(np.float64)
        rows = {len(points[1]), len(place), len(errors)}
        plane = points[2].ndim == 2 and points[2].shape[1] == 2 and len(points[2]) > 0
        fits = [array.ndim == 2 and array.shape[1] == basis.width for array, basis in zip(points, found, strict=False)]
        if not all(fits) or not plane or len(rows) != 1 or not ((place >= 0) & (place < len(points[0]))).all():
            raise ValueError('the training rows of the domain do not fit each other, or the basis')
        error_limits = [None if limit is None else float(limit) for limit in header['error_limits']]
        return cls(
            bases=(found[0], found[1]),
            own=own,
            clouds=(Cloud(points[0], limits[0]), Cloud(points[1], limits[1])),
            place=place,
            codes=Cloud(points[2], limits[2]),
            code_scale=(float(header['code_scale'][0]), float(header['code_scale'][1])),
            errors=np.where(errors < 0, np.nan, errors),
            error_limits=(error_limits[0], error_limits[1]),
            elements=None if header['elements'] is None else tuple(header['elements']),
        )

    def _unseen(self, columns: Mapping[str, Any], composition: NDArray[np.float64]) -> list[list[str]]:
        """Return for each row a phrase that names the elements that no training row holds."""
        words: list[list[str]] = [[] for _ in composition]
        if self.elements is None:
            return words
        for row, symbols in enumerate(_symbols(columns, composition)):
            new = [symbol for symbol in symbols if symbol not in self.elements]
            if new:
                words[row] = [f'no training row holds {", ".join(new)}']
        return words


def _outside(basis: Basis, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n,) the squared distance from the span of the basis, in its units."""
    return basis.residuals(scaled) / basis.unit**2


def _errors(model: TrainedModel, data: TrainingData, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    energy = model.scaling.energy
    predicted = model.predict_rows(data.composition[rows], data.structure[rows])
    if energy.transform != 'none':
        predicted = np.maximum(predicted, 0.0)
    return np.abs(energy.forward(predicted) - energy.forward(data.migration_energy_eV[rows]))


def _error_limits(
    model: TrainedModel, data: TrainingData, split: NDArray[np.int64]
) -> tuple[float | None, float | None]:
    held_out = split == 1
    if not held_out.any():
        return None, None
    errors = model.reconstruction_errors(data.composition[held_out], data.structure[held_out])
    limits = [max(float(np.percentile(error, PERCENTILE)), 1e-12) for error in errors]
    return limits[0], limits[1]


def _symbols(columns: Mapping[str, Any], composition: NDArray[np.float64]) -> list[list[str]]:
    labels = columns.get('composition_labels') or []
    named = [(index, label[len(_FRACTION) :]) for index, label in enumerate(labels) if label.startswith(_FRACTION)]
    return [[symbol for index, symbol in named if row[index] > 0] for row in composition]


def _elements(columns: Mapping[str, Any], composition: NDArray[np.float64]) -> tuple[str, ...] | None:
    labels: Sequence[str] = columns.get('composition_labels') or []
    if not any(label.startswith(_FRACTION) for label in labels):
        return None
    if len(labels) != composition.shape[1]:
        raise InputError(f'{len(labels)} labels for {composition.shape[1]} composition columns')
    return tuple(sorted({symbol for symbols in _symbols(columns, composition) for symbol in symbols}))
