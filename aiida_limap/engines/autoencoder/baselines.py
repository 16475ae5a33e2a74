"""What simple methods reach on the same rows and the same split as a model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder.data import TrainingData
from aiida_limap.engines.autoencoder.metrics import Evaluation, split_scores
from aiida_limap.engines.autoencoder.quality import (
    MOST_ROWS,
    descriptor_points,
    map_points,
    map_quality,
    nearest_energies,
)
from aiida_limap.engines.errors import InputError

__all__ = ['BASELINES', 'baseline_scores', 'check_baselines', 'forest_energies']

#: Names of the baselines and what they are.
BASELINES = {
    'mean': 'column means, mean energy, all points at one place: what is reached without any information',
    'forest': 'random forest of 200 trees on all descriptors, without a map: what the descriptors hold',
    'pca': 'first principal component of each part; energies: mean over the 10 nearest training points on the map',
    'pls': 'first component of partial least squares of each part towards the energy; energies: mean over the 10 '
    'nearest training points on the map',
    'tsne': 't-SNE of all columns at once: an axis means nothing, and no row can be placed later, so that test rows '
    'took part in the drawing',
    'umap': 'UMAP of all columns at once, fitted to the training rows; an axis means nothing',
}
#: Embeddings read rows through so many principal components, as is customary.
_MOST_COMPONENTS = 50
Floats = NDArray[np.float64]
Points = Callable[[Floats, NDArray[np.bool_], int], Floats]


def check_baselines(value: Any) -> bool | tuple[str, ...]:
    """Return the option ``baselines`` of a training after checking it.

    :param value: true for all that is installed, false for none, or a list of names out of :data:`BASELINES`.
    :raises InputError: for anything else.
    """
    if isinstance(value, bool):
        return value
    if not isinstance(value, (list, tuple)):
        raise InputError(f'train: baselines must be true, false or a list out of {", ".join(BASELINES)}, not {value!r}')
    for name in value:
        if name not in BASELINES:
            raise InputError(f'train: unknown baseline {name!r}; known are {", ".join(BASELINES)}')
    return tuple(dict.fromkeys(value))


def baseline_scores(
    data: TrainingData,
    scaled: tuple[Floats, Floats],
    split: NDArray[np.int64],
    baselines: bool | Sequence[str] = True,
    *,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Return the scores of simple methods, under the same names as those of a model.

    They depend on rows, split and scaling, not on a model: models of one split share them.

    :param data: the rows.
    :param scaled: (n, p) composition and (n, q) structure rows, divided by the divisors of their blocks.
    :param split: (n,) index into ``SPLITS``; 0 is trained on.
    :param baselines: names, or true for all; ``umap`` is among all only where the package umap-learn is installed.
    :param seed: of the forest, the embeddings and the samples.
    :returns: by name: ``note``, which says what it is; ``metrics`` by split, where it predicts or rebuilds; and
        ``map_quality``, where it draws a map.
    :raises InputError: if a name is unknown, or ``umap`` is asked for and not installed.
    """
    chosen = check_baselines(baselines)
    has_umap = _has_umap()
    if isinstance(chosen, bool):
        chosen = tuple(name for name in BASELINES if name != 'umap' or has_umap) if chosen else ()
    elif 'umap' in chosen and not has_umap:
        raise InputError(
            "train: the baseline umap needs the package umap-learn; install it with pip install 'aiida-limap[umap]', "
            'or leave umap out of the list'
        )
    found = {}
    for name in chosen:
        if name == 'forest':
            scores = _forest(data, scaled, split, seed)
        elif name in ('tsne', 'umap'):
            scores = _embedding({'tsne': _tsne, 'umap': _umap}[name], data, scaled, split, seed)
        else:
            scores = _pair(name, data, scaled, split, seed)
        found[name] = {'note': BASELINES[name], **scores}
    return found


def _pair(
    name: str, data: TrainingData, scaled: tuple[Floats, Floats], split: NDArray[np.int64], seed: int
) -> dict[str, Any]:
    """Score a map with one linear axis for each part."""
    learn = split == 0
    known = learn & ~np.isnan(data.migration_energy_eV)
    axes = []
    for rows in scaled:
        origin = rows[learn].mean(axis=0)
        direction = _direction(name, rows - origin, data.migration_energy_eV, learn, known)
        score = (rows - origin) @ direction
        # The loading: what the rows are, by least squares over the training rows, per unit of the score.
        power = float(np.square(score[learn]).sum())
        loading = score[learn] @ (rows - origin)[learn] / power if power > 0 else np.zeros(rows.shape[1])
        axes.append((score, origin + score[:, None] * loading))
    codes = axes[0][0], axes[1][0]
    points = map_points(codes, learn)
    energies = nearest_energies(points, data.migration_energy_eV, learn)
    if name == 'mean':
        energies = np.full(len(split), float(data.migration_energy_eV[known].mean()))
    evaluation = Evaluation(data, split, scaled, (axes[0][1], axes[1][1]), codes, energies)
    high = descriptor_points(scaled, learn)
    return {
        'metrics': split_scores(evaluation),
        'map_quality': map_quality(high, points, data.migration_energy_eV, split, seed=seed),
    }


def _direction(
    name: str, centred: Floats, energies: Floats, learn: NDArray[np.bool_], known: NDArray[np.bool_]
) -> Floats:
    """Return the unit vector of an axis: principal direction, covariance with the energy, or none."""
    if name == 'mean':
        return np.zeros(centred.shape[1])
    if name == 'pca':
        direction: Floats = np.linalg.svd(centred[learn], full_matrices=False)[2][0]
        # The sign that a singular vector comes with depends on the library.
        return direction * np.sign(direction[np.abs(direction).argmax()])
    # The first weight of partial least squares with one target.
    covariance = centred[known].T @ (energies[known] - energies[known].mean())
    length = float(np.linalg.norm(covariance))
    return covariance / length if length > 0 else covariance


def _forest(data: TrainingData, scaled: tuple[Floats, Floats], split: NDArray[np.int64], seed: int) -> dict[str, Any]:
    rows = np.concatenate(scaled, axis=1)
    known = (split == 0) & ~np.isnan(data.migration_energy_eV)
    energies = forest_energies(rows, data.migration_energy_eV, known, seed)
    blank = np.zeros(len(split))
    scores = split_scores(Evaluation(data, split, scaled, scaled, (blank, blank), energies))
    return {
        'metrics': {
            name: {key: value for key, value in entry.items() if _is_energy(key)} for name, entry in scores.items()
        }
    }


def _is_energy(key: str) -> bool:
    return not key.startswith('knn_') and not key.endswith(('_composition', '_structure'))


def forest_energies(rows: Floats, energies_eV: Floats, learn: NDArray[np.bool_], seed: int) -> Floats:
    """Return migration energies that a random forest predicts from descriptors.

    :param rows: (n, d) columns.
    :param energies_eV: (n,) computed migration energies.
    :param learn: (n,) rows to learn from; each has an energy.
    :param seed: seed of the forest.
    :returns: (n,) predicted, eV; those of the rows learnt from are no measure of anything.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(n_estimators=200, max_features=1 / 3, random_state=seed)
    varied = np.ptp(rows[learn], axis=0) > 0
    if not varied.any():
        return np.full(len(rows), float(energies_eV[learn].mean()))
    # Constant columns cannot split anything; the forest would look at them all the same.
    forest.fit(rows[learn][:, varied], energies_eV[learn])
    return np.asarray(forest.predict(rows[:, varied]), dtype=np.float64)


def _embedding(
    embed: Points, data: TrainingData, scaled: tuple[Floats, Floats], split: NDArray[np.int64], seed: int
) -> dict[str, Any]:
    """Score a map that is drawn from all columns at once."""
    energies = data.migration_energy_eV
    chosen = np.arange(len(split))
    if len(chosen) > MOST_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, MOST_ROWS, replace=False))
    high = descriptor_points(scaled, split == 0)[chosen]
    learn = split[chosen] == 0
    if not np.ptp(high, axis=0).any():
        return {'map_quality': map_quality(high, high[:, :2], energies[chosen], split[chosen], seed=seed)}
    low = embed(_components(high, learn), learn, seed)
    quality = map_quality(high, low, energies[chosen], split[chosen], seed=seed)
    return {'map_quality': {**quality, 'sampled': len(chosen) < len(split)}}


def _components(points: Floats, learn: NDArray[np.bool_]) -> Floats:
    directions = np.linalg.svd(points[learn], full_matrices=False)[2][:_MOST_COMPONENTS]
    return points @ directions.T


def _tsne(points: Floats, _learn: NDArray[np.bool_], seed: int) -> Floats:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(points) - 1) / 3)
    return np.asarray(TSNE(perplexity=perplexity, random_state=seed).fit_transform(points), dtype=np.float64)


def _has_umap() -> bool:
    # Asked by the name of the distribution: there is another package with a module of the same name.
    try:
        version('umap-learn')
    except PackageNotFoundError:
        return False
    return True


def _umap(points: Floats, learn: NDArray[np.bool_], seed: int) -> Floats:
    from umap import UMAP  # type: ignore[import-not-found]

    with warnings.catch_warnings():
        # That a seed means one thread is what is wanted; the others are about versions of its dependencies.
        warnings.simplefilter('ignore')
        mapper = UMAP(n_neighbors=min(15, int(learn.sum()) - 1), random_state=seed, n_jobs=1).fit(points[learn])
        low = np.empty((len(points), 2))
        low[learn] = mapper.embedding_
        if not learn.all():
            low[~learn] = mapper.transform(points[~learn])
    return low
