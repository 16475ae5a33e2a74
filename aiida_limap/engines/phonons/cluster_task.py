"""The task ``cluster_phonons``: clusters of compounds by several methods, and what they have to do with conduction."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import InputError
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ItemResult, ResultsWriter

if TYPE_CHECKING:
    from aiida_limap.engines.phonons._cluster_job import ClusterTask, JobInputs
    from aiida_limap.engines.phonons.clustering import Candidate, ClusterEnrichment, Clustering

__all__ = ['run']

logger = logging.getLogger(__name__)


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Cluster compounds.

    Input ``features``: an array file with ``ids`` (n,) and features of (n,) or (n, m) numbers under any other name, NaN
    where missing. Input ``labels`` (optional): ``ids`` and ``conductor``, 1 for a known conductor, 0 for a known poor
    one. Input ``diffusivities`` (optional): ``ids``, ``temperatures_K`` (t,), and ``diffusivity_cm2_per_s`` (n, t).

    :param job: the job; its parameters are those of :class:`~._cluster_job.ClusterTask` and of
        :class:`~.clustering.ClusterOptions`.
    :param directory: folder of the files.
    :param writer: takes one item per compound, a summary by method, and the arrays of trees and choices.
    :raises InputError: if a parameter is wrong or the rows cannot be clustered.
    :raises FormatError: if a file cannot be read or lacks an array.
    """
    from aiida_limap.engines.phonons._cluster_job import options_of, read_inputs
    from aiida_limap.engines.phonons.clustering import AUTO, cluster

    task, options = options_of(job)
    given = read_inputs(job, directory, task, options)
    asked = {name: value for name, value in options.settings().items() if name != 'method'}
    writer.summary(options={**asked, **task.settings()}, n_rows=len(given.ids), unmatched=given.unmatched)
    writer.flush()
    found: dict[str, Clustering] = {}
    facts: dict[str, dict[str, Any]] = {}
    for method in task.methods:
        # Density finds its own number, whatever the others are asked for.
        number = AUTO if method == 'density' else options.n_clusters
        each = replace(options, method=method, n_clusters=number)
        found[method] = cluster(given.table, given.names, each, order=given.order)
        logger.info('%s: %d clusters of %s rows', method, found[method].n_clusters, found[method].sizes)
        facts[method] = _facts(found[method], given, task)
        writer.summary(methods=facts)
    chosen = found[task.candidates_by]
    candidates = _candidates(chosen, given, task)
    writer.summary(
        features=list(chosen.features),
        scale=chosen.scale,
        n_clustered=len(chosen.rows),
        n_left_out=len(chosen.left_out),
        n_candidates=len(candidates),
        agreement=_agreement(found),
        correlations=_correlations(given),
    )
    _write_arrays(found, facts, given, writer)
    _write_items(found, given, task, candidates, writer)


def _facts(found: Clustering, given: JobInputs, task: ClusterTask) -> dict[str, Any]:
    """Return what the summary says about one method."""
    from aiida_limap.engines.phonons.clustering import NOISE, choose_k, group_difference, stability

    facts: dict[str, Any] = {
        'n_clusters': found.n_clusters,
        'sizes': found.sizes,
        'n_noise': int((found.labels == NOISE).sum()),
        'means': found.means,
        'silhouette': found.silhouette,
        'cophenetic_correlation': found.cophenetic_correlation,
    }
    if found.options.method != 'density':
        facts['choice'] = choose_k(given.table, given.names, found.options).as_dict()
    if task.resamples and found.n_clusters:
        facts['stability'] = stability(
            given.table, found.labels, given.names, found.options, resamples=task.resamples
        ).as_dict()
    facts['enrichment'] = {
        kind: {background: [entry.as_dict() for entry in _enriched(found, known, background)] for background in tests}
        for kind, known, tests in _kinds(given, task)
    }
    values = _diffusivity(given, task)
    if values is not None and found.n_clusters > 1:
        facts['diffusivity_difference'] = group_difference(found.labels, values).as_dict()
    return facts


def _kinds(given: JobInputs, task: ClusterTask) -> list[tuple[str, NDArray[np.float64], tuple[str, ...]]]:
    """Return the kinds of labels there are: name, labels by row, and the backgrounds that make sense."""
    from aiida_limap.engines.phonons._cluster_job import CONDUCTIVITY, DIFFUSIVITY
    from aiida_limap.engines.phonons.clustering import conductors_from_diffusivity

    kinds: list[tuple[str, NDArray[np.float64], tuple[str, ...]]] = []
    if given.conductor is not None:
        kinds.append((CONDUCTIVITY, given.conductor, ('all', 'labelled')))
    values = _diffusivity(given, task)
    if values is not None:
        labels = conductors_from_diffusivity(values, task.diffusivity_threshold_cm2_per_s)
        kinds.append((DIFFUSIVITY, labels, ('labelled',)))
    return kinds


def _diffusivity(given: JobInputs, task: ClusterTask) -> NDArray[np.float64] | None:
    if given.diffusivity is None:
        return None
    columns = np.flatnonzero(np.isclose(given.temperatures, task.diffusivity_temperature_K))
    if not len(columns):
        known = ', '.join(f'{value:g}' for value in given.temperatures)
        raise InputError(
            f'cluster_phonons: no diffusivities at {task.diffusivity_temperature_K:g} K; there are those at {known} K'
        )
    return given.diffusivity[:, columns[0]]


def _enriched(found: Clustering, known: NDArray[np.float64], background: str) -> list[ClusterEnrichment]:
    """Return the test, or nothing where no clustered row conducts: that is no fault of the job."""
    from aiida_limap.engines.phonons.clustering import enrichment

    if not (known[found.rows] == 1).any():
        return []
    return enrichment(found.labels, known, background=background)


def _candidates(found: Clustering, given: JobInputs, task: ClusterTask) -> list[Candidate]:
    """Return candidates by known conductors, or by diffusivities where there are no other labels."""
    from aiida_limap.engines.phonons.clustering import candidates

    kinds = _kinds(given, task)
    if not kinds:
        return []
    _, known, backgrounds = kinds[0]
    background = task.background if task.background in backgrounds else backgrounds[0]
    return candidates(found, _enriched(found, known, background), known, alpha=task.alpha)


def _agreement(found: Mapping[str, Clustering]) -> dict[str, float]:
    """Return the adjusted Rand index of each pair of methods."""
    from sklearn.metrics import adjusted_rand_score

    names = list(found)
    return {
        f'{one}, {two}': float(
            adjusted_rand_score(found[one].labels[found[one].rows], found[two].labels[found[two].rows])
        )
        for place, one in enumerate(names)
        for two in names[place + 1 :]
    }


def _correlations(given: JobInputs) -> list[dict[str, Any]]:
    """Return rank correlations of features that are one number with diffusivities at each temperature."""
    from aiida_limap.engines.phonons.clustering import rank_correlation

    if given.diffusivity is None:
        return []
    found = []
    for column, name in enumerate(given.names):
        if given.names.count(name) > 1:
            continue
        for place, temperature in enumerate(given.temperatures):
            entry: dict[str, Any] = {'feature': name, 'temperature_K': float(temperature)}
            try:
                entry |= rank_correlation(given.table[:, column], given.diffusivity[:, place]).as_dict()
            except InputError as error:
                # At low temperatures nothing moves in any compound; that is told, and no reason to fail.
                entry['message'] = str(error)
            found.append(entry)
    return found


def _write_arrays(
    found: Mapping[str, Clustering], facts: Mapping[str, Mapping[str, Any]], given: JobInputs, writer: ResultsWriter
) -> None:
    """Write trees, choices, and a plane to draw clusters in."""
    from scipy.cluster.hierarchy import leaves_list
    from sklearn.decomposition import PCA

    first = next(iter(found.values()))
    writer.array('clustered_ids', np.array([given.ids[row] for row in first.rows]))
    parts = min(2, *first.matrix.shape)
    plane = PCA(n_components=parts, random_state=first.options.seed).fit(first.matrix)
    writer.array('plane', plane.transform(first.matrix))
    writer.array('plane_variance', plane.explained_variance_ratio_)
    for method, clustering in found.items():
        if clustering.linkage is not None:
            writer.array('linkage', clustering.linkage)
            writer.array('linkage_leaves', leaves_list(clustering.linkage))
        for name, values in facts[method].get('choice', {}).items():
            if name != 'chosen':
                writer.array(f'choice_{method}_{name}', np.array(values, dtype=float))


def _write_items(
    found: Mapping[str, Clustering],
    given: JobInputs,
    task: ClusterTask,
    candidates: list[Candidate],
    writer: ResultsWriter,
) -> None:
    from aiida_limap.engines.phonons.clustering import LEFT_OUT

    by_row = {candidate.row: (rank, candidate) for rank, candidate in enumerate(candidates, start=1)}
    diffusivity = _diffusivity(given, task)
    left_out = next(iter(found.values())).left_out
    for row, identifier in enumerate(given.ids):
        values: dict[str, Any] = {}
        for method, clustering in found.items():
            number = int(clustering.labels[row])
            values[f'cluster_{method}'] = None if number == LEFT_OUT else number
            values[f'silhouette_{method}'] = clustering.silhouettes[row]
            if clustering.probabilities is not None:
                values[f'membership_{method}'] = clustering.probabilities[row]
        if given.conductor is not None:
            values['conductor'] = given.conductor[row]
        if diffusivity is not None:
            values['diffusivity_cm2_per_s'] = diffusivity[row]
        rank, candidate = by_row.get(row, (None, None))
        values |= {
            'candidate': candidate is not None,
            'candidate_rank': rank,
            'nearest_conductor': candidate and given.ids[candidate.nearest],
            'nearest_conductor_distance': candidate and candidate.distance,
        }
        status = Status.FAILED if row in left_out else Status.OK
        writer.add(ItemResult(identifier, status, left_out.get(row, ''), values))
