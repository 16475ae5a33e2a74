"""What the histograms of a descriptor row are, read from the names, units and meanings of its columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

import numpy as np
from numpy.typing import NDArray

__all__ = ['ColumnInfo', 'Panel', 'panel_ranges', 'part_ranges', 'split_panels']

#: The number at the end of the name of a histogram column is the centre of its bin.
_BIN = re.compile(r'(?P<series>.+)_(?P<centre>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)')
_LEAST_BINS = 3
#: What an axis is called that has no other name than its unit.
_QUANTITIES = {'Å': 'distance', 'degree': 'angle', 'eV': 'energy', 'Å2': 'area', 'Å3': 'volume', 'steradian': 'angle'}
_QUANTITIES |= {'THz': 'frequency', 'K': 'temperature'}
_DANGLING = (
    'a',
    'about',
    'above',
    'at',
    'below',
    'between',
    'near',
    'of',
    'per',
    'than',
    'the',
    'to',
    'with',
    'within',
)
#: More names than these are illegible; then those of zeros are left out.
_MOST_NAMES = 24


@dataclass(frozen=True)
class ColumnInfo:
    """What one number of a descriptor row is.

    :param name: unique name; in histograms it ends with the centre of the bin, as ``rdf_Li-O_1.95``.
    :param unit: unit of the number, or of the axis of the histogram that it belongs to.
    :param meaning: one clause.
    :param part: part of the row, e.g. ``structure``.
    :param block: neighbouring columns that are computed together.
    :param scale: columns with the same word are scaled by one number; empty for those of the block.
    """

    name: str
    unit: str = ''
    meaning: str = ''
    part: str = ''
    block: str = ''
    scale: str = ''


@dataclass(frozen=True, eq=False)
class Panel:
    """One histogram, or a list of named numbers.

    :param title: what it shows.
    :param values: (n,) numbers.
    :param positions: (n,) centres of the bins; empty for named numbers.
    :param names: (n,) names; empty for a histogram.
    :param x_label: name and unit of the horizontal axis.
    :param meaning: of the numbers.
    """

    title: str
    values: NDArray[np.float64]
    positions: NDArray[np.float64]
    names: tuple[str, ...]
    x_label: str
    meaning: str

    @property
    def spacing(self) -> str:
        """How the bins follow each other: ``even``, ``geometric`` or ``uneven``."""
        steps = np.diff(self.positions)
        # Names hold five digits.
        if np.ptp(steps) < 1e-2 * steps.max():
            return 'even'
        if self.positions[0] > 0 and np.ptp(ratios := self.positions[1:] / self.positions[:-1]) < 1e-2 * ratios.max():
            return 'geometric'
        return 'uneven'

    @property
    def is_histogram(self) -> bool:
        """Whether the numbers stand over bins."""
        return not self.names


def part_ranges(columns: Sequence[ColumnInfo]) -> dict[str, tuple[int, int]]:
    """Return the first column of each part and the one after the last.

    :param columns: of one row; the columns of a part stand side by side.
    """
    ranges, first = {}, 0
    for part, members in groupby(columns, key=lambda column: column.part):
        count = len(list(members))
        ranges[part] = (first, first + count)
        first += count
    return ranges


def split_panels(columns: Sequence[ColumnInfo], values: NDArray[np.float64]) -> list[Panel]:
    """Split the columns of one part into histograms and lists of named numbers of one unit.

    :param columns: of one part.
    :param values: (n_columns,) their numbers.
    """
    panels = []
    first = 0
    for block, members in groupby(columns, key=lambda column: column.block):
        count = len(list(members))
        panels += list(_block_panels(block, columns[first : first + count], values[first : first + count]))
        first += count
    return panels


def _block_panels(block: str, columns: Sequence[ColumnInfo], values: NDArray[np.float64]) -> Iterator[Panel]:
    named: list[int] = []
    first = 0
    for series, members in groupby(columns, key=_series):
        count = len(list(members))
        centres = [_centre(column) for column in columns[first : first + count]]
        if series and count >= _LEAST_BINS and (np.diff(centres) > 0).all():
            chosen = slice(first, first + count)
            yield _histogram(block, series, columns[chosen], values[chosen])
        else:
            named += range(first, first + count)
        first += count
    for unit in dict.fromkeys(columns[place].unit for place in named):
        yield from _lists(block, unit, [(columns[place], values[place]) for place in named])


def panel_ranges(columns: Sequence[ColumnInfo]) -> list[tuple[Panel, int, int]]:
    """Return histograms and lists of all named numbers, each of neighbouring columns, without values.

    :param columns: of one part.
    :returns: panels whose values are zero, each with its first column and the one after its last.
    """
    found: list[tuple[Panel, int, int]] = []
    first = 0
    for (block, series, unit), members in groupby(columns, key=_neighbours):
        count = len(list(members))
        chosen = columns[first : first + count]
        zeros = np.zeros(count)
        centres = [_centre(column) for column in chosen]
        if series and count >= _LEAST_BINS and (np.diff(centres) > 0).all():
            panel = _histogram(block, series, chosen, zeros)
        else:
            meaning = _common_meaning([column.meaning for column in chosen], cut=True)[0]
            names = tuple(_short_name(block, column.name) for column in chosen)
            label = f'value ({unit})' if unit else 'value'
            panel = Panel(_words_of(block), zeros, np.zeros(0), names, label, meaning)
        found.append((panel, first, first + count))
        first += count
    return found


def _neighbours(column: ColumnInfo) -> tuple[str, str, str]:
    return column.block, _series(column), column.unit


def _series(column: ColumnInfo) -> str:
    found = _BIN.fullmatch(column.name)
    return found['series'] if found else ''


def _centre(column: ColumnInfo) -> float:
    found = _BIN.fullmatch(column.name)
    return float(found['centre']) if found else 0.0


def _histogram(block: str, series: str, columns: Sequence[ColumnInfo], values: NDArray[np.float64]) -> Panel:
    meaning, after = _common_meaning([column.meaning for column in columns], cut=bool(columns[0].unit))
    words = _words_of(block)
    rest = series.removeprefix(_own_name(block)).strip('_').replace('_', ' ')
    unit = columns[0].unit
    quantity = words
    if columns[0].part != 'composition':
        quantity = _QUANTITIES.get(unit, words) if unit else (after or words)
    return Panel(
        title=f'{words}: {rest}' if rest else words,
        values=values,
        positions=np.array([_centre(column) for column in columns]),
        names=(),
        x_label=f'{quantity} ({unit})' if unit else quantity,
        meaning=meaning,
    )


def _common_meaning(meanings: Sequence[str], *, cut: bool) -> tuple[str, str]:
    """Return what all columns mean, and the words behind what differs.

    :param meanings: of the columns.
    :param cut: whether what differs is left out with all that follows, since an axis tells it; else an ellipsis stands
        for it.
    """
    before = _common_start(meanings)
    after = _common_start([meaning[len(before) :][::-1] for meaning in meanings])[::-1]
    # Centres like 1.25 and 1.75 begin and end alike.
    before, after = before.rstrip('0123456789.-'), after.lstrip('0123456789.').strip()
    if cut or not after:
        # The first letter that two element symbols share is no word.
        words = before[: before.rfind(' ') + 1].split() if len(set(meanings)) > 1 else before.split()
        while words and words[-1] in _DANGLING:
            words.pop()
        return ' '.join(words), after
    return f'{before}… {after}', after


def _common_start(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return ''.join(letter for letter, _ in same)


def _lists(block: str, unit: str, found: list[tuple[ColumnInfo, float]]) -> Iterator[Panel]:
    """Return the named numbers of one unit, a readable number at a time."""
    words = _words_of(block)
    chosen = [(column, value) for column, value in found if column.unit == unit]
    title = words
    meaning = _common_meaning([column.meaning for column, _ in chosen], cut=True)[0] if len(chosen) > 1 else ''
    # One word alone says too little.
    quantity = meaning if ' ' in meaning else 'value'
    nonzero = [entry for entry in chosen if entry[1] != 0]
    if len(chosen) > _MOST_NAMES and len(nonzero) < len(chosen) / 2:
        title = f'{words}: those of {len(chosen)} that are not zero'
        chosen = nonzero
    # Lists of about equal length.
    several = -(-len(chosen) // _MOST_NAMES)
    for number in range(several):
        some = chosen[number * len(chosen) // several : (number + 1) * len(chosen) // several]
        yield Panel(
            title=title,
            values=np.array([value for _, value in some]),
            positions=np.zeros(0),
            names=tuple(_short_name(block, column.name) for column, _ in some),
            x_label=f'{quantity} ({unit})' if unit else quantity,
            meaning=meaning,
        )


def _short_name(block: str, name: str) -> str:
    own = _own_name(block)
    return (name.removeprefix(f'{own}_') if name != own else name).replace('_', ' ')


def _own_name(block: str) -> str:
    """Return the name of a block without the part that stands before it, as in ``phonons.mobile_dos``."""
    return block.rpartition('.')[2]


def _words_of(block: str) -> str:
    return block.replace('_', ' ').replace('.', ': ')
