"""Structure rows: radial distribution functions, bond angles, Voronoi face counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors import kernels
from aiida_limap.engines.descriptors.layout import Layout, VoronoiSpec, load_layout
from aiida_limap.engines.descriptors.neighbours import Neighbours, check_structure, find_neighbours
from aiida_limap.engines.descriptors.voronoi import OpenCellError, VoronoiCell, face_solid_angles, voronoi_cell
from aiida_limap.engines.errors import LimapError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['structure_descriptors', 'structure_row']

#: Pairs beyond the last bin still reach into it by this many widths.
_REACH = 7.0
#: Voronoi cells are first sought among neighbours within this distance, then within all.
_VORONOI_FIRST_ANGSTROM = 5.5
_VORONOI_LAST_ANGSTROM = 40.0


def structure_descriptors(
    structures: Iterable[Structure], layout: str | Layout = 'yamaguchi2023'
) -> NDArray[np.float64]:
    """Describe crystal structures by histograms of distances, angles and Voronoi face counts.

    - Radial distribution functions by pair of site classes, smeared with Gaussians; normalisation ``g`` is
      ``n_ab(r) / (N_a 4 pi r^2 dr rho_b)``, ``count`` is ``n_ab(r) / N_a``; zeros where a class is absent.
    - Angles X-A-Y between the neighbours of each site, normalised per centre, averaged over the centres.
    - Voronoi face counts: for each class, the share of its sites with a given number of faces, smeared; small faces are
      dropped.

    Rows do not change with origin, orientation, site order or choice of cell. (After Yamaguchi et al., Sci. Rep. 13,
    16799 (2023); the bins of the shipped layout are a reconstruction.)

    :param structures: ordered pymatgen structures, Å.
    :param layout: a name, a path of a YAML file, or a layout.
    :returns: (n_structures, n_columns) rows; 858 columns for ``yamaguchi2023``.
    :raises DisorderedStructureError: if a site is partially occupied or shared.
    :raises OverlappingSitesError: if two sites are closer than any bond.
    :raises LimapError: if a Voronoi cell has a number of faces beyond the bins.
    :raises InputError: if there is no such layout.
    """
    known = load_layout(layout)
    rows = [structure_row(structure, known) for structure in structures]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(known.columns('structure')))


def structure_row(structure: Structure, layout: Layout) -> NDArray[np.float64]:
    """Describe one structure.

    :param structure: an ordered pymatgen structure, Å.
    :param layout: the layout.
    :returns: (n_columns,) row.
    :raises LimapError: as :func:`structure_descriptors`.
    """
    check_structure(structure)
    classes = np.array([layout.classes.index_of(site.specie.symbol) for site in structure], dtype=np.int64)
    neighbours = find_neighbours(structure, layout.rdf.maximum + _REACH * layout.rdf.sigma)
    return np.concatenate(
        [
            _radial(neighbours, classes, structure.volume, layout).ravel(),
            _angular(neighbours, layout),
            _voronoi(structure, neighbours, classes, layout).ravel(),
        ]
    )


def _radial(neighbours: Neighbours, classes: NDArray[np.int64], volume: float, layout: Layout) -> NDArray[np.float64]:
    spec, names = layout.rdf, layout.classes.names
    # Only one order of a pair gets a histogram: each pair of unlike sites then counts once, from the first class.
    index = np.full((len(names), len(names)), -1, dtype=np.int64)
    for number, (first, second) in enumerate(spec.pairs):
        index[names.index(first), names.index(second)] = number
    pairs = (neighbours.centres, neighbours.indices, neighbours.distances)
    counts = kernels.distance_histograms(pairs, classes, index, spec.maximum, spec.bins, spec.sigma)
    sites = np.bincount(classes, minlength=len(names))
    width = spec.maximum / spec.bins
    radii = (np.arange(spec.bins) + 0.5) * width
    for number, (first, second) in enumerate(spec.pairs):
        n_first, n_second = sites[names.index(first)], sites[names.index(second)]
        if n_first and n_second:
            counts[number] /= n_first
            if spec.normalisation == 'g':
                counts[number] /= 4 * np.pi * radii**2 * width * n_second / volume
    return counts


def _angular(neighbours: Neighbours, layout: Layout) -> NDArray[np.float64]:
    spec = layout.adf
    ratios = (spec.inner_ratio, spec.outer_ratio)
    return kernels.angle_histogram(
        neighbours.offsets, neighbours.vectors, neighbours.distances, ratios, spec.bins, spec.sigma
    )


def _voronoi(
    structure: Structure, neighbours: Neighbours, classes: NDArray[np.int64], layout: Layout
) -> NDArray[np.float64]:
    spec = layout.voronoi
    shares = np.zeros((len(layout.classes.names), spec.maximum_faces - spec.minimum_faces + 1))
    cells = [_cell(structure, neighbours, site) for site in range(len(classes))]
    for site, (kind, angles) in enumerate(zip(classes, face_solid_angles(cells), strict=True)):
        faces = _face_count(angles, spec)
        if not spec.minimum_faces <= faces <= spec.maximum_faces:
            raise LimapError(
                f'the Voronoi cell of site {site} has {faces} faces, outside of the bins '
                f'{spec.minimum_faces} to {spec.maximum_faces} of the layout {layout.name}'
            )
        shares[kind] += _smeared(faces, spec)
    return shares / np.maximum(np.bincount(classes, minlength=len(shares)), 1)[:, None]


def _smeared(faces: int, spec: VoronoiSpec) -> NDArray[np.float64]:
    """Return the weights of a number of faces on the bins; they sum to one."""
    away = np.arange(spec.minimum_faces, spec.maximum_faces + 1) - faces
    if spec.sigma == 0:
        return (away == 0).astype(np.float64)
    weights = np.exp(-(away**2) / (2 * spec.sigma**2))
    return weights / weights.sum()


def _face_count(angles: NDArray[np.float64], spec: VoronoiSpec) -> int:
    # The margin keeps faces that symmetry makes equal on one side of the limit.
    return int(np.count_nonzero(angles > (spec.small_face_ratio + 1e-7) * angles.max()))


def _cell(structure: Structure, neighbours: Neighbours, site: int) -> VoronoiCell:
    own = slice(neighbours.offsets[site], neighbours.offsets[site + 1])
    vectors, distances = neighbours.vectors[own], neighbours.distances[own]
    order = np.argsort(distances, kind='stable')
    vectors, distances = vectors[order], distances[order]
    try:
        return voronoi_cell(vectors[: np.searchsorted(distances, _VORONOI_FIRST_ANGSTROM)])
    except OpenCellError:
        pass  # an open structure: try more distant neighbours
    cutoff = float(distances[-1]) if len(distances) else _VORONOI_FIRST_ANGSTROM
    while True:
        try:
            return voronoi_cell(vectors)
        except OpenCellError:
            cutoff = 1.6 * cutoff
            if cutoff > _VORONOI_LAST_ANGSTROM:
                raise
            found = structure.get_sites_in_sphere(structure[site].coords, cutoff)
            lengths = np.array([entry.nn_distance for entry in found])
            points = np.array([entry.coords for entry in found]) - structure[site].coords
            order = np.argsort(lengths, kind='stable')
            vectors = points[order][lengths[order] > 1e-8]
