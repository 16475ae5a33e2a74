"""Figures of trainings: trade-off and course of the losses, what is rebuilt and predicted, what the axes mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from aiida_limap.visualisation import _training_diagnostics as diagnostics
from aiida_limap.visualisation import _training_losses as losses_
from aiida_limap.visualisation import style
from aiida_limap.visualisation._labels import formula_text
from aiida_limap.visualisation.errors import VisualisationError

__all__ = ['draw_axis_meaning', 'draw_history', 'draw_predictions', 'draw_rebuilt', 'draw_tradeoff']

_SPLITS = ('train', 'validation', 'test')
_LOSSES = ('composition', 'structure', 'me')


def draw_tradeoff(weights: ArrayLike, losses: Mapping[str, ArrayLike], path: Path | str) -> Path:
    """Draw the three losses against the weight W, after Yamaguchi et al., Sci. Rep. 13, 16799 (2023), Fig. 2.

    A larger W lowers the loss of the migration energy at the price of the reconstructions. Runs of one weight (several
    seeds) are drawn as small dots with their mean as a line and a band from the lowest to the highest.

    :param weights: (n,) W of each run.
    :param losses: (n,) loss of each run in its best epoch, in scaled units, by name: ``train_`` or ``validation_`` with
        ``composition``, ``structure`` or ``me``; other names are passed over.
    :param path: the file to write; its ending chooses the format: ``png``, ``svg``, ``pdf``.
    :returns: the path.
    :raises VisualisationError: if no loss is known, numbers of runs differ, a number is not finite or below zero, the
        format is unknown, or the file cannot be written.
    """
    values = _vector('weights', weights)
    found = {
        f'{split}_{name}': _vector(f'{split}_{name}', losses[f'{split}_{name}'], len(values))
        for name in _LOSSES
        for split in _SPLITS
        if f'{split}_{name}' in losses
    }
    if not found or not len(values):
        raise VisualisationError('there are no losses to draw; give train_composition, validation_me and so on')
    for name, numbers in {'weights': values, **found}.items():
        if (numbers < 0).any():
            raise VisualisationError(f'{name} holds a number below zero; weights and squared errors cannot be negative')
    return _save(lambda: losses_.tradeoff(values, found), path)


def draw_history(history: Mapping[str, ArrayLike], path: Path | str, *, best_epoch: int | None = None) -> Path:
    """Draw the losses of a training by epoch, on a logarithmic scale, with the epoch whose network was kept.

    :param history: (epochs,) losses by name, such as ``train_all`` and ``validation_composition``; NaN after the end of
        a training is left out.
    :param path: the file to write; its ending chooses the format: ``png``, ``svg``, ``pdf``.
    :param best_epoch: number of the best epoch, counted from 1; that of the lowest ``validation_all`` unless given.
    :returns: the path.
    :raises VisualisationError: if there is no loss, the format is unknown, or the file cannot be written.
    """
    found = {name: _vector(name, values, finite=False) for name, values in history.items()}
    found = {name: values for name, values in found.items() if losses_.loss_of(name) and np.isfinite(values).any()}
    if not found:
        raise VisualisationError('there are no losses to draw; give the history of a training, such as validation_all')
    if best_epoch is None and 'validation_all' in found:
        best_epoch = int(np.nanargmin(found['validation_all'])) + 1
    return _save(lambda: losses_.history(found, best_epoch), path)


def draw_rebuilt(
    given: ArrayLike, rebuilt: ArrayLike, names: Sequence[str], path: Path | str, *, n_composition: int
) -> Path:
    """Draw rows of descriptors beside what the decoders make of their two codes, after Yamaguchi 2023, Fig. 3.

    One panel for each compound shows all numbers along their index, composition first, as the publication does.

    :param given: (n, d) scaled rows of a few compounds, composition and structure one after the other.
    :param rebuilt: (n, d) the same rows rebuilt.
    :param names: (n,) what the compounds are called.
    :param path: the file to write; its ending chooses the format: ``png``, ``svg``, ``pdf``.
    :param n_composition: how many of the d numbers belong to the composition.
    :returns: the path.
    :raises VisualisationError: if there is no row, shapes differ, a number is not finite, the format is unknown, or the
        file cannot be written.
    """
    first, second = (_numbers(name, rows) for name, rows in (('given', given), ('rebuilt', rebuilt)))
    if first.ndim != 2 or first.shape != second.shape or not first.size or len(names) != len(first):
        raise VisualisationError(
            f'given and rebuilt rows have shapes {first.shape} and {second.shape}, with {len(names)} names; '
            'give one row and one name per compound'
        )
    if not 0 <= n_composition <= first.shape[1]:
        raise VisualisationError(f'n_composition is {n_composition}, but a row has {first.shape[1]} numbers')
    return _save(
        lambda: diagnostics.rebuilt_rows(first, second, [formula_text(name) for name in names], n_composition), path
    )


def draw_predictions(
    energies_eV: ArrayLike,
    predicted_eV: ArrayLike,
    split: Sequence[str],
    path: Path | str,
    *,
    logarithmic: bool = False,
) -> Path:
    """Draw predicted against computed migration energies, after Yamaguchi 2023, Fig. 3, with R² of each split.

    :param energies_eV: (n,) computed, eV; NaN where missing, such compounds are left out.
    :param predicted_eV: (n,) predicted, eV.
    :param split: (n,) ``train``, ``validation`` or ``test``.
    :param path: the file to write; its ending chooses the format: ``png``, ``svg``, ``pdf``.
    :param logarithmic: whether to draw on logarithmic axes, which show low barriers, with R² of the decadic logarithm.
        Energies of zero and below are then left out, predictions below the lowest energy stand at the lower edge, and
        count in R² as the lowest energy of the training compounds.
    :returns: the path.
    :raises VisualisationError: if numbers differ, no compound has an energy, a split is unknown, the format is unknown,
        or the file cannot be written.
    """
    energies = _vector('energies_eV', energies_eV, finite=False)
    predicted = _vector('predicted_eV', predicted_eV, len(energies), finite=False)
    words = np.asarray(split, dtype=str)
    if words.shape != energies.shape:
        raise VisualisationError(f'there are {len(energies)} energies, but {words.size} words for the split')
    unknown = sorted(set(words.tolist()) - set(_SPLITS))
    if unknown:
        raise VisualisationError(f'unknown split {unknown[0]!r}; known are {", ".join(_SPLITS)}')
    known = np.isfinite(energies) & np.isfinite(predicted)
    if logarithmic:
        known &= energies > 0
    if not known.any():
        raise VisualisationError('no compound has both a computed and a predicted migration energy that can be drawn')
    return _save(lambda: diagnostics.predictions(energies[known], predicted[known], words[known], logarithmic), path)


def draw_axis_meaning(records: Sequence[Mapping[str, Any]], path: Path | str, *, most: int = 12) -> Path:
    """Draw which quantities each axis of a map follows, after Yamaguchi 2023, Fig. 5, as bars.

    For each axis the quantities of the highest mutual information stand from top to bottom; beside the information
    stands Spearman's rank correlation, whose sign says in which direction the quantity grows.

    :param records: with ``axis``, ``quantity``, ``unit``, ``mutual_information_nats`` and ``spearman``, as
        :func:`~aiida_limap.engines.autoencoder.meaning.axis_meaning` gives them.
    :param path: the file to write; its ending chooses the format: ``png``, ``svg``, ``pdf``.
    :param most: quantities shown for each axis.
    :returns: the path.
    :raises VisualisationError: if there is no record, one lacks an entry, the format is unknown, or the file cannot be
        written.
    """
    if not records or most < 1:
        raise VisualisationError('there are no quantities to draw; a code that does not vary follows none')
    for entry in records:
        for key in ('axis', 'quantity', 'mutual_information_nats', 'spearman'):
            if key not in entry:
                raise VisualisationError(f'a record of the axes lacks {key!r}: {dict(entry)}')
    return _save(lambda: diagnostics.axis_meaning(records, most), path)


def _numbers(name: str, values: ArrayLike, *, finite: bool = True) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise VisualisationError(f'{name} must be numbers: {error}') from error
    if finite and not np.isfinite(numbers).all():
        raise VisualisationError(f'{name} holds NaN or infinity; leave out such runs and compounds')
    return numbers


def _vector(name: str, values: ArrayLike, length: int | None = None, *, finite: bool = True) -> NDArray[np.float64]:
    numbers = _numbers(name, values, finite=finite)
    if numbers.ndim != 1 or (length is not None and len(numbers) != length):
        wanted = 'a list' if length is None else f'a list of {length}'
        raise VisualisationError(f'{name} has shape {numbers.shape}; expected {wanted}')
    return numbers


def _save(draw: Callable[[], Figure], path: Path | str) -> Path:
    path = Path(path)
    kind = path.suffix.lstrip('.')
    if kind not in style.FORMATS:
        raise VisualisationError(f'unknown figure format {kind!r}; known are {", ".join(style.FORMATS)}')
    with style.styled():
        style.save_figure(draw(), path)
    return path
