"""The methods themselves, on a complete matrix: rows in, numbers of clusters out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.linalg import eigh
from scipy.sparse.csgraph import laplacian
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.neighbors import kneighbors_graph

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons._cluster_options import ClusterOptions

__all__ = ['check_k', 'density', 'partition', 'partitions', 'ward_tree', 'within_ss']

#: The Laplacian of so many rows is solved in half a minute.
MOST_SPECTRAL_ROWS = 5_000

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]


def ward_tree(matrix: Matrix) -> Matrix:
    """Return the tree of Ward's method with Euclidean distances.

    :param matrix: (m, k) rows.
    :returns: (m - 1, 4) merges in the form of scipy.
    """
    return np.asarray(linkage(matrix, method='ward', metric='euclidean'))


def check_k(k: int, n_distinct: int) -> None:
    """Refuse a number of clusters that the rows cannot fill.

    :raises InputError: if there are fewer different rows than clusters.
    """
    if k > n_distinct:
        raise InputError(f'{k} clusters cannot be made of {n_distinct} different rows; ask for fewer')


def partition(matrix: Matrix, k: int, options: ClusterOptions) -> Labels:
    """Divide rows into a number of clusters.

    :param matrix: (m, k) rows.
    :param k: number of clusters.
    :param options: method and its options.
    :returns: (m,) number of the cluster of each row, in no particular order.
    """
    return partitions(matrix, (k,), options)[k]


def partitions(matrix: Matrix, numbers: Iterable[int], options: ClusterOptions) -> dict[int, Labels]:
    """Divide rows into several numbers of clusters; what these have in common is computed once.

    :param matrix: (m, k) rows.
    :param numbers: numbers of clusters; 1 is allowed.
    :param options: method (not density) and its options.
    :returns: (m,) number of the cluster of each row, by number of clusters.
    """
    wanted = list(numbers)
    if options.method == 'density':
        raise InputError('density finds the number of clusters itself; no other can be asked for')
    if options.method == 'ward':
        tree = ward_tree(matrix)
        return {k: np.asarray(cut_tree(tree, n_clusters=k)[:, 0], dtype=np.intp) for k in wanted}
    if options.method == 'kmeans':
        return {k: _kmeans(matrix, k, options) for k in wanted}
    vectors = _spectral_embedding(matrix, max(wanted), options)
    return {k: _kmeans(vectors[:, :k], k, options) for k in wanted}


def density(matrix: Matrix, options: ClusterOptions) -> tuple[Labels, Matrix]:
    """Find dense groups of rows by HDBSCAN.

    :param matrix: (m, k) rows.
    :param options: the options.
    :returns: (m,) number of the cluster, -1 for rows in none; and (m,) strength of membership, 0 to 1.
    :raises InputError: if the least size of a cluster exceeds the number of rows.
    """
    least = options.min_cluster_size or min(max(5, round(len(matrix) / 20)), len(matrix) // 2)
    if least > len(matrix):
        raise InputError(f'min_cluster_size is {least}, but there are only {len(matrix)} rows; ask for less')
    found = HDBSCAN(min_cluster_size=least, allow_single_cluster=options.single_cluster, copy=True).fit(matrix)
    return np.asarray(found.labels_, dtype=np.intp), np.asarray(found.probabilities_, dtype=float)


def within_ss(matrix: Matrix, labels: Labels) -> float:
    """Return the sum of squared distances of rows from the mean of their cluster."""
    return float(
        sum(np.square(part - part.mean(axis=0)).sum() for part in (matrix[labels == x] for x in np.unique(labels)))
    )


def _kmeans(matrix: Matrix, k: int, options: ClusterOptions) -> Labels:
    found = KMeans(n_clusters=k, n_init=options.restarts, random_state=options.seed).fit(matrix)
    return np.asarray(found.labels_, dtype=np.intp)


def _spectral_embedding(matrix: Matrix, size: int, options: ClusterOptions) -> Matrix:
    """Return the lowest eigenvectors of the normalised Laplacian, as SpectralClustering of scikit-learn uses them.

    They come from a dense solver, which is exact: the iterative ones of scikit-learn do not converge where eigenvalues
    crowd, and take a graph in several pieces for a fault. One solution serves all numbers of clusters.
    """
    if len(matrix) > MOST_SPECTRAL_ROWS:
        raise InputError(f'{len(matrix)} rows are too many for spectral clustering; {MOST_SPECTRAL_ROWS} at most')
    graph, degrees = laplacian(_affinity(matrix, options), normed=True, return_diag=True)
    _, vectors = eigh(graph, subset_by_index=(0, min(size, len(matrix)) - 1))
    return np.asarray(vectors / degrees[:, None])


def _affinity(matrix: Matrix, options: ClusterOptions) -> Matrix:
    """Return how near rows are to each other, 0 to 1."""
    if options.neighbours:
        # Where every row is a neighbour of every other, the graph says nothing.
        near = min(options.neighbours, max(2, len(matrix) // 2))
        graph = kneighbors_graph(matrix, near, include_self=True)
        return np.asarray((0.5 * (graph + graph.T)).toarray())
    distances = pdist(matrix)
    width = np.median(distances)
    # More than half of all pairs may be equal; then the mean, which is zero only for equal rows.
    width = width if width > 0 else distances.mean()
    return np.exp(-0.5 * np.square(squareform(distances) / width))
