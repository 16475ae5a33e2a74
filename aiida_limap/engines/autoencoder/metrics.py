"""How good a model is, beside what the simplest models reach."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder.data import SPLITS, TrainingData

__all__ = [
    'Evaluation',
    'block_scores',
    'energy_scores',
    'flattened_r2',
    'model_metrics',
    'split_scores',
]

_PARTS = ('composition', 'structure')
_FOREST = ('r2_me', 'mae_me_eV', 'spearman_me')
Floats = NDArray[np.float64]
Scores = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model makes of the rows that it was trained and tested on.

    :param data: the rows.
    :param split: (n,) index into ``SPLITS``; 0 is trained on.
    :param scaled: (n, p) composition and (n, q) structure rows, divided by the divisors of their blocks.
    :param rebuilt: what the decoders give, scaled alike.
    :param codes: ``x_comp`` and ``x_struc``, (n,) each.
    :param energies_eV: (n,) migration energies predicted from the two codes.
    :param wide_eV: (n,) those of the wide head, None where there is none.
    """

    data: TrainingData
    split: NDArray[np.int64]
    scaled: tuple[Floats, Floats]
    rebuilt: tuple[Floats, Floats]
    codes: tuple[Floats, Floats]
    energies_eV: Floats  # noqa: N815
    wide_eV: Floats | None = None  # noqa: N815

    @property
    def learn(self) -> NDArray[np.bool_]:
        """The training rows, (n,)."""
        return self.split == 0

    def splits(self) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Yield name and (n,) rows of each split that has any."""
        for index, name in enumerate(SPLITS):
            chosen = self.split == index
            if chosen.any():
                yield name, chosen


def model_metrics(
    evaluation: Evaluation, *, seed: int = 0, baselines: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Return everything that tells how good a model and its map are, in plain values; None where undefined.

    :param evaluation: what the model makes of the rows.
    :param seed: of the samples, and of the order of ties.
    :param baselines: what :func:`~aiida_limap.engines.autoencoder.baselines.baseline_scores` gives for the same rows.
    :returns: ``metrics`` by split (:func:`split_scores`); ``blocks`` (:func:`block_scores`); ``map_quality``
        (:func:`~aiida_limap.engines.autoencoder.quality.map_quality`); ``axis_meaning``
        (:func:`~aiida_limap.engines.autoencoder.meaning.axis_meaning`); and ``baselines`` where they were given.
    """
    from aiida_limap.engines.autoencoder.meaning import axis_meaning, named_quantities
    from aiida_limap.engines.autoencoder.quality import descriptor_points, map_points, map_quality

    data, learn = evaluation.data, evaluation.learn
    metrics = split_scores(evaluation)
    found = {
        'metrics': metrics,
        'blocks': block_scores(evaluation),
        'map_quality': map_quality(
            descriptor_points(evaluation.scaled, learn),
            map_points(evaluation.codes, learn),
            data.migration_energy_eV,
            evaluation.split,
            seed=seed,
        ),
        'axis_meaning': axis_meaning(evaluation.codes, named_quantities(data), seed=seed),
    }
    if baselines is not None:
        found['baselines'] = {name: dict(entry) for name, entry in baselines.items()}
        for name, scores in baselines.get('forest', {}).get('metrics', {}).items():
            # What was learnt from is predicted almost perfectly by any forest, which says nothing.
            if name != SPLITS[0]:
                metrics[name] |= {f'baseline_forest_{key}': scores[key] for key in _FOREST}
    return found


def split_scores(evaluation: Evaluation) -> dict[str, Scores]:
    """Return the scores of a model by split.

    Each reconstruction has ``r2_composition`` (all values in one list, :func:`flattened_r2`),
    ``baseline_column_means_r2_composition`` (that of the column means of the training rows),
    ``relative_r2_composition = 1 - SSE / SSE of these column means``, and ``mse_composition``, in scaled units. The
    migration energy from the two codes has the scores of :func:`energy_scores`, that of the wide head the same with
    ``wide_`` in front; ``knn_r2_me`` is the R2 of an energy read off the map as the mean of the ten nearest training
    points.

    :param evaluation: what the model makes of the rows.
    :returns: scores by name of the split.
    """
    from aiida_limap.engines.autoencoder.quality import map_points, nearest_energies

    energies, learn = evaluation.data.migration_energy_eV, evaluation.learn
    teachers = energies[learn]
    mean, positive = float(np.nanmean(teachers)), teachers[teachers > 0]
    floor = float(positive.min()) if positive.size else None
    read = nearest_energies(map_points(evaluation.codes, learn), energies, learn)
    metrics = {}
    for name, chosen in evaluation.splits():
        scores: Scores = {}
        for part, given, rebuilt in zip(_PARTS, evaluation.scaled, evaluation.rebuilt, strict=True):
            found = _row_scores(given[chosen], rebuilt[chosen], given[learn].mean(axis=0))
            scores |= {f'{key}_{part}': value for key, value in found.items()}
        scores |= energy_scores(energies[chosen], evaluation.energies_eV[chosen], mean, floor)
        readable = chosen & ~np.isnan(energies) & ~np.isnan(read)
        scores['knn_r2_me'] = _r2(energies[readable], read[readable])
        if evaluation.wide_eV is not None:
            wide = energy_scores(energies[chosen], evaluation.wide_eV[chosen], mean, floor)
            scores |= {f'wide_{key}': value for key, value in wide.items() if not key.startswith(('n_', 'baseline_'))}
        metrics[name] = scores
    return metrics


def block_scores(evaluation: Evaluation) -> dict[str, dict[str, dict[str, Scores]]]:
    """Return how well each block of columns that shares a divisor is rebuilt.

    :param evaluation: what the model makes of the rows.
    :returns: by split, part and block: ``columns`` (their number), ``r2``, ``relative_r2``,
        ``baseline_column_means_r2`` and ``mse``, as in :func:`split_scores`.
    """
    found: dict[str, dict[str, dict[str, Scores]]] = {}
    for name, chosen in evaluation.splits():
        found[name] = {}
        for part, given, rebuilt in zip(_PARTS, evaluation.scaled, evaluation.rebuilt, strict=True):
            found[name][part] = {
                block: {
                    'columns': stop - start,
                    **_row_scores(
                        given[chosen, start:stop],
                        rebuilt[chosen, start:stop],
                        given[evaluation.learn, start:stop].mean(axis=0),
                    ),
                }
                for block, (start, stop) in evaluation.data.blocks(part).items()
            }
    return found


def _row_scores(given: Floats, rebuilt: Floats, means: Floats) -> Scores:
    error = float(np.square(given - rebuilt).sum())
    error_of_means = float(np.square(given - means).sum())
    return {
        'r2': flattened_r2(given, rebuilt),
        'baseline_column_means_r2': flattened_r2(given, np.broadcast_to(means, given.shape)),
        'relative_r2': 1 - error / error_of_means if error_of_means > 0 else None,
        'mse': error / given.size,
    }


def flattened_r2(rows: Floats, rebuilt: Floats) -> float | None:
    """Return R2 of rebuilt rows with all values in one list, as the paper reports it.

    The columns have unlike means, so that the column means alone give a high value: report both.

    :param rows: (n, d) rows.
    :param rebuilt: (n, d) rebuilt rows.
    :returns: R2, or None where the rows do not vary.
    """
    spread = float(np.square(rows - rows.mean()).sum()) if rows.size else 0.0
    return None if spread == 0 else 1 - float(np.square(rows - rebuilt).sum()) / spread


def energy_scores(energies_eV: Floats, predicted_eV: Floats, mean_eV: float, floor_eV: float | None = None) -> Scores:
    """Return scores of predicted migration energies, and of the mean of the training rows beside them.

    :param energies_eV: (n,) computed, NaN where missing: such rows are left out.
    :param predicted_eV: (n,) predicted.
    :param mean_eV: mean over the training rows.
    :param floor_eV: predictions below count as this one for the logarithm; the smallest positive energy of the training
        rows, or of these rows where it is not given.
    :returns: ``n_me``, ``r2_me``, ``mae_me_eV``, ``mse_me_eV2``, ``spearman_me``, ``n_log_me`` and ``r2_log_me`` (of
        the decadic logarithm, over rows with a positive energy), ``baseline_mean_r2_me``, ``baseline_mean_mae_me_eV``;
        None where fewer than two rows, or rows that do not vary, leave a score undefined.
    """
    known = ~np.isnan(energies_eV)
    true, guess = energies_eV[known], predicted_eV[known]
    scores: Scores = {'n_me': len(true)}
    for prefix, values in (('', guess), ('baseline_mean_', np.full(len(true), mean_eV))):
        scores[f'{prefix}r2_me'] = _r2(true, values)
        scores[f'{prefix}mae_me_eV'] = float(np.abs(true - values).mean()) if len(true) else None
    scores['mse_me_eV2'] = float(np.square(true - guess).mean()) if len(true) else None
    scores['spearman_me'] = _spearman(true, guess)
    positive = true > 0
    scores['n_log_me'] = int(positive.sum())
    scores['r2_log_me'] = None
    if positive.any():
        lowest = float(true[positive].min()) if floor_eV is None else floor_eV
        scores['r2_log_me'] = _r2(np.log10(true[positive]), np.log10(np.maximum(guess[positive], lowest)))
    return scores


def _r2(true: Floats, guess: Floats) -> float | None:
    spread = float(np.square(true - true.mean()).sum()) if len(true) > 1 else 0.0
    return 1 - float(np.square(true - guess).sum()) / spread if spread > 0 else None


def _spearman(true: Floats, guess: Floats) -> float | None:
    from scipy.stats import ConstantInputWarning, spearmanr

    if len(true) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ConstantInputWarning)
        value = float(spearmanr(true, guess).statistic)
    return value if np.isfinite(value) else None
