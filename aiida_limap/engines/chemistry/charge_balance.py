"""Charge balance: the cheapest charge-neutral choice of states for classes of equal ions."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ['IonClass', 'lower_hull', 'neutral_means']

#: Cost of a site whose class is spread evenly over two neighbouring states, growing with the square of their distance.
#: Whole states are preferred where the bonds allow them, and Sb4+ is less likely than Fe2.5+.
_MIXING_COST = 1.0
#: Bound on the additions of the search; reaching it takes less than a second.
_MAX_WORK = 100_000_000
_ROUNDING = 1e-9


@dataclass(frozen=True)
class IonClass:
    """Ions that cannot be told apart, or groups of atoms that share a charge.

    :param members: for each ion its site; for each group the sites of its atoms.
    :param states: charges in units of e that one ion or group may have, ascending.
    :param costs: cost of each state; differences count.
    """

    members: tuple[tuple[int, ...], ...]
    states: tuple[int, ...]
    costs: tuple[float, ...]

    @property
    def count(self) -> int:
        """Number of ions or groups."""
        return len(self.members)


def neutral_means(classes: Sequence[IonClass]) -> list[float] | None:
    """Find the mean charge of each class that makes the cell neutral at the lowest cost.

    A class may be spread over two of its states; its ions then all get the mean, as nothing tells them apart. Dynamic
    programming over the sum of charges, per formula unit of classes, so that supercells give the same answer.

    :param classes: all ions of the cell.
    :returns: mean charge of an ion or group of each class; None if no choice is neutral or the search would be too
        long.
    """
    if not classes:
        return None
    divisor = functools.reduce(math.gcd, (item.count for item in classes))
    counts = [item.count // divisor for item in classes]
    lowest = [count * item.states[0] for count, item in zip(counts, classes, strict=True)]
    highest = [count * item.states[-1] for count, item in zip(counts, classes, strict=True)]
    if sum(lowest) > 0 or sum(highest) < 0:
        return None
    spans = [high - low for low, high in zip(lowest, highest, strict=True)]
    # Sums are counted from the lowest possible one, so that they are indices; neutral is -sum(lowest).
    target = -sum(lowest)
    if sum(span + 1 for span in spans) * (target + 1) > _MAX_WORK:
        return None
    best = np.full(target + 1, np.inf)
    best[0] = 0.0
    choices: list[NDArray[np.int32]] = []
    for count, item in zip(counts, classes, strict=True):
        best, choice = _add(best, _level_costs(item, count))
        choices.append(choice)
    if not np.isfinite(best[target]):
        return None
    means = [0.0] * len(classes)
    for index in range(len(classes) - 1, -1, -1):
        raised = int(choices[index][target])
        means[index] = (lowest[index] + raised) / counts[index]
        target -= raised
    return means


def _add(best: NDArray[np.float64], levels: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Add one class: the lowest cost of each sum, and how far the class is raised to reach it."""
    total = best + levels[0]
    choice = np.zeros(len(best), dtype=np.int32)
    for raised in range(1, min(len(levels), len(best))):
        trial = best[:-raised] + levels[raised]
        # The margin keeps the outcome from rounding: of equal costs the lower charge stays.
        better = trial < total[raised:] - _ROUNDING
        total[raised:][better] = trial[better]
        choice[raised:][better] = raised
    return total, choice


def _level_costs(item: IonClass, count: int) -> NDArray[np.float64]:
    """Return the cost of each whole sum of charges of a class, counted from its lowest."""
    states, costs = lower_hull(item.states, item.costs)
    means = np.arange(count * item.states[0], count * item.states[-1] + 1) / count
    upper = np.clip(np.searchsorted(states, means - _ROUNDING), 1, max(len(states) - 1, 1))
    if len(states) == 1:
        return np.full(len(means), count * costs[0])
    gap = states[upper] - states[upper - 1]
    part = (means - states[upper - 1]) / gap
    levels = (1 - part) * costs[upper - 1] + part * costs[upper] + _MIXING_COST * gap**2 * 4 * part * (1 - part)
    # States above the hull are still states, if the sum is that of all ions in one of them.
    for state, cost in zip(item.states, item.costs, strict=True):
        index = count * (state - item.states[0])
        levels[index] = min(levels[index], cost)
    return count * levels


def lower_hull(states: Sequence[int], costs: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower convex hull of costs over states.

    :param states: charges, ascending.
    :param costs: cost of each.
    :returns: charges and costs of the corners of the hull.
    """
    points: list[tuple[float, float]] = []
    for x, y in zip(states, costs, strict=True):
        while len(points) > 1:
            (x1, y1), (x2, y2) = points[-2:]
            if (y2 - y1) * (x - x1) < (y - y1) * (x2 - x1):
                break
            points.pop()
        points.append((float(x), float(y)))
    hull = np.array(points)
    return hull[:, 0], hull[:, 1]
