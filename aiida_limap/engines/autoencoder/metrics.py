"""How good a model is, beside what the simplest models reach."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['energy_scores', 'flattened_r2', 'forest_scores']


def flattened_r2(rows: NDArray[np.float64], rebuilt: NDArray[np.float64]) -> float | None:
    """Return R2 of rebuilt rows with all values in one list, as the paper reports it.

    The columns have unlike means, so that the column means alone give a high value: report both.

    :param rows: (n, d) rows.
    :param rebuilt: (n, d) rebuilt rows.
    :returns: R2, or None where the rows do not vary.
    """
    spread = float(np.square(rows - rows.mean()).sum()) if rows.size else 0.0
    return None if spread == 0 else 1 - float(np.square(rows - rebuilt).sum()) / spread


def energy_scores(
    energies_eV: NDArray[np.float64], predicted_eV: NDArray[np.float64], mean_eV: float
) -> dict[str, Any]:
    """Return scores of predicted migration energies, and of the mean of the training rows beside them.

    :param energies_eV: (n,) computed, NaN where missing: such rows are left out.
    :param predicted_eV: (n,) predicted.
    :param mean_eV: mean over the training rows.
    :returns: ``n_me``, ``r2_me``, ``mae_me_eV``, ``mse_me_eV2``, ``spearman_me``, ``baseline_mean_r2_me``,
        ``baseline_mean_mae_me_eV``; None where fewer than two rows, or rows that do not vary, leave a score undefined.
    """
    known = ~np.isnan(energies_eV)
    true, guess = energies_eV[known], predicted_eV[known]
    scores: dict[str, Any] = {'n_me': len(true)}
    spread = float(np.square(true - true.mean()).sum()) if len(true) > 1 else 0.0
    for prefix, values in (('', guess), ('baseline_mean_', np.full(len(true), mean_eV))):
        error = float(np.square(true - values).sum())
        scores[f'{prefix}r2_me'] = 1 - error / spread if spread > 0 else None
        scores[f'{prefix}mae_me_eV'] = float(np.abs(true - values).mean()) if len(true) else None
    scores['mse_me_eV2'] = float(np.square(true - guess).mean()) if len(true) else None
    scores['spearman_me'] = _spearman(true, guess)
    return scores


def _spearman(true: NDArray[np.float64], guess: NDArray[np.float64]) -> float | None:
    from scipy.stats import ConstantInputWarning, spearmanr

    if len(true) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ConstantInputWarning)
        value = float(spearmanr(true, guess).statistic)
    return value if np.isfinite(value) else None


def forest_scores(
    rows: NDArray[np.float64], energies_eV: NDArray[np.float64], split: NDArray[np.int64], seed: int
) -> dict[int, dict[str, Any]]:
    """Return scores of a random forest on the raw descriptors: what the columns hold, without the two codes between.

    :param rows: (n, d) composition and structure columns.
    :param energies_eV: (n,) computed migration energies, NaN where missing.
    :param split: (n,) split of each row; 0 is trained on.
    :param seed: seed of the forest.
    :returns: ``r2_me`` and ``mae_me_eV`` by split, for the splits that are not trained on.
    """
    from sklearn.ensemble import RandomForestRegressor

    known = ~np.isnan(energies_eV)
    learn = known & (split == 0)
    forest = RandomForestRegressor(n_estimators=200, max_features=1 / 3, random_state=seed)
    forest.fit(rows[learn], energies_eV[learn])
    mean = float(energies_eV[learn].mean())
    scores = {}
    for index in (1, 2):
        chosen = known & (split == index)
        if chosen.any():
            found = energy_scores(energies_eV[chosen], forest.predict(rows[chosen]), mean)
            scores[index] = {name: found[name] for name in ('r2_me', 'mae_me_eV', 'spearman_me')}
    return scores
