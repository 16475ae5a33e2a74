"""Whether compositions are within the range of a model, compiled: near enough to the rows that it learnt from.

The verdict is that of :class:`~aiida_limap.engines.screening.applicability.Applicability`, not an estimate of it.
Minima, maxima and ranges are the same for all compositions of a chemical system: what they add to the distances is
computed once for each system, and only training rows that can still be among the nearest are looked at again for a
composition.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.compiled import compiled

__all__ = ['MEAN', 'STD', 'Domain', 'Nearby', 'is_inside', 'make_nearby', 'no_domain']

#: Reductions by number, as in ``ALL_REDUCTIONS``: from MIN on they are the same in a whole chemical system.
MEAN, STD, _MIN, _MAX = 0, 1, 2, 3


class Domain(NamedTuple):
    """The range of a model; the features of a whole system stand first.

    :param reductions: (k,) reduction of each feature, a place in ``ALL_REDUCTIONS``.
    :param places: (k,) its property, a column of the properties of the elements.
    :param n_fixed: number of features that are the same in a whole system.
    :param centre: (k,) means of the training.
    :param scale: (k,) standard deviations of the training.
    :param low: (k,) least values that are allowed, unscaled.
    :param high: (k,) greatest ones.
    :param points: (m, k) training rows, scaled.
    :param neighbours: number of nearest training rows whose mean distance counts.
    :param limit: the greatest mean distance; zero where nothing is asked about the range.
    """

    reductions: NDArray[np.int64]
    places: NDArray[np.int64]
    n_fixed: int
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    points: NDArray[np.float64]
    neighbours: int
    limit: float


class Nearby(NamedTuple):
    """Training rows that the compositions of one chemical system can be near to; work space of one thread.

    :param state: (2,) the system that this is for, and the number of rows; none where nothing of it can be inside.
    :param start: (m,) squared distances by the features of the system, ascending.
    :param points: (m, k) the other features of the rows.
    :param reach: (1,) squared distance beyond which no row can be among the nearest of a composition that is inside.
    :param features: (k,) scaled features.
    :param best: (neighbours,) least squared distances.
    """

    state: NDArray[np.int64]
    start: NDArray[np.float64]
    points: NDArray[np.float64]
    reach: NDArray[np.float64]
    features: NDArray[np.float64]
    best: NDArray[np.float64]


def no_domain() -> Domain:
    """Return a range that is not asked about."""
    numbers, places = np.zeros(0), np.zeros(0, np.int64)
    return Domain(places, places, 0, numbers, numbers, numbers, numbers, np.zeros((0, 0)), 0, 0.0)


def make_nearby(domain: Domain) -> Nearby:
    """Return work space for one thread.

    :param domain: the range.
    """
    rows, width = domain.points.shape
    return Nearby(
        state=np.array([-1, 0], np.int64),
        start=np.zeros(rows),
        points=np.zeros((rows, width - domain.n_fixed)),
        reach=np.zeros(1),
        features=np.zeros(width),
        best=np.zeros(domain.neighbours),
    )


@compiled()
def _value(reduction: int, values: NDArray, system: NDArray, parts: NDArray) -> float:
    """Return a feature of a composition; fractions do not matter for minima, maxima and ranges."""
    if reduction == MEAN:
        total = 0.0
        for slot in range(4):
            if system[slot] >= 0:
                total += parts[slot] * values[system[slot]]
        return total
    if reduction == STD:
        square = 0.0
        for one in range(3):
            for two in range(one + 1, 4):
                if system[one] >= 0:
                    square += parts[one] * parts[two] * (values[system[one]] - values[system[two]]) ** 2
        return np.sqrt(square)
    low, high = np.inf, -np.inf
    for slot in range(4):
        if system[slot] >= 0:
            low, high = min(low, values[system[slot]]), max(high, values[system[slot]])
    if reduction == _MIN:
        return low
    return high if reduction == _MAX else high - low


@compiled()
def _within(first: int, last: int, known: tuple[NDArray, NDArray, NDArray], domain: Domain, nearby: Nearby) -> bool:
    """Compute some features of a composition; return whether none is out of the range of the training."""
    properties, system, parts = known
    for place in range(first, last):
        value = _value(domain.reductions[place], properties[:, domain.places[place]], system, parts)
        if value < domain.low[place] or value > domain.high[place]:
            return False
        nearby.features[place] = (value - domain.centre[place]) / domain.scale[place]
    return True


@compiled()
def _look_around(known: tuple[NDArray, NDArray, NDArray], domain: Domain, nearby: Nearby) -> int:
    """Find the training rows that compositions of a system can be near to; return their number."""
    fixed, neighbours, reach = domain.n_fixed, domain.neighbours, domain.neighbours * domain.limit
    if not _within(0, fixed, known, domain, nearby):
        return 0
    number = domain.points.shape[0]
    squares = np.empty(number)
    rows = np.empty(number, np.int64)
    found = 0
    for row in range(number):
        square = 0.0
        for place in range(fixed):
            square += (domain.points[row, place] - nearby.features[place]) ** 2
            if square > reach * reach:
                break
        if square <= reach * reach:
            squares[found], rows[found] = square, row
            found += 1
    if found < neighbours:
        return 0
    order = np.argsort(squares[:found])
    # The other neighbours are at least as far as the nearest rows are by these features.
    for place in range(neighbours - 1):
        reach -= np.sqrt(squares[order[place]])
    nearby.reach[0] = max(reach, 0.0) ** 2
    kept = 0
    for place in order:
        if reach < 0.0 or squares[place] > nearby.reach[0]:
            break
        nearby.start[kept] = squares[place]
        nearby.points[kept] = domain.points[rows[place], fixed:]
        kept += 1
    return kept if kept >= neighbours else 0


@compiled(fast_sums=True)
def _is_near(domain: Domain, nearby: Nearby) -> bool:
    """Return whether the mean distance to the nearest training rows is at most the limit."""
    neighbours, best, limit = domain.neighbours, nearby.best, domain.neighbours * domain.limit
    here = nearby.features[domain.n_fixed :]
    bound = nearby.reach[0]
    best[:] = np.inf
    for row in range(nearby.state[1]):
        if nearby.start[row] > bound:
            break
        square = nearby.start[row]
        for place in range(here.size):
            square += (nearby.points[row, place] - here[place]) ** 2
        if square > bound or square >= best[neighbours - 1]:
            continue
        spot = neighbours - 1
        while spot > 0 and square < best[spot - 1]:
            best[spot] = best[spot - 1]
            spot -= 1
        best[spot] = square
        bound = min(bound, best[neighbours - 1])
        # The mean can only become less with further rows.
        if best[neighbours - 1] < np.inf and np.sqrt(best).sum() <= limit:
            return True
    return False


@compiled()
def is_inside(row: int, known: tuple[NDArray, NDArray, NDArray], domain: Domain, nearby: Nearby) -> bool:
    """Return whether a composition is within the range of the model.

    :param row: number of its system, other than those of other systems that ``nearby`` is used for.
    :param known: (n, p) properties of the elements, (4,) elements of the system, -1 in front of a ternary one, and (4,)
        fractions.
    :param domain: the range.
    :param nearby: work space of this thread.
    """
    if nearby.state[0] != row:
        nearby.state[0] = row
        nearby.state[1] = _look_around(known, domain, nearby)
    if nearby.state[1] == 0 or not _within(domain.n_fixed, domain.centre.size, known, domain, nearby):
        return False
    return _is_near(domain, nearby)
