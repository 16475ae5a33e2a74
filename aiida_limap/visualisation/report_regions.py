"""Where on a map to look next: places with low predicted energies where few compounds are known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import AXES, Heatmap, MapBundle
from aiida_limap.visualisation.density import LEAST_POINTS, point_density
from aiida_limap.visualisation.facts import MIGRATION_ENERGY, learns_energy, numbers
from aiida_limap.visualisation.rows import element_fractions

__all__ = ['Region', 'Regions', 'promising_regions']

#: Places within the line that encloses this part of the known compounds are explored, not sparse.
SPARSE = 0.5
#: A region is all connected places that reach this part of its highest score.
SHARE_OF_PEAK = 0.8
#: Maxima below this part of the best score are not worth a row.
_FAINT = 0.1
_MOST_NEAREST = 3
#: Elements with a smaller decoded fraction are not named.
_TRACE = 0.01
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Region:
    """Connected places of a map, and what the model says of the best one.

    :param x_comp: composition code of the best place.
    :param x_struc: structure code of the best place.
    :param x_comp_range: lowest and highest composition code of the region.
    :param x_struc_range: lowest and highest structure code of the region.
    :param score: product of ``promise``, ``sparsity`` and ``support`` at the best place, 0 to 1.
    :param promise: part of the known compounds whose calculated energy is above the upper end of the interval (or above
        the prediction, where there is no interval).
    :param sparsity: part of the known compounds that lie where these are denser.
    :param support: support of the place by training data, 0 to 1.
    :param energy: predicted migration energy at the best place, eV.
    :param interval: lower and upper end of its interval, eV; None where there is none.
    :param energy_range: lowest and highest prediction in the region, eV.
    :param n_known: known compounds in the region.
    :param elements: symbol and fraction of what the composition code decodes to, the largest first.
    :param nearest: row and distance in codes of the nearest known compounds.
    """

    x_comp: float
    x_struc: float
    x_comp_range: tuple[float, float]
    x_struc_range: tuple[float, float]
    score: float
    promise: float
    sparsity: float
    support: float
    energy: float
    interval: tuple[float, float] | None
    energy_range: tuple[float, float]
    n_known: int
    elements: tuple[tuple[str, float], ...]
    nearest: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Regions:
    """The ranked regions of a map.

    :param regions: the best one first.
    :param reason: why there are none; empty where there are.
    :param notes: sentences on what the scores could not take into account.
    """

    regions: tuple[Region, ...] = ()
    reason: str = ''
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class _Plane:
    """The factors of the score at each place, (n, m) each."""

    heatmap: Heatmap
    promise: Floats
    sparsity: Floats
    support: Floats
    points: Floats

    @property
    def score(self) -> Floats:
        explored = self.sparsity < SPARSE
        product = self.promise * self.sparsity * self.support
        return np.where(explored | ~np.isfinite(product), 0.0, product)


def promising_regions(bundle: MapBundle, most: int = 6) -> Regions:
    """Rank the regions where low energies are predicted, few compounds are known, and the model has a say.

    The score of a place is ``promise * sparsity * support``; see :class:`Region` for the three factors, each from 0 to
    1, so that a place which fails on one of them does not rank. Places within the line that encloses half of the known
    compounds do not count, and neither do places without any support. A region is all connected places that reach 80 %
    of its highest score; maxima between which the score does not fall below 80 % of the lower one are one region.

    :param bundle: the map.
    :param most: how many regions at most.
    :returns: the regions, or why there are none.
    """
    plane = _plane(bundle)
    if isinstance(plane, str):
        return Regions(reason=plane)
    found = _components(plane.score, most)
    if not found:
        return Regions(
            reason='No place of this map has a low predicted energy, few known compounds and training data near at '
            'the same time.'
        )
    notes = []
    if 'high' not in bundle.layers:
        notes.append('The predictions of this map have no intervals, so the scores compare the predictions themselves.')
    if plane.heatmap.support is None:
        notes.append('Where this map has training data near was not measured, so the support counts as 1 everywhere.')
    return Regions(tuple(_region(bundle, plane, place, mask) for place, mask in found), notes=tuple(notes))


def _plane(bundle: MapBundle) -> _Plane | str:
    """Return the factors of the score, or why there are none."""
    heatmap = bundle.heatmap
    if heatmap is None:
        return 'This map has no heat map of the predicted energy, so nothing can be said of places without a compound.'
    if not learns_energy(bundle):
        return 'This map was trained with W = 0 and has learnt no migration energy, so it has no promising places.'
    energies = numbers(bundle, MIGRATION_ENERGY)
    energies = np.sort(energies[np.isfinite(energies)])
    points = np.column_stack([numbers(bundle, name) for name in AXES])
    density = point_density(points, heatmap.x_comp, heatmap.x_struc)
    if density is None or len(energies) < LEAST_POINTS:
        return (
            f'This map has {len(energies)} compounds with a calculated energy; it takes {LEAST_POINTS} or more at '
            'different codes to tell dense places from sparse ones.'
        )
    upper = bundle.layers['high'].values if 'high' in bundle.layers else heatmap.values
    above = len(energies) - np.searchsorted(energies, upper, side='right')
    dense = np.sort(density.at_points)
    denser = len(dense) - np.searchsorted(dense, density.values, side='right')
    return _Plane(
        heatmap,
        promise=np.where(np.isfinite(upper), above / len(energies), 0.0),
        sparsity=denser / len(dense),
        support=np.ones_like(heatmap.values) if heatmap.support is None else heatmap.support,
        points=points,
    )


def _components(score: Floats, most: int) -> list[tuple[tuple[int, int], Mask]]:
    """Return the best place and the places of each region, the best region first."""
    from scipy.ndimage import label, maximum_filter

    peaks = np.argwhere((score == maximum_filter(score, size=3)) & (score > _FAINT * score.max()))
    order = np.argsort(-score[tuple(peaks.T)], kind='stable')
    taken = np.zeros(score.shape, dtype=np.bool_)
    found: list[tuple[tuple[int, int], Mask]] = []
    for row, column in peaks[order].tolist():
        if len(found) == most:
            break
        if taken[row, column]:
            continue
        parts, _count = label(score >= SHARE_OF_PEAK * score[row, column], structure=np.ones((3, 3)))
        mask = parts == parts[row, column]
        if not (mask & taken).any():
            found.append(((row, column), mask))
        taken |= mask
    return found


def _region(bundle: MapBundle, plane: _Plane, place: tuple[int, int], mask: Mask) -> Region:
    heatmap = plane.heatmap
    x, y = float(heatmap.x_comp[place[1]]), float(heatmap.x_struc[place[0]])
    rows, columns = np.nonzero(mask)
    ends = [float(bundle.layers[name].values[place]) for name in ('low', 'high') if name in bundle.layers]
    inside = heatmap.values[mask]
    return Region(
        x_comp=x,
        x_struc=y,
        x_comp_range=(float(heatmap.x_comp[columns.min()]), float(heatmap.x_comp[columns.max()])),
        x_struc_range=(float(heatmap.x_struc[rows.min()]), float(heatmap.x_struc[rows.max()])),
        score=float(plane.score[place]),
        promise=float(plane.promise[place]),
        sparsity=float(plane.sparsity[place]),
        support=float(plane.support[place]),
        energy=float(heatmap.values[place]),
        interval=(ends[0], ends[1]) if len(ends) == 2 else None,
        energy_range=(float(inside.min()), float(inside.max())),
        n_known=_count_in(plane, mask),
        elements=_elements_at(bundle, x),
        nearest=_nearest(plane.points, x, y),
    )


def _count_in(plane: _Plane, mask: Mask) -> int:
    """Return how many points have their nearest place in a region."""
    known = plane.points[np.isfinite(plane.points).all(axis=1)]
    places = []
    for axis, codes in ((plane.heatmap.x_comp, known[:, 0]), (plane.heatmap.x_struc, known[:, 1])):
        number = np.rint((codes - axis[0]) / (axis[1] - axis[0])).astype(int)
        places.append(np.where((number >= 0) & (number < len(axis)), number, -1))
    within = (places[0] >= 0) & (places[1] >= 0)
    return int(mask[places[1][within], places[0][within]].sum())


def _elements_at(bundle: MapBundle, code: float) -> tuple[tuple[str, float], ...]:
    found = element_fractions(bundle)
    axis = bundle.descriptors['composition'].codes if found is not None else None
    if found is None or axis is None:
        return ()
    symbols, fractions = found
    amounts = [(symbol, float(np.interp(code, axis, row))) for symbol, row in zip(symbols, fractions.T, strict=True)]
    return tuple(sorted((entry for entry in amounts if entry[1] >= _TRACE), key=lambda entry: -entry[1]))


def _nearest(points: Floats, x: float, y: float) -> tuple[tuple[int, float], ...]:
    """Return the nearest points by the distance of the codes, as the page of a map does."""
    distance = np.hypot(points[:, 0] - x, points[:, 1] - y)
    order = [row for row in np.argsort(distance, kind='stable').tolist() if np.isfinite(distance[row])]
    return tuple((row, float(distance[row])) for row in order[:_MOST_NEAREST])
