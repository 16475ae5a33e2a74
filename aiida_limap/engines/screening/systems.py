"""Chemical systems by number: a base element with two or three others, and how many compositions they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError

__all__ = ['SLOTS', 'ChemicalSystems', 'known_symbols', 'parts_of', 'percent_compositions']

#: Places for elements in a row of :meth:`ChemicalSystems.table`; a ternary system leaves the first one empty (-1).
SLOTS = 4
SIZES = (3, 4)


def known_symbols(symbols: Sequence[str], what: str = 'elements') -> tuple[str, ...]:
    """Return chemical symbols as they are, without repeats.

    :param symbols: symbols such as ``Li``.
    :param what: what they are, for the sentence of the error.
    :raises InputError: if one is unknown or none is given.
    """
    from pymatgen.core import Element

    unknown = sorted({str(symbol) for symbol in symbols if not Element.is_valid_symbol(str(symbol))})
    if unknown:
        raise InputError(f'{what} hold {", ".join(unknown)}, which no chemical element is called')
    if not len(symbols):
        raise InputError(f'{what} are empty: name at least three chemical elements, such as Li, P and O')
    return tuple(dict.fromkeys(str(symbol) for symbol in symbols))


def parts_of(step_percent: int) -> int:
    """Return into how many equal parts a step divides the whole.

    :param step_percent: a divisor of 100 up to 25.
    :raises InputError: if it is none.
    """
    if not isinstance(step_percent, int | np.integer) or isinstance(step_percent, bool):
        raise InputError(f'step_percent is a whole number of per cent, not {step_percent!r}')
    if not 1 <= step_percent <= 100 // SLOTS or 100 % step_percent:
        raise InputError(
            f'step_percent must divide 100 and be at most 25 (1, 2, 4, 5, 10, 20 or 25), not {step_percent}'
        )
    return 100 // int(step_percent)


def percent_compositions(size: int, step_percent: int = 1) -> int:
    """Return how many compositions one system has if every element takes at least one step: C(parts - 1, size - 1).

    :param size: number of elements.
    :param step_percent: the step.
    """
    return comb(parts_of(step_percent) - 1, size - 1)


class ChemicalSystems:
    """All systems of given sizes over a set of elements, by number, those of the smaller size first.

    Numbers follow the combinatorial number system: system ``{c1 < c2 < ...}`` of the others has the number
    C(c1, 1) + C(c2, 2) + ... within its size, so that a range of numbers can be listed without the ones before it.

    :param elements: chemical symbols; the order is kept, the base moves to the front (it is added if absent).
    :param sizes: numbers of elements, of 3 and 4.
    :param base: the element in every system; None if none is.
    :raises InputError: if a symbol is unknown, a size is another one, or there are too few elements.
    """

    def __init__(self, elements: Sequence[str], sizes: Sequence[int] = (3, 4), base: str | None = 'Li') -> None:
        symbols = known_symbols(elements)
        self.base = None if base is None else known_symbols([base], 'the base element')[0]
        if not sizes or any(size not in SIZES for size in sizes):
            raise InputError(f'sizes are numbers of elements, 3 or 4 or both, not {list(sizes)}')
        self.sizes = tuple(sorted({int(size) for size in sizes}))
        others = tuple(symbol for symbol in symbols if symbol != self.base)
        self.elements = others if self.base is None else (self.base, *others)
        self._fixed = 0 if self.base is None else 1
        self._others = len(others)
        self._counts = tuple(comb(self._others, size - self._fixed) for size in self.sizes)
        if not sum(self._counts):
            raise InputError(
                f'{len(self.elements)} elements ({", ".join(self.elements)}) are too few for systems of '
                f'{" or ".join(map(str, self.sizes))} elements'
            )

    def __len__(self) -> int:
        """Return the number of systems."""
        return sum(self._counts)

    def __getitem__(self, number: int) -> tuple[str, ...]:
        """Return the elements of a system, the base first.

        :param number: from 0 to ``len(self) - 1``.
        :raises IndexError: if there is no such system.
        """
        row = self.table(number, number + 1)[0] if 0 <= number < len(self) else None
        if row is None:
            raise IndexError(f'there is no system {number}: numbers go from 0 to {len(self) - 1}')
        return tuple(self.elements[place] for place in row if place >= 0)

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Go over all systems in the order of their numbers."""
        return (self[number] for number in range(len(self)))

    def index(self, system: Sequence[str]) -> int:
        """Return the number of a system.

        :param system: its elements, in any order.
        :raises InputError: if it is none of these systems.
        """
        symbols = set(system)
        size = len(symbols)
        if size not in self.sizes or not symbols <= set(self.elements) or (self.base and self.base not in symbols):
            raise InputError(f'{"-".join(system)} is none of the {len(self)} chemical systems')
        places = sorted(self.elements.index(symbol) - self._fixed for symbol in symbols if symbol != self.base)
        before = sum(self._counts[: self.sizes.index(size)])
        return before + sum(comb(place, order) for order, place in enumerate(places, start=1))

    def table(self, first: int, last: int) -> NDArray[np.int64]:
        """Return a range of systems as places in ``elements``.

        :param first: number of the first system.
        :param last: number behind the last one.
        :returns: (last - first, 4) places, the base first; ternary systems have -1 in the first column.
        :raises InputError: if the range leaves the systems.
        """
        if not 0 <= first <= last <= len(self):
            raise InputError(f'systems {first} to {last} were asked for; there are {len(self)}, numbered from 0')
        numbers = np.arange(first, last)
        rows = np.full((last - first, SLOTS), -1, dtype=np.int64)
        before = 0
        for size, count in zip(self.sizes, self._counts, strict=True):
            inside = (numbers >= before) & (numbers < before + count)
            places = _combinations(numbers[inside] - before, size - self._fixed, self._others) + self._fixed
            rows[inside, SLOTS - size : SLOTS - size + self._fixed] = 0
            rows[np.flatnonzero(inside)[:, None], np.arange(SLOTS - size + self._fixed, SLOTS)] = places
            before += count
        return rows

    def n_compositions(self, step_percent: int = 1) -> int:
        """Return the number of compositions of all systems on the grid of a step.

        :param step_percent: the step; every element takes at least one.
        """
        return self.compositions_of(0, len(self), step_percent)

    def compositions_of(self, first: int, last: int, step_percent: int = 1) -> int:
        """Return the number of compositions of a range of systems, by arithmetic.

        :param first: number of the first system.
        :param last: number behind the last one.
        :param step_percent: the step.
        """
        total, before = 0, 0
        for size, count in zip(self.sizes, self._counts, strict=True):
            inside = max(0, min(last, before + count) - max(first, before))
            total += inside * percent_compositions(size, step_percent)
            before += count
        return total


def _combinations(numbers: NDArray[np.int64], size: int, among: int) -> NDArray[np.int64]:
    """Return combinations by number, (n, size), ascending: each place is the largest c with C(c, k) <= rest."""
    rest = numbers.copy()
    found = np.empty((len(numbers), size), dtype=np.int64)
    for order in range(size, 0, -1):
        table = np.array([comb(place, order) for place in range(among + 1)])
        found[:, order - 1] = np.searchsorted(table, rest, side='right') - 1
        rest -= table[found[:, order - 1]]
    return found
